"""Tables of counts: Fisher's exact test, also of r x c, chi-square, and the trend of a share over ordered groups.

SciPy's Fisher test of an r x c table is an unseeded simulation, and it has no test of trend; both are written here.
R is the measure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import chdtrc, gammaln, ndtr

from phenotype.statistics.ranks import UntestableError

__all__ = [
    "ENUMERATION_LIMIT",
    "FisherTest",
    "TableTest",
    "TrendOfShares",
    "chi_square",
    "fisher",
    "fisher_freeman_halton",
    "trend_of_shares",
]

ENUMERATION_LIMIT = 2_000_000
"""Halves of tables with given margins that are enumerated at most: some seconds, 100 MB."""
_EQUAL = 1e-7
"""Relative difference up to which two probabilities are equal: R's, as rounding must not part ties."""

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FisherTest:
    """Fisher's exact test of a 2 x 2 table."""

    n: int
    odds_ratio: float
    """Conditional maximum likelihood, not the ratio of products; 0 or infinite where a cell is 0."""
    low: float
    """Exact interval of the odds ratio; infinite and 0 included."""
    high: float
    p_value: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class TableTest:
    """A test that rows and columns of a table have nothing to do with each other."""

    n: int
    statistic: float
    """Chi-square; NaN for an exact test, which has none."""
    df: int
    p_value: float
    least_expected: float
    """Smallest expected count; below about 5, chi-square is a poor approximation."""
    method: str


@dataclass(frozen=True, slots=True)
class TrendOfShares:
    """The Cochran-Armitage test: whether a share rises or falls over ordered groups."""

    n: int
    events: int
    z: float
    """Positive where the share rises with the score."""
    chi_square: float
    p_value: float
    method: str


def fisher(table: ArrayLike, *, level: float = 0.95) -> FisherTest:
    """Test a 2 x 2 table exactly; the p-value sums all tables with its margins that are no more probable.

    Interval and p-value are of different tests, as in R: at the edge one can leave out 1 where the other does not
    reject.

    Parameters
    ----------
    table
        (2, 2) counts.
    level
        Of the interval.

    Raises
    ------
    UntestableError
        If a row or column is empty.
    ValueError
        If the table is not one of 2 x 2 counts.

    References
    ----------
    .. [1] Fisher RA. J R Stat Soc 1935;98:39-54.
    .. [2] Cornfield J. Proc Third Berkeley Symp 1956;4:135-148 (interval).

    Examples
    --------
    >>> test = fisher([[3, 1], [1, 3]])
    >>> round(test.odds_ratio, 3), round(test.p_value, 3)
    (6.408, 0.486)
    """
    counts = _counts(table)
    if counts.shape != (2, 2):
        raise ValueError(f"a table of {_shape(counts)}; it must be 2 x 2")
    found = stats.contingency.odds_ratio(counts, kind="conditional")
    interval = found.confidence_interval(confidence_level=level)
    p = _exact_p(counts)
    return FisherTest(
        int(counts.sum()), float(found.statistic), float(interval.low), float(interval.high), p, level,
        "Fisher, exact; conditional odds ratio",
    )  # fmt: skip


def fisher_freeman_halton(
    table: ArrayLike, *, rng: np.random.Generator | None = None, rounds: int = 100_000
) -> TableTest:
    """Test an r x c table exactly; the p-value sums all tables with its margins that are no more probable.

    Tables are enumerated in two halves, rows above and rows below, which meet where their columns add up.

    Parameters
    ----------
    table
        (r, c) counts.
    rng
        Draws tables where there are more halves than ``ENUMERATION_LIMIT``; without it such a table is refused.
    rounds
        Tables that are drawn. The p-value counts the observed table among them; ``method`` has its standard error.

    Raises
    ------
    UntestableError
        If a row or column is empty, or there are too many tables and no ``rng``.
    ValueError
        If the table is not one of counts, at least 2 x 2.

    References
    ----------
    .. [1] Freeman GH, Halton JH. Biometrika 1951;38:141-149.
    .. [2] Phipson B, Smyth GK. Stat Appl Genet Mol Biol 2010;9:39 (the observed one counts).

    Examples
    --------
    >>> round(fisher_freeman_halton([[3, 0, 1], [0, 3, 1]]).p_value, 4)
    0.0571
    """
    counts = _counts(table)
    name = "Fisher-Freeman-Halton"
    try:
        p, method = _exact_p(counts), f"{name}, exact"
    except _TooManyError:
        if rng is None:
            raise UntestableError(
                f"too many tables of {_shape(counts)} with {counts.sum()} patients to count"
            ) from None
        p = _drawn_p(counts, rng, rounds)
        method = f"{name}, {rounds} tables drawn, standard error {np.sqrt(p * (1 - p) / rounds):.1g}"
    return TableTest(int(counts.sum()), np.nan, _df(counts), p, float(_expected(counts).min()), method)


def chi_square(table: ArrayLike, *, correction: bool = False) -> TableTest:
    """Test a table by Pearson's chi-square.

    Parameters
    ----------
    table
        (r, c) counts.
    correction
        Yates' continuity correction, for 2 x 2 tables alone; never more than the difference itself, as in R.

    Raises
    ------
    UntestableError
        If a row or column is empty.
    ValueError
        If the table is not one of counts, or a larger one is to be corrected.

    References
    ----------
    .. [1] Yates F. J R Stat Soc Suppl 1934;1:217-235.

    Examples
    --------
    >>> test = chi_square([[10, 20], [20, 10]])
    >>> round(test.statistic, 4), round(test.p_value, 4), test.least_expected
    (6.6667, 0.0098, 15.0)
    """
    counts = _counts(table)
    if correction and counts.shape != (2, 2):
        raise ValueError(f"a continuity correction of a table of {_shape(counts)}; it is for 2 x 2")
    expected = _expected(counts)
    away = np.abs(counts - expected)
    if correction:
        away = away - np.minimum(0.5, away.min())
    statistic = float((away**2 / expected).sum())
    method = "chi-square, Yates' correction" if correction else "chi-square"
    df = _df(counts)
    return TableTest(int(counts.sum()), statistic, df, float(chdtrc(df, statistic)), float(expected.min()), method)


def trend_of_shares(events: ArrayLike, totals: ArrayLike, scores: ArrayLike | None = None) -> TrendOfShares:
    """Test whether a share rises or falls over ordered groups: Cochran and Armitage.

    The variance has n, as R's ``prop.trend.test``; programs with n - 1 give a chi-square (n - 1) / n as large.

    Parameters
    ----------
    events, totals
        (k,) counts: patients with the outcome, and all.
    scores
        (k,) of the groups; 0, 1, 2, … if None.

    Raises
    ------
    UntestableError
        If all patients have the outcome or none has, or fewer than two scores have patients.
    ValueError
        If an argument is wrong.

    References
    ----------
    .. [1] Armitage P. Biometrics 1955;11:375-386.

    Examples
    --------
    >>> test = trend_of_shares([2, 5, 8], [10, 10, 10])
    >>> round(test.z, 3), round(test.p_value, 4)
    (2.683, 0.0073)
    """
    k, n = (np.asarray(x, dtype=np.float64) for x in (events, totals))
    score = np.arange(len(k), dtype=np.float64) if scores is None else np.asarray(scores, dtype=np.float64)
    if k.ndim != 1 or not k.shape == n.shape == score.shape or not np.isfinite(score).all():
        raise ValueError(f"events, totals and scores of shapes {k.shape}, {n.shape}, {score.shape}; one (k,), finite")
    counts = _whole(np.array([k, n - k]))
    patients, outcomes = int(counts.sum()), int(counts[0].sum())
    if outcomes in (0, patients):
        raise UntestableError(f"{outcomes} of {patients} patients have the outcome")
    share, middle = outcomes / patients, float(n @ score) / patients
    spread = float(n @ (score - middle) ** 2)
    if spread <= 0:
        raise UntestableError("fewer than two groups have patients")
    z = float((k - n * share) @ score / np.sqrt(share * (1 - share) * spread))
    return TrendOfShares(patients, outcomes, z, z**2, float(2 * ndtr(-abs(z))), "Cochran-Armitage, variance with n")


class _TooManyError(Exception):
    """There are more halves of tables than are enumerated."""


def _counts(table: ArrayLike) -> Counts:
    """Return a table as whole numbers, no row or column of which is empty."""
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or min(counts.shape) < 2:
        raise ValueError(f"a table of shape {counts.shape}; it must be at least 2 x 2")
    whole = _whole(counts)
    empty = [name for name, axis in (("row", 1), ("column", 0)) if (whole.sum(axis=axis) == 0).any()]
    if empty:
        raise UntestableError(f"a {' and a '.join(empty)} of the table without patients")
    return whole


def _whole(counts: Values) -> Counts:
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.rint(counts)).any():
        raise ValueError(f"counts {counts.tolist()}; they must be whole and not negative")
    return counts.astype(np.int64)


def _shape(counts: Counts) -> str:
    return " x ".join(map(str, counts.shape))


def _df(counts: Counts) -> int:
    rows, columns = counts.shape
    return int((rows - 1) * (columns - 1))


def _expected(counts: Counts) -> Values:
    """Return what rows and columns that have nothing to do with each other would hold, (r, c)."""
    return np.asarray(np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum())


def _weight(cells: Counts | Values) -> Values:
    """Return the logarithm of one over the product of factorials along the last axis."""
    return np.asarray(-gammaln(cells + 1.0).sum(axis=-1))


def _exact_p(counts: Counts) -> float:
    """Return the chance of all tables with the margins that are no more probable than this one."""
    if counts.shape[0] < counts.shape[1]:
        counts = counts.T
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    rows = rows[np.argsort(-rows)]
    margins = -_weight(rows) - _weight(columns) + _weight(np.array([counts.sum()]))
    observed = float(_weight(counts).sum() + margins) + _EQUAL
    # Long and short rows in turn, so that neither half has all the tables.
    (used, above), (left, below) = (_halves(rows[first::2], columns) for first in (0, 1))
    place = np.cumprod([1, *(columns[:-1] + 1)])
    upper, lower = _by_key(used @ place, above + margins), _by_key((columns - left) @ place, below)
    total = sum(_pairs_up_to(upper[key], lower[key], observed) for key in upper.keys() & lower.keys())
    return min(total, 1.0)


def _by_key(keys: Counts, weights: Values) -> dict[int, Values]:
    """Return the weights, ascending, of each key."""
    order = np.lexsort((weights, keys))
    found, first = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(weights[order], first[1:]), strict=True))


def _pairs_up_to(upper: Values, lower: Values, limit: float) -> float:
    """Return the sum of exp(a + b) over a of one and b of the other, both ascending, with a + b up to a limit."""
    sums = np.concatenate([[0.0], np.cumsum(np.exp(lower - lower[-1]))])
    reached = np.searchsorted(lower, limit - upper, "right")
    return float((np.exp(upper + lower[-1]) * sums[reached]).sum())


def _halves(rows: Counts, columns: Counts) -> tuple[Counts, Values]:
    """Return all ways to fill some rows within the columns: what they use of each, (m, c), and their weights, (m,)."""
    used = np.zeros((1, len(columns)), dtype=np.int64)
    weight = np.zeros(1)
    for row in rows:
        cells = _row_fillings(int(row), columns - used)
        used = used[cells[:, 0]] + cells[:, 1:]
        weight = weight[cells[:, 0]] + _weight(cells[:, 1:])
    return used, weight


def _row_fillings(total: int, room: Counts) -> Counts:
    """Return each way to put ``total`` into cells with room (m, c): the row of ``room``, then its cells."""
    partial = np.arange(len(room))[:, None]
    rest = np.full(len(room), total)
    for place in range(room.shape[1]):
        spare = room[partial[:, 0], place + 1 :].sum(axis=1)
        lowest = np.maximum(rest - spare, 0)
        highest = np.minimum(rest, room[partial[:, 0], place])
        choices = np.maximum(highest - lowest + 1, 0)
        if choices.sum() > ENUMERATION_LIMIT:
            raise _TooManyError
        parent = np.repeat(np.arange(len(partial)), choices)
        within = np.arange(len(parent)) - np.repeat(np.cumsum(choices) - choices, choices)
        cell = lowest[parent] + within
        partial = np.column_stack([partial[parent], cell])
        rest = rest[parent] - cell
    return partial


def _drawn_p(counts: Counts, rng: np.random.Generator, rounds: int) -> float:
    """Return the share of drawn tables, this one among them, that are no more probable than this one."""
    drawn = stats.random_table(counts.sum(axis=1), counts.sum(axis=0)).rvs(size=rounds, random_state=rng)
    weights = _weight(drawn.reshape(rounds, -1))
    return float(((weights <= _weight(counts.ravel()) + _EQUAL).sum() + 1) / (rounds + 1))
