"""The single stains of each batch: which detector each is for, what it measures, and what is missing."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gating import (
    ChannelError,
    CompensationError,
    FCSMetadata,
    GatingError,
    Sample,
    Spillover,
    StainFit,
    combine_stains,
    file_spillover,
    find_channel,
    fit_stain,
    marker_in,
    read_fcs,
)
from phenotype.pipeline.files import GATED_ROLES, Failure, failure_of, read_header
from phenotype.pipeline.ledger import file_hash
from phenotype.pipeline.work import Recipe
from phenotype.quality import Finding
from phenotype.samples import SampleRow
from phenotype.spillover import (
    Voltages,
    check_against_stains,
    check_stains,
    matrix_source,
    spillover_rows,
    voltage_fault,
    voltages_of,
)

__all__ = ["BatchStains", "batches_of", "compare_stains", "read_batch_stains", "recipe_with", "voltage_failures"]

T = TypeVar("T")
Panel = Sequence[FCSMetadata]
"""What the samples of a batch say of themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchStains:
    """What the single stains of one batch say."""

    batch: str
    fits: Mapping[str, StainFit]
    """By sample_id, of the tubes that could be used."""
    spillover: Spillover | None
    """None where a stained detector has no row."""
    fault: str = ""
    """Why there is no matrix."""
    failures: Mapping[str, Failure] = field(default_factory=dict)
    """By sample_id, of the tubes that could not be used."""
    voltages: Mapping[str, Voltages] = field(default_factory=dict)
    """Of each tube that was used, by detector."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each tube's file, by its name in the sheet."""


def batches_of(rows: Iterable[SampleRow], role: str = "") -> list[str]:
    """Return the batches of the samples to gate, or of the tubes of a role."""
    return sorted({row.batch for row in rows if row.role in ((role,) if role else GATED_ROLES)})


def read_batch_stains(
    batch: str,
    rows: Sequence[SampleRow],
    metadata: Mapping[str, FCSMetadata],
    recipe: Recipe,
    *,
    without_stain: Sequence[str] = (),
    unlisted: Sequence[str] = (),
) -> BatchStains:
    """Measure the spillover of one batch on its single stains.

    Parameters
    ----------
    batch
        Its name in the sheet.
    rows
        The whole sheet.
    metadata
        By sample_id: what the samples of the sheet say of themselves. They decide which detectors are stained.
    recipe
        Its template and other names of markers; and what may be put right in a file.
    without_stain
        Markers or detectors that need no stain.
    unlisted
        Files that no row names: one of them may be a missing tube under another name.
    """
    panel = [metadata[row.sample_id] for row in rows if row.batch == batch and row.sample_id in metadata]
    if not panel:
        return BatchStains(batch, {}, None, f"{matrix_source(batch)}: no sample of the batch can be read")
    failures: dict[str, Failure] = {}
    own = [row for row in rows if row.batch == batch and row.role in {"single_stain", "unstained"}]
    read = [(row, _tried(failures, row, "read stain", _read_tube, row, recipe, unlisted)) for row in own]
    unstained = [tube for row, tube in read if tube is not None and row.role == "unstained"]
    tubes = [(row, tube) for row, tube in read if tube is not None and row.role == "single_stain"]
    tried = [
        (row, tube, _tried(failures, row, "measure stain", _detector_of, row, tube, panel, recipe))
        for row, tube in tubes
    ]
    stains = [(row, tube, detector) for row, tube, detector in tried if detector is not None]
    stained, clean = _stained_detectors(panel, recipe), _named_detectors(without_stain, panel, recipe)
    wanted = {*stained, *clean, *(detector for _, _, detector in stains)}
    columns = [channel.name for channel in panel[0].channels if channel.name in wanted]
    fits, voltages = {}, {}
    for row, tube, detector in stains:
        fit = _tried(failures, row, "measure stain", fit_stain, tube, detector, columns, unstained=unstained)
        if fit is not None:
            fits[row.sample_id] = fit
            voltages[row.tube] = voltages_of(tube, columns)
    rowless = {*stained} - {*clean} - {fit.detector for fit in fits.values()}
    missing = [stained[name] for name in columns if name in rowless]
    spillover, fault = _matrix(batch, list(fits.values()), columns, missing)
    hashes = {row.file: file_hash(row.path) for row, tube in read if tube is not None}
    return BatchStains(batch, fits, spillover, fault, failures, voltages, hashes)


def recipe_with(stains: Mapping[str, BatchStains], recipe: Recipe, row: SampleRow) -> Recipe:
    """Return the recipe of a row: under ``source = "controls"`` with the matrix of its batch.

    Raises
    ------
    CompensationError
        If its batch has no matrix.
    """
    if recipe.compensation != "controls":
        return recipe
    batch = stains[row.batch]
    if batch.spillover is None:
        raise CompensationError(f"{row.tube}: {batch.fault}")
    return replace(recipe, compensation=batch.spillover)


def voltage_failures(
    rows: Iterable[SampleRow], metadata: Mapping[str, FCSMetadata], stains: Mapping[str, BatchStains]
) -> list[Failure]:
    """Refuse samples that were measured at other voltages than the single stains of their batch."""
    known = [row for row in rows if row.sample_id in metadata and row.batch in stains]
    faults = [(row, voltage_fault(metadata[row.sample_id], stains[row.batch].voltages)) for row in known]
    return [
        failure_of(row, "compensate", f"{row.tube}: {fault}: spillover depends on voltage; measure both at one")
        for row, fault in faults
        if fault
    ]


def compare_stains(
    stains: Mapping[str, BatchStains],
    samples: Iterable[SampleRow],
    metadata: Mapping[str, FCSMetadata],
    compensation: Spillover | str,
) -> tuple[list[dict[str, object]], list[Finding]]:
    """Hold the single stains against the matrix of the study, or against those that its files carry.

    Parameters
    ----------
    stains
        By batch.
    samples
        That were gated.
    metadata
        By sample_id.
    compensation
        As the recipe of the study has it.

    Returns
    -------
    rows
        Of spillover.csv.
    findings
        About each sample of a batch with stains, and about the stains.
    """
    rows: list[dict[str, object]] = []
    findings: list[Finding] = []
    of_batch = {batch: [row for row in samples if row.batch == batch] for batch in stains}
    for batch, found in stains.items():
        findings += check_stains(found.fits)
        matrices = []
        for row in of_batch[batch]:
            matrix, why = _other_matrix(metadata[row.sample_id], compensation)
            why = why or voltage_fault(metadata[row.sample_id], found.voltages)
            if matrix is not None and not why:
                matrices.append(replace(matrix, source=f"{matrix.source} of {row.tube}"))
                used = compensation != "controls"
                findings += check_against_stains(row.sample_id, found.fits.values(), matrix, used=used)
            elif found.fits:
                findings.append(Finding(row.sample_id, "spillover_stains", None, None, "info", f"not compared: {why}"))
        used_matrix = found.spillover if compensation == "controls" else None
        usual = compensation if isinstance(compensation, Spillover) else _most_common(matrices)
        rows += spillover_rows(batch, list(found.fits.values()), used_matrix, usual)
    if compensation != "controls":
        findings += [
            Finding(name, "single_stain", None, None, "info", failure["error"])
            for found in stains.values()
            for name, failure in found.failures.items()
        ]
    return rows, findings


def _other_matrix(described: FCSMetadata, compensation: Spillover | str) -> tuple[Spillover | None, str]:
    """Return the matrix to hold stains against, or why there is none."""
    if isinstance(compensation, Spillover):
        return compensation, ""
    try:
        matrix = file_spillover(described)
    except CompensationError as error:
        return None, str(error)
    return matrix, "" if matrix is not None else f"{described.name} carries no matrix"


def _most_common(matrices: Sequence[Spillover]) -> Spillover | None:
    """Return the matrix that most files carry, the first of them."""
    keys = [(matrix.channels, matrix.matrix.tobytes()) for matrix in matrices]
    return matrices[keys.index(Counter(keys).most_common(1)[0][0])] if matrices else None


def _tried(
    failures: dict[str, Failure],
    row: SampleRow,
    stage: str,
    function: Callable[..., T],
    *arguments: object,
    **options: object,
) -> T | None:
    """Call a function on a tube; what it refuses joins the failures."""
    try:
        return function(*arguments, **options)
    except (GatingError, OSError) as error:
        failures[row.sample_id] = failure_of(row, stage, str(error))
        return None


def _read_tube(row: SampleRow, recipe: Recipe, unlisted: Sequence[str]) -> Sample:
    """Read a tube whole: any of its detectors may be a column."""
    read_header(row, recipe, unlisted)
    return read_fcs(row.path, name=row.tube, dataset=row.dataset or None, repairs=recipe.repairs)


def _detector_of(row: SampleRow, sample: Sample, panel: Panel, recipe: Recipe) -> str:
    """Return the detector that a tube's marker is on: in its own labels or, where it has none, in the samples'."""
    tubes: list[Sample | FCSMetadata] = [sample, *panel]
    found = dict.fromkeys(name for one in tubes if (name := _detector(row.marker, one, recipe)) is not None)
    if not found:
        find_channel(sample.channels, row.marker, recipe.aliases, row.tube)
    absent = [name for name in found if name not in {channel.name for channel in panel[0].channels}]
    if absent:
        raise CompensationError(f"{row.tube}: is stained for {absent[0]}, which the samples of its batch do not have")
    if len(found) > 1:
        raise CompensationError(
            f"{row.tube}: {row.marker} is on {' and '.join(found)}, in the tube and in samples of its batch; write the "
            f"detector itself into the column 'marker'"
        )
    return next(iter(found))


def _detector(wanted: str, described: Sample | FCSMetadata, recipe: Recipe) -> str | None:
    """Return the fluorescence detector that a name means in one file; None where it means none, or several."""
    try:
        channel = described.channels[find_channel(described.channels, wanted, recipe.aliases, described.name)]
    except ChannelError:
        return None
    return channel.name if channel.kind == "fluorescence" else None


def _named_detectors(names: Iterable[str], panel: Panel, recipe: Recipe) -> set[str]:
    """Return the detectors that names mean in a batch's samples."""
    return {found for name in names for one in panel if (found := _detector(name, one, recipe)) is not None}


def _stained_detectors(panel: Panel, recipe: Recipe) -> dict[str, str]:
    """Return the detectors that the gates look at, or that are labelled with more than a dye, each as it is called."""
    found: dict[str, str] = {}
    for one in panel:
        for marker in dict.fromkeys(marker for row in recipe.template.rows for marker in row.channels):
            detector = _detector(marker, one, recipe)
            if detector is not None:
                found.setdefault(detector, f"{marker} ({detector})" if marker != detector else detector)
        areas = {channel.name for channel in one.channels if channel.name.endswith("-A")}
        for channel in one.channels:
            area = f"{channel.name.rsplit('-', 1)[0]}-A"
            labelled = channel.kind == "fluorescence" and marker_in(channel.marker) not in {"", marker_in(channel.name)}
            if labelled and (channel.name == area or area not in areas):
                found.setdefault(channel.name, f"{channel.marker} ({channel.name})")
    return found


def _matrix(
    batch: str, fits: Sequence[StainFit], columns: Sequence[str], missing: Sequence[str]
) -> tuple[Spillover | None, str]:
    """Return a batch's matrix, or why there is none."""
    if missing or not fits:
        return None, f"{matrix_source(batch)}: none that can be used for {', '.join(missing) or 'any detector'}"
    try:
        return combine_stains(fits, columns, matrix_source(batch)), ""
    except CompensationError as error:
        return None, str(error)
