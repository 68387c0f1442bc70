"""What would be counted if thresholds lay elsewhere, as they well might.

A threshold has a spread: where it would lie if the events it was fitted on were drawn anew. Here all thresholds that
a population rests on are moved at once, many times, and the events counted again; nothing is fitted anew. Thresholds
that rest on the same evidence move together: the four quadrants of one pair, and every sample held against one tube.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from gating.gates import BooleanGate, QuadrantGate, RangeGate
from gating.populations import GatedSample, Population
from gating.template import ROOT
from gating.thresholds import Threshold
from gating.transforms import decade

__all__ = ["plausible_counts", "shifted_counts"]

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Members = NDArray[np.bool_]
Draws = NDArray[np.uint8]
"""Membership in every draw: (n, bytes), a bit per draw; or (n, 1) of whole bytes where all draws agree."""
Distances = Callable[[Threshold], Numbers]
"""How far each draw moves a threshold, (d,), display scale."""
_BLOCK = 255
"""Events counted at a time."""


def plausible_counts(gated: GatedSample, populations: Sequence[str], *, draws: int) -> Counts:
    """Count populations in gatings that could as well have been made.

    Each threshold is moved by its own spread times a standard normal number. The numbers come from a generator whose
    seed is the threshold itself: channel, population and value. Two samples whose threshold is the same number have it
    from the same evidence, a control tube, a reference or their batch, and it moves in both alike; thresholds of the
    samples' own events differ. Neither the order of samples nor the names of files matter.

    Parameters
    ----------
    gated
        The sample, gated.
    populations
        Populations that were not refused.
    draws
        Number of gatings, d.

    Returns
    -------
    (d, k)
        Events in each of the k populations.
    """

    def distances(threshold: Threshold) -> Numbers:
        evidence = (threshold.marker, threshold.on, threshold.within, threshold.value.hex())
        return threshold.spread * _generator(evidence).standard_normal(draws)

    return _recount(gated, populations, distances, draws)


def shifted_counts(gated: GatedSample, populations: Sequence[str], shifts: Sequence[Mapping[str, float]]) -> Counts:
    """Count populations with every threshold on some channels moved by the same number of decades.

    Parameters
    ----------
    gated, populations
        As for :func:`plausible_counts`.
    shifts
        Decades by channel, as the template names it; one gating each.

    Returns
    -------
    (len(shifts), k)
        Events in each of the k populations.
    """

    def distances(threshold: Threshold) -> Numbers:
        return decade(threshold.scale) * np.array([shift.get(threshold.marker, 0.0) for shift in shifts])

    return _recount(gated, populations, distances, len(shifts))


def _generator(evidence: Sequence[str]) -> np.random.Generator:
    digest = hashlib.blake2b("\x1f".join(evidence).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """A population whose gate moves: the linear values of its thresholds in each draw, (d, thresholds)."""

    population: Population
    values: Numbers
    columns: tuple[int, ...]


def _recount(gated: GatedSample, populations: Sequence[str], distances: Distances, draws: int) -> Counts:
    chain = list(_chain(gated, populations))
    moved = {found.population.name: found for found in _moved(gated, chain, distances)}
    fixed = [
        population
        for population in chain
        if population.name not in moved and not isinstance(population.gate, BooleanGate)
    ]
    chosen, alone, weights = _representatives(gated, fixed, list(moved.values()))
    events = gated.sample.events[chosen]
    sides = _Sides(events, draws)
    members: dict[str, Draws] = {ROOT: np.full((len(events), 1), 255, dtype=np.uint8)}
    for population in chain:
        gate = population.gate
        if isinstance(gate, BooleanGate):
            inside = _combined(gate, [members[name] for name in gate.operands])
        elif population.name in moved:
            inside = sides.within(moved[population.name])
        else:
            inside = _in_all_draws(_inside(gated, population, events))
        members[population.name] = members[population.parent] & inside
    return np.column_stack([_counted(members[name], alone, weights, draws) for name in populations])


def _in_all_draws(members: Members) -> Draws:
    """Return membership that no draw changes, (n, 1): it stands for all bytes of a row."""
    return np.where(members, np.uint8(255), np.uint8(0))[:, None]


def _combined(gate: BooleanGate, operands: Sequence[Draws]) -> Draws:
    """Return what :meth:`gating.gates.BooleanGate.combine` does, in every draw."""
    if gate.operation == "not":
        return np.bitwise_not(operands[0])
    return reduce(np.bitwise_and if gate.operation == "and" else np.bitwise_or, operands)


def _counted(members: Draws, alone: int, weights: Counts, draws: int) -> Counts:
    """Return how many events each draw has, (draws,): the first rows stand for themselves, the others by weight."""
    members = np.broadcast_to(members, (len(members), -(-draws // 8)))
    total = np.zeros(draws, dtype=np.int64)
    for start in range(0, alone, _BLOCK):
        bits = np.unpackbits(members[start : min(start + _BLOCK, alone)], axis=1, count=draws)
        total += bits.sum(axis=0, dtype=np.uint8)  # a block has no more events than a byte can count
    settled = np.unpackbits(members[alone:], axis=1, count=draws)
    return total + weights @ settled.astype(np.int64)


@dataclass(slots=True, eq=False)
class _Sides:
    """On which side of moving thresholds events lie, a bit per draw; quadrants that share a threshold share the bits.

    Among the values of a threshold in all draws, in ascending order, an event has one rank, and that says on which
    side it is in each of them.
    """

    events: Numbers
    draws: int
    known: dict[tuple[int, bytes], Draws] = field(default_factory=dict)

    def within(self, moved: _Moved) -> Draws:
        """Return the events within a moving gate, (n, bytes)."""
        gate, move, values = moved.population.gate, moved.population.move, moved.values
        if gate is None or isinstance(gate, BooleanGate) or move is None:
            raise ValueError(f"{moved.population.name}: its gate does not move")
        thresholds = tuple(threshold.value for threshold in moved.population.thresholds)
        if isinstance(gate, QuadrantGate) and gate.thresholds == thresholds:
            parts = [
                self.above(column, limits) if sign == "+" else self.below(column, limits)
                for column, limits, sign in zip(moved.columns, values.T, gate.signs, strict=True)
            ]
            return parts[0] & parts[1]
        if isinstance(gate, RangeGate) and thresholds == (gate.minimum,) and gate.maximum == np.inf:
            return self.above(moved.columns[0], values[:, 0])
        if isinstance(gate, RangeGate) and thresholds == (gate.maximum,) and gate.minimum == -np.inf:
            return self.below(moved.columns[0], values[:, 0])
        gates = [move(each) for each in values.tolist()]
        return np.packbits([one.contains(self.events[:, moved.columns]) for one in gates], axis=0).T

    def above(self, column: int, limits: Numbers) -> Draws:
        """Return the events at or above a limit in each draw, (n, bytes); NaN is in none."""
        key = (column, limits.tobytes())
        if key not in self.known:
            order = np.argsort(limits, kind="stable")
            values = self.events[:, column]
            ranks = np.searchsorted(limits[order], values, side="right")
            reached = np.zeros((self.draws + 1, self.draws), dtype=bool)
            reached[:, order] = np.tri(self.draws + 1, self.draws, -1, dtype=bool)
            self.known[key] = np.packbits(reached, axis=1)[np.where(np.isnan(values), 0, ranks)]
        return self.known[key]

    def below(self, column: int, limits: Numbers) -> Draws:
        """Return the events below a limit in each draw, (n, bytes); NaN is in none."""
        return np.bitwise_not(self.above(column, limits)) & _in_all_draws(~np.isnan(self.events[:, column]))


def _chain(gated: GatedSample, populations: Sequence[str]) -> Iterator[Population]:
    """Yield every population that membership of the given ones rests on, parents first."""
    wanted, waiting = set(), list(populations)
    while waiting:
        name = waiting.pop()
        if name != ROOT and name not in wanted:
            wanted.add(name)
            found = gated.populations[name]
            operands = found.gate.operands if isinstance(found.gate, BooleanGate) else ()
            waiting += [found.parent, *operands]
    return (population for name, population in gated.populations.items() if name in wanted)


def _moved(gated: GatedSample, chain: Sequence[Population], distances: Distances) -> Iterator[_Moved]:
    """Yield the populations with a threshold that some draw moves."""
    index = {channel.name: i for i, channel in enumerate(gated.sample.channels)}
    for population in chain:
        if population.move is None or population.gate is None or isinstance(population.gate, BooleanGate):
            continue
        far = np.column_stack([distances(threshold) for threshold in population.thresholds])
        if far.any():
            values = np.column_stack(
                [_linear(threshold, column) for threshold, column in zip(population.thresholds, far.T, strict=True)]
            )
            yield _Moved(population, values, tuple(index[name] for name in population.gate.channels))


def _linear(threshold: Threshold, distances: Numbers) -> Numbers:
    """Return where a threshold lies in each draw; one that is not moved keeps its value to the last bit."""
    place = threshold.scale([threshold.value])[0] + distances
    return np.where(distances == 0, threshold.value, threshold.scale.inverse(place))


def _representatives(
    gated: GatedSample, fixed: Sequence[Population], moved: Sequence[_Moved]
) -> tuple[NDArray[np.int64], int, Counts]:
    """Return events that stand for all others: first those that stand for themselves, then, and for how many, the rest.

    An event that no draw moves across any threshold has the same fate in all of them as every event on the same sides
    of all thresholds, and within the same gates that do not move: one stands for them. The others stand for
    themselves. A value that is not a number is on neither side.
    """
    events = gated.sample.events
    pattern = np.zeros(len(events), dtype=np.int64)
    moving = np.zeros(len(events), dtype=bool)
    bits = [_inside(gated, population, events) for population in fixed]
    limits = {
        (column, float(values.min()), float(values.max()))
        for each in moved
        for column, values in zip(each.columns, each.values.T, strict=True)
    }
    for column, low, high in sorted(limits):
        above = events[:, column] >= high
        moving |= (events[:, column] >= low) & ~above
        bits += [above, np.isnan(events[:, column])]
    for bit in bits:
        pattern = _joined(pattern, bit)
    alone = np.flatnonzero(moving)
    settled = np.flatnonzero(~moving)
    _, first, counts = np.unique(pattern[settled], return_index=True, return_counts=True)
    return np.append(alone, settled[first]), len(alone), counts


def _joined(pattern: NDArray[np.int64], bit: Members) -> NDArray[np.int64]:
    """Add a bit to a pattern; numbered anew before 62 of them would overflow."""
    wider = 2 * pattern + bit
    return wider if wider.max(initial=0) < 2**61 else np.unique(wider, return_inverse=True)[1]


def _inside(gated: GatedSample, population: Population, events: Numbers) -> Members:
    """Return the events within a population's own gate, not those above it."""
    gate = population.gate
    if gate is None or isinstance(gate, BooleanGate):
        raise ValueError(f"{population.name}: no gate on channels; a refused population cannot be counted")
    index = [channel.name for channel in gated.sample.channels]
    return gate.contains(events[:, [index.index(name) for name in gate.channels]])
