"""Comparisons made anew in every plausible gating."""

import numpy as np
import pandas as pd
import pytest

from phenotype.statistics.contrasts import compare_groups
from phenotype.statistics.robustness import ROBUSTNESS_COLUMNS, compare_gatings
from phenotype.subsets import SUBSETS

GROUPS = ["none"] * 12 + ["over_1y"] * 10 + ["within_1y"] * 8


def fractions(gap=0.2, seed=1):
    """Return fractions of 30 patients: naive lower by ``gap`` within a year of a transplant, the others alike."""
    rng = np.random.default_rng(seed)
    found = rng.normal(0.4, 0.05, (30, 4))
    found[22:, 0] -= gap
    return found


def over_gatings(table):
    """Return the rows over all gatings by contrast and subset."""
    return table[table["shift"] == ""].set_index(["contrast", "subset"])


def test_the_gates_as_they_are_give_the_numbers_of_the_comparisons():
    """Difference and adjusted p-value are those of comparisons.csv, from the same functions of statistics."""
    reported = fractions()
    cohort = pd.DataFrame(reported, columns=list(SUBSETS)).assign(asct_group=GROUPS)
    expected = compare_groups(cohort).set_index(["contrast", "subset"])

    found = over_gatings(compare_gatings(GROUPS, reported, np.stack([reported] * 3), {}))

    assert found["difference"].to_numpy() == pytest.approx(expected["difference"].to_numpy())
    assert found["p_adjusted"].to_numpy() == pytest.approx(expected["p_adjusted"].to_numpy())
    assert (found["share_same_conclusion"] == 1).all()


@pytest.mark.parametrize("family", ["all", "contrast"])
def test_p_values_are_adjusted_over_the_same_family(family):
    """A share of conclusions under another adjustment would be of other conclusions."""
    reported = fractions(gap=0.08)
    cohort = pd.DataFrame(reported, columns=list(SUBSETS)).assign(asct_group=GROUPS)

    found = over_gatings(compare_gatings(GROUPS, reported, reported[None], {}, family=family))

    expected = compare_groups(cohort, family=family).set_index(["contrast", "subset"])
    assert found["p_adjusted"].to_numpy() == pytest.approx(expected["p_adjusted"].to_numpy())


def test_shares_count_the_gatings_in_which_the_conclusion_is_the_same():
    """In three of four gatings the difference is there, in one it has gone: 75 %, of the sign as well as of p."""
    reported, gone = fractions(), fractions()
    gone[22:, 0] += 0.21

    table = compare_gatings(GROUPS, reported, np.stack([reported, reported, reported, gone]), {})
    row = over_gatings(table).loc["within_1y_vs_none", "naive"]

    assert row["p_adjusted"] < 0.05
    assert row["share_same_conclusion"] == 0.75
    assert row["gatings"] == 4
    assert row["p_low"] < 0.05 < row["p_high"]


def test_a_gating_that_cannot_be_tested_is_not_the_same_conclusion_and_hides_no_range():
    """One gating of four leaves two of eight patients: the range is that of the other three, three of four agree."""
    reported, few = fractions(gap=0.0), fractions(gap=0.0)
    few[24:] = np.nan

    table = compare_gatings(GROUPS, reported, np.stack([reported, reported, reported, few]), {})
    row = over_gatings(table).loc["within_1y_vs_none", "naive"]

    assert row["p_adjusted"] > 0.05
    assert row["share_same_conclusion"] == 0.75
    assert row["difference_low"] == pytest.approx(row["difference"])


def test_a_difference_of_the_other_sign_is_another_conclusion():
    """Significant both times, and the opposite: that is not the same answer."""
    reported, turned = fractions(), fractions()
    turned[22:, 0] += 0.4

    table = compare_gatings(GROUPS, reported, turned[None], {})
    row = over_gatings(table).loc["within_1y_vs_none", "naive"]

    assert row["p_high"] < 0.05
    assert (row["share_same_sign"], row["share_same_conclusion"]) == (0, 0)


def test_each_shift_has_a_row_of_its_own_numbers():
    """What moving CD62L in all samples does is said apart from what chance does."""
    reported, shifted = fractions(), fractions()
    shifted[22:, 0] += 0.2

    table = compare_gatings(GROUPS, reported, reported[None], {"CD62L +0.1": shifted, "CD62L -0.1": reported})
    rows = table[(table["contrast"] == "within_1y_vs_none") & (table["subset"] == "naive")].set_index("shift")

    assert list(table.columns) == list(ROBUSTNESS_COLUMNS)
    assert rows.loc["CD62L +0.1", "share_same_conclusion"] == 0
    assert rows.loc["CD62L +0.1", "p_adjusted"] > 0.05
    assert rows.loc["CD62L -0.1", "share_same_conclusion"] == 1
    assert np.isnan(rows.loc["CD62L -0.1", "difference_low"])


def test_patients_without_a_fraction_are_left_out_of_every_gating():
    """A product that was refused is missing, not zero."""
    reported = fractions()
    reported[25] = np.nan

    table = compare_gatings(GROUPS, reported, reported[None], {})

    without = np.delete(reported, 25, axis=0)
    again = compare_gatings(GROUPS[:25] + GROUPS[26:], without, without[None], {})
    assert over_gatings(table)["difference"].equals(over_gatings(again)["difference"])


def test_what_was_not_tested_has_no_row():
    """Two patients are no group: there is no conclusion that could hold."""
    groups = ["none"] * 28 + ["within_1y"] * 2

    table = compare_gatings(groups, fractions(), fractions()[None], {})

    assert table.empty
