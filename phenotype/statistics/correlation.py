"""Two measurements of the same patients: Pearson's, Spearman's and Kendall's correlation, with intervals.

Fractions of a whole are bound to correlate with each other, also where nothing is going on. R is the measure.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import kendalltau, rankdata
from scipy.stats import t as student_t

from phenotype.statistics.ranks import UntestableError

__all__ = ["Concordance", "Correlation", "concordance", "kendall", "pearson", "spearman"]

SPEARMAN_EXACT = 9
"""Patients up to which all orders are tried, 362,880 of 9: R's limit, where t is good from there on."""
KENDALL_EXACT = 49
"""Patients up to which p is exact where nothing is tied: R's limit."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation, tested against 0, two-sided."""

    n: int
    estimate: float
    low: float
    """NaN, with ``high``, where there are too few patients for an interval, or the correlation is perfect."""
    high: float
    statistic: float
    """t on n - 2 degrees of freedom, or z of Kendall's score; NaN for an exact test."""
    p_value: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class Concordance:
    """Kendall's score of two variables: pairs of patients that agree in order, minus those that do not."""

    score: float
    variance: float
    """Of the score if the two have nothing to do with each other, given the ties of both."""
    tau_b: float


def pearson(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> Correlation:
    """Correlate two measurements linearly, with Fisher's interval.

    Parameters
    ----------
    x, y
        (n,), finite, a pair for each patient; n at least 3.
    level
        Of the interval, which needs 4 patients.

    Raises
    ------
    UntestableError
        If there are too few patients, or one of the measurements does not vary.
    ValueError
        If a value is not finite or the lengths differ.

    References
    ----------
    .. [1] Fisher RA. Metron 1921;1:3-32.

    Examples
    --------
    >>> found = pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(found.estimate, 3), round(found.p_value, 3)
    (0.8, 0.104)
    """
    a, b = _pairs(x, y)
    r = _linear(a, b)
    t, p = _by_t(r, len(a))
    low, high = _transformed_limits(r, 1.0, len(a) - 3, level)
    return Correlation(len(a), r, low, high, t, p, level, "Pearson, Fisher's interval")


def spearman(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> Correlation:
    """Correlate the ranks of two measurements, with the interval of Bonett and Wright.

    Up to ``SPEARMAN_EXACT`` patients the p-value is the share of all ways to pair the midranks whose correlation is at
    least as far from 0; beyond, it is by t, and never below that of a perfect order.

    Parameters, results and errors are those of :func:`pearson`.

    References
    ----------
    .. [1] Bonett DG, Wright TA. Psychometrika 2000;65:23-28.

    Examples
    --------
    >>> found = spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(found.estimate, 3), round(found.p_value, 3), found.method
    (0.8, 0.133, "Spearman, exact; Bonett and Wright's interval")
    """
    a, b = (rankdata(values) for values in _pairs(x, y))
    n, r = len(a), _linear(a, b)
    t, p = (np.nan, _every_pairing(a, b)) if n <= SPEARMAN_EXACT else _by_t(r, n)
    low, high = _transformed_limits(r, 1 + r**2 / 2, n - 3, level)
    kind = "exact" if n <= SPEARMAN_EXACT else "by t"
    return Correlation(n, r, low, high, t, p, level, f"Spearman, {kind}; Bonett and Wright's interval")


def kendall(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> Correlation:
    """Correlate the orders of two measurements: tau-b, with the interval of Fieller, Hartley and Pearson.

    Parameters, results and errors are those of :func:`pearson`; the interval needs 5 patients, and is a rough one
    beyond a tau of 0.8. The p-value is exact up to ``KENDALL_EXACT`` patients without ties, else normal, corrected for
    ties.

    References
    ----------
    .. [1] Kendall MG. Biometrika 1938;30:81-93.
    .. [2] Fieller EC, Hartley HO, Pearson ES. Biometrika 1957;44:470-481.

    Examples
    --------
    >>> found = kendall([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(found.estimate, 3), round(found.p_value, 3)
    (0.6, 0.233)
    """
    a, b = _pairs(x, y)
    n, found = len(a), concordance(a, b)
    low, high = _transformed_limits(found.tau_b, 0.437, n - 4, level)
    exact = n <= KENDALL_EXACT and len(np.unique(a)) == len(np.unique(b)) == n
    if exact:
        z, p, kind = np.nan, float(kendalltau(a, b, method="exact").pvalue), "exact"
    else:
        z = found.score / np.sqrt(found.variance)
        p, kind = float(2 * ndtr(-abs(z))), "normal, corrected for ties"
    return Correlation(n, found.tau_b, low, high, z, p, level, f"Kendall's tau-b, {kind}; Fieller's interval")


def concordance(x: ArrayLike, y: ArrayLike) -> Concordance:
    """Return Kendall's score, its variance given the ties, and tau-b.

    Parameters and errors are those of :func:`pearson`.

    References
    ----------
    .. [1] Kendall MG, Gibbons JD. Rank Correlation Methods. 5th ed. Arnold 1990, chapters 3 and 4.

    Examples
    --------
    >>> concordance([1, 2, 3], [1, 3, 2])
    Concordance(score=1.0, variance=3.66..., tau_b=0.33...)
    """
    a, b = _pairs(x, y)
    n = len(a)
    score = float((np.sign(np.subtract.outer(a, a)) * np.sign(np.subtract.outer(b, b))).sum()) / 2
    t, u = (np.unique(values, return_counts=True)[1].astype(np.float64) for values in (a, b))
    tied = [float((size * (size - 1)).sum()) for size in (t, u)]
    triples = [float((size * (size - 1) * (size - 2)).sum()) for size in (t, u)]
    weighted = [float((size * (size - 1) * (2 * size + 5)).sum()) for size in (t, u)]
    variance = (n * (n - 1) * (2 * n + 5) - sum(weighted)) / 18 + tied[0] * tied[1] / (2 * n * (n - 1))
    variance += triples[0] * triples[1] / (9 * n * (n - 1) * (n - 2))
    untied = [(n * (n - 1) - pairs) / 2 for pairs in tied]
    return Concordance(score, float(variance), score / float(np.sqrt(untied[0] * untied[1])))


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[Values, Values]:
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"measurements of shapes {a.shape} and {b.shape}; (n,) and (n,)")
    if not np.isfinite([a, b]).all():
        raise ValueError("a measurement is not finite; leave such patients out")
    if len(a) < 3:
        raise UntestableError(f"{len(a)} patients; 3 are needed")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise UntestableError(f"one of the measurements has one value in all {len(a)} patients")
    return a, b


def _linear(a: Values, b: Values) -> float:
    """Return Pearson's correlation, within [-1, 1] also in rounding."""
    a, b = ((values - values.mean()) / np.ptp(values) for values in (a, b))
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def _by_t(r: float, n: int) -> tuple[float, float]:
    """Return t and its p-value; a perfect order is one of n factorial, not of none."""
    if abs(r) == 1:
        return float(np.copysign(np.inf, r)), 2 / factorial(n)
    t = r * np.sqrt((n - 2) / (1 - r**2))
    return float(t), float(2 * student_t.sf(abs(t), n - 2))


def _transformed_limits(r: float, variance: float, room: int, level: float) -> tuple[float, float]:
    """Return the ends of an interval that is symmetric after Fisher's transformation."""
    if room < 1 or abs(r) == 1:
        return float("nan"), float("nan")
    half = float(ndtri((1 + level) / 2)) * np.sqrt(variance / room)
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def _every_pairing(a: Values, b: Values) -> float:
    """Return the share of all ways to pair ranks whose correlation is at least as far from 0."""
    x, y = (np.rint(2 * ranks).astype(np.int64) for ranks in (a, b))
    centre = int(x.sum() * y.sum())
    away = np.abs(len(x) * (y[_orders(len(y))] @ x) - centre)
    return float(np.mean(away >= abs(len(x) * int(x @ y) - centre)))


@lru_cache(maxsize=1)
def _orders(n: int) -> NDArray[np.int8]:
    """Return all orders of n, (n!, n)."""
    found = np.array(list(permutations(range(n))), dtype=np.int8)
    found.flags.writeable = False
    return found
