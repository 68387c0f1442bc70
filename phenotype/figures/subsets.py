"""The four subsets by ASCT timing: the counterpart of the paper's Figure 4, and its inner control.

References
----------
.. [1] Jin C, et al. J Immunother Cancer 2025;13:e010687, figure 4.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from phenotype.figures import numbers
from phenotype.figures.palette import (
    GROUP_COLOURS,
    GROUP_LABELS,
    GROUPS,
    INK,
    MARKERS,
    MUTED,
    SUBSET_COLOURS,
    on_colour,
)
from phenotype.figures.style import mark_synthetic, new_figure, style
from phenotype.subsets import SUBSET_LABELS, SUBSETS

__all__ = [
    "CONTRASTS", "dots_of", "draw_composition", "draw_control", "draw_figure_4", "draw_subset_bars", "inner",
]  # fmt: skip

CONTRASTS = {
    "asct_vs_none": ("asct", "none"),
    "over_1y_vs_none": ("over_1y", "none"),
    "within_1y_vs_none": ("within_1y", "none"),
    "within_1y_vs_over_1y": ("within_1y", "over_1y"),
}
"""First and second group of each contrast: differences are first minus second. In the paper's order."""

_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.0f} %")


def draw_figure_4(
    comparisons: pd.DataFrame, patients: pd.DataFrame, composition: pd.DataFrame, *, synthetic: bool = False
) -> Figure:
    """Draw all contrasts, each as subset bars beside the composition of its two groups.

    Parameters
    ----------
    comparisons
        comparisons.csv.
    patients
        ``contrast, group, patient_id, subset, fraction``: a dot each.
    composition
        ``group, subset, n, mean_fraction``.
    synthetic
        Whether to mark the figure as simulated data.
    """
    with style():
        figure = new_figure(10.2, 3.3 * len(CONTRASTS))
        grid = figure.add_gridspec(
            len(CONTRASTS), 2, width_ratios=(2.75, 1), left=0.065, right=0.995, top=0.972, bottom=0.05,
            hspace=0.42, wspace=0.15,
        )  # fmt: skip
        top = float(patients["fraction"].max()) if patients["fraction"].notna().any() else 1.0
        for row, contrast in enumerate(CONTRASTS):
            bars, stack = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])
            draw_subset_bars(_of(comparisons, contrast), _of(patients, contrast), bars, contrast=contrast, top=top)
            draw_composition(composition, stack, groups=CONTRASTS[contrast][::-1])
            for letter, ax, left in zip("ABCDEFGH"[2 * row :], (bars, stack), (-0.085, -0.22), strict=False):
                ax.text(left, 1.1, letter, transform=ax.transAxes, fontsize=12, weight="bold", va="top")
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def draw_subset_bars(
    comparisons: pd.DataFrame, patients: pd.DataFrame, ax: Axes, *, contrast: str, top: float = 1.0
) -> Axes:
    """Draw one contrast: a bar for each group's median, a dot for each patient, the difference above.

    Parameters
    ----------
    comparisons
        Rows of comparisons.csv of this contrast: the bars and the words.
    patients
        ``group, patient_id, subset, fraction``: the dots.
    ax
        Where to draw.
    contrast
        A key of ``CONTRASTS``; its second group stands left.
    top
        Largest fraction on any figure that should share this scale, in [0, 1].
    """
    first, second = CONTRASTS[contrast]
    rows: dict[str, Mapping[Any, Any]] = {str(row["subset"]): row for row in comparisons.to_dict("records")}
    dots = dots_of(patients, contrast)
    for i, subset in enumerate(SUBSETS):
        row = rows.get(subset, {})
        for group, side in ((second, "b"), (first, "a")):
            _draw_median(row.get(f"median_{side}"), i + _SIDES[side], group, ax)
        _draw_difference(row, i, top, ax)
    for group in (second, first):
        inside = dots[dots["group"] == group]
        ax.plot(
            inside["x"], inside["fraction"], linestyle="none", marker=MARKERS[group], markersize=3.2,
            color=GROUP_COLOURS[group], markeredgecolor=INK, markeredgewidth=0.35, alpha=0.9, zorder=3,
        )  # fmt: skip
    _finish_bars(rows, ax, contrast=contrast, top=top)
    return ax


def draw_composition(composition: pd.DataFrame, ax: Axes, *, groups: Sequence[str]) -> Axes:
    """Draw the mean composition of each group as one stacked bar; a bar sums to 100 %.

    Parameters
    ----------
    composition
        ``group, subset, n, mean_fraction``.
    ax
        Where to draw.
    groups
        From left to right.
    """
    means = composition.set_index(["group", "subset"])
    for place, group in enumerate(groups):
        base = 0.0
        for subset in SUBSETS:
            share = float(means["mean_fraction"].get((group, subset), np.nan))
            if np.isfinite(share):
                _draw_share(share, base, place, subset, ax)
                base += share
    counts = [means["n"].get((group, SUBSETS[0]), 0) for group in groups]
    names = [f"{_short(group)}\nn = {numbers.count(n)}" for group, n in zip(groups, counts, strict=True)]
    ax.set_xticks(range(len(groups)), labels=names)
    ax.tick_params(axis="x", length=0, labelsize=7)
    ax.set_xlim(-0.5, len(groups) + 0.55)
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(_PERCENT)
    ax.set_title("Mean composition", loc="left", color=INK)
    _name_shares(means, groups[-1], len(groups) - 1, ax)
    return ax


def draw_control(pairs: pd.DataFrame, *, synthetic: bool = False) -> Figure:
    """Draw each product's subset fraction of CAR+ cells against that of its CAR- cells.

    The same thresholds cut both. Where groups differ in CAR- cells as they do in CAR+ cells, starting material,
    culture or staining explain it as well as the transduced cells do.

    Parameters
    ----------
    pairs
        ``sample_id, group, subset, car_positive, car_negative``.
    synthetic
        Whether to mark the figure as simulated data.
    """
    with style():
        figure = new_figure(10.2, 3.2)
        for i, subset in enumerate(SUBSETS):
            ax = figure.add_axes((0.06 + 0.24 * i, 0.235, 0.2, 0.62))
            _draw_pairs(pairs[pairs["subset"] == subset], ax)
            ax.set_title(SUBSET_LABELS[subset], loc="left", weight="bold")
            ax.set_xlabel("of CAR- cells")
        figure.axes[0].set_ylabel("of CAR+ cells")
        _name_groups(pairs, figure)
        mark_synthetic(figure, synthetic=synthetic)
    return figure


def _of(table: pd.DataFrame, contrast: str) -> pd.DataFrame:
    return table[table["contrast"] == contrast]


def inner(name: str) -> str:
    """Return a name as it stands within a sentence."""
    return name[0].lower() + name[1:] if not name.startswith("ASCT") else name


def _short(group: str) -> str:
    """Return a group's name without what the heading of the row says."""
    return GROUP_LABELS[group].removesuffix(" before")


def dots_of(patients: pd.DataFrame, contrast: str) -> pd.DataFrame:
    """Return where each patient's dot stands in the panel of a contrast.

    Returns
    -------
    pandas.DataFrame
        ``group, subset, patient_id, fraction, x``; dots of nearly equal height stand side by side.
    """
    first, second = CONTRASTS[contrast]
    known = patients[np.isfinite(patients["fraction"].to_numpy(dtype=np.float64))]
    parts = []
    for i, subset in enumerate(SUBSETS):
        for group, side in ((second, "b"), (first, "a")):
            inside = known[(known["group"] == group) & (known["subset"] == subset)]
            inside = inside.sort_values("fraction", kind="stable")
            offsets = _spread(inside["fraction"].to_numpy(dtype=np.float64))
            parts.append(inside.assign(x=i + _SIDES[side] + offsets))
    dots: pd.DataFrame = pd.concat(parts, ignore_index=True)[["group", "subset", "patient_id", "fraction", "x"]]
    return dots


_SIDES = {"b": -0.21, "a": 0.21}
"""The second group of a contrast stands left."""


def _draw_median(median: float | None, place: float, group: str, ax: Axes) -> None:
    """Draw the median of a group as a bar."""
    colour = GROUP_COLOURS[group]
    if median is not None and np.isfinite(median):
        ax.bar(place, median, width=0.38, color=colour, alpha=0.45, edgecolor=colour, linewidth=0.8)
        ax.plot(
            [place - 0.19, place + 0.19], [median, median], color=INK, linewidth=1.6, solid_capstyle="butt", zorder=4
        )


def _spread(ordered: NDArray[np.float64], height: float = 0.014, width: float = 0.3) -> NDArray[np.float64]:
    """Return sideways offsets that keep dots of nearly equal height apart; the same every time."""
    offsets = np.zeros(len(ordered))
    layers = np.floor(ordered / height)
    most = max((int(np.sum(layers == layer)) for layer in np.unique(layers)), default=1)
    step = min(0.05, width / max(most - 1, 1))
    for layer in np.unique(layers):
        inside = np.flatnonzero(layers == layer)
        offsets[inside] = (np.arange(len(inside)) - (len(inside) - 1) / 2) * step
    return offsets


def _draw_difference(row: Mapping[Any, Any], place: int, top: float, ax: Axes) -> None:
    """Write difference, interval and adjusted p above a subset, with a bracket over the two bars."""
    height = top * 1.06
    ax.plot([place - 0.21, place - 0.21, place + 0.21, place + 0.21],
            [height - top * 0.02, height, height, height - top * 0.02], color=MUTED, linewidth=0.8)  # fmt: skip
    ax.text(place, height + top * 0.025, _difference(row), ha="center", va="bottom", fontsize=7, linespacing=1.25)


def _difference(row: Mapping[Any, Any]) -> str:
    """Return the words over a bracket; a missing number is said to be missing."""
    difference, low, high, p = (_number(row.get(key)) for key in ("difference", "ci_low", "ci_high", "p_adjusted"))
    if not np.isfinite(difference):
        return "\n".join(["not compared", *textwrap.wrap(str(row.get("note") or ""), 26, max_lines=2)])
    tested = "not tested" if not np.isfinite(p) else f"adjusted p {'' if p < 0.001 else '= '}{numbers.p_value(p)}"
    span = f" ({numbers.points_interval(low, high)})" if np.isfinite(low) else ""
    return f"{numbers.points(difference)} points\n{span.strip() or '(no interval)'}\n{tested}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _finish_bars(rows: Mapping[str, Mapping[Any, Any]], ax: Axes, *, contrast: str, top: float) -> None:
    """Name subsets, groups and n; give the axis its percent."""
    first, second = CONTRASTS[contrast]
    places = [i + _SIDES[side] for i in range(len(SUBSETS)) for side in "ba"]
    counts = [_number(rows.get(subset, {}).get(f"n_{side}")) for subset in SUBSETS for side in "ba"]
    ax.set_xticks(places, labels=[f"n = {numbers.count(n)}" for n in counts], fontsize=7)
    ax.tick_params(axis="x", length=0, pad=2)
    for i, subset in enumerate(SUBSETS):
        ax.text(
            i, -0.115, SUBSET_LABELS[subset], transform=ax.get_xaxis_transform(), ha="center", va="top", weight="bold"
        )
    ax.set_xlim(-0.55, len(SUBSETS) - 0.45)
    ax.set_ylim(0, top * 1.36)
    ax.yaxis.set_major_formatter(_PERCENT)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top * 1.05])
    ax.set_ylabel("share of CAR+ T cells")
    ax.set_title(
        f"{GROUP_LABELS[first]} compared with {inner(GROUP_LABELS[second])}", loc="left", weight="bold", pad=14
    )
    for group in (second, first):
        ax.plot([], [], linestyle="none", marker=MARKERS[group], color=GROUP_COLOURS[group], markeredgecolor=INK,
                markeredgewidth=0.4, label=GROUP_LABELS[group])  # fmt: skip
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize=7.5, handletextpad=0.1, borderaxespad=0.2)


def _draw_share(share: float, base: float, place: int, subset: str, ax: Axes) -> None:
    colour = SUBSET_COLOURS[subset]
    ax.bar(place, share, bottom=base, width=0.72, color=colour, edgecolor="white", linewidth=0.8)
    if share >= 0.045:
        ax.text(
            place,
            base + share / 2,
            numbers.percent(share),
            ha="center",
            va="center",
            fontsize=7,
            color=on_colour(colour),
        )


def _name_shares(means: pd.DataFrame, group: str, place: int, ax: Axes) -> None:
    """Name the subsets beside the last bar, each at the height of its share."""
    base, lowest = 0.0, 0.0
    for subset in SUBSETS:
        share = float(means["mean_fraction"].get((group, subset), np.nan))
        share = 0.25 if not np.isfinite(share) else share
        height = max(base + share / 2, lowest)
        ax.text(place + 0.42, min(height, 0.97), SUBSET_LABELS[subset], va="center", fontsize=7)
        base, lowest = base + share, height + 0.06


def _draw_pairs(pairs: pd.DataFrame, ax: Axes) -> None:
    known = pairs.dropna(subset=["car_positive", "car_negative"])
    top = 1.06 * float(known[["car_positive", "car_negative"]].to_numpy().max()) if len(known) else 1.0
    ax.plot([0, top], [0, top], color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    for group in GROUPS:
        inside = known[known["group"] == group]
        ax.plot(
            inside["car_negative"], inside["car_positive"], linestyle="none", marker=MARKERS[group], markersize=4,
            color=GROUP_COLOURS[group], markeredgecolor=INK, markeredgewidth=0.4, alpha=0.9,
        )  # fmt: skip
    if not len(known):
        ax.text(0.5, 0.5, "no product with both", transform=ax.transAxes, ha="center", color=MUTED)
    ax.set(xlim=(0, top), ylim=(0, top))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(_PERCENT)
    ax.yaxis.set_major_formatter(_PERCENT)


def _name_groups(pairs: pd.DataFrame, figure: Figure) -> None:
    """Write the legend, with the products of each group."""
    handles = []
    for group in GROUPS:
        n = pairs.loc[pairs["group"] == group, "sample_id"].nunique()
        if n:
            handles += figure.axes[0].plot(
                [], [], linestyle="none", marker=MARKERS[group], color=GROUP_COLOURS[group], markeredgecolor=INK,
                markeredgewidth=0.4, label=f"{GROUP_LABELS[group]} (n = {n})",
            )  # fmt: skip
    dashes = figure.axes[0].plot([], [], color=MUTED, linestyle=(0, (4, 2)), linewidth=0.8, label="equal shares")
    figure.legend(handles=[*handles, *dashes], loc="lower left", ncols=5, fontsize=7.5, bbox_to_anchor=(0.045, 0.03))
