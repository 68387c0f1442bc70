"""One workbook with a sheet for each table of a run: text stays text, numbers are numbers, dates are dates."""

import io
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from phenotype.dictionary import TABLES, meaning
from phenotype.errors import ExportError
from phenotype.export.read import Export, Table, read_manifest, read_tables

__all__ = ["export_xlsx"]

MOST_ROWS = 1_048_575
"""Rows of a sheet below its header."""
LONGEST = 32_767
"""Characters of a cell."""
_WIDEST = 48
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?")
"""A number as the tables write it; 00123 and +5 are names."""
_NAMES = frozenset(
    {"sample_id", "patient_id", "file", "batch", "level", "term", "endpoint", "population", "parent", "tube"}
)
"""Columns that are text even where every name is a number."""
_FIXED = datetime(2000, 1, 1)
_SYNTHETIC = "SYNTHETIC DATA: no patient is shown"


def export_xlsx(results: Path, out: Path | None = None) -> Export:
    """Write every table of a run into one workbook, with a dictionary of its columns.

    Text is never run or read as something else: a name that begins with an equals sign is a name, 00123 keeps its
    noughts. The same tables give the same bytes.

    Parameters
    ----------
    results
        Folder of a run, or of ``phenotype analyse``.
    out
        The workbook; ``export/results.xlsx`` in ``results`` by default.

    Raises
    ------
    ExportError
        If the folder is not that of a run, or a table has more rows than a sheet.
    """
    manifest = read_manifest(results)
    tables = read_tables(results, TABLES)
    for table in tables:
        if len(table.rows) > MOST_ROWS:
            fault = f"{table.name}.csv: has {len(table.rows):,} rows; a sheet holds {MOST_ROWS:,}"
            raise ExportError(f"{fault}, so that the workbook would not be whole: use the CSV")
    path = out or results / "export" / "results.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_bytes(_workbook(manifest, tables))
    temporary.replace(path)
    return Export(path.parent, (path.name,))


def _workbook(manifest: Mapping[str, Any], tables: tuple[Table, ...]) -> bytes:
    """Return the bytes of the workbook."""
    import xlsxwriter

    content = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(content, plain) as book:
        book.set_properties({"created": _FIXED, "title": str((manifest.get("study") or {}).get("name", ""))})
        looks = {
            "head": book.add_format({"bold": True, "bottom": 1, "valign": "top", "text_wrap": True}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "fraction": book.add_format({"num_format": "0.0000"}),
            "words": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        synthetic = bool(manifest.get("synthetic"))
        _write_sheet(book, looks, "Read me", ("", " "), _read_me(manifest, tables), synthetic=synthetic)
        for table in tables:
            _write_sheet(book, looks, table.name, table.columns, _cells(table), synthetic=synthetic)
        dictionary = [(t.name, column, meaning(t.name, column)) for t in tables for column in t.columns]
        columns = ("table", "column", "meaning")
        _write_sheet(book, looks, "Data dictionary", columns, dictionary, synthetic=synthetic)
    return content.getvalue()


def _write_sheet(
    book: Any,
    looks: Mapping[str, Any],
    name: str,
    columns: tuple[str, ...],
    rows: list[tuple[Any, ...]],
    *,
    synthetic: bool,
) -> None:
    """Write one sheet: header, filters, widths; what is simulated says so on paper and on its tab."""
    sheet = book.add_worksheet(name[:31])
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column, looks["head"])
        longest = max((len(str(row[place])) for row in rows[:1000]), default=0)
        sheet.set_column(place, place, min(max(len(column), longest, 6) + 2, _WIDEST))
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            _write_cell(sheet, number, place, value, looks)
    sheet.freeze_panes(1, 0)
    if rows and columns[0]:
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)
    if synthetic:
        sheet.set_tab_color("#A63603")
        sheet.set_header(f'&C&"-,Bold"{_SYNTHETIC}')
        sheet.set_footer(f"&C{_SYNTHETIC}")


def _write_cell(sheet: Any, row: int, place: int, value: Any, looks: Mapping[str, Any]) -> None:
    """Write one value as what it is; nothing for missing."""
    if isinstance(value, datetime):
        sheet.write_datetime(row, place, value, looks["date"])
    elif isinstance(value, float):
        sheet.write_number(row, place, value, looks["fraction"] if 0 < abs(value) < 1 else None)
    elif isinstance(value, int):
        sheet.write_number(row, place, value)
    elif len(value) > LONGEST:
        sheet.write_string(row, place, f"{len(value):,} characters, more than a cell holds: see the CSV, row {row}")
    elif value:
        sheet.write_string(row, place, value)


def _cells(table: Table) -> list[tuple[Any, ...]]:
    """Return the rows of a table with numbers and dates as such, column by column."""
    columns = [_column(name, [row[name] for row in table.rows]) for name in table.columns]
    return list(zip(*columns, strict=True)) if columns else []


def _column(name: str, texts: list[str]) -> list[Any]:
    """Return a column as dates, numbers or text; one value that is neither keeps the whole column text."""
    given = [text for text in texts if text]
    if name.endswith("_date") and all(_date(text) for text in given):
        return [_date(text) or "" for text in texts]
    if name not in _NAMES and given and all(_NUMBER.fullmatch(text) for text in given):
        return [_number(text) if text else "" for text in texts]
    return list(texts)


def _number(text: str) -> int | float:
    return float(text) if set(text) & set(".e") or len(text) > 15 else int(text)


def _date(text: str) -> datetime | None:
    """Return a day; none for what is no ISO date, or before the first that Excel knows."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year >= 1901 else None


def _read_me(manifest: Mapping[str, Any], tables: tuple[Table, ...]) -> list[tuple[str, str]]:
    """Return what who opens the workbook must know."""
    study: Any = manifest.get("study") or {}
    lines = [("Study", str(study.get("name", ""))), ("Made by", f"phenotype {manifest.get('version', '')}")]
    lines += [("Data", _SYNTHETIC)] if manifest.get("synthetic") else []
    lines += [
        ("Fractions", "in [0, 1]; the cells show four decimals and hold all digits"),
        ("Empty", "no number: refused, not measured or not estimated; the row says why"),
        ("Sheets", "one for each CSV of the run, then Data dictionary"),
        ("", ""),
    ]
    known = {name: words for name, (words, _) in TABLES.items()}
    return lines + [(table.name, f"a row is {known.get(table.name, 'as in the CSV')}") for table in tables]
