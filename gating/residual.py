"""What compensation left in, or took out too much of: seen on the samples themselves, without controls.

After the right compensation, events that are bright in one detector and negative in another are as bright there as
other negatives, however bright in the first. If the matrix has too little, they rise with it; if too much, they fall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gating.density import deepest_valley, estimate_density
from gating.tally import Keyed, Tally, keyed
from gating.transforms import estimate_logicle

__all__ = ["ResidualSpillover", "residual_spillover"]

BINS = 2048
"""Of each channel, on its scale: a hundred in the spread of its negatives."""
PARTS = 3
"""Parts of the positives by brightness: two say how steep, the third whether it is a line."""
LEAST_POSITIVE = 300
"""Events: a hundred in each part."""
LEAST_NEGATIVE = 50
"""Events of a part that are negative in the target: their median is then known to a sixth of their spread."""
MAX_DEPTH = 0.7
"""Of a valley between negatives and positives, as density over that of the lower peak."""
LEAST_SHARE = 0.05
"""Of a part's events on either side of a valley."""
ALIKE = 2.0
"""Ratio between the parts' shares of negatives, above which the parts are not compared: the division differs."""
STRAIGHT = 3.0
"""Ratio between the slopes of the lower and of the upper half, above which it is no line: expression, not light."""
STEEPEST = 1.0
"""Slope from which on it is no spillover: the target would be brighter than the stain's own detector. It is seen where
target and source are exchanged."""
BELOW_THE_TOP = 0.9
"""Share of a detector's range up to which events are used: near the top it shows less than there is."""
MEDIAN_DEVIATION = 1.4826
"""Standard deviations of a normal distribution per median absolute deviation."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ResidualSpillover:
    """How the negatives of one detector move with the signal of another."""

    source: str
    target: str
    slope: float
    """Share of the source's signal: positive, too little was taken out; negative, too much."""
    error: float
    """Standard error of the slope."""
    shift: float
    """Linear: how far the negatives move from the dimmest third of the source's positives to the brightest."""
    spread: float
    """Robust standard deviation of the negatives in the dimmest third."""
    n: int
    """Positive events of the source."""
    linear: bool
    """Whether they move by their own width or more, and in proportion to the source's signal, as light does, from near
    zero on."""

    @property
    def visible(self) -> bool:
        """Whether they move in proportion, and by three standard errors."""
        return self.linear and abs(self.slope) > 3 * self.error


@dataclass(frozen=True, slots=True)
class _Negatives:
    """The lowest population of some events in one detector."""

    median: float
    spread: float
    n: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class _Channel:
    """One detector: its events by value, and its values on its scale."""

    name: str
    events: Keyed
    shown: Numbers
    """(k,), display scale."""
    counts: NDArray[np.int64]
    """(k,), events that have each value."""
    limit: float
    """Linear: events from here on are too near the top."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Positive events of one brightness."""

    events: NDArray[np.intp]
    median: float


def residual_spillover(
    values: ArrayLike, detectors: Sequence[str], tops: Sequence[float]
) -> tuple[ResidualSpillover, ...]:
    """Measure how the negatives of each detector move with the signal of each other.

    The positives of the source, above the valley of its density, are cut into thirds by brightness. In each the lowest
    population of the target is taken: what lies below the valley, or all events. Its median must rise or fall in
    proportion to the source's signal. A marker that is expressed together with another rises too, but not from zero.

    Parameters
    ----------
    values
        (n, k), linear, compensated; the events of one kind of cell, without debris and dead cells where possible.
    detectors
        What the k columns are called.
    tops
        Upper end of each linear scale ($PnR).

    Returns
    -------
    tuple of ResidualSpillover
        Of the pairs that can be judged: the source has positives, and the target negatives among them, as many in each
        third. A pair that is always expressed together cannot.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> cd3 = np.where(np.arange(9000) % 2, rng.lognormal(9.5, 0.4, 9000), rng.normal(100, 60, 9000))
    >>> cd19 = rng.normal(100, 60, 9000) + 0.05 * cd3
    >>> found = residual_spillover(np.column_stack([cd3, cd19]), ("CD3", "CD19"), (262144, 262144))
    >>> [(pair.source, pair.target, round(pair.slope, 2)) for pair in found if pair.visible]
    [('CD3', 'CD19', 0.05)]
    """
    columns = np.asarray(values, dtype=np.float64)
    known = np.isfinite(columns).all(axis=1)
    if np.count_nonzero(known) < LEAST_POSITIVE:
        return ()
    channels = [
        _channel(name, column[known], top) for name, column, top in zip(detectors, columns.T, tops, strict=True)
    ]
    found = []
    for source in channels:
        parts = _parts(source)
        for target in channels:
            if parts and target is not source:
                pair = _pair(source, target, parts)
                found += [pair] if pair is not None else []
    return tuple(found)


def _channel(name: str, values: Numbers, top: float) -> _Channel:
    """Return a channel with its events by bins of equal width on its scale."""
    exact = keyed(values)
    scale = estimate_logicle(exact.tally(), top=top)
    low, high = scale(exact.values[[0, -1]])
    edges = np.linspace(low, high, BINS + 1) if high > low else np.linspace(low - 0.5, low + 0.5, BINS + 1)
    shown = (edges[:-1] + edges[1:]) / 2
    events = Keyed(exact.places(scale.inverse(edges[1:-1])).astype(np.int32), scale.inverse(shown))
    return _Channel(name, events, shown, np.bincount(events.keys, minlength=BINS), BELOW_THE_TOP * top)


def _parts(source: _Channel) -> list[_Part]:
    """Return the positive events, cut by brightness into equal parts; none where positives cannot be told."""
    valley = deepest_valley(estimate_density(source.shown, counts=source.counts), max_depth=MAX_DEPTH)
    if valley is None:
        return []
    first = int(np.searchsorted(source.shown, valley.position, side="right"))
    stop = int(np.searchsorted(source.events.values, source.limit))
    below = np.cumsum(source.counts[first:stop])
    if stop <= first or below[-1] < LEAST_POSITIVE:
        return []
    inner = first + np.searchsorted(below, below[-1] * np.arange(1, PARTS) / PARTS)
    return [_part(source, start, end) for start, end in pairwise([first, *inner.tolist(), stop])]


def _part(source: _Channel, start: int, stop: int) -> _Part:
    """Return the events whose value is one of a range, by its number."""
    keys, values = source.events.keys, source.events.values
    median = Tally(values[start:stop], source.counts[start:stop]).quantile(0.5)
    return _Part(np.flatnonzero((keys >= start) & (keys < stop)), median)


def _pair(source: _Channel, target: _Channel, parts: Sequence[_Part]) -> ResidualSpillover | None:
    """Measure one pair; None where the target has no comparable negatives."""
    dim, bright = parts[0], parts[-1]
    low, high = _negatives(target, dim.events), _negatives(target, bright.events)
    if not _comparable((low, high)) or not dim.median < bright.median:
        return None
    distance, shift = bright.median - dim.median, high.median - low.median
    slope = shift / distance
    errors = [np.sqrt(np.pi / 2 / one.n) * one.spread for one in (low, high)]
    from_zero = abs(low.median - slope * dim.median) <= abs(slope) * bright.median
    linear = abs(shift) >= low.spread and from_zero and abs(slope) < STEEPEST
    return ResidualSpillover(
        source=source.name,
        target=target.name,
        slope=slope,
        error=float(np.hypot(*errors)) / distance,
        shift=shift,
        spread=low.spread,
        n=sum(len(part.events) for part in parts),
        linear=bool(linear and _straight(target, parts, (low, high))),
    )


def _comparable(negatives: Sequence[_Negatives]) -> bool:
    """Tell whether parts have negatives enough, and like shares of them."""
    shares = [one.share for one in negatives]
    return min(one.n for one in negatives) >= LEAST_NEGATIVE and max(shares) <= ALIKE * min(shares)


def _straight(target: _Channel, parts: Sequence[_Part], ends: tuple[_Negatives, _Negatives]) -> bool:
    """Tell whether the negatives of the middle part lie on the line between the others."""
    low, high = ends
    middle = _negatives(target, parts[1].events)
    if not _comparable((low, middle, high)) or not parts[0].median < parts[1].median < parts[2].median:
        return False
    first = (middle.median - low.median) / (parts[1].median - parts[0].median)
    second = (high.median - middle.median) / (parts[2].median - parts[1].median)
    return first * second > 0 and 1 / STRAIGHT <= first / second <= STRAIGHT


def _negatives(target: _Channel, events: NDArray[np.intp]) -> _Negatives:
    """Return the lowest population: the events below the valley, or all where there is none."""
    counts = target.events.counts(events)
    present = np.flatnonzero(counts)
    shown, counts = target.shown[present], counts[present]
    valley = deepest_valley(estimate_density(shown, counts=counts), max_depth=MAX_DEPTH, min_share=LEAST_SHARE)
    stop = len(shown) if valley is None else int(np.searchsorted(shown, valley.position))
    low = Tally(target.events.values[present[:stop]], counts[:stop])
    median, deviation = low.median_and_deviation()
    return _Negatives(median, MEDIAN_DEVIATION * deviation, low.n, low.n / len(events))
