"""Intervals of a proportion."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

__all__ = ["clopper_pearson", "wilson"]

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
    z2 = ndtri((1 + level) / 2) ** 2
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
    low = betaincinv(np.maximum(k, 1), total - k + 1, tail)
    high = betaincinv(k + 1, np.maximum(total - k, 1), 1 - tail)
    return np.where(k == 0, k, low)[()], np.where(k == total, k / total, high)[()]


def _counts(count: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return counts and totals of one shape, NaN where there is no total."""
    k, total = np.broadcast_arrays(np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64))
    wrong = (k < 0) | (k > total)
    if wrong.any():
        raise ValueError(f"count {k[wrong][0]:g} of {total[wrong][0]:g}; a count lies between 0 and its total")
    return np.where(total > 0, k, np.nan), np.where(total > 0, total, np.nan)
