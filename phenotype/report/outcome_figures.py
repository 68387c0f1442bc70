"""Figures 2 and 3 of a result folder: their tables, files and words, from rows of estimates.csv and curves.csv."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.forest import BLOCKS_3, Block, draw_figure_3
from phenotype.figures.outcomes import PANELS_2, draw_figure_2
from phenotype.figures.style import save_figure
from phenotype.report.picture import Picture
from phenotype.report.read import Results
from phenotype.report.tables import write_figure_table
from phenotype.report.text import clean

__all__ = ["figure_2_curves", "figure_2_rows", "figure_3_rows", "outcome_pictures"]

COLUMNS = (
    "analysis", "endpoint", "term", "level", "time", "n", "events", "estimate", "ci_low", "ci_high", "p_value",
    "method", "note",
)  # fmt: skip
"""Of estimates.csv, with those that folders of earlier versions lack."""
_PLACES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("survival_rate", "PFS"): ("A", ""), ("survival_median", "PFS"): ("A", ""),
    ("survival_rate", "OS"): ("B", ""), ("survival_median", "OS"): ("B", ""),
    ("landmark_rate", "PFS"): ("C", "complete_response"), ("landmark_log_rank", "PFS"): ("C", "complete_response"),
    ("landmark_rate", "OS"): ("D", "complete_response"), ("landmark_log_rank", "OS"): ("D", "complete_response"),
    ("cumulative_incidence", "relapse"): ("E", ""), ("cumulative_incidence", "death without relapse"): ("E", ""),
    ("best_response", "best response"): ("F", ""), ("response_rate", "ORR"): ("F", ""),
    ("response_rate", "CR"): ("F", ""),
}  # fmt: skip
"""Analysis and endpoint to panel of Figure 2, and the term of its rows."""


def outcome_pictures(results: Results) -> tuple[Picture, ...]:
    """Draw Figures 2 and 3, each with its numbers beside it.

    Parameters
    ----------
    results
        Tables of a result folder; SVG, PNG and CSV go to its ``figures``.

    Returns
    -------
    tuple of Picture
        In reading order; a figure of which the folder has no row is left out.
    """
    folder = results.folder / "figures"
    return tuple(one for one in (_figure_2(results, folder), _figure_3(results, folder)) if one is not None)


def figure_2_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the curves of Figure 2.

    Returns
    -------
    pandas.DataFrame
        ``panel`` and the columns of curves.csv; of panel E ``level`` is the endpoint.
    """
    parts = [panel.rows(curves).assign(panel=letter) for letter, panel in PANELS_2.items()]
    return pd.concat(parts, ignore_index=True)[["panel", *curves.columns]]


def figure_2_rows(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers written on Figure 2: rows of estimates.csv as they are.

    Of rates over time, the latest month that could be estimated.

    Returns
    -------
    pandas.DataFrame
        ``panel`` and ``COLUMNS``.
    """
    known = _complete(estimates)
    places = [_PLACES.get((row["analysis"], row["endpoint"]), ("", "")) for row in known.to_dict("records")]
    found = known.assign(panel=[panel for panel, _ in places])
    here = (found["panel"] != "") & (found["term"] == [term for _, term in places])
    # A landmark that nobody passed is one row without a level: its note is all there is to say.
    whole = found["level"].isin(["all", ""]) | found["analysis"].isin(["landmark_rate", "best_response"])
    return _latest(found[here & whole])[["panel", *COLUMNS]].sort_values("panel", kind="stable", ignore_index=True)


def figure_3_rows(estimates: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of Figure 3: the models' rows of estimates.csv as they are, with names to read.

    Parameters
    ----------
    estimates
        As read.
    cohort
        As read: it tells numbers, of which a ratio is per unit, from covariates of 0 and 1.

    Returns
    -------
    pandas.DataFrame
        ``panel, kind, name, firth, few`` and ``COLUMNS``: ``kind`` is ``univariable`` or ``multivariable``, ``firth``
        whether the penalty was needed, ``few`` whether the model's note says that its events are few.
    """
    known = _complete(estimates)
    parts = [_model(known, block, kind) for block in BLOCKS_3 for kind in ("univariable", "multivariable")]
    rows = pd.concat(parts, ignore_index=True)
    units = {term: " (per 1)" if _is_number(cohort, term) else "" for term in rows["term"].unique()}
    return rows.assign(
        name=[_name(row["term"], row["level"], units[row["term"]]) for row in rows.to_dict("records")],
        firth=rows["method"].astype(str).str.startswith("Firth"),
        few=rows["note"].astype(str).str.endswith(": few"),
    )[["panel", "kind", "name", "firth", "few", *COLUMNS]]


def _model(estimates: pd.DataFrame, block: Block, kind: str) -> pd.DataFrame:
    chosen = (estimates["analysis"] == f"{block.model}_{kind}") & (estimates["endpoint"] == block.endpoint)
    return estimates[chosen].assign(panel=block.panel, kind=kind)


_SPELT = {"asct": "ASCT", "cd38": "CD38", "ab": "antibody", "pi": "PI", "imid": "IMiD", "ds": "DS", "iss": "ISS",
          "r": "R", "ldh": "LDH", "bcma": "BCMA"}  # fmt: skip
"""Parts of columns' names that a reader knows by another spelling."""


def _name(term: str, level: str, unit: str) -> str:
    """Return a covariate in words.

    >>> _name("iss_stage", "III against I", ""), _name("age_years", "", " (per 1)")
    ('ISS stage: III against I', 'age years (per 1)')
    """
    words = " ".join(_SPELT.get(part.lower(), part) for part in clean(term).split("_"))
    return f"{words}: {clean(level)}" if level else f"{words}{unit}"


def _is_number(cohort: pd.DataFrame, column: str) -> bool:
    """Tell whether a covariate is a number and not a flag; False where it is not in the table."""
    if column not in cohort.columns:
        return False
    written = cohort[column].dropna().astype(str)
    values = pd.to_numeric(written[written != ""], errors="coerce")
    return bool(len(values) and values.notna().all() and not values.isin([0, 1]).all())


def _complete(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return the table with every column of ``COLUMNS``, empty where it was not written."""
    texts = {"term", "method", "note"}
    absent = [name for name in COLUMNS if name not in estimates.columns]
    return estimates.assign(**{name: "" if name in texts else np.nan for name in absent})


def _latest(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep, of each estimate given at several months, the latest that has a number, or else the first."""
    timed = rows["time"].notna()
    later = rows[timed].sort_values("time", kind="stable")
    later = later.assign(has=later["estimate"].notna()).sort_values("has", kind="stable")
    kept = later.groupby(["analysis", "endpoint", "term", "level"], sort=False).tail(1).index
    return rows[~timed | rows.index.isin(kept)]


def _figure_2(results: Results, folder: Path) -> Picture | None:
    rows, curves = figure_2_rows(results.estimates), figure_2_curves(results.curves)
    if rows.empty and curves.empty:
        return None
    write_figure_table(folder / "figure_2.csv", rows)
    write_figure_table(folder / "figure_2_curves.csv", curves)
    clock = _relapse_clock(results.run)
    figure = draw_figure_2(curves, rows, relapse_clock=clock, synthetic=results.synthetic)
    return Picture(
        stem="figure_2",
        path=save_figure(figure, folder / "figure_2")[0],
        title="Figure 2",
        caption="Laid out as figure 2 of Jin et al., J Immunother Cancer 2025;13:e010687. A, B: all patients, from "
        "infusion. C, D: patients in CR or sCR against all other evaluable patients, among those followed past the "
        "landmark without the event: from infusion, responders would be given time in which they cannot fail. E: "
        "incidence of relapse and of death without it in patients in CR, each competing with the other. Steps are "
        "estimates, shades 95 % intervals, ticks patients whose observation ended; thin where fewer than five are at "
        "risk. F: best response, with exact 95 % intervals. P values are not adjusted.",
        alt=_alt_2(rows.to_dict("records")),
        table="figures/figure_2.csv; curves: figures/figure_2_curves.csv",
    )


def _figure_3(results: Results, folder: Path) -> Picture | None:
    rows = figure_3_rows(results.estimates, results.cohort)
    if rows.empty:
        return None
    write_figure_table(folder / "figure_3.csv", rows)
    return Picture(
        stem="figure_3",
        path=save_figure(draw_figure_3(rows, synthetic=results.synthetic), folder / "figure_3")[0],
        title="Figure 3",
        caption="Laid out as figure 3 of Jin et al., J Immunother Cancer 2025;13:e010687. A: odds ratio of CR among "
        "evaluable patients; subdistribution hazard ratio of relapse among patients in CR, death without relapse "
        "competing. B: hazard ratios of PFS and OS among all patients. Each covariate alone and all together, with "
        "95 % intervals; an arrow where one goes on beyond the axis. An odds ratio of a frequent outcome is farther "
        "from 1 than the ratio of risks. Patients without a value of a covariate are not in its model. P values are "
        "not adjusted.",
        alt=_alt_3(rows),
        table="figures/figure_3.csv",
    )


def _alt_3(rows: pd.DataFrame) -> str:
    """Say which intervals of the fullest model of each endpoint leave out 1."""
    return " ".join(_block_words(rows[(rows["endpoint"] == block.endpoint)], block) for block in BLOCKS_3)


def _block_words(rows: pd.DataFrame, block: Block) -> str:
    known = rows[rows["estimate"].notna()]
    fullest = "multivariable" if (known["kind"] == "multivariable").any() else "univariable"
    model = known[known["kind"] == fullest]
    head = f"{block.panel}, {block.title}, {fullest}, {block.measure}"
    if model.empty:
        return f"{block.panel}, {block.title}: no model could be estimated."
    apart = model[(model["ci_low"] > 1) | (model["ci_high"] < 1)].to_dict("records")
    said = [
        f"{row['name']} {numbers.ratio(row['estimate'])} ({numbers.ratio(row['ci_low'])} to "
        f"{numbers.ratio(row['ci_high'])})"
        for row in apart
    ]
    return f"{head}: intervals without 1, {len(said)} of {len(model)}{': ' if said else ''}{', '.join(said)}."


def _relapse_clock(run: Mapping[str, Any]) -> str:
    settings = run.get("settings")
    analyses = settings.get("analyses") if isinstance(settings, Mapping) else None
    return str(analyses.get("relapse_clock", "infusion")) if isinstance(analyses, Mapping) else "infusion"


def _alt_2(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Say the numbers of Figure 2 in a sentence for each panel."""
    return " ".join(filter(None, [
        _sentence("A, progression-free survival of all patients", rows, "A"),
        _sentence("B, overall survival of all patients", rows, "B"),
        _sentence("C, progression-free survival from the landmark by response", rows, "C"),
        _sentence("D, overall survival from the landmark by response", rows, "D"),
        _sentence("E, patients in CR", rows, "E"),
        _sentence("F, best response", rows, "F"),
    ]))  # fmt: skip


def _sentence(head: str, rows: Sequence[Mapping[Any, Any]], panel: str) -> str:
    said = [words for row in rows if row["panel"] == panel and (words := _words(row))]
    return f"{head}: {', '.join(said) if said else 'no estimate'}."


def _words(row: Mapping[Any, Any]) -> str:
    """Return what an alternative text says of a row; nothing of medians and of what has no number."""
    if row["analysis"] == "landmark_log_rank" and pd.notna(row["p_value"]):
        return f"log-rank p {numbers.p_value(row['p_value'])}"
    if pd.isna(row["estimate"]) or row["analysis"] == "survival_median":
        return ""
    share = f"{numbers.percent(row['estimate'])} (95 % interval {numbers.interval(row['ci_low'], row['ci_high'])})"
    if row["analysis"] == "best_response":
        return f"{row['level']} {numbers.count(row['events'])} of {numbers.count(row['n'])}"
    if row["analysis"] == "response_rate":
        return f"{row['endpoint']} {share}"
    name = row["endpoint"] if row["analysis"] == "cumulative_incidence" else row["level"].replace("all", "")
    return f"{name} {share} at {row['time']:g} months".strip()
