"""The best response of every patient: a bar each, from the deepest to the worst."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from phenotype.figures import numbers
from phenotype.figures.palette import INK, MUTED
from phenotype.figures.patients import (
    PATIENT_COLOURS,
    PATIENT_MARKERS,
    groups_in,
    labelled,
    nothing_to_draw,
)
from phenotype.figures.style import mark_synthetic, new_figure, style

__all__ = ["RANKS", "draw_waterfall"]

RANKS = ("PD", "SD", "MR", "PR", "VGPR", "CR", "sCR")
"""IMWG categories from the worst, whose bar is 1 high."""
_APART = {"NE": "NE", "": "not known"}
"""Who has no rank, and how the figure names them."""
_LOW = 0.6
"""Height of a bar without a rank: below the lowest rank, so that it is not read as one."""
_EDGES = 160
"""Bars up to which each has a white edge; of more, edges would hide the bars."""
_GAP = 0.025
"""Room before those without a rank, as a share of all bars."""


def draw_waterfall(bars: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw a bar for each patient, as high as the rank of the best response; who has no rank stands apart.

    Parameters
    ----------
    bars
        ``position, patient_id, group, best_response, rank, n``, in the order in which they are drawn.
    synthetic
        Whether to mark the figure as simulated data.
    """
    with style():
        figure = new_figure(10.2, 3.5)
        if not (bars["best_response"] != "").any():
            nothing_to_draw(figure, "no best response is known")
        else:
            _draw_bars(bars, figure.add_axes((0.105, 0.165, 0.885, 0.785)))
            _name_groups(bars, figure)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _draw_bars(bars: pd.DataFrame, ax: Axes) -> None:
    """Draw ranked bars, then after gaps those that have none, hatched."""
    gap = max(1.0, _GAP * len(bars))
    kinds = ["", *dict.fromkeys(bars.loc[bars["rank"].isna(), "best_response"])]
    places = bars["position"].to_numpy(dtype=np.float64)
    for i, kind in enumerate(kinds):
        inside = (bars["rank"].notna() if not i else bars["rank"].isna() & (bars["best_response"] == kind)).to_numpy()
        at = places[inside] + i * gap
        _draw_kind(bars[inside], at, ax, width=1.0 if len(bars) > _EDGES else 0.86, ranked=not i)
        if i:
            ax.text(at[-1] + 0.5, _LOW - 0.43 + 0.55 * i, f"{_APART[str(kind)]}, n = {numbers.count(len(at))}",
                    ha="right", va="bottom", fontsize=7)  # fmt: skip
    ax.axhline(0, color=MUTED, linewidth=0.8)
    sizes = bars["best_response"].value_counts()
    names = [f"{name}, n = {numbers.count(int(sizes.get(name, 0)))}" for name in RANKS]
    ax.set_yticks(range(1, len(RANKS) + 1), names)
    ax.set_ylim(-0.45, len(RANKS) + 0.2)
    ax.set_xlim(0.3, len(bars) + (len(kinds) - 1) * gap + 0.7)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.spines["left"].set_bounds(0, len(RANKS))
    ax.set_xlabel(f"{numbers.count(len(bars))} patients, the deepest response first", labelpad=0)


def _draw_kind(bars: pd.DataFrame, at: NDArray[np.float64], ax: Axes, *, width: float, ranked: bool) -> None:
    """Draw bars side by side; under each run of a group stands the group's sign, once."""
    heights = bars["rank"].fillna(_LOW).to_numpy(dtype=np.float64)
    groups = bars["group"].to_numpy()
    for group in groups_in(groups):
        chosen = groups == group
        ax.bar(at[chosen], heights[chosen], width=width, color=PATIENT_COLOURS[group] if ranked else "white",
               edgecolor=PATIENT_COLOURS[group] if ranked else INK, linewidth=0.0 if ranked else 0.4,
               hatch=None if ranked else "////")  # fmt: skip
    runs = (bars["group"] != bars["group"].shift()) | (bars["best_response"] != bars["best_response"].shift())
    for _, run in bars.assign(at=at).groupby(runs.cumsum()):
        group = str(run["group"].iloc[0])
        ax.plot(float(run["at"].mean()), -0.22, marker=PATIENT_MARKERS[group], markersize=3.4, linestyle="none",
                markerfacecolor=PATIENT_COLOURS[group], markeredgecolor=INK, markeredgewidth=0.35)  # fmt: skip


def _name_groups(bars: pd.DataFrame, figure: Figure) -> None:
    """Write the legend: each group with its sign, and what is hatched."""
    sizes = bars["group"].value_counts()
    handles: list[Any] = []
    names = []
    for group in groups_in(bars["group"]):
        handles.append((
            Patch(facecolor=PATIENT_COLOURS[group], edgecolor=INK, linewidth=0.3),
            Line2D([], [], linestyle="none", marker=PATIENT_MARKERS[group], markersize=4, markeredgecolor=INK,
                   markerfacecolor=PATIENT_COLOURS[group], markeredgewidth=0.5),
        ))  # fmt: skip
        names.append(labelled(group, int(sizes[group])))
    if bars["rank"].isna().any():
        handles.append(Patch(facecolor="white", edgecolor=INK, linewidth=0.4, hatch="////"))
        names.append("no rank: NE is not evaluable")
    figure.legend(handles, names, loc="lower left", ncols=len(handles), fontsize=7.5, bbox_to_anchor=(0.005, 0.0))
