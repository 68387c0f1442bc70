"""A person's cuts from a sheet: rows of thresholds.csv or gates.csv, every fault at once."""

from pathlib import Path

import pytest

from gating import parse_template
from phenotype.errors import StudyError
from phenotype.references import ReferenceCut, read_references
from phenotype.samples import SampleRow

TEMPLATE = parse_template(
    "population,parent,channels,method,arguments\nT cells,root,CD3,valley,\n"
    "naive,T cells,CD62L|CD45RA,quadrant,quadrant=++; x=reference(snap) > valley; y=valley > reference\n"
    "central_memory,T cells,CD62L|CD45RA,quadrant,quadrant=+-; x=reference(snap) > valley; y=valley > reference\n"
)


def sample(name, role="product"):
    """Return a row of the sample sheet."""
    return SampleRow(name, f"fcs/{name}.fcs", Path(f"fcs/{name}.fcs"), name, role, batch="B1")


SAMPLES = [sample("P1"), sample("P2"), sample("tube", "fmo")]


def read(tmp_path, *rows, columns="sample_id,population,marker,threshold,who,why"):
    """Read a sheet of these rows."""
    path = tmp_path / "reference_gates.csv"
    path.write_text("\n".join([columns, *rows]) + "\n")
    return read_references(path, SAMPLES, TEMPLATE)


def test_rows_of_thresholds(tmp_path):
    """A run's thresholds.csv, cut down and edited: further columns are left alone."""
    found = read(
        tmp_path,
        "P2,T cells,CD45RA,1500.5,Ann,smear,0.9",
        "P1,T cells,CD62L,-20,Bo,,0.8",
        columns="sample_id,population,marker,threshold,who,why,valley_depth",
    )

    assert found == (
        ReferenceCut("P1", "T cells", "CD62L", -20.0, "Bo"),
        ReferenceCut("P2", "T cells", "CD45RA", 1500.5, "Ann", "smear"),
    )


def test_rows_of_gates(tmp_path):
    """Four quadrants share two cuts on the population that they were fitted on; by file as by sample."""
    cell = '"{""signs"": ""++"", ""thresholds"": [900.0, 1500.0]}"'

    found = read(
        tmp_path,
        f"fcs/P1.fcs,naive,{cell},Ann",
        f"fcs/P1.fcs,central_memory,{cell},Ann",
        columns="file,population,coordinates,who",
    )

    assert [(cut.population, cut.marker, cut.value) for cut in found] == [
        ("T cells", "CD45RA", 1500.0), ("T cells", "CD62L", 900.0),
    ]  # fmt: skip


def test_every_fault_of_the_sheet_at_once(tmp_path):
    """A cut that is not used, or used on another sample, must not pass in silence."""
    with pytest.raises(StudyError) as caught:
        read(
            tmp_path,
            "P9,T cells,CD62L,900,Ann,",
            "tube,T cells,CD62L,900,Ann,",
            "P1,T cells,CD3,900,Ann,",
            "P1,T cells,CD62L,900,,",
            'P1,T cells,CD62L,"1,5",Ann,',
            "P1,T cells,CD45RA,900,Ann,",
            "P1,T cells,CD45RA,901,Bo,",
        )

    assert caught.value.faults == (
        "reference_gates.csv: row 2: no sample_id 'P9'. Known: P1, P2, tube",
        "reference_gates.csv: row 3: tube is fmo; a reference is a product or a monitoring sample",
        "reference_gates.csv: row 4: no chain of the template asks a reference for CD3 on T cells. "
        "Known: CD62L on T cells, CD45RA on T cells",
        "reference_gates.csv: row 5: no who; a cut that nobody answers for teaches nobody",
        "reference_gates.csv: row 6: write the decimal point as a point, 1.5, and no sign between thousands",
        "reference_gates.csv: row 8: CD45RA on T cells of P1 is 901, and above 900; keep one",
    )


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("{1: 2", "are not JSON; copy the cell of gates.csv"),
        ('"{""minimum"": 5, ""maximum"": null}"', "do not give one threshold for each of CD62L|CD45RA"),
        ('"{""vertices"": [[1, 2]]}"', "do not give one threshold for each of CD62L|CD45RA"),
    ],
)
def test_coordinates_that_are_no_cuts(tmp_path, cell, message):
    """A polygon has no one threshold that could teach."""
    with pytest.raises(StudyError, match=r"reference_gates\.csv: row 2: coordinates") as caught:
        read(tmp_path, f"P1,naive,{cell},Ann", columns="sample_id,population,coordinates,who")

    assert message in caught.value.faults[0]


def test_a_sheet_without_its_columns(tmp_path):
    """What is missing is named, not guessed."""
    with pytest.raises(StudyError) as caught:
        read(tmp_path, "P1,5", columns="sample,value")

    assert caught.value.faults == (
        "reference_gates.csv: no column 'population'. Known: sample, value",
        "reference_gates.csv: no column 'who'. Known: sample, value",
        "reference_gates.csv: no column 'sample_id'; name each reference sample by it, or by 'file'",
        "reference_gates.csv: no column 'threshold' (with 'marker'), and none 'coordinates'; give either",
    )
