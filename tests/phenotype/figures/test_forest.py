"""Forest plots: marks and words are the rows', intervals off the axis go on visibly, no failed model is unsaid."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from phenotype.figures.forest import BLOCKS_3, Entry, draw_figure_3, draw_forest, entries_of, limits_of
from phenotype.figures.style import new_figure, style

CR = BLOCKS_3[0]


def rows(*given):
    """Return rows of models as the figure takes them."""
    blank = {
        "panel": "A", "endpoint": "CR", "kind": "univariable", "term": "", "level": "", "name": "", "n": 134.0,
        "events": 68.0, "estimate": np.nan, "ci_low": np.nan, "ci_high": np.nan, "p_value": np.nan, "firth": False,
        "few": False, "note": "",
    }  # fmt: skip
    return pd.DataFrame([blank | one | {"name": one.get("name", one.get("term", ""))} for one in given], columns=blank)


def drawn(table, block=CR):
    """Return the axes of one forest plot."""
    with style():
        ax = new_figure(6, 3).add_axes((0.3, 0.2, 0.3, 0.6))
        return draw_forest(table, ax, block=block, entries=entries_of(table), limits=limits_of(table))


def words(ax):
    """Return everything written on it, each on one line."""
    return [" ".join(text.get_text().split()) for text in ax.texts if text.get_text()]


def marks(ax, *shapes):
    """Return the places of marks of some shapes, along the axis."""
    return [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() in shapes]


ASCT = {"term": "prior_asct", "estimate": 0.352, "ci_low": 0.149, "ci_high": 0.83, "p_value": 0.017}
BOTH = rows(ASCT, ASCT | {"kind": "multivariable", "estimate": 0.2761, "ci_low": 0.1193, "ci_high": 0.613, "few": True})


def test_each_covariate_alone_and_all_together_are_marks_and_words():
    """The numbers of the paper's own row, with its three decimals: a reader compares digit by digit."""
    ax = drawn(BOTH)

    assert marks(ax, "o") == [0.352]
    assert marks(ax, "s") == [0.2761]
    said = words(ax)
    assert {"prior_asct", "0.352 (0.149 to 0.830)", "0.017", "134/68", "0.276 (0.119 to 0.613)", "few"} <= set(said)
    assert ax.get_xlabel() == "odds ratio, logarithmic axis"


def test_the_axis_is_logarithmic_with_a_line_at_one():
    """A half and a double are equally far from no effect."""
    ax = drawn(BOTH)
    at = {x: ax.transData.transform((x, 0))[0] for x in (0.5, 1, 2)}

    assert at[1] - at[0.5] == pytest.approx(at[2] - at[1])
    assert [list(line.get_xdata()) for line in ax.lines if list(line.get_xdata()) == [1, 1]]


def test_an_interval_beyond_the_axis_ends_in_an_arrow():
    """A whisker cut at the edge would be read as the interval's end."""
    ax = drawn(rows(ASCT | {"estimate": 2.0, "ci_low": 0.001, "ci_high": 1371.7}))

    assert marks(ax, "<") == [0.05]
    assert marks(ax, ">") == [20.0]
    assert "2.000 (0.001 to 1,372)" in words(ax)
    assert not marks(drawn(BOTH), "<", ">")


def test_an_axis_holds_every_estimate_but_not_every_interval():
    """One interval to a thousand must not press all others into a dot; an estimate is never off the axis."""
    wide = rows(ASCT | {"ci_high": 1371.7}, ASCT | {"estimate": 1.2, "ci_low": 0.9, "ci_high": 1.6})
    far = rows(ASCT | {"estimate": 150.0, "ci_low": 20.0, "ci_high": 900.0})

    assert limits_of(wide) == (0.1, 20)
    assert limits_of(far) == (0.5, 200)
    assert limits_of(rows({"term": "x"})) == (0.5, 2)
    assert limits_of(rows(ASCT | {"estimate": 0.0, "ci_low": 0.0, "ci_high": np.inf})) == (0.05, 20)


def test_firth_is_said_and_has_a_mark_of_its_own():
    """A penalised estimate is another estimator: not to be seen only in a file."""
    ax = drawn(rows(ASCT | {"firth": True, "few": True}))

    assert marks(ax, "D") == [0.352]
    assert not marks(ax, "o", "s")
    assert "Firth, few" in words(ax)


def test_a_covariate_without_an_estimate_has_its_reason():
    """The row stays, its words are those of the note."""
    table = rows(ASCT, {"term": "sex", "note": "not estimated: sex has one value in all 26 patients"})
    ax = drawn(table)

    assert "not estimated: sex has one value in all 26 patients" in words(ax)
    assert marks(ax, "o") == [0.352]


def test_a_model_of_all_covariates_that_failed_is_said_once():
    """It has no row for a covariate; without words a reader would think that nobody tried."""
    ax = drawn(rows(ASCT, {"kind": "multivariable", "note": "not estimated: events: 4, coefficients: 9"}))

    assert "all together: not estimated: events: 4, coefficients: 9" in words(ax)


def test_a_covariate_left_out_of_the_full_model_is_said_to_be():
    """One value in all complete patients: it drops out, and a gap would be read as a misprint."""
    both = [ASCT, ASCT | {"kind": "multivariable"}, ASCT | {"term": "sex"}]

    assert words(drawn(rows(*both))).count("not in the multivariable model") == 1


def test_levels_stand_together_and_a_failed_covariate_is_one_line():
    """A covariate whose levels another endpoint has is named by its levels; one that failed everywhere by itself."""
    table = rows(
        {"term": "iss", "level": "", "name": "iss", "note": "not estimated: x"},
        ASCT | {"term": "age"},
        ASCT | {"term": "iss", "level": "II against I", "name": "iss: II against I"},
        {"term": "ds", "name": "ds", "note": "not estimated: y"},
    )

    assert entries_of(table) == (
        Entry("iss", "II against I", "iss: II against I"), Entry("age", "", "age"), Entry("ds", "", "ds"),
    )  # fmt: skip


def test_a_missing_interval_is_said():
    """An estimate alone is not passed off as one with an interval."""
    ax = drawn(rows(ASCT | {"ci_low": np.nan, "ci_high": np.nan}))

    assert "0.352 (no interval)" in words(ax)
    assert len([line for line in ax.lines if len(line.get_xdata()) == 2]) == 1, "the line at 1 only"


def test_figure_3_has_the_four_plots_of_the_paper():
    """CR and relapse in A, PFS and OS in B, on one axis; what has no rows says so."""
    table = pd.concat([BOTH, rows(ASCT | {"endpoint": "OS", "panel": "B"})])
    figure = draw_figure_3(table, synthetic=True)

    assert [text.get_text() for text in figure.texts] == ["A", "B", "SYNTHETIC DATA: no patient is shown"]
    assert [next(text for text in words(ax) if text in {b.title for b in BLOCKS_3}) for ax in figure.axes] == [
        block.title for block in BLOCKS_3
    ]
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    assert [("no model" in words(ax)) for ax in figure.axes] == [False, True, True, False]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["each covariate alone", "all together", "few: under ten events for each column of the model"]


def test_twenty_covariates_make_a_taller_figure_not_smaller_words():
    """Rows keep their height, so that words never touch."""
    many = rows(*(ASCT | {"term": f"covariate_{i}"} for i in range(20)))
    one, twenty = draw_figure_3(rows(ASCT)), draw_figure_3(many)
    apart = [ax.transData.transform([(1, 0), (1, 1)])[:, 1] for ax in (twenty.axes[0], draw_figure_3(many[:2]).axes[0])]

    assert twenty.get_figheight() > one.get_figheight() + 3
    assert apart[0][0] - apart[0][1] == pytest.approx(apart[1][0] - apart[1][1])


def test_alone_and_together_differ_without_colour():
    """Open circles and filled squares survive a photocopy."""
    ax = drawn(BOTH)
    faces = {line.get_marker(): to_rgb(line.get_markerfacecolor()) for line in ax.lines if line.get_marker() in "os"}

    assert faces["o"] == (1, 1, 1)
    assert sum(faces["s"]) < 1
