"""Offset quadrants: three cuts, each at a valley of what the others leave it."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gating.offsets import MIN_EVENTS, Offsets, fit_offsets
from gating.transforms import Linear, Logicle

HIPC = Path(__file__).resolve().parents[3] / "shared" / "data" / "hipc_tcell_labels"


def block(left: float, right: float, low: float, high: float, n: int) -> np.ndarray:
    """Return events on a regular lattice that fills a rectangle, denser in its middle: (about n, 2)."""
    side = int(np.sqrt(n))
    hill = (np.arcsin(np.linspace(-0.99, 0.99, side)) / np.pi + 0.5).clip(0, 1)
    first, second = np.meshgrid(left + (right - left) * hill, low + (high - low) * hill)
    return np.column_stack([first.ravel(), second.ravel()])


def cells(*, naive: int = 4000, effector: int = 2000, central: int = 2000, effector_memory: int = 2000) -> np.ndarray:
    """Four blocks: the first channel is empty from 4 to 6 above 5 on the second, and from 2 to 4 below it."""
    return np.concatenate(
        [
            block(6, 10, 6, 10, naive),
            block(0, 4, 6, 10, effector),
            block(4, 9, 0, 4, central),
            block(-2, 2, 0, 4, effector_memory),
        ]
    )


def mixture(n: int, seed: int = 3) -> np.ndarray:
    """Draw four normal blobs whose first channel is offset by three between the halves."""
    rng = np.random.default_rng(seed)
    means = np.array([(9, 8), (3, 8), (6, 0), (0, 0)])[rng.choice(4, n, p=[0.4, 0.2, 0.2, 0.2])]
    return means + rng.normal(size=(n, 2))


def fitted(values: np.ndarray) -> Offsets | str:
    """Place the cuts on the linear scale."""
    return fit_offsets(values[:, 0], values[:, 1], (Linear(), Linear()))


def quadrants(values: np.ndarray, cuts: Offsets) -> np.ndarray:
    """Return for each event whether it is positive on the first and on the second channel, (n, 2)."""
    second = values[:, 1] >= cuts.second.position
    first = values[:, 0] >= np.where(second, cuts.first_above.position, cuts.first_below.position)
    return np.column_stack([first, second])


def test_each_half_is_cut_in_its_own_gap():
    """One line for both halves would cut through a block: the gaps do not overlap."""
    cuts = fitted(cells())

    assert 4 < cuts.second.position < 6
    assert 4 < cuts.first_above.position < 6
    assert 2 < cuts.first_below.position < 4


def test_counts_of_the_four_blocks_come_back():
    """The quadrants partition the events, and every block is whole."""
    values = cells()

    signs = quadrants(values, fitted(values))

    counted = [int((signs == pair).all(axis=1).sum()) for pair in ((1, 1), (0, 1), (1, 0), (0, 0))]
    assert counted == [63**2, 44**2, 44**2, 44**2]
    assert sum(counted) == len(values)


def test_a_clear_gap_holds_its_place_in_every_resample():
    """Its spread is small against the distance of the peaks, nine and three."""
    found = fitted(mixture(20_000))

    for line in (found.second, found.first_above, found.first_below):
        assert line.share == 1
        assert 0.1 < line.spread < 1
        assert not line.shared


def test_cuts_lie_where_two_equal_blobs_have_the_same_density():
    """Equal widths and sizes: the cut with fewest errors is half-way, by symmetry."""
    below = fitted(mixture(50_000)).first_below

    assert below.position == pytest.approx(3, abs=0.3)


def test_a_half_with_few_events_takes_the_cut_of_all():
    """Four hundred events have no valley; where the rest is cut is the best that is known of them."""
    values = np.concatenate([cells(naive=0, effector=0), block(5, 9, 7, 8, 400)])

    cuts = fitted(values)

    assert cuts.first_above.shared
    assert not cuts.first_below.shared
    assert 2 < cuts.first_above.position < 4


def test_a_half_of_one_population_takes_the_cut_of_all():
    """CD4 cells have nearly no effectors: their CD45RA+ half is one population, and naive cells stay counted."""
    cuts = fitted(cells(effector=0))

    assert cuts.first_above.shared
    assert 2 < cuts.first_above.position < 4


def test_a_channel_without_any_valley_places_nothing():
    """Naive and central memory cells cannot be told apart then, whatever the other channel shows."""
    rng = np.random.default_rng(1)
    bimodal, smear = np.repeat([0.0, 8.0], 4000) + rng.normal(size=8000), rng.normal(size=8000)

    assert fitted(np.column_stack([bimodal, smear])) == (
        "no valley in the second channel, neither among events positive for the first channel nor among all"
    )
    assert fitted(np.column_stack([smear, bimodal])) == (
        "no valley in the first channel, in neither half of the second channel"
    )


def test_too_few_events_are_refused():
    """A valley among a few hundred events is there by chance."""
    assert fitted(mixture(2 * MIN_EVENTS - 1)) == "999 events, needs 1000"


@pytest.mark.parametrize("shape", ["normal", "skewed", "heavy", "ramp"])
@pytest.mark.parametrize("n", [3000, 20_000])
def test_one_population_is_refused(shape, n):
    """The prominence test: a ripple on one population must not become two subsets."""
    draw = {
        "normal": lambda rng: rng.normal(size=(n, 2)),
        "skewed": lambda rng: rng.gamma(2, size=(n, 2)),
        "heavy": lambda rng: rng.standard_t(3, size=(n, 2)),
        "ramp": lambda rng: np.sqrt(rng.random((n, 2))),
    }[shape]

    placed = [isinstance(fitted(draw(np.random.default_rng(seed))), Offsets) for seed in range(20)]

    assert sum(placed) <= 1


def test_the_order_of_events_does_not_matter():
    """Two exports of one sample may list events differently; their numbers must not."""
    values = mixture(10_000)

    assert fitted(values) == fitted(values[::-1])


@settings(max_examples=25, deadline=None)
@given(st.integers(-8, 8), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_cuts_move_with_the_scale(shift, factor):
    """Display units are a convention: 0 to 4,096 or 0 to 1 must give the same cells."""
    values = mixture(5_000)

    before, after = fitted(values), fitted(factor * values + shift)

    for name in ("second", "first_above", "first_below"):
        expected = factor * getattr(before, name).position + shift
        assert getattr(after, name).position == pytest.approx(expected, abs=0.2 * factor)


def hipc(name: str, first_label: int) -> tuple[np.ndarray, np.ndarray]:
    """Return CCR7 and CD45RA of a file's labelled CD8 or CD4 cells, and their subset: 0 effector, naive, CM, EM."""
    path = HIPC / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip("human-gated files are not here")
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.reader(file))
    table = dict(zip(rows[0], np.array(rows[1:], dtype=float).T, strict=True))
    subset = table["label"].astype(int) - first_label
    keep = (subset >= 0) & (subset < 4)
    return np.column_stack([table["CCR7"], table["CD45RA"]])[keep], subset[keep]


def f1(called: np.ndarray, truth: np.ndarray) -> float:
    """Return the harmonic mean of precision and recall."""
    return float(2 * (called & truth).sum() / (called.sum() + truth.sum()))


@pytest.mark.parametrize("name", ["Nhlbi_1", "UCLA_1", "Yale_2"])
def test_human_gates_of_cd8_cells_are_met(name):
    """Four subsets of files from three centres against one person's gates; floors a little below what is reached."""
    values, subset = hipc(name, 1)

    first, second = quadrants(values, fitted(values)).T

    assert f1(~first & second, subset == 0) > 0.93
    assert f1(first & second, subset == 1) > 0.97
    assert f1(first & ~second, subset == 2) > 0.86
    assert f1(~first & ~second, subset == 3) > 0.86


@pytest.mark.parametrize("first_label", [1, 6])
def test_cells_whose_ccr7_has_no_valley_are_refused(first_label):
    """Miami's CCR7 is one slope: any line would be a guess."""
    values, _ = hipc("Miami_1", first_label)

    assert isinstance(fitted(values), str)


def test_the_scale_that_densities_are_on_is_the_scale_of_the_cuts():
    """Linear intensities over five decades are cut on the logicle scale that an analyst sees."""
    scale, shown = Logicle(), mixture(20_000) / 20 + 0.3
    linear = scale.inverse(shown)

    cuts = fit_offsets(linear[:, 0], linear[:, 1], (scale, scale))

    assert cuts.first_below.position == pytest.approx(3 / 20 + 0.3, abs=0.3 / 20)
    assert cuts.second.position == pytest.approx(4 / 20 + 0.3, abs=0.3 / 20)
