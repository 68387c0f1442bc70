"""Product or monitoring, and of which day."""

import pytest


def roles(rows) -> dict[str, tuple[str, str]]:
    """Return role and day by file."""
    return {file: (row.role, row.day) for file, row in rows.items()}


def test_later_days_of_a_patient_with_a_product_are_monitoring(rows):
    """The product is of day 0, said or not."""
    assert roles(rows("P01 D0.fcs", "P01 D28.fcs", "P02.fcs", "P02_day 7.fcs")) == {
        "P01 D0.fcs": ("product", "0"),
        "P01 D28.fcs": ("monitoring", "28"),
        "P02.fcs": ("product", "0"),
        "P02_day 7.fcs": ("monitoring", "7"),
    }


def test_a_later_day_alone_could_be_one_of_culture(rows):
    """D10 of expansion, or ten days after infusion."""
    row = rows("P01 D10.fcs", "P02 D10.fcs")["P01 D10.fcs"]

    assert (row.role, row.day) == ("?", "10")
    assert row.doubts == ("role: day 10 after infusion (monitoring), or of culture (product)?",)


@pytest.mark.parametrize(
    ("name", "expected"), [("P01 PB D14", ("monitoring", "14")), ("P01 blood", ("monitoring", "?"))]
)
def test_blood_is_monitoring_and_needs_a_day(rows, name, expected):
    """A day that no name says is for a person to write."""
    assert roles(rows(f"{name}.fcs", "P02.fcs"))[f"{name}.fcs"] == expected


def test_a_well_is_no_day(rows, tube):
    """D6 of a plate, where the files say that there are wells."""
    tubes = [tube(f"Specimen_001_P0{i}_D0{i}.fcs", {"WELL ID": f"D0{i}"}) for i in (1, 2)]

    assert set(roles(rows(*tubes)).values()) == {("product", "0")}


def test_what_no_name_explains_is_a_question(rows):
    """Names without a patient; a kind of sample nobody described; a dash that could be a sign."""
    found = rows("Mueller.fcs", "P02_TNC.fcs", "P03.fcs", "P04 D-5.fcs")

    assert [found[name].role for name in ("Mueller.fcs", "P02_TNC.fcs", "P03.fcs", "P04 D-5.fcs")] == [
        "?",
        "?",
        "product",
        "?",
    ]
    assert "role: what is 'tnc' in its name?" in found["P02_TNC.fcs"].doubts
