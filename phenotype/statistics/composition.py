"""Fractions of one whole: log-ratios, and tests of a composition as a whole.

Four fractions that sum to 1 carry three numbers: tests of each alone are not independent, and a share can fall only
because another rises. Written here because no library of moderate size has R's numbers for adjusted PERMANOVA and the
Dirichlet regression; all are held against R in the tests.

References
----------
.. [1] Aitchison J. The Statistical Analysis of Compositional Data. Chapman and Hall 1986.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc

from phenotype.statistics.ranks import UntestableError

__all__ = [
    "DELTA",
    "Dispersion",
    "Manova",
    "Permanova",
    "centre",
    "closed",
    "clr",
    "dispersion",
    "ilr",
    "manova",
    "permanova",
    "pivot_basis",
    "replace_zeros",
    "variation_matrix",
]

DELTA = 0.0005
"""Share that stands for a zero: half of what one of 1,000 cells is."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Manova:
    """Pillai's test that columns of a design say nothing of several outcomes."""

    pillai: float
    f: float
    df: tuple[float, float]
    p_value: float
    n: int
    method: str = "MANOVA of log-ratios, Pillai"


@dataclass(frozen=True, slots=True)
class Permanova:
    """A permutation test of distances."""

    r_squared: float
    """Share of the squared Aitchison distances from the centre that the columns explain."""
    f: float
    df: tuple[int, int]
    p_value: float
    permutations: int
    seed: int
    n: int
    method: str


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Whether groups scatter alike about their own centres; if not, a test of distances may be one of scatter."""

    f: float
    df: tuple[int, int]
    p_value: float
    mean_distances: tuple[float, ...]
    """Of each group, in the order of its names."""
    n: int
    method: str = "homogeneity of distances to the centroid, F test"


def closed(parts: ArrayLike) -> Values:
    """Divide each row by its sum.

    Parameters
    ----------
    parts
        (n, d), not negative, no row all zero.

    Examples
    --------
    >>> closed([[1, 3, 4, 0]]).tolist()
    [[0.125, 0.375, 0.5, 0.0]]
    """
    x = np.asarray(parts, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2 or not np.isfinite(x).all() or (x < 0).any() or (x.sum(axis=1) <= 0).any():
        raise ValueError(f"parts of shape {x.shape}; (n, d), finite, not negative, no row all zero")
    return np.asarray(x / x.sum(axis=1, keepdims=True))


def replace_zeros(parts: ArrayLike, delta: float = DELTA) -> Values:
    """Give each zero a small share and take it from the other parts in proportion, so that their ratios stay.

    References
    ----------
    .. [1] Martin-Fernandez JA, Barcelo-Vidal C, Pawlowsky-Glahn V. Math Geol 2003;35:253-278.

    Examples
    --------
    >>> replace_zeros([[0.0, 0.5, 0.5]], 0.01).tolist()
    [[0.01, 0.495, 0.495]]
    """
    x = closed(parts)
    if not 0 < delta < 1 / x.shape[1]:
        raise ValueError(f"delta {delta:g}; it is a small share, below 1 in {x.shape[1]}")
    zeros = (x == 0).sum(axis=1, keepdims=True)
    return np.where(x == 0, delta, x * (1 - zeros * delta))


def clr(parts: ArrayLike) -> Values:
    """Return logarithms of each part over the geometric mean of its row, (n, d); no part may be zero."""
    x = closed(parts)
    if (x == 0).any():
        raise ValueError("a part is zero; replace zeros first")
    logs = np.log(x)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def pivot_basis(parts: int) -> Values:
    """Return an orthonormal basis of log-ratios, (d, d - 1): the first two parts, those against the third, and so on.

    Examples
    --------
    >>> pivot_basis(3).round(3).tolist()
    [[0.707, 0.408], [-0.707, 0.408], [0.0, -0.816]]
    """
    basis = np.zeros((parts, parts - 1))
    for j in range(parts - 1):
        basis[: j + 1, j], basis[j + 1, j] = 1 / (j + 1), -1
        basis[:, j] *= np.sqrt((j + 1) / (j + 2))
    return basis


def ilr(parts: ArrayLike) -> Values:
    """Return coordinates on the pivot basis, (n, d - 1): as many as there are degrees of freedom."""
    logs = clr(parts)
    return np.asarray(logs @ pivot_basis(logs.shape[1]))


def centre(parts: ArrayLike) -> Values:
    """Return the closed geometric mean, (d,): the middle of compositions, which the means of parts are not."""
    middle = np.exp(clr(parts).mean(axis=0))
    return np.asarray(middle / middle.sum())


def variation_matrix(parts: ArrayLike) -> Values:
    """Return variances of the logarithm of each ratio of two parts, (d, d): 0 for parts in proportion."""
    logs = clr(parts)
    return np.asarray((logs[:, :, None] - logs[:, None, :]).var(axis=0, ddof=1))


def manova(outcomes: ArrayLike, columns: ArrayLike, adjusted_for: ArrayLike | None = None) -> Manova:
    """Test whether columns say something of several outcomes at once.

    Parameters
    ----------
    outcomes
        (n, k), such as log-ratios; which basis they are on does not matter.
    columns
        (n, p), the intercept is added.
    adjusted_for
        (n, q) covariates that both models have.

    Raises
    ------
    UntestableError
        If there are too few patients for the columns and outcomes.

    References
    ----------
    .. [1] Pillai KCS. Ann Math Stat 1955;26:117-121.
    """
    y, (full, reduced) = _outcomes(outcomes), _designs(columns, adjusted_for, len(np.asarray(outcomes)))
    hypothesis, free = (
        np.linalg.matrix_rank(full) - np.linalg.matrix_rank(reduced),
        len(y) - np.linalg.matrix_rank(full),
    )
    outcome_rank = y.shape[1]
    if not hypothesis:
        raise UntestableError("the columns do not vary beside the covariates")
    if free <= outcome_rank:
        raise UntestableError(f"{len(y)} patients are too few for {outcome_rank} outcomes and {full.shape[1]} columns")
    error = _residuals(full, y)
    between = _residuals(reduced, y)
    e, h = error.T @ error, between.T @ between - error.T @ error
    pillai = float(np.trace(h @ np.linalg.inv(h + e)))
    s = min(outcome_rank, hypothesis)
    m, n = (abs(outcome_rank - hypothesis) - 1) / 2, (free - outcome_rank - 1) / 2
    first, second = s * (2 * m + s + 1), s * (2 * n + s + 1)
    f = second / first * pillai / (s - pillai)
    return Manova(pillai, float(f), (float(first), float(second)), float(fdtrc(first, second, f)), len(y))


def permanova(
    coordinates: ArrayLike,
    columns: ArrayLike,
    adjusted_for: ArrayLike | None = None,
    *,
    permutations: int = 9999,
    seed: int = 1,
) -> Permanova:
    """Test by permutation whether columns explain the distances between patients.

    Parameters
    ----------
    coordinates
        (n, k), between which distances are Euclidean: of clr or ilr, Aitchison's.
    columns, adjusted_for
        As for :func:`manova`; the columns' share is what they add to the covariates.
    permutations, seed
        Patients are shuffled this often; p counts the shuffles with at least this F, and the data themselves.

    References
    ----------
    .. [1] Anderson MJ. Austral Ecol 2001;26:32-46.
    """
    y, (full, reduced) = _outcomes(coordinates), _designs(columns, adjusted_for, len(np.asarray(coordinates)))
    ranks = np.linalg.matrix_rank(full), np.linalg.matrix_rank(reduced)
    hypothesis, free = int(ranks[0] - ranks[1]), int(len(y) - ranks[0])
    if not hypothesis or free < 1:
        raise UntestableError("the columns do not vary beside the covariates, or there are too few patients")
    y = y - y.mean(axis=0)
    bases = [
        np.linalg.svd(design, full_matrices=False)[0][:, :rank]
        for design, rank in zip((full, reduced), ranks, strict=True)
    ]
    total = float((y**2).sum())

    def ratio(rows: Values) -> tuple[float, float]:
        whole, part = (float(((basis.T @ rows) ** 2).sum()) for basis in bases)
        return (whole - part) / hypothesis / ((total - whole) / free), whole - part

    f, explained = ratio(y)
    rng = np.random.default_rng(seed)
    shuffled = [ratio(rng.permutation(y))[0] for _ in range(permutations)]
    reached = int(np.sum(np.array(shuffled) >= f * (1 - 1e-12)))
    method = f"PERMANOVA of Aitchison distances, {permutations} permutations, seed {seed}"
    return Permanova(
        explained / total, f, (hypothesis, free), (reached + 1) / (permutations + 1), permutations, seed, len(y), method
    )


def dispersion(coordinates: ArrayLike, groups: ArrayLike) -> Dispersion:
    """Compare how far patients lie from the centroid of their group.

    Parameters
    ----------
    coordinates
        (n, k), between which distances are Euclidean.
    groups
        (n,) names.

    References
    ----------
    .. [1] Anderson MJ. Biometrics 2006;62:245-253.
    """
    y, labels = _outcomes(coordinates), np.asarray(groups)
    names = np.unique(labels)
    if len(names) < 2 or len(y) <= len(names):
        raise UntestableError(f"{len(names)} groups of {len(y)} patients; two groups, and more patients, are needed")
    apart = np.zeros(len(y))
    for name in names:
        own = labels == name
        apart[own] = np.linalg.norm(y[own] - y[own].mean(axis=0), axis=1)
    means = np.array([apart[labels == name].mean() for name in names])
    sizes = np.array([(labels == name).sum() for name in names])
    within = float(((apart - means[np.searchsorted(names, labels)]) ** 2).sum())
    between = float((sizes * (means - apart.mean()) ** 2).sum())
    df = (len(names) - 1, len(y) - len(names))
    f = between / df[0] / (within / df[1])
    return Dispersion(f, df, float(fdtrc(*df, f)), tuple(means.tolist()), len(y))


def _outcomes(values: ArrayLike) -> Values:
    y = np.asarray(values, dtype=np.float64)
    if y.ndim != 2 or not np.isfinite(y).all():
        raise ValueError(f"outcomes of shape {y.shape}; (n, k), finite")
    return y


def _designs(columns: ArrayLike, adjusted_for: ArrayLike | None, n: int) -> tuple[Values, Values]:
    """Return the design with the columns, and that without: an intercept and the covariates."""
    x = np.asarray(columns, dtype=np.float64)
    more = np.zeros((n, 0)) if adjusted_for is None else np.asarray(adjusted_for, dtype=np.float64)
    if x.ndim != 2 or more.ndim != 2 or not len(x) == len(more) == n or not np.isfinite(np.hstack([x, more])).all():
        raise ValueError(f"columns of shape {x.shape} and covariates of shape {more.shape}; (n, p), finite, n is {n}")
    reduced = np.column_stack([np.ones(n), more])
    return np.column_stack([reduced, x]), reduced


def _residuals(design: Values, y: Values) -> Values:
    return np.asarray(y - design @ np.linalg.lstsq(design, y, rcond=None)[0])
