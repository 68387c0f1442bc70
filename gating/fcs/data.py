"""DATA: bytes to linear values, a block of events at a time."""

from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError
from gating.fcs.columns import Column, LinearScale
from gating.fcs.layout import Layout

__all__ = ["read_blocks", "read_events"]

BLOCK_BYTES = 512 * 1024
"""A block and its columns stay in the processor's cache: half the time of one large read."""
WORST_FRACTION = 0.01
"""Events with a NaN or an infinity above which the file is not trusted."""
PLAUSIBLE = (1e-20, 1e20)
"""No detector measures beyond; floating point in a wrong byte order, or read from a wrong byte, mostly is."""
LOOKED_AT = 10_000
"""Events that are looked at for that: a file is misread as a whole."""


def read_events(file: BufferedReader, layout: Layout, where: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return all events, linear, and what is odd about them.

    Returns
    -------
    events : (n, p) float64
        In Fortran order: gates read columns.
    warnings : tuple of str
        That some values are no numbers, or that they look misread.

    Raises
    ------
    FCSError
        If the file ends early, or more than 1 % of the events have a value that is NaN or infinite.
    """
    events = np.empty((layout.n_events, len(layout.columns)), dtype=np.float64, order="F")
    decoders = [_decoder(column) for column in layout.columns]
    at = 0
    for rows in read_blocks(file, layout, where):
        for i, decode in enumerate(decoders):
            with np.errstate(invalid="ignore"):  # signalling NaNs are counted below
                events[at : at + len(rows), i] = decode(rows[str(i)])
        at += len(rows)
    return events, _not_finite(events, layout, where) + _far_off(events, layout)


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
    """Return the function from stored numbers to linear values."""
    scale, mask = column.scale, column.mask
    bits = (1 << 8 * column.dtype.itemsize) - 1 if mask is None else mask
    if scale == LinearScale():
        return lambda numbers: numbers if mask is None else numbers & numbers.dtype.type(bits)
    if column.dtype.kind == "u" and bits < 2**16:
        # There are fewer numbers than events: decode each once.
        table = scale(np.arange(bits + 1, dtype=np.float64))
        return lambda numbers: table[numbers & numbers.dtype.type(bits)]
    if column.dtype.kind == "u":
        return lambda numbers: scale((numbers & numbers.dtype.type(bits)).astype(np.float64))
    return lambda numbers: scale(numbers.astype(np.float64))


def _not_finite(events: NDArray[np.float64], layout: Layout, where: str) -> tuple[str, ...]:
    """Refuse events that are no numbers, unless they are few."""
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = [i for i in range(events.shape[1]) if not np.isfinite(events[:, i].sum())]
    bad = [i for i in suspect if not np.isfinite(events[:, i]).all()]
    if not bad:
        return ()
    count = int((~np.isfinite(events[:, bad]).all(axis=1)).sum())
    names = ", ".join(layout.columns[i].channel.name for i in bad)
    found = f"{count} of {len(events)} events have a value that is NaN or infinite, in {names}"
    if count > WORST_FRACTION * len(events):
        raise FCSError(f"{where}: {found}; at most {WORST_FRACTION:.0%} can be tolerated.")
    return (f"{found}; they are kept.",)


def _far_off(events: NDArray[np.float64], layout: Layout) -> tuple[str, ...]:
    """Warn of values such as no detector gives."""
    sizes = np.abs(events[:LOOKED_AT])
    far = ((sizes > PLAUSIBLE[1]) & np.isfinite(sizes)) | ((sizes > 0) & (sizes < PLAUSIBLE[0]))
    columns = np.flatnonzero(far.mean(axis=0) > WORST_FRACTION) if len(events) else ()
    if not len(columns):
        return ()
    names = ", ".join(layout.columns[i].channel.name for i in columns)
    return (f"Values beyond 1e20 or within 1e-20 of 0 are frequent in {names}; $BYTEORD or an offset may be wrong.",)
