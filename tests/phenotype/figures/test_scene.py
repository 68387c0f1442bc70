"""Two writers of one scene: SVG with live text, PNG with the same things at the same places."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from phenotype.figures.scene import Area, Box, Grid, Group, Line, Scene, Strokes, Text, png_of, svg_of, text_width


def painted(*items, dpi=72):
    """Return a scene of 40 x 20 points as RGB, (20, 40, 3) at 72 dots to the inch."""
    with Image.open(io.BytesIO(png_of(Scene(40, 20, items), dpi))) as image:
        return np.asarray(image.convert("RGB"))


def test_words_are_letters_whatever_they_are():
    """Names come from files: markup stays text in an SVG."""
    svg = svg_of(Scene(10, 10, (Text(1, 1, '<script>alert("&")</script>'),)))

    root = ElementTree.fromstring(svg)  # noqa: S314 - our own file

    assert root.find("{http://www.w3.org/2000/svg}text").text == '<script>alert("&")</script>'
    assert "<script" not in svg


def test_a_box_is_where_it_says_in_both():
    """Y runs downwards in both, and a place is a place."""
    box = Box(5, 2, 10, 4, "#ff0000")

    rows, columns = np.nonzero((painted(box) == (255, 0, 0)).all(axis=2))

    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 5, 5, 14)
    assert '<rect x="5" y="2" width="10" height="4" fill="#ff0000"/>' in svg_of(Scene(40, 20, (box,)))


def test_a_grid_has_its_first_row_on_top_and_nothing_where_it_is_empty():
    """An event in the wrong corner would be another population."""
    levels = np.zeros((2, 4), dtype=np.uint8)
    levels[0, 3] = 15

    image = painted(Box(0, 0, 40, 20, "#f4e3d4"), Grid(0, 0, 40, 20, levels))
    dark = np.argwhere(image.sum(axis=2) < 200)

    assert (dark.min(axis=0).tolist(), dark.max(axis=0).tolist()) == ([0, 30], [9, 39])
    assert image[19, 0].tolist() == [244, 227, 212]


def test_the_grid_in_an_svg_is_the_same_picture():
    """What a reader of the page sees is what is printed."""
    levels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    svg = svg_of(Scene(4, 4, (Grid(0, 0, 4, 4, levels),)))
    data = base64.b64decode(re.search(r"base64,([^\"]+)", svg)[1])

    with Image.open(io.BytesIO(data)) as inside:
        shades = np.asarray(inside.convert("RGBA"))
    with Image.open(io.BytesIO(png_of(Scene(4, 4, (Grid(0, 0, 4, 4, levels),)), 72))) as image:
        printed = np.asarray(image.convert("RGB"))

    assert (shades[..., 3] == np.where(levels > 0, 255, 0)).all()
    assert (shades[..., :3][levels > 0] == printed[levels > 0]).all()


def test_a_group_cuts_off_what_sticks_out():
    """A gate's line that runs to infinity ends at the panel's edge."""
    line = Line(np.array([(-100.0, 5.0), (100.0, 5.0)]), "#ff0000", 2)

    image = painted(Group(10, 0, 20, 10, (line,)))
    columns = np.nonzero((image == (255, 0, 0)).all(axis=2))[1]

    assert (columns.min(), columns.max()) == (10, 29)
    assert '<svg x="10" y="0" width="20" height="10">' in svg_of(Scene(40, 20, (Group(10, 0, 20, 10, (line,)),)))


def test_a_dashed_line_has_gaps_and_a_whole_one_has_none():
    """Weak gates are told from sure ones without colour."""
    points = np.array([(0.0, 10.0), (40.0, 10.0)])

    whole = (painted(Line(points, "#000000", 1), dpi=360) < 100).all(axis=2).any(axis=0)
    dashed = (painted(Line(points, "#000000", 1, dashed=True), dpi=360) < 100).all(axis=2).any(axis=0)

    assert whole.all()
    assert 0.5 < dashed.mean() < 0.8
    assert "stroke-dasharray" in svg_of(Scene(40, 20, (Line(points, dashed=True),)))


@pytest.mark.parametrize(("align", "left", "right"), [("left", 20, 40), ("right", 0, 20), ("center", 10, 30)])
def test_words_stand_where_they_are_aligned(align, left, right):
    """A percentage on the wrong side of a gate would be another population's."""
    dark = np.nonzero((painted(Text(20, 15, "mmm", 6, align=align), dpi=360) < 128).all(axis=2))[1] / 5

    assert left - 1 <= dark.min()
    assert dark.max() <= right + 1
    assert abs((dark.max() - dark.min()) - text_width("mmm", 6)) < 1.5


def test_upward_words_are_tall():
    """The name of an upright axis is read from below."""
    rows, columns = np.nonzero(
        (painted(Text(20, 10, "mmm", 6, align="center", upward=True), dpi=360) < 128).all(axis=2)
    )

    assert np.ptp(rows) > 2 * np.ptp(columns)
    assert abs(rows.mean() / 5 - 10) < 1


def test_areas_and_strokes_are_drawn():
    """The other two shapes: a histogram's body and its ticks."""
    square = np.array([(2.0, 2.0), (8.0, 2.0), (8.0, 8.0), (2.0, 8.0)])
    ticks = np.array([[(20.0, 5.0), (20.0, 15.0)], [(30.0, 5.0), (30.0, 15.0)]])

    image = painted(Area(square, "#ff0000"), Strokes(ticks, "#0000ff", 1))

    assert image[5, 5].tolist() == [255, 0, 0]
    assert set(np.nonzero((image == (0, 0, 255)).all(axis=2))[1].tolist()) == {20, 30}


def test_a_veil_lets_through_what_is_below():
    """A label hides no events: they are paler, not gone."""
    bare, veiled = (
        painted(Box(0, 0, 40, 20, "#12355b")),
        painted(Box(0, 0, 40, 20, "#12355b"), Box(0, 0, 9, 9, opacity=0.8)),
    )

    assert bare[5, 5].tolist() == [18, 53, 91]
    assert veiled[5, 5].min() > 180
    assert veiled[5, 5].tolist() != [255, 255, 255]
    assert veiled[15, 30].tolist() == [18, 53, 91]


def test_more_colours_than_a_palette_holds_are_refused():
    """Wrong colours would be wrong populations."""
    with pytest.raises(ValueError, match="a palette holds 42"):
        painted(*(Box(0, 0, 1, 1, f"#{i:02x}0000") for i in range(1, 60)))


def test_twice_the_same_bytes():
    """A report can be compared with last week's."""
    scene = Scene(40, 20, (Text(3, 10, "x"), Grid(0, 0, 9, 9, np.full((3, 3), 7, dtype=np.uint8))))

    assert svg_of(scene) == svg_of(scene)
    assert png_of(scene) == png_of(scene)
