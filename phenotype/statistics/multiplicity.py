"""Adjustment of p-values for the number of tests. A missing p-value is a test not done: it does not count."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["benjamini_hochberg", "holm"]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted by Holm's step-down method: controls the family-wise error rate.

    Parameters
    ----------
    p_values
        (n,); NaN for tests that were not done.

    Returns
    -------
    numpy.ndarray
        (n,), at most 1, NaN where the input is.

    References
    ----------
    .. [1] Holm S. Scand J Stat 1979;6:65-70.

    Examples
    --------
    >>> holm([0.01, np.nan, 0.04]).tolist()
    [0.02, nan, 0.04]
    """
    return _adjusted(p_values, lambda sorted_p, n: np.maximum.accumulate(sorted_p * (n - np.arange(n))))


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted by Benjamini and Hochberg: controls the false discovery rate.

    Parameters
    ----------
    p_values
        (n,); NaN for tests that were not done.

    Returns
    -------
    numpy.ndarray
        (n,), at most 1, NaN where the input is.

    References
    ----------
    .. [1] Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, np.nan, 0.04]).tolist()
    [0.02, nan, 0.04]
    """

    def step_up(sorted_p: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        return np.minimum.accumulate((sorted_p * n / np.arange(1, n + 1))[::-1])[::-1]

    return _adjusted(p_values, step_up)


def _adjusted(p_values: ArrayLike, step: object) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    done = np.flatnonzero(np.isfinite(p))
    order = done[np.argsort(p[done], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(step(p[order], len(order)), 1.0)  # type: ignore[operator]
    return adjusted
