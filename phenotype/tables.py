"""Tables as people type them: every cell is text with its row, and the few kinds a cell can be.

Nothing is guessed here. A patient ``00123`` stays ``00123``, a date that could be two dates is a fault, and
only an empty cell or ``NA`` means that a value is missing.
"""

import csv
import io
import math
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from html import unescape
from itertools import zip_longest
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from gating import missing
from phenotype.errors import StudyError

__all__ = [
    "MISSING",
    "Cell",
    "CellError",
    "Kind",
    "Row",
    "Table",
    "by_row",
    "column_faults",
    "nearest",
    "parse_cells",
    "parse_date",
    "parse_day",
    "parse_flag",
    "parse_whole",
    "parser_of_level",
    "parser_of_number",
    "read_table",
]

MISSING = frozenset({"", "NA"})
"""Cells that say a value is missing. Short, because each further sign is one more way to lose a value unseen."""

Cell = str | int | float | date | None
Kind = Callable[[str], Cell]
"""Turns the text of a cell into its value, or raises CellError."""

_TEXT_ENDINGS = (".csv", ".tsv", ".txt")
_SEPARATORS = (",", ";", "\t")
_LARGEST_WORKBOOK = 500_000_000
"""Bytes unpacked. A clinical sheet has some 100 kB; this stops a zip bomb before it fills the memory."""
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
"""Not from the calendar module: a message must not depend on the machine's language."""
_EARLIEST, _LATEST = date(1970, 1, 1), date(2100, 1, 1)
"""No date of a CAR-T patient's treatment is outside: 1900-01-00 and 9999-09-09 mean "not known"."""


class CellError(ValueError):
    """A cell is not of its kind; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with something in it."""

    number: int
    """As a spreadsheet counts: the header is usually row 1."""
    cells: Mapping[str, str]
    """Text without surrounding blanks by column; every column of the table is there."""

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text."""

    name: str
    """File name, and the sheet where a workbook has several: how messages begin."""
    columns: tuple[str, ...]
    """Lower case, without surrounding blanks, unique."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What was odd but usable."""

    def at(self, row: Row) -> str:
        """Return where a row is, as messages begin."""
        return f"{self.name}: row {row.number}"


def read_table(path: Path | str, *, sheet: str | None = None) -> Table:
    """Read a table from CSV, TSV or an Excel workbook; every cell is text.

    The separator (comma, semicolon or tab) is the one the header has most of. Text may be UTF-8, UTF-16 with
    its mark, or Latin-1, which is noted. Dates of a workbook become ``2024-03-01``, whole numbers lose
    their ``.0``. Empty rows are dropped, and rows keep the number that a spreadsheet shows.

    Parameters
    ----------
    path
        Ends in .csv, .tsv, .txt or .xlsx.
    sheet
        Sheet of a workbook; needed if more than one is visible. A hidden sheet is read only if named.

    Returns
    -------
    Table
        Columns are lower case.

    Raises
    ------
    StudyError
        If the file cannot be read, has no header, or two columns share a name: every such fault.
    """
    path = Path(path)
    if not path.is_file():
        raise StudyError(
            [f"{path.name}: no such file in {path.parent.name or '.'}; the path is relative to study.toml"]
        )
    ending = path.suffix.casefold()
    if ending == ".xlsx":
        return _read_workbook(path, sheet)
    if ending not in _TEXT_ENDINGS:
        raise StudyError([f"{path.name}: ends in {ending!r}; save it as .csv, .tsv or .xlsx"])
    if sheet:
        raise StudyError([f"{path.name}: has no sheets, and sheet = {sheet!r} is asked for; name an .xlsx or drop it"])
    text, notes = _decoded(path)
    return _table(path.name, _text_rows(text, path.name), notes)


def _decoded(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file, and a note if its encoding had to be guessed."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in data or data.startswith(b"PK\x03\x04"):
        raise StudyError([f"{path.name}: is not text (starts with {data[:4]!r}); save it as CSV, or name it .xlsx"])
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding), []
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise StudyError([f"{path.name}: begins as UTF-16 and is not; save it as CSV UTF-8"]) from error
    return data.decode("latin-1"), [f"{path.name}: is not UTF-8; read as Latin-1, look at accented letters"]


def _text_rows(text: str, name: str) -> list[list[str]]:
    """Split text into rows of cells; a row stays where it is, also if empty."""
    separator = _separator(text)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise StudyError([f"{name}: is not a table ({error}); look for a quotation mark without its pair"]) from error


def _separator(text: str) -> str:
    """Return the separator the first line with text has most of; a comma where there is none."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(_SEPARATORS, key=unquoted.count)


def _table(name: str, rows: Sequence[Sequence[str]], notes: Sequence[str]) -> Table:
    """Make a table of rows of cells; the first row with text is the header."""
    numbered = [(number, [cell.strip() for cell in row]) for number, row in enumerate(rows, start=1)]
    filled = [(number, row) for number, row in numbered if any(row)]
    if not filled:
        raise StudyError([f"{name}: is empty; the first row must name the columns"])
    columns = [cell.casefold() for cell in filled[0][1]]
    counts = Counter(filter(None, columns))
    faults = [f"{name}: column {column!r} is there {n} times; keep one" for column, n in counts.items() if n > 1]
    faults += [fault for number, row in filled[1:] for fault in _outside(name, number, row, columns)]
    if faults:
        raise StudyError(faults)
    named = tuple(
        Row(number, {c: cell for c, cell in zip_longest(columns, row[: len(columns)], fillvalue="") if c})
        for number, row in filled[1:]
    )
    return Table(name, tuple(filter(None, columns)), named, tuple(notes))


def _outside(name: str, number: int, row: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    """Find cells that stand under no column name."""
    for position, (column, cell) in enumerate(zip_longest(columns, row, fillvalue=""), start=1):
        if cell and not column:
            yield (
                f"{name}: row {number}: {cell!r} is in cell {position}, and the header names no column {position}; "
                f"name the column, or quote a cell that holds the separator"
            )


def _read_workbook(path: Path, sheet: str | None) -> Table:
    """Read one sheet of an Excel workbook."""
    _check_size(path)
    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            chosen = _sheet(workbook, path.name, sheet)
            hidden = chosen not in _visible(workbook)
            cells = workbook.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
            name = path.name if len(workbook.sheet_names) == 1 else f"{path.name}: sheet {chosen!r}"
    except PasswordError as error:
        raise StudyError([f"{path.name}: is protected by a password; save a copy without one"]) from error
    except CalamineError as error:
        raise StudyError([f"{path.name}: cannot be read as a workbook ({error}); save it as .xlsx anew"]) from error
    broken = _broken_cells(path, chosen)
    if broken:
        raise StudyError([f"{name}: {fault}" for fault in broken])
    notes = [f"{name}: is a hidden sheet, read because study.toml names it"] if hidden else []
    return _table(name, [[_cell_text(cell) for cell in row] for row in cells], notes)


def _check_size(path: Path) -> None:
    """Refuse what is no workbook, and one that unpacks to more than any sheet of patients holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        fault = "is no .xlsx workbook, or protected by a password; save it as .xlsx anew, without one"
        raise StudyError([f"{path.name}: {fault}"]) from error
    if size > _LARGEST_WORKBOOK:
        raise StudyError(
            [f"{path.name}: unpacks to {size} bytes, more than {_LARGEST_WORKBOOK}; save the sheet as CSV"]
        )


def _sheet(workbook: CalamineWorkbook, name: str, wanted: str | None) -> str:
    """Return which sheet to read: the one named, or the only visible one."""
    if wanted:
        if wanted not in workbook.sheet_names:
            raise StudyError([missing("sheet", wanted, workbook.sheet_names, name)])
        return wanted
    visible = _visible(workbook)
    if len(visible) != 1:
        listed = ", ".join(repr(one) for one in visible) or "none"
        raise StudyError([f"{name}: {len(visible)} visible sheets ({listed}); say which with sheet = under [study]"])
    return visible[0]


def _visible(workbook: CalamineWorkbook) -> list[str]:
    return [str(entry.name) for entry in workbook.sheets_metadata if entry.visible == SheetVisibleEnum.Visible]


def _cell_text(value: object) -> str:
    """Return a cell of a workbook as one would type it.

    >>> [_cell_text(value) for value in (7.0, 0.25, datetime(2024, 3, 1), "00123", True)]
    ['7', '0.25', '2024-03-01', '00123', 'TRUE']
    """
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _broken_cells(path: Path, sheet: str) -> list[str]:
    """Find cells whose formula failed or was never computed: a reader gives them as empty, which they are not."""
    with zipfile.ZipFile(path) as archive:
        part = _sheet_part(archive, sheet)
        text = archive.read(part).decode("utf-8", "replace") if part in archive.namelist() else ""
    faults = []
    for attributes, content in re.findall(r"<c\s([^>]*[^>/])>(.*?)</c>", text, flags=re.DOTALL):
        where = re.search(r'\br="([A-Z]+[0-9]+)"', attributes)
        value = re.search(r"<v>(.*?)</v>", content)
        if where and re.search(r'\bt="e"', attributes):
            faults.append(f"cell {where[1]} is {value[1] if value else 'an error'}; type the value")
        elif where and "<f" in content and not (value and value[1]) and 't="str"' not in attributes:
            faults.append(
                f"cell {where[1]} has a formula without a value; open and save it in Excel, or type the value"
            )
    return faults


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name that a sheet has within the workbook's archive; empty if it cannot be told."""
    parts = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
    if not set(parts) <= set(archive.namelist()):
        return ""
    book, links = (archive.read(part).decode("utf-8", "replace") for part in parts)
    ids = {unescape(_attribute(tag, "name")): _attribute(tag, "r:id") for tag in re.findall(r"<sheet\s[^>]*>", book)}
    targets = {_attribute(tag, "Id"): _attribute(tag, "Target") for tag in re.findall(r"<Relationship\s[^>]*>", links)}
    target = targets.get(ids.get(sheet, ""), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _attribute(tag: str, name: str) -> str:
    """Return an attribute's text from an XML tag."""
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return found[1] if found else ""


def column_faults(table: Table, required: Iterable[str]) -> list[str]:
    """Say which required columns a table does not have, and which of its own comes closest."""
    return [missing("column", column, table.columns, table.name) for column in required if column not in table.columns]


def nearest(wanted: str, known: Sequence[str]) -> str:
    """Say which of the known words is meant, also if only its case differs.

    Examples
    --------
    >>> nearest("SCR", ("sCR", "CR"))
    "did you mean 'sCR'? Known: sCR, CR"
    """
    same = [word for word in known if word.casefold() == wanted.casefold()]
    close = same or get_close_matches(wanted.casefold(), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(known)}"


def by_row(faults: Iterable[str]) -> list[str]:
    """Sort faults by the row they name, as a person goes through a sheet; those of a row stay in order."""
    return sorted(faults, key=lambda fault: int(found[1]) if (found := re.search(r": row ([0-9]+):", fault)) else 0)


def parse_cells(table: Table, kinds: Mapping[str, Kind]) -> tuple[list[dict[str, Cell]], list[str]]:
    """Turn the cells of typed columns into values.

    Parameters
    ----------
    table
        As read.
    kinds
        The kind of each column; columns that the table does not have are ignored.

    Returns
    -------
    values : list of dict
        A dict for each row: None for a missing value; no entry where the cell is at fault.
    faults : list of str
        ``where: row n: column is 'text'; what would be right``.
    """
    columns = [column for column in kinds if column in table.columns]
    values: list[dict[str, Cell]] = []
    faults = []
    for row in table.rows:
        found: dict[str, Cell] = {}
        for column in columns:
            try:
                found[column] = None if row[column] in MISSING else kinds[column](row[column])
            except CellError as error:
                faults.append(f"{table.at(row)}: {column} is {row[column]!r}; {error}")
        values.append(found)
    return values, faults


def parse_date(text: str) -> date:
    """Read a date written as YYYY-MM-DD, and in no other way.

    Raises
    ------
    CellError
        If it is written otherwise, does not exist, or is too far off to be a date of treatment.

    Examples
    --------
    >>> parse_date("2024-02-29")
    datetime.date(2024, 2, 29)
    >>> parse_date("03/04/2024")
    Traceback (most recent call last):
    phenotype.tables.CellError: it could be 3 April or 4 March: write YYYY-MM-DD
    """
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise CellError(_other_date(text))
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise CellError("there is no such day") from error
    if not _EARLIEST <= found < _LATEST:
        raise CellError("no treatment was on that day; leave the cell empty if the date is not known")
    return found


def _other_date(text: str) -> str:
    """Say what is wrong with a date in another form."""
    parts = re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{2}|[0-9]{4})", text)
    if parts and 1 <= int(parts[1]) <= 12 and 1 <= int(parts[2]) <= 12 and parts[1] != parts[2]:
        first, second = int(parts[1]), int(parts[2])
        return f"it could be {first} {_MONTHS[second - 1]} or {second} {_MONTHS[first - 1]}: write YYYY-MM-DD"
    if re.fullmatch(r"[0-9]{5}", text):
        return "it looks like a spreadsheet's day count: format the column as YYYY-MM-DD and export again"
    return "write YYYY-MM-DD; leave the cell empty, or NA, if the date is not known"


def parse_day(text: str) -> int:
    """Read a day relative to infusion: ``7``, ``D7``, ``d+7``, ``D-5``.

    Examples
    --------
    >>> [parse_day(text) for text in ("7", "D7", "d+7", "D-5")]
    [7, 7, 7, -5]
    """
    found = re.fullmatch(r"[dD]?\s?([+-]?[0-9]{1,5})", text)
    if not found:
        raise CellError("write a whole day: 7, D7, D+7 or D-5")
    return int(found[1])


def parse_flag(text: str) -> int:
    """Read 0 or 1; every other way to say yes or no needs a person to say which is which."""
    if text not in {"0", "1"}:
        raise CellError("write 1 for yes, 0 for no, or leave it empty")
    return int(text)


def parse_whole(text: str) -> int:
    """Read a whole number."""
    if not re.fullmatch(r"[+-]?[0-9]{1,15}", text):
        raise CellError("write a whole number")
    return int(text)


def parser_of_number(low: float = -math.inf, high: float = math.inf) -> Kind:
    """Return a reader of numbers within limits, limits included.

    Examples
    --------
    >>> parser_of_number(0, 100)("12.5")
    12.5
    """

    def parse(text: str) -> float:
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text):
            raise CellError(_other_number(text))
        value = float(text)
        if not low <= value <= high or math.isinf(value):
            raise CellError(f"it must be {_limits(low, high)}")
        return value

    return parse


def _other_number(text: str) -> str:
    """Say what is wrong with a number in another form."""
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
        return f"write the decimal point as a point, {text.replace(',', '.')}, and no sign between thousands"
    if text[:1] in {"<", ">", "≤", "≥"}:
        return "a limit is not a value: write a number, or leave it empty and keep the limit in another column"
    return "write a number without unit, or leave the cell empty, or NA"


def _limits(low: float, high: float) -> str:
    if math.isinf(high):
        return f"at least {low:g}"
    return f"within {low:g} and {high:g}"


def parser_of_level(levels: Sequence[str]) -> Kind:
    """Return a reader of one of several words, spelt as they are."""

    def parse(text: str) -> str:
        if text not in levels:
            raise CellError(nearest(text, levels))
        return text

    return parse
