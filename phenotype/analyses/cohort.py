"""Who is in the study and in each analysis, and how many cells of each kind were infused."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import numbers
from phenotype.analyses.expansion import median_row, ranked
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import group_members
from phenotype.expansion import MEASURES
from phenotype.subsets import SUBSETS

__all__ = ["DOSE", "dose_rows", "flow_rows"]

DOSE = "dose_1e6_per_kg"
"""Column of the clinical sheet: millions of CAR-T cells per kg."""

Values = NDArray[np.float64]


def flow_rows(cohort: pd.DataFrame) -> list[Row]:
    """Count patients at each step, overall and by ASCT: who is in which analysis, and who is missing.

    Parameters
    ----------
    cohort
        As :func:`phenotype.analyses.cohort_of` returns.
    """
    members = group_members(cohort)
    rows: list[Row] = []
    for name, inside in _steps(cohort).items():
        for (term, level), who in members.items():
            chosen = int((inside & who).sum())
            absent = int(who.sum()) - chosen
            rows.append({
                "analysis": "flow", "endpoint": name, "term": term, "level": level, "n": int(who.sum()),
                "events": chosen, "estimate": chosen, "method": "count",
                "note": f"{absent} without" if absent else "",
            })  # fmt: skip
    return rows


def _steps(cohort: pd.DataFrame) -> Mapping[str, NDArray[np.bool_]]:
    """Return who has what an analysis needs."""
    everybody = np.ones(len(cohort), dtype=bool)
    peaks = [
        np.isfinite(ranked(cohort, measure, "cmax")) for measure in MEASURES if f"{measure}_cmax" in cohort.columns
    ]
    return {
        "patients": everybody,
        "ASCT group known": cohort["asct_group"].fillna("").ne("").to_numpy(dtype=bool),
        "product with four fractions": cohort[list(SUBSETS)].notna().all(axis=1).to_numpy(dtype=bool),
        "response evaluable": np.isfinite(numbers(cohort, "responder")),
        "followed for PFS": np.isfinite(numbers(cohort, "pfs_months")),
        "followed for OS": np.isfinite(numbers(cohort, "os_months")),
        "in CR and followed for relapse": np.isfinite(numbers(cohort, "cir_months")),
        "expansion measured": np.logical_or.reduce([~everybody, *peaks]),
    }


def dose_rows(cohort: pd.DataFrame) -> list[Row]:
    """Return medians of the dose, and of the cells infused of each subset: fraction times dose, in millions per kg."""
    if DOSE not in cohort.columns or not pd.api.types.is_numeric_dtype(cohort[DOSE]):
        return []
    members = group_members(cohort)
    rows: list[Row] = []
    for name, values in _doses(cohort):
        for (term, level), who in members.items():
            shared = {"analysis": "dose_median", "endpoint": name, "term": term, "level": level}
            rows += attempt(shared, partial(median_row, values[who]))
    return rows


def _doses(cohort: pd.DataFrame) -> Iterator[tuple[str, Values]]:
    dose = numbers(cohort, DOSE)
    yield DOSE, dose
    for subset in SUBSETS:
        yield f"{subset}_1e6_per_kg", dose * numbers(cohort, subset)
