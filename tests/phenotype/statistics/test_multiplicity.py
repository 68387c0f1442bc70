"""Adjusted p-values, against R."""

import json

import numpy as np
import pandas as pd

from phenotype.statistics.multiplicity import benjamini_hochberg, holm


def test_adjustment_agrees_with_r(golden):
    """R's p.adjust on 25 p-values and one missing, which is not counted."""
    p = pd.read_csv(golden / "p_adjust" / "input.csv")["p"].to_numpy()
    expected = json.loads((golden / "p_adjust" / "expected.json").read_text())["expected"]

    assert np.allclose(holm(p), np.array(expected["holm"], dtype=float), rtol=1e-12, equal_nan=True)
    assert np.allclose(benjamini_hochberg(p), np.array(expected["BH"], dtype=float), rtol=1e-12, equal_nan=True)


def test_no_test_at_all_gives_no_p_value():
    """A family in which every group was too small."""
    assert np.isnan(holm([np.nan, np.nan])).all()
