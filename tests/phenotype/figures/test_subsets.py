"""Figure 4 draws what the tables say, and says what they lack."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from phenotype.figures.style import new_figure, save_figure
from phenotype.figures.subsets import draw_composition, draw_control, draw_figure_4, draw_subset_bars
from phenotype.subsets import SUBSETS


def comparison(contrast="within_1y_vs_none", **changes):
    """Return the four rows of a contrast."""
    row = {
        "contrast": contrast, "n_a": 2, "n_b": 3, "median_a": 0.10, "median_b": 0.24, "difference": -0.13,
        "ci_low": -0.2, "ci_high": -0.051, "p_value": 0.01, "p_adjusted": 0.04,
    }  # fmt: skip
    return pd.DataFrame([{**row, "subset": subset, **changes} for subset in SUBSETS])


def dots(fractions, contrast="within_1y_vs_none"):
    """Return patients of each group, the same fraction for every subset."""
    rows = [
        {"contrast": contrast, "group": group, "patient_id": f"{group}{i}", "subset": subset, "fraction": value}
        for group, values in fractions.items()
        for i, value in enumerate(values)
        for subset in SUBSETS
    ]
    return pd.DataFrame(rows, columns=["contrast", "group", "patient_id", "subset", "fraction"])


@pytest.fixture
def ax() -> Axes:
    """Axes of a figure that nobody else holds."""
    return new_figure(8, 3).add_subplot()


def words(ax):
    """Return everything written on the axes."""
    return "\n".join(text.get_text() for text in [*ax.texts, *ax.get_xticklabels(), ax.title])


def test_bars_are_the_medians_of_the_table(ax):
    """A figure computes nothing: bars come from comparisons.csv even if the dots have another median."""
    draw_subset_bars(comparison(), dots({"none": [0.9], "within_1y": [0.8]}), ax, contrast="within_1y_vs_none")

    assert [bar.get_height() for bar in ax.patches] == [0.24, 0.10] * 4


def test_every_patient_is_a_dot_at_its_value(ax):
    """Each dot can be traced: none is hidden behind another, none is moved up or down."""
    values = [0.21, 0.21, 0.21, 0.30]
    draw_subset_bars(comparison(), dots({"none": values, "within_1y": [0.1, 0.1]}), ax, contrast="within_1y_vs_none")

    first = next(line for line in ax.lines if line.get_marker() == "o")
    x, y = np.asarray(first.get_xdata()), np.asarray(first.get_ydata())

    assert sorted(y[x < 0.5]) == values
    assert len(set(zip(x, y, strict=True))) == len(x) == 16


def test_the_words_are_difference_interval_and_adjusted_p(ax):
    """A p never stands without its n, its effect and the effect's interval."""
    draw_subset_bars(comparison(), dots({"none": [0.2], "within_1y": [0.1]}), ax, contrast="within_1y_vs_none")

    assert "−13.0 points\n(−20.0 to −5.1)\nadjusted p = 0.040" in words(ax)
    assert "n = 2" in words(ax)
    assert "n = 3" in words(ax)


def test_a_missing_p_is_said_to_be_missing(ax):
    """An empty cell is not p = 1 and not p = nan."""
    draw_subset_bars(comparison(p_adjusted=np.nan), dots({"none": [0.2]}), ax, contrast="within_1y_vs_none")

    assert "not tested" in words(ax)
    assert "nan" not in words(ax)


def test_a_comparison_that_was_not_made_says_why(ax):
    """Two patients have medians and no test: the table's own reason stands where the p would."""
    why = "2 and 12 patients; a test needs 3 in each group"
    draw_subset_bars(
        comparison(difference=np.nan, p_adjusted=np.nan, note=why),
        dots({"none": [0.2], "within_1y": [0.1]}),
        ax,
        contrast="within_1y_vs_none",
    )

    assert "not compared\n2 and 12 patients; a test\nneeds 3 in each group" in words(ax)


def test_a_tiny_p_has_no_equals_sign(ax):
    """`p = <0.001` would be two relations."""
    draw_subset_bars(comparison(p_adjusted=1e-6), dots({"none": [0.2]}), ax, contrast="within_1y_vs_none")

    assert "adjusted p <0.001" in words(ax)


def test_a_group_of_two_is_drawn(ax):
    """Two patients have no density and hardly an interval; they still have two dots and a bar."""
    draw_subset_bars(
        comparison(ci_low=np.nan, ci_high=np.nan),
        dots({"none": [0.2, 0.3, 0.4], "within_1y": [0.1, 0.12]}),
        ax,
        contrast="within_1y_vs_none",
    )

    assert "(no interval)" in words(ax)
    assert sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "D") == 2 * 4


def test_a_composition_sums_to_one(ax):
    """The stack is a whole: a gap at its top would be a fifth subset."""
    means = [0.24, 0.46, 0.24, 0.06]
    table = pd.DataFrame({"group": "none", "subset": SUBSETS, "n": 3, "mean_fraction": means})

    draw_composition(table, ax, groups=["none"])

    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(1)
    assert [text for text in words(ax).split("\n") if "%" in text] == ["24.0 %", "46.0 %", "24.0 %", "6.0 %"]


def test_figure_4_of_nobody_says_so(tmp_path):
    """A study whose cohort is empty still gets its report, with empty panels and no number."""
    figure = draw_figure_4(
        comparison().head(0),
        dots({}),
        pd.DataFrame({"group": ["none"], "subset": ["naive"], "n": [0], "mean_fraction": [np.nan]}),
    )
    save_figure(figure, tmp_path / "f", dpi=30)

    assert "not compared" in words(figure.axes[0])
    assert "nan" not in words(figure.axes[0])


def test_the_figure_carries_all_contrasts_of_the_paper():
    """A reader of the paper looks for panels A to H, in its order."""
    figure = draw_figure_4(comparison(), dots({"none": [0.2]}), _composition(), synthetic=True)
    letters = [
        text.get_text()
        for ax in figure.axes
        for text in ax.texts
        if text.get_weight() == "bold" and len(text.get_text()) == 1
    ]

    assert letters == list("ABCDEFGH")
    assert "SYNTHETIC" in figure.texts[-1].get_text()


def test_control_dots_are_the_products():
    """CAR- across, CAR+ up; a product without one of them is left out, not put on an axis."""
    pairs = pd.DataFrame(
        {
            "sample_id": ["a", "b"],
            "group": ["none", "none"],
            "subset": ["naive", "naive"],
            "car_positive": [0.2, 0.3],
            "car_negative": [0.25, np.nan],
        }
    )

    figure = draw_control(pairs)
    line = next(line for line in figure.axes[0].lines if line.get_marker() == "o")

    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0.25], [0.2])
    assert "no product with both" in words(figure.axes[1])


def _composition():
    return pd.DataFrame({"group": "none", "subset": SUBSETS, "n": 3, "mean_fraction": 0.25})
