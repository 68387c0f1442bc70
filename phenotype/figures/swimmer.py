"""What happened to every patient and when: a bar from infusion to the last contact or death."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from phenotype.figures import numbers
from phenotype.figures.palette import INK, MUTED
from phenotype.figures.patients import PATIENT_COLOURS, groups_in, labelled, nothing_to_draw
from phenotype.figures.style import drawable, mark_synthetic, new_figure, style

__all__ = ["NAMED", "draw_swimmer"]

NAMED = 60
"""Patients up to which each bar has its name: of more, names could not be read on a page."""
_APART = 200
"""Patients up to which bars stand apart: gaps between more would be thinner than a line can be."""
_BAR = 0.145
"""Height of a patient's row, inches, where each has a name."""
_PAGE = 10.6
"""Height of the figure at most, inches: with its caption it stays on a page of A4."""
_HEAD, _FOOT, _TITLE = 0.1, 0.75, 0.24
"""Height above the bars, below them, and of a group's heading, inches."""
_MONTHS = 12.0
_SIGNS = {
    "response": ("^", "white", INK, 0.8, "response"),
    "progression": ("D", "#c26d00", "white", 1.1, "progression or relapse"),
    "death": ("X", INK, "white", 1.2, "death"),
    "followed": (">", "white", INK, 1.0, "alive at last contact"),
}
"""Marker, colour, edge, relative size and name of each event; an edge sets dark marks off from dark bars."""


def draw_swimmer(bars: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw a bar for each patient, by ASCT group and the longest first, with response, progression, death.

    Parameters
    ----------
    bars
        ``position, patient_id, group, months, died, response_month, progression_month``, in the order in which they
        are drawn; a patient without ``months`` is not drawn, and counted in words.
    synthetic
        Whether to mark the figure as simulated data.
    """
    drawn = bars[bars["months"].notna()]
    groups = groups_in(drawn["group"])
    with style():
        height = min(_PAGE, _HEAD + _FOOT + _TITLE * len(groups) + _BAR * max(len(drawn), 1))
        figure = new_figure(10.2, max(height, 1.6))
        if not len(drawn):
            nothing_to_draw(figure, "nobody was followed")
        else:
            tall = figure.get_figheight()
            inside = tall - _HEAD - _FOOT
            row = (inside - _TITLE * len(groups)) / len(drawn)
            ax = figure.add_axes((0.1, _FOOT / tall, 0.88, inside / tall))
            _draw_groups(drawn, groups, ax, row=row, inside=inside)
            _name_signs(bars, figure, tall)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _draw_groups(bars: pd.DataFrame, groups: list[str], ax: Axes, *, row: float, inside: float) -> None:
    """Draw the groups below each other; the vertical axis is inches from the top."""
    below, places, names = 0.0, [], []
    size = float(np.clip(row * 72 * 0.62, 2.4, 5.2))
    for group in groups:
        patients = bars[bars["group"] == group]
        ax.text(0.0, below + 0.6 * _TITLE, labelled(group, len(patients)), transform=ax.get_yaxis_transform(),
                va="center", fontsize=8, weight="bold", clip_on=False)  # fmt: skip
        at = below + _TITLE + row * (np.arange(len(patients), dtype=np.float64) + 0.5)
        ax.barh(at, patients["months"], height=row * _share(len(bars)),
                color=PATIENT_COLOURS[group], edgecolor=MUTED, linewidth=0.3 if len(bars) <= NAMED else 0.0,
                zorder=1)  # fmt: skip
        _draw_events(patients, at, ax, size=size)
        places += at.tolist()
        names += [drawable(str(name), 16) for name in patients["patient_id"]]
        below += _TITLE + row * len(patients)
    ax.set_ylim(inside, 0)
    ax.set_xlim(0, max(float(bars["months"].max()) * 1.03, 1.0))
    ax.set_yticks(places if len(bars) <= NAMED else [], names if len(bars) <= NAMED else [], fontsize=6.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if bars["months"].max() > 2 * _MONTHS:
        ax.set_xticks(np.arange(0, float(bars["months"].max()), _MONTHS))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 6, 10]))
    ax.grid(axis="x", color="#e4e4e4", linewidth=0.6, zorder=0)
    ax.set_axisbelow(True)
    ax.set_xlabel("months from infusion", labelpad=2)


def _share(patients: int) -> float:
    """Return how much of its row a bar fills."""
    if patients <= NAMED:
        return 0.72
    return 0.9 if patients <= _APART else 1.0


def _draw_events(patients: pd.DataFrame, at: NDArray[np.float64], ax: Axes, *, size: float) -> None:
    """Mark what happened to each patient, small marks over large ones; the arrow stands beyond the end of the bar."""
    months, died = patients["months"].to_numpy(dtype=np.float64), patients["died"].to_numpy(dtype=np.float64)
    where = {
        "progression": patients["progression_month"].to_numpy(dtype=np.float64),
        "response": patients["response_month"].to_numpy(dtype=np.float64),
        "followed": np.where(died == 0, months, np.nan),
        "death": np.where(died == 1, months, np.nan),
    }
    scale = ax.get_figure().dpi_scale_trans  # type: ignore[union-attr]
    for depth, (event, month) in enumerate(where.items()):
        shape, colour, edge, share, _ = _SIGNS[event]
        beyond = ScaledTranslation(0.55 * size / 72 if event == "followed" else 0.0, 0.0, scale)
        ax.plot(month, at, transform=ax.transData + beyond, linestyle="none", marker=shape, markersize=size * share,
                markerfacecolor=colour, markeredgecolor=edge, markeredgewidth=min(0.5, size / 8), zorder=3 + depth,
                clip_on=False)  # fmt: skip


def _name_signs(bars: pd.DataFrame, figure: Figure, height: float) -> None:
    """Write the legend, and how many patients have no bar."""
    handles: list[Line2D | Patch] = [
        Line2D([], [], linestyle="none", marker=shape, markersize=5 * share, markerfacecolor=colour,
               markeredgecolor=edge, markeredgewidth=0.5, label=name)
        for shape, colour, edge, share, name in _SIGNS.values()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=7.5, handletextpad=0.2,
                  bbox_to_anchor=(0.09, 0.12 / height), borderaxespad=0.0)  # fmt: skip
    absent = int(bars["months"].isna().sum())
    words = f"{numbers.count(absent)} patients without a known follow-up are not drawn." if absent else ""
    figure.text(0.1, 0.02 / height, words, fontsize=7, va="bottom")
