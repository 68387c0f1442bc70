"""Residual spillover: seen where there is some, and not where a marker is merely expressed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gating import Spillover, compensate, read_fcs, read_spillover, residual_spillover

NAMES, TOPS = ("A", "B", "C"), (262_144.0,) * 3


def cells(n: int = 9000, seed: int = 1) -> np.ndarray:
    """Return true signals of three markers: half are A+, a third B+ whatever their A, none is C+."""
    rng = np.random.default_rng(seed)
    negative = rng.lognormal(np.log(150), 0.5, (n, 3))
    positive = rng.lognormal(np.log(12_000), 0.5, (n, 3))
    share = rng.random((n, 3)) < (0.5, 0.33, 0.0)
    return np.where(share, positive, negative)


def seen(true: np.ndarray, left: float, source: int = 0, target: int = 2, seed: int = 2) -> np.ndarray:
    """Return signals after compensation by a matrix that is wrong by ``left``, with photon noise."""
    found = true.copy()
    found[:, target] += left * true[:, source]
    return found + np.random.default_rng(seed).normal(0, 1, true.shape) * np.sqrt(10 * np.abs(true) + 25**2)


def visible(values: np.ndarray) -> dict[tuple[str, str], float]:
    """Return the slopes of the pairs that show."""
    return {(pair.source, pair.target): pair.slope for pair in residual_spillover(values, NAMES, TOPS) if pair.visible}


@settings(max_examples=20, deadline=None)
@given(left=st.sampled_from([-0.2, -0.1, -0.05, 0.05, 0.1, 0.2]), seed=st.integers(0, 10**6))
def test_what_was_left_in_is_measured(left, seed):
    """The slope is the coefficient's error, with its sign: over-compensation is not under-compensation.

    In one of 400 draws B, which has nothing to do with it, moves with A by chance: by far less.
    """
    found = visible(seen(cells(seed=seed), left, seed=seed + 1))

    assert found.pop(("A", "C")) == pytest.approx(left, abs=0.01)
    assert all(abs(slope) < abs(left) / 2 for slope in found.values())


def test_a_detector_with_positives_of_its_own_is_judged_by_its_negatives():
    """A third of the A+ cells are B+ in truth; the others show the error."""
    found = visible(seen(cells(), 0.08, target=1))

    assert found["A", "B"] == pytest.approx(0.08, abs=0.015)


@pytest.mark.parametrize("seed", range(20))
def test_right_compensation_shows_nothing(seed):
    """A check that cries wolf is switched off."""
    assert visible(seen(cells(seed=seed), 0.0, seed=seed + 100)) == {}


def test_a_marker_expressed_together_is_not_spillover():
    """Every A+ cell has a little C, more on brighter cells, as on larger ones: it does not start from zero."""
    true = cells()
    true[:, 2] += np.where(true[:, 0] > 3000, 900 * (true[:, 0] / 12_000) ** 0.3, 0)

    assert visible(seen(true, 0.0)) == {}


def test_a_pair_that_is_always_expressed_together_is_not_judged():
    """Without negatives nobody can say what is spillover; nothing is guessed."""
    true = cells()
    true[:, 2] = np.where(true[:, 0] > 3000, 20_000 * np.random.default_rng(3).lognormal(0, 0.4, len(true)), true[:, 2])

    assert ("A", "C") not in visible(seen(true, 0.0))


def test_too_few_positives_are_not_judged():
    """A hundred events in each third, or no answer."""
    assert residual_spillover(seen(cells(500), 0.3), NAMES, TOPS) == ()
    assert residual_spillover(np.empty((0, 3)), NAMES, TOPS) == ()


def test_the_order_of_events_does_not_matter():
    """Two exports of one tube give one finding."""
    values = seen(cells(), 0.1)
    turned = values[np.random.default_rng(4).permutation(len(values))]

    assert residual_spillover(values, NAMES, TOPS) == residual_spillover(turned, NAMES, TOPS)


FILES = ("Activation_1", "Activation_8", "Activation_17", "Activation_25", "Activation_32")
DYES = (
    "Alexa Fluor 488-A", "PE-A", "7-AAD-A", "Alexa Fluor 405-A", "Alexa Fluor 647-A", "Alexa Fluor 700-A", "APC-Cy7-A",
)  # fmt: skip


def mouse_pairs(shared, file: str, factor: float) -> set[tuple[str, str]]:
    """Return the pairs of a raw file that show by 0.03, after the authors' matrix times a factor off the diagonal."""
    folder = shared / "data" / "mouse_activation"
    packed = np.load(folder / "manual_membership_packbits.npz")

    def members(place: str) -> np.ndarray:
        return np.unpackbits(packed[f"{file}.fcs|{place}"])[:50000].astype(bool)

    authors = read_spillover(folder / "Compensation-Spillover-Matrix.csv")
    size = len(authors.channels)
    matrix = Spillover(authors.channels, np.eye(size) + factor * (authors.matrix - np.eye(size)))
    sample = read_fcs(folder / f"{file}.fcs")
    events = compensate(sample, matrix).events if factor else sample.events
    live = members("Cells/Single Cells") & ~members("Cells/Single Cells/Dead Cells")
    columns = [sample.index(name) for name in DYES]
    tops = [sample.channels[column].range for column in columns]
    pairs = residual_spillover(events[live][:, columns], DYES, tops)
    return {(pair.source, pair.target) for pair in pairs if pair.visible and abs(pair.slope) >= 0.03}


@pytest.mark.parametrize("file", FILES)
def test_real_cells_after_the_authors_matrix_show_nothing(shared, file):
    """Five raw mouse files, live cells by hand, seven dyes."""
    assert mouse_pairs(shared, file, 1.0) == set()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_real_cells_after_a_wrong_matrix_show_it(shared, file, factor):
    """No compensation, half and double of it: PE in the 7-AAD detector is the large one of this panel (0.18)."""
    assert ("PE-A", "7-AAD-A") in mouse_pairs(shared, file, factor)
