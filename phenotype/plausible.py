"""How sure a fraction is, gates and counting together: the samples' side of plausible gatings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating import GatedSample, plausible_counts, shifted_counts
from phenotype.frequencies import SampleKey
from phenotype.subsets import SUBSETS

__all__ = ["DECADES", "cohort_fractions", "gating_row", "plausible_shares", "shift_names", "shifts_of"]

DECADES = 0.1
"""How far the systematic shifts move one channel in all samples: about what two people differ by."""

Fractions = NDArray[np.float64]
Row = dict[str, Any]


def shifts_of(gated: GatedSample, subsets: Mapping[str, str]) -> list[dict[str, float]]:
    """Return the systematic shifts: each channel of the subsets and of their parent, up and down by 0.1 decades."""
    rows = [gated.template.row(name) for name in subsets.values() if name in gated.template.populations]
    parents = [gated.template.row(row.parent) for row in rows if row.parent in gated.template.populations]
    channels = dict.fromkeys(channel for row in (*rows, *parents) for channel in row.channels)
    return [{channel: sign * DECADES} for channel in channels for sign in (1, -1)]


def shift_names(shifts: Sequence[Mapping[str, float]]) -> list[str]:
    """Name shifts as a person reads them.

    Examples
    --------
    >>> shift_names([{"CD62L": 0.1}, {"CD62L": -0.1}])
    ['CD62L +0.1', 'CD62L -0.1']
    """
    return [", ".join(f"{channel} {decades:+g}" for channel, decades in shift.items()) for shift in shifts]


def gating_row(key: SampleKey, gated: GatedSample, subsets: Mapping[str, str], gatings: int) -> Row | None:
    """Count the subsets of a sample in plausible gatings; None where they were refused or none are asked for.

    Returns
    -------
    dict
        ``counts`` and ``parents`` by subset, a number per gating; ``shifted`` likewise, a number per shift.
    """
    found = {subset: gated.populations.get(name) for subset, name in subsets.items()}
    known = {subset: population for subset, population in found.items() if population and population.count is not None}
    if not gatings or set(known) != set(SUBSETS):
        return None
    names = [population.name for population in known.values()]
    parents = [population.parent for population in known.values()]
    asked = [*names, *dict.fromkeys(parents)]
    shifts = shifts_of(gated, subsets)
    drawn = plausible_counts(gated, asked, draws=gatings)
    moved = shifted_counts(gated, asked, shifts)
    places = [asked.index(parent, len(names)) for parent in parents]
    return {
        "sample_id": key.sample_id,
        "patient_id": key.patient_id,
        "counts": dict(zip(known, drawn[:, : len(names)].T.tolist(), strict=True)),
        "parents": dict(zip(known, drawn[:, places].T.tolist(), strict=True)),
        "shifts": shift_names(shifts),
        "shifted": dict(zip(known, moved[:, : len(names)].T.tolist(), strict=True)),
        "shifted_parents": dict(zip(known, moved[:, places].T.tolist(), strict=True)),
    }


def plausible_shares(row: Row | None) -> dict[str, Fractions]:
    """Return the fraction of each subset in each plausible gating; empty where there is none."""
    if row is None:
        return {}
    with np.errstate(invalid="ignore", divide="ignore"):
        return {subset: np.divide(row["counts"][subset], row["parents"][subset]) for subset in row["counts"]}


def cohort_fractions(rows: Sequence[Row], patients: Sequence[str], counted: str, parents: str) -> Fractions:
    """Return the fractions of each patient in each gating, (d, n, 4): the mean where a product was stained twice.

    Parameters
    ----------
    rows
        From :func:`gating_row`.
    patients
        In the order wanted.
    counted, parents
        ``counts`` and ``parents``, or ``shifted`` and ``shifted_parents``.
    """
    by_patient: dict[str, list[Fractions]] = {}
    for row in rows:
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = [np.divide(row[counted][subset], row[parents][subset]) for subset in SUBSETS]
        by_patient.setdefault(row["patient_id"], []).append(np.stack(shares, axis=1))
    known = {patient: np.mean(found, axis=0) for patient, found in by_patient.items()}
    size = next(iter(known.values())).shape if known else (0, len(SUBSETS))
    return np.stack([known.get(patient, np.full(size, np.nan)) for patient in patients], axis=1)
