"""Writing: what is read back is what was written, the same bytes every time, whole or not at all."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gating.errors import FCSError
from gating.fcs import read_fcs, read_fcs_metadata, write_fcs
from gating.sample import Channel, Sample

CHANNELS = (Channel("FSC-A"), Channel("PE-A", "CD3", 1000.0), Channel("Time", "", 65536.0))
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1)
TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def tube(events, channels=CHANNELS, **more):
    """Return a sample of these events."""
    return Sample("pt01.fcs", tuple(channels), np.array(events, dtype=np.float64).reshape(-1, len(channels)), **more)


@TMP
@given(data=st.data(), version=st.sampled_from(["2.0", "3.0", "3.1"]), order=st.sampled_from("<>"))
def test_floating_point_comes_back_bit_for_bit(tmp_path, data, version, order):
    """Whatever the numbers, the number of them, the version and the byte order."""
    datatype, width = data.draw(st.sampled_from([("F", 32), ("D", 64)]))
    numbers = st.floats(width=width, allow_nan=False, allow_infinity=False)
    events = data.draw(hnp.arrays(np.float64, st.tuples(st.integers(0, 30), st.just(3)), elements=numbers))

    write_fcs(tmp_path / "x.fcs", tube(events), version=version, datatype=datatype, byte_order=order)
    sample = read_fcs(tmp_path / "x.fcs")

    assert sample.events.tobytes() == events.tobytes()
    assert sample.channels == CHANNELS
    assert read_fcs_metadata(tmp_path / "x.fcs").version == f"FCS{version}"


@TMP
@given(data=st.data(), bits=st.sampled_from([8, 16, 32]), order=st.sampled_from("<>"))
def test_whole_numbers_within_range_come_back(tmp_path, data, bits, order):
    """Any range, a power of two or not: the reader's mask must clear no bit of a number below it."""
    spans = data.draw(st.lists(st.integers(2, 2**bits), min_size=1, max_size=4))
    events = np.array(
        [[data.draw(st.integers(0, span - 1)) for span in spans] for _ in range(data.draw(st.integers(0, 5)))]
    )
    channels = [Channel(f"C{i}", "", float(span)) for i, span in enumerate(spans)]

    write_fcs(tmp_path / "x.fcs", tube(events, channels), datatype="I", bits=bits, byte_order=order)
    sample = read_fcs(tmp_path / "x.fcs")

    assert sample.events.tolist() == events.reshape(-1, len(spans)).tolist()
    assert list(sample.channels) == channels


@TMP
@given(steps=st.sampled_from([256, 1024, 1000, 65536]), decades=st.sampled_from([3.0, 4.0, 4.5]), data=st.data())
def test_log_numbers_come_back_within_half_a_step(tmp_path, steps, decades, data):
    """The nearest step of the amplifier: 0.9 % of the value on a FACSCalibur."""
    top = 10**decades * 10 ** (-decades / steps)
    values = data.draw(hnp.arrays(np.float64, (5, 1), elements=st.floats(1, top)))

    write_fcs(
        tmp_path / "x.fcs", tube(values, [Channel("FL1-H")]), datatype="I", bits=16, log_channels=["FL1-H"],
        decades=decades, log_steps=steps,
    )  # fmt: skip
    sample = read_fcs(tmp_path / "x.fcs")

    assert np.abs(np.log10(sample.events / values)).max() <= 0.5 * decades / steps + 1e-9
    assert sample.channels[0].range == pytest.approx(10**decades)


def test_log_channels_as_a_facscalibur_writes_them(tmp_path):
    """100 is half of four decades: number 512 of 1024; below 1 and above the top is where the scale ends."""
    sample = tube([[100, 100], [-5, -5], [1e6, 1e6]], [Channel("FL1-H", "CD4"), Channel("FSC-H", "", 1024)])

    write_fcs(
        tmp_path / "x.fcs",
        sample,
        version="2.0",
        datatype="I",
        bits=16,
        byte_order=">",
        log_channels=["FL1-H"],
        log_steps=1024,
    )
    content = (tmp_path / "x.fcs").read_bytes()
    read = read_fcs(tmp_path / "x.fcs")

    assert np.frombuffer(content[-12:], dtype=">u2").reshape(3, 2).tolist() == [[512, 100], [0, 0], [1023, 1023]]
    assert (read.keywords["$P1E"], read.keywords["$P1R"], read.keywords["$P2E"]) == ("4,1", "1024", "0,0")
    assert read.events[:, 1].tolist() == [100, 0, 1023]


def test_the_same_sample_gives_the_same_bytes(tmp_path):
    """A simulated study can then be told from another by its checksum."""
    sample = tube([[1, 2, 3]], keywords={"$CYT": "LSR II", "GUID": "x"})

    write_fcs(tmp_path / "a.fcs", sample)
    write_fcs(tmp_path / "b.fcs", sample)

    assert (tmp_path / "a.fcs").read_bytes() == (tmp_path / "b.fcs").read_bytes()


def test_keywords_are_carried_over_but_for_the_structural_ones(tmp_path):
    """Those of another file's structure would contradict this one's."""
    keywords = {
        "$CYT": "LSR II", "TUBE NAME": "product | day 0", "$TIMESTEP": "0.01", "SPILL": "2,FSC-A,PE-A,1,0,0,1",
        "$OP": "", "$TOT": "999", "$PAR": "99", "$P1G": "8", "$P3V": "500", "$BEGINDATA": "1", "$NEXTDATA": "700",
        "$BYTEORD": "2,1",
    }  # fmt: skip

    write_fcs(tmp_path / "x.fcs", tube([[1, 2, 3]], keywords=keywords))
    read = read_fcs(tmp_path / "x.fcs")

    assert read.events.tolist() == [[1, 2, 3]]
    assert read.warnings == ()
    assert {k: v for k, v in read.keywords.items() if keywords.get(k) == v} == {
        k: keywords[k] for k in ("$CYT", "TUBE NAME", "$TIMESTEP", "SPILL")
    }
    assert "$OP" not in read.keywords
    assert "$P1G" not in read.keywords


def test_a_compensated_sample_is_written_without_its_matrix(tmp_path):
    """The next program to read the file would apply it a second time."""
    keywords = {"$SPILLOVER": "1,PE-A,1", "SPILL": "1,PE-A,1", "$CYT": "LSR II"}

    write_fcs(tmp_path / "x.fcs", tube([[1, 2, 3]], keywords=keywords, compensation="$SPILLOVER"))
    write_fcs(tmp_path / "raw.fcs", tube([[1, 2, 3]], keywords=keywords, compensation="none (declared)"))

    assert not {"$SPILLOVER", "SPILL"} & set(read_fcs(tmp_path / "x.fcs").keywords)
    assert read_fcs(tmp_path / "x.fcs").keywords["COMPENSATED WITH"] == "$SPILLOVER"
    assert read_fcs(tmp_path / "raw.fcs").keywords["SPILL"] == "1,PE-A,1"


@TMP
@given(keywords=st.dictionaries(st.text("abcXYZ |/_5", min_size=1), TEXT, max_size=5), marker=TEXT)
def test_any_text_comes_back(tmp_path, keywords, marker):
    """Delimiters, blanks, umlauts: a value is what someone typed."""
    channels = (Channel("FSC-A", marker.strip()),)

    try:
        write_fcs(tmp_path / "x.fcs", tube([[1.0]], channels, keywords=keywords))
    except FCSError as error:
        assert "every delimiter" in str(error)  # noqa: PT017
        return
    read = read_fcs(tmp_path / "x.fcs")

    wanted = {key.strip().upper(): value for key, value in keywords.items()}
    assert {key: read.keywords[key] for key in wanted if key} == {key: value for key, value in wanted.items() if key}
    assert read.channels == channels


def test_a_delimiter_is_found_that_no_value_begins_with(tmp_path):
    """A doubled delimiter at the begin of a value can be read in two ways."""
    write_fcs(tmp_path / "x.fcs", tube([[1, 2, 3]], keywords={"A": "|x", "B|C": "y|z", "D": "/path/"}))

    keywords = read_fcs(tmp_path / "x.fcs").keywords
    assert (keywords["A"], keywords["B|C"], keywords["D"]) == ("|x", "y|z", "/path/")
    with pytest.raises(FCSError, match=r"pt01\.fcs: every delimiter of .* begins or ends a value"):
        write_fcs(tmp_path / "x.fcs", tube([[1, 2, 3]], keywords={f"K{ord(sign)}": sign for sign in "|/\\\f\x1e!"}))


def test_offsets_agree_whatever_their_length(tmp_path):
    """The number of digits of an offset moves what it points to; near 1,000 and 10,000 it changes."""
    for length in (*range(690, 760), *range(9_690, 9_760)):
        write_fcs(tmp_path / "x.fcs", tube([[1, 2, 3]], keywords={"BLOB": "x" * length}))

        sample = read_fcs(tmp_path / "x.fcs")
        assert sample.events.tolist() == [[1, 2, 3]]
        assert sample.warnings == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"datatype": "I", "bits": 12}, r"12 bits; \$DATATYPE I can have 8, 16, 32"),
        ({"bits": 16}, r"16 bits; \$DATATYPE F can have 32"),
        ({"log_channels": ["PE-A"]}, r"log_channels with \$DATATYPE F; floating point is linear"),
        ({"datatype": "I", "log_channels": ["PE"]}, r"no channel 'PE'; did you mean 'PE-A'\? Known: FSC-A, PE-A, Time"),
        ({"datatype": "I", "decades": 0}, r"0 decades in 4294967296 steps"),
        ({"datatype": "A"}, r"version 3\.1, \$DATATYPE A, byte order '<' cannot be written"),
        ({"version": "3.2"}, r"version 3\.2"),
    ],
)
def test_what_fcs_cannot_hold_is_refused(tmp_path, options, message):
    """Before anything is written."""
    with pytest.raises(FCSError, match=message):
        write_fcs(tmp_path / "x.fcs", tube([[1, 2, 3]]), **options)
    assert list(tmp_path.iterdir()) == []


def test_values_that_would_become_others_are_refused(tmp_path):
    """Clipping is what a digitiser does; making a number of NaN, or infinity of a number, is not."""
    with pytest.raises(FCSError, match=r"'PE-A' has NaN or infinite values; integers cannot hold them"):
        write_fcs(tmp_path / "x.fcs", tube([[1, np.nan, 3]]), datatype="I")
    with pytest.raises(FCSError, match=r"'FSC-A' has 1e\+39, too large for \$DATATYPE F; use D"):
        write_fcs(tmp_path / "x.fcs", tube([[1e39, 2, 3]]))
    assert list(tmp_path.iterdir()) == []


def test_a_range_ends_where_the_bits_end(tmp_path):
    """Time ranges to 262,144 by default; a short run has no such number, and a long one is not clipped in silence."""
    write_fcs(tmp_path / "x.fcs", tube([[1, 2, 65_535]]), datatype="I", bits=16)

    assert read_fcs(tmp_path / "x.fcs").channels[0].range == 65_536
    with pytest.raises(FCSError, match=r"'FSC-A' ranges to 262144 and has 70000; integers of 16 bits end at 65535"):
        write_fcs(tmp_path / "x.fcs", tube([[70_000, 2, 3]]), datatype="I", bits=16)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    """A disk that fills up must not cost the file that was there."""
    write_fcs(tmp_path / "x.fcs", tube([[1, 2, 3]]))

    with pytest.raises(FCSError):
        write_fcs(tmp_path / "x.fcs", tube([[4, np.inf, 6]]), datatype="I")

    assert read_fcs(tmp_path / "x.fcs").events.tolist() == [[1, 2, 3]]
    assert [path.name for path in tmp_path.iterdir()] == ["x.fcs"]


def test_many_events_cross_blocks(tmp_path):
    """Events are encoded in blocks; their order must survive."""
    events = np.arange(3 * 40_000, dtype=np.float64).reshape(-1, 3)

    write_fcs(tmp_path / "x.fcs", tube(events))

    assert np.array_equal(read_fcs(tmp_path / "x.fcs").events, events)


def test_a_file_too_large_for_header(tmp_path):
    """From 100 MB on, offsets are in TEXT only, which FCS 2.0 does not have."""
    sample = tube(np.zeros((4_200_000, 3)))

    write_fcs(tmp_path / "x.fcs", sample, datatype="D")

    with (tmp_path / "x.fcs").open("rb") as file:
        assert file.read(58)[26:42] == b"       0" * 2
    assert read_fcs_metadata(tmp_path / "x.fcs").n_events == 4_200_000
    with pytest.raises(FCSError, match=r"FCS 2\.0 ends at 99999999, use '3\.1'"):
        write_fcs(tmp_path / "x.fcs", sample, datatype="D", version="2.0")
