"""The text to paste follows the run: its settings, its template, and only methods that it used."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from phenotype.report.methods import REFERENCES, methods
from phenotype.report.read import read_results


@pytest.fixture
def tables(results):
    """Return the tables of the small folder."""
    return read_results(results)


def text_of(tables, **run):
    """Return the paragraphs for a run with other settings."""
    return " ".join(methods(replace(tables, run={**tables.run, **run})).paragraphs)


def estimates(*rows):
    """Return estimates with a number each."""
    columns = ["analysis", "method", "endpoint", "estimate", "p_value"]
    return pd.DataFrame([(*row, "", 1.0, 0.5) for row in rows], columns=columns)


def test_methods_name_the_markers_and_signs_of_the_template(tables):
    """Where CD62L is shed a lab gates on CCR7; on CD45RO, which is lost where CD45RA is gained, the signs turn."""
    signs = {"Tn": "+-", "central_memory": "++", "effector_memory": "-+", "effector": "--"}
    template = [f"{name},CAR+ T,CCR7|CD45RO,quadrant,quadrant={s}; on=T cells" for name, s in signs.items()]

    text = text_of(tables, settings={"subsets": {"naive": "Tn"}}, template=template)

    assert "naive CCR7+ CD45RO−, central memory CCR7+ CD45RO+, effector memory CCR7− CD45RO+ and effector" in text
    assert "CD62L" not in text


def test_methods_claim_no_quadrant_that_is_none(tables):
    """Rectangles drawn by a person are not the four quadrants; the methods say which populations were compared."""
    text = text_of(tables, settings={}, template=["naive,CAR+ T,CD62L|CD45RA,rectangle,x=100 5000; y=100 5000"])

    assert "The four subsets are these populations of the gating template: naive naive, central memory" in text


def test_methods_say_the_tests_and_the_year(tables):
    """The methods follow the settings: another cut-off is another sentence."""
    text = text_of(tables, settings={"asct": {"within_days": 180, "reference": "apheresis"}})

    assert "Mann-Whitney U, exact" in text
    assert "over all tests of the table" in text
    assert "up to 180 days" in text
    assert "to apheresis" in text


def test_without_gatings_nothing_is_said_of_them(tables):
    """A study with ``gatings = 0`` must not read as if its conclusions had been tried."""
    assert "not that of thresholds, nor differences" in text_of(tables, settings={})
    assert "moved at once, 200 times" in text_of(tables, settings={"comparisons": {"gatings": 200}})


@pytest.mark.parametrize(
    ("rows", "there", "absent"),
    [
        (
            [],
            ["holm", "mann_whitney", "wilson"],
            ["gray", "fine_gray", "cox", "firth", "imwg", "kruskal", "kaplan_meier"],
        ),
        (
            [("survival_rate", "Kaplan-Meier")],
            ["kaplan_meier", "greenwood"],
            ["cox", "log_rank", "landmark", "schemper", "brookmeyer", "log_rank_trend"],
        ),
        ([("survival_rate", ""), ("survival_median", "")], ["brookmeyer"], ["schemper"]),
        ([("survival_rate", ""), ("follow_up", "")], ["schemper"], ["brookmeyer"]),
        ([("survival_rate", ""), ("log_rank_trend", "")], ["log_rank_trend"], ["log_rank"]),
        ([("survival_rate", ""), ("cox_univariable", "Cox, Efron ties")], ["cox", "efron"], ["proportional", "firth"]),
        (
            [("survival_rate", ""), ("cox_multivariable", "Firth Cox")],
            ["cox", "firth", "firth_cox"],
            ["efron", "firth_logistic"],
        ),
        ([("cumulative_incidence", ""), ("gray_test", "Gray")], ["aalen_johansen", "gray"], ["fine_gray", "cox"]),
        ([("cumulative_incidence", ""), ("fine_gray_multivariable", "")], ["fine_gray"], ["cox", "gray"]),
        (
            [("cumulative_incidence", ""), ("cause_specific_univariable", "Firth Cox, Breslow ties")],
            ["cox", "firth_cox"],
            ["fine_gray", "firth_logistic", "efron"],
        ),
        ([("logistic_univariable", "Firth logistic")], ["firth", "firth_logistic"], ["clopper", "rubin", "firth_cox"]),
        ([("logistic_univariable", "logistic"), ("cox_univariable", "Firth Cox")], [], ["firth_logistic"]),
        ([("logistic_imputed", "logistic")], ["rubin", "chained"], ["firth"]),
        ([("subset_trend", "")], ["jonckheere", "terpstra"], ["dunn"]),
        ([("composition_dirichlet", ""), ("composition_dispersion", "")], ["dirichlet", "dispersion"], ["pillai"]),
        ([("baseline_difference", "")], ["standardised"], ["imwg"]),
        ([("response_rate", "")], ["imwg", "imwg_reporting", "clopper"], ["astct", "ctcae"]),
    ],
)
def test_a_paper_is_cited_only_where_a_row_rests_on_it(tables, rows, there, absent):
    """A method that was not used, or gave no number, is not claimed."""
    found = methods(replace(tables, estimates=estimates(*rows))).references

    assert {REFERENCES[key] for key in there} <= set(found)
    assert not {REFERENCES[key] for key in absent} & set(found)


def test_a_row_without_a_number_is_not_a_method_that_was_used(tables):
    """What could not be estimated is a row with a reason, not a result."""
    rows = estimates(("gray_test", "Gray"), ("cumulative_incidence", ""))
    rows.loc[rows["analysis"] == "gray_test", ["estimate", "p_value"]] = None

    assert REFERENCES["gray"] not in methods(replace(tables, estimates=rows)).references


def test_a_penalty_that_did_not_help_is_not_cited(tables):
    """The row says Firth's method and has no number; another model has one."""
    rows = estimates(("logistic_univariable", "logistic"), ("logistic_multivariable", "Firth logistic"))
    rows.loc[rows["method"] == "Firth logistic", ["estimate", "p_value"]] = None

    assert REFERENCES["firth"] not in methods(replace(tables, estimates=rows)).references


def test_numbers_in_brackets_are_those_of_the_list(tables):
    """Every number is a reference, the first is 1, and each reference is cited."""
    rows = estimates(("survival_rate", ""), ("log_rank", ""), ("cox_univariable", ""), ("response_rate", ""),
                     ("cox_univariable_proportional", ""), ("landmark_rate", ""), ("cumulative_incidence", ""),
                     ("gray_test", ""), ("fine_gray_univariable", ""), ("cox_multivariable", "Cox, Efron ties"),
                     ("cox_multivariable", "Firth Cox"), ("cause_specific_univariable", "Firth Cox"))  # fmt: skip
    found = methods(replace(tables, estimates=rows))
    cited = [int(n) for group in re.findall(r"\[([\d, ]+)\]", " ".join(found.paragraphs)) for n in group.split(", ")]

    assert list(dict.fromkeys(cited)) == list(range(1, len(found.references) + 1))


def test_versions_are_named(tables):
    """Another version may give other numbers."""
    assert "phenotype 0.1.0 under Python 3.11.7, numpy 2.4.6 and pandas 2.3.3" in text_of(tables)


@pytest.mark.parametrize(
    ("endpoints", "there", "absent"),
    [
        (["CRS grade 3 or 4"], "CRS was graded by ASTCT [", "ICANS"),
        (["CRS any grade", "ICANS any grade"], "CRS and ICANS were graded by ASTCT [", "CTCAE"),
        (["anaemia grade 3 or more"], "Cytopenias of day 30 by CTCAE [", "ASTCT"),
    ],
)
def test_toxicity_is_graded_by_what_was_recorded(tables, endpoints, there, absent):
    """A sheet without ICANS has not graded it."""
    rows = pd.DataFrame([{"analysis": "toxicity_rate", "endpoint": name, "estimate": 0.5} for name in endpoints])
    text = " ".join(methods(replace(tables, estimates=rows)).paragraphs)

    assert there in text
    assert absent not in text


def test_when_and_on_what_cells_were_measured_is_said_as_far_as_it_is_known(tables):
    """A de-identified study has no days, many files no program; hostile words stay words."""
    full = {
        "first_date": "2019-10-30",
        "last_date": "2023-04-01",
        "cytometers": ["LSRII"],
        "software": ["FACSDiva 8.0"],
    }

    assert "measured from 2019-10-30 to 2023-04-01 on LSRII with FACSDiva 8.0. FCS" in text_of(tables, acquisition=full)
    assert "Cells were measured on LSRII." in text_of(tables, acquisition={"cytometers": ["LSR\u202eII"]})
    assert "on 2020-01-31. FCS" in text_of(tables, acquisition={"first_date": "2020-01-31", "last_date": "2020-01-31"})
    assert "Cells were measured" not in text_of(tables, acquisition={})
    assert "Cells were measured" not in text_of(tables)


def test_groups_with_another_limit_are_not_called_those_of_the_paper(tables):
    """Who compares with the paper must know that the groups are others."""
    assert "Groups are those of Jin et al." in text_of(tables, settings={"asct": {"within_days": 365}})
    assert "with another limit, of Jin et al." in text_of(tables, settings={"asct": {"within_days": 180}})
    assert "with another limit, of Jin et al." in text_of(tables, settings={"asct": {"reference": "apheresis"}})


def test_below_how_many_cells_there_is_no_fraction_is_said(tables):
    """It decides which patients are in no comparison."""
    assert "Of fewer than 22 CAR+ T cells" in text_of(tables, settings={"quality": {"not_quantified_below": 22}})
    assert "Of fewer than" not in text_of(tables, settings={})
