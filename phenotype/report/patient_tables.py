"""The tables behind the figures of single patients: a row for each dot, line or bar, and where it is drawn.

Nothing is tested or estimated here, but for medians of a group's curves, day by day, which no other table has.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.analyses.expansion import ranked, response_members
from phenotype.analyses.survival import group_members
from phenotype.clinical import DAYS_PER_MONTH, RESPONSES
from phenotype.expansion import EXPANSION_COLUMNS, MEASURES
from phenotype.figures.measures import LOG_PEAKS
from phenotype.figures.patients import PATIENT_GROUPS
from phenotype.subsets import SUBSETS

__all__ = [
    "MEDIAN_PATIENTS",
    "MEDIAN_SHARE",
    "best_responses",
    "estimate_rows",
    "expansion_curves",
    "expansion_medians",
    "follow_up_bars",
    "peaks_by_group",
    "subsets_and_peaks",
    "with_numbers",
]

MEDIAN_PATIENTS = 3
"""Patients whose values a median needs."""
MEDIAN_SHARE = 1 / 3
"""Of a group's patients those who need a value on a day for its median to be drawn. Days with fewer are those on which
single patients were seen besides, often at their peak: a line through their medians would jump up and down."""
_FLOOR = 3.0
"""The smallest value is so many times the floor: half a decade, far enough to be told from it."""
_NUMBERS = (
    *(column for column in EXPANSION_COLUMNS if not column.endswith("_note")), *SUBSETS, "responder",
    "complete_response", "os_months", "os_event",
)  # fmt: skip

Values = NDArray[np.float64]


def with_numbers(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with numbers where its tables are drawn from; empty is NaN, and an empty group is ''.

    Parameters
    ----------
    cohort
        As read from cohort.csv, where most columns are text.
    """
    known = [column for column in _NUMBERS if column in cohort.columns]
    typed = {column: pd.to_numeric(cohort[column], errors="coerce").astype("float64") for column in known}
    return cohort.assign(asct_group=cohort["asct_group"].fillna("").astype(str), **typed)


def estimate_rows(estimates: pd.DataFrame, analysis: str) -> pd.DataFrame:
    """Return the rows of one analysis; none where a table of an earlier version does not say which term they are of."""
    if "term" not in estimates.columns:
        return estimates.iloc[:0].assign(term="", note="")
    found = estimates[estimates["analysis"] == analysis]
    return found if "note" in found.columns else found.assign(note="")


def expansion_curves(kinetics: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every value of every measure that was taken in anybody.

    Parameters
    ----------
    kinetics
        As a run leaves kinetics.csv: ``patient_id, asct_group, day``, measures, and maybe ``below_lod``.

    Returns
    -------
    pandas.DataFrame
        ``measure, patient_id, group, day, value, below_limit, left_out, drawn_at``. ``below_limit`` is 1 of a value
        that is 0 or said to be below the limit of detection; it is drawn at the floor, a third of the smallest value
        that was quantified. ``left_out`` says why a row has no place: ``not measured``, ``before infusion``.
    """
    parts = [_curves_of(kinetics, measure) for measure in MEASURES if measure in kinetics.columns]
    taken = [part for part in parts if part["drawn_at"].notna().any()]
    if not taken:
        columns = ["measure", "patient_id", "group", "day", "value", "below_limit", "left_out", "drawn_at"]
        return pd.DataFrame(columns=columns)
    return pd.concat(taken, ignore_index=True)


def _curves_of(kinetics: pd.DataFrame, measure: str) -> pd.DataFrame:
    value, day = (pd.to_numeric(kinetics[name], errors="coerce").to_numpy(np.float64) for name in (measure, "day"))
    flags = kinetics.get("below_lod", pd.Series(0, index=kinetics.index))
    below = (pd.to_numeric(flags, errors="coerce").fillna(0).to_numpy(np.float64) == 1) | (value == 0)
    absent = np.isnan(value) & ~below
    early = day < 0
    left_out = np.where(early, "before infusion", np.where(absent, "not measured", ""))
    seen = value[~below & ~absent & ~early]
    floor = float(seen.min()) / _FLOOR if len(seen) else 1.0
    return pd.DataFrame({
        "measure": measure, "patient_id": kinetics["patient_id"].astype(str).to_numpy(),
        "group": kinetics["asct_group"].fillna("").astype(str).to_numpy(), "day": day.astype(np.int64), "value": value,
        "below_limit": below.astype(np.int64), "left_out": left_out,
        "drawn_at": np.where(left_out != "", np.nan, np.where(below, floor, value)),
    })  # fmt: skip


def expansion_medians(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the median of each group on each day of a measure.

    Where half of the values or more are below the limit, so is the median: it has no number, and is drawn at the floor.

    Parameters
    ----------
    curves
        As :func:`expansion_curves` returns.

    Returns
    -------
    pandas.DataFrame
        ``measure, group, day, patients, n, below, median, shown, drawn_at``: ``patients`` of the group have a value on
        any day, ``n`` on this one, ``below`` of these are below the limit; ``shown`` is 1 where ``n`` is at least
        three, and a third of the patients.
    """
    rows = []
    drawn = curves[curves["drawn_at"].notna()]
    for (measure, group), inside in drawn.groupby(["measure", "group"], sort=False):
        patients = inside["patient_id"].nunique()
        for day, values in inside.groupby("day", sort=True):
            n, below = len(values), int(values["below_limit"].sum())
            unseen, enough = 2 * below >= n, n >= max(MEDIAN_PATIENTS, patients * MEDIAN_SHARE)
            height = float(values["drawn_at"].median())
            floor = float(values["drawn_at"].min())
            rows.append({
                "measure": measure, "group": group, "day": day, "patients": patients, "n": n, "below": below,
                "median": np.nan if unseen else height, "shown": int(enough),
                "drawn_at": floor if unseen else height,
            })  # fmt: skip
    columns = ["measure", "group", "day", "patients", "n", "below", "median", "shown", "drawn_at"]
    return pd.DataFrame(rows, columns=columns)


def peaks_by_group(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each patient with a peak in each group that a test compares.

    Parameters
    ----------
    cohort
        As :func:`with_numbers` returns.

    Returns
    -------
    pandas.DataFrame
        ``measure, term, level, patient_id, group, peak, never_detected, drawn_at``. ``term`` and ``level`` are those
        of estimates.csv, ``group`` the patient's own. Cells that were never detected have the peak 0; on a logarithmic
        scale they are drawn at a third of the smallest peak.
    """
    members = {key: who for key, who in group_members(cohort).items() if key[0]}
    if {"responder", "complete_response"} <= set(cohort.columns):
        members |= response_members(cohort)
    parts = []
    for measure, peaks in _peaks(cohort).items():
        for (term, level), who in members.items():
            inside = peaks[who & peaks["peak"].notna().to_numpy(dtype=bool)]
            parts.append(inside.assign(measure=measure, term=term, level=level))
    columns = ["measure", "term", "level", "patient_id", "group", "peak", "never_detected", "drawn_at"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def subsets_and_peaks(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return each patient's fraction of each subset beside the peak, where both are known.

    Parameters
    ----------
    cohort
        As :func:`with_numbers` returns.

    Returns
    -------
    pandas.DataFrame
        ``measure, subset, patient_id, group, fraction, peak, never_detected, drawn_at``, as :func:`peaks_by_group`.
    """
    parts = []
    for measure, peaks in _peaks(cohort).items():
        for subset in SUBSETS:
            both = peaks.assign(measure=measure, subset=subset, fraction=cohort[subset])
            parts.append(both.dropna(subset=["fraction", "peak"]))
    columns = ["measure", "subset", "patient_id", "group", "fraction", "peak", "never_detected", "drawn_at"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _peaks(cohort: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """Return each measure's peaks, a row per patient of the cohort, of measures with a peak in anybody."""
    found = {}
    for measure in MEASURES:
        if f"{measure}_cmax" not in cohort.columns:
            continue
        peak = ranked(cohort, measure, "cmax")
        if np.isfinite(peak).any():
            found[measure] = pd.DataFrame({
                "patient_id": cohort["patient_id"], "group": cohort["asct_group"], "peak": peak,
                "never_detected": (peak == 0).astype(np.int64), "drawn_at": _places(measure, peak),
            })  # fmt: skip
    return found


def _places(measure: str, peak: Values) -> Values:
    """Return where each peak is drawn: on a logarithmic scale nought has no place of its own."""
    if measure not in LOG_PEAKS:
        return peak
    seen = peak[peak > 0]
    return np.where(peak == 0, float(seen.min()) / _FLOOR if len(seen) else 1.0, peak)


def best_responses(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the best response of every patient, from the deepest to the worst, then those who have none.

    Returns
    -------
    pandas.DataFrame
        ``position, patient_id, group, best_response, rank, n``. ``rank`` counts up from 1, PD, to 7, sCR; it is NaN for
        NE and where no response is known, which come last; ``n`` patients have the same response.
    """
    best = cohort["best_response"].fillna("") if "best_response" in cohort.columns else ""
    bars = pd.DataFrame({"patient_id": cohort["patient_id"], "group": cohort["asct_group"], "best_response": best})
    order = {name: i for i, name in enumerate((*RESPONSES, ""))}
    depth = {name: float(len(RESPONSES) - 1 - i) for name, i in order.items() if name not in {"NE", ""}}
    bars = bars.assign(
        rank=bars["best_response"].map(depth).astype("float64"),
        n=bars.groupby("best_response")["patient_id"].transform("size").astype("int64"),
        order=bars["best_response"].map(order),
        place=bars["group"].map({group: i for i, group in enumerate(PATIENT_GROUPS)}),
    )
    bars = bars.sort_values(["order", "place", "patient_id"], kind="stable").reset_index(drop=True)
    columns = ["position", "patient_id", "group", "best_response", "rank", "n"]
    return bars.assign(position=np.arange(1, len(bars) + 1))[columns]


def follow_up_bars(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return how long every patient was followed and what happened when; groups in their order, the longest first.

    Parameters
    ----------
    cohort
        As :func:`with_numbers` returns.

    Returns
    -------
    pandas.DataFrame
        ``position, patient_id, group, months, died, response_month, progression_month, best_response``. Months from
        infusion, to death or last contact; NaN, and last of the group, where neither is known. ``died`` is 1 or 0.
    """
    days = {
        name: pd.to_datetime(cohort.get(f"{name}_date", pd.Series(None, index=cohort.index)), errors="coerce")
        for name in ("infusion", "response", "progression")
    }
    unknown = pd.Series(np.nan, index=cohort.index)
    bars = pd.DataFrame({
        "patient_id": cohort["patient_id"], "group": cohort["asct_group"], "months": cohort.get("os_months", unknown),
        "died": cohort.get("os_event", unknown),
        "response_month": (days["response"] - days["infusion"]).dt.days / DAYS_PER_MONTH,
        "progression_month": (days["progression"] - days["infusion"]).dt.days / DAYS_PER_MONTH,
        "best_response": cohort.get("best_response", pd.Series("", index=cohort.index)).fillna(""),
    })  # fmt: skip
    bars["place"] = bars["group"].map({group: i for i, group in enumerate(PATIENT_GROUPS)})
    by = ["place", "months", "patient_id"]
    bars = bars.sort_values(by, ascending=[True, False, True], kind="stable").reset_index(drop=True)
    return bars.drop(columns="place").assign(position=np.arange(1, len(bars) + 1))[["position", *bars.columns[:-1]]]
