"""Pictures of many small panels, made fast: shapes and words in points, written as SVG with live text or as PNG.

Matplotlib needs most of a second for the gates of one sample; a study has hundreds. What a gating picture needs is
little: cells of a grid, areas, lines, words. Both writers take the same scene, so they cannot disagree.
"""

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from phenotype.figures.palette import DENSITY, INK

__all__ = [
    "LEVELS", "Area", "Box", "Grid", "Group", "Item", "Line", "Scene", "Strokes", "Text", "png_of", "svg_of",
    "text_width",
]  # fmt: skip

LEVELS = 16
"""Shades of a grid, 0 being empty: four bits a cell, and more than an eye tells apart."""
POINTS = 72
"""Points of an inch."""
FAMILY = "DejaVu Sans, Verdana, sans-serif"
"""Verdana is as wide as DejaVu Sans, which comes with matplotlib and with few other programs."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words on one line; ``y`` is their base line."""

    x: float
    y: float
    words: str
    size: float = 7.0
    colour: str = INK
    align: str = "left"
    """``left``, ``center`` or ``right`` of the words is at ``x``."""
    bold: bool = False
    upward: bool = False
    """Written from below to above, as the name of an upright axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Straight strokes through points of shape (k, 2)."""

    points: NDArray[np.float64]
    colour: str = INK
    width: float = 0.8
    dashed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Strokes:
    """Strokes of one kind, each from a point to another: shape (k, 2, 2)."""

    ends: NDArray[np.float64]
    colour: str = INK
    width: float = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A filled outline of shape (k, 2)."""

    points: NDArray[np.float64]
    fill: str


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; ``opacity`` 1 hides what is below."""

    x: float
    y: float
    width: float
    height: float
    fill: str = "#ffffff"
    opacity: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A density: ``levels`` of shape (rows, columns), 0 to 15, row 0 at the top; 0 is not drawn."""

    x: float
    y: float
    width: float
    height: float
    levels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Group:
    """Items with places of their own, cut off at the edges of a box."""

    x: float
    y: float
    width: float
    height: float
    items: "tuple[Item, ...]"


Item = Text | Line | Strokes | Area | Box | Grid | Group


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture: its size in points, and what is on it, the undermost first; y runs downwards."""

    width: float
    height: float
    items: tuple[Item, ...]


def svg_of(scene: Scene) -> str:
    """Return a scene as SVG 1.1; words are escaped, and nothing in it can run or fetch.

    Examples
    --------
    >>> svg_of(Scene(20, 10, (Text(1, 9, "a<b"),)))[-51:]
    '<text x="1" y="9" font-size="7">a&lt;b</text></svg>'
    """
    size = f'width="{scene.width:g}pt" height="{scene.height:g}pt" viewBox="0 0 {scene.width:g} {scene.height:g}"'
    inside = "".join(_svg(item) for item in scene.items)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} fill="{INK}" font-family="{FAMILY}">'
        f'<rect width="{scene.width:g}" height="{scene.height:g}" fill="#fff"/>{inside}</svg>'
    )


def png_of(scene: Scene, dpi: float = 300) -> bytes:
    """Return a scene as a PNG of so many dots to the inch, in a palette: half the time and bytes of true colour.

    Raises
    ------
    ValueError
        If the scene has more colours than a palette holds, 30 or so besides those of grids.
    """
    scale, palette = dpi / POINTS, _Palette(scene.items)
    image = Image.new("P", (round(scene.width * scale), round(scene.height * scale)), 0)
    image.putpalette(palette.colours().tobytes())
    for item in scene.items:
        _paint(item, image, scale, palette)
    out = io.BytesIO()
    image.save(out, format="png", compress_level=2, dpi=(dpi, dpi))
    return out.getvalue()


def text_width(words: str, size: float, *, bold: bool = False) -> float:
    """Return how wide words are in the font of the figures, points."""
    return float(_font(100, bold).getlength(words)) * size / 100


def _svg(item: Item) -> str:
    match item:
        case Text():
            return _svg_text(item)
        case Line():
            dash = ' stroke-dasharray="3.2 1.8"' if item.dashed else ""
            stroke = f'stroke="{item.colour}" stroke-width="{item.width:g}"{dash}'
            return f'<path d="{_path(item.points)}" fill="none" {stroke}/>'
        case Strokes():
            path = "".join(map(_path, item.ends))
            return f'<path d="{path}" fill="none" stroke="{item.colour}" stroke-width="{item.width:g}"/>'
        case Area():
            return f'<path d="{_path(item.points)}" fill="{item.fill}"/>'
        case Box():
            clear = "" if item.opacity == 1 else f' fill-opacity="{item.opacity:g}"'
            return f'<rect {_place(item)} fill="{item.fill}"{clear}/>'
        case Grid():
            data = base64.b64encode(_grid_png(item.levels)).decode()
            still = 'preserveAspectRatio="none" style="image-rendering:pixelated"'
            return f'<image {_place(item)} {still} href="data:image/png;base64,{data}"/>'
        case Group():
            return f"<svg {_place(item)}>{''.join(_svg(one) for one in item.items)}</svg>"


def _svg_text(item: Text) -> str:
    anchor = {"left": "", "center": ' text-anchor="middle"', "right": ' text-anchor="end"'}[item.align]
    look = ("" if item.colour == INK else f' fill="{item.colour}"') + (' font-weight="bold"' if item.bold else "")
    turn = f' transform="rotate(-90 {_n(item.x)} {_n(item.y)})"' if item.upward else ""
    place = f'x="{_n(item.x)}" y="{_n(item.y)}" font-size="{item.size:g}"'
    return f"<text {place}{anchor}{look}{turn}>{escape(item.words)}</text>"


def _place(item: Box | Grid | Group) -> str:
    return f'x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" height="{_n(item.height)}"'


def _n(value: float) -> str:
    """Return a place to a tenth of a point: finer than a printer's dot at 600 to the inch.

    Examples
    --------
    >>> _n(12.0), _n(0.26)
    ('12', '0.3')
    """
    return f"{value:.1f}".removesuffix(".0")


def _path(points: NDArray[np.float64]) -> str:
    """Return the strokes through points; those straight across or down, as of a histogram, take half the letters.

    Examples
    --------
    >>> _path(np.array([(0.0, 5.0), (0.0, 2.5), (8.0, 2.5), (9.0, 3.0)]))
    'M0,5V2.5H8L9,3'
    """
    places = [(_n(x), _n(y)) for x, y in points.tolist()]
    path = ["M" + ",".join(places[0])]
    for (x, y), (to_x, to_y) in pairwise(places):
        path.append(f"V{to_y}" if to_x == x else f"H{to_x}" if to_y == y else f"L{to_x},{to_y}")
    return "".join(path)


def _grid_png(levels: NDArray[np.uint8]) -> bytes:
    """Return a grid as a PNG of 16 colours, the first of which is clear."""
    image = Image.fromarray(np.ascontiguousarray(levels, dtype=np.uint8), mode="P")
    image.putpalette(_shades().tobytes())
    out = io.BytesIO()
    image.save(out, format="png", bits=4, transparency=0, compress_level=9)
    return out.getvalue()


@cache
def _shades() -> NDArray[np.uint8]:
    """Return the colour of each level, (16, 3); that of level 0 is white, for writers that know no clear colour."""
    colours = np.round(255 * np.asarray(DENSITY(np.linspace(0, 1, LEVELS - 1)))[:, :3]).astype(np.uint8)
    return np.vstack([np.full((1, 3), 255, dtype=np.uint8), colours])


class _Palette:
    """The colours of a picture, each in steps towards white: edges of letters, and what lies under a veil."""

    def __init__(self, items: Iterable[Item]) -> None:
        shades = (f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in _shades().tolist())
        names = [name for name in dict.fromkeys([*shades, *_colours(items)]) if name != _WHITE]
        self._first = {name: 1 + _STEPS * i for i, name in enumerate(names)}
        if 1 + _STEPS * len(names) > 256:
            raise ValueError(f"a scene of {len(names)} colours; a palette holds {255 // _STEPS}")
        self.levels = np.array([self.of(name) for name in ("#ffffff", *names[: LEVELS - 1])], dtype=np.uint8)
        """The place of each level of a grid."""

    def of(self, colour: str) -> int:
        """Return the place of a colour."""
        return 0 if colour.lower() in _WHITES else self._first[colour.lower()]

    def towards(self, colour: str, shares: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the places of a colour by how much of a dot it covers, 0 to 1."""
        steps = np.round((1 - shares) * _STEPS).astype(int)
        return np.where(steps < _STEPS, self.of(colour) + steps, 0).astype(np.uint8)

    def veiled(self, opacity: float) -> list[int]:
        """Return where each of the 256 places goes under white of some opacity."""
        found, steps = [0] * 256, round(opacity * _STEPS)
        for first in self._first.values():
            for step in range(_STEPS - steps):
                found[first + step] = first + step + steps
        return found

    def colours(self) -> NDArray[np.uint8]:
        """Return the colour of each place, (256, 3)."""
        found = np.full((256, 3), 255, dtype=np.uint8)
        for name, first in self._first.items():
            full = np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)])
            for step in range(_STEPS):
                found[first + step] = np.round(full + (255 - full) * step / _STEPS)
        return found


_WHITE = "#ffffff"
_WHITES = (_WHITE, "#fff")
_STEPS = 6
"""From a colour to white: at 300 dots to the inch six are smooth, and they leave room for 42 colours."""


def _colours(items: Iterable[Item]) -> Iterator[str]:
    """Yield every colour that is drawn with, in lower case."""
    for item in items:
        match item:
            case Text() | Line() | Strokes():
                yield item.colour.lower()
            case Area() | Box():
                yield item.fill.lower()
            case Group():
                yield from _colours(item.items)


def _paint(item: Item, image: Image.Image, scale: float, palette: _Palette) -> None:
    """Draw one item on an image of ``scale`` dots to the point."""
    match item:
        case Text():
            _paint_text(item, image, scale, palette)
        case Line():
            _paint_strokes(_dashes(item.points) if item.dashed else [item.points], item, image, scale, palette)
        case Strokes():
            _paint_strokes(item.ends, item, image, scale, palette)
        case Area():
            ImageDraw.Draw(image).polygon(_corners(item.points, scale), fill=palette.of(item.fill))
        case Box():
            box = _edges(item, scale)
            veil = item.opacity < 1
            image.paste(image.crop(box).point(palette.veiled(item.opacity)) if veil else palette.of(item.fill), box)
        case Grid():
            _paint_grid(item, image, scale, palette)
        case Group():
            box = _edges(item, scale)
            inside = image.crop(box)
            for one in item.items:
                _paint(one, inside, scale, palette)
            image.paste(inside, box)


def _paint_strokes(
    parts: Iterable[NDArray[np.float64]], item: Line | Strokes, image: Image.Image, scale: float, palette: _Palette
) -> None:
    draw, width = ImageDraw.Draw(image), max(round(item.width * scale), 1)
    for part in parts:
        draw.line(_corners(part, scale), fill=palette.of(item.colour), width=width)


def _paint_grid(item: Grid, image: Image.Image, scale: float, palette: _Palette) -> None:
    left, top, right, bottom = _edges(item, scale)
    shades = Image.fromarray(palette.levels[item.levels], mode="P")
    cells = Image.fromarray(np.where(item.levels > 0, 255, 0).astype(np.uint8), mode="L")
    shades, cells = (one.resize((right - left, bottom - top), Image.Resampling.NEAREST) for one in (shades, cells))
    image.paste(shades, (left, top), cells)


def _corners(points: NDArray[np.float64], scale: float) -> list[tuple[float, float]]:
    return [(x, y) for x, y in (points * scale).tolist()]


def _paint_text(item: Text, image: Image.Image, scale: float, palette: _Palette) -> None:
    """Draw words; a dot that a letter covers in part is in part of its colour."""
    font = _font(max(round(item.size * scale), 1), item.bold)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(item.words, anchor="ls"))
    if right <= left or bottom <= top:
        return
    flat = Image.new("L", (right - left, bottom - top), 0)
    ImageDraw.Draw(flat).text((-left, -top), item.words, 255, font, anchor="ls")
    across = font.getlength(item.words)
    before = {"left": 0.0, "center": across / 2, "right": across}[item.align]
    if item.upward:
        flat = flat.transpose(Image.Transpose.ROTATE_90)
        place = round(item.x * scale + top), round(item.y * scale + before) - left - flat.height
    else:
        place = round(item.x * scale - before) + left, round(item.y * scale) + top
    covered = np.asarray(flat)
    letters = Image.fromarray(palette.towards(item.colour, covered / 255), mode="P")
    image.paste(letters, place, Image.fromarray(np.where(covered > 20, 255, 0).astype(np.uint8), mode="L"))


def _edges(item: Box | Grid | Group, scale: float) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom in whole dots."""
    ends = (item.x, item.y, item.x + item.width, item.y + item.height)
    left, top, right, bottom = (round(end * scale) for end in ends)
    return left, top, right, bottom


def _dashes(points: NDArray[np.float64], on: float = 3.2, off: float = 1.8) -> Sequence[NDArray[np.float64]]:
    """Return the strokes of a dashed line, points."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0, along[-1], on + off)
    return [_part(points, along, start, min(start + on, along[-1])) for start in starts.tolist()]


def _part(points: NDArray[np.float64], along: NDArray[np.float64], start: float, end: float) -> NDArray[np.float64]:
    """Return the piece of a line between two lengths along it."""
    between = points[(along > start) & (along < end)]
    ends = [[np.interp(at, along, points[:, axis]) for axis in (0, 1)] for at in (start, end)]
    return np.vstack([ends[0], between, ends[1]])


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name), size)
