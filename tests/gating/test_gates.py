"""Gates: what lies inside, what lies on the edge, and that written gates come back the same."""

import json
import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gating.errors import GateError
from gating.gates import (
    BooleanGate,
    EllipseGate,
    PolygonGate,
    QuadrantGate,
    RangeGate,
    RatioGate,
    RectangleGate,
    gate_from_coordinates,
)
from gating.transforms import Arcsinh, Hyperlog, Linear, Log, Logicle

XY = ("CD62L", "CD45RA")
SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10]]
numbers = st.integers(-1_000_000, 1_000_000).map(lambda hundredths: hundredths / 100)
limits = st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1]).map(sorted)
scales = st.sampled_from([Linear(), Logicle(), Logicle(W=1.2), Hyperlog(), Arcsinh()])


def points(*pairs: tuple[float, float]) -> np.ndarray:
    """Return (n, 2) events."""
    return np.array(pairs, dtype=float)


@st.composite
def gates(draw: st.DrawFn) -> Any:
    """Any gate on two channels (a range: on one)."""
    kind = draw(st.sampled_from(["range", "rectangle", "polygon", "ellipse", "quadrant", "ratio"]))
    transforms = (draw(scales), draw(scales))
    low, high = draw(limits)
    if kind == "range":
        low, high = draw(st.sampled_from([(low, high), (-math.inf, high), (low, math.inf)]))
        return RangeGate(("CD3",), low, high, transforms[:1])
    if kind == "rectangle":
        return RectangleGate(XY, (low, -math.inf), (high, high), transforms)
    if kind == "polygon":
        corners = draw(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=8, unique=True))
        try:
            return PolygonGate(XY, np.array(corners), transforms)
        except GateError:
            return PolygonGate(XY, np.array(SQUARE), transforms)
    if kind == "ellipse":
        tilt = draw(st.floats(-0.9, 0.9))
        return EllipseGate(XY, (low, high), np.array([[1, tilt], [tilt, 1]]) / 3, 1 / 7, transforms)
    if kind == "quadrant":
        return QuadrantGate(XY, (low, high), draw(st.sampled_from(["++", "+-", "-+", "--"])), transforms)
    return RatioGate(XY, low / 1e4, high / 1e4, transforms)


clouds = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30).map(lambda pairs: points(*pairs))


@given(gate=gates(), cloud=clouds)
def test_written_gates_contain_the_same_events(gate: Any, cloud: np.ndarray):
    """gates.csv is the record of what was done: read back, it must give the same populations."""
    written = json.loads(json.dumps(gate.coordinates(), allow_nan=False))
    again = gate_from_coordinates(gate.kind, gate.channels, written, gate.transforms)
    events = cloud[:, : len(gate.channels)]
    corners = np.array(gate.coordinates().get("vertices", np.empty((0, len(gate.channels)))))
    events = np.vstack([events, corners])

    assert np.array_equal(again.contains(events), gate.contains(events))
    assert again.coordinates() == gate.coordinates()
    assert again.transforms == gate.transforms


@given(gate=gates(), cloud=clouds)
def test_an_event_that_is_nan_is_in_no_gate(gate: Any, cloud: np.ndarray):
    """A value that was not measured must not count as positive, nor as negative."""
    cloud = cloud[:, : len(gate.channels)].copy()
    cloud[:, -1] = np.nan

    assert not gate.contains(cloud).any()


@given(cloud=clouds, x=numbers, y=numbers)
def test_four_quadrants_partition(cloud: np.ndarray, x: float, y: float):
    """Each event is in exactly one memory subset, also on a threshold: fractions sum to one."""
    cloud = np.vstack([cloud, points((x, y), (x, 0), (0, y), (np.inf, -np.inf))])

    inside = [QuadrantGate(XY, (x, y), signs).contains(cloud) for signs in ("++", "+-", "-+", "--")]

    assert np.sum(inside, axis=0).tolist() == [1] * len(cloud)


@given(cloud=clouds, limits_x=limits, limits_y=limits, turned=st.booleans())
def test_a_polygon_drawn_as_a_rectangle_is_the_rectangle(cloud, limits_x, limits_y, turned):
    """Boundary events are counted alike, whichever tool a gate was drawn with, and in whichever direction."""
    (left, right), (bottom, top) = limits_x, limits_y
    corners = points((left, bottom), (right, bottom), (right, top), (left, top))
    cloud = np.vstack([cloud, corners, points((left, 0), (right, 0), (0, bottom), (0, top))])

    polygon = PolygonGate(XY, corners[::-1] if turned else corners)
    rectangle = RectangleGate(XY, (left, bottom), (right, top))

    assert np.array_equal(polygon.contains(cloud), rectangle.contains(cloud))


@given(x=st.integers(1, 31), y=st.integers(1, 31))
def test_polygons_that_share_edges_share_no_event(x, y):
    """Neighbouring gates must not count an event twice, nor lose the one on the line between them."""
    grid = np.stack(np.meshgrid(np.arange(32.0), np.arange(32.0)), axis=-1).reshape(-1, 2)
    corners = points((0, 0), (32, 0), (32, 32), (0, 32))
    pieces = [np.array([corners[i - 1], corners[i], (x, y)]) for i in range(4)]

    counts = np.sum([PolygonGate(XY, piece).contains(grid) for piece in pieces], axis=0)

    assert (counts == 1).all()


def test_range_contains_its_minimum_and_not_its_maximum():
    """Gating-ML 2.0: adjacent ranges share no event."""
    gate = RangeGate(("CD3",), 10, 20)

    assert gate.contains(np.array([[9.99], [10], [19.99], [20]])).tolist() == [False, True, True, False]


def test_an_open_end_contains_everything_beyond():
    """A positive population has no upper end: not even an infinite value falls out of it."""
    gate = RangeGate(("CD3",), minimum=10)

    assert gate.contains(np.array([[10], [1e30], [np.inf], [-np.inf]])).tolist() == [True, True, True, False]
    assert gate.coordinates() == {"minimum": 10.0, "maximum": None}


def test_rectangle_in_three_dimensions():
    """Gating-ML's rectangles have any number of sides; each must hold."""
    gate = RectangleGate(("a", "b", "c"), (0, 0, -math.inf), (1, 1, 5))

    assert gate.contains(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 5]])).tolist() == [True, False, False]


def test_polygon_on_the_edge():
    """Left and lower edges are inside, right and upper ones are not; so with every corner."""
    gate = PolygonGate(XY, points((0, 0), (4, 0), (4, 4)))
    events = points((2, 2), (2, 0), (4, 2), (0, 0), (4, 0), (4, 4), (3, 2), (1, 2))

    assert gate.contains(events).tolist() == [True, True, False, True, False, False, True, False]


def test_polygon_edges_are_straight_where_they_are_drawn():
    """On a log scale the diagonal from (1, 1) to (10^4, 10^4) passes (100, 100), and bends on the linear one."""
    corners = points((1, 1), (10_000, 1), (10_000, 1_000_000))
    below, above = (100, 900), (100, 1100)

    drawn_on_log = PolygonGate(XY, corners, (Log(T=1e4, M=4), Log(T=1e6, M=6)))

    assert drawn_on_log.contains(points(below, above)).tolist() == [True, False]
    assert PolygonGate(XY, corners).contains(points(below, above)).tolist() == [True, True]


def test_polygon_that_crosses_itself_has_a_hole_and_a_warning():
    """A five-pointed star is drawn by accident; what it covers twice is outside, and the user is told."""
    turn = 2 * np.pi * 2 / 5
    star = np.array([(math.sin(turn * i), math.cos(turn * i)) for i in range(5)])
    gate = PolygonGate(XY, star)

    assert gate.contains(points((0, 0), (0, 0.9))).tolist() == [False, True]
    assert gate.warnings == (
        "polygon on CD62L x CD45RA: the outline crosses itself; what it covers twice is outside (even-odd rule).",
    )


def test_polygon_that_does_not_cross_itself_has_no_warning():
    """A concave outline, or one that touches itself in a corner, is fine."""
    concave = PolygonGate(XY, points((0, 0), (4, 0), (2, 1), (4, 4), (0, 4)))
    touching = PolygonGate(XY, points((0, 0), (2, 0), (1, 1), (2, 2), (0, 2), (1, 1)))

    assert concave.warnings == ()
    assert touching.warnings == ()


def test_ellipse_by_hand():
    """Half-axes 10 and 5 turned by 45 degrees: covariance 62.5, 37.5. The boundary is inside."""
    gate = EllipseGate(XY, (20, 20), [[62.5, 37.5], [37.5, 62.5]])
    along = 20 + 10 / math.sqrt(2) * np.array([0.999, 1.001])
    across = 5 / math.sqrt(2) * np.array([0.999, 1.001])

    assert gate.contains(np.column_stack([along, along])).tolist() == [True, False]
    assert gate.contains(np.column_stack([20 + across, 20 - across])).tolist() == [True, False]
    assert EllipseGate(XY, (0, 0), [[4, 0], [0, 1]]).contains(points((2, 0), (0, 1), (2, 1))).tolist() == [
        True,
        True,
        False,
    ]


def test_ellipse_is_an_ellipse_where_it_is_drawn():
    """On a logicle scale it is symmetric around its mean in display values."""
    scale = Logicle()
    centre = float(scale.inverse(0.5))
    gate = EllipseGate(XY, (centre, centre), [[0.01, 0], [0, 0.01]], transforms=(scale, scale))
    events = scale.inverse(np.array([[0.401, 0.5], [0.599, 0.5], [0.5, 0.399], [0.5, 0.601]]))

    assert gate.contains(events).tolist() == [True, True, False, False]


def test_quadrant_threshold_is_positive():
    """An event exactly on the threshold must have one quadrant; the convention is stated in the report."""
    on_threshold = points((800, 1500))

    assert QuadrantGate(XY, (800, 1500), "++").contains(on_threshold).all()
    assert not QuadrantGate(XY, (800, 1500), "+-").contains(on_threshold).any()


def test_ratio_by_zero():
    """FSC-A of 0 happens; it must neither warn nor be a singlet."""
    gate = RatioGate(("FSC-H", "FSC-A"), 0.8, 1.2)

    assert gate.contains(points((1, 0), (0, 0), (-1, -1), (10, 10))).tolist() == [False, False, True, True]
    assert RatioGate(("FSC-H", "FSC-A"), minimum=0.8).contains(points((1, 0), (0, 0))).tolist() == [True, False]


def test_boolean_gates_combine():
    """CAR- T is "not CAR+ T" within T cells; NaN events of the operand are in "not"."""
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])

    assert BooleanGate("not", ("A",)).combine([a]).tolist() == [False, False, True, True]
    assert BooleanGate("and", ("A", "B")).combine([a, b]).tolist() == [True, False, False, False]
    assert BooleanGate("or", ("A", "B", "A")).combine([a, b, a]).tolist() == [True, True, True, False]


def test_boolean_gate_is_written_and_read():
    """It stands in gates.csv like the others, without channels."""
    gate = BooleanGate("and", ("A", "B"))

    assert gate_from_coordinates(gate.kind, gate.channels, gate.coordinates(), gate.transforms) == gate
    assert gate.coordinates() == {"operation": "and", "operands": ["A", "B"]}


def test_no_event_is_in_no_gate():
    """A parent without events is common for rare populations, and not an error."""
    nothing = np.empty((0, 2))

    assert PolygonGate(XY, points(*SQUARE)).contains(nothing).shape == (0,)
    assert EllipseGate(XY, (0, 0), np.eye(2)).contains(nothing).shape == (0,)
    assert QuadrantGate(XY, (0, 0), "++").contains(nothing).shape == (0,)


def test_shapes_cannot_be_changed_after_they_were_applied():
    """The gate in the report must be the gate that was applied."""
    corners = points(*SQUARE)
    gate = PolygonGate(XY, corners)
    corners[0] = -100

    assert gate.coordinates()["vertices"][0] == [0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        gate.vertices[0] = 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: RangeGate(XY, 0, 1),
            "range on CD62L x CD45RA: 2 channels; a range gate looks at 1 channel",
        ),
        (lambda: RangeGate((), 0, 1), "range on nothing: 0 channels"),
        (lambda: RangeGate(("CD3",), 5, 5), "range on CD3: minimum 5 and maximum 5; minimum must be below"),
        (lambda: RangeGate(("CD3",), 9, 5), "minimum 9 and maximum 5"),
        (lambda: RangeGate(("CD3",), math.nan), "minimum nan and maximum inf"),
        (lambda: RangeGate(("CD3",), "low"), "range on CD3: minimum 'low' is not a number"),
        (lambda: RangeGate(("CD3",), 0, 1, (Linear(), Linear())), "2 transforms; give one per channel"),
        (lambda: RectangleGate(XY, (0, 0), (1,)), "maximum has 1 values for 2 channels; give one each"),
        (lambda: RectangleGate(XY, (0, 3), (1, 2)), "minimum 3 and maximum 2"),
        (lambda: PolygonGate(XY, points((0, 0), (1, 1))), "2 vertices; a polygon needs at least 3"),
        (lambda: PolygonGate(("a",), points(*SQUARE)), "1 channels; a polygon gate looks at 2 channels"),
        (lambda: PolygonGate(XY, np.zeros((4, 3))), "vertices are 4 x 3; give pairs x, y"),
        (lambda: PolygonGate(XY, [[0, 0], [1]]), "vertices are not a table of numbers"),
        (lambda: PolygonGate(XY, [[0, 0], [1, np.inf], [1, 0]]), r"vertex \(1, inf\) is not a place on linear"),
        (
            lambda: PolygonGate(XY, [[1, 1], [5, 5], [-1, 5]], (Log(), Log())),
            r"vertex \(-1, 5\) is not a place on log\(T=262144, M=4.5\) x log",
        ),
        (lambda: PolygonGate(XY, points((0, 0), (1, 1), (2, 2))), "all vertices lie on one line"),
        (lambda: EllipseGate(XY, (0, 0), [[1, 2], [2, 1]]), r"not positive definite \(least eigenvalue -1\)"),
        (lambda: EllipseGate(XY, (0, 0), [[1, 2], [0, 1]]), "is not symmetric and finite"),
        (lambda: EllipseGate(XY, (0, 0), [[1, np.nan], [np.nan, 1]]), "is not symmetric and finite"),
        (lambda: EllipseGate(XY, (0, 0), np.eye(3)), "covariance is 3 x 3; it must be 2 x 2"),
        (lambda: EllipseGate(XY, (0, 0, 0), np.eye(2)), "mean has 3 values for 2 channels"),
        (lambda: EllipseGate(XY, (0, np.nan), np.eye(2)), "is not a place on linear"),
        (lambda: EllipseGate(XY, (0, 0), np.eye(2), 0), "distance_square=0; it must be positive"),
        (lambda: EllipseGate(("a",), (0,), [[1]]), "1 channel; an ellipse needs at least 2"),
        (lambda: QuadrantGate(XY, (0, 0), "+"), r"signs '\+'; say \+\+, \+-, -\+, --"),
        (lambda: QuadrantGate(XY, (0, np.inf), "++"), "both must be finite numbers"),
        (lambda: QuadrantGate(XY, (0,), "++"), "thresholds has 1 values for 2 channels"),
        (lambda: RatioGate(("FSC-H",), 0, 1), "1 channels; a ratio gate looks at 2 channels"),
        (lambda: RatioGate(XY, 1, 0), "minimum 1 and maximum 0"),
        (lambda: BooleanGate("nor", ("A",)), "no operation 'nor'"),
        (lambda: BooleanGate("and", ()), "'and' of no population"),
        (lambda: BooleanGate("not", ("A", "B")), "'not' of A, B; it takes one population"),
    ],
)
def test_shapes_that_cannot_be_are_refused(make, message):
    """The message names the gate, its channels and the value that is wrong."""
    with pytest.raises(GateError, match=message):
        make()


def test_events_of_another_number_of_channels_are_refused():
    """A gate applied to the wrong columns would give a number, and a wrong one."""
    with pytest.raises(GateError, match=r"quadrant on CD62L x CD45RA: events are 5 x 3; it needs \(n, 2\)"):
        QuadrantGate(XY, (0, 0), "++").contains(np.zeros((5, 3)))


def test_memberships_must_fit_the_operands():
    """Populations of two samples cannot be combined."""
    gate = BooleanGate("and", ("A", "B"))

    with pytest.raises(GateError, match="memberships of 3, 4 events for the populations A, B; give one each"):
        gate.combine([np.ones(3, bool), np.ones(4, bool)])
    with pytest.raises(GateError, match="memberships of no events"):
        gate.combine([])


@pytest.mark.parametrize(
    ("kind", "coordinates", "message"),
    [
        ("polygone", {}, "no kind of gate 'polygone'; did you mean 'polygon'"),
        ("quadrant", {"limits": [1, 2]}, "coordinates limits are not those of a quadrant"),
        ("polygon", {}, "coordinates none are not those of a polygon"),
        ("quadrant", {"thresholds": [1, None], "signs": "++"}, "thresholds None is not a number"),
    ],
)
def test_coordinates_that_make_no_gate_are_refused(kind, coordinates, message):
    """gates.csv may be edited; what is wrong is named."""
    with pytest.raises(GateError, match=message):
        gate_from_coordinates(kind, XY, coordinates)


def test_a_million_events_in_a_polygon_take_less_than_a_second():
    """Files of a million events are usual; a drawn gate must not be what one waits for."""
    rng = np.random.default_rng(0)
    events = rng.normal(0, 1, (1_000_000, 2))
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    gate = PolygonGate(XY, 2 * np.column_stack([np.cos(angle), np.sin(angle)]))

    start = time.process_time()
    members = gate.contains(events)

    assert time.process_time() - start < 1
    assert 0.8 < members.mean() < 0.9
