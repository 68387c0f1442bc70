"""Patients at baseline: what is missing, the three quartiles, standardised differences by hand, and what is refused."""

import numpy as np
import pytest

from phenotype.statistics.ranks import UntestableError, mann_whitney
from phenotype.statistics.table1 import (
    Levels,
    Numbers,
    compare_baseline,
    describe_baseline,
    difference_of_means,
    difference_of_shares,
    standardised_differences,
)
from phenotype.statistics.tables import fisher, fisher_freeman_halton

AGE = Numbers("age", [50, 60, 70, 80, np.nan, 55, 65, 75, np.nan, np.nan])
STAGE = Levels("stage", ["I", "II", "I", None, "III", "II", "", "II", "I", "II"], ("I", "II", "III", "IV"))
GROUPS = {"none": np.arange(10) < 5, "asct": (np.arange(10) >= 5) & (np.arange(10) < 8)}
EVERYBODY = {"all": np.ones(10, dtype=bool)}


def test_missing_values_are_counted_and_in_no_denominator():
    """Two of ten stages are missing: three of the eight others are I, 37.5 % and not 30."""
    rows = {row.level: row for row in describe_baseline([STAGE], EVERYBODY)}
    (age,) = describe_baseline([AGE], EVERYBODY)

    assert (rows["I"].count, rows["I"].n, rows["I"].missing, rows["I"].share) == (3, 8, 2, 0.375)
    assert (rows["IV"].count, rows["IV"].share) == (0, 0)
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    assert (age.n, age.missing, age.median, age.mean) == (7, 3, 65, 65)


def test_rows_stand_in_the_order_of_the_table():
    """Variable by variable, group by group, level by level; a variable of numbers has no level."""
    rows = describe_baseline([STAGE, AGE], GROUPS)

    assert [(row.variable, row.group, row.level) for row in rows] == [
        *(("stage", group, level) for group in ("none", "asct") for level in ("I", "II", "III", "IV")),
        ("age", "none", ""),
        ("age", "asct", ""),
    ]


def test_levels_without_an_order_are_those_that_occur():
    """By the alphabet, so that the table does not depend on the order of patients."""
    rows = describe_baseline([Levels("stage", ["II", None, "I", "II"])], {"all": np.ones(4, dtype=bool)})

    assert [(row.level, row.count) for row in rows] == [("I", 1), ("II", 2)]


@pytest.mark.parametrize(("whose", "q1", "q3"), [("R", 1.75, 3.25), ("SAS", 1.5, 3.5), ("SPSS", 1.25, 3.75)])
def test_quartiles_of_four_differ_by_program(whose, q1, q3):
    """1 2 3 4 by the three rules: 1 + 0.75, the mean of two, 5 / 4; the row says whose they are."""
    (row,) = describe_baseline([Numbers("x", [4, 2, 1, 3], whose)], {"all": np.ones(4, dtype=bool)})

    assert (row.q1, row.median, row.q3) == (q1, 2.5, q3)
    assert row.method == f"median, quartiles as {whose}'s"


def test_a_group_without_values_has_counts_alone():
    """Nobody's median is no number; one patient has a mean and no standard deviation."""
    who = {"empty": np.arange(10) == 4, "one": np.arange(10) == 0}
    empty, one = describe_baseline([AGE], who)
    stages = describe_baseline([STAGE], {"unknown": np.arange(10) == 3})

    assert (empty.n, empty.missing) == (0, 1)
    assert np.isnan([empty.median, empty.mean, empty.minimum]).all()
    assert (one.mean, one.minimum) == (50, 50)
    assert np.isnan(one.sd)
    assert np.isnan([row.share for row in stages]).all()


def test_differences_by_hand():
    """Means 2 apart, standard deviations 1 and 1; 60 % against 40 %: 0.2 over the root of 0.24."""
    assert difference_of_means([4, 5, 6], [2, 3, 4]) == 2
    assert difference_of_shares([6, 4], [4, 6]) == pytest.approx(0.2 / np.sqrt(0.24))
    assert difference_of_shares([5, 5, 0], [10, 10, 0]) == 0


def test_the_distance_of_shares_does_not_depend_on_the_order_of_levels():
    """Which level is left out, and one that nobody has, must not count; nor which group is first."""
    first = difference_of_shares([7, 5, 3], [2, 9, 11])

    assert difference_of_shares([3, 7, 5], [11, 2, 9]) == pytest.approx(first)
    assert difference_of_shares([2, 9, 11], [7, 5, 3]) == pytest.approx(first)
    assert difference_of_shares([7, 0, 5, 3], [2, 0, 9, 11]) == pytest.approx(first)
    # By another way: the distance of indicators along the direction that parts them best.
    p, q = np.array([7, 5, 3]) / 15, np.array([2, 9, 11]) / 22
    spread = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    assert first == pytest.approx(np.sqrt((p - q) @ np.linalg.pinv(spread) @ (p - q)))


def test_differences_are_of_known_values():
    """The missing age of one patient and the missing stage of two others each reduce their own n alone."""
    stage, age = standardised_differences([STAGE, AGE], GROUPS)

    assert (stage.first, stage.second, stage.n) == ("none", "asct", 6)
    assert (age.n, age.estimate) == (7, difference_of_means([50, 60, 70, 80], [55, 65, 75]))
    assert stage.estimate == difference_of_shares([2, 1, 1, 0], [0, 2, 0, 0])


def test_what_has_no_difference_says_why():
    """A row without a number needs a reason."""
    groups = {"a": np.array([True, True, False, False]), "b": np.array([False, False, True, True])}
    found = standardised_differences(
        [Numbers("same", [1, 1, 2, 2]), Levels("apart", ["x", "x", "y", "y"]), Levels("few", [None, None, "y", "y"])],
        groups,
    )

    assert [row.note for row in found] == [
        "neither group varies",
        "the levels of one group are none of the other's",
        "groups of 0 and 2; each needs a patient",
    ]
    assert np.isnan([row.estimate for row in found]).all()
    with pytest.raises(UntestableError, match="each needs two values"):
        difference_of_means([1], [2, 3])


def test_tests_leave_missing_values_out():
    """Counted as a level, as one package does by default, two unknown stages would change p from 0.26."""
    yes = Levels("emd", ["y", "n", "n", "n", None, "y", "y", "y", None, "n"])
    groups = {"none": np.arange(10) < 5, "asct": np.arange(10) >= 5}
    flag, age, stage = compare_baseline([yes, AGE, STAGE], groups)

    assert (flag.n, flag.p_value) == (8, fisher([[1, 3], [3, 1]]).p_value)
    expected = mann_whitney([50, 60, 70, 80], [55, 65, 75])
    assert (age.n, age.statistic, age.p_value) == (7, expected.statistic, expected.p_value)
    assert stage.p_value == fisher_freeman_halton([[2, 1, 1], [1, 3, 0]]).p_value
    assert np.isnan(stage.statistic)


def test_three_groups_are_compared_at_once():
    """Kruskal and Wallis for numbers, three rows for levels."""
    groups = {name: np.arange(10) % 3 == place for place, name in enumerate(("a", "b", "c"))}
    age, stage = compare_baseline([AGE, STAGE], groups)

    assert (age.method, age.n) == ("Kruskal-Wallis", 7)
    assert (stage.method, stage.n) == ("Fisher-Freeman-Halton, exact", 8)


def test_what_cannot_be_tested_says_why():
    """One level in all, an empty group."""
    one, empty = compare_baseline([Levels("sex", ["m"] * 10), Numbers("ldh", [1, 2, 3, 4, 5, *[np.nan] * 5])], GROUPS)

    assert (one.note, one.method) == ("all 8 patients have one level", "not tested")
    assert empty.note.startswith("groups of 5 and 0")
    assert np.isnan([one.p_value, empty.p_value]).all()


def test_what_is_given_wrongly_is_refused():
    """A patient in two groups would be compared with himself; a number among levels would become one more level."""
    with pytest.raises(ValueError, match="5 patients are in none and in all"):
        standardised_differences([AGE], GROUPS | EVERYBODY)
    with pytest.raises(ValueError, match="5 patients are in none and in all"):
        compare_baseline([AGE], GROUPS | EVERYBODY)
    with pytest.raises(ValueError, match="1 groups; a comparison needs two"):
        compare_baseline([AGE], EVERYBODY)
    with pytest.raises(ValueError, match=r"group none: bool of shape \(10,\); age needs bool, \(3,\)"):
        describe_baseline([Numbers("age", [1, 2, 3])], GROUPS)
    with pytest.raises(ValueError, match="group x: int64"):
        describe_baseline([Numbers("age", [1, 2, 3])], {"x": np.array([0, 1, 1])})
    with pytest.raises(ValueError, match=r"stage: 2\.0; levels are text"):
        describe_baseline([Levels("stage", ["I", 2.0, "I"])], {"x": np.ones(3, dtype=bool)})
    with pytest.raises(ValueError, match="stage: no level 'Il'; did you mean 'I'"):
        describe_baseline([Levels("stage", ["Il"], ("I", "II"))], {"x": np.ones(1, dtype=bool)})
    with pytest.raises(ValueError, match="age: no convention of quartiles 'SPS'; did you mean 'SPSS'"):
        describe_baseline([Numbers("age", [1.0], "SPS")], {"x": np.ones(1, dtype=bool)})
    with pytest.raises(ValueError, match="finite or NaN"):
        describe_baseline([Numbers("age", [1.0, np.inf])], {"x": np.ones(2, dtype=bool)})
