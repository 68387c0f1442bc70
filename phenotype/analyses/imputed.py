"""Models on request with missing covariates filled in several times and pooled, beside those of complete cases."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import Design, column_kind, make_design, numbers
from phenotype.analyses.response import SHARES
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import ENDPOINTS, observed
from phenotype.statistics.cox import cox
from phenotype.statistics.imputation import Imputed, event_predictors, impute, pool
from phenotype.statistics.logistic import logistic
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.subdistribution import fine_gray
from phenotype.study import Analyses

__all__ = ["imputed_rows"]

BEYOND = 0.1
"""Share of values filled in beyond the predictions of all who could give one, from which on the note says so. In
simulated studies it was 0.03 to 0.07 where intervals covered as they should, 0.2 where 62 of 100 held the truth."""

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Fitted = tuple[Values, Values, int, float]
"""Coefficients, their errors, events, and the degrees of freedom of complete data."""


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A model to fit on each completed set."""

    analysis: str
    endpoint: str
    known: Flags
    """(patients,) with the outcome."""
    predictors: Mapping[str, Values]
    """(known,) what the outcome says of missing covariates."""
    fit: Callable[[Design], Fitted]


def imputed_rows(cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    """Return the multivariable models once more, over completed data sets; none if the study does not ask for it.

    Parameters
    ----------
    cohort
        A row per patient: outcomes and covariates.
    settings
        ``[analyses]`` of the study: ``imputations`` sets, ``seed``, ``covariates``.
    """
    if not settings.imputations or not settings.covariates:
        return []
    rows: list[Row] = []
    for model in _models(cohort):
        shared: Row = {"analysis": model.analysis, "endpoint": model.endpoint}
        rows += attempt(shared, partial(_pooled, cohort, model, settings))
    return rows


def _models(cohort: pd.DataFrame) -> Iterator[_Model]:
    for endpoint in ("ORR", "CR"):
        outcome = numbers(cohort, SHARES[endpoint][0])
        known = np.isfinite(outcome)
        yield _Model("logistic_imputed", endpoint, known, {"outcome": outcome[known]}, partial(_logistic, outcome))
    for endpoint in ENDPOINTS:
        seen = observed(cohort, endpoint)
        event, hazard = _predictors(seen.time[seen.known], seen.event[seen.known])
        yield _Model(
            "cox_imputed",
            endpoint,
            seen.known,
            {"event": event, "hazard": hazard},
            partial(_cox, seen.time, seen.event),
        )
    time, status = numbers(cohort, "cir_months"), numbers(cohort, "cir_event")
    known = np.isfinite(time) & np.isfinite(status)
    relapsed, hazard = _predictors(time[known], status[known] == 1)
    predictors = {"event": relapsed, "other": (status[known] == 2).astype(np.float64), "hazard": hazard}
    varied = {name: values for name, values in predictors.items() if len(np.unique(values)) > 1}
    yield _Model("fine_gray_imputed", "relapse", known, varied, partial(_fine_gray, time, status))


def _predictors(time: Values, event: Flags) -> tuple[Values, Values]:
    return event_predictors(time, event) if len(time) else (np.zeros(0), np.zeros(0))


def _logistic(outcome: Values, design: Design) -> Fitted:
    fit = logistic(outcome[design.kept], design.matrix, design.names, terms=design.terms)
    return fit.coefficients[1:], fit.std_errors[1:], fit.events, fit.n - len(fit.names)


def _cox(time: Values, event: Flags, design: Design) -> Fitted:
    fit = cox(time[design.kept], event[design.kept], design.matrix, design.names, terms=design.terms)
    return fit.coefficients, fit.std_errors, fit.events, fit.events - len(fit.names)


def _fine_gray(time: Values, status: Values, design: Design) -> Fitted:
    codes = status[design.kept].astype(np.int64)
    fit = fine_gray(time[design.kept], codes, design.matrix, design.names, terms=design.terms)
    return fit.coefficients, fit.std_errors, fit.events, fit.events - len(fit.names)


def _pooled(cohort: pd.DataFrame, model: _Model, settings: Analyses) -> Iterator[Row]:
    """Fit the model on each completed set and pool."""
    part = cohort.loc[model.known, list(settings.covariates)]
    if not part.isna().any(axis=None):
        raise UntestableError(f"no covariate is missing in {len(part)} patients: the complete cases are all there are")
    found, levels = _completed(part, model.predictors, settings)
    completed = [_decoded(cohort, model.known, one, levels) for one in found.sets]
    designs = [make_design(table, settings.covariates, model.known) for table in completed]
    fits = [model.fit(design) for design in designs]
    estimates, errors = (np.array([fit[place] for fit in fits]) for place in (0, 1))
    pooled = pool(estimates, errors**2, df_complete=fits[0][3])
    note = f"{found.incomplete} of {found.n} patients incomplete; {found.method}"
    if far := [name for name, share in found.beyond.items() if share >= BEYOND]:
        note += f"; {', '.join(far)} missing where nobody alike is known: leans to the middle"
    for i, (term, level) in enumerate(zip(designs[0].terms, designs[0].levels, strict=True)):
        yield {
            "term": term, "level": level, "n": found.n, "events": fits[0][2], "estimate": np.exp(pooled.estimates[i]),
            "ci_low": np.exp(pooled.low[i]), "ci_high": np.exp(pooled.high[i]), "statistic": pooled.t[i],
            "p_value": pooled.p_values[i], "method": pooled.method,
            "note": f"{note}; {pooled.missing_information[i]:.0%} of the information missing",
        }  # fmt: skip


def _completed(
    part: pd.DataFrame, predictors: Mapping[str, Values], settings: Analyses
) -> tuple[Imputed, dict[str, list[str]]]:
    """Fill in covariates, levels as codes; return the sets, and the levels of each text column."""
    names = [str(name) for name in part]
    text = [name for name in names if column_kind(part[name]) == "text"]
    levels = {name: sorted(map(str, part[name].dropna().unique())) for name in text}
    columns = {name: _codes(part[name], levels[name]) if name in levels else numbers(part, name) for name in names}
    data = {**columns, **{f"outcome: {name}": values for name, values in predictors.items()}}
    return impute(data, seed=settings.seed, categories=tuple(levels), m=settings.imputations), levels


def _codes(column: "pd.Series[Any]", levels: list[str]) -> Values:
    return np.array([levels.index(str(value)) if pd.notna(value) else np.nan for value in column])


def _decoded(
    cohort: pd.DataFrame, known: Flags, completed: Mapping[str, Values], levels: Mapping[str, list[str]]
) -> pd.DataFrame:
    """Return the covariates of all patients, those with the outcome completed."""
    places = np.flatnonzero(known)
    table = pd.DataFrame(index=cohort.index)
    for name, values in completed.items():
        if name in levels:
            cells: list[str | None] = [None] * len(cohort)
            for place, code in zip(places, values, strict=True):
                cells[place] = levels[name][int(code)]
            table[name] = pd.Series(cells, index=cohort.index, dtype="object")
        elif name in cohort.columns:
            filled = np.full(len(cohort), np.nan)
            filled[places] = values
            table[name] = filled
    return table
