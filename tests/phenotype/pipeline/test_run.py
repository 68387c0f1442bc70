"""A run from its sheets to its tables: what a second run may keep, and who is in the cohort."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gating import read_fcs, write_fcs
from phenotype.analyses import cohort_of
from phenotype.pipeline.run import not_gated, patient_fractions, run_study
from phenotype.pipeline.work import SampleResult
from phenotype.samples import SampleRow
from phenotype.study import Analyses

MATRIX = """BV421-A,BV510-A,PE-A,PE-Cy5-A,APC-H7-A
1,0.03,0.03,0.03,0.03
0.03,1,0.03,0.03,0.03
0.03,0.03,1,0.03,0.03
0.03,0.03,0.03,1,0.03
0.03,0.03,0.03,0.03,1
"""
SUBSETS = ("naive", "central_memory", "effector_memory", "effector")
CAR_POSITIVE = "\n".join(f'{subset} = "{subset}"' for subset in SUBSETS)
CAR_NEGATIVE = "\n".join(f'{subset} = "CAR- {subset}"' for subset in SUBSETS)
SETTINGS = f"""
[markers]
CAR = "BCMA CAR"

[subsets]
{CAR_POSITIVE}

[quality]
min_subset_events = 50
min_viability = 0.7
max_saturated = 0.05

[reading]
strict = false
"""


@pytest.fixture(scope="module", autouse=True)
def _without_figures():
    """Leave out the drawing, which has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
        patch.setattr("phenotype.pipeline.work.panels_of", lambda *_, **__: ())
        yield


@pytest.fixture(scope="module")
def _run_once(make_study, tmp_path_factory):
    """Run a study of two products, with every setting said, once."""
    study = make_study(tmp_path_factory.mktemp("once") / "study")
    folder = study.parent
    rows = (folder / "samples.csv").read_text().splitlines()
    (folder / "samples.csv").write_text("\n".join([rows[0], rows[1], rows[4], rows[7]]) + "\n")
    (folder / "matrix.csv").write_text(MATRIX)
    study.write_text(study.read_text().replace('source = "file"', 'source = "matrix.csv"') + SETTINGS)
    run_study(study)
    return study


@pytest.fixture
def finished(_run_once, tmp_path):
    """Give a copy of a study of two products, P1 and P4, that was run."""
    return shutil.copytree(_run_once.parent, tmp_path / "study") / "study.toml"


def rows_of(path) -> list[dict[str, str]]:
    """Return the rows of a table of a run."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_second_run_keeps_what_nothing_changed(finished):
    """The two samples are not gated again."""
    assert run_study(finished).reused == 2


BATCH = "fcs/P1.fcs,P1,product,0,B1,\nfcs/P4.fcs,P4,product,0,B1,\nfcs/untransduced.fcs,,untransduced,,B1,\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "kept"),
    [
        ("gating.csv", "untransduced, quantile=0.995", "untransduced, quantile=0.99", 0),
        ("gating.csv", "singlets,", "singlets,mad=4", 0),
        ("gating.csv", "Viability,", "APC-H7-A,", 0),
        ("gating.csv", "CAR- T,T cells", "CAR- T,Live", 0),
        ("study.toml", '"matrix.csv"', '"none"', 0),
        ("matrix.csv", "\n1,0.03,", "\n1,0.02,", 0),
        ("study.toml", '"BCMA CAR"', '"CD19 CAR"', 0),
        ("study.toml", CAR_POSITIVE, CAR_NEGATIVE, 0),
        ("study.toml", "min_subset_events = 50", "min_subset_events = 60", 0),
        ("study.toml", "min_viability = 0.7", "min_viability = 0.8", 0),
        ("study.toml", "max_saturated = 0.05", "max_saturated = 0.06", 0),
        ("study.toml", "strict = false", "strict = true", 0),
        ("samples.csv", "fcs/untransduced.fcs,,untransduced,,B1,\n", "", 0),
        ("samples.csv", BATCH, BATCH.replace("B1", "B9"), 0),
        ("samples.csv", "P1,product,0,B1", "P1,product,0,B2", 0),
        ("samples.csv", "fcs/P1.fcs,P1", "fcs/P1.fcs,P3", 1),
        ("clinical.csv", "P4,2021-01-04,1,2018-01-01", "P4,2021-01-04,1,2020-06-01", 2),
    ],
)
def test_what_is_kept_is_only_what_does_not_rest_on_a_change(finished, change, file, old, new, kept):
    """A setting that is corrected and a result that is not would stand side by side in one report."""
    change(finished.parent / file, old, new)

    assert run_study(finished).reused == kept


def test_a_control_measured_anew_is_gated_by_anew(finished, tube):
    """The tube is exported again under its old name: the CAR threshold of every sample has moved."""
    tube(finished.parent / "fcs" / "untransduced.fcs", 98, car=0.0)

    assert run_study(finished).reused == 0


def car_sources(study) -> dict[str, str]:
    """Return what placed the CAR gate of each sample."""
    rows = rows_of(study.parent / "results" / "gates.csv")
    return {row["sample_id"]: row["source"] for row in rows if row["population"] == "CAR+ T"}


def test_a_sample_is_held_against_the_controls_of_its_own_batch(finished, change, tube):
    """Another day's voltages and another lot of antibody put the negatives elsewhere."""
    tube(finished.parent / "fcs" / "untransduced 2.fcs", 98, car=0.0)
    sheet = finished.parent / "samples.csv"
    change(sheet, "P4,product,0,B1", "P4,product,0,B2")
    sheet.write_text(sheet.read_text() + "fcs/untransduced 2.fcs,,untransduced,,B2,\n")

    run_study(finished)

    assert car_sources(finished) == {
        "P1": "0.995 quantile of fcs/untransduced.fcs",
        "P4": "0.995 quantile of fcs/untransduced 2.fcs",
    }


def test_two_controls_of_a_batch_place_a_threshold_together(finished, tube):
    """Neither tube alone, nor the one that happens to stand first."""
    tube(finished.parent / "fcs" / "untransduced 2.fcs", 98, car=0.0)
    sheet = finished.parent / "samples.csv"
    sheet.write_text(sheet.read_text() + "fcs/untransduced 2.fcs,,untransduced,,B1,\n")

    run_study(finished)

    assert set(car_sources(finished).values()) == {
        "0.995 quantile of fcs/untransduced.fcs+fcs/untransduced 2.fcs",
    }


def test_an_unstained_tube_counts_though_none_of_its_cells_is_a_t_cell_by_stain(finished, change):
    """Gated on CD3 it would lose every event, and the threshold would fall to another step."""
    stained = read_fcs(finished.parent / "fcs" / "untransduced.fcs")
    dim = 10 ** np.random.default_rng(5).normal(2.3, 0.25, (len(stained), 5))
    events = np.column_stack([stained.events[:, :4], dim])
    write_fcs(finished.parent / "fcs" / "unstained.fcs", replace(stained, events=events))
    change(finished.parent / "samples.csv", "untransduced.fcs,,untransduced", "unstained.fcs,,unstained")
    change(finished.parent / "gating.csv", "control(untransduced, quantile=0.995)", "control(unstained)")

    run_study(finished)

    assert set(car_sources(finished).values()) == {"0.995 quantile of fcs/unstained.fcs"}


def test_a_control_that_cannot_be_gated_is_a_failure_of_the_run(finished):
    """The next step places the threshold then; without a word, no one would know that a tube is missing."""
    path = finished.parent / "fcs" / "untransduced.fcs"
    stained = read_fcs(path)
    channels = tuple(replace(each, marker=each.marker.replace("CAR", "?")) for each in stained.channels)
    write_fcs(path, replace(stained, channels=channels))

    summary = run_study(finished)

    ((failure,), written) = summary.failures, rows_of(finished.parent / "results" / "failures.csv")
    assert (failure["file"], failure["stage"]) == ("fcs/untransduced.fcs", "gate control")
    assert [row["error"] for row in written] == [failure["error"]]
    assert summary.status == 1


def subset_row(patient: str, sample: str, fraction: float | None) -> dict[str, object]:
    """Return a row of subsets.csv with what the cohort needs of it."""
    return {"sample_id": sample, "patient_id": patient, "subset": "naive", "fraction": fraction}


def test_the_cohort_has_the_patients_of_the_clinical_sheet_and_no_others():
    """Who has no product keeps a row without numbers; who is not in the sheet has none: no date, so no group."""
    patients = pd.DataFrame({"patient_id": ["P2", "P1"], "asct_group": ["none", "over_1y"]})

    fractions = patient_fractions([subset_row("P1", "a", 0.25), subset_row("P9", "b", 0.5)])
    cohort = cohort_of(patients, fractions, None, Analyses())

    assert cohort["patient_id"].tolist() == ["P2", "P1"]
    assert cohort["asct_group"].tolist() == ["none", "over_1y"]
    np.testing.assert_array_equal(cohort["naive"], [np.nan, 0.25])
    assert cohort[["central_memory", "effector_memory", "effector"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("fractions", "expected"), [([0.125, 0.375, 0.625], 0.375), ([0.25, 0.5], 0.375), ([None, 0.5], 0.5)]
)
def test_a_patient_whose_product_was_stained_twice_counts_once_with_the_mean(fractions, expected):
    """The patient is the unit; a staining of too few cells for a fraction has no say in it."""
    rows = [subset_row("P1", f"s{i}", fraction) for i, fraction in enumerate(fractions)]

    assert patient_fractions(rows)["naive"].tolist() == [expected]


def test_patients_without_gates_have_the_stage_at_which_their_product_stopped():
    """The report says of every patient who is missing why; one with a second tube that was gated is not missing."""
    rows = [
        SampleRow(f"s{i}", f"{i}.fcs", Path(f"{i}.fcs"), patient, role)
        for i, (patient, role) in enumerate(
            [("P1", "product"), ("P2", "product"), ("P2", "product"), ("P3", "product"), ("P3", "product"),
             ("P4", "monitoring"), ("", "fmo")]
        )
    ]  # fmt: skip
    failures = [{"file": f"{i}.fcs", "stage": stage, "error": ""} for i, stage in
                [(1, "read"), (3, "panel"), (3, "gate"), (4, "gate"), (5, "read"), (6, "read control")]]  # fmt: skip
    result = SampleResult(populations=[{"sample_id": "s0"}, {"sample_id": "s2"}], failures=failures)

    assert not_gated(rows, result) == {"P3": "panel"}


def test_cells_in_blood_after_infusion_are_not_the_product(finished):
    """A monitoring sample is gated and listed, and is in no table that describes products."""
    results = finished.parent / "results"
    before = rows_of(results / "cohort.csv")
    sheet = finished.parent / "samples.csv"
    sheet.write_text(sheet.read_text() + "fcs/P2.fcs,P1,monitoring,28,B1,\n")

    run_study(finished)

    assert {row["sample_id"] for row in rows_of(results / "populations.csv")} == {"P1", "P4", "P2"}
    for table in ("subsets", "subsets_control"):
        assert {row["sample_id"] for row in rows_of(results / f"{table}.csv")} == {"P1", "P4"}
    assert rows_of(results / "cohort.csv") == before


def test_car_negative_cells_are_the_other_t_cells_and_have_subsets_of_their_own(finished):
    """Their fractions are of CAR- T cells: of all T cells they would be diluted, of CAR+ cells a copy."""
    results = finished.parent / "results"
    counts = {(row["sample_id"], row["population"]): row["count"] for row in rows_of(results / "populations.csv")}
    controls = rows_of(results / "subsets_control.csv")

    for sample in ("P1", "P4"):
        positive, negative, every = (int(counts[sample, name]) for name in ("CAR+ T", "CAR- T", "T cells"))
        rows = [row for row in controls if row["sample_id"] == sample]
        assert positive + negative == every
        assert [row["subset"] for row in rows] == list(SUBSETS)
        assert [row["count"] for row in rows] == [counts[sample, f"CAR- {subset}"] for subset in SUBSETS]
        assert {int(row["parent_count"]) for row in rows} == {negative}
        assert sum(int(row["count"]) for row in rows) == negative


def test_car_positive_and_negative_cells_are_cut_at_the_same_place(finished):
    """Fitted apart, the thresholds would differ, and with them the subsets of cells that do not."""
    gates = rows_of(finished.parent / "results" / "gates.csv")
    cuts = {(row["sample_id"], row["population"]): json.loads(row["coordinates"]) for row in gates}

    for sample in ("P1", "P4"):
        for subset in SUBSETS:
            assert cuts[sample, f"{subset} (not CD4+ T)"] == cuts[sample, f"CAR- {subset} (not CD4+ T)"]


@pytest.mark.parametrize(("family", "tests"), [("all", 8), ("contrast", 4)])
def test_p_values_are_adjusted_over_the_family_that_the_study_names(study, change, family, tests):
    """Three against three in two contrasts of four subsets: the smallest p, 2/20, is multiplied by 8 or by 4."""
    change(study.parent / "clinical.csv", "P6,2021-01-06,1,2020-01-07", "P6,2021-01-06,1,2018-01-07")
    study.write_text(study.read_text() + f'\n[comparisons]\nfamily = "{family}"\n')

    run_study(study)

    rows = [row for row in rows_of(study.parent / "results" / "comparisons.csv") if row["p_value"]]
    assert len(rows) == 8
    assert min(float(row["p_value"]) for row in rows) == pytest.approx(2 / 20)
    assert min(float(row["p_adjusted"]) for row in rows) == pytest.approx(tests * 2 / 20)


def checks(study) -> set[str]:
    """Run a study and return the checks that found something."""
    run_study(study)
    return {row["check"] for row in rows_of(study.parent / "results" / "quality.csv")}


def test_a_sound_study_has_no_findings(finished):
    """What the next tests find comes of the defect that each puts in."""
    assert checks(finished) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "check"),
    [
        ("study.toml", "min_viability = 0.7", "min_viability = 0.99", "viability"),
        ("study.toml", "min_subset_events = 50", "not_quantified_below = 100000", "not_quantified"),
        ("gating.csv", 'CD3,"valley >', 'CD3,"valley(min_events=100000) >', "gate_refused"),
        ("gating.csv", "quadrant=++; offset=yes; on", "quadrant=++; x=at(1); on", "subsets_partition"),
    ],
)
def test_a_sample_that_fails_a_limit_of_the_study_is_said(finished, change, file, old, new, check):
    """A check that is not asked finds nothing."""
    change(finished.parent / file, old, new)

    assert check in checks(finished)


def saturated(events):
    """Put a tenth of the events at the top of CAR, from where compensation for a bright CD62L takes them down."""
    events[::10, [4, 6]] = 100_000, 262_143


def backwards(events):
    """Let time run back from half of the events on."""
    events[2000:, 0] -= 30


def not_a_number(events):
    """Lose one value."""
    events[7, 3] = np.nan


@pytest.mark.parametrize(
    ("spoil", "check"), [(saturated, "saturation"), (backwards, "time_order"), (not_a_number, "repair")]
)
def test_what_is_odd_in_a_file_is_said(finished, spoil, check):
    """What a file shows is written down, or it has not been seen."""
    path = finished.parent / "fcs" / "P1.fcs"
    sample = read_fcs(path)
    events = sample.events.copy()
    spoil(events)
    write_fcs(path, replace(sample, events=events))

    assert check in checks(finished)


def test_a_matrix_that_differs_within_a_batch_is_said(finished, change, tube):
    """One of the two was compensated with a matrix of another day."""
    change(finished, '"matrix.csv"', '"file"')
    odd = "2,BV421-A,BV510-A,1,0.3,0,1"
    tube(finished.parent / "fcs" / "P1.fcs", 1, spillover=odd)

    assert "spillover_differs" in checks(finished)


@pytest.mark.parametrize(("role", "found"), [("product,0", True), ("monitoring,28", False)])
def test_a_batch_of_products_that_is_dimmer_is_said(finished, change, role, found):
    """Cells in blood may be dimmer than the product; products of two batches should not be."""
    path = finished.parent / "fcs" / "P4.fcs"
    sample = read_fcs(path)
    events = sample.events.copy()
    events[:, 4:] *= 0.3
    write_fcs(path, replace(sample, events=events))
    change(finished.parent / "samples.csv", "P4,product,0,B1", f"P4,{role},B2")

    assert ("batch_shift" in checks(finished)) is found


def test_a_corrected_date_reaches_every_table_though_nothing_is_gated(finished, change):
    """P4 was transplanted seven months before infusion, not three years."""
    results = finished.parent / "results"
    change(finished.parent / "clinical.csv", "P4,2021-01-04,1,2018-01-01", "P4,2021-01-04,1,2020-06-01")

    run_study(finished)

    cohort = {row["patient_id"]: row for row in rows_of(results / "cohort.csv")}
    counts = {row["contrast"]: row["n_a"] for row in rows_of(results / "comparisons.csv")}
    levels = {row["level"] for row in rows_of(results / "estimates.csv") if row["analysis"] == "subset_median"}
    assert cohort["P4"]["asct_group"] == "within_1y"
    assert (counts["over_1y_vs_none"], counts["within_1y_vs_none"]) == ("0", "1")
    assert levels == {"none", "within_1y", "asct", "all"}
