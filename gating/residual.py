"""What compensation left in, or took out too much of: seen on the samples themselves, without controls.

After the right compensation, events that are bright in one detector and negative in another are as bright there as
other negatives, however bright in the first. If the matrix has too little, they rise with it; if too much, they fall.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gating.density import deepest_valley, estimate_density
from gating.transforms import Transform, estimate_logicle

__all__ = ["ResidualSpillover", "residual_spillover"]

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
    """Whether they move in proportion to the source's signal, as light does, from near zero on."""

    @property
    def visible(self) -> bool:
        """Whether they move in proportion, by their own width or more, and by three standard errors."""
        return self.linear and abs(self.shift) >= self.spread and abs(self.slope) > 3 * self.error


@dataclass(frozen=True, slots=True)
class _Negatives:
    """The lowest population of some events in one detector."""

    median: float
    spread: float
    n: int
    share: float


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
    columns = columns[np.isfinite(columns).all(axis=1)]
    if len(columns) < LEAST_POSITIVE:
        return ()
    scales = [estimate_logicle(columns[:, i], top=top) for i, top in enumerate(tops)]
    shown = [scale(column) for scale, column in zip(scales, columns.T, strict=True)]
    found = []
    for i, source in enumerate(detectors):
        parts = _parts(columns[:, i], shown[i], scales[i], tops[i])
        for j, target in enumerate(detectors):
            if parts and i != j:
                pair = _pair(source, target, columns[:, i], columns[:, j], parts, shown[j])
                found += [pair] if pair is not None else []
    return tuple(found)


def _parts(values: Numbers, shown: Numbers, scale: Transform, top: float) -> list[NDArray[np.intp]]:
    """Return the positive events, cut by brightness into equal parts; none where positives cannot be told."""
    valley = deepest_valley(estimate_density(shown), max_depth=MAX_DEPTH)
    if valley is None:
        return []
    cut = float(scale.inverse(np.array([valley.position]))[0])
    chosen = np.flatnonzero((values > cut) & (values < BELOW_THE_TOP * top))
    if len(chosen) < LEAST_POSITIVE:
        return []
    return np.array_split(chosen[np.argsort(values[chosen], kind="stable")], PARTS)


def _pair(
    source: str, target: str, x: Numbers, y: Numbers, parts: Sequence[NDArray[np.intp]], shown: Numbers
) -> ResidualSpillover | None:
    """Measure one pair; None where the target has no comparable negatives."""
    negatives = [_negatives(y[part], shown[part]) for part in parts]
    shares = [one.share for one in negatives]
    if min(one.n for one in negatives) < LEAST_NEGATIVE or max(shares) > ALIKE * min(shares):
        return None
    bright = [float(np.median(x[part])) for part in parts]
    low, middle, high = (one.median for one in negatives)
    distance = bright[-1] - bright[0]
    slope = (high - low) / distance
    halves = (middle - low) / (bright[1] - bright[0]), (high - middle) / (bright[2] - bright[1])
    straight = halves[0] * halves[1] > 0 and 1 / STRAIGHT <= halves[0] / halves[1] <= STRAIGHT
    from_zero = abs(low - slope * bright[0]) <= abs(slope) * bright[-1]
    errors = [np.sqrt(np.pi / 2 / one.n) * one.spread for one in (negatives[0], negatives[-1])]
    return ResidualSpillover(
        source=source,
        target=target,
        slope=slope,
        error=float(np.hypot(*errors)) / distance,
        shift=high - low,
        spread=negatives[0].spread,
        n=sum(len(part) for part in parts),
        linear=bool(straight and from_zero and abs(slope) < STEEPEST),
    )


def _negatives(values: Numbers, shown: Numbers) -> _Negatives:
    """Return the lowest population: the events below the valley, or all where there is none."""
    valley = deepest_valley(estimate_density(shown), max_depth=MAX_DEPTH, min_share=LEAST_SHARE)
    low = values if valley is None else values[shown < valley.position]
    median = float(np.median(low))
    return _Negatives(median, float(1.4826 * np.median(np.abs(low - median))), len(low), len(low) / len(values))
