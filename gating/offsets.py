"""Two cuts that depend on each other: the first channel's above and below the second's, each at its own valley.

A person who gates memory cells draws CD45RA first, then CCR7 or CD62L among CD45RA+ cells (naive from effector) and
among CD45RA- cells (central from effector memory), seldom at the same place. Each half is simpler than the whole:
the naive peak does not fill the valley between effector and central memory, so valleys show that the whole has not.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gating.density import (
    Density,
    Valley,
    deepest_valley,
    estimate_density,
    floor_spread,
    resample_valley,
    top_valley,
    widest_split,
)
from gating.tally import Tally, keyed, tally
from gating.transforms import Transform

__all__ = ["Line", "Offsets", "fit_offsets"]

GRID = 512
"""Bins on each axis: a density is smoothed over ten of them or more, so the place of a cut is not theirs."""
ROUNDS = 8
"""Most times the cuts are placed anew; most pairs settle in two or three."""
MAX_DEPTH = 0.9
"""Of 4,000 simulated single populations of 500 to 10,000 events, normal, skewed, heavy-tailed or a ramp, none has
a valley that is less deep than this; at 0.95 two in a hundred of the heavy-tailed have."""
MIN_SHARE = 0.02
"""Share of a half on the smaller side of a cut: fewer are a tail, not a population with a peak of its own."""
MIN_EVENTS = 500
"""Fewer than this in a half, and the cut moves by more than 2 points of it between resamples."""

_ENDS = (0.0005, 0.9995)
"""Quantiles between which the bins lie."""

Counts = NDArray[np.int64]
Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
Find = Callable[..., Valley | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A cut on one axis within one part of the plane."""

    position: float
    """Display scale."""
    depth: float
    """Density at the valley over that at its lower peak: 0 clean, 1 none."""
    spread: float
    """Standard deviation of the position over resamples, display scale."""
    share: float
    """Share of resamples that have the valley."""
    n: int
    """Events it was fitted on."""
    shared: bool = False
    """Whether it is that of all events, or the other half's, since this half has no valley of its own."""


@dataclass(frozen=True, slots=True)
class Offsets:
    """The second channel's cut, and the first channel's among events at or above it, and below it."""

    second: Line
    first_above: Line
    first_below: Line


def fit_offsets(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    scales: tuple[Transform, Transform],
    *,
    smoothing: float = 1.5,
    tallies: tuple[Tally, Tally] | None = None,
    names: tuple[str, str] = ("the first channel", "the second channel"),
) -> Offsets | str:
    """Place the three cuts where each is a valley given the others.

    From a first split of the first channel (its valley; where it has none, the split of largest variance between
    the sides, which only starts the search) the second channel is cut among events positive for the first, below its
    brightest population; then the first channel within each half; and so on until nothing moves. Where positive
    events have no such valley, all events may have it. A half without a valley takes the cut of all events, or else
    the other half's: an ordinary quadrant. Without any valley in one of the channels nothing is placed.

    Parameters
    ----------
    first, second
        (n,), linear, finite; the order of events does not matter.
    scales
        The display scales densities are estimated on.
    smoothing
        Factor on the rule-of-thumb bandwidth.
    tallies
        Of both channels, where they were counted already.
    names
        What the channels are called where there are no cuts.

    Returns
    -------
    Offsets or str
        The cuts on the display scales, or why there are none.
    """
    if len(first) < 2 * MIN_EVENTS:
        return f"{len(first)} events, needs {2 * MIN_EVENTS}"
    plane = _Plane.of((first, second), tallies or (tally(first), tally(second)), scales, smoothing, names)
    split = plane.first.valley.position if plane.first else plane.widest_split()
    cuts = _Cuts(split, split, -np.inf)
    for _ in range(ROUNDS):
        trial = plane.cut_anew(cuts)
        if isinstance(trial, str) or trial.cuts == cuts:
            break
        cuts = trial.cuts
    return trial if isinstance(trial, str) else trial.offsets()


@dataclass(frozen=True, slots=True)
class _Cuts:
    """Where the search stands: the first channel's cut above and below the second's."""

    above: float
    below: float
    across: float


@dataclass(frozen=True, slots=True)
class _Found:
    """A valley, and the density it lies in."""

    density: Density
    valley: Valley


@dataclass(frozen=True, slots=True)
class _Trial:
    """Three valleys; a half of the second channel has its own, or the other's."""

    across: _Found
    above: _Found
    below: _Found
    shared: tuple[bool, bool]
    """Whether the half above, and that below, has none of its own."""

    @property
    def cuts(self) -> _Cuts:
        """Where the valleys lie."""
        return _Cuts(self.above.valley.position, self.below.valley.position, self.across.valley.position)

    def offsets(self) -> Offsets:
        """Return the lines, each with how far it moves when the events are drawn anew."""
        halves = zip((self.above, self.below), self.shared, strict=True)
        above, below = (replace(_line(found), shared=shared) for found, shared in halves)
        return Offsets(_line(self.across), above, below)


def _line(found: _Found) -> Line:
    drawn, share = resample_valley(found.density, found.valley, max_depth=MAX_DEPTH)
    spread = float(np.hypot(drawn, floor_spread(found.density, found.valley)))
    valley = found.valley
    return Line(valley.position, valley.depth, spread, share, int(found.density.counts.sum()))


@dataclass(frozen=True, eq=False)
class _Plane:
    """Events counted into squares, so that each part of the plane is a sum of rows or columns."""

    counts: Counts
    """(512, 512), the first channel along the first axis."""
    edges: tuple[NDArray[np.float64], NDArray[np.float64]]
    smoothing: float
    names: tuple[str, str]
    """What messages call the channels."""

    @classmethod
    def of(
        cls,
        columns: Pair,
        tallies: tuple[Tally, Tally],
        scales: tuple[Transform, Transform],
        smoothing: float,
        names: tuple[str, str],
    ) -> "_Plane":
        """Count linear events; the outermost squares take the far outliers."""
        ends = [scale(one.quantiles(*_ENDS)) for one, scale in zip(tallies, scales, strict=True)]
        first, second = (np.linspace(low, high, GRID - 1) for low, high in ends)
        rows, cells = (
            keyed(columns[0]).places(scales[0].inverse(first)),
            keyed(columns[1]).places(scales[1].inverse(second)),
        )
        counts = np.bincount(rows * GRID + cells, minlength=GRID * GRID).reshape(GRID, GRID)
        return cls(counts, (first, second), smoothing, names)

    @cached_property
    def first(self) -> _Found | None:
        """The first channel's valley among all events."""
        return self.valley(self.counts.sum(axis=1), 0, deepest_valley)

    def centres(self, axis: int) -> NDArray[np.float64]:
        """Return the middle of each bin, (512,)."""
        edge = self.edges[axis]
        half = (edge[1] - edge[0]) / 2
        return np.append(edge - half, edge[-1] + half)

    def valley(self, counts: Counts, axis: int, find: Find) -> _Found | None:
        """Look for a valley in one part of the plane, summed along the other axis."""
        if counts.sum() < MIN_EVENTS:
            return None
        density = estimate_density(self.centres(axis), smoothing=self.smoothing, counts=counts)
        valley = find(density, max_depth=MAX_DEPTH, min_share=MIN_SHARE)
        return None if valley is None else _Found(density, valley)

    def cut_anew(self, cuts: _Cuts) -> _Trial | str:
        """Place each cut given the others."""
        whole = self.counts.sum(axis=0)
        across = self.valley(self.positives(cuts), 1, top_valley) or self.valley(whole, 1, top_valley)
        if across is None:
            first, second = self.names
            return f"no valley in {second}, neither among events positive for {first} nor among all"
        above, below = (self.valley(half, 0, deepest_valley) for half in self.halves(across.valley.position))
        common = self.first or above or below
        if common is None:
            return f"no valley in {self.names[0]}, in neither half of {self.names[1]}"
        return _Trial(across, above or common, below or common, (above is None, below is None))

    def positives(self, cuts: _Cuts) -> Counts:
        """Sum along the first axis what is at or above its cut, (512,) along the second."""
        above, below = np.searchsorted(self.edges[0], [cuts.above, cuts.below])
        upper = np.searchsorted(self.centres(1), cuts.across)
        lower_part = self.counts[below:, :upper].sum(axis=0)
        return np.concatenate([lower_part, self.counts[above:, upper:].sum(axis=0)])

    def halves(self, across: float) -> tuple[Counts, Counts]:
        """Sum along the second axis what is at or above a cut on it, and what is below."""
        upper = np.searchsorted(self.centres(1), across)
        return self.counts[:, upper:].sum(axis=1), self.counts[:, :upper].sum(axis=1)

    def widest_split(self) -> float:
        """Split the first axis where the variance between the sides is largest."""
        return float(self.edges[0][widest_split(self.counts.sum(axis=1), self.centres(0))])
