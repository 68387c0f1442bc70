"""Cuts that a person placed on one sample, carried to another: as they are, to a near valley, or by the shape.

Places are in decades, the scale that samples share (``gating.priors``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gating.priors import NO_PRIOR, Lesson, Prior, decades

__all__ = ["NOTHING_TAUGHT", "Reference", "Taught", "common_cut", "warped"]

PERSON_SPREAD = 0.1
"""Standard deviation between one person's cuts on samples of one centre, decades.
A single reference cannot tell it."""
_KERNEL = 0.1
"""Standard deviation, decades, of the kernel that smooths densities before they are warped."""
_STEP = 0.02
_REACH = 0.5
"""Decades that a place may be carried: farther, peaks would be matched with those of other cells."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A cut that a person placed on one sample."""

    sample: str
    cut: float
    """Linear scale."""
    who: str = ""
    why: str = ""
    lesson: Lesson | None = None
    """The events it was placed on; None where that population could not be gated."""


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What other samples, or a person, say of one channel within one population of a sample."""

    prior: Prior = NO_PRIOR
    own: Reference | None = None
    """The cut that a person placed on this very sample."""
    references: tuple[Reference, ...] = ()
    refusal: str = "the sample was gated alone"
    """Why there are no references."""


NOTHING_TAUGHT = Taught()


def common_cut(references: Sequence[Reference]) -> tuple[float, float]:
    """Return the median of a person's cuts, and the standard deviation of the one more that was not drawn.

    The variance between samples counts ``PERSON_SPREAD`` as if it were one more observation: alone it decides for a
    single reference, among several it weighs little.

    Examples
    --------
    >>> place, spread = common_cut([Reference("a", 1500.0)])
    >>> round(place, 2), round(spread, 3)
    (1.3, 0.141)
    """
    places = decades([reference.cut for reference in references])
    n = len(places)
    variance = (PERSON_SPREAD**2 + float(np.sum((places - places.mean()) ** 2))) / n
    return float(np.median(places)), math.sqrt(variance * (1 + 1 / n))


def warped(reference: Lesson, place: float, sample: Lesson) -> float:
    """Return where a place of one density lies on another, by dynamic time warping of their slopes.

    References
    ----------
    .. [1] Keogh EJ, Pazzani MJ. Proc SIAM Int Conf Data Min 2001;1-11.
    """
    first, second = (_slope(lesson) for lesson in (reference, sample))
    band = round(_REACH / _STEP)
    path = _matched(first, second, band)
    grid = _centres()
    matched = [j for i, j in path if i == int(np.argmin(np.abs(grid - place)))]
    return place + float(np.mean(grid[matched])) - float(grid[int(np.argmin(np.abs(grid - place)))])


def _centres() -> NDArray[np.float64]:
    return np.asarray(-3.0 + _STEP * (np.arange(400) + 0.5))


def _smooth(lesson: Lesson) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d  # loaded where a reference is asked

    return np.asarray(gaussian_filter1d(lesson.counts.astype(np.float64), _KERNEL / _STEP, mode="constant"))


def _slope(lesson: Lesson) -> NDArray[np.float64]:
    """Return the derivative of the density, in units of its own standard deviation."""
    slope = np.gradient(_smooth(lesson))
    return np.asarray(slope / (slope.std() or 1.0))


def _matched(one: NDArray[np.float64], other: NDArray[np.float64], band: int) -> list[tuple[int, int]]:
    """Return the cheapest monotone path of matched bins, at most ``band`` bins off the diagonal."""
    n = len(one)
    cost = np.full((n + 1, n + 1), np.inf)
    cost[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(max(1, i - band), min(n, i + band) + 1):
            cheapest = min(cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1])
            cost[i, j] = (one[i - 1] - other[j - 1]) ** 2 + cheapest
    path, i, j = [], n, n
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        before = (cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1])
        step = int(np.argmin(before))
        i, j = (i - 1, j - 1) if step == 0 else (i - 1, j) if step == 1 else (i, j - 1)
    return path
