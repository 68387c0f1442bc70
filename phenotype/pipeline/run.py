"""The whole study in one call: plan, gate, join, compare, write, report."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from gating import ControlValues, FCSMetadata, Spillover, Teaching, file_spillover, pool_controls
from phenotype import __version__
from phenotype.analyses import cohort_of, curve_table, estimate
from phenotype.drift import DRIFT_COLUMNS, check_outliers, drift_rows
from phenotype.frequencies import GATE_COLUMNS, POPULATION_COLUMNS, SUBSET_COLUMNS, THRESHOLD_COLUMNS, SampleKey
from phenotype.instrument import CHANNEL_COLUMNS, acquisition, channel_rows, transforms_of
from phenotype.panels import panels_are_whole
from phenotype.pipeline.files import GATED_ROLES
from phenotype.pipeline.ledger import file_hash, key_of, load_result, store_result
from phenotype.pipeline.plan import Plan, alternative_notes, make_plan, measure_stains
from phenotype.pipeline.stains import BatchStains, compare_stains
from phenotype.pipeline.teach import lessons_from, teach, teaching_text
from phenotype.pipeline.work import ControlTask, GateTask, SampleResult, gate_control, gate_file
from phenotype.pipeline.write import check_folder, write_frame, write_json, write_kinetics, write_rows, writing_to
from phenotype.plausible import cohort_fractions
from phenotype.provenance import check_dates, check_identities
from phenotype.published import beside_published
from phenotype.quality import Finding, check_drift, check_spillover
from phenotype.report import build_report
from phenotype.review_list import REVIEW_COLUMNS, review_rows
from phenotype.samples import SampleRow
from phenotype.spillover import SPILLOVER_COLUMNS
from phenotype.statistics.contrasts import compare_groups
from phenotype.statistics.robustness import ROBUSTNESS_COLUMNS, compare_gatings
from phenotype.subsets import SUBSETS
from phenotype.workers import Pool, workers

__all__ = ["RunSummary", "run_study"]

QUALITY_COLUMNS = ("sample_id", "check", "value", "limit", "severity", "message")
FAILURE_COLUMNS = ("file", "stage", "error")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did, for the last lines on the screen and the exit status."""

    folder: Path
    report: Path
    samples: int
    gated: int
    reused: int
    failures: tuple[Mapping[str, Any], ...]
    review: tuple[Mapping[str, Any], ...]
    """What a person should look at: rows of review.csv, without the files that failed."""
    without_clinical: tuple[str, ...]
    """Patients with a product and no clinical row: in no comparison."""
    without_product: tuple[str, ...]
    notes: tuple[str, ...]
    """What was odd in the study's sheets and folder, and usable."""
    seconds: float

    @property
    def status(self) -> int:
        """0 all done; 1 done, but some samples failed or need review; 2 none could be gated."""
        if not self.gated:
            return 2
        return 1 if self.failures or self.review or self.without_clinical else 0


def run_study(
    path: Path, out: Path | None = None, *, jobs: int = 1, fresh: bool = False, progress: Progress | None = None
) -> RunSummary:
    """Run a study from its FCS files to its report.

    Parameters
    ----------
    path
        study.toml.
    out
        Result folder; ``results`` beside the study file if None.
    jobs
        Worker processes. Results do not depend on it.
    fresh
        Gate every sample anew, even one that an earlier run finished.
    progress
        Called with stage, files done and files in all.

    Raises
    ------
    StudyError
        If an input has faults: all of them; or if the folder holds a sheet that would be overwritten. Nothing was
        written.
    RunError
        If the folder cannot be written to, or a worker process died. The same call goes on from there.
    """
    started = time.perf_counter()
    say = progress or (lambda _stage, _done, _total: None)
    plan = make_plan(path)
    folder = out or path.parent / "results"
    check_folder(folder, plan.study)
    with writing_to(folder):
        (folder / "panels").mkdir(exist_ok=True)
        with workers(jobs) as pool:
            hashes = _file_hashes(plan)
            controls, results = _gate_controls(plan, hashes, pool, say)
            reused = _gate_samples(plan, controls, hashes, folder, results, pool, fresh=fresh, say=say)
        results.failures[:0] = plan.failures
        results.quality += [finding.row() for finding in _study_findings(plan, results, date.today())]
        stains = _stains(plan)
        coefficients, findings = compare_stains(stains, _gated(plan, results), plan.metadata, plan.recipe.compensation)
        results.quality += [finding.row() for finding in findings]
        review = review_rows(results.thresholds, results.gates, results.quality, results.failures)
        write_rows(folder / "review.csv", REVIEW_COLUMNS, review)
        tables = _write_tables(plan, results, folder)
        channels = channel_rows(_metadata_of(plan, results), transforms_of(results.gates))
        write_rows(folder / "channels.csv", CHANNEL_COLUMNS, channels)
        write_rows(folder / "spillover.csv", SPILLOVER_COLUMNS, coefficients)
        hashes_of_stains = {file: digest for found in stains.values() for file, digest in found.hashes.items()}
        seconds = time.perf_counter() - started
        write_json(folder / "run.json", _manifest(plan, hashes, hashes_of_stains, results, tables, seconds))
        say("report", 0, 1)
        report = build_report(folder, jobs=jobs)
        say("report", 1, 1)
    return RunSummary(
        folder=folder,
        report=report,
        samples=sum(row.role in GATED_ROLES for row in plan.rows),
        gated=len({row["sample_id"] for row in results.populations}),
        reused=reused,
        failures=tuple(results.failures),
        review=tuple(row for row in review if row["status"] != "failed"),
        without_clinical=plan.join.without_clinical,
        without_product=plan.join.without_product,
        notes=plan.notes,
        seconds=time.perf_counter() - started,
    )


ControlsByBatch = dict[str, dict[tuple[str, str, str], ControlValues]]
Hashes = Mapping[Path, str]
"""SHA-256 of each file, taken before it is read."""


def _file_hashes(plan: Plan) -> Hashes:
    """Hash every file that will be gated."""
    rows = (*plan.samples, *(row for found in plan.controls.values() for row in found))
    return {path: file_hash(path) for path in dict.fromkeys(row.path for row in rows)}


def _changed(path: Path, file: str, hashes: Hashes) -> SampleResult | None:
    """Refuse a file whose bytes are no longer those that were hashed: results are kept, and proved, under the hash."""
    if file_hash(path) == hashes[path]:
        return None
    fault = f"{file}: the file was changed while the run went on; wait until it is complete, and run again"
    return SampleResult(failures=[{"file": file, "stage": "read", "error": fault}])


def _gate_controls(plan: Plan, hashes: Hashes, pool: Pool, say: Progress) -> tuple[ControlsByBatch, SampleResult]:
    """Gate every control tube once; return values by batch and threshold, and the tubes that failed."""
    needs: dict[str, list[tuple[str, str]]] = {}
    tubes: dict[str, SampleRow] = {}
    for (_, _, population, marker), rows in plan.controls.items():
        for row in rows:
            tubes[row.tube] = row
            needs.setdefault(row.tube, []).append((population, marker))
    tasks = [
        ControlTask(
            tube,
            row.path,
            row.dataset or None,
            plan.recipe_of(row),
            tuple(needs[tube]),
            stained=row.role != "unstained",
        )
        for tube, row in sorted(tubes.items())
    ]
    failures, values = SampleResult(), {}
    for done, (task, result) in enumerate(zip(tasks, pool.map(gate_control, tasks), strict=True), start=1):
        say("controls", done, len(tasks))
        found = _changed(task.path, task.file, hashes) or result
        if isinstance(found, SampleResult):
            failures.extend(found)
        else:
            values[task.file] = found
    controls: ControlsByBatch = {}
    for (batch, role, population, marker), rows in plan.controls.items():
        pooled = [values[row.tube][population, marker] for row in rows if row.tube in values]
        if pooled:
            controls.setdefault(batch, {})[role, population, marker] = pool_controls(pooled)
    return controls, failures


def _gate_samples(
    plan: Plan,
    controls: ControlsByBatch,
    hashes: Hashes,
    folder: Path,
    results: SampleResult,
    pool: Pool,
    *,
    fresh: bool,
    say: Progress,
) -> int:
    """Gate every sample that an earlier run did not, in the order of the sheet; return how many it had.

    Samples with a threshold that other samples may change are gated once more, with what all have taught.
    """
    tasks = [_task(plan, row, controls, folder) for row in plan.samples]
    keys = _keys(plan, hashes)
    found, known = _gate_all(keys, tasks, hashes, folder, pool, fresh=fresh, say=partial(say, "samples"))
    lessons = {
        task.key.sample_id: lessons_from(one.lessons, task.key.sample_id)
        for task, one in zip(tasks, found, strict=True)
    }
    taught = teach(
        plan.recipe.template, plan.samples, lessons, plan.references, across_batches=plan.study.across_batches
    )
    again = [
        i
        for i, (task, one) in enumerate(zip(tasks, found, strict=True))
        if _may_change(one, taught[task.key.sample_id])
    ]
    second = [replace(tasks[i], teaching=taught[tasks[i].key.sample_id]) for i in again]
    second_keys = [key_of([keys[i], teaching_text(task.teaching)]) for i, task in zip(again, second, strict=True)]
    say_second = partial(say, "samples again")
    changed, known_again = _gate_all(second_keys, second, hashes, folder, pool, fresh=fresh, say=say_second)
    for i, result in zip(again, changed, strict=True):
        found[i] = result
    for result in found:
        results.extend(result)
    return sum(key in known for i, key in enumerate(keys) if i not in set(again)) + len(known_again)


def _may_change(result: SampleResult, teaching: Teaching) -> bool:
    """Tell whether a sample asks for what others teach, or a person placed a cut of its own."""
    own = any(taught.own is not None for taught in teaching.values())
    return not result.failures and (own or bool(result.asked))


def _gate_all(
    keys: Sequence[str],
    tasks: Sequence[GateTask],
    hashes: Hashes,
    folder: Path,
    pool: Pool,
    *,
    fresh: bool,
    say: Callable[[int, int], None],
) -> tuple[list[SampleResult], set[str]]:
    """Return the result of each task, and the keys of those that an earlier run kept."""
    kept = folder / "ledger"
    known: dict[str, SampleResult] = {}
    for key, task in zip(keys, tasks, strict=True):
        if not fresh and (earlier := _earlier(kept, key, task)) is not None:
            known[key] = earlier
    waiting = [task for key, task in zip(keys, tasks, strict=True) if key not in known]
    done = pool.map(gate_file, waiting)
    found = []
    for count, (key, task) in enumerate(zip(keys, tasks, strict=True), start=1):
        result = known.get(key)
        if result is None:
            gated = next(done)
            result = _changed(task.path, task.key.file, hashes) or gated
            if result is gated:
                store_result(kept, key, result)
        say(count, len(tasks))
        found.append(result)
    return found, set(known)


def _earlier(folder: Path, key: str, task: GateTask) -> SampleResult | None:
    """Return what an earlier run kept of a sample, if it is whole and its picture can still be drawn."""
    result = load_result(folder, key)
    if result is None or result.failures or task.panels is None or panels_are_whole(task.panels):
        return result
    return None


def _task(plan: Plan, row: SampleRow, controls: ControlsByBatch, folder: Path) -> GateTask:
    key = SampleKey(row.sample_id, row.patient_id, row.tube, row.batch)
    panels = folder / "panels" / f"{row.sample_id}.npz"
    return GateTask(key, row.path, row.dataset or None, plan.recipe_of(row), controls.get(row.batch, {}), panels)


def _keys(plan: Plan, hashes: Hashes) -> list[str]:
    """Return the name each sample's result is kept under."""
    recipe = plan.recipe
    shared = [
        *(repr((row.population, row.parent, row.channels, row.method, row.arguments)) for row in recipe.template.rows),
        repr(sorted(recipe.aliases.items())),
        repr((recipe.subsets, recipe.control_subsets, recipe.limits, recipe.min_viability, recipe.max_saturated)),
        repr(recipe.gatings),
        repr(sorted(recipe.repairs)),
    ]
    tubes = {row.tube: hashes[row.path] for rows in plan.controls.values() for row in rows}
    by_batch: dict[str, list[str]] = {}
    for (batch, *need), rows in plan.controls.items():
        by_batch.setdefault(batch, []).append(repr((need, [(row.tube, tubes[row.tube]) for row in rows])))
    return [
        key_of(
            [
                row.sample_id,
                row.tube,
                row.batch,
                row.patient_id,
                hashes[row.path],
                _matrix_text(plan.recipe_of(row).compensation),
                *shared,
                *by_batch.get(row.batch, []),
            ]
        )
        for row in plan.samples
    ]


def _matrix_text(compensation: Spillover | str) -> str:
    """Return a compensation as text that changes with any number in it."""
    if isinstance(compensation, str):
        return compensation
    return repr((compensation.channels, compensation.matrix.tolist()))


def _study_findings(plan: Plan, results: SampleResult, today: date) -> list[Finding]:
    """Compare samples with each other, and with the day: identities, spillover within batches, brightness between."""
    gated = _gated(plan, results)
    keywords = {row.sample_id: plan.metadata[row.sample_id].keywords for row in gated}
    findings = [*check_dates(keywords, today), *check_identities(keywords)]
    if plan.recipe.compensation == "file":
        matrices = {row.sample_id: (row.batch, plan.metadata[row.sample_id]) for row in gated}
        found = {name: (batch, file_spillover(metadata)) for name, (batch, metadata) in matrices.items()}
        findings += check_spillover({name: (batch, matrix) for name, (batch, matrix) in found.items() if matrix})
    markers = plan.recipe.template.row(plan.study.subsets[SUBSETS[0]]).channels
    products = {row.sample_id for row in plan.samples if row.role == "product"}
    thresholds = [row for row in results.thresholds if row["sample_id"] in products]
    findings += [
        Finding(row.sample_id, "alternative_marker", None, None, "info", f"{note}: [alternatives] of study.toml")
        for note in alternative_notes(plan.study.alternatives)
        for row in gated
        if row.sample_id in products
    ]
    return [*findings, *check_drift(thresholds, markers), *check_outliers(thresholds)]


def _stains(plan: Plan) -> Mapping[str, BatchStains]:
    """Return what the single stains say; a study that does not use them is held against them."""
    metadata = {row.sample_id: plan.metadata[row.sample_id] for row in plan.samples}
    return plan.stains or measure_stains(plan.study, plan.rows, metadata, plan.recipe)


def _gated(plan: Plan, results: SampleResult) -> list[SampleRow]:
    """Return the rows that were gated, in the order of the sheet."""
    gated = {row["sample_id"] for row in results.populations}
    return [row for row in plan.samples if row.sample_id in gated]


def _metadata_of(plan: Plan, results: SampleResult) -> dict[str, FCSMetadata]:
    """Return what the files that were gated say of themselves."""
    return {row.sample_id: plan.metadata[row.sample_id] for row in _gated(plan, results)}


def _write_tables(plan: Plan, results: SampleResult, folder: Path) -> dict[str, pd.DataFrame]:
    """Write every table of a run; return those the manifest counts."""
    products = {row.sample_id for row in plan.samples if row.role == "product"}
    subsets = [row for row in results.subsets if row["sample_id"] in products]
    cohort = cohort_of(plan.patients, patient_fractions(subsets), plan.kinetics, plan.study.analyses)
    comparisons = compare_groups(cohort, family=plan.study.comparisons.family)
    write_rows(folder / "populations.csv", POPULATION_COLUMNS, results.populations)
    write_rows(folder / "subsets.csv", SUBSET_COLUMNS, subsets)
    controls = [row for row in results.control_subsets if row["sample_id"] in products]
    write_rows(folder / "subsets_control.csv", SUBSET_COLUMNS, controls)
    write_rows(folder / "gates.csv", GATE_COLUMNS, results.gates)
    write_rows(folder / "thresholds.csv", THRESHOLD_COLUMNS, results.thresholds)
    drifting = drift_rows([row for row in results.thresholds if row["sample_id"] in products])
    write_rows(folder / "drift.csv", DRIFT_COLUMNS, drifting)
    write_rows(folder / "quality.csv", QUALITY_COLUMNS, results.quality)
    write_rows(folder / "failures.csv", FAILURE_COLUMNS, results.failures)
    write_frame(folder / "cohort.csv", cohort)
    write_kinetics(folder, plan.study, cohort, plan.kinetics)
    write_frame(folder / "comparisons.csv", comparisons)
    write_frame(folder / "robustness.csv", _robustness(plan, cohort, subsets, results.gatings))
    estimates = estimate(cohort, plan.study.analyses)
    write_frame(folder / "estimates.csv", estimates)
    write_frame(folder / "curves.csv", curve_table(cohort, plan.study.analyses))
    write_frame(folder / "published.csv", beside_published(estimates))
    return {"cohort": cohort, "comparisons": comparisons}


def _robustness(
    plan: Plan, cohort: pd.DataFrame, subsets: Sequence[Mapping[str, Any]], gatings: Sequence[dict[str, Any]]
) -> pd.DataFrame:
    """Make the comparisons anew in every plausible gating of the products."""
    given = {row["sample_id"] for row in subsets if row["fraction"] is not None}
    rows = [row for row in gatings if row["sample_id"] in given]
    if not rows:
        return pd.DataFrame(columns=list(ROBUSTNESS_COLUMNS))
    patients = cohort["patient_id"].tolist()
    drawn = cohort_fractions(rows, patients, "counts", "parents")
    moved = cohort_fractions(rows, patients, "shifted", "shifted_parents")
    return compare_gatings(
        cohort["asct_group"].tolist(),
        cohort[list(SUBSETS)].to_numpy(dtype=float),
        drawn,
        dict(zip(rows[0]["shifts"], moved, strict=True)),
        family=plan.study.comparisons.family,
    )


def patient_fractions(subsets: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return each patient's four fractions; the mean where a product was stained twice.

    Returns
    -------
    pandas.DataFrame
        ``patient_id`` as index, a column per subset.
    """
    rows = pd.DataFrame(subsets, columns=list(SUBSET_COLUMNS))
    rows["fraction"] = rows["fraction"].astype(float)
    wide = rows.pivot_table(index="patient_id", columns="subset", values="fraction", aggfunc="mean")
    return wide.reindex(columns=list(SUBSETS))


def not_gated(rows: Sequence[SampleRow], results: SampleResult) -> dict[str, str]:
    """Return each patient with a product of whom none could be gated, and the stage at which the first one stopped."""
    gated = {row["sample_id"] for row in results.populations}
    stages = {failure["file"]: failure["stage"] for failure in reversed(results.failures)}
    products = [row for row in rows if row.role == "product"]
    served = {row.patient_id for row in products if row.sample_id in gated}
    found: dict[str, str] = {}
    for row in products:
        if row.patient_id not in served:
            found.setdefault(row.patient_id, stages.get(row.tube, ""))
    return found


def _manifest(
    plan: Plan,
    hashes: Hashes,
    stains: Mapping[str, str],
    results: SampleResult,
    tables: Mapping[str, pd.DataFrame],
    seconds: float,
) -> dict[str, Any]:
    """Return what is needed to repeat the run, and what the report says of it."""
    study = plan.study
    packages = ("numpy", "pandas", "scipy", "scikit-learn", "matplotlib", "seaborn")
    inputs = {path.name: file_hash(path) for path in study.inputs}
    inputs |= {row.file: hashes[row.path] for row in plan.samples}
    inputs |= {row.file: hashes[row.path] for rows in plan.controls.values() for row in rows}
    inputs |= {file: digest for file, digest in stains.items() if file not in inputs}
    failed = len({row["file"] for row in results.failures})
    synthetic = [m.keywords.get("SYNTHETIC", "").upper() in {"TRUE", "YES", "1"} for m in plan.metadata.values()]
    return {
        "study": {"name": study.name},
        "synthetic": any(synthetic) or "SYNTHETIC" in study.name.upper(),
        "version": __version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "settings": study.settings(),
        "template": [
            f"{row.population},{row.parent},{'|'.join(row.channels)},{row.method},{row.arguments}"
            for row in plan.recipe.template.rows
        ],
        "alternatives": alternative_notes(study.alternatives),
        "acquisition": acquisition(_metadata_of(plan, results).values(), date.today()),
        "inputs": inputs,
        "seed": None,
        "counts": {
            "products": sum(row.role == "product" for row in plan.rows),
            "gated": len({row["sample_id"] for row in results.populations}),
            "failed": failed,
            "patients": len(tables["cohort"]),
            "patients_with_subsets": int(tables["cohort"][SUBSETS[0]].notna().sum()),
        },
        "join": {
            "without_clinical": list(plan.join.without_clinical),
            "without_product": list(plan.join.without_product),
        },
        "not_gated": not_gated(plan.rows, results),
        "notes": list(plan.notes),
        "seconds": round(seconds, 1),
        "processes": os.cpu_count(),
    }
