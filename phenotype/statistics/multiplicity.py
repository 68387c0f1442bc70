"""Adjustment of p-values for the number of tests. A missing p-value is a test not done: it does not count."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["benjamini_hochberg", "bonferroni", "holm"]

Step = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted by Holm's step-down method: it controls the family-wise error rate.

    Parameters
    ----------
    p_values
        (n,) in [0, 1]; NaN for tests that were not done.

    Returns
    -------
    numpy.ndarray
        (n,), in the order given, at most 1, NaN where the input is.

    Raises
    ------
    ValueError
        If a p-value lies outside [0, 1].

    References
    ----------
    .. [1] Holm S. Scand J Stat 1979;6:65-70.

    Examples
    --------
    >>> holm([0.01, np.nan, 0.04]).tolist()
    [0.02, nan, 0.04]
    """
    return _adjusted(p_values, _step_down)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted by Benjamini and Hochberg: it controls the false discovery rate.

    Parameters, results and errors are those of :func:`holm`.

    References
    ----------
    .. [1] Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, np.nan, 0.03]).tolist()
    [0.02, nan, 0.03]
    """
    return _adjusted(p_values, _step_up)


def bonferroni(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values times the number of tests: Holm's control of the family-wise error rate, with less power.

    Parameters, results and errors are those of :func:`holm`.

    Examples
    --------
    >>> bonferroni([0.01, np.nan, 0.03]).tolist()
    [0.02, nan, 0.06]
    """
    return _adjusted(p_values, lambda ascending: ascending * len(ascending))


def _step_down(ascending: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply the smallest by n, the next by n - 1, …; none may fall below one before it."""
    n = len(ascending)
    return np.maximum.accumulate(ascending * np.arange(n, 0, -1))


def _step_up(ascending: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply the i-th smallest by n / i; none may rise above one after it."""
    n = len(ascending)
    return np.minimum.accumulate((ascending * (n / np.arange(1, n + 1)))[::-1])[::-1]


def _adjusted(p_values: ArrayLike, step: Step) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    wrong = (p < 0) | (p > 1)
    if wrong.any():
        raise ValueError(f"p-value {p[wrong][0]:g}; a p-value lies in [0, 1], NaN where there is none")
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]  # NaN sorts last
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(step(p[order]), 1.0)
    return adjusted
