"""A study's own sheets again: patients and files by pseudonym, days for dates, and only columns that are known."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from phenotype.clinical import DATE_COLUMNS, KNOWN_COLUMNS, is_asct_date, names_person
from phenotype.errors import DeidentifyError
from phenotype.references import ReferenceCut
from phenotype.samples import SampleRow
from phenotype.study import Study
from phenotype.tables import MISSING, CellError, Row, Table, parse_date

__all__ = [
    "INFUSED",
    "Sheet",
    "clinical_sheet",
    "kinetics_sheet",
    "reference_sheet",
    "sample_sheet",
    "sheet_text",
    "shifts",
    "study_text",
]

INFUSED = date(2000, 1, 1)
"""The day on which every patient of a copy is infused, or apheresed where that is the study's reference: what is
left of a date is its distance from there. Transplants of thirty years before are still days that the sheet may have."""
OLDEST = 89
"""Years; older patients are so few that HIPAA's safe harbor puts them together as 90."""
COVARIATES = frozenset({
    "age", "age_years", "age_at_infusion", "sex", "gender", "asct_group", "n_asct", "ecog", "m_protein_type", "isotype",
    "light_chain", "ds_stage", "iss_stage", "r_iss_stage", "riss_stage", "high_risk_cytogenetics", "cytogenetics",
    "prior_lines", "lines", "triple_refractory", "penta_refractory", "chemo_exposure", "cd38_ab_exposure",
    "pi_imid_exposure", "bridging", "lymphodepletion", "product", "construct", "dose_1e6_per_kg", "dose_1e6",
    "plasma_cells_pct", "ldh_u_l", "ferritin_ug_l", "crp_mg_l", "mrd_d30", "mrd_d90",
})  # fmt: skip
"""What describes a disease or a treatment. Every other column of the lab's own is dropped unless it is asked for."""
CAUSES = frozenset({
    "progression", "relapse", "disease", "infection", "sepsis", "covid-19", "toxicity", "crs", "icans", "neurotoxicity",
    "hlh", "cardiac", "bleeding", "second malignancy", "secondary malignancy", "non-relapse", "trm", "unknown", "other",
})  # fmt: skip
"""Causes of death that are kept as they are; a sentence becomes "other"."""
SAMPLE_COLUMNS = ("file", "patient_id", "role", "day", "batch", "marker")
KINETICS_COLUMNS = frozenset({"patient_id", "day", "cart_pct_of_t", "cart_per_ul", "copies_per_ug", "below_lod"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a copy."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    dropped: tuple[str, ...] = ()
    """Columns of the original that are not in it."""


def shifts(table: Table, reference: str) -> dict[str, int]:
    """Return by how many days each patient's dates move, so that all share one reference day.

    Examples
    --------
    >>> table = Table("clinical.csv", ("patient_id", "infusion_date"), (Row(2, {"patient_id": "P1",
    ...     "infusion_date": "2000-01-31"}),))
    >>> shifts(table, "infusion_date")
    {'P1': -30}
    """
    return {row["patient_id"]: (INFUSED - parse_date(row[reference])).days for row in table.rows}


def clinical_sheet(
    table: Table, patients: Mapping[str, str], days: Mapping[str, int], kept: Iterable[str] = ()
) -> Sheet:
    """Return the clinical sheet of the copy.

    Parameters
    ----------
    table
        As typed, and without faults.
    patients
        Pseudonyms.
    days
        By how many days each patient's dates move.
    kept
        Columns of the lab's own to keep.

    Raises
    ------
    DeidentifyError
        If a column is to be kept that names a person, or a date lies too far from its patient's infusion.
    """
    columns, dropped = _divided(table, {*KNOWN_COLUMNS, *COVARIATES, *filter(is_asct_date, table.columns)}, kept)
    rows = []
    for row in table.rows:
        moved = {column: _clinical_cell(column, row, days[row["patient_id"]], table) for column in columns}
        rows.append(moved | {"patient_id": patients[row["patient_id"]]})
    return Sheet(columns, tuple(rows), dropped)


def kinetics_sheet(table: Table, patients: Mapping[str, str], kept: Iterable[str] = ()) -> Sheet:
    """Return the sheet of expansion of the copy; its days are from infusion, and stay.

    Raises
    ------
    DeidentifyError
        If a column is to be kept that names a person.
    """
    columns, dropped = _divided(table, KINETICS_COLUMNS, kept)
    rows = ({c: row[c] for c in columns} | {"patient_id": patients[row["patient_id"]]} for row in table.rows)
    return Sheet(columns, tuple(rows), dropped)


def sample_sheet(rows: Sequence[SampleRow], patients: Mapping[str, str], files: Mapping[str, str]) -> Sheet:
    """Return the sample sheet of the copy.

    Parameters
    ----------
    rows
        Of the original.
    patients
        Pseudonyms.
    files
        Name of the copy of each tube.

    Returns
    -------
    Sheet
        Batches and replicates are numbered in the order in which they come: their names may be dates.
    """
    batches = _numbered([row.batch for row in rows], "B")
    replicates = _numbered([row.extra.get("replicate", "") for row in rows], "")
    columns = (*SAMPLE_COLUMNS, "replicate") if any(replicates.values()) else SAMPLE_COLUMNS
    made = [
        {
            "file": files[row.tube],
            "patient_id": patients.get(row.patient_id, ""),
            "role": row.role,
            "day": "" if row.day is None else str(row.day),
            "batch": batches[row.batch],
            "marker": row.marker,
            "replicate": replicates[row.extra.get("replicate", "")],
        }
        for row in rows
    ]
    extra = dict.fromkeys(column for row in rows for column in row.extra if column not in columns)
    return Sheet(columns, tuple(made), tuple(extra))


def reference_sheet(cuts: Sequence[ReferenceCut], rows: Sequence[SampleRow], files: Mapping[str, str]) -> Sheet:
    """Return the reference cuts of the copy: who placed them, and why, is left out.

    Parameters
    ----------
    cuts
        As read.
    rows
        The sample sheet.
    files
        New name of each tube.
    """
    columns = ("file", "population", "marker", "threshold", "who")
    tubes = {row.sample_id: row.tube for row in rows}
    made = [
        dict(
            zip(
                columns,
                (files[tubes[cut.sample_id]], cut.population, cut.marker, repr(cut.value), "a person"),
                strict=True,
            )
        )
        for cut in cuts
    ]
    return Sheet(columns, tuple(made), ("who", "why"))


def sheet_text(sheet: Sheet) -> str:
    """Return a sheet as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(sheet.columns)
    writer.writerows([row[column] for column in sheet.columns] for row in sheet.rows)
    return text.getvalue()


def study_text(study: Study, name: str) -> str:
    """Return study.toml of the copy: every setting as typed, other names of files, no comments, nothing of [about].

    What a lab writes of itself under [about] names places and may name people.
    """
    typed = study.typed.model_dump(mode="json", exclude_unset=True, exclude={"about"})
    files = {"name": name, "samples": "samples.csv", "clinical": "clinical.csv", "template": "gating.csv"}
    if study.kinetics is not None:
        files["kinetics"] = "kinetics.csv"
    typed["study"] = files
    if study.reference is not None:
        typed["reference"] = typed["reference"] | {"gates": "reference_gates.csv"}
    if not isinstance(study.compensation, str):
        typed["compensation"] = {"source": "matrix.csv"}
    sections = (f"[{section}]\n{''.join(_settings(values))}" for section, values in typed.items())
    return "\n".join(sections)


def _settings(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a section; what JSON and TOML write alike is all that a study has."""
    for key, value in values.items():
        name = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}\n"


def _divided(table: Table, known: Iterable[str], kept: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that stay and those that go."""
    wanted = {*known, *(column.strip().casefold() for column in kept)}
    persons = [column for column in table.columns if column in wanted and names_person(column)]
    if persons:
        raise DeidentifyError(f"{table.name}: column {persons[0]!r} names a person; it cannot be kept")
    columns = tuple(column for column in table.columns if column in wanted)
    return columns, tuple(column for column in table.columns if column not in wanted)


def _clinical_cell(column: str, row: Row, days: int, table: Table) -> str:
    """Return what a cell becomes."""
    cell = row[column]
    if cell in MISSING:
        return cell
    if column in DATE_COLUMNS or column.endswith("_date") or is_asct_date(column):
        moved = str(parse_date(cell) + timedelta(days))
        try:
            return str(parse_date(moved))
        except CellError as error:
            raise DeidentifyError(f"{table.at(row)}: {column} is decades from the infusion; correct it") from error
    if column == "death_cause" and cell.casefold() not in CAUSES:
        return "other"
    if re.match(r"age($|_)", column) and re.fullmatch(r"\d+(\.\d*)?", cell) and float(cell) > OLDEST:
        return str(OLDEST + 1)
    return cell


def _numbered(names: Sequence[str], prefix: str) -> dict[str, str]:
    """Return a number for each name in the order of their coming, empty for none.

    >>> _numbered(["2024-03-01", "", "2024-02-01", "2024-03-01"], "B")
    {'2024-03-01': 'B1', '2024-02-01': 'B2', '': ''}
    """
    distinct = [name for name in dict.fromkeys(names) if name]
    digits = len(str(len(distinct)))
    return {name: f"{prefix}{number:0{digits}d}" for number, name in enumerate(distinct, start=1)} | {"": ""}
