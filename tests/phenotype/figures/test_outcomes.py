"""Curves: numbers at risk are those of the table, and what is drawn is what was estimated."""

import numpy as np
import pandas as pd
import pytest

from phenotype.analyses import curve_table
from phenotype.figures.curves import at_risk
from phenotype.figures.outcomes import PANELS_2, draw_figure_2, draw_outcomes
from phenotype.statistics.survival import risk_table
from phenotype.study import Analyses


@pytest.fixture
def followed():
    """Return a cohort of 60 with two groups, all in CR."""
    rng = np.random.default_rng(2)
    time, event = rng.exponential(20, 60).round(1) + 0.1, rng.integers(0, 2, 60)
    return pd.DataFrame(
        {
            "asct_group": ["none"] * 30 + ["over_1y"] * 20 + ["within_1y"] * 10, "pfs_months": time, "pfs_event": event,
            "os_months": time, "os_event": event, "cir_months": time, "cir_event": event,
            "complete_response": 1,
        }
    )  # fmt: skip


def test_numbers_at_risk_are_those_of_the_statistics(followed):
    """R's convention at each tick: at risk just before the time; the figure only looks them up."""
    table = curve_table(followed, Analyses())
    rows = table[(table["endpoint"] == "PFS") & (table["level"] == "all")]
    months = np.arange(0, 80, 6.0)
    wanted = risk_table(followed["pfs_months"], followed["pfs_event"], months)

    assert [at_risk(rows, month) for month in months] == wanted.at_risk.tolist()


def test_each_panel_has_a_line_and_numbers_for_each_group(followed):
    """Three groups, five ticks or more: names once, numbers under each panel, the p-value under the title."""
    table = curve_table(followed, Analyses())
    figure = draw_outcomes(
        table[table["term"] == "asct_group"],
        {"PFS": "log-rank p = 0.031, n = 26, 13 events"},
        term="asct_group",
        synthetic=True,
    )
    words = [text.get_text() for ax in figure.axes for text in ax.texts] + [text.get_text() for text in figure.texts]

    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "Progression-free survival", "Overall survival", "Relapse of patients in CR",
    ]  # fmt: skip
    assert words.count("not tested") == 2
    assert "log-rank p = 0.031, n = 26, 13 events" in words
    for n in ("30", "20", "10"):
        assert words.count(n) >= 3
    assert "SYNTHETIC DATA: no patient is shown" in words


def test_a_curve_is_thin_where_hardly_anybody_is_left(followed):
    """The last steps rest on four patients or fewer; they are there, and look it."""
    table = curve_table(followed, Analyses())
    figure = draw_outcomes(table[table["term"] == "asct"], {}, term="asct")
    thick, thin = (line for line in figure.axes[0].lines[:2])

    assert thick.get_linewidth() > thin.get_linewidth()
    assert thin.get_xdata()[0] <= thick.get_xdata()[-1] < thin.get_xdata()[-1]


def test_a_group_nobody_follows_is_an_empty_line_of_zeros(followed):
    """No patient within a year in CR: zeros at risk, no line, no error."""
    followed.loc[50:, ["cir_months", "cir_event"]] = np.nan
    table = curve_table(followed, Analyses())
    figure = draw_outcomes(table[table["term"] == "asct_group"], {}, term="asct_group")

    assert [text.get_text() for text in figure.axes[2].texts].count("0") >= 6


def words_of(ax):
    """Return everything written on a panel."""
    legend = ax.get_legend()
    return [text.get_text() for text in (*ax.texts, *(legend.get_texts() if legend else ()))]


def numbered(*rows):
    """Return rows of estimates as Figure 2 takes them."""
    blank = {"analysis": "", "endpoint": "", "term": "", "level": "", "time": np.nan, "n": np.nan, "events": np.nan,
             "estimate": np.nan, "ci_low": np.nan, "ci_high": np.nan, "p_value": np.nan, "note": ""}  # fmt: skip
    return pd.DataFrame([blank | row for row in rows], columns=["panel", *blank])


def curves_of(cohort, **settings):
    """Return the curves of a cohort, with their panels."""
    curves = curve_table(cohort, Analyses(**settings))
    return pd.concat([panel.rows(curves).assign(panel=letter) for letter, panel in PANELS_2.items()])


@pytest.fixture
def six():
    """Return six patients, three in CR."""
    return pd.DataFrame(
        {
            "asct_group": ["none"] * 6, "complete_response": [1, 1, 1, 0, 0, 0],
            "pfs_months": [2.0, 10, 20, 4, 6, 8], "pfs_event": [1, 1, 0, 1, 0, 1],
            "os_months": [3.0, 10, 20, 4, 6, 8], "os_event": [0, 0, 0, 1, 0, 1],
            "cir_months": [2.0, 10, 20, np.nan, np.nan, np.nan], "cir_event": [1, 2, 0, np.nan, np.nan, np.nan],
        }
    )  # fmt: skip


def test_figure_2_has_the_panels_of_the_paper(six):
    """A reader of the paper finds each panel by its letter, and only the synthetic are marked so."""
    figure = draw_figure_2(curves_of(six), numbered(), synthetic=True)

    letters = [text for ax in figure.axes for text in words_of(ax) if len(text) == 1 and text.isalpha()]
    assert letters == list("ABCDEF")
    assert "SYNTHETIC DATA: no patient is shown" in [text.get_text() for text in figure.texts]
    assert not draw_figure_2(curves_of(six), numbered()).texts


def test_survival_by_response_is_drawn_from_the_landmark_on(six):
    """No curve before it, where responders could not have failed; the figure says where it is and who is left."""
    panel = draw_figure_2(curves_of(six), numbered()).axes[2]

    steps = [line.get_xdata() for line in panel.lines if line.get_drawstyle() == "steps-post" and len(line.get_xdata())]
    assert min(float(np.min(times)) for times in steps) == 3
    assert " landmark 3 months" in words_of(panel)
    counts = [text for text in panel.texts if getattr(text, "xy", (0, 0))[0] == 3]
    assert [text.get_text() for text in counts] == ["2", "3"]


def test_the_clock_of_relapse_is_said(six):
    """Months from infusion and months from the response are not the same curve."""
    figure = draw_figure_2(curves_of(six), numbered(), relapse_clock="response")

    assert [ax.get_xlabel() for ax in figure.axes[3:5]] == ["months from infusion", "months from response"]


def test_relapse_and_death_without_it_are_two_named_curves_of_the_same_patients(six):
    """Each competes with the other: one row of numbers at risk, two lines that differ without colour."""
    relapse = {"panel": "E", "analysis": "cumulative_incidence", "endpoint": "relapse", "level": "all", "time": 48.0,
               "n": 3, "estimate": 0.4333, "ci_low": 0.2836, "ci_high": 0.5743}  # fmt: skip
    panel = draw_figure_2(curves_of(six), numbered(relapse)).axes[4]

    assert "Relapse: 43.3 % (28.4 to 57.4) at 48 months" in words_of(panel)
    assert "Death without relapse: no estimate" in words_of(panel)
    assert len({line.get_linestyle() for line in panel.lines if line.get_drawstyle() == "steps-post"}) == 2
    assert [text.get_text() for text in panel.texts].count("in CR") == 1


def test_numbers_on_the_curves_are_those_of_the_rows(six):
    """Rates, medians and n are written, not computed: changed rows change the words and nothing else."""
    rate = {"panel": "A", "analysis": "survival_rate", "time": 36.0, "estimate": 0.374, "ci_low": 0.29, "ci_high": 0.48}
    median = {"panel": "A", "analysis": "survival_median", "n": 141, "events": 75, "estimate": 15.04, "ci_low": 10.2}
    missed = {
        "panel": "B",
        "analysis": "survival_median",
        "n": 141,
        "events": 42,
        "ci_low": 30.9,
        "note": "not reached",
    }
    figure = draw_figure_2(curves_of(six), numbered(rate, median, missed))

    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "all 141 patients, 75 events", "37.4 % (29.0 to 48.0) at 36 months", "median 15.0 months (10.2 to –)",
    ]  # fmt: skip
    assert "median not reached (30.9 to –)" in words_of(figure.axes[1])


def test_a_panel_without_patients_says_why(six):
    """An empty box would look like a fault of the program."""
    reason = "not estimated: none of 6 patients was followed past the landmark, 30"
    row = {"panel": "C", "analysis": "landmark_rate", "term": "complete_response", "note": reason}
    figure = draw_figure_2(curves_of(six, landmark_months=30), numbered(row))

    assert reason in [" ".join(text.split()) for text in words_of(figure.axes[2])]
    assert "no patient was followed" in words_of(figure.axes[3])
    assert "no best response" in words_of(figure.axes[5])
    assert "0" not in words_of(figure.axes[2])


def test_a_curve_that_was_not_written_is_not_taken_for_nobody(six):
    """A folder of an earlier version has the rates by response and not the curves: two faults, two words."""
    rate = {"panel": "C", "analysis": "landmark_rate", "level": "CR", "time": 12.0, "n": 2, "estimate": 0.5}
    curves = curves_of(six)
    panel = draw_figure_2(curves[curves["panel"] != "C"], numbered(rate)).axes[2]

    assert "curves.csv has no such curve: run the study again" in [" ".join(w.split()) for w in words_of(panel)]


def test_best_responses_have_count_share_and_interval(six):
    """Bars are as long as the rows say; a response nobody had keeps its place."""
    rows = [
        {"panel": "F", "analysis": "best_response", "level": "CR", "n": 11, "events": 4, "estimate": 4 / 11,
         "ci_low": 0.109, "ci_high": 0.692},
        {"panel": "F", "analysis": "best_response", "level": "PR", "n": 11, "events": 0, "estimate": 0.0},
        {"panel": "F", "analysis": "best_response", "level": "NE", "n": 12, "events": 1, "estimate": 1 / 12},
        {"panel": "F", "analysis": "response_rate", "endpoint": "ORR", "n": 11, "events": 8, "estimate": 8 / 11,
         "ci_low": 0.39, "ci_high": 0.94},
    ]  # fmt: skip
    panel = draw_figure_2(curves_of(six), numbered(*rows)).axes[5]

    assert [bar.get_width() for bar in panel.patches] == [4 / 11, 0.0]
    assert panel.get_xlabel() == "share of 11 patients"
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["CR", "PR"]
    assert {"4, 36.4 % (10.9 to 69.2)", "0, 0.0 % (no interval)"} <= set(words_of(panel))
    assert {"PR or better: 72.7 % (39.0 to 94.0), 8 of 11", "not evaluable (NE): 1 of 12"} <= set(words_of(panel))
