"""Colours that everyone can tell apart."""

from itertools import combinations

import numpy as np
import pytest

from phenotype.figures.palette import (
    GROUP_COLOURS,
    GROUP_LABELS,
    GROUPS,
    LINE_COLOURS,
    LINE_STYLES,
    MARKERS,
    MUTED,
    SUBSET_COLOURS,
    WARNING,
    luminance,
    on_colour,
)
from phenotype.figures.subsets import CONTRASTS
from phenotype.subsets import SUBSETS

DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""Full dichromacy on linear RGB: Machado, Oliveira, Fernandes, IEEE Trans Vis Comput Graph 2009;15:1291, table 1."""


def lab(colour, deficiency=None):
    """Return CIELAB (D65) of a colour as a viewer with a deficiency sees it."""
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    rgb = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    if deficiency:
        rgb = np.clip(np.array(DEFICIENCIES[deficiency]) @ rgb, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = (to_xyz @ rgb) / (0.9505, 1.0, 1.089)
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    """Return the WCAG contrast ratio of two colours."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_subsets_keep_their_order_in_grey():
    """A photocopied stack is read by lightness alone: each subset is at least 15 L* lighter than the one before."""
    lightness = [lab(SUBSET_COLOURS[subset])[0] for subset in SUBSETS]

    assert np.diff(lightness).min() >= 15


@pytest.mark.parametrize("deficiency", [None, *DEFICIENCIES])
def test_subsets_differ_for_every_eye(deficiency):
    """A colour difference of 20 is seen at a glance, also in small areas."""
    colours = [lab(SUBSET_COLOURS[subset], deficiency) for subset in SUBSETS]

    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) >= 20


@pytest.mark.parametrize("deficiency", [None, *DEFICIENCIES])
@pytest.mark.parametrize("pair", CONTRASTS.values())
def test_groups_of_one_panel_differ_for_every_eye_and_in_grey(pair, deficiency):
    """Two groups stand side by side: colour, lightness and the shape of the dot all tell them apart."""
    first, second = (lab(GROUP_COLOURS[group], deficiency) for group in pair)

    assert np.linalg.norm(first - second) >= 20
    assert abs(first[0] - second[0]) >= 15
    assert MARKERS[pair[0]] != MARKERS[pair[1]]


@pytest.mark.parametrize("colour", SUBSET_COLOURS.values())
def test_percentages_are_readable_on_their_bar(colour):
    """WCAG AA asks 4.5 : 1 of small text; the middle blue is the hardest ground."""
    assert contrast(on_colour(colour), colour) >= 4.5


@pytest.mark.parametrize("colour", [MUTED, WARNING])
def test_small_text_has_contrast(colour):
    """Small print on white needs 4.5 : 1."""
    assert contrast(colour, "#ffffff") >= 4.5


def test_every_group_is_named():
    """A group without a label or a colour would break the figure for the study that has it."""
    assert set(GROUPS) == set(GROUP_LABELS) == set(GROUP_COLOURS) == set(MARKERS)


def test_lines_of_groups_are_seen_on_white_and_differ_without_colour():
    """A thin line needs 3 : 1; two groups on one panel never share a line, except all transplanted patients."""
    assert set(LINE_COLOURS) == set(LINE_STYLES) == set(GROUPS)
    assert min(contrast(colour, "#ffffff") for colour in LINE_COLOURS.values()) >= 3
    assert len({LINE_STYLES[group] for group in GROUPS if group != "asct"}) == len(GROUPS) - 1
