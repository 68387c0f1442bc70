"""Intervals of a proportion: against R, by law, and at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics.proportions import clopper_pearson, one_sided_deviations, widened, wilson


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


def test_two_sources_of_error_add_in_squares_on_each_side():
    """Counting alone 3 points either side; gates 2 points below and none above: sqrt(9 + (1.96 * 2)^2) below."""
    low, high = widened(0.5, (0.47, 0.53), (0.02, 0.0))

    assert low == pytest.approx(0.5 - np.hypot(0.03, 1.959964 * 0.02), abs=1e-7)
    assert high == pytest.approx(0.53)


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_second_source_never_narrows_an_interval(n, share, below, above):
    """Doubt about gates cannot make a count surer, nor a fraction negative."""
    count = round(share * n)
    interval = wilson(count, n)

    low, high = widened(count / n, interval, (below, above))

    assert 0 <= low <= interval[0] + 1e-12
    assert interval[1] - 1e-12 <= high <= 1


def test_deviations_of_a_normal_sample_are_its_standard_deviation():
    """Each side stands for both: for a symmetric distribution either is its standard deviation."""
    values = stats.norm(0.3, 0.02).ppf((np.arange(2000) + 0.5) / 2000)

    assert one_sided_deviations(0.3, values) == pytest.approx((0.02, 0.02), rel=0.01)
    assert one_sided_deviations(0.3, np.full(10, 0.3)) == (0, 0)


def test_the_interval_of_two_sources_covers_as_it_claims():
    """2,000 fractions at a true 0.3: the gate moves it by 2 points, 500 events are counted; 95 % hold the truth."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        gated = 0.3 + 0.02 * rng.standard_normal()
        estimate = rng.binomial(500, gated) / 500
        low, high = widened(estimate, wilson(round(500 * estimate), 500), (0.02, 0.02))
        held += low <= 0.3 <= high

    assert 0.935 < held / 2000 < 0.965
