"""Files met in the field, A1 to A64: what each deserves, read, put right or refused, never silently changed.

Cases that a file shows only within a study (A3, A22, A48, A55 to A59, A64, parts of others) are in
``tests/phenotype/test_bad_files.py``. ``docs/reading.md`` has the rules.
"""

import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from gating import compensate, file_spillover
from gating.errors import CompensationError, FCSError, UnsupportedFCSError
from gating.fcs import REPAIRS, Repair, open_fcs, read_fcs, read_fcs_metadata
from gating.sample import Channel

from .conftest import EVENTS, fcs_bytes

ALL = EVENTS.tolist()
INTEGERS = {"$DATATYPE": "I", "$P1B": "16", "$P2B": "16", "$P1R": "1024", "$P2R": "1024"}


def rules(sample):
    """Return the rules of the repairs that a file needed."""
    return [warning.rule for warning in sample.warnings if isinstance(warning, Repair)]


def refused(path: Path, message: str, kind: type[FCSError] = FCSError) -> None:
    """Both ways to read a file must refuse it, in words that name it."""
    for read in (read_fcs, read_fcs_metadata):
        with pytest.raises(kind, match=rf"^{path.name}: .*{message}"):
            read(path)


def written(tmp_path: Path, raw: bytes, name: str = "pt01.fcs") -> Path:
    """Write bytes as a file."""
    (tmp_path / name).write_bytes(raw)
    return tmp_path / name


# ------------------------------------------------------------------------------------- what is no FCS file


def test_a01_an_empty_file(tmp_path):
    """0 bytes: an export that never began."""
    refused(written(tmp_path, b""), r"empty file \(0 bytes\)")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", r"b'\\xff\\xd8\\xff\\xe0\\x00\\x00', a JPEG picture"),
        (b"PK\x03\x04", r"b'PK.*', a zip archive"),
        (b"FSC-A,PE-A\n1,2", "b'FSC-A,'"),
    ],
)
def test_a02_another_kind_of_file_named_fcs(tmp_path, head, kind):
    """A picture, an archive or a table."""
    refused(written(tmp_path, head + bytes(100)), rf"not FCS \(starts with {kind}\)")


@pytest.mark.parametrize(
    ("cut", "message"), [(40, "ends at byte 40, inside the HEADER"), (100, "has 100 bytes; it is")]
)
def test_a04_cut_in_header_or_text(tmp_path, cut, message):
    """The byte at which it ends says how far the copy came."""
    refused(written(tmp_path, fcs_bytes()[:cut]), message)


# ------------------------------------------------------------------------------------- where DATA is


def test_a05_cut_in_data(tmp_path):
    """A partial upload; the whole events that are there are read only if a person asks for them."""
    path = written(tmp_path, fcs_bytes()[:-11])

    refused(path, "it is cut short: 1 of 3 events are there")
    salvaged = read_fcs(path, repairs=REPAIRS | {"salvage"})
    assert (salvaged.events.tolist(), rules(salvaged)) == (ALL[:1], ["salvage"])


def test_a06_the_last_two_bytes_are_missing(tmp_path):
    """As little as that, and the last value is gone."""
    refused(written(tmp_path, fcs_bytes()[:-2]), "it is cut short: 2 of 3 events are there")


@pytest.mark.parametrize("off", [1, -1])
def test_a07_an_end_one_byte_off(make, off):
    """$TOT events fit between the begin and the corrected end."""
    sample = read_fcs(make(in_header=(0, off), in_text=(0, off), tail=b"00000000"))

    assert (sample.events.tolist(), rules(sample)) == (ALL, ["data-end"])


def test_a08_one_byte_off_and_no_whole_events(make):
    """Where the begin may be what is off, or no $TOT says how many events there are, every number is in doubt."""
    refused(make(in_header=(1, 0), in_text=(1, 0)), "cannot be 3 events of 8 bytes")
    refused(
        make({"$TOT": None}, in_header=(0, 1), in_text=(0, 1), tail=b"0"), "DATA of 25 bytes is no multiple of the 8"
    )


def test_a09_header_and_text_differ(make):
    """The one that holds $TOT events is meant; both or none, and both are named."""
    sample = read_fcs(make(in_header=(5, 9)))

    assert (sample.events.tolist(), rules(sample)) == (ALL, ["differing-offsets"])
    refused(make(in_text=(8, 8), tail=bytes(8)), r"HEADER puts DATA at .* and TEXT puts DATA at .*; both have")
    refused(make(in_text=(0, 9), in_header=(0, 5), tail=bytes(9)), r"HEADER puts .* and TEXT puts .*; neither has")


def test_a10_offsets_in_text_alone(make):
    """HEADER says 0 and 0, as it must beyond 99,999,999 bytes; here the last event of such a file is read."""
    sample = read_fcs(make(in_header=None))
    assert (sample.events.tolist(), sample.warnings) == (ALL, ())

    path, count = make({"$TOT": f"{15_000_000:08d}"}, b"", in_header=None, in_text=None), 15_000_000
    begin = path.stat().st_size + len("/$BEGINDATA/00000000/$ENDDATA/000000000")
    offsets = {"$BEGINDATA": f"{begin:08d}", "$ENDDATA": f"{begin + 8 * count - 1:09d}"}
    path = make({**offsets, "$TOT": f"{count:08d}"}, b"", in_header=None, in_text=None)
    with path.open("r+b") as file:
        file.seek(begin + 8 * count - 8)
        file.write(EVENTS[1].tobytes())
    with open_fcs(path) as opened:
        *_, last = (block[-1].tolist() for block in opened.blocks())
    assert last == ALL[1]


def test_a11_nines_in_header(tmp_path):
    """FlowJo fills a field so; what TEXT says counts."""
    raw = fcs_bytes()
    sample = read_fcs(written(tmp_path, raw[:26] + b"9" * 16 + raw[42:]))

    assert (sample.events.tolist(), rules(sample)) == (ALL, ["nines"])


def test_a12_no_begindata_and_enddata(make):
    """HEADER has them."""
    sample = read_fcs(make(in_text=None))

    assert (sample.events.tolist(), rules(sample)) == (ALL, ["header-offsets"])


def test_a13_enddata_equals_begindata(make):
    """IQue; $TOT events fit up to the end of the file, or the file is refused."""
    sample = read_fcs(make(in_header=(0, -23), in_text=(0, -23)))

    assert (sample.events.tolist(), rules(sample)) == (ALL, ["empty-extent"])
    refused(make({"$TOT": "4"}, in_header=(0, -23), in_text=(0, -23)), r"\$TOT says 4 events")


@pytest.mark.parametrize(
    ("begin", "end", "message"),
    [
        ("-8", "15", r"\$BEGINDATA is '-8'"),
        ("60", "83", "TEXT is bytes 58-"),
        ("9000", "9023", "it is cut short: 0 of 3 events"),
        ("1" + "0" * 20, "1" + "0" * 19 + "23", "it is cut short: 0 of 3 events"),
    ],
)
def test_a14_offsets_that_cannot_be(make, begin, end, message):
    """Negative, within TEXT, behind the file, beyond all files: no byte is read, no memory asked for."""
    refused(make({"$BEGINDATA": begin, "$ENDDATA": end}, in_header=None), message)


def test_a15_no_total(make):
    """The size of DATA says it."""
    sample = read_fcs(make({"$TOT": None}))

    assert (sample.events.tolist(), rules(sample)) == (ALL, ["count"])


@pytest.mark.parametrize("total", ["2", "5000"])
def test_a16_a_total_that_is_not_what_data_holds(make, total):
    """Never silent: refused, or DATA is believed because a person said so."""
    path = make({"$TOT": total})

    refused(path, rf"\$TOT says {total} events of 8 bytes, the DATA segment at .* holds 3")
    assert rules(read_fcs(path, repairs=REPAIRS | {"recount"})) == ["recount"]


@pytest.mark.parametrize("keyword", ["$TOT", "$PAR"])
@pytest.mark.parametrize("number", ["1000000000", "1000000000000"])
def test_a17_absurd_numbers_of_events_or_parameters(make, keyword, number):
    """Refused within a second and 100 MB, whatever is asked for."""
    path = make({keyword: number})
    tracemalloc.start()
    begun = time.perf_counter()

    refused(path, rf"\{keyword} (is|says) {number}")

    seconds, (_, most) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1
    assert most < 1e8


# ------------------------------------------------------------------------------------- what TEXT says


def test_a18_a_parameter_without_a_name(make):
    """Labels are never shifted to fill the place."""
    refused(make({"$PAR": "3"}), r"\$PAR is 3, but TEXT names 2 parameters; \$P3N is missing")
    refused(make({"$P1N": None}), r"\$PAR is 2, but TEXT names 1 parameters; \$P1N is missing")


def test_a19_two_channels_of_one_name(make):
    """Markers tell them apart; a matrix that names the detector could mean either, and is refused."""
    keywords = {"$P1N": "PE-A", "$SPILLOVER": "1,PE-A,1"}
    sample = read_fcs(make({**keywords, "$P1S": "CD4"}))

    assert sample.channels == (Channel("PE-A CD4", "CD4"), Channel("PE-A CD3", "CD3"))
    assert rules(sample) == ["repeated-name"]
    with pytest.raises(CompensationError, match=r"no channel 'PE-A'.*Known: PE-A CD4, PE-A CD3"):
        file_spillover(sample)
    refused(make(keywords), r"\$P1N and \$P2N are both 'PE-A'; names of parameters must differ, or each have a marker")
    refused(make({**keywords, "$P1S": "CD3"}), r"\$P1N and \$P2N are both 'PE-A'")


def test_a20_a_keyword_with_two_values(make):
    """The first is kept, and it is said; a choice between two gains, or two names, is nobody's to make."""
    sample = read_fcs(make(text=lambda text: text + b"NOTE/one/NOTE/two/"))

    assert sample.keywords["NOTE"] == "one"
    assert rules(sample) == ["repeated-keyword"]
    refused(make({"$P1G": "1"}, text=lambda text: text + b"$P1G/2/"), r"\$P1G is given twice, as '1' and '2'")


def test_a21_no_events(make):
    """An empty tube is a sample of none; its fractions are missing, not 0: test_bad_files.py."""
    sample = read_fcs(make({"$TOT": "0"}, b""))

    assert sample.events.shape == (0, 2)
    assert sample.warnings == ()


def test_a22_one_event(make):
    """A sample like any other; that it is small is said where fractions are."""
    assert read_fcs(make({"$TOT": "1"}, EVENTS[:1].tobytes())).events.tolist() == ALL[:1]


def test_a23_a_doubled_delimiter(make):
    """It is part of the value."""
    sample = read_fcs(make({"$P2S": "CD4//CD8"}))

    assert sample.channels[1].marker == "CD4/CD8"
    assert sample.warnings == ()


def test_a24_delimiters_that_are_not_doubled_and_values_that_are_empty(make):
    """An empty value leaves one reading; a stray delimiter, or a value that begins with one, leaves two."""
    sample = read_fcs(make({"$OP": "", "$P2S": "CD3"}))

    assert (sample.channels[1].marker, rules(sample)) == ("CD3", ["empty-values"])
    refused(make({"$OP": "Li/Wu"}), "somewhere a delimiter '/' is missing, or stands in a value")
    refused(make({"$OP": "Li/Wu", "$CYT": "a/b", "$MODE": "L/x"}), "TEXT ends with the keyword|changed places")
    refused(make({"$OP": "//Li"}), r"TEXT can be read in two ways at '\$OP/'")


@pytest.mark.parametrize("delimiter", ["*", "\x0c", "\x1e", "\\", "\r"])
def test_a25_unusual_delimiters(make, delimiter):
    """Each of these is some cytometer's."""
    sample = read_fcs(make(delimiter=delimiter))

    assert (sample.events.tolist(), sample.warnings) == (ALL, ())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace(b" CD3 ", "CD3µ".encode()), ("CD3µ", [])),
        (lambda text: text.replace(b" CD3 ", b"CD3\xb5 "), ("CD3µ", ["latin-1"])),
        (lambda text: b"\xef\xbb\xbf" + text, ("CD3", ["byte-order-mark"])),
        (lambda text: text + bytes(20), ("CD3", [])),
    ],
)
def test_a26_latin_1_utf_8_a_byte_order_mark_and_padding(make, change, expected):
    """How TEXT was decoded is recorded where it was not plain."""
    sample = read_fcs(make(text=change))

    assert (sample.channels[1].marker, rules(sample)) == expected
    assert sample.events.tolist() == ALL


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a27_utf_16(make, tmp_path, encoding):
    """Not allowed by FCS, as TEXT or as the whole file."""
    refused(make(text=lambda text: text.decode().encode(encoding)), "TEXT is UTF-16, not allowed by FCS")
    refused(written(tmp_path, fcs_bytes().decode("latin-1").encode("utf-16")), "UTF-16 text, not allowed by FCS")


def test_a28_keywords_in_lower_case(make):
    """FCS keywords have no case."""
    assert read_fcs(make(text=bytes.lower)).events.tolist() == ALL


@pytest.mark.parametrize("many", [{"BLOB": "x" * 5_000_000}, {f"K{n}": "v" for n in range(100_000)}])
def test_a29_long_values_and_many_keywords(make, many):
    """5 MB of a vendor's own, or 100,000 keywords, are read within 2 seconds."""
    path = make(many)
    begun = time.perf_counter()

    metadata = read_fcs_metadata(path)

    assert time.perf_counter() - begun < 2
    assert many.keys() <= metadata.keywords.keys()


@pytest.mark.parametrize(("first", "expected"), [(b"/", []), (b"", ["supplement"])])
def test_a30_supplemental_text(make, first, expected):
    """Keywords that found no room; some writers leave out the first delimiter."""
    extra = first + b"SPILL/1,PE-A,1/"
    begin = len(fcs_bytes({"$BEGINSTEXT": "0000", "$ENDSTEXT": "0000"}))
    sample = read_fcs(make({"$BEGINSTEXT": f"{begin:04d}", "$ENDSTEXT": f"{begin + len(extra) - 1:04d}"}, tail=extra))

    assert (sample.keywords["SPILL"], rules(sample)) == ("1,PE-A,1", expected)


# ------------------------------------------------------------------------------------- what numbers mean


def test_a31_byte_orders(make):
    """Big-endian and the PDP-11's are read; an order that no machine had is refused."""
    assert read_fcs(make({"$BYTEORD": "4,3,2,1"}, EVENTS.astype(">f4").tobytes())).events.tolist() == ALL
    swapped = EVENTS.view("<u2").reshape(-1, 2)[:, ::-1].tobytes()
    assert read_fcs(make({"$BYTEORD": "3,4,1,2"}, swapped)).events.tolist() == ALL
    refused(make({"$BYTEORD": "1,3,2,4"}), r"\$BYTEORD is '1,3,2,4'", UnsupportedFCSError)


def test_a32_other_datatypes_and_modes(make):
    """Doubles are read; text and histograms are refused by name."""
    doubles = {"$DATATYPE": "D", "$P1B": "64", "$P2B": "64"}
    assert read_fcs(make(doubles, EVENTS.astype("<f8").tobytes())).events.tolist() == ALL
    refused(make({"$DATATYPE": "A"}), r"\$DATATYPE is A, numbers as text", UnsupportedFCSError)
    for mode in "HCU":
        refused(make({"$MODE": mode}), rf"\$MODE is {mode}, a histogram", UnsupportedFCSError)


def test_a33_noise_in_the_high_bits(make):
    """10 bits in 16; the other 6 are noise and $PnR says so."""
    stored = np.array([[0xFC01, 0x03FF]] * 3, dtype="<u2")

    sample = read_fcs(make(INTEGERS, stored.tobytes()))
    assert sample.events[0].tolist() == [1, 1023]
    assert sample.warnings == ("Bits above $PnR were cleared, as the standard says: FSC-A (3 of 3 events).",)


def test_a34_a_range_that_is_no_power_of_two(make):
    """The mask is that of the next one."""
    stored = np.array([[0xFFFF, 1000]] * 3, dtype="<u2")

    assert read_fcs(make({**INTEGERS, "$P1R": "1000", "$P2R": "1000"}, stored.tobytes())).events[0].tolist() == [
        1023,
        1000,
    ]


def test_a35_widths(make):
    """24 bits, and 16 beside 32, are read; 10 bits, packed in an order that no standard gives, are refused."""
    wide = {"$DATATYPE": "I", "$P1B": "24", "$P2B": "24", "$P1R": "16777216", "$P2R": "16777216"}
    assert read_fcs(make(wide, bytes([1, 0, 0, 0, 1, 0]) * 3)).events[0].tolist() == [1, 256]
    mixed = np.array([(1, 70_000)] * 3, dtype=[("a", "<u2"), ("b", "<u4")])
    assert read_fcs(make({**wide, "$P1B": "16", "$P2B": "32"}, mixed.tobytes())).events[0].tolist() == [1, 70_000]
    refused(make({**INTEGERS, "$P1B": "10", "$P2B": "10"}, bytes(8)), r"\$P1B is 10; integers of", UnsupportedFCSError)


def test_a36_a_logarithm_with_an_offset_of_zero(make):
    """FCS 3.1 prescribes 1 for it."""
    sample = read_fcs(make({**INTEGERS, "$P1E": "4,0"}, np.array([[512, 7]] * 3, dtype="<u2").tobytes()))

    assert sample.events[0] == pytest.approx([100, 7])
    assert rules(sample) == ["log-offset"]


def test_a37_a_logarithm_on_floating_point(make):
    """The standard makes floating point linear."""
    sample = read_fcs(make({"$P1E": "4,1"}))

    assert (sample.events.tolist(), rules(sample)) == (ALL, ["log-on-float"])


@pytest.mark.parametrize(
    ("gain", "first", "expected"), [("8", 1.5 / 8, []), ("0", 1.5, ["gain"]), ("x", 1.5, ["gain"])]
)
def test_a38_gains(make, gain, first, expected):
    """A gain divides, and it is said; what is none does not."""
    sample = read_fcs(make({"$P1G": gain}))

    assert (sample.events[0, 0], rules(sample), len(sample.warnings)) == (first, expected, 1)


@pytest.mark.parametrize("span", ["abc", "1e39", None])
def test_a39_a_range_that_is_none(make, span):
    """The scale ends at the largest value instead."""
    sample = read_fcs(make({"$P2R": span}))

    assert (sample.channels[1].range, rules(sample)) == (4e5, ["range"])


def test_a40_fcs_2(make):
    """No offsets in TEXT, no supplemental TEXT, no checksum."""
    sample = read_fcs(make(version=b"FCS2.0    ", in_text=None))

    assert (sample.events.tolist(), sample.warnings) == (ALL, ())


def test_a41_columns_of_their_own_type(make):
    """FCS 3.2: time as an integer among floats; in a file of another version it is refused."""
    stored = np.array([(7, 2.5)] * 3, dtype=[("time", "<u4"), ("pe", "<f4")])
    keywords = {"$P1N": "Time", "$P1DATATYPE": "I", "$P1R": "4294967296"}

    assert read_fcs(make(keywords, stored.tobytes(), version=b"FCS3.2    ")).events[0].tolist() == [7, 2.5]
    refused(make(keywords, stored.tobytes()), r"only FCS 3\.2 allows columns of their own type, and this is FCS3\.1")


def test_a42_versions(make):
    """One that does not exist may have other rules; a blank within one that does is put right."""
    refused(make(version=b"FCS4.0    "), r"is version FCS4\.0; FCS2\.0, FCS3\.0", UnsupportedFCSError)
    sample = read_fcs(make(version=b"FCS 3.0   "))
    assert (sample.events.tolist(), rules(sample)) == (ALL, ["version"])


# ------------------------------------------------------------------------------------- several datasets


def linked(step: int) -> bytes:
    """Return a dataset whose $NEXTDATA is a number of eight digits."""
    return fcs_bytes({"$NEXTDATA": f"{step:08d}"})


def test_a43_a_second_dataset(tmp_path):
    """Which is meant must be said; a loop, or a step behind the end, is refused."""
    size = len(linked(0))
    both = written(tmp_path, linked(size) + fcs_bytes({"$TOT": "1"}, EVENTS[1:2].tobytes()))

    refused(both, r"holds 2 datasets \(1, 2\); say which is meant")
    assert read_fcs(both, dataset=2).events.tolist() == ALL[1:2]
    refused(written(tmp_path, linked(1)), r"\$NEXTDATA of dataset 1 is 1, but at byte 1 no dataset begins")
    refused(written(tmp_path, linked(10**7)), r"\$NEXTDATA of dataset 1 is 10000000, but at byte 10000000 no")


@pytest.mark.parametrize("between", [b"", b"00000000", bytes(3_000_000)])
@pytest.mark.parametrize("events", [EVENTS, EVENTS[:0]], ids=["three", "none"])
def test_a44_a_file_appended_to_another(tmp_path, between, events):
    """$NEXTDATA says 0; the first is read, and where the other begins is said, however far behind."""
    first = fcs_bytes({"$TOT": str(len(events))}, events.tobytes()) + between
    sample = read_fcs(written(tmp_path, first + fcs_bytes()))

    assert sample.events.tolist() == events.tolist()
    assert sample.warnings == (f"Trailing FCS found at byte {len(first)}, behind DATA; it is not read.",)


def test_a45_a_beckman_coulter_pair(tmp_path):
    """The same events twice: numbers from the second dataset, names from the first."""
    old = {**INTEGERS, "$CYT": "Navios", "$P2S": "CD45", "$NEXTDATA": "00000000"}
    size = len(fcs_bytes(old, bytes(12), version=b"FCS2.0    "))
    first = fcs_bytes({**old, "$NEXTDATA": f"{size:08d}"}, bytes(12), version=b"FCS2.0    ")
    sample = read_fcs(written(tmp_path, first + fcs_bytes({"$CYT": "Navios", "$P2S": None}), "a.lmd"))

    assert sample.events.tolist() == ALL
    assert sample.channels[1].marker == "CD45"
    assert rules(sample) == ["names"]


def test_a46_checksums(tmp_path):
    """A wrong one is said, and refused by a strict reading; eight zeros, or nothing, is none."""
    for none in (b"", b"00000000"):
        assert read_fcs(written(tmp_path, fcs_bytes() + none)).warnings == ()
    path = written(tmp_path, fcs_bytes() + b"0000BEEF")

    assert rules(read_fcs(path)) == ["checksum"]
    with pytest.raises(FCSError, match=r"The checksum is 0000BEEF, .* The repair 'checksum' is not allowed here"):
        read_fcs(path, repairs=())


# ------------------------------------------------------------------------------------- values and matrices


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a47_values_that_are_no_numbers(make, value):
    """Up to 1 % of the events are left out and counted; more, and the file is refused."""
    events = np.ones((200, 2), dtype="<f4")
    events[:2, 1] = value
    sample = read_fcs(make({"$TOT": "200"}, events.tobytes()))

    assert (len(sample), rules(sample)) == (198, ["not-finite"])
    events[2, 0] = value
    with pytest.raises(FCSError, match=r"pt01\.fcs: 3 of 200 events have a value that is NaN or infinite"):
        read_fcs(make({"$TOT": "200"}, events.tobytes()))


def matrix(make, text: str, **keywords: str):
    """Return the spillover of a file that carries this text."""
    return file_spillover(read_fcs(make({"$SPILLOVER": text, "$P1N": "FITC-A", **keywords})))


@pytest.mark.parametrize("name", ["pe-a", "PE", "Comp-PE-A", "CD3"])
def test_a49_spillover_of_unknown_channels(make, name):
    """Refused, with the channel that is probably meant."""
    with pytest.raises(CompensationError, match=rf"no channel '{name}' \(did you mean 'PE-A'\?\) in the file"):
        matrix(make, f"2,FITC-A,{name},1,0.1,0,1")


def test_a50_spillover_by_number(make):
    """Navios writes the numbers of channels."""
    assert matrix(make, "2,1,2,1,0.1,0,1").channels == ("FITC-A", "PE-A")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2,FITC-A,PE-A,1,0.1,0", "3 numbers for 2 channels; 2 x 2 = 4 are needed"),
        ("2,FITC-A,PE-A,1,0,1,0,0,1,0", "decimals must have a point, not a comma"),
        ("3,FITC-A,PE-A,1,0.1,0,1", "It names 2 channels"),
    ],
)
def test_a51_spillover_of_the_wrong_size(make, text, message):
    """Cut short, with decimal commas, or with another number of channels than it says."""
    with pytest.raises(CompensationError, match=message):
        matrix(make, text)


def test_a52_spillover_that_cannot_be_undone(make):
    """Singular or nearly so is refused; a diagonal other than 1 rescales, and is said."""
    with pytest.raises(CompensationError, match="is singular"):
        matrix(make, "2,FITC-A,PE-A,1,1,1,1")
    with pytest.raises(CompensationError, match=r"has condition number 4\.0e\+07"):
        matrix(make, "2,FITC-A,PE-A,1,1,1,1.0000001")
    assert "diagonal is not 1 at PE-A 0.5" in matrix(make, "2,FITC-A,PE-A,1,0.1,0,0.5").warnings[0]


def test_a53_spillover_of_some_channels(make):
    """The others stay as they are."""
    keywords = {"$P1N": "FITC-A", "$PAR": "3", "$P3N": "APC-A", "$P3B": "32", "$P3R": "9", "$P3E": "0,0", "$TOT": "2"}
    sample = read_fcs(make({**keywords, "$SPILLOVER": "2,FITC-A,PE-A,1,0.5,0,1"}))
    spillover = file_spillover(sample)
    assert spillover is not None

    assert compensate(sample, spillover).events[0].tolist() == [1.5, 2 - 0.75, -3]


@pytest.mark.parametrize(
    ("text", "keywords", "message"),
    [
        ("2,Comp-FITC-A,Comp-PE-A,1,0.1,0,1", {"$P1N": "Comp-FITC-A", "$P2N": "Comp-PE-A"}, "were compensated by the"),
        ("2,FJComp-FITC-A,PE-A,1,0.1,0,1", {"$P1N": "FJComp-FITC-A"}, "FJComp-FITC-A were compensated"),
        ("2,FITC-A,PE-A,1,0.1,0,1", {"$CYT": "Aurora"}, "is unmixed data of a spectral cytometer"),
        ("2,FITC-A,PE-A,1,0,0,1", {}, "is the identity, which takes nothing out"),
    ],
)
def test_a54_data_that_are_compensated_already(make, text, keywords, message):
    """Only a person can know; a second time would over-correct."""
    sample = read_fcs(make({"$P1N": "FITC-A", "$SPILLOVER": text, **keywords}))
    spillover = file_spillover(sample)
    assert spillover is not None

    with pytest.raises(CompensationError, match=message):
        compensate(sample, spillover)
    once = compensate(read_fcs(make({"$P1N": "FITC-A", "$SPILLOVER": "1,PE-A,0.5"})), matrix(make, "1,PE-A,0.5"))
    with pytest.raises(CompensationError, match="is compensated already"):
        compensate(once, spillover)


# ------------------------------------------------------------------------------------- files as such


def test_a60_fifty_million_events(make):
    """A block at a time, in the memory of a few blocks."""
    count, begin = 50_000_000, 2000
    keywords = {"$DATATYPE": "I", "$P1B": "8", "$P2B": "8", "$P1R": "256", "$P2R": "256", "$TOT": str(count)}
    offsets = {"$BEGINDATA": str(begin), "$ENDDATA": str(begin + 2 * count - 1)}
    path = make({**keywords, **offsets}, b"", in_header=None, in_text=None)
    os.truncate(path, begin + 2 * count)
    tracemalloc.start()

    with open_fcs(path) as opened:
        events = sum(len(block) for block in opened.blocks(["FSC-A"]))

    (_, most), _ = tracemalloc.get_traced_memory(), tracemalloc.stop()
    assert events == count
    assert most < 2e7


def test_a61_a_file_that_changes_while_it_is_read(make):
    """Half of the events would be the old ones; changed after its hash was taken: test_bad_files.py."""
    path = make()

    with pytest.raises(FCSError, match="the file was changed while it was read"), open_fcs(path):
        path.write_bytes(path.read_bytes() + b"more")


@pytest.mark.parametrize("name", ["a b  c.fcs", "Müller ß.fcs", "x" * 251 + ".fcs", "new\nline.fcs", "🧪.fcs", " .fcs"])
def test_a62_any_path(tmp_path, name):
    """Blanks, umlauts, the longest name there is, a folder below, a line break, a picture."""
    folder = tmp_path / ("y" * 100) / "ö"
    folder.mkdir(parents=True)

    assert read_fcs(written(folder, fcs_bytes(), name)).name == name


def test_a63_what_is_no_regular_file(tmp_path):
    """A loop of links, a pipe, a device: refused at once; opened, a pipe would wait for ever."""
    (tmp_path / "loop.fcs").symlink_to(tmp_path / "loop.fcs")
    os.mkfifo(tmp_path / "pipe.fcs")
    (tmp_path / "zero.fcs").symlink_to("/dev/zero")

    refused(tmp_path / "loop.fcs", "cannot be read: ")
    refused(tmp_path / "pipe.fcs", "is a pipe or a device, not a file")
    refused(tmp_path / "zero.fcs", "is a pipe or a device, not a file")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "=cmd|' '!A0"])
def test_a64_markup_and_formulas_in_keywords(make, text):
    """Text like any other to the reader; tables and the report disarm it: test_bad_files.py."""
    sample = read_fcs(make({"$P2S": text, "$CYT": text}, delimiter="|" if "/" in text else "/"))

    assert (sample.channels[1].marker, sample.keywords["$CYT"]) == (text, text)
