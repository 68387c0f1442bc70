"""The bridge to FlowCytometryTools, and FlowCytometryTools as a second opinion on reading and counts."""

import collections
import importlib.util
import inspect
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

from gating import (
    ROOT,
    BooleanGate,
    Channel,
    EllipseGate,
    ExchangeError,
    Logicle,
    PolygonGate,
    QuadrantGate,
    RangeGate,
    RatioGate,
    RectangleGate,
    Sample,
    compensate,
    declare_uncompensated,
    file_spillover,
    gate_sample,
    parse_template,
    read_fcs,
)
from gating.exchange import flowcytometrytools as bridge

SPEC = importlib.util.find_spec("FlowCytometryTools")
installed = pytest.mark.skipif(SPEC is None, reason="FlowCytometryTools is not installed: `make bridge` has it")
SITE = Path(SPEC.origin).parents[1] if SPEC and SPEC.origin else Path("absent")
FILES = sorted(
    str(path.relative_to(SITE))
    for package in ("FlowCytometryTools", "fcsparser")
    for path in (SITE / package / "tests" / "data").rglob("*")
    if path.suffix.casefold() in {".fcs", ".lmd"}
)
"""Real files of twelve kinds of cytometer, in the wheels of FlowCytometryTools and fcsparser."""
REFUSED = {
    "Guava Muse.fcs": "holds 4 datasets \\(1 'YPD-Q_neg', 2 'Rhind_nucl'",
    "corrupted.fcs": "not FCS",
    "sample_header.fcs": "cut short: 0 of 20000 events",
}
CHANNEL_NUMBERS = {"Sample_Well_A02.fcs", "fcs1_cleaned.lmd", "Cytek_xP5.fcs"}
"""Files with $PnE or $PnG, which fcsparser reads and does not apply."""


@pytest.fixture(scope="module")
def fct():
    """Import the package, with what it lacks."""
    return bridge.load()


@pytest.fixture
def plate_file():
    """Name a file of the wheel: 10,000 events in 16 channels, MACSQuant."""
    return SITE / "FlowCytometryTools" / "tests" / "data" / "Plate01" / "RFP_Well_A3.fcs"


@pytest.fixture
def measurement(fct, plate_file):
    """Read that file with FlowCytometryTools."""
    return fct.FCMeasurement("A3", datafile=str(plate_file))


@pytest.fixture
def sample(plate_file):
    """Read that file ourselves; it was measured without spillover."""
    return declare_uncompensated(read_fcs(plate_file))


def small(events, names=("X", "Y")):
    """Return a compensated sample of a few events."""
    channels = tuple(Channel(name) for name in names)
    return Sample("small", channels, np.array(events, dtype=float), compensation="none (declared)")


def applied(gates, sample, *, scales=bridge.UNTRANSFORMED):
    """Return (n,) membership in the last of some gates of theirs, taken through a template of ours."""
    template = parse_template(bridge.from_gates(gates, scales=scales))
    return gate_sample(sample, template).populations[gates[-1][0]].members


# ------------------------------------------------------------------------------------- the package


@pytest.mark.parametrize(("library", "version"), [("numpy", "2.4.0"), ("pandas", "3.0.1")])
def test_newer_libraries_are_refused(monkeypatch, library, version):
    """Under pandas 3 its plates are empty without a word: better none than empty ones."""
    older = {"numpy": ("1.26.4", 2), "pandas": ("2.1.4", 3)}
    monkeypatch.setattr(bridge, "NEWEST", {**older, library: (version, older[library][1])})

    with pytest.raises(ExchangeError, match=rf"{library} {version} is installed; it needs {library} below"):
        bridge.load.__wrapped__()


def test_a_missing_package_is_named_with_the_cure(monkeypatch):
    """Who asks for the bridge without the extra is told of the extra."""
    monkeypatch.setattr(bridge, "NEWEST", {"numpy": ("1.26.4", 2)})
    monkeypatch.setattr(bridge, "import_module", lambda name: importlib.import_module(f"absent_{name}"))

    with pytest.raises(ExchangeError, match=r"install '.\[flowcytometrytools\]'"):
        bridge.load.__wrapped__()


@installed
def test_the_standard_library_is_left_as_it_was(fct):
    """The names it lacks are lent while it is imported, then only its own modules have them."""
    assert fct.FCPlate
    assert not hasattr(collections, "MutableMapping")
    assert not hasattr(inspect, "getargspec")


@installed
def test_what_needs_the_old_names_later_works_too(fct, measurement):
    """Queued steps, plots with gates and plates look the names up when they run, not on import."""
    import matplotlib.pyplot as plt

    gate = fct.ThresholdGate(1000.0, "Y2-A", "above")
    queued = measurement.gate(gate, apply_now=False)
    plate = fct.FCPlate.from_dir("plate", fct.test_data_dir, parser="name")

    assert queued.counts == measurement.gate(gate).counts == int((measurement.data["Y2-A"] >= 1000).sum())
    assert len(plate) == 7
    plt.close("all")
    measurement.plot(["Y2-A"], gates=[gate])
    plt.close("all")
    plate.plot(["Y2-A"])
    plt.close("all")


# ------------------------------------------------------------------------------------- reading


@installed
@pytest.mark.parametrize("file", FILES)
def test_fcsparser_reads_the_same_events(file):
    """Every file of its wheels: the same events, or refused with its reason, or $PnE and $PnG applied."""
    import fcsparser

    path = SITE / file
    if path.name in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[path.name]):
            read_fcs(path)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, theirs = fcsparser.parse(str(path))
    theirs, sample = theirs.to_numpy(dtype=float), read_fcs(path)

    if path.name in CHANNEL_NUMBERS:
        scaled = scaled_by_hand(sample, theirs)
        assert not np.array_equal(sample.events, theirs)
        np.testing.assert_allclose(sample.events, scaled, rtol=1e-12)
    else:
        np.testing.assert_array_equal(sample.events, theirs)


@installed
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_fcsparser_reads_the_same_events_of_each_dataset(number):
    """A Guava file of four tubes; fcsparser counts from 0 and takes the first unless told otherwise."""
    import fcsparser

    path = SITE / "fcsparser" / "tests" / "data" / "FlowCytometers" / "GuavaMuse" / "Guava Muse.fcs"
    meta, theirs = fcsparser.parse(str(path), data_set=number - 1)
    sample = read_fcs(path, dataset=number)

    assert sample.keywords["GTI$SAMPLEID"] == meta["GTI$SAMPLEID"]
    np.testing.assert_allclose(sample.events, scaled_by_hand(sample, theirs.to_numpy(dtype=float)), rtol=1e-12)


def scaled_by_hand(sample, numbers):
    """Return (n, p) channel numbers on the scale of each column."""
    return np.column_stack([on_scale(sample, i, column) for i, column in enumerate(numbers.T)])


def on_scale(sample, i, numbers):
    """Take channel numbers to the scale the standard gives them: ``f2 10**(f1 x / r)`` if integers, or ``x / gain``."""
    decades, low = map(float, sample.keywords[f"$P{i + 1}E"].split(","))
    if decades and sample.keywords["$DATATYPE"] == "I":
        return (low or 1) * 10 ** (decades * numbers / float(sample.keywords[f"$P{i + 1}R"]))
    return numbers / float(sample.keywords.get(f"$P{i + 1}G", 1))


# ------------------------------------------------------------------------------------- samples


@installed
def test_a_sample_goes_there_and_comes_back(shared, fct):
    """Compensated events arrive bit for bit, by marker, and the way back knows that they are compensated."""
    path = sorted((shared / "data" / "mouse_activation").glob("*.fcs"))[0]
    raw = read_fcs(path)
    sample = compensate(raw, file_spillover(raw))
    there = bridge.to_measurement(sample)
    back = bridge.from_measurement(there)

    assert isinstance(there, fct.FCMeasurement)
    assert there.counts == len(sample)
    assert list(there.data.columns) == [str(channel) for channel in sample.channels]
    np.testing.assert_array_equal(back.events, sample.events)
    assert back.channels == sample.channels
    assert back.compensation == sample.compensation
    assert back.keywords["$CYT"] == sample.keywords["$CYT"]
    there.data.iloc[0, 0] += 1
    assert there.data.iloc[0, 0] == sample.events[0, 0] + 1


@installed
def test_its_own_transform_finds_the_range_of_our_channels(sample):
    """``transform`` with its defaults looks the scale up in the meta data."""
    there = bridge.to_measurement(sample).transform("hlog", channels=["Y2-A"])
    direct = (
        bridge.load().FCMeasurement("x", datafile=bridge.load().test_data_file).transform("hlog", channels=["Y2-A"])
    )

    np.testing.assert_allclose(there.data["Y2-A"], direct.data["Y2-A"], rtol=1e-6)


@installed
def test_markers_that_repeat_are_named_by_channel():
    """Two columns of one name would silently be one."""
    channels = (Channel("B1-A", "CD3"), Channel("B2-A", "CD3"))
    sample = Sample("twice", channels, np.zeros((2, 2)), compensation="none (declared)")

    assert list(bridge.to_measurement(sample).data.columns) == ["B1-A", "B2-A"]
    assert list(bridge.to_measurement(sample, channel_naming="$PnN").data.columns) == ["B1-A", "B2-A"]


@installed
def test_a_measurement_comes_as_the_sample_we_read(measurement, plate_file):
    """What fcsparser read and what we read of one file are one sample."""
    theirs, ours = bridge.from_measurement(measurement), read_fcs(plate_file)

    np.testing.assert_array_equal(theirs.events, ours.events)
    assert theirs.channels == ours.channels
    assert not theirs.compensated
    assert {word: ours.keywords[word] for word in ("$CYT", "$P1R", "$P3N")} == {
        word: theirs.keywords[word] for word in ("$CYT", "$P1R", "$P3N")
    }


@installed
def test_what_was_gated_before_says_so(fct, measurement):
    """A fraction of root is then a fraction of what a gate left."""
    gated = bridge.from_measurement(measurement.gate(fct.ThresholdGate(1000.0, "Y2-A", "above")))

    assert 0 < len(gated) == int((measurement.data["Y2-A"] >= 1000).sum()) < len(measurement.data)
    assert gated.warnings == ("Gated in FlowCytometryTools before; root is what that left.",)


@installed
def test_transformed_events_are_refused(measurement):
    """Gates here take linear events; a queued transform counts too."""
    for now in (True, False):
        shown = measurement.transform("hlog", channels=["Y2-A"], apply_now=now)
        with pytest.raises(ExchangeError, match="A3: the measurement was transformed"):
            bridge.from_measurement(shown)


@installed
def test_channel_numbers_on_a_log_scale_are_refused(fct):
    """FlowCytometryTools leaves $PnE as it is: 0 to 1023 would pass for a linear signal."""
    path = SITE / "fcsparser" / "tests" / "data" / "FlowCytometers" / "FACSCaliburHTS" / "Sample_Well_A02.fcs"

    with pytest.raises(ExchangeError, match=r"\$PnE is 4,0 on FSC-H.*read_fcs"):
        bridge.from_measurement(fct.FCMeasurement("A02", datafile=str(path)))


@installed
def test_data_of_ones_own_need_no_file(fct):
    """A measurement may hold any table of numbers; words among them are refused."""
    import pandas as pd

    own = fct.FCMeasurement("own", readmeta=False)
    own.set_meta({})
    own.set_data(pd.DataFrame({"X": [1, 2], "Y": [3, 4]}))

    assert bridge.from_measurement(own).events.tolist() == [[1, 3], [2, 4]]
    own.set_data(pd.DataFrame({"X": ["a", "b"]}))
    with pytest.raises(ExchangeError, match="own: the data are not numbers"):
        bridge.from_measurement(own)


def test_uncompensated_samples_do_not_go_there():
    """It has no compensation: what is not compensated on leaving never will be."""
    with pytest.raises(ExchangeError, match="small: not compensated"):
        bridge.to_measurement(Sample("small", (Channel("X"),), np.zeros((1, 1))))


def test_a_naming_it_does_not_know_is_refused():
    """The two words are those of FlowCytometryTools."""
    with pytest.raises(ExchangeError, match="channel_naming='marker'; say"):
        bridge.to_measurement(small([[0, 0]]), channel_naming="marker")


# ------------------------------------------------------------------------------------- its gates as ours


def shapes(fct):
    """Return a gate of every kind and region on the RFP wells, with numbers that its events hit exactly."""
    y = ["FSC-A", "SSC-A"]
    return {
        "above": fct.ThresholdGate(1000.0, "Y2-A", "above"),
        "below": fct.ThresholdGate(1000.0, "Y2-A", "below"),
        "in": fct.IntervalGate((250.5, 4000.25), "SSC-A", "in"),
        "out": fct.IntervalGate((250.5, 4000.25), "SSC-A", "out"),
        "top left": fct.QuadGate((800.0, 600.0), y, "top left"),
        "top right": fct.QuadGate((800.0, 600.0), y, "top right"),
        "bottom left": fct.QuadGate((800.0, 600.0), y, "bottom left"),
        "bottom right": fct.QuadGate((800.0, 600.0), y, "bottom right"),
        "polygon": fct.PolyGate([(100.0, 90.0), (4000.0, 300.0), (2500.0, 9000.0), (300.0, 2000.0)], y, "in"),
        "not polygon": fct.PolyGate([(100.0, 90.0), (4000.0, 300.0), (2500.0, 9000.0), (300.0, 2000.0)], y, "out"),
    }


@installed
def test_its_gates_contain_the_same_events_as_templates(fct, measurement, sample):
    """Every kind, every region and every way to combine them, event by event on a real file."""
    gates = shapes(fct)
    above, polygon, left = gates["above"], gates["polygon"], gates["top left"]
    gates |= {"and": above & polygon, "or": above | left, "invert": ~above, "xor": above ^ polygon}
    gates["deep"] = ~((above ^ polygon) & ~(left | gates["out"]))
    for name, gate in gates.items():
        theirs = np.asarray(gate._identify(measurement.data))
        ours = applied([(name, ROOT, gate)], sample)

        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert 0 < ours.sum() < len(ours), name


@installed
def test_an_interval_contains_its_upper_end(fct):
    """Ours does not: the row ends at the next larger number."""
    sample = small([[1, 0], [2, 0], [np.nextafter(2, 3), 0], [np.nextafter(1, 0), 0]])

    assert applied([("in", ROOT, fct.IntervalGate((1.0, 2.0), "X", "in"))], sample).tolist() == [
        True,
        True,
        False,
        False,
    ]


@installed
def test_a_chain_of_gates_becomes_parents(fct, measurement, sample):
    """``sample.gate(cells).gate(positive)`` is a tree."""
    cells, positive = shapes(fct)["polygon"], shapes(fct)["above"]
    members = applied([("Cells", ROOT, cells), ("RFP+", "Cells", positive)], sample)

    assert members.sum() == measurement.gate(cells).gate(positive).counts
    assert 0 < members.sum() < applied([("RFP+", ROOT, positive)], sample).sum()


@installed
@pytest.mark.parametrize(
    ("name", "centre", "outline"),
    [
        (
            "hlog",
            (5500.0, 400.0),
            [(100.0, 150.0), (7000.0, -300.0), (7400.0, 600.0), (6000.0, 900.0), (-200.0, 500.0)],
        ),
        ("tlog", (5500.0, 4000.0), [(4100.0, 3000.0), (8200.0, 2900.0), (9000.0, 7000.0), (3900.0, 5000.0)]),
    ],
)
def test_gates_drawn_on_its_scales_are_taken_to_linear_ones(fct, measurement, sample, name, centre, outline):
    """Drawn on what its exact transform shows, they contain the same events."""
    channels = ["Y2-A", "B1-A"]
    scale = fct.core.transforms.Transformation(name, d=math.log10(2**18))
    with np.errstate(invalid="ignore"):
        shown = measurement.transform(scale, channels=channels, use_spln=False)
    scales = dict.fromkeys(channels, scale)
    for gate in (
        fct.ThresholdGate(5500.0, "Y2-A", "above"),
        fct.IntervalGate((centre[1], centre[0]), "Y2-A", "in"),
        fct.QuadGate(centre, channels, "top right"),
        fct.PolyGate(outline, channels, "in"),
    ):
        theirs = np.asarray(gate._identify(shown.data.astype(float)))

        np.testing.assert_array_equal(applied([("P", ROOT, gate)], sample, scales=scales), theirs)
        assert 0 < theirs.sum() < len(theirs)


@installed
def test_a_hyperlog_threshold_below_zero_keeps_its_sign(fct):
    """The scale is symmetric about zero, and a gate on it may lie there."""
    hlog = fct.core.transforms.Transformation("hlog", b=500, r=1e4, d=math.log10(2**18))
    cut = float(np.ravel(hlog(np.array([-300.0])))[0])
    sample = small([[-301, 0], [-299, 0], [5, 0]])

    assert cut < 0
    assert applied([("P", ROOT, fct.ThresholdGate(cut, "X", "above"))], sample, scales={"X": hlog}).tolist() == [
        False,
        True,
        True,
    ]


@installed
def test_a_threshold_at_the_bottom_of_a_truncated_scale_keeps_everything(fct):
    """``tlog`` shows all below 1 at one place: a cut there has them all above it."""
    tlog = fct.core.transforms.Transformation("tlog", th=1, r=1e4, d=5)
    sample = small([[-50, 0], [0.5, 0], [1, 0], [80, 0]])

    assert applied([("P", ROOT, fct.ThresholdGate(0.0, "X", "above"))], sample, scales={"X": tlog}).all()


@installed
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda fct, scale: (fct.PolyGate([(0, 0), (0, 5), (5, 0)], ["X", "Y"]), scale("tlog")),
            "bottom of a tlog scale",
        ),
        (
            lambda fct, scale: (fct.QuadGate((0, 5), ["X", "Y"], "top left"), scale("tlog")),
            "below all that its scale shows",
        ),
        (lambda fct, scale: (fct.ThresholdGate(3, "X", "above"), scale("glog", l=4)), "forward glog"),
        (lambda fct, scale: (fct.ThresholdGate(3, "X", "above"), scale("hlog", direction="inverse")), "inverse hlog"),
        (
            lambda fct, scale: (fct.ThresholdGate(3, "X", "above"), scale("hlog", b=5)),
            "b=5; a hyperlog has b above 6.259",
        ),
        (lambda fct, scale: (fct.ThresholdGate(3, "A|B", "above"), scale("tlog")), "channel 'A|B'"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(fct, make, reason):
    """Rather no gate than one that contains other events."""
    gate, scale = make(fct, fct.core.transforms.Transformation)

    with pytest.raises(ExchangeError, match=f"P: .*{reason.replace('|', '.')}"):
        bridge.from_gates([("P", ROOT, gate)], scales={"X": scale, "Y": scale})


@pytest.mark.parametrize("name", ["", "root", "A|B", "A;B"])
def test_names_that_a_template_cannot_hold_are_refused(name):
    """A name with | would become two operands."""
    with pytest.raises(ExchangeError, match="a name in a template"):
        bridge.from_gates([(name, ROOT, object())])


def test_an_unknown_kind_of_gate_is_refused():
    """With the kinds that are known."""
    with pytest.raises(ExchangeError, match="P: object has no counterpart; known are ThresholdGate"):
        bridge.from_gates([("P", ROOT, object())])


# ------------------------------------------------------------------------------------- our gates as its


@installed
def test_our_gates_contain_the_same_events_there(sample):
    """Every kind it has, both ways: event by event on a real file, and back through a template."""
    fsc, ssc = ("FSC-A",), ("FSC-A", "SSC-A")
    gates = {
        "closed": RangeGate(fsc, 300.5, 4000),
        "above": RangeGate(fsc, minimum=800),
        "below": RangeGate(fsc, maximum=800),
        "box": RectangleGate(ssc, (200, 100), (5000, math.inf)),
        "polygon": PolygonGate(ssc, np.array([[100, 90], [4000, 300], [2500, 9000], [300, 2000]])),
        **{signs: QuadrantGate(ssc, (800, 600), signs) for signs in ("++", "+-", "-+", "--")},
    }
    data = bridge.to_measurement(sample).data
    theirs = {name: bridge.to_gate(gate, name) for name, gate in gates.items()}
    members = {
        name: gate.contains(sample.events[:, [sample.index(c) for c in gate.channels]]) for name, gate in gates.items()
    }
    for operation, operands in (("not", ("box",)), ("and", ("above", "polygon", "box")), ("or", ("++", "--"))):
        gate = BooleanGate(operation, operands)
        theirs[operation] = bridge.to_gate(gate, operation, operands=theirs)
        members[operation] = gate.combine([members[operand] for operand in operands])

    for name, gate in theirs.items():
        np.testing.assert_array_equal(np.asarray(gate._identify(data)), members[name], err_msg=name)
        np.testing.assert_array_equal(applied([(name, ROOT, gate)], sample), members[name], err_msg=name)
        assert 0 < members[name].sum() < len(sample), name


@installed
def test_the_upper_end_of_a_range_stays_outside(fct):
    """Its interval contains its upper end: it is made to end one number earlier."""
    gate = bridge.to_gate(RangeGate(("X",), 1, 2), "P")
    data = bridge.to_measurement(small([[1, 0], [np.nextafter(2, 0), 0], [2, 0]])).data

    assert gate._identify(data).tolist() == [True, True, False]
    assert isinstance(gate, fct.IntervalGate)


@installed
@pytest.mark.parametrize(
    "gate",
    [
        EllipseGate(("X", "Y"), (0, 0), np.eye(2)),
        RatioGate(("X", "Y"), 0.5, 1),
        PolygonGate(("X", "Y"), np.array([[0, 0], [9, 0], [0, 9]]), (Logicle(), Logicle())),
        BooleanGate("not", ("Q",)),
    ],
)
def test_gates_it_does_not_have_are_refused(gate):
    """With what it has."""
    with pytest.raises(ExchangeError, match=f"P: FlowCytometryTools has no {gate.kind} gate"):
        bridge.to_gate(gate, "P")
