"""What each column of each table means: for the workbook, for docs/columns.md, and for who has only a CSV.

A test holds it against the tables that a run writes: no column without its words, no words without a column.
"""

from collections.abc import Mapping

__all__ = ["TABLES", "as_markdown", "meaning"]

_FRACTION = "in [0, 1]"
_LINEAR = "units of the detector, linear"
_COMMON = {
    "sample_id": "name of the sample: its file, and the dataset where a file has several",
    "patient_id": "the study's own name of the patient",
    "file": "FCS file, from the folder of the study",
    "batch": "batch of the sample sheet",
    "flags": "what is doubtful, joined by ;",
    "count": "events",
    "parent_count": "events of the parent",
    "ci_low": "lower end of the 95 % interval",
    "ci_high": "upper end of the 95 % interval",
    "note": "why there is no number, or what to know of it",
    "population": "name in the gating template",
    "parent": "population above it",
    "marker": "marker, as the template calls it",
    "contrast": "first group against second: differences are first minus second",
    "subset": "naive, central_memory, effector_memory or effector",
    "p_value": "two-sided",
    "p_adjusted": "by Holm, over the family of the settings",
    "asct_group": "none, over_1y, within_1y or unknown_time, derived from the dates",
    "time": "months",
    "n": "patients",
    "events": "patients with the event",
    "estimate": "the number: a fraction, ratio, median or difference, by its analysis",
    "statistic": "of the test",
    "method": "how it was computed",
    "level": "group, or level of a covariate",
    "term": "covariate or grouping; empty: all patients",
    "endpoint": "what was measured",
}
_SUBSETS = {
    "sample_id": "", "patient_id": "", "subset": "", "count": "",
    "parent_count": "events of CAR+ (or CAR-) T cells with all gates above",
    "fraction": f"count / parent_count, {_FRACTION}; empty where it was refused", "ci_low": "", "ci_high": "",
    "flags": "", "population": "", "file": "", "batch": "",
    "count_ci_low": "lower end of the interval of counting alone", "count_ci_high": "its upper end",
    "gate_sd": "standard error by where gates could as well lie",
}  # fmt: skip
_EXPANSION = {
    "cmax": "peak, in the unit of the measure", "tmax_day": "day of the peak",
    "clast": "last value that was quantified",
    "tlast_day": "its day", "auc_0_28": "area to day 28, unit times day", "half_life_days": "after the peak, days",
    "half_life_r2": "share of the logarithms' variance that the line explains", "samples": "values",
    "note": "what is missing, and why",
}  # fmt: skip
_MEASURES = {
    "cart_pct_of_t": "percent of T cells",
    "cart_per_ul": "cells per microlitre",
    "copies_per_ug": "copies per microgram",
}
TABLES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "comparisons": ("a subset in a contrast of two groups", {
        "contrast": "", "subset": "", "n_a": "patients of the first group", "n_b": "patients of the second group",
        "median_a": f"median fraction of the first group, {_FRACTION}",
        "median_b": f"median fraction of the second group, {_FRACTION}",
        "difference": "Hodges-Lehmann shift, first minus second, as a fraction", "ci_low": "", "ci_high": "",
        "test": "name of the test", "p_value": "", "p_adjusted": "", "p_adjusted_bh": "by Benjamini and Hochberg",
        "cliffs_delta": "effect size in [-1, 1]", "cliffs_low": "lower end of its 95 % interval",
        "cliffs_high": "upper end of its 95 % interval", "note": "",
    }),
    "robustness": ("a comparison over plausible gatings, or with one gate moved in all samples", {
        "contrast": "", "subset": "", "shift": "gate moved, in decades; empty: all plausible gatings",
        "gatings": "how many gatings", "difference": "with the gates as they are, or moved", "p_adjusted": "",
        "difference_low": "2.5 % of gatings lie below", "difference_high": "97.5 % of gatings lie below",
        "p_low": "2.5 % of gatings have a lower adjusted p", "p_high": "97.5 % have a lower adjusted p",
        "share_same_sign": f"gatings with the same direction, {_FRACTION}",
        "share_same_conclusion": f"gatings with the same conclusion, {_FRACTION}",
    }),
    "subsets": ("a subset of a product, among its CAR+ T cells", _SUBSETS),
    "subsets_control": ("the same subset among the CAR- T cells of the same product", _SUBSETS),
    "cohort": ("a patient: the clinical sheet, what is derived from it, and the four fractions", {
        "patient_id": "", "asct_group": "", "days_from_asct": "days from the last ASCT to the reference date",
        "months_from_asct": "days / 30.4375", "asct_note": "what to know of the group",
        "responder": "PR or better: 1, else 0; empty: not evaluable", "complete_response": "CR or sCR: 1, else 0",
        "pfs_months": "infusion to progression, death or last contact",
        "pfs_event": "1 progression or death, 0 censored",
        "os_months": "infusion to death or last contact", "os_event": "1 death, 0 censored",
        "cir_months": "of patients in CR: to relapse, death or last contact",
        "cir_event": "1 relapse, 2 death without it, 0 censored", "endpoint_note": "what could not be derived, and why",
        "anaemia_grade": "CTCAE, day 30", "neutropenia_grade": "CTCAE, day 30",
        "thrombocytopenia_grade": "CTCAE, day 30",
        "naive": f"fraction of CAR+ T cells, {_FRACTION}", "central_memory": f"fraction of CAR+ T cells, {_FRACTION}",
        "effector_memory": f"fraction of CAR+ T cells, {_FRACTION}",
        "effector": f"fraction of CAR+ T cells, {_FRACTION}",
    }),
    "estimates": ("any other number of the report", {
        "analysis": "what was done: docs/analyses.md has every word", "endpoint": "", "term": "", "level": "",
        "time": "", "n": "", "events": "", "estimate": "", "ci_low": "", "ci_high": "", "statistic": "",
        "p_value": "two-sided, not adjusted", "method": "", "note": "",
    }),
    "curves": ("a step of a survival or incidence curve", {
        "endpoint": "", "term": "", "level": "", "time": "", "at_risk": "patients just before it",
        "events": "events at it", "competing": "competing events at it",
        "censored": "patients whose observation ends at it",
        "estimate": f"survival, or incidence, {_FRACTION}", "ci_low": "", "ci_high": "",
    }),
    "published": ("a number of the paper beside the study's", {
        "item": "number of the quantity in docs/analyses.md", "what": "the quantity", "published": "as printed",
        "published_low": "lower end of its interval", "published_high": "upper end of its interval",
        "published_p": "its p", "published_n": "patients there", "ours": "the same of this study",
        "ours_low": "lower end of its interval", "ours_high": "upper end of its interval", "ours_p": "its p",
        "ours_n": "patients here", "method": "", "source": "where it was printed", "note": "",
    }),
    "kinetics": ("a patient on a day: expansion as it was used", {
        "patient_id": "", "asct_group": "", "day": "days after infusion",
        "cart_pct_of_t": "CAR+ share of T cells, percent", "cart_per_ul": "CAR+ T cells per microlitre",
        "copies_per_ug": "copies per microgram of DNA", "below_lod": "1: below the limit of detection",
    }),
    "populations": ("a population of a sample", {
        "sample_id": "", "patient_id": "", "file": "", "population": "", "parent": "", "count": "", "parent_count": "",
        "fraction_of_parent": f"count / parent_count, {_FRACTION}", "ci_low": "", "ci_high": "", "flags": "",
    }),
    "gates": ("a gate as applied", {
        "sample_id": "", "population": "", "channels": "channels, joined by |", "method": "as in the template",
        "kind": "shape of the gate", "coordinates": f"JSON, {_LINEAR}", "transform": "display scale, joined by |",
        "source": "how it was placed", "confidence": "sure, weak or refused", "parent": "", "parent_count": "",
        "valley_depth": "density at the valley over that of the lower peak", "note": "",
    }),
    "thresholds": ("a cut as placed", {
        "sample_id": "", "batch": "", "marker": "", "population": "events that were looked at",
        "within": "lineage, where each has a cut of its own", "threshold": _LINEAR, "ci_low": f"95 %, {_LINEAR}",
        "ci_high": f"95 %, {_LINEAR}", "spread_decades": "standard error, decades",
        "origin": "data, control, batch, person or detector", "source": "how it was placed",
        "status": "sure, weak or refused", "n": "events", "valley_depth": "density at the valley over the lower peak",
        "negative_median": f"of events below, {_LINEAR}", "positive_median": f"of events above, {_LINEAR}",
        "shift_decades": "moved towards the batch by", "transform": "scale on which it was placed", "note": "",
    }),
    "drift": ("a cut in a batch, over its products", {
        "batch": "", "marker": "", "population": "", "samples": "products",
        "negative_median": f"of the samples' medians below the cut, {_LINEAR}",
        "positive_median": f"of the samples' medians above the cut, {_LINEAR}",
        "cut_median": _LINEAR, "cut_spread_decades": "of the batch's cuts", "cut_shift_decades": "from all batches",
        "negative_shift_decades": "of negative events, from all batches",
        "positive_shift_decades": "of positive events, from all batches",
    }),
    "quality": ("a finding", {
        "sample_id": "", "check": "what was looked at", "value": "what was found", "limit": "what is allowed",
        "severity": "error: do not use; warning: look; info: for the record", "message": "in words",
    }),
    "review": ("what a person should look at, the gravest first", {
        "sample_id": "", "population": "", "marker": "", "status": "failed, refused, error, weak or warning",
        "reason": "why", "resolve": "what would settle it",
    }),
    "failures": ("a file that could not be processed", {
        "file": "", "stage": "where it stopped", "error": "what is wrong, and what would be right",
    }),
    "spillover": ("a coefficient of a batch's single stains", {
        "batch": "", "fluorochrome": "stain", "detector": "detector it spills into",
        "coefficient": "share of its own signal",
        "standard_error": "of the coefficient", "n_positive": "stained events", "n_negative": "unstained events",
        "stain": "tube", "negative": "tube or events without stain", "used": "1: it made the numbers; 0: compared only",
        "compared_with": "matrix it is held against", "their_coefficient": "there", "difference": "there minus here",
    }),
    "channels": ("a channel of a layout, as the files describe it", {
        "layout": "files that say the same; 1 has most samples", "samples": "that have it",
        "cytometer": "model, of $CYT", "channel": "$PnN", "marker": "$PnS", "range": "$PnR",
        "amplification": "$PnE", "gain": "$PnG", "voltage": "$PnV", "filter": "$PnF",
        "excitation_nm": "$PnL", "power_mw": "$PnO",
        "transform": "scale of its gates; its name alone where samples differ in parameters",
    }),
    "checklists": ("an item of MIFlowCyt or REMARK", {
        "checklist": "which", "item": "its number there", "asks": "what it asks for",
        "answer": "what is known, or what to add and where", "known": "1: nothing is left to add",
        "where": "section of the report, or file",
    }),
    "remark_profile": ("a step of the flow of patients, or an analysis", {
        "part": "patients or analyses", "what": "the step or analysis", "variables": "what was held against it",
        "patients": "how many, or from the least to the most", "events": "likewise",
    }),
}  # fmt: skip
"""By table, in reading order: what a row is, and its columns; '' is what the column means in every table."""


def meaning(table: str, column: str) -> str:
    """Return what a column means; a column of the lab's own says that it is one.

    Examples
    --------
    >>> meaning("subsets", "patient_id"), meaning("cohort", "weight_kg")
    ("the study's own name of the patient", 'column of the clinical sheet, as given')
    >>> meaning("cohort", "cart_pct_of_t_tmax_day")
    'expansion, percent of T cells: day of the peak'
    """
    _, columns = TABLES.get(table, ("", {}))
    if column in columns:
        return columns[column] or _COMMON[column]
    for measure, unit in _MEASURES.items() if table == "cohort" else ():
        if column.startswith(f"{measure}_"):
            return f"expansion, {unit}: {_EXPANSION.get(column.removeprefix(f'{measure}_'), '')}"
    return "column of the clinical sheet, as given" if table == "cohort" else _COMMON.get(column, "")


def as_markdown() -> str:
    """Return docs/columns.md."""
    lines = ["# Columns", "", "What each column of each table of a run means; made from `phenotype/dictionary.py`.", ""]
    for name, (words, columns) in TABLES.items():
        lines += [f"## {name}.csv", "", f"A row is {words}.", "", "| column | meaning |", "| --- | --- |"]
        lines += [f"| `{column}` | {meaning(name, column).replace('|', '&#124;')} |" for column in columns]
        lines += ["", "And the columns of the clinical sheet, as given.", ""] if name == "cohort" else [""]
    return "\n".join(lines).rstrip() + "\n"
