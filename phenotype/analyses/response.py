"""Response and toxicity: shares of patients with exact intervals, overall and by ASCT, and models of response."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import numbers
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import group_members
from phenotype.clinical import RESPONSES
from phenotype.statistics.proportions import clopper_pearson
from phenotype.statistics.ranks import UntestableError

__all__ = ["SHARES", "response_rows", "toxicity_rows"]

Flags = NDArray[np.bool_]

SHARES: Mapping[str, tuple[str, float]] = {
    "ORR": ("responder", 1),
    "CR": ("complete_response", 1),
    "CRS grade 3 or 4": ("crs_grade", 3),
    "CRS any grade": ("crs_grade", 1),
    "ICANS grade 3 or more": ("icans_grade", 3),
    "ICANS any grade": ("icans_grade", 1),
    "anaemia grade 3 or more": ("anaemia_grade", 3),
    "neutropenia grade 3 or more": ("neutropenia_grade", 3),
    "thrombocytopenia grade 3 or more": ("thrombocytopenia_grade", 3),
}
"""Column of the cohort, and the value from which on a patient counts."""
_RESPONSES = ("ORR", "CR")


def response_rows(cohort: pd.DataFrame) -> list[Row]:
    """Return best responses and the rates of ORR and CR, overall and by ASCT.

    Parameters
    ----------
    cohort
        A row per patient: ``best_response``, ``responder``, ``complete_response`` (0, 1, missing), ``asct_group``.
    """
    best = cohort.get("best_response", pd.Series(None, index=cohort.index, dtype="object"))
    known = int(best.notna().sum())
    rows: list[Row] = [
        {
            "analysis": "best_response", "endpoint": "best response", "level": level, "n": known,
            "events": int((best == level).sum()), "estimate": (best == level).sum() / known if known else np.nan,
            "method": "share of patients with a best response; NE is not evaluable",
        }
        for level in RESPONSES
    ]  # fmt: skip
    return rows + _shares(cohort, "response_rate", _RESPONSES)


def toxicity_rows(cohort: pd.DataFrame) -> list[Row]:
    """Return shares of patients with severe toxicity, overall and by ASCT, and how many have each grade."""
    named = [name for name, (column, _) in SHARES.items() if name not in _RESPONSES and column in cohort.columns]
    rows = _shares(cohort, "toxicity_rate", named)
    for column in dict.fromkeys(SHARES[name][0] for name in named):
        grade = numbers(cohort, column)
        known = int(np.isfinite(grade).sum())
        rows += [
            {
                "analysis": "grade", "endpoint": column.removesuffix("_grade"), "level": str(level), "n": known,
                "events": int((grade == level).sum()), "estimate": (grade == level).sum() / known if known else np.nan,
                "method": "share of patients with a known grade",
            }
            for level in range(6)
        ]  # fmt: skip
    return rows


def _shares(cohort: pd.DataFrame, analysis: str, names: tuple[str, ...] | list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        column, least = SHARES[name]
        values = numbers(cohort, column)
        for (term, level), who in group_members(cohort).items():
            shared = {"analysis": analysis, "endpoint": name, "term": term, "level": level}
            rows += attempt(shared, partial(_share, values[who], least))
    return rows


def _share(values: NDArray[np.float64], least: float) -> Iterator[Row]:
    """Return a share with its exact interval; patients without a value are not in it, and counted in the note."""
    known = values[np.isfinite(values)]
    if not len(known):
        raise UntestableError(f"not known in any of {len(values)} patients")
    events = int((known >= least).sum())
    low, high = clopper_pearson(events, len(known))
    absent = len(values) - len(known)
    yield {
        "n": len(known), "events": events, "estimate": events / len(known), "ci_low": float(low),
        "ci_high": float(high), "method": "exact interval (Clopper-Pearson)",
        "note": f"not known or not evaluable in {absent}" if absent else "",
    }  # fmt: skip
