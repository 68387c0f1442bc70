"""Tables in the shapes of GraphPad Prism: a column a group, ready to be pasted, each value traceable to its patient."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from phenotype.cells import cell
from phenotype.errors import ExportError
from phenotype.export.read import Export, Row, read_manifest, read_table

__all__ = ["export_prism"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "No ASCT": ("none",),
    "ASCT over 1 y": ("over_1y",),
    "ASCT within 1 y": ("within_1y",),
}
"""Columns of every table; a transplant of unknown date is in none of them, and counted in the list."""
SUBSETS = ("naive", "central_memory", "effector_memory", "effector")
RESPONSES = ("sCR", "CR", "VGPR", "PR", "MR", "SD", "PD", "NE")
MEASURES = {
    "cart_pct_of_t": "CAR-T, percent of T cells",
    "cart_per_ul": "CAR-T per µL",
    "copies_per_ug": "copies per µg",
}
LIST_COLUMNS = ("file", "what", "prism_table", "values", "source", "patients")

Columns = dict[str, list[tuple[str, str]]]
"""Group to patient and value."""


def export_prism(results: Path, out: Path | None = None) -> Export:
    """Write tables for Prism, and ``prism_tables.csv``, which says of each what it is and which table type takes it.

    Beside each column table lies one with ``_patients`` in its name: the same cells hold the patients.

    Parameters
    ----------
    results
        Folder of a run, or of ``phenotype analyse``.
    out
        Folder for the tables; ``export/prism`` in ``results`` by default.

    Raises
    ------
    ExportError
        If the folder is not that of a run.
    """
    read_manifest(results)
    cohort = read_table(results / "cohort.csv", ("patient_id", "asct_group"))
    folder = out or results / "export" / "prism"
    folder.mkdir(parents=True, exist_ok=True)
    listed = [
        *_write_columns(folder, cohort.rows),
        *_write_responses(folder, cohort.rows),
        *_write_survival(folder, cohort.rows),
        *_write_incidence(folder, results / "curves.csv"),
        *_write_expansion(folder, results / "kinetics.csv"),
    ]
    if not listed:
        raise ExportError(f"{results.name}: cohort.csv has no patient with a number; nothing to export")
    _write(folder / "prism_tables.csv", [LIST_COLUMNS, *listed])
    return Export(folder, tuple(str(row[0]) for row in listed))


def _write_columns(folder: Path, rows: Sequence[Row]) -> Iterable[tuple[str, ...]]:
    """Write subsets and peaks by group, and peaks by response."""
    for subset in SUBSETS:
        values = _by_group(rows, subset, scale=100)
        yield from _column_table(folder, f"subset_{subset}", f"{subset.replace('_', ' ')} of CAR+ T cells", "percent",
                                 f"cohort.csv, {subset}", values)  # fmt: skip
    for measure, unit in MEASURES.items():
        peak = f"{measure}_cmax"
        yield from _column_table(folder, f"peak_{measure}", f"peak of {unit}", unit, f"cohort.csv, {peak}",
                                 _by_group(rows, peak))  # fmt: skip
        by_response: Columns = {
            name: [(row["patient_id"], row[peak]) for row in rows if row.get(peak) and _is(row, column, wanted)]
            for name, column, wanted in (
                ("no response", "responder", False), ("PR or better", "responder", True),
                ("less than CR", "complete_response", False), ("CR or sCR", "complete_response", True),
            )
        }  # fmt: skip
        yield from _column_table(folder, f"peak_{measure}_by_response", f"peak of {unit} by response", unit,
                                 f"cohort.csv, {peak}, responder, complete_response", by_response)  # fmt: skip


def _is(row: Row, column: str, wanted: bool) -> bool:
    return row.get(column, "") in (("1", "1.0") if wanted else ("0", "0.0"))


def _by_group(rows: Sequence[Row], column: str, *, scale: float = 1) -> Columns:
    return {
        name: [(row["patient_id"], _scaled(row[column], scale)) for row in rows
               if row["asct_group"] in members and row.get(column)]
        for name, members in GROUPS.items()
    }  # fmt: skip


def _scaled(text: str, scale: float) -> str:
    return text if scale == 1 else repr(float(text) * scale)


def _column_table(
    folder: Path, stem: str, what: str, unit: str, source: str, columns: Columns
) -> Iterable[tuple[str, ...]]:
    """Write a column a group, and beside it who is in each cell."""
    n = sum(map(len, columns.values()))
    if not n:
        return
    for name, place in ((f"{stem}.csv", 1), (f"{stem}_patients.csv", 0)):
        cells = zip_longest(*([pair[place] for pair in pairs] for pairs in columns.values()), fillvalue="")
        _write(folder / name, [tuple(columns), *cells])
    yield f"{stem}.csv", f"{what}; patients in {stem}_patients.csv", "Column", unit, source, str(n)


def _write_responses(folder: Path, rows: Sequence[Row]) -> Iterable[tuple[str, ...]]:
    """Write how many patients of each group have each best response."""
    known = [row for row in rows if row.get("best_response") in RESPONSES]
    if known:
        counts = [
            (response, *(sum(row["best_response"] == response and row["asct_group"] in members for row in known)
                         for members in GROUPS.values()))
            for response in RESPONSES
        ]  # fmt: skip
        _write(folder / "best_response.csv", [("best response", *GROUPS), *counts])
        source = "cohort.csv, best_response"
        yield "best_response.csv", "best response by group", "Contingency", "patients", source, str(len(known))


def _write_survival(folder: Path, rows: Sequence[Row]) -> Iterable[tuple[str, ...]]:
    """Write PFS and OS: months, and a column a group with 1 for the event and 0 for censored."""
    for endpoint in ("pfs", "os"):
        months, event = f"{endpoint}_months", f"{endpoint}_event"
        known = [row for row in rows if row.get(months) and row.get(event) and _group(row)]
        if known:
            lines = [
                (row["patient_id"], row[months], *(_code(row, event) if row["asct_group"] in members else ""
                                                   for members in GROUPS.values()))
                for row in known
            ]  # fmt: skip
            _write(folder / f"survival_{endpoint}.csv", [("patient (row title)", "months", *GROUPS), *lines])
            what = f"{endpoint.upper()} by group; 1 event, 0 censored"
            yield f"survival_{endpoint}.csv", what, "Survival", "months", f"cohort.csv, {months}", str(len(known))


def _group(row: Row) -> str:
    return next((name for name, members in GROUPS.items() if row["asct_group"] in members), "")


def _code(row: Row, event: str) -> str:
    return str(int(float(row[event])))


def _write_incidence(folder: Path, path: Path) -> Iterable[tuple[str, ...]]:
    """Write relapse as computed: a curve made in Prism would count the dead as if they could relapse."""
    if not path.is_file():
        return
    rows = [row for row in read_table(path, ("endpoint", "term", "level", "time", "estimate")).rows
            if row["endpoint"] == "relapse" and row["term"] == "asct_group"]  # fmt: skip
    if rows:
        lines = [(row["time"], *(_percent(row) if row["level"] in members else "" for members in GROUPS.values()))
                 for row in rows]  # fmt: skip
        _write(folder / "relapse_incidence.csv", [("months", *GROUPS), *lines])
        what = "cumulative incidence of relapse in patients in CR, death competing; draw as steps, fit nothing"
        yield "relapse_incidence.csv", what, "XY", "percent", "curves.csv, relapse", ""


def _percent(row: Row) -> str:
    return repr(float(row["estimate"]) * 100) if row["estimate"] else ""


def _write_expansion(folder: Path, path: Path) -> Iterable[tuple[str, ...]]:
    """Write expansion: days down, a column a patient, named by group."""
    if not path.is_file():
        return
    table = read_table(path, ("patient_id", "asct_group", "day"))
    for measure, unit in MEASURES.items():
        rows = [row for row in table.rows if row.get(measure) and _group(row)]
        patients = sorted({(list(GROUPS).index(_group(row)), row["patient_id"]) for row in rows})
        if patients:
            values = {(row["patient_id"], row["day"]): row[measure] for row in rows}
            days = sorted({row["day"] for row in rows}, key=float)
            names = [f"{list(GROUPS)[group]}: {patient}" for group, patient in patients]
            lines = [(day, *(values.get((patient, day), "") for _, patient in patients)) for day in days]
            _write(folder / f"expansion_{measure}.csv", [("day", *names), *lines])
            what = f"{unit} over days; a column a patient, by group"
            yield f"expansion_{measure}.csv", what, "XY", unit, f"kinetics.csv, {measure}", str(len(patients))


def _write(path: Path, lines: Iterable[Sequence[object]]) -> None:
    """Write a table under a temporary name, then give it its own; formulas are guarded as in every table."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([cell(_typed(value)) for value in line] for line in lines)
    temporary.replace(path)


def _typed(value: object) -> object:
    """Return a number as such, so that a minus is no formula."""
    try:
        return float(value) if isinstance(value, str) and value.startswith("-") else value
    except ValueError:
        return value
