"""Drift: where each batch has its cuts, and which samples are unlike theirs."""

import numpy as np
import pytest

from gating import decades
from phenotype.drift import check_outliers, drift_rows


def row(sample, batch, cut, marker="CD62L", *, negative=None, positive=None):
    """Return a row of thresholds.csv; the two sides lie a decade below and above the cut."""
    return {
        "sample_id": sample, "batch": batch, "marker": marker, "population": "T cells", "threshold": cut,
        "origin": "data",
        "negative_median": (cut or 0) / 10 if negative is None else negative,
        "positive_median": (cut or 0) * 10 if positive is None else positive,
    }  # fmt: skip


def cohort(shift=1.0, seed=1):
    """Return three batches of eight samples whose cuts differ by 0.03 decades; the first sample of B1 by a factor."""
    rng = np.random.default_rng(seed)
    cuts = 10 ** rng.normal(3.5, 0.03, (3, 8))
    cuts[0, 0] = shift * np.median(cuts[0, 1:])
    return [row(f"{b}{i}", f"B{b + 1}", cut) for b, batch in enumerate(cuts) for i, cut in enumerate(batch)]


def test_a_row_by_hand():
    """Two batches, a factor of two apart: each lies half of it, 0.15 decades, from the median of both."""
    rows = drift_rows([row("a", "B1", 2000.0), row("b", "B1", 4000.0), row("c", "B2", 8000.0), row("d", "B2", None)])

    assert [(one["batch"], one["samples"]) for one in rows] == [("B1", 2), ("B2", 1)]
    middle = np.mean(decades([2000.0, 4000.0]))
    assert decades(rows[0]["cut_median"]) == pytest.approx(middle)
    assert rows[1]["cut_shift_decades"] == pytest.approx((decades(8000.0) - middle) / 2)
    assert rows[0]["cut_shift_decades"] == pytest.approx(-rows[1]["cut_shift_decades"])
    assert rows[0]["cut_spread_decades"] == pytest.approx(1.4826 * np.ptp(decades([2000.0, 4000.0])) / 2)
    assert rows[1]["cut_spread_decades"] is None


def test_a_single_batch_has_no_shift():
    """There is nothing it could have drifted from; zero would say that it had not."""
    rows = drift_rows([row("a", "B1", 2000.0), row("b", "B1", 4000.0)])

    assert rows[0]["cut_shift_decades"] is None


def test_a_sample_of_another_voltage_is_found():
    """Its gate would count other cells than those of its batch."""
    found = list(check_outliers(cohort(shift=2.0)))

    assert [(one.sample_id, one.check, one.severity) for one in found] == [("00", "outlier", "warning")]
    assert found[0].value == pytest.approx(0.3, abs=0.05)
    assert found[0].message.startswith("CD62L on T cells: ")


def test_a_whole_batch_that_differs_has_no_outlier():
    """A shift that all share is the batch's, and drift.csv says so; its samples are like each other."""
    rows = [one | ({"threshold": one["threshold"] * 3} if one["batch"] == "B2" else {}) for one in cohort()]

    assert list(check_outliers(rows)) == []
    shifts = {one["batch"]: one["cut_shift_decades"] for one in drift_rows(rows)}
    assert shifts["B2"] == pytest.approx(np.log10(3), abs=0.05)


def test_clean_cohorts_are_left_in_peace():
    """A list of false alarms is not read: at most one in a hundred samples of 50 cohorts is called."""
    called = [len(list(check_outliers(cohort(seed=seed, shift=1.0)))) for seed in range(50)]

    assert sum(called) / (50 * 24) <= 0.01


def test_a_small_difference_is_none_however_alike_the_others_are():
    """Where a batch's control gives all the same cut, the spread is zero and any rounding would be infinitely far."""
    rows = [row(f"s{i}", "B1", 1000.0) for i in range(8)] + [row("s9", "B1", 1200.0)]

    assert list(check_outliers(rows)) == []


def test_a_batch_without_positive_cells_has_no_median_of_them():
    """Monocytes of a fresh donor, an FMO among the products: empty, and no warning of the arithmetic."""
    rows = [one | {"positive_median": None if one["batch"] == "B1" else one["positive_median"]} for one in cohort()]

    found = drift_rows(rows)

    assert np.isnan(found[0]["positive_median"])
    assert np.isfinite(found[1]["positive_shift_decades"])


def test_where_a_detector_ends_is_no_drift():
    """The end of a scale is the same in every file of a cytometer, and nothing of the cells."""
    rows = [one | {"origin": "detector"} for one in cohort()]

    assert drift_rows(rows) == []


def test_three_samples_call_no_outlier():
    """Of three, two alike may be the odd ones."""
    assert list(check_outliers([row("a", "B1", 1000.0), row("b", "B1", 1010.0), row("c", "B1", 9000.0)])) == []


def test_a_side_without_events_is_no_outlier():
    """A sample without positive cells has no median above its cut."""
    rows = cohort()
    rows[0]["positive_median"] = None

    assert list(check_outliers(rows)) == []
