"""Fractions made elsewhere: whatever the shape of the table, the same numbers, or a refusal."""

import numpy as np
import pytest

from phenotype.errors import StudyError
from phenotype.fractions import read_fractions
from phenotype.subsets import SUBSETS


def read(folder, text):
    """Write a table and read its fractions."""
    path = folder / "subsets.csv"
    path.write_text(text, encoding="utf-8")
    return read_fractions(path)


def faults(folder, text):
    """Return what is wrong with a table."""
    with pytest.raises(StudyError) as caught:
        read(folder, text)
    return caught.value.faults


LONG = "patient_id,subset,count,fraction\n" + "".join(
    f"{patient},{subset},7,{value}\n"
    for patient, values in (("P2", (0.1, 0.2, 0.3, 0.4)), ("P1", (0.4, 0.3, 0.2, 0.1)))
    for subset, value in zip(SUBSETS, values, strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        "patient_id,effector,naive,central_memory,effector_memory\nP2,0.4,0.1,0.2,0.3\nP1,0.1,0.4,0.3,0.2\n",
        "Patient_ID,naive_pct,cm_pct,em_pct,eff_pct\nP2,10,20,30,40\nP1,40,30,20,10\n",
    ],
)
def test_a_long_a_wide_and_a_percent_table_are_the_same(tmp_path, text):
    """FlowJo's table has a column a subset in percent, a run's has a row; either is read as the same fractions."""
    found = read(tmp_path, text)

    assert found.index.tolist() == ["P2", "P1"]
    assert found.columns.tolist() == list(SUBSETS)
    np.testing.assert_allclose(found.to_numpy(), [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])


def test_two_products_of_a_patient_count_as_their_mean(tmp_path):
    """As a run does: a patient is one unit of every comparison."""
    found = read(tmp_path, "patient_id,naive,central_memory,effector_memory,effector\nP1,1,0,0,0\nP1,0,1,0,0\n")

    assert found.loc["P1"].tolist() == [0.5, 0.5, 0.0, 0.0]


def test_a_patient_without_a_product_stays_missing(tmp_path):
    """Three of the paper's 141 have none: they are in the denominators of everything else."""
    found = read(tmp_path, "patient_id,naive,central_memory,effector_memory,effector\nP1,,NA,,\n")

    assert found.loc["P1"].isna().all()


def test_every_fault_of_a_table_is_said(tmp_path):
    """Percent typed into a column of fractions is a hundred times too much: no number is taken for another."""
    assert faults(tmp_path, "patient_id,naive,central_memory,effector_memory,effector\nP1,40,30,20,10\n") == (
        "subsets.csv: row 2: naive is '40'; it must be within 0 and 1",
        "subsets.csv: row 2: central_memory is '30'; it must be within 0 and 1",
        "subsets.csv: row 2: effector_memory is '20'; it must be within 0 and 1",
        "subsets.csv: row 2: effector is '10'; it must be within 0 and 1",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,naive\nP1,1\n", "no column 'patient_id'"),
        ("patient_id,naive,cm,em\nP1,1,0,0\n", "no column 'effector'"),
        ("patient_id,naive,cm,em_pct,eff\nP1,1,0,0,0\n", "some of naive, cm, em_pct, eff are in percent"),
        ("patient_id,naive,cm,central_memory,em,eff\nP1,1,0,0,0,0\n", "cm and central_memory are both central_memory"),
        ("patient_id,naive,cm,em,eff\nP1,0.5,0.1,0.1,0.1\n", "sum to 0.8"),
        ("patient_id,naive,cm,em,eff\nP1,0.5,,0.3,0.2\n", "'P1' has no central_memory"),
        ("patient_id,naive,cm,em,eff\n,0.5,0.1,0.2,0.2\n", "every row is a patient"),
        ("patient_id,subset,fraction\nP1,naiv,0.5\n", "no subset 'naiv'; did you mean 'naive'"),
        ("patient_id,subset,fraction\nP1,naive,0,5\n", "header names no column 4"),
    ],
)
def test_what_is_no_table_of_four_fractions_is_refused(tmp_path, text, words):
    """A subset that is not there, two of one name, a sum of 0.8: each would shift a comparison unseen."""
    assert words in "\n".join(faults(tmp_path, text))


def test_rounded_percentages_are_fractions(tmp_path):
    """Four numbers rounded to whole percent sum to 98 to 102."""
    found = read(tmp_path, "patient_id,naive_pct,cm_pct,em_pct,eff_pct\nP1,33,33,33,0\n")

    assert found.loc["P1", "naive"] == pytest.approx(0.33)
