"""FlowCytometryTools: its measurements and gates as ours, ours as its.

FlowCytometryTools 0.5.1 (2021) uses two names that Python has dropped and needs numpy below 2 and pandas below 3:
under pandas 3 its plates are empty without a word. :func:`load` imports it with what it lacks, or says
why it cannot. Everything else here is what its users have: measurements, and gates drawn in scripts.

===================== ============================== ==================================================
FlowCytometryTools    a row of gating.csv             which events
===================== ============================== ==================================================
``ThresholdGate``     ``range``                       the same
``IntervalGate``      ``range``                       the same: its upper end belongs to it, so ours ends
                                                      at the next larger number
``QuadGate``          ``quadrant`` with ``at(...)``   the same
``PolyGate``          ``polygon``                     the same but on the outline itself, where it has no rule
region ``out``, ``~`` ``not``                         the same
``&  |  ^``           ``and``, ``or`` (four for xor)  the same
===================== ============================== ==================================================

"The same" is for events of 64 bits, as :func:`to_measurement` makes them. FlowCytometryTools itself reads events of
32 bits and compares them with a threshold rounded to 32 bits; and its "below", "left" and "bottom" contain
events that are NaN, ours do not.
"""

import collections
import csv
import inspect
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, reduce
from importlib import import_module
from operator import and_, or_
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import lambertw

from gating.errors import ExchangeError
from gating.gates import BooleanGate, Gate, PolygonGate, QuadrantGate, RangeGate, RectangleGate
from gating.sample import Channel, Sample
from gating.template import COLUMNS, ROOT
from gating.transforms import Hyperlog, Linear, Log, Transform

__all__ = ["from_gates", "from_measurement", "load", "to_gate", "to_measurement"]

Scales = Mapping[str, Any]
"""The ``Transformation`` each channel was drawn on, as ``transform(..., get_transformer=True)`` returns it."""
UNTRANSFORMED: Scales = MappingProxyType({})
NEWEST = {"numpy": (np.__version__, 2), "pandas": (pd.__version__, 3)}
"""The version here, and the first major version that FlowCytometryTools cannot work with."""
COMPENSATION = "_compensation_"
"""Where a measurement of ours remembers how spillover was dealt with."""
QUADRANTS = {"top right": "++", "bottom right": "+-", "top left": "-+", "bottom left": "--"}


# ------------------------------------------------------------------------------------- the package


@cache
def load() -> ModuleType:
    """Import FlowCytometryTools, supplying what its import lacks.

    The standard library is as before when this returns: its modules alone keep the old names.

    Raises
    ------
    ExchangeError
        If it is not installed, or numpy or pandas is too new for it.
    """
    for library, (version, limit) in NEWEST.items():
        if int(version.partition(".")[0]) >= limit:
            raise ExchangeError(
                f"FlowCytometryTools: {library} {version} is installed; it needs {library} below {limit}. "
                f"Install '.[flowcytometrytools]' in an environment of its own."
            )
    with _supplied(collections, vars(collections.abc)), _supplied(inspect, {"getargspec": _getargspec}):
        try:
            package = import_module("FlowCytometryTools")
        except ModuleNotFoundError as error:
            raise ExchangeError(
                f"FlowCytometryTools: {error}; install '.[flowcytometrytools]' in an environment of its own."
            ) from error
    for name in ("bases", "containers", "utils"):
        module: Any = import_module(f"FlowCytometryTools.core.{name}")
        module.collections = collections.abc
        module.inspect = SimpleNamespace(**{**vars(inspect), "getargspec": _getargspec})
    return package


def _getargspec(function: Any) -> SimpleNamespace:
    """Stand in for ``inspect.getargspec``, gone since Python 3.11."""
    spec = inspect.getfullargspec(function)
    return SimpleNamespace(args=spec.args, keywords=spec.varkw)


@contextmanager
def _supplied(module: ModuleType, names: Mapping[str, Any]) -> Iterator[None]:
    """Lend a module the names it does not have."""
    lent = [name for name in names if not hasattr(module, name)]
    for name in lent:
        setattr(module, name, names[name])
    try:
        yield
    finally:
        for name in lent:
            delattr(module, name)


# ------------------------------------------------------------------------------------- samples


def to_measurement(sample: Sample, *, channel_naming: str = "$PnS") -> Any:
    """Return a sample as an ``FCMeasurement``, its events compensated and linear, 64 bits each.

    Parameters
    ----------
    sample
        Compensated, or declared as needing none: FlowCytometryTools has no compensation.
    channel_naming
        ``"$PnS"`` names columns by marker, the channel's name where there is none, as FlowCytometryTools
        does unless told otherwise; ``"$PnN"`` by channel, and so do markers that are not unique.

    Raises
    ------
    ExchangeError
        If the sample is not compensated, ``channel_naming`` is neither, or FlowCytometryTools cannot be used here.
    """
    if not sample.compensated:
        raise ExchangeError(
            f"{sample.name}: not compensated; FlowCytometryTools cannot do it later. Call compensate first, "
            f"or declare_uncompensated."
        )
    if channel_naming not in {"$PnS", "$PnN"}:
        raise ExchangeError(f"channel_naming={channel_naming!r}; say '$PnS' or '$PnN'")
    names = [channel.name if channel_naming == "$PnN" else str(channel) for channel in sample.channels]
    if len(set(names)) < len(names):
        names = [channel.name for channel in sample.channels]
    measurement = load().FCMeasurement(sample.name, readmeta=False)
    measurement.set_meta(_meta(sample, names))
    measurement.set_data(pd.DataFrame(sample.events.copy(), columns=names))
    return measurement


def _meta(sample: Sample, names: Sequence[str]) -> dict[str, Any]:
    """Return keywords as fcsparser arranges them: those of channels in a table, which say that events are linear."""
    table = pd.DataFrame(
        {
            "$PnN": [channel.name for channel in sample.channels],
            "$PnS": [channel.marker for channel in sample.channels],
            "$PnR": [f"{channel.range:.17g}" for channel in sample.channels],
            "$PnE": [["0", "0"] for _ in sample.channels],
        },
        index=pd.RangeIndex(1, len(names) + 1, name="Channel Number"),
    )
    own = {word: text for word, text in sample.keywords.items() if not _is_channel_keyword(word)}
    return {**own, "_channels_": table, "_channel_names_": tuple(names), COMPENSATION: sample.compensation}


def _is_channel_keyword(word: str) -> bool:
    """Whether a keyword is ``$P`` and the number of a channel."""
    return word.startswith("$P") and word[2:3].isdigit()


def from_measurement(measurement: Any) -> Sample:
    """Return an ``FCMeasurement`` as a sample, with the events it holds now.

    What FlowCytometryTools read from a file is not compensated: call ``compensate(sample, file_spillover(sample))``.
    Where it was gated before, root is what that left, and a warning of the sample says so.

    Raises
    ------
    ExchangeError
        If events are not on the linear scale (it was transformed, or a channel is logarithmic by ``$PnE``, which
        FlowCytometryTools does not undo), or a column is not of numbers.
    """
    name, data, meta = str(measurement.ID), measurement.data, measurement.meta or {}
    done = [step for step, _ in [*measurement.history, *measurement.queue]]
    if "transform" in done:
        raise ExchangeError(
            f"{name}: the measurement was transformed; give it as it was before, events are linear here"
        )
    channels = tuple(_channel(name, str(column), meta) for column in data.columns)
    try:
        events = np.array(data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ExchangeError(f"{name}: the data are not numbers: {error}") from error
    warnings = (
        ("Gated in FlowCytometryTools before; root is what that left.",) if {"gate", "subsample"} & {*done} else ()
    )
    return Sample(name, channels, events, _keywords(meta), meta.get(COMPENSATION, ""), warnings)


def _channel(where: str, column: str, meta: Mapping[str, Any]) -> Channel:
    """Return what the meta data say of a column; refuse one that is not linear."""
    names = list(meta.get("_channel_names_", ()))
    if column not in names:
        return Channel(column)
    row = meta["_channels_"].iloc[names.index(column)].to_dict()
    decades, gain = row.get("$PnE", ["0", "0"]), row.get("$PnG") or 1
    if float(decades[0]) > 0 or float(gain) != 1:
        found = f"$PnE is {','.join(decades)}" if float(decades[0]) > 0 else f"$PnG is {gain}"
        raise ExchangeError(
            f"{where}: {found} on {column}, which FlowCytometryTools does not apply; read the file with read_fcs."
        )
    return Channel(row.get("$PnN") or column, row.get("$PnS") or "", float(row["$PnR"]))


def _keywords(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return keywords as TEXT has them, upper case, those of channels with their number."""
    own = {word.upper(): str(text) for word, text in meta.items() if not word.startswith("_")}
    if "_channels_" not in meta:
        return own
    for number, (_, row) in enumerate(meta["_channels_"].iterrows(), start=1):
        for word, value in row.items():
            if value is not None and str(word).startswith("$Pn"):
                text = ",".join(value) if isinstance(value, list) else str(value)
                own[f"$P{number}{str(word)[3:]}"] = text
    return own


# ------------------------------------------------------------------------------------- its gates as ours


def from_gates(gates: Iterable[tuple[str, str, Any]], *, scales: Scales = UNTRANSFORMED) -> str:
    """Write gates of FlowCytometryTools as a gating template.

    Parameters
    ----------
    gates
        Population, parent (``"root"``, or a population before it) and gate. What was chained there,
        ``sample.gate(cells).gate(positive)``, is a parent here.
    scales
        For gates drawn on transformed data: channel to its ``Transformation``. ``hlog`` and ``tlog`` are taken to the
        linear scale exactly; FlowCytometryTools draws them through a spline of 1,000 knots unless ``use_spln=False``.

    Returns
    -------
    str
        The text of a gating.csv: write it to one, or give it to :func:`gating.parse_template`.

    Raises
    ------
    ExchangeError
        If a gate or scale has no counterpart, or a name cannot stand in a template.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> gate = type("ThresholdGate", (SimpleNamespace,), {})(channels=["Y2-A"], vert=800, region="above")
    >>> print(from_gates([("RFP+", "root", gate)]), end="")
    population,parent,channels,method,arguments
    RFP+,root,Y2-A,range,minimum=800.0
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for population, parent, gate in gates:
        writer.writerows(_Writer(population, parent, scales).rows(gate))
    return text.getvalue()


class _Writer:
    """Writes the rows of one population: its own, and before it those of the parts it is made of."""

    def __init__(self, population: str, parent: str, scales: Scales) -> None:
        odd = sorted({sign for sign in "|;" if sign in population} | ({population} & {"", ROOT}))
        if odd or not population:
            raise ExchangeError(
                f"population {population!r}: a name in a template is not empty, not root, has no | or ;"
            )
        self.population, self.parent, self.scales = population, parent, scales
        self.written: list[tuple[str, str, str, str, str]] = []
        self.parts = 0

    def rows(self, gate: Any) -> list[tuple[str, str, str, str, str]]:
        """Return the rows, the population's own last."""
        self._write(gate, self.population)
        return self.written

    def _write(self, gate: Any, name: str) -> None:
        """Write a gate under a name."""
        kind = type(gate).__name__
        if kind == "CompositeGate":
            self._write_composite(gate, name)
        elif getattr(gate, "region", "in") == "out":
            self._combine(name, "not", [self._shape(gate, self._part())])
        else:
            self._shape(gate, name)

    def _write_composite(self, gate: Any, name: str) -> None:
        operands = [self._part() for _ in gate.gates]
        for operand, part in zip(gate.gates, operands, strict=True):
            self._write(operand, part)
        if gate.how == "xor":
            either, both = self._combine(self._part(), "or", operands), self._combine(self._part(), "and", operands)
            self._combine(name, "and", [either, self._combine(self._part(), "not", [both])])
        else:
            self._combine(name, {"invert": "not"}.get(gate.how, gate.how), operands)

    def _part(self) -> str:
        self.parts += 1
        return f"{self.population}, part {self.parts}"

    def _combine(self, name: str, method: str, operands: list[str]) -> str:
        return self._row(name, [], method, f"of={'|'.join(operands)}")

    def _shape(self, gate: Any, name: str) -> str:
        """Write a gate on channels."""
        shapes = {
            "ThresholdGate": self._threshold,
            "IntervalGate": self._interval,
            "QuadGate": self._quadrant,
            "PolyGate": self._polygon,
        }
        if type(gate).__name__ not in shapes:
            raise ExchangeError(
                f"{self.population}: {type(gate).__name__} has no counterpart; known are {', '.join(shapes)}"
            )
        method, arguments = shapes[type(gate).__name__](gate)
        return self._row(name, gate.channels, method, arguments)

    def _row(self, name: str, channels: Sequence[str], method: str, arguments: str) -> str:
        if any("|" in channel for channel in channels):
            raise ExchangeError(f"{self.population}: channel {'|'.join(channels)!r}; a template cannot name one with |")
        self.written.append((name, self.parent, "|".join(channels), method, arguments))
        return name

    def _threshold(self, gate: Any) -> tuple[str, str]:
        (cut,) = self._linear(gate, [[gate.vert]])[0]
        return "range", _limits(cut, math.inf) if gate.region == "above" else _limits(-math.inf, cut)

    def _interval(self, gate: Any) -> tuple[str, str]:
        (low,), (high,) = self._linear(gate, [[gate.vert[0]], [gate.vert[1]]])
        return "range", _limits(low, float(np.nextafter(high, math.inf)))

    def _quadrant(self, gate: Any) -> tuple[str, str]:
        x, y = self._linear(gate, [gate.vert])[0]
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ExchangeError(f"{self.population}: a quadrant at {gate.vert}, below all that its scale shows")
        return "quadrant", f"quadrant={QUADRANTS[gate.region]}; x=at({x!r}); y=at({y!r})"

    def _polygon(self, gate: Any) -> tuple[str, str]:
        corners = self._linear(gate, gate.vert)
        if any(not math.isfinite(place) for corner in corners for place in corner):
            raise ExchangeError(
                f"{self.population}: the polygon reaches the bottom of a tlog scale, where FlowCytometryTools piles up "
                f"all that is below; draw it on a scale that shows these events"
            )
        scales = [self._scale(channel).transform for channel in gate.channels]
        drawn = "".join(
            f"; {axis}_transform={scale}" for axis, scale in zip("xy", scales, strict=True) if scale != Linear()
        )
        return "polygon", f"vertices={' '.join(repr(place) for corner in corners for place in corner)}{drawn}"

    def _scale(self, channel: str) -> "_Scale":
        return _scale(self.scales.get(channel), f"{self.population}: {channel}")

    def _linear(self, gate: Any, points: Iterable[Iterable[float]]) -> list[list[float]]:
        """Take points from the scales of a gate's channels to linear ones."""
        scales = [self._scale(channel) for channel in gate.channels]
        return [[scale.linear(float(x)) for scale, x in zip(scales, point, strict=True)] for point in points]


def _limits(minimum: float, maximum: float) -> str:
    """Write the limits of a range, leaving out an open end."""
    limits = {"minimum": minimum, "maximum": maximum}
    return "; ".join(f"{name}={limit!r}" for name, limit in limits.items() if math.isfinite(limit))


@dataclass(frozen=True, slots=True)
class _Scale:
    """A scale of theirs."""

    transform: Transform
    """Ours on which every straight line of theirs is straight."""
    linear: Callable[[float], float]
    """The linear value shown at a place; minus infinity where the scale ends."""


def _scale(transformation: Any, where: str) -> _Scale:
    """Understand a ``Transformation``; None is the linear scale.

    Raises
    ------
    ExchangeError
        If there is no scale like it here.
    """
    if transformation is None:
        return _Scale(Linear(), float)
    if transformation.direction != "forward" or transformation.tname not in {"hlog", "tlog"}:
        found = f"{transformation.direction} {transformation.tname or transformation.tfun}"
        raise ExchangeError(f"{where}: drawn on the scale {found!r}; known are forward hlog and tlog, and linear")
    first = {"hlog": "b", "tlog": "th"}[transformation.tname]
    given = {**dict(zip((first, "r", "d"), transformation.args, strict=False)), **transformation.kwargs}
    top, decades = float(given.get("r", 1e4)), float(given.get("d", math.log10(2**18)))
    if transformation.tname == "tlog":
        return _tlog(float(given.get("th", 1)), decades / top, decades)
    return _hlog(float(given.get("b", 500)), decades / top, decades, where)


def _tlog(floor: float, unit: float, decades: float) -> _Scale:
    """Understand ``log10(x) / unit``, where ``floor`` and all below are shown at one place."""

    def linear(shown: float) -> float:
        return -math.inf if shown * unit <= math.log10(floor) else 10.0 ** (shown * unit)

    return _Scale(Log(T=10.0**decades, M=decades), linear)


def _hlog(slope: float, unit: float, decades: float, where: str) -> _Scale:
    """Understand ``10**u + slope * u - 1`` shown at ``u / unit``: the hyperlog of which ``10**W / W`` is the slope."""
    ln10 = math.log(10)
    if slope <= math.e * ln10:
        raise ExchangeError(f"{where}: hlog with b={slope:g}; a hyperlog has b above {math.e * ln10:.3f}")
    width = float(-lambertw(-ln10 / slope, -1).real / ln10)
    above = max(decades, width)

    def linear(shown: float) -> float:
        place = abs(shown * unit)
        return math.copysign(math.expm1(place * ln10) + slope * place, shown)

    return _Scale(Hyperlog(T=math.expm1(above * ln10) + slope * above, W=width, M=above + width), linear)


# ------------------------------------------------------------------------------------- our gates as its


def to_gate(gate: Gate | BooleanGate, name: str, *, operands: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Return a gate as one of FlowCytometryTools, for linear events such as :func:`to_measurement` gives.

    It holds the same events; on the outline of a polygon FlowCytometryTools has no rule.

    Parameters
    ----------
    gate
        Its channels must be the columns' names there: draw on ``$PnN``, or measure with ``channel_naming="$PnN"``.
    name
        What the gate is called there.
    operands
        For a Boolean gate: the gates of its populations, by name, as made here.

    Raises
    ------
    ExchangeError
        If FlowCytometryTools has no such gate: ellipses, ratios, polygons drawn on a scale that is not linear.
    """
    fct = load()
    if isinstance(gate, RangeGate):
        return _range(fct, gate.channels[0], gate.minimum, gate.maximum, name)
    if isinstance(gate, RectangleGate):
        sides = zip(gate.channels, gate.minimum, gate.maximum, strict=True)
        return reduce(and_, [_range(fct, channel, low, high, f"{name}, {channel}") for channel, low, high in sides])
    if isinstance(gate, QuadrantGate):
        region = {signs: region for region, signs in QUADRANTS.items()}[gate.signs]
        return fct.QuadGate(gate.thresholds, list(gate.channels), region, name)
    if isinstance(gate, PolygonGate) and all(isinstance(scale, Linear) for scale in gate.transforms):
        return fct.PolyGate([tuple(vertex) for vertex in gate.vertices.tolist()], list(gate.channels), "in", name)
    if isinstance(gate, BooleanGate) and not {*gate.operands} - {*operands}:
        members = [operands[operand] for operand in gate.operands]
        return ~members[0] if gate.operation == "not" else reduce(and_ if gate.operation == "and" else or_, members)
    scales = ", ".join(map(str, gate.transforms)) or f"of {', '.join(getattr(gate, 'operands', ()))}"
    raise ExchangeError(
        f"{name}: FlowCytometryTools has no {gate.kind} gate ({scales}); it has ranges, rectangles, quadrants, "
        f"polygons on linear scales, and Boolean gates of given operands"
    )


def _range(fct: Any, channel: str, minimum: float, maximum: float, name: str) -> Any:
    """Return ``minimum <= x < maximum``; an interval there contains its upper end."""
    if maximum == math.inf:
        return fct.ThresholdGate(minimum, channel, "above", name)
    if minimum == -math.inf:
        return fct.ThresholdGate(maximum, channel, "below", name)
    return fct.IntervalGate((minimum, float(np.nextafter(maximum, -math.inf))), channel, "in", name)
