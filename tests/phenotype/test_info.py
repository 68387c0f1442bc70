"""What is said of a file: of its TEXT, and of its events, read in blocks."""

import json

import numpy as np
import pytest

from gating import Channel, FCSError, Sample, write_fcs
from phenotype.info import describe, describe_lines

CHANNELS = (Channel("FSC-A", "", 1000), Channel("PE-A", "CD3", 262144), Channel("Time", "", 262144))
KEYWORDS = {"$CYT": "LSR II", "$DATE": "17-MAY-2018", "$BTIM": "14:15:48", "$ETIM": "14:16:50.25", "$SRC": "Jane Doe"}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of 1,000 events and returns its path."""

    def make(keywords=KEYWORDS, n=1000, name="pt01.fcs", **options):
        events = np.column_stack([np.linspace(1, 1000, n), np.linspace(-50, 300_000, n), np.linspace(100, 6100, n)])
        write_fcs(tmp_path / name, Sample(name, CHANNELS, events, keywords), **options)
        return tmp_path / name

    return make


def test_events_are_described_channel_by_channel(write):
    """Lowest, highest and the share at the top, from every event."""
    (found,) = describe(write())
    forward, dye, clock = found["channels"]

    assert (forward["minimum"], forward["maximum"]) == (1, 1000)
    assert forward["saturated"] == pytest.approx(0.002)
    assert dye["marker"] == "CD3"
    assert dye["saturated"] == pytest.approx(np.mean(np.linspace(-50, 300_000, 1000) >= 262144 * 0.999))
    assert clock["saturated"] is None


def test_gain_and_voltage_are_as_the_file_has_them(write):
    """They are what makes two days comparable."""
    path = write()
    path.write_bytes(path.read_bytes().replace(b"$P2E/0,0/", b"$P2G/2.0/", 1).replace(b"$P1E/0,0/", b"$P1V/450/", 1))
    forward, dye, _ = describe(path)[0]["channels"]

    assert (forward["gain"], dye["gain"], forward["voltage"]) == ("", "2.0", "450")


@pytest.mark.parametrize(
    ("keywords", "seconds", "source"),
    [
        ({"$TIMESTEP": "0.01"}, 60.0, "Time channel"),
        ({}, 62.0, "$BTIM and $ETIM"),
        ({"$TIMESTEP": "soon"}, 62.0, "$BTIM and $ETIM"),
        ({"$ETIM": "14:15:48"}, None, ""),
        ({"$ETIM": "noon"}, None, ""),
        ({"$BTIM": "23:59:30", "$ETIM": "00:00:30"}, None, ""),
    ],
)
def test_the_rate_is_by_the_time_channel_or_else_by_the_clock(write, keywords, seconds, source):
    """A tick is what $TIMESTEP says; without it only the clock knows."""
    (found,) = describe(write({**KEYWORDS, **keywords}))
    acquisition = found["acquisition"]

    assert (acquisition["seconds"], acquisition["seconds_by"]) == (seconds, source)
    assert acquisition["events_per_second"] == (None if seconds is None else pytest.approx(1000 / seconds))


def test_a_file_without_events_has_no_extremes(write):
    """Nothing was measured, and nothing is invented."""
    (found,) = describe(write(n=0))

    assert found["events"] == 0
    assert {channel["maximum"] for channel in found["channels"]} == {None}
    assert found["channels"][0]["saturated"] is None
    assert describe_lines(found)[0] == "pt01.fcs: FCS3.1, 0 events, LSR II"


def test_repairs_are_told_apart_from_warnings(write):
    """The analyst sees what was put right before the run does it."""
    path = write()
    path.write_bytes(path.read_bytes().replace(b"$MODE", b"$NODE").replace(b"$P2E/0,0/", b"$P2G/2.0/", 1))
    (found,) = describe(path)

    assert [repair["rule"] for repair in found["repairs"]] == ["mode"]
    assert found["warnings"] == ["$PnG divides the values by 2: PE-A."]
    assert "  repair     mode: $MODE is missing; DATA is taken as a list of events." in describe_lines(found)


def test_each_dataset_is_described(write):
    """A file of two tubes is two samples, and says so."""
    path = write(version="2.0")
    path.write_bytes(with_next(path.read_bytes(), write({"$CYT": "Guava"}, n=10, name="b.fcs").read_bytes()))

    found = describe(path)

    assert [(each["dataset"], each["datasets"], each["events"], each["cytometer"]) for each in found] == [
        (1, 2, 1000, "LSR II"),
        (2, 2, 10, "Guava"),
    ]
    assert describe_lines(found[1])[0] == "pt01.fcs dataset 2 of 2: FCS3.1, 10 events, Guava"


def with_next(first: bytes, second: bytes) -> bytes:
    """Return two datasets behind each other; the first, of FCS 2.0, grows by the digits of $NEXTDATA."""
    grown = len(str(len(first))) - 1
    begin, end = int(first[26:34]), int(first[34:42])
    header = first[:18] + b"%8d%8d%8d" % (int(first[18:26]) + grown, begin + grown, end + grown) + first[42:58]
    return header + first[58:].replace(b"$NEXTDATA/0/", b"$NEXTDATA/%d/" % (len(first) + grown), 1) + second


def test_hostile_keywords_do_not_steer_the_terminal(write):
    """An escape sequence in a name could clear the screen or worse."""
    lines = describe_lines(describe(write({**KEYWORDS, "$SRC": "\x1b[2JJane\nDoe", "$CYT": "\u202eLSR"}))[0])

    assert not {"\x1b", "\n", "\u202e"} & set("".join(lines))
    assert any("$SRC=?[2JJane?Doe" in line for line in lines)


def test_the_table_is_aligned_whatever_the_names(write):
    """Forty characters of marker must not run into the next column."""
    (found,) = describe(write())
    found["channels"][1]["marker"] = "Yellow Fluorescence Width (YEL-W)"
    header, *rows = [
        line for line in describe_lines(found) if line.startswith(("  channel", "  FSC", "  PE", "  Time"))
    ]

    assert {row.index(kind) for row, kind in zip(rows, ("scatter", "fluorescence", "time"), strict=True)} == {
        header.index("kind")
    }


def test_json_has_no_numbers_that_json_has_not(write):
    """Programs in other languages read it."""
    json.dumps(describe(write(n=0)) + describe(write()), allow_nan=False)


def test_values_that_are_no_numbers_are_left_out_of_the_extremes(write):
    """A run leaves these events out too."""
    path = write()
    raw = bytearray(path.read_bytes())
    raw[-8 - 12 * 3 : -8 - 12 * 3 + 8] = np.array([np.inf, np.nan], dtype="<f4").tobytes()
    path.write_bytes(raw)
    forward, dye, _ = describe(path)[0]["channels"]

    assert forward["maximum"] == 1000
    assert dye["maximum"] == 300_000
    json.dumps(describe(path), allow_nan=False)


def test_a_file_that_is_none_is_refused(tmp_path):
    """As by the reader."""
    path = tmp_path / "pt01.fcs"
    path.write_bytes(b"")

    with pytest.raises(FCSError, match=r"pt01\.fcs: empty file"):
        describe(path)
