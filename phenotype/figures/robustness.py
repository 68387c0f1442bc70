"""Whether a conclusion survives moving the gates: differences between groups in every plausible gating."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from phenotype.figures import numbers
from phenotype.figures.palette import GROUP_LABELS, INK, MUTED
from phenotype.figures.style import drawable, mark_synthetic, new_figure, style
from phenotype.figures.subsets import CONTRASTS, inner
from phenotype.subsets import SUBSET_LABELS, SUBSETS

__all__ = ["draw_moved", "draw_robustness"]

CHANNEL_COLOURS = ("#3b78ad", "#6a1b4d", "#c26d00", "#4a8f5a", "#5c5c5c")
"""By channel, in the order of the table; each also has a line of its own, so that none needs its colour."""
_POINTS = FuncFormatter(lambda share, _: numbers.points(share).removesuffix(".0"))


def draw_robustness(moved: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw all contrasts, each with its differences as gated, over plausible gatings, and after each shift.

    Parameters
    ----------
    moved
        ``contrast, subset, channel, decades, difference, difference_low, difference_high, ci_low, ci_high, below,
        gatings, share_same_conclusion``; ``channel`` is empty for the gates as they are.
    synthetic
        Whether to mark the figure as simulated data.
    """
    with style():
        channels = [channel for channel in dict.fromkeys(moved["channel"]) if channel]
        figure = new_figure(10.2, 3.2 + 0.9 * (1 + len(channels)))
        grid = figure.add_gridspec(2, 2, left=0.12, right=0.985, top=0.94, bottom=0.12, hspace=0.36, wspace=0.34)
        ends = moved[["difference", "difference_low", "difference_high", "ci_low", "ci_high"]].to_numpy(
            dtype=np.float64
        )
        known = np.append(ends[np.isfinite(ends)], 0.0)
        for i, contrast in enumerate(CONTRASTS):
            ax = figure.add_subplot(grid[i // 2, i % 2])
            draw_moved(moved[moved["contrast"] == contrast], ax, contrast=contrast, channels=channels)
            _same_scale(ax, float(known.min()), float(known.max()))
        _name_marks(moved, channels, figure)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def draw_moved(moved: pd.DataFrame, ax: Axes, *, contrast: str, channels: Sequence[str]) -> Axes:
    """Draw one contrast: a large dot and a bar for each subset, and a line with two triangles for each channel.

    Parameters
    ----------
    moved
        Rows of the contrast.
    ax
        Where to draw.
    contrast
        A key of ``CONTRASTS``.
    channels
        Each has the same line and colour in every panel.
    """
    step = 0.84 / (1 + len(channels))
    for i, subset in enumerate(SUBSETS):
        rows = moved[moved["subset"] == subset].to_dict("records")
        for row in rows:
            if row["channel"]:
                lane = 1 + channels.index(row["channel"])
                _draw_shift(row, i + lane * step, CHANNEL_COLOURS[(lane - 1) % len(CHANNEL_COLOURS)], ax)
            else:
                _draw_gatings(row, i, ax)
        if not rows:
            ax.text(0.5, i + 0.1, "not tested", transform=ax.get_yaxis_transform(), color=MUTED, fontsize=7)
        if i:
            ax.axhline(i - step, color="#dddddd", linewidth=0.6, zorder=0)
    ax.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
    ax.set_yticks(range(len(SUBSETS)), labels=[SUBSET_LABELS[subset] for subset in SUBSETS], weight="bold")
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(SUBSETS) - step, -step)
    first, second = (GROUP_LABELS[group] for group in CONTRASTS[contrast])
    ax.set_title(f"{first} minus {inner(second)}", loc="left", weight="bold")
    ax.set_xlabel("difference, percentage points")
    return ax


def _draw_gatings(row: Mapping[Any, Any], place: float, ax: Axes) -> None:
    """Draw the difference as gated, its interval, its range over gatings, and the share that says the same."""
    ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=MUTED, linewidth=0.8, zorder=1)
    ax.plot([row["difference_low"], row["difference_high"]], [place, place], color=INK, linewidth=7, alpha=0.4,
            solid_capstyle="butt", zorder=2)  # fmt: skip
    ax.plot(row["difference"], place, marker="o", markersize=5, color=INK, zorder=4, linestyle="none",
            markerfacecolor=INK if row["below"] else "white")  # fmt: skip
    share = numbers.percent(row["share_same_conclusion"])
    ax.text(1.0, place, share, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=7)


def _draw_shift(row: Mapping[Any, Any], place: float, colour: str, ax: Axes) -> None:
    """Draw the difference after one channel's gates were moved in all samples."""
    ax.plot(row["difference"], place, marker="^" if row["decades"] > 0 else "v", markersize=4.5, color=colour,
            markerfacecolor=colour if row["below"] else "white", linestyle="none", zorder=3)  # fmt: skip


def _same_scale(ax: Axes, low: float, high: float) -> None:
    """Give every panel the same axis, with room for the shares on its right."""
    width = max(high - low, 0.01)
    ax.set_xlim(low - 0.06 * width, high + 0.22 * width)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(_POINTS)


def _name_marks(moved: pd.DataFrame, channels: Sequence[str], figure: Figure) -> None:
    """Write the legend: dot, bar, a colour for each channel, what filled means."""
    ax = figure.axes[0]
    gatings = moved.loc[moved["channel"] == "", "gatings"]
    n = numbers.count(gatings.max() if len(gatings) else None)
    handles = ax.plot([], [], marker="o", markersize=5, color=INK, linestyle="none", label="gates as they are")
    handles += ax.plot([], [], color=MUTED, linewidth=0.8, label="its 95 % CI (patients)")
    handles += ax.plot([], [], color=INK, linewidth=7, alpha=0.4, label=f"95 % of {n} plausible gatings")
    for i, channel in enumerate(channels):
        size = moved.loc[moved["channel"] == channel, "decades"].abs().max()
        handles += ax.plot([], [], marker="^", markersize=4.5, linestyle="none",
                           color=CHANNEL_COLOURS[i % len(CHANNEL_COLOURS)],
                           label=f"{drawable(channel)} ▲ up, ▼ down {size:g} decade")  # fmt: skip
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=7, bbox_to_anchor=(0.005, 0.018),
                  handletextpad=0.9, columnspacing=0.9, handlelength=1.6)  # fmt: skip
    figure.text(
        0.012, 0.008, "Filled: adjusted p below 0.05. At the right: gatings with the same conclusion.", fontsize=7
    )
