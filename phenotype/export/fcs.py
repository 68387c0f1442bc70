"""Each gated file again, with a column of 0 and 1 for each of its populations.

Nothing is gated anew: the gates are those of gates.csv, applied to the very bytes that the run has read, and each
count must be that of populations.csv. So the export is also the proof that every number can be walked back to events.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating import (
    ROOT,
    BooleanGate,
    Channel,
    GatingError,
    Sample,
    Spillover,
    gate_from_coordinates,
    parse_transform,
    read_fcs,
    read_spillover,
    write_fcs,
)
from phenotype.errors import ExportError
from phenotype.export.read import Export, Row, read_table
from phenotype.frequencies import GATE_COLUMNS, POPULATION_COLUMNS
from phenotype.matrices import prepare
from phenotype.pipeline.ledger import file_hash
from phenotype.samples import SampleRow, read_samples
from phenotype.spillover import SPILLOVER_COLUMNS, matrix_source
from phenotype.study import Study, read_study

__all__ = ["export_fcs", "members_of"]

Members = NDArray[np.bool_]
FLAG_RANGE = 2.0
"""Top of the scale of a column of 0 and 1."""


def export_fcs(
    results: Path,
    study: Path | None = None,
    out: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Export:
    """Write each gated file of a run again, with a column for each population.

    The events are those of the file, not compensated and in their order; the file's keywords are kept. A population
    that was refused has no column.

    Parameters
    ----------
    results
        Folder of a run.
    study
        Its study.toml; by default the one beside the folder.
    out
        Folder for the files, ``export/fcs`` in ``results`` by default; made if it is not there.
    progress
        Called with stage, files done and files in all.

    Raises
    ------
    ExportError, StudyError
        If the folder is not that of a run, or the study is not the one that was run.
    """
    path = study or results.parent / "study.toml"
    hashes = _inputs(results)
    _check_unchanged(path, hashes.get(path.name), path.name)
    settings = read_study(path)
    for own in settings.inputs[1:]:
        _check_unchanged(own, hashes.get(own.name), own.name)
    rows = {row.sample_id: row for row in read_samples(settings).rows}
    compensation_of = _compensations(settings, results)
    gates = _by_sample(results / "gates.csv", GATE_COLUMNS)
    counts = _by_sample(results / "populations.csv", POPULATION_COLUMNS)
    folder = out or results / "export" / "fcs"
    folder.mkdir(parents=True, exist_ok=True)
    written, failures = [], []
    for done, name in enumerate(counts, start=1):
        row = rows[name]
        try:
            _check_unchanged(row.path, hashes.get(row.file), row.tube)
            _write(folder / f"{name}.fcs", row, settings, compensation_of(row.batch), gates.get(name, []), counts[name])
            written.append(f"{name}.fcs")
        except (GatingError, ExportError, OSError) as error:
            failures.append({"file": row.tube, "stage": "export", "error": str(error)})
        progress("export", done, len(counts))
    return Export(folder, tuple(written), tuple(failures))


def members_of(sample: Sample, gates: Iterable[Row], where: str) -> dict[str, Members]:
    """Return which events are in each population, from its row of gates.csv.

    Parameters
    ----------
    sample
        Compensated as in the run; events of shape (n, p).
    gates
        Rows of one sample, parents first.
    where
        What messages begin with.

    Returns
    -------
    dict
        (n,) membership by population, root included; refused populations are left out.

    Raises
    ------
    ExportError
        If a row rests on a population that is not above it, or is not as a run writes it.
    """
    members = {ROOT: np.ones(len(sample), dtype=bool)}
    refused: set[str] = set()
    for row in gates:
        name, parent = row["population"], row["parent"]
        try:
            inside = _inside(sample, row, members) if row["coordinates"] else None
        except (GatingError, ValueError) as error:
            raise ExportError(f"{where}: gates.csv: population {name!r}: {error}") from error
        if inside is None or parent in refused:
            refused.add(name)
        elif parent not in members:
            raise ExportError(f"{where}: gates.csv: population {name!r}: the parent {parent!r} is not above it")
        else:
            members[name] = members[parent] & inside
    return members


def _inside(sample: Sample, row: Row, members: Mapping[str, Members]) -> Members | None:
    """Return which events the gate of a row contains; None if it combines a population that was refused."""
    channels = row["channels"].split("|") if row["channels"] else []
    transforms = [parse_transform(text) for text in row["transform"].split("|")] if row["transform"] else []
    gate = gate_from_coordinates(row["kind"], channels, json.loads(row["coordinates"]), transforms)
    if isinstance(gate, BooleanGate):
        known = [members[name] for name in gate.operands if name in members]
        return gate.combine(known) if len(known) == len(gate.operands) else None
    return gate.contains(sample.events[:, [sample.index(channel) for channel in gate.channels]])


def _write(
    path: Path,
    row: SampleRow,
    study: Study,
    compensation: Spillover | str,
    gates: Iterable[Row],
    counts: Iterable[Row],
) -> None:
    """Write one file with its populations, after making sure that their counts are those of the run."""
    raw = read_fcs(row.path, name=row.tube, dataset=row.dataset or None, repairs=study.reading.repairs)
    members = members_of(prepare(raw, compensation), gates, row.tube)
    for count in counts:
        found = members.get(count["population"])
        if ("" if found is None else str(np.count_nonzero(found))) != count["count"]:
            here = "refused" if found is None else np.count_nonzero(found)
            raise ExportError(
                f"{row.tube}: population {count['population']!r} has {here} events by gates.csv, and "
                f"{count['count'] or 'was refused'} in populations.csv; run the study again"
            )
    del members[ROOT]
    names = _unique(members, {channel.name for channel in raw.channels})
    channels = (*raw.channels, *(Channel(name, "", FLAG_RANGE) for name in names))
    events = np.column_stack([raw.events, *members.values()])
    keywords = {**raw.keywords, "PHENOTYPE POPULATIONS": "; ".join(names)}
    narrow = np.array_equal(events.astype(np.float32), events)
    write_fcs(path, Sample(path.name, channels, events, keywords), datatype="F" if narrow else "D")


def _unique(names: Iterable[str], taken: set[str]) -> Iterator[str]:
    """Yield names of columns that no channel has."""
    for name in names:
        yield f"population {name}" if name in taken else name


def _compensations(study: Study, results: Path) -> Callable[[str], Spillover | str]:
    """Return what gives the compensation of a batch, as the run had it."""
    if study.compensation == "controls":
        return _matrices(results / "spillover.csv").__getitem__
    found = study.compensation if isinstance(study.compensation, str) else read_spillover(study.compensation)
    return lambda _batch: found


def _matrices(path: Path) -> dict[str, Spillover]:
    """Return the matrix that a run has measured on the single stains of each batch, to the last digit."""
    rows: dict[str, list[Row]] = {}
    for row in read_table(path, SPILLOVER_COLUMNS).rows:
        if row["used"] == "1":
            rows.setdefault(row["batch"], []).append(row)
    matrices = {}
    for batch, found in rows.items():
        names = list(dict.fromkeys(row["fluorochrome"] for row in found))
        matrix = np.eye(len(names))
        for row in found:
            matrix[names.index(row["fluorochrome"]), names.index(row["detector"])] = float(row["coefficient"])
        matrices[batch] = Spillover(tuple(names), matrix, matrix_source(batch))
    return matrices


def _inputs(results: Path) -> Mapping[str, str]:
    """Return the hash of each file that a run has read."""
    try:
        manifest: Any = json.loads((results / "run.json").read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in manifest["inputs"].items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ExportError(f"{results.name}: no run.json of a finished run in it; give the folder of a run") from error


def _check_unchanged(path: Path, digest: str | None, name: str) -> None:
    """Refuse a file that is not what the run has read."""
    if not path.is_file():
        raise ExportError(f"{name}: no such file; the run has read it, put it back or say where with --study")
    if digest is None or file_hash(path) != digest:
        raise ExportError(f"{name}: is not the file that the run has read; run the study again")


def _by_sample(path: Path, columns: Iterable[str]) -> dict[str, list[Row]]:
    """Return the rows of a table of a run, by sample."""
    found: dict[str, list[Row]] = {}
    for row in read_table(path, columns).rows:
        found.setdefault(row["sample_id"], []).append(row)
    return found
