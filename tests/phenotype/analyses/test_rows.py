"""Rows by hand: groups, landmarks, models that cannot be fitted, and what the notes say."""

import numpy as np
import pandas as pd
import pytest

from phenotype.analyses import ESTIMATE_COLUMNS, curve_table, estimate
from phenotype.analyses.baseline import baseline_columns, baseline_rows
from phenotype.analyses.cohort import dose_rows, flow_rows
from phenotype.analyses.composition import composition_rows
from phenotype.analyses.design import make_design
from phenotype.analyses.expansion import expansion_rows
from phenotype.analyses.relapse import relapse_rows
from phenotype.analyses.response import response_rows, toxicity_rows
from phenotype.analyses.rows import attempt, estimates_table
from phenotype.analyses.subsets import subset_rows
from phenotype.analyses.survival import survival_rows
from phenotype.statistics.ranks import UntestableError
from phenotype.study import Analyses
from phenotype.subsets import SUBSETS


def found(rows, **wanted):
    """Return the rows that are what is wanted."""
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


AGE = Analyses(covariates=("prior_asct", "age"), rates_months=(6, 12))


def test_rates_are_of_each_group_and_of_all(small):
    """At 6 months 4 of 12 have progressed; of six without ASCT, two."""
    rows = survival_rows(small, AGE)

    everybody, none = (
        found(rows, analysis="survival_rate", endpoint="PFS", term=term, level=level, time=6.0)[0]
        for term, level in (("", "all"), ("asct", "none"))
    )
    assert (everybody["n"], everybody["events"], none["n"], none["events"]) == (12, 5, 6, 2)
    assert everybody["estimate"] == pytest.approx(7 / 12)
    assert none["estimate"] == pytest.approx(4 / 6)
    assert everybody["note"] == "7 at risk"


def test_nothing_is_said_past_the_last_follow_up(small):
    """A curve that ends at 20 months has no rate at 24."""
    rows = survival_rows(small, Analyses(covariates=("age",), rates_months=(24,)))
    (row,) = found(rows, analysis="survival_rate", endpoint="OS", term="asct", level="none")

    assert np.isnan(row["estimate"])
    assert row["note"] == "not estimable: nobody was followed that long"


def test_response_is_compared_from_a_landmark_on(small):
    """Patients who progressed before month 3 could not show a CR: they are in neither group."""
    rows = survival_rows(small, AGE)
    complete, less = (
        found(rows, analysis="landmark_rate", endpoint="PFS", level=level, time=6.0)[0] for level in ("CR", "no CR")
    )

    assert (complete["n"], less["n"]) == (5, 4)
    assert complete["note"].endswith("past the landmark, 3 months")


def test_a_later_landmark_leaves_fewer(small):
    """The day is the study's choice, and decides who is compared."""
    rows = survival_rows(small, Analyses(covariates=("age",), landmark_months=8))

    assert found(rows, analysis="landmark_rate", endpoint="PFS", level="CR")[0]["n"] == 5
    assert found(rows, analysis="landmark_rate", endpoint="PFS", level="no CR")[0]["n"] == 1


def test_a_model_of_few_events_says_so(small):
    """Nine events for two columns: the interval is printed, and not left alone."""
    rows = survival_rows(small, AGE)
    (row,) = found(rows, analysis="cox_multivariable", endpoint="PFS", term="age")

    assert row["events"] == 8
    assert row["note"] == "8 events for 2 columns: few"


def test_levels_of_a_text_column_are_against_the_first(small):
    """A stage is no number; one test over its levels stands beside the ratios."""
    rows = survival_rows(small, Analyses(covariates=("iss_stage",)))
    levels = [row["level"] for row in found(rows, analysis="cox_univariable", endpoint="PFS", term="iss_stage")]

    assert levels == ["II against I", "III against I"]
    (joint,) = found(rows, analysis="cox_univariable_term", endpoint="PFS", term="iss_stage")
    assert joint["method"] == "likelihood ratio, 2 df"


def test_where_one_group_has_no_events_firth_answers(small):
    """A ratio of infinity is no estimate: the penalty has one, and the note says why it was needed."""
    small["os_event"] = pd.array([0] * 6 + [1, 1, 0, 1, 0, 0], dtype="Int64")
    rows = survival_rows(small, Analyses(covariates=("prior_asct",)))
    (row,) = found(rows, analysis="cox_univariable", endpoint="OS", term="prior_asct")

    assert row["method"].startswith("Firth")
    assert np.isfinite([row["estimate"], row["ci_low"]]).all()
    assert "Firth's penalty" in row["note"]


def test_hazards_that_cross_are_told_early_and_late():
    """A drug that harms first and helps later has no one ratio: the model is fitted on either side of the middle."""
    rng = np.random.default_rng(1)
    n = 400
    treated = np.arange(n) % 2
    early, late = rng.exponential(np.where(treated, 6, 30)), rng.exponential(np.where(treated, 60, 15))
    time = np.where(early < 6, early, 6 + late)
    cohort = pd.DataFrame(
        {
            "asct_group": np.where(treated, "over_1y", "none"), "prior_asct": treated, "complete_response": treated,
            "pfs_months": np.minimum(time, 40), "pfs_event": (time < 40).astype(int),
            "os_months": 40.0, "os_event": 0,
        }
    )  # fmt: skip
    rows = survival_rows(cohort, Analyses(covariates=("prior_asct",)))
    (first,) = found(rows, analysis="cox_univariable_early", endpoint="PFS")
    (second,) = found(rows, analysis="cox_univariable_late", endpoint="PFS")

    assert first["ci_low"] > 1
    assert second["ci_high"] < 1
    assert "hazards are not proportional" in first["note"]


def test_no_events_at_all_is_said_in_each_row(small):
    """Nobody died: no ratio, no test, and a reason in each place."""
    small["os_event"] = pd.array([0] * 12, dtype="Int64")
    rows = survival_rows(small, AGE)

    for analysis in ("cox_univariable", "cox_multivariable", "log_rank"):
        told = [row["note"] for row in found(rows, analysis=analysis, endpoint="OS")]
        assert told
        assert all(note.startswith("not estimated: ") for note in told)


def test_relapse_is_of_patients_in_cr_with_death_beside_it(small):
    """Five in CR, one relapse; nobody died in CR, which is a reason and not a zero hazard ratio."""
    rows = relapse_rows(small, Analyses(covariates=("prior_asct",), rates_months=(12,)))
    (row,) = found(rows, analysis="cumulative_incidence", endpoint="relapse", term="", level="all")

    assert (row["n"], row["events"]) == (5, 1)
    (model,) = found(rows, analysis="fine_gray_univariable", endpoint="death without relapse")
    assert model["note"].startswith("not estimated: no event of cause 2")


def test_shares_leave_out_who_could_not_be_evaluated(small):
    """NE is in no denominator, and counted: 8 of 11 responded."""
    (row,) = found(response_rows(small, AGE), analysis="response_rate", endpoint="ORR", level="all")

    assert (row["events"], row["n"]) == (8, 11)
    assert row["note"] == "not known or not evaluable in 1"
    best = {row["level"]: row["events"] for row in found(response_rows(small, AGE), analysis="best_response")}
    assert best == {"sCR": 1, "CR": 4, "VGPR": 1, "PR": 2, "MR": 1, "SD": 1, "PD": 1, "NE": 1}


def test_odds_of_response_are_of_patients_who_could_be_evaluated(small):
    """Three of five evaluable without ASCT in CR, two of six with it: (2/4) / (3/2) = 1/3, and few to tell it by."""
    (row,) = found(response_rows(small, AGE), analysis="logistic_univariable", endpoint="CR", term="prior_asct")

    assert row["estimate"] == pytest.approx(1 / 3)
    assert (row["n"], row["events"]) == (11, 5)
    assert row["method"].endswith("odds ratio")
    assert row["note"] == "5 patients with the rarer outcome for 1 columns: few"


def test_where_all_of_a_group_responded_firth_answers(small):
    """All without ASCT responded: the ratio is 0 by likelihood, and has a penalised one with the reason."""
    (row,) = found(response_rows(small, AGE), analysis="logistic_univariable", endpoint="ORR", term="prior_asct")

    assert row["method"].startswith("Firth")
    assert 0 < row["estimate"] < 1
    assert "separated" in row["note"]


def test_toxicity_that_the_sheet_does_not_have_is_not_zero(small):
    """No column of ICANS: no row says that nobody had it."""
    rows = toxicity_rows(small)

    assert found(rows, endpoint="CRS grade 3 or 4", level="all")[0]["events"] == 3
    assert not [row for row in rows if "ICANS" in row["endpoint"]]


def test_who_never_had_cells_is_below_all_who_had(small):
    """Three of six with ASCT never expanded: without them the groups look alike."""
    small["cart_pct_of_t_cmax"] = [50.0, 60, 70, 80, 90, 40, 55, 65, 75, None, None, None]
    small["cart_pct_of_t_note"] = [""] * 9 + ["never detected"] * 3
    rows = expansion_rows(small)
    (test,) = found(rows, analysis="expansion_test", level="asct against none")
    (median,) = found(rows, analysis="expansion_median", term="asct", level="asct")

    assert test["n"] == 12
    assert test["statistic"] == 9
    assert test["note"].endswith("; 3 never detected, as 0")
    assert median["estimate"] == pytest.approx(27.5)
    small[list(SUBSETS)] = np.random.default_rng(1).dirichlet([1, 1, 1, 1], 12)
    assert found(subset_rows(small), analysis="subset_correlation", endpoint="naive")[0]["n"] == 12
    assert found(flow_rows(small), endpoint="expansion measured", level="all")[0]["events"] == 12
    small["cart_pct_of_t_note"] = [""] * 9 + ["1 samples up to day 28, a peak needs 3"] * 3
    (test,) = found(expansion_rows(small), analysis="expansion_test", level="asct against none")
    assert test["n"] == 9


def test_a_design_is_of_complete_patients_and_says_what_does_not_vary(small):
    """A constant column would make every matrix singular; a missing value must not become a zero."""
    small.loc[3, "age"] = np.nan
    design = make_design(small.assign(same=1), ["age", "same", "iss_stage"], np.ones(12, dtype=bool))

    assert (design.n, design.names, design.dropped) == (11, ("age", "iss_stage: II", "iss_stage: III"), ("same",))
    assert design.matrix.shape == (11, 3)
    with pytest.raises(UntestableError, match="same has one value in all 12 patients"):
        make_design(small.assign(same=1), ["same"], np.ones(12, dtype=bool))
    with pytest.raises(UntestableError, match="12 levels"):
        make_design(small, ["patient_id"], np.ones(12, dtype=bool))
    with pytest.raises(ValueError, match="no covariate 'agee'; did you mean 'age'"):
        make_design(small, ["agee"], np.ones(12, dtype=bool))


def test_what_cannot_be_estimated_is_a_row():
    """A missing row reads as an analysis nobody thought of."""

    def refuse():
        raise UntestableError("too few")

    assert attempt({"analysis": "a"}, refuse) == [{"analysis": "a", "note": "not estimated: too few"}]
    table = estimates_table([{"analysis": "a", "n": 3}, {"analysis": "b"}])
    assert table.columns.tolist() == list(ESTIMATE_COLUMNS)
    assert table["n"].tolist() == [3, pd.NA]


def test_a_sheet_with_nothing_but_groups_gives_reasons(small):
    """An analyst may have dates of infusion and transplant alone: everything else says what is missing."""
    bare = small[["patient_id", "asct_group", "prior_asct"]].assign(
        **dict.fromkeys(("pfs_months", "pfs_event", "os_months", "os_event", "cir_months", "cir_event"), np.nan),
        **{name: pd.array([pd.NA] * 12, dtype="Int64") for name in ("responder", "complete_response")},
        naive=np.nan, central_memory=np.nan, effector_memory=np.nan, effector=np.nan,
    )  # fmt: skip
    table = estimate(bare, Analyses())

    told = table[~table["analysis"].isin(["best_response", "subset_kruskal", "flow"])]
    assert told["note"].str.startswith("not estimated").all()


def test_the_flow_says_who_is_missing_where(small):
    """Eleven of twelve can be evaluated for response; five are in CR and followed."""
    cohort = small.assign(naive=[0.2] * 11 + [np.nan], central_memory=0.3, effector_memory=0.4, effector=0.1)
    counts = {row["endpoint"]: (row["events"], row["note"]) for row in found(flow_rows(cohort), term="", level="all")}

    assert counts["patients"] == (12, "")
    assert counts["product with four fractions"] == (11, "1 without")
    assert counts["response evaluable"] == (11, "1 without")
    assert counts["in CR and followed for relapse"] == (5, "7 without")
    assert counts["expansion measured"] == (0, "12 without")


def test_cells_infused_are_the_fraction_of_the_dose(small):
    """Half of 2 million per kg is one; without a dose there is no row, and no zero."""
    cohort = small.assign(naive=0.5, central_memory=0.25, effector_memory=0.25, effector=0.0, dose_1e6_per_kg=2.0)
    medians = {row["endpoint"]: row["estimate"] for row in found(dose_rows(cohort), term="", level="all")}

    assert medians["naive_1e6_per_kg"] == 1.0
    assert medians["dose_1e6_per_kg"] == 2.0
    assert dose_rows(cohort.drop(columns="dose_1e6_per_kg")) == []


def test_relapses_in_one_group_alone_are_answered_by_the_cause_specific_model():
    """All relapses after ASCT: the subdistribution ratio is infinite, the penalised cause-specific one is not."""
    rng = np.random.default_rng(6)
    asct = np.repeat([0, 1], 25)
    cohort = pd.DataFrame(
        {
            "asct_group": np.where(asct, "over_1y", "none"), "prior_asct": asct,
            "cir_months": rng.uniform(1, 40, 50), "cir_event": asct * (rng.random(50) < 0.5),
        }
    )  # fmt: skip
    rows = relapse_rows(cohort, Analyses(covariates=("prior_asct",)))
    (fine,) = found(rows, analysis="fine_gray_univariable", endpoint="relapse")
    (specific,) = found(rows, analysis="cause_specific_univariable", endpoint="relapse")

    assert fine["note"].endswith("has no finite estimate; the cause-specific model has one")
    assert np.isfinite(specific["estimate"])
    assert specific["method"].startswith("Firth")


def test_time_since_asct_is_a_number_too():
    """Naive cells that double with each year, in forty patients: the ratio of a year is found, with its direction."""
    rng = np.random.default_rng(3)
    years = rng.uniform(0.2, 5, 40)
    logs = rng.normal(0, 0.2, (40, 4)) + np.outer(years * np.log(2), [1, 0, 0, 0])
    parts = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    cohort = pd.DataFrame(parts, columns=["naive", "central_memory", "effector_memory", "effector"]).assign(
        asct_group=np.where(years < 1, "within_1y", "over_1y"), months_from_asct=12 * years,
        complete_response=(years + rng.normal(0, 1, 40) > 2.5).astype(int), pfs_months=10 + 5 * years, pfs_event=1,
        os_months=np.nan, os_event=np.nan,
    )  # fmt: skip
    rows = found(composition_rows(cohort, Analyses(covariates=())), analysis="composition_time")
    by_subset = {row["endpoint"]: row for row in rows}

    assert by_subset["naive"]["estimate"] == pytest.approx(2 ** (3 / 4), rel=0.05)
    assert by_subset["effector"]["estimate"] == pytest.approx(2 ** (-1 / 4), rel=0.05)
    every = composition_rows(cohort, Analyses(covariates=()))
    predicted = {row["endpoint"]: row for row in found(every, analysis="composition_predictor")}
    assert predicted["CR"]["p_value"] < 0.01
    assert (predicted["PFS"]["n"], predicted["PFS"]["events"]) == (40, 40)
    assert predicted["OS"]["note"] == "not estimated: no patient with four fractions and this endpoint"
    (few,) = found(composition_rows(cohort.iloc[:5], Analyses(covariates=())), analysis="composition_time")
    assert few["note"] == "not estimated: 5 patients with four fractions and a known time since ASCT"


def test_curves_are_those_of_the_rates(small):
    """The curve at 6 months is the rate at 6 months; at risk just before, and everybody is accounted for."""
    table = curve_table(small, AGE)
    pfs = table[(table["endpoint"] == "PFS") & (table["level"] == "all")]
    (rate,) = found(survival_rows(small, AGE), analysis="survival_rate", endpoint="PFS", term="", level="all", time=6.0)

    assert pfs[pfs["time"] <= 6]["estimate"].iloc[-1] == rate["estimate"]
    assert (pfs["time"].iloc[0], pfs["at_risk"].iloc[0], pfs["estimate"].iloc[0]) == (0, 12, 1)
    assert pfs["events"].sum() + pfs["censored"].sum() == 12
    relapse = table[(table["endpoint"] == "relapse") & (table["level"] == "all")]
    assert relapse[["events", "competing", "censored"]].sum().tolist() == [1, 0, 4]


SIX = pd.DataFrame(
    {
        "asct_group": ["none"] * 6,
        "complete_response": pd.array([1, 1, 1, 0, 0, 0], dtype="Int64"),
        "pfs_months": [2.0, 10, 20, 4, 6, 8], "pfs_event": [1, 1, 0, 1, 0, 1],
        "os_months": [3.0, 10, 20, 4, 6, 8], "os_event": [0, 0, 0, 1, 0, 1],
        "cir_months": [2.0, 10, 20, np.nan, np.nan, np.nan], "cir_event": [1, 1, 0, np.nan, np.nan, np.nan],
    }
)  # fmt: skip
"""Six patients, three in CR; one of them fails at 2 months, before a landmark of 3."""


def by_response(cohort, endpoint, level, months=3):
    """Return times, numbers at risk and estimates of one curve by response."""
    table = curve_table(cohort, Analyses(landmark_months=months))
    rows = table[(table["term"] == "complete_response") & (table["endpoint"] == endpoint) & (table["level"] == level)]
    return rows[["time", "at_risk", "estimate"]].to_numpy().tolist()


def test_survival_by_response_starts_at_the_landmark():
    """By hand: two of three in CR are left at 3 months and one fails at 10; without CR 4 (of 3) and 8 (of 1) end."""
    assert by_response(SIX, "PFS", "CR") == [[3, 2, 1], [10, 2, 0.5], [20, 1, 0.5]]
    assert by_response(SIX, "PFS", "no CR") == [[3, 3, 1], [4, 3, pytest.approx(2 / 3)],
                                                [6, 2, pytest.approx(2 / 3)], [8, 1, 0]]  # fmt: skip


def test_whoever_is_last_seen_at_the_landmark_is_in_no_curve_by_response():
    """Censored at exactly 3 months: no follow-up after the landmark, and so not among those compared."""
    assert by_response(SIX, "OS", "CR")[0] == [3, 2, 1]
    assert by_response(SIX, "OS", "CR", months=2.9)[0] == [2.9, 3, 1]


def test_curves_by_response_are_those_of_the_landmark_rates(small):
    """One set of patients, one estimate: the table of rates and the curve cannot differ."""
    rows = found(survival_rows(small, AGE), analysis="landmark_rate", time=12.0)
    table = curve_table(small, AGE)

    assert {(row["endpoint"], row["level"]) for row in rows} == {(e, r) for e in ("PFS", "OS") for r in ("CR", "no CR")}
    for row in rows:
        curve = table[(table["term"] == "complete_response") & (table["endpoint"] == row["endpoint"])]
        before = curve[(curve["level"] == row["level"]) & (curve["time"] <= 12)]
        assert before["at_risk"].iloc[0] == row["n"]
        assert before[["estimate", "ci_low", "ci_high"]].iloc[-1].tolist() == pytest.approx(
            [row["estimate"], row["ci_low"], row["ci_high"]], nan_ok=True
        )


def test_nobody_past_the_landmark_gives_no_curve_by_response():
    """A study closed early: the other curves are there, these are not, and nothing fails."""
    table = curve_table(SIX, Analyses(landmark_months=30))

    assert set(table["term"]) == {"", "asct", "asct_group"}


def test_nobody_past_the_landmark_is_said_in_a_row_of_the_analysis(small):
    """A reason under no analysis would be found by nobody who looks for the landmark rates."""
    rows = found(survival_rows(small, Analyses(covariates=("age",), landmark_months=90)), term="complete_response")

    assert [(row["analysis"], row["endpoint"]) for row in rows] == [("landmark_rate", "PFS"), ("landmark_rate", "OS")]
    assert rows[0]["note"] == "not estimated: none of 11 patients was followed past the landmark, 90"


def test_best_responses_are_shares_of_the_evaluable(small):
    """Eleven could be evaluated, four in CR and one in sCR: the two shares sum to the rate of CR beside them."""
    rows = response_rows(small, AGE)
    best = {row["level"]: row for row in found(rows, analysis="best_response")}
    (rate,) = found(rows, analysis="response_rate", endpoint="CR", term="", level="all")

    assert (best["NE"]["events"], best["NE"]["n"]) == (1, 12)
    assert {row["n"] for level, row in best.items() if level != "NE"} == {11} == {rate["n"]}
    assert best["CR"]["estimate"] + best["sCR"]["estimate"] == pytest.approx(rate["estimate"])
    assert (best["CR"]["ci_low"], best["CR"]["ci_high"]) == pytest.approx((0.1092634, 0.6920953), abs=1e-7)
    assert best["CR"]["note"] == "not known or not evaluable in 1"


def test_a_trend_over_the_groups_has_its_direction():
    """Naive cells fall from none over more than a year to within one: tau below 0, exact p."""
    cohort = pd.DataFrame(
        {
            "asct_group": ["none"] * 5 + ["over_1y"] * 4 + ["within_1y"] * 3,
            "naive": np.linspace(0.5, 0.1, 12), "central_memory": [0.3] * 12,
            "effector_memory": np.linspace(0.1, 0.4, 12), "effector": np.linspace(0.1, 0.2, 12),
            "months_from_asct": [np.nan] * 5 + [40, 30, 25, 20, 9, 6, 3], "cart_pct_of_t_cmax": np.linspace(90, 40, 12),
        }
    )  # fmt: skip
    rows = subset_rows(cohort)
    (falling,) = found(rows, analysis="subset_trend", endpoint="naive")
    (rising,) = found(rows, analysis="subset_trend", endpoint="effector_memory")

    assert falling["estimate"] < -0.7
    assert rising["estimate"] == pytest.approx(-falling["estimate"])
    assert falling["p_value"] < 0.001
    assert falling["method"].startswith("Jonckheere-Terpstra, exact")
    (time,) = found(rows, analysis="subset_correlation", endpoint="naive", term="months_from_asct")
    assert (time["n"], time["estimate"]) == (7, 1.0)
    pairs = {row["level"]: row for row in found(rows, analysis="subset_dunn", endpoint="naive")}
    assert list(pairs) == ["over_1y against none", "within_1y against none", "within_1y against over_1y"]
    assert pairs["within_1y against none"]["statistic"] < pairs["over_1y against none"]["statistic"] < 0
    (constant,) = found(rows, analysis="subset_trend", endpoint="central_memory")
    assert constant["note"].startswith("not estimated: ")


def test_baseline_is_what_was_known_before_infusion(small):
    """Age and stage are; responses, toxicity and times are not, and a name of each patient is no level."""
    assert baseline_columns(small.assign(site=small["patient_id"])) == ["age", "iss_stage"]


def test_missing_values_are_in_no_denominator_of_table_1(small):
    """One stage unknown: shares are of eleven, and the row says so; ages are described by quartiles."""
    small.loc[0, "iss_stage"] = None
    rows = baseline_rows(small)
    (share,) = found(rows, analysis="baseline_share", endpoint="iss_stage: I", term="", level="all")
    (age,) = found(rows, analysis="baseline_median", endpoint="age", term="asct", level="none")

    assert (share["n"], share["events"], share["note"]) == (11, 3, "1 missing")
    assert share["estimate"] == pytest.approx(3 / 11)
    assert age["estimate"] == 59.5
    assert age["note"].startswith("quartiles 52 to 64.75, range 45 to 70, mean ")


def test_groups_are_held_apart_in_standard_deviations(small):
    """A positive difference: the second named is lower; equal groups are 0 apart."""
    rows = baseline_rows(small.assign(weight=[60.0, 62] * 3 + [70.0, 72] * 3))
    (apart,) = found(rows, analysis="baseline_difference", endpoint="weight", term="asct")

    (stage,) = found(rows, analysis="baseline_difference", endpoint="iss_stage", term="asct")
    assert stage["estimate"] == pytest.approx(0)
    assert apart["level"] == "asct against none"
    assert apart["estimate"] == pytest.approx(10 / np.std([60, 62] * 3, ddof=1))


def test_medians_of_the_peak_by_response_are_of_those_who_could_be_evaluated(small):
    """Three responders, two not, the rest not evaluable: by hand, beside the test of the same two groups."""
    small["cart_pct_of_t_cmax"] = [50.0, 60, 71, 80, 90, *[99.0] * 7]
    small["responder"] = pd.array([1, 1, 1, 0, 0, *[None] * 7], dtype="Int64")
    small["complete_response"] = pd.array([1, 0, 0, 0, 0, *[None] * 7], dtype="Int64")
    rows = expansion_rows(small)

    def median(term, level):
        (row,) = found(rows, analysis="expansion_median", endpoint="cart_pct_of_t_cmax", term=term, level=level)
        return row["n"], row["estimate"]

    assert median("responder", "response") == (3, 60)
    assert median("responder", "no response") == (2, 85)
    assert median("complete_response", "CR") == (1, 50)
    assert median("complete_response", "no CR") == (4, 75.5)
