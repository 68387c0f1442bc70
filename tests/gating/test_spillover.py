"""Spillover from single stains: recovered where it is known, refused where the tube cannot tell it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gating import Channel, CompensationError, Sample, compensate, fit_spillover, fit_stain, read_fcs, read_spillover
from gating.spillover import StainFit, combine_stains

DYES = ("FITC-A", "PE-A", "APC-A")
CHANNELS = tuple(Channel(name) for name in ("FSC-A", "SSC-A", *DYES))
TRUE = np.array([[1, 0.2, 0.01], [0.03, 1, 0.15], [0.0, 0.02, 1]])


def tube(
    stain: str = "",
    *,
    n: int = 4000,
    stained: float = 0.5,
    brightness: float = 8_000.0,
    spillover: np.ndarray = TRUE,
    seed: int = 1,
    larger: float = 1.0,
    size: float = 60_000.0,
    autofluorescence: float = 100.0,
    spread: float = 0.08,
) -> Sample:
    """Return a tube of one stain: autofluorescence grows with size, positives are ``larger``, noise with the signal."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < (stained if stain else 0.0)
    forward = size * rng.normal(1, spread, n) * np.where(positive, larger, 1.0)
    side = 20_000 * rng.normal(1, 0.1, n)
    signals = np.zeros((n, 3))
    if stain:
        signals[positive, DYES.index(stain)] = brightness * rng.lognormal(0, 0.3, positive.sum())
    seen = signals @ spillover + autofluorescence * (forward / size)[:, None] ** 2
    seen += rng.normal(0, 1, seen.shape) * np.sqrt(10 * np.abs(seen) + 20**2)
    return Sample(f"{stain or 'unstained'}.fcs", CHANNELS, np.column_stack([forward, side, seen]))


def tubes(**options: float) -> dict[str, Sample]:
    """Return one tube for each dye."""
    return {dye: tube(dye, seed=i, **options) for i, dye in enumerate(DYES)}


@settings(max_examples=25, deadline=None)
@given(
    spill=st.lists(st.floats(0, 0.5), min_size=6, max_size=6),
    brightness=st.floats(4_000, 40_000),
    seed=st.integers(0, 10**6),
    universal=st.booleans(),
)
def test_mixing_then_fitting_recovers_the_matrix(spill, brightness, seed, universal):
    """Whatever the instrument spills, six standard errors hold it: else every compensated number is shifted."""
    matrix = np.eye(3)
    matrix[~np.eye(3, dtype=bool)] = spill
    stains = {dye: tube(dye, spillover=matrix, brightness=brightness, seed=seed + i) for i, dye in enumerate(DYES)}

    fit = fit_spillover(stains, unstained=[tube(seed=seed + 9)] if universal else [])

    errors = np.array([stain.errors for stain in fit.stains])
    assert (np.abs(fit.spillover.matrix - matrix) <= 6 * errors + 1e-12).all()
    assert errors.max() < 0.01


def test_standard_errors_are_as_large_as_the_errors():
    """An interval that is too narrow would call a sound file matrix wrong."""
    z = []
    for seed in range(60):
        fit = fit_stain(tube("FITC-A", seed=seed), "FITC-A", DYES, unstained=[tube(seed=1000 + seed)])
        z += [(fit.coefficients[i] - TRUE[0, i]) / fit.errors[i] for i in (1, 2)]

    assert 0.75 < np.std(z) < 1.25


def test_negatives_of_the_same_size_take_autofluorescence_out():
    """Stained cells a fifth larger shine more in every detector: 0.02 of the signal would seem to be spillover."""
    sample = tube("APC-A", larger=1.2, brightness=3_000, autofluorescence=400, n=20_000, spread=0.2)
    unstained = tube(n=20_000, autofluorescence=400, seed=5, spread=0.2)

    row = fit_stain(sample, "APC-A", DYES, unstained=[unstained]).coefficients

    assert row == pytest.approx(TRUE[2], abs=0.005)


def _in_channels(sample: Sample) -> Sample:
    """Return a tube with scatter as an old cytometer has it: many events share one value."""
    events = sample.events.copy()
    events[:, :2] = events[:, :2].round(-3)
    return replace(sample, events=events)


def test_the_order_of_events_does_not_matter():
    """Files are exported in any order, and two exports of one tube must give one matrix."""
    sample, unstained = (_in_channels(one) for one in (tube("PE-A"), tube(seed=4)))
    order = np.random.default_rng(2).permutation(len(sample))
    turned = replace(sample, events=sample.events[order])
    mixed = replace(unstained, events=unstained.events[order])

    one = fit_stain(sample, "PE-A", DYES, unstained=[unstained]).coefficients
    other = fit_stain(turned, "PE-A", DYES, unstained=[mixed]).coefficients

    np.testing.assert_allclose(other, one, rtol=0, atol=1e-12)


def test_an_unstained_tube_of_other_particles_is_not_used():
    """Cells are no negatives for beads: the beads' own are."""
    fit = fit_stain(tube("PE-A"), "PE-A", DYES, unstained=[tube(size=110_000.0, autofluorescence=900)])

    assert fit.negative == "own negatives"
    assert fit.coefficients == pytest.approx(TRUE[1], abs=0.01)


def test_an_unstained_tube_of_the_same_particles_is_used():
    """Then a tube in which every cell is stained can serve; of two, beads and cells, the right one is found."""
    beads = tube(size=110_000.0, seed=8)

    fit = fit_stain(tube("PE-A", stained=1.0), "PE-A", DYES, unstained=[replace(beads, name="beads.fcs"), tube(seed=7)])

    assert fit.negative == "unstained.fcs"
    assert fit.coefficients == pytest.approx(TRUE[1], abs=0.01)


def test_debris_is_not_the_main_population():
    """Half of a poor tube is debris, denser by scatter than the cells."""
    rng = np.random.default_rng(8)
    sample = tube("PE-A", n=5000)
    debris = np.column_stack(
        [rng.normal(8_000, 1_000, 5000), rng.normal(4_000, 500, 5000), rng.normal(0, 20, (5000, 3))]
    )
    dirty = replace(sample, events=np.concatenate([sample.events, debris]))

    fit = fit_stain(dirty, "PE-A", DYES)

    assert fit.n_positive > 400
    assert fit.coefficients == pytest.approx(TRUE[1], abs=0.01)


def test_events_carried_over_from_another_tube_do_not_move_a_row():
    """Two of a hundred events are of the tube before, as bright in another dye."""
    sample, other = tube("PE-A"), tube("FITC-A", stained=1.0, n=80, seed=6)
    dirty = replace(sample, events=np.concatenate([sample.events, other.events]))

    assert fit_stain(dirty, "PE-A", DYES).coefficients == pytest.approx(TRUE[1], abs=0.005)


def test_saturated_events_are_left_out_and_said():
    """At the top of the range a detector shows less than there was: slopes from there are too steep."""
    sample = tube("PE-A", brightness=200_000)
    seen = np.minimum(sample.events, 262_143)

    fit = fit_stain(replace(sample, events=seen), "PE-A", DYES)

    assert fit.coefficients == pytest.approx(TRUE[1], abs=0.003)
    assert len(fit.warnings) == 1
    assert "at the top of PE-A and were left out" in fit.warnings[0]


def test_a_tube_of_another_stain_is_refused_with_both_names():
    """Two tubes exchanged would swap two rows of the matrix, and every population with them."""
    with pytest.raises(CompensationError, match=r"PE-A\.fcs: is meant for FITC-A, and PE-A is \d+ times as bright"):
        fit_stain(tube("PE-A", brightness=60_000), "FITC-A", DYES)


def test_a_tube_without_positives_names_the_brightest_detector():
    """Its stain does not reach the declared detector at all; where it went is what a person needs to know."""
    match = r"FITC-A\.fcs: \d+ positive events on APC-A .* 200 are needed; the brightest detector is FITC-A"
    with pytest.raises(CompensationError, match=match):
        fit_stain(tube("FITC-A", brightness=4_000, spillover=np.eye(3)), "APC-A", DYES, unstained=[tube(seed=3)])


def test_an_unstained_tube_is_no_stain():
    """A forgotten reagent must not become a row of zeros, which would leave all of its spillover in."""
    with pytest.raises(CompensationError, match=r"unstained\.fcs: \d+ positive events on PE-A"):
        fit_stain(tube(), "PE-A", DYES, unstained=[tube(seed=3)])
    with pytest.raises(CompensationError, match=r"unstained\.fcs: no negatives: .* one population on PE-A"):
        fit_stain(tube(), "PE-A", DYES)


def test_few_positives_are_refused_with_their_number():
    """A matrix from 137 stained cells was a known failure of published pipelines."""

    def mixed(positives: int) -> Sample:
        stained = tube("PE-A", stained=1.0, n=positives, seed=3)
        return replace(stained, events=np.concatenate([stained.events, tube(seed=2).events]))

    with pytest.raises(CompensationError, match=r"PE-A\.fcs: \d\d positive events on PE-A .*; 200 are needed"):
        fit_stain(mixed(137), "PE-A", DYES)
    assert fit_stain(mixed(600), "PE-A", DYES).n_positive >= 100


def test_a_dim_stain_is_refused():
    """Nine spreads above the negatives, a difference of autofluorescence would pass for spillover."""
    unstained = tube(seed=3)

    with pytest.raises(CompensationError, match=r"PE-A\.fcs: too dim on PE-A: .* \d\.\d spreads .*; 10 are needed"):
        fit_stain(tube("PE-A", brightness=300), "PE-A", DYES, unstained=[unstained])
    assert fit_stain(tube("PE-A", brightness=700), "PE-A", DYES, unstained=[unstained]).separation > 10


def test_a_coefficient_known_badly_is_said():
    """A noisy detector and few events give a number, and how little it is worth."""
    sample, rng = tube("PE-A", brightness=2_000, n=2000), np.random.default_rng(4)
    noisy = sample.events + np.column_stack([np.zeros((2000, 4)), rng.normal(0, 500, 2000)])

    fit = fit_stain(replace(sample, events=noisy), "PE-A", DYES)

    assert len(fit.warnings) == 1
    assert f"into APC-A has a standard error of {fit.errors[2]:.3f} ({fit.n_positive} positive" in fit.warnings[0]


def test_negative_spillover_is_said():
    """No dye takes light away: its negatives shone more, and the row is wrong by about as much."""
    wrong = np.array([[1, -0.05, 0], [0, 1, 0], [0, 0, 1]])

    fit = fit_stain(tube("FITC-A", spillover=wrong), "FITC-A", DYES)

    assert fit.warnings == (
        f"FITC-A.fcs: negative spillover into PE-A {fit.coefficients[1]:.3f}: "
        f"its negatives are more autofluorescent than its positives",
    )


def test_a_compensated_tube_is_refused():
    """Its spillover is gone, and zeros would be measured."""
    matrix = fit_spillover(tubes()).spillover

    with pytest.raises(CompensationError, match=r"PE-A\.fcs is compensated already"):
        fit_stain(compensate(tube("PE-A"), matrix), "PE-A", DYES)


def test_every_tube_that_cannot_be_used_is_named():
    """One line each, at once: a person stains a second time only once."""
    stains = tubes() | {"PE-A": tube("PE-A", stained=0.01), "APC-A": tube("APC-A", stained=0.0)}

    with pytest.raises(CompensationError) as caught:
        fit_spillover(stains)

    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["PE-A.fcs", "APC-A.fcs"]


@pytest.mark.parametrize(
    ("dropped", "fault"), [("SSC-A", "no side scatter"), ("FSC-A", "no forward scatter"), ("APC-A", "no channel APC-A")]
)
def test_a_tube_without_a_needed_channel_is_refused(dropped, fault):
    """Exports with columns left out are common."""
    sample = tube("PE-A")
    kept = [i for i, channel in enumerate(CHANNELS) if channel.name != dropped]
    short = Sample("PE-A.fcs", tuple(CHANNELS[i] for i in kept), sample.events[:, kept])

    with pytest.raises(CompensationError, match=fault):
        fit_stain(short, "PE-A", DYES)


def test_detectors_without_a_stain_spill_into_no_other():
    """A dye that a person declared clean has its column, and a row of its own signal alone."""
    fit = fit_spillover({"FITC-A": tube("FITC-A")}, detectors=DYES)

    assert fit.spillover.matrix[1:].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert fit.spillover.matrix[0] == pytest.approx(TRUE[0], abs=0.01)


def test_two_tubes_of_one_detector_are_refused():
    """Which of the two rows is right nobody can know."""
    row = StainFit("PE-A", "a.fcs", ("PE-A",), np.ones(1), np.zeros(1), 500, 500, "own negatives", 50.0)

    with pytest.raises(CompensationError, match=r"a\.fcs and b\.fcs are both stained for PE-A; keep one"):
        combine_stains([row, replace(row, tube="b.fcs")], ("PE-A",), "single stains of batch B1")


STAINS = {
    "Alexa Fluor 488-A": "FITC", "PE-A": "PE", "Alexa Fluor 647-A": "APC", "Alexa Fluor 700-A": "AF700",
    "APC-Cy7-A": "APC-Cy7", "7-AAD-A": "7AAD",
}  # fmt: skip


@pytest.mark.parametrize(
    ("detector", "within"), [("Alexa Fluor 488-A", 0.001), ("PE-A", 0.001), ("Alexa Fluor 647-A", 0.01)]
)
def test_mouse_stains_give_the_authors_row(shared, detector, within):
    """Raw tubes, and the matrix that a person made of them by other software (CytoExploreR)."""
    folder = shared / "data" / "mouse_activation"
    authors = read_spillover(folder / "Compensation-Spillover-Matrix.csv")
    unstained = read_fcs(folder / "compensation" / "Compensation-Unstained.fcs")
    stain = read_fcs(folder / "compensation" / f"Compensation-{STAINS[detector]}.fcs")

    fit = fit_stain(stain, detector, authors.channels, unstained=[unstained])

    assert np.abs(fit.coefficients - authors.matrix[authors.channels.index(detector)]).max() < within


@pytest.mark.parametrize(
    ("detector", "within"), [("Alexa Fluor 647-A", 0.01), ("Alexa Fluor 700-A", 0.01), ("APC-Cy7-A", 0.015)]
)
def test_red_dyes_are_not_seen_where_they_do_not_shine(shared, detector, within):
    """Dyes of the red laser do not shine at 530, 450 and 610 nm: what is found there is autofluorescence."""
    folder = shared / "data" / "mouse_activation"
    columns = read_spillover(folder / "Compensation-Spillover-Matrix.csv").channels
    unstained = read_fcs(folder / "compensation" / "Compensation-Unstained.fcs")
    stain = read_fcs(folder / "compensation" / f"Compensation-{STAINS[detector]}.fcs")

    fit = fit_stain(stain, detector, columns, unstained=[unstained])

    dark = [columns.index(name) for name in ("Alexa Fluor 488-A", "Alexa Fluor 405-A", "Qdot 605-A")]
    assert np.abs(fit.coefficients[dark]).max() < within


@pytest.mark.parametrize(
    ("detector", "file"), [("FL1-H", "060909.002"), ("FL2-H", "060909.003"), ("FL4-H", "060909.004")]
)
def test_tubes_of_an_analogue_cytometer_give_the_rows_of_flowcore(shared, detector, file):
    """FCS 2.0 on a logarithmic scale; reference by flowCore, stored with the data of that package."""
    folder = shared / "data" / "flowcore_compdata"
    lines = [line.split() for line in (folder / "compref").read_text().splitlines()]
    columns = tuple(name.strip('"') for name in lines[0])
    row = next([float(cell) for cell in line[1:]] for line in lines[1:] if line[0].strip('"') == detector)

    fit = fit_stain(
        read_fcs(folder / "data" / file), detector, columns, unstained=[read_fcs(folder / "data" / "060909.001")]
    )

    assert fit.coefficients == pytest.approx(row, abs=0.005)
