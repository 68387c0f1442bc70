"""Rows of the composition: against R on the same patients, and what zeros and small groups do to them."""

import numpy as np
import pandas as pd
import pytest

from phenotype.analyses.composition import composition_rows
from phenotype.study import Analyses
from phenotype.subsets import SUBSETS
from tests.phenotype.statistics.conftest import read_case

NAMES = {"none": "none", ">1y": "over_1y", "<=1y": "within_1y"}
OUTCOMES = ("complete_response", "pfs_months", "pfs_event", "os_months", "os_event")
AGE = Analyses(covariates=("prior_asct", "age"), permutations=199)


def cohort(case):
    """Return the patients of a case as a cohort, and what R says of them."""
    data, answer = read_case(case)
    table = data.rename(columns=dict(zip(("naive", "cm", "em", "eff"), SUBSETS, strict=True)))
    table["asct_group"] = data["asct"].map(NAMES)
    table = table.assign(prior_asct=(data["asct"] != "none").astype(int), **dict.fromkeys(OUTCOMES, np.nan))
    return table, answer["expected"]


def one(rows, analysis, term="asct_group", **wanted):
    """Return the only row that is what is wanted."""
    wanted |= {"analysis": analysis, "term": term}
    (row,) = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    return row


@pytest.fixture(scope="module")
def rows():
    """Give the rows of R's 141 patients."""
    return composition_rows(cohort("permanova_asct")[0], AGE)


def test_tests_of_three_groups_are_those_of_r(rows):
    """The groups, the zeros and the covariate reach the tests as they should."""
    distances, dirichlet, pillai = (
        read_case(case)[1]["expected"] for case in ("permanova_asct", "dirichlet_asct", "manova_ilr")
    )
    alone, beside = one(rows, "composition_permanova"), one(rows, "composition_permanova_adjusted")

    assert (alone["estimate"], alone["statistic"]) == pytest.approx(
        (distances["aitchison"]["r2"][0], distances["aitchison"]["F"][0])
    )
    assert beside["estimate"] == pytest.approx(distances["aitchison_marginal"]["r2"][1])
    assert beside["note"].startswith("adjusted for age")
    assert one(rows, "composition_manova")["p_value"] == pytest.approx(pillai["manova"]["Pillai"]["p"])
    assert one(rows, "composition_dirichlet")["statistic"] == pytest.approx(dirichlet["lr_asct_common"]["chisq"])
    assert one(rows, "composition_dispersion")["p_value"] == pytest.approx(distances["betadisper_centroid"]["p"])


def test_ratios_are_those_of_r(rows):
    """Each subset has the numbers of its own model: an exchanged order would show no other way."""
    models, means = read_case("manova_ilr")[1]["expected"]["clr_lm"], read_case("dirichlet_asct")[1]["expected"]
    fitted = np.array(means["fitted_mean_common"]["mean"])
    for i, subset in enumerate(SUBSETS):
        for place, level in enumerate(("over_1y against none", "within_1y against none"), start=1):
            row = one(rows, "composition_ratio", endpoint=subset, level=level)
            assert np.log([row["estimate"], row["ci_low"], row["ci_high"]]) == pytest.approx(
                [models[i][name][place] for name in ("coef", "lower", "upper")]
            )
            row = one(rows, "composition_dirichlet_ratio", endpoint=subset, level=level)
            assert row["estimate"] == pytest.approx(fitted[place, i] / fitted[0, i], rel=1e-4)
            assert row["ci_low"] < row["estimate"] < row["ci_high"]


def test_centres_are_closed_geometric_means(rows):
    """By hand, of the twelve patients within a year."""
    patients, _ = cohort("permanova_asct")
    own = patients.loc[patients["asct_group"] == "within_1y", list(SUBSETS)]
    own = (own / 100).clip(lower=0.0005)
    middle = np.exp(np.log(own).mean())
    shares = [one(rows, "composition_centre", level="within_1y", endpoint=subset)["estimate"] for subset in SUBSETS]

    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx((middle / middle.sum()).to_list(), rel=1e-3)


def simulated(sizes, zeros=0, seed=3):
    """Return a cohort of groups without difference; the first patients have no effectors."""
    group = np.repeat(["none", "over_1y", "within_1y"], sizes)
    parts = np.random.default_rng(seed).dirichlet([6, 12, 6, 2], len(group))
    parts[:zeros, 3] = 0
    return pd.DataFrame(parts / parts.sum(axis=1, keepdims=True), columns=list(SUBSETS)).assign(
        asct_group=group, age=np.arange(len(group)) % 17, **dict.fromkeys(OUTCOMES, np.nan)
    )


def test_what_stands_for_a_zero_is_tried_three_ways():
    """An invented number decides a logarithm: the reader sees whether it decides the test."""
    rows = composition_rows(simulated((20, 15, 12), zeros=4), AGE)
    tried = [row for row in rows if row["analysis"] == "composition_manova_zeros" and row["term"] == "asct_group"]

    assert [row["level"] for row in tried] == ["shares below 0.0001 as 0.0001", "shares below 0.001 as 0.001"]
    assert len({row["p_value"] for row in (*tried, one(rows, "composition_manova"))}) == 3
    assert one(rows, "composition_manova")["note"] == "a share below 0.0005 counts as 0.0005 in 4 patients"
    clean = simulated((20, 15, 12))
    clean[list(SUBSETS)] = clean[list(SUBSETS)] * 0.9 + 0.025
    assert not [row for row in composition_rows(clean, AGE) if row["analysis"] == "composition_manova_zeros"]


def test_a_small_group_is_said_where_it_makes_p_too_small():
    """The likelihood ratio rejects too often with few patients; the other tests do not."""
    rows = composition_rows(simulated((20, 15, 5)), AGE)

    assert one(rows, "composition_dirichlet")["note"] == "the smallest group has 5 patients: p is too small"
    assert one(rows, "composition_dirichlet", term="asct")["note"] == ""
    assert one(rows, "composition_manova")["note"] == ""


def test_a_group_of_two_stops_its_test_and_no_centre():
    """What can be said of the others is said; the test has its reason."""
    rows = composition_rows(simulated((20, 15, 2)), AGE)

    for analysis in ("composition_manova", "composition_ratio", "composition_dirichlet", "composition_permanova"):
        assert one(rows, analysis)["note"] == (
            "not estimated: patients with four fractions none: 20, over_1y: 15, within_1y: 2; "
            "a test needs 3 in each group"
        )
        assert "estimate" not in one(rows, analysis)
    assert one(rows, "composition_centre", level="none", endpoint="naive")["n"] == 20
    assert one(rows, "composition_manova", term="asct")["n"] == 37
    nobody = composition_rows(simulated((20, 15, 0)), AGE)
    assert (
        one(nobody, "composition_centre", level="within_1y")["note"] == "not estimated: no patient with four fractions"
    )


def test_a_product_without_any_cells_is_not_in_it():
    """Four fractions of 0 are no composition; three of four are none either."""
    patients = simulated((20, 15, 12))
    patients.loc[0, list(SUBSETS)] = 0.0
    patients.loc[1, "naive"] = np.nan

    assert one(composition_rows(patients, AGE), "composition_manova")["n"] == 45


def test_products_that_are_all_alike_are_reasons_and_not_numbers():
    """A table filled in with the same fractions for everybody gave p 0.01."""
    patients = simulated((20, 15, 12))
    patients[list(SUBSETS)] = [0.25, 0.45, 0.2, 0.1]
    patients[list(OUTCOMES)] = np.array([[1, 10, 1, 20, 0], [0, 12, 0, 12, 1]])[np.arange(len(patients)) % 2]
    rows = [row for row in composition_rows(patients, AGE) if row["analysis"] != "composition_centre"]

    assert all(row["note"].startswith("not estimated: ") for row in rows)
