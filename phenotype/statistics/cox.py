"""Cox regression: effects with intervals and tests, proportional hazards, concordance, and Firth's penalty.

R's survival (coxph, cox.zph) and coxphf are the measure. lifelines' test of proportional hazards is another one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, ndtri
from scipy.stats import rankdata

from gating import missing
from phenotype.statistics.partial_likelihood import (
    SINGULAR,
    AtEvents,
    CoxData,
    check_varied,
    checked_covariates,
    checked_data,
    maximum,
    sandwich,
    score_residuals,
    standardised_columns,
)
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import checked_observations, kaplan_meier, stratum_members

__all__ = [
    "TRANSFORMS",
    "ChiSquare",
    "Coefficients",
    "CoxFit",
    "FirthCox",
    "ProportionalHazards",
    "cox",
    "firth_cox",
    "likelihood_ratio_test",
    "proportional_hazards",
    "wald_test",
]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square test."""

    statistic: float
    df: int
    p_value: float


class Coefficients(Protocol):
    """A fitted model whose terms can be tested by Wald's statistic."""

    @property
    def names(self) -> tuple[str, ...]:
        """(p,) of the columns."""

    @property
    def terms(self) -> tuple[str, ...]:
        """(p,) the term of each column."""

    @property
    def coefficients(self) -> Values:
        """(p,) logarithms of hazard ratios."""

    @property
    def covariance(self) -> Values:
        """(p, p) of the coefficients."""


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """A fitted Cox model; arrays are (p,), a place for each column of covariates."""

    names: tuple[str, ...]
    terms: tuple[str, ...]
    """The term of each column."""
    coefficients: Values
    std_errors: Values
    hazard_ratios: Values
    low: Values
    """Wald limits of the hazard ratio."""
    high: Values
    z: Values
    p_values: Values
    covariance: Values
    """(p, p) of the coefficients, robust if asked for."""
    n: int
    events: int
    log_likelihood_null: float
    log_likelihood: float
    likelihood_ratio: ChiSquare
    """Of the whole model, like the two below."""
    wald: ChiSquare
    score: ChiSquare
    concordance: float
    """Share of comparable pairs of patients in which the one with the earlier event has the higher predicted hazard,
    equal ones counted half; NaN without such a pair."""
    concordance_error: float
    level: float
    method: str
    data: CoxData

    @property
    def events_per_variable(self) -> float:
        """Events for each coefficient; below about 10, estimates lean away from 0 and intervals are too sure."""
        return self.events / len(self.names)


@dataclass(frozen=True, slots=True)
class ProportionalHazards:
    """Tests that hazard ratios do not change with time."""

    transform: str
    terms: Mapping[str, ChiSquare]
    columns: Mapping[str, ChiSquare]
    """One degree of freedom for each coefficient."""
    overall: ChiSquare
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class FirthCox:
    """A Cox model with Firth's penalty; arrays are (p,)."""

    names: tuple[str, ...]
    coefficients: Values
    std_errors: Values
    hazard_ratios: Values
    low: Values
    """Profile likelihood limits of the hazard ratio; NaN where the search for them did not end."""
    high: Values
    p_values: Values
    """Penalised likelihood-ratio tests."""
    n: int
    events: int
    level: float
    method: str


def cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    names: Sequence[str],
    *,
    terms: Sequence[str] | None = None,
    strata: ArrayLike | None = None,
    ties: str = "efron",
    robust: bool = False,
    level: float = 0.95,
) -> CoxFit:
    """Fit a Cox model.

    Parameters
    ----------
    time, event
        As for :func:`~phenotype.statistics.survival.checked_observations`.
    covariates
        (n, p), finite; a factor of k levels is k - 1 columns of 0 and 1.
    names
        (p,) of the columns, each once.
    terms
        (p,) the term of each column, such as one name for all columns of a factor; the names if not given.
    strata
        (n,) labels: each stratum has a baseline hazard of its own.
    ties
        One of ``TIES``: how events at the same time share their risk set.
    robust
        Standard errors by the sandwich of Lin and Wei, which hold if the model does not; the likelihood-ratio and the
        score test are not changed by it.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    MonotoneLikelihoodError
        If a combination of columns orders all events, so that its hazard ratio is 0 or infinite.
    UntestableError
        If there are fewer events than columns, or columns do not vary or cannot be told apart among patients at risk.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Cox DR. J R Stat Soc B 1972;34:187-220.
    .. [2] Efron B. J Am Stat Assoc 1977;72:557-565.
    .. [3] Lin DY, Wei LJ. J Am Stat Assoc 1989;84:1074-1078.

    Examples
    --------
    >>> fit = cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1], [[1], [1], [0], [1], [0], [0]], ["asct"])
    >>> fit.hazard_ratios.round(2).tolist(), fit.method
    ([5.41], 'Cox, Efron ties')
    """
    data = checked_data(time, event, covariates, names, terms, strata, ties)
    beta, at_beta = maximum(data)
    at_null = AtEvents.of(data, np.zeros(len(beta)))
    covariance = _covariance(data, beta, at_beta, robust=robust)
    concordance, concordance_error = _concordance(data, beta)
    coefficients, error = beta / data.scale, np.sqrt(np.diag(covariance)) / data.scale
    half = ndtri((1 + level) / 2) * error
    return CoxFit(
        names=data.names,
        terms=data.terms,
        coefficients=coefficients,
        std_errors=error,
        hazard_ratios=np.exp(coefficients),
        low=np.exp(coefficients - half),
        high=np.exp(coefficients + half),
        z=coefficients / error,
        p_values=2 * ndtr(-np.abs(coefficients / error)),
        covariance=covariance / np.outer(data.scale, data.scale),
        n=len(data.time),
        events=int(data.event.sum()),
        log_likelihood_null=at_null.log_likelihood,
        log_likelihood=at_beta.log_likelihood,
        likelihood_ratio=_chi_square(2 * (at_beta.log_likelihood - at_null.log_likelihood), len(beta)),
        wald=_quadratic(beta, covariance),
        score=_quadratic(at_null.gradient, at_null.information),
        concordance=concordance,
        concordance_error=concordance_error,
        level=level,
        method=_method(ties, strata, robust),
        data=data,
    )


def wald_test(fit: Coefficients, terms: Sequence[str]) -> ChiSquare:
    """Test several terms at once by Wald's statistic, with the covariance of the fit.

    Parameters
    ----------
    fit
        From :func:`cox` or :func:`~phenotype.statistics.subdistribution.fine_gray`.
    terms
        Names of terms, or of single columns.
    """
    chosen = _columns_of(fit.names, fit.terms, terms)
    return _quadratic(fit.coefficients[chosen], fit.covariance[np.ix_(chosen, chosen)])


def likelihood_ratio_test(fit: CoxFit, terms: Sequence[str]) -> ChiSquare:
    """Test several terms at once: the likelihood of the model against that of one without them, on the same patients.

    Parameters
    ----------
    fit
        From :func:`cox`.
    terms
        Names of terms, or of single columns.
    """
    chosen = _columns_of(fit.names, fit.terms, terms)
    rest = [place for place in range(len(fit.names)) if place not in chosen]
    reduced = fit.log_likelihood_null
    if rest:
        data = replace(
            fit.data,
            covariates=fit.data.covariates[:, rest],
            scale=fit.data.scale[rest],
            names=tuple(fit.data.names[place] for place in rest),
            terms=tuple(fit.data.terms[place] for place in rest),
        )
        reduced = maximum(data)[1].log_likelihood
    return _chi_square(2 * (fit.log_likelihood - reduced), len(chosen))


def proportional_hazards(fit: CoxFit, transform: str = "km") -> ProportionalHazards:
    """Test that the coefficients do not change with time: the score test of R's ``cox.zph`` since survival 3.0.

    To each coefficient a second is added, times g(time); the score test asks whether these are 0. It is exact, where
    the older approximation of Grambsch and Therneau, still in Stata and lifelines, takes the variance as constant.

    Parameters
    ----------
    fit
        From :func:`cox`. Robust errors do not enter.
    transform
        g, one of ``TRANSFORMS``: ``km`` is 1 - S(t-) over all patients, ``rank`` the mean rank of t among all
        times, censored ones too.

    Raises
    ------
    UntestableError
        If the events that tell about a covariate are at one time, or one is at time 0 and ``log`` is asked for.

    References
    ----------
    .. [1] Grambsch PM, Therneau TM. Biometrika 1994;81:515-526.
    """
    if transform not in TRANSFORMS:
        raise ValueError(missing("transform", transform, tuple(TRANSFORMS), "proportional hazards"))
    data = fit.data
    at_events = AtEvents.of(data, fit.coefficients * data.scale)
    g = TRANSFORMS[transform](data)[at_events.patient]
    g = g - g.mean()  # changes nothing but rounding
    score = g @ (at_events.own - at_events.mean)
    first = at_events.information
    mixed = np.tensordot(g, at_events.spread, axes=1)
    whole = np.tensordot(g**2, at_events.spread, axes=1)
    second = whole - mixed @ np.linalg.solve(first, mixed)
    if np.linalg.eigvalsh(second)[0] <= SINGULAR * np.linalg.eigvalsh(whole)[-1]:
        raise UntestableError("events that tell about a covariate fell on too few times to see a change with time")

    def test(columns: Sequence[int]) -> ChiSquare:
        return _quadratic(score[list(columns)], second[np.ix_(columns, columns)])

    terms = {term: test(_columns_of(fit.names, fit.terms, [term])) for term in dict.fromkeys(fit.terms)}
    columns = {name: test([place]) for place, name in enumerate(fit.names)}
    everything = test(range(len(fit.names)))
    return ProportionalHazards(transform, terms, columns, everything, f"score test, {transform} of time")


def firth_cox(
    time: ArrayLike, event: ArrayLike, covariates: ArrayLike, names: Sequence[str], *, level: float = 0.95
) -> FirthCox:
    """Fit a Cox model with Firth's penalty: finite estimates also under monotone likelihood, less bias with few events.

    Ties are Breslow's, the only ones the penalty is made for. Use the profile limits and the likelihood-ratio p, as
    given here; Wald's are poor exactly where the penalty is needed.

    Parameters
    ----------
    time, event, covariates, names, level
        As for :func:`cox`.

    Raises
    ------
    UntestableError
        If there is no event, columns do not vary or cannot be told apart, or the fit does not converge.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Heinze G, Schemper M. Biometrics 2001;57:114-119.
    """
    from firthmodels import FirthCoxPH  # slow to import, and seldom needed

    times, flags = checked_observations(time, event)
    x, given, _ = checked_covariates(covariates, names, None, len(times))
    check_varied(times, flags, x, given, None)
    standardised, scale = standardised_columns(x)
    with catch_warnings():
        simplefilter("ignore")  # what they say is read off the result
        try:
            model = FirthCoxPH(backend="numpy").fit(standardised, (flags, times))
            p_values = model.lrt().lrt_pvalues_
            limits = model.conf_int(alpha=1 - level, method="pl") / scale[:, None]
        except np.linalg.LinAlgError as error:
            raise UntestableError("the penalised likelihood did not converge") from error
    if not model.converged_ or not np.isfinite(p_values).all():
        raise UntestableError("the penalised likelihood did not converge")
    estimates = model.coef_ / scale
    return FirthCox(
        given, estimates, model.bse_ / scale, np.exp(estimates), np.exp(limits[:, 0]), np.exp(limits[:, 1]), p_values,
        len(times), int(flags.sum()), level, "Firth Cox, Breslow ties, profile-likelihood interval",
    )  # fmt: skip


def _columns_of(names: Sequence[str], terms: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return the places of columns by the names of their terms, or their own."""
    unknown = [name for name in wanted if name not in terms and name not in names]
    if unknown or not len(wanted):
        known = tuple(dict.fromkeys((*terms, *names)))
        raise ValueError(missing("term", unknown[0] if unknown else "", known, "model"))
    return [place for place, (name, term) in enumerate(zip(names, terms, strict=True)) if {name, term} & set(wanted)]


def _concordance(data: CoxData, beta: Values) -> tuple[float, float]:
    """Return Harrell's concordance and its standard error by the infinitesimal jackknife."""
    predictor = (data.covariates @ beta).round(10)  # equal patients must be equal
    time, event = data.time, data.event
    together = np.zeros((len(time), len(time)), dtype=bool)
    for who in stratum_members(data.strata, len(time)):
        together |= who[:, None] & who
    later = (time > time[:, None]) | ((time == time[:, None]) & ~event)
    comparable = together & event[:, None] & later
    pairs = comparable.sum()
    if not pairs:
        return float("nan"), float("nan")
    score = np.where(comparable, (1 + np.sign(predictor[:, None] - predictor)) / 2, 0.0)
    share = float(score.sum() / pairs)
    own = score.sum(axis=0) + score.sum(axis=1) - share * (comparable.sum(axis=0) + comparable.sum(axis=1))
    return share, float(np.sqrt((own**2).sum()) / pairs)


def _chi_square(statistic: float, df: int) -> ChiSquare:
    """Return the test; a statistic below 0 by rounding is 0."""
    return ChiSquare(max(statistic, 0.0), df, float(chdtrc(df, max(statistic, 0.0))))


def _quadratic(values: Values, covariance: Values) -> ChiSquare:
    """Return the test that values with this covariance are all 0."""
    return _chi_square(float(values @ np.linalg.solve(covariance, values)), len(values))


def _covariance(data: CoxData, beta: Values, at_beta: AtEvents, *, robust: bool) -> Values:
    """Return the covariance of the standardised coefficients: inverse information, or the sandwich."""
    if robust:
        return sandwich(score_residuals(data, beta), at_beta.information)
    return np.linalg.inv(at_beta.information).astype(np.float64)


def _method(ties: str, strata: ArrayLike | None, robust: bool) -> str:
    parts = ["Cox", f"{ties.capitalize()} ties"]
    if strata is not None:
        parts.append("stratified")
    if robust:
        parts.append("robust standard errors")
    return ", ".join(parts)


def _before(data: CoxData) -> Values:
    """Return 1 - S(t-) for each patient, by the curve of all."""
    curve = kaplan_meier(data.time, data.event)
    before = np.append(1.0, curve.survival[:-1])
    return 1 - before[np.searchsorted(curve.time, data.time)]


def _logarithm(data: CoxData) -> Values:
    if (data.time[data.event] == 0).any():
        raise UntestableError("an event at time 0 has no logarithm of time")
    return np.log(np.where(data.time > 0, data.time, 1))


def _rank(data: CoxData) -> Values:
    ranks: Values = rankdata(data.time)
    return ranks


TRANSFORMS: Mapping[str, Callable[[CoxData], Values]] = {
    "km": _before,
    "rank": _rank,
    "identity": lambda data: data.time,
    "log": _logarithm,
}
"""Functions of time against which hazard ratios are held."""
