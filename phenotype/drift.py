"""Drift across the cohort: where each batch has its cuts and its peaks, and which samples are unlike their batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gating import decades, from_decades
from phenotype.quality import Finding

__all__ = ["DRIFT_COLUMNS", "check_outliers", "drift_rows"]

DRIFT_COLUMNS = (
    "batch", "marker", "population", "samples", "cut_median", "cut_spread_decades", "negative_median",
    "positive_median", "cut_shift_decades", "negative_shift_decades", "positive_shift_decades",
)  # fmt: skip
_MEASURES = {"cut": "threshold", "negative": "negative_median", "positive": "positive_median"}
"""What is followed, and its column of thresholds.csv."""
_WORDS = {"cut": "the cut", "negative": "the median below the cut", "positive": "the median above the cut"}
_NORMAL = 1.4826
"""Standard deviations of a normal distribution in its median absolute deviation."""
FEWEST = 4
"""Samples of a batch that an outlier is looked for among: of three, the middle one is the batch."""
LIMIT = 5.0
"""Standard deviations: in clean simulated cohorts of 40, 0.8 to 3.3 % of samples are called; 0.2 decades of another
voltage are found in all (``benchmarks/drift.py``)."""
FLOOR = 0.03
"""Decades, 7 %: what a detector differs by from day to day. With ``LIMIT``, less than 0.15 decades is never called."""

Rows = Sequence[Mapping[str, Any]]
Place = tuple[str, str]
"""Marker and population."""


def drift_rows(thresholds: Rows) -> list[dict[str, Any]]:
    """Return the rows of drift.csv.

    Parameters
    ----------
    thresholds
        Rows of thresholds.csv; refused cuts and ends of scales are left out.

    Returns
    -------
    list of dict
        A row per marker, population and batch: medians over samples on the linear scale; the robust standard deviation
        of the cuts between samples; and how far each median lies from the median of the batches' medians, in decades of
        ``asinh(x / 150)``. A single batch has no shift.
    """
    rows = []
    for place, by_batch in sorted(_measured(thresholds).items()):
        medians = {
            batch: {name: _middle(one[name] for one in found.values()) for name in _MEASURES}
            for batch, found in by_batch.items()
        }
        for batch, found in sorted(by_batch.items()):
            cuts = np.array([one["cut"] for one in found.values()])
            own = medians[batch]
            usual = {name: _middle(other[name] for other in medians.values()) for name in _MEASURES}
            values = [float(from_decades(own[name])) for name in _MEASURES]
            shifts = [own[name] - usual[name] if len(medians) > 1 else None for name in _MEASURES]
            spread = _NORMAL * float(np.median(np.abs(cuts - np.median(cuts)))) if len(cuts) > 1 else None
            cells = (batch, *place, len(cuts), values[0], spread, *values[1:], *shifts)
            rows.append(dict(zip(DRIFT_COLUMNS, cells, strict=True)))
    return rows


def check_outliers(thresholds: Rows, limit: float = LIMIT, floor: float = FLOOR) -> Iterator[Finding]:
    """Find samples whose cut or peaks lie apart from those of their batch.

    The distance from the batch's median, over a robust standard deviation of such distances in all batches of the
    study: batches alone are too small to tell their own spread.

    Parameters
    ----------
    thresholds
        Rows of thresholds.csv; refused cuts and ends of scales are left out.
    limit
        Largest harmless distance in standard deviations.
    floor
        Smallest standard deviation, decades.
    """
    for (marker, population), by_batch in sorted(_measured(thresholds).items()):
        apart = {name: _distances(by_batch, name) for name in _MEASURES}
        scores: dict[str, tuple[float, str, float]] = {}
        for name, distances in apart.items():
            scale = max(_NORMAL * float(np.median(np.abs(list(distances.values())))), floor) if distances else floor
            for sample, distance in distances.items():
                found = (abs(distance) / scale, name, distance)
                scores[sample] = max(scores.get(sample, found), found)
        for sample, (score, name, distance) in scores.items():
            if score > limit:
                message = (
                    f"{marker} on {population}: {_WORDS[name]} lies {distance:+.2f} decades from its batch's, "
                    f"{score:.1f} standard deviations (limit {limit:g}): another voltage, lot or staining?"
                )
                yield Finding(sample, "outlier", distance, limit, "warning", message)


def _measured(thresholds: Rows) -> dict[Place, dict[str, dict[str, dict[str, float]]]]:
    """Return cut and medians in decades by marker and population, batch and sample; NaN for an empty side."""
    found: dict[Place, dict[str, dict[str, dict[str, float]]]] = {}
    for row in thresholds:
        if row["threshold"] is not None and row["origin"] != "detector":
            values = {name: row[column] for name, column in _MEASURES.items()}
            measured = {
                name: float("nan") if value is None else float(decades(value)) for name, value in values.items()
            }
            inside = found.setdefault((row["marker"], row["population"]), {}).setdefault(row["batch"], {})
            inside.setdefault(row["sample_id"], measured)
    return found


def _middle(values: Iterable[float]) -> float:
    """Return the median of the values that are known; NaN where none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def _distances(by_batch: Mapping[str, Mapping[str, Mapping[str, float]]], name: str) -> dict[str, float]:
    """Return each sample's distance from the median of its batch; of batches that are large enough."""
    distances: dict[str, float] = {}
    for found in by_batch.values():
        known = {sample: one[name] for sample, one in found.items() if np.isfinite(one[name])}
        if len(known) >= FEWEST:
            middle = float(np.median(list(known.values())))
            distances |= {sample: value - middle for sample, value in known.items()}
    return distances
