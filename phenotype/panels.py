"""What a gating figure shows, as counts: a histogram and a drawn gate for each step of a template.

Panels are made where the events are (in the worker that gates a file) and drawn later, without them.
Everything is kept on the display scale of the gate itself, so a drawn gate cannot disagree with the
applied one. A panel holds counts, never an event.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating import (
    ControlValues,
    EllipseGate,
    GatedSample,
    Keyed,
    Linear,
    Log,
    PolygonGate,
    Population,
    QuadrantGate,
    RangeGate,
    RatioGate,
    RectangleGate,
    Threshold,
    Transform,
    estimate_logicle,
    keyed,
)

__all__ = ["Axis", "Band", "Label", "Panel", "panels_are_whole", "panels_of", "read_panels", "write_panels"]

BINS = 128
"""Bins of a one-channel histogram: narrower than a valley, wider than the noise of 10,000 events."""
LEVEL = 1
"""Of zlib: half again as many bytes as at its default, in a quarter of the time."""
GRID = 96
"""Bins of a two-channel histogram along each side: about one pixel and a half in the figure."""

Controls = Mapping[tuple[str, str, str], ControlValues]
Line = NDArray[np.float64]
Shape = RangeGate | RectangleGate | PolygonGate | EllipseGate | RatioGate
AnyGate = Shape | QuadrantGate


@dataclass(frozen=True, slots=True)
class Axis:
    """One channel on its display scale."""

    label: str
    """Marker and detector: ``CD3 (BV421-A)``."""
    low: float
    high: float
    """Ends of the histogram, display scale; events beyond are counted in the outermost bins."""
    ticks: tuple[float, ...]
    """Display scale."""
    tick_labels: tuple[str, ...]
    """``0``, ``10³``, ``−10²``, ``50K``."""
    minor: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A population's share, written on the panel."""

    population: str
    count: int | None
    fraction: float | None
    """Of the parent, in [0, 1]; None where it was refused or the parent is empty."""
    x: float
    y: float
    """Where to write it, as a share of the panel's width and height."""


@dataclass(frozen=True, slots=True)
class Band:
    """Where a cut could as well lie: the 95 % interval of a fitted threshold."""

    axis: int
    """0 across, 1 up."""
    low: float
    high: float
    """Display scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One gate step of one sample."""

    title: str
    parent: str
    n: int | None
    """Events of the parent, all of which are shown; None where the parent was refused."""
    x: Axis
    y: Axis | None
    """None for a one-channel gate."""
    counts: NDArray[np.uint32]
    """(128,), or (96, 96) with x along the first axis."""
    outlines: tuple[Line, ...]
    """(k, 2) each, display scale, to be joined by straight lines; of a one-channel gate y runs from 0 to 1."""
    labels: tuple[Label, ...]
    status: str
    """``sure``, ``weak`` or ``refused``."""
    source: str
    """How the gate was placed."""
    note: str = ""
    """Why it is weak or refused."""
    control: NDArray[np.uint32] | None = None
    """(128,), the control that placed a one-channel gate, in the same bins."""
    control_name: str = ""
    bands: tuple[Band, ...] = ()


def panels_of(gated: GatedSample, *, controls: Controls | None = None) -> tuple[Panel, ...]:
    """Return a panel for each gate step of a sample, in the order of its template.

    Quadrants with the same parent and channels are one panel. Boolean populations have no picture of
    their own. A refused gate has its panel: the events, and why no gate was placed.

    Parameters
    ----------
    gated
        The sample with its populations.
    controls
        As given to ``gate_sample``; the one that placed a one-channel gate is shown with it.

    Returns
    -------
    tuple of Panel
        Depends on the events, not on their order.
    """
    return tuple(_panel(gated, steps, controls or {}) for steps in _steps(gated))


def write_panels(path: Path, panels: tuple[Panel, ...]) -> None:
    """Write panels as an npz file that needs no pickle to read; same panels, same bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    for i, panel in enumerate(panels):
        arrays[f"counts_{i}"] = panel.counts
        if panel.control is not None:
            arrays[f"control_{i}"] = panel.control
        arrays |= {f"outline_{i}_{j}": line for j, line in enumerate(panel.outlines)}
    described = json.dumps([_description(panel) for panel in panels], allow_nan=False)
    arrays["panels"] = np.array(described)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), buffer.getvalue(), compresslevel=LEVEL)
    temporary.replace(path)


def read_panels(path: Path) -> tuple[Panel, ...]:
    """Read what :func:`write_panels` wrote.

    Raises
    ------
    ValueError
        If the file is not an npz of panels, or holds Python objects.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            described = json.loads(str(arrays["panels"]))
            return tuple(_restored(arrays, i, fields) for i, fields in enumerate(described))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: not a file of gating panels ({error}); run the gating again") from error


def panels_are_whole(path: Path) -> bool:
    """Tell whether a file of panels is there and can be drawn."""
    try:
        read_panels(path)
    except (OSError, ValueError):
        return False
    return True


def _entry(name: str) -> zipfile.ZipInfo:
    """Return a zip entry without the time of day."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _description(panel: Panel) -> dict[str, Any]:
    """Return everything of a panel but its arrays."""
    fields = asdict(replace(panel, outlines=(), control=None, counts=np.zeros(0, dtype=np.uint32)))
    fields["outlines"] = len(panel.outlines)
    del fields["counts"], fields["control"]
    return fields


def _restored(arrays: Mapping[str, NDArray[Any]], i: int, fields: dict[str, Any]) -> Panel:
    lines = tuple(arrays[f"outline_{i}_{j}"] for j in range(fields.pop("outlines")))
    x, y = _axis(fields.pop("x")), fields.pop("y")
    labels = tuple(Label(**label) for label in fields.pop("labels"))
    bands = tuple(Band(**band) for band in fields.pop("bands"))
    control = arrays.get(f"control_{i}")
    return Panel(
        **fields, x=x, y=_axis(y) if y else None, counts=arrays[f"counts_{i}"],
        outlines=lines, labels=labels, control=control, bands=bands,
    )  # fmt: skip


def _axis(fields: dict[str, Any]) -> Axis:
    lists = {key: tuple(fields[key]) for key in ("ticks", "tick_labels", "minor")}
    return Axis(**{**fields, **lists})


def _steps(gated: GatedSample) -> list[tuple[Population, ...]]:
    """Return the populations of each panel: quadrants of one parent and two channels stand together."""
    steps: dict[tuple[object, ...], list[Population]] = {}
    for row in gated.template.rows:
        population = gated.populations.get(row.population)
        if population is None or row.boolean is not None:
            continue
        key = (row.parent, row.channels, row.on) if row.method == "quadrant" else (row.population,)
        steps.setdefault(key, []).append(population)
    return [tuple(populations) for populations in steps.values()]


def _panel(gated: GatedSample, step: tuple[Population, ...], controls: Controls) -> Panel:
    """Make one panel; the first population of a step speaks for the gate they share."""
    first = step[0]
    row = gated.template.row(first.name)
    columns = [gated.columns[marker] for marker in row.channels]
    scales = [_scale(gated, first, column) for column in columns]
    members = gated.populations[first.parent].members
    chosen = slice(0) if members is None else members
    linear = [gated.sample.events[:, column][chosen] for column in columns]
    drawn = np.all([_drawn(values, scale) for values, scale in zip(linear, scales, strict=True)], axis=0)
    events = [keyed(values[drawn]) for values in linear]
    gate = first.gate if isinstance(first.gate, Shape) else None
    cuts = [
        list(dict.fromkeys(cut for population in step for cut in _cuts(gated, population, i, scale)))
        for i, scale in enumerate(scales)
    ]
    axes = [
        _scaled_axis(gated, column, scale, shown, cut)
        for column, scale, shown, cut in zip(columns, scales, events, cuts, strict=True)
    ]
    names = tuple(gated.sample.channels[column].name for column in columns)
    quadrants = [population.gate for population in step if isinstance(population.gate, QuadrantGate)]
    if quadrants:
        placed = _quadrant_lines(quadrants, names, scales, axes)
    else:
        placed = _outlines(gate, names, scales, axes) if gate else _found_lines(cuts, axes)
    tube = _control(row.controls, first.thresholds, controls) if len(axes) == 1 else None
    return Panel(
        title=first.name if len(step) == 1 else " × ".join(row.channels),
        parent=first.parent,
        n=None if members is None else int(members.sum()),
        x=axes[0],
        y=axes[1] if len(axes) > 1 else None,
        counts=_counts(events, scales, axes),
        outlines=tuple(placed),
        labels=tuple(_label(gated, population, axes, cuts) for population in step),
        status=_status(first),
        source=_source(first, row.method),
        note=_note(first),
        control=None if tube is None else _counts([keyed(tube.values[_drawn(tube.values, scales[0])])], scales, axes),
        control_name="" if tube is None else tube.source,
        bands=tuple(dict.fromkeys(band for population in step for band in _bands(population, row.channels, scales))),
    )


def _scale(gated: GatedSample, population: Population, column: int) -> Transform:
    """Return the scale the gate was placed on; where none was placed, the one it would have been tried on."""
    channel = gated.sample.channels[column]
    gate = population.gate
    if isinstance(gate, AnyGate) and channel.name in gate.channels and gate.transforms:
        return gate.transforms[gate.channels.index(channel.name)]
    if channel.kind != "fluorescence":
        return Linear()
    tried = [threshold.scale for threshold in population.thresholds if threshold.marker == _marker(gated, column)]
    if tried:
        return tried[0]
    members = gated.populations[population.parent].members
    values = gated.sample.events[:0, column] if members is None else gated.sample.events[members, column]
    return estimate_logicle(values[np.isfinite(values)], top=channel.range)


def _marker(gated: GatedSample, column: int) -> str:
    """Return what the template calls a column."""
    return next((marker for marker, place in gated.columns.items() if place == column), "")


def _cuts(gated: GatedSample, population: Population, i: int, scale: Transform) -> list[float]:
    """Return the finite thresholds on one axis, display scale, for gates that are thresholds."""
    gate, name = population.gate, gated.template.row(population.name).channels[i]
    channel = gated.sample.channels[gated.columns[name]].name
    linear: list[float] = []
    if isinstance(gate, RangeGate) and channel == gate.channels[0]:
        linear = [gate.minimum, gate.maximum]
    elif isinstance(gate, QuadrantGate):
        linear = [gate.thresholds[gate.channels.index(channel)]]
    elif gate is None and i < len(population.thresholds):
        linear = [population.thresholds[i].value]
    return [_display(scale, value) for value in linear if np.isfinite(value)]


def _scaled_axis(gated: GatedSample, column: int, scale: Transform, events: Keyed, cuts: list[float]) -> Axis:
    channel = gated.sample.channels[column]
    low, high = _limits(scale, events, channel.range, cuts)
    label = f"{channel.marker} ({channel.name})" if channel.marker else channel.name
    if isinstance(scale, Linear):
        return Axis(label, low, high, *_linear_ticks(scale, low, high))
    return Axis(label, low, high, *_decade_ticks(scale, low, high))


def _drawn(linear: NDArray[np.float64], scale: Transform) -> NDArray[np.bool_]:
    """Tell which values have a place on a scale: a logarithmic one has none for zero and below."""
    return np.isfinite(linear) & (linear > 0) if isinstance(scale, Log) else np.isfinite(linear)


def _limits(scale: Transform, events: Keyed, top: float, cuts: list[float]) -> tuple[float, float]:
    """Return the ends of an axis: all but a thousandth of the events on either side, and every threshold."""
    floor, ceiling = _displayed(scale, (0.0 if isinstance(scale, Linear) else 1.0, top))
    low, high = scale(events.tally().quantiles(0.001, 0.999)) if len(events.keys) else (floor, ceiling)
    low = min(low, floor) if isinstance(scale, Linear) else low
    low, high = min([low, *cuts]), max([high, *cuts])
    margin = 0.04 * (high - low) or 0.5
    starts_at_zero = isinstance(scale, Linear) and low == floor
    return float(low if starts_at_zero else low - margin), float(high + margin)


def _decade_ticks(
    scale: Transform, low: float, high: float
) -> tuple[tuple[float, ...], tuple[str, ...], tuple[float, ...]]:
    """Return ticks at zero and the powers of ten, where they do not crowd, and minor ticks between."""
    kept: list[tuple[float, str]] = []
    places = _displayed(scale, _TICKS + _MINOR_TICKS)
    for place, (_, text) in zip(places, _TICK_LABELS, strict=False):
        crowded = any(abs(place - other) < 0.09 * (high - low) for other, _ in kept)
        if low <= place <= high and not crowded:
            kept.append((place, text))
    kept.sort()
    minor = tuple(sorted(place for place in places[len(_TICKS) :] if low <= place <= high))
    return tuple(place for place, _ in kept), tuple(text for _, text in kept), minor


def _superscript(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))


_SIGNS = ((1, ""), (-1, "−"))
_TICK_LABELS = (
    (0.0, "0"),
    *((sign * 10.0**k, f"{mark}10{_superscript(k)}") for k in range(7, 0, -1) for sign, mark in _SIGNS),
)
"""Zero and the powers of ten, in the order in which they are given room."""
_TICKS = tuple(value for value, _ in _TICK_LABELS)
_MINOR_TICKS = tuple(sign * m * 10.0**k for k in range(1, 7) for m in range(2, 10) for sign, _ in _SIGNS)


def _display(scale: Transform, value: float) -> float:
    """Return one value's place; NaN where the scale does not reach, as a log scale does not reach zero."""
    return _displayed(scale, (value,))[0]


@lru_cache(maxsize=1024)
def _displayed(scale: Transform, values: tuple[float, ...]) -> tuple[float, ...]:
    """Return the place of each value; quadrants that share a threshold ask for the same."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple(scale(np.array(values)).tolist())


def _linear_ticks(
    scale: Transform, low: float, high: float
) -> tuple[tuple[float, ...], tuple[str, ...], tuple[float, ...]]:
    """Return four to seven round numbers; thousands as K."""
    first, last = scale.inverse(np.array([low, high]))
    rough = (last - first) / 5
    unit = 10.0 ** np.floor(np.log10(rough))
    step = unit * min((m for m in (1, 2, 5, 10) if m * unit >= rough), default=10)
    values = np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step
    labels = [f"{v / 1000:g}K" if abs(v) >= 1000 else f"{v:g}" for v in values + 0.0]
    return tuple(float(v) for v in scale(values)), tuple(labels), ()


def _counts(events: list[Keyed], scales: list[Transform], axes: list[Axis]) -> NDArray[np.uint32]:
    """Count events into bins; those beyond an end go to the outermost bin.

    The bins' edges are put on the linear scale, and not the values on the display scale: there are fewer of them.
    """
    bins = BINS if len(axes) == 1 else GRID
    place = np.zeros(len(events[0].keys), dtype=np.int64)
    for column, scale, axis in zip(events, scales, axes, strict=True):
        place = place * bins + column.places(scale.inverse(np.linspace(axis.low, axis.high, bins + 1)[1:-1]))
    shape = (bins,) * len(axes)
    return np.bincount(place, minlength=bins ** len(axes)).astype(np.uint32).reshape(shape)


def _outlines(gate: Shape, names: tuple[str, ...], scales: list[Transform], axes: list[Axis]) -> list[Line]:
    """Return the lines of a gate on the axes of its panel, display scale."""
    if isinstance(gate, RangeGate):
        axis = names.index(gate.channels[0])
        return [
            line
            for value in (gate.minimum, gate.maximum)
            if np.isfinite(value)
            for line in [_across(axis, _display(scales[axis], value), axes)]
        ]
    if isinstance(gate, RatioGate):
        return [_ray(gate, slope, names, scales, axes) for slope in (gate.minimum, gate.maximum) if np.isfinite(slope)]
    order = [gate.channels.index(name) for name in names]
    corners = _corners(gate, [scales[i] for i in np.argsort(order)])
    return [corners[:, order]]


def _quadrant_lines(
    gates: list[QuadrantGate], names: tuple[str, ...], scales: list[Transform], axes: list[Axis]
) -> list[Line]:
    """Return the lines between quadrants: one across at the second cut, and the first cut on either side of it."""
    lines: dict[tuple[float, ...], Line] = {}
    for gate in gates:
        order = [gate.channels.index(name) for name in names]
        x, y = (_display(scale, gate.thresholds[i]) for scale, i in zip(scales, order, strict=True))
        end = axes[1].high if gate.signs[order[1]] == "+" else axes[1].low
        lines[y,] = _across(1, y, axes)
        lines[x, y, end] = np.array([(x, y), (x, end)])
    return list(lines.values())


def _corners(gate: RectangleGate | PolygonGate | EllipseGate, scales: list[Transform]) -> Line:
    """Return the closed outline of a two-channel shape, in the order of the gate's own channels."""
    if isinstance(gate, EllipseGate):
        turn = np.linspace(0, 2 * np.pi, 73)
        root = np.linalg.cholesky(np.asarray(gate.covariance)) * np.sqrt(gate.distance_square)
        centre = [_display(scale, value) for scale, value in zip(scales, gate.mean, strict=True)]
        outline: Line = np.asarray(centre) + np.column_stack([np.cos(turn), np.sin(turn)]) @ root.T
        return outline
    if isinstance(gate, RectangleGate):
        (x0, y0), (x1, y1) = gate.minimum, gate.maximum
        linear = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    else:
        linear = np.asarray(gate.vertices, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = np.column_stack([scale(linear[:, i]) for i, scale in enumerate(scales)])
    shown = np.nan_to_num(shown, nan=-_FAR, posinf=_FAR, neginf=-_FAR)
    return np.vstack([shown, shown[:1]])


_FAR = 1e9
"""An open side is drawn beyond the panel's edge."""


def _ray(gate: RatioGate, slope: float, names: tuple[str, ...], scales: list[Transform], axes: list[Axis]) -> Line:
    """Return where numerator / denominator equals ``slope``; straight only if both scales are linear."""
    below = names.index(gate.channels[1])
    ends = scales[below].inverse(np.array([axes[below].low, axes[below].high]))
    denominator = np.linspace(ends[0], ends[1], 65)
    line = np.empty((65, 2))
    line[:, below] = scales[below](denominator)
    line[:, 1 - below] = scales[1 - below](slope * denominator)
    return line


def _across(axis: int, place: float, axes: list[Axis]) -> Line:
    """Return a line across the panel at a place on one axis."""
    if len(axes) == 1:
        return np.array([(place, 0.0), (place, 1.0)])
    other = axes[1 - axis]
    line = np.array([(place, other.low), (place, other.high)])
    return line if axis == 0 else line[:, ::-1]


def _bands(population: Population, markers: tuple[str, ...], scales: list[Transform]) -> Iterator[Band]:
    """Yield the interval of each threshold that was placed and has one."""
    for threshold in population.thresholds:
        if threshold.refused or threshold.marker not in markers:
            continue
        axis = markers.index(threshold.marker)
        low, high = _displayed(scales[axis], threshold.interval)
        if np.isfinite(low) and np.isfinite(high) and low < high:
            yield Band(axis, low, high)


def _found_lines(cuts: list[list[float]], axes: list[Axis]) -> list[Line]:
    """Return the thresholds that were found although the gate as a whole was refused."""
    return [_across(i, place, axes) for i, places in enumerate(cuts) for place in places]


def _control(
    needs: tuple[tuple[str, str, str], ...], thresholds: tuple[Threshold, ...], controls: Controls
) -> ControlValues | None:
    """Return the control tube that placed the gate, if one did."""
    sources = [threshold.source for threshold in thresholds]
    tubes: Iterator[ControlValues] = (controls[need] for need in needs if need in controls)
    return next((tube for tube in tubes if any(text.endswith(f" of {tube.source}") for text in sources)), None)


def _label(gated: GatedSample, population: Population, axes: list[Axis], cuts: list[list[float]]) -> Label:
    """Say a population's share, in its corner of the panel or on its side of the threshold."""
    fraction = gated.fraction_of_parent(population.name)
    x, y = _label_place(population, axes, cuts, gated.template.row(population.name).fit)
    shown = None if np.isnan(fraction) else float(fraction)
    return Label(_short_name(population), population.count, shown, x, y)


def _short_name(population: Population) -> str:
    """Return a population's name without the lineage in brackets that its parent's name, in the panel's head, has too.

    Examples
    --------
    >>> _short_name(Population("naive (CD4+ T)", "CAR+ T (CD4+ T)", None, None))
    'naive'
    """
    _, bracket, lineage = population.parent.rpartition(" (")
    return population.name.removesuffix(bracket + lineage) if bracket else population.name


def _label_place(population: Population, axes: list[Axis], cuts: list[list[float]], fit: Any) -> tuple[float, float]:
    signs = getattr(fit, "keywords", {}).get("quadrant", "")
    if signs:
        return (0.97 if signs[0] == "+" else 0.03), (0.96 if signs[1] == "+" else 0.05)
    gate = population.gate
    if len(axes) == 1 and isinstance(gate, RangeGate) and cuts[0]:
        if len(cuts[0]) == 2:
            return (sum(cuts[0]) / 2 - axes[0].low) / (axes[0].high - axes[0].low), 0.96
        return (0.97, 0.96) if np.isfinite(gate.minimum) else (0.03, 0.96)
    return 0.03, 0.96


def _status(population: Population) -> str:
    if population.members is None:
        return "refused"
    return "weak" if "weak_gate" in population.flags else "sure"


def _source(population: Population, method: str) -> str:
    """Say which step placed the gate, and on which events if not on the parent's."""
    placed = [threshold for threshold in population.thresholds if not threshold.refused]
    on = dict.fromkeys(threshold.on for threshold in placed if threshold.on != population.parent)
    said = " | ".join(dict.fromkeys(threshold.source for threshold in placed)) or method
    return f"{said}, fitted on {' and '.join(on)}" if on else said


def _note(population: Population) -> str:
    """Return the reasons of a weak or refused gate, each once."""
    if "parent_refused" in population.flags:
        return f"{population.parent} has no gate, so there are no events to divide"
    return "; ".join(dict.fromkeys(t.note for t in population.thresholds if t.note))
