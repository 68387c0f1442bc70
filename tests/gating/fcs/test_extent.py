"""The extent of DATA: the one that HEADER, TEXT, $TOT and the file's size leave, or none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gating.errors import FCSError
from gating.fcs import read_fcs, read_fcs_metadata
from gating.fcs.extent import find_data
from gating.fcs.text import Header, Segment

EVENTS = [[1.5, 2], [-3, 4e5], [5, 6]]


@pytest.mark.parametrize("gap", [b"", b"    ", b"\0" * 100])
@pytest.mark.parametrize("tail", [b"", b"00000000", b"\r\n"])
def test_data_need_not_follow_text_and_may_be_followed(make, gap, tail):
    """Padding before it and a checksum behind are both in the standard."""
    sample = read_fcs(make(gap=gap, tail=tail))

    assert sample.events.tolist() == EVENTS
    assert sample.warnings == ()


def test_offsets_may_be_in_text_alone(make):
    """What does not fit eight digits is 0 in HEADER."""
    assert read_fcs(make(in_header=None)).events.tolist() == EVENTS


def test_offsets_may_be_in_header_alone(make):
    """FCS 2.0 has no others; FCS 3 demands them."""
    assert read_fcs(make(in_text=None, version=b"FCS2.0    ")).warnings == ()
    assert read_fcs(make(in_text=None)).warnings == (
        "$BEGINDATA and $ENDDATA are missing; the offsets in HEADER are used.",
    )


def test_nines_in_header_stand_for_nothing(make):
    """FlowJo writes them for files over 100 MB, and for others."""
    path = make()
    content = path.read_bytes()
    path.write_bytes(content[:26] + b"9999999999999999" + content[42:])

    sample = read_fcs(path)

    assert sample.events.tolist() == EVENTS
    assert "HEADER gives 99999999 for DATA" in sample.warnings[0]


@pytest.mark.parametrize(
    ("in_header", "in_text", "place"),
    [((0, 0), (8, 0), "HEADER"), ((0, 640), (0, 0), "TEXT"), ((0, 0), (-3, 7), "HEADER")],
)
def test_where_offsets_differ_the_pair_of_the_right_size_is_used(make, in_header, in_text, place):
    """$TOT x row settles it, and it is said."""
    sample = read_fcs(make(in_header=in_header, in_text=in_text))

    assert sample.events.tolist() == EVENTS
    assert f"that of {place} is used, which has the size $TOT 3 x 8 bytes = 24 bytes" in sample.warnings[0]


def test_offsets_that_differ_and_both_fit_are_refused(make):
    """Shifted by an event, both give numbers; one of them is wrong."""
    with pytest.raises(
        FCSError, match=r"HEADER puts DATA at bytes \d+-\d+ and TEXT puts DATA at .*; both have the size"
    ):
        read_fcs(make(in_text=(8, 8), tail=b"00000000"))


def test_offsets_that_differ_and_do_not_fit_are_refused(make):
    """Neither is a guess worth making."""
    with pytest.raises(
        FCSError, match=r"HEADER puts DATA at .* and TEXT puts DATA at .*; neither has the size \$TOT 3 x 8"
    ):
        read_fcs(make(in_header=(0, 1), in_text=(0, 5), tail=bytes(10)))


def test_an_extent_outside_the_file_does_not_fit(make):
    """Of two pairs of the right size, the one that ends in the file is meant."""
    assert read_fcs(make(in_text=(8, 8))).events.tolist() == EVENTS


@pytest.mark.parametrize(("excess", "word"), [(1, "long"), (-1, "short")])
def test_an_end_that_is_one_byte_off_is_corrected(make, excess, word):
    """Whether the last byte counts is the commonest slip of writers; the first event begins where it did."""
    sample = read_fcs(make(in_header=(0, excess), in_text=(0, excess), tail=b"00000000"))

    assert sample.events.tolist() == EVENTS
    assert sample.warnings[0].endswith(f"is a byte too {word}; its end was corrected.")


def test_an_end_one_byte_behind_the_file_is_corrected(make):
    """The same slip, with nothing after DATA."""
    sample = read_fcs(make(in_header=(0, 1), in_text=(0, 1)))

    assert sample.events.tolist() == EVENTS
    assert sample.warnings[0].startswith("DATA ends one byte behind the file")


@pytest.mark.parametrize("tail", [b"", b"00000000"])
@pytest.mark.parametrize("shift", [1, -1])
def test_a_begin_that_is_one_byte_off_is_refused(make, tail, shift):
    """The size is off by one as well, but here every number would be made of the bytes of two."""
    with pytest.raises(FCSError, match="cannot be 3 events of 8 bytes"):
        read_fcs(make(in_header=(shift, 0), in_text=(shift, 0), tail=tail, gap=b"  "))


def test_offsets_that_are_both_one_byte_off_are_refused_where_they_run_into_text(make):
    """Begin and end moved together have the right size."""
    with pytest.raises(FCSError, match=r"DATA at bytes \d+-\d+ cannot be 3 events of 8 bytes: TEXT is"):
        read_fcs(make(in_header=(-1, -1), in_text=(-1, -1)))


def test_text_that_ends_on_the_first_byte_of_data_is_cut(make):
    """The same slip in the end of TEXT: a byte of a float is no part of a keyword."""
    path = make(data=np.full((3, 2), -12.3, dtype="<f4").tobytes())
    content = path.read_bytes()
    path.write_bytes(content[:18] + b"%8d" % (int(content[18:26]) + 1) + content[26:])

    metadata = read_fcs_metadata(path)

    assert metadata.n_events == 3
    assert len(metadata.warnings) == 1
    assert "TEXT is read one byte shorter" in metadata.warnings[0]


@pytest.mark.parametrize("missing", [1, 2, 8, 20, 24])
def test_a_file_that_is_cut_short_is_refused(make, missing):
    """A partial upload; that the last events are missing is not random."""
    path = make()
    path.write_bytes(path.read_bytes()[:-missing])

    whole = (24 - missing) // 8
    for read in (read_fcs, read_fcs_metadata):
        with pytest.raises(FCSError, match=rf"the file has \d+ bytes; it is cut short: {whole} of 3 events are there"):
            read(path)


@pytest.mark.parametrize(
    ("total", "message"),
    [
        ("2", r"\$TOT says 2 events of 8 bytes, the DATA segment at bytes \d+-\d+ holds 3; export the file again"),
        ("4", r"\$TOT says 4 events of 8 bytes, the DATA segment at bytes \d+-\d+ holds 3"),
        ("0", r"\$TOT says 0 events of 8 bytes, the DATA segment at bytes \d+-\d+ holds 3"),
        ("1000000000000", r"\$TOT says 1000000000000 events"),
        ("many", r"\$TOT is 'many'; it must give the number of events as a whole number"),
        ("-3", r"\$TOT is '-3'"),
        ("３", r"\$TOT is '３'"),
    ],
)
def test_a_total_that_is_not_what_data_holds_is_refused(make, total, message):
    """Every fraction is a count over a count."""
    for read in (read_fcs, read_fcs_metadata):
        with pytest.raises(FCSError, match=message):
            read(make({"$TOT": total}))


def test_fcs_2_may_leave_the_total_to_the_size(make):
    """FCS 2.0 does not demand $TOT; the size must then be a whole number of events."""
    sample = read_fcs(make({"$TOT": None}, version=b"FCS2.0    ", in_text=None))

    assert len(sample) == 3
    assert sample.warnings == ("$TOT is missing; the size of DATA makes 3 events.",)
    with pytest.raises(
        FCSError, match=r"there is no \$TOT in TEXT, and DATA of 25 bytes is no multiple of the 8 bytes"
    ):
        read_fcs(make({"$TOT": None}, version=b"FCS2.0    ", in_text=None, in_header=(0, 1), tail=bytes(8)))


@pytest.mark.parametrize(
    ("begin", "end", "message"),
    [
        ("0", "23", "overlap|cannot be 3 events"),
        ("100", "123", "TEXT is bytes"),
        ("99999999999999999990", "99999999999999999999", r"it is cut short: 0 of 3 events"),
        ("123", "100", r"holds 0"),
        ("-5", "18", r"\$BEGINDATA is '-5'; it must give a byte offset as a whole number"),
    ],
)
def test_absurd_offsets_are_refused_without_reading(make, begin, end, message):
    """No memory is asked for before the numbers have been checked against the file."""
    with pytest.raises(FCSError, match=message):
        read_fcs(make({"$BEGINDATA": begin, "$ENDDATA": end}, in_header=None))


def test_data_that_is_nowhere_is_refused(make):
    """Events that are promised must be somewhere."""
    with pytest.raises(FCSError, match=r"neither HEADER nor TEXT says where DATA is, yet \$TOT says 3 events"):
        read_fcs(make(in_header=None, in_text=None))


@pytest.mark.parametrize("in_header", [None, (0, 0), (0, 1)])
@pytest.mark.parametrize("in_text", [None, (0, 0), (0, 1)])
def test_no_events_are_a_sample_of_none(make, in_header, in_text):
    """An empty tube is a result; writers give it 0 and 0, or an end before its begin, or one byte."""
    sample = read_fcs(make({"$TOT": "0"}, b"", in_header=in_header, in_text=in_text))

    assert sample.events.shape == (0, 2)


def test_files_over_100_million_bytes():
    """HEADER has no room for the end of DATA, so TEXT alone knows it."""
    count = 13_000_000
    keywords = {"$TOT": str(count), "$BEGINDATA": "2000", "$ENDDATA": str(2000 + count * 8 - 1)}

    extent = find_data(Header("FCS3.1", Segment(58, 1999), None), keywords, 8, 2000 + count * 8, "big.fcs")

    assert (extent.begin, extent.n_events, extent.warnings) == (2000, count, ())


@given(
    header=st.tuples(st.integers(0, 300), st.integers(0, 400)),
    text=st.tuples(st.integers(0, 300), st.integers(0, 400)),
    total=st.integers(0, 20),
    row=st.integers(1, 12),
    size=st.integers(120, 400),
)
def test_an_accepted_extent_is_always_inside_the_file_and_clear_of_text(header, text, total, row, size):
    """Whatever the offsets are: no event is read from TEXT or from behind the end."""
    keywords = {"$TOT": str(total), "$BEGINDATA": str(text[0]), "$ENDDATA": str(text[1])}
    data = Segment(*header) if header[1] else None

    try:
        extent = find_data(Header("FCS3.1", Segment(58, 119), data), keywords, row, size, "any.fcs")
    except FCSError:
        return

    assert extent.n_events == total
    if total:
        assert extent.begin in {header[0], text[0]}
        assert extent.begin >= 120
        assert extent.begin + total * row <= size


def test_an_end_behind_the_file_does_not_excuse_a_begin_in_text():
    """One byte too many is put right only where the rest is DATA's own place."""
    keywords = {"$TOT": "15", "$BEGINDATA": "15", "$ENDDATA": "165"}

    with pytest.raises(FCSError, match="DATA at bytes 15-165 cannot be 15 events of 10 bytes: TEXT is bytes 58-119"):
        find_data(Header("FCS3.1", Segment(58, 119), None), keywords, 10, 165, "pt01.fcs")
