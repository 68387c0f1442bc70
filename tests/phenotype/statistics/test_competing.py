"""Cumulative incidence and Gray's test by hand, by law and where there is no answer; R's numbers are in test_golden."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenotype.statistics.competing import cumulative_incidence, gray_test, incidence_at
from phenotype.statistics.logrank import log_rank
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import kaplan_meier

PATIENTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=25)


def cohort(seed=4, n=90):
    """Return times with ties, a status of 0, 1 or 2, and three groups in turn."""
    rng = np.random.default_rng(seed)
    return np.ceil(rng.exponential(8, n)), rng.choice([0, 1, 1, 2], n), np.array(["a", "b", "c"])[np.arange(n) % 3]


def columns(patients):
    """Return times and status of patients drawn as pairs."""
    return np.array([t for t, _ in patients], dtype=float), np.array([s for _, s in patients])


def test_an_incidence_by_hand():
    """Four at risk, a relapse: 1/4. Three left, a death: 3/4 to 1/2. A censoring; the last relapses: 1/4 + 1/2."""
    curve = cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1])

    assert curve.incidence.tolist() == [0.25, 0.25, 0.25, 0.75]
    assert curve.events.tolist() == [1, 0, 0, 1]
    assert curve.competing.tolist() == [0, 1, 0, 0]
    assert (curve.n, curve.n_events) == (4, 2)


def test_one_minus_kaplan_meier_would_say_more():
    """The reason this exists: with deaths counted as censored, all four of the example above would relapse."""
    relapsed = cumulative_incidence([1, 2, 3, 4], [1, 2, 0, 1]).incidence[-1]

    assert 1 - kaplan_meier([1, 2, 3, 4], [1, 0, 0, 1]).survival[-1] == 1
    assert relapsed == 0.75


@given(PATIENTS)
def test_causes_and_survival_add_up_to_everybody(patients):
    """Each patient is free of events, or had one cause, or the other."""
    time, status = columns(patients)

    parts = [cumulative_incidence(time, status, cause=cause).incidence for cause in (1, 2)]

    assert parts[0] + parts[1] + kaplan_meier(time, status > 0).survival == pytest.approx(1)


@given(PATIENTS)
def test_without_censoring_it_is_the_share_who_had_it(patients):
    """A plain proportion of all patients."""
    time, status = columns(patients)
    status = np.maximum(status, 1)

    curve = cumulative_incidence(time, status)

    share = [((time <= t) & (status == 1)).mean() for t in curve.time]
    assert curve.incidence == pytest.approx(share, abs=1e-12)


def test_the_variance_of_many_is_the_binomial_one():
    """Without censoring, of 2,000 patients, until a tenth is left: the delta method is a little above F(1 - F)/n."""
    rng = np.random.default_rng(0)
    curve = cumulative_incidence(rng.permutation(2000), rng.choice([1, 2], 2000))
    share = curve.incidence[20:1800]

    ratio = curve.variance[20:1800] / (share * (1 - share) / 2000)

    assert ratio.min() > 0.999
    assert ratio.max() < 1.02


def test_everybody_relapsed_is_all_of_them():
    """Steps of 1/11 add up to a little less than 1; an interval of that would overflow, and 100 % has none."""
    curve = cumulative_incidence([0] * 9 + [1, 2], [0] * 7 + [1] * 4)

    assert curve.incidence[-1] == 1
    assert np.isnan([curve.low[-1], curve.high[-1]]).all()


@given(PATIENTS)
def test_intervals_hold_the_incidence_and_stay_within_0_and_1(patients):
    """No incidence outside its own interval; none has an interval at 0 % or 100 %."""
    curve = cumulative_incidence(*columns(patients))
    there = np.isfinite(curve.low)

    assert ((curve.incidence > 0) & (curve.incidence < 1) == there).all()
    assert (curve.variance >= 0).all()
    assert (curve.low[there] >= 0).all()
    assert (curve.low <= curve.incidence + 1e-12)[there].all()
    assert (curve.incidence <= curve.high + 1e-12)[there].all()
    assert (curve.high[there] <= 1).all()


def test_nothing_is_said_past_the_last_follow_up():
    """As for survival; but where everybody has had an event, nothing can change any more."""
    followed = cumulative_incidence([1, 2, 3], [1, 2, 0])
    settled = cumulative_incidence([1, 2, 3], [1, 2, 1])

    assert incidence_at(followed, [0.5, 3]).incidence == pytest.approx([0, 1 / 3])
    assert np.isnan(incidence_at(followed, 3.1).incidence).all()
    assert incidence_at(settled, 3.1).incidence == pytest.approx([2 / 3])
    assert incidence_at(followed, [0, 2, 4]).at_risk.tolist() == [3, 2, 0]


def test_a_test_of_groups_does_not_depend_on_their_order():
    """One group is left out of the chi-square, and rows come as they come; neither may show."""
    time, status, group = cohort()
    order = np.random.default_rng(0).permutation(len(time))

    test = gray_test(time, status, group)
    moved = gray_test(time[order] * 30.4375, status[order], group[order], groups=("c", "a", "b"))

    assert moved.statistic == pytest.approx(test.statistic, rel=1e-9)
    assert moved.events == (test.events[2], test.events[0], test.events[1])
    assert (test.n, test.df, test.method) == ((30, 30, 30), 2, "Gray")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_competing_cause_matters_to_the_test(seed):
    """Both groups relapse at one rate, but one dies early, so fewer relapse: Gray's test sees it, the log-rank not."""
    rng = np.random.default_rng(seed)
    group = np.repeat(["a", "b"], 600)
    relapse, death = rng.exponential(20, 1200), rng.exponential(np.where(group == "b", 4, 200))
    end = np.minimum(np.minimum(relapse, death), 30)
    status = np.where(end == 30, 0, np.where(relapse < death, 1, 2))
    censored = np.where(status == 2, 0, status)

    alone = gray_test(end, censored, group)

    assert gray_test(end, status, group).p_value < 1e-6
    assert alone.statistic == pytest.approx(log_rank(end, censored, group).statistic, rel=0.1, abs=0.01)


def test_gray_holds_its_level():
    """Of 400 trials without a difference, some 5 % are below 0.05: within three standard errors."""
    rng = np.random.default_rng(11)
    group = np.repeat(["a", "b", "c"], 25)
    below = 0
    for _ in range(400):
        time, status = np.ceil(rng.exponential(10, 75)), rng.choice([0, 1, 2], 75)
        below += gray_test(time, status, group).p_value < 0.05

    assert below / 400 == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 400))


@given(PATIENTS, st.integers(0, 2**25 - 1))
def test_small_samples_have_a_p_value_or_a_reason(patients, dealt):
    """Ties at the end, groups that die out, a single event: nothing may come out as NaN or as a warning."""
    time, status = columns(patients)
    group = np.where([dealt >> place & 1 for place in range(len(time))], "a", "b")

    try:
        test = gray_test(time, status, group)
    except UntestableError:
        return

    assert 0 <= test.p_value <= 1
    assert test.statistic >= -1e-9


def test_a_group_censored_before_the_first_event_takes_no_part():
    """As in the log-rank test: nobody of it was there to compare."""
    time, status, group = cohort()
    late = time + 1

    test = gray_test(np.append(late, [0, 0]), np.append(status, [0, 0]), np.append(group, ["d", "d"]))

    assert test.df == 2
    assert test.statistic == pytest.approx(gray_test(late, status, group).statistic)


@pytest.mark.parametrize(
    ("status", "group", "message"),
    [
        ([2, 0, 2, 0], list("aabb"), "no event of cause 1 in 4 patients"),
        ([1, 0, 2, 0], list("aaaa"), "all 4 patients in one group, a"),
        ([0, 0, 1, 2], list("aabb"), "the groups were not at risk together"),
        ([1, 1, 1, 1], list("aabb"), "so early that the pooled incidence exceeds 1"),
    ],
)
def test_what_admits_no_test_says_why(status, group, message):
    """The reason stands in the table in place of a p-value."""
    with pytest.raises(UntestableError, match=message):
        gray_test([1, 2, 3, 4], status, group)


@pytest.mark.parametrize(
    ("status", "cause", "message"),
    [
        ([1, 0.5], 1, "status 0.5; 0 is the end of observation without an event"),
        ([1, -1], 1, "status -1"),
        ([1, np.nan], 1, "status nan"),
        ([1, 2], 0, "cause 0; causes count from 1"),
        ([1, 2, 0], 1, "event of shape"),
    ],
)
def test_wrong_status_is_refused(status, cause, message):
    """Status is a code; a code that is none must not count as censored."""
    with pytest.raises(ValueError, match=message) as caught:
        cumulative_incidence([1, 2], status, cause=cause)
    assert not isinstance(caught.value, UntestableError)
