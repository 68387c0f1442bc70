"""Table 1: the patients of each group at baseline, from the rows of estimates.csv."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.palette import GROUP_LABELS
from phenotype.report.text import clean

__all__ = ["BaselineRow", "BaselineTable", "baseline_table", "flow_table"]

GROUPS = (("", "all"), ("asct", "none"), ("asct", "asct"), ("asct_group", "over_1y"), ("asct_group", "within_1y"))
"""Term and level of each column; who had no ASCT is the same group under both terms."""
CONTRASTS = (("asct", "asct against none"), ("asct_group", "within_1y against none"))
_YES = {"0", "1"}
"""Levels of a covariate that is yes or no: what is not 1 need not be said."""
_WORDS = {
    "age_years": "Age, years",
    "sex": "Sex",
    "m_protein_type": "M protein",
    "ds_stage": "Durie-Salmon stage",
    "iss_stage": "ISS stage",
    "prior_lines": "Prior lines of therapy",
    "n_asct": "Number of ASCT",
    "high_risk_cytogenetics": "High-risk cytogenetics",
    "extramedullary_disease": "Extramedullary disease",
    "chemo_exposure": "Exposed to chemotherapy",
    "cd38_ab_exposure": "Exposed to CD38 antibody",
    "pi_imid_exposure": "Exposed to PI and IMiD",
    "dose_1e6_per_kg": "Dose, 10⁶ CAR+ cells/kg",
    "weight_kg": "Weight, kg",
}


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """One line: a covariate with its median, or one level of it with its share."""

    name: str
    level: str
    cells: tuple[str, ...]
    """Of each group: ``45 of 141 (31.9 %)``, or median and quartiles."""
    differences: tuple[str, ...]
    """Standardised, of each contrast; on the first line of a covariate."""


@dataclass(frozen=True, slots=True)
class BaselineTable:
    """Table 1."""

    groups: tuple[str, ...]
    contrasts: tuple[str, ...]
    rows: tuple[BaselineRow, ...]


def baseline_table(estimates: pd.DataFrame) -> BaselineTable:
    """Return Table 1; it has no rows where the study names no covariates.

    Parameters
    ----------
    estimates
        As read from estimates.csv; columns that an earlier version did not write count as empty.
    """
    rows = estimates.to_dict("records") if "term" in estimates.columns else []
    by_name: dict[str, dict[str, list[Mapping[Any, Any]]]] = {}
    for row in rows:
        if row["analysis"] in {"baseline_share", "baseline_median"}:
            name, _, level = str(row["endpoint"]).partition(": ")
            by_name.setdefault(name, {}).setdefault(level, []).append(row)
    differences = {
        (str(row["endpoint"]), str(row["term"]), str(row["level"])): numbers.decimal(row["estimate"])
        for row in rows
        if row["analysis"] == "baseline_difference"
    }
    return BaselineTable(
        groups=tuple("All patients" if level == "all" else GROUP_LABELS[level] for _, level in GROUPS),
        contrasts=tuple(
            " against ".join(GROUP_LABELS[group] for group in level.split(" against ")) for _, level in CONTRASTS
        ),
        rows=tuple(row for name, levels in by_name.items() for row in _rows(name, levels, differences)),
    )


def flow_table(estimates: pd.DataFrame) -> BaselineTable:
    """Return how many patients of each group are in each analysis: the flow from the clinical sheet to an estimate."""
    rows = estimates.to_dict("records") if "term" in estimates.columns else []
    by_step: dict[str, dict[tuple[str, str], str]] = {}
    for row in rows:
        if row["analysis"] == "flow":
            by_step.setdefault(clean(row["endpoint"]), {})[str(row["term"]), str(row["level"])] = numbers.count(
                row["events"]
            )
    return BaselineTable(
        groups=tuple("All patients" if level == "all" else GROUP_LABELS[level] for _, level in GROUPS),
        contrasts=(),
        rows=tuple(
            BaselineRow(
                step[0].upper() + step[1:], "", tuple(found.get(group, numbers.MISSING) for group in GROUPS), ()
            )
            for step, found in by_step.items()
        ),
    )


def _rows(
    name: str, levels: Mapping[str, Sequence[Mapping[Any, Any]]], differences: Mapping[tuple[str, str, str], str]
) -> list[BaselineRow]:
    """Return the lines of one covariate; the share without stands for itself if there is no other."""
    shown = {"1": levels["1"]} if set(levels) == _YES else levels
    apart = tuple(differences.get((name, *contrast), "") for contrast in CONTRASTS)
    words = _WORDS.get(name, clean(name).replace("_", " "))
    return [
        BaselineRow(words, "" if set(levels) == _YES else clean(level), _cells(found), apart if i == 0 else ("", ""))
        for i, (level, found) in enumerate(shown.items())
    ]


def _cells(rows: Sequence[Mapping[Any, Any]]) -> tuple[str, ...]:
    found = {(str(row["term"]), str(row["level"])): row for row in rows}
    return tuple(_cell(found[group]) if group in found else numbers.MISSING for group in GROUPS)


def _cell(row: Mapping[Any, Any]) -> str:
    if row["analysis"] == "baseline_share":
        return f"{numbers.count(row['events'])} of {numbers.count(row['n'])} ({numbers.percent(row['estimate'])})"
    quartiles = re.match(r"quartiles (\S+ to \S+?),", clean(row.get("note", "")))
    around = f" ({quartiles[1]})" if quartiles else ""
    return f"{numbers.significant(row['estimate'])}{around}, n = {numbers.count(row['n'])}"
