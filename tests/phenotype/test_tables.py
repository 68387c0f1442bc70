"""Reading tables as people save them, and refusing what could be misread."""

import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from phenotype.errors import PhenotypeError, StudyError
from phenotype.tables import (
    CellError,
    parse_cells,
    parse_date,
    parse_day,
    parse_flag,
    parse_whole,
    parser_of_level,
    parser_of_number,
    read_table,
)


def cells(table):
    """Return the rows of a table as lists of text."""
    return [list(row.cells.values()) for row in table.rows]


def saved(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def workbook(folder: Path, sheets: dict[str, list[list[object]]], hidden: tuple[str, ...] = ()) -> Path:
    """Write an Excel workbook with dates shown as dates."""
    path = folder / "t.xlsx"
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            else:
                sheet.set_first_sheet()
                sheet.activate()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


def test_a_study_error_is_also_a_value_error():
    """A caller in Python catches what it expects, and the command line catches one class."""
    error = StudyError(["a: b", "c: d"])

    assert isinstance(error, ValueError)
    assert isinstance(error, PhenotypeError)
    assert error.faults == ("a: b", "c: d")
    assert str(error) == "a: b\nc: d"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read_alike(tmp_path, separator, encoding, end):
    """The same sheet saved on another computer is the same sheet."""
    text = end.join(["patient_id,note", "00123,Müller", "1E5,x", ""]).replace(",", separator)
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""

    table = read_table(saved(tmp_path, mark + text.encode(encoding)))

    assert table.columns == ("patient_id", "note")
    assert cells(table) == [["00123", "Müller"], ["1E5", "x"]]
    assert table.notes == ()


def test_latin_1_is_read_and_noted(tmp_path):
    """Old Excel saves so; the text is probably right, and only a person can see whether it is."""
    table = read_table(saved(tmp_path, "name\nMüller\n".encode("latin-1")))

    assert cells(table) == [["Müller"]]
    assert table.notes == ("t.csv: is not UTF-8; read as Latin-1, look at accented letters",)


def test_rows_keep_the_number_a_spreadsheet_shows(tmp_path):
    """A message that names row 5 must mean row 5 on the user's screen, whatever is empty above."""
    table = read_table(saved(tmp_path, '\na , B\n"two\nlines",1\n,\n 3 ,\n'))

    assert table.columns == ("a", "b")
    assert [(row.number, row["a"], row["b"]) for row in table.rows] == [(3, "two\nlines", "1"), (5, "3", "")]


def test_a_separator_within_quotes_does_not_count(tmp_path):
    """A header such as "dose, 1e6/kg" must not turn semicolons into commas."""
    assert read_table(saved(tmp_path, '"a, b, c";d\n1;2\n')).columns == ("a, b, c", "d")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "t.csv", "t.csv: is empty"),
        ("a,A,b,b,b\n", "t.csv", "column 'a' is there 2 times; keep one\nt.csv: column 'b' is there 3 times"),
        ("a,b\n1,2\n1,2,3\n", "t.csv", "t.csv: row 3: '3' is in cell 3, and the header names no column 3"),
        ("a,,b\n1,x,2\n", "t.csv", "t.csv: row 2: 'x' is in cell 2, and the header names no column 2"),
        ('a\n"open\n', "t.csv", "t.csv: is not a table .*quotation mark without its pair"),
        (b"PK\x03\x04xx", "t.csv", "t.csv: is not text .*name it .xlsx"),
        (b"a\0b", "t.csv", "t.csv: is not text"),
        (b"\xff\xfea", "t.csv", "t.csv: begins as UTF-16 and is not"),
        ("a\n", "t.xls", "t.xls: ends in '.xls'; save it as .csv, .tsv or .xlsx"),
        ("a\n", "t.xlsx", "t.xlsx: is no .xlsx workbook, or protected by a password"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, name, message):
    """Each of these, read anyway, would shift or lose cells."""
    with pytest.raises(StudyError, match=message):
        read_table(saved(tmp_path, content, name))


def test_a_file_that_is_not_there(tmp_path):
    """The most frequent fault: a path from the wrong folder."""
    with pytest.raises(StudyError, match=r"t.csv: no such file in .*relative to study.toml"):
        read_table(tmp_path / "t.csv")


def test_a_sheet_of_a_csv_is_refused(tmp_path):
    """Whoever names a sheet means a workbook, so this is the wrong file."""
    with pytest.raises(StudyError, match=r"t.csv: has no sheets, and sheet = 'Patients' is asked for"):
        read_table(saved(tmp_path, "a\n"), sheet="Patients")


def test_a_title_above_the_header_is_one_fault(tmp_path):
    """One line of text says more than a line for each of a thousand cells."""
    with pytest.raises(StudyError) as caught:
        read_table(saved(tmp_path, "Cohort of 2024\na,b\n1,2\n3,4\n"))

    assert caught.value.faults == (
        "t.csv: row 1: 'Cohort of 2024' names fewer columns than the rows below have; remove a title above the "
        "header, or name every column",
    )


def test_a_row_with_too_many_cells_is_one_fault(tmp_path):
    """A decimal comma shifts every cell after it; the first one tells where to look."""
    with pytest.raises(StudyError, match=r"row 3: '2' is in cell 3, with 1 more to its right, and the header names no"):
        read_table(saved(tmp_path, "a,b\n1,2\n1,1,2,3\n"))


def test_a_sheet_that_may_not_be_read_is_one_fault_among_others(tmp_path, monkeypatch):
    """A file open in another program or kept by another user must not hide the faults of the other sheets."""

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(StudyError, match=r"t.csv: cannot be read: Permission denied"):
        read_table(saved(tmp_path, "a\n"))


def test_a_workbook_is_read_as_it_looks(tmp_path):
    """A cell shown as 2024-03-01 or 7 is that, not 45352 or 7.0; an identifier keeps its zeros."""
    rows = [
        ["ID", "Date", "N", "X", "T", "When"],
        ["00123", datetime(2024, 3, 1), 7, 0.25, True, datetime(2024, 3, 1, 12)],
    ]

    table = read_table(workbook(tmp_path, {"Patients": rows}))

    assert table.name == "t.xlsx"
    assert cells(table) == [["00123", "2024-03-01", "7", "0.25", "TRUE", "2024-03-01 12:00:00"]]


def test_rows_of_a_workbook_keep_their_number(tmp_path):
    """Empty rows above the header are on the user's screen too."""
    table = read_table(workbook(tmp_path, {"A": [[], [], ["id"], ["x"], [], ["y"]]}))

    assert [row.number for row in table.rows] == [4, 6]


def test_one_visible_sheet_needs_no_name(tmp_path):
    """A hidden sheet is one that no one looked at, so it is not a candidate."""
    path = workbook(tmp_path, {"Old": [["a"], ["1"]], "New": [["b"], ["2"]]}, hidden=("Old",))

    assert read_table(path).columns == ("b",)


def test_a_hidden_sheet_is_noted(tmp_path):
    """Who names it may have it, and the report says so."""
    path = workbook(tmp_path, {"New": [["b"], ["2"]], "Old": [["a"], ["1"]]}, hidden=("Old",))

    table = read_table(path, sheet="Old")

    assert table.columns == ("a",)
    assert table.notes == ("t.xlsx: sheet 'Old': is a hidden sheet, read because study.toml names it",)


def test_several_visible_sheets_need_a_name(tmp_path):
    """The first sheet may be last year's."""
    path = workbook(tmp_path, {"2023": [["a"]], "2024": [["b"]]})

    with pytest.raises(StudyError, match=r"t.xlsx: 2 visible sheets \('2023', '2024'\); say which with sheet ="):
        read_table(path)
    assert read_table(path, sheet="2024").columns == ("b",)
    with pytest.raises(StudyError, match=r"t.xlsx: no sheet '2042'; did you mean '2024'"):
        read_table(path, sheet="2042")


def test_a_formula_that_failed_is_refused(tmp_path):
    """Readers give such a cell as empty, and an empty cell means that nothing was measured."""
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("A & B")
        sheet.write_row(0, 0, ["id", "age", "hb"])
        sheet.write_formula("B2", "=1/0", None, "#DIV/0!")
        sheet.write_formula("C2", "=1+1", None, "")
        sheet.write_formula("C3", "=1+1", None, 2)

    with pytest.raises(StudyError) as caught:
        read_table(path)

    assert caught.value.faults == (
        "t.xlsx: cell B2 is #DIV/0!; type the value",
        "t.xlsx: cell C2 has a formula without a value; open and save it in Excel, or type the value",
    )


def test_merged_cells_are_refused(tmp_path):
    """One date over three patients belongs to three patients, and a reader gives it to the first."""
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "prior_asct"])
        sheet.write_column(1, 0, ["P1", "P2", "P3"])
        sheet.merge_range("B2:B4", 1)

    with pytest.raises(StudyError, match=r"t.xlsx: cells B2:B4 are merged, so all but the first are empty; unmerge"):
        read_table(path)


def test_hidden_rows_and_columns_are_read_and_noted(tmp_path):
    """Who filtered a patient away may believe that she does not count."""
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([["id", "x"], ["P1", 1], ["P2", 2], ["P3", 3]]):
            sheet.write_row(number, 0, row)
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_row(7, None, None, {"hidden": True})
        sheet.set_column("B:B", None, None, {"hidden": True})

    table = read_table(path)

    assert [row["id"] for row in table.rows] == ["P1", "P2", "P3"]
    assert table.notes == (
        "t.xlsx: hidden rows are read too (3); delete a row that should not count",
        "t.xlsx: hidden columns are read too (2 to 2, counted from the left)",
    )


def test_a_workbook_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    """A few kilobytes can unpack to all memory of a shared server."""
    monkeypatch.setattr("phenotype.workbook._LARGEST_WORKBOOK", 1000)

    with pytest.raises(StudyError, match=r"t.xlsx: unpacks to [0-9]+ bytes, more than 1000"):
        read_table(workbook(tmp_path, {"A": [["a"]]}))


def test_a_zip_that_is_no_workbook_is_refused(tmp_path):
    """Any archive can be named .xlsx."""
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr("a.txt", "x")

    with pytest.raises(StudyError, match=r"t.xlsx: cannot be read as a workbook"):
        read_table(tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("03/04/2024", "it could be 3 April or 4 March: write YYYY-MM-DD"),
        ("13/04/2024", "write YYYY-MM-DD"),
        ("45352", "a spreadsheet's day count"),
        ("2024-3-1", "write YYYY-MM-DD"),
        ("2024-03-01 12:00:00", "write YYYY-MM-DD"),
        ("2023-02-29", "there is no such day"),
        ("1900-01-01", "no treatment was on that day"),
        ("9999-09-09", "no treatment was on that day"),
        ("999", "leave the cell empty"),
        ("٢٠٢٤-٠١-٠١", "write YYYY-MM-DD"),
    ],
)
def test_other_dates_are_refused(text, message):
    """A date read the wrong way round moves a patient to another group, and nothing shows it."""
    with pytest.raises(CellError, match=message):
        parse_date(text)


@given(st.dates(date(1970, 1, 1), date(2099, 12, 31)))
def test_every_iso_date_is_read(day):
    """What the program writes it can read."""
    assert parse_date(day.isoformat()) == day


@pytest.mark.parametrize("text", ["wk1", "7.5", "D", "day 7", "", "+", "--7"])
def test_other_days_are_refused(text):
    """A week is not a day, and "wk1" may be day 5 or day 7."""
    with pytest.raises(CellError, match=r"write a whole day: 7, D7, D\+7 or D-5"):
        parse_day(text)


@pytest.mark.parametrize("text", ["yes", "TRUE", "2", "1.0", "ja"])
def test_other_flags_are_refused(text):
    """In one hospital's sheet 2 means no."""
    with pytest.raises(CellError, match=r"write 1 for yes, 0 for no"):
        parse_flag(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,5", "write the decimal point as a point, 1.5"),
        ("<0.1", "a limit is not a value"),
        ("98 g/L", "write a number without unit"),
        ("nan", "write a number"),
        ("inf", "write a number"),
        ("1e999", "it must be within 0 and 100"),
        ("-1", "it must be within 0 and 100"),
        ("100.1", "it must be within 0 and 100"),
    ],
)
def test_other_numbers_are_refused(text, message):
    """1,234 is one and a bit in Paris and a thousand in Boston."""
    with pytest.raises(CellError, match=message):
        parser_of_number(0, 100)(text)


def test_limits_are_included():
    """0 % and 100 % are measurements."""
    assert [parser_of_number(0, 100)(text) for text in ("0", "100", ".5", "1e2")] == [0, 100, 0.5, 100]
    with pytest.raises(CellError, match=r"it must be at least 0"):
        parser_of_number(low=0)("-3")


def test_whole_numbers_and_words():
    """Half a patient, or a response of one's own, is a fault."""
    assert parse_whole("-12") == -12
    with pytest.raises(CellError, match=r"write a whole number"):
        parse_whole("1.5")
    with pytest.raises(CellError, match=r"did you mean 'CR'\? Known: CR, PD"):
        parser_of_level(("CR", "PD"))("cr")


def test_faults_of_cells_say_where(tmp_path):
    """Row, column and the text found: enough to go there and correct it."""
    table = read_table(saved(tmp_path, "id,day,other\na,7,x\nb,soon,y\nc,NA,z\n"))

    values, faults = parse_cells(table, {"day": parse_day, "absent": parse_flag})

    assert values == [{"day": 7}, {}, {"day": None}]
    assert faults == ["t.csv: row 3: day is 'soon'; write a whole day: 7, D7, D+7 or D-5"]
