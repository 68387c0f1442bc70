"""Rank tests: against R (coin, exactRankTests, effsize) and SciPy, by trying every split, by law and by chance."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics import ranks
from phenotype.statistics.ranks import UntestableError, cliffs_delta, hodges_lehmann, mann_whitney

CASES = ("noties", "ties", "naive20")
TIED = st.lists(st.integers(0, 5), min_size=1, max_size=5)
DISTINCT = st.lists(st.integers(-1000, 1000), min_size=6, max_size=30, unique=True)


@pytest.fixture
def r_case(golden):
    """Return a function that gives both groups of a case and R's answers."""

    def read(case):
        data, expected = golden("wilcoxon_two_sample")
        data = data[data["set"] == case]
        return *(data.loc[data["g"] == group, "v"].to_numpy() for group in "ab"), expected[case]

    return read


@pytest.mark.parametrize("case", CASES)
def test_the_exact_p_agrees_with_r(r_case, case):
    """R's coin and exactRankTests, which agree; base R and SciPy have no exact p with ties. The case asks for 1e-6."""
    a, b, expected = r_case(case)

    test = mann_whitney(a, b)

    assert test.statistic == expected["W"]
    assert test.p_value == pytest.approx(expected["coin_exact_p"], rel=1e-12)
    assert test.p_value == pytest.approx(expected["exactRankTests_p"], rel=1e-12)
    assert test.method == ("Mann-Whitney, exact with ties" if expected["ties"] else "Mann-Whitney, exact")


@pytest.mark.parametrize("case", CASES)
def test_the_shift_agrees_with_r(r_case, case):
    """The median of differences and coin's exact interval; wilcox.test with ties solves another equation."""
    a, b, expected = r_case(case)

    difference, low, high = hodges_lehmann(a, b)

    assert difference == pytest.approx(expected["median_of_differences"], rel=1e-12)
    assert (low, high) == pytest.approx(expected["coin_exact_hl_ci"], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_cliffs_delta_agrees_with_r(r_case, case):
    """R's effsize with the full dominance matrix: its default algorithm is not symmetric in the groups."""
    a, b, expected = r_case(case)

    delta, low, high = cliffs_delta(a, b)

    assert delta == pytest.approx(expected["cliff_delta"], rel=1e-12)
    assert (low, high) == pytest.approx(expected["cliff_ci"], rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_the_normal_approximation_agrees_with_r(r_case, monkeypatch, case):
    """wilcox.test(exact=FALSE, correct=TRUE): the numbers of studies too large for the exact distribution."""
    a, b, expected = r_case(case)
    monkeypatch.setattr(ranks, "EXACT_LIMIT", 0)

    test = mann_whitney(a, b)

    assert test.method == "Mann-Whitney, normal approximation"
    assert test.p_value == pytest.approx(expected["asymp_cc_p"], rel=1e-12)
    assert hodges_lehmann(a, b)[1:] == pytest.approx(expected["asymp_cc_hl_ci"], abs=2e-4)


def enumerated(a, b):
    """Return the chance of each value of U, by every way to choose the first group from the pooled values."""
    pooled = stats.rankdata([*a, *b])
    offset = len(a) * (len(a) + 1) / 2
    values = [sum(chosen) - offset for chosen in combinations(pooled, len(a))]
    found, counts = np.unique(values, return_counts=True)
    return found, counts / counts.sum()


@settings(max_examples=150, deadline=None)
@given(a=TIED, b=TIED)
def test_exact_p_with_ties_by_trying_every_split(a, b):
    """The definition, counted: the share of splits whose U is at least as far from its mean."""
    assume(len({*a, *b}) > 1)
    possible, chance = enumerated(a, b)
    mean, u = len(a) * len(b) / 2, sum((x > y) + (x == y) / 2 for x in a for y in b)

    test = mann_whitney(a, b)

    assert test.statistic == u
    assert test.p_value == pytest.approx(chance[abs(possible - mean) >= abs(u - mean)].sum(), rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(a=TIED, b=TIED, level=st.sampled_from([0.5, 0.8, 0.95]))
def test_the_interval_ends_where_u_leaves_what_is_not_rejected(a, b, level):
    """The definition, which is coin's: U just above each difference, against quantiles from every split."""
    assume(len({*a, *b}) > 1)
    possible, chance = enumerated(a, b)
    tail = (1 - level) / 2 * (1 - 1e-12)
    lowest, highest = possible[np.cumsum(chance) >= tail][0], possible[np.cumsum(chance[::-1])[::-1] >= tail][-1]
    steps = np.unique(np.subtract.outer(a, b))
    u = np.array([(np.subtract.outer(a, b) > step).sum() for step in steps])

    _, low, high = hodges_lehmann(a, b, level=level)

    if lowest == possible[0] or highest == possible[-1]:
        assert np.isnan([low, high]).all()
    else:
        assert (low, high) == (steps[u <= highest][0], steps[u < lowest][0])


@settings(max_examples=100, deadline=None)
@given(values=DISTINCT, data=st.data())
def test_without_ties_it_is_scipys_exact_test(values, data):
    """SciPy's exact p is right where there are no ties."""
    cut = data.draw(st.integers(1, len(values) - 1))
    a, b = values[:cut], values[cut:]

    test = mann_whitney(a, b)
    expected = stats.mannwhitneyu(a, b, method="exact")

    assert test.method == "Mann-Whitney, exact"
    assert test.statistic == expected.statistic
    assert test.p_value == pytest.approx(expected.pvalue, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(12, 83), (12, 43), (43, 83), (55, 83), (141, 141)])
def test_the_papers_sizes_are_exact(n, m):
    """All contrasts of the paper, and the largest size that is promised; SciPy's exact p has no ties here."""
    rng = np.random.default_rng(n + m)
    a, b = rng.normal(0.6, 1, n), rng.normal(0, 1, m)

    test = mann_whitney(a, b)

    assert test.method == "Mann-Whitney, exact"
    assert test.p_value == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue, rel=1e-10)


@settings(max_examples=100, deadline=None)
@given(a=st.lists(st.integers(0, 9), min_size=1, max_size=20), b=st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_the_normal_approximation_is_scipys(a, b):
    """With SciPy's corrections for ties and continuity, also where U is at its mean and p is 1."""
    assume(len({*a, *b}) > 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "EXACT_LIMIT", 0)
        test = mann_whitney(a, b)

    expected = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=True).pvalue
    assert test.p_value == pytest.approx(expected, rel=1e-10)


def test_beyond_the_limit_the_method_says_normal_approximation():
    """A reader must be able to tell which p-value it is; interval and p still reject together."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.2, 1, 200), rng.normal(0, 1, 200)

    test, (difference, low, high) = mann_whitney(a, b), hodges_lehmann(a, b)

    assert test.method == "Mann-Whitney, normal approximation"
    assert test.p_value == pytest.approx(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)
    assert low < difference < high
    assert (test.p_value < 0.05) == (not low <= 0 <= high)


def test_separated_groups_by_hand():
    """Two of the 20 ways to split six ranks are this extreme, so p is 2/20; the 9 differences have median -3."""
    a, b = [1, 2, 3], [4, 5, 6]

    assert mann_whitney(a, b).p_value == pytest.approx(0.1)
    assert mann_whitney(a, b).statistic == 0
    assert hodges_lehmann(a, b)[0] == -3
    assert cliffs_delta(a, b)[0] == -1


def test_ties_change_p_by_hand():
    """Of the 6 ways to choose two of the midranks 1, 2.5, 2.5, 4, those with sum 3.5 (twice) and 6.5 (twice) reach."""
    assert mann_whitney([0, 1], [1, 2]).p_value == pytest.approx(4 / 6)


def test_shift_and_interval_by_hand():
    """5 against 5: 2.5 % lies at U = 2 (4 of 252 splits are below), so the 3rd of 25 differences is left in."""
    a, b = np.arange(5) * 10.0, np.arange(5.0)
    differences = np.sort(np.subtract.outer(a, b), axis=None)

    assert hodges_lehmann(a, b) == (differences[12], differences[2], differences[22])


def test_cliffs_delta_by_hand():
    """Of 16 pairs one is larger, two are equal, 13 are smaller: -12/16; its variance is 7/144 from row means."""
    delta, low, high = cliffs_delta([1, 2, 3, 4], [3, 4, 5, 6])

    t2v, room = stats.t.ppf(0.975, 6) ** 2 * 7 / 144, 1 - 0.75**2
    half = np.sqrt(t2v * (room**2 + t2v))
    assert delta == -0.75
    assert (low, high) == pytest.approx(((-0.75 * room - half) / (room + t2v), (-0.75 * room + half) / (room + t2v)))


def test_the_variance_of_delta_has_a_minimum():
    """Nearly separated groups: the unbiased variance is 1/81, half of Cliff's minimum (1 - 64/81) / 8."""
    delta, low, high = cliffs_delta([0, 0, 1], [1, 2, 3])

    t2v, room = stats.t.ppf(0.975, 4) ** 2 * (17 / 81) / 8, 17 / 81
    half = np.sqrt(t2v * (room**2 + t2v))
    assert delta == pytest.approx(-8 / 9)
    assert (low, high) == pytest.approx(((-8 / 9 * room - half) / (room + t2v), (-8 / 9 * room + half) / (room + t2v)))


@given(values=DISTINCT, data=st.data())
@settings(max_examples=100, deadline=None)
def test_the_interval_leaves_out_no_difference_where_the_test_rejects(values, data):
    """A p below 0.05 beside an interval that holds 0 would be two answers to one question."""
    cut = data.draw(st.integers(5, len(values) - 1)) if len(values) > 6 else 3
    a, b = values[:cut], values[cut:]
    _, low, high = hodges_lehmann(a, b)
    assume(low == low)

    assert (mann_whitney(a, b).p_value < 0.05) == (not low <= 0 <= high)


@settings(max_examples=100, deadline=None)
@given(a=TIED.filter(lambda values: len(values) > 1), b=TIED.filter(lambda values: len(values) > 1))
def test_swapping_the_groups_mirrors_everything(a, b):
    """None against ASCT is ASCT against none with the other sign; effsize's default algorithm fails this."""
    assume(len({*a, *b}) > 1)

    for measure in (hodges_lehmann, cliffs_delta):
        estimate, low, high = measure(a, b, level=0.8)
        assert measure(b, a, level=0.8) == pytest.approx((-estimate, -high, -low), nan_ok=True)
    assert mann_whitney(a, b).p_value == pytest.approx(mann_whitney(b, a).p_value)
    assert mann_whitney(a, b).statistic + mann_whitney(b, a).statistic == len(a) * len(b)


@given(a=st.lists(st.integers(0, 20), min_size=2, max_size=8), b=st.lists(st.integers(0, 20), min_size=2, max_size=8))
@settings(max_examples=100, deadline=None)
def test_estimates_lie_in_their_intervals_and_delta_is_u(a, b):
    """An estimate outside its interval is a sign or an index gone wrong; delta is U seen as a share of pairs."""
    assume(len({*a, *b}) > 1)

    difference, low, high = hodges_lehmann(a, b)
    delta, delta_low, delta_high = cliffs_delta(a, b)

    assert np.isnan(low) or low <= difference <= high
    assert np.isnan(delta_low) or -1 <= delta_low <= delta <= delta_high <= 1
    assert delta == pytest.approx(2 * mann_whitney(a, b).statistic / (len(a) * len(b)) - 1)


@pytest.mark.parametrize(
    ("n", "m", "exists"),
    [(3, 3, False), (3, 4, False), (3, 5, True), (4, 4, True), (1, 39, False), (1, 40, True)],
)
def test_three_against_four_have_no_95_percent_interval(n, m, exists):
    """Their widest covers 94 %, which R prints under 95 %; 1 against 39 has tails of 1/40, and p = 0.05 is kept."""
    _, low, high = hodges_lehmann(np.arange(n) + 0.5, np.arange(m))

    assert np.isfinite([low, high]).tolist() == [exists, exists]


def test_groups_that_do_not_overlap_have_no_interval_of_delta():
    """The variance is estimated from pairs that disagree, and there are none: a width of 0 would be a claim."""
    delta, low, high = cliffs_delta([4, 5, 6], [1, 2, 3])

    assert delta == 1
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("function", [mann_whitney, hodges_lehmann, cliffs_delta])
@pytest.mark.parametrize(
    ("a", "message"),
    [
        ([], "groups of 0 and 2; a comparison needs a value in each"),
        ([1.0, 1.0], "all 4 values are 1; there is nothing to rank"),
    ],
)
def test_nothing_to_rank_is_an_error_with_a_reason(function, a, message):
    """A p of 1 would say that the groups were compared."""
    with pytest.raises(UntestableError, match=message):
        function(a, [1.0, 1.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_values_are_refused(value):
    """NaN has a rank in NumPy, the highest: it would count as a patient with the largest fraction."""
    with pytest.raises(ValueError, match="1 values are not finite; leave missing values out"):
        mann_whitney([0.1, value], [0.2, 0.3])


def test_p_values_are_uniform_where_nothing_differs():
    """Of 2,000 studies of 12 against 20 with rounded values, at most 5 % may have p <= 0.05; standard error 0.5 %."""
    rng = np.random.default_rng(20)
    draws = rng.normal(size=(2000, 32)).round(1)

    p = np.array([mann_whitney(row[:12], row[12:]).p_value for row in draws])

    assert 0.035 < np.mean(p <= 0.05) < 0.06
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.04)


def test_intervals_cover_what_they_should():
    """600 studies of 12 against 40, shift 0.5 (delta 0.276): 95 % of intervals hold it, standard error 0.9 points."""
    rng = np.random.default_rng(3)
    studies = [(rng.normal(0.5, 1, 12), rng.normal(0, 1, 40)) for _ in range(600)]
    delta = 2 * stats.norm.cdf(0.5 / np.sqrt(2)) - 1

    shifts = np.array([hodges_lehmann(a, b)[1:] for a, b in studies])
    deltas = np.array([cliffs_delta(a, b)[1:] for a, b in studies])

    assert 0.925 < np.mean((shifts[:, 0] <= 0.5) & (shifts[:, 1] >= 0.5)) < 0.98
    assert 0.92 < np.mean((deltas[:, 0] <= delta) & (delta <= deltas[:, 1])) < 0.98
