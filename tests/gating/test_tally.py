"""Tallies: the same for events in any order, and as good as the events themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gating.tally import Tally, keyed, tally


@pytest.fixture
def signal():
    """Give 60,000 compensated intensities: noise around zero and two groups, 1,000 and 40,000 bright."""
    rng = np.random.default_rng(1)
    return np.concatenate(
        [rng.normal(0, 150, 20_000), 10 ** rng.normal(3.0, 0.3, 20_000), 10 ** rng.normal(4.6, 0.2, 20_000)]
    )


def test_every_event_is_counted(signal):
    """A density that lost events would be another sample's."""
    assert tally(signal).n == len(signal)


def test_values_ascend(signal):
    """Quantiles are read off a running sum."""
    assert (np.diff(tally(signal).values) > 0).all()


@pytest.mark.parametrize("share", [0.0005, 0.05, 0.25, 0.5, 0.75, 0.95, 0.9995])
def test_quantiles_are_those_of_the_events(signal, share):
    """To one part in 4,096, or of the linear part around zero: numpy's own on the events themselves."""
    exact = np.quantile(signal, share, method="inverted_cdf")

    assert tally(signal).quantile(share) == pytest.approx(exact, rel=1 / 4096, abs=0.2)


def test_the_order_of_events_does_not_matter(signal):
    """The same tube gives the same gates, in whichever order it is stored."""
    shuffled = tally(np.random.default_rng(2).permutation(signal))
    found = tally(signal)

    assert np.array_equal(shuffled.values, found.values)
    assert np.array_equal(shuffled.counts, found.counts)


@pytest.mark.parametrize("factor", [2.0**-20, 1.0, 2.0**12])
def test_the_unit_of_the_signal_does_not_matter(signal, factor):
    """Exports scale from 0 to 1, to 1,023 or to 4 million: resolution is relative to the largest."""
    scaled, found = tally(signal * factor), tally(signal)

    assert np.array_equal(scaled.counts, found.counts)
    assert np.array_equal(scaled.values, found.values * factor)


@pytest.mark.parametrize("n", [100, 20_000])
def test_what_is_not_finite_is_passed_over(n):
    """An event without a number in this channel has no place in its density."""
    values = np.arange(n, dtype=np.float64)
    values[[3, 5, 7]] = np.nan, np.inf, -np.inf

    assert tally(values).n == n - 3


def test_few_events_are_kept_as_they_are():
    """Up to 10,000 events, quantiles are events."""
    values = np.random.default_rng(3).normal(size=10_000)

    assert np.array_equal(tally(values).values, np.sort(values))


def test_no_events_have_no_quantile():
    """An empty population is not zero."""
    assert np.isnan(Tally(np.zeros(0), np.zeros(0, dtype=np.int64)).quantile(0.5))


@given(st.integers(0, 2**32 - 1), st.floats(-6, 6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_value_moves_by_more_than_its_share(seed, log_size, negative):
    """Whatever the unit and sign, an event is counted within a 2,048th of itself, or of the linear part."""
    values = np.random.default_rng(seed).standard_normal(12_000) * 10**log_size - (10**log_size if negative else 0)
    found = tally(values)
    near = np.repeat(found.values, found.counts)

    allowed = np.abs(np.sort(values)) / 2048 + np.abs(values).max() / 2**18 / 1024
    assert (np.abs(near - np.sort(values)) <= allowed).all()


@pytest.mark.parametrize("n", [3_000, 50_000])
def test_events_by_number_are_those_of_the_tally(n):
    """A picture and a density of the same events must not disagree."""
    signal = np.random.default_rng(n).normal(100, 3_000, n)

    found, expected = keyed(signal).tally(), tally(signal)

    assert (found.values == expected.values).all()
    assert (found.counts == expected.counts).all()


@pytest.mark.parametrize("n", [3_000, 50_000])
def test_events_are_in_the_bin_their_value_says(n):
    """But for those nearer to an edge than values are told apart; beyond the ends too."""
    signal = np.random.default_rng(n).normal(100, 3_000, n)
    edges = np.array([-1e6, -2_000.0, 0.0, 150.0, 9_000.0, 1e6])

    found, expected = keyed(signal).places(edges), np.searchsorted(edges, signal, side="right")

    near = (np.abs(signal[:, None] - edges) <= np.abs(edges) / 4_096 + np.abs(signal).max() / 2**28).any(axis=1)
    assert (found == expected)[~near].all()
    assert near.mean() < 0.01
    assert set(found) == {1, 2, 3, 4, 5}
