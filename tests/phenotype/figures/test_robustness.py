"""The figure of moved gates draws the table, says what filled means, and keeps its scale."""

import numpy as np
import pandas as pd

from phenotype.figures.robustness import draw_moved, draw_robustness
from phenotype.figures.style import new_figure
from phenotype.figures.subsets import CONTRASTS

SHIFTS = (("CD62L", 0.1, -0.05, False), ("CD62L", -0.1, -0.12, True))


def moved(subset="naive", contrast="within_1y_vs_none"):
    """Return one comparison, as gated and after two shifts, of which one is no longer below 0.05."""
    place = {"contrast": contrast, "subset": subset, "gatings": 200, "share_same_conclusion": 0.97}
    drawn = {"difference_low": -0.14, "difference_high": -0.07, "ci_low": -0.2, "ci_high": -0.01}
    rows = [place | drawn | {"channel": "", "decades": 0.0, "difference": -0.1, "below": True}]
    names = ("channel", "decades", "difference", "below")
    return pd.DataFrame(rows + [place | dict(zip(names, shift, strict=True)) for shift in SHIFTS])


def lines(ax, marker):
    """Return the lines drawn with a marker."""
    return [line for line in ax.lines if line.get_marker() == marker]


def test_dot_bar_and_triangles_are_the_numbers_of_the_table():
    """A figure computes nothing: each mark can be found in moved_gates.csv."""
    ax = draw_moved(moved(), new_figure(5, 3).add_subplot(), contrast="within_1y_vs_none", channels=["CD62L"])

    spans = [list(line.get_xdata()) for line in lines(ax, "None")]
    assert [-0.14, -0.07] in spans
    assert [-0.2, -0.01] in spans
    assert [list(lines(ax, sign)[0].get_xdata()) for sign in "o^v"] == [[-0.1], [-0.05], [-0.12]]
    assert "97.0 %" in [text.get_text() for text in ax.texts]


def test_only_what_is_below_the_convention_is_filled():
    """The eye must find the shift that changes the conclusion."""
    ax = draw_moved(moved(), new_figure(5, 3).add_subplot(), contrast="within_1y_vs_none", channels=["CD62L"])

    assert lines(ax, "o")[0].get_markerfacecolor() != "white"
    assert lines(ax, "^")[0].get_markerfacecolor() == "white"
    assert lines(ax, "v")[0].get_markerfacecolor() != "white"


def test_a_comparison_that_was_not_made_is_said_to_be_untested():
    """An empty lane would read as a difference of nought."""
    ax = draw_moved(moved(), new_figure(5, 3).add_subplot(), contrast="within_1y_vs_none", channels=["CD62L"])

    assert [text.get_text() for text in ax.texts].count("not tested") == 3


def test_all_panels_share_a_scale_and_the_figure_says_it_is_simulated():
    """Panels are compared with each other; and a figure travels without its report."""
    figure = draw_robustness(pd.concat([moved(), moved("effector", "asct_vs_none")]), synthetic=True)

    assert len(figure.axes) == len(CONTRASTS)
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    low, high = figure.axes[0].get_xlim()
    assert low < -0.2
    assert high > 0
    assert any("SYNTHETIC" in text.get_text() for text in figure.texts)
    assert np.isfinite(figure.axes[0].get_xlim()).all()
