"""Regression with competing risks: Fine and Gray's model of the subdistribution, and Cox models of single causes.

Written here because the stock call gives standard errors without the sandwich, up to 21 % off; R's crr is the measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri

from phenotype.statistics.competing import checked_status
from phenotype.statistics.cox import ChiSquare, CoxFit, cox
from phenotype.statistics.partial_likelihood import (
    check_estimable,
    checked_covariates,
    newton,
    sandwich,
    standardised_columns,
)
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import kaplan_meier

__all__ = ["FineGray", "cause_specific_cox", "fine_gray"]

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FineGray:
    """A fitted subdistribution model; arrays are (p,)."""

    names: tuple[str, ...]
    terms: tuple[str, ...]
    """The term of each column."""
    coefficients: Values
    std_errors: Values
    hazard_ratios: Values
    """Of the subdistribution: their direction is that of the effect on cumulative incidence, their size is not."""
    low: Values
    high: Values
    z: Values
    p_values: Values
    covariance: Values
    """(p, p)"""
    n: int
    events: int
    competing: int
    log_likelihood_null: float
    log_likelihood: float
    wald: ChiSquare
    """Of the whole model."""
    level: float
    method: str

    @property
    def events_per_variable(self) -> float:
        """Events of the cause for each coefficient."""
        return self.events / len(self.names)


def cause_specific_cox(
    time: ArrayLike,
    status: ArrayLike,
    covariates: ArrayLike,
    names: Sequence[str],
    *,
    cause: int = 1,
    terms: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> CoxFit:
    """Fit a Cox model of one cause, in which an event of another ends observation.

    Its hazard ratio is that of the rate among those still event-free: the effect on the cause itself. Report it
    beside :func:`fine_gray`, and for each cause.

    Parameters and errors are those of :func:`~phenotype.statistics.competing.cumulative_incidence` and of
    :func:`~phenotype.statistics.cox.cox`.

    References
    ----------
    .. [1] Austin PC, Fine JP. Stat Med 2017;36:4391-4400.
    """
    times, own, _ = checked_status(time, status, cause)
    fit = cox(times, own, covariates, names, terms=terms, strata=strata, ties=ties, level=level)
    return replace(fit, method=f"cause-specific {fit.method}")


def fine_gray(
    time: ArrayLike,
    status: ArrayLike,
    covariates: ArrayLike,
    names: Sequence[str],
    *,
    cause: int = 1,
    terms: Sequence[str] | None = None,
    level: float = 0.95,
) -> FineGray:
    """Fit Fine and Gray's proportional hazards model of a subdistribution.

    Patients with another event stay in the risk set, weighted by their chance of still being under observation,
    G(t-) / G(T-) with the Kaplan-Meier curve G of censoring. Standard errors are from the full sandwich of 1999,
    which counts the estimation of G; ties are Breslow's. R's ``crr``.

    Parameters
    ----------
    time, status, cause
        As for :func:`~phenotype.statistics.competing.cumulative_incidence`.
    covariates, names, terms
        As for :func:`~phenotype.statistics.cox.cox`.
    level
        Of the Wald interval.

    Raises
    ------
    MonotoneLikelihoodError
        If a combination of columns orders all events of the cause.
    UntestableError
        If there are fewer events of the cause than columns, or columns cannot be told apart.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496-509.
    """
    times, own, other = checked_status(time, status, cause)
    x, given, belonging = checked_covariates(covariates, names, terms, len(times))
    if not own.any():
        raise UntestableError(f"no event of cause {cause} in {len(times)} patients")
    standardised, scale = standardised_columns(x)
    check_estimable(np.where(other, np.inf, times), own, standardised, given)
    sets = _RiskSets.of(times, own, other, standardised)
    beta, at_beta = newton(sets.at, len(given))
    covariance = _covariance(sets, at_beta) / np.outer(scale, scale)
    coefficients, error = beta / scale, np.sqrt(np.diag(covariance))
    half = ndtri((1 + level) / 2) * error
    statistic = float(coefficients @ np.linalg.solve(covariance, coefficients))
    return FineGray(
        names=given,
        terms=belonging,
        coefficients=coefficients,
        std_errors=error,
        hazard_ratios=np.exp(coefficients),
        low=np.exp(coefficients - half),
        high=np.exp(coefficients + half),
        z=coefficients / error,
        p_values=2 * ndtr(-np.abs(coefficients / error)),
        covariance=covariance,
        n=len(times),
        events=int(own.sum()),
        competing=int(other.sum()),
        log_likelihood_null=sets.at(np.zeros(len(beta))).log_likelihood,
        log_likelihood=at_beta.log_likelihood,
        wald=ChiSquare(statistic, len(beta), float(chdtrc(len(beta), statistic))),
        level=level,
        method="Fine-Gray",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _AtTimes:
    """A subdistribution model at some coefficients; (m,) and (m, p) over the times of the cause."""

    relative: Values
    """(n,) exp(linear predictor)."""
    total: Values
    mean: Values
    log_likelihood: float
    gradient: Values
    information: Values


@dataclass(frozen=True, slots=True, eq=False)
class _RiskSets:
    """The weighted risk sets of a subdistribution."""

    time: Values
    """(n,)"""
    own: Flags
    other: Flags
    covariates: Values
    """(n, p)"""
    moments: Values
    """(m,) distinct times of the cause."""
    events: Values
    """(m,) of the cause."""
    weight: Values
    """(m, n)"""

    @classmethod
    def of(cls, time: Values, own: Flags, other: Flags, covariates: Values) -> "_RiskSets":
        """Weigh patients with another event by their chance of still being under observation."""
        moments, events = np.unique(time[own], return_counts=True)
        censoring = kaplan_meier(time, ~(own | other))
        before = np.append(1.0, censoring.survival[:-1])

        def still(times: Values) -> Values:
            left: Values = before[np.searchsorted(censoring.time, times)]
            return left

        stays = other & (time < moments[:, None])
        weight = np.where(stays, still(moments)[:, None] / still(time), (time >= moments[:, None]).astype(np.float64))
        return cls(time, own, other, covariates, moments, events.astype(np.float64), weight)

    def at(self, beta: Values) -> _AtTimes:
        """Describe the model at coefficients."""
        x, predictor = self.covariates, self.covariates @ beta
        relative = np.exp(predictor)
        risk = self.weight * relative
        total = risk.sum(axis=1)
        mean = risk @ x / total[:, None]
        squares = np.einsum("n,np,nq->pq", (self.events / total) @ risk, x, x)
        information = squares - mean.T @ (self.events[:, None] * mean)
        log_likelihood = float(predictor[self.own].sum() - self.events @ np.log(total))
        gradient = x[self.own].sum(axis=0) - self.events @ mean
        return _AtTimes(relative, total, mean, log_likelihood, gradient, information)


def _covariance(sets: _RiskSets, point: _AtTimes) -> Values:
    """Return the covariance of the coefficients: Fine and Gray's, with the part that estimating G adds."""
    hazard = sets.events / point.total
    expected = sets.weight * point.relative * hazard[:, None]
    x = sets.covariates
    residual = expected.T @ point.mean - x * expected.sum(axis=0)[:, None]
    residual[sets.own] += x[sets.own] - point.mean[np.searchsorted(sets.moments, sets.time[sets.own])]
    return sandwich(residual + _censoring_part(sets, point.mean, expected), point.information)


def _censoring_part(sets: _RiskSets, mean: Values, expected: Values) -> Values:
    """Return (n, p): what each patient's censoring moves the gradient through the weights.

    A censoring at u lowers G after u, and so the weight, at every time of the cause from u on, of patients whose other
    event was before u.
    """
    censored = ~(sets.own | sets.other)
    moments, counts = np.unique(sets.time[censored], return_counts=True)
    moved = np.zeros((len(moments), sets.covariates.shape[1]))
    for place, moment in enumerate(moments):
        share = expected[np.ix_(sets.moments >= moment, sets.other & (sets.time < moment))]
        patients = sets.covariates[sets.other & (sets.time < moment)]
        moved[place] = share.sum(axis=0) @ patients - share.sum(axis=1) @ mean[sets.moments >= moment]
    at_risk = (sets.time >= moments[:, None]).sum(axis=1)
    per_patient = moved / at_risk[:, None]
    drift = np.vstack([np.zeros(moved.shape[1]), np.cumsum(per_patient * (counts / at_risk)[:, None], axis=0)])
    part: Values = -drift[np.searchsorted(moments, sets.time, side="right")]
    part[censored] += per_patient[np.searchsorted(moments, sets.time[censored])]
    return part
