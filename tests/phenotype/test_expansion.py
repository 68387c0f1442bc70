"""Expansion: areas and half-lives by hand, and what too few samples or a limit of detection leave open."""

import numpy as np
import pandas as pd
import pytest

from phenotype.expansion import EXPANSION_COLUMNS, expansion, expansion_table


def curve(days, values, below=None):
    """Describe a curve; ``None`` among the values is below the limit of detection."""
    unseen = [value is None for value in values] if below is None else below
    return expansion(days, [0.0 if value is None else value for value in values], unseen)


def test_rising_values_are_joined_by_lines_and_falling_ones_by_exponentials():
    """By hand: 7 days up to 80 are 280; from 80 to 40 in 7 days 40 * 7 / ln 2, and so on; the half-life is 7 days."""
    found = curve([0, 7, 14, 21, 28], [None, 80, 40, 20, 10])

    assert found.auc_0_28 == pytest.approx(280 + (40 + 20 + 10) * 7 / np.log(2))
    assert (found.half_life_days, found.half_life_r2) == pytest.approx((7, 1))
    assert (found.cmax, found.tmax_day, found.clast, found.tlast_day) == (80, 7, 10, 28)
    assert found.note == ""


def test_exposure_is_cut_at_day_28():
    """A sample of day 35 gives the value of day 28 on its curve: 20 halves in 7 days, 14.14 after 3.5."""
    found = curve([0, 7, 24.5, 31.5], [None, 80, 20, 10])

    falling = (80 - 20) * 17.5 / np.log(4) + (20 - 20 / np.sqrt(2)) * 3.5 / np.log(np.sqrt(2))
    assert found.auc_0_28 == pytest.approx(280 + falling)


def test_blood_before_the_first_sample_had_none():
    """A first sample on day 7 stands on a line from day 0."""
    late = curve([7, 14, 21, 28], [10, 40, 30, 20])

    assert late.auc_0_28 == curve([0, 7, 14, 21, 28], [None, 10, 40, 30, 20]).auc_0_28


def test_below_the_limit_is_no_zero_once_cells_were_seen():
    """Between two values it is a gap; a zero there would halve the exposure around it."""
    with_gap = curve([0, 7, 10, 14, 28], [None, 40, None, 40, 20])

    assert with_gap.auc_0_28 == pytest.approx(curve([0, 7, 14, 28], [None, 40, 40, 20]).auc_0_28)


def test_without_a_late_sample_there_is_no_exposure_unless_cells_were_gone():
    """A curve that ends on day 14 hides what came after; below the limit on day 21, nothing did."""
    cut = curve([0, 7, 10, 14], [None, 80, 60, 40])
    gone = curve([0, 7, 10, 14, 21], [None, 80, 60, 40, None])

    assert np.isnan(cut.auc_0_28)
    assert (
        cut.note == "no exposure: the last value is of day 14, and nothing says that cells were gone by day 28; "
        "no half-life: fewer than three falling values after the peak"
    )
    assert gone.auc_0_28 == pytest.approx(280 + 20 * 3 / np.log(80 / 60) + 20 * 4 / np.log(60 / 40))


def test_gone_long_after_day_28_does_not_say_when():
    """Below the limit on day 60 tells nothing of days 14 to 28: half of the exposure may lie there."""
    found = curve([0, 7, 10, 14, 60], [None, 80, 60, 40, None])

    assert np.isnan(found.auc_0_28)
    assert found.cmax == 80


def test_a_curve_that_ends_with_its_largest_value_has_no_peak():
    """It may still rise: the value is a lower bound; a sample below the limit after it is one after it."""
    found = curve([0, 4, 7, 10], [None, 5, 20, 60])

    assert np.isnan([found.cmax, found.tmax_day]).all()
    assert (found.clast, found.tlast_day) == (60, 10)
    assert found.note.startswith("no peak: the last value, of day 10, is the largest; ")
    assert curve([0, 4, 7, 10, 14], [None, 5, 20, 60, None]).cmax == 60


def test_an_exposure_rests_on_four_samples():
    """Of three, one trapezoid is most of the area."""
    found = curve([7, 14, 28], [10, 40, 20])

    assert np.isnan(found.auc_0_28)
    assert found.note.startswith("no exposure: 3 samples on its curve, it needs 4")
    assert found.cmax == 40


def test_the_half_life_is_that_of_the_terminal_line():
    """A fast first fall is distribution: the last three points halve in 20 days."""
    found = curve([7, 10, 14, 34, 54, 74], [80, 20, 8, 4, 2, 1])

    assert found.half_life_days == pytest.approx(20)


@pytest.mark.parametrize("values", [[80, 40], [None, None, None], [0, 0, 0]])
def test_too_few_samples_or_no_cells_give_no_peak(values):
    """A single sample is no peak, and a patient whose cells were never seen has none of size 0."""
    found = curve(list(range(7, 7 + 7 * len(values), 7)), values)

    assert np.isnan(found.cmax)
    assert found.note in ("2 samples up to day 28, a peak needs 3", "never detected")


def test_samples_before_infusion_and_their_order_do_not_count():
    """Day -5 is a baseline; a sheet need not be sorted."""
    found = curve([28, 14, -5, 7, 0, 21], [10, 40, 3, 80, None, 20])

    assert found == curve([0, 7, 14, 21, 28], [None, 80, 40, 20, 10])


def test_impossible_samples_are_refused():
    """Two values of one day, or a negative one, are a fault of the sheet; no trapezoid mends it."""
    with pytest.raises(ValueError, match="one value a day"):
        curve([7, 7, 14], [1, 2, 3])
    with pytest.raises(ValueError, match="none may be negative"):
        curve([7, 8, 14], [1, -2, 3])


def test_the_table_has_each_measure_that_the_sheet_has():
    """Two measures of one patient need not peak on one day."""
    kinetics = pd.DataFrame(
        {
            "patient_id": ["P1"] * 3 + ["P2"] * 2,
            "day": [7, 14, 28, 7, 14],
            "cart_pct_of_t": [10.0, 50.0, 20.0, 1.0, 2.0],
            "cart_per_ul": [300.0, 200.0, np.nan, 5.0, 6.0],
        }
    )
    table = expansion_table(kinetics)

    assert table.index.tolist() == ["P1", "P2"]
    assert (table.loc["P1", "cart_pct_of_t_cmax"], table.loc["P1", "cart_pct_of_t_tmax_day"]) == (50, 14)
    assert np.isnan(table.loc["P1", "cart_per_ul_cmax"])
    assert set(table.columns) <= set(EXPANSION_COLUMNS)
    assert table.loc["P2", "cart_pct_of_t_note"] == "2 samples up to day 28, a peak needs 3"
