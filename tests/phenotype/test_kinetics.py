"""Expansion: a row per patient and day, with every fault at its row."""

from pathlib import Path

import pandas as pd
import pytest

from phenotype.errors import StudyError
from phenotype.kinetics import kinetics_notes, kinetics_of, read_kinetics
from phenotype.study import Study, read_study

FILES = '[study]\nname = "x"\nsamples = "s.csv"\nclinical = "c.csv"\ntemplate = "g.csv"\n'


def study_with(folder: Path, text: str) -> Study:
    """Write a study with this kinetics sheet."""
    (folder / "kinetics.csv").write_text(text, encoding="utf-8")
    (folder / "study.toml").write_text(FILES + 'kinetics = "kinetics.csv"\n', encoding="utf-8")
    return read_study(folder / "study.toml")


def test_no_sheet_is_none(tmp_path):
    """Expansion was not measured: nothing to read, nothing to complain of."""
    (tmp_path / "study.toml").write_text(FILES, encoding="utf-8")

    assert read_kinetics(read_study(tmp_path / "study.toml")) is None


def test_values_have_their_type(tmp_path):
    """A day not measured is missing, never zero; a patient is text."""
    text = "patient_id,day,cart_pct_of_t,cart_per_ul,below_lod,lab\n007,D+7,12.5,3,0,A\n007,14,NA,,1,B\n"

    table = read_kinetics(study_with(tmp_path, text))

    assert table is not None
    assert table.dtypes.astype(str).to_dict() == {
        "patient_id": "object", "day": "int64", "cart_pct_of_t": "float64", "cart_per_ul": "float64",
        "below_lod": "Int64", "lab": "object",
    }  # fmt: skip
    assert list(table["patient_id"]) == ["007", "007"]
    assert list(table["day"]) == [7, 14]
    assert table["cart_pct_of_t"].isna().tolist() == [False, True]


def test_all_faults_at_once(tmp_path):
    """A fraction where a percent belongs cannot be told; more than 100 % can."""
    text = (
        "patient_id,day,cart_pct_of_t,cart_per_ul,copies_per_ug,below_lod\n"
        "A,7,101,,,\n"
        "A,D7,5,,,\n"
        ",7,5,,,\n"
        "B,,5,,,\n"
        "C,wk1,5,,,\n"
        "C,8,<1,-1,1e,yes\n"
    )

    with pytest.raises(StudyError) as caught:
        read_kinetics(study_with(tmp_path, text))

    assert caught.value.faults == (
        "kinetics.csv: row 2: cart_pct_of_t is '101'; it must be within 0 and 100",
        "kinetics.csv: row 3: patient 'A' has day 'D7' in row 2 already; keep one",
        "kinetics.csv: row 4: patient_id is ''; every row is a patient's day",
        "kinetics.csv: row 5: day is ''; every row is a patient's day",
        "kinetics.csv: row 6: day is 'wk1'; write a whole day: 7, D7, D+7 or D-5",
        "kinetics.csv: row 7: cart_pct_of_t is '<1'; a limit is not a value: write a number, or leave it empty and "
        "keep the limit in another column",
        "kinetics.csv: row 7: cart_per_ul is '-1'; it must be at least 0",
        "kinetics.csv: row 7: copies_per_ug is '1e'; write a number without unit, or leave the cell empty, or NA",
        "kinetics.csv: row 7: below_lod is 'yes'; write 1 for yes, 0 for no, or leave it empty",
    )


def test_a_curve_of_nobody_in_the_clinical_sheet_is_told(tmp_path):
    """P1 for P01: the patient would have no peak, and nothing would say why."""
    study = study_with(tmp_path, "patient_id,day,cart_pct_of_t\nP1,7,5\nP1,14,6\nP02,7,5\n")
    kinetics = read_kinetics(study)

    assert kinetics_notes(study, kinetics, {"P01", "P02"}) == [
        "kinetics.csv: patient 'P1' is not in c.csv; the curve is in no number"
    ]
    assert kinetics_notes(study, kinetics, {"P1", "P02"}) == []


def test_below_the_limit_of_one_assay_is_told_to_be_of_all(tmp_path):
    """A PCR sees what flow does not: its 150 copies would be left out unseen, since the flag is of the row."""
    header = "patient_id,day,cart_pct_of_t,copies_per_ug,below_lod\n"
    rows = "P1,7,0.01,150,1\nP1,14,20,3000,0\nP1,21,0.01,,1\nP1,28,0,20,\n"
    study = study_with(tmp_path, header + rows)

    assert kinetics_notes(study, read_kinetics(study), {"P1"}) == [
        "kinetics.csv: below_lod is 1 in 1 rows with values of cart_pct_of_t and copies_per_ug; it is of the whole "
        "row, and none of these values is used"
    ]


def test_missing_columns_are_named(tmp_path):
    """Each with the column that was probably meant."""
    with pytest.raises(StudyError, match=r"no column 'day'; did you mean 'days'.*\n.*no column 'cart_pct_of_t'"):
        read_kinetics(study_with(tmp_path, "patient_id,days\nA,7\n"))


def test_the_synthetic_kinetics(tmp_path, shared):
    """Every patient with a peak has a curve: 136 of 141."""
    table = read_kinetics(study_with(tmp_path, (shared / "cohort" / "kinetics_synthetic.csv").read_text()))

    assert table is not None
    assert table["patient_id"].nunique() == 136


def test_what_is_left_is_what_was_used(tmp_path):
    """Columns of the lab's own may name anybody, a curve without a patient is in no number: neither is passed on."""
    text = "patient_id,day,cart_pct_of_t,below_lod,nurse\n007,7,12.5,0,Li\nX9,7,3,0,Li\n008,D14,NA,1,Wu\n"
    kinetics = read_kinetics(study_with(tmp_path, text))
    cohort = pd.DataFrame({"patient_id": ["008", "007", "009"], "asct_group": ["over_1y", "none", "none"]})

    assert kinetics is not None
    left = kinetics_of(cohort, kinetics)

    assert list(left.columns) == ["patient_id", "asct_group", "day", "cart_pct_of_t", "below_lod"]
    assert left["patient_id"].tolist() == ["007", "008"]
    assert left["asct_group"].tolist() == ["none", "over_1y"]
    assert left["day"].tolist() == [7, 14]
    assert left["cart_pct_of_t"].fillna(-1).tolist() == [12.5, -1]
