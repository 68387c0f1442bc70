"""Rank tests against R (coin, exactRankTests, effsize), scipy, and by trying every split."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics.ranks import cliffs_delta, hodges_lehmann, mann_whitney


@pytest.mark.parametrize("case", ["noties", "ties", "naive20"])
def test_agreement_with_r(golden, case):
    """R 4.2.2: coin and exactRankTests for p and shift, effsize for delta; tolerance 1e-6 relative, here 1e-9."""
    data = pd.read_csv(golden / "wilcoxon_two_sample" / "input.csv")
    data = data[data["set"] == case]
    a, b = (data.loc[data["g"] == group, "v"].to_numpy() for group in ("a", "b"))
    expected = json.loads((golden / "wilcoxon_two_sample" / "expected.json").read_text())["expected"][case]

    test = mann_whitney(a, b)

    assert test.u == expected["W"]
    assert test.p_value == pytest.approx(expected["coin_exact_p"], rel=1e-9)
    assert hodges_lehmann(a, b) == pytest.approx((expected["median_of_differences"], *expected["coin_exact_hl_ci"]))
    assert cliffs_delta(a, b) == pytest.approx((expected["cliff_delta"], *expected["cliff_ci"]), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    a=st.lists(st.integers(0, 5), min_size=1, max_size=5), b=st.lists(st.integers(0, 5), min_size=1, max_size=5)
)
def test_exact_p_with_ties_by_trying_every_split(a, b):
    """All ways to choose the first group from the pooled values: the definition, counted."""
    pooled = np.array([*a, *b], dtype=float)
    if len(set(pooled)) == 1:
        return
    ranks = stats.rankdata(pooled)
    expected = len(a) * (len(pooled) + 1) / 2
    sums = [sum(chosen) for chosen in combinations(ranks, len(a))]
    observed = abs(ranks[: len(a)].sum() - expected)
    p = np.mean([abs(s - expected) >= observed - 1e-9 for s in sums])

    assert mann_whitney(a, b).p_value == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(12, 83), (12, 43), (55, 83), (3, 3)])
def test_without_ties_it_is_scipys_exact_test(n, m):
    """The sizes of the paper's contrasts."""
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.3, 1, n), rng.normal(0, 1, m)

    test = mann_whitney(a, b)

    assert test.method == "Mann-Whitney, exact"
    assert test.p_value == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue, rel=1e-9)


def test_beyond_the_limit_the_method_says_normal_approximation():
    """A reader must be able to tell which p-value it is."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=200), rng.normal(size=200)

    test = mann_whitney(a, b)

    assert test.method == "Mann-Whitney, normal approximation"
    assert test.p_value == pytest.approx(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)


def test_swapping_the_groups_mirrors_everything():
    """None against one is one against none, with the other sign."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=7).round(1), rng.normal(1, 1, 9).round(1)

    difference, low, high = hodges_lehmann(a, b)

    assert mann_whitney(a, b).p_value == pytest.approx(mann_whitney(b, a).p_value)
    assert hodges_lehmann(b, a) == pytest.approx((-difference, -high, -low))


@pytest.mark.parametrize("a", [[], [1.0, 1.0]])
def test_nothing_to_rank_is_an_error_with_a_reason(a):
    """p = 1 would say that the groups were compared."""
    with pytest.raises(ValueError, match=r"groups of 0 and 2|all 4 values are 1: there is nothing to rank"):
        mann_whitney(a, [1.0, 1.0])


def test_the_interval_of_the_shift_covers_it():
    """95 % of intervals of 12 against 40 hold the true shift; 600 studies, standard error 0.9 points."""
    rng = np.random.default_rng(3)
    intervals = [hodges_lehmann(rng.normal(0.5, 1, 12), rng.normal(0, 1, 40))[1:] for _ in range(600)]

    assert 0.925 < np.mean([low <= 0.5 <= high for low, high in intervals]) < 0.98
