"""Intervals of a proportion."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

__all__ = ["wilson"]


def wilson(count: ArrayLike, n: ArrayLike, *, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the Wilson score interval of a proportion.

    Parameters
    ----------
    count, n
        Events in the population and in its parent; scalars or arrays of one shape.
    level
        Confidence level.

    Returns
    -------
    low, high
        Within [0, 1], of the shape of ``count``; NaN where n is 0.

    References
    ----------
    .. [1] Wilson EB. J Am Stat Assoc 1927;22:209-212. Newcombe RG. Stat Med 1998;17:857-872, method 3.

    Examples
    --------
    >>> low, high = wilson(5, 20)
    >>> float(low.round(4)), float(high.round(4))
    (0.1119, 0.4687)
    """
    count, n = np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z2 = ndtri(0.5 + level / 2) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = count / n
        centre = (count + z2 / 2) / (n + z2)
        half = np.sqrt(z2 * (share * (1 - share) * n + z2 / 4)) / (n + z2)
    low = np.where(n > 0, np.where(count == 0, 0.0, centre - half), np.nan)
    high = np.where(n > 0, np.where(count == n, 1.0, centre + half), np.nan)
    return low, high
