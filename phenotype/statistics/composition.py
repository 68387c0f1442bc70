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
from scipy.special import fdtrc, stdtr, stdtrit

from phenotype.statistics.ranks import UntestableError

__all__ = [
    "DELTA",
    "Dispersion",
    "LogRatioEffects",
    "Manova",
    "Permanova",
    "centre",
    "closed",
    "clr",
    "dispersion",
    "ilr",
    "log_ratio_effects",
    "manova",
    "permanova",
    "pivot_basis",
    "positive",
    "replace_zeros",
    "variation_matrix",
]

DELTA = 0.0005
"""Share that stands for a zero, and for less than itself: half of what one of 1,000 cells is."""
_FEWEST_SCATTERED = 3
_NO_SPREAD = 1e-9
"""Share of the outcomes' size below which their scatter is that of rounding."""
_SAME_F = 1e-8
"""Part by which F of one and the same split may differ, summed in another order."""
_IN_PROPORTION = 1e-7
"""Share of the largest scatter below which a direction has none: R's tolerance for the rank of residuals."""

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


@dataclass(frozen=True, slots=True, eq=False)
class LogRatioEffects:
    """Linear models of each part's centred log-ratio; arrays are (d, p + 1), the intercept first."""

    slopes: Values
    std_errors: Values
    low: Values
    high: Values
    statistics: Values
    """t."""
    p_values: Values
    df: int
    n: int
    method: str = "linear model of the centred log-ratio; ratio to the geometric mean of the four"


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
    """Give each share below a limit the limit, taken from the other parts in proportion, so that their ratios stay.

    Only to raise zeros would put a patient with none of 60,000 cells above one with a single cell.

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
    low = x < delta
    left = 1 - low.sum(axis=1, keepdims=True) * delta
    return np.where(low, delta, x * left / np.where(low, 0, x).sum(axis=1, keepdims=True))


def positive(parts: ArrayLike) -> Values:
    """Divide each row by its sum; no part may be zero."""
    x = closed(parts)
    if (x == 0).any():
        raise ValueError("a part is zero; replace zeros first")
    return x


def clr(parts: ArrayLike) -> Values:
    """Return logarithms of each part over the geometric mean of its row, (n, d); no part may be zero."""
    logs = np.log(positive(parts))
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
        If there are too few patients for the columns and outcomes, or the outcomes do not vary in every direction
        beside the columns: then some are parts in proportion, and the test has no degrees of freedom for them.

    References
    ----------
    .. [1] Pillai KCS. Ann Math Stat 1955;26:117-121.
    """
    y, (full, reduced) = _outcomes(outcomes), _designs(columns, adjusted_for, len(np.asarray(outcomes)))
    hypothesis, free = _degrees(full, reduced)
    outcome_rank = y.shape[1]
    if free <= outcome_rank:
        raise UntestableError(f"{len(y)} patients are too few for {outcome_rank} outcomes and {full.shape[1]} columns")
    error, between = _residuals(full, y), _residuals(reduced, y)
    scatter = np.linalg.svd(error, compute_uv=False)
    directions = int((scatter > max(_IN_PROPORTION * scatter[0], _NO_SPREAD * float(np.linalg.norm(y)))).sum())
    if directions < outcome_rank:
        raise UntestableError(f"patients of a group differ in {directions} of {outcome_rank} directions only")
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
        What the covariates leave of each patient is shuffled this often; p counts the shuffles with at least this F,
        and the data themselves.

    Raises
    ------
    UntestableError
        If the columns say nothing that the covariates do not, or patients do not differ beside them.

    References
    ----------
    .. [1] Anderson MJ. Austral Ecol 2001;26:32-46.
    .. [2] Freedman D, Lane D. J Bus Econ Stat 1983;1:292-298: permutation of residuals.
    """
    y, (full, reduced) = _outcomes(coordinates), _designs(columns, adjusted_for, len(np.asarray(coordinates)))
    hypothesis, free = _degrees(full, reduced)
    left, error = _residuals(reduced, y), _residuals(full, y)
    if free < 1 or np.linalg.norm(error) <= _NO_SPREAD * np.linalg.norm(y):
        raise UntestableError(f"{len(y)} patients do not differ beside the {full.shape[1]} columns")
    bases = [np.linalg.svd(one, full_matrices=False)[0][:, : np.linalg.matrix_rank(one)] for one in (full, reduced)]
    size = float((left**2).sum())

    def ratio(rows: Values) -> float:
        whole, part = (float(((basis.T @ rows) ** 2).sum()) for basis in bases)
        return (whole - part) / hypothesis / ((size - whole) / free)

    f = ratio(left)
    rng = np.random.default_rng(seed)
    shuffled = np.array([ratio(rng.permutation(left)) for _ in range(permutations)])
    reached = int((shuffled >= f * (1 - _SAME_F)).sum())
    return Permanova(
        r_squared=(size - float((error**2).sum())) / float(((y - y.mean(axis=0)) ** 2).sum()),
        f=f,
        df=(hypothesis, free),
        p_value=(reached + 1) / (permutations + 1),
        permutations=permutations,
        seed=seed,
        n=len(y),
        method=f"PERMANOVA of Aitchison distances, {permutations} permutations, seed {seed}",
    )


def dispersion(coordinates: ArrayLike, groups: ArrayLike) -> Dispersion:
    """Compare how far patients lie from the centroid of their group.

    Parameters
    ----------
    coordinates
        (n, k), between which distances are Euclidean.
    groups
        (n,) names.

    Raises
    ------
    UntestableError
        If there are fewer than two groups or than three patients in one (two are always equally far from their
        middle), or all patients of a group are.

    References
    ----------
    .. [1] Anderson MJ. Biometrics 2006;62:245-253.
    """
    y, labels = _outcomes(coordinates), np.asarray(groups)
    names = np.unique(labels)
    sizes = np.array([(labels == name).sum() for name in names])
    if len(names) < 2 or sizes.min() < _FEWEST_SCATTERED:
        few = ", ".join(f"{name}: {size}" for name, size in zip(names, sizes, strict=True))
        raise UntestableError(f"patients {few}; scatter needs two groups of {_FEWEST_SCATTERED}")
    apart = np.zeros(len(y))
    for name in names:
        own = labels == name
        apart[own] = np.linalg.norm(y[own] - y[own].mean(axis=0), axis=1)
    means = np.array([apart[labels == name].mean() for name in names])
    within = float(((apart - means[np.searchsorted(names, labels)]) ** 2).sum())
    between = float((sizes * (means - apart.mean()) ** 2).sum())
    df = (len(names) - 1, len(y) - len(names))
    if within <= (_NO_SPREAD * float(np.linalg.norm(y))) ** 2:
        raise UntestableError("all patients of a group are equally far from its centre")
    f = between / df[0] / (within / df[1])
    return Dispersion(f, df, float(fdtrc(*df, f)), tuple(means.tolist()), len(y))


def log_ratio_effects(parts: ArrayLike, columns: ArrayLike) -> LogRatioEffects:
    """Fit a linear model to the centred log-ratio of each part.

    The exponential of a slope is the factor by which a part changes relative to the geometric mean of all parts.

    Parameters
    ----------
    parts
        (n, d), positive.
    columns
        (n, p), the intercept is added.

    Raises
    ------
    UntestableError
        If columns cannot be told apart, there are too few patients, or a log-ratio does not vary beside the columns.
    """
    logs = clr(parts)
    design, _ = _designs(columns, None, len(logs))
    free = len(design) - design.shape[1]
    if free < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        raise UntestableError(f"{design.shape[1]} columns cannot be told apart in {len(design)} patients")
    slopes = np.asarray(np.linalg.lstsq(design, logs, rcond=None)[0].T, dtype=np.float64)
    scatter = ((logs - design @ slopes.T) ** 2).sum(axis=0)
    if (scatter <= (_NO_SPREAD * np.linalg.norm(logs)) ** 2).any():
        raise UntestableError("a log-ratio is the same in all patients of a group")
    errors = np.asarray(np.sqrt(np.outer(scatter / free, np.diag(np.linalg.inv(design.T @ design)))))
    t, half = slopes / errors, float(stdtrit(free, 0.975)) * errors
    p = 2 * stdtr(free, -np.abs(t))
    return LogRatioEffects(slopes, errors, slopes - half, slopes + half, t, p, free, len(logs))


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


def _degrees(full: Values, reduced: Values) -> tuple[int, int]:
    """Return degrees of freedom of the columns, and those that are left."""
    rank = int(np.linalg.matrix_rank(full))
    hypothesis = rank - int(np.linalg.matrix_rank(reduced))
    if not hypothesis:
        raise UntestableError("the columns do not vary beside the covariates")
    return hypothesis, len(full) - rank


def _residuals(design: Values, y: Values) -> Values:
    return np.asarray(y - design @ np.linalg.lstsq(design, y, rcond=None)[0])
