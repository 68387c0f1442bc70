"""Two groups by ranks: the Mann-Whitney test, exact also with ties; Hodges-Lehmann's shift; Cliff's delta.

Written here because SciPy's exact test ignores ties (its p is then 10 to 18 % off) and nothing permissive has
the interval of the shift. All three are compared with R (stats, coin, exactRankTests, effsize) in the tests.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata
from scipy.stats import t as student_t

from phenotype.errors import PhenotypeError

__all__ = [
    "EXACT_LIMIT",
    "RankTest",
    "UntestableError",
    "cliffs_delta",
    "hodges_lehmann",
    "mann_whitney",
    "null_distribution",
]

EXACT_LIMIT = 20_000
"""Largest product of the two group sizes for the exact distribution: 141 against 141, under a second. Exact and
normal p differ by less than 0.001 there, by more where one group is small."""

Values = NDArray[np.float64]


class UntestableError(PhenotypeError, ValueError):
    """The values admit no comparison; the message says why, in words that fit a table."""


@dataclass(frozen=True, slots=True)
class RankTest:
    """A two-sided Mann-Whitney test."""

    statistic: float
    """U: pairs in which the value of the first group is larger, ties counted half. R calls it W."""
    p_value: float
    method: str
    """``Mann-Whitney, exact``, ``Mann-Whitney, exact with ties`` or ``Mann-Whitney, normal approximation``."""


def mann_whitney(a: ArrayLike, b: ArrayLike) -> RankTest:
    """Test whether the values of one group tend to be larger, two-sided.

    The p-value is the share of all ways to deal the pooled midranks into two groups that put U at least as
    far from its mean, n * m / 2, as it is. Where n * m exceeds ``EXACT_LIMIT`` it is the normal
    approximation, with corrections for ties and continuity.

    Parameters
    ----------
    a, b
        (n,) and (m,), finite.

    Raises
    ------
    UntestableError
        If a group is empty or all values are equal: there is nothing to rank.
    ValueError
        If a value is not finite.

    References
    ----------
    .. [1] Streitberg B, Roehmel J. EDV Med Biol 1986;17:12-19 (shift algorithm).
    .. [2] Hothorn T, et al. Am Stat 2006;60:257-263 (conditional p-value with ties).

    Examples
    --------
    >>> mann_whitney([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    RankTest(statistic=0.0, p_value=0.1, method='Mann-Whitney, exact')
    """
    x, y = _groups(a, b)
    pairs = len(x) * len(y)
    doubled = _doubled_midranks(x, y)
    u = float(doubled[: len(x)].sum() - len(x) * (len(x) + 1)) / 2
    distance = abs(u - pairs / 2)
    if pairs > EXACT_LIMIT:
        p = 2 * ndtr((0.5 - distance) / _spread(doubled, pairs))
        return RankTest(u, float(min(p, 1.0)), "Mann-Whitney, normal approximation")
    possible, chance = null_distribution(doubled, len(x))
    p = chance[np.abs(possible - pairs / 2) >= distance].sum()
    tied = len(np.unique(doubled)) < len(doubled)
    return RankTest(u, float(min(p, 1.0)), "Mann-Whitney, exact with ties" if tied else "Mann-Whitney, exact")


def hodges_lehmann(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return the Hodges-Lehmann shift of the first group against the second, with its interval.

    The shift is the median of all pairwise differences. The interval holds the shifts that equal-tailed
    tests at ``1 - level`` do not reject, by the distribution of :func:`mann_whitney` given the ties. Without
    ties it leaves out 0 exactly where the test rejects; with ties the two can differ at the edge, because
    the distribution is then not symmetric and a shift breaks the ties.

    Parameters
    ----------
    a, b
        (n,) and (m,), finite.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    difference, low, high
        In the unit of the values. ``low`` and ``high`` are NaN where the groups are too small, or too much
        tied, for any interval of this level: at 95 %, up to 3 against 4. R gives the range there.

    Raises
    ------
    UntestableError
        If a group is empty or all values are equal.
    ValueError
        If a value is not finite.

    References
    ----------
    .. [1] Hodges JL, Lehmann EL. Ann Math Stat 1963;34:598-611.
    .. [2] Bauer DF. J Am Stat Assoc 1972;67:687-690.

    Examples
    --------
    >>> hodges_lehmann([6, 7, 8, 9, 10], [1, 2, 3, 4, 5])
    (5.0, 2.0, 8.0)
    """
    x, y = _groups(a, b)
    differences = np.sort(np.subtract.outer(x, y), axis=None)
    smallest, largest = _bounding_differences(x, y, (1 - level) / 2)
    shift = float(np.median(differences))
    if not smallest or not largest:
        return shift, float("nan"), float("nan")
    return shift, float(differences[smallest - 1]), float(differences[-largest])


def cliffs_delta(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return Cliff's delta: the chance that a value of the first group is larger, minus that it is smaller.

    The interval is the asymmetric one, with the unbiased variance and the t quantile on n + m - 2 degrees
    of freedom, as effsize has it; other programs take the normal quantile. The variance is never below
    Cliff's minimum, (1 - delta**2) / (n * m - 1), where effsize would go on to 0 and below.

    Parameters
    ----------
    a, b
        (n,) and (m,), finite.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    delta, low, high
        Within [-1, 1]. ``low`` and ``high`` are NaN for a group of one, and where all pairs point one way:
        the variance cannot be estimated then.

    Raises
    ------
    UntestableError
        If a group is empty or all values are equal.
    ValueError
        If a value is not finite.

    References
    ----------
    .. [1] Feng D, Cliff N. J Mod Appl Stat Methods 2004;3:322-332.

    Examples
    --------
    >>> delta, low, high = cliffs_delta([1, 2, 3, 4], [3, 4, 5, 6])
    >>> delta, round(low, 3), round(high, 3)
    (-0.75, -0.965, 0.064)
    """
    x, y = _groups(a, b)
    dominance = np.sign(np.subtract.outer(x, y))
    delta = float(dominance.mean())
    if min(dominance.shape) < 2 or abs(delta) == 1:
        return delta, float("nan"), float("nan")
    t = float(student_t.ppf((1 + level) / 2, len(x) + len(y) - 2))
    variance = _delta_variance(dominance)
    room = 1 - delta**2
    half = t * np.sqrt(variance * (room**2 + t**2 * variance))
    low, high = (float((delta * room + side * half) / (room + t**2 * variance)) for side in (-1, 1))
    return delta, low, high


def _groups(a: ArrayLike, b: ArrayLike) -> tuple[Values, Values]:
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    both = np.concatenate([x, y])
    if not np.isfinite(both).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(both))} values are not finite; leave missing values out")
    if not len(x) or not len(y):
        raise UntestableError(f"groups of {len(x)} and {len(y)}; a comparison needs a value in each")
    if both.min() == both.max():
        raise UntestableError(f"all {len(both)} values are {both[0]:g}; there is nothing to rank")
    return x, y


def _doubled_midranks(x: Values, y: Values) -> NDArray[np.int64]:
    """Return twice the midrank of each value, x first: whole numbers also for ties."""
    ranks: Values = rankdata(np.concatenate([x, y]))
    return np.rint(2 * ranks).astype(np.int64)


def _spread(doubled: NDArray[np.int64], pairs: int) -> float:
    """Return the standard deviation of U given the ties."""
    n = len(doubled)
    _, ties = np.unique(doubled, return_counts=True)
    return float(np.sqrt(pairs / 12 * (n + 1 - (ties**3 - ties).sum() / (n * (n - 1)))))


def _bounding_differences(x: Values, y: Values, tail: float) -> tuple[int, int]:
    """Return which smallest and which largest difference bound the interval, counted from 1; 0 for none.

    The interval ends at the difference where U, the number of differences above the shift, leaves the
    values that are not rejected. U moves in whole steps between differences, so a half is rounded up.
    """
    pairs, doubled = len(x) * len(y), _doubled_midranks(x, y)
    if pairs > EXACT_LIMIT:
        within = np.floor((pairs - 1) / 2 + ndtri(tail) * _spread(doubled, pairs)) + 1
        return (max(int(within), 0),) * 2
    possible, chance = null_distribution(doubled, len(x))
    # A tail that is reached exactly, as R's quantile, counts as reached in spite of rounding.
    lowest = int(np.searchsorted(np.cumsum(chance), tail * (1 - 1e-12)))
    highest = int(np.searchsorted(np.cumsum(chance[::-1]), tail * (1 - 1e-12)))
    if not lowest or not highest:
        return 0, 0
    return int(np.ceil(pairs - possible[::-1][highest])), int(np.ceil(possible[lowest]))


def _delta_variance(dominance: Values) -> float:
    """Return the unbiased variance of delta, or Cliff's minimum for its value."""
    n, m = dominance.shape
    delta = dominance.mean()
    rows = ((dominance.mean(axis=1) - delta) ** 2).sum()
    columns = ((dominance.mean(axis=0) - delta) ** 2).sum()
    cells = ((dominance - delta) ** 2).sum()
    unbiased = (m**2 * rows + n**2 * columns - cells) / (n * m * (n - 1) * (m - 1))
    return float(max(unbiased, (1 - delta**2) / (n * m - 1)))


def null_distribution(doubled: NDArray[np.int64], n: int) -> tuple[Values, Values]:
    """Return the values that U of n patients can take, ascending, and their chances given the ties.

    Parameters
    ----------
    doubled
        (n + m,) twice the midranks of all patients, in any order.
    n
        Patients of the first group.
    """
    pairs, size = n * (len(doubled) - n), min(n, len(doubled) - n)
    possible, chance = _smaller_group(tuple(np.sort(doubled).tolist()), size)
    return (possible, chance) if size == n else (pairs - possible[::-1], chance[::-1])


@lru_cache(maxsize=64)
def _smaller_group(doubled: tuple[int, ...], size: int) -> tuple[Values, Values]:
    """Return U of a group of ``size`` and its chances; kept, as without ties all subsets of a contrast share it."""
    scores = np.array(doubled, dtype=np.int64) - doubled[0]
    step = int(np.gcd.reduce(scores))
    ways = _ways(scores // step, size)
    sums = np.flatnonzero(ways)
    possible = (sums * step + size * doubled[0] - size * (size + 1)) / 2
    chance = ways[sums] / ways.sum()
    possible.flags.writeable = chance.flags.writeable = False
    return possible, chance


def _ways(scores: NDArray[np.int64], size: int) -> Values:
    """Return, for each sum, how many choices of ``size`` of the ascending scores have it.

    ``ways[k, s]`` counts the choices of k among the scores so far that sum to s; a further score either
    stays out or shifts the row above by itself. Rows that can no longer grow to ``size`` are left alone, and
    so are sums that are still out of reach.
    """
    total = np.concatenate([[0], np.cumsum(scores)])
    ways = np.zeros((size + 1, total[-1] - total[len(scores) - size] + 1))
    ways[0, 0] = 1.0
    for seen, score in enumerate(scores, start=1):
        first, last = max(size - (len(scores) - seen), 1), min(size, seen)
        end = total[seen] - total[seen - last] + 1
        ways[first : last + 1, score:end] += ways[first - 1 : last, : end - score].copy()
    return np.asarray(ways[size])
