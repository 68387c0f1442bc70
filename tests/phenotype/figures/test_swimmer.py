"""Follow-up: a bar a patient on one page, marks where things happened."""

import numpy as np
import pandas as pd
import pytest

from phenotype.figures.swimmer import NAMED, draw_swimmer


def bars_of(n, **columns):
    """Return n patients alive after 10, 11, ... months; columns replace."""
    table = pd.DataFrame({
        "position": range(1, n + 1), "patient_id": [f"P{i}" for i in range(n)], "group": "none",
        "months": np.arange(n) + 10.0, "died": 0.0, "response_month": np.nan, "progression_month": np.nan,
    })  # fmt: skip
    return table.assign(**columns)


def words_of(figure):
    """Return every text of a figure."""
    return [text.get_text() for ax in figure.axes for text in ax.texts] + [t.get_text() for t in figure.texts]


def marks_of(figure):
    """Return the months of each sign, by its shape."""
    found = {}
    for line in figure.axes[0].lines:
        found.setdefault(line.get_marker(), []).extend(line.get_xdata()[np.isfinite(line.get_xdata())].tolist())
    return found


def test_bars_and_marks_are_those_of_the_table():
    """Death and an arrow exclude each other; what did not happen has no mark."""
    bars = bars_of(2, died=[1.0, 0.0], response_month=[1.5, np.nan], progression_month=[6.25, np.nan])
    figure = draw_swimmer(bars)

    assert [bar.get_width() for bar in figure.axes[0].patches] == [10, 11]
    assert marks_of(figure) == {"^": [1.5], "D": [6.25], ">": [11.0], "X": [10.0]}


def test_groups_stand_below_each_other():
    """The first group is on top, each under its name with n; a patient's name is beside the bar."""
    figure = draw_swimmer(bars_of(3, group=["none", "none", "within_1y"]), synthetic=True)
    places = [bar.get_y() for bar in figure.axes[0].patches]

    assert places == sorted(places)
    assert figure.axes[0].yaxis_inverted()
    assert {"No ASCT (n = 2)", "ASCT ≤ 1 y before (n = 1)", "SYNTHETIC DATA: no patient is shown"} <= set(
        words_of(figure)
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["P0", "P1", "P2"]


@pytest.mark.parametrize(("patients", "named"), [(1, 1), (NAMED, NAMED), (NAMED + 1, 0), (500, 0)])
def test_any_cohort_is_one_page(patients, named):
    """Names up to sixty; more would run into each other. Five hundred bars still fit A4, none over the next."""
    figure = draw_swimmer(bars_of(patients))
    bars = figure.axes[0].patches
    edges = np.array([(bar.get_y(), bar.get_y() + bar.get_height()) for bar in bars])

    assert len(bars) == patients
    assert len(figure.axes[0].get_yticklabels()) == named
    assert figure.get_figheight() <= 10.7
    assert (edges[1:, 0] >= edges[:-1, 1] - 1e-9).all()
    assert edges.max() <= figure.axes[0].get_ylim()[0]


def test_who_was_not_followed_is_counted():
    """A bar of no length would be a patient who was lost on day 0."""
    figure = draw_swimmer(bars_of(3, months=[10, np.nan, np.nan]))

    assert "2 patients without a known follow-up are not drawn." in words_of(figure)
    assert len(figure.axes[0].patches) == 1
    assert words_of(draw_swimmer(bars_of(2, months=np.nan))) == ["nobody was followed"]


def test_names_from_files_are_drawn_as_they_are():
    """A dollar sign would begin mathematics, and a sign that the font lacks warn."""
    figure = draw_swimmer(bars_of(2, patient_id=["$x_{$", "患者 7"]))
    figure.canvas.draw()

    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["$x_{$", "□□ 7"]


def test_a_death_on_the_day_of_infusion_is_still_seen():
    """No length, and a mark; the axis has some room even then."""
    figure = draw_swimmer(bars_of(1, months=[0.0], died=[1.0]))

    assert marks_of(figure)["X"] == [0.0]
    assert figure.axes[0].get_xlim()[1] == 1.0
