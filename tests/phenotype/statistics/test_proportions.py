"""Intervals of a proportion: against R, by law, and at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics.proportions import clopper_pearson, wilson


@pytest.mark.parametrize(("interval", "name"), [(wilson, "wilson"), (clopper_pearson, "clopper_pearson")])
def test_intervals_agree_with_r(golden, interval, name):
    """R's prop.test(correct=FALSE) and binom.test, from 0 of 10 to 141 of 141; the case asks for 1e-8."""
    data, expected = golden("prop_single_ci")

    low, high = interval(data["x"].to_numpy(), data["n"].to_numpy())

    assert np.column_stack([low, high]) == pytest.approx(np.array([row[name] for row in expected["rows"]]), rel=1e-10)


def test_wilson_by_newcombes_table():
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20 and 1 of 29 with method 3, four decimals."""
    low, high = wilson([81, 15, 0, 1], [263, 148, 20, 29])

    assert low.round(4).tolist() == [0.2553, 0.0624, 0.0, 0.0061]
    assert high.round(4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_an_empty_parent_has_no_interval(interval):
    """0 of 0 is not 0 % with any confidence; its neighbours in an array keep theirs."""
    low, high = interval([0, 5], [0, 20])

    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()
    assert np.isnan(interval(0, 0)).all()


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_numbers_give_numbers(interval):
    """One population is asked for as often as a column of them; it should not come back as an array."""
    low, high = interval(5, 20)

    assert isinstance(low, float)
    assert isinstance(high, float)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@given(n=st.integers(1, 1_000_000), data=st.data())
def test_the_interval_holds_the_fraction_and_stays_within_0_and_1(interval, n, data):
    """No fraction outside its own interval, none below 0 % or above 100 %."""
    count = data.draw(st.one_of(st.integers(0, n), st.sampled_from([0, 1, n - 1, n])))

    low, high = interval(count, n)

    assert 0 <= low <= count / n <= high <= 1
    assert (low == 0) == (count == 0)
    assert (high == 1) == (count == n)


@given(n=st.integers(1, 10_000), data=st.data())
def test_the_other_events_have_the_mirrored_interval(n, data):
    """CAR+ and CAR- describe one cut: if one lies in 20 to 30 %, the other lies in 70 to 80 %."""
    count = data.draw(st.integers(0, n))

    low, high = wilson(count, n)
    other_low, other_high = wilson(n - count, n)

    assert (1 - other_high, 1 - other_low) == pytest.approx((low, high), abs=1e-12)


def test_coverage_at_a_hard_place():
    """Of all counts that 1,800 cells at 2 % can give, those whose interval holds 2 % have 95 % of the probability."""
    counts = np.arange(1801)

    low, high = wilson(counts, 1800)

    covered = stats.binom.pmf(counts, 1800, 0.02)[(low <= 0.02) & (high >= 0.02)].sum()
    assert covered == pytest.approx(0.95, abs=0.012)


def test_a_higher_level_gives_a_wider_interval():
    """The level is an option, and a forgotten one would give 95 % under any name."""
    low, high = wilson(5, 20, level=0.99)

    assert low < wilson(5, 20)[0]
    assert high > wilson(5, 20)[1]


@pytest.mark.parametrize("count", [-1, 21])
def test_an_impossible_count_is_refused(count):
    """More events in a population than in its parent is a mistake further up."""
    with pytest.raises(ValueError, match=f"count {count} of 20; a count lies between 0 and its total"):
        wilson(count, 20)
