"""Draw every figure of a result folder: files for people to use, and what the report embeds."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from phenotype.figures import numbers
from phenotype.figures.drift import draw_drift
from phenotype.figures.outcomes import LEVELS, draw_outcomes
from phenotype.figures.robustness import draw_robustness
from phenotype.figures.style import save_figure
from phenotype.figures.subsets import CONTRASTS, dots_of, draw_control, draw_figure_4
from phenotype.report.flow import flow_picture
from phenotype.report.gating import GatePictures, draw_gates
from phenotype.report.outcome_figures import outcome_pictures
from phenotype.report.outcomes import curve_words
from phenotype.report.patient_figures import patient_pictures
from phenotype.report.picture import Dot, Picture, dots_on
from phenotype.report.read import Results
from phenotype.report.tables import (
    composition_by_group,
    control_pairs,
    cuts_by_batch,
    gatings_and_shifts,
    patients_by_contrast,
    write_figure_table,
)
from phenotype.subsets import SUBSET_LABELS, SUBSETS

__all__ = ["Figures", "draw_figures"]


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What was drawn, and the tables of it that the report shows."""

    pictures: Mapping[str, Picture]
    """By stem; a figure without data is left out."""
    outcomes: tuple[str, ...]
    """Stems of the clinical half, in reading order."""
    gates: GatePictures
    patients: pd.DataFrame
    composition: pd.DataFrame


def draw_figures(results: Results, *, jobs: int = 1) -> Figures:
    """Draw every figure of a folder, each with its numbers beside it.

    Parameters
    ----------
    results
        Tables of the folder; pictures go to its ``figures``.
    jobs
        Worker processes for the gating figures.
    """
    subsets = [draw(results) for draw in (flow_picture, _figure_4, _moved, _control, _drift)]
    by_group = [draw(results) for draw in (_by_asct, _by_time)]
    outcomes = [*outcome_pictures(results), *by_group, *patient_pictures(results)]
    found = [picture for picture in (*subsets, *outcomes) if picture is not None]
    return Figures(
        pictures={picture.stem: picture for picture in found},
        outcomes=tuple(picture.stem for picture in outcomes if picture is not None),
        gates=draw_gates(results, jobs=jobs),
        patients=patients_by_contrast(results.cohort),
        composition=composition_by_group(results.cohort),
    )


def _figure_4(results: Results) -> Picture:
    folder = results.folder / "figures"
    patients, composition = patients_by_contrast(results.cohort), composition_by_group(results.cohort)
    figure = draw_figure_4(results.comparisons, patients, composition, synthetic=results.synthetic)
    write_figure_table(folder / "figure_4_patients.csv", patients)
    write_figure_table(folder / "figure_4_composition.csv", composition)
    return Picture(
        stem="figure_4",
        path=save_figure(figure, folder / "figure_4")[0],
        title="Figure 4",
        caption="Share of the four subsets among CAR+ T cells of the infusion product, laid out as figure 4 of Jin et "
        "al., J Immunother Cancer 2025;13:e010687. Bars are medians, each dot is a patient. Above each pair: "
        "difference in percentage points (group on the right minus group on the left) with its 95 % confidence "
        "interval, and the adjusted p. Right: mean composition of each group; a bar sums to 100 %.",
        alt="For each of four contrasts between ASCT groups: left, the share of naive, central memory, effector memory "
        "and effector cells among CAR+ T cells, a bar for the median of each group and a dot for each patient; right, "
        "the mean composition of both groups. All numbers are in the two tables below.",
        table="figures/figure_4_patients.csv, figures/figure_4_composition.csv",
        dots=tuple(dot for i, name in enumerate(CONTRASTS) for dot in _subset_dots(figure, 2 * i, patients, name)),
    )


def _subset_dots(figure: Figure, panel: int, patients: pd.DataFrame, contrast: str) -> tuple[Dot, ...]:
    """Return the patients of one contrast of Figure 4."""
    dots = dots_of(patients[patients["contrast"] == contrast], contrast)
    return dots_on(figure, panel, dots, "x", "fraction", lambda row: f"{_label(row)} {_fraction(row['fraction'])}")


def _label(row: Mapping[str, object]) -> str:
    return SUBSET_LABELS[str(row["subset"])].lower()


def _moved(results: Results) -> Picture | None:
    moved, folder = gatings_and_shifts(results.comparisons, results.robustness), results.folder / "figures"
    if moved.empty:
        return None
    write_figure_table(folder / "moved_gates.csv", moved)
    return Picture(
        stem="moved_gates",
        path=save_figure(draw_robustness(moved, synthetic=results.synthetic), folder / "moved_gates")[0],
        title="Moved gates",
        caption="Large dot: difference with the gates as they are; thin line: its 95 % confidence interval, which "
        "holds patients; thick bar: where 95 % of plausible gatings put it, which holds gates; triangles: one gate "
        "moved up or down in all samples. Filled: adjusted p below 0.05. Right of each bar: share of plausible gatings "
        "with the same conclusion.",
        alt="For each contrast and subset: the difference between groups with the gates as they are, its range over "
        "plausible gatings, and the difference with each gate moved up or down in all samples. The numbers are in the "
        "table below.",
        table="figures/moved_gates.csv",
    )


def _control(results: Results) -> Picture | None:
    pairs = control_pairs(results.subsets, results.subsets_control, results.cohort)
    folder = results.folder / "figures"
    if pairs.empty:
        return None
    write_figure_table(folder / "car_negative_control.csv", pairs)
    figure = draw_control(pairs, synthetic=results.synthetic)
    known = pairs.dropna(subset=["car_positive", "car_negative"])
    parts = [known[known["subset"] == subset] for subset in SUBSETS]
    panels = [dots_on(figure, i, part, "car_negative", "car_positive", _both) for i, part in enumerate(parts)]
    return Picture(
        stem="car_negative_control",
        path=save_figure(figure, folder / "car_negative_control")[0],
        title="CAR- control",
        caption="Each dot is a product. On the dashed line CAR+ and CAR- cells have equal shares.",
        alt="Four scatter plots, one for each subset. A dot is a product: across, its share of the subset among CAR- T "
        "cells; up, its share among CAR+ T cells. Dots on the dashed line have equal shares.",
        table="figures/car_negative_control.csv",
        dots=tuple(dot for dots in panels for dot in dots),
    )


def _both(row: Mapping[str, object]) -> str:
    positive, negative = (_fraction(row[f"car_{sign}"]) for sign in ("positive", "negative"))
    return f"{_label(row)} {positive} of CAR+, {negative} of CAR- cells"


def _fraction(value: object) -> str:
    return numbers.percent(value if isinstance(value, float) else None)


def _by_asct(results: Results) -> Picture | None:
    return _curves(results, "asct", "Any ASCT against none")


def _by_time(results: Results) -> Picture | None:
    return _curves(results, "asct_group", "By time since ASCT")


def _curves(results: Results, term: str, title: str) -> Picture | None:
    """Draw PFS, OS and relapse by the groups of a term; nothing where nobody was followed."""
    curves, stem = results.curves[results.curves["term"] == term], f"outcomes_{term}"
    if curves.empty or term not in LEVELS:
        return None
    tests = curve_words(results.estimates, term)
    figure = draw_outcomes(curves, tests, term=term, synthetic=results.synthetic)
    return Picture(
        stem=stem,
        path=save_figure(figure, results.folder / "figures" / stem)[0],
        title=title,
        caption="Steps are estimates, shades their 95 % intervals, ticks patients whose observation ended; thin where "
        "fewer than five are at risk. Relapse: patients in CR, with death without relapse competing.",
        alt=f"Progression-free survival, overall survival and relapse over months, {title.lower()}; the numbers at "
        "given times are in the tables below.",
        table="curves.csv",
    )


def _drift(results: Results) -> Picture | None:
    cuts, folder = cuts_by_batch(results), results.folder / "figures"
    if cuts.empty:
        return None
    write_figure_table(folder / "thresholds_by_batch.csv", cuts)
    return Picture(
        stem="thresholds_by_batch",
        path=save_figure(draw_drift(cuts, synthetic=results.synthetic), folder / "thresholds_by_batch")[0],
        title="Drift",
        caption="Each dot is a product: its cut, and the median signal above and below it. A bar is the median of a "
        "batch's cuts; a ring marks a sample unlike its batch.",
        alt="A panel for each marker: across, the batches, each dot a product; up, its cut and the medians of the "
        "events on both sides. Bars are medians of the batch's cuts; ringed samples are unlike their batch. The "
        "numbers are in the table below.",
        table="figures/thresholds_by_batch.csv",
    )
