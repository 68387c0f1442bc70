"""Reading from disk: what is opened, what is left unread, what values are trusted."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from gating.errors import FCSError
from gating.fcs import FCSMetadata, data, read_fcs, read_fcs_metadata, reader
from gating.sample import Channel


def test_metadata_says_what_the_sample_says(make):
    """A check of a study reads TEXT only, and must not differ from the run."""
    path = make({"$CYT": "LSR II"})
    sample, metadata = read_fcs(path), read_fcs_metadata(path)

    assert metadata == FCSMetadata(
        "pt01.fcs", "FCS3.1", dict(sample.keywords), (Channel("FSC-A"), Channel("PE-A", "CD3")), 3, ()
    )
    assert (sample.name, sample.channels, len(sample)) == (metadata.name, metadata.channels, metadata.n_events)
    assert sample.compensation == ""


def test_metadata_does_not_read_data(make, monkeypatch):
    """A folder of 60 MB files is surveyed in a second."""
    monkeypatch.setattr(reader, "read_events", lambda *_: pytest.fail("DATA was read"))

    assert read_fcs_metadata(make()).n_events == 3


def test_a_name_may_be_given(make):
    """Messages and tables then use the path as the study writes it."""
    path = make({"$TOT": "9"})

    with pytest.raises(FCSError, match=r"batch2/pt01\.fcs: \$TOT says 9"):
        read_fcs(path, name="batch2/pt01.fcs")
    assert read_fcs(make(), name="batch2/pt01.fcs").name == "batch2/pt01.fcs"


@pytest.mark.parametrize(
    "name", ["Müller ß µ.fcs", "a b  c.fcs", "x" * 200 + ".fcs", "线.fcs", "🧪.fcs", "new\nline.fcs"]
)
def test_any_file_name_works(make, name):
    """Readers have read other values from a path with an umlaut."""
    path = make(name=name)

    assert read_fcs(path).events[0].tolist() == [1.5, 2]
    assert read_fcs(str(path)).name == name


def test_a_link_is_followed(make, tmp_path):
    """Exports are often linked into a study."""
    (tmp_path / "link.fcs").symlink_to(make())

    assert read_fcs(tmp_path / "link.fcs").name == "link.fcs"


def test_what_is_no_file_is_refused_at_once(tmp_path):
    """Opened, a pipe would wait for ever for somebody to write."""
    os.mkfifo(tmp_path / "pipe.fcs")
    (tmp_path / "loop.fcs").symlink_to(tmp_path / "loop.fcs")
    (tmp_path / "folder.fcs").mkdir()
    messages = {
        "pipe.fcs": r"pipe\.fcs: is a pipe or a device, not a file",
        "loop.fcs": r"loop\.fcs: cannot be read: ",
        "folder.fcs": r"folder\.fcs: is a folder, not a file",
        "absent.fcs": r"absent\.fcs: cannot be read: No such file or directory",
    }

    for name, message in messages.items():
        with pytest.raises(FCSError, match=message):
            read_fcs_metadata(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(make):
    """Permissions on shared drives go wrong file by file."""
    path = make()
    path.chmod(0)

    with pytest.raises(FCSError, match=r"pt01\.fcs: cannot be read: Permission denied"):
        read_fcs(path)


def test_a_disk_error_is_an_error_of_the_file(make, monkeypatch):
    """One bad sector must not end a run over a thousand files."""

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reader, "read_events", fail)

    with pytest.raises(FCSError, match=r"pt01\.fcs: cannot be read: Input/output error"):
        read_fcs(make())


def test_a_file_that_changes_meanwhile_is_refused(make, monkeypatch):
    """A cytometer still exporting: half of the events would be the old ones."""
    path = make()

    def slowly(*args):
        events = data.read_events(*args)
        with path.open("ab") as other:
            other.write(b"more")
        return events

    monkeypatch.setattr(reader, "read_events", slowly)

    with pytest.raises(FCSError, match="the file was changed while it was read"):
        read_fcs(path)


def test_a_file_that_shrinks_meanwhile_is_refused(make, monkeypatch):
    """The rest of the array would be whatever was in memory."""
    path = make(gap=bytes(100_000))

    def cut(*args):
        path.write_bytes(path.read_bytes()[:-9])
        return data.read_events(*args)

    monkeypatch.setattr(reader, "read_events", cut)

    with pytest.raises(FCSError, match="the file ended while event 0 was read"):
        read_fcs(path)


@pytest.mark.parametrize("n_events", [1, 2, 3, 4, 5, 9])
def test_blocks_join_without_a_seam(make, monkeypatch, n_events):
    """Events are read in blocks, here of two; the last may be shorter."""
    monkeypatch.setattr(data, "BLOCK_BYTES", 16)
    events = np.arange(2 * n_events, dtype="<f4").reshape(-1, 2)

    assert read_fcs(make({"$TOT": str(n_events)}, events.tobytes())).events.tolist() == events.tolist()


def with_bad_events(make, count: int, *, value: float, of: int = 1000) -> Path:
    """Return a file in which ``count`` events have a value that is no number."""
    events = np.ones((of, 2), dtype="<f4")
    events[:count, 1] = value
    return make({"$TOT": str(of)}, events.tobytes())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_few_events_that_are_no_numbers_are_left_out_and_counted(make, value):
    """A handful is no reason to lose a tube; kept, they would be in a population and in none of its quadrants."""
    sample = read_fcs(with_bad_events(make, 10, value=value))

    assert len(sample) == 990
    assert np.isfinite(sample.events).all()
    assert sample.warnings == ("10 of 1000 events have a value that is NaN or infinite, in PE-A; they are left out.",)


def test_many_values_that_are_no_numbers_are_refused(make):
    """More than 1 % is no accident of a transform."""
    with pytest.raises(FCSError, match=r"11 of 1000 events have a value that is NaN .* in PE-A; at most 1% can be"):
        read_fcs(with_bad_events(make, 11, value=np.nan))


def test_signalling_nans_are_counted_like_others(make):
    """Of the bit patterns of NaN, these alone raise a warning when they are converted."""
    events = np.ones((1000, 2), dtype="<f4")
    events.view("<u4")[3, 0] = 0x7F800001

    assert read_fcs(make({"$TOT": "1000"}, events.tobytes())).warnings[0].startswith("1 of 1000 events")


def test_opposite_infinities_are_both_seen(make):
    """Their sum is NaN, and a sum of large numbers that overflows is not a bad event."""
    events = np.full((300, 2), 1e308, dtype="<f8")
    keywords = {"$TOT": "300", "$DATATYPE": "D", "$P1B": "64", "$P2B": "64"}
    assert "NaN" not in str(read_fcs(make(keywords, events.tobytes())).warnings)

    events[0], events[1] = np.inf, -np.inf
    assert read_fcs(make(keywords, events.tobytes())).warnings[0].startswith("2 of 300 events have a value that is NaN")


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_that_a_gain_makes_infinite_are_left_out_too(make, order):
    """1e305 is a number, and divided by a gain of 1e-9 it is none."""
    events = np.ones((200, 2), dtype=f"{order}f8")
    events[3, 0] = 1e305
    keywords = {"$TOT": "200", "$DATATYPE": "D", "$P1B": "64", "$P2B": "64", "$P1G": "1e-9"}
    keywords["$BYTEORD"] = "1,2,3,4" if order == "<" else "4,3,2,1"

    sample = read_fcs(make(keywords, events.tobytes()))

    assert len(sample) == 199
    assert "1 of 200 events have a value that is NaN or infinite, in FSC-A" in sample.warnings[1]
    assert len(read_fcs(make({**keywords, "$P1G": "1e9"}, events.tobytes()))) == 200


def test_a_wrong_byte_order_is_suspected(make):
    """What the file says is believed, but 1e-42 on a fluorescence channel is pointed out."""
    events = np.random.default_rng(1).normal(1000, 300, (100, 2)).astype("<f4")
    right, wrong = {"$TOT": "100"}, {"$TOT": "100", "$BYTEORD": "4,3,2,1"}

    assert read_fcs(make(right, events.tobytes())).warnings == ()
    assert read_fcs(make(wrong, events.tobytes())).warnings[-1] == (
        "Values beyond 1e20 or within 1e-20 of 0 are frequent in FSC-A, PE-A; $BYTEORD or an offset may be wrong."
    )


def test_a_second_file_behind_the_first_is_announced(make):
    """Plain concatenation: $NEXTDATA does not know of it."""
    path = make()
    once = path.read_bytes()
    path.write_bytes(once + once)

    sample = read_fcs(path)

    assert len(sample) == 3
    assert sample.warnings == (f"Trailing FCS found at byte {len(once)}, behind DATA; it is not read.",)


def test_a_billion_parameters_take_no_memory_and_no_time(make):
    """A broken number must not take the machine down."""
    done = threading.Event()

    def refuse() -> None:
        with pytest.raises(FCSError, match=r"\$PAR is 1000000000"):
            read_fcs(make({"$PAR": "1000000000"}))
        done.set()

    thread = threading.Thread(target=refuse, daemon=True)
    thread.start()
    thread.join(timeout=2)

    assert done.is_set()


def test_metadata_can_be_sent_to_another_process(make):
    """Plans of a run go to its workers."""
    import pickle

    metadata = read_fcs_metadata(make())

    assert pickle.loads(pickle.dumps(metadata)) == metadata  # noqa: S301
