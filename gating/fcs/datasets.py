"""Datasets: a file may hold several, one behind the other, each with its own HEADER, TEXT and DATA.

Which is meant must be said, by number or by name, with one exception: Beckman Coulter's .LMD files hold the same
events twice, first as the numbers of 10 bits that old software expects.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader

from gating.errors import FCSError
from gating.fcs.repairs import Repair
from gating.fcs.text import (
    HEADER_BYTES,
    Header,
    Segment,
    Text,
    merge_texts,
    optional_number,
    parse_header,
    parse_text,
    without_shared_byte,
)

__all__ = ["Dataset", "choose_dataset", "is_one_reading", "read_datasets"]

MOST = 10_000
"""Datasets in a file; more are an attack, or garbage."""
NAMES = ("TUBE NAME", "SAMPLE ID", "SAMPLEID", "GTI$SAMPLEID", "$SMNO", "$SRC", "$CELLS")
"""Keywords that may name a dataset, the plainest first."""
BECKMAN = re.compile(r"(?i)navios|gallios|dxflex|cytoflex|fc ?500|epics|cytomics|beckman|coulter")


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """One dataset: the stretch of the file it has to itself, and what its HEADER and TEXT say."""

    file: BufferedReader
    number: int
    """Counted from 1."""
    begin: int
    """First byte in the file; all offsets within count from it."""
    size: int
    """Bytes up to the next dataset, or to the end of the file."""
    header: Header
    text: Text
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What its keywords call it; empty if nothing does."""
        named = (self.text.keywords.get(keyword, "").strip() for keyword in NAMES)
        return next(filter(None, named), "")

    def __str__(self) -> str:
        return f"{self.number} {self.name!r}" if self.name else str(self.number)

    def read(self, segment: Segment) -> bytes:
        """Return the bytes of a segment, fewer if the dataset ends in it."""
        self.file.seek(self.begin + segment.begin)
        return self.file.read(max(min(segment.size, self.size - segment.begin), 0))


def read_datasets(file: BufferedReader, where: str) -> tuple[Dataset, ...]:
    """Return every dataset of a file, DATA unread.

    Raises
    ------
    FCSError, UnsupportedFCSError
        If the file is no FCS file, or $NEXTDATA points to where no dataset begins.
    """
    size = os.fstat(file.fileno()).st_size
    found = [_read_dataset(file, 1, 0, size, where)]
    while (following := _following(found[-1], where)) is not None:
        begin, warnings = following
        last = replace(found[-1], size=begin - found[-1].begin, warnings=found[-1].warnings + warnings)
        # Each byte is then in one TEXT only: the time to read a chain does not grow with the square of its length.
        for what, segment in (("TEXT", last.header.text), ("the supplemental TEXT", _supplement(last.text, where))):
            _check_in_file(what, segment, last.size, where, f"dataset {last.number}")
        found[-1:] = [last, _read_dataset(file, len(found) + 1, begin, size - begin, where)]
        if len(found) > MOST:
            raise FCSError(f"{where}: holds more than {MOST} datasets; export the tubes one by one.")
    return tuple(found)


def choose_dataset(datasets: Sequence[Dataset], wanted: int | str | None, suffix: str, where: str) -> Dataset:
    """Return the dataset that is meant.

    Parameters
    ----------
    datasets
        Of the file, all.
    wanted
        Its number, counted from 1, or its name; None if there is only one to choose from.
    suffix
        Of the file's name, like ``".LMD"``.
    where
        What messages begin with.

    Raises
    ------
    FCSError
        If none, or more than one, can be meant.
    """
    if wanted is None:
        if is_one_reading(datasets, suffix):
            return datasets[0] if len(datasets) == 1 else _named_by(datasets[1], datasets[0])
        raise FCSError(f"{where}: holds {len(datasets)} datasets ({_listed(datasets)}); say which is meant.")
    meant = [dataset for dataset in datasets if str(wanted).strip() == str(dataset.number)]
    meant = meant or [dataset for dataset in datasets if str(wanted).strip() == dataset.name]
    if len(meant) != 1:
        found = f"{len(meant)} datasets are named" if meant else "there is no dataset"
        raise FCSError(f"{where}: {found} {wanted!r}; it holds {_listed(datasets)}. Give the number.")
    return meant[0]


def _read_dataset(file: BufferedReader, number: int, begin: int, size: int, where: str) -> Dataset:
    """Read HEADER and TEXT."""
    file.seek(begin)
    header = parse_header(file.read(HEADER_BYTES), where)
    dataset = Dataset(file, number, begin, size, header, Text({}, ""))
    _check_in_file("TEXT", header.text, size, where)
    header, raw = without_shared_byte(header, dataset.read(header.text))
    dataset = replace(dataset, header=header)
    return replace(dataset, text=_with_supplement(dataset, parse_text(raw, where), where))


def _with_supplement(dataset: Dataset, primary: Text, where: str) -> Text:
    """Return the primary TEXT, with the supplemental one added if there is any."""
    segment = _supplement(primary, where)
    if segment.size < 2 or segment == dataset.header.text:
        return primary
    _check_in_file("the supplemental TEXT", segment, dataset.size, where)
    return merge_texts(primary, parse_text(dataset.read(segment), where, primary.delimiter), where)


def _supplement(text: Text, where: str) -> Segment:
    """Return where a TEXT puts its supplement; of no size if there is none."""
    begin, end = (
        optional_number(text.keywords, keyword, where, "a byte offset") for keyword in ("$BEGINSTEXT", "$ENDSTEXT")
    )
    return Segment(begin, end) if begin and end > begin else Segment(0, -1)


def _check_in_file(what: str, segment: Segment, size: int, where: str, room: str = "the file") -> None:
    """Refuse a segment that the file, or a dataset in it, is too short for."""
    if segment.end >= size:
        raise FCSError(f"{where}: {what} is {segment}, {room} has {size} bytes; it is cut short or no FCS file.")


def _following(dataset: Dataset, where: str) -> tuple[int, tuple[str, ...]] | None:
    """Return where the next dataset begins; None if this is the last."""
    meaning = "the byte where the next dataset begins, or 0"
    step = optional_number(dataset.text.keywords, "$NEXTDATA", where, meaning)
    if not step:
        return None
    if _is_dataset(dataset, dataset.begin + step):
        return dataset.begin + step, ()
    if step > dataset.begin and _is_dataset(dataset, step):
        counted = f"$NEXTDATA of dataset {dataset.number} is {step}, counted from the begin of the file."
        return step, (Repair("next-dataset", counted),)
    raise FCSError(
        f"{where}: $NEXTDATA of dataset {dataset.number} is {step}, but at byte {dataset.begin + step} no dataset "
        f"begins; the file is cut short, or export the tubes one by one."
    )


def _is_dataset(dataset: Dataset, begin: int) -> bool:
    """Whether a dataset may begin at a byte behind this one's HEADER."""
    inside = dataset.begin + HEADER_BYTES <= begin <= dataset.begin + dataset.size - HEADER_BYTES
    if inside:
        dataset.file.seek(begin)
    return inside and re.match(rb"FCS[0-9]\.[0-9]", dataset.file.read(6)) is not None


def is_one_reading(datasets: Sequence[Dataset], suffix: str) -> bool:
    """Whether nothing has to be chosen: one dataset, or a Beckman Coulter file with the same events twice."""
    if len(datasets) == 1:
        return True
    if len(datasets) != 2 or [dataset.header.version[:4] for dataset in datasets] != ["FCS2", "FCS3"]:
        return False
    maker = any(BECKMAN.search(dataset.text.keywords.get("$CYT", "")) for dataset in datasets)
    totals = {dataset.text.keywords.get("$TOT", "").strip() for dataset in datasets}
    return (suffix.casefold() == ".lmd" or maker) and len(totals) == 1


def _named_by(dataset: Dataset, first: Dataset) -> Dataset:
    """Return a dataset with the names of markers ($PnS) that the first gives the same channels ($PnN)."""
    keywords = dict(dataset.text.keywords)
    markers = {name: first.text.keywords.get(f"$P{n}S", "").strip() for n, name in _names(first)}
    taken = []
    for n, name in _names(dataset):
        if not keywords.get(f"$P{n}S", "").strip() and markers.get(name):
            keywords[f"$P{n}S"] = markers[name]
            taken.append(name)
    source = f"; names of markers are from the first: {', '.join(taken)}" if taken else ""
    said = Repair("names", f"The file holds the same events twice; the second dataset is read{source}.")
    return replace(dataset, text=replace(dataset.text, keywords=keywords), warnings=(*dataset.warnings, said))


def _names(dataset: Dataset) -> Iterator[tuple[int, str]]:
    """Yield number and name of each parameter."""
    for keyword, name in dataset.text.keywords.items():
        if found := re.fullmatch(r"\$P([1-9][0-9]{0,5})N", keyword):
            yield int(found[1]), name.strip()


def _listed(datasets: Sequence[Dataset], limit: int = 12) -> str:
    """Name the first few datasets."""
    more = f" and {len(datasets) - limit} more" if len(datasets) > limit else ""
    return ", ".join(map(str, datasets[:limit])) + more
