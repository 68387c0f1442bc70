"""The flow of patients: from the clinical sheet to four fractions, and each group into each analysis."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.flow import Part, Step, draw_flow
from phenotype.figures.palette import GROUP_LABELS
from phenotype.figures.style import save_figure
from phenotype.report.picture import Picture
from phenotype.report.read import Results
from phenotype.report.tables import write_figure_table
from phenotype.report.text import FLAG_WORDS, clean, listed
from phenotype.subsets import SUBSETS

__all__ = ["flow_picture", "flow_steps", "step_rows"]

_STAGES = {
    "read": "file could not be read",
    "panel": "markers on other channels than in its batch",
    "compensate": "no matrix that fits",
    "gate": "gating stopped",
    "": "reason not kept by this run",
}
_AFTER_READING = "gate"
"""Stage at which a file had been read; the others are of its reading, or not known."""
_WITHHELD = ("absent", "parent_refused", "refused", "not_detected", "not_quantified")
"""Flags for which there is no number: a patient with several counts once, under the first."""
_MAIN = ("none", "over_1y", "within_1y")
"""Groups that are shown even if nobody is in them."""
_ANALYSES = {
    "response evaluable": "response evaluable",
    "followed for PFS": "followed for PFS",
    "followed for OS": "followed for OS",
    "in CR and followed for relapse": "relapse, if in CR",
    "expansion measured": "expansion measured",
}
"""Rows ``flow`` of estimates.csv, and their words in a narrow box."""


def flow_picture(results: Results) -> Picture:
    """Draw the flow of patients, with its numbers beside it.

    Parameters
    ----------
    results
        Tables of a result folder; SVG, PNG and CSV go to its ``figures``.
    """
    steps, folder = flow_steps(results), results.folder / "figures"
    write_figure_table(folder / "cohort_flow.csv", step_rows(steps))
    path, _ = save_figure(draw_flow(steps, synthetic=results.synthetic), folder / "cohort_flow")
    return Picture(
        stem="cohort_flow",
        path=path,
        title="Flow of patients",
        caption="Left: patients from the clinical sheet to the four fractions of their product. Right: who was left "
        "out, each patient once, under the first reason. Below: those with four fractions by group; under the line, "
        "how many of all patients of the group are in each analysis, with or without a product.",
        alt=_alt(steps),
        table="figures/cohort_flow.csv",
    )


def flow_steps(results: Results) -> tuple[Step, ...]:
    """Return the boxes of the flow.

    Parameters
    ----------
    results
        Tables of the run.

    Returns
    -------
    tuple of Step
        Each step has the patients of the step before without those left out between them; the groups sum to the last.
    """
    patients = list(map(str, results.cohort["patient_id"]))
    stopped = _stopped(results)
    # A patient who has a gated product has a product, whatever a list says.
    gated = set(map(str, results.subsets["patient_id"]))
    without = set(_listed_in(results.run, "without_product")) - gated
    with_file = [patient for patient in patients if patient not in without]
    unread = [patient for patient in with_file if patient not in gated and stopped.get(patient, "") != _AFTER_READING]
    read = [patient for patient in with_file if patient not in unread]
    counted = [patient for patient in read if patient in gated]
    complete = _complete(results.cohort)
    known = [patient for patient in counted if patient in complete]
    return (
        Step("step", "Patients in the clinical sheet", len(patients)),
        *_beside(results.run),
        *_left_out("No product in the sample sheet", ["" for patient in patients if patient in without], {"": ""}),
        Step("step", "With a product file", len(with_file)),
        *_left_out("Product file not used", [stopped.get(patient, "") for patient in unread], _STAGES),
        Step("step", "Product file read", len(read)),
        *_left_out("Product not gated", [stopped.get(one, "") for one in read if one not in gated], _STAGES),
        Step("step", "Product gated", len(counted)),
        *_left_out(
            "Without all four fractions",
            [_reason(results.subsets, patient) for patient in counted if patient not in complete],
            FLAG_WORDS,
        ),
        Step("step", "Four fractions of the product", len(known)),
        *_groups(results, set(known)),
    )


def step_rows(steps: Sequence[Step]) -> pd.DataFrame:
    """Return the numbers of the figure.

    Returns
    -------
    pandas.DataFrame
        ``kind, step, part, patients``: a row per box with ``part`` empty, and one for each line in it.
    """
    rows = [
        (step.kind, step.words, part, n)
        for step in steps
        for part, n in (("", step.n), *((part.words, part.n) for part in step.parts))
    ]
    return pd.DataFrame(rows, columns=["kind", "step", "part", "patients"])


def _complete(cohort: pd.DataFrame) -> set[str]:
    """Return the patients with all four fractions."""
    return set(map(str, cohort.dropna(subset=list(SUBSETS))["patient_id"]))


def _listed_in(run: Mapping[str, Any], key: str) -> list[str]:
    found = (run.get("join") or {}).get(key) or ()
    return [str(patient) for patient in found]


def _stopped(results: Results) -> dict[str, str]:
    """Return the stage at which the product of a patient stopped, as run.json has it."""
    found = results.run.get("not_gated")
    return {str(patient): str(stage) for patient, stage in found.items()} if isinstance(found, Mapping) else {}


def _beside(run: Mapping[str, Any]) -> Iterator[Step]:
    """Yield the patients who have a product and no clinical row, if there are any."""
    strangers = len(_listed_in(run, "without_clinical"))
    if strangers:
        yield Step("beside", "Patients with a product and no clinical row, in no number below", strangers)


def _left_out(words: str, reasons: Sequence[str], named: Mapping[str, str]) -> Iterator[Step]:
    """Yield who was left out, if anyone, with the reasons in the order of ``named``, then by number."""
    if not reasons:
        return
    counts = Counter(reasons)
    order = sorted(counts, key=lambda reason: (list(named).index(reason) if reason in named else len(named), reason))
    parts = (Part(named.get(reason, clean(reason).replace("_", " ")), counts[reason]) for reason in order)
    yield Step("left_out", words, len(reasons), tuple(part for part in parts if part.words))


def _reason(subsets: pd.DataFrame, patient: str) -> str:
    """Return the first flag for which a patient has no number."""
    cells = subsets.loc[subsets["patient_id"].astype(str) == patient, "flags"]
    flags = {flag for cell in cells for flag in str(cell).split(";")}
    return next((flag for flag in _WITHHELD if flag in flags), "reason not flagged")


def _groups(results: Results, known: set[str]) -> Iterator[Step]:
    """Yield a box for each group: those with four fractions, and all of the group by analysis."""
    group_of = dict(
        zip(results.cohort["patient_id"].astype(str), results.cohort["asct_group"].astype(str), strict=True)
    )
    sizes, inside = Counter(group_of.values()), Counter(group_of[patient] for patient in known)
    flow = _flow(results.estimates)
    for group in dict.fromkeys((*_MAIN, *(name for name in GROUP_LABELS if name in sizes), *sorted(sizes))):
        analyses = (Part(words, flow[step, group]) for step, words in _ANALYSES.items() if (step, group) in flow)
        words = GROUP_LABELS.get(group, clean(group) or "Group not known")
        yield Step("group", words, inside[group], (Part("all of the group", sizes[group]), *analyses))


def _flow(estimates: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Return patients by step and group; those of unknown date, and of no group, are what the named groups leave."""
    rows = estimates[estimates["analysis"] == "flow"] if "events" in estimates.columns else estimates.head(0)
    found: dict[str, dict[str, int]] = {}
    for row in rows.to_dict("records"):
        if pd.notna(row["events"]):
            found.setdefault(str(row["endpoint"]), {})[str(row["level"])] = int(row["events"])
    flow: dict[tuple[str, str], int] = {}
    for step, counts in found.items():
        if {"all", "none", "asct", "over_1y", "within_1y"} <= set(counts):
            rest = counts["asct"] - counts["over_1y"] - counts["within_1y"]
            outside = counts["all"] - counts["none"] - counts["asct"]
            named = {group: counts[group] for group in _MAIN} | {"unknown_time": rest, "": outside}
            flow |= {(step, group): n for group, n in named.items()}
    return flow


def _alt(steps: Sequence[Step]) -> str:
    """Say the boxes in sentences."""
    return " ".join(_said(step) for step in steps)


def _said(step: Step) -> str:
    parts = listed([f"{part.words} {numbers.count(part.n)}" for part in step.parts])
    head = f"{step.words}{' with four fractions' if step.kind == 'group' else ''} {numbers.count(step.n)}"
    return f"{head}: {parts}." if parts else f"{head}."
