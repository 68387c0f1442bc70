"""A contact sheet: one gate, every sample, each where a click expects it."""

from dataclasses import replace

import numpy as np
import pytest

from phenotype.figures.contact import PER_SHEET, Thumbnail, draw_contact_sheet, place_of
from phenotype.figures.scene import Grid, Group, Text, png_of
from phenotype.panels import Axis, Label, Panel

AXIS = Axis("CD62L", 0.0, 1.0, (0.2, 0.8), ("0", "10⁵"))
CORNERS = ((0.97, 0.96), (0.97, 0.05), (0.03, 0.05), (0.03, 0.96))
QUADRANTS = Panel(
    title="CD62L × CD45RA", parent="CAR+ T", n=4000, x=AXIS, y=AXIS, counts=np.eye(96, dtype=np.uint32),
    outlines=(np.array([(0.5, 0.0), (0.5, 1.0)]),), status="sure", source="valley",
    labels=tuple(Label("abcd"[i], 9, (i + 1) / 10, *at) for i, at in enumerate(CORNERS)),
)  # fmt: skip


def sheet(*panels, names=None):
    """Return a sheet of panels and its texts."""
    names = names or [f"P{i}" for i in range(len(panels))]
    thumbnails = [Thumbnail(name, panel) for name, panel in zip(names, panels, strict=True)]
    scene = draw_contact_sheet(thumbnails, "CD62L × CD45RA of CAR+ T", "3 samples", synthetic=True)
    return scene, [item for item in scene.items if isinstance(item, Text)]


def test_each_share_stands_in_its_corner():
    """Four numbers around a cross: one in the wrong corner is another subset's."""
    scene, texts = sheet(QUADRANTS)
    (plot,) = (item for item in scene.items if isinstance(item, Group))
    at = {text.words: ((text.x - plot.x) / plot.width > 0.5, (text.y - plot.y) / plot.height < 0.5) for text in texts}

    assert {at["10.0"], at["20.0"], at["30.0"], at["40.0"]} == {
        (True, True),
        (True, False),
        (False, False),
        (False, True),
    }
    assert at["10.0"] == (True, True)
    assert at["40.0"] == (False, True)


def test_weak_and_refused_say_so_in_words():
    """On a sheet of sixty the eye goes to what is marked."""
    refused = replace(QUADRANTS, status="refused", outlines=(), note="no valley")

    _, texts = sheet(QUADRANTS, replace(QUADRANTS, status="weak"), refused)
    words = [text.words for text in texts]

    assert "weak, n = 4,000" in words
    assert "refused" in words
    assert words.count("10.0") == 2


def test_bins_of_twice_the_width_lose_no_event():
    """A small picture is coarser, not emptier."""
    counts = np.zeros((96, 96), dtype=np.uint32)
    counts[95, 0] = 1

    scene, _ = sheet(replace(QUADRANTS, counts=counts))
    (grid,) = (
        item for group in scene.items if isinstance(group, Group) for item in group.items if isinstance(item, Grid)
    )

    assert grid.levels.shape == (48, 48)
    assert np.argwhere(grid.levels).tolist() == [[47, 47]]


@pytest.mark.parametrize("n", [1, 8, 9, PER_SHEET])
def test_places_for_links_lie_on_the_thumbnails(n):
    """A click must not lead to the neighbour."""
    scene, _ = sheet(*[QUADRANTS] * n)
    plots = [item for item in scene.items if isinstance(item, Group)]

    for i, plot in enumerate(plots):
        place = place_of(i, n)
        left, right = place.left * scene.width, (place.left + place.width) * scene.width
        top, bottom = place.top * scene.height, (place.top + place.height) * scene.height
        assert left <= plot.x < plot.x + plot.width <= right
        assert top <= plot.y < plot.y + plot.height <= bottom
    assert len(plots) == n


def test_a_long_name_is_cut_to_its_place():
    """Names that run into each other are two names that cannot be read."""
    scene, texts = sheet(QUADRANTS, names=["W" * 60])

    assert any(text.words.startswith("WWWW") and text.words.endswith("…") and len(text.words) < 16 for text in texts)
    assert png_of(scene, 40).startswith(b"\x89PNG")
