"""Result tables on disk: UTF-8, full precision, empty for missing, whole or not at all."""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from phenotype.cells import cell
from phenotype.errors import RunError, StudyError
from phenotype.kinetics import kinetics_of
from phenotype.study import Study

__all__ = ["check_folder", "write_frame", "write_json", "write_kinetics", "write_rows", "writing_to"]

KINETICS = "kinetics.csv"
"""The table of a run that most sheets of people are called alike."""


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Make a result folder and hold it for one run; say so where it cannot be written to, and how to go on.

    Raises
    ------
    RunError
        If another run holds the folder, or in place of the system's error.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("wb") as lock:
            _hold(lock.fileno(), folder)
            yield
    except OSError as error:
        fault = f"{folder}: cannot be written: {error.strerror or error}"
        way_out = "make room or get permission and run again, which goes on from there, or name another folder by --out"
        raise RunError(f"{fault}; {way_out}") from error


def check_folder(folder: Path, study: Study) -> None:
    """Refuse a result folder in which the study's sheet of kinetics would be overwritten by that of the run.

    Raises
    ------
    StudyError
        If the sheet is the file that the run would write.
    """
    written = folder / KINETICS
    if study.kinetics is not None and written.exists() and written.samefile(study.kinetics):
        fault = f"{study.kinetics.name}: lies in the result folder {folder}, and a run writes a table of that name"
        raise StudyError([f"{fault}; name another folder by --out, or the sheet otherwise"])


def _hold(lock: int, folder: Path) -> None:
    """Lock an open file until it is closed, which the system does for a run that was killed."""
    if fcntl is None:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunError(
            f"{folder}: another run is writing to it; wait for it, or name another folder by --out"
        ) from error
    except OSError:
        return  # a file system without locks


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV under a temporary name, then give it its own.

    Numbers are written with all their digits; NaN, infinite and None are empty. Text that a spreadsheet
    would run as a formula, names of columns too, gets a leading apostrophe.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(map(cell, columns))
        writer.writerows([cell(row.get(column)) for column in columns] for row in rows)
    temporary.replace(path)


def write_frame(path: Path, table: pd.DataFrame) -> None:
    """Write a DataFrame as :func:`write_rows` does; the index is not written."""
    columns = [str(column) for column in table.columns]
    records = (dict(zip(columns, row, strict=True)) for row in table.itertuples(index=False, name=None))
    write_rows(path, columns, records)


def write_kinetics(folder: Path, study: Study, cohort: pd.DataFrame, kinetics: pd.DataFrame | None) -> None:
    """Write the values of expansion that were used; without any, remove those of an earlier run.

    A folder that holds the study itself may hold a person's sheet of that name: nothing is removed from it.
    """
    if kinetics is not None:
        write_frame(folder / KINETICS, kinetics_of(cohort, kinetics))
    elif folder.resolve() != study.path.resolve().parent:
        (folder / KINETICS).unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, keys in the order given."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)
