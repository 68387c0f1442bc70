"""Logistic regression: maximum likelihood with Wald and profile intervals, and Firth's penalty where it has no maximum.

A ratio of odds is never called a relative risk. Written here, since the profile needs constrained fits that no library
offers; Firth's estimates are those of firthmodels. All numbers are held against R in the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, linprog
from scipy.special import chdtrc, expit, ndtr, ndtri

from phenotype.statistics.cox import ChiSquare
from phenotype.statistics.partial_likelihood import checked_covariates
from phenotype.statistics.ranks import UntestableError

__all__ = ["INTERCEPT", "FirthLogistic", "LogisticFit", "SeparationError", "firth_logistic", "logistic"]

INTERCEPT = "(Intercept)"
_ROUNDS = 100
_STEP = 1e-12
"""Largest change of a standardised coefficient at which the search ends."""

Values = NDArray[np.float64]


class SeparationError(UntestableError):
    """A combination of covariates tells all outcomes, or all but ties: the likelihood has no maximum."""


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """A model fitted by maximum likelihood; arrays are (p + 1,), the intercept first."""

    names: tuple[str, ...]
    coefficients: Values
    """Logarithms of odds ratios."""
    std_errors: Values
    odds_ratios: Values
    low: Values
    """Of the odds ratio, by profile likelihood, with ``high``."""
    high: Values
    wald_low: Values
    wald_high: Values
    z: Values
    p_values: Values
    """Of Wald's test."""
    terms: Mapping[str, ChiSquare]
    """Likelihood-ratio test of each term: the model against that without it."""
    n: int
    events: int
    log_likelihood: float
    log_likelihood_null: float
    level: float
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class FirthLogistic:
    """A model fitted with Firth's penalty; arrays are (p + 1,), the intercept first."""

    names: tuple[str, ...]
    coefficients: Values
    std_errors: Values
    odds_ratios: Values
    low: Values
    """Of the odds ratio, by the profile of the penalised likelihood, with ``high``."""
    high: Values
    p_values: Values
    """Of the penalised likelihood-ratio test."""
    n: int
    events: int
    log_likelihood: float
    """Penalised."""
    level: float
    method: str


def logistic(
    outcome: ArrayLike,
    covariates: ArrayLike,
    names: Sequence[str],
    *,
    terms: Sequence[str] | None = None,
    level: float = 0.95,
) -> LogisticFit:
    """Fit a logistic model by maximum likelihood.

    Parameters
    ----------
    outcome
        (n,), 0 and 1.
    covariates
        (n, p), finite; the intercept is added.
    names
        (p,) of the columns.
    terms
        (p,) the covariate that each column belongs to; the columns themselves if None.
    level
        Of the intervals.

    Raises
    ------
    SeparationError
        If outcomes are separated, completely or but for ties: see :func:`firth_logistic`.
    UntestableError
        If all outcomes are alike, or columns cannot be told apart.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Hosmer DW, Lemeshow S, Sturdivant RX. Applied Logistic Regression. 3rd ed. Wiley 2013.

    Examples
    --------
    >>> fit = logistic([0, 0, 1, 0, 1, 1, 0, 1], [[0], [0], [0], [0], [1], [1], [1], [1]], ["asct"])
    >>> fit.odds_ratios.round(3).tolist(), fit.method
    ([0.333, 9.0], 'logistic, profile-likelihood interval')
    """
    data = _Data.of(outcome, covariates, names, terms)
    if data.separated():
        raise SeparationError("outcomes are separated by the covariates: the likelihood has no maximum")
    beta, likelihood = data.maximum()
    errors = np.sqrt(np.diag(np.linalg.inv(data.information(beta))))
    limits = np.array([data.profile(place, beta, errors, likelihood, level) for place in range(len(beta))])
    z, half = beta / errors, ndtri((1 + level) / 2) * errors
    tests = {term: data.without(term, likelihood) for term in dict.fromkeys(data.terms)}
    ratio, low, high, wald_low, wald_high = (
        np.exp(values / data.scale) for values in (beta, limits[:, 0], limits[:, 1], beta - half, beta + half)
    )
    return LogisticFit(
        (INTERCEPT, *data.names), beta / data.scale, errors / data.scale, ratio, low, high, wald_low, wald_high, z,
        2 * ndtr(-np.abs(z)), tests, data.n, data.events, likelihood, data.maximum(np.arange(len(beta)) == 0)[1],
        level, "logistic, profile-likelihood interval",
    )  # fmt: skip


def firth_logistic(
    outcome: ArrayLike, covariates: ArrayLike, names: Sequence[str], *, level: float = 0.95
) -> FirthLogistic:
    """Fit a logistic model with Firth's penalty: finite estimates also under separation, less bias with few events.

    Use the profile limits and the likelihood-ratio p, as given here; Wald's are poor where the penalty is needed.

    Parameters
    ----------
    outcome, covariates, names, level
        As for :func:`logistic`.

    Raises
    ------
    UntestableError
        If all outcomes are alike, columns cannot be told apart, or the search does not converge.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Firth D. Biometrika 1993;80:27-38.
    .. [2] Heinze G, Schemper M. Stat Med 2002;21:2409-2419.
    """
    from firthmodels import FirthLogisticRegression  # slow to import, and seldom needed

    data = _Data.of(outcome, covariates, names, None)
    with catch_warnings():
        simplefilter("ignore")  # what they say is read off the result
        columns = data.design[:, 1:]
        model = FirthLogisticRegression(backend="numpy", max_iter=_ROUNDS).fit(columns, data.outcome)
        if not model.converged_:
            raise UntestableError("the penalised likelihood did not converge")
        p_values = model.lrt().lrt_pvalues_
        limits = model.conf_int(alpha=1 - level, method="pl", max_iter=_ROUNDS)
    first = np.r_[len(data.names), : len(data.names)]  # the intercept is last there
    beta, errors = data.polished(np.append(model.intercept_, model.coef_))
    estimates, ends = beta / data.scale, limits[first] / data.scale[:, None]
    return FirthLogistic(
        (INTERCEPT, *data.names), estimates, errors / data.scale, np.exp(estimates), np.exp(ends[:, 0]),
        np.exp(ends[:, 1]), p_values[first], data.n, data.events,
        float(model.loglik_ + np.log(data.scale).sum()), level,
        "Firth logistic, profile-likelihood interval",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """What a likelihood needs: columns divided by their standard deviations, the intercept before them."""

    outcome: Values
    """(n,)"""
    design: Values
    """(n, p + 1)"""
    scale: Values
    """(p + 1,) what columns were divided by; 1 for the intercept."""
    names: tuple[str, ...]
    terms: tuple[str, ...]

    @classmethod
    def of(
        cls, outcome: ArrayLike, covariates: ArrayLike, names: Sequence[str], terms: Sequence[str] | None
    ) -> "_Data":
        """Check the arguments and whether there is anything to estimate."""
        y = np.asarray(outcome, dtype=np.float64)
        if y.ndim != 1 or not np.isin(y, (0.0, 1.0)).all():
            raise ValueError(f"outcomes of shape {y.shape}; they are (n,) and 0 or 1")
        x, given, belonging = checked_covariates(covariates, names, terms, len(y))
        if y.min(initial=1) == y.max(initial=0):
            raise UntestableError(f"all {len(y)} outcomes are {'yes' if y.size and y[0] else 'no'}")
        constant = [name for name, column in zip(given, x.T, strict=True) if np.ptp(column) == 0]
        if constant:
            raise UntestableError(f"{', '.join(constant)} has one value in all {len(y)} patients")
        scale = np.append(1.0, x.std(axis=0))
        design = np.column_stack([np.ones(len(y)), x]) / scale
        if len(y) <= x.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
            raise UntestableError(f"{', '.join(given)} cannot be told apart in {len(y)} patients")
        return cls(y, design, scale, given, belonging)

    @property
    def n(self) -> int:
        """Patients."""
        return len(self.outcome)

    @property
    def events(self) -> int:
        """Patients with the outcome."""
        return int(self.outcome.sum())

    def separated(self) -> bool:
        """Tell whether some combination of columns is never on the wrong side of its outcome: a linear programme."""
        signed = np.where(self.outcome == 1, 1.0, -1.0)[:, None] * self.design
        found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(self.n), bounds=(-1, 1))
        return float(found.fun or 0.0) < -1e-7 * self.n

    def likelihood(self, logits: Values) -> float:
        """Return the log-likelihood of logits, (n,)."""
        return float((self.outcome * logits - np.logaddexp(0, logits)).sum())

    def information(self, beta: Values) -> Values:
        """Return the information, (p + 1, p + 1)."""
        risk = expit(self.design @ beta)
        return np.asarray((self.design * (risk * (1 - risk))[:, None]).T @ self.design)

    def maximum(
        self, free: NDArray[np.bool_] | None = None, offset: Values | float = 0.0, start: Values | None = None
    ) -> tuple[Values, float]:
        """Return coefficients of the free columns, and the largest log-likelihood, by Newton's steps."""
        columns = self.design if free is None else self.design[:, free]
        beta = np.zeros(columns.shape[1]) if start is None else start
        reached = self.likelihood(columns @ beta + offset)
        for _ in range(_ROUNDS):
            risk = expit(columns @ beta + offset)
            curvature = (columns * (risk * (1 - risk))[:, None]).T @ columns
            step = np.linalg.solve(curvature, columns.T @ (self.outcome - risk))
            while (higher := self.likelihood(columns @ (beta + step) + offset)) < reached - 1e-9 * abs(reached):
                step = step / 2
            beta, reached = beta + step, higher
            if np.abs(step).max() < _STEP:
                return beta, reached
        raise UntestableError("the likelihood did not converge")

    def profile(self, place: int, beta: Values, errors: Values, likelihood: float, level: float) -> tuple[float, float]:
        """Return where the likelihood, at its highest given one coefficient, has fallen by half a quantile."""
        fall = float(ndtri((1 + level) / 2)) ** 2 / 2
        others = np.arange(len(beta)) != place

        def excess(value: float) -> float:
            return likelihood - self.maximum(others, self.design[:, place] * value, beta[others])[1] - fall

        ends = []
        for side in (-1, 1):
            far = 2.0 * errors[place]
            while excess(beta[place] + side * far) < 0:
                far *= 1.5
            ends.append(float(brentq(excess, beta[place], beta[place] + side * far, xtol=1e-12, rtol=1e-12)))
        return ends[0], ends[1]

    def polished(self, beta: Values) -> tuple[Values, Values]:
        """Bring penalised coefficients nearer to their maximum than the library stops, and return their errors."""
        for _ in range(_ROUNDS):
            risk = expit(self.design @ beta)
            weight, inverse = risk * (1 - risk), np.linalg.inv(self.information(beta))
            leverage = weight * ((self.design @ inverse) * self.design).sum(axis=1)
            step = inverse @ (self.design.T @ (self.outcome - risk + leverage * (0.5 - risk)))
            beta = beta + step
            if np.abs(step).max() < _STEP:
                break
        augmented = (self.design * (weight * (1 + leverage))[:, None]).T @ self.design
        return beta, np.sqrt(np.diag(np.linalg.inv(augmented)))

    def without(self, term: str, likelihood: float) -> ChiSquare:
        """Compare the model with that without one term."""
        kept = np.array([True, *(name != term for name in self.terms)])
        statistic = max(2 * (likelihood - self.maximum(kept)[1]), 0.0)
        return ChiSquare(statistic, int((~kept).sum()), float(chdtrc((~kept).sum(), statistic)))
