"""Which of a study's files can be used: there, readable, each its own, and stained as the others of its batch."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from gating import CompensationError, FCSMetadata, GatingError, Sample, find_channel, read_fcs_metadata
from phenotype.matrices import prepare
from phenotype.pipeline.ledger import file_hash
from phenotype.pipeline.work import Recipe
from phenotype.samples import SampleRow

__all__ = [
    "GATED_ROLES",
    "Failure",
    "compensation_failures",
    "control_failures",
    "failure_of",
    "grouped",
    "panel_failures",
    "read_header",
    "read_headers",
    "twin_failures",
]

GATED_ROLES = ("product", "monitoring")
Failure = dict[str, Any]
"""A row of failures.csv: ``file, stage, error``."""


def read_headers(
    rows: Sequence[SampleRow], recipe: Recipe, unlisted: Sequence[str] = ()
) -> tuple[dict[str, FCSMetadata], list[Failure]]:
    """Read what each file says of itself, and whether it has the template's markers.

    Parameters
    ----------
    rows
        Of samples to gate.
    recipe
        Its template names the markers.
    unlisted
        Files that no row names: one of them may be a missing file under another name.

    Returns
    -------
    metadata : dict
        By sample_id, of files that can be used.
    failures : list of Failure
        The others.
    """
    metadata, failures = {}, []
    for row in rows:
        try:
            found = read_header(row, recipe, unlisted)
            _detectors(found, recipe, row.tube)
        except (GatingError, OSError) as error:
            failures.append(failure_of(row, "read", str(error)))
        else:
            metadata[row.sample_id] = found
    return metadata, failures


def compensation_failures(
    rows: Iterable[SampleRow], metadata: Mapping[str, FCSMetadata], recipe_of: Callable[[SampleRow], Recipe]
) -> list[Failure]:
    """List samples that cannot be compensated as the study says; rows without metadata have failed already.

    Parameters
    ----------
    rows
        Samples to gate.
    metadata
        By sample_id.
    recipe_of
        Gives the recipe of a row, or raises what is wrong with the matrix of its batch.
    """
    failures = []
    for row in rows:
        try:
            if row.sample_id in metadata:
                _try_compensation(metadata[row.sample_id], recipe_of(row))
        except CompensationError as error:
            failures.append(failure_of(row, "compensate", str(error)))
    return failures


def control_failures(
    rows: Iterable[SampleRow], recipe_of: Callable[[SampleRow], Recipe], unlisted: Sequence[str] = ()
) -> list[Failure]:
    """List control tubes that cannot be read or compensated; a marker they lack is said when a threshold needs it."""
    failures = []
    for row in rows:
        try:
            recipe = recipe_of(row)
            _try_compensation(read_header(row, recipe, unlisted), recipe)
        except CompensationError as error:
            failures.append(failure_of(row, "compensate control", str(error)))
        except (GatingError, OSError) as error:
            failures.append(failure_of(row, "read control", str(error)))
    return failures


def _try_compensation(metadata: FCSMetadata, recipe: Recipe) -> None:
    """Compensate none of a file's events: whatever a run would refuse, this does."""
    no_events = np.empty((0, len(metadata.channels)))
    prepare(Sample(metadata.name, metadata.channels, no_events, metadata.keywords), recipe.compensation)


def twin_failures(rows: Sequence[SampleRow], recipe: Recipe) -> list[Failure]:
    """Refuse samples whose events are, byte for byte, those of another row.

    Two tubes never give the same events: one of the rows names the wrong file, or the wrong dataset of a file, and
    which one only a person can tell. The same control may stand in two batches.
    """
    there = [row for row in rows if row.path.is_file()]
    same_size = [row for alike in _alike(there, lambda row: row.path.stat().st_size) for row in alike]
    hashes = {path: file_hash(path) for path in dict.fromkeys(row.path for row in same_size)}
    readable = [row for row in same_size if hashes[row.path] != "unreadable"]
    return [
        failure_of(row, "read", f"{row.tube}: {_twin_fault(row, same)}")
        for same_bytes in _alike(readable, lambda row: hashes[row.path])
        for same in _alike(same_bytes, lambda row: _dataset_number(row, recipe))
        for row in same
        if row.role in GATED_ROLES
    ]


def _alike(rows: Iterable[SampleRow], trait: Callable[[SampleRow], Hashable]) -> list[list[SampleRow]]:
    """Return the groups of rows that share a trait; who shares it with none is in no group."""
    found: dict[Hashable, list[SampleRow]] = defaultdict(list)
    for row in rows:
        found[trait(row)].append(row)
    return [same for same in found.values() if len(same) > 1]


def _dataset_number(row: SampleRow, recipe: Recipe) -> int | str:
    """Return which dataset of its file a row means: ``2``, ``Tube B`` and nothing at all can be the same one."""
    try:
        return read_fcs_metadata(row.path, dataset=row.dataset or None, repairs=recipe.repairs).dataset
    except GatingError:
        return row.dataset


def _twin_fault(row: SampleRow, same: Sequence[SampleRow]) -> str:
    others = ", ".join(other.tube for other in same if other is not row)
    return f"has the same bytes as {others}: one of these rows names the wrong file"


def grouped(failures: Sequence[Failure]) -> list[str]:
    """Return the faults of files in lines, one for all files that have the same.

    Examples
    --------
    >>> same = [{"file": name, "error": f"{name}: no channel 'CD33'"} for name in ("a.fcs", "b.fcs", "c.fcs")]
    >>> grouped(same)
    ["a.fcs and 2 other files: no channel 'CD33'"]
    """
    files: dict[str, list[str]] = defaultdict(list)
    for failure in failures:
        files[failure["error"].removeprefix(f"{failure['file']}: ")].append(failure["file"])
    return [
        f"{first}{f' and {len(others)} other file' if others else ''}{'s' if len(others) > 1 else ''}: {fault}"
        for fault, (first, *others) in files.items()
    ]


def read_header(row: SampleRow, recipe: Recipe, unlisted: Sequence[str]) -> FCSMetadata:
    """Read the header of a row's file; where there is none, say which other may be meant.

    Raises
    ------
    FCSError, OSError
        If the file is not there, or cannot be read.
    """
    if not os.path.lexists(row.path):
        close = get_close_matches(row.file, unlisted, n=1, cutoff=0.8)
        hint = f"did you mean {close[0]!r}?" if close else "copy it there, or correct the sample sheet"
        raise FileNotFoundError(f"{row.tube}: no such file; {hint}")
    return read_fcs_metadata(row.path, name=row.tube, dataset=row.dataset or None, repairs=recipe.repairs)


def failure_of(row: SampleRow, stage: str, error: str) -> Failure:
    """Return a row's failure, for failures.csv."""
    return {"file": row.tube, "stage": stage, "error": error}


def _detectors(metadata: FCSMetadata, recipe: Recipe, where: str) -> dict[str, str]:
    """Return the detector ($PnN) of each marker the template needs; optional ones where they are."""
    found = {}
    for row in recipe.template.rows:
        for marker in row.channels:
            try:
                column = find_channel(metadata.channels, marker, recipe.aliases, where)
            except GatingError:
                if row.optional:
                    continue
                raise
            found[marker] = metadata.channels[column].name
    return found


def panel_failures(metadata: Mapping[str, FCSMetadata], rows: Sequence[SampleRow], recipe: Recipe) -> list[Failure]:
    """Refuse files whose marker sits on another detector than in most files of their batch.

    One batch is stained with one panel: where a file disagrees, its labels or its stains are swapped, and
    no number from it can be trusted until a person says which.
    """
    panels = {row.sample_id: row for row in rows if row.sample_id in metadata}
    found = {name: _detectors(metadata[name], recipe, row.tube) for name, row in panels.items()}
    failures = []
    for name, row in panels.items():
        mates = [found[other] for other, mate in panels.items() if mate.batch == row.batch and other != name]
        for marker, detector in found[name].items():
            others = Counter(mate[marker] for mate in mates if marker in mate)
            if others and others[detector] < sum(others.values()) / 2:
                usual, votes = others.most_common(1)[0]
                fault = (
                    f"{row.tube}: {marker} is on {detector}, in {votes} of {sum(others.values())} other "
                    f"files of batch {row.batch or '(none)'} on {usual}: labels or stains are swapped; correct "
                    f"$PnS, or give the file a batch of its own if its panel is different."
                )
                failures.append(failure_of(row, "panel", fault))
                break
    return failures
