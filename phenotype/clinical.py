"""The clinical sheet: a row per patient, and the transplant group that follows from its dates.

Groups are derived, never typed: two people who sort the same dates by hand do not always agree on the day that
ends the first year. The rule is one function of one patient, ``asct_group``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from gating import missing
from phenotype.errors import StudyError
from phenotype.expansion import EXPANSION_COLUMNS
from phenotype.study import Study
from phenotype.subsets import SUBSETS
from phenotype.tables import (
    MISSING,
    Cell,
    CellError,
    Kind,
    Row,
    Table,
    by_row,
    column_faults,
    look_alikes,
    parse_cells,
    parse_date,
    parse_flag,
    parse_whole,
    parser_of_level,
    parser_of_number,
    read_table,
)

__all__ = [
    "DATE_COLUMNS",
    "DAYS_PER_MONTH",
    "DERIVED",
    "GROUPS",
    "KNOWN_COLUMNS",
    "RESPONSES",
    "AsctGroup",
    "Clinical",
    "asct_group",
    "derive_groups",
    "is_asct_date",
    "names_person",
    "read_clinical",
]

GROUPS = ("none", "within_1y", "over_1y", "unknown_time")
RESPONSES = ("sCR", "CR", "VGPR", "PR", "MR", "SD", "PD", "NE")
"""IMWG, best first; NE is not evaluable."""
DAYS_PER_MONTH = 30.4375
"""365.25 / 12."""

DATE_COLUMNS = (
    "apheresis_date", "infusion_date", "first_asct_date", "last_asct_date", "response_date", "progression_date",
    "death_date", "last_contact_date",
)  # fmt: skip
_FLAGS = ("prior_asct", "extramedullary_disease")
_GRADES = ("crs_grade", "icans_grade")
_FATAL = 5
_NOT_DEAD = frozenset({"alive", "none", "not dead", "no"})
"""What sheets write for the cause of a death that was none; lower case."""
_MEASURED = {"hb_g_l_d30": (20, 250), "anc_1e9_l_d30": (0, 100), "plt_1e9_l_d30": (0, 3000)}
"""Least and most a patient can have in the unit of the column's name: g/dL and cells per µL lie outside."""
KNOWN_COLUMNS = ("patient_id", *DATE_COLUMNS, *_FLAGS, *_GRADES, *_MEASURED, "best_response", "death_cause")
_IN_ORDER = (
    ("first_asct_date", "last_asct_date"),
    ("apheresis_date", "infusion_date"),
    ("infusion_date", "response_date"),
    ("infusion_date", "progression_date"),
    ("infusion_date", "death_date"),
    ("infusion_date", "last_contact_date"),
    ("progression_date", "death_date"),
    ("response_date", "progression_date"),
    ("response_date", "death_date"),
    ("last_contact_date", "death_date"),
)
"""Pairs of dates of which the second is never before the first; the same day is possible."""
DERIVED = (
    "days_from_asct", "months_from_asct", "asct_note", *SUBSETS, "responder", "complete_response", "pfs_months",
    "pfs_event", "os_months", "os_event", "cir_months", "cir_event", "anaemia_grade", "neutropenia_grade",
    "thrombocytopenia_grade", "endpoint_note", *EXPANSION_COLUMNS,
)  # fmt: skip
"""Columns of cohort.csv that the run itself fills."""
_AGES = ("age", "age_years")
_OLDEST = 89
"""Years, above which an age identifies."""
_TYPED_GROUPS = {"le1y": "within_1y", "gt1y": "over_1y"}
"""Other names of the groups that sheets use."""
_OTHER_SIGNS = frozenset({
    "na", "-", "--", "–", "—", ".", "?", "n/a", "n.a.", "na.", "nan", "null", "unk",
    "#n/a", "#ref!", "#value!", "#div/0!", "#name?",
})  # fmt: skip
"""Lower case. Words such as "unknown" or "none" can be a level of a covariate, and are left alone."""
_PERSON = frozenset({
    "name", "patient_name", "patientname", "full_name", "fullname", "first_name", "firstname", "last_name", "lastname",
    "given_name", "family_name", "middle_name", "maiden_name", "surname", "forename", "initials", "patient_initials",
    "address", "street", "postcode", "zip", "zip_code", "phone", "telephone", "mobile", "email", "e_mail",
    "date_of_birth", "birth_date", "birthdate", "birthday", "birth_day", "hospital_number", "hospital_id", "nhs_number",
    "medical_record_number", "social_security_number", "national_id", "insurance_number",
})  # fmt: skip
_PERSON_WORDS = frozenset({"dob", "mrn", "ssn", "surname", "forename", "birth", "birthdate"})


@dataclass(frozen=True, slots=True, eq=False)
class Clinical:
    """A clinical sheet that holds together."""

    table: pd.DataFrame
    """A row per patient, in the order of the sheet, with its columns. Text and dates are text (dates as
    ``2024-03-01``), whole numbers, flags and grades are Int64, other numbers float64; missing is None or NA."""
    notes: tuple[str, ...] = ()
    """What was odd but usable."""


@dataclass(frozen=True, slots=True)
class AsctGroup:
    """Where a patient belongs by transplant, and why."""

    group: str
    """One of ``GROUPS``, or empty if nothing is known."""
    days: int | None = None
    """From the transplant that counts to the reference date."""
    note: str = ""
    """What a reader of the table should know of this patient."""


def asct_group(
    prior_asct: int | None, asct_dates: Sequence[date], reference: date, within_days: int = 365
) -> AsctGroup:
    """Group one patient by the last autologous transplant on or before a reference date.

    Parameters
    ----------
    prior_asct
        1 transplanted before, 0 never, None not known.
    asct_dates
        Dates of all transplants that are known, in any order. Of a tandem transplant the last one counts;
        one after the reference date does not.
    reference
        Day of infusion or of apheresis.
    within_days
        ``within_1y`` is 0 to this many days, both included; more is ``over_1y``.

    Returns
    -------
    AsctGroup
        ``none``; ``within_1y``; ``over_1y``; ``unknown_time`` for a transplant without a date; empty if neither
        ``prior_asct`` nor a date before the reference is known.

    Examples
    --------
    >>> infusion = date(2024, 3, 1)
    >>> asct_group(1, [date(2023, 3, 2)], infusion)
    AsctGroup(group='within_1y', days=365, note='')
    >>> asct_group(1, [date(2023, 3, 1)], infusion).group
    'over_1y'
    >>> asct_group(1, [], infusion).group
    'unknown_time'
    """
    before = [day for day in asct_dates if day <= reference]
    after = sorted(set(asct_dates) - set(before))
    later = f"a transplant after the reference date {reference} does not count ({_listed(after)})" if after else ""
    if prior_asct == 0:
        note = f"prior_asct is 0, with a transplant date ({_listed(asct_dates)})" if asct_dates else ""
        return AsctGroup("none", note=note)
    if before:
        days = (reference - max(before)).days
        unsaid = "prior_asct is empty; transplanted by its date" if prior_asct is None else ""
        group = "within_1y" if days <= within_days else "over_1y"
        return AsctGroup(group, days, "; ".join(filter(None, (unsaid, later))))
    if after:
        only = f"transplanted only after the reference date {reference} ({_listed(after)})"
        return AsctGroup("none", note=only) if prior_asct else AsctGroup("", note=f"prior_asct is empty; {only}")
    if prior_asct:
        return AsctGroup("unknown_time", note="transplanted, on a date that is not known")
    return AsctGroup("", note="prior_asct is empty and there is no transplant date")


def _listed(days: Sequence[date]) -> str:
    return ", ".join(day.isoformat() for day in sorted(days))


def read_clinical(study: Study) -> Clinical:
    """Read the clinical sheet of a study.

    Returns
    -------
    Clinical
        Columns that identify a person are dropped, with a note.

    Raises
    ------
    StudyError
        With every fault, each with row, column and the value found.
    """
    table, notes = _without_persons(read_table(study.clinical, sheet=study.sheet))
    faults = [*column_faults(table, ("patient_id", f"{study.asct.reference}_date", "prior_asct")), *_asct_faults(table)]
    faults += _covariate_faults(table, study)
    if not faults and not table.rows:
        faults = [f"{table.name}: no patients; fill in a row for each"]
    if faults:
        raise StudyError(faults)
    kinds = _kinds(table)
    values, faults = parse_cells(table, kinds)
    faults += [*_sign_faults(table, kinds), *_patient_faults(table)]
    for row, found in zip(table.rows, values, strict=True):
        faults += [f"{table.at(row)}: {fault}" for fault in _row_faults(row, found, study.asct.reference)]
    if faults:
        raise StudyError(by_row(faults))
    frame, odd = _frame(table, values)
    odd += [*_old_patients(table.name, frame), *_unfollowed(table.name, frame)]
    clinical = Clinical(frame, ())
    groups = derive_groups(clinical, study)
    told = [
        f"{table.name}: patient {p!r}: {n}" for p, n in zip(groups["patient_id"], groups["asct_note"], strict=True) if n
    ]
    return Clinical(frame, (*table.notes, *notes, *_odd_columns(table), *odd, *told))


def _without_persons(table: Table) -> tuple[Table, list[str]]:
    """Drop columns that could name a person, and those that the run fills itself."""
    persons = [column for column in table.columns if names_person(column)]
    derived = [column for column in table.columns if column in DERIVED]
    notes = [f"{table.name}: column {column!r} could identify a person; it was not read" for column in persons]
    notes += [f"{table.name}: column {column!r} is derived by the run; it was not read" for column in derived]
    kept = tuple(column for column in table.columns if column not in {*persons, *derived})
    return Table(table.name, kept, table.rows, table.notes), notes


def names_person(column: str) -> bool:
    """Tell whether a column's name says that it holds a name, a birthday or a number of the hospital."""
    words = [word for word in re.split(r"[^a-z0-9]+", column) if word]
    return "_".join(words) in _PERSON or bool(_PERSON_WORDS & set(words))


def is_asct_date(column: str) -> bool:
    """Tell whether a column's name says that it holds a day of transplant."""
    return "asct" in column and "date" in column


def _kinds(table: Table) -> dict[str, Kind]:
    """Return how the cells of each column with a known meaning are read."""
    dates = [c for c in table.columns if c in DATE_COLUMNS or c.endswith("_date") or is_asct_date(c)]
    kinds: dict[str, Kind] = dict.fromkeys(dates, parse_date)
    kinds |= dict.fromkeys(_FLAGS, parse_flag)
    kinds |= dict.fromkeys(_GRADES, _parse_grade)
    kinds |= {column: parser_of_number(*limits) for column, limits in _MEASURED.items()}
    kinds["best_response"] = parser_of_level(RESPONSES)
    return kinds


def _parse_grade(text: str) -> int:
    """Read a grade: 0 is no event, 5 is death."""
    if text not in {"0", "1", "2", "3", "4", "5"}:
        raise CellError("a grade is 0 to 5")
    return int(text)


def _sign_faults(table: Table, kinds: Mapping[str, Kind]) -> Iterator[str]:
    """Find other signs for a missing value, in columns whose kind does not find them."""
    for row in table.rows:
        for column in table.columns:
            if column not in kinds and row[column].casefold() in _OTHER_SIGNS - MISSING and row[column] not in MISSING:
                yield f"{table.at(row)}: {column} is {row[column]!r}; leave a missing value empty, or write NA"


def _patient_faults(table: Table) -> Iterator[str]:
    """Find rows without a patient, and patients with two rows."""
    first: dict[str, Row] = {}
    for row in table.rows:
        patient = row["patient_id"]
        if patient in MISSING:
            yield f"{table.at(row)}: patient_id is {patient!r}; every row is a patient"
        elif patient in first:
            earlier = first[patient]
            told = _differences(table, earlier, row)
            yield f"{table.at(row)}: patient_id {patient!r} is in row {earlier.number} already; {told}"
        first.setdefault(patient, row)


def _differences(table: Table, one: Row, other: Row) -> str:
    """Say in which cells two rows of a patient differ."""
    pairs = [f"{c} is {one[c]!r} and {other[c]!r}" for c in table.columns if one[c] != other[c]]
    return f"keep the right one: {', '.join(pairs)}" if pairs else "they are equal: keep one"


def _row_faults(row: Row, values: Mapping[str, Cell], reference: str) -> Iterator[str]:
    """Find what cannot be true of one patient; cells that are at fault themselves are left out."""
    anchor = f"{reference}_date"
    if values.get(anchor, "at fault") is None:
        yield f"{anchor} is {row[anchor]!r}; it is the reference of [asct] in study.toml, so each patient needs it"
    for earlier, later in _IN_ORDER:
        first, second = values.get(earlier), values.get(later)
        if isinstance(first, date) and isinstance(second, date) and second < first:
            yield f"{later} is {row[later]!r}, before {earlier} {row[earlier]!r}; one of them is wrong"
    seen, alive = values.get("last_contact_date"), row["death_date"] in MISSING
    for column in ("response_date", "progression_date"):
        found = values.get(column)
        if alive and isinstance(found, date) and isinstance(seen, date) and found > seen:
            yield f"{column} is {row[column]!r}, after last_contact_date {row['last_contact_date']!r}"
    if alive:
        yield from _undated_deaths(row, values)
    dated = [column for column in values if is_asct_date(column) and values[column] is not None]
    if values.get("prior_asct") == 0 and dated:
        found = " and ".join(f"{column} is {row[column]!r}" for column in dated)
        yield f"prior_asct is '0', and {found}; write 1, or remove the date"


def _undated_deaths(row: Row, values: Mapping[str, Cell]) -> Iterator[str]:
    """Find who died by another column: without a date the patient would count as alive."""
    cause = row["death_cause"]
    if cause not in MISSING and cause.casefold() not in _NOT_DEAD | _OTHER_SIGNS:
        yield f"death_cause is {cause!r}, without a death_date; write the date, or leave the cause empty"
    for column in _GRADES:
        if values.get(column) == _FATAL:
            yield f"{column} is '5', a death, without a death_date"


def _frame(table: Table, values: Sequence[Mapping[str, Cell]]) -> tuple[pd.DataFrame, list[str]]:
    """Make the table of values, and say which columns of numbers hold words."""
    columns, notes = {}, []
    for column in table.columns:
        cells = [None if row[column] in MISSING else row[column] for row in table.rows]
        if column in (*_FLAGS, *_GRADES):
            columns[column] = pd.Series([found[column] for found in values], dtype="Int64")
        elif column in _MEASURED:
            columns[column] = pd.Series([found[column] for found in values], dtype="float64")
        elif column in values[0] or column in ("patient_id", "asct_group", "death_cause"):
            columns[column] = pd.Series(cells, dtype="object")
        else:
            columns[column], words = _covariate(cells)
            notes += [f"{table.name}: column {column!r} is text, since {word!r} is no number" for word in words]
    return pd.DataFrame(columns), notes


def _old_patients(name: str, frame: pd.DataFrame) -> Iterator[str]:
    """Write ages above 89 as 90, in place: a hundred-year-old can be found in a city by his age."""
    for column in _AGES:
        if column in frame.columns and pd.api.types.is_numeric_dtype(frame[column]):
            old = frame[column].gt(_OLDEST).fillna(False).astype(bool)
            frame.loc[old, column] = _OLDEST + 1
            if old.any():
                above = f"{name}: {column} is above {_OLDEST} in {int(old.sum())} patients"
                yield f"{above}; kept as {_OLDEST + 1}, 90 or more"


def _unfollowed(name: str, frame: pd.DataFrame) -> Iterator[str]:
    """Find patients whose last contact is the day of infusion: they tell nothing of survival."""
    if not {"infusion_date", "last_contact_date"} <= set(frame.columns):
        return
    same = frame["infusion_date"].notna() & (frame["infusion_date"] == frame["last_contact_date"])
    if "death_date" in frame.columns:
        same &= frame["death_date"].isna()
    for patient in frame.loc[same, "patient_id"]:
        yield f"{name}: patient {patient!r} was not followed: the last contact is the day of infusion"


def _covariate(cells: Sequence[Any]) -> tuple["pd.Series[Any]", list[str]]:
    """Return a column of the lab's own: numbers if all are, else text; and the first word among mostly numbers.

    A decimal comma is such a word wherever it stands.
    """
    known = [cell for cell in cells if cell is not None]
    if known and all(_reads(parse_whole, cell) for cell in known):
        return pd.Series([None if cell is None else int(cell) for cell in cells], dtype="Int64"), []
    numbers = [cell for cell in known if _reads(parser_of_number(), cell)]
    if known and len(numbers) == len(known):
        return pd.Series([None if cell is None else float(cell) for cell in cells], dtype="float64"), []
    words = [cell for cell in known if cell not in numbers]
    commas = [cell for cell in words if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", cell)]
    return pd.Series(cells, dtype="object"), words[:1] if len(numbers) > len(words) else commas[:1]


def _reads(kind: Kind, text: str) -> bool:
    """Tell whether a cell is of a kind; 007 is a name, not a number."""
    try:
        kind(text)
    except CellError:
        return False
    return not re.match(r"[+-]?0[0-9]", text)


def _asct_faults(table: Table) -> Iterator[str]:
    """Find a transplant date that is not there, or under a name that is almost the right one.

    The groups rest on it: without the date of a second transplant a patient is in another group, and no cell
    looks wrong.
    """
    for column, meant in look_alikes(table, KNOWN_COLUMNS, cutoff=0.85).items():
        if is_asct_date(meant) and not is_asct_date(column):
            yield f"{table.name}: column {column!r} looks like {meant!r}, which is not there; name it so, or less alike"
    transplanted = any(row["prior_asct"] == "1" for row in table.rows)
    if transplanted and not any(map(is_asct_date, table.columns)):
        yield missing("column", "last_asct_date", table.columns, table.name)


def _covariate_faults(table: Table, study: Study) -> Iterator[str]:
    """Find covariates of [analyses] that the sheet does not have; the default ones may be absent."""
    wanted = study.analyses.covariates if "covariates" in study.analyses.model_fields_set else ()
    derived = DERIVED if study.kinetics else set(DERIVED) - set(EXPANSION_COLUMNS)
    for name in wanted:
        if name not in table.columns and name not in derived:
            yield missing("covariate", name, table.columns, f"{study.path.name}: [analyses] of {table.name}")


def _odd_columns(table: Table) -> Iterator[str]:
    """Find columns that are almost a known one, and transplants that may be meant and are not counted."""
    for column, meant in look_alikes(table, KNOWN_COLUMNS, cutoff=0.85).items():
        if not is_asct_date(column):
            yield f"{table.name}: column {column!r} is not known and kept as a covariate; did you mean {meant!r}?"
    for column in table.columns:
        if re.search(r"transplant|sct|hct", column) and "date" in column and not is_asct_date(column):
            yield (
                f"{table.name}: column {column!r} does not count as an autologous transplant; if it is one, write "
                f"'asct' in its name"
            )


def derive_groups(clinical: Clinical, study: Study) -> pd.DataFrame:
    """Add each patient's transplant group to the clinical table.

    Returns
    -------
    pandas.DataFrame
        The clinical table with, at its end, ``asct_group`` (one of ``GROUPS``, or empty text),
        ``days_from_asct`` (Int64), ``months_from_asct`` (days / 30.4375) and ``asct_note`` (text, often empty).
        A column ``asct_group`` of the sheet is compared and replaced: the derived one wins, with a note.
    """
    table = clinical.table
    dates = [column for column in table.columns if is_asct_date(column)]
    found = [_group_of(patient, dates, study) for _, patient in table.iterrows()]
    typed = table["asct_group"] if "asct_group" in table.columns else [None] * len(table)
    notes = [_with_typed(group, cell) for group, cell in zip(found, typed, strict=True)]
    days = pd.Series([group.days for group in found], index=table.index, dtype="Int64")
    return table.drop(columns="asct_group", errors="ignore").assign(
        asct_group=[group.group for group in found],
        days_from_asct=days,
        months_from_asct=days.astype("float64") / DAYS_PER_MONTH,
        asct_note=notes,
    )


def _group_of(patient: "pd.Series[Any]", dates: Sequence[str], study: Study) -> AsctGroup:
    """Group one row of the clinical table."""
    known = [date.fromisoformat(str(patient[column])) for column in dates if isinstance(patient[column], str)]
    prior = patient["prior_asct"]
    reference = date.fromisoformat(str(patient[f"{study.asct.reference}_date"]))
    return asct_group(int(str(prior)) if pd.notna(prior) else None, known, reference, study.asct.within_days)


def _with_typed(group: AsctGroup, typed: object) -> str:
    """Add to a group's note that the sheet says otherwise."""
    if not isinstance(typed, str) or _TYPED_GROUPS.get(typed.casefold(), typed.casefold()) == group.group:
        return group.note
    other = f"the sheet's asct_group is {typed!r}, by dates it is {group.group!r}"
    return "; ".join(filter(None, (group.note, other)))
