"""Tables as people type them: every cell is text with its row, and the few kinds a cell can be.

Nothing is guessed here. A patient ``00123`` stays ``00123``, a date that could be two dates is a fault, and
only an empty cell or ``NA`` means that a value is missing.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from itertools import zip_longest
from pathlib import Path

from gating import missing
from phenotype.errors import StudyError
from phenotype.workbook import read_workbook

__all__ = [
    "MISSING",
    "Cell",
    "CellError",
    "Kind",
    "Row",
    "Table",
    "by_row",
    "column_faults",
    "look_alikes",
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
    if ending not in {".xlsx", *_TEXT_ENDINGS}:
        raise StudyError([f"{path.name}: ends in {ending!r}; save it as .csv, .tsv or .xlsx"])
    if sheet and ending != ".xlsx":
        raise StudyError([f"{path.name}: has no sheets, and sheet = {sheet!r} is asked for; name an .xlsx or drop it"])
    try:
        return _from_workbook(path, sheet) if ending == ".xlsx" else _from_text(path)
    except OSError as error:
        raise StudyError([f"{path.name}: cannot be read: {error.strerror}"]) from error


def _from_workbook(path: Path, sheet: str | None) -> Table:
    found = read_workbook(path, sheet)
    return _table(found.name, found.rows, found.notes)


def _from_text(path: Path) -> Table:
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
    faults += _outside(name, filled)
    if faults:
        raise StudyError(faults)
    named = tuple(
        Row(number, {c: cell for c, cell in zip_longest(columns, row[: len(columns)], fillvalue="") if c})
        for number, row in filled[1:]
    )
    return Table(name, tuple(filter(None, columns)), named, tuple(notes))


def _outside(name: str, filled: Sequence[tuple[int, Sequence[str]]]) -> list[str]:
    """Find rows with cells under no column name; a title above the header is one fault, not one for each row."""
    (first, header), *rows = filled
    faults = [f"{name}: row {number}: {fault}" for number, row in rows if (fault := _stray(header, row))]
    if len(faults) < 2 or len(faults) < len(rows):
        return faults
    title = " ".join(filter(None, header))
    fault = "names fewer columns than the rows below have; remove a title above the header, or name every column"
    return [f"{name}: row {first}: {title!r} {fault}"]


def _stray(header: Sequence[str], row: Sequence[str]) -> str:
    """Say where the first cell without a column name is; empty if there is none."""
    cells = zip_longest(header, row, fillvalue="")
    stray = [(position, cell) for position, (column, cell) in enumerate(cells, start=1) if cell and not column]
    if not stray:
        return ""
    position, cell = stray[0]
    more = f", with {len(stray) - 1} more to its right" if len(stray) > 1 else ""
    return (
        f"{cell!r} is in cell {position}{more}, and the header names no column {position}; name the column, or quote a "
        f"cell that holds the separator"
    )


def column_faults(table: Table, required: Iterable[str]) -> list[str]:
    """Say which required columns a table does not have, and which of its own comes closest."""
    return [missing("column", column, table.columns, table.name) for column in required if column not in table.columns]


def look_alikes(table: Table, known: Sequence[str], *, cutoff: float) -> dict[str, str]:
    """Return columns that are almost a known one which the table does not have: as written, and as meant.

    Examples
    --------
    >>> table = Table("samples.csv", ("file", "bacth", "Batch note"), ())
    >>> look_alikes(table, ("file", "batch"), cutoff=0.75)
    {'bacth': 'batch'}
    """
    absent = [column for column in known if column not in table.columns]
    own = {column: re.sub(r"\W+", "_", column) for column in table.columns if column not in known}
    close = {column: get_close_matches(plain, absent, n=1, cutoff=cutoff) for column, plain in own.items()}
    return {column: found[0] for column, found in close.items() if found}


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
