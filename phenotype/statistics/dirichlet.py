"""Dirichlet regression: how the parts of a whole, and their spread, depend on covariates.

References
----------
.. [1] Maier MJ. DirichletReg: Dirichlet Regression for Compositional Data in R. WU Vienna 2014.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import chdtrc, gammaln, logsumexp, ndtr, ndtri, polygamma, psi

from phenotype.statistics.composition import positive
from phenotype.statistics.cox import ChiSquare
from phenotype.statistics.ranks import UntestableError

__all__ = ["Dirichlet", "MeanRatios", "compare", "dirichlet", "dirichlet_means", "mean_ratios"]

Values = NDArray[np.float64]
Form = Callable[[Values], tuple[Values, Values, Values]]
"""From predictors, (n, d), to the logarithms of the parameters, (n, d); how these change by predictor, (n, d, d), part
first; and minus how each of them bends by two predictors, (n, d, d), the same for all parts of a patient."""


@dataclass(frozen=True, slots=True, eq=False)
class Dirichlet:
    """A fitted model."""

    coefficients: Values
    """(d, p): logarithms of each part's parameter by column; or (d - 1, p): logits of means against the first part."""
    std_errors: Values
    precision: Values
    """(q,) coefficients of the logarithm of the precision; none in the common form."""
    precision_errors: Values
    covariance: Values
    """(k, k) of all coefficients: those of the first part, the second, and so on, then the precision's."""
    log_likelihood: float
    n: int
    parameters: int
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class MeanRatios:
    """How the mean of each part differs between two kinds of patients; arrays are (d,)."""

    ratios: Values
    low: Values
    high: Values
    statistics: Values
    """z, of the logarithm."""
    p_values: Values
    method: str = "Dirichlet regression, ratio of mean shares, delta method"


def dirichlet(parts: ArrayLike, design: ArrayLike) -> Dirichlet:
    """Fit the common form: log alpha of each part is linear in the columns.

    Parameters
    ----------
    parts
        (n, d), positive; rows are closed. Replace zeros first.
    design
        (n, p), with its intercept.

    Raises
    ------
    UntestableError
        If the likelihood has no maximum that the search finds (patients of a group are all alike, or there is one
        only), or columns cannot be told apart.
    ValueError
        If a part is zero, or shapes do not fit.
    """
    x, (columns,) = positive(parts), _checked(len(np.asarray(parts)), [design])
    d = x.shape[1]
    found, covariance, likelihood = _fitted(x, [columns] * d, _direct, np.zeros(d * columns.shape[1]))
    errors = np.sqrt(np.diag(covariance))
    return Dirichlet(
        found.reshape(d, -1), errors.reshape(d, -1), np.zeros(0), np.zeros(0), covariance, likelihood, len(x),
        len(found), "Dirichlet regression, common form",
    )  # fmt: skip


def dirichlet_means(parts: ArrayLike, design: ArrayLike, precision_design: ArrayLike) -> Dirichlet:
    """Fit the alternative form: logits of the mean parts against the first, and the logarithm of the precision.

    Parameters
    ----------
    parts, design
        As for :func:`dirichlet`.
    precision_design
        (n, q), with its intercept.

    Raises
    ------
    UntestableError, ValueError
        As :func:`dirichlet`.
    """
    x, (columns, spread) = positive(parts), _checked(len(np.asarray(parts)), [design, precision_design])
    d = x.shape[1]
    split = (d - 1) * columns.shape[1]
    start = np.zeros(split + spread.shape[1])
    found, covariance, likelihood = _fitted(x, [*[columns] * (d - 1), spread], _by_mean, start)
    errors = np.sqrt(np.diag(covariance))
    return Dirichlet(
        found[:split].reshape(d - 1, -1), errors[:split].reshape(d - 1, -1), found[split:], errors[split:], covariance,
        likelihood, len(x), len(found), "Dirichlet regression, means and precision",
    )  # fmt: skip


def compare(larger: Dirichlet, smaller: Dirichlet) -> ChiSquare:
    """Test a model against one within it, by their likelihoods.

    In few patients the test is positive too often: without effect, in three groups of which the smallest has 12, 8, 5,
    3 patients of 138, in 6, 5 to 8, 7 to 10, 10 to 11 of 100 studies; with 6, 3 and 3 patients in 14 to 17.
    """
    if larger.n != smaller.n or larger.parameters <= smaller.parameters:
        raise ValueError("the first model holds the second, on the same patients")
    statistic = max(2 * (larger.log_likelihood - smaller.log_likelihood), 0.0)
    df = larger.parameters - smaller.parameters
    return ChiSquare(statistic, df, float(chdtrc(df, statistic)))


def mean_ratios(fit: Dirichlet, these: ArrayLike, those: ArrayLike) -> MeanRatios:
    """Return the ratio of each part's mean between two rows of a design, with 95 % intervals.

    Parameters
    ----------
    fit
        In the common form.
    these, those
        (p,) the columns of the patients above and below the line.
    """
    if len(fit.precision):
        raise ValueError(f"{fit.method}: ratios of means are of the common form")
    p = fit.coefficients.shape[1]
    rows = [np.asarray(row, dtype=np.float64) for row in (these, those)]
    if any(row.shape != (p,) for row in rows):
        raise ValueError(f"rows of shape {rows[0].shape} and {rows[1].shape}; the model has {p} columns")
    logs, slopes = zip(*(_log_means(fit.coefficients, row) for row in rows), strict=True)
    difference, slope = logs[0] - logs[1], slopes[0] - slopes[1]
    errors = np.sqrt(np.einsum("ji,ik,jk->j", slope, fit.covariance, slope))
    half = float(ndtri(0.975)) * errors
    z = difference / errors
    ends = (np.exp(difference), np.exp(difference - half), np.exp(difference + half))
    return MeanRatios(*ends, z, np.asarray(2 * ndtr(-np.abs(z))))


def _log_means(coefficients: Values, row: Values) -> tuple[Values, Values]:
    """Return logarithms of the mean parts of one kind of patients, (d,), and their slopes by coefficient, (d, d p)."""
    predictors = coefficients @ row
    logs = predictors - logsumexp(predictors)
    slopes = np.eye(len(logs)) - np.exp(logs)
    return np.asarray(logs), np.asarray(np.kron(slopes, row), dtype=np.float64)


def _checked(n: int, designs: Sequence[ArrayLike]) -> list[Values]:
    """Return designs as arrays whose columns can be told apart."""
    found = []
    for design in designs:
        columns = np.asarray(design, dtype=np.float64)
        if columns.ndim != 2 or len(columns) != n or not np.isfinite(columns).all():
            raise ValueError(f"design of shape {columns.shape} for {n} patients; (n, p), finite")
        if np.linalg.matrix_rank(columns) < columns.shape[1]:
            raise UntestableError(f"{columns.shape[1]} columns cannot be told apart in {n} patients")
        found.append(columns)
    return found


def _direct(predictors: Values) -> tuple[Values, Values, Values]:
    """Each predictor is the logarithm of a parameter."""
    n, d = predictors.shape
    return predictors, np.broadcast_to(np.eye(d), (n, d, d)), np.zeros((n, d, d))


def _by_mean(predictors: Values) -> tuple[Values, Values, Values]:
    """Predictors are logits of the means but the first, and the logarithm of the precision."""
    n, d = predictors.shape
    logits = np.column_stack([np.zeros(n), predictors[:, :-1]])
    logs = logits - logsumexp(logits, axis=1, keepdims=True)
    others = np.exp(logs[:, 1:])
    change, bend = np.ones((n, d, d)), np.zeros((n, d, d))
    change[:, :, :-1] = np.eye(d)[:, 1:] - others[:, None, :]
    bend[:, :-1, :-1] = others[:, :, None] * (np.eye(d - 1) - others[:, None, :])
    return logs + predictors[:, -1:], change, bend


def _fitted(parts: Values, designs: Sequence[Values], form: Form, start: Values) -> tuple[Values, Values, float]:
    """Return coefficients, predictor after predictor, their covariance, and the log-likelihood at its maximum."""
    scales = [np.sqrt((design**2).mean(axis=0)) for design in designs]
    places = np.cumsum([0, *(design.shape[1] for design in designs)])
    blocks = np.zeros((len(parts), len(designs), places[-1]))
    for i, (design, scale) in enumerate(zip(designs, scales, strict=True)):
        blocks[:, i, places[i] : places[i + 1]] = design / scale
    across, logs = blocks.transpose(0, 2, 1), np.log(parts)

    def value(theta: Values) -> tuple[float, Values]:
        log_alpha, change, _ = form(blocks @ theta)
        likelihood, pull = _likelihood(np.exp(log_alpha), logs)
        return -likelihood, -np.einsum("nri,nsr,ns->i", blocks, change, pull)

    def curvature(theta: Values) -> Values:
        log_alpha, change, bend = form(blocks @ theta)
        alpha = np.exp(log_alpha)
        _, pull = _likelihood(alpha, logs)
        inner = change.transpose(0, 2, 1) @ _curvature(alpha, pull) @ change
        return np.asarray((across @ (inner + pull.sum(axis=1)[:, None, None] * bend) @ blocks).sum(axis=0))

    found, information, likelihood = _maximum(value, curvature, start)
    scale = np.concatenate(scales)
    return found / scale, np.linalg.inv(information) / np.outer(scale, scale), likelihood


def _likelihood(alpha: Values, logs: Values) -> tuple[float, Values]:
    """Return the log-likelihood, and its slope by the logarithm of each parameter, (n, d)."""
    total = alpha.sum(axis=1)
    value = float((gammaln(total) - gammaln(alpha).sum(axis=1) + ((alpha - 1) * logs).sum(axis=1)).sum())
    return value, np.asarray((psi(total)[:, None] - psi(alpha) + logs) * alpha)


def _curvature(alpha: Values, pull: Values) -> Values:
    """Return minus each patient's second derivatives by the logarithms of two parameters, (n, d, d)."""
    each = np.arange(alpha.shape[1])
    second = -alpha[:, :, None] * alpha[:, None, :] * polygamma(1, alpha.sum(axis=1))[:, None, None]
    second[:, each, each] += alpha**2 * polygamma(1, alpha) - pull
    return np.asarray(second)


def _maximum(
    value: Callable[[Values], tuple[float, Values]], curvature: Callable[[Values], Values], start: Values
) -> tuple[Values, Values, float]:
    """Return the place of the maximum, the information there, and the log-likelihood."""
    lost = UntestableError("no maximum of the Dirichlet likelihood was found: patients of a group may be all alike")
    with np.errstate(all="ignore"):
        near = minimize(value, start, jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000}).x
        for _ in range(50):
            information, slope = curvature(near), value(near)[1]
            if not (np.isfinite(information).all() and np.isfinite(slope).all()):
                raise lost
            if np.linalg.eigvalsh(information).min() <= 0:
                raise lost
            step = np.linalg.solve(information, slope)
            near = near - step
            if np.abs(step).max() < 1e-9:
                return near, curvature(near), -value(near)[0]
    raise lost
