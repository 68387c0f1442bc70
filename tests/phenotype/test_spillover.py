"""Single stains beside the matrices of files: what differs is said, with its size and where."""

import numpy as np
import pytest

from gating import Channel, GatedSample, Sample, Spillover, StainFit, gate_sample, parse_template
from phenotype.spillover import (
    check_against_stains,
    check_residual,
    check_stains,
    spillover_rows,
    voltage_fault,
    voltages_of,
)

DYES = ("FITC-A", "PE-A")


def fit(coefficient: float, error: float = 0.001, *warnings: str) -> StainFit:
    """Return the row of a FITC stain."""
    row, errors = np.array([1.0, coefficient]), np.array([0.0, error])
    return StainFit("FITC-A", "fitc.fcs", DYES, row, errors, 500, 400, "own negatives", 90.0, warnings)


def matrix(coefficient: float) -> Spillover:
    """Return a file's matrix."""
    return Spillover(DYES, np.array([[1, coefficient], [0, 1]]), "$SPILLOVER")


def test_a_matrix_that_agrees_is_information():
    """The largest difference is given even then: it says how well the two agree."""
    (finding,) = check_against_stains("p1", [fit(0.20)], matrix(0.21), used=True)

    assert finding.severity == "info"
    assert finding.value == pytest.approx(0.01)
    assert finding.message == (
        "spillover of FITC-A into PE-A is 0.210 in $SPILLOVER and 0.200 ± 0.001 by fitc.fcs; the former was taken out"
    )


def test_a_matrix_that_disagrees_is_a_warning():
    """It says which coefficient, by how much, and which of the two made the numbers."""
    (finding,) = check_against_stains("p1", [fit(0.20)], matrix(0.15), used=False)

    assert (finding.severity, finding.check) == ("warning", "spillover_stains")
    assert finding.value == pytest.approx(-0.05)
    assert finding.message.endswith(
        "by fitc.fcs; the latter was taken out; 1 of 1 coefficients differ by more than 0.02"
    )


def test_a_difference_within_three_standard_errors_is_no_warning():
    """A stain of few events must not call a sound matrix wrong."""
    (finding,) = check_against_stains("p1", [fit(0.20, 0.02)], matrix(0.15), used=True)

    assert finding.severity == "info"


def test_a_matrix_without_a_common_pair_is_not_compared():
    """Nothing to say is not agreement."""
    other = Spillover(("APC-A", "BV421-A"), np.array([[1, 0.1], [0, 1]]))

    assert list(check_against_stains("p1", [fit(0.2)], other, used=True)) == []


def test_what_is_odd_about_a_stain_reaches_its_own_row():
    """The tube is what a person looks at next."""
    (finding,) = check_stains({"fitc": fit(0.2, 0.03, "fitc.fcs: noisy")})

    assert (finding.sample_id, finding.severity, finding.message) == ("fitc", "warning", "fitc.fcs: noisy")


def test_rows_have_both_numbers_and_their_difference():
    """And detectors without a stain, which were in the matrix with nothing beside the diagonal."""
    used = Spillover(DYES, np.array([[1, 0.2], [0, 1]]), "single stains")

    stained, bare = spillover_rows("B1", [fit(0.2)], used, matrix(0.25))

    assert (stained["fluorochrome"], stained["detector"], stained["n_positive"]) == ("FITC-A", "PE-A", 500)
    assert (stained["coefficient"], stained["their_coefficient"]) == (0.2, 0.25)
    assert stained["difference"] == pytest.approx(0.05)
    assert (bare["fluorochrome"], bare["coefficient"], bare["standard_error"], bare["stain"]) == ("PE-A", 0.0, None, "")
    assert stained["used"] is True
    assert spillover_rows("B1", [fit(0.2)], None, None)[0]["used"] is False


def measured(**voltages: str) -> Sample:
    """Return a sample with voltages by number."""
    channels = (Channel("FSC-A"), Channel("FITC-A"), Channel("PE-A"))
    return Sample("p1.fcs", channels, np.zeros((1, 3)), {f"${key}": value for key, value in voltages.items()})


def test_a_sample_at_another_voltage_is_found():
    """A coefficient is a ratio of two gains."""
    stains = {"pe.fcs": voltages_of(measured(P2V="500", P3V="480"), DYES)}

    assert voltage_fault(measured(P2V="500", P3V="480.0"), stains) == ""
    assert voltage_fault(measured(P2V="500", P3V="520"), stains) == (
        "PE-A was measured at 520 V, and at 480 V in pe.fcs"
    )


@pytest.mark.parametrize("voltage", ["", "0", "NA", "inf"])
def test_an_unknown_voltage_is_no_fault(voltage):
    """Cytometers without photomultipliers write nothing, or nought."""
    stains = {"pe.fcs": voltages_of(measured(P2V="500", P3V="480"), DYES)}

    assert voltage_fault(measured(P2V="500", P3V=voltage), stains) == ""


def gated(left: float, compensation: str = "$SPILLOVER") -> GatedSample:
    """Return cells, half of them FITC+, after compensation that is wrong by ``left``; far more events are debris."""
    rng = np.random.default_rng(5)
    n = 100_000
    fitc = np.where(rng.random(n) < 0.5, rng.lognormal(9.4, 0.5, n), rng.normal(100, 50, n))
    pe = rng.normal(100, 50, n) + left * fitc
    size = np.where(rng.random(n) < 0.96, 5_000.0, 60_000.0)
    pe = np.where(size < 20_000, rng.normal(100, 50, n) + 0.3 * fitc, pe)
    channels = (Channel("FSC-A"), Channel("FITC-A", "CD3"), Channel("PE-A"))
    sample = Sample("p1.fcs", channels, np.column_stack([size, fitc, pe]), compensation=compensation)
    template = parse_template(
        "population,parent,channels,method,arguments\nLive,root,FSC-A,range,minimum=20000\n"
        "T,Live,CD3,range,minimum=1000\nP,Live,PE-A,range,minimum=1000\n"
    )
    return gate_sample(sample, template)


@pytest.mark.parametrize(
    ("left", "check", "word"), [(0.08, "under_compensated", "rises by 8%"), (-0.08, "over_compensated", "falls by 8%")]
)
def test_wrong_compensation_is_a_finding(left, check, word):
    """With the pair, the size as a share of the signal, and what to look at."""
    (finding,) = check_residual("p1", gated(left), "Live")

    assert (finding.check, finding.severity, finding.limit) == (check, "warning", 0.03)
    assert finding.value == pytest.approx(left, abs=0.005)
    assert finding.message.startswith(f"PE-A {word} of the signal of CD3 (FITC-A) among ")
    assert finding.message.endswith("Look at PE-A against CD3 (FITC-A), and at that coefficient")


def test_unmixed_events_have_no_coefficient_to_look_at():
    """Said to be compensated already, they are put right where that was done, not in a matrix that there is not."""
    (finding,) = check_residual("p1", gated(0.08, "none (declared)"), "Live")

    assert finding.message.endswith("and at the program that compensated or unmixed the file")


def test_right_compensation_and_small_errors_are_no_finding():
    """Two percent of the signal is within what matrices differ by."""
    assert list(check_residual("p1", gated(0.0), "Live")) == []
    assert list(check_residual("p1", gated(0.02), "Live")) == []
