"""What a run will do: every input read and checked, every fault said at once, nothing gated yet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from gating import (
    FCSMetadata,
    GatingError,
    GatingTemplate,
    Spillover,
    TemplateError,
    missing,
    needed_controls,
    read_spillover,
    read_template,
    same_marker,
    with_alternative,
)
from phenotype.clinical import Clinical, derive_groups, read_clinical
from phenotype.errors import StudyError
from phenotype.frequencies import CountLimits
from phenotype.kinetics import kinetics_notes, read_kinetics
from phenotype.pipeline.files import (
    GATED_ROLES,
    Failure,
    compensation_failures,
    control_failures,
    grouped,
    panel_failures,
    read_headers,
    twin_failures,
)
from phenotype.pipeline.stains import BatchStains, batches_of, read_batch_stains, recipe_with, voltage_failures
from phenotype.pipeline.work import Recipe
from phenotype.references import ReferenceCut, read_references
from phenotype.samples import (
    JoinReport,
    SampleRow,
    SampleSheet,
    ignored_files,
    join_patients,
    read_samples,
    unlisted_files,
)
from phenotype.study import Study, read_study
from phenotype.subsets import SUBSETS, quadrant_faults

__all__ = ["Plan", "alternative_notes", "make_plan", "measure_stains"]

ControlKey = tuple[str, str, str, str]
Controls = dict[ControlKey, tuple[SampleRow, ...]]
"""Tubes that can be read, by batch, role, population and marker."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A study whose inputs hold together, and the files that do not."""

    study: Study
    rows: tuple[SampleRow, ...]
    """The whole sample sheet."""
    samples: tuple[SampleRow, ...]
    """Rows to gate: products and monitoring samples whose file can be read."""
    controls: Controls
    recipe: Recipe
    clinical: Clinical
    patients: pd.DataFrame
    """The clinical sheet with derived groups, a row per patient."""
    kinetics: pd.DataFrame | None
    join: JoinReport
    failures: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    metadata: Mapping[str, FCSMetadata] = field(default_factory=dict)
    """By sample_id."""
    stains: Mapping[str, BatchStains] = field(default_factory=dict)
    """By batch, where the samples are compensated by their single stains."""
    references: tuple[ReferenceCut, ...] = ()
    """A person's cuts."""

    def recipe_of(self, row: SampleRow) -> Recipe:
        """Return the recipe of a row, with the matrix of its batch."""
        return recipe_with(self.stains, self.recipe, row)


def make_plan(path: Path) -> Plan:
    """Read and check everything a run needs.

    Raises
    ------
    StudyError
        With every fault of study.toml, the sample sheet, the template and the clinical sheets.
    """
    study = read_study(path)
    faults: list[str] = []
    sheet = _collected(faults, read_samples, study)
    template = _collected(faults, read_template, study.template)
    clinical = _collected(faults, read_clinical, study)
    kinetics = _collected(faults, read_kinetics, study)
    compensation = _collected(faults, _compensation, study)
    if template is not None:
        faults += _subset_faults(study, template)
        template = _with_alternatives(study, template, faults)
        faults += _alias_faults(study, template)
    references = _references(study, sheet, template, faults)
    if sheet is None or template is None or clinical is None or compensation is None or faults:
        raise StudyError(faults)
    rows, recipe = sheet.rows, _recipe(study, template, compensation)
    unlisted = unlisted_files(study, rows)
    metadata, failures = read_headers([row for row in rows if row.role in GATED_ROLES], recipe, unlisted)
    for more in (panel_failures(metadata, rows, recipe), twin_failures(rows, recipe)):
        failures += _first_of_each(more, failures)
    stains: dict[str, BatchStains] = {}
    if study.compensation == "controls":
        stains = measure_stains(study, rows, _without_failures(metadata, rows, failures), recipe, unlisted)
    recipe_of = partial(recipe_with, stains, recipe)
    for more in (compensation_failures(rows, metadata, recipe_of), voltage_failures(rows, metadata, stains)):
        failures += _first_of_each(more, failures)
    bad = {failure["file"] for failure in failures}
    samples = tuple(row for row in rows if row.role in GATED_ROLES and row.tube not in bad)
    if not samples:
        raise StudyError(
            grouped([*failures, *_stain_failures(stains)]) or [f"{study.samples.name}: no product to gate"]
        )
    controls = _controls([row for row in rows if not stains or row.batch in stains], recipe)
    tubes = {row.tube: row for found in controls.values() for row in found}
    unusable = control_failures(tubes.values(), recipe_of, unlisted)
    unusable += _first_of_each(_stain_failures(stains), unusable)
    join = join_patients(clinical.table["patient_id"], [row for row in rows if row.role == "product"])
    beside = (*_unlisted(unlisted), *_ignored(ignored_files(study, rows)))
    instead = alternative_notes(study.alternatives)
    notes = (*sheet.notes, *instead, *beside, *_idle_controls(rows, controls, recipe))
    return Plan(
        study=study,
        rows=rows,
        samples=samples,
        controls=_without(controls, {failure["file"] for failure in unusable}),
        recipe=recipe,
        clinical=clinical,
        patients=derive_groups(clinical, study),
        kinetics=kinetics,
        join=join,
        failures=(*failures, *unusable),
        notes=(
            *notes,
            *join.look_alikes,
            *clinical.notes,
            *kinetics_notes(study, kinetics, set(clinical.table["patient_id"])),
        ),
        metadata=metadata,
        stains=stains,
        references=references,
    )


def _without_failures(
    metadata: Mapping[str, FCSMetadata], rows: Iterable[SampleRow], failures: Iterable[Failure]
) -> dict[str, FCSMetadata]:
    """Return what files say that have not failed: labels that are swapped say nothing of their batch."""
    bad = {failure["file"] for failure in failures}
    return {row.sample_id: metadata[row.sample_id] for row in rows if row.sample_id in metadata and row.tube not in bad}


def measure_stains(
    study: Study,
    rows: Sequence[SampleRow],
    metadata: Mapping[str, FCSMetadata],
    recipe: Recipe,
    unlisted: Sequence[str] = (),
) -> dict[str, BatchStains]:
    """Measure spillover on the single stains of each batch that has samples.

    Where the study does not take its matrices from them, only of those batches that have stains; where it says that
    the events are compensated already, of none.
    """
    if study.compensation == "none":
        return {}
    wanted = batches_of(rows)
    if study.compensation != "controls":
        wanted = [batch for batch in wanted if batch in batches_of(rows, "single_stain")]
    options = {"without_stain": study.without_stain, "unlisted": unlisted}
    return {batch: read_batch_stains(batch, rows, metadata, recipe, **options) for batch in wanted}


def _stain_failures(stains: Mapping[str, BatchStains]) -> list[Failure]:
    return [failure for batch in stains.values() for failure in batch.failures.values()]


def _with_alternatives(study: Study, template: GatingTemplate, faults: list[str]) -> GatingTemplate:
    """Put other markers in the place of the template's, for the whole study: patients must share their axes."""
    for marker, other in study.alternatives.items():
        try:
            template = with_alternative(template, marker, other.removeprefix("-"), opposite=other.startswith("-"))
        except TemplateError as error:
            faults += [f"{study.path.name}: [alternatives] {line}" for line in str(error).splitlines()]
    return template


def alternative_notes(alternatives: Mapping[str, str]) -> list[str]:
    """Say which marker stands for which.

    Examples
    --------
    >>> alternative_notes({"CD62L": "CCR7", "CD45RA": "-CD45RO"})
    ['CCR7 stands for CD62L', 'CD45RO- stands for CD45RA+']
    """
    return [
        f"{other[1:]}- stands for {marker}+" if other.startswith("-") else f"{other} stands for {marker}"
        for marker, other in alternatives.items()
    ]


def _references(
    study: Study, sheet: SampleSheet | None, template: GatingTemplate | None, faults: list[str]
) -> tuple[ReferenceCut, ...]:
    """Read a person's cuts; a chain that asks for them, and a study that has none, is a fault."""
    if sheet is None or template is None:
        return ()
    if study.reference is not None:
        return _collected(faults, read_references, study.reference, sheet.rows, template) or ()
    asking = [row.population for row in template.rows if any(need[0] == "reference" for need in row.taught)]
    if asking:
        faults.append(
            f"{study.template.name}: {', '.join(asking)} asks for a reference, and {study.path.name} has none; say "
            '[reference] and gates = "reference_gates.csv", or take the step out'
        )
    return ()


def _first_of_each(more: Iterable[Failure], failures: Sequence[Failure]) -> list[Failure]:
    """Return the failures of files that have none yet: one reason is enough to leave a file out."""
    known = {failure["file"] for failure in failures}
    return [failure for failure in more if failure["file"] not in known]


def _collected(faults: list[str], reader: Any, *arguments: Any) -> Any:
    """Read one input; its faults join the others'."""
    try:
        return reader(*arguments)
    except (StudyError, TemplateError) as error:
        faults += str(error).splitlines()
    except GatingError as error:
        faults.append(str(error))
    return None


def _compensation(study: Study) -> Spillover | str:
    source = study.compensation
    return source if isinstance(source, str) else read_spillover(source)


def _recipe(study: Study, template: GatingTemplate, compensation: Spillover | str) -> Recipe:
    quality = study.quality
    return Recipe(
        template=template,
        compensation=compensation,
        aliases=study.markers,
        subsets=study.subsets,
        control_subsets={
            subset: name for subset, name in study.control_subsets.items() if name in template.populations
        },
        limits=CountLimits(
            quality.not_detected_below,
            quality.not_quantified_below,
            quality.min_parent_events,
            quality.min_subset_events,
        ),
        min_viability=quality.min_viability,
        max_saturated=quality.max_saturated,
        gatings=study.comparisons.gatings,
        repairs=study.reading.repairs,
    )


def _alias_faults(study: Study, template: GatingTemplate) -> list[str]:
    """List markers that [markers] gives names to and no gate looks at: a misspelt one would be ignored in silence."""
    known = list(dict.fromkeys(channel for row in template.rows for channel in row.channels))
    where = f"{study.path.name}: [markers], for {study.template.name}"
    return [missing("channel", name, known, where) for name in study.markers if name not in known]


def _subset_faults(study: Study, template: GatingTemplate) -> list[str]:
    """List subsets that the template does not have, or that are not four parts of one parent."""
    names = {subset: study.subsets[subset] for subset in SUBSETS}
    where = study.template.name
    faults = [
        missing("population", name, template.populations, f"{where}: subset {subset!r}")
        for subset, name in names.items()
        if name not in template.populations
    ]
    faults += [
        missing("population", name, template.populations, f"{study.path.name}: [control_subsets] {subset}")
        for subset, name in study.typed.control_subsets.items()
        if name not in template.populations
    ]
    if faults:
        return faults
    faults += [
        f"{study.path.name}: [subsets] {' and '.join(same)} are both {name!r}; each is a population of its own"
        for name in dict.fromkeys(names.values())
        if len(same := [subset for subset in SUBSETS if names[subset] == name]) > 1
    ]
    rows = {subset: template.row(name) for subset, name in names.items()}
    parents = {row.parent for row in rows.values()}
    if len(parents) > 1:
        faults.append(f"{where}: the four subsets have parents {', '.join(sorted(parents))}; they partition one")
    controls = {
        subset: template.row(name) for subset, name in study.control_subsets.items() if name in template.populations
    }
    return faults or [
        *(f"{where}: {fault}" for fault in quadrant_faults(rows)),
        *(f"{where}: among CAR- cells {fault}" for fault in quadrant_faults(controls)),
    ]


def _controls(rows: Sequence[SampleRow], recipe: Recipe) -> Controls:
    """Group control tubes by batch and by the threshold that may look at them."""
    found: Controls = {}
    for role, population, marker in needed_controls(recipe.template):
        for row in rows:
            if row.role == role and (role != "fmo" or _is_marker(row.marker, marker, recipe)):
                key = (row.batch, role, population, marker)
                found[key] = (*found.get(key, ()), row)
    return found


def _is_marker(written: str, marker: str, recipe: Recipe) -> bool:
    return any(same_marker(name, written) for name in (marker, *recipe.aliases.get(marker, ())))


def _without(controls: Mapping[ControlKey, tuple[SampleRow, ...]], files: set[str]) -> Controls:
    """Return the controls without some files; a need that no tube serves any more is not there."""
    kept = {key: tuple(row for row in rows if row.tube not in files) for key, rows in controls.items()}
    return {key: rows for key, rows in kept.items() if rows}


def _idle_controls(rows: Sequence[SampleRow], controls: Controls, recipe: Recipe) -> Iterator[str]:
    """Say which controls no sample will be held against: a batch or a marker may be misspelt."""
    roles = {role for role, _, _ in needed_controls(recipe.template)}
    batches = {row.batch for row in rows if row.role in GATED_ROLES}
    used = {row.tube for found in controls.values() for row in found}
    for row in rows:
        if row.role in roles and row.batch not in batches:
            yield f"{row.tube}: no sample of batch {row.batch or '(none)'} can use it; is the batch spelt as theirs?"
        elif row.role in roles and row.tube not in used:
            yield f"{row.tube}: no gate looks at {row.role} for {row.marker!r}; is the marker spelt as in the template?"


def _unlisted(unlisted: Iterable[str]) -> list[str]:
    return [f"{path}: lies beside the listed files, and no row names it" for path in unlisted]


def _ignored(ignored: Sequence[str], limit: int = 5) -> list[str]:
    if not ignored:
        return []
    named = ", ".join([*ignored[:limit], "..."] if len(ignored) > limit else ignored)
    return [f"beside the listed files: {len(ignored)} that are no FCS files by their names, not looked at ({named})"]
