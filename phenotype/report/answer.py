"""The answer at the head of the report: five sentences with their n, written from the tables of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.subsets import CONTRASTS
from phenotype.report.read import Results
from phenotype.report.tables import Product
from phenotype.report.text import (
    ALPHA,
    clean,
    comparison_sentence,
    contrast_title,
    group_words,
    listed,
    p_words,
    robustness_sentences,
)

__all__ = ["Answer", "answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the study found, for who reads one page."""

    sentences: tuple[str, ...]
    """Who, subsets, outcomes, expansion, checks."""
    comparisons: tuple[str, ...]
    """A sentence for each comparison that the second one rests on."""
    robustness: tuple[str, ...]
    """Of each of these comparisons, whether it survives moving the gates."""
    caution: str
    """What a reader must not make of it."""


def answer(results: Results, products: tuple[Product, ...]) -> Answer:
    """Answer the question of the study.

    Parameters
    ----------
    results
        Tables of the run.
    products
        Its gated products, from ``products``.
    """
    behind = _behind(results.comparisons)
    moved = robustness_sentences(behind, results.robustness)
    caution = f"A p above {ALPHA:g} does not show that groups are equal: the intervals say what remains possible. "
    caution += (
        "Patients were not assigned to groups, so a difference between groups need not be caused by the transplant."
    )
    if results.synthetic:
        caution += " All data are simulated: nothing here is a finding about patients."
    return Answer(
        sentences=(
            _who(results.cohort),
            _subsets(results.comparisons),
            _outcomes(results.estimates),
            _expansion(results.estimates),
            _checks(results, products, moved),
        ),
        comparisons=tuple(comparison_sentence(row) for row in behind),
        robustness=moved,
        caution=caution,
    )


def _who(cohort: pd.DataFrame) -> str:
    """Say how many patients have a phenotype, by group."""
    known = cohort.dropna(subset="naive")
    groups = [(group, int((known["asct_group"] == group).sum())) for group in ("none", "over_1y", "within_1y")]
    undated = int((known["asct_group"] == "unknown_time").sum())
    groups += [("unknown_time", undated)] if undated else []
    parts = ", ".join(f"{n} {group_words(group)}" for group, n in groups)
    total = sum(n for _, n in groups)
    return f"{total} patient{' has' if total == 1 else 's have'} a product phenotype and a group: {parts}."


def _behind(comparisons: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the comparisons that the answer rests on: those below the convention, or the one nearest to it."""
    tested = comparisons.dropna(subset="p_adjusted")
    below = tested[tested["p_adjusted"] < ALPHA]
    shown = below if len(below) else tested.sort_values("p_adjusted", kind="stable").head(1)
    return shown.to_dict("records")


def _subsets(comparisons: pd.DataFrame) -> str:
    """Say how many comparisons of subsets lie below the convention, and in which contrasts none does."""
    tested = comparisons.dropna(subset="p_adjusted")
    if tested.empty:
        return "No comparison could be made; the table below says why."
    below = tested[tested["p_adjusted"] < ALPHA]
    untested = len(comparisons) - len(tested)
    said = f"Of {len(comparisons)} comparisons of a subset between two groups"
    said += f" ({untested} without a p)," if untested else ","
    said += f" {_have(len(below))} an adjusted p below {ALPHA:g}"
    quiet = [name for name in CONTRASTS if name in set(tested["contrast"]) and name not in set(below["contrast"])]
    if quiet and len(below):
        said += f", none of them of {listed([contrast_title(name) for name in quiet], 'or')}"
    return f"{said}; before adjustment {_have(int((tested['p_value'] < ALPHA).sum()))} one."


_MODELS = (
    ("logistic", "CR", "complete response: odds ratio", "in CR"),
    ("cox", "PFS", "progression-free survival: hazard ratio", "events"),
    ("cox", "OS", "overall survival: hazard ratio", "deaths"),
    ("fine_gray", "relapse", "relapse of patients in CR: subdistribution hazard ratio", "relapses"),
)


def _outcomes(estimates: pd.DataFrame) -> str:
    """Say what each model gives for any ASCT against none, with all covariates where that could be estimated."""
    found = [_model(estimates, *model) for model in _MODELS]
    if not any(words for words, _ in found):
        return "No model of response or survival by ASCT could be estimated; the tables under Outcomes say why."
    said = [
        words or f"{model[2].partition(':')[0]}: not estimated"
        for (words, _), model in zip(found, _MODELS, strict=True)
    ]
    adjusted = list(dict.fromkeys(name for _, names in found for name in names))
    also = f" (adjusted for {listed([clean(name).replace('_', ' ') for name in adjusted])})" if adjusted else ""
    return f"Patients after any ASCT against those without{also}: {'; '.join(said)}."


def _model(estimates: pd.DataFrame, model: str, endpoint: str, name: str, events: str) -> tuple[str, list[str]]:
    """Return one model's row for ASCT in words, and what it was adjusted for; nothing where there is no estimate."""
    for kind in ("multivariable", "univariable"):
        rows = _rows(estimates, f"{model}_{kind}", endpoint)
        for row in rows:
            if row["term"] == "prior_asct" and pd.notna(row["estimate"]):
                span = f"{numbers.decimal(row['ci_low'])} to {numbers.decimal(row['ci_high'])}"
                words = f"{name} {numbers.decimal(row['estimate'])} (95 % CI {span}; n = {numbers.count(row['n'])}, "
                words += f"{numbers.count(row['events'])} {events}; {p_words(row['p_value'])})"
                return words, [str(other["term"]) for other in rows if other["term"] != "prior_asct"]
    return "", []


def _expansion(estimates: pd.DataFrame) -> str:
    """Say how the peak differs after ASCT."""
    rows = [row for row in _rows(estimates, "expansion_test") if row["level"] == "asct against none"]
    for row in rows:
        if str(row["endpoint"]).endswith("_cmax") and pd.notna(row["estimate"]):
            span = f"{numbers.significant(row['ci_low'])} to {numbers.significant(row['ci_high'])}"
            unit = {"cart_pct_of_t_cmax": "percentage points of T cells", "cart_per_ul_cmax": "cells/µL"}.get(
                str(row["endpoint"]), "copies/µg"
            )
            return (
                f"Peak expansion after any ASCT against none: difference {numbers.significant(row['estimate'])} {unit} "
                f"(95 % CI {span}; n = {numbers.count(row['n'])}; {p_words(row['p_value'])})."
            )
    return "Expansion could not be compared between groups; no patients of both have a peak."


def _checks(results: Results, products: tuple[Product, ...], moved: Sequence[str]) -> str:
    """Say what the numbers rest on: files that failed, products without a number, weak gates, moved gates."""
    failed = results.failures["file"].nunique() if len(results.failures) else 0
    without = sum(not product.reported for product in products)
    weak = sum("weak_gate" in product.flags for product in products)
    files = "no file" if not failed else "1 file" if failed == 1 else f"{failed} files"
    said = f"Checks: {files} could not be processed; of {len(products)} gated products, {without} "
    said += f"ha{'s' if without == 1 else 've'} no number for at least one subset and {weak} a weak gate"
    if not moved:
        return f"{said}; no gate was moved to see what hangs on it."
    return f"{said}. {moved[0]}" if len(moved) == 1 else f"{said}; what moving the gates changes is said below."


def _rows(estimates: pd.DataFrame, analysis: str, endpoint: str | None = None) -> Sequence[Mapping[Any, Any]]:
    """Return rows of estimates.csv; none where an earlier version did not write their columns."""
    if not {"term", "events"} <= set(estimates.columns):
        return []
    chosen = estimates[estimates["analysis"] == analysis]
    return (chosen if endpoint is None else chosen[chosen["endpoint"] == endpoint]).to_dict("records")


def _have(n: int) -> str:
    """Return how many have something, as a sentence says it."""
    return {0: "none has", 1: "1 has"}.get(n, f"{n} have")
