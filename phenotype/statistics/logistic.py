"""Logistic regression: maximum likelihood with Wald and profile intervals, and Firth's penalty where it has no maximum.

A ratio of odds is never called a relative risk. Written here, since profiles and joint tests need constrained fits that
no library offers for both likelihoods. R's glm and logistf are the measure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, linprog
from scipy.special import chdtrc, expit, ndtr, ndtri

from phenotype.statistics.cox import ChiSquare
from phenotype.statistics.partial_likelihood import checked_covariates
from phenotype.statistics.ranks import UntestableError

__all__ = ["INTERCEPT", "FirthLogistic", "LogisticFit", "SeparationError", "firth_logistic", "logistic"]

INTERCEPT = "(Intercept)"
_ROUNDS = 500
"""Newton's steps need about 8; with the penalty, for which they are not quite Newton's, some 20 to 100."""
_STEP = 1e-11
"""Largest change of a logit at which the search ends."""
_GAP = 1e-7
"""What the linear programme takes for 0, where columns have variance 1."""

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

    @property
    def events_per_variable(self) -> float:
        """Patients with the rarer outcome for each coefficient; below about 10, estimates lean away from 1."""
        return min(self.events, self.n - self.events) / (len(self.names) - 1)


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
    chi_squares: Values
    """Of the penalised likelihood-ratio test: the penalty is that of all columns in both models."""
    p_values: Values
    terms: Mapping[str, ChiSquare]
    """The same test of each term."""
    n: int
    events: int
    log_likelihood: float
    """Penalised, with ``log_likelihood_null``."""
    log_likelihood_null: float
    level: float
    method: str

    @property
    def events_per_variable(self) -> float:
        """Patients with the rarer outcome for each coefficient."""
        return min(self.events, self.n - self.events) / (len(self.names) - 1)


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
    model = _Model.of(outcome, covariates, names, terms)
    if kind := model.separation():
        raise SeparationError(f"outcomes are separated by the covariates ({kind}): the likelihood has no maximum")
    beta, likelihood = model.maximum()
    errors = np.sqrt(np.diag(np.linalg.inv(model.information(beta))))
    low, high = model.profiles(beta, likelihood, level)
    half = ndtri((1 + level) / 2) * errors
    ratio, low, high, wald_low, wald_high = (
        _ratio(values / model.scale) for values in (beta, low, high, beta - half, beta + half)
    )
    z = beta / errors
    return LogisticFit(
        (INTERCEPT, *model.names), beta / model.scale, errors / model.scale, ratio, low, high, wald_low, wald_high, z,
        2 * ndtr(-np.abs(z)), model.term_tests(likelihood), model.n, model.events, likelihood,
        model.maximum(model.columns([INTERCEPT]))[1], level, "logistic, profile-likelihood interval",
    )  # fmt: skip


def firth_logistic(
    outcome: ArrayLike,
    covariates: ArrayLike,
    names: Sequence[str],
    *,
    terms: Sequence[str] | None = None,
    level: float = 0.95,
) -> FirthLogistic:
    """Fit a logistic model with Firth's penalty: finite estimates also under separation, less bias with few events.

    Use the profile limits and the likelihood-ratio p, as given here; Wald's are poor where the penalty is needed.

    Parameters
    ----------
    outcome, covariates, names, terms, level
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

    Examples
    --------
    >>> fit = firth_logistic([0, 0, 0, 1, 1, 1], [[0], [0], [0], [1], [1], [1]], ["asct"])
    >>> round(float(fit.odds_ratios[1]), 6), round(float(fit.p_values[1]), 3)
    (49.0, 0.024)
    """
    model = replace(_Model.of(outcome, covariates, names, terms), penalised=True)
    beta, likelihood = model.maximum()
    errors = np.sqrt(np.diag(np.linalg.inv(model.augmented_information(beta))))
    ends = model.profiles(beta, likelihood, level)
    ratio, low, high = (_ratio(values / model.scale) for values in (beta, *ends))
    tests = [model.without([name], likelihood) for name in (INTERCEPT, *model.names)]
    return FirthLogistic(
        (INTERCEPT, *model.names), beta / model.scale, errors / model.scale, ratio, low, high,
        np.array([test.statistic for test in tests]), np.array([test.p_value for test in tests]),
        model.term_tests(likelihood), model.n, model.events, likelihood, model.maximum(model.columns([INTERCEPT]))[1],
        level, "Firth logistic, profile-likelihood interval",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """Outcomes and columns, and the likelihood of coefficients; columns are divided by their standard deviations."""

    outcome: Values
    """(n,)"""
    design: Values
    """(n, p + 1), the intercept first."""
    scale: Values
    """(p + 1,) what columns were divided by; 1 for the intercept."""
    names: tuple[str, ...]
    """(p,)"""
    terms: tuple[str, ...]
    """(p,)"""
    penalised: bool = False
    basis: Values = field(init=False)
    """(n, p + 1), orthonormal, of the same space: what is solved in it does not suffer from a year beside a flag."""
    volume: float = field(init=False)
    """Logarithm of the determinant that the change to the basis takes from the columns as they were given."""

    def __post_init__(self) -> None:
        basis, triangle = np.linalg.qr(self.design)
        object.__setattr__(self, "basis", basis)
        object.__setattr__(self, "volume", float(np.log(np.abs(np.diag(triangle)) * self.scale).sum()))

    @classmethod
    def of(
        cls, outcome: ArrayLike, covariates: ArrayLike, names: Sequence[str], terms: Sequence[str] | None
    ) -> "_Model":
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
        if len(y) <= x.shape[1] or np.linalg.matrix_rank((x - x.mean(axis=0)) / scale[1:]) < x.shape[1]:
            raise UntestableError(f"{', '.join(given)} cannot be told apart in {len(y)} patients")
        return cls(y, np.column_stack([np.ones(len(y)), x]) / scale, scale, given, belonging)

    @property
    def n(self) -> int:
        """Patients."""
        return len(self.outcome)

    @property
    def events(self) -> int:
        """Patients with the outcome."""
        return int(self.outcome.sum())

    def columns(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """Tell which columns have one of the names, (p + 1,)."""
        return np.isin(np.array([INTERCEPT, *self.names]), list(names))

    def separation(self) -> str:
        """Say whether some combination of columns is never on the wrong side of its outcome: linear programmes.

        Complete separation leaves a gap between the outcomes, quasi-complete separation ties; without either the text
        is empty.
        """
        signed = np.where(self.outcome == 1, 1.0, -1.0)[:, None] * self.basis * np.sqrt(self.n)
        total = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(self.n), bounds=(-1, 1))
        if float(total.fun or 0.0) > -_GAP * self.n:
            return ""
        limits = [*[(-1, 1)] * signed.shape[1], (0, None)]
        gap = linprog(
            np.append(np.zeros(signed.shape[1]), -1.0),
            A_ub=np.column_stack([-signed, np.ones(self.n)]), b_ub=np.zeros(self.n), bounds=limits,
        )  # fmt: skip
        return "complete" if float(gap.fun or 0.0) < -_GAP else "quasi-complete"

    def likelihood(self, logits: Values) -> float:
        """Return the log-likelihood of logits, (n,), with the penalty if there is one."""
        plain = float((self.outcome * logits - np.logaddexp(0, logits)).sum())
        if not self.penalised:
            return plain
        sign, size = np.linalg.slogdet((self.basis * _weights(logits)[:, None]).T @ self.basis)
        return plain + float(size) / 2 + self.volume if sign > 0 else -np.inf

    def leverages(self, logits: Values) -> Values:
        """Return the diagonal of the weighted hat matrix, (n,)."""
        weight = _weights(logits)
        inverse = np.linalg.inv((self.basis * weight[:, None]).T @ self.basis)
        return np.asarray(weight * ((self.basis @ inverse) * self.basis).sum(axis=1))

    def information(self, beta: Values) -> Values:
        """Return the information, (p + 1, p + 1)."""
        return np.asarray((self.design * _weights(self.design @ beta)[:, None]).T @ self.design)

    def augmented_information(self, beta: Values) -> Values:
        """Return the information of the data that the penalty stands for: each patient once, and his leverage."""
        logits = self.design @ beta
        weight = _weights(logits) * (1 + self.leverages(logits))
        return np.asarray((self.design * weight[:, None]).T @ self.design)

    def maximum(
        self, free: NDArray[np.bool_] | None = None, offset: Values | float = 0.0, start: Values | None = None
    ) -> tuple[Values, float]:
        """Return coefficients of the free columns, and the largest log-likelihood, by Newton's steps.

        Raises
        ------
        UntestableError
            If the search does not end.
        """
        columns = self.design if free is None else self.design[:, free]
        basis, triangle = np.linalg.qr(columns)
        beta = np.zeros(columns.shape[1]) if start is None else start
        logits = columns @ beta + offset
        reached = self.likelihood(logits)
        for _ in range(_ROUNDS):
            move = basis @ self._step(basis, logits)
            while (higher := self.likelihood(logits + move)) < reached - 1e-12 * abs(reached):
                move = move / 2
            logits, reached = logits + move, higher
            if np.abs(move).max() < _STEP:
                return np.linalg.solve(triangle, basis.T @ (logits - offset)), reached
        raise UntestableError("the likelihood did not converge")

    def _step(self, basis: Values, logits: Values) -> Values:
        """Return Newton's step in coordinates of a basis."""
        risk, weight = expit(logits), _weights(logits)
        rest = self.outcome - risk
        try:
            if self.penalised:
                leverage = self.leverages(logits)
                rest = rest + leverage * (0.5 - risk)
                # The curvature of the data that the penalty stands for: without it steps may go to and fro.
                weight = weight * (1 + leverage)
            return np.asarray(np.linalg.solve((basis * weight[:, None]).T @ basis, basis.T @ rest))
        except np.linalg.LinAlgError as error:
            raise UntestableError("the likelihood did not converge") from error

    def profiles(self, beta: Values, likelihood: float, level: float) -> tuple[Values, Values]:
        """Return the ends of the profile interval of each coefficient, (p + 1,) each."""
        covariance = np.asarray(np.linalg.inv(self.information(beta)))
        ends = [
            [self._profile_end(place, side, beta, covariance, likelihood, level) for place in range(len(beta))]
            for side in (-1, 1)
        ]
        return np.array(ends[0]), np.array(ends[1])

    def _profile_end(
        self, place: int, side: int, beta: Values, covariance: Values, likelihood: float, level: float
    ) -> float:
        """Return where the likelihood, at its highest given one coefficient, has fallen by half a quantile."""
        fall = float(ndtri((1 + level) / 2)) ** 2 / 2
        others = np.arange(len(beta)) != place
        slope = covariance[others, place] / covariance[place, place]

        def excess(away: float) -> float:
            start = beta[others] + slope * away
            highest = self.maximum(others, self.design[:, place] * (beta[place] + away), start)[1]
            return likelihood - highest - fall

        far = side * 2.0 * float(np.sqrt(covariance[place, place]))
        for _ in range(60):
            if excess(far) > 0:
                return float(beta[place] + brentq(excess, 0.0, far, xtol=1e-12, rtol=1e-12))
            far *= 1.5
        raise UntestableError("the profile of the likelihood has no end")

    def term_tests(self, likelihood: float) -> dict[str, ChiSquare]:
        """Test each term, its columns together."""
        belonging = dict.fromkeys(self.terms)
        return {
            term: self.without([n for n, of in zip(self.names, self.terms, strict=True) if of == term], likelihood)
            for term in belonging
        }

    def without(self, names: Sequence[str], likelihood: float) -> ChiSquare:
        """Compare the model with that in which some columns have no effect."""
        left = ~self.columns(names)
        statistic = max(2 * (likelihood - self.maximum(left)[1]), 0.0)
        return ChiSquare(statistic, int((~left).sum()), float(chdtrc((~left).sum(), statistic)))


def _weights(logits: Values) -> Values:
    """Return the variance of each outcome, (n,)."""
    return np.asarray(expit(logits) * expit(-logits))


def _ratio(logarithms: Values) -> Values:
    """Return odds ratios; infinite where the intercept, at 0 of a covariate in the thousands, is beyond all numbers."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(logarithms))
