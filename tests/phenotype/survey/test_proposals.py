"""Whole folders, as labs export them; and the sample study, whose truth is known."""

import csv
import shutil
from pathlib import Path

import pytest

from phenotype.survey import survey_folder
from phenotype.survey.folder import Folder, Tube
from phenotype.survey.proposals import propose

SAMPLE = Path(__file__).resolve().parents[3] / "sample_fcs"


def short(row) -> tuple[str, str, str, str]:
    """Return role, patient, day and marker."""
    return row.role, row.patient_id, row.day, row.marker


def test_an_export_of_facsdiva(rows):
    """Specimen, tube, counter."""
    found = rows(
        "Specimen_001_P01 D0_001.fcs",
        "Specimen_001_P01 D0_FMO CD62L_003.fcs",
        "Specimen_001_P01 D28_004.fcs",
        "Specimen_001_UTD_005.fcs",
        "Compensation Controls_FITC Stained Control_007.fcs",
        "Compensation Controls_Unstained Control_008.fcs",
    )

    assert [short(row) for row in found.values()] == [
        ("product", "P01", "0", ""),
        ("fmo", "", "", "CD62L"),
        ("monitoring", "P01", "28", ""),
        ("untransduced", "", "", ""),
        ("single_stain", "", "", "CD3"),
        ("unstained", "", "", ""),
    ]
    assert all(row.doubts == () for row in found.values())


def test_the_same_patient_twice_is_a_question_for_both(rows):
    """A replicate, another stain, or another patient: `phenotype check` would refuse it anyway, with less to go by."""
    found = rows("P01_R1.fcs", "P01_R2.fcs", "P02.fcs")

    assert [row.role for row in found.values()] == ["?", "?", "product"]
    assert found["P01_R1.fcs"].doubts == ("role: P01 would have a product twice, with P01_R2.fcs: which is it?",)


def test_a_copy_is_a_question(rows):
    """Counted twice it would be two observations."""
    row = rows("P01.fcs", Tube("P02.fcs", twin="P01.fcs"))["P02.fcs"]

    assert (row.role, row.patient_id) == ("?", "")
    assert row.doubts[0] == "role: the same bytes as P01.fcs: delete one of the two rows"


def test_what_a_person_should_know_beside(rows, tube):
    """No cell depends on it, so nothing is to be decided."""
    export, twice = tube("export_P01_CAR+.fcs", {"GUID": "1"}), tube("P02.fcs", {"GUID": "1"})

    row = rows(export, twice)["export_P01_CAR+.fcs"]

    assert row.role == "product"
    assert row.doubts == (
        "to know: has the GUID of P02.fcs: one tube, exported in two ways",
        "to know: an export of one population from FlowJo; the default tree expects all events",
    )


def test_swapped_labels_are_told_in_the_row(rows, tube):
    """A59: the run will refuse the file if its batch says otherwise."""
    swapped = tuple((name, {"CD3": "CAR", "CAR": "CD3"}.get(marker, marker)) for name, marker in PANEL)

    row = rows("P01.fcs", "P02.fcs", tube("P03.fcs", panel=swapped))["P03.fcs"]

    assert row.panel == 2
    assert "to know: CAR is on FITC-A, in panel 1 on PE-A; labels or stains swapped?" in row.doubts


PANEL = (("FITC-A", "CD3"), ("PE-A", "CAR"), ("FSC-A", ""), ("BV421-A", "CD62L"))


def test_keywords_that_group_files_become_columns(look, tube):
    """If they say what no file's name says, and not the same as one before."""
    tubes = [
        tube(f"P{i}.fcs", {"EXPERIMENT NAME": f"E{i % 2}", "$PROJ": f"E{i % 2}", "TUBE NAME": f"P{i}", "$SRC": "one"})
        for i in range(4)
    ]

    assert look(*tubes).columns == ("EXPERIMENT NAME",)


def test_the_sample_study_is_proposed_as_it_is(tmp_path):
    """Row by row against the sheet that made it: nothing wrong, and only the file that is cut short left out."""
    shutil.copytree(SAMPLE / "fcs", tmp_path / "fcs")
    with (SAMPLE / "samples.csv").open(newline="") as stream:
        truth = {row["file"]: row for row in csv.DictReader(stream)}

    survey = survey_folder(tmp_path)

    found = {
        row.tube.file: {
            "file": row.tube.file,
            "patient_id": row.patient_id,
            "role": row.role,
            "day": row.day,
            "batch": row.batch,
            "marker": row.marker,
        }
        for row in survey.proposals
    }
    assert truth.keys() - found.keys() == {"fcs/P005_product.fcs"}
    assert found == {file: truth[file] for file in found}
    assert [len(panel.members) for panel in survey.panels] == [63, 1]


@pytest.mark.parametrize("folder", ["mouse_activation", "luciernaga_spectral_tcell", "omip021_human_tcell"])
def test_real_files_are_proposed_rightly_or_left_open(shared, folder):
    """What their names and publications say; the rest is a question."""
    known = {
        "Activation": ("?", "product"),
        "Unstained": ("unstained",),
        "Compensation": ("single_stain",),
        "Donor": ("product",),
        "Ctrl_Tetramer": ("?",),
    }

    for row in survey_folder(shared / "data" / folder).proposals:
        expected = next(roles for word, roles in sorted(known.items(), reverse=True) if word in row.tube.file)
        assert row.role in expected, row.tube.file
        assert row.batch == "B1"


def test_nothing_said_is_all_to_decide():
    """A file without a keyword and with a name that says nothing."""
    row = propose(Folder(Path(), (Tube("1.fcs"),))).proposals[0]

    assert short(row) == ("?", "?", "", "")
    assert row.batch == "?"
