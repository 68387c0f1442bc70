"""Expansion of CAR-T cells: every patient's curve with the medians of the groups, and peaks by ASCT and by response."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from phenotype.figures import numbers
from phenotype.figures.measures import MEASURE_LABELS, MEASURE_UNITS, log_axis, peak_axis
from phenotype.figures.palette import INK, MUTED
from phenotype.figures.patients import (
    PATIENT_COLOURS,
    PATIENT_LABELS,
    PATIENT_LINE_COLOURS,
    PATIENT_LINES,
    PATIENT_MARKERS,
    dot,
    groups_in,
    labelled,
    nothing_to_draw,
    spread,
)
from phenotype.figures.style import mark_synthetic, new_figure, style

__all__ = ["PEAK_PANELS", "PEAK_TESTS", "draw_expansion", "draw_peaks", "words_of_test"]

LINEAR_DAYS = 28
"""Days to which the axis is linear: the exposure is of these days, and most samples are taken in them."""
_TICKS = (0, 7, 14, 28, 90, 180, 360, 720, 1440)
_ROW, _PANEL, _TOP = 3.15, 2.1, 0.38
"""Height of a row of panels with its words, of a panel, and of its title, inches."""
_STRENGTHS = ((30, 0.8), (100, 0.45))
"""Curves of a panel up to which each is drawn so strongly; the single one of more is fainter still."""
_WIDE = 4
"""Panels of a row up to which a group's name and n stand on one line."""
_PEAK_ROW, _PEAK_PANEL = 3.6, 2.2
_ABOVE = 46
"""Points between a panel of peaks and its title: room for two tests of two lines."""
PEAK_PANELS: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "asct": ("ASCT", (("none", "No ASCT"), ("asct", "Any ASCT"))),
    "asct_group": ("Time since ASCT", (("none", "No ASCT"), ("over_1y", "> 1 y"), ("within_1y", "≤ 1 y"))),
    "responder": ("Response (ORR)", (("no response", "less than PR"), ("response", "PR or better"))),
    "complete_response": ("Complete response", (("no CR", "less than CR"), ("CR", "CR or sCR"))),
}
"""Of each term of estimates.csv its title, and its levels from left to right with their names."""
PEAK_TESTS: Mapping[str, Mapping[str, str]] = {
    "asct": {"asct against none": "any minus none"},
    "asct_group": {"over_1y against none": "> 1 y minus none", "within_1y against none": "≤ 1 y minus none"},
    "responder": {"response against none": "response minus none"},
    "complete_response": {"CR against less": "CR minus less"},
}
"""Levels of the tests of each term, and the shift in words."""


def draw_expansion(curves: pd.DataFrame, medians: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw CAR-T cells over days: a row for each measure, a panel for each group, and one with the medians of all.

    Parameters
    ----------
    curves
        ``measure, patient_id, group, day, below_limit, left_out, drawn_at``; a row without ``drawn_at`` is not drawn,
        and counted in words.
    medians
        ``measure, group, day, patients, n, below, shown, drawn_at`` of the same curves.
    synthetic
        Whether to mark the figure as simulated data.
    """
    measures = [name for name in MEASURE_LABELS if (curves["measure"] == name).any()]
    with style():
        height = 0.5 + _ROW * max(len(measures), 1)
        figure = new_figure(10.2, height)
        if not measures:
            nothing_to_draw(figure, "no expansion was measured")
        groups = groups_in(curves.loc[curves["drawn_at"].notna(), "group"])
        described = groups_in(medians.loc[medians["shown"] == 1, "group"])
        for i, measure in enumerate(measures):
            top, bottom = 1 - (_TOP + _ROW * i) / height, 1 - (_TOP + _PANEL + _ROW * i) / height
            columns = len(groups) + (len(described) > 1)
            grid = figure.add_gridspec(1, columns, left=0.075, right=0.99, top=top, bottom=bottom, wspace=0.1)
            panels = [figure.add_subplot(grid[0, k]) for k in range(columns)]
            _draw_measure(curves[curves["measure"] == measure], medians[medians["measure"] == measure], groups, panels)
            panels[0].set_ylabel(MEASURE_LABELS[measure])
            words = _left_out(curves[curves["measure"] == measure])
            figure.text(0.075, bottom - 0.52 / height, words, fontsize=7, va="top")
        if measures:
            _name_lines(described, figure)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _draw_measure(curves: pd.DataFrame, medians: pd.DataFrame, groups: Sequence[str], panels: Sequence[Axes]) -> None:
    """Draw one measure: the same axes in every panel, names on the left one."""
    drawn = curves[curves["drawn_at"].notna()]
    unseen = bool((drawn["below_limit"] == 1).any())
    last = int(drawn["day"].max())
    for k, ax in enumerate(panels):
        log_axis(ax, floor=float(drawn["drawn_at"].min()), top=float(drawn["drawn_at"].max()), marked=unseen)
        _day_axis(ax, last)
        if k:
            ax.tick_params(axis="y", labelleft=False)
        if k < len(groups):
            _draw_patients(drawn[drawn["group"] == groups[k]], groups[k], ax)
            _draw_median(medians[medians["group"] == groups[k]], groups[k], ax)
            _name_counts(medians[medians["group"] == groups[k]], ax, named=k == 0)
            n = drawn.loc[drawn["group"] == groups[k], "patient_id"].nunique()
            name = labelled(groups[k], n)
            ax.set_title(name.replace(" (", "\n(") if len(panels) > _WIDE else name, loc="left", weight="bold")
        else:
            for group in groups:
                _draw_median(medians[medians["group"] == group], group, ax)
            ax.set_title("Medians", loc="left", weight="bold")


def _draw_patients(drawn: pd.DataFrame, group: str, ax: Axes) -> None:
    """Draw a thin line for each patient, and an open dot where a value is below the limit."""
    if not len(drawn):
        ax.text(0.5, 0.5, "no curve", transform=ax.transAxes, ha="center", color=MUTED)
        return
    colour, n = PATIENT_LINE_COLOURS[group], drawn["patient_id"].nunique()
    strength = next((alpha for most, alpha in _STRENGTHS if n <= most), 0.25)
    sns.lineplot(
        data=drawn, x="day", y="drawn_at", units="patient_id", estimator=None, sort=True, ax=ax, color=colour,
        linewidth=0.5, alpha=strength, legend=False, zorder=2,
    )  # fmt: skip
    unseen = drawn[drawn["below_limit"] == 1]
    ax.plot(unseen["day"], unseen["drawn_at"], linestyle="none", marker="o", markersize=2.6, markerfacecolor="white",
            markeredgecolor=colour, markeredgewidth=0.6, zorder=3)  # fmt: skip
    ax.set(xlabel="", ylabel="")


def _draw_median(medians: pd.DataFrame, group: str, ax: Axes) -> None:
    """Draw the median of the days that enough patients have; open where it is below the limit."""
    shown = medians[medians["shown"] == 1]
    colour, unseen = PATIENT_LINE_COLOURS[group], (2 * shown["below"] >= shown["n"]).to_numpy(dtype=bool)
    day, height = shown["day"].to_numpy(), shown["drawn_at"].to_numpy()
    ax.plot(day, height, color="white", linewidth=3.6, zorder=4)
    ax.plot(day, height, color=colour, linewidth=2.0, linestyle=PATIENT_LINES[group], zorder=5)
    for chosen, face in ((~unseen, PATIENT_COLOURS[group]), (unseen, "white")):
        ax.plot(day[chosen], height[chosen], linestyle="none", marker=PATIENT_MARKERS[group], markersize=4.2,
                markerfacecolor=face, markeredgecolor=INK, markeredgewidth=0.6, zorder=6)  # fmt: skip


def _day_axis(ax: Axes, last: int) -> None:
    """Give the days an axis that is linear to day 28 and logarithmic after it."""
    if last > LINEAR_DAYS:
        ax.set_xscale("symlog", linthresh=LINEAR_DAYS, linscale=0.9)
    ticks = [tick for tick in _TICKS if tick <= max(last, _TICKS[1])]
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(ticks, [str(tick) for tick in ticks], fontsize=6.5)
    ax.set_xlim(-1, max(last * (1.12 if last > LINEAR_DAYS else 1.03), _TICKS[1]))


def _name_counts(medians: pd.DataFrame, ax: Axes, *, named: bool) -> None:
    """Write under the ticks how many patients the median of the day is of."""
    shown = medians[medians["shown"] == 1]
    counts = dict(zip(shown["day"], shown["n"], strict=True))
    for tick in ax.get_xticks():
        if tick in counts:
            ax.text(tick, -0.17, str(counts[tick]), transform=ax.get_xaxis_transform(), ha="center", va="center",
                    fontsize=6, color=MUTED)  # fmt: skip
    if named:
        ax.text(-0.06, -0.17, "n", transform=ax.transAxes, ha="right", va="center", fontsize=6.5, color=MUTED)
        ax.text(-0.06, -0.075, "day", transform=ax.transAxes, ha="right", va="center", fontsize=6.5, color=MUTED)


def _left_out(curves: pd.DataFrame) -> str:
    """Say how many values are drawn, at the floor, and not at all."""
    drawn = curves[curves["drawn_at"].notna()]
    words = [f"{numbers.count(len(drawn))} values of {numbers.count(drawn['patient_id'].nunique())} patients"]
    words.append(f"{numbers.count(int((drawn['below_limit'] == 1).sum()))} of them 0 or below the limit of detection")
    words += [
        f"{numbers.count(n)} rows {why}, not drawn" for why, n in curves["left_out"].value_counts().items() if why
    ]
    return "; ".join(words) + ". Days: linear to 28, logarithmic after."


def _name_lines(groups: Sequence[str], figure: Figure) -> None:
    """Write the legend: a patient, medians, what is open."""
    handles = [
        Line2D([], [], color=PATIENT_LINE_COLOURS[group], linestyle=PATIENT_LINES[group], linewidth=2.0,
               marker=PATIENT_MARKERS[group], markersize=4.2, markerfacecolor=PATIENT_COLOURS[group],
               markeredgecolor=INK, markeredgewidth=0.6, label=f"median, {PATIENT_LABELS[group]}")
        for group in groups
    ]  # fmt: skip
    handles.append(Line2D([], [], color=MUTED, linewidth=0.6, label="a patient"))
    handles.append(
        Line2D([], [], linestyle="none", marker="o", markersize=3, markerfacecolor="white", markeredgecolor=INK,
               markeredgewidth=0.6, label="open: 0 or below the limit")
    )  # fmt: skip
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=7, bbox_to_anchor=(0.005, 0.0),
                  columnspacing=1.2, handlelength=2.4, bbox_transform=figure.transFigure)  # fmt: skip


def draw_peaks(peaks: pd.DataFrame, medians: pd.DataFrame, tests: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw peak expansion by ASCT and by response: a dot a patient, medians, and the tests in words.

    Parameters
    ----------
    peaks
        ``measure, term, level, patient_id, group, never_detected, drawn_at``.
    medians
        Rows ``expansion_median`` of estimates.csv.
    tests
        Rows ``expansion_test`` of estimates.csv.
    synthetic
        Whether to mark the figure as simulated data.
    """
    measures = [name for name in MEASURE_LABELS if (peaks["measure"] == name).any()]
    with style():
        height = 0.35 + _PEAK_ROW * max(len(measures), 1)
        figure = new_figure(10.2, height)
        if not measures:
            nothing_to_draw(figure, "no peak of expansion is known")
        for i, measure in enumerate(measures):
            grid = figure.add_gridspec(
                1, len(PEAK_PANELS), width_ratios=(2, 3, 2, 2), left=0.08, right=0.995, wspace=0.07,
                top=1 - (0.86 + _PEAK_ROW * i) / height, bottom=1 - (0.86 + _PEAK_PANEL + _PEAK_ROW * i) / height,
            )  # fmt: skip
            inside = peaks[peaks["measure"] == measure]
            described, tested = (table[table["endpoint"] == f"{measure}_cmax"] for table in (medians, tests))
            for k, term in enumerate(PEAK_PANELS):
                ax = figure.add_subplot(grid[0, k])
                peak_axis(ax, measure, lowest=float(inside["drawn_at"].min()), top=float(inside["drawn_at"].max()),
                          never=bool((inside["never_detected"] == 1).any()))  # fmt: skip
                dots, median, test = (table[table["term"] == term] for table in (inside, described, tested))
                _draw_comparison(dots, median, test, term, ax)
                if k:
                    ax.tick_params(axis="y", labelleft=False)
                else:
                    ax.set_ylabel(f"peak of {MEASURE_LABELS[measure]}")
        if measures:
            _name_dots(peaks, figure)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _draw_comparison(peaks: pd.DataFrame, medians: pd.DataFrame, tests: pd.DataFrame, term: str, ax: Axes) -> None:
    """Draw the groups of one term, each with its median and interval, and write its tests above."""
    title, levels = PEAK_PANELS[term]
    found: dict[str, Mapping[Any, Any]] = {str(row["level"]): row for row in medians.to_dict("records")}
    ax.set_xlim(-0.55, len(levels) - 0.45)
    names = []
    for place, (level, name) in enumerate(levels):
        dots, median = peaks[peaks["level"] == level], found.get(level, {})
        _draw_level(dots, median, place, ax)
        middle = numbers.significant(_number(median, "estimate"))
        names.append(f"{name}\nn = {numbers.count(len(dots))}\nmedian {middle}")
    ax.set_xticks(range(len(levels)), names, fontsize=7)
    ax.tick_params(axis="x", length=0)
    ax.set_title(title, loc="left", weight="bold", pad=_ABOVE + 2)
    rows: dict[str, Mapping[Any, Any]] = {str(row["level"]): row for row in tests.to_dict("records")}
    words = [words_of_test(rows.get(level, {}), shift) for level, shift in PEAK_TESTS[term].items()]
    ax.annotate("\n".join(words), (0, 1), (0, _ABOVE), xycoords="axes fraction", textcoords="offset points", va="top",
                fontsize=6.5, linespacing=1.3)  # fmt: skip


def _draw_level(peaks: pd.DataFrame, median: Mapping[Any, Any], place: int, ax: Axes) -> None:
    """Draw the dots of a group beside each other, and its median with the interval; 0 where its dots are drawn."""
    floor = float(peaks.loc[peaks["never_detected"] == 1, "drawn_at"].min())
    heights = peaks["drawn_at"].to_numpy(dtype=np.float64)
    offsets = spread(heights, ax, width=0.36, size=3.2)
    for group in groups_in(peaks["group"]):
        for never, filled in ((0, True), (1, False)):
            chosen = ((peaks["group"] == group) & (peaks["never_detected"] == never)).to_numpy(dtype=bool)
            ax.plot(place + offsets[chosen], heights[chosen], linestyle="none", marker=PATIENT_MARKERS[group],
                    markersize=3.2, markerfacecolor=PATIENT_COLOURS[group] if filled else "white", markeredgecolor=INK,
                    markeredgewidth=0.35, alpha=0.9, zorder=3, clip_on=False)  # fmt: skip
    if not len(peaks):
        ax.text(place, 0.5, "none", transform=ax.get_xaxis_transform(), ha="center", color=MUTED)
    middle, low, high = (_number(median, key) or floor for key in ("estimate", "ci_low", "ci_high"))
    if np.isfinite(middle):
        ax.plot([place - 0.3, place + 0.3], [middle, middle], color=INK, linewidth=1.8, solid_capstyle="butt", zorder=5)
    if np.isfinite(low):
        ax.plot([place + 0.42, place + 0.42], [low, high], color=INK, linewidth=1.2, zorder=5)


def words_of_test(row: Mapping[Any, Any], shift: str) -> str:
    """Return a test in words: the shift with its interval, n and p; or why there is none.

    Examples
    --------
    >>> row = {"estimate": -12.186, "ci_low": -19.159, "ci_high": -6.86, "n": 136, "p_value": 0.0004, "note": ""}
    >>> print(words_of_test(row, "any minus none"))
    any minus none −12.2
      (−19.2 to −6.86), n = 136, p <0.001
    """
    if not np.isfinite(_number(row, "p_value")):
        why = str(row.get("note") or "no such test").removeprefix("not estimated: ")
        return textwrap.fill(f"{shift}: not tested, {why}", 40, max_lines=2, subsequent_indent="  ", placeholder=" …")
    low, high = (_number(row, key) for key in ("ci_low", "ci_high"))
    span = f"{numbers.significant(low)} to {numbers.significant(high)}" if np.isfinite(low) else "no interval"
    estimate, n, p = numbers.significant(_number(row, "estimate")), numbers.count(_number(row, "n")), row["p_value"]
    tested = f"p {'' if p < 0.001 else '= '}{numbers.p_value(p)}"
    return f"{shift} {estimate}\n  ({span}), n = {n}, {tested}"


def _number(row: Mapping[Any, Any], key: str) -> float:
    value = row.get(key)
    return float(value) if value is not None and not pd.isna(value) else float("nan")


def _name_dots(peaks: pd.DataFrame, figure: Figure) -> None:
    """Write the legend: whose dots, the median, its interval, what is open, and the unit of a shift."""
    handles = [dot(group, label=PATIENT_LABELS[group]) for group in groups_in(peaks["group"])]
    handles.append(Line2D([], [], color=INK, linewidth=1.8, label="median"))
    handles.append(Line2D([], [], color=INK, linewidth=1.2, marker="|", linestyle="none", markersize=9,
                          label="its 95 % CI"))  # fmt: skip
    if (peaks["never_detected"] == 1).any():
        handles.append(dot("none", filled=False, label="open: never detected"))
    units = ", ".join(unit for name, unit in MEASURE_UNITS.items() if (peaks["measure"] == name).any())
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=7, bbox_to_anchor=(0.005, 0.0),
                  columnspacing=1.1, handletextpad=0.4, title=f"shifts (Hodges-Lehmann, 95 % CI) in {units}",
                  title_fontsize=7, alignment="left")  # fmt: skip
