"""Counts and fractions as table rows: populations, the four subsets, the gates as they were applied."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gating import CountedSample, GatedSample, Population, Threshold, decade
from phenotype.statistics.proportions import one_sided_deviations, widened, wilson

__all__ = [
    "GATE_COLUMNS",
    "POPULATION_COLUMNS",
    "SUBSET_COLUMNS",
    "THRESHOLD_COLUMNS",
    "CountLimits",
    "SampleKey",
    "gate_rows",
    "population_rows",
    "subset_rows",
    "threshold_rows",
]

POPULATION_COLUMNS = (
    "sample_id", "patient_id", "file", "population", "parent", "count", "parent_count",
    "fraction_of_parent", "ci_low", "ci_high", "flags",
)  # fmt: skip
SUBSET_COLUMNS = (
    "sample_id", "patient_id", "subset", "count", "parent_count", "fraction", "ci_low", "ci_high", "flags",
    "population", "file", "batch", "count_ci_low", "count_ci_high", "gate_sd",
)  # fmt: skip
GATE_COLUMNS = (
    "sample_id", "population", "channels", "method", "coordinates", "transform", "source", "confidence",
    "parent", "parent_count", "valley_depth", "note", "kind",
)  # fmt: skip
THRESHOLD_COLUMNS = (
    "sample_id", "batch", "marker", "population", "within", "threshold", "ci_low", "ci_high", "spread_decades",
    "origin", "source", "status", "n", "valley_depth", "negative_median", "positive_median", "shift_decades",
    "transform", "note",
)  # fmt: skip

Row = dict[str, Any]
NO_GATINGS: Mapping[str, ArrayLike] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SampleKey:
    """Which sample, of whom, from which file: the first columns of every table."""

    sample_id: str
    patient_id: str
    file: str
    batch: str = ""


@dataclass(frozen=True, slots=True)
class CountLimits:
    """Event counts below which a fraction is flagged or withheld."""

    not_detected_below: int = 13
    """Parent events: the limit of detection of a validated CAR assay."""
    not_quantified_below: int = 22
    """Parent events: its limit of quantification; below, counts are given and no fraction."""
    min_parent_events: int = 500
    """Parent events for a fraction without a flag: +-4 points at 25 %."""
    min_subset_events: int = 50
    """Events in a subset for a fraction without a flag: 14 % coefficient of variation."""


def population_rows(key: SampleKey, gated: GatedSample | CountedSample) -> list[Row]:
    """Return a row of populations.csv for each population, root included."""
    rows = []
    for population in gated.populations.values():
        parent_count = gated.count(population.parent) if population.parent else None
        rows.append(
            {
                "sample_id": key.sample_id,
                "patient_id": key.patient_id,
                "file": key.file,
                "population": population.name,
                "parent": population.parent,
                "count": population.count,
                "parent_count": parent_count,
                **_fraction("fraction_of_parent", population.count, parent_count),
                "flags": ";".join(population.flags),
            }
        )
    return rows


def subset_rows(
    key: SampleKey,
    gated: GatedSample,
    names: Mapping[str, str],
    limits: CountLimits,
    plausible: Mapping[str, ArrayLike] = NO_GATINGS,
) -> list[Row]:
    """Return a row of subsets.csv for each subset.

    Parameters
    ----------
    key
        The sample.
    gated
        With the populations that ``names`` names.
    names
        Subset to population: ``{"naive": "naive"}``.
    limits
        Fractions below the limit of quantification are withheld, never 0.
    plausible
        By subset its fraction in gatings that could as well have been made: ``ci_low`` and ``ci_high`` then hold
        both this and counting, ``count_ci_low`` and ``count_ci_high`` counting alone, ``gate_sd`` the gates' alone.
    """
    return [_subset_row(key, gated, subset, name, limits, plausible.get(subset)) for subset, name in names.items()]


def gate_rows(key: SampleKey, gated: GatedSample) -> list[Row]:
    """Return a row of gates.csv for each gate as it was applied, refused ones included."""
    return [_gate_row(key, gated, population) for population in gated.populations.values() if population.parent]


def threshold_rows(key: SampleKey, gated: GatedSample) -> list[Row]:
    """Return each cut on a channel, refused ones included, with its interval and the medians of its two sides.

    Cuts that several populations share appear once. Values are on the linear scale, the spread is in decades.
    """
    rows: dict[tuple[str, ...], Row] = {}
    for population in gated.populations.values():
        if population.thresholds and gated.template.row(population.name).method != "singlets":
            for threshold in population.thresholds:
                named = (threshold.marker, threshold.on, threshold.within, threshold.source)
                if named not in rows:
                    rows[named] = _threshold_row(key, gated, threshold)
    return list(rows.values())


def _fraction(name: str, count: int | None, total: int | None) -> Row:
    """Return a fraction with its Wilson interval; missing where a count is, or the parent is empty."""
    if count is None or not total:
        return {name: None, "ci_low": None, "ci_high": None}
    low, high = wilson(count, total)
    return {name: count / total, "ci_low": float(low), "ci_high": float(high)}


def _subset_row(
    key: SampleKey, gated: GatedSample, subset: str, name: str, limits: CountLimits, plausible: ArrayLike | None
) -> Row:
    population = gated.populations.get(name)
    count = population.count if population else None
    parent_count = gated.count(population.parent) if population else None
    flags = [*(population.flags if population else ("absent",)), *_count_flags(count, parent_count, limits)]
    reportable = parent_count is not None and parent_count >= limits.not_quantified_below
    counted = _fraction("fraction", count if reportable else None, parent_count)
    return {
        "sample_id": key.sample_id,
        "patient_id": key.patient_id,
        "subset": subset,
        "count": count,
        "parent_count": parent_count,
        **counted,
        **_with_gates(counted, plausible),
        "flags": ";".join(dict.fromkeys(flags)),
        "population": name,
        "file": key.file,
        "batch": key.batch,
        "count_ci_low": counted["ci_low"],
        "count_ci_high": counted["ci_high"],
    }


def _with_gates(counted: Row, plausible: ArrayLike | None) -> Row:
    """Return the interval that holds the gates' uncertainty too."""
    shares = np.asarray([] if plausible is None else plausible, dtype=np.float64)
    shares = shares[np.isfinite(shares)]
    if counted["fraction"] is None or not len(shares):
        return {"gate_sd": None}
    below, above = one_sided_deviations(counted["fraction"], shares)
    low, high = widened(counted["fraction"], (counted["ci_low"], counted["ci_high"]), (below, above))
    return {"ci_low": low, "ci_high": high, "gate_sd": float(np.sqrt((below**2 + above**2) / 2))}


def _count_flags(count: int | None, parent_count: int | None, limits: CountLimits) -> list[str]:
    if count is None or parent_count is None:
        return []
    if parent_count < limits.not_detected_below:
        return ["not_detected"]
    if parent_count < limits.not_quantified_below:
        return ["not_quantified"]
    few = ["few_parent_events"] if parent_count < limits.min_parent_events else []
    return few + (["few_subset_events"] if count < limits.min_subset_events else [])


def _gate_row(key: SampleKey, gated: GatedSample, population: Population) -> Row:
    row, gate = gated.template.row(population.name), population.gate
    thresholds = population.thresholds
    depths = [f"{t.depth:.4f}" for t in thresholds if math.isfinite(t.depth)]
    return {
        "sample_id": key.sample_id,
        "population": population.name,
        "channels": "|".join(gate.channels if gate and gate.channels else row.channels),
        "method": row.method,
        "coordinates": json.dumps(gate.coordinates(), sort_keys=True) if gate else "",
        "transform": "|".join(map(str, gate.transforms)) if gate else "",
        "source": "|".join(dict.fromkeys(t.source for t in thresholds)) or row.method,
        "confidence": _confidence(population),
        "parent": population.parent,
        "parent_count": gated.count(population.parent),
        "valley_depth": "|".join(depths),
        "note": "; ".join(dict.fromkeys(t.note for t in thresholds if t.note)),
        "kind": gate.kind if gate else "",
    }


def _confidence(population: Population) -> str:
    """Return the worst status of a population's thresholds; a fixed gate is sure."""
    if population.members is None:
        return "refused"
    return "weak" if "weak_gate" in population.flags else "sure"


def _threshold_row(key: SampleKey, gated: GatedSample, threshold: Threshold) -> Row:
    negative, positive = _medians(gated, threshold)
    low, high = threshold.interval
    return {
        "sample_id": key.sample_id,
        "batch": key.batch,
        "marker": threshold.marker,
        "population": threshold.on,
        "within": threshold.within,
        "threshold": _known(threshold.value),
        "ci_low": _known(low),
        "ci_high": _known(high),
        "spread_decades": None if threshold.refused else threshold.spread / decade(threshold.scale),
        "origin": threshold.origin,
        "source": threshold.source,
        "status": threshold.status,
        "n": threshold.n,
        "valley_depth": _known(threshold.depth),
        "negative_median": negative,
        "positive_median": positive,
        "shift_decades": threshold.shift or None,
        "transform": str(threshold.scale),
        "note": threshold.note,
    }


def _medians(gated: GatedSample, threshold: Threshold) -> tuple[float | None, float | None]:
    """Return the median below a threshold, and that at or above it, linear; None where there are no events."""
    members = gated.populations[threshold.on].members
    if members is None or threshold.refused:
        return None, None
    values = gated.sample.events[:, gated.columns[threshold.marker]][members]
    above = values >= threshold.value
    sides = values[~above], values[above]
    negative, positive = (float(np.median(side, overwrite_input=True)) if len(side) else None for side in sides)
    return negative, positive


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
