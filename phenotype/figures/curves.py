"""One panel of survival or incidence over time: steps, intervals, censored patients, numbers at risk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from phenotype.figures.palette import INK, MUTED

__all__ = ["PERCENT", "Line", "at_risk", "axis_ticks", "draw_curves", "draw_words"]

STEPS = (1.0, 3.0, 6.0, 12.0, 24.0, 36.0, 60.0, 120.0)
"""Months between ticks, and between numbers at risk."""
MOST_STEPS = 7
"""Of an axis: more numbers at risk would touch each other in a third of a page's width."""
FEW = 5
"""Patients at risk below which a curve is drawn thin: what follows rests on hardly anybody."""
ROW = 9.0
"""Points between two rows of numbers at risk."""
PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.0f} %")


@dataclass(frozen=True, slots=True)
class Line:
    """How the curve of one group is drawn."""

    level: str
    """Value of the column ``level``."""
    label: str
    colour: str
    dashes: Literal["-", "--", "-.", ":"]
    """A matplotlib line style, of its own for each curve of a panel, so that none needs its colour."""

    def handle(self, label: str = "") -> Line2D:
        """Return a sample of the line for a legend."""
        return Line2D([], [], color=self.colour, linestyle=self.dashes, linewidth=1.8, label=label or self.label)


def draw_curves(
    curves: pd.DataFrame,
    ax: Axes,
    *,
    lines: Sequence[Line],
    months: float,
    counted: Mapping[str, str],
    named: bool = True,
) -> Axes:
    """Draw an endpoint: a step a group, a tick for each censored time, numbers at risk under the axis.

    Parameters
    ----------
    curves
        ``level, time, at_risk, censored, estimate, ci_low, ci_high``, as in curves.csv.
    ax
        Where to draw.
    lines
        The groups, in their order.
    months
        Longest time of any figure that should share this axis.
    counted
        Level to the name before its numbers at risk, a row each: curves of the same patients need one.
    named
        Whether to write these names.
    """
    ticks = axis_ticks(months)
    for line in lines:
        _draw_line(_of(curves, line.level), line, ax)
    for place, (level, label) in enumerate(counted.items(), start=1):
        _count(_of(curves, level), ticks, ax, below=24 + ROW * place, label=label if named else "")
    if counted:
        ax.annotate("at risk", (0, 0), (0, -24), xycoords="axes fraction", textcoords="offset points", fontsize=6.5,
                    ha="center", va="center", color=MUTED)  # fmt: skip
    ax.set_xlim(0, ticks[-1])
    ax.set_ylim(0, 1.02)
    ax.set_xticks(ticks)
    ax.yaxis.set_major_formatter(PERCENT)
    return ax


def draw_words(handles: Sequence[Line2D | str], ax: Axes) -> None:
    """Write lines above a panel, each after a sample of its curve or, of words alone, after nothing."""
    made = [Line2D([], [], linestyle="none", label=one) if isinstance(one, str) else one for one in handles]
    ax.legend(handles=made, loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=6.5, handlelength=2.2,
              handletextpad=0.5, labelspacing=0.25, borderpad=0.1, borderaxespad=0.2)  # fmt: skip


def axis_ticks(months: float) -> list[float]:
    """Return the ticks of an axis that holds some months, in steps that people count in.

    Examples
    --------
    >>> axis_ticks(62.2), axis_ticks(5), axis_ticks(0)
    ([0.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 1.0])
    """
    step = next((step for step in STEPS if months <= MOST_STEPS * step), STEPS[-1])
    return [step * i for i in range(max(int(np.ceil(months / step)), 1) + 1)]


def at_risk(rows: pd.DataFrame, time: float) -> int:
    """Return how many are at risk just before a time, from a curve's rows in order.

    Examples
    --------
    >>> at_risk(pd.DataFrame({"time": [0.0, 3.0, 9.0], "at_risk": [5, 5, 2]}), 3.5)
    2
    """
    later = rows["at_risk"].to_numpy()[rows["time"].to_numpy() >= time]
    return int(later[0]) if len(later) else 0


def _of(curves: pd.DataFrame, level: str) -> pd.DataFrame:
    return curves[curves["level"] == level].sort_values("time", kind="stable")


def _count(rows: pd.DataFrame, ticks: Sequence[float], ax: Axes, *, below: float, label: str) -> None:
    """Write numbers at risk at the start of a curve, which may be a landmark, and at the ticks after it."""
    start = float(rows["time"].iloc[0]) if len(rows) else 0.0
    room = ticks[1] / 2
    for tick in (start, *(tick for tick in ticks if tick > start and (start == 0 or tick - start > room))):
        _write(str(at_risk(rows, tick)), tick, 0.0, below, ax, "center")
    if label:
        _write(label, 0.0, -14.0, below, ax, "right")


def _write(text: str, month: float, beside: float, below: float, ax: Axes, side: str) -> None:
    """Write under the axis; distances in points, so that they do not depend on the panel's height."""
    ax.annotate(text, (month, 0), (beside, -below), xycoords=("data", "axes fraction"), textcoords="offset points",
                fontsize=6.5, ha=side, va="center", color=INK, annotation_clip=False)  # fmt: skip


def _draw_line(rows: pd.DataFrame, line: Line, ax: Axes) -> None:
    """Draw one curve: thick while at least ``FEW`` are at risk."""
    if not len(rows):
        return
    time, height = rows["time"].to_numpy(), rows["estimate"].to_numpy()
    until = int((rows["at_risk"].to_numpy() >= FEW).sum())
    for part, width in ((slice(until + 1), 1.8), (slice(max(until - 1, 0), None), 0.7)):
        ax.plot(time[part], height[part], drawstyle="steps-post", color=line.colour, linestyle=line.dashes,
                linewidth=width, zorder=3)  # fmt: skip
    low, high = (rows[name].to_numpy(dtype=np.float64) for name in ("ci_low", "ci_high"))
    known = np.isfinite(low)
    ax.fill_between(time[known], low[known], high[known], step="post", color=line.colour, alpha=0.16, linewidth=0,
                    zorder=1)  # fmt: skip
    gone = (rows["censored"] > 0).to_numpy()
    ax.plot(time[gone], height[gone], linestyle="none", marker="|", markersize=4, color=line.colour, zorder=4)
