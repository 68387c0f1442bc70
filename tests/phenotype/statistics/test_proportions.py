"""Wilson intervals, against R and at the edges."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenotype.statistics.proportions import wilson


def test_wilson_agrees_with_r(golden):
    """R's prop.test(correct=FALSE), from 0 of 10 to 141 of 141."""
    rows = json.loads((golden / "prop_single_ci" / "expected.json").read_text())["expected"]["rows"]

    for row in rows:
        assert np.allclose(wilson(row["x"], row["n"]), row["wilson"], rtol=1e-12, atol=1e-15), row


def test_an_empty_parent_has_no_interval():
    """0 of 0 is not 0 % with any confidence."""
    assert np.isnan(wilson(0, 0)).all()


@given(n=st.integers(1, 10_000), data=st.data())
def test_the_interval_holds_the_fraction_and_stays_within_0_and_1(n, data):
    """No fraction outside its own interval, none below 0 % or above 100 %."""
    count = data.draw(st.integers(0, n))

    low, high = wilson(count, n)

    assert 0 <= low <= count / n <= high <= 1


def test_coverage_at_a_hard_place():
    """Of all counts that 1,800 cells at 2 % can give, those whose interval holds 2 % have 95 % of the probability."""
    from scipy import stats

    counts = np.arange(1801)
    low, high = wilson(counts, np.full(1801, 1800))
    covered = stats.binom.pmf(counts, 1800, 0.02)[(low <= 0.02) & (high >= 0.02)].sum()

    assert covered == pytest.approx(0.95, abs=0.012)
