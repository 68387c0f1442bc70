"""Two independent judges: FlowKit on real files, and ISAC's compliance set for Gating-ML 2.0."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray

from gating.compensation import Spillover, compensate, declare_uncompensated, file_spillover
from gating.errors import GateError
from gating.gates import (
    BooleanGate,
    EllipseGate,
    Gate,
    PolygonGate,
    QuadrantGate,
    RangeGate,
    RatioGate,
    RectangleGate,
    gate_from_coordinates,
)
from gating.sample import Channel, Sample
from gating.transforms import Arcsinh, Hyperlog, Linear, Log, Logicle, Transform

Members = NDArray[np.bool_]


def sample_of(path: Path) -> Sample:
    """Read with FlowIO, as FlowKit does: what is compared here is gating, not reading."""
    data = pytest.importorskip("flowio").FlowData(path)
    channels = tuple(map(Channel, data.pnn_labels))
    keywords = {key.upper(): value for key, value in data.text.items()}
    return Sample(path.name, channels, data.as_array(preprocess=True), {**keywords, **standard(keywords)})


def standard(keywords: Mapping[str, str]) -> dict[str, str]:
    """Return the standard's keywords with the ``$`` that FlowIO takes away."""
    return {f"${key}": value for key, value in keywords.items() if key in {"SPILLOVER", "CYT"}}


def contained(gate: Gate, sample: Sample) -> Members:
    """Return which events of a sample a gate contains."""
    names = [channel.name for channel in sample.channels]
    return gate.contains(sample.events[:, [names.index(channel) for channel in gate.channels]])


# FlowKit --------------------------------------------------------------------------------------------------

SHAPES = {
    "polygon": [[0.2, 0.15], [0.75, 0.18], [0.8, 0.55], [0.55, 0.85], [0.35, 0.4], [0.15, 0.6]],
    "star": [[0.5, 0.9], [0.3, 0.1], [0.85, 0.6], [0.15, 0.6], [0.7, 0.1]],
    "rectangle": [[0.25, 0.2], [0.7, 0.65]],
    "ellipse": [[0.45, 0.4], [[0.02, 0.008], [0.008, 0.03]]],
    "quadrant": [0.42, 0.37],
}
"""In display values."""
FILES = {
    "mouse_activation/Activation_1.fcs": ("Alexa Fluor 700-A", "Alexa Fluor 488-A", Logicle(W=0.8)),
    "mouse_activation/Activation_32.fcs": ("7-AAD-A", "APC-Cy7-A", Logicle(W=0.8)),
    "omip021_human_tcell/Donor1.fcs": ("450/50Violet-A", "530/30Blue-A", Logicle()),
    "gatingml2/gate_ref/data1.fcs": ("FL1-H", "FL2-H", Logicle(T=3000, W=0.8)),
    "gatingml2/simple_diamond_example/test_data_diamond_01.fcs": (
        "channel_A",
        "channel_B",
        Logicle(T=1.5e7, W=0.8),
    ),
}
"""Two channels of a file, and a scale on which the shapes cut through where events are."""


@pytest.mark.parametrize("file", FILES)
def test_every_event_is_where_flowkit_puts_it(file: str, shared: Path):
    """Same file, same matrix, same shapes on the same scale: not one event may differ (FlowKit 1.3.2)."""
    *channels, scale = FILES[file]
    path = shared / "data" / file
    theirs = flowkit_members(path, channels, scale)
    sample = sample_of(path)
    spillover = file_spillover(sample)
    ready = compensate(sample, spillover) if spillover else declare_uncompensated(sample)

    ours = {name: contained(gate, ready) for name, gate in our_gates(channels, scale).items()}

    differences = {name: int(np.count_nonzero(ours[name] != theirs[name])) for name in theirs}
    assert differences == dict.fromkeys(theirs, 0)
    assert ours.keys() == theirs.keys()
    assert all(0 < np.count_nonzero(members) < len(sample) for members in ours.values())


def our_gates(names: Sequence[str], scale: Logicle) -> dict[str, Gate]:
    """Draw the shapes with our gates, which take linear coordinates."""
    channels, scales = tuple(names), (scale, scale)
    linear = {name: scale.inverse(SHAPES[name]) for name in ("polygon", "star", "rectangle", "quadrant")}
    mean, covariance = SHAPES["ellipse"]
    gates: dict[str, Gate] = {
        "polygon": PolygonGate(channels, linear["polygon"], scales),
        "star": PolygonGate(channels, linear["star"], scales),
        "rectangle": RectangleGate(channels, *map(tuple, linear["rectangle"]), scales),
        "ellipse": EllipseGate(channels, tuple(scale.inverse(mean)), np.array(covariance), 1.5, scales),
    }
    for signs in ("++", "+-", "-+", "--"):
        gates[signs] = QuadrantGate(channels, tuple(linear["quadrant"]), signs, scales)
    return gates


def flowkit_members(path: Path, channels: Sequence[str], scale: Logicle) -> dict[str, Members]:
    """Draw the same shapes with FlowKit, compensated with the file's matrix if it has one."""
    fk: Any = pytest.importorskip("flowkit")
    sample = fk.Sample(path)
    strategy = fk.GatingStrategy()
    strategy.add_transform("logicle", fk.transforms.LogicleTransform(scale.T, scale.W, scale.M, scale.A))
    spill = sample.metadata.get("spill", "")
    if spill:
        names = spill.split(",")[1 : int(spill.split(",")[0]) + 1]
        strategy.add_comp_matrix("file", fk.Matrix(spill, names))
    reference = "file" if spill else "uncompensated"
    low, high = SHAPES["rectangle"]
    plain = [fk.Dimension(channel, reference, "logicle") for channel in channels]
    sides = [fk.Dimension(channel, reference, "logicle", low[i], high[i]) for i, channel in enumerate(channels)]
    mean, covariance = SHAPES["ellipse"]
    dividers = [
        fk.QuadrantDivider(axis, channel, reference, [SHAPES["quadrant"][i]], "logicle")
        for i, (axis, channel) in enumerate(zip("xy", channels, strict=True))
    ]
    ranges = [{"-": (None, cut), "+": (cut, None)} for cut in SHAPES["quadrant"]]
    quadrants = [fk.gates.Quadrant(x + y, list("xy"), [ranges[0][x], ranges[1][y]]) for x in "+-" for y in "+-"]
    for gate in (
        fk.gates.PolygonGate("polygon", plain, SHAPES["polygon"]),
        fk.gates.PolygonGate("star", plain, SHAPES["star"]),
        fk.gates.RectangleGate("rectangle", sides),
        fk.gates.EllipsoidGate("ellipse", plain, mean, covariance, 1.5),
        fk.gates.QuadrantGate("quadrant", dividers, quadrants),
    ):
        strategy.add_gate(gate, ("root",))
    results = strategy.gate_sample(sample)
    names = ["polygon", "star", "rectangle", "ellipse"]
    members = {name: results.get_gate_membership(name) for name in names}
    inside = ("root", "quadrant")
    return members | {signs: results.get_gate_membership(signs, inside) for signs in ("++", "+-", "-+", "--")}


# Gating-ML 2.0 --------------------------------------------------------------------------------------------

EXPRESSIBLE = 50
"""Of the 51 populations of the set: all but a quadric in three dimensions."""
SCALES = {"flin": Linear, "flog": Log, "fasinh": Arcsinh, "logicle": Logicle, "hyperlog": Hyperlog}


@dataclass(frozen=True, eq=False)
class Compliance:
    """The gates of a file of the compliance set, as our gates, on its one FCS file."""

    folder: Path
    file: str = "gml_all_gates.xml"

    @cached_property
    def root(self) -> ET.Element:
        """Its elements."""
        return ET.parse(self.folder / "gml" / self.file).getroot()  # noqa: S314 - ISAC's own file

    @cached_property
    def raw(self) -> Sample:
        """The file as it is."""
        return sample_of(self.folder / "data1.fcs")

    @cached_property
    def compensated(self) -> Sample:
        """The file compensated with MySpill, whose fluorochromes are FITC, PE, PerCP."""
        return compensate(self.raw, Spillover(tuple(self.detectors.values()), self.spectra, "MySpill"))

    @cached_property
    def detectors(self) -> dict[str, str]:
        """Detector of each fluorochrome."""
        parts = [named(self.root, f"{{*}}spectrumMatrix/{{*}}{part}") for part in ("fluorochromes", "detectors")]
        return dict(zip(*parts, strict=True))

    @cached_property
    def spectra(self) -> NDArray[np.float64]:
        """The coefficients of MySpill."""
        rows = self.root.findall("{*}spectrumMatrix/{*}spectrum")
        return np.array([[float(attribute(cell, "value")) for cell in row] for row in rows])

    @cached_property
    def memberships(self) -> dict[str, Members]:
        """Which events each gate contains, parents included; gates in the order of the file."""
        found: dict[str, Members] = {}
        for element in self.root:
            make = GATE_READERS.get(element.tag.rpartition("}")[2])
            if make:
                parent = element.get(f"{element.tag.rpartition('}')[0]}}}parent_id")
                for name, members in make(self, element, found):
                    found[name] = members & found[parent] if parent else members
        return found

    def truth(self, name: str) -> Members:
        """Read what ISAC says."""
        return np.loadtxt(self.folder / "truth" / f"Results_{name}.txt", dtype=int).astype(bool)

    def columns(self, dimensions: list[ET.Element]) -> tuple[Sample, tuple[str, ...]]:
        """Return the sample and the channels that a gate looks at."""
        names = [named(dimension, ".")[0] for dimension in dimensions]
        unmixed = any(attribute(dimension, "compensation-ref") == "MySpill" for dimension in dimensions)
        channels = tuple(self.detectors.get(name, name) for name in names)
        return self.compensated if unmixed else self.raw, channels

    def transform(self, dimension: ET.Element) -> Transform:
        """Return the scale a dimension refers to."""
        wanted = optional(dimension, "transformation-ref")
        for element in self.root.findall("{*}transformation"):
            if wanted == attribute(element, "id"):
                kind = element[0].tag.rpartition("}")[2]
                letters = {key.rpartition("}")[2]: float(value) for key, value in element[0].attrib.items()}
                return SCALES[kind](**letters)
        return Linear()


def attribute(element: ET.Element, name: str) -> str:
    """Return an attribute, whatever its namespace."""
    return next(value for key, value in element.attrib.items() if key.rpartition("}")[2] == name)


def optional(element: ET.Element, name: str) -> str | None:
    """Return an attribute or None."""
    return attribute(element, name) if any(key.endswith(f"}}{name}") for key in element.attrib) else None


def named(element: ET.Element, path: str) -> list[str]:
    """Return the channels named below a path."""
    return [attribute(each, "name") for each in element.findall(f"{path}/{{*}}fcs-dimension")]


def limits(element: ET.Element, transform: Transform) -> tuple[float, float]:
    """Return min and max of a dimension on the linear scale."""
    low, high = optional(element, "min"), optional(element, "max")
    return (
        -np.inf if low is None else float(transform.inverse(float(low))),
        np.inf if high is None else float(transform.inverse(float(high))),
    )


Found = Iterator[tuple[str, Members]]


def rectangle(case: Compliance, element: ET.Element, _found: Mapping[str, Members]) -> Found:
    """Read a range, a rectangle, or a range of a ratio."""
    dimensions = element.findall("{*}dimension")
    if dimensions[0].find("{*}new-dimension") is not None:
        yield attribute(element, "id"), ratio(case, dimensions[0])
        return
    sample, channels = case.columns(dimensions)
    transforms = tuple(map(case.transform, dimensions))
    low, high = zip(*map(limits, dimensions, transforms), strict=True)
    gate: Gate = (
        RangeGate(channels, low[0], high[0], transforms)
        if len(channels) == 1
        else RectangleGate(channels, low, high, transforms)
    )
    yield attribute(element, "id"), contained(gate, sample)


def ratio(case: Compliance, dimension: ET.Element) -> Members:
    """Apply our ratio gate to A (x - B) / (y - C): the shift goes into the events, A into the limits."""
    wanted = attribute(dimension[0], "transformation-ref")
    fratio = next(e for e in case.root.findall("{*}transformation") if attribute(e, "id") == wanted)[0]
    a, b, c = (float(attribute(fratio, letter)) for letter in "ABC")
    low, high = limits(dimension, case.transform(dimension))
    numerator, denominator = named(fratio, ".")
    gate = RatioGate((numerator, denominator), low / a, high / a)
    names = [channel.name for channel in case.raw.channels]
    events = case.raw.events[:, [names.index(name) for name in gate.channels]]
    return gate.contains(events - [b, c])


def polygon(case: Compliance, element: ET.Element, _found: Mapping[str, Members]) -> Found:
    """Read a polygon."""
    sample, channels = case.columns(element.findall("{*}dimension"))
    corners = [[float(attribute(axis, "value")) for axis in vertex] for vertex in element.findall("{*}vertex")]
    yield attribute(element, "id"), contained(PolygonGate(channels, np.array(corners)), sample)


def ellipse(case: Compliance, element: ET.Element, _found: Mapping[str, Members]) -> Found:
    """Read an ellipse."""
    sample, channels = case.columns(element.findall("{*}dimension"))
    mean = tuple(float(attribute(axis, "value")) for axis in element.findall("{*}mean/{*}coordinate"))
    rows = element.findall("{*}covarianceMatrix/{*}row")
    covariance = np.array([[float(attribute(cell, "value")) for cell in row] for row in rows])
    (square,) = element.findall("{*}distanceSquare")
    gate = EllipseGate(channels, mean, covariance, float(attribute(square, "value")))
    yield attribute(element, "id"), contained(gate, sample)


def quadrants(case: Compliance, element: ET.Element, _found: Mapping[str, Members]) -> Found:
    """Read the quadrants of two dividers as quadrants, those of more as rectangles."""
    dividers = {
        attribute(divider, "id"): (
            named(divider, ".")[0],
            [float(value.text or "") for value in divider.findall("{*}value")],
        )
        for divider in element.findall("{*}divider")
    }
    for quadrant in element.findall("{*}Quadrant"):
        positions = [
            (*dividers[attribute(position, "divider_ref")], float(attribute(position, "location")))
            for position in quadrant
        ]
        channels = tuple(channel for channel, _, _ in positions)
        gate: Gate
        if len(dividers) == 2:
            signs = "".join("+" if place >= cuts[0] else "-" for _, cuts, place in positions)
            gate = QuadrantGate(channels, tuple(cuts[0] for _, cuts, _ in positions), signs)
        else:
            below = tuple(max([-np.inf, *(cut for cut in cuts if cut <= place)]) for _, cuts, place in positions)
            above = tuple(min([np.inf, *(cut for cut in cuts if cut > place)]) for _, cuts, place in positions)
            gate = RectangleGate(channels, below, above)
        yield attribute(quadrant, "id"), contained(gate, case.raw)


def boolean(_case: Compliance, element: ET.Element, found: Mapping[str, Members]) -> Found:
    """Read a Boolean gate; an operand may be used as its complement."""
    (operation,) = (child for child in element if child.tag.rpartition("}")[2] in {"and", "or", "not"})
    operands = []
    for reference in operation:
        name = attribute(reference, "ref")
        complement = optional(reference, "use-as-complement") == "true"
        operands.append(BooleanGate("not", (name,)).combine([found[name]]) if complement else found[name])
    names = tuple(attribute(reference, "ref") for reference in operation)
    yield attribute(element, "id"), BooleanGate(operation.tag.rpartition("}")[2], names).combine(operands)


GATE_READERS: dict[str, Callable[[Compliance, ET.Element, Mapping[str, Members]], Found]] = {
    "RectangleGate": rectangle,
    "PolygonGate": polygon,
    "EllipsoidGate": ellipse,
    "QuadrantGate": quadrants,
    "BooleanGate": boolean,
}


@pytest.fixture(scope="module")
def compliance(shared: Path) -> Compliance:
    """Read the set once."""
    return Compliance(shared / "data" / "gatingml2" / "gate_ref")


def test_gating_ml_compliance_set(compliance: Compliance):
    """ISAC publishes, event by event, what each gate of Gating-ML 2.0 contains: all we can express must agree."""
    below_a_quadrant = Compliance(compliance.folder, "gml_parent_quadrant_rect_gate.xml").memberships
    members = compliance.memberships | {"ParQuadRect": below_a_quadrant["ParRectangle1"]}

    differences = {name: int(np.count_nonzero(members[name] != compliance.truth(name))) for name in members}

    assert differences == dict.fromkeys(differences, 0)
    assert len(differences) == EXPRESSIBLE
    truths = {path.stem.removeprefix("Results_") for path in (compliance.folder / "truth").glob("*.txt")}
    assert truths - differences.keys() == {"Ellipsoid3D"}


def test_the_ellipsoid_of_the_compliance_set_is_refused(compliance: Compliance):
    """Its matrix is neither symmetric nor positive definite, so what it encloses is no ellipsoid, and unbounded."""
    (element,) = Compliance(compliance.folder, "gml_ellipsoid3d_gate.xml").root.findall("{*}EllipsoidGate")

    with pytest.raises(GateError, match=r"ellipse on FL3-H x FL4-H x FL1-H: covariance .* is not symmetric"):
        next(ellipse(compliance, element, {}))


def test_boundary_events_of_the_compliance_set_decide(compliance: Compliance):
    """The set has events exactly on polygon edges; were they outside, the truth would be missed."""
    events = compliance.raw.events
    names = [channel.name for channel in compliance.raw.channels]
    x, y = events[:, names.index("FL2-H")], events[:, names.index("FL3-H")]
    on_the_diagonal = (x == y) & (x > 5) & (x < 500)

    assert np.count_nonzero(on_the_diagonal) > 0
    assert compliance.memberships["Polygon1"][on_the_diagonal].all()


def test_written_gates_find_the_same_events_in_a_real_file(shared: Path):
    """What gates.csv says of a real sample must rebuild its populations exactly."""
    file = "omip021_human_tcell/Donor1.fcs"
    *channels, scale = FILES[file]
    sample = sample_of(shared / "data" / file)

    for gate in our_gates(channels, scale).values():
        again = gate_from_coordinates(gate.kind, gate.channels, gate.coordinates(), gate.transforms)
        assert not isinstance(again, BooleanGate)
        assert np.array_equal(contained(again, sample), contained(gate, sample))
