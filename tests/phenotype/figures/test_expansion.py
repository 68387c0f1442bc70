"""Expansion: each patient is a line, medians are those of the table, and what has no place is counted."""

import numpy as np
import pandas as pd
import pytest

from phenotype.figures.expansion import draw_expansion, draw_peaks, words_of_test

COLUMNS = ["measure", "patient_id", "group", "day", "value", "below_limit", "left_out", "drawn_at"]
MEDIANS = ["measure", "group", "day", "patients", "n", "below", "median", "shown", "drawn_at"]


@pytest.fixture
def curves():
    """Return the curves of three patients in two groups: one value at the floor, two rows without a place."""
    rows = [
        ("A", "none", 0, 3.0, 0, "", 3.0), ("A", "none", 14, 60.0, 0, "", 60.0), ("A", "none", 90, 0.0, 1, "", 1.0),
        ("B", "none", 0, 5.0, 0, "", 5.0), ("B", "none", 14, np.nan, 0, "not measured", np.nan),
        ("C", "within_1y", -3, 9.0, 0, "before infusion", np.nan), ("C", "within_1y", 7, 20.0, 0, "", 20.0),
        ("C", "within_1y", 14, 30.0, 0, "", 30.0),
    ]  # fmt: skip
    return pd.DataFrame([("cart_pct_of_t", *row) for row in rows], columns=COLUMNS)


@pytest.fixture
def medians():
    """Return made-up medians, so that the figure can have them from nowhere else."""
    rows = [
        ("none", 0, 2, 2, 0, 4.5, 1, 4.5), ("none", 14, 2, 1, 0, 61.0, 0, 61.0), ("none", 90, 2, 17, 9, np.nan, 1, 1.0),
        ("within_1y", 7, 1, 1, 0, 20.5, 1, 20.5),
    ]  # fmt: skip
    return pd.DataFrame([("cart_pct_of_t", *row) for row in rows], columns=MEDIANS)


def words_of(figure):
    """Return every text of a figure."""
    inside = [text.get_text() for ax in figure.axes for text in ax.texts]
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    return [*inside, *legends, *titles, *(text.get_text() for text in figure.texts)]


def lines_of(ax, width):
    """Return the points of the lines of a width that are more than a dot."""
    return [
        line.get_xydata().round(9).tolist()
        for line in ax.lines
        if line.get_linewidth() == width and len(line.get_xdata())
    ]


def test_each_patient_is_a_line_and_each_group_a_panel(curves, medians):
    """The thin lines hold the values of the table, on a logarithmic axis, and no line joins two patients."""
    figure = draw_expansion(curves, medians)
    none, within, both = figure.axes

    assert sorted(lines_of(none, 0.5)) == [[[0, 3], [14, 60], [90, 1]], [[0, 5]]]
    assert lines_of(within, 0.5) == [[[7, 20], [14, 30]]]
    assert lines_of(both, 0.5) == []
    assert [ax.get_yscale() for ax in figure.axes] == ["log"] * 3
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "No ASCT (n = 2)", "ASCT ≤ 1 y before (n = 1)", "Medians",
    ]  # fmt: skip


def test_medians_are_those_of_the_table_and_no_others(curves, medians):
    """A figure computes nothing: a median of few patients is not shown, and n is that of the row."""
    figure = draw_expansion(curves, medians)
    none, _, both = figure.axes

    assert [[0, 4.5], [90, 1]] in [line.get_xydata().tolist() for line in none.lines]
    assert {"2", "17"} <= set(words_of(figure))
    assert not any(61.0 in line.get_ydata() for ax in figure.axes for line in ax.lines)
    assert [[0, 4.5], [90, 1]] in [line.get_xydata().tolist() for line in both.lines]


def test_what_is_below_the_limit_is_open_on_the_floor(curves, medians):
    """A value that could not be quantified must not look like one that was."""
    none = draw_expansion(curves, medians).axes[0]
    white = [
        line.get_xydata().tolist()
        for line in none.lines
        if line.get_markerfacecolor() == "white" and line.get_marker() == "o"
    ]

    assert white.count([[90, 1]]) == 2, "of patient A, and of the median"
    assert "< limit" in [label.get_text() for label in none.get_yticklabels()]
    assert not any([14, 60] in line for line in white)


def test_what_is_not_drawn_is_counted(curves, medians):
    """Rows that disappear in silence make a curve that nobody measured."""
    said = " ".join(words_of(draw_expansion(curves, medians)))

    assert "6 values of 3 patients; 1 of them 0 or below the limit of detection" in said
    assert "1 rows not measured, not drawn" in said
    assert "1 rows before infusion, not drawn" in said


def test_three_measures_are_three_rows_and_none_is_said(curves, medians):
    """A lab with flow cytometry and PCR sees both; one without kinetics reads why the figure is empty."""
    more = pd.concat([curves, curves.assign(measure="copies_per_ug", drawn_at=curves["drawn_at"] * 1e4)])
    figure = draw_expansion(more, medians, synthetic=True)

    assert [ax.get_ylabel() for ax in figure.axes[::3]] == ["CAR-T cells, % of T cells", "CAR copies per µg DNA"]
    assert "SYNTHETIC DATA: no patient is shown" in words_of(figure)
    assert "no expansion was measured" in words_of(draw_expansion(curves.iloc[:0], medians.iloc[:0]))


@pytest.fixture
def peaks():
    """Return the peaks of four patients by ASCT; one was never detected."""
    rows = [
        ("asct", "none", "A", "none", 80.0, 0), ("asct", "none", "B", "none", 90.0, 0),
        ("asct", "asct", "C", "over_1y", 40.0, 0), ("asct", "asct", "D", "within_1y", 0.0, 1),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["term", "level", "patient_id", "group", "peak", "never_detected"])
    return table.assign(measure="cart_pct_of_t", drawn_at=table["peak"])


ESTIMATES = ["endpoint", "term", "level", "n", "estimate", "ci_low", "ci_high", "p_value", "note"]


def test_peaks_medians_and_tests_are_rows(peaks):
    """Each dot at its peak; the median and the words are those of estimates.csv, made up here to be found again."""
    medians = pd.DataFrame([("cart_pct_of_t_cmax", "asct", "none", 2, 83.3, 81, 89, np.nan, "")], columns=ESTIMATES)
    tests = pd.DataFrame(
        [("cart_pct_of_t_cmax", "asct", "asct against none", 4, -44.4, -70.1, -5.5, 0.0312, "")], columns=ESTIMATES
    )
    figure = draw_peaks(peaks, medians, tests)
    heights = [y for line in figure.axes[0].lines if line.get_linestyle() == "None" for y in line.get_ydata()]

    assert sorted(heights) == [0, 40, 80, 90]
    assert [83.3, 83.3] in [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert "any minus none −44.4\n  (−70.1 to −5.5), n = 4, p = 0.031" in words_of(figure)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["No ASCT\nn = 2\nmedian 83.3", "Any ASCT\nn = 2\nmedian –"]
    assert "open: never detected" in words_of(figure)


def test_a_group_without_patients_and_a_test_that_was_not_made_are_said(peaks):
    """An empty place in a figure reads as an oversight."""
    none = pd.DataFrame(columns=ESTIMATES)
    refused = pd.DataFrame(
        [("cart_pct_of_t_cmax", "responder", "response against none", np.nan, *[np.nan] * 4,
          "not estimated: 24 and 1 patients; a test needs 3 in each group")], columns=ESTIMATES,
    )  # fmt: skip
    figure = draw_peaks(peaks, none, refused)

    assert "none" in [text.get_text() for text in figure.axes[1].texts]
    assert "response minus none: not tested, 24 and 1" in " ".join(" ".join(words_of(figure)).split())
    assert "no peak of expansion is known" in words_of(draw_peaks(peaks.iloc[:0], none, none))


def test_a_test_without_an_interval_is_said_to_have_none():
    """A p-value never stands without its shift, interval and n: what is missing is said to be."""
    row = {"estimate": 1.5, "ci_low": np.nan, "ci_high": np.nan, "n": 6, "p_value": 0.5}

    assert words_of_test(row, "CR minus less") == "CR minus less 1.5\n  (no interval), n = 6, p = 0.500"


def test_dots_of_a_crowd_keep_within_their_group(peaks):
    """Five hundred equal peaks: beside each other, never in the next group's place."""
    many = pd.concat([peaks.iloc[:1]] * 500, ignore_index=True)
    figure = draw_peaks(many, pd.DataFrame(columns=ESTIMATES), pd.DataFrame(columns=ESTIMATES))
    (dots,) = (line for line in figure.axes[0].lines if len(line.get_xdata()) == 500)

    assert len(np.unique(dots.get_xdata())) == 500
    assert np.abs(dots.get_xdata()).max() <= 0.36 + 1e-9
