"""Densities: reproducible, and honest about where there is no valley."""

import numpy as np
import pytest

from gating.density import deepest_valley, estimate_density


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
