"""Sentences are written from numbers, and names from files cannot act."""

import numpy as np
import pandas as pd
import pytest

from phenotype.report.read import read_results
from phenotype.report.text import (
    clean,
    comparison_sentence,
    other_year,
    robustness_sentences,
    without_paths,
)

ROW = {
    "contrast": "within_1y_vs_none", "subset": "naive", "n_a": 12, "n_b": 83, "median_a": 0.115, "median_b": 0.24,
    "difference": -0.109, "ci_low": -0.161, "ci_high": -0.042, "test": "Mann-Whitney", "p_value": 0.0021,
    "p_adjusted": 0.0084,
}  # fmt: skip


def test_a_comparison_is_one_sentence_with_all_its_numbers():
    """n, both medians, the difference with its interval, both P values: nothing to look up."""
    sentence = comparison_sentence(ROW).replace("\u00a0", " ")

    assert sentence == (
        "Naive: median 11.5 % within one year of ASCT (n = 12), 24.0 % without prior ASCT (n = 83); "
        "difference −10.9 points (95 % CI −16.1 to −4.2); p = 0.002, adjusted p = 0.008."
    )


def test_a_range_over_gatings_that_is_not_known_is_left_out():
    """A dash within a sentence is no number and reads as one."""
    row = {"contrast": "within_1y_vs_none", "subset": "naive", "gatings": 200, "p_adjusted": 0.7, "shift": ""}
    rest = {"difference_low": np.nan, "difference_high": np.nan, "share_same_sign": 0.9, "share_same_conclusion": 1.0}

    (said,) = robustness_sentences([ROW], pd.DataFrame([row | rest]))

    assert "in 200 of 200 (100.0 %). No gate" in said


def test_without_gatings_nothing_is_said_of_them(results):
    """A study with ``gatings = 0`` must not read as if its conclusions had been tried."""
    tables = read_results(results)

    assert robustness_sentences(tables.comparisons.to_dict("records"), tables.robustness.head(0)) == ()


def test_a_conclusion_that_no_shift_changes_says_so():
    """The good news, with the shifts that were tried: none may be left out."""
    row = {"contrast": "within_1y_vs_none", "subset": "naive", "gatings": 1, "difference": -0.1, "p_adjusted": 0.01}
    shifts = [row | {"shift": shift, "share_same_conclusion": 1.0} for shift in ("CAR +0.1", "CAR -0.1")]
    drawn = {"shift": "", "gatings": 200, "difference_low": -0.12, "difference_high": -0.09, "share_same_sign": 1.0}

    (said,) = robustness_sentences([ROW], pd.DataFrame([row | drawn | {"share_same_conclusion": 1.0}, *shifts]))

    assert said.endswith("Moving one gate in all samples (CAR +0.1 or CAR -0.1 decade) does not change it.")
    assert "difference −12.0 to −9.0 points" in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c\u200b", "abc"),
        ("a\x00b\x1b[2J", "ab[2J"),
        ("two\r\nlines\tand tab", "two lines and tab"),
        ("'=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("'quoted'", "'quoted'"),
        (np.nan, ""),
        (12, "12"),
    ],
)
def test_names_are_cleaned(text, shown):
    """What turns the text around it, or moves a terminal's cursor, is dropped; the name stays readable."""
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/li/a b/pt.fcs: bad", "…/a b/pt.fcs: bad"),
        (r"C:\Users\li\pt.fcs", "…/pt.fcs"),
        (r"\\server\share\pt.fcs", "…/pt.fcs"),
        ("batch1/pt.fcs", "batch1/pt.fcs"),
        ("height/area", "height/area"),
        ("5 / 6", "5 / 6"),
    ],
)
def test_absolute_paths_lose_their_folders(text, shown):
    """A report is mailed; user names and servers stay at home. Paths relative to the study are kept."""
    assert without_paths(text) == shown


def test_another_limit_than_a_year_is_said():
    """The groups are called `1 y` in every table; with another limit that name would mislead."""
    assert other_year({"settings": {"asct": {"within_days": 180}}}).endswith("as 180 days in every group's name.")
    assert other_year({"settings": {"asct": {"within_days": 365}}}) == ""
    assert other_year({}) == ""
