"""One sheet of an Excel workbook as text, and what a spreadsheet shows that a reader of cells would not see.

A hidden row is read like any other, a merged cell has its value in its first part only, and a formula that was
never computed reads as empty: each is said or refused here.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from html import unescape
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from gating import missing
from phenotype.errors import StudyError

__all__ = ["Sheet", "read_workbook"]

_LARGEST_WORKBOOK = 500_000_000
"""Bytes unpacked. A clinical sheet has some 100 kB; this stops a zip bomb before it fills the memory."""
_HIDDEN = r'\shidden="(?:1|true)"'


@dataclass(frozen=True, slots=True)
class Sheet:
    """The cells of a sheet, as one would type them."""

    name: str
    """File name, and the sheet where a workbook has several: how messages begin."""
    rows: tuple[tuple[str, ...], ...]
    """Every row from the first, also if empty."""
    notes: tuple[str, ...] = ()
    """What was odd but usable."""


def read_workbook(path: Path, sheet: str | None = None) -> Sheet:
    """Read one sheet of an .xlsx workbook.

    Parameters
    ----------
    path
        The workbook.
    sheet
        Needed if more than one is visible. A hidden sheet is read only if named.

    Returns
    -------
    Sheet
        Dates are ``2024-03-01``, whole numbers have no ``.0``. Hidden rows and columns are there, with a note.

    Raises
    ------
    StudyError
        If the workbook cannot be read, or has merged cells, failed formulas or formulas without a value: all of them.
    """
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
    source = _sheet_source(path, chosen)
    faults = [f"{name}: {fault}" for fault in (*_merged_cells(source), *_broken_cells(source))]
    if faults:
        raise StudyError(faults)
    notes = [f"{name}: is a hidden sheet, read because study.toml names it"] if hidden else []
    notes += [f"{name}: {note}" for note in _hidden_cells(source)]
    return Sheet(name, tuple(tuple(map(_cell_text, row)) for row in cells), tuple(notes))


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


def _merged_cells(source: str) -> Iterator[str]:
    """Find merged cells: the value is in the first, and the others read as empty."""
    for reference in re.findall(r'<mergeCell\s[^>]*ref="([A-Z0-9:]+)"', source):
        yield f"cells {reference} are merged, so all but the first are empty; unmerge them and fill in each"


def _broken_cells(source: str) -> Iterator[str]:
    """Find cells whose formula failed or was never computed: a reader gives them as empty, which they are not."""
    for attributes, content in re.findall(r"<c\s([^>]*[^>/])>(.*?)</c>", source, flags=re.DOTALL):
        where = re.search(r'\br="([A-Z]+[0-9]+)"', attributes)
        value = re.search(r"<v>(.*?)</v>", content)
        if where and re.search(r'\bt="e"', attributes):
            yield f"cell {where[1]} is {value[1] if value else 'an error'}; type the value"
        elif where and "<f" in content and not (value and value[1]) and 't="str"' not in attributes:
            yield f"cell {where[1]} has a formula without a value; open and save it in Excel, or type the value"


def _hidden_cells(source: str) -> Iterator[str]:
    """Say which rows and columns are hidden: a filter may hide patients that someone means to leave out."""
    rows = re.findall(r"<row(\s[^>]*[^>/])>(.*?)</row>", source, flags=re.DOTALL)
    numbers = [_attribute(tag, "r") for tag, cells in rows if re.search(_HIDDEN, tag) and "<v>" in cells]
    if numbers:
        yield f"hidden rows are read too ({', '.join(numbers)}); delete a row that should not count"
    columns = [tag for tag in re.findall(r"<col\s[^>]*>", source) if re.search(_HIDDEN, tag)]
    if columns:
        spans = ", ".join(f"{_attribute(tag, 'min')} to {_attribute(tag, 'max')}" for tag in columns)
        yield f"hidden columns are read too ({spans}, counted from the left)"


def _sheet_source(path: Path, sheet: str) -> str:
    """Return the XML of a sheet; empty if it cannot be told which part of the archive it is."""
    with zipfile.ZipFile(path) as archive:
        part = _sheet_part(archive, sheet)
        return archive.read(part).decode("utf-8", "replace") if part in archive.namelist() else ""


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
