"""The figure of drift: every sample once, where its numbers are, and the odd one ringed."""

import numpy as np
import pandas as pd

from gating import decades
from phenotype.figures.drift import MOST_PANELS, draw_drift


def places(markers=("CD62L",)):
    """Return two batches of three samples; the last is an outlier, and one has no positive cells."""
    rows = [
        {
            "marker": marker, "population": "T cells", "batch": batch, "sample_id": f"{batch}{i}",
            "cut": 1000.0 * (i + 1), "negative": 100.0, "positive": np.nan if (batch, i) == ("B1", 0) else 9000.0,
            "outlier": (batch, i) == ("B2", 2),
        }
        for marker in markers for batch in ("B1", "B2") for i in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_every_cut_is_where_it_is():
    """The figure computes nothing: a dot leads to a row of its table."""
    ax = draw_drift(places()).axes[0]
    cuts = next(line for line in ax.lines if line.get_label() == "cut")

    np.testing.assert_allclose(cuts.get_ydata(), decades([1000, 2000, 3000, 1000, 2000, 3000]))
    assert [round(x) for x in cuts.get_xdata()] == [0, 0, 0, 1, 1, 1]


def test_the_odd_one_is_ringed():
    """By its shape, not by colour alone."""
    ax = draw_drift(places()).axes[0]
    rings = [line for line in ax.lines if line.get_fillstyle() == "none"]

    assert [round(line.get_xdata()[0]) for line in rings] == [1, 1, 1]
    assert all(len(line.get_xdata()) == 1 for line in rings)


def test_a_panel_each_and_no_more_than_can_be_read():
    """A panel of forty markers would be forty unreadable ones; the table has them all."""
    figure = draw_drift(places([f"M{i:02d}" for i in range(20)]), synthetic=True)

    assert len(figure.axes) == MOST_PANELS
    assert figure.axes[1].get_title(loc="left") == "M01 on T cells"
    assert figure.texts[0].get_text().startswith("SYNTHETIC")
