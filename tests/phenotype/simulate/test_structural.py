"""Invented patients: in large numbers they have the published rates."""

import numpy as np
import pandas as pd
import pytest

from phenotype.simulate.structural import COMPOSITION_COLUMNS, draw_cohort, draw_kinetics, group_sizes


@pytest.fixture(scope="module")
def many():
    """Twenty thousand patients."""
    return draw_cohort(20_000, np.random.default_rng(1))


def test_published_rates_are_reproduced(many):
    """Published: CR 50.7 %, ORR 94.8 % of the evaluable; CRS of grade 3 or more 36.2 %; dose 2.36."""
    evaluable = many[many["best_response"] != "NE"]
    complete = evaluable["best_response"].isin(["sCR", "CR"])

    assert len(evaluable) / len(many) == pytest.approx(134 / 141, abs=0.001)
    assert complete.mean() == pytest.approx(0.52, abs=0.03)
    assert evaluable["best_response"].isin(["SD", "PD"]).mean() == pytest.approx(7 / 134, abs=0.005)
    assert (many["crs_grade"] >= 3).mean() == pytest.approx(51 / 141, abs=0.005)
    assert many["dose_1e6_per_kg"].median() == pytest.approx(2.36, abs=0.01)


def test_expansion_and_subsets_differ_as_designed(many):
    """Published: median peaks 89.8 % and 74.8 %; subset centres are ours, and the geometric mean is the centre."""
    peaks = many.groupby("prior_asct")["peak_cart_pct_t"].median()
    assert peaks.loc[0] == pytest.approx(89.8, abs=0.6)
    assert peaks.loc[1] == pytest.approx(74.8, abs=1.5)

    subsets = many[many["asct_group"] == "within_1y"][list(COMPOSITION_COLUMNS)].dropna()
    centre = np.exp(np.log(subsets).mean())
    assert (100 * centre / centre.sum()).tolist() == pytest.approx([11.5, 36.0, 40.0, 12.5], abs=0.8)
    assert subsets.sum(axis=1).to_numpy() == pytest.approx(100)


def test_death_is_never_before_progression(many):
    """A survival analysis of impossible patients shows nothing."""
    both = many[(many["progression_event"] == 1) & (many["death_event"] == 1)]

    assert len(both) > 1_000
    assert (both["progression_months"] <= both["os_months"]).all()


@pytest.mark.parametrize("patients", [12, 24, 60, 141, 500])
def test_every_group_can_be_compared(patients):
    """Groups are in the published proportions, but never below three patients."""
    sizes = group_sizes(patients)
    drawn = draw_cohort(patients, np.random.default_rng(2))["asct_group"].value_counts().to_dict()

    assert sum(sizes.values()) == patients
    assert min(sizes.values()) >= 3
    assert drawn == sizes


def test_kinetics_reach_the_peak_of_the_sheet(many):
    """The peak is stated twice, in two files; they must agree, and an unknown peak has no curve."""
    some = many.head(200)
    curves = draw_kinetics(some, np.random.default_rng(3))
    highest = curves.groupby("patient_id")["cart_pct_of_t"].max()
    known = some.set_index("patient_id")["peak_cart_pct_t"].dropna()

    assert set(highest.index) == set(known.index)
    pd.testing.assert_series_equal(highest, known.loc[highest.index], check_names=False, atol=0.001)
    assert not curves.duplicated(["patient_id", "day"]).any()
