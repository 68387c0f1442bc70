"""One look for all figures, and files that are the same bytes whenever they are drawn."""

import io
import os
import re
import unicodedata
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from phenotype.figures.palette import INK, MUTED, WARNING

__all__ = [
    "SYNTHETIC", "compact", "drawable", "mark_synthetic", "new_figure", "places_on", "save_figure", "style",
    "write_file",
]  # fmt: skip

SYNTHETIC = "SYNTHETIC DATA: no patient is shown"


def style() -> AbstractContextManager[None]:
    """Return the settings under which figures are made and saved; they end with the ``with`` block.

    Names from files are hostile: mathematical typesetting, which a ``$`` would begin, is off. SVG text stays
    text; the salt makes SVG identifiers repeatable. The font comes with matplotlib, on every machine.
    """
    return mpl.rc_context(
        {
            "text.parse_math": False,
            "axes.unicode_minus": True,
            "svg.fonttype": "none",
            "svg.hashsalt": "phenotype",
            "font.family": ["sans-serif"],
            "font.sans-serif": ["DejaVu Sans"],
            "font.size": 8.0,
            "axes.titlesize": 8.5,
            "axes.labelsize": 8.0,
            "xtick.labelsize": 7.5,
            "ytick.labelsize": 7.5,
            "axes.edgecolor": MUTED,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "text.color": INK,
            "axes.labelcolor": INK,
            "xtick.color": MUTED,
            "xtick.labelcolor": INK,
            "ytick.color": MUTED,
            "ytick.labelcolor": INK,
            "legend.frameon": False,
            "savefig.facecolor": "white",
            "figure.facecolor": "white",
        }
    )


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, inches, that belongs to no window and no global list."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def mark_synthetic(figure: Figure, *, synthetic: bool) -> None:
    """Print on a figure of simulated data that it is one: figures travel without their report."""
    if synthetic:
        figure.text(0.996, 0.004, SYNTHETIC, ha="right", va="bottom", fontsize=7, color=WARNING, weight="bold")


def save_figure(figure: Figure, stem: Path, *, dpi: float = 300) -> tuple[Path, Path]:
    """Write ``stem.svg`` and ``stem.png``; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        From one of the ``draw_`` functions.
    stem
        Path without suffix; its folder is made.
    dpi
        Of the PNG.

    Returns
    -------
    tuple of Path
        The SVG and the PNG.
    """
    svg, png = stem.parent / f"{stem.name}.svg", stem.parent / f"{stem.name}.png"
    with style():
        vector = io.BytesIO()
        figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
        raster = io.BytesIO()
        figure.savefig(raster, format="png", dpi=dpi, metadata={"Software": None})
    write_file(svg, compact(vector.getvalue().decode("utf-8")).encode("utf-8"))
    write_file(png, raster.getvalue())
    return svg, png


_FAMILY = "'DejaVu Sans', Verdana, sans-serif"
"""Matplotlib names the one font it has; a reader who lacks it must not see another of other widths."""
_TAG = re.compile(r"<[^!?][^>]*>")
_DIGITS = re.compile(r"(?<=\d\.\d\d)\d+")
_MARKS = re.compile(r"<g ([^>]*)>\n((?: *<use [^>]* style=\"[^\"]*\"/>\n)+)")
_LOOK = re.compile(r" style=\"([^\"]*)\"")


def compact(svg: str) -> str:
    """Return an SVG of matplotlib in half the bytes: hundredths of a point in its tags, one look for a row of marks.

    Words between tags stay as they are, and the font is followed by others of the same width.

    Examples
    --------
    >>> compact('<use x="1.23456" style="fill: red"/>0.12345')
    '<use x="1.23" style="fill: red"/>0.12345'
    """
    short = _TAG.sub(lambda tag: _DIGITS.sub("", tag[0]), svg.replace("'DejaVu Sans'", _FAMILY))
    return _MARKS.sub(_one_look, short)


def _one_look(found: re.Match[str]) -> str:
    """Return a row of marks with their look said once, if it is the same for all."""
    looks = set(_LOOK.findall(found[2]))
    return found[0] if len(looks) > 1 else f'<g {found[1]} style="{looks.pop()}">\n{_LOOK.sub("", found[2])}'


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def places_on(figure: Figure, ax: Axes, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Return where points of some axes lie on the figure.

    Returns
    -------
    numpy.ndarray
        (n, 2): share of the width from the left, of the height from the top.
    """
    points = ax.transData.transform(np.column_stack([x, y]))
    shares: NDArray[np.float64] = points / np.array([figure.bbox.width, figure.bbox.height])
    return np.column_stack([shares[:, 0], 1 - shares[:, 1]])


def drawable(text: str, limit: int = 60) -> str:
    r"""Return text that the figures' font can write, on one line and not too long.

    Control and direction characters go, for what they do to the text around them; signs the font lacks become a box.

    Examples
    --------
    >>> drawable("pt\u202e01"), drawable("患者 7"), drawable("$x$"), drawable("a" * 9, limit=5)
    ('pt01', '□□ 7', '$x$', 'aaaa…')
    """
    known = _signs()
    kept = "".join(sign for sign in text if unicodedata.category(sign)[0] != "C")
    kept = "".join(sign if ord(sign) in known else "□" for sign in kept)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


@cache
def _signs() -> frozenset[int]:
    """Return the code points of the font that comes with matplotlib."""
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())
