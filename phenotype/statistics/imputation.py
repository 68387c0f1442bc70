"""Missing covariates: chained equations by predictive mean matching, and Rubin's rules for what each set says.

A value that is filled in is one that was observed in a patient like this one, so a flag stays 0 or 1 and an age
positive. The model of the missing values holds the outcome too: without it, associations with the outcome lean towards
none. Written here, since no library draws the parameters, matches, and takes levels of a category. R's mice is the
measure of pooling.

References
----------
.. [1] van Buuren S. Flexible Imputation of Missing Data. 2nd ed. Chapman & Hall 2018.
.. [2] White IR, Royston P. Stat Med 2009;28:1982-1998.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student_t

from gating import missing
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import checked_observations

__all__ = ["DONORS", "ROUNDS", "SETS", "Imputed", "Pooled", "event_predictors", "impute", "pool"]

SETS = 20
"""Completed data sets. White, Royston and Wood 2011 ask for as many as there are percent of incomplete patients."""
ROUNDS = 10
"""Passes over all incomplete variables; mice has 5, and a pass costs little."""
DONORS = 5
"""Nearest patients of whom one gives his value: mice's number, between too much noise and too much repetition."""
_RIDGE = 1e-5
"""Share by which squares of columns are raised, so that columns that say the same can stand together: mice's."""

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Imputed:
    """Completed data sets."""

    sets: tuple[Mapping[str, Values], ...]
    """For each set the columns, (n,) each, without a missing value; what was observed is as it was."""
    missing: Mapping[str, int]
    """Values filled in, for each column."""
    incomplete: int
    """Patients with any."""
    n: int
    seed: int
    rounds: int
    donors: int
    trace: Values
    """(sets, rounds, columns with missing values): mean of the values filled in. Lines of the sets should mingle, and
    none should still rise or fall."""
    beyond: Mapping[str, float]
    """Share of the values filled in for patients whose prediction is below or above that of all who could give one.
    Where it is large, values are missing at one end, and what is filled in lies too near the middle."""
    method: str

    @property
    def m(self) -> int:
        """Completed sets."""
        return len(self.sets)


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Estimates of all sets as one; arrays are (p,)."""

    estimates: Values
    std_errors: Values
    low: Values
    high: Values
    t: Values
    df: Values
    """Barnard and Rubin's: never more than the complete data would have."""
    p_values: Values
    within: Values
    """Mean variance of the estimates, with ``between``, their variance from set to set, and ``total``."""
    between: Values
    total: Values
    increase: Values
    """Relative increase of variance by what is missing."""
    missing_information: Values
    """Share of the information on each estimate that is missing."""
    m: int
    level: float
    method: str


def impute(
    columns: Mapping[str, ArrayLike],
    *,
    seed: int,
    categories: Collection[str] = (),
    m: int = SETS,
    rounds: int = ROUNDS,
    donors: int = DONORS,
) -> Imputed:
    """Fill in missing values several times, each from a patient whose predicted value is near.

    For each incomplete column in turn, a linear model of all other columns is fitted where it is known; its parameters
    are drawn from their posterior for the patients in whom it is not; and one of the ``donors`` patients nearest in
    prediction gives his value. Levels of a category are predicted together, as indicators.

    Nothing is filled in beyond what was observed. In simulated studies with a quarter missing, intervals of 95 % held
    the truth in 90 to 95; with half missing, mostly the high half, in 83 (a mean) and 62 (a slope): see ``beyond``.

    Parameters
    ----------
    columns
        (n,) each, NaN where missing: numbers, flags 0 and 1, and codes of levels. The outcome belongs to them; of a
        time to an event see :func:`event_predictors`.
    seed
        The same seed gives the same sets; the first sets do not depend on how many there are.
    categories
        Columns whose numbers are codes without an order.
    m, rounds, donors
        Sets, passes and nearest patients.

    Raises
    ------
    UntestableError
        If a column is known in too few patients for a model of the others, or has one value in all of them.
    ValueError
        If lengths differ, a value is infinite, or there is no such column.

    References
    ----------
    .. [1] van Buuren S, Groothuis-Oudshoorn K. J Stat Softw 2011;45(3).
    .. [2] Morris TP, White IR, Royston P. BMC Med Res Methodol 2014;14:75 (matching, number of donors).

    Examples
    --------
    >>> columns = {"age": [50, 60, 70, 80, 52, 58], "ldh": [200, 250, 300, np.nan, 210, 240]}
    >>> found = impute(columns, seed=1, m=2, donors=2)
    >>> found.missing, found.incomplete, found.sets[0]["ldh"][3] in (300, 250)
    ({'age': 0, 'ldh': 1}, 1, True)
    """
    data = _checked(columns, categories, m, rounds, donors)
    absent = {name: np.isnan(values) for name, values in data.items()}
    order = sorted((name for name in data if absent[name].any()), key=lambda name: int(absent[name].sum()))
    _check_predictable(data, categories, order, donors)
    passes = rounds if len(order) > 1 else 1
    done = [
        _one_set(data, absent, order, categories, passes, donors, np.random.default_rng([seed, number]))
        for number in range(m)
    ]
    sets, traces, beyond = zip(*done, strict=True)
    outside = dict(zip(order, np.mean(beyond, axis=0).tolist(), strict=True))
    counts = {name: int(gone.sum()) for name, gone in absent.items()}
    method = f"chained equations, predictive mean matching, {donors} donors, {m} sets, {passes} rounds, seed {seed}"
    incomplete, n = int(np.any(list(absent.values()), axis=0).sum()), len(next(iter(data.values())))
    return Imputed(sets, counts, incomplete, n, seed, passes, donors, np.array(traces), outside, method)


def event_predictors(time: ArrayLike, event: ArrayLike) -> tuple[Values, Values]:
    """Return what a model of missing covariates needs of a time to an event: whether it came, and the hazard till then.

    Parameters
    ----------
    time
        (n,), at least 0.
    event
        (n,), 0 and 1.

    Returns
    -------
    event, hazard
        (n,) each; the hazard is Nelson and Aalen's cumulative one at each patient's own time.

    Raises
    ------
    UntestableError
        If there is no patient.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] White IR, Royston P. Stat Med 2009;28:1982-1998.

    Examples
    --------
    >>> event_predictors([1, 2, 3], [1, 0, 1])[1].round(3).tolist()
    [0.333, 0.333, 1.333]
    """
    at, came = checked_observations(time, event)
    times = np.unique(at)
    at_risk = (at[:, None] >= times).sum(axis=0)
    events = ((at[:, None] == times) & came[:, None]).sum(axis=0)
    hazard = np.cumsum(events / at_risk)
    return came.astype(np.float64), np.asarray(hazard[np.searchsorted(times, at)])


def pool(estimates: ArrayLike, variances: ArrayLike, *, df_complete: float = np.inf, level: float = 0.95) -> Pooled:
    """Pool the estimates of completed data sets by Rubin's rules, with Barnard and Rubin's degrees of freedom.

    Parameters
    ----------
    estimates, variances
        (m, p): of each set, on a scale where they are about normal, such as logarithms of hazard ratios.
    df_complete
        Degrees of freedom of the analysis if nothing were missing: n - p of a logistic, events - p of a Cox model, as
        mice has them.
    level
        Of the intervals.

    Raises
    ------
    UntestableError
        If no degrees of freedom are left, as with fewer events than covariates.
    ValueError
        If there are fewer than two sets, shapes differ, or a number is not finite or no variance.

    References
    ----------
    .. [1] Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley 1987, chapter 3.
    .. [2] Barnard J, Rubin DB. Biometrika 1999;86:948-955.

    Examples
    --------
    >>> found = pool([[1.0], [1.2], [0.8]], [[0.04], [0.04], [0.04]], df_complete=100)
    >>> found.estimates.round(3).tolist(), found.std_errors.round(3).tolist(), found.df.round(1).tolist()
    ([1.0], [0.306], [5.3])
    """
    each, variance = (np.asarray(x, dtype=np.float64) for x in (estimates, variances))
    if each.ndim != 2 or each.shape != variance.shape or len(each) < 2:
        raise ValueError(f"estimates and variances of shapes {each.shape} and {variance.shape}; (m, p), m at least 2")
    if not np.isfinite([each, variance]).all() or (variance <= 0).any():
        raise ValueError("estimates must be finite, and variances above 0")
    if not df_complete > 0:
        raise UntestableError(f"{df_complete:g} degrees of freedom are left")
    m = len(each)
    within, between = variance.mean(axis=0), each.var(axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    increase = (1 + 1 / m) * between / within
    df = _barnard_rubin((1 + 1 / m) * between / total, m, df_complete)
    errors, middle = np.sqrt(total), each.mean(axis=0)
    t, half = middle / errors, student_t.ppf((1 + level) / 2, df) * errors
    information = (increase + 2 / (df + 3)) / (1 + increase)
    return Pooled(
        middle, errors, middle - half, middle + half, t, df, np.asarray(2 * student_t.sf(np.abs(t), df)), within,
        between, total, increase, information, m, level,
        f"Rubin's rules over {m} sets, Barnard-Rubin degrees of freedom",
    )  # fmt: skip


def _barnard_rubin(share: Values, m: int, complete: float) -> Values:
    """Return degrees of freedom for the share of variance that is due to what is missing."""
    with np.errstate(divide="ignore"):
        by_sets = (m - 1) / share**2
    if np.isinf(complete):
        return by_sets
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    return np.asarray(1 / (1 / by_sets + 1 / observed))


def _checked(
    columns: Mapping[str, ArrayLike], categories: Collection[str], m: int, rounds: int, donors: int
) -> dict[str, Values]:
    """Return the columns as numbers of one length."""
    data = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    for name in categories:
        if name not in data:
            raise ValueError(missing("column", name, data, "imputation"))
    if len(data) < 2 or len({values.shape for values in data.values()}) > 1 or next(iter(data.values())).ndim != 1:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in data.items())
        raise ValueError(f"columns of shapes {shapes}; two or more of (n,)")
    for name, values in data.items():
        if np.isinf(values).any():
            raise ValueError(f"{name}: infinite; NaN where missing")
    if min(m, rounds, donors) < 1:
        raise ValueError(f"{m} sets, {rounds} rounds, {donors} donors; at least 1 of each")
    return data


def _check_predictable(
    data: Mapping[str, Values], categories: Collection[str], order: Sequence[str], donors: int
) -> None:
    """Refuse columns of which too little is known."""
    for name in order:
        known = data[name][~np.isnan(data[name])]
        if not len(known) or np.ptp(known) == 0:
            what = "is missing in all" if not len(known) else f"is {known[0]:g} in all who have it, of"
            raise UntestableError(f"{name} {what} {len(data[name])} patients; nothing can be filled in")
        others = 1 + sum(_width(values, other in categories) for other, values in data.items() if other != name)
        if len(known) <= max(others, donors):
            raise UntestableError(
                f"{name} is known in {len(known)} patients, too few for a model of {others} coefficients "
                f"and {donors} donors"
            )


def _width(values: Values, category: bool) -> int:
    """Return how many columns a variable is as a predictor."""
    return len(np.unique(values[~np.isnan(values)])) - 1 if category else 1


def _one_set(
    data: Mapping[str, Values],
    absent: Mapping[str, Flags],
    order: Sequence[str],
    categories: Collection[str],
    rounds: int,
    donors: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Values], Values, Values]:
    """Return one completed set; the mean of what was filled in, (rounds, columns); in the last, the share beyond."""
    filled = {name: values.copy() for name, values in data.items()}
    for name in order:
        gone = absent[name]
        filled[name][gone] = rng.choice(data[name][~gone], size=int(gone.sum()))
    trace, beyond = np.empty((rounds, len(order))), np.zeros(len(order))
    for turn in range(rounds):
        for place, name in enumerate(order):
            gone = absent[name]
            others = [_encoded(filled[other], other in categories) for other in filled if other != name]
            design = np.column_stack([np.ones(len(gone)), *others])
            target = _encoded(data[name][~gone], name in categories)
            here, there = _predictions(design[~gone], target, design[gone], rng)
            filled[name][gone] = data[name][~gone][_nearest(here, there, donors, rng)]
            trace[turn, place] = filled[name][gone].mean()
            beyond[place] = np.mean(((there < here.min(axis=0)) | (there > here.max(axis=0))).any(axis=1))
    return filled, trace, beyond


def _encoded(values: Values, category: bool) -> Values:
    """Return a variable as standardised columns, (n, k): itself, or an indicator of each level but the first."""
    columns = (values[:, None] == np.unique(values)[1:]).astype(np.float64) if category else values[:, None]
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _predictions(known: Values, target: Values, unknown: Values, rng: np.random.Generator) -> tuple[Values, Values]:
    """Return predictions for known and unknown patients, (n, k) each, in units of the residual spread.

    Known patients are predicted by the estimates, unknown ones by a draw of the parameters: the matching that keeps
    the uncertainty of the model.
    """
    square = known.T @ known
    inverse = np.linalg.inv(square + np.diag(_RIDGE * np.diag(square) + 1e-12))
    beta = inverse @ known.T @ target
    residual = target - known @ beta
    scatter = residual.T @ residual + 1e-12 * np.eye(target.shape[1])
    freedom = max(len(known) - known.shape[1], 1)
    spread = np.linalg.cholesky(scatter / freedom).T
    chance = np.sqrt(freedom / rng.chisquare(freedom))
    noise = np.linalg.cholesky(inverse) @ rng.standard_normal(beta.shape) @ spread
    whiten = np.linalg.inv(spread)
    return known @ beta @ whiten, unknown @ (beta + noise * chance) @ whiten


def _nearest(here: Values, there: Values, donors: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return for each prediction there the place of one of the nearest here, drawn at random."""
    distance = ((there[:, None, :] - here[None, :, :]) ** 2).sum(axis=2)
    # Patients with one prediction are tied, but for rounding; each recipient has an order of his own among them.
    nearest = np.lexsort((rng.random(distance.shape), distance.round(12)), axis=1)[:, :donors]
    return np.asarray(nearest[np.arange(len(there)), rng.integers(donors, size=len(there))])
