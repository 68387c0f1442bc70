"""Reading FCS files: strictly, and without touching DATA when only TEXT is wanted."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError
from gating.fcs.data import read_events
from gating.fcs.layout import Layout, parse_layout
from gating.fcs.text import (
    HEADER_BYTES,
    Header,
    Segment,
    Text,
    merge_texts,
    parse_header,
    parse_text,
    whole_number,
    without_shared_byte,
)
from gating.sample import Channel, Sample

__all__ = ["FCSMetadata", "read_fcs", "read_fcs_metadata"]

TRAILING_BYTES = 65_536
"""How far behind DATA a second dataset is looked for."""


@dataclass(frozen=True, slots=True)
class FCSMetadata:
    """What a file says of itself, without its events."""

    name: str
    version: str
    """``"FCS3.1"``."""
    keywords: dict[str, str]
    """Names in upper case, ``$`` kept; values as they stand."""
    channels: tuple[Channel, ...]
    n_events: int
    warnings: tuple[str, ...] = ()
    """What was odd but usable, each a full sentence."""


def read_fcs(path: Path | str, *, name: str | None = None) -> Sample:
    """Return the events of an FCS file on the linear scale, with its channels and keywords.

    FCS 2.0, 3.0 and 3.1; list mode; floating point, or integers of 8, 16 and 32 bits, also of several widths
    in one file; either byte order. Values are scaled by $PnE (integers only) and divided by $PnG, as
    :mod:`gating.fcs.columns` says. What is odd and has one reading is read, with a warning; what has two is
    refused.

    Parameters
    ----------
    path
        A regular file, or a link to one.
    name
        What the sample is called, and what messages begin with; the file's name by default.

    Returns
    -------
    Sample
        Events of shape (n, p), float64, not compensated. A channel whose $PnR is unusable ranges up to its
        largest value.

    Raises
    ------
    UnsupportedFCSError
        If the file may be sound, but is of a kind that is not read: another version, histograms, numbers as
        text, integers of other widths, a mixed byte order, more than one dataset.
    FCSError
        If the file cannot be opened, is no FCS file, is cut short, or contradicts itself.

    References
    ----------
    .. [1] Spidlen J et al. Data File Standard for Flow Cytometry, version FCS 3.1. Cytometry A 2010;77:97-100.
    .. [2] Seamer LC et al. Proposed new data file standard for flow cytometry, version FCS 3.0.
       Cytometry 1997;28:118-122.
    .. [3] Dean PN et al. Data file standard for flow cytometry. Cytometry 1990;11:323-332.
    """
    path = Path(path)
    where = name or path.name
    with _opened(path, where) as file:
        before = os.fstat(file.fileno())
        metadata, layout = _read_metadata(file, where)
        events, odd_values = read_events(file, layout, where)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise FCSError(f"{where}: the file was changed while it was read; wait until it is complete.")
    channels = _ranged(metadata.channels, layout, events)
    return Sample(where, channels, events, metadata.keywords, warnings=metadata.warnings + odd_values)


def read_fcs_metadata(path: Path | str, *, name: str | None = None) -> FCSMetadata:
    """Return what an FCS file says of itself; its DATA is not read.

    That DATA is in the file, and of the size that $TOT demands, is made sure of all the same.

    Parameters
    ----------
    path
        A regular file, or a link to one.
    name
        What messages begin with; the file's name by default.

    Raises
    ------
    UnsupportedFCSError, FCSError
        As :func:`read_fcs`.
    """
    path = Path(path)
    where = name or path.name
    with _opened(path, where) as file:
        return _read_metadata(file, where)[0]


@contextmanager
def _opened(path: Path, where: str) -> Iterator[BufferedReader]:
    """Open a regular file; a pipe or a device could hang the run."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise FCSError(f"{where}: is {kind}, not a file.")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise FCSError(f"{where}: cannot be read: {error.strerror or error}.") from error


def _read_metadata(file: BufferedReader, where: str) -> tuple[FCSMetadata, Layout]:
    """Read HEADER and TEXT, and check the extent of DATA."""
    size = os.fstat(file.fileno()).st_size
    header = parse_header(_read_segment(file, Segment(0, HEADER_BYTES - 1)), where)
    _check_in_file("TEXT", header.text, size, where)
    header, raw = without_shared_byte(header, _read_segment(file, header.text))
    text = _read_supplement(file, header, parse_text(raw, where), size, where)
    layout = parse_layout(header, text.keywords, size, where)
    warnings = header.warnings + text.warnings + layout.warnings + _trailing_dataset(file, layout)
    channels = tuple(column.channel for column in layout.columns)
    return FCSMetadata(where, header.version, text.keywords, channels, layout.n_events, warnings), layout


def _read_supplement(file: BufferedReader, header: Header, primary: Text, size: int, where: str) -> Text:
    """Return the primary TEXT, with the supplemental one added if there is any."""
    begin, end = (
        whole_number(primary.keywords, keyword, where, "a byte offset")
        if primary.keywords.get(keyword, "").strip()
        else 0
        for keyword in ("$BEGINSTEXT", "$ENDSTEXT")
    )
    segment = Segment(begin, end)
    if not begin or segment.size < 2 or segment == header.text:
        return primary
    _check_in_file("the supplemental TEXT", segment, size, where)
    return merge_texts(primary, parse_text(_read_segment(file, segment), where, primary.delimiter), where)


def _check_in_file(what: str, segment: Segment, size: int, where: str) -> None:
    """Refuse a segment that the file is too short for."""
    if segment.end >= size:
        raise FCSError(f"{where}: {what} is {segment}, the file has {size} bytes; it is cut short or no FCS file.")


def _read_segment(file: BufferedReader, segment: Segment) -> bytes:
    """Read the bytes of a segment, fewer if the file ends in it."""
    file.seek(segment.begin)
    return file.read(segment.size)


def _trailing_dataset(file: BufferedReader, layout: Layout) -> tuple[str, ...]:
    """Say that an FCS file was appended to this one, which $NEXTDATA does not tell."""
    if not layout.n_events:
        return ()
    file.seek(layout.end)
    found = re.search(rb"FCS\d\.\d    ", file.read(TRAILING_BYTES))
    if found is None:
        return ()
    return (f"Trailing FCS found at byte {layout.end + found.start()}, behind DATA; it is not read.",)


def _ranged(channels: tuple[Channel, ...], layout: Layout, events: NDArray[np.float64]) -> tuple[Channel, ...]:
    """Let the scale end at the largest value where $PnR is unusable."""
    ranged = list(channels)
    for i in (i for i, column in enumerate(layout.columns) if not column.has_range):
        values = events[:, i]
        largest = float(values.max(initial=0.0, where=np.isfinite(values)))
        ranged[i] = replace(channels[i], range=largest or channels[i].range)
    return tuple(ranged)
