"""The figures in which each dot, line or bar is a patient: files, tables beside them, and their words."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from phenotype.figures import numbers
from phenotype.figures.correlation import draw_correlations, words_of_correlation
from phenotype.figures.expansion import PEAK_PANELS, PEAK_TESTS, draw_expansion, draw_peaks, words_of_test
from phenotype.figures.measures import MEASURE_LABELS
from phenotype.figures.patients import PATIENT_LABELS, groups_in
from phenotype.figures.response import RANKS, draw_waterfall
from phenotype.figures.style import save_figure
from phenotype.figures.swimmer import draw_swimmer
from phenotype.report.patient_tables import (
    MEDIAN_PATIENTS,
    best_responses,
    estimate_rows,
    expansion_curves,
    expansion_medians,
    follow_up_bars,
    peaks_by_group,
    subsets_and_peaks,
    with_numbers,
)
from phenotype.report.picture import Dot, Picture, dots_on
from phenotype.report.read import Results
from phenotype.report.tables import write_figure_table
from phenotype.subsets import SUBSET_LABELS, SUBSETS

__all__ = ["patient_pictures"]


def patient_pictures(results: Results) -> tuple[Picture, ...]:
    """Draw every figure of single patients that there are data for, and write its table beside it.

    Parameters
    ----------
    results
        Tables of a result folder; figures and their tables go to its ``figures``.

    Returns
    -------
    tuple of Picture
        In reading order: expansion, its peak, subsets against the peak, best responses, follow-up. A figure that
        nobody has data for is left out, and not written.
    """
    cohort, folder = with_numbers(results.cohort), results.folder / "figures"
    pictures = (
        _expansion(results.kinetics, folder, synthetic=results.synthetic),
        _peaks(cohort, results.estimates, folder, synthetic=results.synthetic),
        _correlations(cohort, results.estimates, folder, synthetic=results.synthetic),
        _waterfall(cohort, folder, synthetic=results.synthetic),
        _swimmer(cohort, folder, synthetic=results.synthetic),
    )
    return tuple(picture for picture in pictures if picture is not None)


def _written(
    figure: Figure,
    table: pd.DataFrame,
    folder: Path,
    stem: str,
    words: tuple[str, str, str],
    *,
    also: str = "",
    dots: tuple[Dot, ...] = (),
) -> Picture:
    """Save a figure and its table; return the picture with title, caption and description."""
    path, _ = save_figure(figure, folder / stem)
    write_figure_table(folder / f"{stem}.csv", table)
    title, caption, alt = words
    return Picture(
        stem=stem, path=path, title=title, caption=caption, alt=alt, table=f"figures/{stem}.csv{also}", dots=dots
    )


def _expansion(kinetics: pd.DataFrame, folder: Path, *, synthetic: bool) -> Picture | None:
    curves = expansion_curves(kinetics)
    if curves.empty:
        return None
    medians = expansion_medians(curves)
    write_figure_table(folder / "expansion_medians.csv", medians)
    caption = (
        "Each thin line is a patient; the thick one joins the medians of the days on which at least a third of the "
        f"group's patients, and {MEDIAN_PATIENTS} of them, have a value, with n below. A value that is 0 or below the "
        "limit of detection is drawn open, on the dashed line, at which no value stands; a median is below the limit "
        "where half of its values or more are."
    )
    words = ("Expansion of CAR-T cells by ASCT group", caption, " ".join(_expansion_alt(curves, medians)))
    figure = draw_expansion(curves, medians, synthetic=synthetic)
    return _written(figure, curves, folder, "expansion", words, also="; medians: figures/expansion_medians.csv")


def _expansion_alt(curves: pd.DataFrame, medians: pd.DataFrame) -> Iterator[str]:
    """Say of each measure the highest median of each group, and the last."""
    yield "Lines over the days after infusion, a panel for each group, on a logarithmic axis."
    for measure in (name for name in MEASURE_LABELS if (curves["measure"] == name).any()):
        shown = medians[(medians["measure"] == measure) & (medians["shown"] == 1)]
        said = []
        for group in groups_in(shown["group"]):
            rows = shown[shown["group"] == group]
            ends = [rows.sort_values("drawn_at", kind="stable").iloc[-1], rows.iloc[-1]]
            said.append(f"{PATIENT_LABELS[group]} {', '.join(map(_median_in_words, ends))}")
        words = "; ".join(said) if said else "too few patients on any day"
        yield f"{MEASURE_LABELS[measure]}, highest and last median: {words}."


def _median_in_words(row: "pd.Series[Any]") -> str:
    """Return a median with its day and n."""
    median = "below the limit" if pd.isna(row["median"]) else numbers.significant(row["median"])
    return f"{median} on day {row['day']} (n = {row['n']})"


def _peaks(cohort: pd.DataFrame, estimates: pd.DataFrame, folder: Path, *, synthetic: bool) -> Picture | None:
    peaks = peaks_by_group(cohort)
    if peaks.empty:
        return None
    medians, tests = (estimate_rows(estimates, f"expansion_{name}") for name in ("median", "test"))
    caption = (
        "Each dot is a patient with a known peak; bars are medians with their exact 95 % intervals. Above: the "
        "Hodges-Lehmann shift with its 95 % interval, n, and the p-value of the Mann-Whitney test, not adjusted for "
        "the number of tests. Response: PR or better, and CR or sCR, of patients who could be evaluated. Patients in "
        "whom cells were never detected rank below all others and are drawn open. That groups differ does not say "
        "that expansion brings the response."
    )
    wrong = _other_counts(peaks, tests)
    words = (
        "Peak of expansion by ASCT and by response",
        " ".join([caption, *wrong]),
        " ".join(_peaks_alt(peaks, medians, tests)),
    )
    figure = draw_peaks(peaks, medians, tests, synthetic=synthetic)
    also = "; medians and tests: estimates.csv (expansion_median, expansion_test)"
    return _written(figure, peaks, folder, "expansion_peak", words, also=also)


def _other_counts(peaks: pd.DataFrame, tests: pd.DataFrame) -> Iterator[str]:
    """Say where a test counts other patients than are drawn: the tables are then of two runs."""
    for row in tests.dropna(subset=["n"]).to_dict("records"):
        measure, levels = str(row["endpoint"]).removesuffix("_cmax"), _levels_of(str(row["term"]), str(row["level"]))
        drawn = peaks[(peaks["measure"] == measure) & (peaks["term"] == row["term"]) & peaks["level"].isin(levels)]
        if str(row["endpoint"]).endswith("_cmax") and levels and len(drawn) != row["n"]:
            yield _mismatch(str(row["level"]), row["n"], len(drawn))


def _mismatch(what: str, counted: float, drawn: int) -> str:
    return f"{what}: estimates.csv counts {counted:.0f} patients, the figure {drawn}: the tables are of two runs."


def _levels_of(term: str, test: str) -> tuple[str, ...]:
    """Return the two levels that a test compares; none for a test that is not drawn."""
    if test not in PEAK_TESTS.get(term, {}):
        return ()
    names = tuple(level for level, _ in PEAK_PANELS[term][1])
    return names if len(names) == 2 else ("none", test.partition(" against ")[0])


def _peaks_alt(peaks: pd.DataFrame, medians: pd.DataFrame, tests: pd.DataFrame) -> Iterator[str]:
    """Say of each measure the medians of each pair of groups, and the tests."""
    yield "Dots, a patient each, in four panels: by any ASCT, by time since ASCT, by response, by complete response."
    for measure in (name for name in MEASURE_LABELS if (peaks["measure"] == name).any()):
        parts = []
        for term, (title, levels) in PEAK_PANELS.items():
            found = _by_level(medians, f"{measure}_cmax", term)
            middles = [
                f"{name} {numbers.significant(found.get(level, {}).get('estimate'))}"
                f" (n = {_dots(peaks, measure, term, level)})"
                for level, name in levels
            ]
            rows = _by_level(tests, f"{measure}_cmax", term)
            said = [words_of_test(rows.get(level, {}), shift) for level, shift in PEAK_TESTS[term].items()]
            parts.append(f"{title}: {', '.join(middles)}; {'; '.join(' '.join(one.split()) for one in said)}")
        yield f"Median peak of {MEASURE_LABELS[measure]}. {'. '.join(parts)}."


def _dots(peaks: pd.DataFrame, measure: str, term: str, level: str) -> int:
    inside = (peaks["measure"] == measure) & (peaks["term"] == term) & (peaks["level"] == level)
    return int(inside.sum())


def _by_level(rows: pd.DataFrame, endpoint: str, term: str) -> dict[str, Mapping[Any, Any]]:
    chosen = rows[(rows["endpoint"] == endpoint) & (rows["term"] == term)]
    return {str(row["level"]): row for row in chosen.to_dict("records")}


def _correlations(cohort: pd.DataFrame, estimates: pd.DataFrame, folder: Path, *, synthetic: bool) -> Picture | None:
    pairs = subsets_and_peaks(cohort)
    if pairs.empty:
        return None
    tests = estimate_rows(estimates, "subset_correlation")
    caption = (
        "Each dot is a patient with both numbers; ρ is Spearman's rank correlation with its 95 % interval, n, and a "
        "p-value that is not adjusted for the number of tests. The four fractions of a patient sum to one, so that the "
        "four panels are not independent."
    )
    said, wrong = [], []
    for measure in (name for name in MEASURE_LABELS if (pairs["measure"] == name).any()):
        rows = {str(row["endpoint"]): row for row in tests[tests["term"] == f"{measure}_cmax"].to_dict("records")}
        words = [f"{SUBSET_LABELS[name]} {words_of_correlation(rows.get(name, {}))}" for name in SUBSETS]
        said.append(f"{MEASURE_LABELS[measure]}: {'; '.join(words)}.")
        for name, row in rows.items():
            dots = int(((pairs["measure"] == measure) & (pairs["subset"] == name)).sum())
            if pd.notna(row["n"]) and dots != row["n"]:
                wrong.append(_mismatch(SUBSET_LABELS[name], row["n"], dots))
    alt = f"Four scatter plots, a dot a patient: share of a subset across, peak of expansion up. {' '.join(said)}"
    figure = draw_correlations(pairs, tests, synthetic=synthetic)
    title = "Subsets of the product against the peak of expansion"
    words_of = (title, " ".join([caption, *wrong]), alt)
    return _written(
        figure, pairs, folder, "subset_peak_correlation", words_of, dots=_pair_dots(figure, pairs),
        also="; tests: estimates.csv (subset_correlation)",
    )  # fmt: skip


def _pair_dots(figure: Figure, pairs: pd.DataFrame) -> tuple[Dot, ...]:
    """Return the patients of every panel: a row for each measure, a panel for each subset."""
    measures = [name for name in MEASURE_LABELS if (pairs["measure"] == name).any()]
    panels = [(measure, subset) for measure in measures for subset in SUBSETS]
    parts = [pairs[(pairs["measure"] == measure) & (pairs["subset"] == subset)] for measure, subset in panels]
    found = [dots_on(figure, i, part, "fraction", "drawn_at", _pair_words) for i, part in enumerate(parts)]
    return tuple(dot for dots in found for dot in dots)


def _pair_words(row: Mapping[str, Any]) -> str:
    peak = "never detected" if row["never_detected"] == 1 else f"peak {numbers.significant(row['peak'])}"
    return f"{SUBSET_LABELS[str(row['subset'])].lower()} {numbers.percent(row['fraction'])}, {peak}"


def _waterfall(cohort: pd.DataFrame, folder: Path, *, synthetic: bool) -> Picture | None:
    bars = best_responses(cohort)
    if not (bars["best_response"] != "").any():
        return None
    caption = (
        "Each bar is a patient; its height is the rank of the best response by the categories of IMWG, not a change of "
        "a measurement. Within a category patients stand by ASCT group, whose sign is below. NE, not evaluable, and "
        "patients without a best response have no rank and stand apart, hatched."
    )
    sizes = bars["best_response"].value_counts()
    counts = [f"{name} {sizes.get(name, 0)}" for name in (*RANKS[::-1], "NE")]
    absent = f", not known {sizes['']}" if "" in sizes else ""
    alt = f"Bars of {len(bars)} patients from the deepest to the worst best response: {', '.join(counts)}{absent}."
    words = ("Best response of every patient", caption, alt)
    return _written(draw_waterfall(bars, synthetic=synthetic), bars, folder, "waterfall", words)


def _swimmer(cohort: pd.DataFrame, folder: Path, *, synthetic: bool) -> Picture | None:
    bars = follow_up_bars(cohort)
    drawn = bars[bars["months"].notna()]
    if drawn.empty:
        return None
    caption = (
        "Each bar is a patient from infusion to death or last contact, by ASCT group, the longest first. Marks: date "
        "of response, of progression or relapse, death; an arrow where the patient was alive at last contact. Names "
        "are left out where there are more than 60 patients."
    )
    died, progressed = int((drawn["died"] == 1).sum()), int(drawn["progression_month"].notna().sum())
    groups = drawn["group"].value_counts()
    sizes = ", ".join(f"{PATIENT_LABELS[group]} {groups[group]}" for group in groups_in(drawn["group"]))
    alt = (
        f"Bars of {len(drawn)} patients ({sizes}), the longest of {numbers.significant(drawn['months'].max())} months: "
        f"{progressed} with progression or relapse, {died} died, {len(drawn) - died} alive at last contact"
    )
    absent = len(bars) - len(drawn)
    alt += f"; {absent} without a known follow-up are not drawn." if absent else "."
    words = ("Every patient over time", caption, alt)
    return _written(draw_swimmer(bars, synthetic=synthetic), bars, folder, "swimmer", words)
