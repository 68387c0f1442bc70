"""Dirichlet regression: how the parts of a whole, and their spread, depend on covariates.

References
----------
.. [1] Maier MJ. DirichletReg: Dirichlet Regression for Compositional Data in R. WU Vienna 2014.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import chdtrc, gammaln, polygamma, psi

from phenotype.statistics.composition import closed
from phenotype.statistics.cox import ChiSquare
from phenotype.statistics.ranks import UntestableError

__all__ = ["Dirichlet", "compare", "dirichlet", "dirichlet_means"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Dirichlet:
    """A fitted model."""

    coefficients: Values
    """(d, p): logarithms of each part's parameter by column; or (d - 1, p): logits of means against the first part."""
    std_errors: Values
    precision: Values
    """(q,) coefficients of the logarithm of the precision; none in the common form."""
    precision_errors: Values
    log_likelihood: float
    n: int
    parameters: int
    method: str


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
        If the search does not converge, or columns cannot be told apart.
    ValueError
        If a part is zero, or shapes do not fit.
    """
    x, design_matrix, scale = _checked(parts, design)
    d, p = x.shape[1], design_matrix.shape[1]
    logs = np.log(x)

    def value(theta: Values) -> tuple[float, Values]:
        alpha = np.exp(design_matrix @ theta.reshape(d, p).T)
        likelihood, slope = _likelihood(alpha, logs)
        return -likelihood, -((slope * alpha).T @ design_matrix).ravel()

    def curvature(theta: Values) -> Values:
        alpha = np.exp(design_matrix @ theta.reshape(d, p).T)
        _, slope = _likelihood(alpha, logs)
        shared = polygamma(1, alpha.sum(axis=1))
        second = -np.einsum("ni,nj,n->nij", alpha, alpha, shared)
        own = alpha * polygamma(1, alpha) * alpha - slope * alpha
        second[:, np.arange(d), np.arange(d)] += own
        return np.asarray(np.einsum("nij,nk,nl->ikjl", second, design_matrix, design_matrix).reshape(d * p, d * p))

    start = np.zeros((d, p))
    found, errors, likelihood = _maximum(value, curvature, start.ravel())
    return Dirichlet(
        found.reshape(d, p) / scale, errors.reshape(d, p) / scale, np.zeros(0), np.zeros(0), likelihood, len(x), d * p,
        "Dirichlet regression, common form",
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
    x, design_matrix, scale = _checked(parts, design)
    _, spread, spread_scale = _checked(parts, precision_design)
    d, p, logs = x.shape[1], design_matrix.shape[1], np.log(x)
    split = (d - 1) * p

    def value(theta: Values) -> tuple[float, Values]:
        logits = np.column_stack([np.zeros(len(x)), design_matrix @ theta[:split].reshape(d - 1, p).T])
        means = np.exp(logits - logits.max(axis=1, keepdims=True))
        means /= means.sum(axis=1, keepdims=True)
        precision = np.exp(spread @ theta[split:])[:, None]
        likelihood, slope = _likelihood(means * precision, logs)
        toward = slope * means * precision
        by_logit = toward - means * toward.sum(axis=1, keepdims=True)
        return -likelihood, -np.concatenate(
            [(by_logit[:, 1:].T @ design_matrix).ravel(), spread.T @ toward.sum(axis=1)]
        )

    def curvature(theta: Values) -> Values:
        steps = 1e-5 * np.eye(len(theta))
        columns = [(value(theta + step)[1] - value(theta - step)[1]) / 2e-5 for step in steps]
        return np.asarray((np.array(columns) + np.array(columns).T) / 2)

    start = np.zeros(split + spread.shape[1])
    start[split] = np.log(2.0 * d)
    found, errors, likelihood = _maximum(value, curvature, start)
    return Dirichlet(
        found[:split].reshape(d - 1, p) / scale, errors[:split].reshape(d - 1, p) / scale, found[split:] / spread_scale,
        errors[split:] / spread_scale, likelihood, len(x), len(found), "Dirichlet regression, means and precision",
    )  # fmt: skip


def compare(larger: Dirichlet, smaller: Dirichlet) -> ChiSquare:
    """Test a model against one within it, by their likelihoods."""
    if larger.n != smaller.n or larger.parameters <= smaller.parameters:
        raise ValueError("the first model holds the second, on the same patients")
    statistic = max(2 * (larger.log_likelihood - smaller.log_likelihood), 0.0)
    df = larger.parameters - smaller.parameters
    return ChiSquare(statistic, df, float(chdtrc(df, statistic)))


def _checked(parts: ArrayLike, design: ArrayLike) -> tuple[Values, Values, Values]:
    """Return parts, the design with columns of like size, and what each was divided by."""
    x, columns = closed(parts), np.asarray(design, dtype=np.float64)
    if (x == 0).any():
        raise ValueError("a part is zero; replace zeros first")
    if columns.ndim != 2 or len(columns) != len(x) or not np.isfinite(columns).all():
        raise ValueError(f"design of shape {columns.shape} for {len(x)} patients; (n, p), finite")
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        raise UntestableError(f"{columns.shape[1]} columns cannot be told apart in {len(x)} patients")
    scale = np.sqrt((columns**2).mean(axis=0))
    return x, columns / scale, scale


def _likelihood(alpha: Values, logs: Values) -> tuple[float, Values]:
    """Return the log-likelihood, and its slope by each parameter, (n, d)."""
    total = alpha.sum(axis=1)
    value = float((gammaln(total) - gammaln(alpha).sum(axis=1) + ((alpha - 1) * logs).sum(axis=1)).sum())
    return value, np.asarray(psi(total)[:, None] - psi(alpha) + logs)


def _maximum(
    value: Callable[[Values], tuple[float, Values]], curvature: Callable[[Values], Values], start: Values
) -> tuple[Values, Values, float]:
    """Return the place of the maximum, the errors there, and the log-likelihood."""
    near = minimize(value, start, jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000}).x
    for _ in range(50):
        step = np.linalg.solve(curvature(near), value(near)[1])
        near = near - step
        if np.abs(step).max() < 1e-9:
            break
    else:
        raise UntestableError("the likelihood of the Dirichlet regression did not converge")
    information = curvature(near)
    if np.linalg.eigvalsh(information).min() <= 0:
        raise UntestableError("the likelihood of the Dirichlet regression has no maximum")
    return near, np.sqrt(np.diag(np.linalg.inv(information))), -value(near)[0]
