"""What lies in a folder: the tubes of its FCS files, the files that cannot be read, and how many are something else."""

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from gating import Channel, FCSMetadata, GatingError, read_fcs_datasets

__all__ = ["Folder", "Tube", "read_folder", "same_guid"]

KEPT = (
    "TUBE NAME", "SAMPLE ID", "SAMPLEID", "GTI$SAMPLEID", "$SMNO", "$FIL", "$CELLS", "$SRC", "GROUPNAME",
    "EXPERIMENT NAME", "$PROJ", "PLATE NAME", "$PLATENAME", "WELL ID", "$WELLID", "GUID", "$CYT", "$CYTSN", "$DATE",
    "$BTIM",
)  # fmt: skip
"""Keywords that tell samples apart. The others are forgotten: of 10,000 files they would fill the memory."""
ENDINGS = (".fcs", ".lmd")
_SHOULD_END_SO = " that begin as FCS files: add .fcs to their names"
LONGEST = 300
"""Characters kept of a keyword's value."""
_MATRICES = ("$SPILLOVER", "SPILLOVER", "SPILL", "$SPILL", "$COMP")


@dataclass(frozen=True, slots=True)
class Tube:
    """What one tube says of itself: a file, or one dataset of a file."""

    file: str
    """Relative to the folder, with ``/`` between folders."""
    channels: tuple[Channel, ...] = ()
    keywords: Mapping[str, str] = field(default_factory=dict)
    dataset: str = ""
    """Its number, where the file holds several."""
    has_matrix: bool = False
    twin: str = ""
    """An earlier file with the same bytes."""

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return PurePosixPath(self.file).stem

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders it lies in, the nearest first."""
        return PurePosixPath(self.file).parts[-2::-1]


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a folder and below."""

    path: Path
    tubes: tuple[Tube, ...]
    unreadable: tuple[str, ...] = ()
    """Files that end like FCS files and cannot be used, each with the reason."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """How many other files, by their ending or kind."""


def read_folder(path: Path) -> Folder:
    """Read the TEXT of every FCS file in a folder and below, DATA unread.

    Links to folders and hidden folders are not entered. DATA is read of files only that agree in size and in
    every keyword, to see whether they are the same.
    """
    unreadable: list[str] = []
    ignored: Counter[str] = Counter()
    tubes: list[Tube] = []
    marks: dict[str, tuple[int, int]] = {}
    shared: dict[tuple[tuple[str, str], ...], tuple[Channel, ...]] = {}
    for file in _walk(path, unreadable, ignored):
        if kind := _other_kind(file):
            ignored[kind + _SHOULD_END_SO if _begins_as_fcs(path / file) else kind] += 1
        elif fault := _name_fault(file):
            unreadable.append(f"{file}: {fault}")
        else:
            try:
                datasets = read_fcs_datasets(path / file, name=file)
                marks[file] = ((path / file).stat().st_size, hash(tuple(map(_mark, datasets))))
            except (GatingError, OSError) as error:
                unreadable.append(str(error))
                continue
            tubes += _tubes(file, datasets, shared)
    twins = _twins(path, marks)
    return Folder(
        path, tuple(replace(tube, twin=twins.get(tube.file, "")) for tube in tubes), tuple(unreadable), dict(ignored)
    )


def _walk(folder: Path, unreadable: list[str], ignored: Counter[str]) -> Iterator[str]:
    """Yield every file's path from the folder, in one order on every machine."""

    def refuse(error: OSError) -> None:
        unreadable.append(f"{Path(error.filename).name}: cannot be opened: {error.strerror}")

    for root, folders, files in os.walk(folder, onerror=refuse):
        inside = Path(root)
        entered = [name for name in folders if not name.startswith(".") and not (inside / name).is_symlink()]
        if len(entered) < len(folders):
            ignored["hidden or linked folders"] += len(folders) - len(entered)
        folders[:] = sorted(entered)
        yield from ((inside / name).relative_to(folder).as_posix() for name in sorted(files))


def _other_kind(file: str) -> str:
    """Return what kind of other file this is; empty for an FCS file."""
    name = PurePosixPath(file)
    if name.name.startswith("."):
        return "hidden files"
    return "" if name.suffix.casefold() in ENDINGS else name.suffix.casefold() or "no ending"


def _begins_as_fcs(path: Path) -> bool:
    """Whether a file of another ending is one: CellQuest wrote ``Data.001``."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return re.match(rb"FCS[23]\.[0-9]", stream.read(6)) is not None
    except OSError:
        return False


def _name_fault(file: str) -> str:
    """Say why a sheet cannot name a file; empty if it can."""
    try:
        file.encode()
    except UnicodeEncodeError:
        return "its name is no UTF-8 text; rename it"
    if "\r" in file:
        return "its name has a carriage return; rename it"
    if "\\" in file or file[1:2] == ":":
        return "its name has a backslash, or a colon behind the first letter, as paths have on Windows; rename it"
    return ""


def _mark(metadata: FCSMetadata) -> tuple[int, frozenset[tuple[str, str]]]:
    return metadata.n_events, frozenset(metadata.keywords.items())


def _tubes(
    file: str, datasets: Sequence[FCSMetadata], shared: dict[tuple[tuple[str, str], ...], tuple[Channel, ...]]
) -> Iterator[Tube]:
    """Yield a tube for each dataset; tubes with equal channels share one tuple."""
    for metadata in datasets:
        names = tuple((channel.name, channel.marker) for channel in metadata.channels)
        keywords = {name: text for name in KEPT if (text := _one_line(metadata.keywords.get(name, "")))}
        yield Tube(
            file=file,
            channels=shared.setdefault(names, metadata.channels),
            keywords=keywords,
            dataset=str(metadata.dataset) if len(datasets) > 1 else "",
            has_matrix=any(metadata.keywords.get(name, "").strip() not in {"", "0"} for name in _MATRICES),
        )


def _one_line(text: str) -> str:
    """Return a keyword's value in one line, without signs that steer a terminal, at most 300 characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:LONGEST]


def _twins(folder: Path, marks: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Return for each file the first one with the same bytes, where there is an earlier one."""
    alike = defaultdict(list)
    for file, mark in marks.items():
        alike[mark].append(file)
    first: dict[str, str] = {}
    twins = {}
    for file in (file for files in alike.values() if len(files) > 1 for file in files):
        with (folder / file).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if first.setdefault(digest, file) != file:
            twins[file] = first[digest]
    return twins


def same_guid(tubes: Iterable[Tube]) -> dict[str, tuple[str, ...]]:
    """Return the files that share a GUID, though their bytes differ: one tube exported twice, in two ways."""
    files = defaultdict(list)
    for tube in tubes:
        if (guid := tube.keywords.get("GUID", "")) and not tube.twin and not tube.dataset:
            files[guid].append(tube.file)
    return {file: tuple(group) for group in files.values() if len(group) > 1 for file in group}
