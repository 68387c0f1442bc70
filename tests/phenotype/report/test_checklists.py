"""Checklists say what the run knows, and exactly what a person must add."""

from dataclasses import replace

import pandas as pd
import pytest

from phenotype.report.checklists import miflowcyt, remark, remark_profile, write_checklists
from phenotype.report.read import read_results
from phenotype.study import About

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
    assert items["3.1"].answer == "By the files: FACSCanto II. BD, FACSDiva 9"
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
    silent, said = (by_number(miflowcyt(one))["3.2"] for one in (tables, told(tables, detectors="450/50, 405 nm")))

    assert not silent.known
    assert (
        "1 layout of channels; the files do not say filters. The rest is in no file: write detectors" in silent.answer
    )
    assert (said.known, said.where) == (True, "channels.csv")
    assert said.answer.endswith("450/50, 405 nm")


def test_models_are_claimed_where_there_is_an_estimate(tables):
    """A model that failed is no multivariable analysis."""
    row = {"analysis": "cox_multivariable", "endpoint": "PFS", "level": "", "n": 20.0, "estimate": 2.0, "p_value": 0.1}

    without, failed, with_one = (
        by_number(remark(replace(tables, estimates=table)))["16"]
        for table in (tables.estimates, pd.DataFrame([row | {"estimate": None, "p_value": None}]), pd.DataFrame([row]))
    )

    assert not without.known
    assert not failed.known
    assert (with_one.known, with_one.answer) == (True, "Of PFS: Figure 3 and table Models.")


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


def rows_of(*rows):
    """Return estimates: analysis, endpoint, term, n, events, estimate."""
    columns = ["analysis", "endpoint", "term", "n", "events", "estimate"]
    return pd.DataFrame(rows, columns=columns).assign(level="", p_value=float("nan"), statistic=float("nan"))


PARTLY = {"2": "patients", "6": "design", "11": "cut_points"}


@pytest.mark.parametrize(("number", "key"), PARTLY.items())
def test_an_item_of_which_the_run_knows_a_part_is_not_done(tables, number, key):
    """That a limit was chosen before the data were looked at is in no file: only a person can say it."""
    without = by_number(remark(tables))[number]
    with_it = by_number(remark(told(tables, **{key: "as registered"})))[number]

    assert not without.known
    assert f"The rest is in no file: write {key} = " in without.answer
    assert with_it.known
    assert with_it.answer.endswith(" as registered")


def test_every_word_of_about_fills_an_item(tables):
    """What a person wrote into study.toml and nobody reads was written in vain."""
    words = {name: f"<{name}>" for name in About.model_fields if name != "antibodies"}
    run = told(tables, **words)
    answers = " ".join(item.answer for item in (*miflowcyt(run), *remark(run)))

    assert [name for name, word in words.items() if word not in answers] == []


def test_endpoints_are_those_with_a_number(tables):
    """A sheet without dates has no PFS; a run without kinetics no expansion."""
    none = by_number(remark(replace(tables, estimates=rows_of())))["7"]
    response = by_number(remark(replace(tables, estimates=rows_of(("response_rate", "CR", "", 20.0, 9.0, 0.45)))))["7"]

    assert (none.known, none.answer[:34]) == (False, "No endpoint could be estimated: th")
    assert response.answer == "Response: IMWG. Rules: Methods."


def test_the_subsets_are_held_against_what_was_measured(tables):
    """Without kinetics nothing was said of the peak."""
    row = ("subset_correlation", "naive", "months_from_asct", 8.0, None, 0.3)
    peak = ("subset_correlation", "naive", "cart_pct_of_t_cmax", 20.0, None, 0.2)
    alone, both = (
        by_number(remark(replace(tables, estimates=rows_of(*rows))))["14"].answer for rows in ([row], [row, peak])
    )

    assert alone == "Subsets by ASCT: Figure 4; by months since ASCT: Outcomes."
    assert "by months since ASCT and peak of CAR-T cells, % of T cells: Outcomes" in both


def test_the_profile_has_patients_and_events_of_each_analysis(tables):
    """As REMARK asks: a reader sees of how many patients and events every estimate is."""
    estimates = rows_of(
        ("cox_univariable", "PFS", "prior_asct", 20.0, 11.0, 2.0),
        ("cox_univariable", "PFS", "iss_stage", 18.0, 10.0, 1.5),
        ("cox_univariable", "PFS", "weight_kg", 15.0, 9.0, None),
        ("gray_test", "relapse", "asct", 9.0, 3.0, None),
    )  # fmt: skip
    profile = remark_profile(replace(tables, estimates=estimates))
    lines = {row.what: (row.patients, row.events, row.variables) for row in profile if row.part == "analyses"}

    assert lines["PFS, each covariate alone"] == ("18 to 20", "10 to 11", "prior asct and iss stage")
    assert not any("relapse" in what for what in lines)
    assert lines["Subsets: patients within one year of ASCT with patients without prior ASCT"][0] == "15"
    assert next(row for row in profile).what == "Patients in the clinical sheet"
    assert profile[0].patients == "20"


def test_a_rate_of_a_group_is_not_that_of_all(tables):
    """Rows of groups are in estimates.csv too; the profile counts patients once."""
    table = pd.concat([
        rows_of(("response_rate", "CR", "", 20.0, 9.0, 0.45)).assign(level="all"),
        rows_of(("response_rate", "CR", "asct", 8.0, 2.0, 0.25)).assign(level="asct"),
    ])  # fmt: skip
    (line,) = [row for row in remark_profile(replace(tables, estimates=table)) if row.what.startswith("CR: share")]

    assert (line.patients, line.events) == ("20", "9")


def test_lists_are_files_for_a_supplement(tables):
    """With what is missing marked, and no formula for a spreadsheet."""
    write_checklists(told(tables, purpose="=HYPERLINK(1)", staining="\u202eon ice"))
    lists = pd.read_csv(tables.folder / "checklists.csv", dtype=str, keep_default_na=False)
    profile = pd.read_csv(tables.folder / "remark_profile.csv", dtype=str, keep_default_na=False)

    assert set(lists["checklist"]) == {"MIFlowCyt", "REMARK"}
    assert lists.loc[lists["item"] == "1.1", ["answer", "known"]].to_numpy().tolist() == [["'=HYPERLINK(1)", "1"]]
    assert lists.loc[lists["item"] == "2.2", "answer"].tolist() == ["on ice"]
    assert profile["what"][0] == "Patients in the clinical sheet"
