"""Contact sheets: one gate in every sample, side by side, so that the odd one is seen without opening each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from phenotype.figures import numbers
from phenotype.figures.gating import WIDTH, draw_plot
from phenotype.figures.palette import MUTED, WARNING
from phenotype.figures.scene import Group, Item, Line, Scene, Text, text_width
from phenotype.figures.style import SYNTHETIC, drawable
from phenotype.panels import Panel

__all__ = ["PER_SHEET", "Place", "Thumbnail", "draw_contact_sheet", "place_of"]

COLUMNS, ROWS = 8, 8
PER_SHEET = COLUMNS * ROWS
"""Samples of one sheet: a printed page of them."""
CELL = (WIDTH / COLUMNS, 104.0)
PLOT = (82.0, 72.0)
HEAD = 34.0
FOOT = 14.0


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """One sample on a sheet."""

    sample_id: str
    panel: Panel


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thumbnail lies on its sheet, as shares of the sheet's width and height."""

    left: float
    top: float
    width: float
    height: float


def draw_contact_sheet(thumbnails: Sequence[Thumbnail], title: str, note: str, *, synthetic: bool = False) -> Scene:
    """Draw one gate of up to ``PER_SHEET`` samples, in the order given.

    Parameters
    ----------
    thumbnails
        At most ``PER_SHEET``.
    title
        The gate and its parent.
    note
        Which samples of how many these are.
    synthetic
        Whether to mark the figure as simulated data.
    """
    height = _height(len(thumbnails))
    items: list[Item] = [Text(9, 17, drawable(title, 80), 11, bold=True), Text(9, 28, drawable(note, 150), 7, MUTED)]
    for i, thumbnail in enumerate(thumbnails):
        row, column = divmod(i, COLUMNS)
        items += _draw_thumbnail(thumbnail, column * CELL[0] + 9, HEAD + row * CELL[1])
    if synthetic:
        items.append(Text(0.996 * WIDTH, height - 3, SYNTHETIC, 7, WARNING, "right", bold=True))
    return Scene(WIDTH, height, tuple(items))


def place_of(i: int, n: int) -> Place:
    """Return where the ``i``-th of ``n`` thumbnails lies on its sheet.

    Examples
    --------
    >>> place_of(0, 8).left < place_of(1, 8).left, place_of(0, 8).top == place_of(7, 8).top
    (True, True)
    """
    row, column = divmod(i, COLUMNS)
    height = _height(n)
    return Place((column * CELL[0] + 6) / WIDTH, (HEAD + row * CELL[1]) / height, 88 / WIDTH, CELL[1] / height)


def _height(n: int) -> float:
    return HEAD + CELL[1] * max(-(-n // COLUMNS), 1) + FOOT


def _draw_thumbnail(thumbnail: Thumbnail, left: float, top: float) -> Iterator[Item]:
    """Draw name, events with their gate, and the share of each population; what is weak or refused says so."""
    panel, (width, height) = thumbnail.panel, PLOT
    yield Text(left, top + 9, _fitted(thumbnail.sample_id, width), 6.5)
    plot = top + 22
    yield Group(left, plot, width, height, tuple(draw_plot(_coarser(panel), width, height)))
    edge = np.array([(left, plot), (left, plot + height), (left + width, plot + height)])
    yield Line(edge, MUTED if panel.status == "sure" else WARNING, 0.8)
    shares = [numbers.percent(label.fraction) for label in panel.labels if panel.status != "refused"]
    number = shares[0] if len(shares) == 1 else f"n = {numbers.count(panel.n)}"
    words = {"sure": number, "weak": f"weak, {number}", "refused": "refused"}[panel.status]
    yield Text(left, top + 18.5, words, 6.5, MUTED if panel.status == "sure" else WARNING)
    if len(shares) > 1:
        for label, share in zip(panel.labels, shares, strict=True):
            x = left + (width - 1 if label.x > 0.5 else 1)
            y = plot + (6.5 if label.y > 0.5 else height - 2)
            yield Text(x, y, share.removesuffix(" %"), 5.5, align="right" if label.x > 0.5 else "left")


def _coarser(panel: Panel) -> Panel:
    """Return the step with bins of twice the width: at this size they are as fine as print."""
    counts = panel.counts.reshape([size for n in panel.counts.shape for size in (n // 2, 2)])
    control = None if panel.control is None else panel.control.reshape(-1, 2).sum(axis=1, dtype=np.uint32)
    return replace(panel, counts=counts.sum(axis=tuple(range(1, counts.ndim, 2)), dtype=np.uint32), control=control)


def _fitted(name: str, width: float) -> str:
    """Return as much of a name as there is room for, with a sign where something is cut."""
    shown = drawable(name, 40)
    while len(shown) > 2 and text_width(shown, 6.5) > width:
        shown = shown.removesuffix("…")[:-1] + "…"
    return shown
