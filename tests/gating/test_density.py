"""Densities: reproducible, and honest about where there is no valley."""

import numpy as np
import pytest

from gating.density import (
    deepest_valley,
    estimate_density,
    floor_spread,
    peaks,
    resample_valley,
    top_valley,
    valleys,
)


def two_groups(rng, n_low, n_high, *, gap=4.0):
    """Return events of two normal groups, one standard deviation each, ``gap`` apart."""
    return np.concatenate([rng.normal(0, 1, n_low), rng.normal(gap, 1, n_high)])


def test_the_density_integrates_to_one():
    """Heights are compared across samples; they must be densities, not counts."""
    density = estimate_density(np.random.default_rng(1).normal(size=5000))

    assert (density.heights.sum() * (density.grid[1] - density.grid[0])) == pytest.approx(1, abs=2e-3)


def test_equal_groups_are_cut_half_way():
    """By symmetry the valley of two equal groups lies between them."""
    valley = deepest_valley(estimate_density(two_groups(np.random.default_rng(2), 20_000, 20_000)))

    assert valley.position == pytest.approx(2.0, abs=0.1)
    assert valley.depth == pytest.approx(2 * np.exp(-2) / (1 + np.exp(-8)), abs=0.08)


def test_a_group_of_three_percent_is_found():
    """CD3-negative cells of a pure product are few, and still a peak."""
    valley = deepest_valley(estimate_density(two_groups(np.random.default_rng(3), 300, 9_700, gap=8)))

    assert 1.5 < valley.position < 6
    assert valley.share_above == pytest.approx(0.97, abs=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_one_group_has_no_valley(seed):
    """Ripples of a single peak must not be cut: 2,000 events are few enough to ripple."""
    values = np.random.default_rng(seed).normal(size=2000)

    assert deepest_valley(estimate_density(values)) is None


def test_the_order_of_events_does_not_matter():
    """Files are sorted, concatenated and shuffled by other tools; the gate must stay."""
    rng = np.random.default_rng(4)
    values = two_groups(rng, 3000, 2000)

    once, again = estimate_density(values), estimate_density(rng.permutation(values))

    assert np.array_equal(once.heights, again.heights)


def test_identical_values_do_not_break_the_grid():
    """A dead channel is a fact of life; it has no valley."""
    assert deepest_valley(estimate_density(np.full(100, 3.0))) is None


def test_a_valley_that_hardly_dips_is_none():
    """Groups 2.6 standard deviations apart dip by a tenth: a cut there would split a smear in half."""
    density = estimate_density(two_groups(np.random.default_rng(6), 40_000, 40_000, gap=2.6))

    assert deepest_valley(density) is None
    assert 0.8 < deepest_valley(density, max_depth=1.0).depth < 1


@pytest.mark.parametrize(("few", "found"), [(40, False), (80, True)])
def test_a_bump_of_less_than_half_a_percent_is_no_group(few, found):
    """Four in a thousand are doublets or dead cells at the edge of a gate; eight in a thousand may be a population."""
    values = two_groups(np.random.default_rng(8), 10_000 - few, few, gap=12)

    assert (deepest_valley(estimate_density(values)) is not None) is found


def test_tallied_values_have_the_density_of_their_events():
    """A density must not depend on how its events were counted."""
    values = np.random.default_rng(8).normal(size=5000).round(2)
    distinct, counts = np.unique(values, return_counts=True)

    found = estimate_density(distinct, counts=counts)

    assert np.array_equal(found.counts, estimate_density(values).counts)
    assert np.allclose(found.heights, estimate_density(values).heights, rtol=1e-12)


def test_a_valley_moves_as_far_as_it_does_when_events_are_really_drawn_anew():
    """The spread stands for new samples of the same cells: 200 of them are drawn, and their valleys compared."""
    rng = np.random.default_rng(9)
    drawn = [deepest_valley(estimate_density(two_groups(rng, 3000, 3000))).position for _ in range(200)]
    density = estimate_density(two_groups(rng, 3000, 3000))

    spread, share = resample_valley(density, deepest_valley(density))

    assert spread == pytest.approx(np.std(drawn), rel=0.35)
    assert share == 1


def test_more_events_hold_a_valley_faster():
    """By the theory of a density's minimum its spread falls with the events, at least by their fifth root."""
    rng = np.random.default_rng(10)
    spreads = []
    for n in (500, 5000, 50_000):
        density = estimate_density(two_groups(rng, n, n))
        spreads.append(resample_valley(density, deepest_valley(density))[0])

    assert spreads[0] > 1.5 * spreads[1] > 2.25 * spreads[2]


def test_a_valley_by_chance_is_missing_in_many_resamples():
    """Two groups 2.2 standard deviations apart dip by 2 %: with 2,000 events that is there or not by luck."""
    rng = np.random.default_rng(11)
    density = estimate_density(two_groups(rng, 1000, 1000, gap=2.2), smoothing=1)
    valley = deepest_valley(density, max_depth=0.99)

    _, share = resample_valley(density, valley, max_depth=0.9)

    assert share < 0.5


def test_the_same_events_have_the_same_spread():
    """A run that is repeated gives the same bytes."""
    density = estimate_density(two_groups(np.random.default_rng(12), 3000, 3000))
    valley = deepest_valley(density)

    assert resample_valley(density, valley) == resample_valley(density, valley)


def test_peaks_are_listed_from_the_highest():
    """The negative peak of a control is its main one, wherever it lies."""
    density = estimate_density(two_groups(np.random.default_rng(13), 3000, 9000, gap=6))

    assert peaks(density) == pytest.approx([6, 0], abs=0.2)


def test_the_floor_of_a_valley_is_as_wide_as_the_data_leave_open():
    """Two groups far apart with nothing between: any cut in the gap would do, and the spread says so."""
    rng = np.random.default_rng(14)
    spreads = []
    for gap in (4, 8, 16):
        density = estimate_density(two_groups(rng, 5000, 5000, gap=gap))
        spreads.append(floor_spread(density, deepest_valley(density)) * np.sqrt(12))

    near, middle, far = spreads
    assert near < middle < far < 16
    assert far > 16 - 2 * 4 - 6 * 0.9


def test_the_highest_valley_is_below_the_brightest_group():
    """Of three groups the top one is bright: its cut is not the deeper valley further down."""
    rng = np.random.default_rng(15)
    density = estimate_density(
        np.concatenate([two_groups(rng, 4000, 4000, gap=9), rng.normal(14, 1, 4000)]), smoothing=1
    )

    assert len(valleys(density)) == 2
    assert 10.5 < top_valley(density).position < 12.5
    assert 3 < deepest_valley(density).position < 5


def test_a_valley_is_as_deep_as_the_peaks_beside_it():
    """A dip between two small groups is not made shallow by a large group far off."""
    rng = np.random.default_rng(16)
    values = np.concatenate([two_groups(rng, 3000, 3000, gap=6), rng.normal(20, 1, 12_000)])

    first, second = valleys(estimate_density(values, smoothing=0.6), min_share=0.02)

    assert 2 < first.position < 4
    assert first.right_peak == pytest.approx(6, abs=0.5)
    assert second.right_peak == pytest.approx(20, abs=0.5)
