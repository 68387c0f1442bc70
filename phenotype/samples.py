"""samples.csv: which FCS file is which patient's product, and which is whose control.

A missing file is not a fault of the sheet: the run goes on without it and says so. A file outside the
study folder is one, since a sheet from someone else must not make this program open anything else.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from phenotype.errors import StudyError
from phenotype.study import Study
from phenotype.tables import CellError, Row, Table, by_row, column_faults, look_alikes, nearest, parse_day, read_table

__all__ = [
    "ROLES",
    "JoinReport",
    "SampleRow",
    "SampleSheet",
    "ignored_files",
    "join_patients",
    "read_sample_sheet",
    "read_samples",
    "unlisted_files",
]

ROLES = ("product", "monitoring", "fmo", "unstained", "single_stain", "untransduced")
_OF_PATIENTS = {"product": "product", "monitoring": "monitoring sample"}
_OF_MARKERS = ("fmo", "single_stain")
_REQUIRED = ("file", "patient_id", "role")
_OPTIONAL = ("dataset", "day", "batch", "marker")
_COLUMNS = (*_REQUIRED, *_OPTIONAL, "sample_id")
_LONGEST_ID = 150
"""Characters; with a folder and an ending, still a file name on every system."""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One FCS file, and what the sheet says of it."""

    sample_id: str
    """Unique, and safe as a file name."""
    file: str
    """As in the sheet, relative to the study folder, with ``/`` between folders."""
    path: Path
    patient_id: str
    """Text as typed; empty for a control."""
    role: str
    """One of ``ROLES``."""
    day: int | None = None
    """Days from infusion; None where the sheet has none."""
    batch: str = ""
    """What was stained and measured together; controls serve the samples of their batch."""
    marker: str = ""
    """For ``fmo`` and ``single_stain``: the marker left out, or alone."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """The sheet's other columns, as typed."""
    dataset: str = ""
    """Number or name of the dataset, where the file holds several."""

    @property
    def tube(self) -> str:
        """What tables and messages call its events: the file, and the dataset where one was chosen."""
        return f"{self.file}#{self.dataset}" if self.dataset else self.file


@dataclass(frozen=True, slots=True)
class SampleSheet:
    """A sample sheet that holds together."""

    rows: tuple[SampleRow, ...]
    """In the order of the sheet."""
    notes: tuple[str, ...] = ()
    """What was odd but usable."""


@dataclass(frozen=True, slots=True)
class JoinReport:
    """Which patients are on both sides of the join of products and clinical sheet, and which on one."""

    matched: tuple[str, ...]
    without_clinical: tuple[str, ...]
    """Products whose patient the clinical sheet does not have."""
    without_product: tuple[str, ...]
    """Patients of the clinical sheet without a product."""
    look_alikes: tuple[str, ...] = ()
    """Pairs that did not match and differ only in case, blanks, dashes or leading zeros, in words."""


def read_samples(study: Study) -> SampleSheet:
    """Read the sample sheet.

    Returns
    -------
    SampleSheet
        Paths are relative to the folder of study.toml; files need not exist.

    Raises
    ------
    StudyError
        With every fault, each with its row.
    """
    return read_sample_sheet(study.samples, study.folder)


def read_sample_sheet(path: Path, folder: Path) -> SampleSheet:
    """Read a sample sheet whose files lie in a folder, as :func:`read_samples` does.

    Raises
    ------
    StudyError
        With every fault, each with its row.
    """
    table = read_table(path)
    faults = [*column_faults(table, _REQUIRED), *_misspelt(table)]
    if not faults and not table.rows:
        faults = [f"{table.name}: no rows; list each FCS file"]
    if faults:
        raise StudyError(faults)
    faults = [f"{table.at(row)}: {fault}" for row in table.rows for fault in _row_faults(row)]
    faults += [*_repeated_files(table), *_repeated_patients(table), *_repeated_ids(table)]
    if faults:
        raise StudyError(by_row(faults))
    notes = [] if "batch" in table.columns else [f"{table.name}: no column 'batch': every control serves every sample"]
    rows = zip(table.rows, _sample_ids(table.rows), strict=True)
    return SampleSheet(tuple(_sample_row(row, name, table, folder) for row, name in rows), (*table.notes, *notes))


def _misspelt(table: Table) -> Iterator[str]:
    """Find columns that are almost one that is absent: without its batch a sample meets another day's controls."""
    for column, meant in look_alikes(table, _OPTIONAL, cutoff=0.75).items():
        yield f"{table.name}: column {column!r} looks like {meant!r}, which is not there; name it so, or less alike"


def _sample_row(row: Row, sample_id: str, table: Table, folder: Path) -> SampleRow:
    return SampleRow(
        sample_id=sample_id,
        file=_relative(row["file"]),
        path=folder / _relative(row["file"]),
        patient_id=row["patient_id"],
        role=row["role"],
        day=parse_day(row["day"]) if row["day"] else None,
        batch=row["batch"],
        marker=row["marker"],
        extra={column: row[column] for column in table.columns if column not in _COLUMNS},
        dataset=row["dataset"],
    )


def _row_faults(row: Row) -> Iterator[str]:
    """Find what is wrong with one row, whatever the others say."""
    for column, cell in row.cells.items():
        if cell == "?":
            yield f"{column} is '?'; decide, and write the answer"
    yield from _file_faults(row["file"])
    role = row["role"]
    if role not in ROLES and role != "?":
        yield f"role is {role!r}; {nearest(role, ROLES)}"
    if role in _OF_PATIENTS and not row["patient_id"]:
        yield f"patient_id is empty; a {_OF_PATIENTS[role]} belongs to a patient"
    if role in _OF_MARKERS and not row["marker"]:
        yield f"marker is empty; say which marker the {role} is for"
    yield from _day_faults(row)


def _day_faults(row: Row) -> Iterator[str]:
    """Find a day that is none, and a monitoring sample without one."""
    if row["role"] == "monitoring" and not row["day"]:
        yield "day is empty; a monitoring sample was taken on a day after infusion"
    if row["day"] in {"", "?"}:
        return
    try:
        parse_day(row["day"])
    except CellError as error:
        yield f"day is {row['day']!r}; {error}"


def _file_faults(file: str) -> Iterator[str]:
    """Find a file that is not named, or lies where a study's files cannot."""
    path = _relative(file)
    if not file:
        yield "file is empty; name an FCS file"
    elif path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in PurePosixPath(path).parts or "\0" in path:
        yield f"file is {file!r}, outside the study folder; copy it into the folder and write the path from there"


def _relative(file: str) -> str:
    r"""Return a path of the sheet with ``/`` between folders, as Windows also reads it.

    >>> _relative("day 0\\p01.fcs"), _relative("./p01.fcs")
    ('day 0/p01.fcs', 'p01.fcs')
    """
    return str(PurePosixPath(file.replace("\\", "/"))) if file else ""


def _repeated_files(table: Table) -> Iterator[str]:
    """Find files that two rows name, unless each names a dataset of its own."""
    first: dict[tuple[str, str], int] = {}
    for row in table.rows:
        file, dataset = _relative(row["file"]), row["dataset"]
        if (file, dataset) in first and file not in {"", "?"}:
            what = f"dataset {dataset!r} of file {file!r}" if dataset else f"file {file!r}"
            yield f"{table.at(row)}: {what} is in row {first[file, dataset]} already; keep one"
        first.setdefault((file, dataset), row.number)


def _repeated_patients(table: Table) -> Iterator[str]:
    """Find two products of a patient, or two samples of a day, that no column ``replicate`` tells apart."""
    first: dict[tuple[str, ...], int] = {}
    for row in table.rows:
        patient, role = row["patient_id"], row["role"]
        if role not in _OF_PATIENTS or patient in {"", "?"}:
            continue
        day = "" if role == "product" else row["day"].casefold().removeprefix("d").lstrip(" +0")
        visit = f"a {_OF_PATIENTS[role]}" + (f" of day {row['day']}" if day else "")
        key = (patient, role, day, row["replicate"])
        if key in first:
            yield (
                f"{table.at(row)}: patient {patient!r} has {visit} in row {first[key]} already; "
                f"if both count, number them in a column 'replicate'"
            )
        first.setdefault(key, row.number)


def _repeated_ids(table: Table) -> Iterator[str]:
    """Find names of samples that would share a file."""
    first: dict[str, int] = {}
    for row in table.rows:
        name = _safe(row["sample_id"]).casefold() if row["sample_id"] else ""
        if name and name in first and name != "?":
            yield f"{table.at(row)}: sample_id {row['sample_id']!r} is in row {first[name]} already; it must be unique"
        first.setdefault(name, row.number)


def _sample_ids(rows: Sequence[Row]) -> list[str]:
    """Name each sample: as typed, else after its file, with its folders where two files share a name."""
    stems = [_stem(PurePosixPath(_relative(row["file"])).stem, row["dataset"]) for row in rows]
    counts = Counter(stem.casefold() for stem in stems)
    taken = {_safe(row["sample_id"]).casefold() for row in rows if row["sample_id"]}
    names = []
    for row, stem in zip(rows, stems, strict=True):
        if row["sample_id"]:
            names.append(_safe(row["sample_id"]))
            continue
        whole = _stem(str(PurePosixPath(_relative(row["file"])).with_suffix("")), row["dataset"])
        name = _free(stem if counts[stem.casefold()] == 1 else whole, taken)
        taken.add(name.casefold())
        names.append(name)
    return names


def _stem(name: str, dataset: str) -> str:
    return _safe(f"{name}_{dataset}" if dataset else name)


def _free(name: str, taken: set[str]) -> str:
    """Return a name that is not taken: itself, or with the first number that makes it so."""
    found, number = name, 2
    while found.casefold() in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def _safe(name: str) -> str:
    """Return a name as a file may have it on every system.

    >>> _safe("day 0/p01: product"), _safe("..")
    ('day 0_p01_ product', '_')
    """
    text = re.sub(r'[<>:"/\\|?*]', "_", "".join(sign if sign.isprintable() else "_" for sign in name))
    return text[:_LONGEST_ID].strip(" .") or "_"


def unlisted_files(study: Study, rows: Iterable[SampleRow]) -> tuple[str, ...]:
    """Find FCS files that lie beside listed ones and that no row names.

    Returns
    -------
    tuple of str
        Paths from the study folder, in order; files whose name starts with a dot are no one's data.
    """
    rows = tuple(rows)
    listed = {row.path for row in rows}
    folders = {row.path.parent for row in rows if row.path.parent.is_dir()}
    found = {path for folder in folders for path in folder.iterdir() if _is_fcs(path)} - listed
    return tuple(sorted(path.relative_to(study.folder).as_posix() for path in found))


def ignored_files(study: Study, rows: Iterable[SampleRow]) -> tuple[str, ...]:
    """Find what else lies beside listed files: no FCS file by its name, no input of the study, not opened.

    ``p01.fcs.jpg`` is a picture, ``._p01.fcs`` what a Mac leaves on a foreign disk, ``Thumbs.db`` what Windows does.

    Returns
    -------
    tuple of str
        Paths from the study folder, in order.
    """
    folders = {row.path.parent for row in rows if row.path.parent.is_dir()}
    found = {path for folder in folders for path in folder.iterdir() if not path.is_dir() and not _is_fcs(path)}
    return tuple(sorted(path.relative_to(study.folder).as_posix() for path in found - {*study.inputs}))


def _is_fcs(path: Path) -> bool:
    return path.suffix.casefold() in {".fcs", ".lmd"} and not path.name.startswith(".")


def join_patients(ids: Iterable[str], product_rows: Iterable[SampleRow]) -> JoinReport:
    """Compare the patients of the clinical sheet with those who have a product.

    Parameters
    ----------
    ids
        The clinical sheet's patients.
    product_rows
        Rows of products; a patient counts once.

    Examples
    --------
    >>> product = SampleRow("a", "a.fcs", Path("a.fcs"), "p-01", "product")
    >>> join_patients(["P-01", "P-02"], [product])
    JoinReport(matched=(), without_clinical=('p-01',), without_product=('P-01', 'P-02'),
               look_alikes=("'p-01' of the samples looks like 'P-01' of the clinical sheet",))
    """
    clinical = dict.fromkeys(str(patient) for patient in ids)
    products = dict.fromkeys(row.patient_id for row in product_rows)
    without_clinical = tuple(patient for patient in products if patient not in clinical)
    without_product = tuple(patient for patient in clinical if patient not in products)
    return JoinReport(
        matched=tuple(patient for patient in clinical if patient in products),
        without_clinical=without_clinical,
        without_product=without_product,
        look_alikes=tuple(_look_alikes(without_clinical, without_product)),
    )


def _look_alikes(products: Sequence[str], clinical: Sequence[str]) -> Iterator[str]:
    """Find patients that a person would take for the same."""
    known = {_plain(patient): patient for patient in clinical}
    for patient in products:
        if _plain(patient) in known:
            yield f"{patient!r} of the samples looks like {known[_plain(patient)]!r} of the clinical sheet"


def _plain(patient: str) -> str:
    """Return a patient's name without what the eye overlooks: case, blanks, dashes, leading zeros, unseen signs."""
    text = unicodedata.normalize("NFKC", patient).casefold()
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", re.sub(r"[\s_\-\u2010-\u2015\u2212]", "", text))
