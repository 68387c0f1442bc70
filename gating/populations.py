"""From a sample and a template to populations: each event's membership, each gate as it was applied."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from gating.errors import ChannelError, CompensationError
from gating.frames import Chain, Fit, Frame
from gating.gates import BooleanGate, Gate
from gating.offsets import fit_offsets
from gating.priors import NO_EVENTS, Lesson, binned
from gating.references import NOTHING_TAUGHT, Taught
from gating.sample import NO_ALIASES, Sample
from gating.tally import Tally, tally
from gating.template import ROOT, GatingTemplate, Row
from gating.thresholds import (
    ControlValues,
    Evidence,
    Threshold,
    fit_first,
    fit_threshold,
    in_decades,
    lesson_name,
    offset_threshold,
    parse_chain,
    taught_offset,
)
from gating.transforms import Linear, Transform, estimate_logicle

__all__ = [
    "Controls",
    "GatedSample",
    "Population",
    "Teaching",
    "control_values",
    "gate_sample",
    "lessons_of",
    "needed_controls",
    "needed_lessons",
]

Controls = Mapping[tuple[str, str, str], ControlValues]
"""Control values by role, population the threshold is fitted on, and marker."""
OffsetThresholds = tuple[Threshold, Threshold, Threshold]
"""The first channel's among events positive and negative for the second, and the second's."""
NO_CONTROLS: Controls = MappingProxyType({})
Teaching = Mapping[tuple[str, str], Taught]
"""What other samples say, by population the threshold is fitted on, and marker."""
NO_TEACHING: Teaching = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """The events of one sample inside a gate and every gate above it."""

    name: str
    parent: str
    gate: Gate | BooleanGate | None
    """None for root, and where a threshold was refused."""
    members: NDArray[np.bool_] | None
    """(n,), one per event of the sample; None where this or a population above was refused."""
    thresholds: tuple[Threshold, ...] = ()
    """What the gate rests on, an entry per channel."""
    flags: tuple[str, ...] = ()
    """``weak_gate``, ``refused``, ``parent_refused``, ``lineage_refused``."""
    move: Callable[[Sequence[float]], Gate] | None = None
    """The gate at other values of its thresholds, linear; None for a gate that rests on none."""

    @property
    def count(self) -> int | None:
        """Events in the population; None where it was refused."""
        return None if self.members is None else int(np.count_nonzero(self.members))


@dataclass(frozen=True, slots=True, eq=False)
class GatedSample:
    """A sample with its populations, root first, in the order of the template."""

    sample: Sample
    populations: Mapping[str, Population]
    template: GatingTemplate
    columns: Mapping[str, int] = field(default_factory=dict)
    """Column of each marker the template names, as it was resolved."""

    def count(self, population: str) -> int | None:
        """Events in a population; None where it was refused or the sample lacks its channels."""
        found = self.populations.get(population)
        return found.count if found else None

    def fraction_of_parent(self, population: str) -> float:
        """Share of the parent's events, in [0, 1]; NaN where either is refused or the parent is empty."""
        here = self.populations[population]
        count, total = here.count, self.count(here.parent)
        return float("nan") if count is None or not total else count / total


def gate_sample(
    sample: Sample,
    template: GatingTemplate,
    *,
    controls: Controls = NO_CONTROLS,
    teaching: Teaching = NO_TEACHING,
    aliases: Mapping[str, tuple[str, ...]] = NO_ALIASES,
) -> GatedSample:
    """Apply every row of a template to one sample.

    Parameters
    ----------
    sample
        Compensated, or declared as needing none, if any row gates on fluorescence.
    template
        Parents first.
    controls
        From :func:`control_values`, for the steps that look at controls.
    teaching
        For the steps that look at other samples.
    aliases
        Marker to the names it may carry in files.

    Returns
    -------
    GatedSample
        Membership does not depend on the order of events.

    Raises
    ------
    ChannelError
        If a channel that a row needs is missing or ambiguous, unless the row is optional.
    CompensationError
        If a row gates on fluorescence and the sample is not compensated.
    """
    columns = _columns(sample, template, aliases)
    everything = np.ones(len(sample), dtype=bool)
    populations = {ROOT: Population(ROOT, "", None, everything)}
    fitter = _Fitter(sample, columns, populations, controls, teaching)
    for row in template.rows:
        if fitter.applies(row):
            populations[row.population] = _populate(row, fitter)
    return GatedSample(sample, MappingProxyType(populations), template, MappingProxyType(columns))


def needed_controls(template: GatingTemplate) -> tuple[tuple[str, str, str], ...]:
    """List the controls that the template's thresholds may look at: role, population, marker."""
    return tuple(dict.fromkeys(need for row in template.rows for need in row.controls))


def needed_lessons(template: GatingTemplate) -> tuple[tuple[str, str, str], ...]:
    """List what other samples may teach the template's thresholds: teacher, population, marker."""
    return tuple(dict.fromkeys(need for row in template.rows for need in row.taught))


def lessons_of(gated: GatedSample, name: str) -> dict[tuple[str, str], Lesson]:
    """Return what a sample can teach others, by population and marker.

    Its cut is the one that its own events placed for a gate, where resampling says how surely; else, as where a gate
    has two, the valley of all of the population. Of several, as of chains that differ, the first in the template is it.
    A line of an offset quadrant is a lesson of its own, ``CD62L|CD45RA+``, of the samples that have such a valley.
    """
    cuts: dict[tuple[str, str], Threshold] = {}
    for population in gated.populations.values():
        for threshold in population.thresholds:
            if threshold.origin == "data" and threshold.spread > 0:
                cuts.setdefault((threshold.on, lesson_name(threshold.marker, threshold.within)), threshold)
    wanted = dict.fromkeys((on, marker) for _, on, marker in needed_lessons(gated.template))
    tallies: dict[tuple[str, int], Tally] = {}
    return {key: _lesson(gated, name, *key, cuts.get(key), tallies) for key in wanted if key[0] in gated.populations}


_VALLEY = parse_chain("valley")


def _lesson(
    gated: GatedSample,
    name: str,
    on: str,
    lesson: str,
    cut: Threshold | None,
    tallies: dict[tuple[str, int], Tally],
) -> Lesson:
    marker, _, within = lesson.partition("|")
    members, column = gated.populations[on].members, gated.columns.get(marker)
    if members is None or column is None or not members.any():
        return Lesson(name, NO_EVENTS)
    if (on, column) not in tallies:
        tallies[on, column] = tally(gated.sample.events[:, column][members])
    found = tallies[on, column]
    if cut is None and within:
        return Lesson(name, binned(found))
    if cut is None:
        channel = gated.sample.channels[column]
        scale = estimate_logicle(found, top=channel.range) if channel.kind == "fluorescence" else Linear()
        cut = fit_threshold(_VALLEY, Evidence(marker, found, scale, {}, on))
    place, spread = (None, 0.0) if cut.refused else in_decades(cut)
    return Lesson(name, binned(found), place, spread)


def control_values(
    control: Sample,
    template: GatingTemplate,
    *,
    population: str,
    marker: str,
    stained: bool = True,
    aliases: Mapping[str, tuple[str, ...]] = NO_ALIASES,
) -> ControlValues:
    """Gate a control tube down to a population and return one channel of it.

    The control's own parent gates are fitted to the control, by the same template. An unstained tube
    (``stained=False``) has nothing to gate on but scatter: it is gated down to the last population above
    that rests on scatter alone.

    Returns
    -------
    ControlValues
        Linear, compensated; empty where a gate on the way was refused.
    """
    if not stained:
        population = _by_scatter(control, template, population, aliases)
    gated = gate_sample(control, template.above([population]), aliases=aliases)
    members = gated.populations[population].members
    column = control.events[:, control.index(marker, aliases)]
    return ControlValues(control.name, column[:0] if members is None else column[members])


def _by_scatter(
    control: Sample, template: GatingTemplate, population: str, aliases: Mapping[str, tuple[str, ...]]
) -> str:
    """Return the nearest population at or above this one that rests on scatter alone."""
    while population != ROOT:
        markers = {marker for row in template.above([population]).rows for marker in row.channels}
        kinds = {control.channels[control.index(marker, aliases)].kind for marker in markers}
        if "fluorescence" not in kinds:
            break
        population = template.row(population).parent
    return population


def _columns(sample: Sample, template: GatingTemplate, aliases: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Resolve every marker of the template once; refuse fluorescence that was not compensated."""
    columns: dict[str, int] = {}
    for row in template.rows:
        for marker in row.channels:
            try:
                column = sample.index(marker, aliases)
            except ChannelError:
                if row.optional:
                    continue
                raise
            if sample.channels[column].kind == "fluorescence" and not sample.compensated:
                raise CompensationError(
                    f"{sample.name}: not compensated, and {row.population!r} gates on {sample.channels[column]} "
                    f'({sample.channels[column].name}); give a matrix, or say source = "none" under [compensation].'
                )
            columns[marker] = column
    return columns


def _populate(row: Row, fitter: "_Fitter") -> Population:
    """Make the population of one row from the populations above it."""
    parent = fitter.populations[row.parent]
    if row.boolean is not None:
        return _combine(row, row.boolean, parent, fitter)
    if parent.members is None or (row.on and not fitter.fitted_on(row)):
        return Population(row.population, row.parent, None, None, flags=("parent_refused",))
    fit = fitter.fit(row)
    if fit.gate is None:
        return Population(row.population, row.parent, None, None, fit.thresholds, ("refused",))
    inside = fit.gate.contains(_columns_of(fitter.sample.events, [fitter.index[name] for name in fit.gate.channels]))
    flags = ("weak_gate",) if fit.status == "weak" else ()
    return Population(row.population, row.parent, fit.gate, parent.members & inside, fit.thresholds, flags, fit.move)


def _combine(row: Row, gate: BooleanGate, parent: Population, fitter: "_Fitter") -> Population:
    """Combine populations; of a row that divides by lineage, those that the sample lacks count as empty."""
    operands = [fitter.populations[name] for name in gate.operands if name in fitter.populations]
    flags: tuple[str, ...] = ()
    if row.lineage and any(operand.members is None for operand in operands):
        operands, flags = [], ("weak_gate", "lineage_refused")
    if parent.members is None or any(operand.members is None for operand in operands):
        return Population(row.population, row.parent, None, None, flags=("parent_refused",))
    if not operands:
        return Population(row.population, row.parent, BooleanGate("and", (row.parent,)), parent.members, flags=flags)
    found = BooleanGate(gate.operation, tuple(operand.name for operand in operands))
    inside = found.combine([operand.members for operand in operands if operand.members is not None])
    weak = gate.operation == "or" and any("weak_gate" in operand.flags for operand in operands)
    return Population(
        row.population, row.parent, found, parent.members & inside, flags=("weak_gate",) if row.merged and weak else ()
    )


def _columns_of(events: NDArray[np.float64], columns: Sequence[int]) -> NDArray[np.float64]:
    """Return one or two columns without copying them, more as a copy."""
    first, last = columns[0], columns[-1]
    if len(columns) > 2 or (len(columns) == 2 and first == last):
        return events[:, list(columns)]
    step = last - first or 1
    stop = last + (1 if step > 0 else -1)
    return events[:, first : stop if stop >= 0 else None : step]


@dataclass(slots=True, eq=False)
class _Fitter:
    """Fits rows to one sample; a threshold asked for twice (as by four quadrants) is fitted once."""

    sample: Sample
    columns: Mapping[str, int]
    populations: dict[str, Population]
    controls: Controls
    teaching: Teaching
    thresholds: dict[tuple[object, ...], Threshold] = field(default_factory=dict)
    scales: dict[tuple[str, str], Transform] = field(default_factory=dict)
    pairs: dict[tuple[object, ...], OffsetThresholds | str] = field(default_factory=dict)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def applies(self, row: Row) -> bool:
        """Tell whether the sample has what a row needs: channels of an optional one, and the populations above."""
        if row.optional and any(marker not in self.columns for marker in row.channels):
            return False
        operands = row.boolean.operands if row.boolean else ()
        present = [name in self.populations for name in operands]
        if row.merged:
            return row.parent in self.populations and any(present)
        if row.lineage:
            usable = all(present) and all(self.populations[name].members is not None for name in operands)
            return row.parent in self.populations and (usable or row.lineage == "rest")
        on = any(name in self.populations for name in row.on) or not row.on
        return row.parent in self.populations and all(present) and on

    def fitted_on(self, row: Row) -> tuple[str, ...]:
        """Return the populations a row's thresholds may be fitted on, in order: those that were not refused."""
        wanted = row.on or (row.parent,)
        return tuple(name for name in wanted if name in self.populations and self.populations[name].members is not None)

    @property
    def index(self) -> dict[str, int]:
        """Column by $PnN."""
        return {channel.name: i for i, channel in enumerate(self.sample.channels)}

    def members(self, population: str) -> NDArray[np.bool_]:
        """Membership of a population that was not refused."""
        members = self.populations[population].members
        return np.zeros(len(self.sample), dtype=bool) if members is None else members

    def fit(self, row: Row) -> Fit:
        """Place one row's gate."""
        columns = [self.columns[marker] for marker in row.channels]
        names = tuple(self.sample.channels[i].name for i in columns)

        def gather() -> NDArray[np.float64]:
            return _columns_of(self.sample.events, columns)[self.members(row.parent)]

        def threshold(axis: int, chain: Chain, transform: Transform | None) -> Threshold:
            return self.threshold(row.channels[axis], chain, self.fitted_on(row), transform)

        def scale(axis: int) -> Transform:
            return self.scale(row.channels[axis], row.parent)

        if row.fit is None:
            return Fit(None, ())

        def offsets(transform: Transform | None, shrink: bool) -> OffsetThresholds | str:
            return self.offsets(row.channels, self.fitted_on(row), transform, shrink=shrink)

        def counted(axis: int) -> Tally:
            return self.tally(row.channels[axis], row.parent)

        tops = tuple(self.sample.channels[i].range for i in columns)
        fit = row.fit(Frame(names, tops, gather, counted, threshold, scale, offsets))
        known = [
            t if t.marker else replace(t, marker=marker, on=row.parent)
            for t, marker in zip(fit.thresholds, row.channels, strict=False)
        ]
        return replace(fit, thresholds=tuple(known))

    def threshold(self, marker: str, chain: Chain, on: tuple[str, ...], transform: Transform | None) -> Threshold:
        """Fit one channel's threshold on the first population that it can be fitted on."""
        key = (marker, tuple(step.text for step in chain), on, transform)
        if key not in self.thresholds:
            self.thresholds[key] = fit_first(chain, [self.evidence(marker, name, transform) for name in on])
        return self.thresholds[key]

    def offsets(
        self, markers: tuple[str, ...], on: tuple[str, ...], transform: Transform | None, *, shrink: bool
    ) -> OffsetThresholds | str:
        """Fit the three thresholds of an offset quadrant on the first population that has them."""
        key = ("offset", markers, on, transform, shrink)
        if key not in self.pairs:
            found: OffsetThresholds | str = "no population to fit on"
            for name in on:
                found = self._offsets(markers, name, transform)
                if not isinstance(found, str):
                    found = self._taught(found, markers, transform) if shrink else found
                    break
            self.pairs[key] = found
        return self.pairs[key]

    def _offsets(self, markers: tuple[str, ...], on: str, transform: Transform | None) -> OffsetThresholds | str:
        if any(self.teaching.get((on, marker), NOTHING_TAUGHT).own is not None for marker in markers):
            return "a person placed this sample's cut"
        scales = tuple(transform or self.scale(marker, on) for marker in markers)
        chosen = self.members(on)
        first, second = (self.sample.events[:, self.columns[marker]][chosen] for marker in markers)
        known = np.isfinite(first) & np.isfinite(second)
        if not known.all():
            first, second = first[known], second[known]
        tallies = (self.tally(markers[0], on), self.tally(markers[1], on)) if known.all() else None
        names = (markers[0], markers[1])
        found = fit_offsets(first, second, (scales[0], scales[1]), tallies=tallies, names=names)
        if isinstance(found, str):
            return found
        return (
            offset_threshold(found.first_above, scales[0], marker=markers[0], on=on, within=f"{markers[1]}+"),
            offset_threshold(found.first_below, scales[0], marker=markers[0], on=on, within=f"{markers[1]}-"),
            offset_threshold(found.second, scales[1], marker=markers[1], on=on, within=f"{markers[0]}+"),
        )

    def _taught(
        self, found: OffsetThresholds, markers: tuple[str, ...], transform: Transform | None
    ) -> OffsetThresholds:
        """Move the three thresholds towards those of the batch."""
        parts = (f"{markers[1]}+", f"{markers[1]}-", f"{markers[0]}+")
        above, below, second = (
            taught_offset(
                threshold, self.evidence(threshold.marker, threshold.on, transform, lesson_name(threshold.marker, part))
            )
            for threshold, part in zip(found, parts, strict=True)
        )
        return above, below, second

    def evidence(self, marker: str, on: str, transform: Transform | None, lesson: str = "") -> Evidence:
        """Return what a step may look at on one population; of one line of an offset quadrant, by its lesson."""
        tubes = {role: tube for (role, where, name), tube in self.controls.items() if (where, name) == (on, marker)}
        taught = self.teaching.get((on, lesson or marker), NOTHING_TAUGHT)
        scale = transform or self.scale(marker, on)
        return Evidence(marker, self.tally(marker, on), scale, tubes, on, taught)

    def scale(self, marker: str, on: str) -> Transform:
        """Fit the display scale of a channel: linear for scatter and time, logicle for fluorescence."""
        if (marker, on) not in self.scales:
            channel = self.sample.channels[self.columns[marker]]
            fluorescent = channel.kind == "fluorescence"
            self.scales[marker, on] = (
                estimate_logicle(self.tally(marker, on), top=channel.range) if fluorescent else Linear()
            )
        return self.scales[marker, on]

    def tally(self, marker: str, on: str) -> Tally:
        """Count the finite values of one channel within a population."""
        if (marker, on) not in self.tallies:
            self.tallies[marker, on] = tally(self.sample.events[:, self.columns[marker]][self.members(on)])
        return self.tallies[marker, on]


def pool_controls(tubes: list[ControlValues]) -> ControlValues:
    """Join several tubes of one kind in one batch: their events are one sample of the negative.

    Raises
    ------
    ValueError
        If there is no tube.
    """
    if not tubes:
        raise ValueError("no control tubes to pool")
    first = tubes[0]
    source = "+".join(tube.source for tube in tubes)
    return replace(first, source=source, values=np.concatenate([tube.values for tube in tubes]))
