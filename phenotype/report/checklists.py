"""MIFlowCyt and REMARK, filled from what the run knows; what it cannot know is listed as missing, never left blank.

References
----------
.. [1] Lee JA, et al. MIFlowCyt: the minimum information about a flow cytometry experiment. Cytometry A 2008;73:926-930.
.. [2] Altman DG, McShane LM, Sauerbrei W, Taube SE. Reporting recommendations for tumor marker prognostic studies
   (REMARK): explanation and elaboration. BMC Med 2012;10:51.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import pandas as pd

from phenotype.figures import numbers
from phenotype.figures.measures import MEASURE_LABELS
from phenotype.figures.palette import GROUP_LABELS
from phenotype.report.flow import flow_steps
from phenotype.report.read import Results
from phenotype.report.tables import write_figure_table
from phenotype.report.text import clean, contrast_title, group_phrase, listed
from phenotype.subsets import SUBSET_LABELS

__all__ = ["Item", "ProfileRow", "miflowcyt", "remark", "remark_profile", "write_checklists"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a reader must be told."""

    number: str
    asks: str
    answer: str
    """What is known; or, where it is not, what to write and where."""
    known: bool
    """Whether nothing is left to add."""
    where: str = ""
    """Section of the report, or file, that has it."""


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One line of the REMARK profile: who was in the study, or in one analysis."""

    part: str
    """``patients`` or ``analyses``."""
    what: str
    patients: str
    """One number, or from the least to the most that a covariate or contrast has."""
    events: str
    variables: str


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
        _item("1.2", "Variables", f"Groups by time since ASCT: {_sizes(results)}.", "Patients and files"),
        _told("1.3", "Organisation", about, "organisation"),
        _item("1.4", "Quality control", _quality(results), "Quality"),
        _told("2.1", "Specimen, its source and treatment", about, "specimen"),
        _told("2.2", "Staining protocol", about, "staining"),
        _reagents(about, channels),
        _instrument(results, about),
        _detectors(about, channels),
        _with_told("4.1", "List-mode data", _files(results), about, "data", "Methods and settings"),
        _item("4.2", "Compensation", _compensation(results), "Methods and settings"),
        _item("4.3", "Transformation", _transforms(results), "channels.csv, gates.csv"),
        _item(
            "4.4", "Gates, with percentages, as numbers and pictures",
            f"{len(results.run.get('template') or ())} populations in gating.csv; each gate as applied, on the linear "
            "scale, in gates.csv; counts and shares in populations.csv; pictures in figures/gating.", "Gating",
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
    days = f"The time since ASCT is cut at {_days(results)} days; fractions are compared as they are, without a cut."
    return (
        _told("1", "Marker, objectives, hypotheses", about, "purpose"),
        _with_told("2", "Patients: source, inclusion, exclusion", f"{counts}.", about, "patients",
                   "Patients and files"),
        _told("3", "Treatment, and how it was chosen", about, "treatment"),
        _told("4", "Specimen", about, "specimen"),
        _item("5", "Assay: reagents, protocol, cut-points", "Thresholds, with origin and interval: thresholds.csv. "
              "Reagents and protocol: MIFlowCyt 2.2 and 2.3.", "Gating",
              known=_reagents(about, results.channels).known and "staining" in about),
        _told("5b", "Blinding of who gated", about, "blinding"),
        _with_told("6", "Design: period, follow-up", _follow_up(results), about, "design", "Outcomes"),
        _endpoints(results),
        _item("8", "Candidate variables", _covariates(results), "Outcomes"),
        _told("9", "Sample size", about, "sample_size"),
        _item("10", "Statistical methods, missing data", _missing(results), "Methods and settings"),
        _with_told("11", "How the marker was used: cut-points, and whether they were chosen before", days, about,
                   "cut_points", "Methods and settings"),
        _item("12", "Flow of patients", f"{counts}. Patients and events of each analysis: REMARK profile.",
              "Patients and files"),
        _item("13", "Characteristics of patients", "Table 1." if _has(results, "baseline_share") else
              "No covariate is described; name them in the clinical sheet.", "Patients and files",
              known=_has(results, "baseline_share")),
        _associations(results),
        _modelled("15", "Univariable effects with intervals", results, ("univariable",)),
        _modelled("16", "Multivariable effects with intervals", results, ("multivariable",)),
        _modelled("17", "All models: estimates, not only p", results, ("univariable", "multivariable")),
        _item("18", "Further investigations", _robustness(results), "Subsets by group",
              known=not _unshifted(results).empty),
        _item("19", "Interpretation", "To be written.", known=False),
        _item("20", "Implications", "To be written.", known=False),
        _told("-", "Ethics", about, "ethics"),
        _told("-", "Registration", about, "registration"),
    )  # fmt: skip


_PROFILE = (
    ("response_rate", "{}: share of those who could be evaluated"),
    ("log_rank", "Curves of {}, compared between groups"),
    ("landmark_log_rank", "Curves of {} from the landmark, by response"),
    ("gray_test", "Incidence of {}, compared between groups"),
    ("logistic_univariable", "{}, each covariate alone"),
    ("logistic_multivariable", "{}, all covariates together"),
    ("cox_univariable", "{}, each covariate alone"),
    ("cox_multivariable", "{}, all covariates together"),
    ("fine_gray_univariable", "{}, each covariate alone"),
    ("fine_gray_multivariable", "{}, all covariates together"),
    ("subset_correlation", "{}, correlations"),
    ("expansion_test", "{}, compared between groups"),
)
"""Analyses of estimates.csv in the profile, and what is said of an endpoint."""


_TERMS = {"asct": "any ASCT", "asct_group": "time since ASCT", "months_from_asct": "months since ASCT"}
_KINDS = {"cmax": "peak", "auc_0_28": "area to day 28"}


def remark_profile(results: Results) -> tuple[ProfileRow, ...]:
    """Return the REMARK profile: patients and who was left out, then each analysis with its patients and events.

    Parameters
    ----------
    results
        Tables of the run. An analysis without a number is left out.
    """
    boxes = (step for step in flow_steps(results) if step.kind != "group")
    patients = (
        ProfileRow(
            "patients", f"{step.words}{f' ({_parts(step.parts)})' if step.parts else ''}", numbers.count(step.n), "", ""
        )
        for step in boxes
    )
    return (*patients, *_contrasts(results.comparisons), *_analyses(results.estimates))


def _parts(parts: Sequence[Any]) -> str:
    return ", ".join(f"{part.words} {numbers.count(part.n)}" for part in parts)


def _contrasts(comparisons: pd.DataFrame) -> Iterator[ProfileRow]:
    """Yield a line for each contrast of the subsets that was tested."""
    tested = comparisons[comparisons["p_value"].notna()]
    for contrast, rows in tested.groupby("contrast", sort=False):
        subsets = [SUBSET_LABELS.get(name, clean(name)).lower() for name in rows["subset"]]
        span = _span(rows["n_a"] + rows["n_b"])
        yield ProfileRow("analyses", f"Subsets: {contrast_title(str(contrast))}", span, "", listed(subsets))


def _analyses(estimates: pd.DataFrame) -> Iterator[ProfileRow]:
    """Yield a line for each analysis of an endpoint that has a number."""
    known = estimates.reindex(columns=[*dict.fromkeys([*estimates.columns, "term", "events", "statistic"])])
    known = known[known[["estimate", "statistic", "p_value"]].notna().any(axis=1)]
    for analysis, words in _PROFILE:
        rows = known[
            (known["analysis"] == analysis) & (known["level"].isin(["", "all"]) | (analysis != "response_rate"))
        ]
        for endpoint, found in rows.groupby("endpoint", sort=False):
            name = SUBSET_LABELS.get(str(endpoint), _words(clean(endpoint)))
            terms = [_words(term) for term in dict.fromkeys(found["term"].map(clean)) if term]
            yield ProfileRow("analyses", words.format(name), _span(found["n"]), _span(found["events"]), listed(terms))


def _words(name: str) -> str:
    """Return a covariate or a measure as a person says it.

    >>> _words("asct_group"), _words("cart_pct_of_t_auc_0_28"), _words("iss_stage")
    ('time since ASCT', 'area to day 28 of CAR-T cells, % of T cells', 'iss stage')
    """
    for measure, label in MEASURE_LABELS.items():
        kind = name.removeprefix(f"{measure}_")
        if kind in _KINDS:
            return f"{_KINDS[kind]} of {label}"
    return _TERMS.get(name, name.replace("_", " "))


def _span(values: "pd.Series[float]") -> str:
    """Return a number, or the least and the most; nothing of no number."""
    known = values.dropna()
    if known.empty:
        return ""
    low, high = numbers.count(known.min()), numbers.count(known.max())
    return low if low == high else f"{low} to {high}"


def write_checklists(results: Results) -> None:
    """Write checklists.csv and remark_profile.csv into the folder: for a supplement.

    Parameters
    ----------
    results
        Tables of the run.
    """
    lists = {"MIFlowCyt": miflowcyt(results), "REMARK": remark(results)}
    rows = [
        (name, item.number, item.asks, item.answer, int(item.known), item.where)
        for name, items in lists.items()
        for item in items
    ]
    columns = ["checklist", "item", "asks", "answer", "known", "where"]
    write_figure_table(results.folder / "checklists.csv", pd.DataFrame(rows, columns=columns))
    profile = pd.DataFrame(
        [astuple(row) for row in remark_profile(results)], columns=[field.name for field in fields(ProfileRow)]
    )
    write_figure_table(results.folder / "remark_profile.csv", profile)


def _item(number: str, asks: str, answer: str, where: str = "", *, known: bool = True) -> Item:
    return Item(number, asks, answer, known, where)


def _told(number: str, asks: str, about: Mapping[str, Any], key: str) -> Item:
    """Return what study.toml says, or where to say it."""
    return _with_told(number, asks, "", about, key, "")


def _with_told(number: str, asks: str, answer: str, about: Mapping[str, Any], key: str, where: str) -> Item:
    """Return what the run knows with what study.toml says besides; without the latter something is to be added."""
    said = clean(about.get(key))
    if said:
        return Item(number, asks, " ".join(filter(None, [answer, said])), True, where)
    ask = f'write {key} = "…" under [about] of study.toml.'
    return Item(
        number, asks, f"{answer} The rest is in no file: {ask}" if answer else f"Not in any file: {ask}", False, where
    )


def _about(results: Results) -> Mapping[str, Any]:
    found = (results.run.get("settings") or {}).get("about")
    return found if isinstance(found, Mapping) else {}


def _sizes(results: Results) -> str:
    """Return the groups with their patients, in the order of the report."""
    sizes = results.cohort["asct_group"].value_counts(sort=False)
    order = [*(name for name in GROUP_LABELS if name in sizes), *sorted(set(sizes.index) - set(GROUP_LABELS))]
    return listed([f"{group_phrase(name)} {sizes[name]}" for name in order]) or "no patients"


def _counts(results: Results) -> str:
    """Return patients and products in a phrase."""
    counts: Any = results.run.get("counts") or {}
    return (
        f"{numbers.count(len(results.cohort))} patients in the clinical sheet, {numbers.count(counts.get('products'))} "
        f"product files, {numbers.count(counts.get('failed'))} files failed, "
        f"{numbers.count(results.cohort['naive'].notna().sum())} patients with fractions; who was left out and why: "
        "figure Flow of patients"
    )


def _endpoints(results: Results) -> Item:
    """Say which endpoints have a number, and what they are."""
    parts = {
        "response_rate": "response: IMWG", "survival_rate": "PFS: progression or death; OS: death",
        "cumulative_incidence": "relapse: of patients in CR, death without it competing",
        "expansion_test": "expansion: peak after infusion",
    }  # fmt: skip
    found = [words for analysis, words in parts.items() if _has(results, analysis)]
    if not found:
        return Item(
            "7", "Endpoints", "No endpoint could be estimated: the clinical sheet has no dates or responses.", False
        )
    said = "; ".join(found)
    return Item("7", "Endpoints", f"{said[0].upper()}{said[1:]}. Rules: Methods.", True, "Methods and settings")


def _associations(results: Results) -> Item:
    """Say with what the subsets were held together."""
    said = ["ASCT: Figure 4"] if results.comparisons["p_value"].notna().any() else []
    rows = [row for row in _rows(results, "subset_correlation") if pd.notna(row["estimate"])]
    terms = [_words(term) for term in dict.fromkeys(clean(row.get("term")) for row in rows)]
    said += [f"{listed(terms)}: Outcomes"] if terms else []
    answer = f"Subsets by {'; by '.join(said)}." if said else "No comparison could be made."
    return Item("14", "Marker against other variables", answer, bool(said), "Subsets by group")


def _quality(results: Results) -> str:
    severe = results.quality["severity"].value_counts()
    return (
        f"Errors {numbers.count(severe.get('error', 0))}, warnings {numbers.count(severe.get('warning', 0))} "
        "(quality.csv); cuts by batch: figure Drift; what to review: review.csv."
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


def _instrument(results: Results, about: Mapping[str, Any]) -> Item:
    """Say what files and study.toml tell of the cytometer and its program."""
    found: Any = results.run.get("acquisition") or {}
    files = [name for name in dict.fromkeys(results.channels["cytometer"].map(clean)) if name]
    names = [*files, *(clean(name) for name in found.get("software") or ())]
    answer = f"By the files: {listed(names)}." if names else ""
    return _with_told("3.1", "Instrument: maker, model, program, set-up", answer, about, "instrument", "channels.csv")


def _detectors(about: Mapping[str, Any], channels: pd.DataFrame) -> Item:
    """Say what the files say of detectors, and what they do not."""
    asks, stained = "Lasers, filters, detectors, voltages", channels[channels["marker"] != ""]
    lacking = [words for name, words in (("voltage", "voltages"), ("filter", "filters"), ("excitation_nm", "lasers"))
               if (stained[name] == "").all()]  # fmt: skip
    layouts = channels["layout"].nunique()
    said = f"{layouts} layout{'s' if layouts != 1 else ''} of channels" if layouts else "No file tells"
    if not lacking:
        return Item("3.2", asks, f"{said}.", True, "channels.csv")
    silent = f"{said}; the files do not say {listed(lacking)}." if layouts else f"{said}."
    return _with_told("3.2", asks, silent, about, "detectors", "channels.csv")


def _files(results: Results) -> str:
    inputs: Any = results.run.get("inputs") or {}
    fcs = sum(str(name).lower().endswith((".fcs", ".lmd")) for name in inputs)
    return f"{numbers.count(fcs)} FCS files, each with its SHA-256."


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
    return f"{median[0].upper() + median[1:]}, {plain}."


def _covariates(results: Results) -> str:
    names: Any = ((results.run.get("settings") or {}).get("analyses") or {}).get("covariates") or ()
    return f"Named for the models: {listed([clean(name).replace('_', ' ') for name in names]) or 'none'} (study.toml)."


def _missing(results: Results) -> str:
    sets = ((results.run.get("settings") or {}).get("analyses") or {}).get("imputations", 0)
    complete = "Patients without a value are left out of the models that need it, and counted"
    return f"{complete}; beside it {numbers.count(sets)} imputations." if sets else f"{complete}."


def _days(results: Results) -> str:
    return clean(((results.run.get("settings") or {}).get("asct") or {}).get("within_days", 365))


def _modelled(number: str, asks: str, results: Results, kinds: Sequence[str]) -> Item:
    """Say which endpoints have models with an estimate."""
    names = [f"{model}_{kind}" for kind in kinds for model in ("logistic", "cox", "fine_gray")]
    rows = [row for name in names for row in _rows(results, name)]
    found = dict.fromkeys(clean(row["endpoint"]) for row in rows if pd.notna(row["estimate"]))
    said = f"Of {listed(list(found))}: Figure 3 and table Models." if found else "No model could be estimated."
    return Item(number, asks, said, bool(found), "Outcomes")


def _unshifted(results: Results) -> pd.DataFrame:
    return results.robustness[results.robustness["shift"] == ""]


def _robustness(results: Results) -> str:
    over = _unshifted(results)
    if over.empty:
        return "No gate was moved."
    gatings = numbers.count(over["gatings"].max())
    return f"Every comparison in {gatings} plausible gatings, and with each gate moved: figure Moved gates."


def _has(results: Results, analysis: str) -> bool:
    """Tell whether an analysis has a row with a number."""
    rows = results.estimates[results.estimates["analysis"] == analysis]
    return bool(rows[["estimate", "p_value"]].notna().to_numpy().any())


def _rows(results: Results, analysis: str) -> list[dict[Any, Any]]:
    return results.estimates[results.estimates["analysis"] == analysis].to_dict("records")
