"""A workbook is read back by two readers that are not ours: every cell is what the table says."""

import csv
import json
from datetime import date, datetime

import pytest

from phenotype.cells import as_typed
from phenotype.errors import ExportError
from phenotype.export import export_xlsx
from phenotype.export import xlsx as module
from phenotype.pipeline.write import write_rows

openpyxl = pytest.importorskip("openpyxl")

COLUMNS = ("patient_id", "infusion_date", "asct_group", "naive", "os_months", "weight_kg", "site")
ROWS = [
    {"patient_id": "00123", "infusion_date": "2024-03-01", "asct_group": "none", "naive": 0.123456789012345,
     "os_months": 12, "weight_kg": "70", "site": "=HYPERLINK(1)"},
    {"patient_id": "+5", "infusion_date": "", "asct_group": "within_1y", "naive": None, "os_months": 1e-7,
     "weight_kg": "72.5", "site": "https://example.org"},
    {"patient_id": "@x", "infusion_date": "2023-12-31", "asct_group": "", "naive": 0.5, "os_months": 0,
     "weight_kg": "", "site": "-2.3"},
]  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """Return a folder of a run with two tables."""
    folder = tmp_path / "results"
    folder.mkdir()
    write_rows(folder / "cohort.csv", COLUMNS, ROWS)
    write_rows(
        folder / "quality.csv",
        ("sample_id", "value", "message"),
        [{"sample_id": "7", "value": 0.1, "message": "x" * 40000}],
    )
    run = {"study": {"name": "Trial <b>"}, "version": "0.1.0", "synthetic": True}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


def opened(results):
    """Export, and open with openpyxl."""
    found = export_xlsx(results)
    return openpyxl.load_workbook(found.folder / found.written[0])


def text(value):
    """Return a cell as the CSV has it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value if isinstance(value, str) else repr(value)


def test_every_cell_is_that_of_the_table(results):
    """Nothing is rounded, nothing is lost, nothing becomes something else on the way."""
    book = opened(results)
    with (results / "cohort.csv").open(encoding="utf-8", newline="") as stream:
        expected = [[as_typed(cell) for cell in row] for row in csv.reader(stream)]

    found = [[text(cell) for cell in row] for row in book["cohort"].iter_rows(values_only=True)]

    assert found[0] == expected[0]
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert a == b or float(a) == float(b)


def test_another_reader_sees_the_same(results):
    """Calamine reads types by itself: dates are dates, names are text."""
    from python_calamine import CalamineWorkbook

    found = export_xlsx(results)
    rows = CalamineWorkbook.from_path(str(found.folder / "results.xlsx")).get_sheet_by_name("cohort").to_python()

    assert rows[1][:2] == ["00123", date(2024, 3, 1)]
    assert rows[1][3] == 0.123456789012345
    assert rows[2][0] == "+5"
    assert [row[6] for row in rows[1:]] == ["=HYPERLINK(1)", "https://example.org", "-2.3"]


def test_nothing_is_a_formula_or_a_link(results):
    """A name that begins with an equals sign is a name."""
    book = opened(results)

    assert all(cell.data_type != "f" and cell.hyperlink is None for sheet in book for row in sheet for cell in row)


def test_types_are_of_columns_and_names_stay_text(results):
    """Patient 7 is not the number seven; a column with one word in it is text throughout."""
    book = opened(results)
    head, first, second, third = book["cohort"].iter_rows()
    kinds = {cell.value: [row[i].data_type for row in (first, second, third)] for i, cell in enumerate(head)}

    assert kinds["patient_id"] == ["s", "s", "s"]
    assert kinds["os_months"] == ["n", "n", "n"]
    assert kinds["site"] == ["s", "s", "s"]
    assert first[1].number_format == "yyyy-mm-dd"
    assert book["quality"]["A2"].data_type == "s"


def test_a_sheet_can_be_worked_with(results):
    """Header in view, filters on it, and what each column means at the end."""
    book = opened(results)

    assert book["cohort"].freeze_panes == "A2"
    assert book["cohort"].auto_filter.ref == "A1:G4"
    assert book.sheetnames == ["Read me", "cohort", "quality", "Data dictionary"]
    words = {(row[0], row[1]): row[2] for row in book["Data dictionary"].iter_rows(min_row=2, values_only=True)}
    assert words["cohort", "naive"] == "fraction of CAR+ T cells, in [0, 1]"
    assert words["cohort", "weight_kg"] == "column of the clinical sheet, as given"


def test_simulated_data_say_so_on_every_sheet(results):
    """A sheet is printed and mailed without the others."""
    book = opened(results)

    assert all("SYNTHETIC" in sheet.oddHeader.center.text for sheet in book)
    assert all(sheet.sheet_properties.tabColor is not None for sheet in book)


def test_what_a_cell_cannot_hold_is_said(results):
    """Excel cuts after 32,767 characters and says nothing."""
    assert opened(results)["quality"]["C2"].value == "40,000 characters, more than a cell holds: see the CSV, row 1"


def test_a_table_with_more_rows_than_a_sheet_is_refused(results, monkeypatch):
    """A workbook that lacks the last rows would be believed."""
    monkeypatch.setattr(module, "MOST_ROWS", 2)

    with pytest.raises(ExportError, match=r"cohort\.csv: has 3 rows; a sheet holds 2, so that .* use the CSV"):
        export_xlsx(results)
    assert not (results / "export").exists()


def test_twice_the_same_bytes(results, tmp_path):
    """A workbook in an archive can be proved to be that of its tables."""
    first = export_xlsx(results, tmp_path / "a.xlsx")
    second = export_xlsx(results, tmp_path / "b.xlsx")

    assert first.written == ("a.xlsx",)
    assert (tmp_path / "a.xlsx").read_bytes() == (second.folder / "b.xlsx").read_bytes()


def test_a_folder_of_no_run_is_refused(tmp_path):
    """The folder above is the commonest mistake."""
    with pytest.raises(ExportError, match=r"no run\.json of a finished run in it"):
        export_xlsx(tmp_path)


def test_a_folder_of_fractions_made_elsewhere_is_exported(results):
    """``phenotype analyse`` leaves analysis.json."""
    (results / "run.json").rename(results / "analysis.json")

    assert export_xlsx(results).written == ("results.xlsx",)
