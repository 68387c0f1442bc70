"""Matrices from single stains, from the sheet to the tables."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gating import Channel, Sample, read_fcs, write_fcs
from phenotype.errors import StudyError
from phenotype.pipeline import check_study
from phenotype.pipeline.plan import make_plan
from phenotype.pipeline.run import run_study
from phenotype.simulate import simulate_study
from tests.phenotype.conftest import DYES, PANEL, SPILL


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch):
    """Leave out the drawing, which has tests of its own."""
    monkeypatch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
    monkeypatch.setattr("phenotype.pipeline.work.panels_of", lambda *_, **__: ())


def write_stain(
    path: Path, dye: str, *, seed: int = 1, spill: np.ndarray = SPILL, n: int = 4000, labels: bool = True
) -> None:
    """Write beads, half of them bright in one dye."""
    rng = np.random.default_rng(seed)
    signals = rng.normal(50, 10, (n, len(DYES)))
    signals[: n // 2, DYES.index(dye)] += 10_000 * rng.lognormal(0, 0.2, n // 2)
    seen = signals @ spill + rng.normal(0, 15, signals.shape)
    size = rng.normal(60_000, 3_000, n)
    events = np.column_stack([np.arange(n) / 100, size, size / 1.05, rng.normal(30_000, 2_000, n), seen])
    channels = tuple(Channel(name, marker if labels else "") for name, marker in PANEL.items())
    write_fcs(path, Sample(path.name, channels, events, {"SYNTHETIC": "TRUE"}))


@pytest.fixture
def stained(study, change) -> Callable[..., Path]:
    """Give the function that adds single stains to the study and takes its matrix from them; returns study.toml."""

    def add(*, skip: str = "", source: str = "controls", labels: bool = True, spill: np.ndarray = SPILL) -> Path:
        rows = []
        for i, dye in enumerate(DYES):
            if PANEL[dye] != skip:
                write_stain(study.parent / "fcs" / f"single_{dye}.fcs", dye, seed=i, labels=labels, spill=spill)
                rows.append(f"fcs/single_{dye}.fcs,,single_stain,,B1,{PANEL[dye]}")
        sheet = study.parent / "samples.csv"
        sheet.write_text(sheet.read_text() + "\n".join(rows) + "\n")
        change(study, 'source = "file"', f'source = "{source}"')
        return study

    return add


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table of a run."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("labels", [True, False])
def test_the_matrix_of_a_batch_is_that_of_its_stains(stained, labels):
    """Within 0.003 of what mixed the events; tubes without labels take their detector from the samples'."""
    plan = make_plan(stained(labels=labels))

    found = plan.stains["B1"].spillover
    assert plan.failures == ()
    assert found.channels == tuple(DYES)
    np.testing.assert_allclose(found.matrix, SPILL, atol=0.003)
    assert plan.recipe_of(plan.samples[0]).compensation is found


def test_a_run_with_stains_gives_the_fractions_of_a_run_with_the_true_matrix(stained, change):
    """The events were mixed by SPILL, which the files carry: both ways lead to the same cells."""
    study = stained()
    run_study(study, study.parent / "by_stains")
    change(study, 'source = "controls"', 'source = "file"')
    run_study(study, study.parent / "by_file")

    ours, true = (pd.read_csv(study.parent / name / "subsets.csv")["fraction"] for name in ("by_stains", "by_file"))
    assert ours.notna().all()
    assert np.abs(ours - true).max() < 0.01


def test_the_table_of_coefficients_and_the_record_of_inputs(stained):
    """Each coefficient with its error, its tube, and what the files say; each tube with its hash."""
    study = stained()
    run_study(study)
    results = study.parent / "results"

    rows = rows_of(results / "spillover.csv")
    assert len(rows) == 5 * 4
    assert {row["used"] for row in rows} == {"1"}
    assert max(abs(float(row["difference"])) for row in rows) < 0.003
    assert rows[0]["compared_with"] == "$SPILLOVER of fcs/P1.fcs"
    findings = [row for row in rows_of(results / "quality.csv") if row["check"] == "spillover_stains"]
    assert [row["severity"] for row in findings] == ["info"] * 6
    assert all(f"fcs/single_{dye}.fcs" in (results / "run.json").read_text() for dye in DYES)


def test_a_study_by_its_files_is_held_against_the_stains_and_not_changed(stained, study):
    """The matrix in the files is wrong by 0.07 in one place: that is said, and the numbers stay."""
    run_study(study, study.parent / "before")
    wrong = SPILL.copy()
    wrong[2, 3] += 0.07
    run_study(stained(source="file", spill=wrong), study.parent / "after")

    before, after = (study.parent / name for name in ("before", "after"))
    assert (before / "subsets.csv").read_bytes() == (after / "subsets.csv").read_bytes()
    findings = [row for row in rows_of(after / "quality.csv") if row["check"] == "spillover_stains"]
    assert {row["severity"] for row in findings} == {"warning"}
    assert findings[0]["message"].startswith("spillover of PE-A into PE-Cy5-A is 0.030 in $SPILLOVER and 0.1")
    assert {row["used"] for row in rows_of(after / "spillover.csv")} == {"0"}
    assert rows_of(before / "spillover.csv") == []


def test_a_batch_without_a_stain_is_refused_by_name(stained):
    """A row of zeros for CAR would leave its spillover in every other detector."""
    with pytest.raises(StudyError) as caught:
        make_plan(stained(skip="CAR"))

    assert caught.value.faults == (
        "fcs/P1.fcs and 5 other files: single stains of batch B1: none that can be used for CAR (PE-A)",
    )


def test_a_stain_that_a_person_says_is_not_needed(stained, change):
    """A dye that shines into no other: said out loud, it has a row of its own alone."""
    study = stained(skip="Viability")
    change(study, 'source = "controls"', 'source = "controls"\nwithout_stain = ["Viability"]')

    found = make_plan(study).stains["B1"].spillover

    assert found.channels == tuple(DYES)
    assert found.matrix[-1].tolist() == [0, 0, 0, 0, 1]
    np.testing.assert_allclose(found.matrix[:-1], SPILL[:-1], atol=0.003)


def test_check_says_what_a_run_would_refuse(stained, change):
    """A batch of one sample, whose name in the sheet no stain shares; the other five are compensated."""
    study = stained()
    change(study.parent / "samples.csv", "P1,product,0,B1", "P1,product,0,B2")

    found = check_study(study)

    assert found.status == 1
    assert found.files == 5
    (failure,) = found.failures
    assert failure.startswith("fcs/P1.fcs: single stains of batch B2: none that can be used for ")
    assert all(f"{marker} ({dye})" in failure for dye, marker in PANEL.items() if marker)


def test_a_broken_stain_is_a_failure_and_refuses_its_batch(stained):
    """The file is empty: it has its own line, and so have the samples."""
    study = stained()
    (study.parent / "fcs" / "single_PE-A.fcs").write_bytes(b"")

    with pytest.raises(StudyError) as caught:
        make_plan(study)

    assert any(fault.startswith("fcs/single_PE-A.fcs: ") for fault in caught.value.faults)
    assert any("none that can be used for CAR (PE-A)" in fault for fault in caught.value.faults)


def test_two_exchanged_stains_are_refused(stained):
    """The sheet says CAR for the tube of CD3 and the reverse: neither is brightest where it should be."""
    study = stained()
    sheet = study.parent / "samples.csv"
    text = sheet.read_text().replace(",B1,CAR\n", ",B1,@\n").replace(",B1,CD3\n", ",B1,CAR\n").replace("@", "CD3")
    sheet.write_text(text)

    with pytest.raises(StudyError) as caught:
        make_plan(study)

    assert any(
        "fcs/single_PE-A.fcs: " in fault and "PE-A" in fault and "PE-Cy5-A" in fault for fault in caught.value.faults
    )


def test_a_stain_measured_anew_is_gated_by_anew(stained):
    """Another tube under the old name gives another matrix, and no result of the old one may stand."""
    study = stained()
    run_study(study)
    assert run_study(study).reused == 6

    write_stain(study.parent / "fcs" / "single_PE-A.fcs", "PE-A", seed=77)

    assert run_study(study).reused == 0


def test_samples_at_another_voltage_are_refused(stained):
    """One sample of six: the others go on."""
    study = stained()
    for name, volts in (("P1.fcs", "520"), ("P2.fcs", "480"), ("single_PE-A.fcs", "480")):
        path = study.parent / "fcs" / name
        sample = read_fcs(path)
        path.unlink()
        write_fcs(path, replace(sample, keywords={**sample.keywords, "XP7V": volts}))
        path.write_bytes(path.read_bytes().replace(b"XP7V", b"$P7V"))

    plan = make_plan(study)

    assert [failure["error"] for failure in plan.failures] == [
        "fcs/P1.fcs: PE-A was measured at 520 V, and at 480 V in fcs/single_PE-A.fcs: "
        "spillover depends on voltage; measure both at one"
    ]
    assert len(plan.samples) == 5


def test_a_stain_whose_marker_no_file_knows_is_refused(stained, change):
    """A misspelt marker is not guessed."""
    study = stained()
    change(
        study.parent / "samples.csv", "single_PE-A.fcs,,single_stain,,B1,CAR", "single_PE-A.fcs,,single_stain,,B1,CARR"
    )

    with pytest.raises(StudyError, match=r"fcs/single_PE-A\.fcs: no channel or marker 'CARR'; did you mean 'CAR'\?"):
        make_plan(study)


def test_a_sample_with_swapped_labels_does_not_spoil_its_batch(stained):
    """It is refused for itself; what it calls CAR says nothing of the stains."""
    study = stained()
    path = study.parent / "fcs" / "P1.fcs"
    sample = read_fcs(path)
    swapped = {"CAR": "CD3", "CD3": "CAR"}
    channels = tuple(replace(c, marker=swapped.get(c.marker, c.marker)) for c in sample.channels)
    path.unlink()
    write_fcs(path, replace(sample, channels=channels))

    plan = make_plan(study)

    assert [failure["stage"] for failure in plan.failures] == ["panel"]
    np.testing.assert_allclose(plan.stains["B1"].spillover.matrix, SPILL, atol=0.003)


def test_a_simulated_study_by_its_stains_agrees_with_the_truth(tmp_path, change):
    """Beads, cells, an instrument that nobody told the program of: six standard errors, and three points."""
    simulate_study(tmp_path / "study", patients=4, events=12_000, control_events=4_000, seed=11, defects=False)
    study = tmp_path / "study" / "study.toml"
    change(study, 'source = "file"', 'source = "controls"')
    run_study(study)

    coefficients = pd.read_csv(study.parent / "results" / "spillover.csv")
    assert len(coefficients) == 8 * 7
    assert (coefficients["difference"].abs() <= 6 * coefficients["standard_error"]).all()
    assert coefficients["difference"].abs().max() < 0.003
    truth = pd.read_csv(study.parent / "truth" / "truth_fractions.csv").query("population == 'CAR+'")
    found = pd.read_csv(study.parent / "results" / "subsets.csv").merge(truth, on=["file", "subset"])
    assert len(found) >= 4
    assert (found["fraction_x"] - found["fraction_y"]).abs().max() < 0.03
