"""Five sentences, each with its n, and none that the tables do not carry."""

from dataclasses import replace

import pandas as pd
import pytest

from phenotype.report.answer import answer
from phenotype.report.read import read_results
from phenotype.report.tables import products

ROW = {
    "contrast": "within_1y_vs_none", "subset": "naive", "n_a": 12, "n_b": 83, "median_a": 0.115, "median_b": 0.24,
    "difference": -0.109, "ci_low": -0.161, "ci_high": -0.042, "test": "Mann-Whitney", "p_value": 0.0021,
    "p_adjusted": 0.0084,
}  # fmt: skip
MODEL = {
    "term": "prior_asct", "level": "", "n": 141.0, "events": 75.0, "estimate": 2.267, "ci_low": 1.425, "ci_high": 3.606,
    "p_value": 0.00055,
}  # fmt: skip


@pytest.fixture
def tables(results):
    """Return the tables of the small folder."""
    return read_results(results)


def of(tables, **changes):
    """Answer from the tables with some of them replaced; plain spaces."""
    changed = replace(tables, **changes)
    said = answer(changed, products(changed))
    return replace(said, sentences=tuple(one.replace("\u00a0", " ") for one in said.sentences))


def test_the_answer_names_who_and_what_is_below_the_convention(tables):
    """Three of sixteen in the fixture; the contrast without any is named too."""
    said = of(tables)

    assert len(said.sentences) == 5
    assert "20 patients have a product phenotype and a group: 12 without prior ASCT, 5 more than" in said.sentences[0]
    assert "Of 16 comparisons of a subset between two groups (1 without a p), 3 have an adj" in said.sentences[1]
    assert "none of them of patients more than one year after ASCT with patients without" in said.sentences[1]
    assert len(said.comparisons) == 3


def test_when_nothing_is_below_the_smallest_is_shown(tables):
    """No p below 0.05 is an answer as well, with its numbers."""
    table = pd.DataFrame([{**ROW, "p_adjusted": 0.4}, {**ROW, "p_adjusted": 0.3, "subset": "effector"}])

    said = of(tables, comparisons=table)

    assert "none has an adjusted p below 0.05; before adjustment 2 have one." in said.sentences[1]
    assert said.comparisons[0].startswith("Effector: ")
    assert "does not show that groups are equal" in said.caution


def test_no_comparison_is_said(tables):
    """An empty cohort has no answer, and the report says so instead of nothing."""
    said = of(tables, comparisons=tables.comparisons.head(0), cohort=tables.cohort.head(0))

    assert said.sentences[0].startswith("0 patients have a product phenotype")
    assert "No comparison could be made" in said.sentences[1]
    assert said.comparisons == ()
    assert of(tables, cohort=tables.cohort.head(1)).sentences[0].startswith("1 patient has a ")


def test_outcomes_have_effect_interval_n_and_p_or_are_said_not_to_be_estimated(tables):
    """A p alone is no answer; a model that failed is not passed over."""
    cox = [MODEL | {"analysis": f"cox_{kind}", "endpoint": "PFS", "estimate": estimate, "method": "Cox"}
           for kind, estimate in (("univariable", 2.0), ("multivariable", 2.267))]  # fmt: skip
    covariate = MODEL | {"analysis": "cox_multivariable", "endpoint": "PFS", "term": "extramedullary_disease"}

    said = of(tables, estimates=pd.DataFrame([*cox, covariate])).sentences[2]

    assert "(adjusted for extramedullary disease)" in said
    assert "progression-free survival: hazard ratio 2.27 (95 % CI 1.43 to 3.61; n = 141, 75 events; p <0.001)" in said
    assert "overall survival: not estimated" in said
    assert "complete response: not estimated" in said


def test_an_endpoint_that_has_no_estimate_at_all_is_said(tables):
    """A folder without follow-up or kinetics must not read as if nothing had been found."""
    said = of(tables)

    assert "No model of response or survival" in said.sentences[2]
    assert "could not be compared" in said.sentences[3]


def test_expansion_is_a_difference_with_its_unit(tables):
    """Percentage points of T cells are not percent."""
    row = {"analysis": "expansion_test", "endpoint": "cart_pct_of_t_cmax", "term": "asct", "level": "asct against none",
           "n": 136.0, "events": None, "estimate": -12.186,
           "ci_low": -19.159, "ci_high": -6.855, "p_value": 1.3e-6}  # fmt: skip

    said = of(tables, estimates=pd.DataFrame([row])).sentences[3]

    assert "difference −12.2 percentage points of T cells (95 % CI −19.2 to −6.86; n = 136; p <0.001)" in said


def test_checks_count_what_failed_and_what_is_weak(tables):
    """What the numbers rest on stands beside them."""
    assert "1 file could not be processed; of 20 gated products, 0 have no number" in of(tables).sentences[4]


def test_each_conclusion_says_whether_it_survives_moving_the_gates(tables):
    """In how many gatings direction and conclusion held, and which shift of all samples changes it."""
    said = of(tables)

    assert [one.split(":")[0].split(",")[0] for one in said.robustness] == [
        one.split(":")[0] for one in said.comparisons
    ]
    assert "the direction held in 200 of 200 (100.0 %) plausible gatings" in said.robustness[0]
    assert "an adjusted p below 0.05, in 194 of 200 (97.0 %)" in said.robustness[0]
    assert "Of 2 shifts of one gate in all samples 1 change it: CD62L -0.1 decade in all sam" in said.robustness[0]
    assert "adjusted p = 0.310" in said.robustness[0].replace("\u00a0", " ")


def test_simulated_answers_say_so(tables):
    """A sentence is copied into a mail without its banner."""
    assert "All data are simulated" in of(tables).caution
    assert "simulated" not in of(tables, run={**tables.run, "synthetic": False}).caution
