"""kinetics.csv: CAR-T cells in blood, a row per patient and day."""

from collections.abc import Collection, Iterator

import pandas as pd

from phenotype.errors import StudyError
from phenotype.expansion import MEASURES
from phenotype.study import Study
from phenotype.tables import (
    MISSING,
    Kind,
    Table,
    by_row,
    column_faults,
    parse_cells,
    parse_day,
    parse_flag,
    parser_of_number,
    read_table,
)

__all__ = ["kinetics_notes", "kinetics_of", "read_kinetics"]

_REQUIRED = ("patient_id", "day", "cart_pct_of_t")
_KINDS: dict[str, Kind] = {
    "day": parse_day,
    "cart_pct_of_t": parser_of_number(0, 100),
    "cart_per_ul": parser_of_number(low=0),
    "copies_per_ug": parser_of_number(low=0),
    "below_lod": parse_flag,
}
_DTYPES = {
    "day": "int64",
    "cart_pct_of_t": "float64",
    "cart_per_ul": "float64",
    "copies_per_ug": "float64",
    "below_lod": "Int64",
}


def read_kinetics(study: Study) -> pd.DataFrame | None:
    """Read the expansion of a study's CAR-T cells.

    Returns
    -------
    pandas.DataFrame or None
        None if the study has no such file. Columns ``patient_id`` (text), ``day`` (whole days from infusion),
        ``cart_pct_of_t`` (percent of T cells, NaN where not measured); where the sheet has them ``cart_per_ul``,
        ``copies_per_ug`` and ``below_lod`` (0/1); every other column as text.

    Raises
    ------
    StudyError
        With every fault, each with its row.
    """
    if study.kinetics is None:
        return None
    table = read_table(study.kinetics)
    faults = column_faults(table, _REQUIRED)
    if faults:
        raise StudyError(faults)
    values, faults = parse_cells(table, _KINDS)
    faults += _row_faults(table)
    if faults:
        raise StudyError(by_row(faults))
    columns = {}
    for column in table.columns:
        cells = [
            found[column] if column in _KINDS else row[column] for found, row in zip(values, table.rows, strict=True)
        ]
        columns[column] = pd.Series(cells, dtype=_DTYPES.get(column, "object"))
    return pd.DataFrame(columns)


def kinetics_of(cohort: pd.DataFrame, kinetics: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that numbers rest on, as a run leaves them: values that were read, and each patient's ASCT group.

    Parameters
    ----------
    cohort
        A row per patient, with ``patient_id`` and ``asct_group``.
    kinetics
        As :func:`read_kinetics` returns. Columns of the lab's own are left out, and patients who are not in the
        cohort: their curve is in no number, which :func:`kinetics_notes` says.

    Returns
    -------
    pandas.DataFrame
        ``patient_id, asct_group, day``, the measures that the sheet has, and ``below_lod`` where it has that; in the
        order of the sheet.
    """
    groups = dict(zip(cohort["patient_id"], cohort["asct_group"], strict=True))
    known = kinetics[kinetics["patient_id"].isin(groups)].reset_index(drop=True)
    known = known.assign(asct_group=known["patient_id"].map(groups))
    flag = ["below_lod"] if "below_lod" in known.columns else []
    return known[["patient_id", "asct_group", "day", *_measures(known), *flag]]


def kinetics_notes(study: Study, kinetics: pd.DataFrame | None, patients: Collection[str]) -> list[str]:
    """Say whose curve is in no number, since the clinical sheet does not have the patient, and what below_lod is of."""
    if study.kinetics is None or kinetics is None:
        return []
    strangers = [str(patient) for patient in kinetics["patient_id"].unique() if patient not in patients]
    name, sheet = study.kinetics.name, study.clinical.name
    notes = [f"{name}: patient {patient!r} is not in {sheet}; the curve is in no number" for patient in strangers]
    both = int((_below(kinetics) & ((kinetics[_measures(kinetics)] > 0).sum(axis=1) > 1)).sum())
    if both:
        notes.append(
            f"{name}: below_lod is 1 in {both} rows with values of {' and '.join(_measures(kinetics))}; it is of the "
            f"whole row, and none of these values is used"
        )
    return notes


def _measures(kinetics: pd.DataFrame) -> list[str]:
    return [measure for measure in MEASURES if measure in kinetics.columns]


def _below(kinetics: pd.DataFrame) -> "pd.Series[bool]":
    flags = kinetics.get("below_lod", pd.Series(0, index=kinetics.index, dtype="Int64"))
    return flags.fillna(0).astype(bool)


def _row_faults(table: Table) -> Iterator[str]:
    """Find rows without patient or day, and a patient's day that is there twice."""
    first: dict[tuple[str, str], int] = {}
    for row in table.rows:
        absent = [column for column in ("patient_id", "day") if row[column] in MISSING]
        yield from (f"{table.at(row)}: {column} is {row[column]!r}; every row is a patient's day" for column in absent)
        key = (row["patient_id"], row["day"].casefold().removeprefix("d").lstrip(" +"))
        if key in first and not absent:
            yield f"{table.at(row)}: patient {key[0]!r} has day {row['day']!r} in row {first[key]} already; keep one"
        first.setdefault(key, row.number)
