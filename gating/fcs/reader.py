"""Reading FCS files: strictly, and without touching DATA when only TEXT is wanted."""

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError
from gating.fcs.checksum import checksum_warnings, last_byte
from gating.fcs.columns import Column
from gating.fcs.data import decode_blocks, decode_finite, is_plain, read_events, read_finite
from gating.fcs.datasets import Dataset, choose_dataset, is_one_reading, read_datasets
from gating.fcs.layout import Layout, parse_layout
from gating.fcs.repairs import REPAIRS, check_rules, refuse_other_repairs
from gating.fcs.text import HEADER_BYTES
from gating.sample import NO_ALIASES, Channel, Sample, find_channel

__all__ = ["FCSFile", "FCSMetadata", "open_fcs", "read_fcs", "read_fcs_datasets", "read_fcs_metadata"]

CHUNK = 1 << 20
"""Bytes read at a time to look for a second dataset."""
A_HEADER = re.compile(rb"FCS[0-9]\.[0-9]    [ 0-9]{48}")


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
    """What was odd but usable, each a full sentence; a :class:`gating.Repair` where something was put right."""
    dataset: int = 1
    """Which dataset of the file this is, counted from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class FCSFile:
    """An open FCS file: what it says of itself, and its events, all or a block at a time."""

    metadata: FCSMetadata
    layout: Layout
    dataset: Dataset
    repairs: Collection[str] = field(default=REPAIRS)

    def columns(self, channels: Sequence[str] | None = None) -> tuple[int, ...]:
        """Return the columns of channels, each named by $PnN or marker; all by default.

        Raises
        ------
        ChannelError
            If a name fits no channel, or more than one.
        """
        known, where = self.metadata.channels, self.metadata.name
        if channels is None:
            return tuple(range(len(known)))
        return tuple(find_channel(known, wanted, NO_ALIASES, where) for wanted in channels)

    def read(self, channels: Sequence[str] | None = None) -> Sample:
        """Return the events in some channels, or all, as :func:`read_fcs` does.

        Raises
        ------
        FCSError, ChannelError
            As :func:`read_fcs`.
        """
        where, columns = self.metadata.name, self.columns(channels)
        events, odd_values = read_events(self.dataset.file, self.layout, columns, where)
        odd_values += checksum_warnings(self.dataset, self.layout, where)
        refuse_other_repairs(odd_values, self.repairs, where)
        ranged = _ranged([self.layout.columns[i] for i in columns], events)
        return Sample(where, ranged, events, self.metadata.keywords, warnings=self.metadata.warnings + odd_values)

    def blocks(self, channels: Sequence[str] | None = None) -> Iterator[NDArray[np.float64]]:
        """Yield the events a block at a time, in memory that does not depend on the length of the file.

        Parameters
        ----------
        channels
            $PnN or markers; only these columns are decoded.

        Yields
        ------
        (k, d) float64
            Linear, in Fortran order, valid until the next is asked for. Values that are not finite are as they stand.

        Raises
        ------
        FCSError, ChannelError
            If the file ends early; if a name fits no channel, or more than one.
        """
        yield from decode_blocks(self.dataset.file, self.layout, self.columns(channels), self.metadata.name)

    def finite_blocks(self, channels: Sequence[str], block_bytes: int) -> Iterator[NDArray[np.float64]]:
        """Yield the events that :meth:`read` returns, without those that it leaves out, a block at a time.

        Parameters
        ----------
        channels
            $PnN or markers; only these columns are decoded.
        block_bytes
            Read at a time; the events are the same whatever it is.

        Yields
        ------
        (k, d) float64
            Linear, in Fortran order, valid until the next is asked for.

        Raises
        ------
        FCSError, ChannelError
            As :meth:`blocks`; and, when all is read, if more than 1 % of the events are not finite.
        """
        columns, where = self.columns(channels), self.metadata.name
        yield from decode_finite(self.dataset.file, self.layout, columns, where, block_bytes)

    @property
    def is_plain(self) -> bool:
        """Whether the numbers in the file are the values: :meth:`plain_blocks` then needs no decoding."""
        return is_plain(self.layout)

    def plain_blocks(self, block_bytes: int) -> Iterator[NDArray[Any]]:
        """Yield the events of :meth:`finite_blocks` as they stand in the file, all channels, (k, p) in C order.

        Raises
        ------
        FCSError
            As :meth:`finite_blocks`.
        ValueError
            Unless the file is plain.
        """
        dtype = self.layout.uniform
        if dtype is None or not self.is_plain:
            raise ValueError(f"{self.metadata.name}: its numbers have to be decoded")
        for rows in read_finite(self.dataset.file, self.layout, self.metadata.name, block_bytes):
            yield np.frombuffer(rows, dtype=dtype).reshape(len(rows), -1)


def read_fcs(
    path: Path | str,
    *,
    name: str | None = None,
    dataset: int | str | None = None,
    channels: Sequence[str] | None = None,
    repairs: Collection[str] = REPAIRS,
) -> Sample:
    """Return the events of an FCS file on the linear scale, with its channels and keywords.

    FCS 2.0, 3.0, 3.1 and 3.2; list mode; floating point, or integers of 8 to 64 bits, also of several types and
    widths in one file; either byte order, and the two of PDP-11. Values are scaled by $PnE (integers only) and
    divided by $PnG, as :mod:`gating.fcs.columns` says. What is odd and has one reading is read, with a warning; what
    has two is refused.

    Parameters
    ----------
    path
        A regular file, or a link to one.
    name
        What the sample is called, and what messages begin with; the file's name by default.
    dataset
        Number, counted from 1, or name; needed where the file holds more than one.
    channels
        $PnN or markers of the columns to read, all by default.
    repairs
        The rules of :mod:`gating.fcs.repairs` that may be applied; ``()`` for none.

    Returns
    -------
    Sample
        Events of shape (n, p), float64, not compensated. A channel whose $PnR is unusable ranges up to its
        largest value. Events with a NaN or an infinity, if at most 1 %, are left out.

    Raises
    ------
    UnsupportedFCSError
        If the file may be sound, but is of a kind that is not read: another version, histograms, numbers as
        text, integers of a width that is no whole number of bytes, a mixed byte order.
    FCSError
        If the file cannot be opened, is no FCS file, is cut short, contradicts itself, holds several datasets of which
        none was chosen, or needs a repair that is not allowed.
    ChannelError
        If one of ``channels`` is not in the file, or more than one could be meant.
    ValueError
        If ``repairs`` names a rule that does not exist.

    References
    ----------
    .. [1] Spidlen J et al. Data File Standard for Flow Cytometry, version FCS 3.2. Cytometry A 2021;99:100-102.
    .. [2] Spidlen J et al. Data File Standard for Flow Cytometry, version FCS 3.1. Cytometry A 2010;77:97-100.
    .. [3] Seamer LC et al. Proposed new data file standard for flow cytometry, version FCS 3.0.
       Cytometry 1997;28:118-122.
    .. [4] Dean PN et al. Data file standard for flow cytometry. Cytometry 1990;11:323-332.
    """
    with open_fcs(path, name=name, dataset=dataset, repairs=repairs) as file:
        return file.read(channels)


def read_fcs_metadata(
    path: Path | str, *, name: str | None = None, dataset: int | str | None = None, repairs: Collection[str] = REPAIRS
) -> FCSMetadata:
    """Return what an FCS file says of itself; its DATA is not read.

    That DATA is in the file, and of the size that $TOT demands, is made sure of all the same.

    Parameters
    ----------
    path, name, dataset, repairs
        As for :func:`read_fcs`.

    Raises
    ------
    UnsupportedFCSError, FCSError, ValueError
        As :func:`read_fcs`.
    """
    with open_fcs(path, name=name, dataset=dataset, repairs=repairs) as file:
        return file.metadata


def read_fcs_datasets(
    path: Path | str, *, name: str | None = None, repairs: Collection[str] = REPAIRS
) -> tuple[FCSMetadata, ...]:
    """Return what each dataset says of itself, of those that :func:`read_fcs` has to choose from; DATA is not read.

    One, where nothing has to be chosen: for most files, and for the pair of a Beckman Coulter file.

    Parameters
    ----------
    path, name, repairs
        As for :func:`read_fcs`.

    Raises
    ------
    UnsupportedFCSError, FCSError, ValueError
        As :func:`read_fcs`, if any of the datasets cannot be read.
    """
    path, allowed = Path(path), check_rules(repairs)
    where = name or path.name
    with _opened(path, where) as file:
        datasets = read_datasets(file, where)
        if is_one_reading(datasets, path.suffix):
            datasets = (choose_dataset(datasets, None, path.suffix, where),)
        return tuple(_described(dataset, allowed, where).metadata for dataset in datasets)


@contextmanager
def open_fcs(
    path: Path | str, *, name: str | None = None, dataset: int | str | None = None, repairs: Collection[str] = REPAIRS
) -> Iterator[FCSFile]:
    """Open an FCS file to read its events piecemeal: ``with open_fcs(path) as file``.

    Parameters
    ----------
    path, name, dataset, repairs
        As for :func:`read_fcs`.

    Raises
    ------
    UnsupportedFCSError, FCSError, ValueError
        As :func:`read_fcs`; on leaving, if the file was changed meanwhile.
    """
    path, allowed = Path(path), check_rules(repairs)
    where = name or path.name
    with _opened(path, where) as file:
        before = os.fstat(file.fileno())
        chosen = choose_dataset(read_datasets(file, where), dataset, path.suffix, where)
        yield _described(chosen, allowed, where)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise FCSError(f"{where}: the file was changed while it was read; wait until it is complete.")


def _described(dataset: Dataset, allowed: Collection[str], where: str) -> FCSFile:
    """Check the layout of a dataset, and collect what it says of itself."""
    layout = parse_layout(dataset, where, allowed)
    warnings = dataset.header.warnings + dataset.text.warnings + dataset.warnings + layout.warnings
    warnings += _trailing_dataset(dataset, layout, where)
    refuse_other_repairs(warnings, allowed, where)
    channels = tuple(column.channel for column in layout.columns)
    version, keywords = dataset.header.version, dataset.text.keywords
    metadata = FCSMetadata(where, version, keywords, channels, layout.n_events, warnings, dataset.number)
    return FCSFile(metadata, layout, dataset, allowed)


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


def _trailing_dataset(dataset: Dataset, layout: Layout, where: str) -> tuple[str, ...]:
    """Say that an FCS file was appended to this one, which $NEXTDATA does not tell."""
    at = dataset.begin + last_byte(dataset, layout, where) + 1
    end = dataset.begin + dataset.size
    while at < end:
        dataset.file.seek(at)
        chunk = dataset.file.read(min(CHUNK + HEADER_BYTES, end - at))
        if found := A_HEADER.search(chunk):
            return (f"Trailing FCS found at byte {at + found.start()}, behind DATA; it is not read.",)
        at += CHUNK
    return ()


def _ranged(columns: Sequence[Column], events: NDArray[np.float64]) -> tuple[Channel, ...]:
    """Return the channels; where $PnR is unusable, the scale ends at the largest value."""
    ranged = [column.channel for column in columns]
    for i in (i for i, column in enumerate(columns) if not column.has_range):
        ranged[i] = replace(ranged[i], range=float(events[:, i].max(initial=0.0)) or ranged[i].range)
    return tuple(ranged)
