"""Three groups and more: by every split, by hand, by SciPy, by law and by chance, and what is refused."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics import groups as module
from phenotype.statistics.groups import (
    anova,
    dunn,
    jonckheere_terpstra,
    kruskal_wallis,
    levene,
    permutation_test,
    welch_anova,
    welch_t,
)
from phenotype.statistics.ranks import UntestableError, mann_whitney

THREE = st.tuples(*[st.lists(st.integers(0, 4), min_size=1, max_size=3)] * 3)
VALUES = st.lists(st.integers(-50, 50), min_size=2, max_size=8, unique=True)


def splits(groups):
    """Give every way to deal the pooled values into groups of these sizes, as often as it occurs."""
    ends = np.cumsum([len(group) for group in groups])[:-1]
    for order in permutations(np.concatenate(groups).tolist()):
        yield np.split(np.array(order), ends)


def j_of(groups):
    """Count pairs of which the later is larger."""
    return sum(
        ((np.subtract.outer(b, a) > 0) + (np.subtract.outer(b, a) == 0) / 2).sum()
        for at, a in enumerate(groups)
        for b in groups[at + 1 :]
    )


@settings(max_examples=30, deadline=None)
@given(groups=THREE)
def test_trend_by_every_split(groups):
    """The definition, counted: the share of splits whose J is as far from its mean, with ties and without."""
    pooled = np.concatenate(groups)
    assume(np.ptp(pooled) > 0 and len(pooled) <= 7)
    every = np.array([j_of(split) for split in splits(groups)])
    mean = every.mean()

    found = jonckheere_terpstra(groups)

    assert found.statistic == j_of([np.array(group) for group in groups])
    assert "exact" in found.method
    assert ("ties" in found.method) == (len(np.unique(pooled)) < len(pooled))
    assert found.p_value == pytest.approx(np.mean(np.abs(every - mean) >= abs(found.statistic - mean) - 1e-9))


def test_trend_by_hand():
    """1 2 | 3 4 | 5 6: J is 12 of 12, one of 90 splits, and so is 0: p = 2 / 90."""
    found = jonckheere_terpstra([[1, 2], [3, 4], [5, 6]])

    assert (found.statistic, found.tau_b) == (12, pytest.approx(12 / np.sqrt(15 * 12)))
    assert found.p_value == pytest.approx(2 / 90)


@settings(max_examples=60, deadline=None)
@given(a=VALUES, b=VALUES)
def test_trend_of_two_groups_is_mann_whitney(a, b):
    """One question, two names; with ties too, where splits are few."""
    assume(np.ptp([*a, *b]) > 0)
    found = jonckheere_terpstra([b, a])

    assert found.statistic == mann_whitney(a, b).statistic
    assert found.p_value == pytest.approx(mann_whitney(a, b).p_value)


def test_trend_beyond_small_ties_is_normal_and_close():
    """Rounded fractions of 83, 43 and 12: the normal p is near that of the same values without ties, which is exact."""
    rng = np.random.default_rng(4)
    groups = [rng.normal(shift, 1, n) for shift, n in ((0, 83), (0.2, 43), (0.5, 12))]
    exact, rounded = jonckheere_terpstra(groups), jonckheere_terpstra([values.round(1) for values in groups])

    assert (exact.method, rounded.method) == (
        "Jonckheere-Terpstra, exact",
        "Jonckheere-Terpstra, normal approximation",
    )
    assert rounded.p_value == pytest.approx(exact.p_value, rel=0.15)
    assert 0.001 < exact.p_value < 0.2


@pytest.mark.parametrize("decimals", [8, 0])
def test_trend_p_values_are_uniform_where_nothing_differs(decimals):
    """2,000 studies of 8, 5 and 4 alike: at most 5 % have p <= 0.05, exactly or by the normal distribution."""
    rng = np.random.default_rng(3)
    draws = rng.normal(0, 2, size=(2000, 17)).round(decimals)
    p = np.array([jonckheere_terpstra([row[:8], row[8:13], row[13:]]).p_value for row in draws])

    assert 0.03 < np.mean(p <= 0.05) < 0.062


def test_kruskal_by_hand():
    """Mean ranks 2, 5, 8 of nine: H = 12 / 90 x 3 x (9 + 0 + 9) = 7.2, of which epsilon squared is an eighth."""
    test = kruskal_wallis([[1, 2, 3], [4, 5, 6], [7, 8, 9]])

    assert (test.statistic, test.df) == (pytest.approx(7.2), 2)
    assert (test.epsilon_squared, test.eta_squared) == pytest.approx((7.2 / 8, 5.2 / 6))
    assert test.p_value == pytest.approx(np.exp(-3.6))


def test_dunn_by_hand():
    """The same ranks: a difference of 3 over the root of 7.5 x 2 / 3; Holm's smallest of three is three times."""
    first, widest, last = dunn([[1, 2, 3], [4, 5, 6], [7, 8, 9]])

    assert (first.first, first.second, widest.first, widest.second) == (0, 1, 0, 2)
    assert (first.z, widest.z, last.z) == pytest.approx((-3 / np.sqrt(5), -6 / np.sqrt(5), -3 / np.sqrt(5)))
    assert widest.p_holm == widest.p_bonferroni == pytest.approx(3 * widest.p_value)
    assert first.p_bh == pytest.approx(first.p_value)
    assert first.n == 6


def test_two_means_by_hand():
    """4 5 6 against 1 2 3: 3 over the root of 2/3, on 4 degrees of freedom; Welch's F of two groups is its square."""
    found = welch_t([4, 5, 6], [1, 2, 3])

    assert (found.difference, found.t, found.df) == pytest.approx((3, 3 / np.sqrt(2 / 3), 4))
    assert found.low == pytest.approx(3 - stats.t.ppf(0.975, 4) * np.sqrt(2 / 3))
    test = welch_anova([[4, 5, 7], [1, 2, 9]])
    assert test.statistic == pytest.approx(welch_t([4, 5, 7], [1, 2, 9]).t ** 2)
    assert test.p_value == pytest.approx(welch_t([4, 5, 7], [1, 2, 9]).p_value)


@settings(max_examples=60, deadline=None)
@given(a=VALUES, b=VALUES, c=VALUES)
def test_analyses_of_variance_are_scipys(a, b, c):
    """With its own degrees of freedom, and Levene about the medians."""
    assume(len({*a, *b, *c}) > 3 and any(len(v) > 2 for v in (a, b, c)))
    distances = [np.abs(np.array(v) - np.median(v)) for v in (a, b, c)]
    assume(any(np.ptp(d) > 1e-9 for d in distances))

    assert welch_t(a, b).p_value == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-8)
    if not np.isnan(expected := stats.f_oneway(a, b, c).pvalue):
        assert anova([a, b, c]).p_value == pytest.approx(expected, rel=1e-8)
    assert levene([a, b, c]).statistic == pytest.approx(
        stats.levene(a, b, c, center="median").statistic, rel=1e-7, abs=1e-12
    )


def test_equal_means_have_a_p_value_of_one():
    """SciPy's F is -1e-32 there, and its p NaN: a row without a p-value and without a reason."""
    groups = [[0, 1, 2, 3, 41, 50], [8, 9, 10, 11, 12, 47], [49, 0, 1, 2, 3, 42]]

    assert (anova(groups).statistic, anova(groups).p_value) == pytest.approx((0, 1), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(groups=THREE)
def test_permutations_by_every_split(groups):
    """The definition, counted: F of each split against that of the groups as they are."""
    pooled = np.concatenate(groups)
    assume(np.ptp(pooled) > 0 and len(pooled) <= 7)

    def between(split):
        return sum(len(values) * (np.mean(values) - pooled.mean()) ** 2 for values in split)

    observed = between(groups)
    expected = np.mean([between(split) >= observed - 1e-9 for split in splits(groups)])

    assert permutation_test(groups).p_value == pytest.approx(expected)


def test_of_two_groups_permutation_is_scipys():
    """SciPy's permutation test of a difference of means, all splits; F is that of the analysis of variance."""
    a, b = [1.2, 3.4, 2.2, 8.1], [4.4, 6.1, 9.3, 7.7, 5.0]
    expected = stats.permutation_test((a, b), lambda x, y: abs(np.mean(x) - np.mean(y)), alternative="greater")
    found = permutation_test([a, b])

    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.statistic == pytest.approx(stats.f_oneway(a, b).statistic)


def test_ranks_permuted_are_the_exact_test_of_kruskal_and_wallis():
    """Of the 1,680 splits of nine ranks, six have three groups apart: p = 6 / 1680."""
    ranks = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

    assert permutation_test(ranks).p_value == pytest.approx(6 / 1680)


def test_too_many_splits_are_refused_or_drawn(monkeypatch):
    """12 against 43 cannot all be tried: without a generator no p-value; with one, the same p again, and its error."""
    rng = np.random.default_rng(6)
    a, b = rng.normal(0.8, 1, 12), rng.normal(0, 1, 43)
    with pytest.raises(UntestableError, match="too many ways to deal 55 patients into groups of 12, 43"):
        permutation_test([a, b])
    first, again = (permutation_test([a, b], rng=np.random.default_rng(1), rounds=25_000) for _ in range(2))

    assert first == again
    assert first.method.startswith("permutation, 25000 at random, standard error 0.00")
    assert first.p_value == pytest.approx(anova([a, b]).p_value, abs=0.004)
    small = [[1, 2, 4, 9], [3, 5, 8, 12]]
    exact = permutation_test(small).p_value
    monkeypatch.setattr(module, "SPLIT_LIMIT", 1)
    drawn = permutation_test(small, rng=np.random.default_rng(2), rounds=20_000).p_value
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))
    apart = permutation_test([range(30), range(90, 120)], rng=np.random.default_rng(2), rounds=99).p_value
    assert apart == 1 / 100


TESTS = (anova, dunn, jonckheere_terpstra, kruskal_wallis, levene, welch_anova)


@pytest.mark.parametrize("test", TESTS)
def test_units_do_not_count(test):
    """Percent or fractions: the same test; also the order of patients within a group."""
    rng = np.random.default_rng(9)
    groups = [rng.normal(shift, 1, 7) for shift in (0, 0.4, 1)]
    one, other = (np.atleast_1d(test(values)) for values in (groups, [100 * v[::-1] + 3 for v in groups]))

    for found, same in zip(one, other, strict=True):
        assert same.p_value == pytest.approx(found.p_value, rel=1e-9)


@pytest.mark.parametrize("test", [*TESTS, permutation_test])
def test_groups_that_cannot_be_compared_are_refused(test):
    """An empty group, one value in all, a missing value, one group alone: the reason, not a NaN."""
    with pytest.raises(UntestableError, match="groups of 2, 0, 1; each needs a value"):
        test([[1, 2], [], [3]])
    with pytest.raises(UntestableError, match="all 4 values are 1; there is nothing to compare"):
        test([[1, 1], [1, 1]])
    with pytest.raises(ValueError, match="1 values are not finite"):
        test([[1, np.nan], [1, 2]])
    with pytest.raises(ValueError, match="two or more"):
        test([[1, 2]])


def test_means_without_spread_are_refused():
    """A variance of 0 would make t infinite and p 0."""
    with pytest.raises(UntestableError, match="a group of 2, 1 has no variance"):
        welch_t([1, 2], [3])
    with pytest.raises(UntestableError, match="a group of 3, 2 has no variance"):
        welch_anova([[1, 2, 3], [4, 4]])
    with pytest.raises(UntestableError, match="no group varies"):
        anova([[1, 1], [2, 2]])
    # Distances of 0.1 and 0.09999999999999998: rounding is no spread.
    for groups in ([[1, 2], [5, 9]], [[0.1, 0.3], [0.2, 0.6]]):
        with pytest.raises(UntestableError, match="distances from the median do not vary"):
            levene(groups)
    with pytest.raises(UntestableError, match="a group of 2, 2 has no variance"):
        welch_t([0.1 + 0.2, 0.3], [1, 2])
