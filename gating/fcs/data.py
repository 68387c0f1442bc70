"""DATA: bytes to linear values, a block of events at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError
from gating.fcs.columns import Column, LinearScale
from gating.fcs.layout import Layout
from gating.fcs.repairs import Repair

__all__ = ["decode_blocks", "decode_finite", "is_plain", "read_blocks", "read_events", "read_finite"]

BLOCK_BYTES = 256 * 1024
"""A block and its columns stay in the processor's cache: half the time of one large read."""
TILE_BYTES = 32 * 1024
"""What is turned from rows to columns at a time stays in the nearest cache: a fifth less time than a block at once."""
WORST_FRACTION = 0.01
"""Events with a NaN or an infinity above which the file is not trusted."""
PLAUSIBLE = (1e-20, 1e20)
"""No detector measures beyond; floating point in a wrong byte order, or read from a wrong byte, mostly is."""
LOOKED_AT = 10_000
"""Events that are looked at for that: a file is misread as a whole."""
EXACT = 2.0**53
"""From here on, whole numbers may have been rounded in 64-bit floating point."""


def read_events(
    file: BufferedReader, layout: Layout, wanted: Sequence[int], where: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return all events in the columns wanted, linear, and what is odd about them.

    Returns
    -------
    events : (n, d) float64
        In Fortran order: gates read columns. Events with a NaN or an infinity are left out.
    warnings : tuple of str
        That events were left out, that bits were cleared, that values look misread, or were rounded.

    Raises
    ------
    FCSError
        If the file ends early, or more than 1 % of the events have a value that is NaN or infinite.
    """
    events = np.empty((layout.n_events, len(wanted)), dtype=np.float64, order="F")
    decode, at = _decoder(layout, wanted), 0
    odd, high = _NotFinite(layout), _HighBits(layout, wanted)
    for rows in read_blocks(file, layout, where):
        odd.look_at(rows, at)
        high.look_at(rows)
        decode(rows, events[at : at + len(rows)])
        at += len(rows)
    left_out = odd.warnings(where)
    if odd.events:
        events = np.asfortranarray(np.delete(events, odd.events, axis=0))
    columns = [layout.columns[i] for i in wanted]
    return events, left_out + high.warnings() + _far_off(events, columns) + _rounded(events, columns)


def decode_blocks(
    file: BufferedReader, layout: Layout, wanted: Sequence[int], where: str
) -> Iterator[NDArray[np.float64]]:
    """Yield linear events in the columns wanted, a block at a time.

    The arrays, (k, d) in Fortran order, share one buffer: each is valid until the next.

    Raises
    ------
    FCSError
        If the file ends early.
    """
    decode, buffer = _decoder(layout, wanted), np.empty((0, len(wanted)))
    for rows in read_blocks(file, layout, where):
        if not len(buffer):
            buffer = np.empty((len(rows), len(wanted)), dtype=np.float64, order="F")
        block = buffer[: len(rows)]
        decode(rows, block)
        yield block


def decode_finite(
    file: BufferedReader, layout: Layout, wanted: Sequence[int], where: str, block_bytes: int
) -> Iterator[NDArray[np.float64]]:
    """Yield the events that :func:`read_events` returns, a block at a time.

    The arrays, (k, d) in Fortran order, may share one buffer: each is valid until the next.

    Parameters
    ----------
    file, layout, wanted, where
        As for the others.
    block_bytes
        Read at a time; the events are the same whatever it is.

    Raises
    ------
    FCSError
        If the file ends early; when all is read, if more than 1 % of the events have a value that is NaN or infinite.
    """
    decode, buffer = _decoder(layout, wanted), np.empty((0, len(wanted)))
    for rows in read_finite(file, layout, where, block_bytes):
        if not len(buffer):
            buffer = np.empty((_block_events(layout, block_bytes), len(wanted)), dtype=np.float64, order="F")
        block = buffer[: len(rows)]
        decode(rows, block)
        yield block


def read_finite(file: BufferedReader, layout: Layout, where: str, block_bytes: int) -> Iterator[NDArray[np.void]]:
    """Yield what :func:`read_blocks` does without the events that have a value that is NaN or infinite.

    Raises
    ------
    FCSError
        If the file ends early; when all is read, if more than 1 % of the events are left out.
    """
    odd, at = _NotFinite(layout), 0
    for rows in read_blocks(file, layout, where, block_bytes):
        found = len(odd.events)
        odd.look_at(rows, at)
        left_out = odd.events[found:]
        yield np.delete(rows, np.array(left_out) - at) if left_out else rows
        at += len(rows)
    odd.warnings(where)


def read_blocks(file: BufferedReader, layout: Layout, where: str, block_bytes: int = 0) -> Iterator[NDArray[np.void]]:
    """Yield the stored numbers as structured arrays, a field per column.

    The arrays share one buffer: each is valid until the next. As many bytes are read at a time as ``block_bytes`` says,
    or as is best for reading alone.

    Raises
    ------
    FCSError
        If the file ends early.
    """
    rows = np.empty(_block_events(layout, block_bytes), dtype=layout.row)
    buffer = rows.view(np.uint8).data
    file.seek(layout.begin)
    for at in range(0, layout.n_events, max(len(rows), 1)):
        block = rows[: layout.n_events - at]
        if file.readinto(buffer[: block.nbytes]) != block.nbytes:
            raise FCSError(f"{where}: the file ended while event {at} was read; it was changed meanwhile.")
        yield block


def is_plain(layout: Layout) -> bool:
    """Tell whether all numbers are floating point of one type that this processor computes with, and are the values."""
    dtype = layout.uniform
    linear = all(column.scale == LinearScale() for column in layout.columns)
    return dtype is not None and dtype.kind == "f" and dtype.isnative and linear


def _block_events(layout: Layout, block_bytes: int = 0) -> int:
    """Return how many events a block has."""
    return min(layout.n_events, max((block_bytes or BLOCK_BYTES) // layout.row_bytes, 1))


def _decoder(layout: Layout, wanted: Sequence[int]) -> Callable[[NDArray[np.void], NDArray[np.float64]], None]:
    """Return the function that decodes rows into an array of the columns wanted."""
    every = list(wanted) == list(range(len(layout.columns)))
    if layout.uniform is not None and every and all(column.scale == LinearScale() for column in layout.columns):
        return _table_decoder(layout, layout.uniform)
    decoders = [(str(i), _column_decoder(layout.columns[i])) for i in wanted]

    def decode(rows: NDArray[np.void], events: NDArray[np.float64]) -> None:
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is found as such
            for place, (field, numbers) in enumerate(decoders):
                events[:, place] = numbers(rows[field])

    return decode


def _table_decoder(layout: Layout, uniform: np.dtype[Any]) -> Callable[[NDArray[np.void], NDArray[np.float64]], None]:
    """Return the function that decodes all columns at once, where they are linear numbers of one type."""
    step = max(TILE_BYTES // layout.row_bytes, 1)
    masked = any(column.mask is not None for column in layout.columns)
    masks = _repeated([_bits(column) for column in layout.columns], uniform, step) if masked else None

    def decode(rows: NDArray[np.void], events: NDArray[np.float64]) -> None:
        table = rows.view(uniform).reshape(len(rows), -1)
        with np.errstate(invalid="ignore"):
            for at in range(0, len(table), step):
                tile = table[at : at + step]
                if masks is not None:
                    tile = (tile.view(np.uint8) & masks[: len(tile)]).view(uniform)
                events[at : at + step] = tile

    return decode


def _bits(column: Column) -> int:
    """Return the bits of an integer that count."""
    return _all_bits(column) if column.mask is None else column.mask


def _all_bits(column: Column) -> int:
    return (1 << 8 * column.stored.width) - 1


def _repeated(bits: Sequence[int], uniform: np.dtype[Any], n_events: int) -> NDArray[np.uint8]:
    """Return bits of the number in each column, for so many events, as bytes: these have no order to be changed."""
    return np.tile(np.array(bits, dtype=uniform).view(np.uint8), (n_events, 1))


def _column_decoder(column: Column) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the function from what is read of one column to linear values."""
    stored, scale, mask, bits = column.stored, column.scale, column.mask, _bits(column)
    if scale == LinearScale() and mask is None:
        return stored.numbers
    if scale == LinearScale():
        return lambda read: _masked(stored.numbers(read), bits)
    if stored.kind == "u" and bits < 2**16:
        # There are fewer numbers than events: decode each once.
        table = scale(np.arange(bits + 1, dtype=np.float64))
        return lambda read: table[_masked(stored.numbers(read), bits)]
    if stored.kind == "u":
        return lambda read: scale(_masked(stored.numbers(read), bits).astype(np.float64))
    return lambda read: scale(stored.numbers(read).astype(np.float64))


def _masked(numbers: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return integers without the bits that do not count."""
    masked: NDArray[Any] = numbers & numbers.dtype.type(bits)
    return masked


class _NotFinite:
    """Events with a value that is NaN or infinite in any column of the file, whichever columns are wanted."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.floats = [i for i, column in enumerate(layout.columns) if column.stored.kind == "f"]
        self.growing = {i for i in self.floats if _may_overflow(layout.columns[i])}
        self.uniform = None if self.growing else layout.uniform
        self.count = 0
        self.events: list[int] = []
        """Their numbers, counted from 0, as long as they are few enough to be left out."""
        self.columns: set[int] = set()

    def look_at(self, rows: NDArray[np.void], at: int) -> None:
        """Look at a block of events, the first of which is number ``at``."""
        if self._is_finite(rows):
            return
        bad = np.zeros(len(rows), dtype=bool)
        for i in self.floats:
            here = ~np.isfinite(self._numbers(rows, i))
            if here.any():
                self.columns.add(i)
                bad |= here
        self.count += int(np.count_nonzero(bad))
        if self.count <= WORST_FRACTION * self.layout.n_events:
            self.events += (at + np.flatnonzero(bad)).tolist()

    def warnings(self, where: str) -> tuple[str, ...]:
        """Say how many there are; refuse the file unless they are few."""
        if not self.count:
            return ()
        total = self.layout.n_events
        names = ", ".join(self.layout.columns[i].channel.name for i in sorted(self.columns))
        found = f"{self.count} of {total} events have a value that is NaN or infinite, in {names}"
        if self.count > WORST_FRACTION * total:
            raise FCSError(f"{where}: {found}; at most {WORST_FRACTION:.0%} can be tolerated.")
        return (Repair("not-finite", f"{found}; they are left out."),)

    def _is_finite(self, rows: NDArray[np.void]) -> bool:
        """Whether there are none."""
        if self.floats and self.uniform is not None:
            return bool(np.isfinite(rows.view(self.uniform)).all())
        return all(np.isfinite(self._numbers(rows, i)).all() for i in self.floats)

    def _numbers(self, rows: NDArray[np.void], column: int) -> NDArray[Any]:
        found = self.layout.columns[column]
        numbers = found.stored.numbers(rows[str(column)])
        with np.errstate(over="ignore"):
            return found.scale(numbers) if column in self.growing else numbers


def _may_overflow(column: Column) -> bool:
    """Whether a finite number can become an infinite value: a double, divided by a gain below 1."""
    return column.stored.width == 8 and isinstance(column.scale, LinearScale) and column.scale.gain < 1


class _HighBits:
    """Integers with bits above $PnR: noise, by the standard, or a sign that $PnR or the type is wrong."""

    def __init__(self, layout: Layout, wanted: Sequence[int]) -> None:
        self.total = layout.n_events
        self.masked = [(str(i), layout.columns[i], layout.columns[i].mask) for i in wanted]
        self.counts: Counter[str] = Counter()
        self.above: NDArray[np.uint8] | None = None
        count = sum(mask is not None for _, _, mask in self.masked)
        if layout.uniform is not None and 2 * count > len(layout.columns):  # else the few columns alone are less
            above = [_all_bits(column) - _bits(column) if i in wanted else 0 for i, column in enumerate(layout.columns)]
            self.above = _repeated(above, layout.uniform, _block_events(layout))

    def look_at(self, rows: NDArray[np.void]) -> None:
        """Count the events of a block that have such bits; mostly none has, which one look at all columns tells."""
        if self.above is not None and not (rows.view(np.uint8).reshape(len(rows), -1) & self.above[: len(rows)]).max():
            return
        for field, column, mask in self.masked:
            if mask is not None:
                above = int(np.count_nonzero(column.stored.numbers(rows[field]) > mask))
                self.counts[column.channel.name] += above

    def warnings(self) -> tuple[str, ...]:
        """Say in how many events bits were cleared."""
        found = ", ".join(f"{name} ({count} of {self.total} events)" for name, count in self.counts.items() if count)
        return (f"Bits above $PnR were cleared, as the standard says: {found}.",) if found else ()


def _far_off(events: NDArray[np.float64], columns: Sequence[Column]) -> tuple[str, ...]:
    """Warn of values such as no detector gives."""
    sizes = np.abs(events[:LOOKED_AT])
    far = (sizes > PLAUSIBLE[1]) | ((sizes > 0) & (sizes < PLAUSIBLE[0]))
    often = far.mean(axis=0) > WORST_FRACTION if len(events) else [False] * len(columns)
    names = ", ".join(column.channel.name for column, is_far in zip(columns, often, strict=True) if is_far)
    if not names:
        return ()
    return (f"Values beyond 1e20 or within 1e-20 of 0 are frequent in {names}; $BYTEORD or an offset may be wrong.",)


def _rounded(events: NDArray[np.float64], columns: Sequence[Column]) -> tuple[str, ...]:
    """Warn of integers that 64-bit floating point cannot hold exactly."""
    wide = [i for i, column in enumerate(columns) if column.stored.kind == "u" and column.stored.width > 6]
    names = [columns[i].channel.name for i in wide if len(events) and events[:, i].max() >= EXACT]
    return (f"Values from 2**53 on are rounded: {', '.join(names)}.",) if names else ()
