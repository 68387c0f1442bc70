"""Response and toxicity: shares of patients with exact intervals, overall and by ASCT, and models of response."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import make_design, numbers
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import few_events, group_members
from phenotype.clinical import RESPONSES
from phenotype.statistics.logistic import FirthLogistic, LogisticFit, SeparationError, firth_logistic, logistic
from phenotype.statistics.proportions import clopper_pearson
from phenotype.statistics.ranks import UntestableError
from phenotype.study import Analyses

__all__ = ["SHARES", "response_rows", "toxicity_rows"]

Flags = NDArray[np.bool_]

SHARES: Mapping[str, tuple[str, float]] = {
    "ORR": ("responder", 1),
    "CR": ("complete_response", 1),
    "CRS grade 3 or 4": ("crs_grade", 3),
    "CRS any grade": ("crs_grade", 1),
    "ICANS grade 3 or more": ("icans_grade", 3),
    "ICANS any grade": ("icans_grade", 1),
    "anaemia grade 3 or more": ("anaemia_grade", 3),
    "neutropenia grade 3 or more": ("neutropenia_grade", 3),
    "thrombocytopenia grade 3 or more": ("thrombocytopenia_grade", 3),
}
"""Column of the cohort, and the value from which on a patient counts."""
_RESPONSES = ("ORR", "CR")


def response_rows(cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    """Return best responses, the rates of ORR and CR, overall and by ASCT, and models of both.

    Parameters
    ----------
    cohort
        A row per patient: ``best_response``, ``responder``, ``complete_response`` (0, 1, missing), ``asct_group``, and
        the covariates.
    settings
        ``[analyses]`` of the study.
    """
    rows = _best_responses(cohort)
    rows += _shares(cohort, "response_rate", _RESPONSES)
    sets = [(name,) for name in settings.covariates]
    for name in _RESPONSES:
        for covariates in (*sets, *([settings.covariates] if len(sets) > 1 else [])):
            rows += _models(cohort, name, covariates)
    return rows


def toxicity_rows(cohort: pd.DataFrame) -> list[Row]:
    """Return shares of patients with severe toxicity, overall and by ASCT, and how many have each grade."""
    named = [name for name, (column, _) in SHARES.items() if name not in _RESPONSES and column in cohort.columns]
    rows = _shares(cohort, "toxicity_rate", named)
    for column in dict.fromkeys(SHARES[name][0] for name in named):
        grade = numbers(cohort, column)
        for level in range(6):
            shared = {"analysis": "grade", "endpoint": column.removesuffix("_grade"), "level": str(level)}
            rows += attempt(shared, partial(_share, np.where(np.isfinite(grade), grade == level, np.nan), 1))
    return rows


def _best_responses(cohort: pd.DataFrame) -> list[Row]:
    """Return the share of each best response; NE is not evaluable, and in no denominator but its own."""
    best = cohort.get("best_response", pd.Series("", index=cohort.index, dtype="object")).fillna("")
    rows: list[Row] = []
    for level in RESPONSES:
        known = ~best.isin(["", "NE"] if level != "NE" else [""]).to_numpy(dtype=bool)
        values = np.where(known, (best == level).to_numpy(dtype=bool), np.nan)
        shared = {"analysis": "best_response", "endpoint": "best response", "level": level}
        rows += attempt(shared, partial(_share, values, 1))
    return rows


def _shares(cohort: pd.DataFrame, analysis: str, names: tuple[str, ...] | list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        column, least = SHARES[name]
        values = numbers(cohort, column)
        for (term, level), who in group_members(cohort).items():
            shared = {"analysis": analysis, "endpoint": name, "term": term, "level": level}
            rows += attempt(shared, partial(_share, values[who], least))
    return rows


def _share(values: NDArray[np.float64], least: float) -> Iterator[Row]:
    """Return a share with its exact interval; patients without a value are not in it, and counted in the note."""
    known = values[np.isfinite(values)]
    if not len(known):
        raise UntestableError(f"not known in any of {len(values)} patients")
    events = int((known >= least).sum())
    low, high = clopper_pearson(events, len(known))
    absent = len(values) - len(known)
    yield {
        "n": len(known), "events": events, "estimate": events / len(known), "ci_low": float(low),
        "ci_high": float(high), "method": "exact interval (Clopper-Pearson)",
        "note": f"not known or not evaluable in {absent}" if absent else "",
    }  # fmt: skip


def _models(cohort: pd.DataFrame, name: str, covariates: Sequence[str]) -> list[Row]:
    """Return odds ratios of a response; under separation Firth's, and the note says so."""
    analysis = f"logistic_{'univariable' if len(covariates) == 1 else 'multivariable'}"
    outcome = numbers(cohort, SHARES[name][0])

    def rows() -> Iterator[Row]:
        design = make_design(cohort, covariates, np.isfinite(outcome))
        y = outcome[design.kept]
        rarer = int(min(y.sum(), len(y) - y.sum()))
        note = few_events(rarer, len(design.names), f"{rarer} patients with the rarer outcome")
        try:
            fit: LogisticFit | FirthLogistic = logistic(y, design.matrix, design.names, terms=design.terms)
        except SeparationError as error:
            fit = firth_logistic(y, design.matrix, design.names, terms=design.terms)
            note = "; ".join(filter(None, [f"{error}: Firth's penalty", note]))
        statistic = fit.z if isinstance(fit, LogisticFit) else fit.chi_squares
        for i, (term, level) in enumerate(zip(design.terms, design.levels, strict=True), start=1):
            yield {
                "term": term, "level": level, "n": fit.n, "events": fit.events, "estimate": fit.odds_ratios[i],
                "ci_low": fit.low[i], "ci_high": fit.high[i], "statistic": statistic[i], "p_value": fit.p_values[i],
                "method": f"{fit.method}; odds ratio", "note": note,
            }  # fmt: skip
        kind = "" if isinstance(fit, LogisticFit) else "penalised "
        for term, test in fit.terms.items():
            if test.df > 1:
                yield {
                    "analysis": f"{analysis}_term", "term": term, "n": fit.n, "events": fit.events,
                    "statistic": test.statistic, "p_value": test.p_value,
                    "method": f"{kind}likelihood ratio, {test.df} df",
                }  # fmt: skip

    shared: Row = {"analysis": analysis, "endpoint": name}
    return attempt(shared | ({"term": covariates[0]} if len(covariates) == 1 else {}), rows)
