"""Laws of reading: what was written comes back, and no single damaged byte goes unseen but where it is said here.

A byte of damage may end in an error, in a warning that the sound file does not have, or in the same sample. Nothing
else, if the file has a checksum. Without one these can change unseen, and it is all they change:

- DATA: values, not how many there are;
- the name ($PnN) and the marker ($PnS) of one channel: labels, no value; a marker may move to a channel without one;
- $PnR of one channel: its range, and its values if it is a logarithmic one;
- $PnE of an integer channel, and $PnG: values and range of that channel.

Keywords that the reader takes no number from (the spillover among them) are kept as they stand, damaged or not.
"""

import binascii
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gating.errors import FCSError
from gating.fcs import read_fcs, read_fcs_metadata, write_fcs
from gating.sample import Channel, Sample

from .conftest import fcs_bytes

LAWS = settings(
    derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
EXTREMES = {
    32: [
        0.0,
        -0.0,
        3.4028234663852886e38,
        -3.4028234663852886e38,
        1.401298464324817e-45,
        1.1754943508222875e-38,
        16777215.0,
    ],
    64: [0.0, -0.0, 1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 2.0**53 + 2],
}


@st.composite
def samples(draw: st.DrawFn, width: int) -> Sample:
    """Draw a sample of floating point that a width of bits holds: 0 events to 9, names and keywords of any text."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    channels = tuple(
        Channel(name, draw(VALUES | st.just("")).strip(), float(2 ** draw(st.integers(1, 60)))) for name in names
    )
    numbers = st.floats(width=width, allow_nan=False, allow_infinity=False) | st.sampled_from(EXTREMES[width])
    events = draw(
        hnp.arrays(np.dtype(f"f{width // 8}"), st.tuples(st.integers(0, 9), st.just(len(names))), elements=numbers)
    )
    keys = st.text("ABC /|\\!éß", min_size=1, max_size=6).map(lambda key: f"K{key.upper().strip()}")
    keywords = draw(st.dictionaries(keys, VALUES | st.sampled_from(["a/b", "a//b", "|x|", "/", "\\", "!"]), max_size=4))
    return Sample("pt01.fcs", channels, events.astype(np.float64), keywords)


@LAWS
@pytest.mark.parametrize(("datatype", "width"), [("F", 32), ("D", 64)])
@given(data=st.data(), order=st.sampled_from("<>"), version=st.sampled_from(["2.0", "3.0", "3.1"]))
def test_what_was_written_comes_back(tmp_path, datatype, width, data, order, version):
    """Values to the last bit, names, markers, ranges and keywords; or the writer refuses, having no delimiter left."""
    sample = data.draw(samples(width))

    try:
        write_fcs(tmp_path / "x.fcs", sample, datatype=datatype, byte_order=order, version=version)
    except FCSError as error:
        assert "every delimiter" in str(error)  # noqa: PT017
        return
    read = read_fcs(tmp_path / "x.fcs")

    assert read.events.tobytes() == sample.events.tobytes()
    assert read.channels == sample.channels
    assert sample.keywords.items() <= read.keywords.items()
    assert read_fcs_metadata(tmp_path / "x.fcs").n_events == len(sample)


@LAWS
@given(data=st.data(), bits=st.sampled_from([8, 16, 32]), order=st.sampled_from("<>"))
def test_whole_numbers_come_back_up_to_the_top_of_their_bits(tmp_path, data, bits, order):
    """The largest number of each width, and no events at all."""
    top = 2**bits - 1
    numbers = st.integers(0, top) | st.sampled_from([0, 1, top - 1, top])
    events = data.draw(hnp.arrays(np.float64, st.tuples(st.integers(0, 9), st.just(2)), elements=numbers))
    channels = (Channel("FSC-A", "", float(2**bits)), Channel("PE-A", "CD3", float(2**bits)))

    write_fcs(tmp_path / "x.fcs", Sample("x", channels, events), datatype="I", bits=bits, byte_order=order)
    read = read_fcs(tmp_path / "x.fcs")

    assert read.events.tolist() == events.tolist()
    assert (read.channels, read.warnings) == (channels, ())


# ------------------------------------------------------------------------------------- damage

INTEGERS = {"$DATATYPE": "I", "$P1B": "16", "$P2B": "16", "$P1R": "1000", "$P2R": "1024", "$P1E": "4,1", "$P2G": "2"}
NUMBERS = np.array([[500, 300], [1023, 4], [7, 65_000]], dtype="<u2").tobytes()
OWN_TYPES = {"$P1N": "Time", "$P1DATATYPE": "I", "$P1G": "0.01", "$TIMESTEP": "0.01", "$P1R": "4294967296"}
MIXED = np.array([(7, 2.5), (8, 3), (9, 4)], dtype=[("time", "<u4"), ("pe", "<f4")]).tobytes()
FILES = {
    "floating point": fcs_bytes({"$P1G": "4", "$CYT": "LSR"}),
    "integers": fcs_bytes(INTEGERS, NUMBERS),
    "FCS 2.0": fcs_bytes(INTEGERS, NUMBERS, version=b"FCS2.0    ", in_text=None),
    "FCS 3.2": fcs_bytes(OWN_TYPES, MIXED, version=b"FCS3.2    ", delimiter="|", tail=b"00000000"),
    "offsets in TEXT": fcs_bytes(in_header=None, gap=b"    "),
}
ONE_COLUMN = {
    "N": {"name"},
    "S": {"marker"},
    "R": {"range", "values"},
    "E": {"range", "values"},
    "G": {"range", "values"},
}
"""What damage in $PnX, or in its name, may change unseen, and of column n alone; only a marker may move to another."""


def with_checksum(raw: bytes) -> bytes:
    """Return a file that ends with its checksum."""
    raw = raw.removesuffix(b"00000000")
    return raw + b"%08X" % binascii.crc_hqx(raw, 0)


def damaged(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each position of a file, and the file with that byte changed: a bit of it, or to a sign with a meaning."""
    for at, byte in enumerate(raw):
        for other in {byte ^ 1 << at % 8, *b"9/I", b" \0,14F"[at % 6]} - {byte}:
            yield at, raw[:at] + bytes([other]) + raw[at + 1 :]


def keyword_at(raw: bytes, at: int) -> str:
    """Return the keyword that a byte of TEXT is part of, name or value; empty outside TEXT, and for a delimiter."""
    begin, end = int(raw[10:18]), int(raw[18:26])
    if not begin <= at <= end or raw[at : at + 1] == raw[begin : begin + 1]:
        return ""
    place = raw[begin:at].count(raw[begin : begin + 1])
    return raw[begin : end + 1].split(raw[begin : begin + 1])[place - (place % 2 == 0)].decode()


def changes(sample: Sample, sound: Sample) -> set[tuple[int, str]]:
    """Return what is not as in the sound sample: column, counted from 1, and what of it; 0 is the whole."""
    if sample.events.shape != sound.events.shape:
        return {(0, "shape")}
    found = set()
    for n, (one, other) in enumerate(zip(sample.channels, sound.channels, strict=True)):
        pairs = {
            "name": (one.name, other.name),
            "marker": (one.marker, other.marker),
            "range": (one.range, other.range),
        }
        pairs["values"] = (sample.events[:, n].tobytes(), sound.events[:, n].tobytes())
        found |= {(n + 1, what) for what, (a, b) in pairs.items() if a != b}
    return found


@cache
def unseen(raw: bytes) -> list[tuple[int, set[tuple[int, str]]]]:
    """Return where a damaged byte changes the sample without an error and without a new warning, and what."""
    with TemporaryDirectory() as folder:
        return list(_unseen(raw, Path(folder) / "pt01.fcs"))


def _unseen(raw: bytes, path: Path) -> Iterator[tuple[int, set[tuple[int, str]]]]:
    path.write_bytes(raw)
    sound = read_fcs(path)
    for at, changed in damaged(raw):
        path.write_bytes(changed)
        try:
            sample = read_fcs(path)
        except FCSError:
            continue
        found = changes(sample, sound)
        if found and not {*sample.warnings} - {*sound.warnings}:
            yield at, found


@pytest.mark.parametrize("name", FILES)
def test_with_a_checksum_no_damaged_byte_goes_unseen(name):
    """Its 16 bits find every error within 16 bits, HEADER and TEXT included."""
    assert unseen(with_checksum(FILES[name])) == []


@pytest.mark.parametrize("name", FILES)
def test_without_a_checksum_a_damaged_byte_changes_what_is_listed_and_no_more(name):
    """A label or the scale of one channel, or a value; never the number of events or of channels, or their order."""
    raw = FILES[name]
    data = len(raw.rstrip(b"0")) if raw.endswith(b"00000000") else len(raw)
    for at, found in unseen(raw):
        keyword = keyword_at(raw, at)
        if at > int(raw[18:26]):
            assert at < data
            assert {what for _, what in found} <= {"values"}
            assert len(found) == 1
            continue
        parts = re.fullmatch(r"\$P([12])([NSREG])", keyword)
        assert parts, f"byte {at}, in {keyword or raw[at : at + 1]!r}: {found}"
        columns = {1, 2} if parts[2] == "S" else {int(parts[1])}
        assert found <= {(n, what) for n in columns for what in ONE_COLUMN[parts[2]]}


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_at_any_byte_is_refused_or_the_same(tmp_path, name):
    """Only the checksum can be missing without harm."""
    raw = with_checksum(FILES[name])
    path = tmp_path / "pt01.fcs"
    path.write_bytes(raw)
    sound, whole = read_fcs(path), len(FILES[name].removesuffix(b"00000000"))

    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        if length < whole:
            with pytest.raises(FCSError, match=r"^pt01\.fcs: "):
                read_fcs(path)
        else:
            assert changes(read_fcs(path), sound) == set()


def test_damage_without_a_checksum_is_found_where_it_is_listed():
    """The list is not longer than it must be: each of its entries is met."""
    found = {
        "DATA" if at > int(raw[18:26]) else re.sub("[12]", "n", keyword_at(raw, at))
        for raw in (FILES["floating point"], FILES["integers"])
        for at, _ in unseen(raw)
    }

    assert found == {"DATA", "$PnN", "$PnS", "$PnR", "$PnE", "$PnG"}


def test_the_sound_files_are_sound(tmp_path):
    """Else their damage would prove nothing."""
    for raw in FILES.values():
        for form in (raw, with_checksum(raw)):
            (tmp_path / "pt01.fcs").write_bytes(form)
            sample = read_fcs(tmp_path / "pt01.fcs")
            assert sample.events.shape == (3, 2)
            assert all("divides" in w or "Bits above" in w for w in sample.warnings)
