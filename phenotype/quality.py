"""What is odd about a sample, said in words: acquisition, saturation, viability, gates, counts.

Every check is a function from a sample or a table to findings. A finding informs, warns, or is an
error; none of them changes a number.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gating import GatedSample, Repair, Sample, Spillover
from phenotype.frequencies import CountLimits

__all__ = [
    "Finding",
    "check_acquisition",
    "check_clock",
    "check_constant",
    "check_counts",
    "check_drift",
    "check_gates",
    "check_partition",
    "check_saturation",
    "check_signal",
    "check_spillover",
    "check_viability",
    "clock_seconds",
    "file_findings",
]

_TIME_BINS = 50
_CLOCKS_APART = 1.5
"""Ratio of two durations above which they are not the same; $BTIM and $ETIM enclose some seconds of handling."""
_CLOCK_SECONDS = 5.0
_MIN_EVENTS_FOR_TIME = 1000
_LIVE_AND_DEAD = 2
_BEYOND_NOISE = 5.0
"""Standard deviations that a change stands out by: seventeen moments of each stain of each file are tried."""
_UNEVEN = 4
"""A part with so many times fewer events than the mean one shows that the clock is too coarse to divide the run."""
_PARTS = 20
"""Parts of a run that are compared: a clog or a laser that takes a twentieth of the run to change is seen."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of quality.csv."""

    sample_id: str
    check: str
    value: float | None
    limit: float | None
    severity: str
    """``info``, ``warning`` (look at it) or ``error`` (do not use it)."""
    message: str

    def row(self) -> dict[str, object]:
        """Return the finding as a row of quality.csv."""
        return asdict(self)


def file_findings(sample_id: str, sample: Sample) -> Iterator[Finding]:
    """Repeat what the reader found odd but usable, and what it put right, under the rule that allowed it."""
    for warning in sample.warnings:
        if isinstance(warning, Repair):
            yield Finding(sample_id, "repair", None, None, "warning", f"{warning.rule}: {warning}")
        else:
            yield Finding(sample_id, "file", None, None, "warning", warning)


def check_acquisition(sample_id: str, sample: Sample) -> Iterator[Finding]:
    """Look for time running backwards, gaps, and steps in the rate of events.

    The span of the Time channel is cut into 50 equal parts. A part (not the first or last) with less than
    a twentieth of the median part's events is a gap. A rate step is a change by half or more between the
    medians of the parts before and after some moment in the middle four fifths.
    """
    times = [i for i, channel in enumerate(sample.channels) if channel.kind == "time"]
    if not times or len(sample) < _MIN_EVENTS_FOR_TIME:
        return
    clock = sample.events[:, times[0]]
    if clock.max() <= clock.min():
        yield Finding(sample_id, "time", None, None, "info", "the Time channel is constant: drift cannot be seen")
        return
    backwards = int(np.count_nonzero(np.diff(clock) < 0))
    if backwards:
        yield Finding(
            sample_id, "time_order", backwards, 0, "info", f"time runs backwards at {backwards} events: not in order"
        )
    rates = np.histogram(clock, bins=_TIME_BINS)[0]
    yield from _gaps(sample_id, rates)
    yield from _steps(sample_id, rates)


def check_signal(sample_id: str, gated: GatedSample, limit: float = 0.1) -> Iterator[Finding]:
    """Look for a brightness that steps or drifts while a sample runs: a half-open clog, a laser, a stain that settles.

    For each fitted cut of a stain, the events of its population on the fuller side (all where it was refused: a drift
    can be why) are divided by time into 20 parts of equal numbers. The change is the largest difference between the
    medians of the parts before and after some moment, in decades, of those above five times what as many events in
    random order would differ by; it is a finding above ``limit``. A constant or absent Time channel shows nothing.

    Parameters
    ----------
    limit
        Largest harmless change in decades: a factor of 1.26, half of what moves a batch.
    """
    sample = gated.sample
    times = [i for i, channel in enumerate(sample.channels) if channel.kind == "time"]
    if not times or not len(sample) or np.ptp(sample.events[:, times[0]]) <= 0:
        return
    clock = sample.events[:, times[0]]
    order = None if (clock[1:] >= clock[:-1]).all() else np.argsort(clock, kind="stable")
    clock = clock if order is None else clock[order]
    said: set[str] = set()
    for population in gated.populations.values():
        for threshold in population.thresholds:
            column = gated.columns.get(threshold.marker)
            stain = column is not None and sample.channels[column].kind == "fluorescence"
            members = gated.populations[threshold.on].members if threshold.on in gated.populations else None
            if column is None or not stain or members is None or threshold.marker in said:
                continue
            said.add(threshold.marker)
            cut = -np.inf if threshold.refused else threshold.value
            values, inside = sample.events[:, column], members
            if order is not None:
                values, inside = values[order], inside[order]
            change, when = _largest_change(clock[inside], values[inside], cut)
            if abs(change) > limit:
                message = (
                    f"{threshold.marker} is {10**change:.2f} times as bright after {when:.0%} of the events as before: "
                    f"a clog, a laser, a stain that settles?"
                )
                yield Finding(sample_id, "signal", change, limit, "warning", message)


def _largest_change(clock: NDArray[np.float64], values: NDArray[np.float64], cut: float) -> tuple[float, float]:
    """Return the largest change of brightness over time that is no noise, in decades, and after which share of events.

    Parameters
    ----------
    clock, values
        (n,), ascending, and the channel in that order. Events of one moment are in one part, whatever their order.
    cut
        Of the two sides the one with more events is looked at, so that a share that changes is no brightness.
    """
    above = values >= cut
    side = (above if 2 * np.count_nonzero(above) >= len(values) else ~above) & np.isfinite(values)
    clock, values = clock[side], values[side]
    if len(values) < _MIN_EVENTS_FOR_TIME:
        return 0.0, 0.0
    even = np.arange(1, _PARTS) * len(values) // _PARTS
    bounds = [0, *np.searchsorted(clock, clock[even]).tolist(), len(values)]
    parts = [values[start:stop] for start, stop in pairwise(bounds)]
    if min(map(len, parts)) * _PARTS < len(values) / _UNEVEN:
        return 0.0, 0.0
    lower, medians, upper = _decades(np.array([np.quantile(part, [0.25, 0.5, 0.75]) for part in parts]).T)
    moments = np.arange(2, _PARTS - 1)
    changes = np.array([np.median(medians[i:]) - np.median(medians[:i]) for i in moments])
    spread = float(np.median(upper - lower))
    noise = spread / 1.349 * 1.253 * np.sqrt(_PARTS / len(values) * (1 / moments + 1 / (_PARTS - moments)))
    beyond = np.where(np.abs(changes) > _BEYOND_NOISE * noise, changes, 0.0)
    largest = int(np.argmax(np.abs(beyond)))
    return float(beyond[largest]), float(moments[largest] / _PARTS)


def _decades(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return brightness in decades, linear around zero as signals are there."""
    return np.asarray(np.arcsinh(values / 150) / np.log(10))


def check_saturation(sample_id: str, sample: Sample, columns: Mapping[str, int], limit: float) -> Iterator[Finding]:
    """Count events at the top of each channel the template uses, before compensation.

    Parameters
    ----------
    sample
        Uncompensated.
    columns
        Column of each marker.
    limit
        Largest harmless share, in [0, 1].
    """
    for marker, column in columns.items():
        channel = sample.channels[column]
        if not len(sample) or channel.kind == "time":
            continue
        share = float(np.mean(sample.events[:, column] >= channel.ceiling))
        if share > limit:
            yield Finding(
                sample_id,
                "saturation",
                share,
                limit,
                "warning",
                f"{share:.1%} of events are at the top of {marker} ({channel.name}); the limit is {limit:.0%}",
            )


def check_constant(sample_id: str, sample: Sample, columns: Mapping[str, int]) -> Iterator[Finding]:
    """Find channels of the template in which every event has the same value: a detector that was off, or no stain.

    Parameters
    ----------
    sample
        Uncompensated: afterwards a dead channel has the noise of the others.
    columns
        Column of each marker.
    """
    for marker, column in columns.items():
        values = sample.events[:, column]
        if len(values) > 1 and values.min() == values.max():
            name = sample.channels[column].name
            message = f"every event has {values[0]:g} in {marker} ({name}): was the detector on?"
            yield Finding(sample_id, "constant", float(values[0]), None, "warning", message)


def check_clock(sample_id: str, sample: Sample) -> Iterator[Finding]:
    """Compare how long the acquisition took by the Time channel with how long it took by the clock.

    The ticks of the Time channel are $TIMESTEP seconds, $BTIM and $ETIM are times of day. A file that holds a part
    of the events, or a pause, makes them differ too, and no fraction depends on either: this informs.
    """
    times = [i for i, channel in enumerate(sample.channels) if channel.kind == "time"]
    step = _positive(sample.keywords.get("$TIMESTEP", ""))
    clock = clock_seconds(sample.keywords.get("$BTIM", ""), sample.keywords.get("$ETIM", ""))
    if not times or not len(sample) or step is None or clock is None:
        return
    ticked = float(np.ptp(sample.events[:, times[0]])) * step
    longer, shorter = max(ticked, clock), min(ticked, clock)
    if longer > _CLOCKS_APART * shorter + _CLOCK_SECONDS:
        message = f"the Time channel spans {ticked:g} s by $TIMESTEP, the clock {clock:g} s from $BTIM to $ETIM"
        yield Finding(sample_id, "clock", ticked / clock, _CLOCKS_APART, "info", f"{message}: a part, or a wrong step?")


def clock_seconds(begin: str, end: str) -> float | None:
    """Return the whole seconds between two times of day; None unless both are times, the second later.

    Examples
    --------
    >>> clock_seconds("09:59:30", "10:01:00.25"), clock_seconds("23:59:00", "00:01:00")
    (90.0, None)
    """
    first, last = _clock(begin), _clock(end)
    return float(last - first) if first is not None and last is not None and last > first else None


def _clock(text: str) -> int | None:
    """Return the seconds from midnight; a fraction of a second, which some cytometers write as frames, is left out."""
    found = re.match(r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})", text.strip())
    return sum(int(part) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True)) if found else None


def check_viability(sample_id: str, gated: GatedSample, population: str, limit: float) -> Iterator[Finding]:
    """Compare the share of live cells with the release limit, and say where cells fall into three groups or more."""
    if population not in gated.populations:
        return
    for threshold in gated.populations[population].thresholds:
        if threshold.groups > _LIVE_AND_DEAD:
            message = f"{threshold.marker} has {threshold.groups} groups of cells, not live and dead alone; "
            message += f"{population} is cut at the {threshold.source}: are those between dying?"
            yield Finding(sample_id, "viability_groups", threshold.groups, _LIVE_AND_DEAD, "info", message)
    share = gated.fraction_of_parent(population)
    if share < limit:
        yield Finding(
            sample_id,
            "viability",
            share,
            limit,
            "warning",
            f"{share:.1%} of singlets are live; the limit is {limit:.0%}",
        )


def check_gates(sample_id: str, gated: GatedSample) -> Iterator[Finding]:
    """Repeat why a threshold is weak or was refused, once for thresholds that populations share."""
    said: set[tuple[str, str, str]] = set()
    for population in gated.populations.values():
        if not population.thresholds:
            continue
        for threshold in population.thresholds:
            key = (threshold.marker, threshold.on, threshold.note)
            if threshold.status == "sure" or key in said:
                continue
            said.add(key)
            depth = threshold.depth if np.isfinite(threshold.depth) else None
            severity = "error" if threshold.refused else "warning"
            message = f"threshold of {threshold.marker} on {threshold.on} is {threshold.status}: {threshold.note}"
            yield Finding(sample_id, f"gate_{threshold.status}", depth, None, severity, message)


def _gaps(sample_id: str, rates: NDArray[np.int64]) -> Iterator[Finding]:
    usual = float(np.median(rates))
    inside = rates[1:-1]
    empty = int(np.count_nonzero(inside < usual / 20))
    if empty:
        share = empty / len(rates)
        yield Finding(
            sample_id,
            "time_gap",
            share,
            0.0,
            "warning",
            f"no events for {share:.0%} of the acquisition time: the flow stopped (a clog, an air bubble?)",
        )


def _steps(sample_id: str, rates: NDArray[np.int64]) -> Iterator[Finding]:
    margin = len(rates) // 10
    flowing = rates[rates >= np.median(rates) / 20]
    ratios = [
        (float(np.median(flowing[:i])), float(np.median(flowing[i:]))) for i in range(margin, len(flowing) - margin)
    ]
    largest = max((max(a, b) / max(min(a, b), 1.0) for a, b in ratios), default=1.0)
    if largest >= 1.5:
        yield Finding(
            sample_id, "flow_rate", largest, 1.5, "warning", f"the rate of events changes {largest:.1f}-fold in mid-run"
        )


def check_counts(
    sample_id: str, subsets: list[dict[str, Any]], limits: CountLimits, parent: str = "CAR+ T"
) -> Iterator[Finding]:
    """Say when a fraction of a parent population is withheld or rests on few events."""
    parents = {row["parent_count"] for row in subsets if row["parent_count"] is not None}
    for count in sorted(parents):
        if count < limits.not_detected_below:
            lowest = limits.not_detected_below
            message = f"{count} events in {parent}: below the limit of detection ({lowest}); no fraction given"
            yield Finding(sample_id, "not_detected", count, limits.not_detected_below, "error", message)
        elif count < limits.not_quantified_below:
            lowest = limits.not_quantified_below
            message = f"{count} events in {parent}: detected, too few to quantify ({lowest}); no fraction"
            yield Finding(sample_id, "not_quantified", count, limits.not_quantified_below, "error", message)
        elif count < limits.min_parent_events:
            lowest = limits.min_parent_events
            message = f"{count} events in {parent}; below {lowest} a fraction is imprecise: see its interval"
            yield Finding(sample_id, "few_events", count, limits.min_parent_events, "warning", message)


def check_partition(sample_id: str, subsets: list[dict[str, Any]], parent: str = "CAR+ T") -> Iterator[Finding]:
    """Say when the four subsets are not the whole of their parent: gates that overlap, or leave events out."""
    counts = [row["count"] for row in subsets]
    if not subsets or None in counts or sum(counts) == subsets[0]["parent_count"]:
        return
    held, total = sum(counts), subsets[0]["parent_count"]
    message = f"the four subsets hold {held} of {total} events in {parent}: their gates overlap, or leave events out"
    yield Finding(sample_id, "subsets_partition", held, total, "warning", message)


def check_spillover(matrices: Mapping[str, tuple[str, Spillover]]) -> Iterator[Finding]:
    """Find samples whose spillover matrix is not that of their batch.

    Parameters
    ----------
    matrices
        By sample: its batch and its matrix. One instrument on one day has one matrix; a file that differs
        from what most of its batch carries was compensated by hand, or by mistake.
    """
    for sample_id, (batch, matrix) in matrices.items():
        others = [other for key, (name, other) in matrices.items() if name == batch and key != sample_id]
        same = sum(_largest_difference(matrix, other)[0] <= 1e-6 for other in others)
        if not others or same >= (len(others)) / 2:
            continue
        usual = max(others, key=lambda one: sum(_largest_difference(one, other)[0] <= 1e-6 for other in others))
        difference, where = _largest_difference(matrix, usual)
        message = f"$SPILLOVER is not that of the other files of batch {batch or '(none)'}: {where}"
        yield Finding(sample_id, "spillover_differs", difference, 1e-6, "warning", message)


def check_drift(thresholds: list[dict[str, Any]], markers: tuple[str, ...], limit: float = 0.2) -> Iterator[Finding]:
    """Compare the positive cells' median of each batch with the median of all batches' medians.

    With three batches or more the odd one is found; with two, which is odd cannot be known and both are named.

    Parameters
    ----------
    thresholds
        Rows of thresholds.csv.
    markers
        Markers to look at.
    limit
        Largest harmless difference of medians, in decades. 0.2 is a factor of 1.6: voltages of one
        instrument drift by less, and shed CD62L falls by more.
    """
    for marker in markers:
        brightness = _brightness(thresholds, marker)
        for batch, inside in sorted(brightness.items()):
            others = [value for name, value in brightness.items() if name != batch]
            usual = [*others, inside] if len(others) > 1 else others
            shift = inside - float(np.median(usual)) if usual else 0.0
            if abs(shift) > limit:
                ids = sorted({row["sample_id"] for row in thresholds if row["batch"] == batch})
                message = (
                    f"{marker}+ cells of batch {batch or '(none)'} are {10**shift:.2g} times as bright as those of the "
                    f"{'other' if len(others) == 1 else 'usual'} batch: shedding, another voltage or another lot?"
                )
                yield from (Finding(name, "batch_shift", shift, limit, "warning", message) for name in ids)


def _brightness(thresholds: list[dict[str, Any]], marker: str) -> dict[str, float]:
    """Return the median over a batch's samples of the positive cells' median, in decades."""
    found: dict[str, list[float]] = {}
    for row in thresholds:
        if row["marker"] == marker and (row["positive_median"] or 0) > 0:
            found.setdefault(row["batch"], []).append(float(np.log10(row["positive_median"])))
    return {batch: float(np.median(values)) for batch, values in found.items()}


def _largest_difference(one: Spillover, other: Spillover) -> tuple[float, str]:
    """Return the largest difference between two matrices, and between which channels."""
    if set(one.channels) != set(other.channels):
        return np.inf, f"channels {', '.join(one.channels)} against {', '.join(other.channels)}"
    order = [other.channels.index(name) for name in one.channels]
    difference = np.abs(one.matrix - other.matrix[np.ix_(order, order)])
    row, column = np.unravel_index(int(np.argmax(difference)), difference.shape)
    ours, theirs = one.matrix[row, column], other.matrix[np.ix_(order, order)][row, column]
    return float(difference[row, column]), (
        f"{one.channels[row]} into {one.channels[column]} is {ours:.3f}, usually {theirs:.3f}"
    )


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < np.inf else None
