"""Tables of single patients: every dot has its place and its reason, and no value is lost on the way."""

import numpy as np
import pandas as pd
import pytest

from phenotype.report.patient_tables import (
    best_responses,
    expansion_curves,
    expansion_medians,
    follow_up_bars,
    peaks_by_group,
    subsets_and_peaks,
    with_numbers,
)


def kinetics(rows, **columns):
    """Return kinetics of patient, group, day and percent, as read from a file: all text."""
    table = pd.DataFrame(rows, columns=["patient_id", "asct_group", "day", "cart_pct_of_t"])
    return table.assign(**columns).astype(str)


def cohort(**columns):
    """Return three patients as read from a file: all text, empty for missing."""
    shared = {"patient_id": ["A", "B", "C"], "asct_group": ["none", "over_1y", "unknown_time"]}
    return with_numbers(pd.DataFrame({**shared, **columns}).astype(str))


def test_what_was_not_detected_is_drawn_at_a_third_of_the_smallest_value():
    """Nought has no place on a logarithmic axis; dropped, it would look as if cells had stayed."""
    table = expansion_curves(
        kinetics(
            [("A", "none", 0, 0.6), ("A", "none", 7, 50), ("A", "none", 90, 0), ("A", "none", 180, 0.2)],
            below_lod=["0", "", "0", "1"],
        )
    )

    assert table["below_limit"].tolist() == [0, 0, 1, 1]
    assert table["drawn_at"].tolist() == pytest.approx([0.6, 50, 0.2, 0.2])
    assert table["value"].tolist() == [0.6, 50, 0, 0.2]


def test_rows_without_a_place_stay_with_their_reason():
    """A figure that drops rows must say how many; a value before infusion is of other cells."""
    table = expansion_curves(
        kinetics([("A", "none", -5, 1), ("A", "none", 0, ""), ("A", "none", 7, 2), ("B", "none", 7, "")],
                 below_lod=["0", "0", "0", "1"])
    )  # fmt: skip

    assert table["left_out"].tolist() == ["before infusion", "not measured", "", ""]
    assert np.isnan(table["drawn_at"]).tolist() == [True, True, False, False]


def test_a_measure_that_nobody_has_is_no_panel():
    """An empty column of the sheet is not an assay."""
    table = expansion_curves(kinetics([("A", "none", 7, 2)], copies_per_ug=[""]))

    assert table["measure"].unique().tolist() == ["cart_pct_of_t"]
    assert expansion_curves(pd.DataFrame()).empty
    assert expansion_medians(expansion_curves(pd.DataFrame())).empty


def test_medians_by_hand():
    """Of 1, 3, 8 and 0: 2. Of 1, 0 and 0: below the limit, without a number. Two values: not shown."""
    rows = [(name, "none", 7, value) for name, value in zip("ABCD", (1, 3, 8, 0), strict=True)]
    rows += [(name, "none", 14, value) for name, value in zip("ABC", (1, 0, 0), strict=True)]
    rows += [("A", "none", 9, 90), ("B", "none", 9, 80)]

    found = expansion_medians(expansion_curves(kinetics(rows))).set_index("day")

    assert found.index.tolist() == [7, 9, 14]
    assert found["n"].tolist() == [4, 2, 3]
    assert found["below"].tolist() == [1, 0, 2]
    assert found["median"].fillna(-1).tolist() == [2, 85, -1]
    assert found["shown"].tolist() == [1, 0, 1]
    assert found["drawn_at"].tolist() == pytest.approx([2, 85, 1 / 3])
    assert found["patients"].tolist() == [4, 4, 4]


def test_half_below_the_limit_is_below_the_limit():
    """Of four values two are not known: the median lies anywhere between the limit and 5, so it has no number."""
    rows = [(name, "none", 7, value) for name, value in zip("ABCD", (5, 9, 0, 0), strict=True)]
    (row,) = expansion_medians(expansion_curves(kinetics(rows))).to_dict("records")

    assert np.isnan(row["median"])
    assert row["drawn_at"] == pytest.approx(5 / 3)


def test_days_of_few_patients_make_no_median():
    """Three of twelve seen at their peak would lift the line: a third of the group, 4, is asked for."""
    names = [f"P{i}" for i in range(12)]
    rows = [(name, "none", 7, 10) for name in names] + [(name, "none", 9, 90) for name in names[:3]]
    rows += [(name, "none", 10, 90) for name in names[:4]]

    found = expansion_medians(expansion_curves(kinetics(rows)))

    assert dict(zip(found["day"], found["shown"], strict=True)) == {7: 1, 9: 0, 10: 1}


def test_peaks_are_in_every_group_that_a_test_compares():
    """A transplant of unknown date is any ASCT, and neither of the timed groups; never detected is 0."""
    peaks = peaks_by_group(
        cohort(
            cart_pct_of_t_cmax=[80.5, "", 40], cart_pct_of_t_note=["", "never detected", ""],
            cart_per_ul_cmax=[300, "", ""], cart_per_ul_note=["", "never detected", "1 samples up to day 28"],
            responder=[1, 0, ""], complete_response=[0, 0, ""],
        )
    )  # fmt: skip
    pct = peaks[peaks["measure"] == "cart_pct_of_t"]
    found = pct.groupby(["term", "level"])["patient_id"].agg("".join).to_dict()

    assert found == {
        ("asct", "none"): "A", ("asct", "asct"): "BC", ("asct_group", "none"): "A", ("asct_group", "over_1y"): "B",
        ("responder", "response"): "A", ("responder", "no response"): "B", ("complete_response", "no CR"): "AB",
    }  # fmt: skip
    never = peaks[(peaks["patient_id"] == "B") & (peaks["term"] == "asct")].set_index("measure")
    assert never["peak"].tolist() == [0, 0]
    assert never["drawn_at"].to_dict() == {"cart_pct_of_t": 0, "cart_per_ul": 100}
    assert never["group"].tolist() == ["over_1y"] * 2
    assert not ((peaks["measure"] == "cart_per_ul") & (peaks["patient_id"] == "C")).any()


def test_a_pair_needs_both_numbers():
    """Who has a product and no peak, or a peak and no product, is no dot."""
    shares = {name: [0.25, 0.25, ""] for name in ("naive", "central_memory", "effector_memory", "effector")}
    pairs = subsets_and_peaks(cohort(cart_pct_of_t_cmax=[80, "", 40], cart_pct_of_t_note="", **shares))

    assert pairs["patient_id"].tolist() == ["A"] * 4
    assert pairs["subset"].tolist() == list(shares)
    assert subsets_and_peaks(cohort(**shares)).empty


def test_responses_stand_from_the_deepest_to_the_worst():
    """First sCR, last PD with rank 1; NE and unknown have no rank and stand behind; groups in order within."""
    table = pd.DataFrame(
        {
            "patient_id": list("ABCDEFG"),
            "asct_group": ["none", "within_1y", "none", "none", "over_1y", "none", "none"],
            "best_response": ["PD", "sCR", "NE", "", "VGPR", "sCR", "VGPR"],
        }
    )
    bars = best_responses(with_numbers(table))

    assert "".join(bars["patient_id"]) == "FBGEACD"
    assert bars["rank"].fillna(-1).tolist() == [7, 7, 5, 5, 1, -1, -1]
    assert bars["n"].tolist() == [2, 2, 2, 2, 1, 1, 1]
    assert bars["position"].tolist() == list(range(1, 8))


def test_follow_up_by_hand():
    """61 days are 2.0 months of 30.4375; the longest of a group first, and who was not followed last of it."""
    bars = follow_up_bars(
        cohort(
            infusion_date=["2024-01-01"] * 3, response_date=["2024-03-02", "", ""], progression_date=["", "", ""],
            os_months=[3.5, "", 12], os_event=[1, "", 0], best_response=["CR", "", ""],
        )
        .assign(asct_group="none")
    )  # fmt: skip

    assert bars["patient_id"].tolist() == ["C", "A", "B"]
    assert bars.columns.tolist()[0] == "position"
    assert bars["months"].fillna(-1).tolist() == [12, 3.5, -1]
    assert bars["died"].fillna(-1).tolist() == [0, 1, -1]
    assert bars["response_month"].fillna(-1).tolist() == pytest.approx([-1, 61 / 30.4375, -1])
    assert bars["progression_month"].isna().all()


def test_a_sheet_without_the_columns_has_nothing_to_draw():
    """A clinical sheet may have no response and no follow-up: no figure, no error."""
    assert best_responses(cohort())["best_response"].tolist() == ["", "", ""]
    assert follow_up_bars(cohort())["months"].isna().all()
    assert peaks_by_group(cohort()).empty
