"""The clinical half in the report: each row of estimates.csv that is shown, in words, and rounded only."""

import pandas as pd
import pytest

from phenotype.report.outcomes import curve_words, outcome_tables


def rows(*given):
    """Return the rows of the first table that these rows of estimates.csv make."""
    columns = {"analysis": "", "endpoint": "", "term": "", "level": "", "time": float("nan"), "n": 10, "events": 4.0,
               "estimate": 0.5, "ci_low": 0.25, "ci_high": 0.75, "statistic": float("nan"), "p_value": float("nan"),
               "method": "m", "note": ""}  # fmt: skip
    return outcome_tables(pd.DataFrame([columns | one for one in given]))


@pytest.mark.parametrize(
    ("row", "what", "group", "estimate", "interval"),
    [
        ({"analysis": "response_rate", "endpoint": "CR", "level": "all"},
         "CR", "all patients", "50.0 %", "25.0 to 75.0"),
        ({"analysis": "survival_rate", "endpoint": "PFS", "term": "asct", "level": "asct", "time": 12.0},
         "PFS at 12 months", "Any ASCT", "50.0 %", "25.0 to 75.0"),
        ({"analysis": "survival_median", "endpoint": "OS", "level": "all", "estimate": 15.04, "ci_low": 9.0,
          "ci_high": None}, "OS", "all patients", "15.0", "9.0 to –"),
        ({"analysis": "cox_multivariable", "endpoint": "PFS", "term": "prior_asct", "estimate": 2.273},
         "PFS (cox multivariable)", "prior asct", "2.27", "0.25 to 0.75"),
        ({"analysis": "cox_univariable", "endpoint": "OS", "term": "iss_stage", "level": "III against I"},
         "OS (cox univariable)", "iss stage: III against I", "0.50", "0.25 to 0.75"),
        ({"analysis": "log_rank", "endpoint": "PFS", "term": "asct_group", "estimate": None, "statistic": 12.34,
          "ci_low": None, "ci_high": None}, "PFS (log-rank)", "three groups", "12.3", "–"),
        ({"analysis": "composition_ratio", "endpoint": "central_memory", "term": "asct_group",
          "level": "within_1y against none"},
         "Central memory (ratio)", "ASCT ≤ 1 y before against No ASCT", "0.50", "0.25 to 0.75"),
    ],
)  # fmt: skip
def test_a_row_is_said_in_words(row, what, group, estimate, interval):
    """Names of columns and of analyses are for files; a reader gets groups, times and units."""
    ((table,),) = [rows(row)]
    (found,) = table.rows

    assert (found.what, found.group, found.estimate, found.interval) == (what, group, estimate, interval)


def test_a_row_without_a_number_shows_its_reason():
    """What could not be estimated is on the page, with dashes and words."""
    none = dict.fromkeys(("estimate", "ci_low", "ci_high", "n", "events"))
    ((table,),) = [
        rows({"analysis": "gray_test", "endpoint": "relapse", "term": "asct", **none, "note": "not estimated: why"})
    ]

    assert (table.rows[0].estimate, table.rows[0].n, table.rows[0].note) == ("–", "–", "m; not estimated: why")


def test_patients_without_asct_stand_once():
    """They are the first group of both terms: twice the same row reads as two results."""
    both = [
        {"analysis": "response_rate", "endpoint": "CR", "term": term, "level": "none"}
        for term in ("asct", "asct_group")
    ]
    ((table,),) = [rows(*both)]

    assert [row.group for row in table.rows] == ["No ASCT"]


def test_text_of_a_sheet_is_cleaned():
    """A covariate's name comes from a spreadsheet."""
    ((table,),) = [rows({"analysis": "cox_univariable", "endpoint": "OS", "term": "a\u202eb\x07"})]

    assert "\x07" not in table.rows[0].group
    assert "\u202e" not in table.rows[0].group


def test_curves_have_the_test_of_their_own_term_with_n_and_effect():
    """Gray's for relapse, log-rank for survival; a p never stands alone; a folder of an earlier version has none."""
    blank = {"n": 141.0, "events": 75.0, "estimate": None, "ci_low": None, "ci_high": None}
    table = pd.DataFrame([
        blank | {"analysis": "log_rank", "endpoint": "PFS", "term": "asct", "p_value": 0.1},
        blank | {"analysis": "log_rank", "endpoint": "PFS", "term": "asct_group", "p_value": 0.2},
        blank | {"analysis": "gray_test", "endpoint": "relapse", "term": "asct", "p_value": 0.3, "n": 68.0,
                 "events": 23.0},
        blank | {"analysis": "log_rank", "endpoint": "OS", "term": "asct", "p_value": None},
        {"analysis": "cox_univariable", "endpoint": "PFS", "term": "prior_asct", "n": 141.0, "events": 75.0,
         "estimate": 2.014, "ci_low": 1.278, "ci_high": 3.172, "p_value": 0.003},
    ])  # fmt: skip

    found = {key: words.replace("\u00a0", " ") for key, words in curve_words(table, "asct").items()}

    assert found == {
        "PFS": "log-rank p = 0.100, n = 141, 75 events\nhazard ratio 2.01 (1.28 to 3.17)",
        "relapse": "Gray's test p = 0.300, n = 68, 23 events",
    }
    assert "hazard" not in curve_words(table, "asct_group")["PFS"]
    assert curve_words(table.drop(columns="term"), "asct") == {}
