"""Intermediate cells must not move the composition that a patient was given."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phenotype.simulate.composition import drawn_composition, labelled_composition, more_naive
from phenotype.simulate.settings import DEFAULTS

SHARES = st.lists(st.floats(0.001, 1.0), min_size=4, max_size=4).map(lambda x: np.array(x) / sum(x))
MARKERS = DEFAULTS.cd62l, DEFAULTS.cd45ra


@given(SHARES, st.floats(0, 0.9))
def test_drawing_undoes_labelling(shares, intermediate):
    """The truth table rests on this inverse: labels of what is drawn have the composition that was wanted."""
    labelled = labelled_composition(shares, *MARKERS, intermediate)

    assert np.allclose(drawn_composition(labelled, *MARKERS, intermediate), shares, atol=1e-9)


@given(SHARES, st.floats(0, 0.9))
def test_compositions_stay_compositions(shares, intermediate):
    """Also of products so pure that intermediate cells alone make more of a subset than is wanted."""
    for found in (
        labelled_composition(shares, *MARKERS, intermediate),
        drawn_composition(shares, *MARKERS, intermediate),
    ):
        assert np.isclose(found.sum(), 1)
        assert (found >= 0).all()


@given(SHARES)
def test_without_intermediate_cells_nothing_changes(shares):
    """What is drawn is then what is labelled."""
    assert np.allclose(drawn_composition(shares, *MARKERS, 0.0), shares)


@given(SHARES, st.floats(0, 0.2))
def test_more_naive_is_five_points_not_five_percent(shares, shift):
    """The difference of CAR- cells is stated in points, and the other subsets keep their ratios."""
    found = more_naive(shares, shift)

    assert np.isclose(found[0], min(shares[0] + shift, 1.0))
    assert np.isclose(found.sum(), 1)
    assert np.allclose(found[1:] * shares[1:].sum(), shares[1:] * found[1:].sum())
