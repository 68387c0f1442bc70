"""Cuts and peaks of every sample, batch by batch: what drifts is seen before it is believed."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gating import decades
from phenotype.figures.palette import INK, MUTED, WARNING
from phenotype.figures.style import drawable, mark_synthetic, new_figure, style

__all__ = ["MOST_PANELS", "draw_drift"]

MOST_PANELS = 12
"""Panels of one figure: with more, none can be read; the table has them all."""
_COLUMNS = 3
_SERIES = {
    "positive": (MUTED, "^", "median above the cut"),
    "cut": (INK, "o", "cut"),
    "negative": (MUTED, "v", "median below the cut"),
}
_TICKS = (-1000.0, -100.0, 0.0, 100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0)
_TICK_LABELS = ("−10³", "−10²", "0", "10²", "10³", "10⁴", "10⁵", "10⁶")


def draw_drift(places: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw cut and medians of each sample by batch, a panel for each marker and population.

    Parameters
    ----------
    places
        ``marker, population, batch, sample_id, cut, negative, positive`` (linear; NaN for none) and ``outlier``.
    synthetic
        Whether to mark the figure as simulated data.
    """
    panels = list(places.groupby(["marker", "population"], sort=False))[:MOST_PANELS]
    rows = max(math.ceil(len(panels) / _COLUMNS), 1)
    height = 2.3 * rows + 0.5
    with style():
        figure = new_figure(10.2, height)
        for i, ((marker, population), table) in enumerate(panels):
            left, top = 0.06 + 0.32 * (i % _COLUMNS), 1 - (0.45 + 2.3 * (i // _COLUMNS)) / height
            ax = figure.add_axes((left, top - 1.6 / height, 0.26, 1.6 / height))
            _draw_panel(table, ax)
            ax.set_title(drawable(f"{marker} on {population}", 40), loc="left")
        if figure.axes:
            figure.axes[0].legend(loc="lower left", fontsize=6, handletextpad=0.2, bbox_to_anchor=(0.0, 1.1), ncols=3)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _draw_panel(table: pd.DataFrame, ax: Axes) -> None:
    """Draw one marker: batches across, each sample a little beside the last."""
    batches = list(dict.fromkeys(table["batch"]))
    rank = table.groupby("batch").cumcount()
    size = table.groupby("batch")["batch"].transform("size")
    place = table["batch"].map(batches.index) + (rank + 0.5) / size * 0.7 - 0.35
    odd = table["outlier"].to_numpy(dtype=bool)
    for name, (colour, marker, label) in _SERIES.items():
        shown = decades(table[name].to_numpy(dtype=float))
        ax.plot(place, shown, linestyle="none", marker=marker, markersize=3, color=colour, label=label)
        ax.plot(place[odd], shown[odd], linestyle="none", marker=marker, markersize=6, color=WARNING, fillstyle="none")
    for i, batch in enumerate(batches):
        cuts = decades(table.loc[table["batch"] == batch, "cut"].to_numpy(dtype=float))
        ax.plot([i - 0.4, i + 0.4], [np.median(cuts)] * 2, color=INK, linewidth=1)
    ax.set_xticks(range(len(batches)), [drawable(batch or "(none)", 10) for batch in batches])
    ticks = [(float(decades(value)), label) for value, label in zip(_TICKS, _TICK_LABELS, strict=True)]
    low, high = ax.get_ylim()
    kept = [(at, label) for at, label in ticks if low <= at <= high]
    ax.set_yticks([at for at, _ in kept], [label for _, label in kept])
