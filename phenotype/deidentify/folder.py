"""A folder of FCS files, with its study if it has one, copied without what could name a patient.

The copy is made under another name and gets its own only when it is whole and the check has found nothing in it.
"""

import csv
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gating import (
    REPAIRS,
    GatingError,
    open_fcs,
    read_fcs_datasets,
    read_spillover,
    read_template,
    write_fcs_copy,
)
from phenotype.cells import cell
from phenotype.clinical import read_clinical
from phenotype.deidentify.keywords import Dates, safe_keywords
from phenotype.deidentify.pseudonyms import Pseudonyms, read_or_write_key
from phenotype.deidentify.search import Hit, identifiers_of, read_hits
from phenotype.deidentify.sheets import (
    Sheet,
    clinical_sheet,
    kinetics_sheet,
    reference_sheet,
    sample_sheet,
    sheet_text,
    shifts,
    study_text,
)
from phenotype.errors import DeidentifyError
from phenotype.kinetics import read_kinetics
from phenotype.pipeline.ledger import file_hash
from phenotype.references import ReferenceCut, read_references
from phenotype.samples import SampleRow, read_sample_sheet
from phenotype.study import Study, read_study
from phenotype.tables import Table, read_table

__all__ = ["Deidentified", "deidentify_folder"]

Progress = Callable[[str, int, int], None]
MAPPING_COLUMNS = ("kind", "old", "new", "shift_days", "notes")


@dataclass(frozen=True, slots=True)
class Deidentified:
    """What was copied, what was not, and what the check found."""

    folder: Path
    """The copy; with hits, the folder it is withheld in."""
    mapping: Path
    """Old and new names, beside the key."""
    written: int
    failures: tuple[str, ...]
    """FCS files that the reader refuses, which were not copied."""
    others: tuple[str, ...]
    """Files that are not FCS, which were not copied."""
    notes: tuple[str, ...]
    hits: tuple[Hit, ...]
    skipped: Mapping[str, int]
    """Identifiers that are too short to be searched for, by column."""
    searched: int
    """Identifiers that were searched for, in all spellings and encodings."""

    @property
    def status(self) -> int:
        """0 all done; 1 done, but files were refused or identifiers not searched for; 2 an identifier was found."""
        if self.hits or not self.written:
            return 2
        return 1 if self.failures or self.skipped else 0


@dataclass(frozen=True, slots=True)
class _Source:
    """What is to be copied."""

    folder: Path
    files: tuple[str, ...]
    """FCS files, or what is named like one, relative to the folder."""
    others: tuple[str, ...]
    study: Study | None = None
    rows: tuple[SampleRow, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    """The study's sheets by kind: samples, clinical, kinetics."""
    references: tuple[ReferenceCut, ...] = ()
    """Cuts that a person placed."""

    @property
    def patients(self) -> tuple[str, ...]:
        """Every patient of every sheet, in the order of their coming."""
        named = [row["patient_id"] for table in self.tables.values() for row in table.rows]
        return tuple(dict.fromkeys(filter(None, named)))


@dataclass(slots=True)
class _Copies:
    """What has been copied so far."""

    names: dict[tuple[str, int], str] = field(default_factory=dict)
    """The copy of each dataset; 0 where a file has one reading only."""
    meant: dict[tuple[str, str], int] = field(default_factory=dict)
    """Which dataset a file and the sheet's word for it mean."""
    data: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where the events of each copy are."""
    notes: dict[str, str] = field(default_factory=dict)
    """What the reader said of the original of each copy."""
    failures: list[str] = field(default_factory=list)


def deidentify_folder(
    folder: Path,
    out: Path,
    *,
    key: Path | None = None,
    checks: Sequence[Path] = (),
    keep: Sequence[str] = (),
    dates: Literal["shifted", "year", "none"] = "shifted",
    progress: Progress = lambda *_: None,
) -> Deidentified:
    """Copy the FCS files below a folder, and its study, without what could name a patient.

    Parameters
    ----------
    folder
        With or without study.toml and samples.csv.
    out
        A folder that is not there yet, or is empty, and outside ``folder``.
    key
        Outside ``out``; made if it is not there. By default beside ``out``.
    checks
        Tables whose identifiers must not be in the copy; those of the study are checked in any case.
    keep
        Columns of the lab's own sheets to keep.
    dates
        What becomes of the day of acquisition.
    progress
        Called with stage, files done and files in all.

    Raises
    ------
    DeidentifyError
        If the copy, the key or the list of names cannot be where it is asked for.
    StudyError
        If the study could not be run.
    """
    folder, out = folder.resolve(), out.resolve()
    key = (key or out.with_name(f"{out.name}.key")).resolve()
    mapping, withheld = key.with_name(f"{out.name}.mapping.csv"), out.with_name(f"{out.name}.withheld")
    _check_places(folder, out, key, mapping, withheld)
    source = _read_source(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    identifiers = identifiers_of([*source.tables.values(), *map(_read_check, checks)])
    names = Pseudonyms(read_or_write_key(key))
    part = out.with_name(f".{secrets.token_hex(8)}.part")
    try:
        part.mkdir(parents=True)
        copies = _write_copies(source, part, names, Dates(dates, names.days), progress)
        notes, entries = _write_study(source, copies, part, names, keep)
        entries = [*_file_entries(copies, names.days if dates == "shifted" else None), *entries]
        hits, chance = read_hits(
            part, identifiers, lambda name: copies.data.get(name, (0, 0)), lambda *done: progress("check", *done)
        )
        if copies.names:
            _write_mapping(mapping, entries)
            part.rename(withheld if hits else _emptied(out))
    except OSError as error:
        raise _not_written(out.parent, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if chance:
        notes.append(f"{chance} matches of 4 or 5 bytes lie within events, where chance makes them; they do not count")
    return Deidentified(
        folder=withheld if hits else out,
        mapping=mapping,
        written=len(copies.names),
        failures=tuple(copies.failures),
        others=source.others,
        notes=tuple(notes),
        hits=hits,
        skipped=identifiers.skipped,
        searched=len(set(identifiers.sources.values())),
    )


def _check_places(folder: Path, out: Path, key: Path, mapping: Path, withheld: Path) -> None:
    """Refuse places where something would be overwritten, or a secret would lie among the copies."""
    if out.is_relative_to(folder) or folder.is_relative_to(out):
        raise DeidentifyError(f"{out}: one folder lies in the other; name a folder outside {folder}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DeidentifyError(f"{out}: is there and not empty; name a new folder, nothing is overwritten")
    if key.is_relative_to(out):
        raise DeidentifyError(f"{key}: the key would lie among the copies; whoever has it can undo every name")
    for there in (mapping, withheld):
        if there.exists():
            raise DeidentifyError(f"{there}: is there from an earlier run; move it away, nothing is overwritten")
    if key.parent != out.parent and not key.parent.is_dir():
        raise DeidentifyError(f"{key}: there is no folder {key.parent}; make it, or name another file")


def _not_written(folder: Path, error: OSError) -> DeidentifyError:
    return DeidentifyError(f"{folder}: cannot be written to: {error.strerror or error}; nothing was made")


def _emptied(out: Path) -> Path:
    """Return a folder's name after taking the empty folder of that name away."""
    if out.exists():
        out.rmdir()
    return out


def _read_source(folder: Path) -> _Source:
    """Read what there is to copy; DATA unread."""
    study_path, sheet_path = folder / "study.toml", folder / "samples.csv"
    files, others = _read_names(folder)
    if study_path.is_file():
        study = read_study(study_path)
        read_clinical(study)
        read_kinetics(study)
        template = read_template(study.template)
        if isinstance(study.compensation, Path):
            read_spillover(study.compensation)
        rows = read_sample_sheet(study.samples, study.folder).rows
        tables = {"samples": read_table(study.samples), "clinical": read_table(study.clinical, sheet=study.sheet)}
        if study.kinetics is not None:
            tables["kinetics"] = read_table(study.kinetics)
        references = read_references(study.reference, rows, template) if study.reference else ()
        own = {path.resolve() for path in study.inputs}
    elif sheet_path.is_file():
        study, rows, tables = None, read_sample_sheet(sheet_path, folder).rows, {"samples": read_table(sheet_path)}
        references = ()
        own = {sheet_path.resolve()}
    else:
        study, rows, tables, own, references = None, (), {}, set(), ()
    listed = {row.file for row in rows if row.path.exists()}
    files = sorted({*files, *listed})
    others = [name for name in others if name not in listed and (folder / name).resolve() not in own]
    if not files:
        raise DeidentifyError(f"{folder}: no FCS file in it; name the folder of the exports")
    return _Source(folder, tuple(files), tuple(others), study, rows, tables, references)


def _read_check(path: Path) -> Table:
    """Read a table of identifiers; one in which there is none would let everything pass."""
    table = read_table(path)
    found = identifiers_of([table])
    if not found.sources and not found.skipped:
        columns = ", ".join(table.columns)
        raise DeidentifyError(
            f"{table.name}: no column with identifiers; name one patient_id, mrn, ... Known: {columns}"
        )
    return table


def _read_names(folder: Path) -> tuple[list[str], list[str]]:
    """Return the files below a folder, relative to it: FCS by name or by content, and others.

    The results of a run are left out: export/fcs would be copied as if it were the lab's.
    """
    files: list[str] = []
    others: list[str] = []
    for root, folders, names in os.walk(folder, onerror=_refuse):
        if "run.json" in names and Path(root) != folder:
            others.append(f"{Path(root).relative_to(folder).as_posix()}/")
            folders.clear()
            continue
        folders.sort()
        links = [Path(root) / name for name in folders if (Path(root) / name).is_symlink()]
        others += [f"{path.relative_to(folder).as_posix()}/" for path in links]
        for path in (Path(root) / name for name in sorted(names)):
            named = path.suffix.casefold() in {".fcs", ".lmd"} and not path.name.startswith(".")
            (files if named or _read_is_fcs(path) else others).append(path.relative_to(folder).as_posix())
    return files, others


def _refuse(error: OSError) -> None:
    """Refuse a folder with a folder that cannot be read: its files would be missed unseen."""
    raise error


def _read_is_fcs(path: Path) -> bool:
    """Whether a file begins as FCS, whatever its name: CellQuest's end in .001. Pipes are not opened."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return re.match(rb"FCS\d\.\d", file.read(6)) is not None
    except OSError:
        return False


def _write_copies(source: _Source, part: Path, names: Pseudonyms, dates: Dates, progress: Progress) -> _Copies:
    """Copy each dataset of each file that the reader takes."""
    copies = _Copies()
    repairs = REPAIRS if source.study is None else source.study.reading.repairs & REPAIRS
    wanted: dict[str, set[str]] = {}
    for row in source.rows:
        wanted.setdefault(row.file, set()).add(row.dataset)
    for done, name in enumerate(source.files, start=1):
        try:
            _write_datasets(source.folder / name, name, wanted.get(name, set()), copies, part, names, dates, repairs)
        except GatingError as error:
            copies.failures.append(str(error))
        progress("copies", done, len(source.files))
    return copies


def _write_datasets(
    path: Path,
    name: str,
    wanted: Iterable[str],
    copies: _Copies,
    part: Path,
    names: Pseudonyms,
    dates: Dates,
    repairs: frozenset[str],
) -> None:
    """Copy the datasets of a file that could be chosen, and those that a sheet names; all of them or none."""
    found = read_fcs_datasets(path, name=name, repairs=repairs)
    several = len(found) > 1
    chosen: list[int | str | None] = [metadata.dataset if several else None for metadata in found]
    content = file_hash(path)
    made: list[tuple[tuple[str, int], str]] = []
    try:
        for dataset in [*chosen, *sorted(filter(None, wanted))]:
            with open_fcs(path, name=name, dataset=dataset, repairs=repairs) as file:
                only = not several and file.metadata.keywords == found[0].keywords
                number = 0 if dataset is None or only else file.metadata.dataset
                copies.meant[name, str(dataset or "")] = number
                if (name, number) in copies.names:
                    continue
                tube = f"{name}#{number}" if number else name
                copy = f"{names.word('file', tube)}.fcs"
                own = names.identities(file.metadata.keywords, f"{content}#{number}")
                keywords = safe_keywords(file.metadata, dates, own)
                made.append(((name, number), copy))
                try:
                    write_fcs_copy(part / copy, file, keywords)
                except OSError as error:  # which open_fcs would take for a fault of the original
                    raise _not_written(part.parent, error) from error
            copies.names[name, number] = copy
            copies.data[copy] = _read_data_extent(part / copy)
            copies.notes[copy] = " ".join(file.metadata.warnings)
    except GatingError:
        for dataset_of_file, copy in made:
            copies.names.pop(dataset_of_file, None)
            (part / copy).unlink(missing_ok=True)
        raise


def _read_data_extent(path: Path) -> tuple[int, int]:
    """Return where the events of a copy are, after reading it as a run would."""
    with open_fcs(path, repairs=REPAIRS) as file:
        return file.layout.begin, file.layout.end


def _write_study(
    source: _Source, copies: _Copies, part: Path, names: Pseudonyms, keep: Sequence[str]
) -> tuple[list[str], list[dict[str, object]]]:
    """Write the sheets; return what is to be said of them, and the entries of patients in the list of names."""
    if not source.tables:
        return [], []
    patients = {patient: f"pt-{names.word('patient', patient)}" for patient in source.patients}
    files = {row.tube: _copy_of(row, copies, names) for row in source.rows}
    sheets = {"samples": sample_sheet(source.rows, patients, files)}
    days: dict[str, int] = {}
    texts: dict[str, bytes] = {}
    if source.study is not None:
        study = source.study
        days = shifts(source.tables["clinical"], f"{study.asct.reference}_date")
        sheets["clinical"] = clinical_sheet(source.tables["clinical"], patients, days, keep)
        if study.kinetics is not None:
            sheets["kinetics"] = kinetics_sheet(source.tables["kinetics"], patients, keep)
        if source.references:
            sheets["reference_gates"] = reference_sheet(source.references, source.rows, files)
        texts["gating.csv"] = study.template.read_bytes()
        if isinstance(study.compensation, Path):
            texts["matrix.csv"] = study.compensation.read_bytes()
        texts["study.toml"] = study_text(study, f"De-identified study {names.word('study', study.name)}").encode()
    texts |= {f"{kind}.csv": sheet_text(sheet).encode() for kind, sheet in sheets.items()}
    for file, text in texts.items():
        (part / file).write_bytes(text)
    entries: list[dict[str, object]] = [
        {"kind": "patient", "old": old, "new": new, "shift_days": days.get(old)} for old, new in patients.items()
    ]
    return [*_sheet_notes(sheets), *_row_notes(source, copies)], entries


def _copy_of(row: SampleRow, copies: _Copies, names: Pseudonyms) -> str:
    """Return the name of a row's copy; a name without a file where the reader refused it, so that a run says so."""
    return copies.names.get(_meant(row, copies)) or f"{names.word('file', row.tube)}.fcs"


def _meant(row: SampleRow, copies: _Copies) -> tuple[str, int]:
    """Return which dataset of which file a row means; one that is not among the copies if it says too little."""
    return row.file, copies.meant.get((row.file, row.dataset), -1)


def _sheet_notes(sheets: Mapping[str, Sheet]) -> Iterator[str]:
    """Say which columns were dropped: a covariate that is missed should be missed knowingly."""
    for kind, sheet in sheets.items():
        if sheet.dropped:
            yield f"{kind}: columns left out: {', '.join(sheet.dropped)}"


def _row_notes(source: _Source, copies: _Copies) -> Iterator[str]:
    """Say how many rows of the sample sheet lead to no copy."""
    without = sum(_meant(row, copies) not in copies.names for row in source.rows)
    if without:
        yield f"samples: rows that name a file which was not copied: {without}; they are kept, a run will list them"


def _file_entries(copies: _Copies, days: int | None) -> list[dict[str, object]]:
    """Return the entries of files in the list of names."""
    return [
        {
            "kind": "file",
            "old": f"{file}#{number}" if number else file,
            "new": copy,
            "shift_days": days,
            "notes": copies.notes[copy],
        }
        for (file, number), copy in copies.names.items()
    ]


def _write_mapping(path: Path, entries: Iterable[Mapping[str, object]]) -> None:
    """Write the list of names, for its owner's eyes."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(MAPPING_COLUMNS)
        writer.writerows([cell(entry.get(column)) for column in MAPPING_COLUMNS] for entry in entries)
