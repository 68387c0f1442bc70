"""Expansion of CAR-T cells: medians by group, and peak and exposure against ASCT and response."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import numbers
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import group_members
from phenotype.expansion import MEASURES, NEVER
from phenotype.statistics.contrasts import MIN_GROUP, median_interval
from phenotype.statistics.ranks import UntestableError, cliffs_delta, hodges_lehmann, mann_whitney

__all__ = ["RESPONSE_GROUPS", "expansion_rows", "median_row", "ranked", "response_members"]

_DESCRIBED = ("cmax", "tmax_day", "clast", "tlast_day", "auc_0_28", "half_life_days")
_TESTED = ("cmax", "auc_0_28")
"""Of a patient in whom nothing was ever detected these are below all others: 0, where only ranks count. Left out, such
patients would make expansion look alike in groups that differ in who expands at all."""

RESPONSE_GROUPS: Mapping[str, tuple[str, str]] = {
    "responder": ("response", "no response"),
    "complete_response": ("CR", "no CR"),
}
"""Column of the cohort, and the names of those with 1 and with 0 in it; others are in neither."""
_RESPONSE_TESTS = {"responder": "response against none", "complete_response": "CR against less"}

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


def expansion_rows(cohort: pd.DataFrame) -> list[Row]:
    """Return medians of each measure by group, those of peak and exposure by response too, and tests of these two.

    Parameters
    ----------
    cohort
        A row per patient: columns of :func:`phenotype.expansion.expansion_table`, ``asct_group``, ``responder`` and
        ``complete_response``.
    """
    groups, responses = group_members(cohort), response_members(cohort)
    rows: list[Row] = []
    for measure in MEASURES:
        for name in _DESCRIBED:
            column = f"{measure}_{name}"
            if column not in cohort.columns:
                continue
            values = ranked(cohort, measure, name) if name in _TESTED else numbers(cohort, column)
            for (term, level), who in (groups | responses if name in _TESTED else groups).items():
                shared = {"analysis": "expansion_median", "endpoint": column, "term": term, "level": level}
                rows += attempt(shared, partial(median_row, values[who]))
            if name in _TESTED:
                for term, level, first, second in _sides(groups | responses):
                    shared = {"analysis": "expansion_test", "endpoint": column, "term": term, "level": level}
                    rows += attempt(shared, partial(_test, values[first], values[second]))
    return rows


def ranked(cohort: pd.DataFrame, measure: str, name: str) -> Values:
    """Return a measure's peak or exposure, (patients,): 0 where cells were never detected, NaN where not known."""
    notes = cohort.get(f"{measure}_note", pd.Series("", index=cohort.index))
    never = (notes == NEVER).to_numpy(dtype=bool)
    return np.where(never, 0.0, numbers(cohort, f"{measure}_{name}"))


def response_members(cohort: pd.DataFrame) -> dict[tuple[str, str], Flags]:
    """Return who responded and who did not: by term and level."""
    flags = {term: numbers(cohort, term) for term in RESPONSE_GROUPS}
    return {
        (term, level): flags[term] == value
        for term, levels in RESPONSE_GROUPS.items()
        for level, value in zip(levels, (1, 0), strict=True)
    }


def _sides(groups: Mapping[tuple[str, str], Flags]) -> Iterator[tuple[str, str, Flags, Flags]]:
    yield "asct", "asct against none", groups["asct", "asct"], groups["asct", "none"]
    none = groups["asct_group", "none"]
    for name in ("over_1y", "within_1y"):
        yield "asct_group", f"{name} against none", groups["asct_group", name], none
    for term, words in _RESPONSE_TESTS.items():
        yes, no = RESPONSE_GROUPS[term]
        yield term, words, groups[term, yes], groups[term, no]


def median_row(values: Values) -> Iterator[Row]:
    """Return the median of known values with its exact interval, quartiles and range; what is not known is left out."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        raise UntestableError(f"not known in any of {len(values)} patients")
    low, high = median_interval(known)
    q1, median, q3 = np.quantile(known, [0.25, 0.5, 0.75])
    words = "exact 95 % interval from order statistics" if np.isfinite(low) else "too few patients for a 95 % interval"
    yield {
        "n": len(known), "estimate": median, "ci_low": low, "ci_high": high, "method": f"median; {words}",
        "note": f"quartiles {q1:.4g} to {q3:.4g}, range {known[0]:.4g} to {known[-1]:.4g}{_unseen(known)}",
    }  # fmt: skip


def _test(first: Values, second: Values) -> Iterator[Row]:
    """Compare two groups by ranks; the estimate is the Hodges-Lehmann shift of the first against the second."""
    a, b = (values[np.isfinite(values)] for values in (first, second))
    if min(len(a), len(b)) < MIN_GROUP:
        raise UntestableError(f"{len(a)} and {len(b)} patients; a test needs {MIN_GROUP} in each group")
    found = mann_whitney(a, b)
    shift, low, high = hodges_lehmann(a, b)
    delta = cliffs_delta(a, b)[0]
    yield {
        "n": len(a) + len(b), "estimate": shift, "ci_low": low, "ci_high": high, "statistic": found.statistic,
        "p_value": found.p_value, "method": f"{found.method}; Hodges-Lehmann shift",
        "note": f"medians {np.median(a):.4g} of {len(a)} and {np.median(b):.4g} of {len(b)}; Cliff's delta {delta:.2f}"
        f"{_unseen(np.concatenate([a, b]))}",
    }  # fmt: skip


def _unseen(values: Values) -> str:
    """Say how many are 0 since nothing was ever detected: a measured peak is above 0."""
    never = int((values == 0).sum())
    return f"; {never} never detected, as 0" if never else ""
