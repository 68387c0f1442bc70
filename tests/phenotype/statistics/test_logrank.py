"""Log-rank tests at their edges; R's numbers are in test_golden."""

import numpy as np
import pytest
from scipy import stats

from phenotype.statistics.logrank import log_rank, log_rank_trend, pairwise_log_rank
from phenotype.statistics.ranks import UntestableError


def cohort(seed=3, n=60):
    """Return times in fifths of a month, so with ties; a third censored; three groups in turn."""
    rng = np.random.default_rng(seed)
    group = np.array(["none", ">1y", "<=1y"])[np.arange(n) % 3]
    time = np.ceil(rng.exponential(8, n) * 5) / 5
    return time, rng.random(n) < 0.65, group


def test_a_test_by_hand():
    """Three deaths, one pair at risk less each time: O = 1, E = 1/2 + 1/3 + 1/2, V = 1/4 + 2/9 + 1/4."""
    test = log_rank([1, 2, 3, 4], [1, 1, 1, 0], ["a", "b", "b", "a"])

    assert test.observed == (1, 2)
    assert test.expected == pytest.approx((1 / 2 + 1 / 3 + 1 / 2, 1 / 2 + 2 / 3 + 1 / 2))
    assert test.statistic == pytest.approx((1 - 4 / 3) ** 2 / (1 / 4 + 2 / 9 + 1 / 4))
    assert (test.n, test.events, test.df) == ((2, 2), (1, 2), 1)


def test_scipy_agrees_on_two_groups():
    """Another implementation of the same test, signed."""
    time, event, group = cohort()
    sides = [stats.CensoredData.right_censored(time[group == g], ~event[group == g]) for g in ("none", "<=1y")]
    two = group != ">1y"

    test = log_rank(time[two], event[two], group[two])

    assert test.p_value == pytest.approx(stats.logrank(*sides).pvalue, rel=1e-9)


def test_the_order_of_groups_and_rows_does_not_matter():
    """The chi-square leaves one group out; which one must not show."""
    time, event, group = cohort()
    order = np.random.default_rng(0).permutation(len(time))

    test = log_rank(time, event, group, groups=("none", ">1y", "<=1y"))
    moved = log_rank(time[order] * 30.4375, event[order], group[order], groups=("<=1y", "none", ">1y"))

    assert moved.statistic == pytest.approx(test.statistic, rel=1e-10)
    assert moved.observed == pytest.approx((test.observed[2], test.observed[0], test.observed[1]))


def test_a_trend_over_two_groups_is_the_log_rank_test():
    """With two groups there is nothing else to test; the sign says which has more events than expected."""
    time, event, group = cohort()
    two = group != ">1y"

    trend = log_rank_trend(time[two], event[two], group[two], ("none", "<=1y"))
    test = log_rank(time[two], event[two], group[two], groups=("none", "<=1y"))

    assert trend.statistic**2 == pytest.approx(test.statistic, rel=1e-10)
    assert trend.p_value == pytest.approx(test.p_value, rel=1e-9)
    assert np.sign(trend.statistic) == np.sign(test.observed[1] - test.expected[1])
    assert trend.method == "log-rank test for trend, scores 0, 1"


def test_a_trend_does_not_depend_on_where_scores_begin():
    """0, 1, 2 and 10, 20, 30 are the same order at the same distances; 0, 1, 5 is another question."""
    time, event, group = cohort()
    order = ("none", ">1y", "<=1y")

    trend = log_rank_trend(time, event, group, order)

    assert log_rank_trend(time, event, group, order, scores=(10, 20, 30)).statistic == pytest.approx(trend.statistic)
    assert log_rank_trend(time, event, group, order, scores=(0, 1, 5)).statistic != pytest.approx(trend.statistic)


def test_a_stratum_of_one_group_adds_nothing():
    """It holds no comparison: the patients of a centre with one group cannot sway the test."""
    time, event, group = cohort()
    alone = np.append(time, [1, 2, 3]), np.append(event, [True] * 3), np.append(group, ["none"] * 3)

    test = log_rank(*alone, strata=np.append(np.zeros(len(time)), [1, 1, 1]))

    assert test.statistic == pytest.approx(log_rank(time, event, group).statistic, rel=1e-10)
    assert test.method == "log-rank, stratified"


def test_a_group_censored_before_the_first_event_takes_no_part():
    """As in R: it has no expected events and costs no degree of freedom."""
    time, event, group = [1, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 0], list("ccabab")

    test = log_rank(time, event, group)

    assert test.df == 1
    assert test.statistic == pytest.approx(log_rank(time[2:], event[2:], group[2:]).statistic)


def test_pairs_that_cannot_be_tested_do_not_count():
    """One empty comparison must not make the p-values of the others larger."""
    pairs = pairwise_log_rank([1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9], [1] * 8 + [0] * 3, list("ababababccc"))
    within_a_and_b = pairwise_log_rank([5, 5, 6, 6, 1, 2], [0, 0, 0, 0, 1, 1], list("ababcc"))

    assert [pair.groups for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert within_a_and_b[0].test is None
    assert within_a_and_b[0].note == "all 4 patients censored"
    assert within_a_and_b[1].p_holm == pytest.approx(2 * within_a_and_b[1].test.p_value)


@pytest.mark.parametrize(
    ("time", "event", "group", "message"),
    [
        ([1, 2, 3], [0, 0, 0], list("aab"), "all 3 patients censored"),
        ([1, 2, 3], [1, 0, 1], list("aaa"), "all 3 patients in one group, a"),
        ([1, 2, 3], [0, 1, 1], list("abb"), "only one group was at risk when events happened"),
        ([2, 2, 2], [1, 1, 1], list("abb"), "all events fell on one time"),
    ],
)
def test_what_admits_no_test_says_why(time, event, group, message):
    """The reason stands in the table in place of a p-value."""
    with pytest.raises(UntestableError, match=message):
        log_rank(time, event, group)


def test_an_empty_group_is_named():
    """With the order given, a group without patients is seen; sorted labels would hide it."""
    with pytest.raises(UntestableError, match="no patients in group <=1y"):
        log_rank([1, 2, 3], [1, 1, 0], ["none", ">1y", ">1y"], groups=("none", ">1y", "<=1y"))


def test_an_unknown_group_is_refused():
    """A spelling that is in no list is a mistake, not a group."""
    with pytest.raises(ValueError, match="no group '> 1y'; did you mean '>1y'"):
        log_rank([1, 2, 3], [1, 1, 0], ["none", "> 1y", ">1y"], groups=("none", ">1y"))


@pytest.mark.parametrize("scores", [(1, 1), (0, np.nan), (0, 1, 2)])
def test_scores_without_an_order_are_refused(scores):
    """Equal scores have no trend; a trend over the wrong groups would look like one."""
    with pytest.raises(ValueError, match="each needs a finite one, and they differ"):
        log_rank_trend([1, 2, 3], [1, 1, 0], list("aba"), ("a", "b"), scores=scores)


def test_strata_need_a_label_each():
    """A column of another length belongs to another table."""
    with pytest.raises(ValueError, match="strata of shape"):
        log_rank([1, 2, 3], [1, 1, 0], list("aba"), strata=[1, 2])
