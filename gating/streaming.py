"""Counting a tree of fixed gates while a file is read: nothing is kept but a block of events and the counts.

Where a person has drawn every gate, no gate has to wait for the events of others. A block is read, only the detectors
that a gate looks at are compensated, each population of the block is made from those above it, and counted. Values are
the 64-bit numbers that :func:`gating.gate_sample` looks at, summed in the same order, so every event is on the same
side of every gate, whatever the size of a block.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating.compensation import Spillover, unmixing
from gating.compiled import Counter, Program, program_of
from gating.fcs.reader import FCSFile
from gating.gates import BooleanGate
from gating.populations import GatedSample
from gating.template import ROOT, GatingTemplate

__all__ = ["FIXED_METHODS", "CountedPopulation", "CountedSample", "count_blocks", "is_fixed"]

FIXED_METHODS = ("range", "rectangle", "polygon", "ellipse")
"""Gates that a template gives in numbers: no event has a say in them."""
BLOCK_BYTES = 1 << 20
"""Read at a time: its columns stay in the processor's second cache while all gates look at them. Compiled code takes
fewer events at a time: it reads a quarter, which the cache still has when it comes to it."""


@dataclass(frozen=True, slots=True)
class CountedPopulation:
    """How many events a population has; not which."""

    name: str
    parent: str
    count: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CountedSample:
    """The populations of a sample, root first, in the order of the template."""

    populations: Mapping[str, CountedPopulation]

    def count(self, population: str) -> int | None:
        """Events in a population; None where the sample lacks its channels."""
        found = self.populations.get(population)
        return found.count if found else None


def is_fixed(template: GatingTemplate) -> bool:
    """Tell whether no gate of a template depends on the events."""
    return all(row.boolean is not None or row.method in FIXED_METHODS for row in template.rows)


def count_blocks(
    file: FCSFile,
    placed: GatedSample,
    spillover: Spillover | None,
    *,
    block_bytes: int = BLOCK_BYTES,
    counter: Counter | None = None,
) -> CountedSample:
    """Count the populations of a file, a block of events at a time.

    Parameters
    ----------
    file
        Open; its events are read from the first to the last.
    placed
        None of the file's events, with all of its channels, gated: its gates are those to apply.
    spillover
        To take out; None where ``placed`` was declared to need no compensation, or looks at no fluorescence.
    block_bytes
        Read at a time. The counts do not depend on it.
    counter
        From :func:`gating.compiled.counter`: counts in less time, and the same; not used where it cannot be.

    Raises
    ------
    FCSError
        If the file ends early, or more than 1 % of its events have a value that is not finite.
    """
    names = [channel.name for channel in placed.sample.channels]
    gated = [p.gate for p in placed.populations.values() if p.gate is not None and not isinstance(p.gate, BooleanGate)]
    looked_at = dict.fromkeys(name for gate in gated for name in gate.channels)
    mixed = [name for name in looked_at if spillover is not None and name in spillover.channels]
    sources = spillover.channels if spillover is not None and mixed else ()
    read = [name for name in names if name in looked_at or name in sources]
    weights = unmixing(spillover) if spillover is not None and mixed else None
    plain = counter is not None and file.is_plain
    index = {name: i for i, name in enumerate(names if plain else read)}
    program = None if counter is None else program_of(placed.populations, index, sources, weights)
    if counter is not None and program is not None:
        blocks = file.plain_blocks(block_bytes // 4) if plain else file.finite_blocks(read, block_bytes)
        counts = _compiled_counts(blocks, program, counter)
    else:
        counts = np.zeros(len(placed.populations), dtype=np.int64)
        for events in file.finite_blocks(read, block_bytes):
            block = _Block(events, {name: i for i, name in enumerate(read)}, sources, weights)
            counts += [np.count_nonzero(members) for members in _members(placed, block)]
    populations = {
        name: CountedPopulation(name, population.parent, count, population.flags)
        for (name, population), count in zip(placed.populations.items(), counts.tolist(), strict=True)
    }
    return CountedSample(MappingProxyType(populations))


def _compiled_counts(blocks: Iterator[NDArray[Any]], program: Program, counter: Counter) -> NDArray[np.int64]:
    counts = np.zeros(len(program.parent), dtype=np.int64)
    for table in blocks:
        counter(table, program, counts)
    return counts


@dataclass(slots=True, eq=False)
class _Block:
    """Some events; a detector of the matrix is compensated when it is first looked at."""

    events: NDArray[np.float64]
    index: Mapping[str, int]
    sources: Sequence[str]
    weights: NDArray[np.float64] | None
    """(k, k): what each source gives to each target."""
    compensated: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one channel, linear, compensated where the matrix has it."""
        if self.weights is None or name not in self.sources:
            return self.events[:, self.index[name]]
        if name not in self.compensated:
            self.compensated[name] = self._compensate(self.weights[:, self.sources.index(name)])
        return self.compensated[name]

    def _compensate(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a weighted sum of the sources, in the order in which :func:`gating.compensate` sums them."""
        total, part = np.zeros(len(self.events)), np.empty(len(self.events))
        for source, weight in zip(self.sources, weights, strict=True):
            if weight:
                total += np.multiply(self.events[:, self.index[source]], weight, out=part)
        return total


def _members(placed: GatedSample, block: _Block) -> Iterator[NDArray[np.bool_]]:
    """Yield each population's membership in a block, parents first."""
    members: dict[str, NDArray[np.bool_]] = {ROOT: np.ones(len(block.events), dtype=bool)}
    for name, population in placed.populations.items():
        gate = population.gate
        if isinstance(gate, BooleanGate):
            members[name] = members[population.parent] & gate.combine([members[each] for each in gate.operands])
        elif gate is not None:
            columns = np.stack([block.column(each) for each in gate.channels]).T
            members[name] = members[population.parent] & gate.contains(columns)
        yield members[name]
