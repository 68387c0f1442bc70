"""Whether the gates before the memory subsets hold on dirty files, on simulated studies.

    python benchmarks/dirty_files.py FOLDER [--patients 20] [--events 10000] [--jobs 2]

Simulates and runs a study for each kind of dirt, unless it is there, and prints how far the number of live single
T cells (percent of the true number) and the four subsets (percentage points) are from the truth, what was refused, and
which checks found something in how many products.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from simulated_accuracy import errors

from phenotype.pipeline import run_study
from phenotype.simulate import SimulationSettings, simulate_study
from phenotype.simulate.settings import DEFAULTS


def _beta(share: float) -> tuple[float, float]:
    """Return the shapes of a Beta narrow around a share."""
    return 80 * share, 80 * (1 - share)


def _dead(share: float, dying: float = 0.0) -> SimulationSettings:
    return replace(DEFAULTS, dead=_beta(share), most_dead=1.0, half_stained=dying)


STUDIES: Mapping[str, SimulationSettings] = {
    "clean": DEFAULTS,
    "no debris": replace(DEFAULTS, debris=0.0),
    "debris 25 %": replace(DEFAULTS, debris=0.25),
    "debris 55 %": replace(DEFAULTS, debris=0.55),
    "doublets 15 %": replace(DEFAULTS, doublets=_beta(0.15)),
    "doublets 30 %": replace(DEFAULTS, doublets=_beta(0.30)),
    "clumps off scale 10 %": replace(DEFAULTS, doublets=_beta(0.20), clumps=0.5),
    "dead 1 %": _dead(0.01),
    "dead 30 %": _dead(0.30),
    "dead 60 %": _dead(0.60),
    "dead 80 %": _dead(0.80),
    "three groups, dead 10 %": _dead(0.10, 0.5),
    "three groups, dead 30 %": _dead(0.30, 0.5),
    "three groups, dead 60 %": _dead(0.60, 0.5),
    "dimmed by 0.1 decades in mid-run": replace(DEFAULTS, dimmed=0.8),
    "dimmed by 0.3 decades in mid-run": replace(DEFAULTS, dimmed=0.5),
    "all at once": replace(_dead(0.40, 0.4), debris=0.4, doublets=_beta(0.2), clumps=0.3),
}


def t_cells(study: Path) -> pd.Series:
    """Return live single T cells that were gated over those that are in the file, of each product."""
    truth = pd.read_csv(study / "truth" / "truth_fractions.csv").drop_duplicates(["file", "population"])
    table = pd.read_csv(study / "results" / "populations.csv").query("population == 'T cells'")
    return (table.set_index("file")["count"] / truth.groupby("file")["parent_count"].sum()).dropna()


def row(study: Path) -> dict[str, object]:
    """Return one line of the table."""
    found = errors(study, study / "results")
    gated = 100 * (t_cells(study) - 1)
    quality = pd.read_csv(study / "results" / "quality.csv").query("severity != 'info'")
    checks = quality[~quality["check"].str.startswith(("gate_", "few_"))].groupby("check")["sample_id"].nunique()
    by_subset = found.groupby("subset", sort=False)["error"].apply(lambda e: e.abs().mean())
    return {
        "T cells off": gated.mean(),
        "worst": gated.abs().max(),
        **by_subset.to_dict(),
        "worst subset": found["error"].abs().max(),
        "refused": int(found["fraction"].isna().sum()),
        "found": ", ".join(f"{check} {n}" for check, n in checks.items()),
    }


def main() -> None:
    """Make every study and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    rows = {}
    for i, (name, settings) in enumerate(STUDIES.items()):
        study = asked.folder / f"study_{i + 1}"
        if not (study / "study.toml").is_file():
            simulate_study(
                study, patients=asked.patients, events=asked.events, seed=200, settings=settings, defects=False
            )
        if not (study / "results" / "run.json").is_file():
            run_study(study / "study.toml", jobs=asked.jobs)
        rows[name] = row(study)
    table = pd.DataFrame(rows).T
    numbers = [column for column in table if column != "found"]
    table[numbers] = table[numbers].astype(np.float64).round(2)
    print(table.to_string())


if __name__ == "__main__":
    main()
