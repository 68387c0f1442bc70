"""Survival and relapse over time, with intervals, censored patients and numbers at risk."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from phenotype.figures import numbers
from phenotype.figures.palette import GROUP_LABELS, INK, MUTED
from phenotype.figures.style import mark_synthetic, new_figure, style

__all__ = ["LEVELS", "at_risk", "draw_curves", "draw_outcomes"]

PANELS: Mapping[str, str] = {
    "PFS": "Progression-free survival",
    "OS": "Overall survival",
    "relapse": "Relapse of patients in CR",
}
LEVELS: Mapping[str, tuple[str, ...]] = {"asct": ("none", "asct"), "asct_group": ("none", "over_1y", "within_1y")}
COLOURS = {"none": "#5b9bb5", "asct": "#12355b", "over_1y": "#1f5f73", "within_1y": "#6a1b4d"}
"""Those of the groups, dark enough for a thin line: 3 : 1 on white at least."""
LINES = {"none": "-", "asct": "--", "over_1y": "--", "within_1y": "-."}
"""A line of its own for each group, so that none needs its colour."""
STEP = 12.0
"""Months between ticks, and between numbers at risk."""
FEW = 5
"""Patients at risk below which a curve is drawn thin: what follows rests on hardly anybody."""
_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.0f} %")


def draw_outcomes(curves: pd.DataFrame, tests: Mapping[str, float], *, term: str, synthetic: bool = False) -> Figure:
    """Draw PFS, OS and relapse, each with its groups, their 95 % intervals, and numbers at risk below.

    Parameters
    ----------
    curves
        Rows of curves.csv of one term.
    tests
        p-value by endpoint: log-rank, for relapse Gray's; none where there was no test.
    term
        A key of ``LEVELS``.
    synthetic
        Whether to mark the figure as simulated data.
    """
    with style():
        levels = LEVELS[term]
        figure = new_figure(10.2, 3.6 + 0.16 * len(levels))
        bottom = 0.2 + 0.05 * len(levels)
        grid = figure.add_gridspec(1, len(PANELS), left=0.1, right=0.985, top=0.87, bottom=bottom, wspace=0.34)
        last = _last_month(curves)
        for i, (endpoint, title) in enumerate(PANELS.items()):
            ax = figure.add_subplot(grid[0, i])
            draw_curves(curves[curves["endpoint"] == endpoint], ax, levels=levels, last=last, named=i == 0)
            ax.set_title(title, loc="left", weight="bold", pad=16)
            p = tests.get(endpoint, float("nan"))
            test = "Gray" if endpoint == "relapse" else "log-rank"
            words = f"{test} p {numbers.p_value(p)}" if np.isfinite(p) else "not tested"
            ax.text(0, 1.025, words, transform=ax.transAxes, va="bottom", fontsize=7)
        handles = [
            figure.axes[0].plot([], [], color=COLOURS[level], linestyle=LINES[level], linewidth=1.8,
                                label=GROUP_LABELS[level])[0]
            for level in levels
        ]  # fmt: skip
        figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=7.5, bbox_to_anchor=(0.005, 0.0))
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def draw_curves(curves: pd.DataFrame, ax: Axes, *, levels: Sequence[str], last: float, named: bool) -> Axes:
    """Draw one endpoint: a step a group, a tick for each censored time, numbers at risk under the axis.

    Parameters
    ----------
    curves
        Rows of the endpoint and term.
    ax
        Where to draw.
    levels
        Groups in their order.
    last
        End of the axis, months.
    named
        Whether to write the groups' names beside the numbers at risk.
    """
    ticks = np.arange(0, last + 1, STEP)
    for place, level in enumerate(levels):
        rows = curves[curves["level"] == level].sort_values("time", kind="stable")
        _draw_level(rows, level, ax)
        line = -0.27 - 0.085 * place
        if named:
            ax.text(-0.16, line, GROUP_LABELS[level].removesuffix(" before"), transform=ax.transAxes, fontsize=6.5,
                    ha="right", va="center", color=INK)  # fmt: skip
        for tick in ticks:
            ax.text(tick, line, str(at_risk(rows, tick)), transform=ax.get_xaxis_transform(), fontsize=6.5,
                    ha="center", va="center", color=INK)  # fmt: skip
    ax.text(0, -0.185, "at risk", transform=ax.get_xaxis_transform(), fontsize=6.5, ha="center", va="center",
            color=MUTED)  # fmt: skip
    ax.set_xlim(0, last)
    ax.set_ylim(0, 1.02)
    ax.set_xticks(ticks)
    ax.yaxis.set_major_formatter(_PERCENT)
    ax.set_xlabel("months", loc="right", labelpad=-1)
    return ax


def at_risk(rows: pd.DataFrame, time: float) -> int:
    """Return how many are at risk just before a time, from a curve's rows in order.

    Examples
    --------
    >>> at_risk(pd.DataFrame({"time": [0.0, 3.0, 9.0], "at_risk": [5, 5, 2]}), 3.5)
    2
    """
    later = rows["at_risk"].to_numpy()[rows["time"].to_numpy() >= time]
    return int(later[0]) if len(later) else 0


def _draw_level(rows: pd.DataFrame, level: str, ax: Axes) -> None:
    if not len(rows):
        return
    colour, time, height = COLOURS[level], rows["time"].to_numpy(), rows["estimate"].to_numpy()
    until = int((rows["at_risk"].to_numpy() >= FEW).sum())
    for part, width in ((slice(until + 1), 1.8), (slice(max(until - 1, 0), None), 0.7)):
        ax.plot(time[part], height[part], drawstyle="steps-post", color=colour, linestyle=LINES[level], linewidth=width,
                zorder=3)  # fmt: skip
    low, high = (rows[name].to_numpy(dtype=np.float64) for name in ("ci_low", "ci_high"))
    known = np.isfinite(low)
    ax.fill_between(time[known], low[known], high[known], step="post", color=colour, alpha=0.16, linewidth=0, zorder=1)
    gone = (rows["censored"] > 0).to_numpy()
    ax.plot(time[gone], height[gone], linestyle="none", marker="|", markersize=4, color=colour, zorder=4)


def _last_month(curves: pd.DataFrame) -> float:
    """Return the end of the axis: the tick after which hardly anybody is followed."""
    longest = float(curves["time"].max()) if len(curves) else STEP
    return float(max(np.ceil(longest / STEP) * STEP, STEP))
