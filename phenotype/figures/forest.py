"""Forest plots of the models: the counterpart of the paper's Figure 3.

References
----------
.. [1] Jin C, et al. J Immunother Cancer 2025;13:e010687, figure 3.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from phenotype.figures import numbers
from phenotype.figures.palette import INK, MUTED
from phenotype.figures.style import drawable, mark_synthetic, new_figure, style

__all__ = ["BLOCKS_3", "Block", "Entry", "draw_figure_3", "draw_forest", "entries_of", "limits_of"]


@dataclass(frozen=True, slots=True)
class Block:
    """One forest plot: a kind of model of one endpoint."""

    panel: str
    endpoint: str
    model: str
    """First part of its analyses in estimates.csv: ``cox`` of ``cox_univariable``."""
    title: str
    measure: str
    """What its estimates are, on the axis."""


BLOCKS_3 = (
    Block("A", "CR", "logistic", "Complete response, logistic regression", "odds ratio"),
    Block("A", "relapse", "fine_gray", "Relapse of patients in CR, Fine-Gray", "subdistribution hazard ratio"),
    Block("B", "PFS", "cox", "Progression-free survival, Cox", "hazard ratio"),
    Block("B", "OS", "cox", "Overall survival, Cox", "hazard ratio"),
)  # fmt: skip
"""From left to right, from top to bottom, as in the paper."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One covariate, or one level of it against its reference."""

    term: str
    level: str
    name: str


@dataclass(frozen=True, slots=True)
class _Kind:
    colour: str
    marker: str
    fill: str


_KINDS: Mapping[str, _Kind] = {
    "univariable": _Kind("#3b78ad", "o", "white"),
    "multivariable": _Kind("#12355b", "s", "#12355b"),
}
_FIRTH = "D"
LINE = 0.135
"""Inches of one estimate."""
GAP = 0.07
"""Inches between covariates."""
_HEAD, _FOOT = 0.62, 0.52
"""Inches above the first and below the last covariate of a panel."""
_MARKS = 1.45
"""Inches of a plot's axis."""
_LEFTS = (1.7, 5.95)
"""Inches from the figure's edge at which the two plots of a panel begin; names stand left of the first."""
_COLUMNS = {"estimate (95 % CI)": 7, "p": 92, "n/events": 119, "": 152}
"""Points right of the axis at which the columns of words begin."""
_LADDER = tuple(step * 10.0**power for power in range(-3, 4) for step in (1, 2, 5))
WIDEST = 20.0
"""An axis ends here, and at one over it, unless an estimate lies outside: few intervals would squeeze all others."""


def draw_figure_3(rows: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw the models of CR and of relapse (A), of PFS and of OS (B).

    Parameters
    ----------
    rows
        As for :func:`draw_forest`, with ``panel`` and ``endpoint`` as in ``BLOCKS_3``.
    synthetic
        Whether to mark the figure as simulated data.
    """
    letters = list(dict.fromkeys(block.panel for block in BLOCKS_3))
    entries = {letter: entries_of(rows[rows["panel"] == letter]) for letter in letters}
    heights = {letter: _HEAD + _FOOT + _tall(entries[letter], rows) for letter in letters}
    total = sum(heights.values()) + 0.3
    with style():
        figure, limits, top = new_figure(10.2, total), limits_of(rows), total
        for letter in letters:
            blocks = [block for block in BLOCKS_3 if block.panel == letter]
            for block, left in zip(blocks, _LEFTS, strict=True):
                box = (left, top - _HEAD - _tall(entries[letter], rows), _MARKS, _tall(entries[letter], rows))
                ax = figure.add_axes(tuple(np.divide(box, (10.2, total, 10.2, total)).tolist()))
                chosen = rows[(rows["panel"] == letter) & (rows["endpoint"] == block.endpoint)]
                draw_forest(chosen, ax, block=block, entries=entries[letter], limits=limits, named=block is blocks[0])
            figure.text(0.1 / 10.2, 1 - (total - top + 0.1) / total, letter, fontsize=12, weight="bold", va="top")
            top -= heights[letter]
        _explain(rows, figure)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def draw_forest(
    rows: pd.DataFrame,
    ax: Axes,
    *,
    block: Block,
    entries: Sequence[Entry],
    limits: tuple[float, float],
    named: bool = True,
) -> Axes:
    """Draw the models of one endpoint: each covariate alone and all together, as marks and as words.

    Parameters
    ----------
    rows
        ``kind`` (``univariable`` or ``multivariable``), ``term, level, name, n, events, estimate, ci_low, ci_high,
        p_value, firth, few, note``. A row without an estimate says why in its note; without a term too, it is of the
        whole multivariable model.
    ax
        Where to draw; the words stand right of it, names left of it.
    block
        What is drawn.
    entries
        The covariates, from top to bottom.
    limits
        Ends of the logarithmic axis; an interval that goes on beyond them ends in an arrow.
    named
        Whether to write the names.
    """
    kinds = _kinds(rows)
    ax.axvline(1, color=INK, linewidth=0.8, zorder=1)
    for place, entry in enumerate(entries):
        if named:
            _write("\n".join(textwrap.wrap(drawable(entry.name, 52), 27)), -_LEFTS[0] * 72 + 10, place, ax, size=7.0)
        for i, kind in enumerate(kinds):
            _draw_entry(rows, entry, entries, kind, place + (i - (len(kinds) - 1) / 2) * _step(kinds), limits, ax)
    _finish(ax, block, entries, limits)
    failed = rows[(rows["kind"] == "multivariable") & (rows["term"] == "")]
    _head(block, rows, "" if failed.empty else str(failed["note"].iloc[0]), ax)
    return ax


def entries_of(rows: pd.DataFrame) -> tuple[Entry, ...]:
    """Return the covariates of some models, levels beside each other; a covariate of levels is no line of its own."""
    named = rows[rows["term"] != ""].to_dict("records")
    terms = dict.fromkeys(row["term"] for row in named)
    found = []
    for term in terms:
        levels = dict.fromkeys((row["level"], row["name"]) for row in named if row["term"] == term)
        found += [Entry(term, level, name) for level, name in levels if level or len(levels) == 1]
    return tuple(found)


def limits_of(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of an axis for some estimates and, within a factor of ``WIDEST``, their intervals.

    Examples
    --------
    >>> limits_of(pd.DataFrame({"estimate": [2.4, 0.6], "ci_low": [1.1, 0.08], "ci_high": [5.5, 1371.0]}))
    (0.05, 20.0)
    """
    centre, low, high = (rows[name].to_numpy(dtype=np.float64) for name in ("estimate", "ci_low", "ci_high"))
    centre = centre[np.isfinite(centre) & (centre > 0)]
    ends = np.concatenate([centre, *(end[~np.isnan(end)].clip(1 / WIDEST, WIDEST) for end in (low, high))])
    least, most = min([0.5, *ends.tolist()]), max([2.0, *ends.tolist()])
    lower = [step for step in _LADDER if step <= least * (1 + 1e-9)]
    upper = [step for step in _LADDER if step >= most * (1 - 1e-9)]
    return (lower[-1] if lower else _LADDER[0], upper[0] if upper else _LADDER[-1])


def _kinds(rows: pd.DataFrame) -> list[str]:
    """Return the kinds of models that have estimates of covariates."""
    there = set(rows.loc[rows["term"] != "", "kind"])
    return [kind for kind in _KINDS if kind in there]


def _step(kinds: Sequence[str]) -> float:
    """Return the distance of two estimates of one covariate, covariates being 1 apart."""
    return LINE / (LINE * len(kinds) + GAP)


def _tall(entries: Sequence[Entry], rows: pd.DataFrame) -> float:
    """Return the height of a panel's axes, inches."""
    return max(len(entries), 1) * (LINE * max(len(_kinds(rows)), 1) + GAP)


def _draw_entry(
    rows: pd.DataFrame, entry: Entry, entries: Sequence[Entry], kind: str, place: float,
    limits: tuple[float, float], ax: Axes,
) -> None:  # fmt: skip
    """Draw one estimate, or say why there is none."""
    of_term = rows[(rows["kind"] == kind) & (rows["term"] == entry.term)].to_dict("records")
    row = next((row for row in of_term if row["level"] == entry.level and math.isfinite(row["estimate"])), None)
    if row is not None:
        _draw_estimate(row, kind, place, limits, ax)
        return
    failed = next((str(row["note"]) for row in of_term if not math.isfinite(row["estimate"])), "")
    first = next(one for one in entries if one.term == entry.term)
    if failed and entry == first:
        lines = textwrap.wrap(drawable(failed, 400), 86, max_lines=2 if len(_kinds(rows)) == 1 else 1, placeholder=" …")
        _write("\n".join(lines), 1, place, ax, colour=MUTED, size=6.2, boxed=True)
    elif not failed:
        whole = rows[(rows["kind"] == kind) & (rows["term"] == "")]
        words = "" if len(whole) else "not compared in these patients" if of_term else f"not in the {kind} model"
        _write(words, _COLUMNS["estimate (95 % CI)"], place, ax, right=True, colour=MUTED, size=6.2)


def _draw_estimate(row: Mapping[Any, Any], kind: str, place: float, limits: tuple[float, float], ax: Axes) -> None:
    """Draw a mark with its interval, an arrow where that goes on, and the same in words."""
    look, (left, right) = _KINDS[kind], limits
    low, high = (float(row[name]) for name in ("ci_low", "ci_high"))
    if not math.isnan(low) and not math.isnan(high):
        ends = np.clip([low, high], left, right)
        ax.plot(ends, [place, place], color=look.colour, linewidth=1.1, solid_capstyle="butt", zorder=2)
        for beyond, end, arrow in ((low < left, left, "<"), (high > right, right, ">")):
            if beyond:
                ax.plot(
                    [end], [place], linestyle="none", marker=arrow, color=look.colour, markersize=4.5, clip_on=False
                )
    marker = _FIRTH if row["firth"] else look.marker
    if left <= row["estimate"] <= right:
        ax.plot([row["estimate"]], [place], linestyle="none", marker=marker, markersize=4.4, color=look.colour,
                markerfacecolor=look.fill, markeredgewidth=1.0, zorder=3)  # fmt: skip
    for words, beside in zip(_words(row), _COLUMNS.values(), strict=True):
        _write(words, beside, place, ax, right=True)


def _words(row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    """Return estimate with interval, p, n with events, and what must be known of the model."""
    span = f"({numbers.ratio(row['ci_low'])} to {numbers.ratio(row['ci_high'])})"
    known = not math.isnan(row["ci_low"]) and not math.isnan(row["ci_high"])
    remarks = ", ".join(word for word, said in (("Firth", row["firth"]), ("few", row["few"])) if said)
    return (
        f"{numbers.ratio(row['estimate'])} {span if known else '(no interval)'}",
        numbers.p_value(row["p_value"]),
        f"{numbers.count(row['n'])}/{numbers.count(row['events'])}",
        remarks,
    )


def _write(
    words: str, beside: float, place: float, ax: Axes, *, right: bool = False, colour: str = INK, size: float = 6.5,
    boxed: bool = False,
) -> None:  # fmt: skip
    """Write at the height of an estimate, some points beside the left or the right end of the axis."""
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"} if boxed else None
    ax.annotate(words, (1.0 if right else 0.0, place), (beside, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", fontsize=size, color=colour, va="center", annotation_clip=False,
                linespacing=0.95, bbox=box)  # fmt: skip


def _finish(ax: Axes, block: Block, entries: Sequence[Entry], limits: tuple[float, float]) -> None:
    """Give the axis its scale, ticks and name."""
    ax.set_xscale("log")
    ax.set_xlim(*limits)
    ax.set_ylim(max(len(entries), 1) - 0.5, -0.5)
    ticks = _ticks(limits)
    ax.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks], fontsize=6.5)
    ax.minorticks_off()
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"{block.measure}, logarithmic axis", fontsize=7, labelpad=2, loc="left")
    for place in range(1, len(entries)):
        ax.axhline(place - 0.5, color="#e4e4e4", linewidth=0.5, zorder=0)


def _ticks(limits: tuple[float, float]) -> list[float]:
    """Return at most seven ticks, 1 among them, in even steps outwards."""
    inside = [step for step in _LADDER if limits[0] <= step <= limits[1]]
    middle = inside.index(1.0)
    step = next(step for step in (1, 2, 3, 6) if len(inside[middle % step :: step]) <= 7)
    return inside[middle % step :: step]


def _head(block: Block, rows: pd.DataFrame, failure: str, ax: Axes) -> None:
    """Write the title, the names of the columns, and why there is no multivariable model."""
    words = f"all together: {drawable(failure, 74)}" if failure else ""
    ax.annotate(block.title, (0, 1), (0, 24), xycoords="axes fraction", textcoords="offset points", va="center",
                fontsize=8.5, weight="bold", annotation_clip=False)  # fmt: skip
    ax.annotate(words, (0, 1), (0, 13), xycoords="axes fraction", textcoords="offset points", va="center",
                fontsize=6.2, color=MUTED, annotation_clip=False)  # fmt: skip
    if rows["estimate"].notna().any():
        for words, beside in _COLUMNS.items():
            ax.annotate(words, (1, 1), (beside, 4), xycoords="axes fraction", textcoords="offset points", va="center",
                        fontsize=6.5, color=MUTED, annotation_clip=False)  # fmt: skip
    elif rows.empty:
        ax.text(0.5, 0.5, "no model", transform=ax.transAxes, ha="center", va="center", fontsize=7, color=MUTED)


def _explain(rows: pd.DataFrame, figure: Figure) -> None:
    """Write what marks and remarks mean; only of those that there are."""
    handles = [_handle(kind, _KINDS[kind].marker, _LABELS[kind]) for kind in _kinds(rows)]
    if rows["firth"].any():
        handles.append(_handle("multivariable", _FIRTH, "Firth's penalty, as the data have no finite estimate"))
    if rows["few"].any():
        handles.append(Line2D([], [], linestyle="none", label="few: under ten events for each column of the model"))
    if handles:
        figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=6.5, columnspacing=1.2,
                      handletextpad=0.4, bbox_to_anchor=(0.005, 0.0), borderaxespad=0.1)  # fmt: skip


_LABELS = {"univariable": "each covariate alone", "multivariable": "all together"}


def _handle(kind: str, marker: str, label: str) -> Line2D:
    look = _KINDS[kind]
    return Line2D([], [], linestyle="none", marker=marker, markersize=4.4, color=look.colour,
                  markerfacecolor=look.fill, label=label)  # fmt: skip
