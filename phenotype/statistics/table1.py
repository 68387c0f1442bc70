"""Patients at baseline, group by group: numbers and levels described, groups held against each other.

What is missing is counted, and is in no denominator and in no test. Differences are standardised, since a p-value at
baseline answers no question in a study without randomisation; tests are a function of their own, for those who must
print them.

References
----------
.. [1] von Elm E, et al. (STROBE). PLoS Med 2007;4:e296, items 14 and 16.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gating import missing
from phenotype.statistics.groups import kruskal_wallis
from phenotype.statistics.ranks import UntestableError, mann_whitney
from phenotype.statistics.tables import fisher, fisher_freeman_halton

__all__ = [
    "QUARTILES",
    "BaselineDifference",
    "BaselineRow",
    "BaselineTest",
    "Levels",
    "Numbers",
    "compare_baseline",
    "describe_baseline",
    "difference_of_means",
    "difference_of_shares",
    "standardised_differences",
]

QUARTILES: Mapping[str, str] = {"R": "linear", "SAS": "averaged_inverted_cdf", "SPSS": "weibull"}
"""Programs by whose default quartiles are computed, and NumPy's name: types 7, 2 and 6 of Hyndman and Fan."""

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Members = Mapping[str, Flags]
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """One variable, or one level of it, in one group; NaN where a number does not apply."""

    variable: str
    level: str
    """Empty for a variable of numbers."""
    group: str
    n: int
    """Patients of the group in whom the variable is known: the denominator."""
    missing: int
    method: str
    count: float = NAN
    """Patients with the level."""
    share: float = NAN
    """Of the ``n``."""
    mean: float = NAN
    sd: float = NAN
    median: float = NAN
    q1: float = NAN
    q3: float = NAN
    minimum: float = NAN
    maximum: float = NAN


@dataclass(frozen=True, slots=True)
class BaselineDifference:
    """How far two groups are apart, in standard deviations; above 0.1 is often called imbalance."""

    variable: str
    first: str
    second: str
    n: int
    estimate: float
    """First minus second for numbers; a distance, never below 0, for levels. NaN where ``note`` says why."""
    method: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class BaselineTest:
    """A test that a variable is alike in all groups."""

    variable: str
    n: int
    statistic: float
    """U of two groups, H of more; NaN for an exact test of counts, which has none."""
    p_value: float
    """NaN where ``note`` says why."""
    method: str
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A variable of numbers, such as age."""

    name: str
    values: ArrayLike
    """(n,), NaN where missing."""
    quartiles: str = "R"
    """Whose: a name of ``QUARTILES``. They differ where groups are small."""

    def array(self) -> Values:
        """Return the values, checked."""
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim != 1 or np.isinf(values).any():
            raise ValueError(f"{self.name}: values of shape {values.shape}; (n,), finite or NaN")
        if self.quartiles not in QUARTILES:
            raise ValueError(missing("convention of quartiles", self.quartiles, QUARTILES, self.name))
        return values

    def known(self) -> Flags:
        """Tell where there is a value, (n,)."""
        return ~np.isnan(self.array())

    def rows(self, group: str, who: Flags) -> list[BaselineRow]:
        """Describe one group."""
        x = self.array()[who & self.known()]
        absent = int(who.sum()) - len(x)
        method = f"median, quartiles as {self.quartiles}'s"
        if not len(x):
            return [BaselineRow(self.name, "", group, 0, absent, method)]
        q1, median, q3 = (float(q) for q in np.quantile(x, [0.25, 0.5, 0.75], method=QUARTILES[self.quartiles]))  # type: ignore[call-overload]
        sd = float(x.std(ddof=1)) if len(x) > 1 else NAN
        return [
            BaselineRow(
                self.name, "", group, len(x), absent, method, mean=float(x.mean()), sd=sd, median=median, q1=q1, q3=q3,
                minimum=float(x.min()), maximum=float(x.max()),
            )
        ]  # fmt: skip

    def difference(self, first: Flags, second: Flags) -> tuple[float, str]:
        """Return the standardised difference of two groups, and its name."""
        x = self.array()
        return difference_of_means(x[first], x[second]), "standardised difference of means"

    def test(self, groups: Sequence[Flags], rng: np.random.Generator | None) -> tuple[float, float, str]:  # noqa: ARG002
        """Return statistic, p-value and method of a comparison by ranks."""
        parts = [self.array()[who] for who in groups]
        if len(parts) > 2:
            kruskal = kruskal_wallis(parts)
            return kruskal.statistic, kruskal.p_value, kruskal.method
        test = mann_whitney(*parts)
        return test.statistic, test.p_value, test.method


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A variable of levels, such as a stage or a yes and no."""

    name: str
    values: Sequence[str | None]
    """(n,) levels; None or empty where missing."""
    levels: Sequence[str] | None = None
    """In the order of the table, also those that nobody has; those that occur, by the alphabet, if None."""

    def array(self) -> NDArray[np.str_]:
        """Return the levels, empty where missing, checked."""
        odd = [value for value in self.values if value is not None and not isinstance(value, str)]
        if odd:
            raise ValueError(f"{self.name}: {odd[0]!r}; levels are text, None where missing")
        found = np.array([value or "" for value in self.values], dtype=np.str_)
        for value in found[found != ""].tolist():
            if self.levels is not None and value not in self.levels:
                raise ValueError(missing("level", value, self.levels, self.name))
        return found

    def known(self) -> Flags:
        """Tell where there is a level, (n,)."""
        return np.asarray(self.array() != "")

    def names(self) -> tuple[str, ...]:
        """Return the levels in the order of the table."""
        return tuple(sorted(set(self.array()[self.known()].tolist())) if self.levels is None else self.levels)

    def counts(self, who: Flags) -> NDArray[np.int64]:
        """Count each level in a group, (levels,)."""
        own = self.array()[who]
        return np.array([(own == name).sum() for name in self.names()], dtype=np.int64)

    def rows(self, group: str, who: Flags) -> list[BaselineRow]:
        """Describe one group."""
        counts = self.counts(who)
        n = int(counts.sum())
        absent, method = int(who.sum()) - n, "count; share of those known"
        return [
            BaselineRow(self.name, name, group, n, absent, method, float(count), float(count) / n if n else NAN)
            for name, count in zip(self.names(), counts.tolist(), strict=True)
        ]

    def difference(self, first: Flags, second: Flags) -> tuple[float, str]:
        """Return the standardised distance of two groups, and its name."""
        counts = self.counts(first), self.counts(second)
        return difference_of_shares(*counts), "standardised difference of shares, levels together"

    def test(self, groups: Sequence[Flags], rng: np.random.Generator | None) -> tuple[float, float, str]:
        """Return no statistic, p-value and method of an exact test of counts."""
        counts = np.array([self.counts(who) for who in groups])
        counts = counts[:, counts.any(axis=0)]
        if counts.shape[1] < 2:
            raise UntestableError(f"all {counts.sum()} patients have one level")
        if counts.shape == (2, 2):
            return NAN, fisher(counts).p_value, "Fisher, exact"
        test = fisher_freeman_halton(counts, rng=rng)
        return NAN, test.p_value, test.method


def describe_baseline(variables: Sequence[Numbers | Levels], members: Members) -> tuple[BaselineRow, ...]:
    """Describe variables in each group.

    Parameters
    ----------
    variables
        Of the same n patients, in the order of the table.
    members
        (n,) for each group: who is in it. Groups may overlap, as ``all`` and the others do.

    Returns
    -------
    tuple of BaselineRow
        For each variable each group, and for each group each level. A group without values has its counts alone.

    Raises
    ------
    ValueError
        If a value is infinite or no level, or lengths differ.

    References
    ----------
    .. [1] Hyndman RJ, Fan Y. Am Stat 1996;50:361-365 (quartiles).

    Examples
    --------
    >>> everybody = {"all": np.ones(5, dtype=bool)}
    >>> (age,) = describe_baseline([Numbers("age", [50, 60, 64, 70, np.nan])], everybody)
    >>> age.n, age.missing, age.median, age.q1
    (4, 1, 62.0, 57.5)
    >>> stages = describe_baseline([Levels("iss", ["I", "II", "I", None, "I"])], everybody)
    >>> [(row.level, row.count, row.share) for row in stages]
    [('I', 3.0, 0.75), ('II', 1.0, 0.25)]
    """
    groups = _masks(variables, members)
    return tuple(row for variable in variables for group, who in groups.items() for row in variable.rows(group, who))


def standardised_differences(variables: Sequence[Numbers | Levels], members: Members) -> tuple[BaselineDifference, ...]:
    """Return how far each pair of groups is apart in each variable.

    Parameters
    ----------
    variables
        Of the same n patients.
    members
        (n,) for each group: who is in it; nobody in two.

    Raises
    ------
    ValueError
        If an argument is wrong, or a patient is in two groups.

    References
    ----------
    .. [1] Austin PC. Stat Med 2009;28:3083-3107.
    """
    groups = _apart(variables, members)
    found = []
    for variable in variables:
        known = variable.known()
        for first, second in combinations(groups, 2):
            sides = groups[first] & known, groups[second] & known
            estimate, method, note = NAN, "standardised difference", ""
            try:
                estimate, method = variable.difference(*sides)
            except UntestableError as error:
                note = str(error)
            n = int(sides[0].sum() + sides[1].sum())
            found.append(BaselineDifference(variable.name, first, second, n, estimate, method, note))
    return tuple(found)


def compare_baseline(
    variables: Sequence[Numbers | Levels], members: Members, *, rng: np.random.Generator | None = None
) -> tuple[BaselineTest, ...]:
    """Test whether each variable is alike in all groups.

    Numbers are compared by ranks (Mann and Whitney, Kruskal and Wallis), levels exactly (Fisher, Freeman and Halton).

    Parameters
    ----------
    variables, members
        As for :func:`standardised_differences`.
    rng
        For tables with too many levels to be counted; without it they have no p-value and a note.

    Raises
    ------
    ValueError
        If an argument is wrong, or a patient is in two groups.
    """
    groups = _apart(variables, members)
    found = []
    for variable in variables:
        sides = [who & variable.known() for who in groups.values()]
        n = int(sum(who.sum() for who in sides))
        try:
            found.append(BaselineTest(variable.name, n, *variable.test(sides, rng)))
        except UntestableError as error:
            found.append(BaselineTest(variable.name, n, NAN, NAN, "not tested", str(error)))
    return tuple(found)


def difference_of_means(a: ArrayLike, b: ArrayLike) -> float:
    """Return the first mean minus the second, over the root of the mean of both variances.

    Parameters
    ----------
    a, b
        (n,) and (m,), finite.

    Raises
    ------
    UntestableError
        If a group has fewer than two values, or neither varies.

    Examples
    --------
    >>> difference_of_means([4, 5, 6], [1, 2, 3])
    3.0
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(x), len(y)) < 2:
        raise UntestableError(f"groups of {len(x)} and {len(y)}; each needs two values")
    spread = float(np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2))
    if spread <= 1e-12 * max(np.abs(x).max(), np.abs(y).max()):
        raise UntestableError("neither group varies")
    return float(x.mean() - y.mean()) / spread


def difference_of_shares(a: ArrayLike, b: ArrayLike) -> float:
    """Return the distance of two groups' shares of all levels together, in standard deviations.

    Of two levels it is the difference of shares over the root of the mean of p (1 - p).

    Parameters
    ----------
    a, b
        (k,) counts of the same levels.

    Raises
    ------
    UntestableError
        If a group is empty, or levels tell the groups apart, so that the distance has no end.

    References
    ----------
    .. [1] Yang D, Dalton JE. SAS Global Forum 2012, paper 335.

    Examples
    --------
    >>> round(difference_of_shares([6, 4], [4, 6]), 4)
    0.4082
    """
    counts = np.array([a, b], dtype=np.float64)
    sizes = counts.sum(axis=1, keepdims=True)
    if not sizes.all():
        raise UntestableError(f"groups of {sizes[0, 0]:g} and {sizes[1, 0]:g}; each needs a patient")
    # The last level follows from the others; one that nobody has says nothing.
    shares = (counts / sizes)[:, counts.any(axis=0)][:, :-1]
    away = shares[0] - shares[1]
    if not away.any():
        return 0.0
    covariance = np.mean([np.diag(p) - np.outer(p, p) for p in shares], axis=0)
    if np.linalg.matrix_rank(covariance) < len(covariance):
        raise UntestableError("the levels of one group are none of the other's")
    return float(np.sqrt(away @ np.linalg.solve(covariance, away)))


def _masks(variables: Sequence[Numbers | Levels], members: Members) -> dict[str, Flags]:
    """Return who is in each group, checked to be of all variables' length."""
    groups = {name: np.asarray(who) for name, who in members.items()}
    for variable in variables:
        for name, who in groups.items():
            if who.dtype != np.bool_ or who.shape != (len(variable.known()),):
                n = len(variable.known())
                raise ValueError(f"group {name}: {who.dtype} of shape {who.shape}; {variable.name} needs bool, ({n},)")
    return groups


def _apart(variables: Sequence[Numbers | Levels], members: Members) -> dict[str, Flags]:
    """Return who is in each group, nobody in two."""
    groups = _masks(variables, members)
    if len(groups) < 2:
        raise ValueError(f"{len(groups)} groups; a comparison needs two")
    for first, second in combinations(groups, 2):
        if both := int((groups[first] & groups[second]).sum()):
            raise ValueError(
                f"{both} patients are in {first} and in {second}; groups that are compared must not overlap"
            )
    return groups
