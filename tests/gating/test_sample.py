"""Samples: what they refuse, and how a marker finds its channel."""

import numpy as np
import pytest

from gating.errors import ChannelError, FCSError
from gating.sample import Channel, Sample


def tube(*channels: tuple[str, str]) -> Sample:
    """Return a sample with one event of zeros."""
    return Sample("pt01.fcs", tuple(Channel(*c) for c in channels), np.zeros((1, len(channels))))


def test_labels_and_columns_must_agree():
    """A label too few would shift every later channel by one."""
    with pytest.raises(FCSError, match=r"pt01: events are 3 x 2; 1 channels need \(n, 1\)"):
        Sample("pt01", (Channel("FSC-A"),), np.zeros((3, 2)))


def test_channel_names_are_unique():
    """Which of two equal names is meant cannot be known."""
    with pytest.raises(FCSError, match="channel name 'PE-A' is used twice"):
        tube(("PE-A", ""), ("PE-A", "CD3"))


def test_events_are_read_only():
    """A step that wrote into events would change every number computed after it."""
    with pytest.raises(ValueError, match="read-only"):
        tube(("PE-A", "")).events[0, 0] = 1


def test_area_is_preferred_to_height_and_width_of_one_detector():
    """Cytometers write CD3 on all three pulses of its detector."""
    sample = tube(("V450-H", "CD3"), ("V450-A", "CD3"), ("V450-W", "CD3"))

    assert sample.index("CD3") == 1


def test_two_detectors_of_one_marker_are_never_guessed_between():
    """The analyst decides, with the candidates in front of them."""
    sample = tube(("BV421-A", "CD3 BV421"), ("PE-A", "CD3 PE"))

    with pytest.raises(ChannelError, match=r"'CD3' could be CD3 BV421 \(BV421-A\), CD3 PE \(PE-A\); name one"):
        sample.index("CD3")


def test_an_area_is_no_reason_to_choose_between_detectors():
    """The other detector was exported by its height only; it may still be the one that was stained."""
    sample = tube(("BV421-A", "CD3"), ("PE-H", "CD3"))

    with pytest.raises(ChannelError, match=r"'CD3' could be CD3 \(BV421-A\), CD3 \(PE-H\)"):
        sample.index("CD3")


@pytest.mark.parametrize(
    ("sure", "less"), [(("CD3", "CD4"), ("PE-A", "CD3")), (("CD3", ""), ("cd3", "")), (("PE-A", "CD3"), ("B1", "OKT3"))]
)
def test_the_surer_rule_decides(sure, less):
    """The channel's own name before its marker, the same letters before others, the file's marker before an alias."""
    aliases = {"CD3": ("OKT3",)}

    assert tube(sure, less).index("CD3", aliases) == 0
    assert tube(less, sure).index("CD3", aliases) == 1


def test_an_exact_name_beats_another_spelling():
    """CD3 and CD-3 in one file: who typed CD3 meant CD3."""
    assert tube(("BV421-A", "CD-3"), ("PE-A", "CD3")).index("CD3") == 1


def test_an_alias_names_what_the_file_calls_a_marker():
    """The CAR is stained with many reagents, each with a name of its own."""
    sample = tube(("PE-A", "rhBCMA-Fc"), ("APC-A", "CD3"))

    assert sample.index("CAR", {"CAR": ("rhBCMA-Fc",)}) == 0


def test_a_missing_marker_is_named_with_what_is_there():
    """The message is all the analyst has to find the spelling."""
    with pytest.raises(ChannelError, match=r"no channel or marker 'CD62L'.*Known: PE-A, CD3 \(APC-A\)"):
        tube(("PE-A", ""), ("APC-A", "CD3")).index("CD62L")


def test_a_long_panel_is_not_listed_whole():
    """The 73 detectors of a spectral cytometer would bury what is missing: 40 names, and how many more there are."""
    raw = tube(*((f"V{i}-A", "") for i in range(1, 74)))

    with pytest.raises(ChannelError, match=r"no channel or marker 'CD62L'.*, V40-A, and 33 more$"):
        raw.index("CD62L")
