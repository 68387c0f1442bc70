"""Counts become rows: fractions with intervals, refusals without numbers."""

import json

import numpy as np
import pytest

from gating import Channel, Sample, declare_uncompensated, gate_from_coordinates, gate_sample, parse_template
from phenotype.frequencies import CountLimits, SampleKey, gate_rows, population_rows, subset_rows, threshold_rows
from phenotype.subsets import SUBSETS

KEY = SampleKey("s1", "P1", "s1.fcs", "B1")
HEADER = "population,parent,channels,method,arguments\n"
TEMPLATE = parse_template(
    HEADER
    + "".join(
        f"{name},root,A|B,quadrant,quadrant={signs}; x=at(10); y=at(10)\n"
        for name, signs in zip(SUBSETS, ("++", "+-", "--", "-+"), strict=True)
    )
)
NAMES = {subset: subset for subset in SUBSETS}


def gated(a, b, template=TEMPLATE):
    """Return a gated sample of events with these values on A and B."""
    events = np.column_stack([np.asarray(a, dtype=float), np.asarray(b, dtype=float)])
    sample = Sample("s1.fcs", (Channel("A"), Channel("B")), events)
    return gate_sample(declare_uncompensated(sample, "none (declared)"), template)


def test_counts_and_fractions_of_four_events_by_hand():
    """Three naive of four: 75 %, Wilson 30.1 to 95.4 %."""
    rows = {row["population"]: row for row in population_rows(KEY, gated([20, 20, 20, 1], [20, 20, 20, 1]))}

    assert rows["root"]["count"] == 4
    assert rows["root"]["fraction_of_parent"] is None
    naive = rows["naive"]
    assert (naive["count"], naive["parent_count"], naive["fraction_of_parent"]) == (3, 4, 0.75)
    assert (naive["ci_low"], naive["ci_high"]) == pytest.approx((0.3006, 0.9544), abs=1e-4)


@pytest.mark.parametrize(
    ("n", "flag", "given"),
    [
        (12, "not_detected", False),
        (13, "not_quantified", False),
        (21, "not_quantified", False),
        (22, "few_parent_events", True),
        (499, "few_parent_events", True),
        (500, "", True),
    ],
)
def test_a_fraction_below_the_limit_of_quantification_is_withheld(n, flag, given):
    """Too few cells give no fraction, and never 0; the count is still a fact."""
    half = n // 2
    values = [20] * half + [1] * (n - half)

    naive = subset_rows(KEY, gated(values, values), NAMES, CountLimits(min_subset_events=0))[0]

    assert naive["count"] == half
    assert naive["flags"] == flag
    assert (naive["fraction"] is not None) is given


@pytest.mark.parametrize(("count", "flag"), [(49, "few_subset_events"), (50, "")])
def test_a_fraction_of_few_events_is_flagged_however_many_their_parent_has(count, flag):
    """50 events: 14 % by counting alone; the limit itself is enough."""
    values = [20] * count + [1] * (2000 - count)

    naive = subset_rows(KEY, gated(values, values), NAMES, CountLimits())[0]

    assert (naive["count"], naive["flags"]) == (count, flag)


def test_the_four_fractions_sum_to_one():
    """The quadrants partition the CAR+ cells."""
    rng = np.random.default_rng(1)

    rows = subset_rows(KEY, gated(rng.uniform(0, 20, 1000), rng.uniform(0, 20, 1000)), NAMES, CountLimits())

    assert sum(row["fraction"] for row in rows) == pytest.approx(1)
    assert {row["parent_count"] for row in rows} == {1000}


def test_a_refused_threshold_leaves_every_number_empty():
    """Refused means no number in subsets.csv, and a flag."""
    template = parse_template(HEADER + "".join(f"{n},root,A|B,quadrant,quadrant=++; x=valley\n" for n in SUBSETS))

    rows = subset_rows(KEY, gated([1, 2], [1, 2], template), NAMES, CountLimits())

    assert [(row["count"], row["fraction"], row["flags"]) for row in rows] == [(None, None, "refused")] * 4


def test_the_gate_written_is_the_gate_applied():
    """A gate rebuilt from its row of gates.csv keeps the same events: every number can be made again."""
    rng = np.random.default_rng(2)
    sample = gated(rng.uniform(0, 20, 500), rng.uniform(0, 20, 500))

    for row in gate_rows(KEY, sample):
        gate = gate_from_coordinates("quadrant", row["channels"].split("|"), json.loads(row["coordinates"]))
        members = gate.contains(sample.sample.events)
        assert np.array_equal(members, sample.populations[row["population"]].members)


def test_shared_thresholds_are_located_once():
    """Four quadrants share two thresholds: two rows, with the medians of either side."""
    rows = threshold_rows(KEY, gated([1, 2, 30, 40], [5, 5, 50, 50]))

    assert [(r["marker"], r["threshold"], r["negative_median"], r["positive_median"]) for r in rows] == [
        ("A", 10.0, 1.5, 35.0),
        ("B", 10.0, 5.0, 50.0),
    ]
