"""Figures 2 and 3 of a result folder: their tables, files and words, from rows of estimates.csv and curves.csv."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.outcomes import PANELS_2, draw_figure_2
from phenotype.figures.style import save_figure
from phenotype.report.picture import Picture
from phenotype.report.read import Results
from phenotype.report.tables import write_figure_table

__all__ = ["figure_2_curves", "figure_2_rows", "outcome_pictures"]

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


def outcome_pictures(results: Results, folder: Path) -> tuple[Picture, ...]:
    """Draw Figures 2 and 3, each with its numbers beside it.

    Parameters
    ----------
    results
        Tables of a result folder.
    folder
        Where SVG, PNG and CSV go.

    Returns
    -------
    tuple of Picture
        In reading order; a figure of which the folder has no row is left out.
    """
    return tuple(one for one in (_figure_2(results, folder),) if one is not None)


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
        "risk. F: best response, with exact 95 % intervals. P values are not adjusted. Curves: figure_2_curves.csv.",
        alt=_alt_2(rows.to_dict("records")),
        table="figure_2.csv",
    )


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
