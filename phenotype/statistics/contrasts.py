"""The four contrasts of ASCT timing for each of the four subsets: the paper's Figure 4 in numbers.

References
----------
.. [1] Jin C, et al. J Immunother Cancer 2025;13:e010687, figure 4.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from gating import missing
from phenotype.statistics.groups import kruskal_wallis
from phenotype.statistics.multiplicity import benjamini_hochberg, holm
from phenotype.statistics.ranks import UntestableError, cliffs_delta, hodges_lehmann, mann_whitney
from phenotype.subsets import SUBSETS

__all__ = [
    "COMPARISON_COLUMNS",
    "CONTRASTS",
    "ESTIMATE_COLUMNS",
    "FAMILIES",
    "GROUPS",
    "MIN_GROUP",
    "TRANSPLANTED",
    "compare_groups",
    "median_interval",
    "summarise_groups",
]

GROUPS = ("none", "over_1y", "within_1y")
"""Groups whose interval is known, in the order of exposure."""
TRANSPLANTED = ("over_1y", "within_1y", "unknown_time")
"""A transplant of unknown date counts as one, of no known time."""
CONTRASTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "asct_vs_none": (TRANSPLANTED, ("none",)),
    "over_1y_vs_none": (("over_1y",), ("none",)),
    "within_1y_vs_none": (("within_1y",), ("none",)),
    "within_1y_vs_over_1y": (("within_1y",), ("over_1y",)),
}
"""Values of ``asct_group`` on the first and on the second side."""
FAMILIES = ("all", "contrast")
MIN_GROUP = 3
"""Patients that each side needs for a test: of two, the median and the spread say next to nothing."""

COMPARISON_COLUMNS = (
    "contrast", "subset", "n_a", "n_b", "median_a", "median_b", "difference", "ci_low", "ci_high", "test",
    "p_value", "p_adjusted", "p_adjusted_bh", "cliffs_delta", "cliffs_low", "cliffs_high", "note",
)  # fmt: skip
ESTIMATE_COLUMNS = (
    "analysis", "endpoint", "term", "level", "time", "n", "events", "estimate", "ci_low", "ci_high", "statistic",
    "p_value", "method",
)  # fmt: skip

_TEXT = ("contrast", "subset", "test", "note", "analysis", "endpoint", "term", "level", "method")
_WHOLE = ("n_a", "n_b", "n")

Values = NDArray[np.float64]
Row = dict[str, Any]


def compare_groups(
    cohort: pd.DataFrame, *, subsets: Sequence[str] = SUBSETS, family: str = "all", min_group: int = MIN_GROUP
) -> pd.DataFrame:
    """Compare each subset between the two sides of each contrast.

    Parameters
    ----------
    cohort
        A row per patient: ``asct_group`` (``none``, ``over_1y``, ``within_1y``, ``unknown_time``; empty or missing
        where it is not known) and a column of fractions per subset, NaN where there is no product.
    subsets
        Columns to compare.
    family
        Tests that a p-value is adjusted over: ``all`` that were done, or those of its ``contrast``.
    min_group
        Patients that each side needs for a test.

    Returns
    -------
    pandas.DataFrame
        Columns ``COMPARISON_COLUMNS``, a row per contrast and subset, in that order. ``difference`` is the
        Hodges-Lehmann shift of the first side against the second, in fractions, with its 95 % interval;
        ``p_adjusted`` is Holm's, ``p_adjusted_bh`` Benjamini and Hochberg's. Where there was no test, ``note``
        says why and all that needs one is NaN; the counts and medians are there.

    Raises
    ------
    ValueError
        If a column is missing, a group has another name, or there is no such family.
    """
    if family not in FAMILIES:
        raise ValueError(missing("family", family, FAMILIES, "comparisons"))
    _check(cohort, subsets)
    rows = [
        _comparison(contrast, subset, _values(cohort, subset, first), _values(cohort, subset, second), min_group)
        for contrast, (first, second) in CONTRASTS.items()
        for subset in subsets
    ]
    table = _table(rows, COMPARISON_COLUMNS)
    members = table["contrast"] if family == "contrast" else np.zeros(len(table))
    tests = table.groupby(members, sort=False)["p_value"]
    return table.assign(p_adjusted=tests.transform(holm), p_adjusted_bh=tests.transform(benjamini_hochberg))


def summarise_groups(cohort: pd.DataFrame, subsets: Sequence[str] = SUBSETS) -> pd.DataFrame:
    """Describe each subset in each group, and compare the three groups at once.

    Parameters
    ----------
    cohort, subsets
        As for :func:`compare_groups`.

    Returns
    -------
    pandas.DataFrame
        Columns ``ESTIMATE_COLUMNS``; ``endpoint`` is the subset, ``term`` is ``asct_group``. One number a row,
        which ``analysis`` names:

        =================  ======================================================================
        subset_median      median, with an exact interval from order statistics
        subset_q1          first quartile, no interval
        subset_q3          third quartile, no interval
        subset_mean        mean, no interval: the four of a group are its mean composition
        subset_kruskal     Kruskal-Wallis over ``GROUPS``: ``statistic`` is H; ``level`` is empty
        =================  ======================================================================

        ``level`` is a group, ``asct`` (all transplanted) or ``all``, which includes patients whose group is not
        known. A group without values has no rows.

    Raises
    ------
    ValueError
        If a column is missing or a group has another name.
    """
    _check(cohort, subsets)
    levels = {name: (name,) for name in (*GROUPS, "unknown_time")} | {"asct": TRANSPLANTED, "all": None}
    rows: list[Row] = []
    for subset in subsets:
        for level, groups in levels.items():
            rows += _summaries(subset, level, _values(cohort, subset, groups))
        rows.append(_kruskal(subset, [_values(cohort, subset, (group,)) for group in GROUPS]))
    return _table(rows, ESTIMATE_COLUMNS)


def median_interval(values: Values, *, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a median: a pair of order statistics, as far in as the level allows.

    Parameters
    ----------
    values
        (n,), finite.
    level
        Confidence level, in (0, 1); the interval covers at least that.

    Returns
    -------
    low, high
        NaN where even the extremes do not reach the level: at 95 %, fewer than 6 values.

    References
    ----------
    .. [1] Conover WJ. Practical Nonparametric Statistics. 3rd ed. Wiley 1999, section 3.2.

    Examples
    --------
    >>> median_interval(np.arange(1.0, 11.0))
    (2.0, 9.0)
    """
    rank = int(stats.binom.ppf((1 - level) / 2, len(values), 0.5))
    if rank == 0:
        return float("nan"), float("nan")
    ordered = np.sort(values)
    return float(ordered[rank - 1]), float(ordered[-rank])


def _check(cohort: pd.DataFrame, subsets: Sequence[str]) -> None:
    """Refuse a table that would silently give fewer patients."""
    columns = [str(column) for column in cohort.columns]
    for wanted in ("asct_group", *subsets):
        if wanted not in columns:
            raise ValueError(missing("column", wanted, columns, "cohort"))
    known = (*GROUPS, "unknown_time")
    for group in cohort["asct_group"].dropna().unique():
        if group and group not in known:
            raise ValueError(missing("ASCT group", str(group), known, "cohort"))


def _values(cohort: pd.DataFrame, subset: str, groups: Sequence[str] | None) -> Values:
    """Return the fractions of some groups, or of everybody, ascending: sums must not depend on the order of rows."""
    column = cohort[subset] if groups is None else cohort.loc[cohort["asct_group"].isin(list(groups)), subset]
    return np.sort(column.dropna().to_numpy(dtype=np.float64))


def _table(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows as a table whose column types do not depend on what is missing."""
    blank = {name: "" if name in _TEXT else np.nan for name in columns}
    table = pd.DataFrame([blank | row for row in rows], columns=list(columns))
    return table.astype({name: np.int64 for name in columns if name in _WHOLE})


def _comparison(contrast: str, subset: str, a: Values, b: Values, min_group: int) -> Row:
    row: Row = {
        "contrast": contrast,
        "subset": subset,
        "n_a": len(a),
        "n_b": len(b),
        "median_a": float(np.median(a)) if len(a) else np.nan,
        "median_b": float(np.median(b)) if len(b) else np.nan,
    }
    if min(len(a), len(b)) < min_group:
        return row | {"note": f"{len(a)} and {len(b)} patients; a test needs {min_group} in each group"}
    try:
        return row | _tested(a, b)
    except UntestableError as error:
        return row | {"note": str(error)}


def _tested(a: Values, b: Values) -> Row:
    """Return the columns that a test fills."""
    test = mann_whitney(a, b)
    difference, low, high = hodges_lehmann(a, b)
    delta, delta_low, delta_high = cliffs_delta(a, b)
    notes = (
        "too few patients or too many ties for a 95 % interval of the difference" if np.isnan(low) else "",
        "no overlap: Cliff's delta has no interval" if abs(delta) == 1 else "",
    )
    return {
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "test": test.method,
        "p_value": test.p_value,
        "cliffs_delta": delta,
        "cliffs_low": delta_low,
        "cliffs_high": delta_high,
        "note": "; ".join(filter(None, notes)),
    }


def _summaries(subset: str, level: str, values: Values) -> list[Row]:
    shared = {"endpoint": subset, "term": "asct_group", "level": level, "n": len(values)}
    if not len(values):
        return []
    low, high = median_interval(values)
    q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75])
    exact = "exact 95 % interval from order statistics" if low == low else "too few patients for a 95 % interval"
    return [
        shared
        | {"analysis": "subset_median", "estimate": median, "ci_low": low, "ci_high": high}
        | {"method": f"median; {exact}"},
        shared | {"analysis": "subset_q1", "estimate": q1, "method": "first quartile (type 7)"},
        shared | {"analysis": "subset_q3", "estimate": q3, "method": "third quartile (type 7)"},
        shared | {"analysis": "subset_mean", "estimate": values.mean(), "method": "mean"},
    ]


def _kruskal(subset: str, groups: Sequence[Values]) -> Row:
    method = f"Kruskal-Wallis over {', '.join(GROUPS)}"
    row: Row = {"analysis": "subset_kruskal", "endpoint": subset, "term": "asct_group", "n": sum(map(len, groups))}
    if min(map(len, groups)) < MIN_GROUP:
        sizes = ", ".join(str(len(values)) for values in groups)
        return row | {"method": f"{method}; not done: {sizes} patients, {MIN_GROUP} are needed in each"}
    try:
        found = kruskal_wallis(groups)
    except UntestableError as error:
        return row | {"method": f"{method}; not done: {error}"}
    return row | {"statistic": found.statistic, "p_value": found.p_value, "method": method}
