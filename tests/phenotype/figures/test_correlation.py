"""Subsets against the peak: dots are the table's, words are the rows of estimates.csv."""

import numpy as np
import pandas as pd
import pytest

from phenotype.figures.correlation import draw_correlations

TESTS = ["endpoint", "term", "n", "estimate", "ci_low", "ci_high", "p_value", "note"]


@pytest.fixture
def pairs():
    """Return three patients with one subset and the peak; one was never detected."""
    table = pd.DataFrame({
        "patient_id": list("ABC"), "group": ["none", "none", "within_1y"], "fraction": [0.2, 0.4, 0.1],
        "peak": [80.0, 90.0, 0.0], "never_detected": [0, 0, 1],
    })  # fmt: skip
    return table.assign(measure="cart_pct_of_t", subset="naive", drawn_at=table["peak"])


def words_of(figure):
    """Return every text of a figure."""
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return [text.get_text() for ax in figure.axes for text in ax.texts] + legends + [t.get_text() for t in figure.texts]


def test_each_patient_is_a_dot_and_the_words_are_the_row(pairs):
    """The numbers are made up, so that the figure can have them from nowhere else."""
    tests = pd.DataFrame([("naive", "cart_pct_of_t_cmax", 3, 0.123, -0.9, 0.95, 0.0456, "")], columns=TESTS)
    figure = draw_correlations(pairs, tests)
    dots = [point.tolist() for dots in figure.axes[0].collections for point in dots.get_offsets()]

    assert sorted(dots) == [[0.1, 0], [0.2, 80], [0.4, 90]]
    assert "ρ 0.12 (−0.90 to 0.95), n = 3, p = 0.046" in words_of(figure)
    assert "No ASCT (n = 2)" in words_of(figure)
    assert "open: never detected" in words_of(figure)


def test_groups_differ_by_shape_too(pairs):
    """In grey, a circle is still no diamond."""
    figure = draw_correlations(pairs, pd.DataFrame(columns=TESTS))
    shapes = {tuple(map(tuple, dots.get_paths()[0].vertices.round(3))) for dots in figure.axes[0].collections}

    assert len(shapes) == 2


def test_what_is_missing_is_said(pairs):
    """A subset nobody has, a correlation of too few, no data at all."""
    refused = pd.DataFrame(
        [("naive", "cart_pct_of_t_cmax", *[np.nan] * 5, "not estimated: 3 pairs; it needs 4")], columns=TESTS
    )
    words = words_of(draw_correlations(pairs, refused, synthetic=True))

    assert "no correlation: 3 pairs; it needs 4" in words
    assert words.count("no product") == 3
    assert "SYNTHETIC DATA: no patient is shown" in words
    empty = draw_correlations(pairs.iloc[:0], refused)
    assert words_of(empty) == ["no patient has both a subset of the product and a peak of expansion"]
