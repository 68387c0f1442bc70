"""Log-rank tests: k groups, pairs, strata, ordered groups, early events weighted. R's survdiff is the measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr

from gating import missing
from phenotype.statistics.multiplicity import benjamini_hochberg, holm
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import checked_observations, stratum_members

__all__ = ["LogRank", "Pair", "Trend", "group_membership", "log_rank", "log_rank_trend", "pairwise_log_rank"]

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LogRank:
    """A test that groups share one survival curve; per group in the order of ``groups``."""

    groups: tuple[str, ...]
    n: tuple[int, ...]
    events: tuple[int, ...]
    observed: tuple[float, ...]
    """Weighted if rho is not 0."""
    expected: tuple[float, ...]
    statistic: float
    """Chi-square."""
    df: int
    p_value: float
    method: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two of several groups compared."""

    groups: tuple[str, str]
    test: LogRank | None
    p_holm: float
    """Adjusted over the pairs that could be tested; NaN without a test."""
    p_bh: float
    note: str
    """Why there is no test; empty if there is one."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A test for a trend in survival over ordered groups."""

    groups: tuple[str, ...]
    n: int
    events: int
    statistic: float
    """z; positive where later groups have more events than expected."""
    p_value: float
    method: str


def log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRank:
    """Test whether groups share one survival curve.

    Parameters
    ----------
    time, event
        As for :func:`checked_observations`.
    group
        (n,) the name of each patient's group.
    groups
        Their order; each must have a patient. Sorted if not given.
    strata
        (n,) labels; groups are compared within each stratum and the differences added up.
    rho
        Weight S(t-)**rho: 0 is the log-rank test, 1 the Peto-Peto form of Wilcoxon's, which weighs early events more.

    Raises
    ------
    UntestableError
        If there is no event, a group is empty, or the groups were never at risk together.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Mantel N. Cancer Chemother Rep 1966;50:163-170.
    .. [2] Harrington DP, Fleming TR. Biometrika 1982;69:553-566.

    Examples
    --------
    >>> test = log_rank([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0], list("aaabbb"))
    >>> round(test.statistic, 3), test.df, test.method
    (5.052, 1, 'log-rank')
    """
    times, flags = checked_observations(time, event)
    names, membership = group_membership(group, groups, len(times))
    observed, expected, variance = _differences(times, flags, membership, strata=strata, rho=rho)
    # As in R: a group censored before the first event takes no part in the test.
    part = np.flatnonzero(expected > 0)
    if len(part) < 2:
        raise UntestableError("only one group was at risk when events happened")
    inner = part[:-1]
    matrix, difference = variance[np.ix_(inner, inner)], (observed - expected)[inner]
    if np.linalg.matrix_rank(matrix, tol=1e-10 * max(float(np.abs(matrix).max()), 1e-300)) < len(inner):
        raise UntestableError(
            "the groups were not at risk together when events happened, or all events fell on one time"
        )
    statistic = float(difference @ np.linalg.solve(matrix, difference))
    events = (membership[flags].sum(axis=0)).astype(int)
    return LogRank(
        names, tuple(membership.sum(axis=0).astype(int).tolist()), tuple(events.tolist()), tuple(observed.tolist()),
        tuple(expected.tolist()), statistic, len(inner), float(chdtrc(len(inner), statistic)),
        _log_rank_name(rho, strata),
    )  # fmt: skip


def pairwise_log_rank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> tuple[Pair, ...]:
    """Compare every two groups by :func:`log_rank`, with p-values adjusted for their number.

    Each pair is tested on its own patients alone. Parameters and errors are those of :func:`log_rank`, but a pair
    that admits no test has its reason in ``note``.
    """
    times, flags = checked_observations(time, event)
    names, membership = group_membership(group, groups, len(times))
    labels = None if strata is None else np.asarray(strata)
    tests: list[LogRank | str] = []
    for first, second in combinations(range(len(names)), 2):
        who = membership[:, [first, second]].any(axis=1)
        members = np.where(membership[who, first] > 0, names[first], names[second])
        within = None if labels is None else labels[who]
        try:
            tests.append(
                log_rank(times[who], flags[who], members, groups=(names[first], names[second]), strata=within, rho=rho)
            )
        except UntestableError as error:
            tests.append(str(error))
    p = [test.p_value if isinstance(test, LogRank) else np.nan for test in tests]
    return tuple(
        Pair(pair, test, float(by_holm), float(by_bh), "")
        if isinstance(test, LogRank)
        else Pair(pair, None, float("nan"), float("nan"), test)
        for pair, test, by_holm, by_bh in zip(
            combinations(names, 2), tests, holm(p), benjamini_hochberg(p), strict=True
        )
    )


def log_rank_trend(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    groups: Sequence[str],
    *,
    scores: Sequence[float] | None = None,
    strata: ArrayLike | None = None,
) -> Trend:
    """Test for a trend over ordered groups: z = w'(O - E) / sqrt(w'Vw), one degree of freedom.

    Parameters
    ----------
    time, event, group, strata
        As for :func:`log_rank`.
    groups
        Names from first to last.
    scores
        A number for each, in that order; 0, 1, 2, … if not given.

    Raises
    ------
    UntestableError
        As for :func:`log_rank`.
    ValueError
        If an argument is wrong, or all scores are equal.

    References
    ----------
    .. [1] Tarone RE. Biometrika 1975;62:679-682.
    """
    times, flags = checked_observations(time, event)
    names, membership = group_membership(group, groups, len(times))
    weight = np.arange(len(names), dtype=np.float64) if scores is None else np.asarray(scores, dtype=np.float64)
    if weight.shape != (len(names),) or not np.isfinite(weight).all() or np.ptp(weight) == 0:
        raise ValueError(f"scores {weight.tolist()} for {len(names)} groups; each needs a finite one, and they differ")
    observed, expected, variance = _differences(times, flags, membership, strata=strata)
    spread = float(weight @ variance @ weight)
    if spread <= 1e-12 * float(np.abs(weight).max() ** 2):
        raise UntestableError("groups with different scores were never at risk together when events happened")
    z = float(weight @ (observed - expected) / np.sqrt(spread))
    text = ", ".join(f"{score:g}" for score in weight)
    method = f"log-rank test for trend, scores {text}" + ("" if strata is None else ", stratified")
    return Trend(names, len(times), int(flags.sum()), z, float(2 * ndtr(-abs(z))), method)


def _differences(
    time: Values, event: Flags, membership: Values, *, strata: ArrayLike | None = None, rho: float = 0.0
) -> tuple[Values, Values, Values]:
    """Return observed and expected events per group, and the covariance of their difference.

    Parameters
    ----------
    time, event
        (n,), checked.
    membership
        (n, k), 1 in the column of the patient's group, else 0.
    strata, rho
        As for :func:`log_rank`.

    Returns
    -------
    observed, expected, covariance
        (k,), (k,) and (k, k), weighted by S(t-)**rho; the covariance is the hypergeometric one.
    """
    if not event.any():
        raise UntestableError(f"all {len(time)} patients censored")
    k = membership.shape[1]
    observed, expected, covariance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for who in stratum_members(strata, len(time)):
        moments = np.unique(time[who][event[who]])
        at_risk = (time[who] >= moments[:, None]).astype(np.float64) @ membership[who]
        deaths = ((time[who] == moments[:, None]) & event[who]).astype(np.float64) @ membership[who]
        n, d = at_risk.sum(axis=1), deaths.sum(axis=1)
        weight = np.append(1.0, np.cumprod(1 - d / n)[:-1])[: len(d)] ** rho
        share = at_risk / n[:, None]
        spread = weight**2 * d * (n - d) / np.maximum(n - 1, 1)
        observed += weight @ deaths
        expected += (weight * d) @ share
        covariance += np.diag(spread @ share) - share.T @ (spread[:, None] * share)
    return observed, expected, covariance


def group_membership(group: ArrayLike, groups: Sequence[str] | None, n: int) -> tuple[tuple[str, ...], Values]:
    """Return the names of the groups and a column of 0 and 1 for each."""
    labels = np.asarray(group).astype(str)
    if labels.shape != (n,):
        raise ValueError(f"group of shape {labels.shape} for {n} patients; one name each")
    names = tuple(np.unique(labels).tolist()) if groups is None else tuple(groups)
    unknown = sorted(set(labels.tolist()) - set(names))
    if unknown:
        raise ValueError(missing("group", unknown[0], names, "survival"))
    empty = [name for name in names if name not in labels]
    if empty:
        raise UntestableError(f"no patients in group {empty[0]}")
    if len(names) < 2:
        raise UntestableError(f"all {n} patients in one group, {names[0]}")
    return names, (labels[:, None] == np.array(names)).astype(np.float64)


def _log_rank_name(rho: float, strata: ArrayLike | None) -> str:
    name = "log-rank" if rho == 0 else f"Fleming-Harrington, rho = {rho:g}"
    return name if strata is None else f"{name}, stratified"
