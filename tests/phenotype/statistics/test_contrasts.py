"""The four contrasts: who is in which group, what is tested, what is not and why."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics.contrasts import (
    COMPARISON_COLUMNS,
    ESTIMATE_COLUMNS,
    compare_groups,
    median_interval,
    summarise_groups,
)
from phenotype.statistics.multiplicity import benjamini_hochberg, holm
from phenotype.statistics.ranks import cliffs_delta, hodges_lehmann, mann_whitney
from phenotype.subsets import SUBSETS

GROUPS_OF_R = {"none": "none", ">1y": "over_1y", "<=1y": "within_1y"}
TEXT = ["contrast", "subset", "test", "note"]


def cohort(**sizes: int) -> pd.DataFrame:
    """Return patients of each group with random fractions."""
    groups = [group for group, n in sizes.items() for _ in range(n)]
    fractions = np.random.default_rng(1).dirichlet([4, 8, 4, 1], len(groups))
    return pd.DataFrame(fractions, columns=list(SUBSETS)).assign(asct_group=groups)


def by_contrast(table: pd.DataFrame) -> pd.DataFrame:
    """Return comparisons by contrast and subset."""
    return table.set_index(["contrast", "subset"])


def test_the_contrasts_of_the_paper_in_its_order():
    """Four contrasts of four subsets; a transplant of unknown date is a transplant, of no known time."""
    table = compare_groups(cohort(none=8, over_1y=6, within_1y=4, unknown_time=1))

    sizes = table.drop_duplicates("contrast").set_index("contrast")[["n_a", "n_b"]]
    assert sizes.to_numpy().tolist() == [[11, 8], [6, 8], [4, 8], [4, 6]]
    assert list(sizes.index) == ["asct_vs_none", "over_1y_vs_none", "within_1y_vs_none", "within_1y_vs_over_1y"]
    assert list(table["subset"]) == list(SUBSETS) * 4


def test_the_columns_are_those_of_the_interface():
    """People's scripts read them by name, and the first twelve by place."""
    promised = "contrast, subset, n_a, n_b, median_a, median_b, difference, ci_low, ci_high, test, p_value, p_adjusted"

    table = compare_groups(cohort(none=4, over_1y=4, within_1y=4))

    assert tuple(table.columns) == COMPARISON_COLUMNS
    assert ", ".join(table.columns[:12]) == promised


@pytest.mark.parametrize("sizes", [{"none": 5, "over_1y": 5, "within_1y": 5}, {"none": 5, "over_1y": 1}, {}])
def test_column_types_do_not_depend_on_what_is_missing(sizes):
    """A column of no p-values is still one of numbers: else writing and adjusting differ from study to study."""
    table = compare_groups(cohort(**sizes))

    assert table[["n_a", "n_b"]].dtypes.eq(np.int64).all()
    assert table.drop(columns=[*TEXT, "n_a", "n_b"]).dtypes.eq(np.float64).all()
    assert table[TEXT].map(lambda cell: isinstance(cell, str)).all(axis=None)


def test_difference_is_first_named_minus_second():
    """Within a year less naive than never transplanted must read as a negative number."""
    data = cohort(none=6, over_1y=6, within_1y=6)
    data.loc[data["asct_group"] == "within_1y", "naive"] -= 0.2

    row = by_contrast(compare_groups(data)).loc[("within_1y_vs_none", "naive")]

    assert row["difference"] < 0
    assert row["cliffs_delta"] < 0
    assert row["ci_low"] <= row["difference"] <= row["ci_high"]
    assert row["median_a"] < row["median_b"]


def test_a_row_holds_what_the_rank_functions_say():
    """Nothing is computed, rounded or mixed up on the way to the table."""
    data = cohort(none=20, over_1y=10, within_1y=5)
    a, b = (np.sort(data.loc[data["asct_group"] == group, "effector"]) for group in ("over_1y", "none"))

    row = by_contrast(compare_groups(data)).loc[("over_1y_vs_none", "effector")]

    assert tuple(row[["difference", "ci_low", "ci_high"]]) == hodges_lehmann(a, b)
    assert tuple(row[["cliffs_delta", "cliffs_low", "cliffs_high"]]) == cliffs_delta(a, b)
    assert (row["test"], row["p_value"]) == (mann_whitney(a, b).method, mann_whitney(a, b).p_value)
    assert row["p_value"] == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue, rel=1e-10)
    assert row["note"] == ""


def test_comparisons_agree_with_r_where_all_are_far_apart(golden):
    """R's pairwise.wilcox.test is uncorrected and asymptotic; the exact p of 141 patients orders them the same."""
    data, expected = golden("kruskal_dunn_subsets")
    data = data.rename(columns=dict(zip(("cm", "em", "eff"), SUBSETS[1:], strict=True)))

    table = by_contrast(compare_groups(data.assign(asct_group=data["asct"].map(GROUPS_OF_R))))

    for subset, name in zip(SUBSETS, ("naive", "cm", "em", "eff"), strict=True):
        within_over, within_none, over_none = (
            table.loc[(contrast, subset), "p_value"]
            for contrast in ("within_1y_vs_over_1y", "within_1y_vs_none", "over_1y_vs_none")
        )
        p = expected["subsets"][name]["pairwise_wilcoxon_asymp"]["p"]
        assert np.log10([within_over, within_none, over_none]) == pytest.approx(
            np.log10([p[0][0], p[1][0], p[1][1]]), rel=0.35
        )


@pytest.mark.parametrize(
    ("sizes", "contrast", "note"),
    [
        ({"none": 6, "within_1y": 2}, "within_1y_vs_none", "2 and 6 patients; a test needs 3 in each group"),
        ({"none": 1, "over_1y": 6}, "asct_vs_none", "6 and 1 patients; a test needs 3 in each group"),
        (
            {"none": 6, "over_1y": 1},
            "within_1y_vs_over_1y",
            "0 and 1 patients; a test needs 3 in each group",
        ),
    ],
)
def test_a_small_group_is_not_tested_and_the_row_says_why(sizes, contrast, note):
    """Two patients prove nothing; their counts and medians are still facts."""
    data = cohort(**sizes)

    row = by_contrast(compare_groups(data)).loc[(contrast, "naive")]

    assert row["note"] == note
    assert row["test"] == ""
    assert row[["difference", "ci_low", "ci_high", "p_value", "p_adjusted", "cliffs_delta"]].isna().all()
    assert np.isfinite(row["median_a"]) == (row["n_a"] > 0)


def test_three_patients_are_tested():
    """The limit is three, not four: twelve patients of the paper are few enough."""
    table = compare_groups(cohort(none=9, over_1y=5, within_1y=3))

    assert table["p_value"].notna().all()
    assert (table["note"] == "").all()


def test_groups_too_small_for_an_interval_say_so():
    """Three against three have a p-value of at least 0.1, and no 95 % interval: an empty cell needs its reason."""
    data = cohort(none=3, over_1y=3, within_1y=3).assign(naive=np.arange(9) / 10)

    row = by_contrast(compare_groups(data)).loc[("within_1y_vs_none", "naive")]

    assert row["p_value"] == pytest.approx(0.1)
    assert row["difference"] == pytest.approx(0.6)
    assert row[["ci_low", "ci_high", "cliffs_low", "cliffs_high"]].isna().all()
    assert row["note"] == (
        "too few patients or too many ties for a 95 % interval of the difference; "
        "no overlap: Cliff's delta has no interval"
    )


def test_identical_fractions_are_not_tested():
    """A subset that is 0 in everybody has no p-value, and takes none from the others in the adjustment."""
    data = cohort(none=5, over_1y=5, within_1y=5).assign(effector=0.0)

    table = compare_groups(data)
    constant = table["subset"] == "effector"

    assert table.loc[constant, ["p_value", "p_adjusted", "difference"]].isna().all(axis=None)
    assert table.loc[constant, "median_a"].eq(0).all()
    assert table.loc[constant, "note"].str.fullmatch(r"all \d+ values are 0; there is nothing to rank").all()
    assert table["p_value"].notna().sum() == 12
    assert table.loc[~constant, "p_adjusted"].tolist() == holm(table.loc[~constant, "p_value"]).tolist()


def test_the_family_is_all_tests_done_or_those_of_a_contrast():
    """Eight tests as one family, or four and four: the study says which, and a test not done is in neither."""
    data = cohort(none=9, over_1y=7, within_1y=2)
    data.loc[data["asct_group"] == "over_1y", "naive"] += 0.3

    together, apart = compare_groups(data), compare_groups(data, family="contrast")

    done = together["p_value"].notna()
    first = together["contrast"] == "asct_vs_none"
    assert done.sum() == 8
    assert together.loc[done, "p_adjusted"].tolist() == holm(together.loc[done, "p_value"]).tolist()
    assert apart.loc[first, "p_adjusted"].tolist() == holm(apart.loc[first, "p_value"]).tolist()
    assert apart.loc[first, "p_adjusted_bh"].tolist() == benjamini_hochberg(apart.loc[first, "p_value"]).tolist()
    smallest = together["p_value"].idxmin()
    assert together.loc[smallest, "p_adjusted"] == pytest.approx(8 * together.loc[smallest, "p_value"])
    assert apart.loc[smallest, "p_adjusted"] == pytest.approx(4 * apart.loc[smallest, "p_value"])


@pytest.mark.parametrize("unknown", ["", None, np.nan])
def test_patients_without_phenotype_or_group_do_not_count(unknown):
    """Three of the paper's 141 had no product measured; one subset missing takes the patient out of that one only."""
    data = cohort(none=7, over_1y=6, within_1y=4)
    data.loc[0, list(SUBSETS)] = np.nan
    data.loc[1, "asct_group"] = unknown
    data.loc[2, "naive"] = np.nan

    table = by_contrast(compare_groups(data))

    assert table.loc[("asct_vs_none", "naive"), "n_b"] == 4
    assert table.loc[("asct_vs_none", "effector"), "n_b"] == 5
    assert table.loc[("asct_vs_none", "naive"), "n_a"] == 10


@given(st.permutations(range(14)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_patients_changes_nothing(order):
    """The tables of a study must be the same bytes whatever order its samples were finished in."""
    data = cohort(none=6, over_1y=4, within_1y=4)
    shuffled = data.iloc[list(order)].reset_index(drop=True)

    pd.testing.assert_frame_equal(compare_groups(shuffled), compare_groups(data), check_exact=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"naive": "naiv"}}, "cohort: no column 'naive'; did you mean 'naiv'"),
        ({"columns": {"asct_group": "group"}}, "cohort: no column 'asct_group'"),
    ],
)
def test_a_missing_column_is_named(change, message):
    """A subset by another name would otherwise be a KeyError from the depths of pandas."""
    with pytest.raises(ValueError, match=message):
        compare_groups(cohort(none=4, over_1y=4).rename(**change))


@pytest.mark.parametrize("function", [compare_groups, summarise_groups])
def test_an_unknown_group_is_refused(function):
    """Patients of a misspelt group would silently be in no comparison."""
    with pytest.raises(ValueError, match="cohort: no ASCT group 'within_1yr'; did you mean 'within_1y'"):
        function(cohort(none=4, within_1yr=4))


def test_an_unknown_family_is_refused():
    """Anything but "contrast" taken as "all" would hide a typing error in the adjusted p."""
    with pytest.raises(ValueError, match="comparisons: no family 'contrasts'; did you mean 'contrast'"):
        compare_groups(cohort(none=4, over_1y=4), family="contrasts")


def test_where_groups_are_equal_few_families_have_a_small_adjusted_p():
    """Holm promises at most 5 % of studies with any p_adjusted below 0.05; without it a third have one. 100 studies."""
    rng = np.random.default_rng(11)
    groups = cohort(none=20, over_1y=12, within_1y=6)["asct_group"]
    studies = [pd.DataFrame(rng.dirichlet([4, 8, 4, 1], 38), columns=list(SUBSETS)) for _ in range(100)]

    smallest = [compare_groups(study.assign(asct_group=groups))["p_adjusted"].min() for study in studies]

    assert np.mean(np.array(smallest) < 0.05) < 0.11


def test_kruskal_agrees_with_r(golden):
    """R's kruskal.test on four subsets in three groups, with ties and zeros; the case asks for 1e-7."""
    data, expected = golden("kruskal_dunn_subsets")
    short = dict(zip(("naive", "cm", "em", "eff"), SUBSETS, strict=True))

    table = summarise_groups(data.rename(columns=short).assign(asct_group=data["asct"].map(GROUPS_OF_R)))

    kruskal = table[table["analysis"] == "subset_kruskal"].set_index("endpoint")
    for name, subset in short.items():
        answer = expected["subsets"][name]["kruskal"]
        assert kruskal.loc[subset, ["statistic", "p_value"]].tolist() == pytest.approx(
            [answer["H"], answer["p"]], rel=1e-10, abs=0
        )


def test_medians_and_quartiles_agree_with_r(golden):
    """R's quantile(type = 7) of four columns, three groups and everybody; SAS and SPSS have other quartiles."""
    data, expected = golden("table1_sim_cart")
    columns = ["age", "lines", "ldh", "peak"]

    table = summarise_groups(data.assign(asct_group=data["asct"].map(GROUPS_OF_R)), columns)

    found = table.pivot_table(index=["endpoint", "level"], columns="analysis", values="estimate")
    for column in columns:
        answer = expected["continuous"][column]
        quartiles = ["subset_q1", "subset_median", "subset_q3"]
        assert found.loc[(column, "all"), quartiles].tolist() == answer["quartiles_type7_r_numpy"]
        assert found.loc[(column, "all"), "subset_mean"] == pytest.approx(answer["mean"], rel=1e-12)
        for level, group in GROUPS_OF_R.items():
            assert found.loc[(column, group), quartiles].tolist() == pytest.approx(answer["by_asct"][level][1:4])


def test_summaries_have_one_number_a_row():
    """A row is found by analysis, endpoint and level alone; every number says by which method."""
    table = summarise_groups(cohort(none=8, over_1y=7, within_1y=6, unknown_time=2))

    described = table[table["analysis"] != "subset_kruskal"]
    assert tuple(table.columns) == ESTIMATE_COLUMNS
    assert not table.duplicated(["analysis", "endpoint", "level"]).any()
    assert described["estimate"].notna().all()
    assert (table["method"] != "").all()
    assert table["n"].dtype == np.int64
    sizes = described.drop_duplicates("level").set_index("level")["n"].to_dict()
    assert sizes == {"none": 8, "over_1y": 7, "within_1y": 6, "unknown_time": 2, "asct": 15, "all": 23}


def test_everybody_includes_patients_whose_group_is_not_known():
    """The whole cohort has one size, whatever is known of the transplant."""
    data = cohort(none=8, over_1y=7)
    data.loc[0, "asct_group"] = ""

    table = summarise_groups(data).set_index(["analysis", "endpoint", "level"])

    assert table.loc[("subset_median", "naive", "all"), "n"] == 15
    assert table.loc[("subset_median", "naive", "none"), "n"] == 7


def test_a_group_without_patients_has_no_rows():
    """A median of nobody is no number; that nobody was there is in comparisons.csv."""
    table = summarise_groups(cohort(none=6))

    assert set(table["level"]) == {"none", "all", ""}


@pytest.mark.parametrize(
    ("data", "method"),
    [
        (
            cohort(none=6, over_1y=5, within_1y=2),
            "Kruskal-Wallis over none, over_1y, within_1y; not done: 6, 5, 2 patients, 3 are needed in each",
        ),
        (
            cohort(none=6, over_1y=5, within_1y=4).assign(naive=0.25),
            "Kruskal-Wallis over none, over_1y, within_1y; not done: "
            "all 15 values are 0.25; there is nothing to compare",
        ),
    ],
)
def test_kruskal_is_not_done_without_groups_or_variation(data, method):
    """SciPy would give NaN or raise; the row says what was missing."""
    row = summarise_groups(data).query("analysis == 'subset_kruskal' and endpoint == 'naive'").iloc[0]

    assert np.isnan(row["p_value"])
    assert row["method"] == method


@pytest.mark.parametrize("n", [6, 9, 12, 43, 83])
def test_median_intervals_hold_95_percent(n):
    """The binomial probability that the interval of order statistics holds the median is at least 95 %."""
    low, high = median_interval(np.arange(1.0, n + 1))

    inside = stats.binom.cdf(high - 1, n, 0.5) - stats.binom.cdf(low - 1, n, 0.5)
    narrower = stats.binom.cdf(high - 2, n, 0.5) - stats.binom.cdf(low, n, 0.5)
    assert inside >= 0.95 > narrower


def test_five_patients_have_no_95_percent_interval_of_the_median():
    """Even the whole range holds the median with 94 % only; giving it as 95 % would be wrong."""
    assert np.isnan(median_interval(np.arange(5.0))).all()
    table = summarise_groups(cohort(none=5, over_1y=6)).set_index(["analysis", "endpoint", "level"])
    assert table.loc[("subset_median", "naive", "none"), "method"] == "median; too few patients for a 95 % interval"
    assert table.loc[("subset_median", "naive", "over_1y"), ["ci_low", "ci_high"]].notna().all()
