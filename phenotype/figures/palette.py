"""The colours, once, with their reasons.

Both scales run from dark to light in steps of at least 15 L*, so that a photocopy keeps their order, and
from blue to orange (or violet), which people with any of the three colour deficiencies tell apart. Groups also
differ in the shape of their dots, subsets in their place, so no figure needs colour to be read.
"""

from collections.abc import Mapping
from typing import Literal

from matplotlib.colors import LinearSegmentedColormap

__all__ = [
    "BAND",
    "DENSITY",
    "GROUPS",
    "GROUP_LABELS",
    "INK",
    "LINE_COLOURS",
    "LINE_STYLES",
    "MARKERS",
    "MUTED",
    "SUBSET_COLOURS",
    "WARNING",
    "on_colour",
]

INK = "#1b1b1b"
MUTED = "#5c5c5c"
"""Secondary text: 6.7 : 1 on white, above the 4.5 : 1 that small text needs."""
WARNING = "#a63603"
"""Weak and refused gates: 6.9 : 1 on white. The word stands beside it."""
BAND = "#f4e3d4"
"""Where a cut could as well lie: light enough for the faintest bin to be seen on it."""

SUBSET_COLOURS = {
    "naive": "#12355b",
    "central_memory": "#3b78ad",
    "effector_memory": "#e3a14a",
    "effector": "#f8e3bf",
}
"""From dark to light along differentiation, naive to effector."""

GROUPS = ("none", "over_1y", "within_1y", "unknown_time", "asct")
GROUP_COLOURS = {
    "none": "#a9d0e0",
    "over_1y": "#4a8fa3",
    "within_1y": "#6a1b4d",
    "unknown_time": "#8c8c8c",
    "asct": "#2b5f7a",
}
"""Darker means more recent transplantation; ``asct`` is all transplanted patients, grey those of unknown date."""
GROUP_LABELS = {
    "none": "No ASCT",
    "over_1y": "ASCT > 1 y before",
    "within_1y": "ASCT ≤ 1 y before",
    "unknown_time": "ASCT, date unknown",
    "asct": "Any ASCT",
}
MARKERS = {"none": "o", "over_1y": "s", "within_1y": "D", "unknown_time": "X", "asct": "^"}
LINE_COLOURS = {
    "none": "#5b9bb5",
    "over_1y": "#1f5f73",
    "within_1y": "#6a1b4d",
    "unknown_time": "#5c5c5c",
    "asct": "#12355b",
}
"""The groups' colours, dark enough for a thin line: 3 : 1 on white at least."""
LINE_STYLES: Mapping[str, Literal["-", "--", "-.", ":"]] = {
    "none": "-",
    "over_1y": "--",
    "within_1y": "-.",
    "unknown_time": ":",
    "asct": "--",
}
"""A line of its own for each group, so that none needs its colour."""

DENSITY = LinearSegmentedColormap.from_list("events", ["#dbe6f0", "#8fb0cf", "#3f74a8", "#12355b", "#050d1a"])
"""Events per bin, light to dark; empty bins stay white."""


def on_colour(colour: str) -> str:
    """Return the ink that is readable on a colour: white on dark, black on light.

    Examples
    --------
    >>> on_colour("#12355b"), on_colour("#f8e3bf")
    ('#ffffff', '#1b1b1b')
    """
    return "#ffffff" if luminance(colour) < 0.2 else INK


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb``, in [0, 1].

    References
    ----------
    .. [1] W3C. Web Content Accessibility Guidelines 2.2, definition of relative luminance.

    Examples
    --------
    >>> luminance("#ffffff"), luminance("#000000")
    (1.0, 0.0)
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return round(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2], 12)
