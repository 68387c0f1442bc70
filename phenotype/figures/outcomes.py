"""Response, survival and relapse: the counterpart of the paper's Figure 2, and the same curves by ASCT.

References
----------
.. [1] Jin C, et al. J Immunother Cancer 2025;13:e010687, figure 2.
"""

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
from phenotype.figures.curves import PERCENT, Line, draw_curves, draw_words
from phenotype.figures.palette import GROUP_LABELS, INK, LINE_COLOURS, LINE_STYLES, MUTED
from phenotype.figures.style import drawable, mark_synthetic, new_figure, style

__all__ = ["LEVELS", "PANELS_2", "CurvePanel", "draw_figure_2", "draw_outcomes"]

LEVELS: Mapping[str, tuple[str, ...]] = {"asct": ("none", "asct"), "asct_group": ("none", "over_1y", "within_1y")}
GROUP_LINES: Mapping[str, Line] = {
    level: Line(level, GROUP_LABELS[level], LINE_COLOURS[level], LINE_STYLES[level])
    for level in ("none", "asct", "over_1y", "within_1y")
}

_DARK, _LIGHT = "#12355b", "#a85a1c"
"""5 : 1 on white and more, 20 L* apart."""


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """One panel of curves of Figure 2: which rows of curves.csv it draws."""

    title: str
    term: str
    endpoints: tuple[str, ...]
    lines: tuple[Line, ...]
    """By level; where a panel has several endpoints, by endpoint."""
    counted: Mapping[str, str]
    """Level to the name of its numbers at risk."""

    def rows(self, curves: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that the panel draws, ``level`` being that of its lines."""
        chosen = curves[curves["endpoint"].isin(self.endpoints) & (curves["term"] == self.term)]
        levels = [line.level for line in self.lines]
        named = chosen["endpoint"] if len(self.endpoints) > 1 else chosen["level"]
        return chosen.assign(level=named)[named.isin(levels)]


_ALL = (Line("all", "All patients", _DARK, "-"),)
_BY_RESPONSE = (Line("CR", "CR", _DARK, "-"), Line("no CR", "no CR", _LIGHT, "--"))
_RELAPSE = (
    Line("relapse", "Relapse", _DARK, "-"),
    Line("death without relapse", "Death without relapse", _LIGHT, "--"),
)
_EACH = {"CR": "CR", "no CR": "no CR"}
PANELS_2: Mapping[str, CurvePanel] = {
    "A": CurvePanel("Progression-free survival", "", ("PFS",), _ALL, {"all": "patients"}),
    "B": CurvePanel("Overall survival", "", ("OS",), _ALL, {"all": "patients"}),
    "C": CurvePanel("PFS by response", "complete_response", ("PFS",), _BY_RESPONSE, _EACH),
    "D": CurvePanel("OS by response", "complete_response", ("OS",), _BY_RESPONSE, _EACH),
    "E": CurvePanel(
        "Relapse of patients in CR", "", ("relapse", "death without relapse"), _RELAPSE, {"relapse": "in CR"}
    ),
}
"""By letter, as in the paper; F is the best response."""
_BARS = {"sCR": "#5b9bb5", "CR": "#5b9bb5", "VGPR": "#a9d0e0", "PR": "#a9d0e0"}
"""CR or better, other responses; all others are grey. Light enough for the interval to be seen on the bar."""
_OTHER = "#c9c9c9"


def draw_outcomes(curves: pd.DataFrame, tests: Mapping[str, str], *, term: str, synthetic: bool = False) -> Figure:
    """Draw PFS, OS and relapse, each with its groups, their 95 % intervals, and numbers at risk below.

    Parameters
    ----------
    curves
        Rows of curves.csv of one term.
    tests
        Words over each endpoint's panel: the test with its n, and the effect; none where there was no test.
    term
        A key of ``LEVELS``.
    synthetic
        Whether to mark the figure as simulated data.
    """
    lines = [GROUP_LINES[level] for level in LEVELS[term]]
    counted = {line.level: line.label.removesuffix(" before") for line in lines}
    titles = {"PFS": "Progression-free survival", "OS": "Overall survival", "relapse": "Relapse of patients in CR"}
    with style():
        height = 3.25 + 0.125 * len(lines)
        figure = new_figure(10.2, height)
        grid = figure.add_gridspec(
            1, len(titles), left=0.1, right=0.985, top=1 - 0.6 / height, bottom=(0.85 + 0.125 * len(lines)) / height,
            wspace=0.28,
        )  # fmt: skip
        for i, (endpoint, title) in enumerate(titles.items()):
            ax = figure.add_subplot(grid[0, i])
            rows = curves[curves["endpoint"] == endpoint]
            draw_curves(rows, ax, lines=lines, months=_longest(curves), counted=counted, named=i == 0)
            ax.set_title(title, loc="left", weight="bold", pad=25)
            words = tests.get(endpoint, "not tested")
            ax.text(0, 1.025, words, transform=ax.transAxes, va="bottom", fontsize=6.5, linespacing=1.25)
            ax.set_xlabel("months", fontsize=7, loc="right", labelpad=-1)
        handles = [line.handle() for line in lines]
        figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=7.5, bbox_to_anchor=(0.005, 0.0))
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def draw_figure_2(
    curves: pd.DataFrame, rows: pd.DataFrame, *, relapse_clock: str = "infusion", synthetic: bool = False
) -> Figure:
    """Draw survival of all patients, by response from the landmark on, relapse in CR, and best responses.

    Parameters
    ----------
    curves
        ``panel`` (a key of ``PANELS_2``) and the columns of curves.csv.
    rows
        The numbers written on the figure: ``panel`` (A to F) and the columns of estimates.csv. A row without an
        estimate is shown by its note.
    relapse_clock
        What the months of panel E are counted from: ``infusion`` or ``response``.
    synthetic
        Whether to mark the figure as simulated data.
    """
    with style():
        figure = new_figure(10.2, 6.75)
        months = _longest(curves)
        for i, (letter, panel) in enumerate(PANELS_2.items()):
            ax = figure.add_axes(_place(i))
            chosen, said = curves[curves["panel"] == letter], rows[rows["panel"] == letter].to_dict("records")
            counted = {} if chosen.empty else panel.counted
            draw_curves(chosen, ax, lines=panel.lines, months=months, counted=counted)
            start = relapse_clock if letter == "E" else "infusion"
            ax.set_xlabel(f"months from {start}", fontsize=7, loc="right", labelpad=1)
            if panel.term == "complete_response" and len(chosen):
                _draw_landmark(float(chosen["time"].min()), ax)
            if chosen.empty:
                _say(_why_empty(said), ax)
            draw_words(_WORDS[letter](said, panel), ax)
            _head(letter, panel.title, ax)
        ax = figure.add_axes(_place(len(PANELS_2)))
        _draw_best(rows[rows["panel"] == "F"].to_dict("records"), ax)
        _head("F", "Best response", ax)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


Rows = Sequence[Mapping[Any, Any]]


def _longest(curves: pd.DataFrame) -> float:
    return float(curves["time"].max()) if len(curves) else 12.0


def _place(i: int) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a panel, as shares of the figure: three to a row."""
    row, column = divmod(i, 3)
    return (0.064 + 0.333 * column, 0.605 - 0.5 * row, 0.262, 0.285)


def _head(letter: str, title: str, ax: Axes) -> None:
    """Write letter and title above the lines of a panel."""
    for text, beside, size in ((letter, -32, 12.0), (title, 0, 8.5)):
        ax.annotate(text, (0, 1), (beside, 40), xycoords="axes fraction", textcoords="offset points", fontsize=size,
                    weight="bold", va="center", annotation_clip=False)  # fmt: skip


def _draw_landmark(month: float, ax: Axes) -> None:
    ax.axvline(month, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    ax.text(month, 0.03, f" landmark {month:g} months", fontsize=6.5, color=MUTED, va="bottom")


def _say(words: str, ax: Axes) -> None:
    """Write why there is nothing to see."""
    ax.text(0.5, 0.5, "\n".join(textwrap.wrap(drawable(words, 160), 40)), transform=ax.transAxes, ha="center",
            va="center", fontsize=7, color=MUTED)  # fmt: skip


def _why_empty(said: Rows) -> str:
    """Say why a panel has no curve: nobody to follow, or a table that was written without it."""
    if any(not _absent(row["estimate"]) for row in said):
        return "curves.csv has no such curve: run the study again"
    return _reason(said) or "no patient was followed"


def _reason(said: Rows) -> str:
    return next((str(row["note"]) for row in said if _absent(row["estimate"]) and _absent(row["p_value"])), "")


def _absent(value: object) -> bool:
    return not isinstance(value, int | float) or not np.isfinite(value)


def _p(value: float) -> str:
    text = numbers.p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _find(said: Rows, analysis: str, **wanted: str) -> Mapping[Any, Any] | None:
    """Return the first row of an analysis that is what is wanted."""
    rows = (row for row in said if row["analysis"] == analysis)
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def _rate(row: Mapping[Any, Any] | None) -> str:
    """Return a share at a time with its interval, or why there is none."""
    if row is None:
        return "no estimate"
    if _absent(row["estimate"]):
        return drawable(str(row["note"]).partition(";")[0] or "no estimate", 44)
    return f"{_share(row)} at {row['time']:g} months"


def _share(row: Mapping[Any, Any]) -> str:
    span = numbers.interval(row["ci_low"], row["ci_high"])
    return f"{numbers.percent(row['estimate'])} ({'no interval' if span == numbers.MISSING else span})"


def _median(row: Mapping[Any, Any] | None) -> str:
    if row is None or (_absent(row["estimate"]) and str(row["note"]) != "not reached"):
        return "median: no estimate"
    ends = [_month(row[key]) for key in ("ci_low", "ci_high")]
    span = f" ({ends[0]} to {ends[1]})" if ends != [numbers.MISSING] * 2 else " (no interval)"
    if _absent(row["estimate"]):
        return f"median not reached{span.replace(' (no interval)', '')}"
    return f"median {_month(row['estimate'])} months{span}"


def _month(value: float) -> str:
    return numbers.MISSING if _absent(value) else f"{value:.1f}"


def _whole(said: Rows, panel: CurvePanel) -> list[Line2D | str]:
    """Return the words of a panel of all patients."""
    median = _find(said, "survival_median")
    n, events = ("–" if median is None else numbers.count(_number(median[key])) for key in ("n", "events"))
    return [
        panel.lines[0].handle(f"all {n} patients, {events} events"),
        _rate(_find(said, "survival_rate")),
        _median(median),
    ]


def _by_response(said: Rows, panel: CurvePanel) -> list[Line2D | str]:
    """Return the words of a panel by response: a line each, and their test."""
    found = [(line, _find(said, "landmark_rate", level=line.level)) for line in panel.lines]
    test = _find(said, "landmark_log_rank")
    words = (
        "not tested"
        if test is None or _absent(test["p_value"])
        else f"log-rank from the landmark, {_p(test['p_value'])}"
    )
    return [*(line.handle(f"{line.label}, n = {_n(row)}: {_rate(row)}") for line, row in found), words]


def _incidence(said: Rows, panel: CurvePanel) -> list[Line2D | str]:
    """Return the words of the panel of relapse."""
    found = [(line, _find(said, "cumulative_incidence", endpoint=line.level)) for line in panel.lines]
    lines = [line.handle(f"{line.label}: {_rate(row)}") for line, row in found]
    return [*lines, f"{_n(found[0][1])} patients in CR; each event competes with the other"]


_WORDS = {"A": _whole, "B": _whole, "C": _by_response, "D": _by_response, "E": _incidence}


def _n(row: Mapping[Any, Any] | None) -> str:
    return "0" if row is None or _absent(row["n"]) else numbers.count(_number(row["n"]))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _draw_best(said: Rows, ax: Axes) -> None:
    """Draw a bar for each best response, with its interval, and its count and share in words beside it."""
    rows = [row for row in said if row["analysis"] == "best_response" and row["level"] != "NE"]
    known = [row for row in rows if not _absent(row["estimate"])]
    ends = [row["estimate"] if _absent(row["ci_high"]) else row["ci_high"] for row in known]
    top = max(ends, default=1.0)
    for place, row in enumerate(rows):
        if _absent(row["estimate"]):
            continue
        ax.barh(place, row["estimate"], height=0.66, color=_BARS.get(str(row["level"]), _OTHER))
        if not _absent(row["ci_low"]):
            ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=INK, linewidth=0.9, marker="|", markersize=4)
        ax.text(1.0, place, f"{numbers.count(_number(row['events']))}, {_share(row)}", ha="right", va="center",
                fontsize=6.5, transform=ax.get_yaxis_transform())  # fmt: skip
    if not known:
        _say(_reason(said) or "no best response", ax)
    ax.set_xlim(0, top / 0.5)
    ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)), labels=[str(row["level"]) for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= top * 1.05])
    ax.xaxis.set_major_formatter(PERCENT)
    counts = " or ".join(dict.fromkeys(numbers.count(_number(row["n"])) for row in known))
    ax.set_xlabel(f"share of {counts or 'no'} patients", fontsize=7, loc="left", labelpad=1)
    draw_words(_rates_of_response(said), ax)


def _rates_of_response(said: Rows) -> list[Line2D | str]:
    """Return the words above the bars: ORR, CR, and how many could not be evaluated."""
    words: list[Line2D | str] = []
    for endpoint, label in (("ORR", "PR or better"), ("CR", "CR or sCR")):
        row = _find(said, "response_rate", endpoint=endpoint)
        if row is not None and not _absent(row["estimate"]):
            words.append(f"{label}: {_share(row)}, {_number(row['events']):.0f} of {_number(row['n']):.0f}")
    absent = _find(said, "best_response", level="NE")
    if absent is not None and not _absent(absent["estimate"]):
        words.append(f"not evaluable (NE): {_number(absent['events']):.0f} of {_number(absent['n']):.0f}")
    return words
