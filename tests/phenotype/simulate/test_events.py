"""Events: what is drawn has the labels, the brightness and the shapes that it should."""

from dataclasses import replace

import numpy as np
import pytest

from gating import compensate, file_spillover
from phenotype.simulate.events import KINDS, Instrument, Stain, draw_beads, draw_contents, draw_tube
from phenotype.simulate.plan import make_sample, plan_study
from phenotype.simulate.settings import DEFAULTS, DETECTORS, FLUOROCHROMES, MARKERS
from phenotype.subsets import SUBSETS

COMPOSITION = np.array([0.24, 0.40, 0.24, 0.12])
COLUMN = {marker: DETECTORS.index(FLUOROCHROMES[i]) for i, marker in enumerate(MARKERS)}
SPILLOVER = np.eye(8) + 0.05 * (1 - np.eye(8))


def tube(events=60_000, settings=DEFAULTS, gain=10.0, **stain):
    """Draw one tube on a plain instrument: its compensated events and labels."""
    rng = np.random.default_rng(7)
    whole = Stain(**({"composition": COMPOSITION, "car": 0.4, "dead": 0.1, "cd4": 0.5} | stain))
    instrument = Instrument(SPILLOVER, np.full(8, gain), settings.markers)
    drawn, labels = draw_tube(draw_contents(events, whole, settings, rng), whole, instrument, settings, rng)
    compensated = drawn.copy()
    compensated[:, 3:11] = np.linalg.solve(SPILLOVER.T, drawn[:, 3:11].T).T
    return compensated, labels


def kind(labels, name):
    """Return which events are of a kind."""
    return labels.kind == KINDS.index(name)


@pytest.mark.parametrize("intermediate", [0.0, 0.10, 0.15])
def test_labels_have_the_composition_of_the_patient(intermediate):
    """Comparisons between groups are tests of what was put in only if intermediate cells do not shift it."""
    _, labels = tube(300_000, replace(DEFAULTS, intermediate=intermediate))
    counts = np.array([labels.subset_counts(car=True)[subset] for subset in SUBSETS])

    assert counts.sum() == pytest.approx(300_000 * 0.94 * 0.95 * 0.9 * 0.97 * 0.4, rel=0.1)
    assert np.abs(counts / counts.sum() - COMPOSITION).max() < 0.006


def test_cells_without_the_receptor_are_more_naive():
    """The CAR- population is a comparison within the tube: five points more naive."""
    _, labels = tube(300_000)
    shares = labels.subset_counts(car=False)

    assert shares["naive"] / sum(shares.values()) == pytest.approx(0.24 + 0.05, abs=0.006)


@pytest.mark.parametrize("marker", ["CD62L", "CD45RA", "CAR", "CD3"])
def test_compensating_with_the_true_matrix_recovers_the_means(marker):
    """Spillover, noise and compensation together must leave the signal where it was, or truth is not true."""
    events, labels = tube(settings=replace(DEFAULTS, intermediate=0.0))
    flags = {"CD62L": labels.cd62l, "CD45RA": labels.cd45ra, "CAR": labels.car, "CD3": labels.t_cell}[marker]
    truth = DEFAULTS.markers[MARKERS.index(marker)]
    live, values = kind(labels, "live"), events[:, COLUMN[marker]]

    for chosen, mean, sd in (
        (live & flags, truth.positive, truth.positive_sd),
        (live & ~flags, truth.negative, truth.negative_sd),
    ):
        expected = 10**mean * np.exp((sd * np.log(10)) ** 2 / 2)  # of a log-normal variable; noise has mean 0
        assert values[chosen].mean() == pytest.approx(expected, rel=0.04)


def test_an_intermediate_cell_is_labelled_by_the_side_it_is_on():
    """There is no other truth for a continuum."""
    settings = replace(DEFAULTS, intermediate=0.99, electronic_sd=0.0)
    events, labels = tube(settings=settings, gain=0.001)
    chosen = kind(labels, "live") & labels.t_cell
    for marker, flags in (("CD62L", labels.cd62l), ("CD45RA", labels.cd45ra)):
        truth = settings.markers[MARKERS.index(marker)]
        above = events[chosen, COLUMN[marker]] >= 10**truth.threshold
        assert (above == flags[chosen]).mean() > 0.999
        assert flags[chosen].mean() == pytest.approx(truth.share_above, abs=0.01)


def test_intermediate_cells_lie_between_the_peaks():
    """They are what makes a valley hard to find; without them there is next to nothing in it."""

    def between(settings):
        events, labels = tube(settings=settings)
        values = events[kind(labels, "live") & labels.t_cell, COLUMN["CD45RA"]]
        return ((values > 10**3.2) & (values < 10**3.5)).mean()

    assert between(DEFAULTS) == pytest.approx(between(replace(DEFAULTS, intermediate=0.0)) + 0.1 * 0.3 / 1.7, abs=0.004)


def test_shapes_of_debris_doublets_and_dead_cells():
    """The first three gates of the tree cut these; each must be there to be cut."""
    events, labels = tube()
    area, height, dye = events[:, 0], events[:, 1], events[:, COLUMN["Viability"]]

    assert np.median(area[kind(labels, "debris")]) < 0.3 * np.median(area[kind(labels, "live")])
    ratio = (area / height)[kind(labels, "doublet")]
    assert ratio.min() > 1.59
    assert ratio.max() < 2.01
    assert (area / height)[kind(labels, "live")].max() < 1.3
    assert np.median(dye[kind(labels, "dead")]) > 50 * np.median(dye[kind(labels, "live")])
    assert kind(labels, "debris").mean() == pytest.approx(DEFAULTS.debris, abs=0.005)


@pytest.mark.parametrize("marker", ["CD62L", "CD45RA", "CAR"])
def test_a_reagent_left_out_leaves_no_positive_cell(marker):
    """An FMO control sets a threshold; a positive cell in it would set it too high. Debris has none either."""
    events, labels = tube(without=frozenset({marker}))
    whole, of_whole = tube()
    top = np.quantile(events[kind(labels, "live"), COLUMN[marker]], 0.995)

    assert top < 10 ** (DEFAULTS.markers[MARKERS.index(marker)].negative + 4 * 0.3)
    assert (whole[kind(of_whole, "live"), COLUMN[marker]] > top).mean() > 0.2


def test_beads_are_bright_in_one_fluorochrome_and_spill_as_the_matrix_says():
    """A matrix computed from them must be the one of the tubes."""
    instrument = Instrument(SPILLOVER, np.full(8, 10.0), DEFAULTS.markers)
    events = draw_beads(4_000, "PE-A", instrument, DEFAULTS, np.random.default_rng(3))
    bright = events[:, DETECTORS.index("PE-A")] > 5_000
    medians = np.median(events[bright, 3:11], axis=0) - np.median(events[~bright, 3:11], axis=0)

    assert bright.mean() == pytest.approx(0.5, abs=0.03)
    assert np.allclose(medians / medians[3], SPILLOVER[3], atol=0.01)


def test_values_are_what_a_digitiser_gives():
    """18 bits at most; rounded, so that a last bit of another processor's logarithm does not change a file."""
    events, _ = tube()
    raw = draw_beads(
        2_000, "PE-A", Instrument(SPILLOVER, np.full(8, 10.0), DEFAULTS.markers), replace(DEFAULTS, top=15_000.0),
        np.random.default_rng(3),
    )  # fmt: skip

    assert raw.max() == 15_000.0
    assert np.array_equal(raw, raw.round(2))
    assert (np.diff(events[:, -1]) >= 0).all()
    assert events[-1, -1] < 100 * DEFAULTS.seconds


def test_spillover_is_as_specified():
    """Two large coefficients where they hurt, the others small, and another instrument for another seed."""
    plans = [
        plan_study(patients=12, events=10, control_events=10, seed=1, settings=settings)
        for settings in (DEFAULTS, replace(DEFAULTS, spillover_seed=2))
    ]
    one, other = (plan.instruments[0].spillover for plan in plans)
    largest = sorted(one[~np.eye(8, dtype=bool)])[-3:]

    assert (np.diag(one) == 1).all()
    assert largest == pytest.approx([largest[0], DEFAULTS.spillover_fitc_pe, DEFAULTS.spillover_pe_pecy5], rel=0.25)
    assert largest[0] < 0.055
    assert not np.allclose(one, other)


def test_the_matrix_in_a_file_is_the_one_of_its_instrument():
    """Compensation as the analyst does it, from the keyword, must undo what was done."""
    plan = plan_study(patients=12, events=500, control_events=100, seed=1, settings=DEFAULTS, defects=False)
    sample, labels, instrument = make_sample(plan.tubes[0], plan)
    spillover = file_spillover(sample)

    assert spillover is not None
    assert np.allclose(spillover.matrix, instrument.spillover)
    assert labels is not None
    done = compensate(sample, spillover)
    cd3 = done.events[:, done.index("CD3")]
    assert np.median(cd3[labels.t_cell]) > 20 * np.median(cd3[~labels.t_cell])
