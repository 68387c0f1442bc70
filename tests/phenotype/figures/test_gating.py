"""A gating figure shows each step: events, gate, percent, and why there is no gate."""

from dataclasses import replace

import numpy as np
import pytest

from phenotype.figures.gating import draw_gating
from phenotype.figures.style import save_figure
from phenotype.panels import Axis, Label, Panel

AXIS = Axis("CD3 (BV421-A)", 0.0, 1.0, (0.2, 0.8), ("0", "10⁵"), (0.3, 0.4))
HISTOGRAM = Panel(
    title="T cells", parent="Live", n=30, x=AXIS, y=None, counts=np.full(128, 2, dtype=np.uint32),
    outlines=(np.array([(0.4, 0.0), (0.4, 1.0)]),), labels=(Label("T cells", 20, 0.6667, 0.97, 0.96),),
    status="sure", source="valley",
)  # fmt: skip


def written(figure):
    """Return every text of a figure."""
    return [text.get_text() for ax in figure.axes for text in ax.texts] + [text.get_text() for text in figure.texts]


def test_a_panel_says_what_it_divides_and_how():
    """Title, parent, n, method and percent: a gate without them cannot be judged."""
    texts = written(draw_gating([HISTOGRAM], "pt01"))

    assert texts == ["T cells", "of Live, n = 30", "valley", "T cells\n66.7 %", "pt01"]


def test_the_line_is_where_the_gate_is():
    """The drawn threshold is the applied one."""
    ax = draw_gating([HISTOGRAM], "pt01").axes[0]
    line = next(line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None")

    assert list(line.get_xdata()) == [0.4, 0.4]
    assert line.get_linestyle() == "-"


def test_a_weak_gate_is_dashed_and_says_weak():
    """Colour alone would be missed; the word and the dash are not."""
    figure = draw_gating([replace(HISTOGRAM, status="weak", source="otsu")], "pt01")
    line = next(line for line in figure.axes[0].lines if line.get_marker() == "None")

    assert "WEAK: otsu" in written(figure)
    assert line.get_linestyle() == "--"


def test_a_refused_gate_shows_its_reason_and_no_number():
    """No guess: the events are shown, and why nothing was cut."""
    refused = replace(HISTOGRAM, status="refused", outlines=(), note="no valley of depth 0.8 or less in CD3")

    texts = written(draw_gating([refused], "pt01"))

    assert "REFUSED" in texts
    assert any("No gate: no valley of depth 0.8 or\nless in CD3" in text for text in texts)
    assert not any("%" in text for text in texts)


def test_a_control_is_overlaid_at_the_same_height():
    """Its shape is compared, not its number of events; its file is named."""
    control = np.zeros(128, dtype=np.uint32)
    control[10] = 7
    figure = draw_gating([replace(HISTOGRAM, control=control, control_name="UT_B1.fcs")], "pt01")

    peaks = [float(np.nanmax(patch.get_data().values)) for patch in figure.axes[0].patches]

    assert peaks == [1.0, 1.0, 1.0]
    assert "line: control\nUT_B1.fcs" in written(figure)


def test_a_heading_stays_within_its_panel():
    """Words that run off the figure's edge are lost: files go without their folder, and the rest is cut with a sign."""
    source = "0.995 quantile of day1/fcs/FMO_CD62L.fcs | 0.995 quantile of fcs/FMO_CD45RA.fcs"

    texts = written(draw_gating([replace(HISTOGRAM, status="weak", source=source)], "pt01"))

    assert "WEAK: 0.995 quantile of FMO_CD62L.fcs…" in texts


def test_two_channels_are_a_density_with_x_across():
    """A transposed density would put the gate on the wrong cells."""
    counts = np.zeros((96, 96), dtype=np.uint32)
    counts[90, 5] = 3
    panel = replace(HISTOGRAM, y=AXIS, counts=counts, outlines=())

    image = draw_gating([panel], "pt01").axes[0].images[0]

    assert image.get_array()[5, 90] == 3
    assert image.get_extent() == [0.0, 1.0, 0.0, 1.0]


def test_empty_bins_are_white():
    """One event must differ from none."""
    panel = replace(HISTOGRAM, y=AXIS, counts=np.zeros((96, 96), dtype=np.uint32), outlines=())

    image = draw_gating([panel], "pt01").axes[0].images[0]

    assert image.get_array().mask.all()


@pytest.mark.parametrize("name", ["$x", "<script>alert(1)</script>", "pt\u202e01", "患者", "", "a" * 300])
def test_any_name_is_drawn(name, tmp_path):
    """Sample names are whatever a lab types; drawing warns of none and acts on none."""
    svg, png = save_figure(draw_gating([HISTOGRAM], name, synthetic=True), tmp_path / "g", dpi=40)

    assert "<script" not in svg.read_text(encoding="utf-8")
    assert png.stat().st_size > 0


def test_no_steps_is_said():
    """A template of Boolean rows only has no picture."""
    assert "no gate step has a picture" in written(draw_gating([], "pt01"))
