"""The curves themselves: curves.csv, a row per patient group and distinct time, for figures and for anybody's own."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.design import numbers
from phenotype.analyses.relapse import CAUSES
from phenotype.analyses.rows import Row
from phenotype.analyses.survival import ENDPOINTS, RESPONSE_LEVELS, after_landmark, group_members, observed
from phenotype.statistics.competing import cumulative_incidence
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.survival import kaplan_meier
from phenotype.study import Analyses

__all__ = ["CURVE_COLUMNS", "curve_table"]

CURVE_COLUMNS = (
    "endpoint", "term", "level", "time", "at_risk", "events", "competing", "censored", "estimate", "ci_low", "ci_high",
)  # fmt: skip


def curve_table(cohort: pd.DataFrame, settings: Analyses) -> pd.DataFrame:
    """Return every curve: survival for PFS and OS, cumulative incidence for relapse and death without it.

    Parameters
    ----------
    cohort
        As :func:`phenotype.analyses.cohort_of` returns.
    settings
        ``[analyses]`` of the study: the interval and the landmark.

    Returns
    -------
    pandas.DataFrame
        Columns ``CURVE_COLUMNS``. ``at_risk`` is just before the time, the estimate just after it; a curve starts with
        a row of time 0. Of term ``complete_response`` it is survival after the landmark, of patients followed past it
        without the event; time counts from infusion, and the first row is of the landmark. A group without patients
        has no rows.
    """
    rows: list[Row] = []
    relapse = numbers(cohort, "cir_months"), numbers(cohort, "cir_event")
    for (term, level), who in group_members(cohort).items():
        for endpoint in ENDPOINTS:
            found = _survival(*observed(cohort, endpoint).of(who), settings.interval)
            rows += [{"endpoint": endpoint, "term": term, "level": level} | row for row in found]
        chosen = who & np.isfinite(relapse[0]) & np.isfinite(relapse[1])
        for endpoint, cause in CAUSES.items():
            found = _incidence(relapse[0][chosen], relapse[1][chosen].astype(np.int64), cause)
            rows += [{"endpoint": endpoint, "term": term, "level": level} | row for row in found]
    for endpoint in ENDPOINTS:
        rows += [{"endpoint": endpoint} | row for row in _by_response(cohort, endpoint, settings)]
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def _by_response(cohort: pd.DataFrame, endpoint: str, settings: Analyses) -> Iterator[Row]:
    """Give survival of patients with and without CR; nothing if nobody was followed past the landmark."""
    at = settings.landmark_months
    try:
        after, names = after_landmark(cohort, observed(cohort, endpoint), at)
    except UntestableError:
        return
    for level in RESPONSE_LEVELS:
        for row in _survival(*after.of(names == level), settings.interval, start=at):
            yield {"term": "complete_response", "level": level} | row


def _survival(
    time: NDArray[np.float64], event: NDArray[np.bool_], interval: str, *, start: float = 0.0
) -> Iterator[Row]:
    if not len(time):
        return
    curve = kaplan_meier(time, event, interval=interval)
    if curve.time[0] > start:
        yield _start(curve.n, 1.0, start)
    for i, moment in enumerate(curve.time):
        yield {
            "time": moment, "at_risk": int(curve.at_risk[i]), "events": int(curve.events[i]), "competing": 0,
            "censored": int(curve.censored[i]), "estimate": curve.survival[i], "ci_low": curve.low[i],
            "ci_high": curve.high[i],
        }  # fmt: skip


def _incidence(time: NDArray[np.float64], status: NDArray[np.int64], cause: int) -> Iterator[Row]:
    if not len(time):
        return
    curve = cumulative_incidence(time, status, cause=cause)
    left = np.append(curve.at_risk[1:], 0)
    if curve.time[0] > 0:
        yield _start(curve.n, 0.0, 0.0)
    for i, moment in enumerate(curve.time):
        gone = int(curve.events[i] + curve.competing[i])
        yield {
            "time": moment, "at_risk": int(curve.at_risk[i]), "events": int(curve.events[i]),
            "competing": int(curve.competing[i]), "censored": int(curve.at_risk[i] - left[i]) - gone,
            "estimate": curve.incidence[i], "ci_low": curve.low[i], "ci_high": curve.high[i],
        }  # fmt: skip


def _start(n: int, estimate: float, time: float) -> Row:
    return {
        "time": time, "at_risk": n, "events": 0, "competing": 0, "censored": 0, "estimate": estimate,
        "ci_low": np.nan, "ci_high": np.nan,
    }  # fmt: skip
