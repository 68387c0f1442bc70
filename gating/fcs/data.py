"""DATA: bytes to linear values, a block of events at a time."""

from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError
from gating.fcs.columns import Column, LinearScale
from gating.fcs.layout import Layout
from gating.fcs.repairs import Repair

__all__ = ["decode_blocks", "read_blocks", "read_events"]

BLOCK_BYTES = 512 * 1024
"""A block and its columns stay in the processor's cache: half the time of one large read."""
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
        That events were left out, that values look misread, or were rounded.

    Raises
    ------
    FCSError
        If the file ends early, or more than 1 % of the events have a value that is NaN or infinite.
    """
    events = np.empty((layout.n_events, len(wanted)), dtype=np.float64, order="F")
    decoders = [(str(i), _decoder(layout.columns[i])) for i in wanted]
    at = 0
    for rows in read_blocks(file, layout, where):
        for place, (field, decode) in enumerate(decoders):
            with np.errstate(invalid="ignore"):  # signalling NaNs are counted below
                events[at : at + len(rows), place] = decode(rows[field])
        at += len(rows)
    columns = [layout.columns[i] for i in wanted]
    events, left_out = _without_not_finite(events, columns, where)
    return events, left_out + _far_off(events, columns) + _rounded(events, columns)


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
    decoders = [(str(i), _decoder(layout.columns[i])) for i in wanted]
    buffer = np.empty((0, len(wanted)))
    for rows in read_blocks(file, layout, where):
        if not len(buffer):
            buffer = np.empty((len(rows), len(wanted)), dtype=np.float64, order="F")
        block = buffer[: len(rows)]
        for place, (field, decode) in enumerate(decoders):
            with np.errstate(invalid="ignore"):
                block[:, place] = decode(rows[field])
        yield block


def read_blocks(file: BufferedReader, layout: Layout, where: str) -> Iterator[NDArray[np.void]]:
    """Yield the stored numbers as structured arrays, a field per column.

    The arrays share one buffer: each is valid until the next.

    Raises
    ------
    FCSError
        If the file ends early.
    """
    rows = np.empty(min(layout.n_events, max(BLOCK_BYTES // layout.row_bytes, 1)), dtype=layout.row)
    buffer = rows.view(np.uint8).data
    file.seek(layout.begin)
    for at in range(0, layout.n_events, max(len(rows), 1)):
        block = rows[: layout.n_events - at]
        if file.readinto(buffer[: block.nbytes]) != block.nbytes:
            raise FCSError(f"{where}: the file ended while event {at} was read; it was changed meanwhile.")
        yield block


def _decoder(column: Column) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the function from what is read to linear values."""
    stored, scale, mask = column.stored, column.scale, column.mask
    bits = (1 << 8 * stored.width) - 1 if mask is None else mask
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


def _without_not_finite(
    events: NDArray[np.float64], columns: Sequence[Column], where: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Leave out events that are no numbers; refuse the file unless they are few."""
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = [i for i in range(events.shape[1]) if not np.isfinite(events[:, i].sum())]
    bad = [i for i in suspect if not np.isfinite(events[:, i]).all()]
    if not bad:
        return events, ()
    good = np.isfinite(events[:, bad]).all(axis=1)
    count = len(events) - int(good.sum())
    names = ", ".join(columns[i].channel.name for i in bad)
    found = f"{count} of {len(events)} events have a value that is NaN or infinite, in {names}"
    if count > WORST_FRACTION * len(events):
        raise FCSError(f"{where}: {found}; at most {WORST_FRACTION:.0%} can be tolerated.")
    return np.asfortranarray(events[good]), (Repair("not-finite", f"{found}; they are left out."),)


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
