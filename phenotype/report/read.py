"""Read a result folder: the tables and run.json, as the run left them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from phenotype.errors import PhenotypeError
from phenotype.subsets import SUBSETS

__all__ = ["ReportError", "Results", "read_results"]


class ReportError(PhenotypeError, ValueError):
    """A result folder lacks what a report needs, or its tables are not as a run leaves them."""


COLUMNS: dict[str, tuple[str, ...]] = {
    "populations": ("sample_id", "patient_id", "population", "parent", "count", "parent_count"),
    "subsets": ("sample_id", "patient_id", "subset", "count", "parent_count", "fraction", "ci_low", "ci_high", "flags"),
    "subsets_control": ("sample_id", "patient_id", "subset", "fraction"),
    "quality": ("sample_id", "check", "value", "limit", "severity", "message"),
    "failures": ("file", "stage", "error"),
    "thresholds": (
        "sample_id", "batch", "marker", "population", "threshold", "origin", "status", "negative_median",
        "positive_median",
    ),
    "drift": (
        "batch", "marker", "population", "samples", "cut_median", "cut_spread_decades", "cut_shift_decades",
        "negative_shift_decades", "positive_shift_decades",
    ),
    "review": ("sample_id", "population", "marker", "status", "reason", "resolve"),
    "channels": ("layout", "cytometer", "channel", "marker", "voltage", "filter", "excitation_nm"),
    "kinetics": ("patient_id", "asct_group", "day"),
    "cohort": ("patient_id", "asct_group", *SUBSETS),
    "estimates": ("analysis", "endpoint", "level", "n", "estimate", "ci_low", "ci_high", "p_value"),
    "curves": ("endpoint", "term", "level", "time", "at_risk", "censored", "estimate", "ci_low", "ci_high"),
    "comparisons": (
        "contrast", "subset", "n_a", "n_b", "median_a", "median_b", "difference", "ci_low", "ci_high", "test",
        "p_value", "p_adjusted",
    ),
    "robustness": (
        "contrast", "subset", "shift", "gatings", "difference", "difference_low", "difference_high", "p_adjusted",
        "p_low", "p_high", "share_same_sign", "share_same_conclusion",
    ),
}  # fmt: skip
"""What the report needs of each table; a table that is absent is empty, a column that is absent is an error."""

NUMBERS = frozenset(
    {
        "count", "parent_count", "fraction", "fraction_of_parent", "ci_low", "ci_high", "value", "limit",
        "n_a", "n_b", "n", "estimate", "median_a", "median_b", "difference", "p_value", "p_adjusted", "p_adjusted_bh",
        "threshold", "negative_median", "positive_median", "samples", "cut_median", "cut_spread_decades",
        "cut_shift_decades", "negative_shift_decades", "positive_shift_decades", "cliffs_delta", "cliffs_low",
        "cliffs_high", "gatings", "difference_low", "difference_high", "p_low", "p_high",
        "share_same_sign", "share_same_conclusion", "time", "events", "statistic", "at_risk", "censored", *SUBSETS,
    }
)  # fmt: skip
"""Columns that hold numbers; every other column is text, so that patient 00123 stays 00123."""


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Everything a report is made of."""

    folder: Path
    populations: pd.DataFrame
    subsets: pd.DataFrame
    subsets_control: pd.DataFrame
    quality: pd.DataFrame
    failures: pd.DataFrame
    review: pd.DataFrame
    thresholds: pd.DataFrame
    drift: pd.DataFrame
    channels: pd.DataFrame
    kinetics: pd.DataFrame
    cohort: pd.DataFrame
    comparisons: pd.DataFrame
    robustness: pd.DataFrame
    estimates: pd.DataFrame
    curves: pd.DataFrame
    run: Mapping[str, Any]

    @property
    def synthetic(self) -> bool:
        """Whether the run says that its data were simulated."""
        return bool(self.run.get("synthetic", False))


def read_results(folder: Path) -> Results:
    """Read the tables and run.json of a result folder.

    Raises
    ------
    ReportError
        If run.json or a column is missing, or a table cannot be read. All faults are named.
    """
    faults: list[str] = []
    tables = {name: _read_table(folder / f"{name}.csv", columns, faults) for name, columns in COLUMNS.items()}
    run = _read_run(folder / "run.json", faults)
    if faults:
        raise ReportError("\n".join(faults))
    return Results(folder=folder, run=run, **tables)


def _read_table(path: Path, columns: tuple[str, ...], faults: list[str]) -> pd.DataFrame:
    """Read one CSV, text as text; note what is wrong with it."""
    if not path.is_file():
        return _typed(pd.DataFrame(columns=list(columns), dtype=str))
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        absent = [column for column in columns if column not in table.columns]
        if absent:
            faults.append(f"{path.name}: no column {', '.join(map(repr, absent))}; run the study again")
        return _typed(table)
    except ValueError as error:
        faults.append(f"{path.name}: cannot be read: {str(error).splitlines()[0]}; run the study again")
        return pd.DataFrame(columns=list(columns))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with numbers as numbers; empty is NaN."""
    numbers = [column for column in table.columns if column in NUMBERS]
    return table.assign(**{column: pd.to_numeric(table[column].where(table[column] != "")) for column in numbers})


def _read_run(path: Path, faults: list[str]) -> dict[str, Any]:
    """Read run.json; note it where it is missing or broken."""
    if not path.is_file():
        faults.append(f"{path.name}: not found; a report needs the folder of a finished run")
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        faults.append(f"{path.name}: cannot be read: {error}; run the study again")
        return {}
    if not isinstance(run, dict):
        faults.append(f"{path.name}: holds a {type(run).__name__}; it must hold an object")
        return {}
    return run
