"""Intervals of a proportion."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["clopper_pearson", "one_sided_deviations", "widened", "wilson"]

NORMAL = NormalDist()
Numbers = np.float64 | NDArray[np.float64]


def wilson(count: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Numbers, Numbers]:
    """Return the Wilson score interval of a proportion, without continuity correction.

    Parameters
    ----------
    count, n
        Events in the population and in its parent: scalars, or arrays that broadcast.
    level
        Confidence level, in (0, 1).

    Returns
    -------
    low, high
        Within [0, 1]; scalars for scalars. NaN where ``n`` is 0 or a number is missing.

    Raises
    ------
    ValueError
        If a count is negative or larger than its ``n``.

    References
    ----------
    .. [1] Wilson EB. J Am Stat Assoc 1927;22:209-212.
    .. [2] Newcombe RG. Stat Med 1998;17:857-872, method 3.

    Examples
    --------
    >>> low, high = wilson(5, 20)
    >>> float(low.round(4)), float(high.round(4))
    (0.1119, 0.4687)
    """
    k, total = _counts(count, n)
    z2 = NORMAL.inv_cdf((1 + level) / 2) ** 2
    centre = (k + z2 / 2) / (total + z2)
    half = np.sqrt(z2 * (k * (total - k) / total + z2 / 4)) / (total + z2)
    # At the ends the two terms cancel on paper; rounding must not decide.
    return np.where(k == 0, k, centre - half)[()], np.where(k == total, k / total, centre + half)[()]


def clopper_pearson(count: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[Numbers, Numbers]:
    """Return the exact interval of a proportion: it covers at least ``level``, often more.

    Parameters, results and errors are those of :func:`wilson`.

    References
    ----------
    .. [1] Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.

    Examples
    --------
    >>> low, high = clopper_pearson(5, 20)
    >>> float(low.round(4)), float(high.round(4))
    (0.0866, 0.491)
    """
    k, total = _counts(count, n)
    tail = (1 - level) / 2
    from scipy.special import betaincinv  # Wilson's interval, which `phenotype gate` prints, does without

    low = betaincinv(np.maximum(k, 1), total - k + 1, tail)
    high = betaincinv(k + 1, np.maximum(total - k, 1), 1 - tail)
    return np.where(k == 0, k, low)[()], np.where(k == total, k / total, high)[()]


def widened(
    estimate: float, interval: tuple[float, float], deviations: tuple[float, float], *, level: float = 0.95
) -> tuple[float, float]:
    """Return an interval that holds a second, independent source of error too.

    The distances from the estimate to either end are added in squares to the second source's own, so that both ends
    keep their skew: the method of variance estimates recovery.

    Parameters
    ----------
    estimate
        A proportion.
    interval
        Its interval by counting alone.
    deviations
        Standard deviation of the second source below and above the estimate.

    References
    ----------
    .. [1] Zou GY, Donner A. Stat Med 2008;27:1693-1702.

    Examples
    --------
    >>> low, high = widened(0.5, (0.47, 0.53), (0.02, 0.0))
    >>> round(low, 4), round(high, 4)
    (0.4506, 0.53)
    """
    z = NORMAL.inv_cdf((1 + level) / 2)
    low = estimate - np.hypot(estimate - interval[0], z * deviations[0])
    high = estimate + np.hypot(interval[1] - estimate, z * deviations[1])
    return max(float(low), 0.0), min(float(high), 1.0)


def one_sided_deviations(estimate: float, values: ArrayLike) -> tuple[float, float]:
    """Return how far values lie below and above an estimate: each side's root mean square, as if it were both.

    Examples
    --------
    >>> one_sided_deviations(0.5, [0.4, 0.6, 0.4, 0.6])
    (0.1, 0.1)
    """
    away = np.asarray(values, dtype=np.float64) - estimate
    below, above = (float(np.sqrt(2 * np.mean(np.clip(sign * away, 0, None) ** 2))) for sign in (-1, 1))
    return round(below, 12), round(above, 12)


def _counts(count: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return counts and totals of one shape, NaN where there is no total."""
    k, total = np.broadcast_arrays(np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64))
    wrong = (k < 0) | (k > total)
    if wrong.any():
        raise ValueError(f"count {k[wrong][0]:g} of {total[wrong][0]:g}; a count lies between 0 and its total")
    return np.where(total > 0, k, np.nan), np.where(total > 0, total, np.nan)
