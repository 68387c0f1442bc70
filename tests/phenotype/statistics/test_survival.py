"""Curves, rates, medians and follow-up at their edges; R's numbers are in test_golden."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import (
    INTERVALS,
    checked_observations,
    follow_up,
    kaplan_meier,
    landmark,
    quantile,
    rates,
    risk_table,
    symmetric_median,
)

PATIENTS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=25)
IUD_TIME = [10, 13, 18, 19, 23, 30, 36, 38, 54, 56, 59, 75, 93, 97, 104, 107, 107, 107]
IUD_EVENT = [1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0]
"""Weeks to stopping an intrauterine device, 18 women: Collett, tables 1.1 and 2.2."""


def test_a_textbook_curve():
    """Collett, table 2.2: S after 19, 75 and 93 weeks, and the standard error at 93, four decimals."""
    curve = kaplan_meier(IUD_TIME, IUD_EVENT)

    answer = rates(curve, [19, 75, 93])

    assert answer.survival.round(4).tolist() == [0.8815, 0.5594, 0.4662]
    assert answer.std_error[2].round(4) == 0.1452


def test_the_symmetric_median_of_the_textbook():
    """Collett, example 2.7: (0.5594 - 0.3729) / (97 - 75) = 0.0085 a week; 0.1452 / 0.0085 = 17.13; 59 to 127."""
    answer = symmetric_median(kaplan_meier(IUD_TIME, IUD_EVENT))

    assert answer.estimate == 93
    assert answer.std_error == pytest.approx(17.13, abs=0.02)  # the book rounds the density before it divides
    assert (answer.low, answer.high) == pytest.approx((59, 127), abs=0.5)


def test_medians_by_both_conventions_differ():
    """A table of intervals must say which it holds: the curve's own has here no upper end at all."""
    curve = kaplan_meier(IUD_TIME, IUD_EVENT)

    assert np.isnan(quantile(curve).high)
    assert np.isfinite(symmetric_median(curve).high)
    assert "Brookmeyer-Crowley" in quantile(curve).method
    assert "symmetric" in symmetric_median(curve).method


def test_the_symmetric_median_needs_the_curve_on_both_sides():
    """One event takes S from 1 to 0.4: there is no slope to measure, so no interval is given."""
    answer = symmetric_median(kaplan_meier([1, 1, 1, 2, 2], [1, 1, 1, 0, 0]))

    assert answer.estimate == 1
    assert np.isnan([answer.low, answer.high, answer.std_error]).all()


@pytest.mark.parametrize("median", [quantile, symmetric_median])
def test_a_median_that_is_not_reached_is_no_number(median):
    """The last event time is not the median of a curve that stays above one half."""
    answer = median(kaplan_meier([1, 2, 3, 4, 5], [1, 1, 0, 0, 0]))

    assert np.isnan([answer.estimate, answer.high]).all()


def test_nothing_is_said_past_the_last_follow_up():
    """Carrying the last value forward would turn two years of data into a four-year rate."""
    answer = rates(kaplan_meier([1, 2, 3], [1, 1, 0]), [3, 3.1])

    assert answer.survival[0] == pytest.approx(1 / 3)
    assert np.isnan([answer.survival[1], answer.low[1], answer.high[1], answer.std_error[1]]).all()


def test_a_curve_that_reached_zero_stays_there():
    """Everybody has had the event: that is known for ever, but there is no interval."""
    answer = rates(kaplan_meier([1, 2, 3], [1, 1, 1]), [10])

    assert answer.survival.tolist() == [0]
    assert np.isnan([answer.low[0], answer.high[0]]).all()


@pytest.mark.parametrize("interval", INTERVALS)
def test_all_alive_has_no_interval(interval):
    """Greenwood's variance is 0 before the first event; 100 % (100 to 100 %) of five patients would claim too much."""
    answer = rates(kaplan_meier([1, 2, 3, 4, 5], [0, 0, 0, 1, 0], interval=interval), [0, 2.5])

    assert answer.survival.tolist() == [1, 1]
    assert np.isnan([answer.low, answer.high]).all()


def test_a_patient_with_the_event_at_the_time_is_at_risk_of_it():
    """R's and SAS's convention, which other tools break: counted after the time it would be 2, 0."""
    table = risk_table([1, 2, 2, 3, 3], [1, 1, 0, 1, 0], [2, 3, 4])

    assert table.at_risk.tolist() == [4, 2, 0]
    assert table.events.tolist() == [2, 1, 0]
    assert table.censored.tolist() == [1, 1, 0]


@given(PATIENTS, st.lists(st.integers(0, 13), min_size=1, max_size=6, unique=True))
def test_the_risk_table_loses_nobody(patients, times):
    """At risk at a time are those who have not left before it, whichever way they left."""
    time, event = np.array([t for t, _ in patients]), np.array([e for _, e in patients])
    wanted = np.sort(times)

    table = risk_table(time, event, wanted)

    gone = np.cumsum(table.events + table.censored)
    at_the_time = [(time == t).sum() for t in wanted]
    assert (table.at_risk + gone - at_the_time == len(time)).all()
    assert table.at_risk.tolist() == rates(kaplan_meier(time, event), wanted).at_risk.tolist()


@given(PATIENTS)
def test_without_censoring_the_curve_is_the_share_left(patients):
    """What Kaplan-Meier generalises; its Greenwood error is then the binomial one."""
    time = np.array([t for t, _ in patients])
    curve = kaplan_meier(time, np.ones(len(time)))

    share = np.array([(time > t).mean() for t in curve.time])

    assert curve.survival == pytest.approx(share, abs=1e-12)
    inside = share > 0
    error = (curve.survival * curve.log_error)[inside]
    assert error == pytest.approx(np.sqrt(share * (1 - share) / len(time))[inside], abs=1e-12)


@given(PATIENTS, st.randoms(use_true_random=False))
def test_rows_may_come_in_any_order_and_times_in_any_unit(patients, random):
    """Days instead of months move the axis, not the curve."""
    shuffled = list(patients)
    random.shuffle(shuffled)
    curve = kaplan_meier([t for t, _ in patients], [e for _, e in patients])

    moved = kaplan_meier([t * 30.4375 for t, _ in shuffled], [e for _, e in shuffled])

    assert moved.time == pytest.approx(curve.time * 30.4375)
    assert moved.survival.tolist() == curve.survival.tolist()
    assert moved.low == pytest.approx(curve.low, nan_ok=True)


@given(PATIENTS)
@pytest.mark.parametrize("interval", INTERVALS)
def test_intervals_hold_the_curve_and_stay_within_0_and_1(interval, patients):
    """No rate outside its own interval, none above 100 %."""
    curve = kaplan_meier([t for t, _ in patients], [e for _, e in patients], interval=interval)
    there = np.isfinite(curve.low)

    assert ((curve.survival > 0) & (curve.survival < 1) == there).all()
    assert (curve.low[there] >= 0).all()
    assert (curve.low <= curve.survival)[there].all()
    assert (curve.survival <= curve.high)[there].all()
    assert (curve.high[there] <= 1).all()


def test_times_that_differ_by_rounding_alone_are_tied():
    """0.1 + 0.2 months and 0.3 months are one day; R joins them, and so the risk set is that of one time."""
    curve = kaplan_meier([0.1 + 0.2, 0.3, 1], [1, 1, 0])

    assert curve.time.tolist() == [0.3, 1]
    assert curve.events.tolist() == [2, 0]


def test_a_higher_level_gives_a_wider_interval():
    """The level is an option, and a forgotten one would give 95 % under any name."""
    narrow, wide = (kaplan_meier(IUD_TIME, IUD_EVENT, level=level) for level in (0.95, 0.99))

    assert wide.low[0] < narrow.low[0]
    assert quantile(wide).low < quantile(narrow).low
    half = [answer.high - answer.estimate for answer in map(symmetric_median, (narrow, wide))]
    assert half[1] / half[0] == pytest.approx(2.575829 / 1.959964, rel=1e-6)


def test_follow_up_by_three_answers():
    """Deaths cut the observed times short; reverse Kaplan-Meier corrects for that, the plain medians do not."""
    answer = follow_up([2, 4, 10, 12, 14], [1, 1, 0, 0, 0])

    assert (answer.reverse.estimate, answer.observed, answer.event_free) == (12, 10, 12)
    assert (answer.shortest, answer.longest) == (2, 14)
    assert answer.reverse.method.startswith("reverse Kaplan-Meier")


def test_follow_up_of_a_cohort_that_died():
    """Nobody's observation ended alive: potential follow-up cannot be told."""
    answer = follow_up([1, 2, 3], [1, 1, 1])

    assert np.isnan([answer.reverse.estimate, answer.event_free]).all()
    assert answer.observed == 2


def test_the_landmark_keeps_those_who_are_followed_past_it():
    """A patient who dies or leaves on the day itself has nothing to say about what follows."""
    left = landmark([1, 3, 3, 5, 8], [1, 1, 0, 1, 0], 3)

    assert left.kept.tolist() == [False, False, False, True, True]
    assert left.time.tolist() == [5, 8]
    assert left.event.tolist() == [True, False]
    assert landmark([1, 3, 3, 5, 8], [1, 1, 0, 1, 0], 3, restart=True).time.tolist() == [2, 5]


def test_a_landmark_after_everybody_is_refused():
    """An empty comparison would otherwise fail much later, far from its reason."""
    with pytest.raises(UntestableError, match="none of 3 patients was followed past the landmark, 9"):
        landmark([1, 2, 3], [1, 0, 1], 9)


@pytest.mark.parametrize(
    ("time", "event", "message"),
    [
        ([1, np.nan], [1, 0], "time nan; times are finite and not negative, leave missing ones out"),
        ([1, -2], [1, 0], "time -2; times are finite"),
        ([1, 2], [1, 2], "event: an entry is neither 0 nor 1"),
        ([1, 2], [1, np.nan], "event: an entry is neither 0 nor 1"),
        ([1, 2], [1], r"time of shape \(2,\), event of shape \(1,\)"),
    ],
)
def test_wrong_observations_are_refused(time, event, message):
    """A date subtracted the wrong way round, or a status coded 1 and 2, must not become a curve."""
    with pytest.raises(ValueError, match=message):
        checked_observations(time, event)


def test_no_patients_is_said():
    """A subgroup may be empty; the reason goes into its row."""
    with pytest.raises(UntestableError, match="no patients"):
        kaplan_meier([], [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kaplan_meier([1], [1], interval="loglog"), "no interval 'loglog'; did you mean 'log-log'"),
        (lambda: risk_table([1], [1], [3, 2]), "must ascend"),
        (lambda: rates(kaplan_meier([1], [1]), [np.nan]), "finite and not negative"),
        (lambda: quantile(kaplan_meier([1], [1]), 1.5), "share 1.5; it lies between 0 and 1"),
        (lambda: landmark([1], [1], -1), "landmark -1; it is a time"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    """A mistake in a call is a mistake, not an unanswerable question."""
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert not isinstance(caught.value, UntestableError)


def test_a_curve_cannot_be_changed_afterwards():
    """What a figure drew and what a table printed are the same arrays."""
    curve = kaplan_meier([1, 2], [1, 0])

    with pytest.raises(ValueError, match="read-only"):
        curve.survival[0] = 1
