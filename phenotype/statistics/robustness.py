"""Whether a conclusion survives moving the gates: the comparisons, made anew in every plausible gating.

A gating is one way to place all thresholds of all samples. In each the fractions of every patient are other ones, and
so are the differences between groups and their p-values. What holds in nearly all of them does not hang on a line.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.statistics.contrasts import CONTRASTS, MIN_GROUP
from phenotype.statistics.multiplicity import holm
from phenotype.statistics.ranks import UntestableError, mann_whitney
from phenotype.subsets import SUBSETS

__all__ = ["ROBUSTNESS_COLUMNS", "compare_gatings"]

ROBUSTNESS_COLUMNS = (
    "contrast", "subset", "shift", "gatings", "difference", "difference_low", "difference_high", "p_adjusted",
    "p_low", "p_high", "share_same_sign", "share_same_conclusion",
)  # fmt: skip
ALPHA = 0.05
"""Adjusted p-values below it are what the report calls a difference."""

Fractions = NDArray[np.float64]
Row = dict[str, Any]


def compare_gatings(
    groups: Sequence[str],
    fractions: Fractions,
    gatings: Fractions,
    shifts: Mapping[str, Fractions],
    *,
    family: str = "all",
    subsets: Sequence[str] = SUBSETS,
) -> pd.DataFrame:
    """Compare the groups in every gating, and say how often the conclusion is that of the gates as they are.

    Parameters
    ----------
    groups
        ASCT group of each of n patients.
    fractions
        (n, s): the patients' fractions as reported; NaN where there is none.
    gatings
        (d, n, s): the same in d plausible gatings.
    shifts
        (n, s) for each systematic shift, by its name: ``CD62L +0.1``.
    family
        As for :func:`compare_groups`.

    Returns
    -------
    pandas.DataFrame
        Columns ``ROBUSTNESS_COLUMNS``; for each contrast and subset that was tested one row over all gatings, whose
        ``shift`` is empty, and one for each shift. ``difference`` and ``p_adjusted`` are those of the gates as they
        are, or of the shift; low and high are the 2.5 and 97.5 percentiles over the gatings that could be tested.
        A conclusion is the same if the adjusted p-value is on the same side of 0.05 and, where it is below, the
        difference has the same sign; a gating that leaves too few patients for a test has not the same conclusion.
    """
    sides = _sides(groups)
    reported = _tests(sides, fractions, family)
    drawn = [_tests(sides, gating, family) for gating in gatings]
    moved = {name: _tests(sides, shifted, family) for name, shifted in shifts.items()}
    rows: list[Row] = []
    for i, contrast in enumerate(CONTRASTS):
        for j, subset in enumerate(subsets):
            if np.isfinite(reported[1, i, j]):
                cell = (slice(None), i, j)
                over = np.array([tests[cell] for tests in drawn]).reshape(-1, 2)
                rows.append({"contrast": contrast, "subset": subset} | _over_gatings(reported[cell], over))
                rows += [
                    {"contrast": contrast, "subset": subset, "shift": name} | _of_shift(reported[cell], tests[cell])
                    for name, tests in moved.items()
                ]
    return pd.DataFrame(rows, columns=list(ROBUSTNESS_COLUMNS))


def _sides(groups: Sequence[str]) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return which patients are on the first and on the second side of each contrast."""
    known = np.asarray(groups, dtype=object)
    return [(np.isin(known, list(first)), np.isin(known, list(second))) for first, second in CONTRASTS.values()]


def _tests(
    sides: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]], fractions: Fractions, family: str
) -> Fractions:
    """Return difference and adjusted p-value, (2, contrasts, subsets); NaN where there is no test."""
    found = np.full((2, len(sides), fractions.shape[1]), np.nan)
    for i, (first, second) in enumerate(sides):
        for j in range(fractions.shape[1]):
            a, b = (column[np.isfinite(column)] for column in (fractions[first, j], fractions[second, j]))
            if min(len(a), len(b)) >= MIN_GROUP:
                found[:, i, j] = _test(np.sort(a), np.sort(b))
    found[1] = holm(found[1].ravel()).reshape(found[1].shape) if family == "all" else [holm(row) for row in found[1]]
    return found


def _test(a: Fractions, b: Fractions) -> tuple[float, float]:
    """Return the Hodges-Lehmann difference and the p-value of the rank test."""
    try:
        return float(np.median(np.subtract.outer(a, b))), mann_whitney(a, b).p_value
    except UntestableError:
        return float("nan"), float("nan")


def _over_gatings(reported: Fractions, over: Fractions) -> Row:
    difference, p_adjusted = reported
    row: Row = {"shift": "", "gatings": len(over), "difference": difference, "p_adjusted": p_adjusted}
    if not len(over):
        return row
    tested = over[np.isfinite(over).all(axis=1)]
    low, high = np.quantile(tested, [0.025, 0.975], axis=0) if len(tested) else np.full((2, 2), np.nan)
    return row | {
        "difference_low": low[0],
        "difference_high": high[0],
        "p_low": low[1],
        "p_high": high[1],
        "share_same_sign": float(np.mean(np.sign(over[:, 0]) == np.sign(difference))),
        "share_same_conclusion": float(np.mean([_same(reported, each) for each in over])),
    }


def _of_shift(reported: Fractions, shifted: Fractions) -> Row:
    difference, p_adjusted = shifted
    return {
        "gatings": 1,
        "difference": difference,
        "p_adjusted": p_adjusted,
        "share_same_sign": float(np.sign(difference) == np.sign(reported[0])),
        "share_same_conclusion": float(_same(reported, shifted)),
    }


def _same(reported: Fractions, other: Fractions) -> bool:
    """Tell whether two pairs of difference and adjusted p-value say the same; what could not be tested says nothing."""
    if not np.isfinite(other[1]):
        return False
    found, again = reported[1] < ALPHA, other[1] < ALPHA
    return bool(found == again and (not found or np.sign(reported[0]) == np.sign(other[0])))
