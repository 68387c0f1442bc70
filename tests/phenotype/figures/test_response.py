"""Best responses: a bar a patient, as high as its category's rank, and nobody is left out."""

import numpy as np
import pandas as pd
import pytest

from phenotype.clinical import RESPONSES
from phenotype.figures.response import RANKS, draw_waterfall


def bars_of(responses, groups):
    """Return bars in the order given."""
    ranks = {name: float(i + 1) for i, name in enumerate(RANKS)}
    table = pd.DataFrame({"best_response": responses, "group": groups})
    return table.assign(
        position=range(1, len(table) + 1), patient_id=[f"P{i}" for i in range(len(table))],
        rank=[ranks.get(name, np.nan) for name in responses],
        n=table.groupby("best_response")["group"].transform("size"),
    )  # fmt: skip


def words_of(figure):
    """Return every text of a figure."""
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return [text.get_text() for ax in figure.axes for text in ax.texts] + legends + [t.get_text() for t in figure.texts]


def test_ranks_are_those_of_the_clinical_sheet():
    """A category that the sheet knows and the figure does not would have no bar."""
    assert (*RANKS[::-1], "NE") == RESPONSES


def test_a_bar_is_as_high_as_its_rank():
    """The height is a place in an order; the axis names it, with n of every category, also where nobody is in it."""
    bars = bars_of(["sCR", "sCR", "PR", "PD"], ["none", "within_1y", "none", "over_1y"])
    figure = draw_waterfall(bars)
    found = sorted((round(bar.get_x() + bar.get_width() / 2, 6), bar.get_height()) for bar in figure.axes[0].patches)

    assert found == [(1, 7), (2, 7), (3, 4), (4, 1)]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "PD, n = 1", "SD, n = 0", "MR, n = 0", "PR, n = 1", "VGPR, n = 0", "CR, n = 0", "sCR, n = 2",
    ]  # fmt: skip
    assert "No ASCT (n = 2)" in words_of(figure)


def test_who_has_no_rank_stands_apart_and_lower_than_any_rank():
    """NE is no progression: hatched, behind a gap, and counted."""
    bars = bars_of(["CR", "NE", "NE", ""], ["none", "none", "", "none"])
    figure = draw_waterfall(bars, synthetic=True)
    hatched = [bar for bar in figure.axes[0].patches if bar.get_hatch()]

    assert len(hatched) == 3
    assert all(bar.get_height() < 1 for bar in hatched)
    assert min(bar.get_x() for bar in hatched) > 2
    assert {"NE, n = 2", "not known, n = 1", "SYNTHETIC DATA: no patient is shown"} <= set(words_of(figure))
    assert "ASCT not known (n = 1)" in words_of(figure)


@pytest.mark.parametrize("patients", [3, 500])
def test_each_patient_has_a_bar_whatever_their_number(patients):
    """Five hundred bars touch and do not overlap."""
    bars = bars_of(["VGPR"] * patients, ["none"] * patients)
    found = draw_waterfall(bars).axes[0].patches
    edges = np.array([(bar.get_x(), bar.get_x() + bar.get_width()) for bar in found])

    assert len(found) == patients
    assert (edges[1:, 0] >= edges[:-1, 1] - 1e-9).all()


def test_no_response_at_all_is_said():
    """A sheet without best responses has no empty axes."""
    figure = draw_waterfall(bars_of(["", ""], ["none", "none"]))

    assert words_of(figure) == ["no best response is known"]
    assert not figure.axes
