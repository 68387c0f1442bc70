"""The tables of a result folder, as the run had them before it guarded formulas."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phenotype.cells import as_typed
from phenotype.errors import ExportError

__all__ = ["Export", "Row", "Table", "read_manifest", "read_table", "read_tables"]

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Export:
    """What an export wrote, and what it could not."""

    folder: Path
    written: tuple[str, ...]
    failures: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One CSV of a result folder, text as text."""

    name: str
    """Without suffix: ``cohort``."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_manifest(results: Path) -> Mapping[str, Any]:
    """Read run.json, or analysis.json of a folder that ``phenotype analyse`` made.

    Raises
    ------
    ExportError
        If there is neither.
    """
    for name in ("run.json", "analysis.json"):
        try:
            found = json.loads((results / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    raise ExportError(f"{results.name}: no run.json of a finished run in it; give the folder of a run")


def read_table(path: Path, needed: Iterable[str] = ()) -> Table:
    """Read one table of a run.

    Raises
    ------
    ExportError
        If it cannot be read, or lacks a column that is needed.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = tuple(as_typed(name) for name in reader.fieldnames or ())
            absent = [column for column in needed if column not in columns]
            if absent:
                raise ExportError(
                    f"{path.name}: no column {absent[0]!r}; another version wrote it, run the study again"
                )
            rows = tuple({as_typed(name): as_typed(text or "") for name, text in row.items() if name} for row in reader)
    except (OSError, csv.Error) as error:
        raise ExportError(f"{path.name}: cannot be read as a table of a run: {error}") from error
    return Table(path.stem, columns, rows)


def read_tables(results: Path, order: Iterable[str]) -> tuple[Table, ...]:
    """Read every CSV of a folder: those that are named first, in their order, then the others by name."""
    paths = {path.stem: path for path in sorted(results.glob("*.csv"))}
    known = [name for name in order if name in paths]
    return tuple(read_table(paths[name]) for name in (*known, *(name for name in paths if name not in known)))
