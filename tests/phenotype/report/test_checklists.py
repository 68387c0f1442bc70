"""Checklists say what the run knows, and exactly what a person must add."""

from dataclasses import replace

import pandas as pd
import pytest

from phenotype.report.checklists import miflowcyt, remark
from phenotype.report.read import read_results

CHANNELS = pd.DataFrame(
    {
        "layout": ["1", "1"], "samples": ["20", "20"], "cytometer": ["FACSCanto II"] * 2, "channel": ["A", "B"],
        "marker": ["CD3", "CD62L"], "voltage": ["450", "460"], "filter": ["", ""], "excitation_nm": ["405", "405"],
    }
)  # fmt: skip


@pytest.fixture
def tables(results):
    """Return the tables of the small folder, with channels."""
    return replace(read_results(results), channels=CHANNELS)


def told(tables, **about):
    """Return the tables of a study whose study.toml says something of itself."""
    settings = {**tables.run.get("settings", {}), "about": about}
    return replace(tables, run={**tables.run, "settings": settings})


def by_number(items):
    """Return items by their number."""
    return {item.number: item for item in items}


def test_what_no_file_says_is_asked_for_by_its_place(tables):
    """An empty line would pass for done."""
    items = by_number(miflowcyt(tables))

    assert not items["1.1"].known
    assert "purpose = " in items["1.1"].answer
    assert "[about] of study.toml" in items["1.1"].answer
    assert all(item.answer for item in (*items.values(), *remark(tables)))


def test_what_the_study_says_of_itself_is_in_the_list(tables):
    """Written once, in study.toml, and never typed into a report."""
    items = by_number(miflowcyt(told(tables, purpose="Does ASCT matter?", instrument="BD, FACSDiva 9")))

    assert (items["1.1"].known, items["1.1"].answer) == (True, "Does ASCT matter?")
    assert items["3.1"].answer == "By the files: FACSCanto II; BD, FACSDiva 9"
    assert items["3.1"].known


def test_antibodies_are_asked_for_by_marker(tables):
    """Three of eight described is not described."""
    some = by_number(miflowcyt(told(tables, antibodies={"CD3": "UCHT1, BD 555332"})))["2.3"]
    every = by_number(miflowcyt(told(tables, antibodies={"CD3": "UCHT1", "CD62L": "DREG-56"})))["2.3"]

    assert not some.known
    assert some.answer.startswith("CD3: UCHT1, BD 555332. Not in any file: clone and vendor of CD62L")
    assert (every.known, every.answer) == (True, "CD3: UCHT1; CD62L: DREG-56")


def test_detectors_say_what_the_files_do_not(tables):
    """Voltages are in nearly every file, filters in few."""
    item = by_number(miflowcyt(tables))["3.2"]

    assert not item.known
    assert "1 layout of channels; the files do not say filters: add them in the paper" in item.answer


def test_models_are_claimed_where_there_is_an_estimate(tables):
    """A model that failed is no multivariable analysis."""
    row = {"analysis": "cox_multivariable", "endpoint": "PFS", "level": "", "n": 20.0, "estimate": 2.0}

    without, failed, with_one = (
        by_number(remark(replace(tables, estimates=table)))["16"]
        for table in (tables.estimates, pd.DataFrame([row | {"estimate": None}]), pd.DataFrame([row]))
    )

    assert not without.known
    assert not failed.known
    assert (with_one.known, with_one.answer) == (True, "Of PFS: Figure 3 and the Models table.")


def test_remark_has_its_twenty_items(tables):
    """And the two that are asked for besides."""
    numbers = [item.number for item in remark(tables)]

    assert [number for number in numbers if number.isdigit()] == [str(i) for i in range(1, 21)]
    assert {"19", "20"} <= {item.number for item in remark(tables) if not item.known}


def test_an_empty_run_has_lists_all_the_same(tables):
    """Every file may have failed."""
    bare = {
        name: getattr(tables, name).head(0) for name in ("cohort", "quality", "channels", "robustness", "estimates")
    }
    empty = replace(tables, run={}, **bare)

    assert "no patients" in by_number(miflowcyt(empty))["1.2"].answer
    assert by_number(remark(empty))["18"].answer == "No gate was moved."
