"""What figures of single patients share: how a group of patients is named, drawn, and kept apart."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from phenotype.figures import numbers
from phenotype.figures.palette import (
    GROUP_COLOURS,
    GROUP_LABELS,
    GROUPS,
    INK,
    LINE_COLOURS,
    LINE_STYLES,
    MARKERS,
    MUTED,
)

__all__ = [
    "PATIENT_COLOURS",
    "PATIENT_GROUPS",
    "PATIENT_LABELS",
    "PATIENT_LINES",
    "PATIENT_LINE_COLOURS",
    "PATIENT_MARKERS",
    "dot",
    "groups_in",
    "labelled",
    "nothing_to_draw",
    "spread",
]

UNKNOWN = ""
"""``asct_group`` of a patient whose sheet does not say."""
PATIENT_GROUPS = (*(group for group in GROUPS if group != "asct"), UNKNOWN)
"""Each patient is in one of these; the group of all transplanted patients is not among them."""
PATIENT_LABELS = {**GROUP_LABELS, UNKNOWN: "ASCT not known"}
PATIENT_COLOURS = {**GROUP_COLOURS, UNKNOWN: "#e0e0e0"}
PATIENT_MARKERS = {**MARKERS, UNKNOWN: "P"}
PATIENT_LINE_COLOURS = {**LINE_COLOURS, UNKNOWN: "#7a7a7a"}
PATIENT_LINES: Mapping[str, Literal["-", "--", "-.", ":"]] = {**LINE_STYLES, UNKNOWN: ":"}


def groups_in(found: Iterable[str]) -> list[str]:
    """Return the groups that there are, in the order of every figure.

    Examples
    --------
    >>> groups_in(["within_1y", "none", "within_1y"])
    ['none', 'within_1y']
    """
    there = set(found)
    return [group for group in PATIENT_GROUPS if group in there]


def labelled(group: str, n: int) -> str:
    """Return a group's name with its patients.

    Examples
    --------
    >>> labelled("none", 85)
    'No ASCT (n = 85)'
    """
    return f"{PATIENT_LABELS[group]} (n = {numbers.count(n)})"


def dot(group: str, *, size: float = 4.0, label: str = "", filled: bool = True) -> Line2D:
    """Return a patient's dot for a legend."""
    return Line2D(
        [], [], linestyle="none", marker=PATIENT_MARKERS[group], markersize=size, markeredgecolor=INK,
        markerfacecolor=PATIENT_COLOURS[group] if filled else "white", markeredgewidth=0.4, label=label,
    )  # fmt: skip


def nothing_to_draw(figure: Figure, words: str) -> None:
    """Say in the middle of an empty figure why it is empty."""
    figure.text(0.5, 0.5, words, ha="center", va="center", color=MUTED)


def spread(heights: NDArray[np.float64], ax: Axes, *, width: float, size: float = 3.2) -> NDArray[np.float64]:
    """Return sideways offsets that keep dots of nearly equal height apart; the same every time.

    Parameters
    ----------
    heights
        (n,) in the units of the axis, whose limits and scale are final.
    ax
        Where they are drawn.
    width
        Room to either side of the middle, in units of the axis.
    size
        Of a dot, points.

    Returns
    -------
    numpy.ndarray
        (n,), each within ``-width`` and ``width``.
    """
    points = ax.transData.transform(np.column_stack([np.zeros(len(heights)), heights]))[:, 1]
    layers = np.floor(points / (size * ax.get_figure().dpi / 72)) if len(points) else points  # type: ignore[union-attr]
    left, right = ax.transData.transform([(0.0, 0.0), (1.0, 0.0)])[:, 0] if len(points) else (0.0, 1.0)
    step = 1.1 * size * ax.get_figure().dpi / 72 / (right - left)  # type: ignore[union-attr]
    offsets = np.zeros(len(heights))
    for layer in np.unique(layers):
        inside = np.flatnonzero(layers == layer)
        inside = inside[np.argsort(points[inside], kind="stable")]
        places = (np.arange(len(inside)) - (len(inside) - 1) / 2) * step
        offsets[inside] = places * min(1.0, width / max(float(np.abs(places).max()), width))
    return offsets
