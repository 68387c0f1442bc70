"""What is done to one file: read, compensate, gate, count. Runs in a worker process, returns plain rows."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gating import (
    NO_ALIASES,
    REPAIRS,
    CompensationError,
    ControlValues,
    FCSMetadata,
    GatedSample,
    GatingError,
    GatingTemplate,
    Sample,
    Spillover,
    Teaching,
    control_values,
    file_spillover,
    find_channel,
    gate_sample,
    open_fcs,
)
from phenotype.frequencies import (
    CountLimits,
    SampleKey,
    gate_rows,
    population_rows,
    subset_rows,
    threshold_rows,
)
from phenotype.matrices import prepare
from phenotype.panels import panels_of, write_panels
from phenotype.pipeline.teach import lesson_rows
from phenotype.plausible import gating_row, plausible_shares
from phenotype.quality import (
    Finding,
    check_acquisition,
    check_clock,
    check_constant,
    check_counts,
    check_gates,
    check_partition,
    check_saturation,
    check_signal,
    check_viability,
    file_findings,
)
from phenotype.spillover import check_residual

__all__ = ["ControlTask", "GateTask", "Recipe", "SampleResult", "gate_control", "gate_file"]

LIVE = "Live"
"""The population whose share of its parent is the viability."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all samples of a study are treated with."""

    template: GatingTemplate
    compensation: Spillover | str
    """A matrix, ``"file"`` or ``"none"``."""
    aliases: Mapping[str, tuple[str, ...]]
    subsets: Mapping[str, str]
    control_subsets: Mapping[str, str]
    limits: CountLimits = field(default_factory=CountLimits)
    min_viability: float = 0.70
    max_saturated: float = 0.05
    gatings: int = 0
    """Plausible gatings in which the subsets are counted anew."""
    repairs: Collection[str] = REPAIRS
    """What the reader may put right."""


@dataclass(frozen=True, slots=True, eq=False)
class GateTask:
    """One sample to gate, with the control values it may look at."""

    key: SampleKey
    path: Path
    dataset: str | None
    recipe: Recipe
    controls: Mapping[tuple[str, str, str], ControlValues]
    panels: Path | None = None
    """Where the histograms for its figure go."""
    teaching: Teaching = field(default_factory=dict)
    """What other samples say of its thresholds; nothing the first time it is gated."""


@dataclass(frozen=True, slots=True)
class ControlTask:
    """One control tube to gate: population and marker of each threshold that looks at it."""

    file: str
    path: Path
    dataset: str | None
    recipe: Recipe
    needs: tuple[tuple[str, str], ...]
    stained: bool = True


@dataclass(slots=True)
class SampleResult:
    """The rows that one sample adds to each table; only ``failures`` if it could not be processed."""

    populations: list[dict[str, Any]] = field(default_factory=list)
    subsets: list[dict[str, Any]] = field(default_factory=list)
    control_subsets: list[dict[str, Any]] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    thresholds: list[dict[str, Any]] = field(default_factory=list)
    gatings: list[dict[str, Any]] = field(default_factory=list)
    quality: list[dict[str, Any]] = field(default_factory=list)
    lessons: list[dict[str, Any]] = field(default_factory=list)
    """What it can teach other samples: ``population, marker, counts, cut, spread``."""
    asked: list[str] = field(default_factory=list)
    """Populations with a threshold that other samples may change."""
    failures: list[dict[str, Any]] = field(default_factory=list)

    def extend(self, other: "SampleResult") -> None:
        """Append the rows of another sample."""
        for name, rows in asdict(other).items():
            getattr(self, name).extend(rows)


def failed(file: str, stage: str, error: Exception) -> SampleResult:
    """Return the result of a file that could not be processed."""
    return SampleResult(failures=[{"file": file, "stage": stage, "error": str(error)}])


def read_needed(path: Path, name: str, dataset: str | None, recipe: Recipe) -> tuple[Sample, FCSMetadata]:
    """Read the columns of a file that a recipe looks at, and what the file says of itself.

    Raises
    ------
    FCSError
        If the file cannot be read.
    """
    with open_fcs(path, name=name, dataset=dataset, repairs=recipe.repairs) as file:
        return file.read(needed_channels(file.metadata, recipe)), file.metadata


def needed_channels(metadata: FCSMetadata, recipe: Recipe) -> list[str] | None:
    """Return $PnN of the channels that a recipe looks at, in the file's order: of the gates, of the matrix, and time.

    None, for all, where a marker of the template or the matrix fits no channel or several, even in an optional row:
    among fewer channels it could seem to fit one.
    """
    channels = metadata.channels
    wanted = {i for i, channel in enumerate(channels) if channel.kind == "time"}
    spillover: Spillover | str | None = recipe.compensation
    try:
        if spillover == "file":
            spillover = file_spillover(metadata)
        if isinstance(spillover, Spillover):
            wanted |= {find_channel(channels, name, NO_ALIASES, metadata.name) for name in spillover.channels}
        for row in recipe.template.rows:
            wanted |= {find_channel(channels, marker, recipe.aliases, metadata.name) for marker in row.channels}
    except GatingError:
        return None
    return [channel.name for i, channel in enumerate(channels) if i in wanted]


def gate_control(task: ControlTask) -> dict[tuple[str, str], ControlValues] | SampleResult:
    """Gate a control tube; returns values by population and marker, or why there are none."""
    recipe = task.recipe
    try:
        raw, metadata = read_needed(task.path, task.file, task.dataset, recipe)
    except (GatingError, OSError) as error:
        return failed(task.file, "read control", error)
    try:
        sample = prepare(raw, recipe.compensation, metadata)
        return {
            (population, marker): control_values(
                sample,
                recipe.template,
                population=population,
                marker=marker,
                stained=task.stained,
                aliases=recipe.aliases,
            )
            for population, marker in task.needs
        }
    except GatingError as error:
        return failed(task.file, "gate control", error)


def gate_file(task: GateTask) -> SampleResult:
    """Gate one sample and return its rows; its histograms are written beside.

    A sample that asks what others teach, and has not been told yet, returns its own lessons and what it asks alone: it
    is gated again.
    """
    file, recipe = task.key.file, task.recipe
    try:
        raw, metadata = read_needed(task.path, file, task.dataset, recipe)
    except (GatingError, OSError) as error:
        return failed(file, "read", error)
    try:
        sample = prepare(raw, recipe.compensation, metadata)
    except CompensationError as error:
        return failed(file, "compensate", error)
    try:
        gated = gate_sample(
            sample, recipe.template, controls=task.controls, teaching=task.teaching, aliases=recipe.aliases
        )
    except GatingError as error:
        return failed(file, "gate", error)
    asked = [p.name for p in gated.populations.values() if any(threshold.asked for threshold in p.thresholds)]
    lessons = [] if task.teaching else lesson_rows(gated, task.key.sample_id)
    if asked and not task.teaching:
        return SampleResult(lessons=lessons, asked=asked)
    if task.panels is not None:
        write_panels(task.panels, panels_of(gated, controls=task.controls))
    return replace(_rows(task, raw, gated), lessons=lessons, asked=asked)


def _rows(task: GateTask, raw: Sample, gated: GatedSample) -> SampleResult:
    key, recipe = task.key, task.recipe
    plausible = gating_row(key, gated, recipe.subsets, recipe.gatings)
    subsets = subset_rows(key, gated, recipe.subsets, recipe.limits, plausible_shares(plausible))
    return SampleResult(
        populations=population_rows(key, gated),
        subsets=subsets,
        control_subsets=subset_rows(key, gated, recipe.control_subsets, recipe.limits),
        gates=gate_rows(key, gated),
        thresholds=threshold_rows(key, gated),
        gatings=[plausible] if plausible else [],
        quality=[finding.row() for finding in _findings(task, raw, gated, subsets)],
    )


def _findings(task: GateTask, raw: Sample, gated: GatedSample, subsets: list[dict[str, Any]]) -> list[Finding]:
    name, recipe = task.key.sample_id, task.recipe
    parent = ", ".join(dict.fromkeys(recipe.template.row(name).parent for name in recipe.subsets.values()))
    return [
        *file_findings(name, gated.sample),
        *check_acquisition(name, raw),
        *check_clock(name, raw),
        *check_signal(name, gated),
        *check_constant(name, raw, gated.columns),
        *check_saturation(name, raw, gated.columns, recipe.max_saturated),
        *check_residual(name, gated, LIVE),
        *check_viability(name, gated, LIVE, recipe.min_viability),
        *check_gates(name, gated),
        *check_counts(name, subsets, recipe.limits, parent),
        *check_partition(name, subsets, parent),
    ]
