"""Gates: shapes on one or more channels, and which events lie inside.

A gate takes linear events and answers for each on its own. ``transforms`` is the scale a gate is drawn on;
the edges of a polygon and of an ellipse are what they are on that scale, those of the other shapes are the
same on any.

On the boundary the rules of Gating-ML 2.0 hold, confirmed event by event with its compliance set:

- a range, a rectangle and a ratio contain ``minimum <= x < maximum``;
- a quadrant's ``+`` side contains its threshold, so the four partition their parent;
- a polygon is filled by the even-odd rule, and contains its left and lower edges but not its right and
  upper ones: drawn as a rectangle it is that rectangle, and two that share an edge share no event;
- an ellipse contains its boundary.

An event that is NaN in a channel of the gate is in none of them, so in none of the four quadrants. A Boolean
gate only combines memberships: "not" contains the NaN events of its operand.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from gating.errors import GateError, missing
from gating.transforms import Linear, Transform

__all__ = [
    "BooleanGate",
    "EllipseGate",
    "Gate",
    "PolygonGate",
    "QuadrantGate",
    "RangeGate",
    "RatioGate",
    "RectangleGate",
    "gate_from_coordinates",
]

Events = NDArray[np.float64]
Members = NDArray[np.bool_]
Point = tuple[float, ...]
BLOCK = 16_384
"""Events tested against a polygon at a time: they stay in the processor's cache over all edges."""
SIGNS = ("++", "+-", "-+", "--")
OPERATIONS = ("not", "and", "or")


class Gate(Protocol):
    """What every gate on channels can do."""

    kind: ClassVar[str]

    @property
    def channels(self) -> tuple[str, ...]:
        """$PnN of the channels it looks at."""
        ...

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The scale it is drawn on, one per channel."""
        ...

    def contains(self, events: Events) -> Members:
        """Return (n,) membership of (n, d) linear events, columns in the order of ``channels``."""
        ...

    def coordinates(self) -> dict[str, Any]:
        """Return the shape as JSON can hold it; :func:`gate_from_coordinates` gives the gate back."""
        ...


@dataclass(frozen=True, slots=True)
class RangeGate:
    """Events with ``minimum <= x < maximum`` on one channel; an infinite limit is an open end.

    Raises
    ------
    GateError
        Unless there is one channel and ``minimum < maximum``.

    Examples
    --------
    >>> RangeGate(("CD3",), 1000, 5000).contains(np.array([[999.0], [1000.0], [5000.0]]))
    array([False,  True, False])
    """

    kind: ClassVar[str] = "range"
    channels: tuple[str, ...]
    minimum: float = -math.inf
    """Linear scale."""
    maximum: float = math.inf
    transforms: tuple[Transform, ...] = ()

    def __post_init__(self) -> None:
        _settle(self, 1)
        _set(self, minimum=_number(self, "minimum", self.minimum), maximum=_number(self, "maximum", self.maximum))
        _check_limits(self, (self.minimum,), (self.maximum,))

    def contains(self, events: Events) -> Members:
        """Return (n,) membership of (n, 1) linear events."""
        (column,) = _columns(self, events)
        return _between(column, self.minimum, self.maximum)

    def coordinates(self) -> dict[str, Any]:
        """Return ``minimum`` and ``maximum``, None where open."""
        return {"minimum": _finite(self.minimum), "maximum": _finite(self.maximum)}


@dataclass(frozen=True, slots=True)
class RectangleGate:
    """Events with ``minimum <= x < maximum`` on every channel; an infinite limit is an open side.

    Raises
    ------
    GateError
        Unless there is a limit per channel and every ``minimum < maximum``.
    """

    kind: ClassVar[str] = "rectangle"
    channels: tuple[str, ...]
    minimum: Point
    """Linear scale, one per channel."""
    maximum: Point
    transforms: tuple[Transform, ...] = ()

    def __post_init__(self) -> None:
        _settle(self, None)
        _set(self, minimum=_point(self, "minimum", self.minimum), maximum=_point(self, "maximum", self.maximum))
        _check_limits(self, self.minimum, self.maximum)

    def contains(self, events: Events) -> Members:
        """Return (n,) membership of (n, d) linear events."""
        columns = _columns(self, events)
        return _all(map(_between, columns, self.minimum, self.maximum))

    def coordinates(self) -> dict[str, Any]:
        """Return ``minimum`` and ``maximum``, lists with None where open."""
        return {"minimum": [*map(_finite, self.minimum)], "maximum": [*map(_finite, self.maximum)]}


@dataclass(frozen=True, slots=True, eq=False)
class PolygonGate:
    """Events within a closed polygon whose edges are straight on the display scale.

    A point is inside if a ray from it crosses the outline an odd number of times: a polygon that
    crosses itself has holes where it covers a place twice. The last vertex is joined to the first.

    Raises
    ------
    GateError
        With fewer than three vertices, a vertex that is not finite or not on the scale, or all on one line.

    Examples
    --------
    >>> triangle = PolygonGate(("FSC-A", "SSC-A"), np.array([[0, 0], [4, 0], [0, 4]]))
    >>> triangle.contains(np.array([[1.0, 1.0], [3.0, 3.0], [0.0, 2.0]]))
    array([ True, False,  True])
    """

    kind: ClassVar[str] = "polygon"
    channels: tuple[str, ...]
    vertices: NDArray[np.float64]
    """(k, 2), linear scale, read-only."""
    transforms: tuple[Transform, ...] = ()

    def __post_init__(self) -> None:
        _settle(self, 2)
        _set(self, vertices=_array(self, "vertices", self.vertices))
        if self.vertices.ndim != 2 or self.vertices.shape[1] != 2:
            shape = " x ".join(map(str, self.vertices.shape))
            raise GateError(f"{_name(self)}: vertices are {shape}; give pairs x, y")
        if len(self.vertices) < 3:
            raise GateError(f"{_name(self)}: {len(self.vertices)} vertices; a polygon needs at least 3")
        shown = self._shown_vertices()
        for vertex, place in zip(self.vertices.tolist(), shown, strict=True):
            if not np.isfinite(place).all():
                raise GateError(
                    f"{_name(self)}: vertex ({vertex[0]:g}, {vertex[1]:g}) is not a place on {_scales(self)}"
                )
        dx, dy = (shown - shown[0]).T
        if np.array_equal(np.outer(dx, dy), np.outer(dy, dx)):
            raise GateError(f"{_name(self)}: all vertices lie on one line; a polygon encloses an area")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd but usable: an outline that crosses itself."""
        if not _crosses_itself(self._shown_vertices()):
            return ()
        return (f"{_name(self)}: the outline crosses itself; what it covers twice is outside (even-odd rule).",)

    def contains(self, events: Events) -> Members:
        """Return (n,) membership of (n, 2) linear events."""
        x, y = _columns(self, events)
        (left, bottom), (right, top) = self.vertices.min(axis=0), self.vertices.max(axis=0)
        members: Members = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
        near = np.flatnonzero(members)
        shown = self._shown_vertices()
        for start in range(0, near.size, BLOCK):
            block = near[start : start + BLOCK]
            members[block] = _within(shown, self.transforms[0](x[block]), self.transforms[1](y[block]))
        return members

    def coordinates(self) -> dict[str, Any]:
        """Return ``vertices``, pairs on the linear scale."""
        return {"vertices": self.vertices.tolist()}

    def _shown_vertices(self) -> NDArray[np.float64]:
        """Return (k, 2) display coordinates."""
        return np.column_stack([t(self.vertices[:, i]) for i, t in enumerate(self.transforms)])


@dataclass(frozen=True, slots=True, eq=False)
class EllipseGate:
    """Events within a Mahalanobis distance of a mean, on the display scale; an ellipsoid in more dimensions.

    Raises
    ------
    GateError
        If the mean is not on the scale, the covariance is not symmetric and positive definite, or the squared
        distance is not positive.
    """

    kind: ClassVar[str] = "ellipse"
    channels: tuple[str, ...]
    mean: Point
    """Centre, linear scale."""
    covariance: NDArray[np.float64]
    """(d, d), display scale, read-only."""
    distance_square: float = 1.0
    transforms: tuple[Transform, ...] = ()

    def __post_init__(self) -> None:
        _settle(self, None)
        _set(self, mean=_point(self, "mean", self.mean), covariance=_array(self, "covariance", self.covariance))
        _set(self, distance_square=_number(self, "distance_square", self.distance_square))
        if len(self.channels) < 2:
            raise GateError(f"{_name(self)}: 1 channel; an ellipse needs at least 2")
        if not np.isfinite(self._shown_mean()).all():
            raise GateError(f"{_name(self)}: mean {self.mean} is not a place on {_scales(self)}")
        _check_covariance(self, self.covariance, len(self.channels))
        if not 0 < self.distance_square < math.inf:
            raise GateError(f"{_name(self)}: distance_square={self.distance_square:g}; it must be positive")

    def contains(self, events: Events) -> Members:
        """Return (n,) membership of (n, d) linear events."""
        columns = _columns(self, events)
        shown = [t(column) for t, column in zip(self.transforms, columns, strict=True)]
        with np.errstate(invalid="ignore", over="ignore"):
            away = [axis - centre for axis, centre in zip(shown, self._shown_mean(), strict=True)]
            precision = np.linalg.inv(self.covariance)
            distance = sum(precision[i, j] * away[i] * away[j] for i in range(len(away)) for j in range(len(away)))
            members: Members = np.less_equal(distance, self.distance_square)
        return members

    def coordinates(self) -> dict[str, Any]:
        """Return ``mean`` (linear), ``covariance`` (display scale) and ``distance_square``."""
        return {
            "mean": list(self.mean),
            "covariance": self.covariance.tolist(),
            "distance_square": self.distance_square,
        }

    def _shown_mean(self) -> list[float]:
        """Return the centre in display coordinates."""
        return [float(t(centre)) for t, centre in zip(self.transforms, self.mean, strict=True)]


@dataclass(frozen=True, slots=True)
class QuadrantGate:
    """One of the four parts into which two thresholds cut a population.

    ``value >= threshold`` is ``+``, so the quadrants of one pair of thresholds share no event
    and leave out none (but an event that is NaN in either channel).

    Raises
    ------
    GateError
        Unless there are two channels, two finite thresholds and signs like ``+-``.

    Examples
    --------
    >>> memory = QuadrantGate(("CD62L", "CD45RA"), (800, 1500), "+-")
    >>> memory.contains(np.array([[800.0, 1499.0], [800.0, 1500.0]]))
    array([ True, False])
    """

    kind: ClassVar[str] = "quadrant"
    channels: tuple[str, ...]
    thresholds: Point
    """Linear scale, one per channel."""
    signs: str = "++"
    """``+-``: positive on the first channel, negative on the second."""
    transforms: tuple[Transform, ...] = ()

    def __post_init__(self) -> None:
        _settle(self, 2)
        _set(self, thresholds=_point(self, "thresholds", self.thresholds))
        if not all(map(math.isfinite, self.thresholds)):
            raise GateError(f"{_name(self)}: thresholds {self.thresholds}; both must be finite numbers")
        if self.signs not in SIGNS:
            raise GateError(f"{_name(self)}: signs {self.signs!r}; say {', '.join(SIGNS)}")

    def contains(self, events: Events) -> Members:
        """Return (n,) membership of (n, 2) linear events."""
        columns = _columns(self, events)
        sides = zip(columns, self.thresholds, self.signs, strict=True)
        return _all(column >= cut if sign == "+" else column < cut for column, cut, sign in sides)

    def coordinates(self) -> dict[str, Any]:
        """Return ``thresholds`` and ``signs``."""
        return {"thresholds": list(self.thresholds), "signs": self.signs}


@dataclass(frozen=True, slots=True)
class RatioGate:
    """Events with ``minimum <= numerator / denominator < maximum``.

    Division by zero gives an infinite ratio, which only an open side contains; 0 / 0 is in no gate.

    Raises
    ------
    GateError
        Unless there are two channels and ``minimum < maximum``.

    Examples
    --------
    >>> singlets = RatioGate(("FSC-H", "FSC-A"), 0.8, 1.1)
    >>> singlets.contains(np.array([[95.0, 100.0], [95.0, 190.0]]))
    array([ True, False])
    """

    kind: ClassVar[str] = "ratio"
    channels: tuple[str, ...]
    """Numerator, denominator."""
    minimum: float = -math.inf
    """Ratio of linear values."""
    maximum: float = math.inf
    transforms: tuple[Transform, ...] = ()

    def __post_init__(self) -> None:
        _settle(self, 2)
        _set(self, minimum=_number(self, "minimum", self.minimum), maximum=_number(self, "maximum", self.maximum))
        _check_limits(self, (self.minimum,), (self.maximum,))

    def contains(self, events: Events) -> Members:
        """Return (n,) membership of (n, 2) linear events."""
        numerator, denominator = _columns(self, events)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = numerator / denominator
        return _between(ratio, self.minimum, self.maximum)

    def coordinates(self) -> dict[str, Any]:
        """Return ``minimum`` and ``maximum``, None where open."""
        return {"minimum": _finite(self.minimum), "maximum": _finite(self.maximum)}


@dataclass(frozen=True, slots=True)
class BooleanGate:
    """A population made of others by "not", "and" or "or".

    It looks at no channel, so it takes the memberships of its operands instead of events.

    Raises
    ------
    GateError
        If the operation is unknown, there is no operand, or "not" has more than one.

    Examples
    --------
    >>> BooleanGate("not", ("CAR+ T",)).combine([np.array([True, False])])
    array([False,  True])
    """

    kind: ClassVar[str] = "boolean"
    channels: ClassVar[tuple[str, ...]] = ()
    transforms: ClassVar[tuple[Transform, ...]] = ()
    operation: str
    operands: tuple[str, ...]
    """Names of populations."""

    def __post_init__(self) -> None:
        _set(self, operands=tuple(self.operands))
        if self.operation not in OPERATIONS:
            raise GateError(missing("operation", self.operation, OPERATIONS, "boolean gate"))
        if not self.operands:
            raise GateError(f"boolean gate: {self.operation!r} of no population; name at least one")
        if self.operation == "not" and len(self.operands) > 1:
            raise GateError(f"boolean gate: 'not' of {', '.join(self.operands)}; it takes one population")

    def combine(self, members: Sequence[Members]) -> Members:
        """Return (n,) membership from that of each operand, in their order.

        Raises
        ------
        GateError
            Unless there is one membership per operand, all of one length.
        """
        if len(members) != len(self.operands) or len({len(each) for each in members}) != 1:
            sizes = ", ".join(str(len(each)) for each in members)
            raise GateError(
                f"boolean gate: memberships of {sizes or 'no'} events for the populations "
                f"{', '.join(self.operands)}; give one each, all of the same sample"
            )
        if self.operation == "not":
            return ~members[0]
        combined = np.logical_and if self.operation == "and" else np.logical_or
        return np.asarray(combined.reduce(members), dtype=bool)

    def coordinates(self) -> dict[str, Any]:
        """Return ``operation`` and ``operands``."""
        return {"operation": self.operation, "operands": list(self.operands)}


GATES: dict[str, type[Any]] = {
    gate.kind: gate for gate in (RangeGate, RectangleGate, PolygonGate, EllipseGate, QuadrantGate, RatioGate)
}


def gate_from_coordinates(
    kind: str,
    channels: Sequence[str],
    coordinates: Mapping[str, Any],
    transforms: Sequence[Transform] = (),
) -> Gate | BooleanGate:
    """Rebuild a gate from what ``gate.coordinates()`` wrote; it contains the very same events.

    Parameters
    ----------
    kind
        ``gate.kind``.
    channels
        $PnN, in the gate's order; empty for a Boolean gate.
    coordinates
        As read from JSON: None for an open side.
    transforms
        One per channel; linear if none are given.

    Raises
    ------
    GateError
        If the kind is unknown, a coordinate is missing or unknown, or the shape cannot be.

    Examples
    --------
    >>> gate = RangeGate(("CD3",), minimum=1000)
    >>> gate_from_coordinates(gate.kind, gate.channels, gate.coordinates()) == gate
    True
    """
    if kind not in (*GATES, BooleanGate.kind):
        raise GateError(missing("kind of gate", kind, [*GATES, BooleanGate.kind], "coordinates"))
    shape = {key: _opened(key, value) for key, value in coordinates.items()}
    try:
        if kind == BooleanGate.kind:
            return BooleanGate(**shape)
        gate: Gate = GATES[kind](channels=tuple(channels), transforms=tuple(transforms), **shape)
    except TypeError as error:
        found = ", ".join(coordinates) or "none"
        raise GateError(f"{kind} on {' x '.join(channels)}: coordinates {found} are not those of a {kind}") from error
    return gate


def _opened(key: str, value: Any) -> Any:
    """Put infinity back where None stands for an open side."""
    ends = {"minimum": -math.inf, "maximum": math.inf}
    if isinstance(value, list) and key in ends:
        return tuple(_opened(key, each) for each in value)
    return ends.get(key) if value is None else value


def _finite(limit: float) -> float | None:
    """Return a limit as JSON knows it: it has no infinity."""
    return limit if math.isfinite(limit) else None


def _settle(gate: Any, dimensions: int | None) -> None:
    """Make channels and transforms tuples of one length; linear where no transform is given."""
    _set(gate, channels=tuple(gate.channels))
    _set(gate, transforms=tuple(gate.transforms) or (Linear(),) * len(gate.channels))
    if not gate.channels or dimensions not in (None, len(gate.channels)):
        needed = f"{dimensions or 'at least one'} channel{'s' if dimensions == 2 else ''}"
        raise GateError(f"{_name(gate)}: {len(gate.channels)} channels; a {gate.kind} gate looks at {needed}")
    if len(gate.transforms) != len(gate.channels):
        raise GateError(f"{_name(gate)}: {len(gate.transforms)} transforms; give one per channel")


def _set(gate: Any, **values: Any) -> None:
    """Set fields of a frozen gate while it is made."""
    for name, value in values.items():
        object.__setattr__(gate, name, value)


def _name(gate: Any) -> str:
    """Name a gate in a message: ``polygon on FSC-A x SSC-A``."""
    return f"{gate.kind} on {' x '.join(gate.channels) or 'nothing'}"


def _scales(gate: Any) -> str:
    return " x ".join(map(str, gate.transforms))


def _number(gate: Any, name: str, number: Any) -> float:
    try:
        return float(number)
    except (TypeError, ValueError) as error:
        raise GateError(f"{_name(gate)}: {name} {number!r} is not a number") from error


def _point(gate: Any, name: str, numbers: Any) -> Point:
    """Return one float per channel."""
    point = tuple(_number(gate, name, number) for number in numbers)
    if len(point) != len(gate.channels):
        count = len(gate.channels)
        raise GateError(f"{_name(gate)}: {name} has {len(point)} values for {count} channels; give one each")
    return point


def _array(gate: Any, name: str, numbers: Any) -> NDArray[np.float64]:
    """Return a read-only copy as floats."""
    try:
        array = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GateError(f"{_name(gate)}: {name} are not a table of numbers: {error}") from error
    array.flags.writeable = False
    return array


def _check_limits(gate: Any, low: Point, high: Point) -> None:
    """Refuse limits between which nothing lies."""
    for minimum, maximum in zip(low, high, strict=True):
        if not minimum < maximum:
            raise GateError(
                f"{_name(gate)}: minimum {minimum:g} and maximum {maximum:g}; minimum must be below maximum"
            )


def _check_covariance(gate: Any, covariance: NDArray[np.float64], dimensions: int) -> None:
    """Refuse a matrix that is not the covariance of an ellipse."""
    if covariance.shape != (dimensions, dimensions):
        shape = " x ".join(map(str, covariance.shape))
        raise GateError(f"{_name(gate)}: covariance is {shape}; it must be {dimensions} x {dimensions}")
    if not np.isfinite(covariance).all() or not np.allclose(covariance, covariance.T, rtol=1e-9, atol=0):
        raise GateError(f"{_name(gate)}: covariance {covariance.tolist()} is not symmetric and finite")
    least = float(np.linalg.eigvalsh(covariance)[0])
    if least <= 0:
        raise GateError(
            f"{_name(gate)}: covariance is not positive definite (least eigenvalue {least:g}); "
            f"no ellipse has these axes"
        )


def _columns(gate: Any, events: Events) -> list[Events]:
    """Return the columns of (n, d) events; refuse another d."""
    if events.ndim != 2 or events.shape[1] != len(gate.channels):
        shape = " x ".join(map(str, events.shape))
        raise GateError(f"{_name(gate)}: events are {shape}; it needs (n, {len(gate.channels)})")
    return list(events.T)


def _between(values: Events, minimum: float, maximum: float) -> Members:
    """Test ``minimum <= x < maximum``; an infinite maximum is an open end and contains infinity."""
    above: Members = values >= minimum
    return above if maximum == math.inf else above & (values < maximum)


def _all(conditions: Any) -> Members:
    """Return where every condition holds."""
    return np.asarray(np.logical_and.reduce(list(conditions)), dtype=bool)


def _within(vertices: NDArray[np.float64], x: Events, y: Events) -> Members:
    """Count, modulo two, the edges that a ray to the right of each point crosses."""
    inside = np.zeros(x.shape, dtype=bool)
    below = [y >= height for height in vertices[:, 1]]
    for i in range(len(vertices)):
        (x1, y1), (x2, y2) = vertices[i - 1], vertices[i]
        if y1 == y2:
            continue
        side = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
        inside ^= (below[i - 1] != below[i]) & (side > 0 if y2 > y1 else side < 0)
    return inside


def _crosses_itself(vertices: NDArray[np.float64]) -> bool:
    """Whether two edges of a closed outline that are not neighbours have an inner point in common."""
    start, end = vertices, np.roll(vertices, -1, axis=0)

    def side(point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (k, k): on which side of edge i point j lies."""
        along = (end - start)[:, None, :]
        away = point[None, :, :] - start[:, None, :]
        return np.sign(along[..., 0] * away[..., 1] - along[..., 1] * away[..., 0])

    apart = side(start) * side(end) < 0
    return bool((apart & apart.T).any())
