"""What was done, as text to paste into a paper: from the settings, versions and tables of the run.

A method is named, and its paper cited, only where a row of the run rests on it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from phenotype.report.read import Results
from phenotype.report.text import clean, listed
from phenotype.subsets import SUBSET_LABELS, SUBSETS

__all__ = ["REFERENCES", "Methods", "methods"]

YEAR = 365
REFERENCES: Mapping[str, str] = {
    "jin": "Jin C, et al. J Immunother Cancer 2025;13:e010687.",
    "fcs": "Spidlen J, et al. Data file standard for flow cytometry, version FCS 3.1. Cytometry A 2010;77:97-100.",
    "spillover": "Bagwell CB, Adams EG. Ann N Y Acad Sci 1993;677:167-184.",
    "logicle": "Parks DR, Roederer M, Moore WA. Cytometry A 2006;69:541-551.",
    "wilson": "Wilson EB. J Am Stat Assoc 1927;22:209-212.",
    "mann_whitney": "Mann HB, Whitney DR. Ann Math Stat 1947;18:50-60.",
    "hodges_lehmann": "Hodges JL, Lehmann EL. Ann Math Stat 1963;34:598-611.",
    "cliff": "Cliff N. Psychol Bull 1993;114:494-509.",
    "holm": "Holm S. Scand J Stat 1979;6:65-70.",
    "bh": "Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300.",
    "kruskal": "Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583-621.",
    "dunn": "Dunn OJ. Technometrics 1964;6:241-252.",
    "jonckheere": "Jonckheere AR. Biometrika 1954;41:133-145.",
    "spearman": "Bonett DG, Wright TA. Psychometrika 2000;65:23-28.",
    "aitchison": "Aitchison J. J R Stat Soc B 1982;44:139-177.",
    "permanova": "Anderson MJ. Austral Ecol 2001;26:32-46.",
    "clopper": "Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.",
    "imwg": "Kumar S, et al. Lancet Oncol 2016;17:e328-e346.",
    "astct": "Lee DW, et al. Biol Blood Marrow Transplant 2019;25:625-638.",
    "ctcae": "National Cancer Institute. Common terminology criteria for adverse events, version 5.0. 2017.",
    "kaplan_meier": "Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481.",
    "brookmeyer": "Brookmeyer R, Crowley J. Biometrics 1982;38:29-41.",
    "schemper": "Schemper M, Smith TL. Control Clin Trials 1996;17:343-346.",
    "log_rank": "Mantel N. Cancer Chemother Rep 1966;50:163-170.",
    "landmark": "Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719.",
    "cox": "Cox DR. J R Stat Soc B 1972;34:187-220.",
    "proportional": "Grambsch PM, Therneau TM. Biometrika 1994;81:515-526.",
    "aalen_johansen": "Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.",
    "gray": "Gray RJ. Ann Stat 1988;16:1141-1154.",
    "fine_gray": "Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496-509.",
    "firth": "Firth D. Biometrika 1993;80:27-38.",
    "rubin": "Rubin DB. Multiple imputation for nonresponse in surveys. Wiley, 1987.",
}


@dataclass(frozen=True, slots=True)
class Methods:
    """The text, and what it cites in the order of its numbers."""

    paragraphs: tuple[str, ...]
    references: tuple[str, ...]


class _Citations:
    """Numbers the references in the order in which they are first cited."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, *keys: str) -> str:
        self.keys += [key for key in keys if key not in self.keys]
        return f"[{', '.join(str(self.keys.index(key) + 1) for key in keys)}]"


Cite = Callable[..., str]


def methods(results: Results) -> Methods:
    """Describe what was done, from the settings, versions and tables of the run.

    Parameters
    ----------
    results
        Tables of the run.
    """
    cite = _Citations()
    parts = (
        _cytometry(results, cite),
        f"{_definitions(results.run)} {_intervals(results.run.get('settings') or {}, cite)}",
        _groups(results, cite),
        _others(results, cite),
        _response(results, cite),
        _survival(results, cite),
        _relapse(results, cite),
        _software(results.run),
    )
    paragraphs = tuple(part for part in parts if part)
    return Methods(paragraphs, tuple(REFERENCES[key] for key in cite.keys))


def _cytometry(results: Results, cite: Cite) -> str:
    """Say how a file became populations."""
    source = clean(_setting(results.run, "compensation", "source")) or "file"
    matrix = {
        "file": "with the spillover matrix of each file",
        "controls": "with a matrix measured on the single stains of each batch",
        "none": "",
    }.get(source, "with a matrix given for the study")
    standard = cite("fcs")
    compensated = f"compensated {matrix} {cite('spillover')}" if matrix else "not compensated, as the study says"
    scales = results.thresholds["transform"].astype(str) if "transform" in results.thresholds else ()
    logicle = any(scale.startswith("logicle") for scale in scales)
    shown = f" Thresholds of fluorescence were placed on a logicle scale {cite('logicle')}." if logicle else ""
    return (
        f"FCS files {standard} were {compensated}, then divided by one gating template, parents first.{shown} Where "
        "a threshold was fitted, it was fitted to the events of the parent, or of the population that the template "
        "names (on=…); a threshold that the data do not support was refused, and populations below it have no number."
    )


def _groups(results: Results, cite: Cite) -> str:
    """Say how groups were made and subsets compared."""
    run, comparisons = results.run, results.comparisons
    days, reference = (clean(_setting(run, "asct", name)) for name in ("within_days", "reference"))
    said = (
        f"Groups follow Jin et al. {cite('jin')} and are derived from dates: the interval runs from the last ASCT to "
        f"{reference or 'infusion'}; up to {days or YEAR} days is “ASCT ≤ 1 y before”, more is “ASCT > 1 y before”. A "
        "transplant of unknown date counts as an ASCT, in neither timed group. Every patient counts once."
    )
    tests = sorted({clean(name) for name in comparisons["test"] if name})
    if not tests:
        return f"{said} Groups were compared with: no test."
    rank = f" {cite('mann_whitney')}" if any("Mann-Whitney" in test for test in tests) else ""
    said += (
        f" Subsets were compared with: {listed(tests)}{rank}. The difference is the Hodges-Lehmann shift "
        f"{cite('hodges_lehmann')}, the median of the differences between every patient of the first group and every "
        "patient of the second, in percentage points, with its 95 % confidence interval; it need not equal the "
        f"difference of the two medians. Adjusted p: Holm {cite('holm')}, over {_family(run.get('settings') or {})}"
    )
    said += f", and beside it Benjamini-Hochberg {cite('bh')}" if "p_adjusted_bh" in comparisons else ""
    return said + (f"; effect size: Cliff's delta {cite('cliff')}." if "cliffs_delta" in comparisons else ".")


_MORE = (
    ("subset_kruskal", "Kruskal-Wallis tests over three groups", "kruskal"),
    ("subset_dunn", "Dunn's tests of pairs", "dunn"),
    ("subset_trend", "Jonckheere-Terpstra tests of trend", "jonckheere"),
    ("subset_correlation", "Spearman's correlations with the interval of Bonett and Wright", "spearman"),
    ("composition_manova", "log-ratios of the four fractions, which sum to one, by MANOVA", "aitchison"),
    ("composition_permanova", "permutation tests of Aitchison distances", "permanova"),
)


def _others(results: Results, cite: Cite) -> str:
    """Say what else was asked of the subsets."""
    found = [f"{words} {cite(key)}" for analysis, words, key in _MORE if _has(results, analysis)]
    return f"Besides: {listed(found)}; their p-values are not adjusted." if found else ""


def _response(results: Results, cite: Cite) -> str:
    """Say how response and toxicity were defined and estimated."""
    said = []
    if _has(results, "response_rate"):
        said.append(
            f"Best response is by IMWG {cite('imwg')}: sCR counts as CR, PR or better as response, and patients who "
            f"could not be evaluated are in no denominator; shares have exact intervals {cite('clopper')}."
        )
    if _has(results, "toxicity_rate"):
        said.append(
            f"CRS and ICANS were graded by ASTCT {cite('astct')}, cytopenias of day 30 by CTCAE {cite('ctcae')}."
        )
    if _has(results, "logistic_univariable") or _has(results, "logistic_multivariable"):
        penalty = f"; separated ones with Firth's penalty {cite('firth')}" if _method(results, "Firth") else ""
        said.append(f"Odds ratios are from logistic models with profile-likelihood intervals{penalty}.")
    if _has(results, "expansion_test"):
        said.append("Peaks of expansion were compared as subsets were, in the units of their assay.")
    if any(str(name).endswith("_imputed") for name in results.estimates["analysis"]):
        said.append(f"Models with imputed covariates were pooled by Rubin's rules {cite('rubin')}.")
    return " ".join(said)


def _survival(results: Results, cite: Cite) -> str:
    """Say how survival was estimated."""
    if not _has(results, "survival_rate"):
        return ""
    interval = clean(_setting(results.run, "analyses", "interval")) or "log"
    said = [
        "PFS runs from infusion to progression or death of any cause, OS to death. Curves are Kaplan-Meier "
        f"{cite('kaplan_meier')} with {interval} intervals, medians have the interval of Brookmeyer and Crowley "
        f"{cite('brookmeyer')}, follow-up is by reverse Kaplan-Meier {cite('schemper')}, beside the plain median."
    ]
    said += [f"Curves were compared with the log-rank test {cite('log_rank')}."] if _has(results, "log_rank") else []
    if _has(results, "landmark_rate"):
        months = _setting(results.run, "analyses", "landmark_months") or 0
        said.append(
            f"Responders and others were compared from a landmark of {months:g} months {cite('landmark')}, since from "
            "infusion on a response must be lived to see."
        )
    if _has(results, "cox_univariable"):
        models = f"Hazard ratios are from Cox models {cite('cox')} with Efron's handling of ties"
        tested = _has(results, "cox_univariable_proportional")
        said.append(
            f"{models}, proportional hazards tested by score {cite('proportional')}." if tested else f"{models}."
        )
    return " ".join(said)


def _relapse(results: Results, cite: Cite) -> str:
    """Say how relapse was estimated."""
    if not _has(results, "cumulative_incidence"):
        return ""
    said = [
        "Relapse is of patients in CR, with death without relapse competing: cumulative incidence by Aalen and "
        f"Johansen {cite('aalen_johansen')}"
    ]
    said += [f"compared with Gray's test {cite('gray')}"] if _has(results, "gray_test") else []
    if _has(results, "fine_gray_univariable"):
        said.append(
            f"subdistribution hazard ratios by Fine and Gray {cite('fine_gray')}, cause-specific ones beside them"
        )
    return f"{', '.join(said)}."


def _software(run: Mapping[str, Any]) -> str:
    """Say what computed it."""
    packages: Any = run.get("packages") or {}
    versions = [f"{clean(name)} {clean(version)}" for name, version in packages.items()]
    python = f"Python {clean(run.get('python'))}"
    return (
        f"Everything was computed with phenotype {clean(run.get('version'))} under {listed([python, *versions])}, from "
        "the inputs whose SHA-256 are listed below."
    )


def _has(results: Results, analysis: str) -> bool:
    """Tell whether an analysis has a row with a number."""
    rows = results.estimates[results.estimates["analysis"] == analysis]
    columns = [name for name in ("estimate", "p_value", "statistic") if name in rows.columns]
    return bool(rows[columns].notna().to_numpy().any())


def _method(results: Results, word: str) -> bool:
    """Tell whether the method of a row names something."""
    return "method" in results.estimates and bool(results.estimates["method"].astype(str).str.contains(word).any())


def _setting(run: Mapping[str, Any], section: str, name: str) -> Any:
    return ((run.get("settings") or {}).get(section) or {}).get(name)


def _intervals(settings: Mapping[str, Any], cite: Cite) -> str:
    """Say what the interval of a fraction holds."""
    gatings = (settings.get("comparisons") or {}).get("gatings", 0)
    if not gatings:
        return (
            f"Intervals of a fraction are Wilson 95 % intervals {cite('wilson')}; they describe the counting of "
            "events, not that of thresholds, nor differences between patients."
        )
    return (
        f"Intervals of a fraction are 95 % intervals that hold the counting of events (Wilson {cite('wilson')}) and "
        f"where thresholds could as well lie: all fitted thresholds were moved at once, {clean(gatings)} times, each "
        "by its own uncertainty, and events counted and groups compared anew. They do not describe differences between "
        "patients."
    )


def _family(settings: Mapping[str, Any]) -> str:
    """Say which tests were adjusted together."""
    one_contrast = (settings.get("comparisons") or {}).get("family") == "contrast"
    return "the subsets of each contrast" if one_contrast else "all tests of the table"


def _definitions(run: Mapping[str, Any]) -> str:
    """Say how the template of the run divides CAR+ T cells into the four subsets."""
    settings: Any = run.get("settings") or {}
    names = {subset: str((settings.get("subsets") or {}).get(subset, subset)) for subset in SUBSETS}
    lines = {line.partition(",")[0]: line for line in map(str, run.get("template") or ())}
    signs = {subset: _signs(lines.get(name, "")) for subset, name in names.items()}
    if not all(signs.values()):
        populations = listed([f"{SUBSET_LABELS[subset].lower()} {clean(name)}" for subset, name in names.items()])
        return f"The four subsets are these populations of the gating template: {populations}."
    parts = listed([f"{SUBSET_LABELS[subset].lower()} {text}" for subset, text in signs.items()])
    stands = "".join(f" {clean(note)}." for note in run.get("alternatives") or ())
    return f"The four subsets are quadrants of CAR+ T cells: {parts}. Naive includes stem-memory cells.{stands}"


def _signs(line: str) -> str:
    """Return what a line of a template keeps as a quadrant: ``CD62L+ CD45RA−``; empty for another gate."""
    found = re.match(r"[^,]*,[^,]*,([^,|]+)\|([^,|]+),quadrant,.*quadrant=([+-])([+-])", line)
    if not found:
        return ""
    x, y, *signs = found.groups()
    first, second = (sign.replace("-", "\N{MINUS SIGN}") for sign in signs)
    return clean(f"{x}{first} {y}{second}")
