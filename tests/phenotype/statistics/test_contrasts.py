"""The four contrasts: who is in which group, what is tested, what is not and why."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from phenotype.statistics.contrasts import compare_groups, median_interval, summarise_groups
from phenotype.subsets import SUBSETS


def cohort(**sizes: int) -> pd.DataFrame:
    """Return patients of each group with random fractions."""
    groups = [group for group, n in sizes.items() for _ in range(n)]
    fractions = np.random.default_rng(1).dirichlet([4, 8, 4, 1], len(groups))
    return pd.DataFrame(fractions, columns=list(SUBSETS)).assign(asct_group=groups)


def test_the_contrasts_of_the_paper_in_its_order():
    """Four contrasts of four subsets; a transplant of unknown date is a transplant, of no known time."""
    table = compare_groups(cohort(none=8, over_1y=6, within_1y=4, unknown_time=1))

    sizes = table.drop_duplicates("contrast").set_index("contrast")[["n_a", "n_b"]].to_numpy().tolist()
    assert sizes == [[11, 8], [6, 8], [4, 8], [4, 6]]
    assert list(table["contrast"].unique()) == [
        "asct_vs_none",
        "over_1y_vs_none",
        "within_1y_vs_none",
        "within_1y_vs_over_1y",
    ]


def test_difference_is_first_named_minus_second():
    """Within a year less naive than never transplanted must read as a negative number."""
    data = cohort(none=6, over_1y=6, within_1y=6)
    data.loc[data["asct_group"] == "within_1y", "naive"] -= 0.2

    row = compare_groups(data).set_index(["contrast", "subset"]).loc[("within_1y_vs_none", "naive")]

    assert row["difference"] < 0
    assert row["ci_low"] <= row["difference"] <= row["ci_high"]
    assert row["median_a"] < row["median_b"]


def test_p_values_are_scipys():
    """Computed again with another implementation, from the same column."""
    data = cohort(none=20, over_1y=10, within_1y=5)

    table = compare_groups(data).set_index(["contrast", "subset"])

    a = data.loc[data["asct_group"] == "over_1y", "effector"]
    b = data.loc[data["asct_group"] == "none", "effector"]
    expected = stats.mannwhitneyu(a, b, method="exact").pvalue
    assert table.loc[("over_1y_vs_none", "effector"), "p_value"] == pytest.approx(expected, rel=1e-9)


def test_a_group_of_two_is_not_tested_and_the_row_says_why():
    """Two patients prove nothing, and their medians are still facts."""
    table = compare_groups(cohort(none=6, over_1y=6, within_1y=2)).set_index(["contrast", "subset"])
    row = table.loc[("within_1y_vs_none", "naive")]

    assert np.isnan([row["p_value"], row["difference"], row["p_adjusted"]]).all()
    assert np.isfinite([row["median_a"], row["median_b"]]).all()
    assert row["note"] == "within_1y has 2 patients; a test needs 3 in each group"


def test_holm_counts_the_tests_that_were_done():
    """All sixteen as one family; or four by four when the study says so."""
    data = cohort(none=9, over_1y=7, within_1y=2)

    together, apart = compare_groups(data), compare_groups(data, family="contrast")

    smallest = together["p_value"].idxmin()
    assert together.loc[smallest, "p_adjusted"] == pytest.approx(min(1, 8 * together.loc[smallest, "p_value"]))
    assert apart.loc[smallest, "p_adjusted"] == pytest.approx(min(1, 4 * apart.loc[smallest, "p_value"]))


def test_identical_fractions_are_not_tested():
    """A subset that is 0 in everybody has no p-value."""
    data = cohort(none=4, over_1y=4, within_1y=4).assign(effector=0.0)

    rows = compare_groups(data).query("subset == 'effector'")

    assert rows["p_value"].isna().all()
    assert rows["note"].str.contains("nothing to rank").all()


def test_patients_without_phenotype_or_group_do_not_count():
    """Three of the paper's 141 had no product measured."""
    data = cohort(none=6, over_1y=6, within_1y=4)
    data.loc[0, list(SUBSETS)] = np.nan
    data.loc[1, "asct_group"] = ""

    assert compare_groups(data).loc[0, "n_b"] == 4


def test_kruskal_agrees_with_r(golden):
    """R's kruskal.test on four subsets in three groups."""
    data = pd.read_csv(golden / "kruskal_dunn_subsets" / "input.csv")
    expected = json.loads((golden / "kruskal_dunn_subsets" / "expected.json").read_text())["expected"]["subsets"]
    groups = data["asct"].map({"none": "none", ">1y": "over_1y", "<=1y": "within_1y"})
    short = dict(zip(("naive", "cm", "em", "eff"), SUBSETS, strict=True))

    table = summarise_groups(data.rename(columns=short).assign(asct_group=groups))

    kruskal = table[table["analysis"] == "subset_kruskal"].set_index("endpoint")
    for name, subset in short.items():
        assert kruskal.loc[subset, "statistic"] == pytest.approx(expected[name]["kruskal"]["H"], rel=1e-9)
        assert kruskal.loc[subset, "p_value"] == pytest.approx(expected[name]["kruskal"]["p"], rel=1e-7)


@pytest.mark.parametrize("n", [6, 9, 12, 43])
def test_median_intervals_hold_95_percent(n):
    """The binomial probability that the interval of order statistics holds the median is at least 95 %."""
    low, high = median_interval(np.arange(1.0, n + 1))

    inside = stats.binom.cdf(high - 1, n, 0.5) - stats.binom.cdf(low - 1, n, 0.5)
    narrower = stats.binom.cdf(high - 2, n, 0.5) - stats.binom.cdf(low, n, 0.5)
    assert inside >= 0.95 > narrower


def test_five_patients_have_no_95_percent_interval_of_the_median():
    """Even the whole range holds the median with 94 % only; giving it as 95 % would be wrong."""
    assert np.isnan(median_interval(np.arange(5.0))).all()
