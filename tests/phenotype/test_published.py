"""The paper's numbers beside the study's."""

import numpy as np
import pytest

from phenotype.analyses.rows import estimates_table
from phenotype.published import PUBLISHED, PUBLISHED_COLUMNS, beside_published


def test_published_ratios_are_what_they_say():
    """Each is in the middle of its interval on the logarithmic scale, as Wald's are: no digit is mistyped."""
    ratios = [one for one in PUBLISHED if "ratio" in one.what]

    assert len(ratios) == 6
    for one in ratios:
        assert np.sqrt(one.low * one.high) == pytest.approx(one.value, rel=0.002)


def test_published_rates_are_counts_of_their_denominator():
    """36.2 % of 141 is a whole number of patients, and so is each of the others."""
    for one in PUBLISHED:
        if one.row[0].endswith("_rate") and one.row[4] is None:
            assert abs(round(one.value * one.n) - one.value * one.n) < 0.0006 * one.n


def test_ours_stand_beside_and_absence_is_said():
    """A row that a study does not have is not a blank to wonder about."""
    row = {
        "analysis": "survival_rate", "endpoint": "PFS", "level": "all", "time": 48.0, "n": 7, "estimate": 0.5,
        "ci_low": 0.3, "ci_high": 0.8, "method": "Kaplan-Meier, log interval",
    }  # fmt: skip
    table = beside_published(estimates_table([row | {"time": 12.0, "estimate": 0.9}, row]))

    assert table.columns.tolist() == list(PUBLISHED_COLUMNS)
    pfs = table[table["what"] == "PFS at 48 months"].iloc[0]
    assert (pfs["published"], pfs["ours"], pfs["ours_n"]) == (0.374, 0.5, 7)
    other = table[table["what"] == "OS at 48 months"].iloc[0]
    assert (np.isnan(other["ours"]), other["note"]) == (True, "not in this study")
