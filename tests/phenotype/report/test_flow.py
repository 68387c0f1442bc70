"""Every patient of the clinical sheet is in the flow: at its end, or left out once, with a reason."""

from dataclasses import replace

import pandas as pd
import pytest

from phenotype.report.flow import flow_picture, flow_steps, step_rows
from phenotype.report.read import read_results
from phenotype.subsets import SUBSETS


@pytest.fixture
def tables(results):
    """Return the tables of the small folder: twenty patients, of whom all have fractions."""
    return read_results(results)


def changed(tables, *, without_product=(), not_gated=None, unreported=(), flags="weak_gate;refused", **other):
    """Return the tables of a run in which some patients have no product, no gates or no fractions."""
    gone = {*without_product, *(not_gated or {})}
    cohort, subsets = tables.cohort.copy(), tables.subsets[~tables.subsets["patient_id"].isin(gone)].copy()
    cohort.loc[cohort["patient_id"].isin({*gone, *unreported}), list(SUBSETS)] = float("nan")
    subsets.loc[subsets["patient_id"].isin(unreported), "flags"] = flags
    run = {**tables.run, "join": {"without_product": list(without_product), **other}}
    run |= {} if not_gated is None else {"not_gated": not_gated}
    return replace(tables, cohort=cohort, subsets=subsets, run=run)


def flow_rows(**counts):
    """Return rows ``flow`` of estimates.csv for one step."""
    rows = [
        {"analysis": "flow", "endpoint": "response evaluable", "term": "", "level": level, "events": float(n)}
        for level, n in counts.items()
    ]
    return pd.DataFrame(rows, columns=["analysis", "endpoint", "term", "level", "events"])


def lines(steps, kind):
    """Return words and number of the boxes of a kind."""
    return {step.words: step.n for step in steps if step.kind == kind}


def test_each_step_is_the_one_before_less_those_left_out(tables):
    """A reader adds the boxes up, and they must."""
    run = changed(tables, without_product=["P001", "P013"], not_gated={"P002": "read", "P003": "gate"},
                  unreported=["P004", "P005"])  # fmt: skip
    steps = flow_steps(run)
    left, spine = 0, []
    for step in steps:
        if step.kind == "step":
            assert not spine or step.n == spine[-1] - left
            spine.append(step.n)
            left = 0
        elif step.kind == "left_out":
            assert sum(part.n for part in step.parts) in {0, step.n}
            left = step.n

    assert spine == [20, 18, 17, 16, 14]
    assert sum(lines(steps, "group").values()) == 14


def test_reasons_are_those_of_the_run(tables):
    """Why a product is missing decides whether its absence can bias a comparison."""
    steps = flow_steps(
        changed(
            tables, not_gated={"P001": "read", "P002": "read", "P003": "panel", "P004": "gate"}, unreported=["P005"]
        )
    )
    reasons = {part.words: part.n for step in steps if step.kind == "left_out" for part in step.parts}

    assert reasons == {
        "file could not be read": 2, "markers on other channels than in its batch": 1, "gating stopped": 1,
        "gate refused": 1,
    }  # fmt: skip
    assert lines(steps, "left_out") == {
        "Product file not used": 3,
        "Product not gated": 1,
        "Without all four fractions": 1,
    }


def test_a_patient_with_several_flags_counts_once(tables):
    """Counted twice, the reasons would exceed those left out."""
    steps = flow_steps(changed(tables, unreported=["P001", "P002"], flags="weak_gate;not_detected;parent_refused"))
    (out,) = [step for step in steps if step.kind == "left_out"]

    assert [(part.words, part.n) for part in out.parts] == [("gate above refused", 2)]


def test_flags_that_withhold_no_number_are_no_reason(tables):
    """A weak gate has a number; a patient without one and without a reason is said to be that."""
    (out,) = [step for step in flow_steps(changed(tables, unreported=["P001"], flags="weak_gate")) if step.parts and
              step.kind == "left_out"]  # fmt: skip

    assert [part.words for part in out.parts] == ["reason not flagged"]


def test_products_without_a_clinical_row_stand_beside(tables):
    """They are in no number: neither hidden nor counted."""
    steps = flow_steps(changed(tables, without_clinical=["P777", "P778"]))

    assert lines(steps, "beside") == {"Patients with a product and no clinical row, in no number below": 2}
    assert next(iter(lines(steps, "step").values())) == 20


def test_a_run_of_an_earlier_version_says_that_it_kept_no_reason(tables):
    """Its run.json does not say at which stage a product stopped."""
    bare = changed(tables, not_gated={"P001": "read"})
    steps = flow_steps(replace(bare, run={"join": {}}))

    assert lines(steps, "left_out") == {"Product file not used": 1}
    assert [part.words for step in steps if step.kind == "left_out" for part in step.parts] == [
        "reason not kept by this run"
    ]


def test_patients_of_an_unknown_date_are_what_the_named_groups_leave(tables):
    """estimates.csv has no row of theirs; without their box the groups would not sum to all."""
    cohort = tables.cohort.copy()
    cohort.loc[0, "asct_group"], cohort.loc[1, "asct_group"] = "unknown_time", ""
    rows = flow_rows(all=17, none=10, asct=6, over_1y=3, within_1y=2)
    boxes = {
        step.words: step for step in flow_steps(replace(tables, cohort=cohort, estimates=rows)) if step.kind == "group"
    }
    found = {words: {part.words: part.n for part in step.parts} for words, step in boxes.items()}

    assert {words: step.n for words, step in boxes.items()} == {
        "No ASCT": 10, "ASCT > 1 y before": 5, "ASCT ≤ 1 y before": 3, "ASCT, date unknown": 1, "Group not known": 1,
    }  # fmt: skip
    assert [parts["response evaluable"] for parts in found.values()] == [10, 3, 2, 1, 1]
    assert [parts["all of the group"] for parts in found.values()] == [10, 5, 3, 1, 1]


def test_without_rows_of_the_clinical_half_groups_have_their_patients(tables):
    """No kinetics, no dates, or a folder of an earlier version."""
    groups = [step for step in flow_steps(replace(tables, estimates=flow_rows())) if step.kind == "group"]

    assert [[part.words for part in step.parts] for step in groups] == [["all of the group"]] * 3


def test_a_group_that_is_empty_is_shown(tables):
    """Nobody transplanted within a year is a finding, not a missing box."""
    cohort = tables.cohort[tables.cohort["asct_group"] != "within_1y"]

    assert lines(flow_steps(replace(tables, cohort=cohort)), "group")["ASCT ≤ 1 y before"] == 0


def test_hostile_words_are_cleaned(tables):
    """Groups and stages come from files."""
    cohort = tables.cohort.assign(asct_group="\u202egroup\x1b[31m")
    steps = flow_steps(replace(changed(tables, not_gated={"P001": "\u202eread_it"}), cohort=cohort))

    words = [step.words for step in steps] + [part.words for step in steps for part in step.parts]
    assert "group[31m" in words
    assert "read it" in words
    assert not any("\u202e" in one or "\x1b" in one for one in words)


def test_the_picture_has_its_numbers_beside_it(tables):
    """Every number of the figure is a row of its table."""
    picture = flow_picture(changed(tables, without_product=["P001"]))
    table = pd.read_csv(tables.folder / picture.table, keep_default_na=False)

    assert picture.path.is_file()
    assert picture.path.with_suffix(".png").is_file()
    assert table.equals(step_rows(flow_steps(changed(tables, without_product=["P001"]))))
    assert "No product in the sample sheet 1." in picture.alt
    assert picture.alt.startswith("Patients in the clinical sheet 20.")


def test_a_run_with_nothing_is_drawn(tables):
    """Every file may have failed, and the sheet may be empty."""
    empty = replace(tables, run={}, cohort=tables.cohort.head(0), subsets=tables.subsets.head(0), estimates=flow_rows())

    assert set(lines(flow_steps(empty), "step").values()) == {0}
    assert flow_picture(empty).path.is_file()
