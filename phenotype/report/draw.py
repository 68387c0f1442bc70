"""Draw every figure of a result folder: files for people to use, and what the report embeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenotype.figures.drift import draw_drift
from phenotype.figures.gating import draw_gating
from phenotype.figures.outcomes import LEVELS, draw_outcomes
from phenotype.figures.robustness import draw_robustness
from phenotype.figures.style import save_figure
from phenotype.figures.subsets import draw_control, draw_figure_4
from phenotype.panels import read_panels
from phenotype.report.outcomes import curve_tests
from phenotype.report.read import Results
from phenotype.report.tables import (
    composition_by_group,
    control_pairs,
    cuts_by_batch,
    gatings_and_shifts,
    patients_by_contrast,
    products,
    write_figure_table,
)
from phenotype.workers import workers

__all__ = ["Figures", "draw_figures", "draw_gating_files"]

GATING_DPI = 110
GATING_COLOURS = 96


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What was drawn, and the tables it was drawn from."""

    figure_4: Path
    control: Path | None
    """None where no product has both CAR+ and CAR- fractions."""
    drift: Path | None
    """None where no cut was placed."""
    robustness: Path | None
    """None where no gating was made anew."""
    outcomes: dict[str, Path]
    """By term, ``asct`` and ``asct_group``: PFS, OS and relapse; none where nobody was followed."""
    gating: dict[str, Path]
    """By sample_id: the PNG."""
    patients: pd.DataFrame
    composition: pd.DataFrame
    pairs: pd.DataFrame


def draw_figures(results: Results, *, jobs: int = 1) -> Figures:
    """Draw Figure 4, the inner control, the moved gates and the gating of every product, with their numbers.

    Parameters
    ----------
    results
        Tables of the folder; pictures go to its ``figures``.
    jobs
        Worker processes for the gating figures.
    """
    folder, synthetic = results.folder / "figures", results.synthetic
    patients, composition = patients_by_contrast(results.cohort), composition_by_group(results.cohort)
    pairs = control_pairs(results.subsets, results.subsets_control, results.cohort)
    figure = draw_figure_4(results.comparisons, patients, composition, synthetic=synthetic)
    figure_4, _ = save_figure(figure, folder / "figure_4")
    write_figure_table(folder / "figure_4_patients.csv", patients)
    write_figure_table(folder / "figure_4_composition.csv", composition)
    control = None
    if len(pairs):
        control, _ = save_figure(draw_control(pairs, synthetic=synthetic), folder / "car_negative_control")
        write_figure_table(folder / "car_negative_control.csv", pairs)
    cuts, drift = cuts_by_batch(results), None
    if len(cuts):
        drift, _ = save_figure(draw_drift(cuts, synthetic=synthetic), folder / "thresholds_by_batch")
        write_figure_table(folder / "thresholds_by_batch.csv", cuts)
    moved, robustness = gatings_and_shifts(results.comparisons, results.robustness), None
    if len(moved):
        robustness, _ = save_figure(draw_robustness(moved, synthetic=synthetic), folder / "moved_gates")
        write_figure_table(folder / "moved_gates.csv", moved)
    outcomes = {
        term: save_figure(
            draw_outcomes(
                results.curves[results.curves["term"] == term],
                curve_tests(results.estimates, term),
                term=term,
                synthetic=synthetic,
            ),
            folder / f"outcomes_{term}",
        )[0]
        for term in LEVELS
        if (results.curves["term"] == term).any()
    }
    gating = draw_gating_files(results, jobs=jobs)
    return Figures(figure_4, control, drift, robustness, outcomes, gating, patients, composition, pairs)


def draw_gating_files(results: Results, *, jobs: int = 1) -> dict[str, Path]:
    """Draw the gating of every product that has panels; return the PNG by sample_id.

    A sample_id that is no plain file name has no panels: nothing is read or written outside the folder.
    """
    sources = {product.sample_id: _panel_file(results.folder, product.sample_id) for product in products(results)}
    found = {sample_id: path for sample_id, path in sources.items() if path is not None}
    target = results.folder / "figures" / "gating"
    tasks = [(path, target / path.stem, sample_id, results.synthetic) for sample_id, path in found.items()]
    return dict(zip(found, _draw_all(tasks, jobs), strict=True))


Task = tuple[Path, Path, str, bool]


def _draw_all(tasks: Sequence[Task], jobs: int) -> list[Path]:
    """Draw in this process, or in new ones: a forked copy of a process with threads may hang."""
    with workers(max(1, min(jobs, len(tasks))), anew=True) as pool:
        return list(pool.map(_draw_file, tasks))


def _draw_file(task: Task) -> Path:
    """Draw one sample's gating from its panels; runs in a worker process."""
    source, stem, sample_id, synthetic = task
    figure = draw_gating(read_panels(source), sample_id, synthetic)
    return save_figure(figure, stem, dpi=GATING_DPI, colours=GATING_COLOURS)[1]


def _panel_file(folder: Path, sample_id: str) -> Path | None:
    """Return the panels of a sample; the guard before a formula sign is no part of the file's name."""
    for name in (sample_id, sample_id.removeprefix("'")):
        plain = name not in {"", ".", ".."} and not set(name) & set("/\\:\0")
        if plain and (folder / "panels" / f"{name}.npz").is_file():
            return folder / "panels" / f"{name}.npz"
    return None
