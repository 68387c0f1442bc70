"""A gating figure shows each step: events, gate, percent, and why there is no gate."""

from dataclasses import replace

import numpy as np
import pytest

from phenotype.figures.gating import PLOT, draw_gating, draw_plot
from phenotype.figures.palette import BAND
from phenotype.figures.scene import Box, Grid, Group, Line, Text, png_of, svg_of
from phenotype.panels import Axis, Band, Label, Panel

AXIS = Axis("CD3 (BV421-A)", 0.0, 1.0, (0.2, 0.8), ("0", "10⁵"), (0.3, 0.4))
HISTOGRAM = Panel(
    title="T cells", parent="Live", n=30, x=AXIS, y=None, counts=np.full(128, 2, dtype=np.uint32),
    outlines=(np.array([(0.4, 0.0), (0.4, 1.0)]),), labels=(Label("T cells", 20, 0.6667, 0.97, 0.96),),
    status="sure", source="valley",
)  # fmt: skip


def written(scene):
    """Return every text of a figure."""
    return [item.words for item in scene.items if isinstance(item, Text)]


def plotted(panel, kind):
    """Return what is drawn of a kind in the plot of a panel of 100 x 100 points."""
    return [item for item in draw_plot(panel, 100, 100) if isinstance(item, kind)]


def test_a_panel_says_what_it_divides_and_how():
    """Title, parent, n, method, percent and axis: a gate without them cannot be judged."""
    texts = written(draw_gating([HISTOGRAM], "pt01"))

    assert {"pt01", "T cells", "of Live, n = 30", "valley", "66.7 %", "CD3 (BV421-A)", "0", "10⁵"} <= set(texts)


def test_the_line_is_where_the_gate_is():
    """The drawn threshold is the applied one."""
    gate = plotted(HISTOGRAM, Line)[-1]

    assert gate.points[:, 0].tolist() == pytest.approx([40, 40])
    assert gate.points[0, 1] == 100
    assert not gate.dashed


def test_a_plot_stands_in_its_panel():
    """Four to a row; the second row below the first."""
    groups = [item for item in draw_gating([HISTOGRAM] * 5, "pt01").items if isinstance(item, Group)]

    assert [(group.width, group.height) for group in groups] == [PLOT] * 5
    assert groups[0].x < groups[1].x < groups[2].x < groups[3].x
    assert groups[4].x == groups[0].x
    assert groups[4].y > groups[0].y + PLOT[1]


def test_a_weak_gate_is_dashed_and_says_weak():
    """Colour alone would be missed; the word and the dash are not."""
    weak = replace(HISTOGRAM, status="weak", source="otsu")

    assert "WEAK: otsu" in written(draw_gating([weak], "pt01"))
    assert plotted(weak, Line)[-1].dashed


def test_a_refused_gate_shows_its_reason_and_no_number():
    """No guess: the events are shown, and why nothing was cut."""
    refused = replace(HISTOGRAM, status="refused", outlines=(), note="no valley of depth 0.8 or less in CD3")

    texts = written(draw_gating([refused], "pt01"))

    assert "REFUSED" in texts
    assert "No gate: no valley of depth 0.8 or" in texts
    assert not any("%" in text for text in texts)


def test_where_a_cut_could_as_well_lie_is_shaded():
    """A line looks exact; its 95 % interval says how exact it is."""
    panel = replace(HISTOGRAM, bands=(Band(0, 0.3, 0.55),))
    across, up = (plotted(replace(panel, **change), Box) for change in (
        {}, {"y": AXIS, "counts": np.zeros((96, 96), dtype=np.uint32), "bands": (Band(1, 0.3, 0.55),)}
    ))  # fmt: skip

    assert [(box.x, box.width, box.height) for box in across] == [pytest.approx((30, 25, 100))]
    assert [(box.y, box.height, box.width) for box in up] == [pytest.approx((45, 25, 100))]
    assert across[0].fill == BAND


def test_a_control_is_overlaid_at_the_same_height():
    """Its shape is compared, not its number of events; its file is named."""
    control = np.zeros(128, dtype=np.uint32)
    control[10] = 7
    panel = replace(HISTOGRAM, control=control, control_name="UT_B1.fcs")

    events, line = plotted(panel, Line)[:2]

    assert events.points[:, 1].min() == pytest.approx(line.points[:, 1].min())
    assert line.points[line.points[:, 1].argmin(), 0] == pytest.approx(100 * 10 / 128)
    assert {"line: control", "UT_B1.fcs"} <= set(written(draw_gating([panel], "pt01")))


def test_a_heading_stays_within_its_panel():
    """Words that run off the figure's edge are lost: files go without their folder, and the rest is cut with a sign."""
    source = "0.995 quantile of day1/fcs/FMO_CD62L.fcs | 0.995 quantile of fcs/FMO_CD45RA.fcs"

    texts = written(draw_gating([replace(HISTOGRAM, status="weak", source=source)], "pt01"))

    assert "WEAK: 0.995 quantile of FMO_CD62L.fcs…" in texts


def test_two_channels_are_a_density_with_x_across():
    """A transposed density would put the gate on the wrong cells."""
    counts = np.zeros((96, 96), dtype=np.uint32)
    counts[90, 5] = 3

    (grid,) = plotted(replace(HISTOGRAM, y=AXIS, counts=counts, outlines=()), Grid)

    assert np.argwhere(grid.levels).tolist() == [[95 - 5, 90]]


def test_one_event_differs_from_none():
    """Sparse bins are seen beside full ones; empty ones are not."""
    counts = np.zeros((96, 96), dtype=np.uint32)
    counts[0, 0], counts[1, 0] = 1, 100_000

    (grid,) = plotted(replace(HISTOGRAM, y=AXIS, counts=counts, outlines=()), Grid)

    assert (grid.levels[95, 0], grid.levels[95, 1], int((grid.levels > 0).sum())) == (1, 15, 2)


@pytest.mark.parametrize("name", ["$x", "<script>alert(1)</script>", "pt\u202e01", "患者", "", "a" * 300])
def test_any_name_is_drawn(name):
    """Sample names are whatever a lab types; drawing warns of none and acts on none."""
    scene = draw_gating([HISTOGRAM], name, synthetic=True)

    assert "<script" not in svg_of(scene)
    assert png_of(scene, 40).startswith(b"\x89PNG")
    assert "SYNTHETIC DATA: no patient is shown" in written(scene)


def test_no_steps_is_said():
    """A template of Boolean rows only has no picture."""
    assert "no gate step has a picture" in written(draw_gating([], "pt01"))
