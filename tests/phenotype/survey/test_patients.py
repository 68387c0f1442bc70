"""Whose a tube is, by the part of its name that tells patients apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenotype.survey.folder import Tube
from phenotype.survey.markers import vocabularies
from phenotype.survey.patients import distinct, guess_patients, other_words


def patients(*tubes: Tube) -> list[str]:
    """Return the proposed patient of each tube."""
    return [guess.value for guess in guess_patients(tubes, vocabularies(tubes))]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["P01_product", "P02_product"], ["P01", "P02"]),
        (["Specimen_001_P01 D0_001", "Specimen_001_P02 D0_002"], ["P01", "P02"]),
        (["A1 Well - P01", "A2 Well - P02"], ["P01", "P02"]),
        (["P01.0003.mqd", "P02.0004.mqd"], ["P01", "P02"]),
        (["export_P01_CAR+", "export_P02_CAR+"], ["P01", "P02"]),
        (["2024-03-01 donor 5", "2024-03-02 donor 6"], ["donor 5", "donor 6"]),
        (["UPN-12_d0", "UPN-13_d0"], ["UPN-12", "UPN-13"]),
        (["INF071_Tetramer", "INF149_Tetramer"], ["INF071", "INF149"]),
        (["Patient A", "Patient B"], ["Patient A", "Patient B"]),
        (["KUM7_Pt 3_BV421", "KUM7_Pt 4_BV421"], ["Pt 3", "Pt 4"]),
        (["P01_D0", "P01_D14"], ["P01", "P01"]),
        (["Trial P3 Patient 001", "Trial P3 Patient 002"], ["Patient 001", "Patient 002"]),
    ],
)
def test_patients_as_labs_name_them(tube, names, expected):
    """Study numbers, dates, days, wells, counters and markers stay out."""
    assert patients(*(tube(f"{name}.fcs") for name in names)) == expected


@pytest.mark.parametrize(
    ("names", "doubt"),
    [
        (["Activation_1", "Activation_17"], "patient_id: Activation_1?"),
        (["Mueller", "Maier"], "patient_id: Mueller?"),
        (["ABC-123-004", "ABC-124-001"], "patient_id: ABC-123 004?"),
        (["LAB1_XY3", "LAB2_XY4"], "patient_id: LAB1 or XY3?"),
        (["A01", "B07"], "patient_id: the names do not tell"),
        (["001", "002"], "patient_id: 001?"),
        (["IL2", "IL7"], "patient_id: the names do not tell"),
        (["KUM 073", "KUM 074"], "patient_id: KUM 073?"),
        (["KM1", "Tube 2"], "patient_id: KM1?"),
        (["P01_AA1", "P01_AA2"], "patient_id: AA1 or P01?"),
        (["R1", "R2"], "patient_id: R1?"),
        (["P1", "P01"], "patient_id: P01 and P1, one patient?"),
        (["PID_101", "other"], "patient_id: PID_101?"),
    ],
)
def test_what_could_be_someone_or_something_else_is_left_open(tube, names, doubt):
    """With what could be meant, for a person to copy."""
    tubes = [tube(f"{name}.fcs") for name in names]

    guess = guess_patients(tubes, vocabularies(tubes))[0]

    assert (guess.value, guess.doubt) == ("?", doubt)


def test_folders_and_keywords_tell_what_the_file_name_does_not(tube):
    """Tube_001 in the folder of a patient; the name of the tube in FACSDiva."""
    assert patients(tube("P07/Tube_001.fcs"), tube("P08/Tube_001.fcs")) == ["P07", "P08"]
    assert patients(tube("1.fcs", {"TUBE NAME": "P07"}), tube("2.fcs", {"$SRC": "P08"})) == ["P07", "P08"]


def test_a_keyword_that_names_another_patient_is_a_question(tube):
    """A file renamed by hand, or a tube mislabelled: the one fault nobody would find later."""
    tubes = [tube("P01.fcs", {"TUBE NAME": "P02 D0"}), tube("P03.fcs", {"TUBE NAME": "P03 D0"})]

    guesses = guess_patients(tubes, vocabularies(tubes))

    assert [guess.value for guess in guesses] == ["?", "P03"]
    assert guesses[0].doubt == "patient_id: file name says P01, TUBE NAME says P02"


def test_datasets_are_told_apart_by_their_own_names(tube):
    """They share the name of their file."""
    datasets = [tube("run P9.fcs", {"SAMPLE ID": f"P0{i}"}, dataset=str(i)) for i in (1, 2)]

    assert patients(*datasets) == ["P01", "P02"]


def test_a_word_that_some_names_have_is_a_kind_of_sample(tube):
    """P01_TNC is not the product that P01 is; names of patients are in every file's name."""
    tubes = [tube("P01.fcs"), tube("P02_TNC.fcs"), tube("P03_TNC.fcs")]
    named = [tube("P01_Mueller.fcs"), tube("P02_Maier.fcs")]

    assert other_words(tubes, vocabularies(tubes)) == ["", "tnc", "tnc"]
    assert other_words(named, vocabularies(named)) == ["", ""]


def test_patients_are_sorted_by_their_numbers():
    """As a person would look for them in the clinical sheet."""
    assert distinct(["P10", "P2", "?", "", "P2"]) == ("P2", "P10")


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_no_name_makes_it_fail_or_propose_what_the_name_does_not_hold(names):
    """Whatever people type; a proposal is always a part of the name."""
    tubes = [Tube(f"x/{name}.fcs".replace("\0", "")) for name in names]

    for tube, patient in zip(tubes, patients(*tubes), strict=True):
        assert patient == "?" or patient.casefold() in tube.file.casefold() or not tube.file.isascii()
