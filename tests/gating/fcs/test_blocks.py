"""Reading piecemeal: the same numbers, in memory that does not depend on the length of the file."""

import tracemalloc

import numpy as np
import pytest

from gating.errors import ChannelError, FCSError
from gating.fcs import data, open_fcs, read_fcs

NAMES = ((0, "FSC-A"), (1, "PE-A"))
"""The two columns of the files made here."""


@pytest.mark.parametrize("n_events", [0, 1, 2, 3, 7])
def test_blocks_are_the_events_in_their_order(make, monkeypatch, n_events):
    """Whatever the length of a block, here two events."""
    monkeypatch.setattr(data, "BLOCK_BYTES", 16)
    path = make({"$TOT": str(n_events)}, np.arange(2 * n_events, dtype="<f4").tobytes())
    with open_fcs(path) as file:
        blocks = [block.copy() for block in file.blocks()]

    assert [len(block) for block in blocks] == [2] * (n_events // 2) + [1] * (n_events % 2)
    assert np.concatenate([np.empty((0, 2)), *blocks]).tolist() == read_fcs(path).events.tolist()


def test_the_event_left_out_is_the_one_that_is_no_number(make, monkeypatch):
    """Counted from the begin of the file, not of its block: a sound event would go, and the NaN stay."""
    monkeypatch.setattr(data, "BLOCK_BYTES", 16)
    stored = np.arange(400, dtype="<f4").reshape(200, 2)
    broken = stored.copy()
    broken[101, 1] = np.nan

    sample = read_fcs(make({"$TOT": "200"}, broken.tobytes()))

    assert sample.events.tolist() == np.delete(stored, 101, axis=0).tolist()


def test_columns_are_chosen_by_channel_or_marker_in_the_order_asked_for(make):
    """Five of thirty columns cost five columns."""
    path = make()
    with open_fcs(path) as file:
        (block,) = file.blocks(["CD3", "FSC-A"])

    assert block.tolist() == [[2, 1.5], [4e5, -3], [6, 5]]
    sample = read_fcs(path, channels=["CD3"])
    assert [channel.name for channel in sample.channels] == ["PE-A"]
    assert sample.events.tolist() == [[2], [4e5], [6]]


def test_a_column_that_is_not_there_is_refused(make):
    """Before anything is read."""
    with pytest.raises(ChannelError, match="no channel or marker 'CD8'"), open_fcs(make()) as file:
        next(file.blocks(["CD8"]))


def test_integers_on_scales_come_out_alike(integers):
    """Masks, logarithms and gains apply to blocks as to all."""
    stored = np.array([[512, 0xFFFF], [3, 4]], dtype="<u2")
    path = integers(stored, {"$P1R": "1024", "$P1E": "4,1", "$P2R": "1024", "$P2G": "2"})
    with open_fcs(path) as file:
        (block,) = file.blocks()

    assert block.tolist() == read_fcs(path).events.tolist() == [[100, 511.5], [10 ** (12 / 1024), 2]]


@pytest.mark.parametrize("dtype", ["<u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"])
@pytest.mark.parametrize("n_events", [1, 4, 5])
def test_all_columns_at_once_are_those_read_one_by_one(integers, monkeypatch, dtype, n_events):
    """Integers of one type are masked and turned together, here two events at a time; each column has its own mask."""
    monkeypatch.setattr(data, "TILE_BYTES", 4 * np.dtype(dtype).itemsize)
    stored = np.random.default_rng(1).integers(0, 256, (n_events, 2 * np.dtype(dtype).itemsize), dtype=np.uint8)
    path = integers(stored.view(dtype), {"$P1R": "64", "$P2R": "100"})

    events = read_fcs(path).events

    assert events.tolist() == (stored.view(dtype) & np.array([63, 127], dtype=dtype)).tolist()
    assert all(read_fcs(path, channels=[name]).events.tolist() == events[:, [i]].tolist() for i, name in NAMES)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
def test_floating_point_at_once_is_that_read_column_by_column(make, monkeypatch, dtype):
    """Tiles of two events join without a seam, in either byte order; minus zero and the smallest numbers are kept."""
    monkeypatch.setattr(data, "TILE_BYTES", 4 * np.dtype(dtype).itemsize)
    stored = np.array([[1.5, -0.0], [-3, 1e-40], [3e38, 6], [7, 8], [9, 10]], dtype=dtype)
    bits, order = str(8 * stored.itemsize), "4,3,2,1" if dtype[0] == ">" else "1,2,3,4"
    kind = {"$DATATYPE": "F" if bits == "32" else "D", "$P1B": bits, "$P2B": bits, "$BYTEORD": order, "$TOT": "5"}
    path = make(kind, stored.tobytes())

    events = read_fcs(path).events

    assert events.tobytes("C") == stored.astype("<f8").tobytes()
    assert all(read_fcs(path, channels=[name]).events.tolist() == events[:, [i]].tolist() for i, name in NAMES)


def test_memory_does_not_grow_with_the_file(make):
    """Twenty times the events, the same buffer."""
    peaks = []
    for n_events in (100_000, 2_000_000):
        path = make({"$TOT": str(n_events)}, np.ones((n_events, 2), dtype="<f4").tobytes())
        tracemalloc.start()
        with open_fcs(path) as file:
            total = sum(float(block.sum()) for block in file.blocks(["FSC-A"]))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == n_events

    assert peaks[1] < 1.1 * peaks[0] < 3e6


def test_a_file_that_changes_between_blocks_is_refused(make):
    """On leaving: the blocks already used are of another file."""
    path = make()

    def use():
        with open_fcs(path) as file:
            next(file.blocks())
            with path.open("ab") as other:
                other.write(b"more")

    with pytest.raises(FCSError, match="the file was changed while it was read"):
        use()
