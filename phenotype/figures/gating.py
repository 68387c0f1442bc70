"""The gating of one sample: a panel for each step, from root to the subsets."""

import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.markers import TICKDOWN, TICKLEFT

from phenotype.figures import numbers
from phenotype.figures.palette import DENSITY, INK, MUTED, SUBSET_COLOURS, WARNING
from phenotype.figures.style import drawable, mark_synthetic, new_figure, style
from phenotype.panels import Axis, Label, Panel

__all__ = ["draw_gating", "draw_panel"]

COLUMNS = 4
ROW = 2.75
"""Height of a row of panels, inches, with its words."""
WIDEST = 38
"""Characters of small print above a panel: more would run into the next, or off the figure's edge."""
_BOX = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}


def draw_gating(panels: Sequence[Panel], sample_id: str, synthetic: bool = False) -> Figure:
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
    with style():
        figure = new_figure(10.6, 0.35 + ROW * rows)
        figure.text(0.012, 1 - 0.1 / figure.get_figheight(), drawable(sample_id), va="top", fontsize=11, weight="bold")
        for i, panel in enumerate(panels):
            draw_panel(panel, figure.add_axes(_place(i, figure.get_figheight())))
        if not panels:
            figure.text(0.5, 0.5, "no gate step has a picture", ha="center", color=MUTED)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def draw_panel(panel: Panel, ax: Axes) -> Axes:
    """Draw one gate step: the parent's events, the gate, and each population's share of the parent."""
    if panel.y is None:
        _draw_histogram(panel, ax)
    else:
        _draw_density(panel, panel.y, ax)
    for line in panel.outlines:
        ax.plot(line[:, 0], line[:, 1], color=INK, linewidth=1.1, linestyle="-" if panel.status == "sure" else "--")
    _draw_heading(panel, ax)
    if panel.status == "refused":
        _draw_refusal(panel, ax)
        return ax
    for label in panel.labels:
        _draw_label(label, ax)
    return ax


def _place(i: int, height: float) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a panel, as shares of the figure."""
    row, column = divmod(i, COLUMNS)
    bottom = height - 0.35 - ROW * (row + 1) + 0.48
    return (0.055 + 0.2455 * column, bottom / height, 0.185, 1.75 / height)


def _draw_histogram(panel: Panel, ax: Axes) -> None:
    """Draw a one-channel step; the control, if one was used, is scaled to the same peak."""
    edges = np.linspace(panel.x.low, panel.x.high, len(panel.counts) + 1)
    peak = max(int(panel.counts.max()), 1)
    ax.stairs(panel.counts / peak, edges, fill=True, color=SUBSET_COLOURS["central_memory"], alpha=0.55)
    ax.stairs(panel.counts / peak, edges, color=SUBSET_COLOURS["naive"], linewidth=0.8)
    if panel.control is not None and panel.control.any():
        ax.stairs(panel.control / panel.control.max(), edges, color=WARNING, linewidth=1.0)
        _name_control(panel, ax)
    _set_axis(panel.x, ax, "x")
    ax.set_ylim(0, 1.3)
    ax.set_yticks([])
    ax.set_ylabel("events (scaled)", fontsize=7, color=MUTED)


def _name_control(panel: Panel, ax: Axes) -> None:
    """Name the control's line on the side that the population's share leaves free."""
    right = bool(panel.labels) and panel.labels[0].x < 0.5
    words = "\n".join(["line: control", *textwrap.wrap(drawable(_without_folder(panel.control_name), 40), 20)])
    ax.text(0.97 if right else 0.03, 0.96, words, transform=ax.transAxes, fontsize=6.5, color=WARNING,
            ha="right" if right else "left", va="top", bbox=_BOX)  # fmt: skip


def _draw_density(panel: Panel, y: Axis, ax: Axes) -> None:
    """Draw a two-channel step; shade goes with the square root of the count, so that sparse bins are seen."""
    grid = np.ma.masked_equal(panel.counts.T, 0)
    extent = (panel.x.low, panel.x.high, y.low, y.high)
    norm = PowerNorm(0.5, vmin=0, vmax=max(int(panel.counts.max()), 1))
    ax.imshow(grid, origin="lower", extent=extent, aspect="auto", cmap=DENSITY, norm=norm, interpolation="nearest")
    _set_axis(panel.x, ax, "x")
    _set_axis(y, ax, "y")


def _set_axis(axis: Axis, ax: Axes, which: str) -> None:
    side = ax.xaxis if which == "x" else ax.yaxis
    side.set_ticks(axis.ticks, labels=axis.tick_labels, fontsize=7)
    _draw_minor_ticks(axis.minor, ax, which)
    (ax.set_xlim if which == "x" else ax.set_ylim)(axis.low, axis.high)
    side.set_label_text(drawable(axis.label, 28), fontsize=7.5)
    side.labelpad = 1.5


def _draw_minor_ticks(places: Sequence[float], ax: Axes, which: str) -> None:
    """Draw the ticks between powers of ten as one line of markers: an Axis spends a millisecond on each."""
    nought = np.zeros(len(places))
    style: dict[str, Any] = {
        "linestyle": "none",
        "color": MUTED,
        "markersize": 2.2,
        "markeredgewidth": 0.5,
        "clip_on": False,
    }
    if which == "x":
        ax.plot(places, nought, marker=TICKDOWN, transform=ax.get_xaxis_transform(), **style)
    else:
        ax.plot(nought, places, marker=TICKLEFT, transform=ax.get_yaxis_transform(), **style)


def _draw_label(label: Label, ax: Axes) -> None:
    """Write a population's percentage where it lies."""
    share = "no number" if label.fraction is None else numbers.percent(label.fraction)
    name = "\n".join(textwrap.wrap(drawable(label.population.replace("_", " "), 30), 15))
    side = "left" if label.x < 0.1 else "right" if label.x > 0.9 else "center"
    ax.text(
        label.x, label.y, f"{name}\n{share}", transform=ax.transAxes, fontsize=7,
        ha=side, va="top" if label.y > 0.5 else "bottom", linespacing=1.1, bbox=_BOX,
    )  # fmt: skip


def _draw_heading(panel: Panel, ax: Axes) -> None:
    """Write what the panel divides, its n and how the gate was placed."""
    n = "no events" if panel.n is None else f"n = {panel.n:,}"
    ax.text(0, 1.17, drawable(panel.title, 34), transform=ax.transAxes, fontsize=8.5, weight="bold", va="bottom")
    ax.text(
        0,
        1.095,
        drawable(f"of {panel.parent}, {n}", WIDEST),
        transform=ax.transAxes,
        fontsize=7,
        va="bottom",
        color=MUTED,
    )
    source = _without_folder(panel.source)
    marked = {"sure": source, "weak": f"WEAK: {source}", "refused": "REFUSED"}
    colour = MUTED if panel.status == "sure" else WARNING
    words = drawable(marked[panel.status], WIDEST)
    ax.text(0, 1.02, words, transform=ax.transAxes, fontsize=7, va="bottom", color=colour)


def _without_folder(text: str) -> str:
    """Return a text in which FCS files have no folder: there is room for a name.

    >>> _without_folder("0.995 quantile of fcs/B1/UT.fcs"), _without_folder("5 MAD of height/area")
    ('0.995 quantile of UT.fcs', '5 MAD of height/area')
    """
    return re.sub(r"[^\s,;]+/(?=[^\s/]+\.fcs\b)", "", text, flags=re.IGNORECASE)


def _draw_refusal(panel: Panel, ax: Axes) -> None:
    """Write why there is no gate, above the events it would have divided."""
    words = "\n".join(textwrap.wrap(drawable(f"No gate: {panel.note}", 200), 38))
    ax.text(0.03, 0.97, words, transform=ax.transAxes, fontsize=6.8, va="top", color=WARNING, bbox=_BOX)
