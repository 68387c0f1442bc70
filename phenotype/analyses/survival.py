"""Progression-free and overall survival: rates, medians, follow-up, log-rank, Cox models, response by a landmark."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import Design, make_design, numbers
from phenotype.analyses.rows import Row, attempt
from phenotype.statistics.contrasts import GROUPS
from phenotype.statistics.cox import CoxFit, FirthCox, cox, firth_cox, likelihood_ratio_test, proportional_hazards
from phenotype.statistics.logrank import log_rank, log_rank_trend
from phenotype.statistics.partial_likelihood import MonotoneLikelihoodError
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.subdistribution import FineGray
from phenotype.statistics.survival import (
    follow_up,
    kaplan_meier,
    landmark,
    quantile,
    rates,
    symmetric_median,
)
from phenotype.study import Analyses

__all__ = [
    "ENDPOINTS",
    "RESPONSE_LEVELS",
    "Observed",
    "after_landmark",
    "few_events",
    "group_members",
    "group_names",
    "model_rows",
    "observed",
    "present",
    "ratio_rows",
    "survival_rows",
]

ENDPOINTS: Mapping[str, tuple[str, str]] = {"PFS": ("pfs_months", "pfs_event"), "OS": ("os_months", "os_event")}
"""Columns of time, in months from infusion, and of the event, 0 or 1."""
RESPONSE_LEVELS = ("CR", "no CR")
"""Of the term ``complete_response``: CR or sCR, and any other response that could be evaluated."""
EVENTS_PER_TERM = 10
"""Fewer events for each column of a model, and its note says so: its intervals may then be too narrow."""

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """An endpoint of the patients in whom it is known."""

    known: Flags
    """(patients,)."""
    time: Values
    """(patients,), months; NaN where not known."""
    event: Flags
    """(patients,)."""

    def of(self, who: Flags) -> tuple[Values, Flags]:
        """Return time and event of some patients."""
        chosen = self.known & who
        return self.time[chosen], self.event[chosen]


def observed(cohort: pd.DataFrame, endpoint: str) -> Observed:
    """Read an endpoint's columns."""
    time, event = (numbers(cohort, column) for column in ENDPOINTS[endpoint])
    known = np.isfinite(time) & np.isfinite(event)
    return Observed(known, time, known & (event == 1))


def group_members(cohort: pd.DataFrame) -> dict[tuple[str, str], Flags]:
    """Return who is in each group: by term and level, all patients first."""
    asct, group = cohort["asct_group"], cohort["asct_group"].fillna("")
    members = {("", "all"): np.ones(len(cohort), dtype=bool)}
    members["asct", "none"] = (group == "none").to_numpy(dtype=bool)
    members["asct", "asct"] = asct.isin(["over_1y", "within_1y", "unknown_time"]).to_numpy(dtype=bool)
    return members | {("asct_group", name): (group == name).to_numpy(dtype=bool) for name in GROUPS}


def survival_rows(cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    """Return every row of PFS and OS.

    Parameters
    ----------
    cohort
        A row per patient: the columns of ``ENDPOINTS``, ``asct_group``, ``complete_response`` (0, 1, missing) and the
        covariates.
    settings
        ``[analyses]`` of the study.
    """
    rows: list[Row] = []
    groups = group_members(cohort)
    for endpoint in ENDPOINTS:
        seen = observed(cohort, endpoint)
        for (term, level), who in groups.items():
            shared = {"endpoint": endpoint, "term": term, "level": level}
            rows += attempt(shared | {"analysis": "survival_rate"}, partial(_rates, *seen.of(who), settings))
            rows += attempt(shared | {"analysis": "survival_median"}, partial(_medians, *seen.of(who), settings))
        rows += _comparisons(endpoint, seen, groups)
        rows += _by_response(endpoint, seen, cohort, settings)
        rows += model_rows(cohort, endpoint, seen, settings)
    return rows + _follow_up(cohort, settings)


def _rates(time: Values, event: Flags, settings: Analyses) -> Iterator[Row]:
    curve = kaplan_meier(time, event, interval=settings.interval)
    found = rates(curve, settings.rates_months)
    for i, month in enumerate(found.time):
        note = "" if np.isfinite(found.survival[i]) else "not estimable: nobody was followed that long"
        yield {
            "time": month, "n": curve.n, "events": int(event[time <= month].sum()), "estimate": found.survival[i],
            "ci_low": found.low[i], "ci_high": found.high[i], "method": found.method,
            "note": note or f"{int(found.at_risk[i])} at risk",
        }  # fmt: skip


def _medians(time: Values, event: Flags, settings: Analyses) -> Iterator[Row]:
    curve = kaplan_meier(time, event, interval=settings.interval)
    for analysis, found in (
        ("survival_median", quantile(curve)),
        ("survival_median_symmetric", symmetric_median(curve)),
    ):
        yield {
            "analysis": analysis, "n": found.n, "events": found.events, "estimate": found.estimate,
            "ci_low": found.low, "ci_high": found.high, "method": found.method,
            "note": "" if np.isfinite(found.estimate) else "not reached",
        }  # fmt: skip


def _follow_up(cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    def rows() -> Iterator[Row]:
        time, event = observed(cohort, "OS").of(np.ones(len(cohort), dtype=bool))
        found = follow_up(time, event, interval=settings.interval)
        reverse = found.reverse
        yield {
            "level": "reverse_km", "n": reverse.n, "events": reverse.events, "estimate": reverse.estimate,
            "ci_low": reverse.low, "ci_high": reverse.high, "method": reverse.method,
        }  # fmt: skip
        ends = f"{found.shortest:.1f} to {found.longest:.1f} months"
        for level, value, method in (
            ("observed", found.observed, "median observed time of all patients"),
            ("alive", found.event_free, "median observed time of patients alive"),
        ):
            yield {"level": level, "n": len(time), "estimate": value, "method": method, "note": ends}

    return attempt({"analysis": "follow_up", "endpoint": "OS"}, rows)


def _comparisons(endpoint: str, seen: Observed, groups: Mapping[tuple[str, str], Flags]) -> list[Row]:
    """Compare curves between patients with and without ASCT, the three groups, and in their order."""
    rows: list[Row] = []
    for term, levels in (("asct", ("none", "asct")), ("asct_group", GROUPS)):
        names = group_names(groups, term, levels)
        shared = {"analysis": "log_rank", "endpoint": endpoint, "term": term}
        rows += attempt(shared, partial(_log_rank, seen, names, levels))
    return rows + attempt(
        {"analysis": "log_rank_trend", "endpoint": endpoint, "term": "asct_group"}, partial(_trend, seen, names)
    )


def group_names(groups: Mapping[tuple[str, str], Flags], term: str, levels: Sequence[str]) -> NDArray[np.object_]:
    """Return the name of each patient's group; empty for those in none."""
    names = np.full(len(next(iter(groups.values()))), "", dtype=object)
    for level in levels:
        names[groups[term, level]] = level
    return names


def _log_rank(seen: Observed, names: NDArray[np.object_], levels: Sequence[str]) -> Iterator[Row]:
    who = names != ""
    time, event = seen.of(who)
    found = log_rank(time, event, names[who & seen.known].tolist(), groups=present(levels, names[who & seen.known]))
    sizes = ", ".join(
        f"{g}: {n} patients, {e} events" for g, n, e in zip(found.groups, found.n, found.events, strict=True)
    )
    yield {
        "n": sum(found.n), "events": sum(found.events), "statistic": found.statistic, "p_value": found.p_value,
        "method": f"{found.method}, {found.df} df", "note": sizes,
    }  # fmt: skip


def present(levels: Sequence[str], names: NDArray[np.object_]) -> tuple[str, ...]:
    """Return the groups that have patients, in their order.

    Raises
    ------
    UntestableError
        If fewer than two have.
    """
    found = tuple(level for level in levels if (names == level).any())
    if len(found) < 2:
        raise UntestableError(f"patients of one group only: {', '.join(found) or 'none'}")
    return found


def _trend(seen: Observed, names: NDArray[np.object_]) -> Iterator[Row]:
    who = names != ""
    time, event = seen.of(who)
    chosen = names[who & seen.known]
    found = log_rank_trend(time, event, chosen.tolist(), present(GROUPS, chosen))
    yield {
        "n": found.n, "events": found.events, "statistic": found.statistic, "p_value": found.p_value,
        "method": found.method, "note": f"in the order {', '.join(found.groups)}",
    }  # fmt: skip


def after_landmark(cohort: pd.DataFrame, seen: Observed, at: float) -> tuple[Observed, NDArray[np.object_]]:
    """Keep patients of known response who were followed without the event past a landmark.

    From infusion on, responders would be given the time until they responded, in which they cannot have failed.

    Parameters
    ----------
    cohort
        With ``complete_response`` (0, 1, missing).
    seen
        The endpoint of all patients.
    at
        The landmark, months from infusion. Times go on counting from infusion.

    Returns
    -------
    Observed
        Known only in those who are left.
    numpy.ndarray
        (patients,) of ``RESPONSE_LEVELS``; empty for those who are not left.

    Raises
    ------
    UntestableError
        If nobody is left.
    """
    response = numbers(cohort, "complete_response")
    who = seen.known & np.isfinite(response)
    left = np.zeros(len(response), dtype=bool)
    left[np.flatnonzero(who)[landmark(seen.time[who], seen.event[who], at).kept]] = True
    names = np.where(left, np.where(response == 1, *RESPONSE_LEVELS), "").astype(object)
    return Observed(left, seen.time, seen.event), names


def _by_response(endpoint: str, seen: Observed, cohort: pd.DataFrame, settings: Analyses) -> list[Row]:
    """Compare patients with and without CR from a landmark on."""
    at = settings.landmark_months
    shared = {"analysis": "landmark_rate", "endpoint": endpoint, "term": "complete_response"}

    def rows() -> Iterator[Row]:
        after, names = after_landmark(cohort, seen, at)
        words = f"of patients followed without the event past the landmark, {at:g} months"
        for level in RESPONSE_LEVELS:
            for row in attempt(
                {"analysis": "landmark_rate", "level": level}, partial(_rates, *after.of(names == level), settings)
            ):
                yield row | {"note": "; ".join(filter(None, [str(row.get("note", "")), words]))}
        for row in attempt({"analysis": "landmark_log_rank"}, partial(_log_rank, after, names, RESPONSE_LEVELS)):
            yield row | {"note": "; ".join(filter(None, [str(row.get("note", "")), words]))}

    return attempt(shared, rows)


def model_rows(cohort: pd.DataFrame, endpoint: str, seen: Observed, settings: Analyses) -> list[Row]:
    """Return Cox models of an endpoint: each covariate alone, and all at once."""
    rows: list[Row] = []
    for name in settings.covariates:
        rows += _model(cohort, endpoint, seen, (name,), "cox_univariable")
    if len(settings.covariates) > 1:
        rows += _model(cohort, endpoint, seen, settings.covariates, "cox_multivariable")
    return rows


def _model(cohort: pd.DataFrame, endpoint: str, seen: Observed, covariates: Sequence[str], analysis: str) -> list[Row]:
    shared = {"endpoint": endpoint, "analysis": analysis}
    if len(covariates) == 1:
        shared["term"] = covariates[0]

    def rows() -> Iterator[Row]:
        design = make_design(cohort, covariates, seen.known)
        time, event = seen.of(design.kept)
        fit: CoxFit | FirthCox
        note = few_events(int(event.sum()), len(design.names))
        try:
            fit = cox(time, event, design.matrix, design.names, terms=design.terms)
        except MonotoneLikelihoodError as error:
            fit = firth_cox(time, event, design.matrix, design.names)
            note = "; ".join(filter(None, [f"{error}: Firth's penalty", note]))
        yield from ratio_rows(design, fit, note)
        if isinstance(fit, CoxFit):
            yield from _joint(design, fit, analysis)
            yield from _proportional(fit, analysis)
            yield from _early_and_late(design, time, event, fit, analysis)

    return attempt(shared, rows)


def few_events(events: int, columns: int, what: str = "") -> str:
    """Say where a model has few events for its columns; empty if not."""
    counted = what or f"{events} events"
    return f"{counted} for {columns} columns: few" if events < EVENTS_PER_TERM * columns else ""


def ratio_rows(design: Design, fit: CoxFit | FirthCox | FineGray, note: str) -> Iterator[Row]:
    """Return a row for each column of a model of hazards."""
    z = np.full(len(fit.names), np.nan) if isinstance(fit, FirthCox) else fit.z
    ratio = "subdistribution hazard ratio" if isinstance(fit, FineGray) else "hazard ratio"
    for i, (term, level) in enumerate(zip(design.terms, design.levels, strict=True)):
        yield {
            "term": term, "level": level, "n": fit.n, "events": fit.events, "estimate": fit.hazard_ratios[i],
            "ci_low": fit.low[i], "ci_high": fit.high[i], "statistic": z[i], "p_value": fit.p_values[i],
            "method": f"{fit.method}; {ratio}", "note": note,
        }  # fmt: skip


def _joint(design: Design, fit: CoxFit, analysis: str) -> Iterator[Row]:
    """Test each covariate of several levels at once."""
    for term in dict.fromkeys(design.terms):
        if design.terms.count(term) > 1:
            test = likelihood_ratio_test(fit, [term])
            yield {
                "analysis": f"{analysis}_term", "term": term, "n": fit.n, "events": fit.events,
                "statistic": test.statistic, "p_value": test.p_value, "method": f"likelihood ratio, {test.df} df",
            }  # fmt: skip


def _proportional(fit: CoxFit, analysis: str) -> Iterator[Row]:
    """Test that hazards are proportional, per covariate and, of several, over all."""
    found = proportional_hazards(fit)
    tests = dict(found.terms) | ({"": found.overall} if len(found.terms) > 1 else {})
    for term, test in tests.items():
        yield {
            "analysis": f"{analysis}_proportional", "term": term, "level": "" if term else "all covariates",
            "n": fit.n, "events": fit.events, "statistic": test.statistic, "p_value": test.p_value,
            "method": f"{found.method}, {test.df} df",
        }  # fmt: skip


def _early_and_late(
    design: Design, time: Values, event: Flags, fit: CoxFit, analysis: str, level: float = 0.05
) -> Iterator[Row]:
    """Where hazards are not proportional, fit the model before and after the median time of events."""
    if proportional_hazards(fit).overall.p_value >= level:
        return
    split = float(np.median(time[event]))
    halves: dict[str, Callable[[], CoxFit]] = {
        f"up to {split:.1f} months": lambda: cox(
            np.minimum(time, split), event & (time <= split), design.matrix, design.names, terms=design.terms
        ),
        f"after {split:.1f} months": lambda: cox(
            time[time > split], event[time > split], design.matrix[time > split], design.names, terms=design.terms
        ),
    }
    for words, half in halves.items():
        name = f"{analysis}_{'early' if words.startswith('up') else 'late'}"
        note = f"{words}: hazards are not proportional over the whole time"
        yield from attempt({"analysis": name}, lambda half=half, note=note: ratio_rows(design, half(), note))  # type: ignore[misc]
