"""The partial likelihood of a Cox model: its risk sets, whether it has a maximum, and where.

Written here because tests of proportional hazards, robust errors and the model's score test need what happens at every
event, which statsmodels does not give out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gating import missing
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import checked_observations, stratum_members

__all__ = [
    "SINGULAR", "TIES", "AtEvents", "CoxData", "MonotoneLikelihoodError", "check_estimable", "check_varied",
    "checked_covariates", "checked_data", "maximum", "newton", "sandwich",
    "score_residuals", "standardised_columns",
]  # fmt: skip

TIES = ("efron", "breslow")
MAX_STEPS = 50
"""Newton's method needs 5 to 8 where there is a maximum; that there is one is checked before."""
CONVERGED = 1e-10
"""Largest last step, in standard deviations of the linear predictor that a covariate makes."""
SINGULAR = 1e-10
"""Information per event, on the standardised scale, below which a direction is taken to hold none: rounding leaves
some 1e-15, a binary covariate of one patient in a million 1e-6."""

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Point(Protocol):
    """A log likelihood at some coefficients."""

    @property
    def log_likelihood(self) -> float:
        """The value."""

    @property
    def gradient(self) -> Values:
        """(p,) first derivative."""

    @property
    def information(self) -> Values:
        """(p, p) minus the second derivative."""


P = TypeVar("P", bound=Point)


class MonotoneLikelihoodError(UntestableError):
    """A coefficient has no finite estimate: :func:`firth_cox` has one."""


@dataclass(frozen=True, slots=True, eq=False)
class CoxData:
    """What a model was fitted to."""

    time: Values
    event: Flags
    covariates: Values
    """(n, p), standardised: mean 0, standard deviation 1."""
    scale: Values
    """(p,) standard deviations of the columns as they were given."""
    names: tuple[str, ...]
    terms: tuple[str, ...]
    """(p,) the term that each column belongs to."""
    strata: ArrayLike | None
    ties: str


@dataclass(frozen=True, slots=True, eq=False)
class AtEvents:
    """The risk sets of a model, one place for each event; tied events share a set, thinned by Efron."""

    patient: NDArray[np.intp]
    """(d,) who has the event."""
    own: Values
    """(d, p) covariates of that patient."""
    total: Values
    """(d,) sum of exp(linear predictor) over the set."""
    mean: Values
    """(d, p) weighted mean of covariates over the set."""
    spread: Values
    """(d, p, p) their weighted covariance."""
    thinned: Values
    """(d,) share by which tied patients are taken out of the set: 0, 1/d, 2/d, …"""
    log_likelihood: float

    @classmethod
    def of(cls, data: CoxData, beta: Values) -> "AtEvents":
        """Describe the risk sets of a model at coefficients of its standardised columns."""
        predictor = data.covariates @ beta
        parts = [
            _stratum_events(data, predictor, np.flatnonzero(who))
            for who in stratum_members(data.strata, len(predictor))
        ]
        patient, total, mean, spread, thinned = (np.concatenate(column) for column in zip(*parts, strict=True))
        log_likelihood = float(predictor[patient].sum() - np.log(total).sum())
        return cls(patient, data.covariates[patient], total, mean, spread, thinned, log_likelihood)

    @property
    def gradient(self) -> Values:
        """(p,) of the log likelihood."""
        difference: Values = (self.own - self.mean).sum(axis=0)
        return difference

    @property
    def information(self) -> Values:
        """(p, p) minus its second derivative."""
        summed: Values = self.spread.sum(axis=0)
        return summed


def checked_data(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    names: Sequence[str],
    terms: Sequence[str] | None,
    strata: ArrayLike | None,
    ties: str,
) -> CoxData:
    """Return the data of a model that can be estimated."""
    if ties not in TIES:
        raise ValueError(missing("ties", ties, TIES, "Cox"))
    times, flags = checked_observations(time, event)
    x, given, belonging = checked_covariates(covariates, names, terms, len(times))
    standardised, scale = standardised_columns(x)
    check_estimable(times, flags, standardised, given, strata)
    return CoxData(times, flags, standardised, scale, given, belonging, strata, ties)


def checked_covariates(
    covariates: ArrayLike, names: Sequence[str], terms: Sequence[str] | None, n: int
) -> tuple[Values, tuple[str, ...], tuple[str, ...]]:
    """Return covariates as (n, p) numbers, their names and their terms, checked."""
    x = np.asarray(covariates, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] != n or x.shape[1] != len(names) or not len(names):
        raise ValueError(f"covariates of shape {x.shape} for {n} patients and {len(names)} names; (n, p), p at least 1")
    if len(set(names)) < len(names):
        raise ValueError(f"names of covariates repeat: {', '.join(names)}")
    belonging = tuple(names if terms is None else terms)
    if len(belonging) != len(names):
        raise ValueError(f"{len(belonging)} terms for {len(names)} columns; one each")
    wrong = ~np.isfinite(x).all(axis=0)
    if wrong.any():
        raise ValueError(f"covariate {names[int(np.flatnonzero(wrong)[0])]}: not finite; leave such patients out")
    return x, tuple(names), belonging


def standardised_columns(x: Values) -> tuple[Values, Values]:
    """Return columns with mean 0 and standard deviation 1, and what they were divided by: 1 for a constant."""
    spread = x.std(axis=0)
    scale = np.where(np.ptp(x, axis=0) > 0, spread, 1.0)
    return (x - x.mean(axis=0)) / scale, scale


def check_estimable(
    time: Values, event: Flags, standardised: Values, names: Sequence[str], strata: ArrayLike | None = None
) -> None:
    """Raise unless a partial likelihood has one finite maximum.

    The likelihood rises for ever along a direction v if no patient at risk at any event exceeds, in x'v, the one who
    has it. Whether there is such a v is a linear programme: it is enough that each patient stays at or below the last
    event before his time ends, and each event at or below the event before.

    Parameters
    ----------
    time
        (n,); infinite for a patient who stays at risk for ever, as in a model of a subdistribution.
    event, standardised, names, strata
        (n,), (n, p), (p,) and (n,).

    Raises
    ------
    MonotoneLikelihoodError, UntestableError
        If not.

    References
    ----------
    .. [1] Bryson MC, Johnson ME. Technometrics 1981;23:381-383.
    """
    check_varied(time, event, standardised, names, strata)
    from scipy.optimize import linprog  # half a second that a curve need not wait for

    above = np.concatenate(list(_must_not_exceed(time, event, standardised, strata)))
    above = np.concatenate([above, np.zeros((1, len(names)))])
    found = linprog(
        above.sum(axis=0),
        A_ub=above,
        b_ub=np.zeros(len(above)),
        bounds=(-1, 1),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if float(found.fun or 0) < -1e-6:
        guilty = [name for name, value in zip(names, np.asarray(found.x), strict=True) if abs(value) > 1e-6]
        raise MonotoneLikelihoodError(
            f"monotone likelihood: {' with '.join(guilty)} orders every event, {int(event.sum())} in all, "
            "so the hazard ratio has no finite estimate; Firth's penalty gives one"
        )


def maximum(data: CoxData) -> tuple[Values, AtEvents]:
    """Return the coefficients of the standardised columns that maximise the likelihood, and the risk sets there."""
    return newton(lambda beta: AtEvents.of(data, beta), len(data.names))


def newton(at: Callable[[Values], P], p: int) -> tuple[Values, P]:
    """Return where a concave log likelihood of p standardised coefficients is largest, and what it is like there."""
    beta = np.zeros(p)
    here = at(beta)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(here.information, here.gradient)
        last = np.abs(step).max() < CONVERGED
        # A first step can overshoot, until exp() overflows; it is then halved like any step that does not rise.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            there = at(beta + step)
            while not there.log_likelihood >= here.log_likelihood - 1e-10 * abs(here.log_likelihood):
                step = step / 2
                there = at(beta + step)
        beta, here = beta + step, there
        if last:
            return beta, here
    raise UntestableError(f"the likelihood did not converge in {MAX_STEPS} steps")


def score_residuals(data: CoxData, beta: Values) -> Values:
    """Return (n, p): each patient's part in the gradient, observed less expected."""
    at_events = AtEvents.of(data, beta)
    weight = np.exp(data.covariates @ beta)
    hazard = 1 / at_events.total
    labels = np.zeros(len(weight)) if data.strata is None else np.unique(data.strata, return_inverse=True)[1]
    event_time, event_label = data.time[at_events.patient], labels[at_events.patient]
    together = labels[:, None] == event_label
    exposed = (together & (data.time[:, None] >= event_time)).astype(np.float64)
    tied = together & data.event[:, None] & (data.time[:, None] == event_time)
    exposed -= tied * at_events.thinned
    expected = weight[:, None] * (
        data.covariates * (exposed @ hazard)[:, None] - exposed @ (at_events.mean * hazard[:, None])
    )
    share = tied / np.maximum(tied.sum(axis=1, keepdims=True), 1)
    observed = np.where(data.event[:, None], data.covariates - share @ at_events.mean, 0.0)
    residuals: Values = observed - expected
    return residuals


def sandwich(residuals: Values, information: Values) -> Values:
    """Return the covariance of coefficients from each patient's part, (n, p), in the gradient.

    Raises
    ------
    UntestableError
        If some combination of coefficients is moved by nobody: its error would be 0.
    """
    inverse = np.linalg.inv(information)
    influence = residuals @ inverse
    covariance: Values = influence.T @ influence
    if np.linalg.eigvalsh(covariance)[0] <= SINGULAR * np.linalg.eigvalsh(inverse)[-1]:
        raise UntestableError("too few patients move the estimate: its robust error would be 0")
    return covariance


def check_varied(time: Values, event: Flags, x: Values, names: Sequence[str], strata: ArrayLike | None) -> None:
    """Raise unless every combination of columns varies among patients at risk at some event."""
    if not event.any():
        raise UntestableError(f"all {len(time)} patients censored")
    if event.sum() < len(names):
        raise UntestableError(f"events: {int(event.sum())}, coefficients: {len(names)}; at least one event for each")
    flat = [name for name, spread in zip(names, np.ptp(x, axis=0), strict=True) if spread == 0]
    if flat:
        raise UntestableError(f"all {len(time)} patients have the same value of {flat[0]}")
    data = CoxData(
        time, event, standardised_columns(x)[0], np.ones(len(names)), tuple(names), tuple(names), strata, "breslow"
    )
    spread, directions = np.linalg.eigh(AtEvents.of(data, np.zeros(len(names))).information)
    null = directions[:, spread <= SINGULAR * event.sum()]
    guilty = [name for name, row in zip(names, np.abs(null) > 1e-6, strict=True) if row.any()]
    if len(guilty) == 1:
        raise UntestableError(f"{guilty[0]} does not vary among patients at risk when events happened")
    if guilty:
        raise UntestableError(
            f"{', '.join(guilty)} cannot be told apart: one follows from the others among patients at risk"
        )


def _must_not_exceed(time: Values, event: Flags, x: Values, strata: ArrayLike | None) -> Iterator[Values]:
    """Give differences of covariates whose product with a direction of monotone likelihood is 0 or less."""
    for who in stratum_members(strata, len(time)):
        moments, first = np.unique(time[who & event], return_index=True)
        if not len(moments):
            continue
        having = x[who & event][first]
        last = np.searchsorted(moments, time[who], side="right") - 1
        inside = last >= 0
        yield x[who][inside] - having[last[inside]]
        yield np.diff(having, axis=0)
        tied = np.searchsorted(moments, time[who & event])
        yield having[tied] - x[who & event]


def _stratum_events(
    data: CoxData, predictor: Values, members: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Values, Values, Values, Values]:
    """Return patient, total, mean, spread and thinning for the events of one stratum, by time."""
    order = members[np.argsort(data.time[members], kind="stable")]
    time, x, weight = data.time[order], data.covariates[order], np.exp(predictor[order])
    sums = [weight, weight[:, None] * x, weight[:, None, None] * x[:, :, None] * x[:, None, :]]
    place = np.flatnonzero(data.event[order])
    first = np.searchsorted(time, time[place], side="left")
    _, tie, size = np.unique(time[place], return_inverse=True, return_counts=True)
    number = np.arange(len(place)) - np.searchsorted(tie, tie, side="left")
    thinned = number / size[tie] if data.ties == "efron" else np.zeros(len(place))
    at_risk = []
    for values in sums:
        whole = np.cumsum(values[::-1], axis=0)[::-1]
        dying = np.zeros((len(size), *values.shape[1:]))
        np.add.at(dying, tie, values[place])
        share = thinned.reshape(-1, *(1,) * (values.ndim - 1))
        at_risk.append(whole[first] - share * dying[tie])
    total, mean = at_risk[0], at_risk[1] / at_risk[0][:, None]
    spread = at_risk[2] / total[:, None, None] - mean[:, :, None] * mean[:, None, :]
    return order[place], total, mean, spread, thinned
