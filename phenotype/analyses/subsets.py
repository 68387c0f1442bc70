"""Each subset beyond its contrasts: pairs of three groups, trend over them, correlations with time and peak."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import numbers
from phenotype.analyses.expansion import ranked
from phenotype.analyses.rows import Row, attempt
from phenotype.statistics.contrasts import GROUPS, MIN_GROUP
from phenotype.statistics.correlation import spearman
from phenotype.statistics.groups import dunn, jonckheere_terpstra
from phenotype.statistics.ranks import UntestableError
from phenotype.subsets import SUBSETS

__all__ = ["subset_rows"]

BESIDE: Mapping[str, str] = {
    "months_from_asct": "months since ASCT, of transplanted patients",
    "cart_pct_of_t_cmax": "peak expansion, percent of T cells",
    "cart_per_ul_cmax": "peak expansion, cells per µL",
    "copies_per_ug_cmax": "peak expansion, copies per µg",
}
"""Columns that subsets are correlated with, where the cohort has them."""

Values = NDArray[np.float64]


def subset_rows(cohort: pd.DataFrame) -> list[Row]:
    """Return tests of each subset over the three groups, and its rank correlations.

    Parameters
    ----------
    cohort
        A row per patient: the four subsets, ``asct_group``, and those columns of ``BESIDE`` that there are.
    """
    group = cohort["asct_group"].fillna("")
    rows: list[Row] = []
    for subset in SUBSETS:
        values = numbers(cohort, subset)
        known = np.isfinite(values)
        by_group = [values[known & (group == name).to_numpy(dtype=bool)] for name in GROUPS]
        shared: Row = {"endpoint": subset, "term": "asct_group"}
        rows += attempt(shared | {"analysis": "subset_dunn"}, partial(_pairs, by_group))
        rows += attempt(shared | {"analysis": "subset_trend"}, partial(_trend, by_group))
        for column, words in BESIDE.items():
            if column in cohort.columns:
                shared = {"analysis": "subset_correlation", "endpoint": subset, "term": column}
                measure, peak, _ = column.partition("_cmax")
                other = ranked(cohort, measure, "cmax") if peak else numbers(cohort, column)
                rows += attempt(shared, partial(_correlation, values, other, words))
    return rows


def _enough(by_group: list[Values]) -> None:
    few = [f"{name}: {len(values)}" for name, values in zip(GROUPS, by_group, strict=True)]
    if min(map(len, by_group)) < MIN_GROUP:
        raise UntestableError(f"patients {', '.join(few)}; a test of three groups needs {MIN_GROUP} in each")


def _pairs(by_group: list[Values]) -> Iterator[Row]:
    """Compare the pairs among all three, as follows a Kruskal-Wallis test; ``comparisons.csv`` has each pair alone."""
    _enough(by_group)
    names = list(combinations(GROUPS, 2))
    for (first, second), pair in zip(names, dunn(by_group), strict=True):
        yield {
            "level": f"{second} against {first}", "n": pair.n, "statistic": -pair.z, "p_value": pair.p_value,
            "method": pair.method, "note": f"p by Holm over the three pairs {pair.p_holm:.3g}",
        }  # fmt: skip


def _trend(by_group: list[Values]) -> Iterator[Row]:
    _enough(by_group)
    found = jonckheere_terpstra(by_group)
    yield {
        "n": found.n, "estimate": found.tau_b, "statistic": found.z, "p_value": found.p_value,
        "method": f"{found.method}; Kendall's tau-b", "note": f"in the order {', '.join(GROUPS)}",
    }  # fmt: skip


def _correlation(values: Values, other: Values, words: str) -> Iterator[Row]:
    both = np.isfinite(values) & np.isfinite(other)
    found = spearman(values[both], other[both])
    yield {
        "n": found.n, "estimate": found.estimate, "ci_low": found.low, "ci_high": found.high,
        "statistic": found.statistic, "p_value": found.p_value, "method": found.method, "note": words,
    }  # fmt: skip
