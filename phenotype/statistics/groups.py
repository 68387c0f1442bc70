"""Three groups and more: Kruskal-Wallis, Dunn, Jonckheere's trend, Welch, Levene, permutations; and two means.

R is the measure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import ndtr

from phenotype.statistics.correlation import concordance
from phenotype.statistics.multiplicity import benjamini_hochberg, bonferroni, holm
from phenotype.statistics.ranks import EXACT_LIMIT, UntestableError, null_distribution

__all__ = [
    "SPLIT_LIMIT",
    "DunnPair",
    "FTest",
    "KruskalTest",
    "MeanDifference",
    "PermutationTest",
    "RankTrend",
    "anova",
    "dunn",
    "jonckheere_terpstra",
    "kruskal_wallis",
    "levene",
    "permutation_test",
    "welch_anova",
    "welch_t",
]

SPLIT_LIMIT = 50_000
"""Ways to deal the patients into the groups that are all tried, at most: 4, 4 and 4 have 34,650; a second."""
_AT_ONCE = 10_000
"""Random splits held in memory together."""

Values = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KruskalTest:
    """Whether values of some group tend to be larger."""

    n: int
    statistic: float
    """H, corrected for ties."""
    df: int
    p_value: float
    epsilon_squared: float
    """Share of the variance of ranks between groups, H / (n - 1)."""
    eta_squared: float
    """The same less what chance gives, (H - k + 1) / (n - k); below 0 where H is below its mean."""
    method: str


@dataclass(frozen=True, slots=True)
class DunnPair:
    """Two of the groups, after Kruskal and Wallis."""

    first: int
    """Place of the group, from 0."""
    second: int
    n: int
    z: float
    """Positive where the first group has the higher ranks."""
    p_value: float
    p_holm: float
    """Over all pairs, like the two below."""
    p_bh: float
    p_bonferroni: float
    method: str


@dataclass(frozen=True, slots=True)
class RankTrend:
    """Whether values rise or fall over ordered groups, two-sided."""

    n: int
    statistic: float
    """Jonckheere's J: pairs of patients in which the one of the later group has the larger value, ties counted half."""
    z: float
    tau_b: float
    """Kendall's correlation of values with the order of groups; above 0 where they rise."""
    p_value: float
    method: str


@dataclass(frozen=True, slots=True)
class FTest:
    """A test by F."""

    n: int
    statistic: float
    df: tuple[float, float]
    p_value: float
    method: str


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """The mean of one group minus that of another."""

    n: int
    difference: float
    low: float
    high: float
    t: float
    df: float
    p_value: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """Whether means differ, by dealing patients into the groups anew."""

    n: int
    statistic: float
    """F, as in the analysis of variance; infinite where no group varies."""
    p_value: float
    method: str


def kruskal_wallis(groups: Sequence[ArrayLike]) -> KruskalTest:
    """Test whether values of some group tend to be larger, by ranks.

    Parameters
    ----------
    groups
        Two or more of (n,), finite.

    Raises
    ------
    UntestableError
        If a group is empty or all values are equal.
    ValueError
        If a value is not finite, or there are fewer than two groups.

    References
    ----------
    .. [1] Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583-621.

    Examples
    --------
    >>> test = kruskal_wallis([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    >>> round(test.statistic, 3), round(test.p_value, 4)
    (7.2, 0.0273)
    """
    values = _checked(groups)
    n, k = sum(map(len, values)), len(values)
    found = stats.kruskal(*values)
    h = float(found.statistic)
    eta = (h - k + 1) / (n - k) if n > k else float("nan")
    return KruskalTest(n, h, k - 1, float(found.pvalue), h / (n - 1), eta, "Kruskal-Wallis")


def dunn(groups: Sequence[ArrayLike]) -> tuple[DunnPair, ...]:
    """Compare all pairs of groups by their mean ranks among all patients, corrected for ties.

    Parameters and errors are those of :func:`kruskal_wallis`; p-values are two-sided.

    References
    ----------
    .. [1] Dunn OJ. Technometrics 1964;6:241-252.

    Examples
    --------
    >>> [round(pair.z, 3) for pair in dunn([[1, 2, 3], [4, 5, 6], [7, 8, 9]])]
    [-1.342, -2.683, -1.342]
    """
    values = _checked(groups)
    ranks = np.split(stats.rankdata(np.concatenate(values)), np.cumsum([len(v) for v in values])[:-1])
    variance = float(np.concatenate(ranks).var(ddof=1))
    mean, size = np.array([r.mean() for r in ranks]), np.array([len(r) for r in ranks])
    first, second = np.triu_indices(len(values), 1)
    z = (mean[first] - mean[second]) / np.sqrt(variance * (1 / size[first] + 1 / size[second]))
    p = 2 * ndtr(-np.abs(z))
    by_holm, by_bh, by_bonferroni = holm(p), benjamini_hochberg(p), bonferroni(p)
    return tuple(
        DunnPair(
            int(first[at]), int(second[at]), int(size[first[at]] + size[second[at]]), float(z[at]), float(p[at]),
            float(by_holm[at]), float(by_bh[at]), float(by_bonferroni[at]), "Dunn, two-sided, corrected for ties",
        )
        for at in range(len(p))
    )  # fmt: skip


def jonckheere_terpstra(groups: Sequence[ArrayLike]) -> RankTrend:
    """Test whether values rise or fall over groups in their order.

    The p-value is exact where nothing is tied, up to ``EXACT_LIMIT`` pairs, and with ties where there are no more than
    ``SPLIT_LIMIT`` ways to deal the patients into the groups; else normal, with the variance given the ties, without
    correction for continuity.

    Parameters and errors are those of :func:`kruskal_wallis`; groups are in the order that is asked about.

    References
    ----------
    .. [1] Jonckheere AR. Biometrika 1954;41:133-145.
    .. [2] Terpstra TJ. Indag Math 1952;14:327-333.

    Examples
    --------
    >>> test = jonckheere_terpstra([[1, 2], [3, 4], [5, 6]])
    >>> test.statistic, round(test.p_value, 4), test.method
    (12.0, 0.0222, 'Jonckheere-Terpstra, exact')
    """
    values = _checked(groups)
    pooled, labels = np.concatenate(values), _labels(values)
    found = concordance(labels, pooled)
    pairs = sum(len(a) * len(b) for a, b in combinations(values, 2))
    z = found.score / np.sqrt(found.variance)
    tied = len(np.unique(pooled)) < len(pooled)
    name = "Jonckheere-Terpstra"
    if not tied and pairs <= EXACT_LIMIT:
        p, kind = _exact_trend([len(v) for v in values], (found.score + pairs) / 2, pairs), "exact"
    elif _splits([len(v) for v in values]) <= SPLIT_LIMIT:
        p, kind = _share_as_far(_every_split(labels), lambda at: np.abs(_scores(at, pooled)), labels), "exact with ties"
    else:
        p, kind = float(2 * ndtr(-abs(z))), "normal approximation"
    return RankTrend(len(pooled), (found.score + pairs) / 2, float(z), found.tau_b, p, f"{name}, {kind}")


def welch_anova(groups: Sequence[ArrayLike]) -> FTest:
    """Test whether means differ, whatever the variances of the groups.

    Parameters and errors are those of :func:`kruskal_wallis`; each group needs two values that differ.

    References
    ----------
    .. [1] Welch BL. Biometrika 1951;38:330-336.

    Examples
    --------
    >>> test = welch_anova([[1, 2, 3], [4, 5, 7], [6, 8, 9]])
    >>> round(test.statistic, 3), round(test.p_value, 4)
    (13.426, 0.0187)
    """
    values = _varied(groups)
    size, mean, variance = (np.array([of(v) for v in values]) for of in (len, np.mean, lambda v: np.var(v, ddof=1)))
    k, weight = len(values), size / variance
    centre = weight @ mean / weight.sum()
    spread = float(((1 - weight / weight.sum()) ** 2 / (size - 1)).sum())
    f = float(weight @ (mean - centre) ** 2) / (k - 1) / (1 + 2 * (k - 2) * spread / (k**2 - 1))
    df = (float(k - 1), (k**2 - 1) / (3 * spread))
    return FTest(int(size.sum()), f, df, float(stats.f.sf(f, *df)), "Welch's analysis of variance")


def anova(groups: Sequence[ArrayLike]) -> FTest:
    """Test whether means differ if all groups have one variance.

    Parameters and errors are those of :func:`kruskal_wallis`; some group must vary.
    """
    values = _checked(groups)
    n, k = sum(map(len, values)), len(values)
    if n == k or all(_constant(v) for v in values):
        raise UntestableError("no group varies; there is nothing to hold the difference of means against")
    # SciPy's F can be below 0 by rounding, with no p, where means are equal.
    middle = float(np.concatenate(values).mean())
    between = sum(len(v) * (float(v.mean()) - middle) ** 2 for v in values) / (k - 1)
    within = sum(float(((v - v.mean()) ** 2).sum()) for v in values) / (n - k)
    p = float(stats.f.sf(between / within, k - 1, n - k))
    return FTest(n, between / within, (float(k - 1), float(n - k)), p, "analysis of variance")


def levene(groups: Sequence[ArrayLike]) -> FTest:
    """Test whether spreads differ, by distances from the medians: Brown and Forsythe's form.

    Parameters and errors are those of :func:`kruskal_wallis`; some group must vary.

    References
    ----------
    .. [1] Brown MB, Forsythe AB. J Am Stat Assoc 1974;69:364-367.
    """
    values = _checked(groups)
    distances = [np.abs(v - np.median(v)) for v in values]
    if all(_constant(d, v) for d, v in zip(distances, values, strict=True)):
        raise UntestableError("distances from the median do not vary within any group")
    found = anova(distances)
    return FTest(found.n, found.statistic, found.df, found.p_value, "Levene, about medians (Brown-Forsythe)")


def welch_t(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> MeanDifference:
    """Compare two means, whatever the variances; of logarithms, the exponential is the ratio of geometric means.

    Parameters
    ----------
    a, b
        (n,) and (m,), finite, two or more values that differ in each.
    level
        Of the interval.

    Raises
    ------
    UntestableError
        If a group is empty or does not vary.
    ValueError
        If a value is not finite.

    References
    ----------
    .. [1] Welch BL. Biometrika 1947;34:28-35.

    Examples
    --------
    >>> found = welch_t([4, 5, 6], [1, 2, 3])
    >>> found.difference, round(found.low, 3), round(found.p_value, 4)
    (3.0, 0.733, 0.0213)
    """
    x, y = _varied([a, b])
    parts = [float(v.var(ddof=1)) / len(v) for v in (x, y)]
    error = float(np.sqrt(sum(parts)))
    df = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (x, y), strict=True))
    difference = float(x.mean() - y.mean())
    half = float(stats.t.ppf((1 + level) / 2, df)) * error
    p = float(2 * stats.t.sf(abs(difference) / error, df))
    return MeanDifference(
        len(x) + len(y), difference, difference - half, difference + half, difference / error, df, p, level, "Welch's t"
    )


def permutation_test(
    groups: Sequence[ArrayLike], *, rng: np.random.Generator | None = None, rounds: int = 100_000
) -> PermutationTest:
    """Test whether means differ, by dealing the patients into the groups anew; of two groups, two-sided.

    All ways are tried where there are no more than ``SPLIT_LIMIT``; else random ones, the observed one among them.

    Parameters
    ----------
    groups
        Two or more of (n,), finite: values, or ranks of all patients for the exact test of Kruskal and Wallis.
    rng
        Deals at random; without it, more ways than ``SPLIT_LIMIT`` are refused.
    rounds
        Random ways.

    Raises
    ------
    UntestableError
        If a group is empty, all values are equal, or there are too many ways and no ``rng``.
    ValueError
        If a value is not finite, or there are fewer than two groups.

    References
    ----------
    .. [1] Pitman EJG. J R Stat Soc Suppl 1937;4:119-130.
    .. [2] Phipson B, Smyth GK. Stat Appl Genet Mol Biol 2010;9:39.

    Examples
    --------
    >>> permutation_test([[1, 2, 3], [4, 5, 6]]).p_value
    0.1
    """
    values = _checked(groups)
    pooled, labels = np.concatenate(values), _labels(values)
    pooled = (pooled - pooled.mean()) / np.ptp(pooled)
    sizes = [len(v) for v in values]

    def between(at: Labels) -> Values:
        return np.asarray(sum(((at == g) @ pooled) ** 2 / size for g, size in enumerate(sizes)))

    squares = float(between(labels[None])[0])
    within = float(pooled @ pooled) - squares
    df = (len(sizes) - 1, len(pooled) - len(sizes))
    f = squares / df[0] / (within / df[1]) if df[1] and within > 1e-12 * squares else float("inf")
    if _splits(sizes) <= SPLIT_LIMIT:
        return PermutationTest(len(pooled), f, _share_as_far(_every_split(labels), between, labels), "permutation, all")
    if rng is None:
        raise UntestableError(
            f"too many ways to deal {len(pooled)} patients into groups of {', '.join(map(str, sizes))}"
        )
    reached = round(_share_as_far(_random_splits(labels, rng, rounds), between, labels) * rounds)
    p = (reached + 1) / (rounds + 1)
    error = np.sqrt(p * (1 - p) / rounds)
    return PermutationTest(len(pooled), f, p, f"permutation, {rounds} at random, standard error {error:.1g}")


def _checked(groups: Sequence[ArrayLike]) -> list[Values]:
    values = [np.asarray(group, dtype=np.float64) for group in groups]
    if len(values) < 2 or any(v.ndim != 1 for v in values):
        raise ValueError(f"groups of shapes {', '.join(str(v.shape) for v in values)}; two or more of (n,)")
    both = np.concatenate(values)
    if not np.isfinite(both).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(both))} values are not finite; leave missing values out")
    if not all(len(v) for v in values):
        raise UntestableError(f"groups of {', '.join(str(len(v)) for v in values)}; each needs a value")
    if np.ptp(both) == 0:
        raise UntestableError(f"all {len(both)} values are {both[0]:g}; there is nothing to compare")
    return values


def _varied(groups: Sequence[ArrayLike]) -> list[Values]:
    values = _checked(groups)
    if any(_constant(v) for v in values):
        sizes = ", ".join(str(len(v)) for v in values)
        raise UntestableError(f"a group of {sizes} has no variance; each needs two values that differ")
    return values


def _constant(values: Values, of: Values | None = None) -> bool:
    """Tell whether values do not vary, but for rounding of what they are computed of; themselves if None."""
    return bool(np.ptp(values) <= 1e-12 * np.abs(values if of is None else of).max())


def _labels(values: Sequence[Values]) -> Labels:
    """Return the group of each patient, (n,)."""
    return np.repeat(np.arange(len(values)), [len(v) for v in values])


def _splits(sizes: Sequence[int]) -> int:
    """Return in how many ways patients can be dealt into groups."""
    return prod(comb(sum(sizes[: at + 1]), size) for at, size in enumerate(sizes))


def _every_split(labels: Labels) -> Iterator[Labels]:
    """Give all ways to deal patients into the groups, (m, n) at once."""
    n, sizes = len(labels), np.bincount(labels)
    found = np.zeros((1, n), dtype=np.int64)
    for group in range(1, len(sizes)):
        # Of the places that are still in group 0, ``size`` go to this one.
        free = np.array([np.flatnonzero(row == 0) for row in found])
        chosen = np.array(list(combinations(range(free.shape[1]), int(sizes[group]))))
        found = np.repeat(found, len(chosen), axis=0)
        places = free[:, chosen].reshape(len(found), -1)
        np.put_along_axis(found, places, group, axis=1)
    yield found


def _random_splits(labels: Labels, rng: np.random.Generator, rounds: int) -> Iterator[Labels]:
    """Give random ways to deal patients into the groups, (m, n), again and again."""
    for first in range(0, rounds, _AT_ONCE):
        yield rng.permuted(np.tile(labels, (min(_AT_ONCE, rounds - first), 1)), axis=1)


def _share_as_far(splits: Iterator[Labels], statistic: Callable[[Labels], Values], labels: Labels) -> float:
    """Return the share of splits whose statistic is at least that of the labels, but for rounding."""
    least = float(statistic(labels[None])[0])
    reached = np.concatenate([statistic(split) >= least - 1e-9 * abs(least) for split in splits])
    return float(reached.mean())


def _scores(labels: Labels, values: Values) -> Values:
    """Return Kendall's score of values and each row of labels, (m,)."""
    order = np.sign(np.subtract.outer(values, values))
    later = range(1, int(labels.max()) + 1)
    return np.asarray(sum((((labels == group) @ order) * (labels < group)).sum(axis=1) for group in later))


def _exact_trend(sizes: Sequence[int], observed: float, pairs: int) -> float:
    """Return the chance of a J as far from its mean: a sum of independent U, each of a group against all before it."""
    chance = np.ones(1)
    for at in range(1, len(sizes)):
        untied = 2 * np.arange(1, sum(sizes[: at + 1]) + 1)
        chance = np.convolve(chance, null_distribution(untied, sizes[at])[1])
    return min(float(chance[np.abs(np.arange(pairs + 1) - pairs / 2) >= abs(observed - pairs / 2)].sum()), 1.0)
