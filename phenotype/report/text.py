"""What the report says in words, written from the numbers of a run; and names from files, made harmless."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.palette import GROUP_LABELS
from phenotype.figures.subsets import CONTRASTS
from phenotype.subsets import SUBSET_LABELS

__all__ = [
    "ALPHA",
    "FLAG_WORDS",
    "clean",
    "comparison_sentence",
    "contrast_title",
    "group_phrase",
    "group_words",
    "kept",
    "listed",
    "other_year",
    "p_words",
    "robustness_sentences",
    "settings_rows",
    "without_paths",
]

ALPHA = 0.05
"""Adjusted P values below it are named in the answer: a convention, said as one; every P value is in the table."""

FLAG_WORDS = {
    "weak_gate": "weak gate",
    "refused": "gate refused",
    "parent_refused": "gate above refused",
    "absent": "population absent",
    "not_detected": "CAR+ not detected",
    "not_quantified": "CAR+ too few to quantify",
    "few_parent_events": "few CAR+ events",
    "few_subset_events": "few events in a subset",
}
YEAR = 365
_PHRASES = {
    "none": "without prior ASCT",
    "over_1y": "more than one year after ASCT",
    "within_1y": "within one year of ASCT",
    "unknown_time": "after ASCT of unknown date",
    "asct": "after any ASCT",
}
_FORMULA_GUARD = re.compile(r"^'(?=[=+\-@\t\r])")
_PATH = re.compile(r"(?<![\w.…])(?:[A-Za-z]:[\\/]|\\\\|/)(?:[^\s'\":;,<>|/\\]+[/\\])+")


def clean(value: object) -> str:
    r"""Return text from a file, safe to put on a page after HTML escaping.

    Control characters and those that change the direction of the text around them are dropped, line breaks
    become spaces, and the apostrophe that keeps a spreadsheet from running a cell is taken off again.

    Examples
    --------
    >>> clean("pt\u202e01\x1b[31m"), clean("'=cmd"), clean(None)
    ('pt01[31m', '=cmd', '')
    """
    if value is None or (isinstance(value, float) and value != value):
        return ""
    text = re.sub(r"\s+", " ", _FORMULA_GUARD.sub("", str(value)))
    return "".join(sign for sign in text if unicodedata.category(sign)[0] != "C")


def without_paths(value: object) -> str:
    """Return clean text with the folders of absolute paths left out: a report leaves the machine it was made on.

    Examples
    --------
    >>> without_paths("/home/li/data/pt01.fcs: cut short"), without_paths("and/or")
    ('…/pt01.fcs: cut short', 'and/or')
    """
    return _PATH.sub("…/", clean(value))


def contrast_title(contrast: str) -> str:
    """Return a contrast in words, its first group first.

    Examples
    --------
    >>> contrast_title("within_1y_vs_none")
    'patients within one year of ASCT with patients without prior ASCT'
    """
    if contrast not in CONTRASTS:
        return clean(contrast)
    first, second = CONTRASTS[contrast]
    return f"patients {_PHRASES[first]} with patients {_PHRASES[second]}"


def group_words(group: str) -> str:
    """Return who a group is, as it follows "patients".

    Examples
    --------
    >>> group_words("within_1y")
    'within one year of ASCT'
    """
    return _PHRASES[group]


def group_phrase(group: str) -> str:
    """Return a group in words; a patient in none is said to be in none."""
    return GROUP_LABELS.get(group, clean(group) or "no group")


def comparison_sentence(row: Mapping[Any, Any]) -> str:
    """Say one comparison: both medians with n, difference with interval, both P values."""
    first, second = CONTRASTS[str(row["contrast"])]
    a = f"{numbers.percent(row['median_a'])} {_PHRASES[first]} (n = {numbers.count(row['n_a'])})"
    b = f"{numbers.percent(row['median_b'])} {_PHRASES[second]} (n = {numbers.count(row['n_b'])})"
    name = SUBSET_LABELS.get(str(row["subset"]), clean(row["subset"]))
    span = numbers.points_interval(row["ci_low"], row["ci_high"])
    difference = f"difference {numbers.points(row['difference'])} points (95 % CI {span})"
    return f"{name}: median {a}, {b}; {difference}; {p_words(row['p_value'])}, adjusted {p_words(row['p_adjusted'])}."


def kept(share: float, gatings: float) -> str:
    """Return in how many gatings something held; a share that is not known is no number.

    Examples
    --------
    >>> kept(0.97, 200), kept(1.0, 200), kept(float("nan"), 200)
    ('194 of 200 (97.0 %)', '200 of 200 (100.0 %)', '–')
    """
    if share != share:
        return numbers.MISSING
    return f"{round(share * gatings)} of {numbers.count(gatings)} ({numbers.percent(share)})"


def robustness_sentences(behind: Sequence[Mapping[Any, Any]], robustness: pd.DataFrame) -> tuple[str, ...]:
    """Say of each comparison that the answer rests on whether it survives moving the gates; none if none was moved."""
    rows = {(row["contrast"], row["subset"], row["shift"]): row for row in robustness.to_dict("records")}
    shifts = [shift for shift in dict.fromkeys(robustness["shift"]) if shift]
    said = []
    for found in behind:
        place = found["contrast"], found["subset"]
        if (*place, "") in rows:
            moved = [(shift, rows[*place, shift]) for shift in shifts if (*place, shift) in rows]
            said.append(_robustness_sentence(rows[*place, ""], moved))
    return tuple(said)


def _robustness_sentence(over: Mapping[Any, Any], moved: Sequence[tuple[str, Mapping[Any, Any]]]) -> str:
    """Say in how many gatings one conclusion held, and which shifts of a gate in all samples change it."""
    name = SUBSET_LABELS.get(str(over["subset"]), clean(over["subset"]))
    side = "below" if over["p_adjusted"] < ALPHA else "not below"
    sentence = f"{name}, {contrast_title(str(over['contrast']))}: "
    if over["gatings"] and over["share_same_sign"] == over["share_same_sign"]:
        held, same = (kept(over[share], over["gatings"]) for share in ("share_same_sign", "share_same_conclusion"))
        span = numbers.points_interval(over["difference_low"], over["difference_high"])
        known = "" if span == numbers.MISSING else f"; difference {span} points"
        sentence += (
            f"the direction held in {held} plausible gatings, and the conclusion, an adjusted p {side} {ALPHA:g}, in "
            f"{same}{known}. "
        )
    return sentence + _shifts_said(moved)


def _shifts_said(moved: Sequence[tuple[str, Mapping[Any, Any]]]) -> str:
    """Say which shifts change a conclusion, with the numbers they give."""
    if not moved:
        return "No gate was shifted in all samples."
    changed = [(shift, row) for shift, row in moved if not row["share_same_conclusion"]]
    if not changed:
        names = listed([clean(shift) for shift, _ in moved], "or")
        return f"Moving one gate in all samples ({names} decade) does not change it."
    parts = [
        f"{clean(shift)} decade in all samples (difference {numbers.points(row['difference'])} points, adjusted "
        f"{p_words(row['p_adjusted'])})"
        for shift, row in changed
    ]
    return f"Of {len(moved)} shifts of one gate in all samples {len(changed)} change it: {listed(parts)}."


def other_year(run: Mapping[str, Any]) -> str:
    """Say that a group's name is not its definition, where the study sets another limit than a year."""
    settings: Any = run.get("settings") or {}
    days = (settings.get("asct") or {}).get("within_days", YEAR)
    return (
        ""
        if days == YEAR
        else f"This study sets another limit: read “1 y” as {clean(days)} days in every group's name."
    )


def settings_rows(settings: object, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as rows ``section.name, value``.

    Examples
    --------
    >>> settings_rows({"asct": {"within_days": 365}, "markers": ["CD3", "CAR"]})
    [('asct.within_days', '365'), ('markers', 'CD3, CAR')]
    """
    if isinstance(settings, Mapping):
        inner = ((f"{prefix}.{key}" if prefix else str(key), value) for key, value in settings.items())
        return [row for key, value in inner for row in settings_rows(value, key)]
    if isinstance(settings, Sequence) and not isinstance(settings, str):
        return [(clean(prefix), ", ".join(without_paths(item) for item in settings))]
    return [(clean(prefix), without_paths(settings))]


def p_words(value: float) -> str:
    r"""Return a P value as it stands in a sentence.

    Examples
    --------
    >>> p_words(0.0312), p_words(0.00002), p_words(float("nan"))
    ('p\xa0=\xa00.031', 'p\xa0<0.001', 'p not computed')
    """
    text = numbers.p_value(value)
    return (
        f"p\N{NO-BREAK SPACE}{text}"
        if text.startswith("<")
        else "p not computed"
        if text == numbers.MISSING
        else f"p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{text}"
    )


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""
