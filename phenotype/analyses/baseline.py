"""Patients at baseline by ASCT group: Table 1 as rows, what is missing counted, differences standardised."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from phenotype.analyses.design import MAX_LEVELS, column_kind, numbers
from phenotype.analyses.rows import Row
from phenotype.analyses.survival import group_members
from phenotype.clinical import DERIVED, KNOWN_COLUMNS
from phenotype.expansion import MEASURES
from phenotype.statistics.contrasts import GROUPS
from phenotype.statistics.table1 import BaselineDifference, Levels, Numbers, describe_baseline, standardised_differences

__all__ = ["baseline_columns", "baseline_rows"]

_AT_BASELINE = ("extramedullary_disease",)
"""Columns with a meaning of their own that are known before infusion; the others are dates and outcomes."""


def baseline_columns(cohort: pd.DataFrame) -> list[str]:
    """List columns that describe a patient before infusion: the lab's own numbers, and text of few levels.

    Dates, outcomes and what a run derives are left out, and text with more levels than a model takes.
    """
    later = {*KNOWN_COLUMNS, *DERIVED, "asct_group"} - set(_AT_BASELINE)
    found = []
    for column in map(str, cohort.columns):
        measured = column.startswith(tuple(f"{measure}_" for measure in MEASURES))
        if column in later or measured or column.endswith("_date") or cohort[column].notna().sum() == 0:
            continue
        if column_kind(cohort[column]) != "text" or cohort[column].nunique() <= MAX_LEVELS:
            found.append(column)
    return found


def baseline_rows(cohort: pd.DataFrame) -> list[Row]:
    """Describe each baseline column in all patients, by ASCT, and by group; and how far groups are apart.

    Parameters
    ----------
    cohort
        As :func:`phenotype.analyses.cohort_of` returns.
    """
    variables = [_variable(cohort, column) for column in baseline_columns(cohort)]
    if not variables:
        return []
    members = group_members(cohort)
    rows = list(_described(variables, {f"{term}|{level}": who for (term, level), who in members.items()}))
    for term, levels in (("asct", ("none", "asct")), ("asct_group", GROUPS)):
        groups = {level: members[term, level] for level in levels}
        rows += [_apart(one, term) for one in standardised_differences(variables, groups)]
    return rows


def _apart(one: BaselineDifference, term: str) -> Row:
    """Return how far two groups are apart: of numbers the second minus the first, of levels a distance."""
    signed = "means" in one.method
    return {
        "analysis": "baseline_difference", "endpoint": one.variable, "term": term,
        "level": f"{one.second} against {one.first}", "n": one.n, "estimate": -one.estimate if signed else one.estimate,
        "method": one.method, "note": one.note,
    }  # fmt: skip


def _variable(cohort: pd.DataFrame, column: str) -> Numbers | Levels:
    if column_kind(cohort[column]) == "number":
        return Numbers(column, numbers(cohort, column))
    return Levels(column, [None if pd.isna(value) else _level(value) for value in cohort[column]])


def _level(value: Any) -> str:
    """Return a level as the sheet has it; a flag is 0 or 1."""
    return value if isinstance(value, str) else f"{float(value):g}"


def _described(variables: list[Numbers | Levels], members: dict[str, Any]) -> Iterator[Row]:
    for one in describe_baseline(variables, members):
        term, _, level = one.group.partition("|")
        shared: Row = {"term": term, "level": level, "n": one.n, "method": one.method}
        absent = f"{one.missing} missing" if one.missing else ""
        if one.level:
            yield shared | {
                "analysis": "baseline_share", "endpoint": f"{one.variable}: {one.level}",
                "events": int(one.count) if np.isfinite(one.count) else pd.NA, "estimate": one.share,
                "note": absent or "" if np.isfinite(one.share) else absent or "no patients",
            }  # fmt: skip
        else:
            spread = f"quartiles {one.q1:.4g} to {one.q3:.4g}, range {one.minimum:.4g} to {one.maximum:.4g}, "
            spread += f"mean {one.mean:.4g}, SD {one.sd:.3g}"
            known = np.isfinite(one.median)
            yield shared | {
                "analysis": "baseline_median", "endpoint": one.variable, "estimate": one.median,
                "note": "; ".join(filter(None, [spread if known else "no patients", absent])),
            }  # fmt: skip
