"""Names taken apart: dates and days first, words after."""

import pytest

from phenotype.survey.words import could_be_well, days_in, said, without_dates, words


@pytest.mark.parametrize(
    "text", ["2024-03-01", "20240301", "01-MAR-2024", "1.3.2024", "1 März 24", "2013-Jul-19", "24-Apr-12", "2024_03_01"]
)
def test_dates_are_no_words(text):
    """Else 2024 or 03 would be taken for a patient."""
    assert words(f"{text} P01") == ("p01",)
    assert words(f"P01_{text}") == ("p01",)


@pytest.mark.parametrize("text", ["P20240", "12345", "CD1913", "P20240301", "01 marker 22"])
def test_numbers_that_are_no_date_stay(text):
    """Twelve thousand is a patient's number in some hospitals."""
    assert words(text) == tuple(text.casefold().split())


@pytest.mark.parametrize(
    ("text", "days"),
    [("P01_D0", {"0"}), ("day 14", {"14"}), ("P01 d+28", {"28"}), ("Tag7", {"7"}), ("Day_3 D0", {"3", "0"})],
)
def test_days_are_found(text, days):
    """As labs write them."""
    assert days_in(text) == days
    assert not {"d", "day", "tag"} & set(words(text))


@pytest.mark.parametrize("text", ["CD3", "CD28", "D", "2D3", "UPD5", "D1234"])
def test_other_words_with_d_and_a_number_are_no_days(text):
    """CD28 is a marker."""
    assert days_in(text) == frozenset()


def test_a_sign_that_could_be_a_dash_is_left_open():
    """D-5 is the day of lymphodepletion, or day 5."""
    assert days_in("P01 D-5") == {"?"}


def test_a_day_that_is_also_a_well():
    """D0 and D14 are in no row of a 96-well plate."""
    assert [could_be_well(text) for text in ("D6", "D06", "D0", "D14", "day 6", "D+6")] == [True, True] + [False] * 4


def test_fmo_is_parted_from_what_follows():
    """Some write it in one word."""
    assert words("FMOCD62L") == ("fmo", "cd62l")


def test_a_tube_is_named_by_its_file_and_a_dataset_by_its_keywords(tube):
    """All datasets of a file share its name."""
    assert [one.source for one in said(tube("d/a.fcs", {"TUBE NAME": "x"}))] == ["file name", "folder", "TUBE NAME"]
    assert said(tube("a.fcs", {"TUBE NAME": "x"}, dataset="2"))[0].source == "TUBE NAME"


def test_decomposed_letters_are_one():
    """A Mac stores the dots of ä apart from the a."""
    assert words("Ma\u0308rz") == ("märz",)
    assert without_dates("a\u0308") == "ä"
