"""The four subsets as one composition: tests of all at once, centres of the groups, ratios of the parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import make_design, numbers
from phenotype.analyses.response import SHARES
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import few_events, group_members, observed
from phenotype.statistics.composition import (
    DELTA,
    centre,
    closed,
    clr,
    dispersion,
    ilr,
    log_ratio_effects,
    manova,
    permanova,
    replace_zeros,
)
from phenotype.statistics.contrasts import GROUPS, MIN_GROUP
from phenotype.statistics.cox import cox
from phenotype.statistics.dirichlet import compare, dirichlet, mean_ratios
from phenotype.statistics.logistic import logistic
from phenotype.statistics.ranks import UntestableError
from phenotype.study import Analyses
from phenotype.subsets import SUBSETS

__all__ = ["composition_rows"]

ENDPOINT = "composition"
OTHER_DELTAS = (0.0001, 0.001)
"""Shares that might stand for a zero instead: half of one of 5,000 cells, and of 500, the fewest without a flag."""
FEW = 10
"""Patients of the smallest group below which the likelihood ratio of the Dirichlet regression is too often positive:
without effect in 7 to 10 of 100 studies with 5 of 131, in 14 to 17 with 3 of 12."""
FEWEST_IN_TIME = 10
"""Transplanted patients that a trend over time needs."""
_BALANCES = ("first balance", "second balance", "third balance")
_GROUP_COLUMNS = ("prior_asct",)
"""Covariates that say what the groups say, and are not adjusted for."""

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Products:
    """Patients with four fractions, of all groups."""

    fractions: Values
    """(n, 4) as measured, of their sum."""
    columns: Values
    """(n, groups - 1): 1 for patients of the second group, the third."""
    names: NDArray[np.str_]
    """(n,) each patient's group."""

    @property
    def parts(self) -> Values:
        """The fractions, (n, 4), none of them 0."""
        return replace_zeros(self.fractions)


def composition_rows(cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    """Return tests over the ASCT groups of all four subsets at once, and the groups' centres and ratios.

    Parameters
    ----------
    cohort
        A row per patient: the four subsets as fractions, ``asct_group``, and the covariates.
    settings
        ``[analyses]`` of the study: permutations, seed, covariates.
    """
    known = np.nan_to_num(cohort[list(SUBSETS)].sum(axis=1, skipna=False).to_numpy(np.float64)) > 0
    members = group_members(cohort)
    rows: list[Row] = []
    for term, levels in (("asct", ("none", "asct")), ("asct_group", GROUPS)):
        groups = {level: members[term, level] & known for level in levels}
        for analysis, work in _ANALYSES.items():
            shared = {"analysis": analysis, "endpoint": ENDPOINT, "term": term}
            rows += attempt(shared, partial(work, cohort, groups, settings))
        for level, who in groups.items():
            shared = {"analysis": "composition_centre", "endpoint": ENDPOINT, "term": term, "level": level}
            rows += attempt(shared, partial(_centre, cohort, who))
    for endpoint, model in (("CR", _response_by_parts), ("PFS", _survival_by_parts), ("OS", _survival_by_parts)):
        shared = {"analysis": "composition_predictor", "endpoint": endpoint}
        rows += attempt(shared, partial(model, cohort, known, endpoint))
    shared = {"analysis": "composition_time", "endpoint": ENDPOINT, "term": "months_from_asct"}
    return rows + attempt(shared, partial(_by_time, cohort, known))


def _products(cohort: pd.DataFrame, groups: Mapping[str, Flags]) -> _Products:
    """Return the patients of all groups.

    Raises
    ------
    UntestableError
        If a group has fewer than ``MIN_GROUP`` patients.
    """
    sizes = {name: int(who.sum()) for name, who in groups.items()}
    if min(sizes.values()) < MIN_GROUP:
        few = ", ".join(f"{name}: {size}" for name, size in sizes.items())
        raise UntestableError(f"patients with four fractions {few}; a test needs {MIN_GROUP} in each group")
    chosen = np.logical_or.reduce(list(groups.values()))
    columns = np.column_stack([who[chosen] for who in list(groups.values())[1:]]).astype(np.float64)
    names = np.select(list(groups.values()), list(groups), "")[chosen]
    return _Products(_fractions(cohort, chosen), columns, names)


def _fractions(cohort: pd.DataFrame, who: Flags) -> Values:
    return closed(cohort.loc[who, list(SUBSETS)].to_numpy(np.float64))


def _zeros(fractions: Values) -> str:
    """Say in how many patients a share was too small to be taken as it is."""
    low = int((fractions < DELTA).any(axis=1).sum())
    return f"a share below {DELTA:g} counts as {DELTA:g} in {low} patients" if low else ""


def _manova(cohort: pd.DataFrame, groups: Mapping[str, Flags], _settings: Analyses) -> Iterator[Row]:
    """Test all four at once, and again with other shares in the place of zeros where there are any."""
    products = _products(cohort, groups)
    yield _pillai(products.parts, products.columns) | {"note": _zeros(products.fractions)}
    for delta in OTHER_DELTAS:
        low = int((products.fractions < max(delta, DELTA)).any(axis=1).sum())
        if low:
            yield _pillai(replace_zeros(products.fractions, delta), products.columns) | {
                "analysis": "composition_manova_zeros",
                "level": f"shares below {delta:g} as {delta:g}",
                "note": f"{low} patients have a share below {max(delta, DELTA):g}",
            }


def _pillai(parts: Values, columns: Values) -> Row:
    found = manova(ilr(parts), columns)
    method = "{}, {:g} and {:g} df".format(found.method, *found.df)
    return {
        "n": found.n, "estimate": found.pillai, "statistic": found.f, "p_value": found.p_value, "method": method,
    }  # fmt: skip


def _permanova(cohort: pd.DataFrame, groups: Mapping[str, Flags], settings: Analyses) -> Iterator[Row]:
    products = _products(cohort, groups)
    yield _distances(products, None, settings) | {"note": _zeros(products.fractions)}


def _adjusted(cohort: pd.DataFrame, groups: Mapping[str, Flags], settings: Analyses) -> Iterator[Row]:
    """Ask what the groups add to the covariates, among patients who have them all."""
    names = [name for name in settings.covariates if name not in _GROUP_COLUMNS]
    if not names:
        raise UntestableError("no covariate but ASCT itself")
    design = make_design(cohort, names, np.logical_or.reduce(list(groups.values())))
    products = _products(cohort, {name: who & design.kept for name, who in groups.items()})
    notes = [f"adjusted for {', '.join(dict.fromkeys(design.terms))}", _zeros(products.fractions)]
    yield _distances(products, design.matrix, settings) | {"note": "; ".join(filter(None, notes))}


def _distances(products: _Products, covariates: Values | None, settings: Analyses) -> Row:
    found = permanova(
        clr(products.parts), products.columns, covariates, permutations=settings.permutations, seed=settings.seed
    )
    return {
        "n": found.n, "estimate": found.r_squared, "statistic": found.f, "p_value": found.p_value,
        "method": f"{found.method}; R squared",
    }  # fmt: skip


def _dispersion(cohort: pd.DataFrame, groups: Mapping[str, Flags], _settings: Analyses) -> Iterator[Row]:
    products = _products(cohort, groups)
    found = dispersion(clr(products.parts), products.names)
    apart = zip(sorted(groups), found.mean_distances, strict=True)
    yield {
        "n": found.n, "statistic": found.f, "p_value": found.p_value, "method": found.method,
        "note": "mean distance " + ", ".join(f"{name} {value:.2f}" for name, value in apart),
    }  # fmt: skip


def _dirichlet(cohort: pd.DataFrame, groups: Mapping[str, Flags], _settings: Analyses) -> Iterator[Row]:
    """Test all four by likelihood; and each mean share in a group over that in the first."""
    products = _products(cohort, groups)
    parts, one = products.parts, np.ones((len(products.names), 1))
    fit = dirichlet(parts, np.hstack([one, products.columns]))
    test = compare(fit, dirichlet(parts, one))
    fewest = min(int((products.names == name).sum()) for name in groups)
    few = f"the smallest group has {fewest} patients: p is too small" if fewest < FEW else ""
    note = "; ".join(filter(None, [few, _zeros(products.fractions)]))
    yield {
        "n": len(parts), "statistic": test.statistic, "p_value": test.p_value,
        "method": f"Dirichlet regression, likelihood ratio, {test.df} df", "note": note,
    }  # fmt: skip
    first, *others = groups
    rows = np.eye(len(groups))
    rows[:, 0] = 1
    for level, row in zip(others, rows[1:], strict=True):
        found = mean_ratios(fit, row, rows[0])
        for i, subset in enumerate(SUBSETS):
            yield {
                "analysis": "composition_dirichlet_ratio", "endpoint": subset, "level": f"{level} against {first}",
                "n": len(parts), "estimate": found.ratios[i], "ci_low": found.low[i], "ci_high": found.high[i],
                "statistic": found.statistics[i], "p_value": found.p_values[i], "method": found.method, "note": note,
            }  # fmt: skip


def _ratios(cohort: pd.DataFrame, groups: Mapping[str, Flags], _settings: Analyses) -> Iterator[Row]:
    """Return each part's ratio between groups, relative to the geometric mean of the four parts."""
    products = _products(cohort, groups)
    first, *others = groups
    levels = [f"{level} against {first}" for level in others]
    return _effects(products.parts, products.columns, levels, _zeros(products.fractions))


def _effects(parts: Values, columns: Values, levels: Sequence[str], note: str, per: str = "") -> Iterator[Row]:
    """Return each column's effect on each part as a ratio with its t interval."""
    found = log_ratio_effects(parts, columns)
    ratios, low, high = np.exp(found.slopes), np.exp(found.low), np.exp(found.high)
    for i, subset in enumerate(SUBSETS):
        for place, level in enumerate(levels, start=1):
            yield {
                "endpoint": subset, "level": level, "n": found.n, "estimate": ratios[i, place],
                "ci_low": low[i, place], "ci_high": high[i, place], "statistic": found.statistics[i, place],
                "p_value": found.p_values[i, place], "method": f"{found.method}{per}", "note": note,
            }  # fmt: skip


def _centre(cohort: pd.DataFrame, who: Flags) -> Iterator[Row]:
    if not who.any():
        raise UntestableError("no patient with four fractions")
    fractions = _fractions(cohort, who)
    for subset, share in zip(SUBSETS, centre(replace_zeros(fractions)), strict=True):
        yield {
            "endpoint": subset, "n": len(fractions), "estimate": share, "method": "closed geometric mean",
            "note": _zeros(fractions),
        }  # fmt: skip


def _by_time(cohort: pd.DataFrame, known: Flags) -> Iterator[Row]:
    """Ask, among transplanted patients, how the parts change with the time since the transplant."""
    months = (
        numbers(cohort, "months_from_asct") if "months_from_asct" in cohort.columns else np.full(len(cohort), np.nan)
    )
    chosen = known & np.isfinite(months)
    if chosen.sum() < FEWEST_IN_TIME or np.ptp(months[chosen]) == 0:
        raise UntestableError(f"{int(chosen.sum())} patients with four fractions and a known time since ASCT")
    fractions, years = _fractions(cohort, chosen), months[chosen][:, None] / 12
    parts, note = replace_zeros(fractions), _zeros(fractions)
    yield _pillai(parts, years) | {"analysis": "composition_time_manova", "note": note}
    yield from _effects(parts, years, [""], note, ", per year since ASCT")


def _response_by_parts(cohort: pd.DataFrame, known: Flags, endpoint: str) -> Iterator[Row]:
    """Ask whether the composition says something of a response: three log-ratios at once, whatever their basis."""
    outcome = numbers(cohort, SHARES[endpoint][0])
    chosen = known & np.isfinite(outcome)
    fractions = _some(cohort, chosen)
    fit = logistic(outcome[chosen], ilr(replace_zeros(fractions)), _BALANCES, terms=("composition",) * 3)
    test = fit.terms["composition"]
    yield {
        "n": fit.n, "events": fit.events, "statistic": test.statistic, "p_value": test.p_value,
        "method": f"logistic model of three log-ratios, likelihood ratio, {test.df} df",
        "note": "; ".join(filter(None, [few_events(min(fit.events, fit.n - fit.events), 3), _zeros(fractions)])),
    }  # fmt: skip


def _survival_by_parts(cohort: pd.DataFrame, known: Flags, endpoint: str) -> Iterator[Row]:
    seen = observed(cohort, endpoint)
    chosen = known & seen.known
    fractions = _some(cohort, chosen)
    fit = cox(*seen.of(chosen), ilr(replace_zeros(fractions)), _BALANCES)
    test = fit.likelihood_ratio
    yield {
        "n": fit.n, "events": fit.events, "statistic": test.statistic, "p_value": test.p_value,
        "method": f"Cox model of three log-ratios, likelihood ratio, {test.df} df",
        "note": "; ".join(filter(None, [few_events(fit.events, 3), _zeros(fractions)])),
    }  # fmt: skip


def _some(cohort: pd.DataFrame, chosen: Flags) -> Values:
    """Return fractions of the chosen patients."""
    if not chosen.any():
        raise UntestableError("no patient with four fractions and this endpoint")
    return _fractions(cohort, chosen)


_ANALYSES: Mapping[str, Callable[[pd.DataFrame, Mapping[str, Flags], Analyses], Iterator[Row]]] = {
    "composition_manova": _manova,
    "composition_permanova": _permanova,
    "composition_permanova_adjusted": _adjusted,
    "composition_dispersion": _dispersion,
    "composition_dirichlet": _dirichlet,
    "composition_ratio": _ratios,
}
