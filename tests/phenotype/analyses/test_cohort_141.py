"""All of the paper's numbers on the cohort that was calibrated to them: the machinery computes them, nothing more.

The right answers were computed by others, with lifelines, statsmodels and comprisk, from the months the cohort was
made of; ours come from dates, so that times differ by up to half a day.
"""

import math

import pytest


@pytest.fixture
def number(estimates_141):
    """Give a row of estimates.csv by what it is."""

    def find(analysis, endpoint, term="", level="all", time=None):
        rows = estimates_141[
            (estimates_141["analysis"] == analysis)
            & (estimates_141["endpoint"] == endpoint)
            & (estimates_141["term"] == term)
            & (estimates_141["level"] == level)
        ]
        if time is not None:
            rows = rows[rows["time"] == time]
        (row,) = rows.to_dict("records")
        return row

    return find


@pytest.mark.parametrize(
    ("endpoint", "events", "n"),
    [
        ("CRS grade 3 or 4", 51, 141),
        ("ICANS grade 3 or more", 0, 141),
        ("anaemia grade 3 or more", 53, 134),
        ("neutropenia grade 3 or more", 58, 134),
        ("thrombocytopenia grade 3 or more", 70, 134),
    ],
)
def test_toxicity_has_the_published_counts(number, endpoint, events, n):
    """36.2, 0, 39.6, 43.3 and 52.2 %: each of its own denominator."""
    row = number("toxicity_rate", endpoint)

    assert (row["events"], row["n"]) == (events, n)
    assert row["estimate"] == pytest.approx(events / n)


def test_response_has_the_published_counts(number):
    """94.8 and 50.7 % of the 134 who could be evaluated; the other seven are named in the note."""
    overall, complete = number("response_rate", "ORR"), number("response_rate", "CR")

    assert (overall["events"], complete["events"], overall["n"]) == (127, 68, 134)
    assert overall["note"] == "not known or not evaluable in 7"


def test_survival_is_the_published_one(number):
    """37.4 % (29.0-48.2) and 63.2 % (54.6-73.2) at four years, with intervals on the logarithmic scale."""
    pfs, overall = number("survival_rate", "PFS", time=48), number("survival_rate", "OS", time=48)

    assert [pfs[c] for c in ("estimate", "ci_low", "ci_high")] == pytest.approx([0.374, 0.290, 0.482], abs=0.0006)
    assert [overall[c] for c in ("estimate", "ci_low", "ci_high")] == pytest.approx([0.632, 0.546, 0.732], abs=0.0006)
    assert (pfs["n"], number("survival_median", "PFS")["events"], number("survival_median", "OS")["events"]) == (
        141,
        75,
        42,
    )
    assert number("survival_median", "PFS")["estimate"] == pytest.approx(15.0, abs=0.05)


def test_follow_up_says_both_answers(number):
    """The plain median of 20.2 months, and 39.2 by reverse Kaplan-Meier: a reader must see that they differ."""
    assert number("follow_up", "OS", level="observed")["estimate"] == pytest.approx(20.2, abs=0.1)
    assert number("follow_up", "OS", level="reverse_km")["estimate"] == pytest.approx(39.2, abs=0.05)


@pytest.mark.parametrize(
    ("analysis", "endpoint", "term", "ratio"),
    [
        ("cox_multivariable", "PFS", "prior_asct", 2.273),
        ("cox_multivariable", "PFS", "extramedullary_disease", 2.091),
        ("cox_multivariable", "OS", "extramedullary_disease", 2.033),
        ("cox_multivariable", "OS", "prior_asct", 1.375),
        ("fine_gray_multivariable", "relapse", "prior_asct", 3.70),
        ("fine_gray_multivariable", "relapse", "extramedullary_disease", 2.40),
    ],
)
def test_ratios_of_hazards_are_those_computed_by_others(number, analysis, endpoint, term, ratio):
    """To half a percent, of 68 patients in CR to two: half a day makes ties and changes the order of some events."""
    row = number(analysis, endpoint, term, level="")

    assert row["estimate"] == pytest.approx(ratio, rel=0.02 if endpoint == "relapse" else 0.005)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert math.isclose(math.sqrt(row["ci_low"] * row["ci_high"]), row["estimate"], rel_tol=1e-6)


def test_the_peak_differs_as_published(number):
    """74.8 against 89.8 % of T cells, P < 0.001, in 136 patients; and with response."""
    asct, none = (number("expansion_median", "cart_pct_of_t_cmax", "asct", level) for level in ("asct", "none"))
    test = number("expansion_test", "cart_pct_of_t_cmax", "asct", "asct against none")

    assert (asct["estimate"], none["estimate"]) == pytest.approx((74.75, 89.80), abs=0.05)
    assert (test["n"], test["p_value"] < 0.001) == (136, True)
    for term, level in (("responder", "response against none"), ("complete_response", "CR against less")):
        assert number("expansion_test", "cart_pct_of_t_cmax", term, level)["p_value"] < 0.001


def test_every_row_has_a_number_or_a_reason(estimates_141):
    """A row without either would be read as nothing to see."""
    told = estimates_141["note"].str.len() > 0
    numbers = estimates_141["estimate"].notna() | estimates_141["statistic"].notna()

    assert (told | numbers).all()
    assert estimates_141.loc[numbers, "method"].str.len().gt(0).all()
    assert estimates_141.loc[numbers, "n"].notna().all()


def test_no_row_is_there_twice(estimates_141):
    """A number is found by what it is."""
    assert not estimates_141.duplicated(["analysis", "endpoint", "term", "level", "time"]).any()


def test_p_values_come_with_an_estimate_or_a_count(estimates_141):
    """No p-value stands alone."""
    tested = estimates_141[estimates_141["p_value"].notna()]

    assert tested["n"].gt(0).all()
    assert tested["p_value"].between(0, 1).all()
