"""Subsets of the product against the peak of expansion: a dot a patient, Spearman's correlation in words."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from phenotype.figures import numbers
from phenotype.figures.measures import MEASURE_LABELS, peak_axis
from phenotype.figures.palette import INK, MUTED
from phenotype.figures.patients import (
    PATIENT_COLOURS,
    PATIENT_MARKERS,
    dot,
    groups_in,
    labelled,
    nothing_to_draw,
)
from phenotype.figures.style import mark_synthetic, new_figure, style
from phenotype.subsets import SUBSET_LABELS, SUBSETS

__all__ = ["draw_correlations", "words_of_correlation"]

_ROW, _PANEL = 3.0, 2.0
"""Height of a row of panels with its words, and of a panel, inches."""
_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.0f} %")


def draw_correlations(pairs: pd.DataFrame, tests: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw each subset's fraction against the peak: a row for each measure, a panel for each subset.

    Parameters
    ----------
    pairs
        ``measure, subset, patient_id, group, fraction, never_detected, drawn_at``.
    tests
        Rows ``subset_correlation`` of estimates.csv: ``endpoint`` is the subset, ``term`` the peak.
    synthetic
        Whether to mark the figure as simulated data.
    """
    measures = [name for name in MEASURE_LABELS if (pairs["measure"] == name).any()]
    with style():
        height = 0.4 + _ROW * max(len(measures), 1)
        figure = new_figure(10.2, height)
        if not measures:
            nothing_to_draw(figure, "no patient has both a subset of the product and a peak of expansion")
        for i, measure in enumerate(measures):
            grid = figure.add_gridspec(
                1, len(SUBSETS), left=0.08, right=0.98, wspace=0.13,
                top=1 - (0.5 + _ROW * i) / height, bottom=1 - (0.5 + _PANEL + _ROW * i) / height,
            )  # fmt: skip
            inside, rows = pairs[pairs["measure"] == measure], tests[tests["term"] == f"{measure}_cmax"]
            for k, subset in enumerate(SUBSETS):
                ax = figure.add_subplot(grid[0, k])
                peak_axis(ax, measure, lowest=float(inside["drawn_at"].min()), top=float(inside["drawn_at"].max()),
                          never=bool((inside["never_detected"] == 1).any()))  # fmt: skip
                _draw_subset(inside[inside["subset"] == subset], ax)
                found = rows[rows["endpoint"] == subset].to_dict("records")
                ax.set_title(SUBSET_LABELS[subset], loc="left", weight="bold", pad=15)
                ax.text(0, 1.03, words_of_correlation(found[0] if found else {}), transform=ax.transAxes, va="bottom",
                        fontsize=6.2)  # fmt: skip
                if k:
                    ax.tick_params(axis="y", labelleft=False)
                else:
                    ax.set_ylabel(f"peak of {MEASURE_LABELS[measure]}")
        if measures:
            _name_dots(pairs, figure)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _draw_subset(pairs: pd.DataFrame, ax: Axes) -> None:
    """Draw a dot for each patient; open where cells were never detected."""
    for group in groups_in(pairs["group"]):
        for never, face in ((0, PATIENT_COLOURS[group]), (1, "white")):
            inside = pairs[(pairs["group"] == group) & (pairs["never_detected"] == never)]
            sns.scatterplot(
                data=inside, x="fraction", y="drawn_at", marker=PATIENT_MARKERS[group], color=face, s=16,
                edgecolor=INK, linewidth=0.4, alpha=0.9, legend=False, ax=ax, zorder=3, clip_on=False,
            )  # fmt: skip
    top = float(pairs["fraction"].max()) if len(pairs) else 1.0
    if not len(pairs):
        ax.text(0.5, 0.5, "no product", transform=ax.transAxes, ha="center", color=MUTED)
    ax.set_xlim(0, max(1.05 * top, 0.01))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(_PERCENT)
    ax.set(xlabel="of CAR+ cells of the product", ylabel="")


def words_of_correlation(row: Mapping[Any, Any]) -> str:
    """Return a correlation in words, or why there is none.

    Examples
    --------
    >>> words_of_correlation({"estimate": 0.394, "ci_low": 0.234, "ci_high": 0.534, "n": 133, "p_value": 0.0000026})
    'ρ 0.39 (0.23 to 0.53), n = 133, p <0.001'
    """
    estimate, low, high, p = (_number(row, key) for key in ("estimate", "ci_low", "ci_high", "p_value"))
    if not np.isfinite(estimate):
        why = str(row.get("note") or "no such row").removeprefix("not estimated: ")
        return textwrap.shorten(f"no correlation: {why}", 48, placeholder=" …")
    span = f"{numbers.decimal(low)} to {numbers.decimal(high)}" if np.isfinite(low) else "no interval"
    tested = f"p {'' if p < 0.001 else '= '}{numbers.p_value(p)}" if np.isfinite(p) else "not tested"
    return f"ρ {numbers.decimal(estimate)} ({span}), n = {numbers.count(_number(row, 'n'))}, {tested}"


def _number(row: Mapping[Any, Any], key: str) -> float:
    value = row.get(key)
    return float(value) if value is not None and not pd.isna(value) else float("nan")


def _name_dots(pairs: pd.DataFrame, figure: Figure) -> None:
    """Write the legend, with the patients of each group."""
    patients = pairs.drop_duplicates("patient_id")["group"].value_counts()
    handles = [dot(group, label=labelled(group, int(patients[group]))) for group in groups_in(pairs["group"])]
    if (pairs["never_detected"] == 1).any():
        handles.append(dot("none", filled=False, label="open: never detected"))
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=7.5, bbox_to_anchor=(0.005, 0.0),
                  handletextpad=0.2, title="ρ: Spearman's, 95 % CI in brackets", title_fontsize=7,
                  alignment="left")  # fmt: skip
