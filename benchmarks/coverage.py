"""Whether 95 % intervals of fractions hold the truth, and what is refused, on simulated studies.

    python benchmarks/coverage.py FOLDER [--patients 40] [--jobs 2]

Simulates a study for each line of ``STUDIES`` in FOLDER, unless it is there, runs it, and prints coverage by study and
subset, error and coverage by true CAR+ events, and every refusal by its flags. Files with a defect count among
refusals alone: no interval can hold what a defect does. Two truths: ``product`` is the composition the cells were drawn
from, which an interval that counts is about; ``file`` is what the cells in the file are, which takes gates alone.
Ends with an error if a fraction without a number has no flag, or its sample no finding.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.pipeline import run_study
from phenotype.simulate import HARDER, SimulationSettings, simulate_study
from phenotype.simulate.composition import drawn_composition, labelled_composition
from phenotype.simulate.settings import DEFAULTS
from phenotype.subsets import SUBSETS

BINS = (0, 71, 141, 316, 707, 2236, 15811, np.inf)
"""Between the sizes that are named: geometric means of neighbours."""
SIZES = ("50", "100", "200", "500", "1,000", "5,000", "50,000")


@dataclass(frozen=True, slots=True)
class Setting:
    """One simulated study."""

    events: int
    seed: int
    settings: SimulationSettings = DEFAULTS
    patients: int = 0
    """Instead of those of the command, if not 0."""
    defects: bool = False


def _transduced(share: float) -> SimulationSettings:
    """Return settings in which about this share of T cells is CAR+."""
    return replace(DEFAULTS, car=(40 * share, 40 * (1 - share)))


STUDIES: Mapping[str, Setting] = {
    "default, 20,000 events, defects": Setting(20_000, 101, defects=True),
    "default, 20,000 events": Setting(20_000, 100),
    "default, other seed": Setting(20_000, 102),
    "harder, 20,000 events": Setting(20_000, 103, HARDER),
    "harder, other seed": Setting(20_000, 104, HARDER),
    "default, 6,000 events": Setting(6_000, 105),
    "harder, 6,000 events": Setting(6_000, 106, HARDER),
    "default, 2,000 events": Setting(2_000, 107),
    "default, 600 events": Setting(600, 108),
    "6 % transduced, 6,000 events": Setting(6_000, 109, _transduced(0.06)),
    "2 % transduced, 6,000 events": Setting(6_000, 110, _transduced(0.02)),
    "default, 150,000 events": Setting(150_000, 111, patients=10),
}


def make(folder: Path, setting: Setting, patients: int, jobs: int) -> None:
    """Simulate and run a study, unless both were done."""
    if not (folder / "study.toml").is_file():
        simulate_study(
            folder,
            patients=setting.patients or patients,
            events=setting.events,
            seed=setting.seed,
            settings=setting.settings,
            defects=setting.defects,
        )
    if not (folder / "results" / "run.json").is_file():
        run_study(folder / "study.toml", jobs=jobs)


def fractions(folder: Path, settings: SimulationSettings) -> pd.DataFrame:
    """Return a row per product and subset: what was found, what was expected of the file, and both truths."""
    truth = pd.read_csv(folder / "truth" / "truth_fractions.csv").query("population == 'CAR+'")
    truth = truth[["file", "subset", "composition", "fraction", "n_car"]].rename(columns={"fraction": "in_file"})
    wanted = truth.pivot_table(index="file", columns="subset", values="composition")[list(SUBSETS)]
    reached = {file: _reached(row, settings) for file, row in zip(wanted.index, wanted.to_numpy(), strict=True)}
    places = [(file, SUBSETS.index(subset)) for file, subset in zip(truth["file"], truth["subset"], strict=True)]
    truth["product"] = [reached[file][place] for file, place in places]
    expected = pd.read_csv(folder / "truth" / "truth_samples.csv")[["file", "expected"]]
    found = pd.read_csv(folder / "results" / "subsets.csv", keep_default_na=True).fillna({"flags": ""})
    return found.merge(truth, on=["file", "subset"]).merge(expected, on="file")


def _reached(wanted: NDArray[np.float64], settings: SimulationSettings) -> NDArray[np.float64]:
    """Return what labels are drawn from: a subset cannot be rarer than intermediate cells alone make it."""
    markers = settings.cd62l, settings.cd45ra, settings.intermediate
    return labelled_composition(drawn_composition(wanted, *markers), *markers)


def assert_refusals_are_seen(folder: Path, table: pd.DataFrame) -> None:
    """Each fraction without a number has no interval and a flag, and its sample a finding.

    Raises
    ------
    AssertionError
        If one of them has not.
    """
    quality = pd.read_csv(folder / "results" / "quality.csv").query("severity != 'info'")
    absent = table[table["fraction"].isna()]
    silent = absent[
        (absent["flags"] == "") | ~absent["sample_id"].isin(quality["sample_id"]) | absent["ci_low"].notna()
    ]
    if len(silent):
        raise AssertionError(f"{folder}: refused in silence:\n{silent[['sample_id', 'subset', 'flags']].to_string()}")


def summary(rows: pd.DataFrame) -> pd.Series:
    """Return shares in percent and errors in percentage points."""
    known = rows[rows["fraction"].notna()]
    weak = known["flags"].str.contains("weak_gate|lineage_refused")
    error = 100 * (known["fraction"] - known["in_file"])
    both, counting = ("ci_low", "ci_high"), ("count_ci_low", "count_ci_high")
    return pd.Series(
        {
            "fractions": len(rows),
            "refused %": 100 * rows["fraction"].isna().mean(),
            "weak %": 100 * weak.mean() if len(known) else np.nan,
            "mean abs error": error.abs().mean(),
            "median error": error.median(),
            "worst": error.abs().max(),
            "product: both": _covered(known, "product", both),
            "product: counting": _covered(known, "product", counting),
            "file: both": _covered(known, "in_file", both),
            "file: counting": _covered(known, "in_file", counting),
            "sure only: both": _covered(known[~weak], "product", both),
            "half width": 50 * (known["ci_high"] - known["ci_low"]).median(),
        }
    )


def _covered(rows: pd.DataFrame, truth: str, ends: tuple[str, str]) -> float:
    """Return the share of intervals that hold the truth, percent."""
    low, high = (rows[end] for end in ends)
    return float(100 * ((low <= rows[truth]) & (rows[truth] <= high)).mean()) if len(rows) else float("nan")


def show(title: str, rows: pd.DataFrame, by: list[str]) -> None:
    """Print one table."""
    table = rows.groupby(by, sort=False, observed=True)[rows.columns.tolist()].apply(summary)
    counted = table.astype({"fractions": int})
    print(f"\n{title}\n{counted.round(dict.fromkeys(table, 1) | {'mean abs error': 2, 'median error': 2}).to_string()}")


def main() -> None:
    """Make every study and print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    parts = []
    for i, (name, setting) in enumerate(STUDIES.items()):
        folder = asked.folder / f"study_{i + 1}"
        make(folder, setting, asked.patients, asked.jobs)
        table = fractions(folder, setting.settings)
        assert_refusals_are_seen(folder, table)
        parts.append(table.assign(study=name))
    rows = pd.concat(parts, ignore_index=True)
    rows["CAR+ events"] = pd.cut(rows["n_car"], BINS, labels=list(SIZES))
    normal = rows[rows["expected"] == "normal"]
    show("By study", normal, ["study"])
    show("By study and subset", normal, ["study", "subset"])
    show("By true CAR+ events", normal.sort_values("n_car", kind="stable"), ["CAR+ events"])
    absent = rows[rows["fraction"].isna()]
    print("\nFractions without a number, files with a defect too; each has a flag and its sample a finding")
    print(absent.groupby(["study", "flags"], sort=False).size().to_string() if len(absent) else "none")


if __name__ == "__main__":
    main()
