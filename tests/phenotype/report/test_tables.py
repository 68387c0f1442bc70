"""Joins and means behind the figures."""

import numpy as np
import pandas as pd
import pytest

from phenotype.report.read import read_results
from phenotype.report.tables import (
    composition_by_group,
    control_pairs,
    count_mismatches,
    group_medians,
    patients_by_contrast,
    products,
    quality_summary,
    write_figure_table,
)

COHORT = pd.DataFrame(
    {
        "patient_id": ["a", "b", "c", "d", "e"],
        "asct_group": ["none", "within_1y", "over_1y", "", "none"],
        "naive": [0.2, 0.1, 0.3, 0.4, np.nan],
        "central_memory": [0.5, 0.3, 0.3, 0.3, np.nan],
        "effector_memory": [0.2, 0.4, 0.3, 0.2, np.nan],
        "effector": [0.1, 0.2, 0.1, 0.1, np.nan],
    }
)


def test_any_asct_is_both_transplanted_groups():
    """The first contrast pools them; a patient without a group is in none."""
    dots = patients_by_contrast(COHORT)
    first = dots[(dots["contrast"] == "asct_vs_none") & (dots["subset"] == "naive")]

    assert first[["group", "patient_id"]].to_numpy().tolist() == [["asct", "b"], ["asct", "c"], ["none", "a"]]


def test_a_transplant_of_unknown_date_is_a_transplant():
    """It counts against no ASCT, and in neither timed group, as in the comparison beside it."""
    dots = patients_by_contrast(COHORT.replace({"asct_group": {"over_1y": "unknown_time"}}))

    assert set(dots.loc[dots["patient_id"] == "c", ["contrast", "group"]].itertuples(index=False, name=None)) == {
        ("asct_vs_none", "asct")
    }


def test_group_medians_are_those_of_the_table(results):
    """Not computed again: the report repeats what the statistics wrote, in the order of the groups."""
    rows = group_medians(read_results(results).estimates)
    counts = [(row["group"], row["subsets"]["naive"]["n"]) for row in rows]

    assert counts == [("none", 12), ("over_1y", 5), ("within_1y", 3)]


def test_a_mean_composition_sums_to_one():
    """Means of fractions that sum to one sum to one; rounding or a missing patient must not break it."""
    table = composition_by_group(COHORT)
    sums = table.groupby("group")["mean_fraction"].sum()

    assert sums.to_dict() == pytest.approx({"none": 1, "over_1y": 1, "within_1y": 1, "asct": 1})
    assert table.set_index(["group", "subset"]).loc[("asct", "naive")].tolist() == [2, pytest.approx(0.2)]


def test_an_empty_group_has_no_mean():
    """NaN, not 0 %."""
    table = composition_by_group(COHORT[COHORT["asct_group"] == "none"])

    assert table.set_index("group").loc["within_1y", "mean_fraction"].isna().all()


def test_control_pairs_by_hand():
    """Each fraction beside its counterpart of the same product and subset, whatever the order of the tables."""
    positive = pd.DataFrame(
        [("a", "P1", "naive", 0.1), ("a", "P1", "effector", 0.2), ("b", "P2", "naive", 0.3)],
        columns=["sample_id", "patient_id", "subset", "fraction"],
    )
    negative = positive.iloc[::-1].assign(fraction=[0.6, 0.5, 0.4])
    cohort = pd.DataFrame({"patient_id": ["P2", "P1"], "asct_group": ["none", "over_1y"]})

    pairs = control_pairs(positive, negative, cohort)

    assert pairs.to_numpy().tolist() == [
        ["a", "P1", "over_1y", "naive", 0.1, 0.4],
        ["a", "P1", "over_1y", "effector", 0.2, 0.5],
        ["b", "P2", "none", "naive", 0.3, 0.6],
    ]


def test_control_pairs_keep_a_product_whose_patient_is_unknown(results):
    """It is a product; which group it is in is not known."""
    tables = read_results(results)

    pairs = control_pairs(tables.subsets, tables.subsets_control, tables.cohort.iloc[1:])

    assert len(pairs) == 20 * 4
    assert pairs["group"].iloc[0] == ""


def test_control_pairs_are_the_dots_of_the_figure(results):
    """A product without a fraction has no dot, so it must not be counted in the legend."""
    tables = read_results(results)
    tables.subsets.loc[tables.subsets["sample_id"] == "P001_product", "fraction"] = np.nan

    pairs = control_pairs(tables.subsets, tables.subsets_control, tables.cohort)

    assert len(pairs) == 19 * 4
    assert "P001_product" not in set(pairs["sample_id"])


def test_products_carry_group_flags_and_findings(results):
    """Findings that only inform are not counted against a product."""
    first, second, *_ = products(read_results(results))

    assert (first.sample_id, first.patient_id, first.group, first.car_events) == ("P001_product", "P001", "none", 1800)
    assert (first.findings, second.findings) == (1, 0)
    assert first.reported


def test_a_withheld_fraction_is_not_reported(results):
    """Too few CAR+ events: the product is gated, and in no comparison."""
    table = read_results(results)
    table.subsets.loc[0, "fraction"] = np.nan

    assert not products(table)[0].reported


def test_findings_are_summed_up_by_check_severest_first(results):
    """140 products have many findings; a reader needs the errors first."""
    summary = quality_summary(read_results(results).quality)

    assert summary[["severity", "check", "samples"]].to_numpy().tolist() == [
        ["error", "not_quantified", 1],
        ["warning", "saturation", 1],
        ["info", "time_order", 1],
    ]


def test_tables_of_two_runs_are_noticed(results):
    """Dots that are not the patients of the P value beside them would be a lie."""
    tables = read_results(results)

    assert count_mismatches(tables.comparisons, patients_by_contrast(tables.cohort)) == ()
    said = count_mismatches(tables.comparisons, patients_by_contrast(tables.cohort.iloc[1:]))
    assert "asct_vs_none, naive: comparisons.csv counts 12 patients in group none, cohort.csv has 11" in said[0]


def test_figure_tables_keep_all_digits(tmp_path):
    """Rounding is for people; whoever redraws the figure has the numbers."""
    write_figure_table(tmp_path / "figures" / "a.csv", pd.DataFrame({"x": [1 / 3, np.nan]}))

    assert (tmp_path / "figures" / "a.csv").read_text(encoding="utf-8") == 'x\n0.3333333333333333\n""\n'
