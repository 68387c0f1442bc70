"""The gating of one sample: a panel for each step, from root to the subsets."""

import re
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from phenotype.figures import numbers
from phenotype.figures.palette import BAND, INK, MUTED, SUBSET_COLOURS, WARNING
from phenotype.figures.scene import LEVELS, POINTS, Area, Box, Grid, Group, Item, Line, Scene, Strokes, Text, text_width
from phenotype.figures.style import SYNTHETIC, drawable
from phenotype.panels import Axis, Label, Panel

__all__ = ["draw_gating", "draw_plot", "levels_of"]

Pair = tuple[float, float]

COLUMNS = 4
WIDTH = 10.6 * POINTS
ROW = 2.75 * POINTS
"""Height of a row of panels with its words."""
HEAD = 0.35 * POINTS
PLOT = (0.185 * WIDTH, 1.75 * POINTS)
"""Width and height of a panel without its words."""
WIDEST = 38
"""Characters of small print above a panel: more would run into the next, or off the figure's edge."""
ROOM = 1 / 1.3
"""Share of a histogram's height that its highest bin takes: the words stand above."""
FILL = "#94b3cf"
"""Of a histogram: the blue of the central memory subset over white."""


def draw_gating(panels: Sequence[Panel], sample_id: str, synthetic: bool = False) -> Scene:
    """Draw every gate step of one sample.

    Parameters
    ----------
    panels
        From ``read_panels``.
    sample_id
        Any text; it is written as it is.
    synthetic
        Whether to mark the figure as simulated data.
    """
    rows = max(-(-len(panels) // COLUMNS), 1)
    height = HEAD + ROW * rows
    items: list[Item] = [Text(0.012 * WIDTH, 18, drawable(sample_id), 11, bold=True)]
    for i, panel in enumerate(panels):
        row, column = divmod(i, COLUMNS)
        items += _draw_panel(panel, (0.055 + 0.2455 * column) * WIDTH, HEAD + ROW * row + 0.52 * POINTS)
    if not panels:
        items.append(Text(WIDTH / 2, height / 2, "no gate step has a picture", 8, MUTED, "center"))
    if synthetic:
        items.append(Text(0.996 * WIDTH, height - 3, SYNTHETIC, 7, WARNING, "right", bold=True))
    return Scene(WIDTH, height, tuple(items))


def draw_plot(panel: Panel, width: float, height: float) -> Iterator[Item]:
    """Draw the events of a step and its gate in a box at (0, 0): no words, no axes.

    A shade over the cut is the 95 % interval of where it could as well lie; a dashed line is a weak gate.
    """
    for band in panel.bands:
        axis = panel.x if band.axis == 0 else panel.y
        if axis is not None:
            low, high = (_share(end, axis) for end in (band.low, band.high))
            yield (
                Box(low * width, 0, (high - low) * width, height, BAND)
                if band.axis == 0
                else Box(0, (1 - high) * height, width, (high - low) * height, BAND)
            )
    if panel.y is None:
        yield from _histogram(panel, width, height)
    else:
        yield Grid(0, 0, width, height, levels_of(panel.counts))
    for outline in panel.outlines:
        yield Line(_on_plot(panel, outline, width, height), INK, 1.1, dashed=panel.status != "sure")


def levels_of(counts: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the shade of each bin of a two-channel step, row 0 at the top.

    It goes with the square root of the count, so that sparse bins are seen; a bin with one event is never empty.

    Examples
    --------
    >>> levels_of(np.array([[0, 1], [4, 100]], dtype=np.uint32))
    array([[ 2, 15],
           [ 0,  3]], dtype=uint8)
    """
    most = max(int(counts.max(initial=0)), 1)
    levels: NDArray[np.uint8] = np.ceil((LEVELS - 1) * np.sqrt(counts.T[::-1] / most)).astype(np.uint8)
    return levels


def _draw_panel(panel: Panel, left: float, top: float) -> Iterator[Item]:
    """Draw one gate step: the parent's events, the gate, and each population's share of the parent."""
    width, height = PLOT
    words = _refusal(panel) if panel.status == "refused" else [w for label in panel.labels for w in _label(label)]
    yield Group(left, top, width, height, tuple(draw_plot(panel, width, height)))
    yield from _axes(panel, left, top)
    for item in (*words, *_control_name(panel)):
        yield _moved(item, left, top)
    yield from _heading(panel, left, top)


def _histogram(panel: Panel, width: float, height: float) -> Iterator[Item]:
    """Draw a one-channel step; the control, if one was used, is scaled to the same peak."""
    yield Area(_steps(panel.counts, width, height, closed=True), FILL)
    yield Line(_steps(panel.counts, width, height), SUBSET_COLOURS["naive"], 0.8)
    if panel.control is not None and panel.control.any():
        yield Line(_steps(panel.control, width, height), WARNING, 1.0)


def _steps(counts: NDArray[np.uint32], width: float, height: float, *, closed: bool = False) -> NDArray[np.float64]:
    """Return the outline of a histogram, highest bin at the same height whatever its count."""
    top = height * (1 - ROOM * counts / max(int(counts.max(initial=0)), 1))
    edges = np.linspace(0, width, len(counts) + 1)
    changes = np.flatnonzero(np.diff(top)) + 1
    across = np.concatenate([[0.0], np.repeat(edges[changes], 2), [width]])
    up = np.repeat(top[np.concatenate([[0], changes])], 2)
    line = np.column_stack([across, up])
    return np.vstack([[(0.0, height)], line, [(width, height)]]) if closed else line


def _share(value: float, axis: Axis) -> float:
    """Return where a value lies on an axis, 0 to 1; beyond its ends on its ends."""
    return min(max((value - axis.low) / (axis.high - axis.low), 0.0), 1.0)


def _on_plot(panel: Panel, outline: NDArray[np.float64], width: float, height: float) -> NDArray[np.float64]:
    """Return a gate's line in points of the plot; an open side lies well outside of it, not at infinity."""
    x = (outline[:, 0] - panel.x.low) / (panel.x.high - panel.x.low)
    y = outline[:, 1] * ROOM if panel.y is None else (outline[:, 1] - panel.y.low) / (panel.y.high - panel.y.low)
    return np.column_stack([np.clip(x, -1, 2) * width, (1 - np.clip(y, -1, 2)) * height])


def _axes(panel: Panel, left: float, top: float) -> Iterator[Item]:
    width, height = PLOT
    bottom = top + height
    yield Line(np.array([(left, top), (left, bottom), (left + width, bottom)]), MUTED, 0.8)
    yield from _ticks(panel.x, (left, bottom), (width, 0), (0, 1))
    for share, name in _named(panel.x):
        yield Text(left + share * width, bottom + 11, name, 7, align="center")
    yield Text(left + width / 2, bottom + 21.5, drawable(panel.x.label, 28), 7.5, align="center")
    if panel.y is None:
        yield Text(left - 6, top + height / 2, "events (scaled)", 7, MUTED, "center", upward=True)
        return
    yield from _ticks(panel.y, (left, bottom), (0, -height), (-1, 0))
    for share, name in _named(panel.y):
        yield Text(left - 5, bottom - share * height + 2.5, name, 7, align="right")
    yield Text(left - 30, top + height / 2, drawable(panel.y.label, 28), 7.5, align="center", upward=True)


def _named(axis: Axis) -> Iterator[tuple[float, str]]:
    """Yield place and name of each tick that has one."""
    for place, name in zip(axis.ticks, axis.tick_labels, strict=True):
        yield _share(place, axis), name


def _ticks(axis: Axis, corner: Pair, along: Pair, out: Pair) -> Iterator[Strokes]:
    """Yield the ticks of an axis that runs from a corner, then the shorter ones between powers of ten."""
    for places, length, width in ((axis.ticks, 3.5, 0.8), (axis.minor, 2.0, 0.5)):
        if places:
            shares = np.array([_share(place, axis) for place in places])
            starts = np.asarray(corner) + shares[:, np.newaxis] * np.asarray(along)
            yield Strokes(np.stack([starts, starts + length * np.asarray(out)], axis=1), MUTED, width)


def _control_name(panel: Panel) -> Iterator[Text | Box]:
    """Name the control's line on the side that the population's share leaves free."""
    if panel.y is None and panel.control is not None and panel.control.any():
        right = bool(panel.labels) and panel.labels[0].x < 0.5
        name = textwrap.wrap(drawable(_without_folder(panel.control_name), 40), 20)
        yield from _block(["line: control", *name], 0.97 if right else 0.03, 0.96, 6.5, WARNING)


def _label(label: Label) -> list[Text | Box]:
    """Write a population's percentage where it lies."""
    share = "no number" if label.fraction is None else numbers.percent(label.fraction)
    name = textwrap.wrap(drawable(label.population.replace("_", " "), 30), 15)
    return _block([*name, share], label.x, label.y, 7, INK)


def _block(lines: Sequence[str], x: float, y: float, size: float, colour: str) -> list[Text | Box]:
    """Return lines of words in a corner of the plot, on a white ground that lets events through."""
    width, height = PLOT
    align = "left" if x < 0.1 else "right" if x > 0.9 else "center"
    step, across = 1.22 * size, max(text_width(line, size) for line in lines) + 3
    left = x * width - {"left": 1.5, "center": across / 2, "right": across - 1.5}[align]
    top = (1 - y) * height - (0 if y > 0.5 else step * len(lines))
    words = [Text(x * width, top + step * (i + 0.8), line, size, colour, align) for i, line in enumerate(lines)]
    return [Box(left, top - 0.5, across, step * len(lines) + 1, opacity=0.8), *words]


def _moved(item: Text | Box, left: float, top: float) -> Text | Box:
    """Return words at their place on the figure, from that on the plot."""
    if isinstance(item, Box):
        return Box(item.x + left, item.y + top, item.width, item.height, item.fill, item.opacity)
    return Text(item.x + left, item.y + top, item.words, item.size, item.colour, item.align, item.bold)


def _heading(panel: Panel, left: float, top: float) -> Iterator[Text]:
    """Write what the panel divides, its n and how the gate was placed."""
    n = "no events" if panel.n is None else f"n = {panel.n:,}"
    source = _without_folder(panel.source)
    marked = {"sure": source, "weak": f"WEAK: {source}", "refused": "REFUSED"}
    yield Text(left, top - 22.5, drawable(panel.title, 34), 8.5, bold=True)
    yield Text(left, top - 13, drawable(f"of {panel.parent}, {n}", WIDEST), 7, MUTED)
    colour = MUTED if panel.status == "sure" else WARNING
    yield Text(left, top - 3.5, drawable(marked[panel.status], WIDEST), 7, colour)


def _without_folder(text: str) -> str:
    """Return a text in which FCS files have no folder: there is room for a name.

    >>> _without_folder("0.995 quantile of fcs/B1/UT.fcs"), _without_folder("5 MAD of height/area")
    ('0.995 quantile of UT.fcs', '5 MAD of height/area')
    """
    return re.sub(r"[^\s,;]+/(?=[^\s/]+\.fcs\b)", "", text, flags=re.IGNORECASE)


def _refusal(panel: Panel) -> list[Text | Box]:
    """Write why there is no gate, above the events it would have divided."""
    return _block(textwrap.wrap(drawable(f"No gate: {panel.note}", 200), 34), 0.03, 0.97, 6.8, WARNING)
