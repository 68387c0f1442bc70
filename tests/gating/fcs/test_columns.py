"""Columns: numbers to linear values by $PnR, $PnE and $PnG, each only where the standard applies it."""

import numpy as np
import pytest

from gating.errors import FCSError, UnsupportedFCSError
from gating.fcs import read_fcs, read_fcs_metadata
from gating.sample import Channel

from .conftest import EVENTS


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("datatype", "kind"), [("F", "f4"), ("D", "f8")])
def test_floating_point_in_both_byte_orders(make, order, datatype, kind):
    """BD writes the most significant byte first, most others the least."""
    events = np.array([[1.5, 2], [-3, 4e5], [5, 6]], dtype=order + kind)
    bits = str(8 * events.itemsize)
    keywords = {"$BYTEORD": "1,2,3,4" if order == "<" else "4,3,2,1", "$DATATYPE": datatype, "$P1B": bits, "$P2B": bits}

    sample = read_fcs(make(keywords, events.tobytes()))

    assert sample.events.tolist() == events.tolist()
    assert sample.events.dtype == np.float64
    assert not sample.events.flags.writeable
    assert sample.channels == (Channel("FSC-A"), Channel("PE-A", "CD3"))


@pytest.mark.parametrize("kind", ["<u1", "<u2", ">u2", "<u4", ">u4"])
def test_integers_of_each_width_and_order(integers, kind):
    """The largest number of the width shows a sign or a byte in the wrong place."""
    stored = np.array([[0, 1], [100, 200], [np.iinfo(kind).max, 3]], dtype=kind)

    sample = read_fcs(integers(stored, {"$P1R": str(2 ** (8 * stored.itemsize)), "$P2R": "256"}))

    assert sample.events.tolist() == stored.tolist()
    assert sample.warnings == ()


@pytest.mark.parametrize("order", ["1,2", "2,1"])
def test_a_byte_order_of_two_bytes(integers, order):
    """FCS 2.0 writers give it for 16-bit data."""
    stored = np.array([[1, 2]], dtype="<u2" if order == "1,2" else ">u2")

    assert read_fcs(integers(stored, {"$BYTEORD": order})).events.tolist() == [[1, 2]]


@pytest.mark.parametrize("order", ["<", ">"])
def test_widths_may_differ_from_column_to_column(make, order):
    """An 8-bit flag between 16-bit pulses moves every column behind it by a byte."""
    row = np.dtype([("a", "u1"), ("b", f"{order}u4"), ("c", f"{order}u2")])
    stored = np.array([(1, 70_000, 3), (255, 2**31, 65_535)], dtype=row)
    keywords = {"$DATATYPE": "I", "$BYTEORD": "1,2,3,4" if order == "<" else "4,3,2,1", "$PAR": "3", "$TOT": "2"}
    widths = {"$P1B": "8", "$P2B": "32", "$P3B": "16", "$P1R": "256", "$P2R": "4294967296", "$P3R": "65536"}

    sample = read_fcs(make({**keywords, **widths, "$P3N": "Time", "$P3E": "0,0"}, stored.tobytes()))

    assert sample.events.tolist() == [[1, 70_000, 3], [255, 2**31, 65_535]]


@pytest.mark.parametrize(
    ("span", "read"),
    [("1024", 0x03FF), ("1000", 0x03FF), ("1025", 0x07FF), ("65536", 0xFFFF), ("262144", 0xFFFF), ("2", 1)],
)
def test_bits_above_the_range_are_cleared(integers, span, read):
    """Cytometers of 10 bits leave noise in the other 6; the mask is the next power of two, less one."""
    sample = read_fcs(integers(np.array([[0xFFFF, 0]], dtype="<u2"), {"$P1R": span}))

    assert sample.events[0, 0] == read
    assert sample.channels[0].range == float(span)
    assert ("Bits above $PnR were cleared" in str(sample.warnings)) == (read < 0xFFFF)


def test_cleared_bits_are_counted(integers):
    """Noise is allowed; but floats read as integers, or a $PnR that lost a digit, show nothing else."""
    stored = np.array([[0xFFFF, 1], [3, 2], [1024, 1023]], dtype="<u2")

    sample = read_fcs(integers(stored, {"$P1R": "1024", "$P2R": "1024"}))

    assert sample.events.tolist() == [[1023, 1], [3, 2], [0, 1023]]
    assert sample.warnings == ("Bits above $PnR were cleared, as the standard says: FSC-A (2 of 3 events).",)
    assert "FSC-A (3 of 3 events)" in read_fcs(integers(EVENTS.view("<u4"))).warnings[0]


def test_the_full_range_of_32_bits_is_no_mask(integers):
    """2**32 does not fit the type that is masked; a mask of 0 would empty the column."""
    stored = np.array([[2**32 - 1, 2**32 - 1]], dtype="<u4")

    assert read_fcs(integers(stored, {"$P1R": "4294967296", "$P2R": "16777216"})).events.tolist() == [
        [2**32 - 1, 2**24 - 1]
    ]


def test_log_amplified_integers_become_linear(integers):
    """10 ** (4 * 512 / 1024) is 100: a FACSCalibur's middle of the scale."""
    sample = read_fcs(
        integers(np.array([[512, 256]], dtype=">u2"), {"$P1R": "1024", "$P1E": "4,1", "$P2R": "1024", "$P2E": "2,0.1"})
    )

    assert sample.events[0] == pytest.approx([100, 0.1 * 10**0.5])
    assert [c.range for c in sample.channels] == pytest.approx([10_000, 10])
    assert sample.warnings == ()


def test_log_amplified_integers_of_32_bits(integers):
    """Too many numbers for a table, the same formula."""
    sample = read_fcs(integers(np.array([[2**19, 7]], dtype="<u4"), {"$P1R": str(2**20), "$P1E": "6,1"}))

    assert sample.events[0].tolist() == pytest.approx([1000, 7])


def test_a_log_offset_of_zero_is_read_as_one(integers):
    """FCS 3.1 says so of "4,0", which every CellQuest file has; it is recorded all the same."""
    sample = read_fcs(
        integers(np.array([[512, 512]], dtype="<u2"), {"$P1R": "1024", "$P1E": "4,0", "$P2R": "1024", "$P2E": "4,0"})
    )

    assert sample.events[0] == pytest.approx([100, 100])
    assert sample.warnings == ("$PnE '4,0' is read as '4,1', as FCS 3.1 says: FSC-A, PE-A.",)


def test_floating_point_is_linear_whatever_pne_says(make):
    """FlowIO applies it: 10,214 becomes 1.43."""
    sample = read_fcs(make({"$P2E": "4,1"}))

    assert sample.events[1, 1] == 4e5
    assert sample.warnings == ("$PnE on floating-point data was ignored; the values are linear: PE-A.",)


def test_gain_divides(make):
    """A pulse amplified eightfold is an eighth of what was stored, and its scale ends at an eighth."""
    sample = read_fcs(make({"$P1G": "8", "$P2G": "1.0"}))

    assert sample.events[:, 0].tolist() == [1.5 / 8, -3 / 8, 5 / 8]
    assert sample.channels[0].range == 262144 / 8
    assert sample.warnings == ("$PnG divides the values by 8: FSC-A.",)


def test_gain_divides_in_double_precision(make):
    """A third of a 32-bit number is no 32-bit number."""
    assert read_fcs(make({"$P1G": "3"})).events[2, 0] == 5 / 3


def test_gain_divides_integers(integers):
    """The table of 16-bit numbers holds quotients too."""
    assert read_fcs(integers(np.array([[10, 10]], dtype="<u2"), {"$P1G": "4", "$P1R": "1024"})).events[0].tolist() == [
        2.5,
        10,
    ]


@pytest.mark.parametrize("gain", ["0", "0.0", "high", "-2", "nan", "inf", "1e300"])
def test_a_gain_that_cannot_be_is_ignored(make, gain):
    """FlowKit divided by zero here."""
    sample = read_fcs(make({"$P1G": gain}))

    assert sample.events[0, 0] == 1.5
    assert sample.warnings == ("$PnG is no usable number and was ignored: FSC-A.",)


def test_gain_on_a_log_channel_is_ignored(integers):
    """The two are alternatives: a logarithmic amplifier has no gain."""
    sample = read_fcs(integers(np.array([[512, 0]], dtype="<u2"), {"$P1R": "1024", "$P1E": "4,1", "$P1G": "2"}))

    assert sample.events[0, 0] == pytest.approx(100)
    assert "gain is for linear ones: FSC-A" in sample.warnings[0]


def test_time_is_not_divided_by_the_time_step(make):
    """BD repeats $TIMESTEP as the gain of Time; divided by it, a run of a minute lasts 100."""
    repeated = read_fcs(make({"$P1N": "Time", "$P1G": "0.01", "$TIMESTEP": "0.01"}))
    other = read_fcs(make({"$P1N": "Time", "$P1G": "4", "$TIMESTEP": "0.01"}))

    assert repeated.events[0, 0] == other.events[0, 0] == 1.5
    assert repeated.warnings == ()
    assert other.warnings == ("$PnG on the time channel was ignored: Time.",)


@pytest.mark.parametrize("span", [None, "abc", "0", "1e39", "-1", "nan"])
def test_an_unusable_range_is_taken_from_the_events(make, span):
    """An axis needs an end; the largest value is one, and it is said."""
    sample = read_fcs(make({"$P2R": span}))

    assert sample.channels[1].range == 4e5
    assert sample.warnings == ("$PnR is missing or no usable number; the scale ends at the largest value: PE-A.",)


def test_an_unusable_range_masks_nothing(integers):
    """A range of 0 is not a mask of no bits."""
    sample = read_fcs(integers(np.array([[60_000, 0]], dtype="<u2"), {"$P1R": "0"}))

    assert sample.events[0, 0] == sample.channels[0].range == 60_000


def test_a_log_channel_needs_its_range(integers):
    """The range is in the formula."""
    with pytest.raises(FCSError, match=r"\$P1R is 'abc' on a logarithmic channel; without the number at the top"):
        read_fcs(integers(np.array([[1, 1]], dtype="<u2"), {"$P1R": "abc", "$P1E": "4,1"}))


@pytest.mark.parametrize("amplification", ["4", "log", "-4,1", "4,-1", "400,1", "4,1,1"])
def test_an_amplification_that_cannot_be_is_refused(integers, amplification):
    """Linear or not is a factor of thousands."""
    with pytest.raises(FCSError, match=rf"\$P1E is '{amplification}'; it must be '0,0' or like '4,1'"):
        read_fcs(integers(np.array([[1, 1]], dtype="<u2"), {"$P1E": amplification}))


def test_integers_without_amplification_are_linear(integers):
    """$PnE is demanded, and linear is what its absence has always meant; it is said."""
    warnings = read_fcs(integers(np.array([[1, 1]], dtype="<u2"), {"$P1E": None, "$P2E": "0,1"})).warnings

    assert warnings == (
        "$PnE is missing; the values are taken as linear: FSC-A.",
        "$PnE with 0 decades and an offset is read as linear: PE-A.",
    )


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"$PAR": None}, r"pt01\.fcs: there is no \$PAR in TEXT; it must give the number of parameters"),
        ({"$PAR": "two"}, r"\$PAR is 'two'; it must give the number of parameters as a whole number"),
        ({"$PAR": "0"}, r"\$PAR is 0, but TEXT names 2 parameters"),
        ({"$PAR": "3"}, r"\$PAR is 3, but TEXT names 2 parameters; \$P3N is missing"),
        ({"$PAR": "1000000000"}, r"\$PAR is 1000000000, but TEXT names 2 parameters; \$P3N is missing"),
        ({"$PAR": "1_0"}, r"\$PAR is '1_0'"),
        ({"$P1N": None}, r"\$PAR is 2, but TEXT names 1 parameters; \$P1N is missing"),
        ({"$P1N": None, "$P3N": "APC-A"}, r"\$P1N is missing or empty; every parameter needs its name"),
        ({"$P1N": " "}, r"\$P1N is missing or empty"),
        ({"$P1N": "PE-A"}, r"\$P1N and \$P2N are both 'PE-A'; names of parameters must differ, or each have a marker"),
        ({"$P1N": "PE-A", "$P1S": "CD3"}, r"\$P1N and \$P2N are both 'PE-A'"),
        ({"$P2B": None}, r"there is no \$P2B in TEXT; it must give the bits of 'PE-A'"),
        ({"$P2B": "*"}, r"\$P2B is '\*'"),
        ({"$P2B": "16"}, r"\$P2B is 16 with \$DATATYPE F, which has 32 bits"),
        ({"$DATATYPE": None}, r"there is no \$DATATYPE in TEXT; it must be F, D or I"),
        ({"$DATATYPE": "X"}, r"\$DATATYPE is 'X'; it must be F, D or I"),
        ({"$BYTEORD": None}, r"there is no \$BYTEORD in TEXT; 1,2,3,4, 4,3,2,1, 3,4,1,2 and 2,1,4,3 can be read"),
        ({"$BYTEORD": "little"}, r"\$BYTEORD is 'little'"),
        ({"$MODE": "X"}, r"\$MODE is 'X'; it must be L"),
        ({"$NEXTDATA": "soon"}, r"\$NEXTDATA is 'soon'; it must give the byte where the next dataset begins"),
    ],
)
def test_contradictions_are_refused(make, keywords, message):
    """Each of these, read on regardless, gives numbers under the wrong name."""
    for read in (read_fcs, read_fcs_metadata):
        with pytest.raises(FCSError, match=message) as caught:
            read(make(keywords))
        assert not isinstance(caught.value, UnsupportedFCSError)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"$DATATYPE": "A"}, r"pt01\.fcs: \$DATATYPE is A, numbers as text; F, D and I can be read"),
        ({"$MODE": "H"}, r"\$MODE is H, a histogram; lists of events \(L\) can be read"),
        ({"$MODE": "C"}, r"\$MODE is C, a histogram"),
        ({"$MODE": "u"}, r"\$MODE is U, a histogram"),
        ({"$BYTEORD": "1,3,2,4"}, r"\$BYTEORD is '1,3,2,4'; 1,2,3,4, 4,3,2,1, 3,4,1,2 and 2,1,4,3 can be read"),
        ({"$DATATYPE": "I", "$P1B": "10"}, r"\$P1B is 10; integers of 8, 16, 24 and so on to 64 bits can be read"),
        ({"$DATATYPE": "I", "$P2B": "72"}, r"\$P2B is 72; integers"),
        (
            {"$DATATYPE": "D", "$P1B": "64", "$P2B": "64", "$BYTEORD": "3,4,1,2"},
            r"\$BYTEORD is 3,4,1,2 and \$P1B is 64",
        ),
    ],
)
def test_sound_files_of_other_kinds_are_told_apart(make, keywords, message):
    """The analyst need not look for damage: another export, or a later version of this reader, will do."""
    for read in (read_fcs, read_fcs_metadata):
        with pytest.raises(UnsupportedFCSError, match=message):
            read(make(keywords))


def test_a_missing_mode_is_a_list_of_events(make):
    """FCS 3.2 dropped the keyword, as nobody writes anything else."""
    assert read_fcs(make({"$MODE": None})).warnings == ("$MODE is missing; DATA is taken as a list of events.",)
    assert read_fcs(make({"$MODE": None}, version=b"FCS3.2    ")).warnings == ()


def as_bytes(number, width, order):
    """Return a whole number as it stands in a file whose bytes have this order."""
    little = number.to_bytes(width, "little")
    return bytes(little[significance - 1] for significance in order)


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 40, 48, 56, 64])
@pytest.mark.parametrize("descending", [False, True])
def test_integers_of_every_number_of_bytes(make, bits, descending):
    """Cytek's xP5 writes 24 bits; the standard ends nowhere before 64."""
    width = bits // 8
    order = range(width, 0, -1) if descending else range(1, width + 1)
    numbers = [0, 1, 2**bits - 1, 0x0123456789ABCDEF % 2**bits, 2 ** (bits - 1), 77]
    data = b"".join(as_bytes(number, width, order) for number in numbers)
    keywords = {
        "$DATATYPE": "I",
        "$P1B": str(bits),
        "$P2B": str(bits),
        "$BYTEORD": "4,3,2,1" if descending else "1,2,3,4",
    }
    sample = read_fcs(make({**keywords, "$P1R": str(2**bits), "$P2R": str(2**bits)}, data))

    assert sample.events.ravel().tolist() == [float(number) for number in numbers]


def test_rounding_of_integers_above_53_bits_is_said(make):
    """A float of 64 bits cannot hold them; no detector needs them."""
    data = np.array([[2**53 + 1, 5], [1, 5], [1, 5]], dtype="<u8").tobytes()
    keywords = {"$DATATYPE": "I", "$P1B": "64", "$P2B": "64", "$P1R": str(2**64), "$P2R": str(2**64)}

    assert read_fcs(make(keywords, data)).warnings == ("Values from 2**53 on are rounded: FSC-A.",)


@pytest.mark.parametrize("order", [(3, 4, 1, 2), (2, 1, 4, 3)])
def test_the_byte_orders_of_a_pdp_11(make, order):
    """Words of 16 bits in one order, their bytes in the other; FCS 2.0 and 3.0 allow it."""
    row = [(1, 70_000, 3), (255, 2**31 + 5, 65_000)]
    words = (1, 2) if order[0] < order[1] else (2, 1)
    data = b"".join(as_bytes(a, 1, (1,)) + as_bytes(b, 4, order) + as_bytes(c, 2, words) for a, b, c in row)
    keywords = {"$DATATYPE": "I", "$BYTEORD": ",".join(map(str, order)), "$PAR": "3", "$TOT": "2", "$P3N": "Time"}
    keywords |= {"$P1B": "8", "$P2B": "32", "$P3B": "16", "$P1R": "256", "$P2R": str(2**32), "$P3R": "65536"}

    assert read_fcs(make({**keywords, "$P3E": "0,0"}, data)).events.tolist() == [list(map(float, each)) for each in row]


def test_floating_point_in_the_order_of_a_pdp_11(make):
    """The bytes of a float are moved like those of an integer."""
    little = np.array([[1.5, -2e5], [3, 4], [5, 6]], dtype="<f4")
    data = little.view("<u2").reshape(-1, 2)[:, ::-1].tobytes()

    assert read_fcs(make({"$BYTEORD": "3,4,1,2"}, data)).events.tolist() == little.tolist()


def test_columns_of_their_own_type(make):
    """FCS 3.2: time as an integer among floats, which read as a float is 1e-42."""
    row = np.dtype([("a", "<f4"), ("b", "<u4"), ("c", "<f8")])
    stored = np.array([(1.5, 12, 1e-3), (-2.5, 4_000_000_000, 2e300)], dtype=row)
    keywords = {"$PAR": "3", "$TOT": "2", "$P2DATATYPE": "I", "$P3DATATYPE": "D", "$P3N": "FL-A", "$P3B": "64"}
    keywords |= {"$P2N": "Time", "$P2R": str(2**32), "$P3R": "262144", "$P3E": "0,0"}

    assert read_fcs(make(keywords, stored.tobytes(), version=b"FCS3.2    ")).events.tolist() == [
        [1.5, 12, 1e-3],
        [-2.5, 4_000_000_000, 2e300],
    ]


def test_a_type_of_its_own_before_fcs_3_2_has_two_readings(make):
    """Earlier readers ignore it, later ones do not: the file must say which it is."""
    with pytest.raises(FCSError, match=r"\$P2DATATYPE is I and \$DATATYPE is F; only FCS 3\.2 .* this is FCS3\.1"):
        read_fcs(make({"$P2DATATYPE": "I"}))
    assert read_fcs(make({"$P2DATATYPE": "F"})).warnings == ()


def test_a_name_that_par_does_not_count_is_recorded(make):
    """The size of DATA has proved $PAR right; the name is a remnant, and may be a sign of more."""
    sample = read_fcs(make({"$P3N": "APC-A"}))

    assert len(sample.channels) == 2
    assert sample.warnings == ("$PAR is 2, yet TEXT has $P3N; DATA holds 2 columns.",)
