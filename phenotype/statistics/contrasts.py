"""The four contrasts of ASCT timing, for each of the four subsets: Figure 4 in numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from phenotype.statistics.multiplicity import benjamini_hochberg, holm
from phenotype.statistics.ranks import cliffs_delta, hodges_lehmann, mann_whitney
from phenotype.subsets import SUBSETS

__all__ = ["COMPARISON_COLUMNS", "CONTRASTS", "ESTIMATE_COLUMNS", "GROUPS", "compare_groups", "summarise_groups"]

GROUPS = ("none", "over_1y", "within_1y")
TRANSPLANTED = ("over_1y", "within_1y", "unknown_time")
CONTRASTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "asct_vs_none": (TRANSPLANTED, ("none",)),
    "over_1y_vs_none": (("over_1y",), ("none",)),
    "within_1y_vs_none": (("within_1y",), ("none",)),
    "within_1y_vs_over_1y": (("within_1y",), ("over_1y",)),
}
"""First against second; a transplant of unknown date counts as one, of no known time."""
COMPARISON_COLUMNS = (
    "contrast", "subset", "n_a", "n_b", "median_a", "median_b", "difference", "ci_low", "ci_high", "test",
    "p_value", "p_adjusted", "p_adjusted_bh", "cliffs_delta", "cliffs_low", "cliffs_high", "note",
)  # fmt: skip
ESTIMATE_COLUMNS = (
    "analysis", "endpoint", "term", "level", "time", "n", "events", "estimate", "ci_low", "ci_high", "statistic",
    "p_value", "method",
)  # fmt: skip


def compare_groups(
    cohort: pd.DataFrame, *, subsets: Sequence[str] = SUBSETS, family: str = "all", min_group: int = 3
) -> pd.DataFrame:
    """Compare each subset between the groups of each contrast.

    Parameters
    ----------
    cohort
        A row per patient: ``asct_group`` and a fraction per subset, NaN where missing.
    subsets
        Columns to compare.
    family
        Tests that p-values are adjusted over: ``all`` that were done, or those of each ``contrast``.
    min_group
        Patients that each group must have for a test.

    Returns
    -------
    pandas.DataFrame
        Columns ``COMPARISON_COLUMNS``, a row per contrast and subset. ``difference`` is the Hodges-Lehmann
        shift of the first group against the second, in fractions; ``p_adjusted`` is Holm's. Where there is no
        test, ``note`` says why and the numbers that need one are NaN.
    """
    rows = [
        _comparison(contrast, subset, _values(cohort, subset, first), _values(cohort, subset, second), min_group)
        for contrast, (first, second) in CONTRASTS.items()
        for subset in subsets
    ]
    table = pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
    adjust_over = table["contrast"] if family == "contrast" else pd.Series("all", index=table.index)
    for _, members in table.groupby(adjust_over, sort=False):
        table.loc[members.index, "p_adjusted"] = holm(members["p_value"])
        table.loc[members.index, "p_adjusted_bh"] = benjamini_hochberg(members["p_value"])
    return table


def summarise_groups(cohort: pd.DataFrame, subsets: Sequence[str] = SUBSETS) -> pd.DataFrame:
    """Describe each subset in each group, and test all three groups at once.

    Returns
    -------
    pandas.DataFrame
        Columns ``ESTIMATE_COLUMNS``. ``analysis`` is ``subset_median`` (interval: exact, from order statistics),
        ``subset_quartiles`` (interval: first and third quartile, type 7), ``subset_mean`` (the composition; no
        interval), each per ``level`` of ``asct_group``, or ``subset_kruskal`` (no level).
    """
    levels = {**{name: (name,) for name in (*GROUPS, "unknown_time")}, "asct": TRANSPLANTED}
    levels["all"] = (*GROUPS, "unknown_time")
    rows: list[dict[str, Any]] = []
    for subset in subsets:
        for level, groups in levels.items():
            values = _values(cohort, subset, groups)
            if len(values):
                rows += _summaries(subset, level, values)
        rows.append(_kruskal(subset, [_values(cohort, subset, (group,)) for group in GROUPS]))
    return pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS))


def median_interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a median from order statistics; NaN where no pair reaches the level.

    References
    ----------
    .. [1] Conover WJ. Practical Nonparametric Statistics. 3rd ed. Wiley 1999, section 3.2.

    Examples
    --------
    >>> median_interval(np.arange(1.0, 11.0))
    (2.0, 9.0)
    """
    n = len(values)
    below = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    while below > 0 and stats.binom.cdf(below - 1, n, 0.5) > (1 - level) / 2:
        below -= 1
    if below == 0:
        return float("nan"), float("nan")
    ordered = np.sort(values)
    return float(ordered[below - 1]), float(ordered[n - below])


def _values(cohort: pd.DataFrame, subset: str, groups: Sequence[str]) -> NDArray[np.float64]:
    values = cohort.loc[cohort["asct_group"].isin(list(groups)), subset].to_numpy(dtype=np.float64)
    return values[np.isfinite(values)]


def _comparison(
    contrast: str, subset: str, a: NDArray[np.float64], b: NDArray[np.float64], min_group: int
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "contrast": contrast,
        "subset": subset,
        "n_a": len(a),
        "n_b": len(b),
        "median_a": float(np.median(a)) if len(a) else np.nan,
        "median_b": float(np.median(b)) if len(b) else np.nan,
        "p_value": np.nan,
        "test": "",
        "note": "",
    }
    name_a, name_b = contrast.split("_vs_")
    few = [f"{name} has {len(v)} patients" for name, v in ((name_a, a), (name_b, b)) if len(v) < min_group]
    if few:
        return row | {"note": f"{' and '.join(few)}; a test needs {min_group} in each group"}
    try:
        test = mann_whitney(a, b)
    except ValueError as error:
        return row | {"note": str(error)}
    row |= {"test": test.method, "p_value": test.p_value}
    row |= dict(zip(("difference", "ci_low", "ci_high"), hodges_lehmann(a, b), strict=True))
    return row | dict(zip(("cliffs_delta", "cliffs_low", "cliffs_high"), cliffs_delta(a, b), strict=True))


def _summaries(subset: str, level: str, values: NDArray[np.float64]) -> list[dict[str, Any]]:
    shared = {"endpoint": subset, "term": "asct_group", "level": level, "n": len(values)}
    low, high = median_interval(values)
    q1, q3 = np.quantile(values, [0.25, 0.75])
    median = float(np.median(values))
    return [
        shared
        | {"analysis": "subset_median", "estimate": median, "ci_low": low, "ci_high": high}
        | {"method": "median, exact 95 % interval from order statistics"},
        shared
        | {"analysis": "subset_quartiles", "estimate": median, "ci_low": float(q1), "ci_high": float(q3)}
        | {"method": "median, first and third quartile (type 7)"},
        shared | {"analysis": "subset_mean", "estimate": float(values.mean()), "method": "mean"},
    ]


def _kruskal(subset: str, groups: list[NDArray[np.float64]]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "analysis": "subset_kruskal",
        "endpoint": subset,
        "term": "asct_group",
        "n": sum(map(len, groups)),
        "method": "Kruskal-Wallis over none, over_1y, within_1y",
    }
    if min(map(len, groups)) < 3 or len(np.unique(np.concatenate(groups))) < 2:
        return row | {"method": f"{row['method']}: not done, groups of {', '.join(str(len(g)) for g in groups)}"}
    found = stats.kruskal(*groups)
    return row | {"statistic": float(found.statistic), "p_value": float(found.pvalue)}
