"""Correlations: by every pairing, by SciPy, by hand, and what is refused."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics.correlation import concordance, kendall, pearson, spearman
from phenotype.statistics.ranks import UntestableError

TIED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=6).map(np.array)
PAIRS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=10, max_size=30).map(np.array)


def varied(pairs):
    """Take only pairs in which both vary."""
    assume(np.ptp(pairs[:, 0]) > 0 and np.ptp(pairs[:, 1]) > 0)
    return pairs[:, 0].astype(float), pairs[:, 1].astype(float)


@settings(max_examples=80, deadline=None)
@given(pairs=TIED)
def test_exact_p_of_spearman_by_every_pairing(pairs):
    """The definition, counted, also with ties: R has no exact p there."""
    x, y = varied(pairs)
    observed = abs(stats.spearmanr(x, y).statistic)
    centred = [stats.rankdata(values) - (len(x) + 1) / 2 for values in (x, y)]
    every = np.abs(np.array(list(permutations(centred[1]))) @ centred[0]) / np.sqrt(
        (centred[0] @ centred[0]) * (centred[1] @ centred[1])
    )

    found = spearman(x, y)

    assert found.method.startswith("Spearman, exact")
    assert found.p_value == pytest.approx(np.mean(every >= observed - 1e-9))


@settings(max_examples=80, deadline=None)
@given(pairs=PAIRS)
def test_larger_samples_are_scipys(pairs):
    """By t, and by the normal distribution with both corrections for ties."""
    x, y = varied(pairs)
    assume(abs(stats.spearmanr(x, y).statistic) < 1 - 1e-9)

    ranked, ordered, straight = spearman(x, y), kendall(x, y), pearson(x, y)

    assert (ranked.estimate, ranked.p_value) == pytest.approx(tuple(stats.spearmanr(x, y)), rel=1e-9, abs=1e-12)
    # Nobody may be tied for the exact distribution, which ten and more integers of 13 seldom satisfy.
    method = "exact" if "exact" in ordered.method else "asymptotic"
    assert (ordered.estimate, ordered.p_value) == pytest.approx(
        tuple(stats.kendalltau(x, y, method=method)), rel=1e-9, abs=1e-12
    )
    assert straight.p_value == pytest.approx(stats.pearsonr(x, y).pvalue, rel=1e-7)


def test_intervals_by_hand():
    """28 patients, r of 0.5 of 20,000 possible: tanh(atanh(r) ± 1.96 / 5) of Pearson; Spearman's is wider."""
    rng = np.random.default_rng(2)
    x = np.arange(28.0)
    y = x + rng.normal(0, 12, 28)
    straight, ranked, ordered = pearson(x, y), spearman(x, y), kendall(x, y)

    assert straight.high == pytest.approx(np.tanh(np.arctanh(straight.estimate) + 1.959964 / 5), rel=1e-6)
    error = np.sqrt((1 + ranked.estimate**2 / 2) / 25)
    assert ranked.low == pytest.approx(np.tanh(np.arctanh(ranked.estimate) - 1.959964 * error), rel=1e-6)
    assert ordered.low == pytest.approx(
        np.tanh(np.arctanh(ordered.estimate) - 1.959964 * np.sqrt(0.437 / 24)), rel=1e-6
    )


@pytest.mark.parametrize(("correlate", "slope"), [(pearson, 0.6), (spearman, 0.6), (kendall, 0.6)])
def test_intervals_cover_what_they_should(correlate, slope):
    """600 studies of 40 patients with a correlation of 0.6: 95 % of intervals hold it, standard error 0.9 points."""
    rng = np.random.default_rng(8)
    truth = {pearson: slope, spearman: 6 / np.pi * np.arcsin(slope / 2), kendall: 2 / np.pi * np.arcsin(slope)}
    held = 0
    for _ in range(600):
        x = rng.normal(size=40)
        found = correlate(x, slope * x + np.sqrt(1 - slope**2) * rng.normal(size=40))
        held += found.low <= truth[correlate] <= found.high

    assert 0.92 < held / 600 < 0.98


def test_score_by_hand():
    """1, 2, 3 against 1, 3, 2: two pairs agree, one does not; the variance of three is 3 x 2 x 11 / 18."""
    found = concordance([1, 2, 3], [1, 3, 2])

    assert (found.score, found.tau_b) == pytest.approx((1, 1 / 3))
    assert found.variance == pytest.approx(66 / 18)


def test_variance_of_the_score_by_every_order():
    """Mean square of the score over all orders of tied values: all three terms of the formula."""
    x, y = [1, 1, 1, 2, 2, 3], [1, 2, 2, 2, 3, 3]
    scores = [concordance(x, order).score for order in permutations(y)]

    assert concordance(x, y).variance == pytest.approx(np.mean(np.square(scores)))


@pytest.mark.parametrize("correlate", [pearson, spearman, kendall])
@pytest.mark.parametrize("n", [7, 30])
def test_order_units_and_signs(correlate, n):
    """Other units change nothing; exchanging the two neither; a sign turns the estimate and its interval."""
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(2, n))
    found, turned = correlate(x, y), correlate(x, -100 * y - 3)

    assert (turned.estimate, turned.low, turned.high) == pytest.approx((-found.estimate, -found.high, -found.low))
    assert turned.p_value == pytest.approx(found.p_value)
    assert correlate(y[::-1], x[::-1]).estimate == pytest.approx(found.estimate)
    assert found.low < found.estimate < found.high


def test_a_perfect_order_is_one_of_many():
    """Ten in the same order: two of 10! orders are as extreme, and t would say 0; a width of 0 would be a claim."""
    found = spearman(np.arange(10), np.arange(10) ** 3)

    assert (found.estimate, found.p_value) == (1, pytest.approx(2 / 3_628_800))
    assert np.isnan([found.low, found.high]).all()


def test_few_patients_have_no_interval():
    """Three determine no width."""
    assert np.isnan([pearson([1, 2, 3], [1, 3, 2]).low, kendall([1, 2, 3, 4], [1, 3, 2, 4]).low]).all()


@pytest.mark.parametrize("correlate", [pearson, spearman, kendall, concordance])
def test_what_cannot_be_correlated_is_refused(correlate):
    """A constant has no correlation, not one of 0; a missing value must not pair anything."""
    with pytest.raises(UntestableError, match="one of the measurements has one value in all 4 patients"):
        correlate([1, 2, 3, 4], [5, 5, 5, 5])
    with pytest.raises(UntestableError, match="2 patients; 3 are needed"):
        correlate([1, 2], [3, 4])
    with pytest.raises(ValueError, match="not finite"):
        correlate([1, 2, np.nan], [3, 4, 5])
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        correlate([1, 2, 3], [3, 4])
