"""Figures 2 and 3: every number on them is a row of estimates.csv, which lies beside them."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from phenotype.analyses import curve_table
from phenotype.analyses.relapse import relapse_rows
from phenotype.analyses.response import response_rows
from phenotype.analyses.rows import estimates_table
from phenotype.analyses.survival import survival_rows
from phenotype.report.outcome_figures import figure_2_curves, figure_2_rows, figure_3_rows, outcome_pictures
from phenotype.report.read import read_results
from phenotype.study import Analyses


@pytest.fixture(scope="module")
def cohort():
    """Return 24 patients made by hand: half with ASCT, both responses, events in each endpoint."""
    n = 24
    months = [2.0 + 1.7 * i for i in range(n)]
    best = ["CR", "PR", "sCR", "VGPR", "SD", "CR"] * 4
    cr = [int(one in {"CR", "sCR"}) for one in best]
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:02d}" for i in range(n)],
            "asct_group": ["none", "over_1y", "none", "within_1y"] * 6,
            "prior_asct": [0, 1, 0, 1] * 6,
            "age_years": [50 + (7 * i) % 23 for i in range(n)],
            "best_response": best,
            "responder": [int(one != "SD") for one in best],
            "complete_response": cr,
            "pfs_months": months, "pfs_event": [1, 1, 0, 1, 0, 1] * 4,
            "os_months": [1.5 * time for time in months], "os_event": [0, 1, 0] * 8,
            "cir_months": [time if one else None for time, one in zip(months, cr, strict=True)],
            "cir_event": [i % 3 if one else None for i, one in enumerate(cr)],
            "naive": 0.25, "central_memory": 0.25, "effector_memory": 0.25, "effector": 0.25,
        }
    )  # fmt: skip


SETTINGS = Analyses(covariates=("prior_asct", "age_years"), relapse_clock="response")


@pytest.fixture(scope="module")
def folder(cohort, tmp_path_factory):
    """Return a result folder of these patients: the tables of the clinical half."""
    path = tmp_path_factory.mktemp("results")
    rows = [row for make in (response_rows, survival_rows, relapse_rows) for row in make(cohort, SETTINGS)]
    for name, table in (
        ("cohort", cohort), ("estimates", estimates_table(rows)), ("curves", curve_table(cohort, SETTINGS)),
    ):  # fmt: skip
        table.to_csv(path / f"{name}.csv", index=False)
    run = {"synthetic": True, "settings": {"analyses": {"relapse_clock": "response"}}}
    (path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(folder):
    """Return the folder as the report reads it."""
    return read_results(folder)


@pytest.fixture(scope="module")
def pictures(results, tmp_path_factory):
    """Return Figures 2 and 3 of it."""
    return outcome_pictures(replace(results, folder=tmp_path_factory.mktemp("drawn")))


def test_both_figures_come_in_the_order_of_the_paper_with_their_numbers(pictures):
    """SVG, PNG and CSV lie beside each other; captions and alternative texts are there."""
    assert [picture.stem for picture in pictures] == ["figure_2", "figure_3"]
    for picture in pictures:
        beside = {path.name for path in picture.path.parent.iterdir()}
        assert {f"{picture.stem}.svg", f"{picture.stem}.png", f"{picture.stem}.csv"} <= beside
        assert picture.caption.endswith(".")
        assert len(picture.alt) > 200


def test_written_numbers_are_rows_of_estimates(results):
    """Taken over, not computed: each row of both figures' tables is in estimates.csv, digit for digit."""
    key = ["analysis", "endpoint", "term", "level", "time"]
    known = {tuple(map(str, row)) for row in results.estimates[[*key, "estimate", "ci_low", "p_value"]].to_numpy()}
    for table in (figure_2_rows(results.estimates), figure_3_rows(results.estimates, results.cohort)):
        rows = {tuple(map(str, row)) for row in table[[*key, "estimate", "ci_low", "p_value"]].to_numpy()}
        assert rows
        assert rows <= known


def test_figure_2_shows_the_latest_month_that_could_be_estimated(results):
    """At 48 months nobody in CR is left in one group: the latest number, not an empty one."""
    rows = figure_2_rows(results.estimates)
    rates = rows[rows["analysis"].isin(["survival_rate", "landmark_rate", "cumulative_incidence"])]

    assert rates.groupby(["panel", "endpoint", "level"]).size().eq(1).all()
    for row in rates.to_dict("records"):
        same = results.estimates[
            (results.estimates["analysis"] == row["analysis"]) & (results.estimates["endpoint"] == row["endpoint"])
            & (results.estimates["term"] == row["term"]) & (results.estimates["level"] == row["level"])
        ]  # fmt: skip
        assert row["time"] == same.loc[same["estimate"].notna(), "time"].max()


def test_panels_of_figure_2_have_the_rows_of_their_letter(results):
    """All patients in A and B, by response in C and D, competing events in E, responses in F."""
    rows = figure_2_rows(results.estimates)
    found = {letter: set(part["analysis"]) for letter, part in rows.groupby("panel")}

    assert found == {
        "A": {"survival_rate", "survival_median"}, "B": {"survival_rate", "survival_median"},
        "C": {"landmark_rate", "landmark_log_rank"}, "D": {"landmark_rate", "landmark_log_rank"},
        "E": {"cumulative_incidence"}, "F": {"best_response", "response_rate"},
    }  # fmt: skip
    assert set(rows.loc[rows["panel"].isin(["A", "B", "E"]), "level"]) == {"all"}
    assert sorted(rows.loc[rows["analysis"] == "landmark_rate", "level"]) == ["CR", "CR", "no CR", "no CR"]
    curves = figure_2_curves(results.curves)
    assert set(curves.loc[curves["panel"] == "E", "level"]) == {"relapse", "death without relapse"}
    assert set(curves.loc[curves["panel"] == "D", "level"]) == {"CR", "no CR"}


def test_drawn_words_are_rounded_rows(pictures, results):
    """The SVG holds its text as text: rate, median and hazard ratio as the rows have them."""
    first, third = (picture.path.read_text(encoding="utf-8") for picture in pictures)
    rate = figure_2_rows(results.estimates).query("panel == 'A' and analysis == 'survival_rate'").iloc[0]
    ratio = figure_3_rows(results.estimates, results.cohort).query("endpoint == 'PFS' and name == 'prior ASCT'").iloc[0]

    assert f"{100 * rate['estimate']:.1f} % (" in first
    assert f"at {rate['time']:g} months" in first
    assert "months from response" in first
    assert f"{ratio['estimate']:.3f} ({ratio['ci_low']:.3f} to {ratio['ci_high']:.3f})" in third
    assert "SYNTHETIC DATA" in first
    assert "SYNTHETIC DATA" in third


def decimals(picture):
    """Return every number with decimals that is written on a figure, but its ticks."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture.path.read_text(encoding="utf-8"))
    ticks = {"0.05", "0.1", "0.2", "0.5"}
    return {found for text in texts if text not in ticks for found in re.findall(r"\d+\.\d+", text)}


def test_no_number_is_written_that_is_not_in_the_table_beside_the_figure(pictures):
    """All of them, read back from the picture: percent and months with one decimal, ratios and p with three."""
    first, third = (pd.read_csv(picture.path.parent / f"{picture.stem}.csv") for picture in pictures)
    values = first[["estimate", "ci_low", "ci_high"]].to_numpy().ravel()
    shown = {f"{value * scale:.1f}" for value in values for scale in (1, 100)}
    shown |= {f"{p:.3f}" for p in first["p_value"]} | {"0.001"}
    ratios = third[["estimate", "ci_low", "ci_high", "p_value"]].to_numpy().ravel()

    assert len(decimals(pictures[0])) > 20
    assert decimals(pictures[0]) <= shown
    assert len(decimals(pictures[1])) > 20
    assert decimals(pictures[1]) <= {f"{value:.{places}f}" for value in ratios for places in (2, 3)} | {"0.001"}


def test_covariates_have_names_to_read_and_numbers_their_unit(results):
    """A ratio of age is per year: without a unit 1.01 looks like nothing."""
    rows = figure_3_rows(results.estimates, results.cohort)

    assert set(rows.loc[rows["kind"] == "univariable", "name"]) == {"prior ASCT", "age years (per 1)"}
    assert not rows["firth"].any()
    assert rows.loc[rows["kind"] == "multivariable", "few"].any()
    assert list(rows.groupby("panel", sort=False)["endpoint"].unique().map(list)) == [["CR", "relapse"], ["PFS", "OS"]]


def test_alternative_texts_hold_the_main_numbers(pictures, results):
    """Who cannot see the figure gets the rates, and which intervals leave out 1."""
    rows = figure_2_rows(results.estimates)
    cr = rows[(rows["analysis"] == "response_rate") & (rows["endpoint"] == "CR")].iloc[0]

    assert f"CR {100 * cr['estimate']:.1f} % (95 % interval" in pictures[0].alt
    assert "CR 8 of 24, VGPR 4 of 24" in pictures[0].alt
    assert "Overall survival, Cox, multivariable, hazard ratio: intervals without 1" in pictures[1].alt


def test_a_level_apart_from_one_is_named_in_the_alternative_text(folder, tmp_path):
    """The interval below decides: 1.3 to 9 leaves out 1, 0.9 to 9 does not."""
    results = read_results(folder)
    estimates = results.estimates
    here = (estimates["analysis"] == "cox_multivariable") & (estimates["endpoint"] == "OS")
    estimates.loc[here, ["estimate", "ci_low", "ci_high"]] = [[3.4, 1.3, 9.0], [2.8, 0.9, 9.0]]

    alt = outcome_pictures(replace(results, folder=tmp_path))[1].alt
    assert alt.endswith("intervals without 1, 1 of 2: prior ASCT 3.400 (1.300 to 9.000).")


def test_a_folder_without_a_clinical_half_has_neither_figure(results, tmp_path):
    """No rows, no figure, no file."""
    empty = replace(results, estimates=results.estimates[:0], curves=results.curves[:0])

    assert outcome_pictures(replace(empty, folder=tmp_path)) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_an_earlier_version_has_its_figures(results, tmp_path):
    """It lacks columns and the curves by response; panels say what is missing."""
    old = replace(
        results,
        estimates=results.estimates.drop(columns=["note", "method"]),
        curves=results.curves[results.curves["term"] != "complete_response"],
    )

    picture, _ = outcome_pictures(replace(old, folder=tmp_path))
    assert "curves.csv has no such curve" in picture.path.read_text(encoding="utf-8")


def test_figures_are_the_same_bytes_again(results, pictures, tmp_path):
    """Two runs on the same tables can be compared file by file."""
    again = outcome_pictures(replace(results, folder=tmp_path))

    assert [one.path.read_bytes() for one in pictures] == [one.path.read_bytes() for one in again]
