"""Competing risks: cumulative incidence by Aalen and Johansen, and Gray's test.

A patient who died in remission can no longer relapse. One minus Kaplan-Meier, which counts him as censored, says how
many would relapse if nobody died; it overstates relapse and is not offered. Written here because the stock calls give
other variances than R's cmprsk (5 to 29 % off), which is the measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtri

from phenotype.statistics.logrank import group_membership
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import checked_observations, checked_times, stratum_members

__all__ = [
    "GrayTest",
    "Incidence",
    "IncidenceCurve",
    "checked_status",
    "cumulative_incidence",
    "gray_test",
    "incidence_at",
]

_ROUNDING = 1e-12
"""An incidence closer than this to 1 is 1: it is a sum of shares of patients."""

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceCurve:
    """An Aalen-Johansen curve of one cause; arrays are (m,), a place for each distinct time observed."""

    time: Values
    at_risk: Counts
    """Patients under observation and free of any event just before the time."""
    events: Counts
    """Of the cause."""
    competing: Counts
    """Of every other cause."""
    incidence: Values
    """Share who have had the event, just after the time."""
    variance: Values
    low: Values
    """NaN with ``high`` where the incidence is 0 or 1."""
    high: Values
    complete: bool
    """Whether everybody had some event, so that nothing can change after the last time."""
    level: float
    method: str

    @property
    def n(self) -> int:
        """Patients."""
        return int(self.at_risk[0])

    @property
    def n_events(self) -> int:
        """Events of the cause in all."""
        return int(self.events.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """Cumulative incidence at given times; arrays are (t,), NaN where not estimable."""

    time: Values
    at_risk: Counts
    incidence: Values
    std_error: Values
    low: Values
    high: Values
    method: str


@dataclass(frozen=True, slots=True)
class GrayTest:
    """A test that groups share one cumulative incidence of a cause; per group in the order of ``groups``."""

    groups: tuple[str, ...]
    n: tuple[int, ...]
    events: tuple[int, ...]
    """Of the cause."""
    statistic: float
    """Chi-square."""
    df: int
    p_value: float
    method: str


def cumulative_incidence(time: ArrayLike, status: ArrayLike, *, cause: int = 1, level: float = 0.95) -> IncidenceCurve:
    """Estimate the cumulative incidence of one cause while others compete (Aalen and Johansen).

    Parameters
    ----------
    time
        (n,), finite, not negative.
    status
        (n,) whole numbers: 0 where observation ended without an event, else the cause.
    cause
        The one asked for.
    level
        Of the interval, which is symmetric on the scale of log(-log(incidence)).

    Returns
    -------
    IncidenceCurve
        The variance is that of ``cuminc``: the delta method, with the hypergeometric factor for ties.

    Raises
    ------
    UntestableError
        If there is no patient.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.
    .. [2] Marubini E, Valsecchi MG. Analysing Survival Data from Clinical Trials. 1995, section 10.2.

    Examples
    --------
    >>> curve = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0])
    >>> curve.incidence.tolist()
    [0.25, 0.25, 0.5, 0.5]
    """
    times, own, other = checked_status(time, status, cause)
    moments, place = np.unique(times, return_inverse=True)
    events, competing = (np.bincount(place[who], minlength=len(moments)) for who in (own, other))
    leaving = np.bincount(place, minlength=len(moments))
    at_risk = len(times) - np.cumsum(leaving) + leaving
    survival, incidence = _state_probabilities(at_risk, events, competing)
    variance = _incidence_variance(at_risk, events, competing, survival, incidence)
    low, high = _log_log_limits(incidence, np.sqrt(variance), float(ndtri((1 + level) / 2)))
    for array in (moments, at_risk, events, competing, incidence, variance, low, high):
        array.setflags(write=False)
    return IncidenceCurve(
        moments, at_risk, events, competing, incidence, variance, low, high, bool(survival[-1] <= 0), level,
        "Aalen-Johansen, log-log interval",
    )  # fmt: skip


def incidence_at(curve: IncidenceCurve, times: ArrayLike) -> Incidence:
    """Read cumulative incidence at given times off a curve.

    Past the last follow-up it is not estimable: NaN. Only where everybody has had some event, it stays as it is.

    Parameters
    ----------
    curve
        From :func:`cumulative_incidence`.
    times
        (t,), not negative, in the unit of the curve.
    """
    wanted = checked_times(times)
    place = np.searchsorted(curve.time, wanted, side="right")
    known = (wanted <= curve.time[-1]) | curve.complete
    at_risk = np.append(curve.at_risk, 0)[np.searchsorted(curve.time, wanted, side="left")]
    incidence, variance, low, high = (
        np.where(known, np.append(before, values)[place], np.nan)
        for before, values in ((0, curve.incidence), (0, curve.variance), (np.nan, curve.low), (np.nan, curve.high))
    )
    return Incidence(wanted, at_risk, incidence, np.sqrt(variance), low, high, curve.method)


def gray_test(
    time: ArrayLike,
    status: ArrayLike,
    group: ArrayLike,
    *,
    cause: int = 1,
    groups: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> GrayTest:
    """Test whether groups share one cumulative incidence of a cause (Gray).

    Parameters
    ----------
    time, status, cause
        As for :func:`cumulative_incidence`.
    group, groups, strata
        As for :func:`~phenotype.statistics.logrank.log_rank`.
    rho
        Weight (1 - F(t-))**rho, F the incidence of all: 0 weighs all times alike.

    Raises
    ------
    UntestableError
        If there is no event of the cause, a group is empty, the groups were never at risk together, or one of them had
        all its events so early that the incidence of all, which counts the others alone from then on, exceeds 1.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Gray RJ. Ann Stat 1988;16:1141-1154.
    """
    times, own, other = checked_status(time, status, cause)
    names, membership = group_membership(group, groups, len(times))
    if not own.any():
        raise UntestableError(f"no event of cause {cause} in {len(times)} patients")
    score, covariance = np.zeros(len(names)), np.zeros((len(names), len(names)))
    for who in stratum_members(strata, len(times)):
        course = _Course.of(times[who], own[who], other[who], membership[who], rho)
        score, covariance = score + course.score, covariance + course.covariance
    # As in the log-rank test, a group censored before the first event takes no part.
    part = np.flatnonzero(np.diag(covariance) > 1e-10 * np.abs(covariance).max())[:-1]
    inner = covariance[np.ix_(part, part)]
    if not len(part) or np.linalg.matrix_rank(inner, tol=1e-10 * np.abs(inner).max()) < len(part):
        raise UntestableError("the groups were not at risk together when events happened")
    statistic = float(score[part] @ np.linalg.solve(inner, score[part]))
    method = "Gray" + ("" if rho == 0 else f", rho = {rho:g}") + ("" if strata is None else ", stratified")
    counts = (membership.sum(axis=0), membership[own].sum(axis=0))
    n, events = (tuple(int(value) for value in count) for count in counts)
    return GrayTest(names, n, events, statistic, len(inner), float(chdtrc(len(inner), statistic)), method)


def checked_status(time: ArrayLike, status: ArrayLike, cause: int) -> tuple[Values, Flags, Flags]:
    """Return times, who had the cause, and who had another."""
    codes = np.asarray(status, dtype=np.float64)
    wrong = ~np.isfinite(codes) | (codes < 0) | (codes != np.floor(codes))
    if wrong.any():
        raise ValueError(
            f"status {codes[wrong][0]:g}; 0 is the end of observation without an event, causes count from 1"
        )
    if cause < 1:
        raise ValueError(f"cause {cause}; causes count from 1")
    times, _ = checked_observations(time, codes > 0)
    return times, codes == cause, (codes > 0) & (codes != cause)


def _state_probabilities(at_risk: Counts, own: Counts, other: Counts) -> tuple[Values, Values]:
    """Return the share free of any event and the incidence of the cause, just after each time."""
    survival = np.cumprod(1 - (own + other) / at_risk, dtype=np.float64)
    before = np.append(1.0, survival[:-1])
    incidence = np.cumsum(before * own / at_risk)
    return survival, np.where(incidence > 1 - _ROUNDING, 1.0, incidence)


def _incidence_variance(at_risk: Counts, own: Counts, other: Counts, survival: Values, incidence: Values) -> Values:
    """Return the variance of F(t): the sum over s <= t of what the events at s move it.

    An event of the cause at s moves F(t) by ``1 - (F(t) - F(s)) / S(s)``, another by ``-(F(t) - F(s)) / S(s)``, both
    times S(s-) over the number at risk; squared and written out, three sums up to t remain.
    """
    before = np.append(1.0, survival[:-1])
    step_own, step_other = (_step_variance(before, count, at_risk) for count in (own, other))
    inverse = np.divide(1.0, survival, out=np.zeros_like(survival), where=survival > 0)
    moved = 1 + incidence * inverse
    squares = np.cumsum(moved**2 * step_own + (incidence * inverse) ** 2 * step_other)
    products = np.cumsum(moved * inverse * step_own + incidence * inverse**2 * step_other)
    inverses = np.cumsum(inverse**2 * (step_own + step_other))
    variance = squares - 2 * incidence * products + incidence**2 * inverses
    return np.where(incidence > 0, np.maximum(variance, 0.0), 0.0)


def _step_variance(before: Values, events: Values | Counts, at_risk: Values | Counts) -> Values:
    """Return the hypergeometric variance of a step of S(t-) * events / at risk."""
    tied = 1 - np.maximum(events - 1, 0) / np.maximum(at_risk - 1, 1)
    variance: Values = (before / np.maximum(at_risk, 1)) ** 2 * events * tied
    return variance


def _log_log_limits(incidence: Values, error: Values, z: float) -> tuple[Values, Values]:
    inside = np.where((incidence > 0) & (incidence < 1), incidence, np.nan)
    half = z * error / (inside * np.log(inside))
    low, high = (np.power(inside, np.exp(side * half)) for side in (-1, 1))
    return low, high


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """What Gray's test needs of one stratum: arrays are (m, k), times of any event by groups, or (m,).

    Each group's risk set is counted as if those with another event had stayed: n / S(t-).
    """

    n: Values
    """At risk just before."""
    own: Values
    """Events of the cause."""
    other: Values
    survival: Values
    """Free of any event in the group, just after."""
    before: Values
    """The same just before."""
    incidence_before: Values
    """Of the cause in the group, just before."""
    risk: Values
    """n / S(t-)"""
    pooled_before: Values
    """(m,) incidence of the cause in all, just before."""
    weight: Values
    """(m,) of each time."""

    @classmethod
    def of(cls, time: Values, own: Flags, other: Flags, membership: Values, rho: float) -> "_Course":
        """Count and sum up."""
        moments = np.unique(time[own | other])
        n = (time >= moments[:, None]).astype(np.float64) @ membership
        d_own, d_other = (((time == moments[:, None]) & who).astype(np.float64) @ membership for who in (own, other))
        there = np.maximum(n, 1)
        survival = np.cumprod(1 - (d_own + d_other) / there, axis=0)
        before = np.vstack([np.ones(n.shape[1]), survival])[:-1]
        incidence = np.vstack([np.zeros(n.shape[1]), np.cumsum(before * d_own / there, axis=0)])[:-1]
        risk = np.divide(n, before, out=np.zeros_like(n), where=n > 0)
        pooled = np.append(0.0, np.cumsum(d_own.sum(axis=1) / risk.sum(axis=1)))[:-1]
        if (pooled[d_own.any(axis=1)] > 1 - _ROUNDING).any():
            raise UntestableError("one group had all its events so early that the pooled incidence exceeds 1")
        pooled = np.minimum(pooled, 1 - _ROUNDING)  # after the last event of the cause it is not used
        return cls(n, d_own, d_other, survival, before, incidence, risk, pooled, (1 - pooled) ** rho)

    @property
    def score(self) -> Values:
        """(k,) events of the cause less those expected, of n (1 - F(t-)) / S(t-) in each group."""
        free = self.risk * (1 - self.incidence_before)
        expected = self.own.sum(axis=1)[:, None] * free / free.sum(axis=1, keepdims=True)
        difference: Values = self.weight @ (self.own - expected)
        return difference

    @property
    def covariance(self) -> Values:
        """(k, k) the squares of what one event in a group at a time moves the score, summed over all.

        It moves the comparison at its time, and through S and F of its group those at all later times.
        """
        total, events = self.risk.sum(axis=1), self.own.sum(axis=1)
        shared = self.risk[:, :, None] * (np.eye(self.n.shape[1]) - self.risk[:, None, :] / total[:, None, None])
        now = self.weight[:, None, None] * shared
        rate = events / (total * (1 - self.pooled_before))
        summed = np.cumsum(now * rate[:, None, None], axis=0)
        later = summed[-1:] - summed
        free = 1 - self.pooled_before - events / total
        ratio = np.divide(free[:, None], self.survival, out=np.zeros_like(self.n), where=self.survival > 0)
        by_own = now + (1 - ratio)[:, None, :] * later
        by_other = ratio[:, None, :] * later
        variances = self._own_variance(events / total), _step_variance(self.before, self.other, self.n)
        steps = zip((by_own, by_other), variances, strict=True)
        covariance: Values = np.sum([np.einsum("tik,tjk,tk->ij", moved, moved, step) for moved, step in steps], axis=0)
        return covariance

    def _own_variance(self, hazard: Values) -> Values:
        """Return (m, k) of an event of the cause; its number is estimated from all groups, shared out by risk."""
        events, present = self.own.sum(axis=1)[:, None], self.n > 0
        size = self.risk.sum(axis=1)[:, None] * self.before
        tied = 1 - np.divide(events - 1, size - 1, out=np.zeros_like(self.n), where=(events > 1) & present)
        variance = np.zeros_like(self.n)
        np.divide(tied * self.before * hazard[:, None], self.n, out=variance, where=present)
        return variance
