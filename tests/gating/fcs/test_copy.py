"""Copies of FCS files: TEXT as told, DATA bit for bit, nothing else."""

import os

import numpy as np
import pytest

from gating import FCSError, open_fcs, read_fcs, read_fcs_metadata, write_fcs_copy
from gating.fcs.assemble import assemble_head


def copied(path, **changed):
    """Copy a file with some keywords changed, None to leave one out; returns the copy's path."""
    copy = path.with_name("copy.fcs")
    with open_fcs(path) as file:
        keywords = {**file.metadata.keywords, **changed}
        write_fcs_copy(copy, file, {keyword: value for keyword, value in keywords.items() if value is not None})
    return copy


@pytest.mark.parametrize("version", [b"FCS2.0    ", b"FCS3.0    ", b"FCS3.1    ", b"FCS3.2    "])
def test_data_is_the_same_to_the_last_bit_and_nothing_follows_it(make, version):
    """What a gate sees must not depend on whether the file was copied; what lay around DATA must not survive."""
    data = bytes(range(200, 224))
    path = make({"$VENDOR": "gone"}, data, version=version, gap=b"gap", tail=b"tail and more")

    copy = copied(path, **{"$VENDOR": None})

    raw = copy.read_bytes()
    assert raw.endswith(data + (b"" if version.startswith(b"FCS2") else b"00000000"))
    assert len(raw) - raw.index(data) <= len(data) + 8
    assert not any(word in raw for word in (b"gap", b"tail", b"VENDOR"))
    assert read_fcs_metadata(copy).version == version.decode().strip()


def test_odd_widths_and_orders_are_copied_not_decoded(integers):
    """A copy through numbers would lose the bits that $PnR masks, and NaN's."""
    stored = np.array([[0xFFFF, 1], [2, 3]], dtype=">u2")
    path = integers(stored, {"$P1R": "1024", "$P2R": "1024"})

    copy = copied(path)

    assert stored.tobytes() in copy.read_bytes()
    np.testing.assert_array_equal(read_fcs(copy).events, read_fcs(path).events)


@pytest.mark.parametrize("changed", [{"$P1B": "16", "$P2B": "16"}, {"$BYTEORD": "4,3,2,1"}, {"$P1N": "PE-H"}])
def test_keywords_that_change_the_meaning_of_data_are_refused(make, changed):
    """The same bytes under another $BYTEORD are other numbers."""
    path = make()

    with pytest.raises(FCSError):
        copied(path, **changed)

    assert [each.name for each in path.parent.iterdir()] == ["pt01.fcs"]


def test_a_file_that_is_cut_while_it_is_copied_leaves_nothing(make):
    """Half a copy would be a sound file with fewer events."""
    path = make({"$TOT": "10000"}, bytes(80_000))

    opened = open_fcs(path)
    file = opened.__enter__()
    os.truncate(path, path.stat().st_size - 8)

    with pytest.raises(FCSError, match="ended while DATA was copied"):
        write_fcs_copy(path.with_name("copy.fcs"), file, file.metadata.keywords)
    with pytest.raises(FCSError, match="was changed while it was read"):
        opened.__exit__(None, None, None)

    assert [each.name for each in path.parent.iterdir()] == ["pt01.fcs"]


def test_offsets_beyond_eight_digits_are_in_text_alone():
    """HEADER has eight characters for an offset; a larger one would shift every field behind it."""
    head = assemble_head("3.1", {"$TOT": "1"}, 100_000_000, "large.fcs")

    assert head[26:42] == b"       0       0"
    begin = len(head)
    assert f"/$BEGINDATA/{begin}/$ENDDATA/{begin + 99_999_999}/".encode() in head


def test_a_file_of_more_than_99_999_999_bytes_is_copied_whole(make):
    """Instruments write such files daily."""
    tail = b"the last event!!"
    count = 100_000_000 // 8 + 2
    path = make()
    keywords = read_fcs_metadata(path).keywords | {"$TOT": str(count), "$VENDOR": "x" * 5000}
    pairs = {k: v for k, v in keywords.items() if k not in {"$BEGINDATA", "$ENDDATA"}}
    head = assemble_head("3.1", pairs, count * 8, "large.fcs")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + count * 8 - len(tail))
        file.seek(0, 2)
        file.write(tail)

    copy = copied(path)

    with open_fcs(copy) as file:
        assert (file.metadata.n_events, file.layout.end - file.layout.begin) == (count, count * 8)
        file.dataset.file.seek(file.layout.end - len(tail))
        assert file.dataset.file.read(len(tail)) == tail
