"""MIFlowCyt and REMARK, filled from what the run knows; what it cannot know is listed as missing, never left blank.

References
----------
.. [1] Lee JA, et al. MIFlowCyt: the minimum information about a flow cytometry experiment. Cytometry A 2008;73:926-930.
.. [2] Altman DG, McShane LM, Sauerbrei W, Taube SE. Reporting recommendations for tumor marker prognostic studies
   (REMARK): explanation and elaboration. BMC Med 2012;10:51.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from phenotype.figures import numbers
from phenotype.report.read import Results
from phenotype.report.text import clean, listed

__all__ = ["Item", "miflowcyt", "remark"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a reader must be told."""

    number: str
    asks: str
    answer: str
    """What is known; or, where it is not, what to write and where."""
    known: bool


def miflowcyt(results: Results) -> tuple[Item, ...]:
    """Return the items of MIFlowCyt.

    Parameters
    ----------
    results
        Tables of the run.
    """
    about, channels = _about(results), results.channels
    return (
        _told("1.1", "Purpose of the experiment", about, "purpose"),
        _item("1.2", "Variables", f"Groups by time since ASCT: {_sizes(results)}."),
        _told("1.3", "Organisation", about, "organisation"),
        _item("1.4", "Quality control", _quality(results)),
        _told("2.1", "Specimen, its source and treatment", about, "specimen"),
        _told("2.2", "Staining protocol", about, "staining"),
        _reagents(about, channels),
        _instrument(about, channels),
        _detectors(channels),
        _item("4.1", "List-mode data", _files(results) + (f" {about['data']}." if "data" in about else "")),
        _item("4.2", "Compensation", _compensation(results)),
        _item("4.3", "Transformation", _transforms(results)),
        _item(
            "4.4", "Gates, with percentages, as numbers and pictures",
            f"{len(results.run.get('template') or ())} populations in gating.csv; each gate as applied, on the linear "
            "scale, in gates.csv; counts and shares in populations.csv; pictures in figures/gating, and under Gating.",
        ),
    )  # fmt: skip


def remark(results: Results) -> tuple[Item, ...]:
    """Return the items of REMARK.

    Parameters
    ----------
    results
        Tables of the run.
    """
    about, counts = _about(results), _counts(results)
    return (
        _told("1", "Marker, objectives, hypotheses", about, "purpose"),
        _item("2", "Patients: source, inclusion, exclusion", f"{counts}; who was left out and why: Patients and files, "
              "Not counted. State source and criteria in the paper.", known=False),
        _told("3", "Treatment, and how it was chosen", about, "treatment"),
        _told("4", "Specimen", about, "specimen"),
        _item("5", "Assay: reagents, protocol, cut-points", "Thresholds: thresholds.csv, with origin and interval. "
              "Reagents and protocol: MIFlowCyt 2.2 and 2.3.",
              known=bool(about.get("antibodies")) and "staining" in about),
        _told("5b", "Blinding of who gated", about, "blinding"),
        _item("6", "Design: period, follow-up", _follow_up(results)),
        _item("7", "Endpoints", "PFS: progression or death; OS: death; relapse: of patients in CR, death without it "
              "competing; response: IMWG. Rules: Methods."),
        _item("8", "Candidate variables", _covariates(results)),
        _told("9", "Sample size", about, "sample_size"),
        _item("10", "Statistical methods, missing data", f"Methods. {_missing(results)}"),
        _item("11", "How the marker was used: cut-points", "Fractions are compared as they are, without a cut-point; "
              f"the time since ASCT is cut at {_days(results)} days, set before the run (study.toml)."),
        _item("12", "Flow of patients", f"{counts}. Table under Patients and files; events of each analysis in "
              "estimates.csv."),
        _item("13", "Characteristics of patients", "Table 1." if _has(results, "baseline_share") else
              "No covariate is described; name them in the clinical sheet.", known=_has(results, "baseline_share")),
        _item("14", "Marker against other variables", "Subsets by ASCT: Figure 4; against peak expansion: Outcomes."),
        _modelled("15", "Univariable effects with intervals", results, "univariable"),
        _modelled("16", "Multivariable effects with intervals", results, "multivariable"),
        _item("17", "All models: estimates, not only p", "Models table under Outcomes; estimates.csv."),
        _item("18", "Further investigations", _robustness(results)),
        _item("19", "Interpretation", "To be written.", known=False),
        _item("20", "Implications", "To be written.", known=False),
        _told("-", "Ethics and registration", about, "ethics"),
    )  # fmt: skip


def _item(number: str, asks: str, answer: str, *, known: bool = True) -> Item:
    return Item(number, asks, answer, known)


def _told(number: str, asks: str, about: Mapping[str, Any], key: str) -> Item:
    """Return what study.toml says, or where to say it."""
    if key in about:
        return Item(number, asks, clean(about[key]), known=True)
    return Item(number, asks, f'Not in any file: write {key} = "…" under [about] of study.toml.', known=False)


def _about(results: Results) -> Mapping[str, Any]:
    found = (results.run.get("settings") or {}).get("about")
    return found if isinstance(found, Mapping) else {}


def _sizes(results: Results) -> str:
    sizes = results.cohort["asct_group"].value_counts(sort=False)
    return listed([f"{clean(name) or 'not known'} {n}" for name, n in sizes.items()]) or "no patients"


def _counts(results: Results) -> str:
    """Return patients and products in a phrase."""
    counts: Any = results.run.get("counts") or {}
    return (
        f"{len(results.cohort)} patients in the clinical sheet, {numbers.count(counts.get('products'))} product files, "
        f"{numbers.count(counts.get('failed'))} files failed, "
        f"{results.cohort['naive'].notna().sum()} patients with fractions"
    )


def _quality(results: Results) -> str:
    severe = results.quality["severity"].value_counts()
    return (
        f"{numbers.count(severe.get('error', 0))} errors and {numbers.count(severe.get('warning', 0))} warnings in "
        "quality.csv; cuts by batch: figure Drift; what to review: review.csv."
    )


def _reagents(about: Mapping[str, Any], channels: pd.DataFrame) -> Item:
    """Say which markers have a described antibody, and which have none."""
    told: Any = about.get("antibodies") or {}
    markers = [name for name in dict.fromkeys(channels["marker"].map(clean)) if name]
    lacking = [name for name in markers if name not in told]
    known = "; ".join(f"{clean(name)}: {clean(words)}" for name, words in told.items())
    if markers and not lacking:
        return Item("2.3", "Reagents: analyte, detector, reporter, clone, vendor", known, known=True)
    rest = f"clone and vendor of {listed(lacking)}" if lacking else "clone and vendor of each antibody"
    ask = f"Not in any file: {rest}; write them under [about.antibodies] of study.toml."
    return Item(
        "2.3", "Reagents: analyte, detector, reporter, clone, vendor", f"{known}. {ask}" if known else ask, False
    )


def _instrument(about: Mapping[str, Any], channels: pd.DataFrame) -> Item:
    names = [name for name in dict.fromkeys(channels["cytometer"].map(clean)) if name]
    told = clean(about.get("instrument"))
    said = "; ".join(filter(None, [f"By the files: {listed(names)}" if names else "", told]))
    ask = "" if told else 'Add maker, software and set-up: instrument = "…" under [about] of study.toml.'
    return Item("3.1", "Instrument", f"{said}. {ask}".strip(". "), known=bool(told))


def _detectors(channels: pd.DataFrame) -> Item:
    """Say what the files say of detectors, and what they do not."""
    asks = "Lasers, filters, detectors, voltages"
    if channels.empty:
        return Item("3.2", asks, "channels.csv has no rows; run the study again.", known=False)
    stained = channels[channels["marker"] != ""]
    lacking = [words for name, words in (("voltage", "voltages"), ("filter", "filters"), ("excitation_nm", "lasers"))
               if (stained[name] == "").all()]  # fmt: skip
    layouts = channels["layout"].nunique()
    said = f"channels.csv: {layouts} layout{'s' if layouts != 1 else ''} of channels"
    if not lacking:
        return Item("3.2", asks, f"{said}.", known=True)
    return Item("3.2", asks, f"{said}; the files do not say {listed(lacking)}: add them in the paper.", known=False)


def _files(results: Results) -> str:
    inputs: Any = results.run.get("inputs") or {}
    fcs = sum(str(name).lower().endswith((".fcs", ".lmd")) for name in inputs)
    return f"{fcs} FCS files, SHA-256 of each under Methods and settings. Say in the paper where they can be had."


def _compensation(results: Results) -> str:
    source = clean(((results.run.get("settings") or {}).get("compensation") or {}).get("source", "file"))
    return {
        "file": "The spillover matrix of each file.",
        "controls": "A matrix per batch, measured on single stains: spillover.csv.",
        "none": "None.",
    }.get(source, "One matrix for the study, under Input files.")


def _transforms(results: Results) -> str:
    if "transform" not in results.thresholds or results.thresholds.empty:
        return "gates.csv names the transform of each gate."
    names = sorted({str(text).partition("(")[0] for text in results.thresholds["transform"]} - {"", "nan"})
    return f"{listed(names).capitalize()}; the parameters of each gate in gates.csv."


def _follow_up(results: Results) -> str:
    rows = _rows(results, "follow_up")
    said = {str(row["level"]): f"{row['estimate']:.1f} months" for row in rows if pd.notna(row["estimate"])}
    if not said:
        return "No follow-up could be estimated."
    median = f"median follow-up by reverse Kaplan-Meier {said.get('reverse_km', 'not estimated')}"
    plain = f"plain median {said.get('observed', 'not estimated')}"
    return f"{median[0].upper() + median[1:]}, {plain}. State design and period."


def _covariates(results: Results) -> str:
    names: Any = ((results.run.get("settings") or {}).get("analyses") or {}).get("covariates") or ()
    return f"In the models: {listed([clean(name).replace('_', ' ') for name in names]) or 'none'} (study.toml)."


def _missing(results: Results) -> str:
    sets = ((results.run.get("settings") or {}).get("analyses") or {}).get("imputations", 0)
    complete = "Patients without a value are left out of its model, and counted"
    return f"{complete}; beside it {numbers.count(sets)} imputations." if sets else f"{complete}."


def _days(results: Results) -> str:
    return clean(((results.run.get("settings") or {}).get("asct") or {}).get("within_days", 365))


def _modelled(number: str, asks: str, results: Results, kind: str) -> Item:
    """Say which endpoints have models with an estimate."""
    rows = [row for model in ("logistic", "cox", "fine_gray") for row in _rows(results, f"{model}_{kind}")]
    found = dict.fromkeys(clean(row["endpoint"]) for row in rows if pd.notna(row["estimate"]))
    said = f"Of {listed(list(found))}: Figure 3 and the Models table." if found else "No model could be estimated."
    return Item(number, asks, said, known=bool(found))


def _robustness(results: Results) -> str:
    over = results.robustness[results.robustness["shift"] == ""]
    if over.empty:
        return "No gate was moved."
    gatings = numbers.count(over["gatings"].max())
    return f"Every comparison in {gatings} plausible gatings, and with each gate moved: Moved gates."


def _has(results: Results, analysis: str) -> bool:
    return bool((results.estimates["analysis"] == analysis).any())


def _rows(results: Results, analysis: str) -> list[dict[Any, Any]]:
    return results.estimates[results.estimates["analysis"] == analysis].to_dict("records")
