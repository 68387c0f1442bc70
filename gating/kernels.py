"""What :mod:`gating.compiled` compiles; without numba it is plain Python, which gives the same counts, but slowly.

Events go through in tiles that stay in the nearest cache, column by column, so that the processor takes several at a
time. No sum is reordered and no two operations are made one: every value is rounded as numpy rounds it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from numba import njit
except ImportError:

    def njit(**_: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # type: ignore[no-redef]
        """Leave a function as it is."""
        return lambda function: function


__all__ = ["count"]

TILE = 512
BOX, POLYGON, NOT, AND, OR = range(5)
"""The kinds of rows of a :class:`gating.compiled.Program`."""


@njit(cache=True, nogil=True, error_model="numpy")
def count(table: Any, program: Any, counts: Any) -> None:
    """Add the events of a table to the counts.

    Parameters
    ----------
    table
        (n, columns), float32 or float64, finite.
    program
        A :class:`gating.compiled.Program` of p rows.
    counts
        (p,) int64.
    """
    p, c = len(program.parent), len(program.column)
    columns = np.empty((len(program.needed), TILE))
    values = np.empty((c, TILE))
    members = np.ones((p, TILE), dtype=np.uint8)
    inside = np.empty(TILE, dtype=np.uint8)
    known = np.empty(c, dtype=np.uint8)
    here = np.zeros(p, dtype=np.int64)
    for at in range(0, len(table), TILE):
        n = min(TILE, len(table) - at)
        _turn(table, at, n, program.needed, columns)
        known[:] = 0
        here[0] = n
        for row in range(1, p):
            parent = program.parent[row]
            members[row, :n] = members[parent, :n]
            if here[parent] > 0:
                if program.kind[row] <= POLYGON:
                    _gate(program, row, n, columns, values, known, members[row], inside)
                else:
                    _combine(program, row, n, members, inside)
            here[row] = _sum(members[row], n)
        counts += here


@njit(cache=True, nogil=True, error_model="numpy")
def _turn(table: Any, at: int, n: int, needed: Any, columns: Any) -> None:
    """Turn rows to columns, in double precision."""
    for k in range(len(needed)):
        column = needed[k]
        for i in range(n):
            columns[k, i] = table[at + i, column]


@njit(cache=True, nogil=True, error_model="numpy")
def _gate(program: Any, row: int, n: int, columns: Any, values: Any, known: Any, members: Any, inside: Any) -> None:
    """Take from members those outside the gate of a row."""
    first = program.first[row]
    for k in range(first, program.first[row + 1]):
        channel = program.place[k]
        if not known[channel]:
            known[channel] = 1
            _compensate(program, channel, n, columns, values[channel])
        if program.kind[row] == BOX:
            _between(values[channel], program.low[k], program.high[k], n, members)
    if program.kind[row] == POLYGON:
        x, y = values[program.place[first]], values[program.place[first + 1]]
        _outline(program, row, x, y, n, inside)
        left, right = program.low[first], program.high[first]
        bottom, top = program.low[first + 1], program.high[first + 1]
        for i in range(n):
            near = (x[i] >= left) & (x[i] <= right) & (y[i] >= bottom) & (y[i] <= top)
            members[i] &= inside[i] & np.uint8(near)


@njit(cache=True, nogil=True, error_model="numpy")
def _compensate(program: Any, channel: int, n: int, columns: Any, out: Any) -> None:
    """Sum what the sources give to a channel, from the first to the last; or take it as it is."""
    at, stop = program.begin_source[channel], program.begin_source[channel + 1]
    if at == stop:
        out[:n] = columns[program.column[channel], :n]
        return
    out[:n] = 0.0
    while at + 4 <= stop:
        a, b = columns[program.source[at]], columns[program.source[at + 1]]
        c, d = columns[program.source[at + 2]], columns[program.source[at + 3]]
        wa, wb = program.weight[at], program.weight[at + 1]
        wc, wd = program.weight[at + 2], program.weight[at + 3]
        for i in range(n):
            out[i] = (((out[i] + a[i] * wa) + b[i] * wb) + c[i] * wc) + d[i] * wd
        at += 4
    while at < stop:
        a, wa = columns[program.source[at]], program.weight[at]
        for i in range(n):
            out[i] += a[i] * wa
        at += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _between(values: Any, low: float, high: float, n: int, members: Any) -> None:
    """Take from members those below a minimum, or at or above a maximum; an infinite maximum is an open end."""
    if high == np.inf:
        for i in range(n):
            members[i] &= np.uint8(values[i] >= low)
    else:
        for i in range(n):
            members[i] &= np.uint8((values[i] >= low) & (values[i] < high))


@njit(cache=True, nogil=True, error_model="numpy")
def _outline(program: Any, row: int, x: Any, y: Any, n: int, inside: Any) -> None:
    """Count, modulo two, the edges that a ray to the right of each point crosses."""
    inside[:n] = 0
    last = program.begin[row + 1] - 1
    for v in range(program.begin[row], program.begin[row + 1]):
        x1, y1, x2, y2 = program.x[last], program.y[last], program.x[v], program.y[v]
        last = v
        if y1 < y2:
            for i in range(n):
                side = (x2 - x1) * (y[i] - y1) - (x[i] - x1) * (y2 - y1)
                inside[i] ^= np.uint8(((y[i] >= y1) != (y[i] >= y2)) & (side > 0))
        elif y1 > y2:
            for i in range(n):
                side = (x2 - x1) * (y[i] - y1) - (x[i] - x1) * (y2 - y1)
                inside[i] ^= np.uint8(((y[i] >= y1) != (y[i] >= y2)) & (side < 0))


@njit(cache=True, nogil=True, error_model="numpy")
def _combine(program: Any, row: int, n: int, members: Any, inside: Any) -> None:
    """Take from a Boolean population's members those that its operands do not give it."""
    kind, first = program.kind[row], program.first[row]
    inside[:n] = members[program.place[first], :n]
    for k in range(first + 1, program.first[row + 1]):
        operand = members[program.place[k]]
        for i in range(n):
            inside[i] = inside[i] | operand[i] if kind == OR else inside[i] & operand[i]
    for i in range(n):
        members[row, i] &= 1 - inside[i] if kind == NOT else inside[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(members: Any, n: int) -> int:
    total = 0
    for i in range(n):
        total += members[i]
    return total
