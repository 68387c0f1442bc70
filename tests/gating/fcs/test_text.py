"""HEADER and TEXT: what is taken apart, what is recorded, what is refused."""

import time

import pytest

from gating.errors import FCSError, UnsupportedFCSError
from gating.fcs import read_fcs, read_fcs_metadata
from gating.fcs.text import parse_text


@pytest.mark.parametrize("delimiter", ["/", "|", "*", "\\", "\x0c", "\x1e", "\r", "\t", "!", "#"])
def test_any_ascii_character_is_a_delimiter(make, delimiter):
    """Each of these is some cytometer's; those that mean something in a regular expression have broken readers."""
    sample = read_fcs(make({"$CYT": "LSR II"}, delimiter=delimiter))

    assert sample.keywords["$CYT"] == "LSR II"
    assert sample.warnings == ()


def test_a_doubled_delimiter_is_part_of_the_value(make):
    """A marker ``CD4/CD8`` must not turn into a marker and a keyword."""
    metadata = read_fcs_metadata(make({"$P2S": "CD4//CD8", "PATH": "C:////data"}))

    assert metadata.channels[1].marker == "CD4/CD8"
    assert metadata.keywords["PATH"] == "C://data"
    assert metadata.warnings == ()


def test_a_doubled_delimiter_may_end_a_value(make):
    """Three in a row are a doubled one and the end of the value."""
    path = make({"FOLDER": "C:\\\\data\\\\"}, delimiter="\\")

    assert read_fcs_metadata(path).keywords["FOLDER"] == "C:\\data\\"
    assert parse_text(b"|A|x|||B|y|", "pt01.fcs").keywords == {"A": "x|", "B": "y"}


def test_an_empty_value_does_not_swallow_the_next_keyword(make):
    """Read by the doubling rule, ``$P1S//$P2S/CD3`` loses the name of a marker."""
    metadata = read_fcs_metadata(make({"$OP": "", "$P1S": "", "$P2S": "CD3"}))

    assert metadata.channels[1].marker == "CD3"
    assert metadata.keywords["$OP"] == ""
    assert metadata.warnings == ("TEXT has keywords without a value, kept as empty: $OP, $P1S.",)


def test_an_empty_value_may_be_the_last(make):
    """CellQuest ends its TEXT so."""
    metadata = read_fcs_metadata(make(text=lambda text: text + b"&13ANALYSIS DOC.//   "))

    assert metadata.keywords["&13ANALYSIS DOC."] == ""


def test_a_value_that_begins_with_the_delimiter_is_refused(make):
    """``A///x`` is an A of ``/x``, or an ``A/`` of ``x``: nobody can tell."""
    with pytest.raises(FCSError, match=r"pt01\.fcs: TEXT can be read in two ways at '\$OP/'; a value must not begin"):
        read_fcs_metadata(make({"$OP": "//x"}))


def test_a_stray_delimiter_is_refused(make):
    """It shifts every keyword after it to the place of a value."""
    with pytest.raises(FCSError, match=r"TEXT ends with the keyword .* and no value for it; somewhere a delimiter '/'"):
        read_fcs_metadata(make({"$CYT": "LSR/II"}))


def test_two_stray_delimiters_are_refused_where_they_shift_a_parameter(make):
    """Two shifts cancel at the end of TEXT, and between them every name is a value."""
    with pytest.raises(FCSError, match="keywords and values have changed places"):
        read_fcs_metadata(make({"$MODE": "L/x", "$P2E": "0,0/x"}))


def test_keywords_are_upper_case_and_values_verbatim(make):
    """FCS keywords are not case-sensitive; values are what someone typed."""
    metadata = read_fcs_metadata(make({"$TOT": None, "$tot": "3", "Tube Name": " fmo "}))

    assert metadata.n_events == 3
    assert metadata.keywords["TUBE NAME"] == " fmo "


def test_utf8_then_latin1(make):
    """A µ is two bytes in one and one in the other; the fallback is recorded."""
    assert read_fcs_metadata(make({"$COM": "5 µl"})).keywords["$COM"] == "5 µl"
    latin = read_fcs_metadata(
        make({"$COM": "5 µl"}, text=lambda text: text.decode().replace("µl", "µl ").encode("latin-1"))
    )

    assert latin.keywords["$COM"] == "5 µl "
    assert latin.warnings == ("TEXT is not UTF-8; it is read as Latin-1.",)


def test_padding_and_a_byte_order_mark_are_no_part_of_text(make):
    """Writers pad TEXT to a round length; an editor puts a mark before it."""
    padded = read_fcs_metadata(make(text=lambda text: text + b"\0\0 \r\n"))
    marked = read_fcs_metadata(make(text=lambda text: b"\xef\xbb\xbf" + text))

    assert padded.warnings == ()
    assert marked.warnings == ("TEXT begins with a byte order mark, which was skipped.",)
    assert marked.keywords == padded.keywords | {k: marked.keywords[k] for k in ("$BEGINDATA", "$ENDDATA")}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_refused_by_name(make, encoding):
    """Read as bytes it gives keywords of every other letter."""
    with pytest.raises(FCSError, match=r"pt01\.fcs: TEXT is UTF-16, not allowed by FCS"):
        read_fcs_metadata(make(text=lambda text: text.decode().encode(encoding)))


def test_a_keyword_given_twice_is_recorded_and_the_first_kept(make):
    """Twice the same is harmless; twice different is said."""
    same = make(text=lambda text: text + b"$CYT/LSR/$CYT/LSR/")
    differs = make(text=lambda text: text + b"$CYT/LSR/$CYT/Aria/", name="b.fcs")

    assert read_fcs_metadata(same).warnings == ()
    assert read_fcs_metadata(differs).keywords["$CYT"] == "LSR"
    assert read_fcs_metadata(differs).warnings == ("TEXT gives keywords twice, the first value is kept: $CYT.",)


@pytest.mark.parametrize("keyword", ["$P2N", "$P1G", "$BYTEORD", "$TOT", "$P2E"])
def test_two_values_of_what_decides_about_numbers_are_refused(make, keyword):
    """The first of two gains is a coin toss."""
    path = make(text=lambda text: text + f"{keyword}/1/{keyword}/2/".encode())

    with pytest.raises(FCSError, match=rf"\{keyword} is given twice, as .*; how DATA is to be read must be said once"):
        read_fcs_metadata(path)


def test_supplemental_text_is_read_with_and_without_its_delimiter(make):
    """Keywords that found no room; some writers begin them without the delimiter."""
    for extra in (b"/$OP/Li/SPILL/1,PE-A,1/", b"$OP/Li/SPILL/1,PE-A,1/"):
        plain = make(tail=extra)
        begin = plain.stat().st_size - len(extra)
        offsets = {"$BEGINSTEXT": f"{begin:04d}", "$ENDSTEXT": f"{begin + len(extra):04d}"}
        grown = len("".join(f"/{k}/{v}" for k, v in offsets.items()))
        offsets = {"$BEGINSTEXT": f"{begin + grown:04d}", "$ENDSTEXT": f"{begin + grown + len(extra) - 1:04d}"}
        metadata = read_fcs_metadata(make(offsets, tail=extra))

        assert metadata.keywords["$OP"] == "Li"
        assert metadata.keywords["SPILL"] == "1,PE-A,1"
        assert ("does not begin with the delimiter" in " ".join(metadata.warnings)) == extra.startswith(b"$")


def test_supplemental_text_behind_the_file_is_refused(make):
    """What it held may be a spillover matrix."""
    with pytest.raises(FCSError, match=r"the supplemental TEXT is bytes 9000-9100, the file has \d+ bytes"):
        read_fcs_metadata(make({"$BEGINSTEXT": "9000", "$ENDSTEXT": "9100"}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"pt01\.fcs: empty file \(0 bytes\)"),
        (
            b"\xff\xd8\xff\xe0\x00\x10JFIF",
            r"not FCS \(starts with b'\\xff\\xd8.*, a JPEG picture\); an FCS file starts with b'FCS'",
        ),
        (b"PK\x03\x04" + bytes(60), ", a zip archive"),
        (b"FSC-A,PE-A\n1,2\n", r"not FCS \(starts with b'FSC-A,'\)"),
        ("FCS3.1".encode("utf-16"), "UTF-16 text, not allowed by FCS"),
        ("FCS3.1".encode("utf-16-le"), "UTF-16 text"),
        (b"FCSV data" + bytes(60), r"not FCS \(the version reads 'FCSV data"),
        (b"FCS3.1    ", r"the file ends at byte 10, inside the HEADER of 58 bytes"),
        (b"FCS3.1    " + b"     abc" * 6, r"bytes 10-17 of HEADER hold b'abc'; a byte offset is a whole number"),
        (b"FCS3.1    " + b"      -8" * 6, r"bytes 10-17 of HEADER hold b'-8'"),
        (b"FCS3.1    " + b"       0" * 6, r"HEADER puts TEXT at bytes 0-0; it must begin after HEADER"),
        (b"FCS3.1    " + b"      58    9999" * 3, r"TEXT is bytes 58-9999, the file has 58 bytes; it is cut short"),
    ],
)
def test_what_is_no_fcs_file_says_what_it_is(tmp_path, content, message):
    """The analyst has to find out how it came among the exports."""
    path = tmp_path / "pt01.fcs"
    path.write_bytes(content)

    for read in (read_fcs, read_fcs_metadata):
        with pytest.raises(FCSError, match=message):
            read(path)


@pytest.mark.parametrize("version", [b"FCS3.3    ", b"FCS4.0    ", b"FCS1.0    "])
def test_other_versions_are_refused_by_name(make, version):
    """They may have other rules: 3.2 gave columns their own $DATATYPE, and read as 3.1 it gives times of 1e-42."""
    with pytest.raises(UnsupportedFCSError, match=rf"is version {version.decode().strip()}; FCS2\.0, FCS3\.0, FCS3\.1"):
        read_fcs_metadata(make(version=version))


def test_a_version_with_a_blank_in_it_is_read(make):
    """Nothing else can be meant."""
    metadata = read_fcs_metadata(make(version=b"FCS 3.1   "))

    assert metadata.version == "FCS3.1"
    assert metadata.warnings == ("The version is written 'FCS 3.1', read as FCS3.1.",)


def test_a_delimiter_that_is_no_ascii_is_refused(make):
    """An offset that points into DATA finds such."""
    with pytest.raises(FCSError, match=r"TEXT begins with 'é'; the delimiter is an ASCII character"):
        read_fcs_metadata(make(text=lambda text: "é".encode() + text[2:]))


def test_large_text_is_fast(make):
    """A vendor's record of 5 MB and 100,000 keywords are both met with."""
    path = make({f"KEYWORD {i}": "x" for i in range(100_000)} | {"BLOB": "ab//" * 1_250_000})

    begun = time.perf_counter()
    metadata = read_fcs_metadata(path)

    assert len(metadata.keywords["BLOB"]) == 3_750_000
    assert time.perf_counter() - begun < 2
