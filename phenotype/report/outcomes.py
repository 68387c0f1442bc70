"""The clinical half for a reader: rows of estimates.csv as tables, rounded, nothing computed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.palette import GROUP_LABELS
from phenotype.report.text import clean, p_words
from phenotype.subsets import SUBSET_LABELS

__all__ = ["OutcomeRow", "OutcomeTable", "curve_words", "outcome_tables"]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One number in words."""

    what: str
    group: str
    n: str
    events: str
    estimate: str
    interval: str
    p: str
    note: str


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """One table of the section."""

    title: str
    caption: str
    rows: tuple[OutcomeRow, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    title: str
    caption: str
    analyses: tuple[str, ...]
    write: Callable[[float], str]
    span: Callable[[float, float], str]


def _one(value: float) -> str:
    return numbers.MISSING if pd.isna(value) else f"{value:.1f}".replace("-", "−")


def _pair(write: Callable[[float], str]) -> Callable[[float, float], str]:
    """Return a writer of intervals; an end that does not exist is a dash, as of a median not reached."""
    return lambda low, high: numbers.MISSING if pd.isna(low) and pd.isna(high) else f"{write(low)} to {write(high)}"


_MODELS = ("logistic", "cox", "fine_gray", "cause_specific")
_KINDS = (
    _Kind(
        "Response and toxicity", "Share of patients who could be evaluated, with its exact 95 % interval.",
        ("response_rate", "toxicity_rate"), numbers.percent, numbers.interval,
    ),
    _Kind(
        "Survival and relapse at given times",
        "Kaplan-Meier; relapse and death without it by Aalen-Johansen, each competing with the other.",
        ("survival_rate", "landmark_rate", "cumulative_incidence"), numbers.percent, numbers.interval,
    ),
    _Kind(
        "Medians and follow-up, months", "A dash: not reached, or no interval.",
        ("survival_median", "follow_up"), _one, _pair(_one),
    ),
    _Kind(
        "Models", "Odds ratios of response, hazard ratios of PFS and OS, for relapse of its incidence and rate. "
        "Univariable: each covariate alone; multivariable: all together.",
        tuple(f"{model}_{kind}" for model in _MODELS for kind in ("univariable", "multivariable", "imputed")),
        numbers.decimal, _pair(numbers.decimal),
    ),
    _Kind(
        "Tests between groups", "Statistic in place of an estimate; hazards: whether their ratio is constant.",
        ("log_rank", "log_rank_trend", "landmark_log_rank", "gray_test", "cox_univariable_proportional",
         "cox_multivariable_proportional"), numbers.significant, _pair(numbers.significant),
    ),
    _Kind(
        "Expansion", "Medians with their exact 95 % interval; tests with the Hodges-Lehmann shift.",
        ("expansion_median", "expansion_test"), numbers.significant, _pair(numbers.significant),
    ),
    _Kind(
        "Each subset over three groups, with time and peak", "Trend: Kendall's tau-b; correlations: Spearman's rho.",
        ("subset_trend", "subset_dunn", "subset_correlation"), numbers.decimal, _pair(numbers.decimal),
    ),
    _Kind(
        "The four subsets as one whole", "Tests of all four at once; ratios to the geometric mean of the four.",
        ("composition_manova", "composition_manova_zeros", "composition_permanova", "composition_permanova_adjusted",
         "composition_dispersion", "composition_dirichlet", "composition_predictor", "composition_ratio",
         "composition_dirichlet_ratio", "composition_time_manova", "composition_time"),
        numbers.decimal, _pair(numbers.decimal),
    ),
)  # fmt: skip
_WORDS = {
    "log_rank": "log-rank", "log_rank_trend": "log-rank, trend", "landmark_log_rank": "log-rank from the landmark",
    "gray_test": "Gray's test", "cox_univariable_proportional": "hazards, univariable",
    "cox_multivariable_proportional": "hazards, multivariable", "composition_manova": "MANOVA (Pillai)",
    "composition_permanova": "PERMANOVA (R²)", "composition_permanova_adjusted": "PERMANOVA, adjusted (R²)",
    "composition_dispersion": "scatter of groups", "composition_dirichlet": "Dirichlet regression",
    "composition_manova_zeros": "MANOVA, other share for zeros", "composition_dirichlet_ratio": "ratio of mean shares",
    "composition_predictor": "by the composition", "composition_ratio": "ratio",
    "composition_time": "ratio per year since ASCT",
    "subset_trend": "trend", "subset_dunn": "Dunn", "subset_correlation": "correlation",
    "composition_time_manova": "MANOVA on years since ASCT", "landmark_rate": "from the landmark",
}  # fmt: skip
_TERMS = {"asct": "any ASCT against none", "asct_group": "three groups"}


def outcome_tables(estimates: pd.DataFrame) -> tuple[OutcomeTable, ...]:
    """Return the tables of the section; one without rows is left out.

    Parameters
    ----------
    estimates
        As read from estimates.csv; columns that an earlier version did not write count as empty.
    """
    rows = estimates.to_dict("records")
    found = [OutcomeTable(kind.title, kind.caption, tuple(_rows(rows, kind))) for kind in _KINDS]
    return tuple(table for table in found if table.rows)


_EFFECTS = {"PFS": ("cox", "hazard ratio"), "OS": ("cox", "hazard ratio"), "relapse": ("fine_gray", "sHR")}


def curve_words(estimates: pd.DataFrame, term: str) -> dict[str, str]:
    """Return what stands over each endpoint's curves: the test with n and events, and of any ASCT the effect.

    The test is the log-rank test, for relapse Gray's; the effect that of the univariable model. Over three groups no
    one number is the effect.
    """
    if not {"term", "events"} <= set(estimates.columns):
        return {}
    rows = estimates.to_dict("records")
    tests = {
        str(row["endpoint"]): row
        for row in rows
        if row["analysis"] in {"log_rank", "gray_test"} and row["term"] == term
    }
    known = {endpoint: row for endpoint, row in tests.items() if pd.notna(row["p_value"])}
    return {endpoint: _curve_words(row, rows, endpoint, effect=term == "asct") for endpoint, row in known.items()}


def _curve_words(test: Mapping[Any, Any], rows: Sequence[Mapping[Any, Any]], endpoint: str, *, effect: bool) -> str:
    name = "Gray's test" if test["analysis"] == "gray_test" else "log-rank"
    words = f"{name} {p_words(test['p_value'])}, n = {numbers.count(test['n'])}, {numbers.count(test['events'])} events"
    model, ratio = _EFFECTS.get(endpoint, ("", ""))
    for row in rows if effect else ():
        if row["analysis"] == f"{model}_univariable" and row["endpoint"] == endpoint and row["term"] == "prior_asct":
            span = f"{numbers.decimal(row['ci_low'])} to {numbers.decimal(row['ci_high'])}"
            words += f"\n{ratio} {numbers.decimal(row['estimate'])} ({span})" if pd.notna(row["estimate"]) else ""
    return words


def _rows(rows: Sequence[Mapping[Any, Any]], kind: _Kind) -> Iterator[OutcomeRow]:
    for analysis in kind.analyses:
        for row in rows:
            if row["analysis"] != analysis or _twice(row):
                continue
            estimate = row["estimate"] if pd.notna(row["estimate"]) else row.get("statistic", float("nan"))
            method, note = (clean(row.get(name, "")) for name in ("method", "note"))
            yield OutcomeRow(
                what=_what(analysis, row),
                group=_group(row),
                n=numbers.count(row["n"]),
                events=numbers.count(row.get("events")),
                estimate=kind.write(estimate),
                interval=kind.span(row["ci_low"], row["ci_high"]),
                p=numbers.p_value(row["p_value"]),
                note="; ".join(filter(None, [method, note])),
            )


def _twice(row: Mapping[Any, Any]) -> bool:
    """Tell whether the same patients stand under another term already: those without ASCT are one group of both."""
    return row.get("term") == "asct_group" and row["level"] == "none"


def _what(analysis: str, row: Mapping[Any, Any]) -> str:
    """Return endpoint, time and kind: ``PFS at 12 months``."""
    endpoint = clean(row["endpoint"])
    words = [SUBSET_LABELS.get(endpoint, endpoint.replace("_", " "))]
    time = row.get("time", float("nan"))
    if pd.notna(time):
        words.append(f"at {time:g} months")
    if analysis in _WORDS:
        words.append(f"({_WORDS[analysis]})")
    elif analysis.endswith(("_univariable", "_multivariable", "_imputed")):
        words.append(f"({analysis.replace('_', ' ')})")
    return " ".join(words)


def _group(row: Mapping[Any, Any]) -> str:
    """Return who or what a row is about: a group, a covariate with its level, a contrast."""
    term, level = clean(row.get("term", "")), clean(row["level"])
    if level == "all":
        return "all patients"
    if level in GROUP_LABELS:
        return GROUP_LABELS[level]
    if not level:
        return _TERMS.get(term, term.replace("_", " "))
    words = " against ".join(GROUP_LABELS.get(part, part.replace("_", " ")) for part in level.split(" against "))
    return (
        words
        if term in {"", "asct", "asct_group", "responder", "complete_response"}
        else f"{term.replace('_', ' ')}: {words}"
    )
