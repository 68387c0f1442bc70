"""Relapse of patients in CR, with death in CR competing: incidence, Gray's test, Fine-Gray, cause-specific Cox."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import make_design, numbers
from phenotype.analyses.rows import Row, attempt
from phenotype.analyses.survival import few_events, group_members, group_names, present, ratio_rows
from phenotype.statistics.competing import cumulative_incidence, gray_test, incidence_at
from phenotype.statistics.contrasts import GROUPS
from phenotype.statistics.cox import firth_cox
from phenotype.statistics.partial_likelihood import MonotoneLikelihoodError
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.subdistribution import cause_specific_cox, fine_gray
from phenotype.study import Analyses

__all__ = ["CAUSES", "relapse_rows"]

CAUSES: Mapping[str, int] = {"relapse": 1, "death without relapse": 2}
"""Values of ``cir_event``; 0 is neither by the end of follow-up."""

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


def relapse_rows(cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    """Return every row of relapse and of death without it.

    Parameters
    ----------
    cohort
        A row per patient: ``cir_months`` and ``cir_event`` (0, 1, 2) of patients in CR, missing in all others;
        ``asct_group`` and the covariates.
    settings
        ``[analyses]`` of the study.
    """
    time, status = numbers(cohort, "cir_months"), numbers(cohort, "cir_event")
    known = np.isfinite(time) & np.isfinite(status)
    course = (known, time, np.where(known, status, 0).astype(np.int64))
    groups = group_members(cohort)
    rows: list[Row] = []
    for endpoint, cause in CAUSES.items():
        for (term, level), who in groups.items():
            shared = {"analysis": "cumulative_incidence", "endpoint": endpoint, "term": term, "level": level}
            rows += attempt(shared, partial(_incidence, course, who, cause, settings.rates_months))
        for term, levels in (("asct", ("none", "asct")), ("asct_group", GROUPS)):
            shared = {"analysis": "gray_test", "endpoint": endpoint, "term": term}
            rows += attempt(shared, partial(_gray, course, group_names(groups, term, levels), levels, cause))
        sets = [(name,) for name in settings.covariates]
        for covariates in (*sets, *([settings.covariates] if len(sets) > 1 else [])):
            rows += _models(cohort, course, endpoint, covariates)
    return rows


def _incidence(
    course: tuple[Flags, Values, NDArray[np.int64]], who: Flags, cause: int, months: Sequence[float]
) -> Iterator[Row]:
    known, time, status = course
    chosen = known & who
    curve = cumulative_incidence(time[chosen], status[chosen], cause=cause)
    found = incidence_at(curve, months)
    for i, month in enumerate(found.time):
        missing = np.isnan(found.incidence[i])
        yield {
            "time": month, "n": curve.n, "events": int(curve.events[curve.time <= month].sum()),
            "estimate": found.incidence[i], "ci_low": found.low[i], "ci_high": found.high[i], "method": found.method,
            "note": "not estimable: nobody was followed that long" if missing else f"{int(found.at_risk[i])} at risk",
        }  # fmt: skip


def _gray(
    course: tuple[Flags, Values, NDArray[np.int64]], names: NDArray[np.object_], levels: Sequence[str], cause: int
) -> Iterator[Row]:
    known, time, status = course
    chosen = known & (names != "")
    found = gray_test(
        time[chosen], status[chosen], names[chosen].tolist(), cause=cause, groups=present(levels, names[chosen])
    )
    sizes = zip(found.groups, found.n, found.events, strict=True)
    yield {
        "n": sum(found.n), "events": sum(found.events), "statistic": found.statistic, "p_value": found.p_value,
        "method": f"{found.method}, {found.df} df",
        "note": ", ".join(f"{group}: {n} patients, {events} events" for group, n, events in sizes),
    }  # fmt: skip


def _models(
    cohort: pd.DataFrame, course: tuple[Flags, Values, NDArray[np.int64]], endpoint: str, covariates: Sequence[str]
) -> list[Row]:
    """Return the effect on the incidence (Fine-Gray) and, beside it, on the rate among those still in remission."""
    known, time, status = course
    cause, kind = CAUSES[endpoint], "univariable" if len(covariates) == 1 else "multivariable"

    def subdistribution() -> Iterator[Row]:
        design = make_design(cohort, covariates, known)
        try:
            fit = fine_gray(
                time[design.kept], status[design.kept], design.matrix, design.names, cause=cause, terms=design.terms
            )
        except MonotoneLikelihoodError as error:
            raise UntestableError(f"{str(error).partition(';')[0]}; the cause-specific model has one") from error
        yield from ratio_rows(design, fit, few_events(fit.events, len(design.names)))

    def cause_specific() -> Iterator[Row]:
        design = make_design(cohort, covariates, known)
        observed, events = time[design.kept], status[design.kept]
        note = few_events(int((events == cause).sum()), len(design.names))
        try:
            fit = cause_specific_cox(observed, events, design.matrix, design.names, cause=cause, terms=design.terms)
        except MonotoneLikelihoodError as error:
            penalised = firth_cox(observed, events == cause, design.matrix, design.names)
            yield from ratio_rows(design, penalised, "; ".join(filter(None, [f"{error}: Firth's penalty", note])))
            return
        yield from ratio_rows(design, fit, note)

    shared: Row = {"endpoint": endpoint} | ({"term": covariates[0]} if len(covariates) == 1 else {})
    rows = attempt(shared | {"analysis": f"fine_gray_{kind}"}, subdistribution)
    return rows + attempt(shared | {"analysis": f"cause_specific_{kind}"}, cause_specific)
