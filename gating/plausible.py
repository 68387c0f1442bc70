"""What would be counted if thresholds lay elsewhere, as they well might.

A threshold has a spread: where it would lie if the events it was fitted on were drawn anew. Here all thresholds that
a population rests on are moved at once, many times, and the events counted again; nothing is fitted anew. Thresholds
that rest on the same evidence move together: the four quadrants of one pair, and every sample held against one tube.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gating.gates import BooleanGate
from gating.populations import GatedSample, Population
from gating.template import ROOT
from gating.thresholds import Threshold
from gating.transforms import decade

__all__ = ["plausible_counts", "shifted_counts"]

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Members = NDArray[np.bool_]
Distances = Callable[[Threshold], Numbers]
"""How far each draw moves a threshold, (d,), display scale."""


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
    chosen, weights = _representatives(gated, fixed, list(moved.values()))
    events = gated.sample.events[chosen]
    known = {population.name: _inside(gated, population, events) for population in fixed}
    counts = np.empty((draws, len(populations)), dtype=np.int64)
    for draw in range(draws):
        members = {ROOT: np.ones(len(chosen), dtype=bool)}
        for population in chain:
            members[population.name] = members[population.parent] & _members(
                population, events, members, known, moved, draw
            )
        counts[draw] = [int(weights[members[name]].sum()) for name in populations]
    return counts


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
) -> tuple[NDArray[np.int64], Counts]:
    """Return events that stand for all others, and for how many.

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
    return np.append(alone, settled[first]), np.append(np.ones(len(alone), dtype=np.int64), counts)


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


def _members(
    population: Population,
    events: Numbers,
    members: Mapping[str, Members],
    known: Mapping[str, Members],
    moved: Mapping[str, _Moved],
    draw: int,
) -> Members:
    """Return which events one gating has in a population's own gate."""
    if isinstance(population.gate, BooleanGate):
        return population.gate.combine([members[name] for name in population.gate.operands])
    if population.name in known:
        return known[population.name]
    each = moved[population.name]
    if population.move is None:
        raise ValueError(f"{population.name}: its gate does not move")
    return population.move(each.values[draw].tolist()).contains(events[:, each.columns])
