"""What a run will do: every input read and checked, every fault said at once, nothing gated yet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from gating import (
    FCSMetadata,
    GatingError,
    GatingTemplate,
    Spillover,
    TemplateError,
    find_channel,
    missing,
    needed_controls,
    read_fcs_metadata,
    read_spillover,
    read_template,
    same_marker,
)
from phenotype.clinical import Clinical, derive_groups, read_clinical
from phenotype.errors import StudyError
from phenotype.frequencies import CountLimits
from phenotype.kinetics import read_kinetics
from phenotype.pipeline.work import Recipe
from phenotype.samples import JoinReport, SampleRow, join_patients, read_samples, unlisted_files
from phenotype.study import Study, read_study
from phenotype.subsets import SUBSETS, quadrant_faults

__all__ = ["Plan", "make_plan"]

GATED_ROLES = ("product", "monitoring")


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A study whose inputs hold together, and the files that do not."""

    study: Study
    samples: tuple[SampleRow, ...]
    """Rows to gate: products and monitoring samples whose file can be read."""
    controls: Mapping[tuple[str, str, str, str], tuple[SampleRow, ...]]
    """Tubes by batch, role, population and marker."""
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


def make_plan(path: Path) -> Plan:
    """Read and check everything a run needs.

    Raises
    ------
    StudyError
        With every fault of study.toml, the sample sheet, the template and the clinical sheets.
    """
    study = read_study(path)
    faults: list[str] = []
    rows = _collected(faults, read_samples, study) or ()
    template = _collected(faults, read_template, study.template)
    clinical = _collected(faults, read_clinical, study)
    kinetics = _collected(faults, read_kinetics, study)
    compensation = _collected(faults, _compensation, study)
    if template is not None:
        faults += _subset_faults(study, template)
    if template is None or clinical is None or compensation is None or faults:
        raise StudyError(faults)
    recipe = _recipe(study, template, compensation)
    metadata, failures = _read_headers([row for row in rows if row.role in GATED_ROLES], recipe)
    failures += _panel_failures(metadata, rows, recipe)
    bad = {failure["file"] for failure in failures}
    if not any(row.role in GATED_ROLES and row.tube not in bad for row in rows):
        raise StudyError([failure["error"] for failure in failures] or [f"{study.samples.name}: no product to gate"])
    products = [row for row in rows if row.role == "product"]
    join = join_patients(clinical.table["patient_id"], products)
    return Plan(
        study=study,
        samples=tuple(row for row in rows if row.role in GATED_ROLES and row.tube not in bad),
        controls=_controls(rows, recipe),
        recipe=recipe,
        clinical=clinical,
        patients=derive_groups(clinical, study),
        kinetics=kinetics,
        join=join,
        failures=tuple(failures),
        notes=(*_unlisted(study, rows), *join.look_alikes, *clinical.notes),
        metadata=metadata,
    )


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
        repairs=study.reading.repairs,
    )


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


def _read_headers(rows: Sequence[SampleRow], recipe: Recipe) -> tuple[dict[str, FCSMetadata], list[dict[str, Any]]]:
    """Read what each file says of itself, and whether it has the template's markers."""
    metadata, failures = {}, []
    for row in rows:
        if not row.path.is_file():
            failures.append({"file": row.tube, "stage": "read", "error": f"{row.tube}: no such file"})
            continue
        try:
            found = read_fcs_metadata(row.path, name=row.tube, dataset=row.dataset or None, repairs=recipe.repairs)
            detectors(found, recipe, row.tube)
        except (GatingError, OSError) as error:
            failures.append({"file": row.tube, "stage": "read", "error": str(error)})
        else:
            metadata[row.sample_id] = found
    return metadata, failures


def detectors(metadata: FCSMetadata, recipe: Recipe, where: str) -> dict[str, str]:
    """Return the detector ($PnN) of each marker the template needs; optional ones where they are."""
    found = {}
    for row in recipe.template.rows:
        for marker in row.channels:
            try:
                column = find_channel(metadata.channels, marker, recipe.aliases, where)
            except GatingError:
                if row.optional:
                    continue
                raise
            found[marker] = metadata.channels[column].name
    return found


def _panel_failures(
    metadata: Mapping[str, FCSMetadata], rows: Sequence[SampleRow], recipe: Recipe
) -> list[dict[str, Any]]:
    """Refuse files whose marker sits on another detector than in most files of their batch.

    One batch is stained with one panel: where a file disagrees, its labels or its stains are swapped, and
    no number from it can be trusted until a person says which.
    """
    panels = {row.sample_id: row for row in rows if row.sample_id in metadata}
    found = {name: detectors(metadata[name], recipe, row.tube) for name, row in panels.items()}
    failures = []
    for name, row in panels.items():
        mates = [found[other] for other, mate in panels.items() if mate.batch == row.batch and other != name]
        for marker, detector in found[name].items():
            others = Counter(mate[marker] for mate in mates if marker in mate)
            if others and others[detector] < sum(others.values()) / 2:
                usual, votes = others.most_common(1)[0]
                failures.append(
                    {
                        "file": row.tube,
                        "stage": "panel",
                        "error": f"{row.tube}: {marker} is on {detector}, in {votes} of {sum(others.values())} other "
                        f"files of batch {row.batch or '(none)'} on {usual}: labels or stains are swapped; correct "
                        f"$PnS, or give the file a batch of its own if its panel is different.",
                    }
                )
                break
    return failures


def _controls(rows: Sequence[SampleRow], recipe: Recipe) -> dict[tuple[str, str, str, str], tuple[SampleRow, ...]]:
    """Group control tubes by batch and by the threshold that may look at them."""
    found: dict[tuple[str, str, str, str], tuple[SampleRow, ...]] = {}
    for role, population, marker in needed_controls(recipe.template):
        for row in rows:
            if row.role == role and (role != "fmo" or _is_marker(row.marker, marker, recipe)):
                key = (row.batch, role, population, marker)
                found[key] = (*found.get(key, ()), row)
    return found


def _is_marker(written: str, marker: str, recipe: Recipe) -> bool:
    return any(same_marker(name, written) for name in (marker, *recipe.aliases.get(marker, ())))


def _unlisted(study: Study, rows: Sequence[SampleRow]) -> list[str]:
    return [f"{path}: lies beside the listed files, and no row names it" for path in unlisted_files(study, rows)]
