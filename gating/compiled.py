"""A tree of fixed gates as arrays, for machine code to count by.

Where numba is installed and there are events enough to pay for loading it, :mod:`gating.kernels` counts in a third of
the time that numpy needs, and to the same event: sums are rounded alike and compared by the same rules. It is compiled
once and kept beside the source, or in the user's cache folder where that cannot be written to.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gating.gates import BooleanGate, Gate, PolygonGate, RangeGate, RectangleGate
from gating.populations import Population
from gating.transforms import Linear

__all__ = ["Program", "counter", "program_of"]

BOX, POLYGON, NOT, AND, OR = range(5)
"""The kinds of rows, as :mod:`gating.kernels` has them."""
OPERATIONS = {"not": NOT, "and": AND, "or": OR}
PAYS_FROM = 400_000_000
"""Bytes of events that numpy counts in the time in which numba is loaded."""

Counter = Callable[[NDArray[Any], "Program", NDArray[np.int64]], None]
"""Adds the events of a table, (n, columns) of finite floating-point numbers, to the counts of a program, (p,)."""


class Program(NamedTuple):
    """A tree of p populations, the root first and parents before children, that looks at c channels."""

    parent: NDArray[np.int64]
    kind: NDArray[np.int64]
    first: NDArray[np.int64]
    """(p + 1,), where the places of each row begin."""
    place: NDArray[np.int64]
    """A channel per dimension of a gate; a row per operand of a Boolean one."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """Limits per place: of the gate, or of the box around it."""
    begin: NDArray[np.int64]
    """(p + 1,), where the vertices of each row begin."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    needed: NDArray[np.int64]
    """Columns of the table that are looked at or summed."""
    column: NDArray[np.int64]
    """(c,), which of these a channel is."""
    begin_source: NDArray[np.int64]
    """(c + 1,), where the sources of each channel begin; one that is not compensated has none."""
    source: NDArray[np.int64]
    """Which of the columns needed are summed."""
    weight: NDArray[np.float64]


def counter(n_bytes: int) -> Counter | None:
    """Return the compiled count; None without numba, where it cannot compile, or where so few bytes do not pay for it.

    Parameters
    ----------
    n_bytes
        Of all events that are to be counted.
    """
    return _compiled() if n_bytes >= PAYS_FROM or "gating.kernels" in sys.modules else None


@cache
def _compiled() -> Counter | None:
    if find_spec("numba") is None:
        return None
    try:
        from gating.kernels import count
    except Exception:
        return None
    counts: Counter = count
    return counts if hasattr(count, "signatures") else None


def program_of(
    populations: Mapping[str, Population],
    columns: Mapping[str, int],
    sources: Sequence[str],
    weights: NDArray[np.float64] | None,
) -> Program | None:
    """Return a tree as arrays.

    Parameters
    ----------
    populations
        Root first, none refused.
    columns
        Of each channel, in the table.
    sources, weights
        The detectors of the matrix, and (k, k) what each of them gives to each; None where nothing is compensated.

    Returns
    -------
    Program or None
        None where a gate is an ellipse, or is drawn on a scale that is not linear.
    """
    gates = [population.gate for population in populations.values()]
    if not all(gate is None or _is_simple(gate) for gate in gates):
        return None
    rows = {name: i for i, name in enumerate(populations)}
    channels = list(dict.fromkeys(name for gate in gates if gate is not None for name in gate.channels))
    pieces = [_piece(gate, channels, rows) for gate in gates]
    summed = [_sources(name, columns, sources, weights) for name in channels]
    needed = sorted({columns[name] for name in channels} | {column for each in summed for column, _ in each})
    return Program(
        parent=np.array([rows.get(population.parent, 0) for population in populations.values()], dtype=np.int64),
        kind=np.array([piece.kind for piece in pieces], dtype=np.int64),
        first=_starts(piece.place for piece in pieces),
        place=np.array([each for piece in pieces for each in piece.place], dtype=np.int64),
        low=np.array([each for piece in pieces for each in piece.low], dtype=np.float64),
        high=np.array([each for piece in pieces for each in piece.high], dtype=np.float64),
        begin=_starts(piece.vertices for piece in pieces),
        x=np.array([x for piece in pieces for x, _ in piece.vertices], dtype=np.float64),
        y=np.array([y for piece in pieces for _, y in piece.vertices], dtype=np.float64),
        needed=np.array(needed, dtype=np.int64),
        column=np.array([needed.index(columns[name]) for name in channels], dtype=np.int64),
        begin_source=_starts(summed),
        source=np.array([needed.index(column) for each in summed for column, _ in each], dtype=np.int64),
        weight=np.array([weight for each in summed for _, weight in each], dtype=np.float64),
    )


class _Piece(NamedTuple):
    """One row of a program."""

    kind: int
    place: Sequence[int] = ()
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    vertices: Sequence[tuple[float, float]] = ()


def _piece(gate: Gate | BooleanGate | None, channels: Sequence[str], rows: Mapping[str, int]) -> _Piece:
    if gate is None:
        return _Piece(BOX)
    if isinstance(gate, BooleanGate):
        nowhere = [np.nan] * len(gate.operands)
        return _Piece(OPERATIONS[gate.operation], [rows[name] for name in gate.operands], nowhere, nowhere)
    place = [channels.index(name) for name in gate.channels]
    if isinstance(gate, PolygonGate):
        low, high = gate.vertices.min(axis=0).tolist(), gate.vertices.max(axis=0).tolist()
        return _Piece(POLYGON, place, low, high, [(x, y) for x, y in gate.vertices.tolist()])
    if isinstance(gate, RangeGate):
        return _Piece(BOX, place, (gate.minimum,), (gate.maximum,))
    if isinstance(gate, RectangleGate):
        return _Piece(BOX, place, gate.minimum, gate.maximum)
    raise TypeError(f"{gate.kind}: a gate that is not compiled")


def _is_simple(gate: Gate | BooleanGate) -> bool:
    """Tell whether a gate needs nothing but sums and comparisons of linear values."""
    if isinstance(gate, PolygonGate):
        return all(scale == Linear() for scale in gate.transforms)
    return isinstance(gate, RangeGate | RectangleGate | BooleanGate)


def _sources(
    name: str, columns: Mapping[str, int], sources: Sequence[str], weights: NDArray[np.float64] | None
) -> list[tuple[int, float]]:
    """Return column and weight of what is summed for a channel, in the order of the matrix."""
    if weights is None or name not in sources:
        return []
    given = zip(sources, weights[:, list(sources).index(name)].tolist(), strict=True)
    return [(columns[source], weight) for source, weight in given if weight]


def _starts(parts: Iterable[Sequence[Any]]) -> NDArray[np.int64]:
    """Return where each part begins when all stand in a row, and where the last ends."""
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)
