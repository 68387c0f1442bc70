"""Table 1 is laid out from rows; nothing in it is computed."""

import pandas as pd

from phenotype.report.baseline import baseline_table, flow_table


def row(analysis, endpoint, term, level, **rest):
    """Return a row of estimates.csv."""
    nothing = {"n": None, "events": None, "estimate": None, "note": ""}
    return {"analysis": analysis, "endpoint": endpoint, "term": term, "level": level, **nothing, **rest}


ESTIMATES = pd.DataFrame(
    [
        row("baseline_share", "sex: F", "", "all", n=141, events=60, estimate=60 / 141),
        row("baseline_share", "sex: M", "", "all", n=141, events=81, estimate=81 / 141),
        row("baseline_share", "sex: F", "asct_group", "within_1y", n=12, events=5, estimate=5 / 12),
        row("baseline_share", "high_risk_cytogenetics: 0", "", "all", n=130, events=90, estimate=90 / 130),
        row("baseline_share", "high_risk_cytogenetics: 1", "", "all", n=130, events=40, estimate=40 / 130),
        row("baseline_median", "age_years", "", "all", n=141, estimate=59, note="quartiles 55 to 65, range 34 to 77"),
        row("baseline_difference", "sex", "asct", "asct against none", n=141, estimate=0.1903),
    ]
)


def test_shares_medians_and_differences_stand_where_they_belong():
    """A share has its denominator, a median its quartiles, a difference stands once for all levels."""
    table = baseline_table(ESTIMATES)
    lines = {(line.name, line.level): line for line in table.rows}

    assert table.groups == ("All patients", "No ASCT", "Any ASCT", "ASCT > 1 y before", "ASCT ≤ 1 y before")
    assert lines["Sex", "F"].cells == ("60 of 141 (42.6 %)", "–", "–", "–", "5 of 12 (41.7 %)")
    assert lines["Age, years", ""].cells[0] == "59 (55 to 65), n = 141"
    assert lines["Sex", "F"].differences == ("0.19", "")
    assert lines["Sex", "M"].differences == ("", "")


def test_of_yes_and_no_only_yes_is_shown():
    """The share without is the rest, of the same denominator: those in whom it is known."""
    lines = [line for line in baseline_table(ESTIMATES).rows if line.name == "High-risk cytogenetics"]

    assert [(line.level, line.cells[0]) for line in lines] == [("", "40 of 130 (30.8 %)")]


def test_a_study_without_covariates_has_no_table_1():
    """No heading over nothing."""
    assert baseline_table(ESTIMATES.head(0)).rows == ()
    assert baseline_table(pd.DataFrame({"analysis": []})).rows == ()


def test_the_flow_counts_patients_of_each_group_at_each_step():
    """Who is in an estimate, and of whom it could have been: the same columns as Table 1."""
    rows = pd.DataFrame(
        [
            row("flow", "patients", "", "all", n=141, events=141),
            row("flow", "peak of expansion", "", "all", n=141, events=136),
            row("flow", "peak of expansion", "asct_group", "within_1y", n=12, events=11),
        ]
    )

    table = flow_table(rows)

    assert [line.name for line in table.rows] == ["Patients", "Peak of expansion"]
    assert table.rows[1].cells == ("136", "–", "–", "–", "11")
    assert flow_table(rows.head(0)).rows == ()
