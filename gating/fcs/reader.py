"""Reading an FCS file: right, or refused with the reason. Nothing is shifted, scaled or cut in silence."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError
from gating.fcs.layout import Column, Layout, plan_layout
from gating.fcs.text import read_header, read_text, text_delimiter
from gating.sample import Channel, Sample

__all__ = ["FCSMetadata", "read_fcs", "read_fcs_metadata"]

MOST_NONFINITE = 0.01
"""Share of NaN and infinite numbers above which a file is damaged, not odd."""


@dataclass(frozen=True, slots=True)
class FCSMetadata:
    """What a file says of itself; DATA was not read, but its extent was checked."""

    name: str
    version: str
    """``"FCS3.1"``."""
    keywords: Mapping[str, str]
    """Upper case, ``$`` kept."""
    channels: tuple[Channel, ...]
    n_events: int
    warnings: tuple[str, ...] = ()


def read_fcs(path: Path | str, *, name: str | None = None) -> Sample:
    """Read one FCS file.

    Integers are masked by $PnR and scaled by $PnE or $PnG as the standard says; floating-point numbers are
    scaled by $PnG only.

    Parameters
    ----------
    path
        An FCS 2.0, 3.0 or 3.1 file.
    name
        What messages and tables call the sample; the file's name if None.

    Returns
    -------
    Sample
        Uncompensated; what was odd but usable is in ``warnings``.

    Raises
    ------
    FCSError
        If the file contradicts itself, is cut short, or is no FCS file.
    UnsupportedFCSError
        If it is of a kind this reader does not read.

    References
    ----------
    .. [1] Spidlen J, et al. Cytometry A 2010;77:97-100.
    """
    path = Path(path)
    where = name or path.name
    with _opened(path, where) as stream:
        metadata, layout = _describe(stream, where)
        events, warnings = _read_events(stream, layout, where)
    return Sample(where, metadata.channels, events, metadata.keywords, warnings=(*metadata.warnings, *warnings))


def read_fcs_metadata(path: Path | str, *, name: str | None = None) -> FCSMetadata:
    """Read what an FCS file says of itself, without its events.

    Raises
    ------
    FCSError
        As :func:`read_fcs`, but for faults of the events themselves.
    """
    path = Path(path)
    where = name or path.name
    with _opened(path, where) as stream:
        return _describe(stream, where)[0]


def _opened(path: Path, where: str) -> BinaryIO:
    """Open a regular file; a pipe or a device would wait for ever."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FCSError(f"{where}: not a file (a folder, pipe or device); FCS is read from files")
        return path.open("rb")
    except OSError as error:
        raise FCSError(f"{where}: cannot be opened: {error.strerror}") from error


def _describe(stream: BinaryIO, where: str) -> tuple[FCSMetadata, Layout]:
    size = os.fstat(stream.fileno()).st_size
    header = read_header(stream, size, where)
    keywords, warnings = read_text(stream, *header.text, where)
    more, found = _supplement(stream, keywords, header.text[0], size, where)
    keywords = more | keywords
    layout = plan_layout(keywords, header, size, where)
    channels = tuple(column.channel for column in layout.columns)
    notes = (*warnings, *found, *layout.warnings)
    return FCSMetadata(where, header.version, keywords, channels, layout.n_events, notes), layout


def _supplement(
    stream: BinaryIO, keywords: Mapping[str, str], primary: int, size: int, where: str
) -> tuple[dict[str, str], list[str]]:
    """Read supplemental TEXT, if there is any besides the primary one."""
    ends = [keywords.get(name, "0").strip() or "0" for name in ("$BEGINSTEXT", "$ENDSTEXT")]
    if not all(end.isdigit() for end in ends):
        raise FCSError(f"{where}: $BEGINSTEXT and $ENDSTEXT are {ends[0]!r} and {ends[1]!r}; they must be numbers")
    first, last = map(int, ends)
    if not first or first == primary or last <= first:
        return {}, []
    if last >= size:
        raise FCSError(f"{where}: supplemental TEXT ends at byte {last}, the file at byte {size - 1}")
    return read_text(stream, first, last, where, text_delimiter(stream, primary))


def _read_events(stream: BinaryIO, layout: Layout, where: str) -> tuple[NDArray[np.float64], list[str]]:
    """Read DATA and turn it into linear float64, a column after another."""
    stream.seek(layout.begin)
    kinds = {column.dtype for column in layout.columns}
    count = layout.n_events * len(layout.columns)
    if len(kinds) == 1:
        flat = np.fromfile(stream, dtype=kinds.pop(), count=count)
        _complete(len(flat), count, where)
        table = flat.reshape(layout.n_events, len(layout.columns))
        stored = [table[:, i] for i in range(table.shape[1])]
    else:
        rows = np.fromfile(stream, dtype=layout.row, count=layout.n_events)
        _complete(len(rows), layout.n_events, where)
        stored = [rows[name] for name in rows.dtype.names or ()]
    events = np.empty((layout.n_events, len(stored)), order="F")
    for i, (numbers, column) in enumerate(zip(stored, layout.columns, strict=True)):
        events[:, i] = _linear(numbers, column)
    return events, _odd_numbers(events, where)


def _complete(found: int, wanted: int, where: str) -> None:
    if found != wanted:
        raise FCSError(f"{where}: DATA ended after {found} of {wanted} numbers while it was read")


def _linear(numbers: NDArray[np.generic], column: Column) -> NDArray[np.float64]:
    """Mask and scale one column: FCS 3.1, sections 3.2.20 ($PnE) and 3.2.21 ($PnG)."""
    if column.mask:
        numbers = np.bitwise_and(numbers, column.mask)
    values = numbers.astype(np.float64)
    if column.decades:
        return np.asarray(column.offset * 10 ** (column.decades * values / column.scale))
    return values if column.gain == 1.0 else values / column.gain


def _odd_numbers(events: NDArray[np.float64], where: str) -> list[str]:
    finite = np.isfinite(events.sum(axis=1)) if events.size else np.ones(0, dtype=bool)
    bad = int(np.count_nonzero(~np.isfinite(events[~finite]).all(axis=1)))
    if not bad:
        return []
    share = bad / len(events)
    if share > MOST_NONFINITE:
        raise FCSError(f"{where}: {bad} events ({share:.1%}) are NaN or infinite; at most {MOST_NONFINITE:.0%} may be")
    return [f"{bad} events ({share:.2%}) have a NaN or infinite number; they are in no gate that looks at it"]
