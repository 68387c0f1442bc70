"""The four subsets as one composition: tests of all at once, centres of the groups, ratios of the parts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student_t

from phenotype.analyses.design import make_design, numbers
from phenotype.analyses.response import SHARES
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import few_events, group_members, observed
from phenotype.statistics.composition import DELTA, centre, clr, dispersion, ilr, manova, permanova, replace_zeros
from phenotype.statistics.contrasts import GROUPS, MIN_GROUP
from phenotype.statistics.cox import cox
from phenotype.statistics.dirichlet import compare, dirichlet
from phenotype.statistics.logistic import logistic
from phenotype.statistics.ranks import UntestableError
from phenotype.study import Analyses
from phenotype.subsets import SUBSETS

__all__ = ["composition_rows"]

ENDPOINT = "composition"
_GROUP_COLUMNS = ("prior_asct",)
"""Covariates that say what the groups say, and are not adjusted for."""

_BALANCES = ("first balance", "second balance", "third balance")
FEWEST_IN_TIME = 10
"""Transplanted patients that a trend over time needs."""

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


def composition_rows(cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    """Return tests over the ASCT groups of all four subsets at once, and the groups' centres and ratios.

    Parameters
    ----------
    cohort
        A row per patient: the four subsets as fractions, ``asct_group``, and the covariates.
    settings
        ``[analyses]`` of the study: permutations, seed, covariates.
    """
    known = cohort[list(SUBSETS)].notna().all(axis=1).to_numpy(dtype=bool)
    members = group_members(cohort)
    rows: list[Row] = []
    for term, levels in (("asct", ("none", "asct")), ("asct_group", GROUPS)):
        groups = {level: members[term, level] & known for level in levels}
        shared: Row = {"endpoint": ENDPOINT, "term": term}
        for analysis, work in (
            ("composition_manova", _manova),
            ("composition_permanova", _permanova),
            ("composition_permanova_adjusted", _adjusted),
            ("composition_dispersion", _dispersion),
            ("composition_dirichlet", _dirichlet),
        ):
            rows += attempt(
                shared | {"analysis": analysis},
                lambda work=work, groups=groups: work(cohort, groups, settings),  # type: ignore[misc]
            )
        rows += attempt(
            {"analysis": "composition_ratio", "term": term},
            lambda groups=groups: _ratios(cohort, groups),  # type: ignore[misc]
        )
    for endpoint, model in (("CR", _response_by_parts), ("PFS", _survival_by_parts), ("OS", _survival_by_parts)):
        rows += attempt(
            {"analysis": "composition_predictor", "endpoint": endpoint}, partial(model, cohort, known, endpoint)
        )
    return rows + attempt({"analysis": "composition_time", "term": "months_from_asct"}, lambda: _by_time(cohort, known))


def _parts(cohort: pd.DataFrame, groups: Mapping[str, Flags]) -> tuple[Values, Flags, Values, NDArray[np.str_]]:
    """Return parts without zeros of patients in a group, who they are, all groups but the first as columns, and names.

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
    return replace_zeros(cohort.loc[chosen, list(SUBSETS)].to_numpy(np.float64)), chosen, columns, names


def _note(cohort: pd.DataFrame, chosen: Flags) -> str:
    zeros = int((cohort.loc[chosen, list(SUBSETS)] == 0).any(axis=1).sum())
    return f"zeros of {zeros} patients stand for {DELTA:g}" if zeros else ""


def _manova(cohort: pd.DataFrame, groups: Mapping[str, Flags], _settings: Analyses) -> Iterator[Row]:
    parts, chosen, columns, _ = _parts(cohort, groups)
    found = manova(ilr(parts), columns)
    df = "{:g} and {:g} df".format(*found.df)
    yield {
        "n": found.n, "estimate": found.pillai, "statistic": found.f, "p_value": found.p_value,
        "method": f"{found.method}, {df}", "note": _note(cohort, chosen),
    }  # fmt: skip


def _permanova(cohort: pd.DataFrame, groups: Mapping[str, Flags], settings: Analyses) -> Iterator[Row]:
    parts, chosen, columns, _ = _parts(cohort, groups)
    found = permanova(clr(parts), columns, permutations=settings.permutations, seed=settings.seed)
    yield {
        "n": found.n, "estimate": found.r_squared, "statistic": found.f, "p_value": found.p_value,
        "method": f"{found.method}; R squared", "note": _note(cohort, chosen),
    }  # fmt: skip


def _adjusted(cohort: pd.DataFrame, groups: Mapping[str, Flags], settings: Analyses) -> Iterator[Row]:
    """Ask what the groups add to the covariates, among patients who have them all."""
    names = [name for name in settings.covariates if name not in _GROUP_COLUMNS]
    if not names:
        raise UntestableError("no covariate but ASCT itself")
    everybody = np.logical_or.reduce(list(groups.values()))
    design = make_design(cohort, names, everybody)
    parts, chosen, columns, _ = _parts(cohort, {name: who & design.kept for name, who in groups.items()})
    found = permanova(clr(parts), columns, design.matrix, permutations=settings.permutations, seed=settings.seed)
    notes = [f"adjusted for {', '.join(dict.fromkeys(design.terms))}", _note(cohort, chosen)]
    yield {
        "n": found.n, "estimate": found.r_squared, "statistic": found.f, "p_value": found.p_value,
        "method": f"{found.method}; R squared", "note": "; ".join(filter(None, notes)),
    }  # fmt: skip


def _dispersion(cohort: pd.DataFrame, groups: Mapping[str, Flags], _settings: Analyses) -> Iterator[Row]:
    parts, _, _, names = _parts(cohort, groups)
    found = dispersion(clr(parts), names)
    apart = zip(sorted(groups), found.mean_distances, strict=True)
    yield {
        "n": found.n, "statistic": found.f, "p_value": found.p_value, "method": found.method,
        "note": "mean distance " + ", ".join(f"{name} {value:.2f}" for name, value in apart),
    }  # fmt: skip


def _dirichlet(cohort: pd.DataFrame, groups: Mapping[str, Flags], _settings: Analyses) -> Iterator[Row]:
    parts, chosen, columns, _ = _parts(cohort, groups)
    one = np.ones((len(parts), 1))
    test = compare(dirichlet(parts, np.hstack([one, columns])), dirichlet(parts, one))
    yield {
        "n": len(parts), "statistic": test.statistic, "p_value": test.p_value,
        "method": f"Dirichlet regression, likelihood ratio, {test.df} df", "note": _note(cohort, chosen),
    }  # fmt: skip


def _ratios(cohort: pd.DataFrame, groups: Mapping[str, Flags]) -> Iterator[Row]:
    """Return centres, and each part's ratio between groups, relative to the geometric mean of the four parts."""
    parts, chosen, columns, names = _parts(cohort, groups)
    note = _note(cohort, chosen)
    for level in groups:
        own = parts[names == level]
        for subset, share in zip(SUBSETS, centre(own), strict=True):
            yield {
                "analysis": "composition_centre", "endpoint": subset, "level": level, "n": len(own), "estimate": share,
                "method": "closed geometric mean", "note": note,
            }  # fmt: skip
    first, *others = groups
    yield from _effects("composition_ratio", parts, columns, [f"{level} against {first}" for level in others], note)


def _effects(
    analysis: str, parts: Values, columns: Values, levels: Sequence[str], note: str, per: str = ""
) -> Iterator[Row]:
    """Return each column's effect on each part, relative to the geometric mean of the four: a ratio, its t interval."""
    design = np.column_stack([np.ones(len(parts)), columns])
    inverse = np.linalg.inv(design.T @ design)
    free = len(parts) - design.shape[1]
    for subset, logs in zip(SUBSETS, clr(parts).T, strict=True):
        slopes = inverse @ design.T @ logs
        variance = float(((logs - design @ slopes) ** 2).sum()) / free
        for place, level in enumerate(levels, start=1):
            slope, error = float(slopes[place]), float(np.sqrt(variance * inverse[place, place]))
            half = float(student_t.ppf(0.975, free)) * error
            yield {
                "analysis": analysis, "endpoint": subset, "level": level, "n": len(parts), "estimate": np.exp(slope),
                "ci_low": np.exp(slope - half), "ci_high": np.exp(slope + half), "statistic": slope / error,
                "p_value": 2 * student_t.sf(abs(slope / error), free), "note": note,
                "method": f"linear model of the centred log-ratio; ratio to the geometric mean of the four{per}",
            }  # fmt: skip


def _by_time(cohort: pd.DataFrame, known: Flags) -> Iterator[Row]:
    """Ask, among transplanted patients, how the parts change with the time since the transplant."""
    months = (
        numbers(cohort, "months_from_asct") if "months_from_asct" in cohort.columns else np.full(len(cohort), np.nan)
    )
    chosen = known & np.isfinite(months)
    if chosen.sum() < FEWEST_IN_TIME or np.ptp(months[chosen]) == 0:
        raise UntestableError(f"{int(chosen.sum())} patients with four fractions and a known time since ASCT")
    parts, note = replace_zeros(cohort.loc[chosen, list(SUBSETS)].to_numpy(np.float64)), _note(cohort, chosen)
    years = months[chosen][:, None] / 12
    test = manova(ilr(parts), years)
    yield {
        "analysis": "composition_time_manova", "endpoint": ENDPOINT, "n": test.n, "estimate": test.pillai,
        "statistic": test.f, "p_value": test.p_value, "method": test.method, "note": note,
    }  # fmt: skip
    yield from _effects("composition_time", parts, years, [""], note, ", per year since ASCT")


def _response_by_parts(cohort: pd.DataFrame, known: Flags, endpoint: str) -> Iterator[Row]:
    """Ask whether the composition says something of a response: three log-ratios at once, whatever their basis."""
    outcome = numbers(cohort, SHARES[endpoint][0])
    chosen = known & np.isfinite(outcome)
    parts = _some(cohort, chosen)
    fit = logistic(outcome[chosen], ilr(parts), _BALANCES, terms=("composition",) * 3)
    test = fit.terms["composition"]
    yield {
        "n": fit.n, "events": fit.events, "statistic": test.statistic, "p_value": test.p_value,
        "method": f"logistic model of three log-ratios, likelihood ratio, {test.df} df",
        "note": "; ".join(filter(None, [few_events(min(fit.events, fit.n - fit.events), 3), _note(cohort, chosen)])),
    }  # fmt: skip


def _survival_by_parts(cohort: pd.DataFrame, known: Flags, endpoint: str) -> Iterator[Row]:
    seen = observed(cohort, endpoint)
    chosen = known & seen.known
    parts = _some(cohort, chosen)
    fit = cox(*seen.of(chosen), ilr(parts), _BALANCES)
    test = fit.likelihood_ratio
    yield {
        "n": fit.n, "events": fit.events, "statistic": test.statistic, "p_value": test.p_value,
        "method": f"Cox model of three log-ratios, likelihood ratio, {test.df} df",
        "note": "; ".join(filter(None, [few_events(fit.events, 3), _note(cohort, chosen)])),
    }  # fmt: skip


def _some(cohort: pd.DataFrame, chosen: Flags) -> Values:
    """Return parts without zeros of the chosen patients."""
    if not chosen.any():
        raise UntestableError("no patient with four fractions and this endpoint")
    return replace_zeros(cohort.loc[chosen, list(SUBSETS)].to_numpy(np.float64))
