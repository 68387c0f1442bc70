"""Adjusted p-values: against R, by hand, and by what they promise."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenotype.statistics.multiplicity import benjamini_hochberg, holm

P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=16)


@pytest.mark.parametrize(("adjust", "name"), [(holm, "holm"), (benjamini_hochberg, "BH")])
def test_adjustment_agrees_with_r(golden, adjust, name):
    """R's p.adjust on 25 p-values and one missing, which is not counted; the case asks for 1e-8."""
    data, expected = golden("p_adjust")

    adjusted = adjust(data["p"])

    assert adjusted == pytest.approx(np.array(expected[name], dtype=float), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(("adjust", "name"), [(holm, "holm"), (benjamini_hochberg, "bh")])
def test_unordered_p_values_agree_with_r(golden, adjust, name):
    """Kruskal-Wallis of the four subsets: each keeps its place although the largest p is third."""
    _, expected = golden("kruskal_dunn_subsets")
    raw = [subset["kruskal"]["p"] for subset in expected["subsets"].values()]

    assert adjust(raw) == pytest.approx(expected["kruskal_p_adjusted"][name], rel=1e-9, abs=0)


def test_holm_by_hand():
    """0.01 x 3; then 0.02 x 2 = 0.04; then 0.025 x 1, which may not fall below the 0.04 before it."""
    assert holm([0.025, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_benjamini_hochberg_by_hand():
    """0.9; then 0.04 x 3/2 = 0.06; then 0.03 x 3/1 = 0.09, which may not rise above the 0.06 after it."""
    assert benjamini_hochberg([0.9, 0.03, 0.04]) == pytest.approx([0.9, 0.06, 0.06])


@given(P_VALUES)
def test_holm_rejects_where_the_closed_test_does(p_values):
    """Its definition: p is rejected if Bonferroni rejects every set of tests that holds it."""
    done = [p for p in p_values if p == p][:5]

    by_sets = [
        max(
            min(1.0, len(others) * min(others))
            for size in range(1, len(done) + 1)
            for chosen in combinations(range(len(done)), size)
            if i in chosen and (others := [done[j] for j in chosen])
        )
        for i in range(len(done))
    ]

    assert holm(done) == pytest.approx(by_sets)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@given(p_values=P_VALUES)
def test_a_missing_p_value_stays_missing_and_does_not_count(adjust, p_values):
    """A test that was not done must not make the others weaker, as statsmodels 0.15 has it."""
    p = np.array(p_values)

    adjusted = adjust(p)

    assert (np.isnan(adjusted) == np.isnan(p)).all()
    assert np.array_equal(adjusted[~np.isnan(p)], adjust(p[~np.isnan(p)]))
    assert (adjusted[~np.isnan(p)] >= p[~np.isnan(p)]).all()


@given(P_VALUES)
def test_benjamini_hochberg_never_exceeds_holm(p_values):
    """The false discovery rate is the weaker promise."""
    both = np.array([benjamini_hochberg(p_values), holm(p_values)])

    assert (np.isnan(both).all(axis=0) | (both[0] <= both[1] * (1 + 1e-12))).all()


def test_what_is_not_a_p_value_is_refused():
    """A column of statistics handed over by mistake would give plausible numbers."""
    with pytest.raises(ValueError, match=r"p-value 3\.84; a p-value lies in \[0, 1\]"):
        holm([0.05, 3.84])
