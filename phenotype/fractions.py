"""A table of fractions made elsewhere, in FlowJo or by an earlier run: four subsets of each patient's product."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gating import missing
from phenotype.errors import StudyError
from phenotype.subsets import SUBSETS
from phenotype.tables import MISSING, Cell, Table, by_row, column_faults, parse_cells, parser_of_number, read_table

__all__ = ["read_fractions"]

_SHORT = {"cm": "central_memory", "em": "effector_memory", "eff": "effector"}
"""Other names of subsets in tables that people make; with ``_pct`` behind them, the numbers are percent."""
_CLOSED = 0.02
"""How far the four fractions of a patient may be from their sum of 1: four percentages rounded to whole numbers are."""


def read_fractions(path: Path | str) -> pd.DataFrame:
    """Read fractions of the four subsets.

    The table has a row per patient and subset, ``patient_id, subset, fraction``, as subsets.csv of a run, whose further
    columns are passed over; or a row per patient with a column for each subset: ``naive, central_memory,
    effector_memory, effector``, as fractions of 1; or the same names, or ``naive, cm, em, eff``, with ``_pct``, in
    percent. Of several products of a patient the mean is taken, as a run does.

    Returns
    -------
    pandas.DataFrame
        A row per patient in the order of the table, ``patient_id`` as index, the four subsets as columns: fractions in
        [0, 1], NaN where empty.

    Raises
    ------
    StudyError
        With every fault: a column that is not there, a cell that is no such number, a patient with some subsets only,
        fractions that do not sum to 1.
    """
    table = read_table(path)
    if faults := column_faults(table, ("patient_id",)):
        raise StudyError(faults)
    wide = _long(table) if "subset" in table.columns else _wide(table)
    faults = list(_sum_faults(wide, table.name))
    if faults:
        raise StudyError(faults)
    return wide


def _long(table: Table) -> pd.DataFrame:
    if faults := column_faults(table, ("fraction",)):
        raise StudyError(faults)
    values, faults = parse_cells(table, {"fraction": parser_of_number(0, 1)})
    for row in table.rows:
        if row["subset"] not in SUBSETS:
            faults.append(missing("subset", row["subset"], SUBSETS, table.at(row)))
    faults += _patient_faults(table)
    if faults:
        raise StudyError(by_row(faults))
    patients = [row["patient_id"] for row in table.rows]
    subsets = [row["subset"] for row in table.rows]
    frame = pd.DataFrame({"patient_id": patients, "subset": subsets, "fraction": _numbers(values, "fraction")})
    wide = frame.pivot_table(index="patient_id", columns="subset", values="fraction", aggfunc="mean")
    return wide.reindex(index=list(dict.fromkeys(patients)), columns=list(SUBSETS)).rename_axis(columns=None)


def _wide(table: Table) -> pd.DataFrame:
    columns = {column: _meant(column) for column in table.columns if _meant(column)}
    by_subset = {subset: [column for column, meant in columns.items() if meant == subset] for subset in SUBSETS}
    faults = [missing("column", subset, table.columns, table.name) for subset, found in by_subset.items() if not found]
    faults += [
        f"{table.name}: {' and '.join(found)} are both {s}; keep one" for s, found in by_subset.items() if found[1:]
    ]
    if faults:
        raise StudyError(faults)
    percent = [column.endswith("_pct") for column in columns]
    if len(set(percent)) > 1:
        raise StudyError([f"{table.name}: some of {', '.join(columns)} are in percent by their names; name all alike"])
    top = 100 if percent[0] else 1
    values, faults = parse_cells(table, dict.fromkeys(columns, parser_of_number(0, top)))
    faults += _patient_faults(table)
    if faults:
        raise StudyError(by_row(faults))
    frame = pd.DataFrame({meant: _numbers(values, column) / top for column, meant in columns.items()})
    frame["patient_id"] = [row["patient_id"] for row in table.rows]
    return frame.groupby("patient_id", sort=False)[list(SUBSETS)].mean()


def _meant(column: str) -> str:
    """Return the subset that a column's name says, or nothing."""
    name = column.removesuffix("_pct")
    return name if name in SUBSETS else _SHORT.get(name, "")


def _numbers(values: Sequence[Mapping[str, Cell]], column: str) -> "pd.Series[float]":
    return pd.Series([row[column] for row in values], dtype="float64")


def _patient_faults(table: Table) -> Iterator[str]:
    for row in table.rows:
        if row["patient_id"] in MISSING:
            yield f"{table.at(row)}: patient_id is {row['patient_id']!r}; every row is a patient"


def _sum_faults(wide: pd.DataFrame, name: str) -> Iterator[str]:
    for patient, row in wide.iterrows():
        known = row.notna()
        total = float(row.sum())
        if known.any() and not known.all():
            absent = ", ".join(row.index[~known])
            yield f"{name}: patient {patient!r} has no {absent}; a product has all four subsets, or none"
        elif known.all() and not np.isclose(total, 1, atol=_CLOSED, rtol=0):
            yield f"{name}: the subsets of patient {patient!r} sum to {total:.4g}; they are fractions of one whole, 1"
