"""Marker spellings resolve, or are refused; never guessed."""

import pytest

from gating.markers import marker_in, same_marker


@pytest.mark.parametrize(
    ("wanted", "label"),
    [
        ("CD62L", "CD62-L"),
        ("CD62L", "cd62l"),
        ("CD45RA", "CD45RA BV421"),
        ("CD45RA", "CD45 RA-PerCP-Cy5.5"),
        ("CD3", "anti-CD3 (PE-Cy7)"),
        ("CD8", "CD8 Alexa Fluor 488"),
        ("CD3", "CD3-APC-H7-A"),
        ("CD45RA", "CD45RA PE-Texas Red"),
        ("CCR7", "CCR7::BUV395"),
    ],
)
def test_one_marker_in_many_spellings(wanted, label):
    """Labs type the fluorochrome, a hyphen or the pulse into $PnS; it is the same marker."""
    assert same_marker(wanted, label)


@pytest.mark.parametrize(
    ("wanted", "label"),
    [("CD45", "CD45RA"), ("CD45", "CD45 RA"), ("CD4", "CD45"), ("CD3", "CD38"), ("CD8", "CD8b"), ("CAR", "BCMA CAR")],
)
def test_a_longer_name_is_another_marker(wanted, label):
    """CD45 gated as CD45RA would be a wrong number without a word."""
    assert not same_marker(wanted, label)


def test_a_dye_alone_is_no_marker():
    """A channel without stain carries its detector's name; it must not match another detector."""
    assert marker_in("PE-Cy7-A") == ""
    assert not same_marker("BV421-A", "BV510-A")


@pytest.mark.parametrize(("wanted", "label"), [("FSC-H", "FSC-A"), ("FSC-A", "FSC-W"), ("CD3-H", "anti-CD3 BV421-A")])
def test_another_measure_of_the_pulse_is_another_channel(wanted, label):
    """Singlets would be gated by an area over itself: all of them are."""
    assert not same_marker(wanted, label)
    assert same_marker(wanted, wanted)
