"""Curves: numbers at risk are those of the table, and what is drawn is what was estimated."""

import numpy as np
import pandas as pd
import pytest

from phenotype.analyses import curve_table
from phenotype.figures.outcomes import at_risk, draw_outcomes
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
    figure = draw_outcomes(table[table["term"] == "asct_group"], {"PFS": 0.031}, term="asct_group", synthetic=True)
    words = [text.get_text() for ax in figure.axes for text in ax.texts] + [text.get_text() for text in figure.texts]

    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "Progression-free survival", "Overall survival", "Relapse of patients in CR",
    ]  # fmt: skip
    assert words.count("not tested") == 2
    assert "log-rank p 0.031" in words
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
