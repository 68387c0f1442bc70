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
    "logicle_exact": "Moore WA, Parks DR. Cytometry A 2012;81:273-277.",
    "wilson": "Wilson EB. J Am Stat Assoc 1927;22:209-212.",
    "mann_whitney": "Mann HB, Whitney DR. Ann Math Stat 1947;18:50-60.",
    "hodges_lehmann": "Hodges JL, Lehmann EL. Ann Math Stat 1963;34:598-611.",
    "cliff": "Cliff N. Psychol Bull 1993;114:494-509.",
    "feng": "Feng D, Cliff N. J Mod Appl Stat Methods 2004;3:322-332.",
    "holm": "Holm S. Scand J Stat 1979;6:65-70.",
    "bh": "Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300.",
    "kruskal": "Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583-621.",
    "dunn": "Dunn OJ. Technometrics 1964;6:241-252.",
    "jonckheere": "Jonckheere AR. Biometrika 1954;41:133-145.",
    "terpstra": "Terpstra TJ. Indag Math 1952;14:327-333.",
    "spearman": "Bonett DG, Wright TA. Psychometrika 2000;65:23-28.",
    "aitchison": "Aitchison J. J R Stat Soc B 1982;44:139-177.",
    "pillai": "Pillai KCS. Ann Math Stat 1955;26:117-121.",
    "permanova": "Anderson MJ. Austral Ecol 2001;26:32-46.",
    "dispersion": "Anderson MJ. Biometrics 2006;62:245-253.",
    "dirichlet": "Maier MJ. DirichletReg: Dirichlet regression for compositional data in R. WU Vienna, 2014.",
    "standardised": "Austin PC. Stat Med 2009;28:3083-3107.",
    "clopper": "Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.",
    "imwg": "Kumar S, et al. Lancet Oncol 2016;17:e328-e346.",
    "imwg_reporting": "Rajkumar SV, et al. Blood 2011;117:4691-4695.",
    "astct": "Lee DW, et al. Biol Blood Marrow Transplant 2019;25:625-638.",
    "ctcae": "National Cancer Institute. Common terminology criteria for adverse events, version 5.0. 2017.",
    "kaplan_meier": "Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481.",
    "greenwood": "Greenwood M. Reports on Public Health and Medical Subjects 1926;33:1-26.",
    "brookmeyer": "Brookmeyer R, Crowley J. Biometrics 1982;38:29-41.",
    "schemper": "Schemper M, Smith TL. Control Clin Trials 1996;17:343-346.",
    "log_rank": "Mantel N. Cancer Chemother Rep 1966;50:163-170.",
    "log_rank_trend": "Tarone RE. Biometrika 1975;62:679-682.",
    "landmark": "Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719.",
    "cox": "Cox DR. J R Stat Soc B 1972;34:187-220.",
    "efron": "Efron B. J Am Stat Assoc 1977;72:557-565.",
    "firth_cox": "Heinze G, Schemper M. Biometrics 2001;57:114-119.",
    "proportional": "Grambsch PM, Therneau TM. Biometrika 1994;81:515-526.",
    "aalen_johansen": "Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.",
    "gray": "Gray RJ. Ann Stat 1988;16:1141-1154.",
    "fine_gray": "Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496-509.",
    "firth": "Firth D. Biometrika 1993;80:27-38.",
    "firth_logistic": "Heinze G, Schemper M. Stat Med 2002;21:2409-2419.",
    "chained": "van Buuren S, Groothuis-Oudshoorn K. J Stat Softw 2011;45(3).",
    "rubin": "Rubin DB. Multiple imputation for nonresponse in surveys. Wiley, 1987.",
    "kinetics": "Gabrielsson J, Weiner D. Methods Mol Biol 2012;929:377-389.",
    "miflowcyt": "Lee JA, et al. Cytometry A 2008;73:926-930.",
    "remark": "Altman DG, McShane LM, Sauerbrei W, Taube SE. BMC Med 2012;10:51.",
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
        f"{_definitions(results.run)} {_limits(results.run)}{_intervals(results.run.get('settings') or {}, cite)}",
        _groups(results, cite),
        _others(results, cite),
        _response(results, cite),
        _survival(results, cite),
        _relapse(results, cite),
        _software(results, cite),
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
    placed = "Thresholds of fluorescence were placed on a logicle scale"
    shown = f" {placed} {cite('logicle', 'logicle_exact')}." if logicle else ""
    return (
        f"{_acquired(results.run)}FCS files {standard} were {compensated}, then divided by one gating template, "
        f"parents first.{shown} Where a threshold was fitted, it was fitted to the events of the parent, or of the "
        "population that the template names (on=…); a threshold that the data do not support was refused, and "
        "populations below it have no number."
    )


def _acquired(run: Mapping[str, Any]) -> str:
    """Say when, on what and by which program the files were made, as far as they tell."""
    found = run.get("acquisition")
    if not isinstance(found, Mapping):
        return ""
    first, last = clean(found.get("first_date")), clean(found.get("last_date"))
    when = f" on {first}" if first == last else f" from {first} to {last}"
    on, by = (listed([clean(name) for name in found.get(key) or ()]) for key in ("cytometers", "software"))
    said = f"{when if first else ''}{f' on {on}' if on else ''}{f' with {by}' if by else ''}"
    return f"Cells were measured{said}. " if said else ""


def _limits(run: Mapping[str, Any]) -> str:
    """Say below how many events there is no fraction."""
    least = _setting(run, "quality", "not_quantified_below")
    return f"Of fewer than {clean(least)} CAR+ T cells no fraction is given. " if least else ""


def _groups(results: Results, cite: Cite) -> str:
    """Say how groups were made and subsets compared."""
    run, comparisons = results.run, results.comparisons
    days, reference = (clean(_setting(run, "asct", name)) for name in ("within_days", "reference"))
    published = (days or str(YEAR), reference or "infusion") == (str(YEAR), "infusion")
    said = (
        f"Groups are {'those' if published else 'made like those, with another limit,'} of Jin et al. {cite('jin')} "
        f"and are derived from dates: the interval runs from the last ASCT to {reference or 'infusion'}; up to "
        f"{days or YEAR} days is “ASCT ≤ 1 y before”, more is “ASCT > 1 y before”. A transplant of unknown date counts "
        "as an ASCT, in neither timed group. Every patient counts once."
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
    return said + (
        f"; effect size: Cliff's delta {cite('cliff')} with its interval {cite('feng')}."
        if "cliffs_delta" in comparisons
        else "."
    )


_MORE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("subset_kruskal", "Kruskal-Wallis tests over three groups", ("kruskal",)),
    ("subset_dunn", "Dunn's tests of pairs", ("dunn",)),
    ("subset_trend", "Jonckheere-Terpstra tests of trend with Kendall's tau-b", ("jonckheere", "terpstra")),
    ("subset_correlation", "Spearman's correlations with the interval of Bonett and Wright", ("spearman",)),
    ("composition_manova", "log-ratios of the four fractions, which sum to one, by MANOVA", ("aitchison", "pillai")),
    ("composition_permanova", "permutation tests of Aitchison distances", ("permanova",)),
    ("composition_dispersion", "a test of equal scatter", ("dispersion",)),
    ("composition_dirichlet", "Dirichlet regression", ("dirichlet",)),
)


def _others(results: Results, cite: Cite) -> str:
    """Say what else was asked of the subsets, and how patients were described."""
    said = []
    if _has(results, "baseline_difference"):
        said.append(
            f"Groups at baseline are held against each other by standardised differences {cite('standardised')}, "
            "without tests."
        )
    found = [f"{words} {cite(*keys)}" for analysis, words, keys in _MORE if _has(results, analysis)]
    said += [f"Of the subsets besides: {listed(found)}; their p-values are not adjusted."] if found else []
    return " ".join(said)


def _response(results: Results, cite: Cite) -> str:
    """Say how response and toxicity were defined and estimated."""
    said = []
    if _has(results, "response_rate"):
        said.append(
            f"Best response is by IMWG {cite('imwg', 'imwg_reporting')}: sCR counts as CR, PR or better as response, "
            "and patients who could not be evaluated are in no denominator; shares have exact intervals "
            f"{cite('clopper')}."
        )
    said += _toxicity(results, cite)
    if _has(results, "logistic_univariable") or _has(results, "logistic_multivariable"):
        needed = _method(results, "logistic_", "Firth")
        penalty = f"; separated ones with Firth's penalty {cite('firth', 'firth_logistic')}" if needed else ""
        said.append(f"Odds ratios are from logistic models with profile-likelihood intervals{penalty}.")
    if _has(results, "expansion_test"):
        said.append(_expansion(results, cite))
    if any(
        _has(results, str(name)) for name in results.estimates["analysis"].unique() if str(name).endswith("_imputed")
    ):
        said.append(
            f"Missing covariates were also imputed by chained equations {cite('chained')}, and models pooled by "
            f"Rubin's rules {cite('rubin')}."
        )
    return " ".join(said)


def _toxicity(results: Results, cite: Cite) -> list[str]:
    """Say by what toxicity was graded: what the clinical sheet has of it."""
    rows = results.estimates[results.estimates["analysis"] == "toxicity_rate"]
    names = " ".join(str(name) for name in rows.loc[rows["estimate"].notna(), "endpoint"])
    immune = listed([name for name in ("CRS", "ICANS") if name in names])
    blood = any(name in names for name in ("anaemia", "neutropenia", "thrombocytopenia"))
    said = [f"{immune} {'were' if 'and' in immune else 'was'} graded by ASTCT {cite('astct')}"] if immune else []
    said += [f"cytopenias of day 30 by CTCAE {cite('ctcae')}"] if blood else []
    text = ", ".join(said)
    return [f"{text[0].upper()}{text[1:]}."] if text else []


def _expansion(results: Results, cite: Cite) -> str:
    """Say how expansion was measured and compared."""
    endpoints = results.estimates.loc[results.estimates["analysis"] == "expansion_test", "endpoint"].astype(str)
    area = endpoints.str.contains("_auc_").any()
    what = (
        f"Peaks of expansion, and areas to day 28 without a model {cite('kinetics')}," if area else "Peaks of expansion"
    )
    return f"{what} were compared by rank tests with the Hodges-Lehmann shift, in the units of their assay."


def _survival(results: Results, cite: Cite) -> str:
    """Say how survival was estimated."""
    if not _has(results, "survival_rate"):
        return ""
    interval = clean(_setting(results.run, "analyses", "interval")) or "log"
    said = [
        "PFS runs from infusion to progression or death of any cause, OS to death. Curves are Kaplan-Meier "
        f"{cite('kaplan_meier')} with {interval} intervals by Greenwood's variance {cite('greenwood')}."
    ]
    if _has(results, "survival_median"):
        said.append(f"Medians have the interval of Brookmeyer and Crowley {cite('brookmeyer')}.")
    if _has(results, "follow_up"):
        said.append(f"Follow-up is by reverse Kaplan-Meier {cite('schemper')}, beside the plain median.")
    said += [f"Curves were compared with the log-rank test {cite('log_rank')}."] if _has(results, "log_rank") else []
    if _has(results, "log_rank_trend"):
        said.append(
            f"Over none, more than a year and within a year its test of trend was used {cite('log_rank_trend')}."
        )
    if _has(results, "landmark_rate"):
        months = _setting(results.run, "analyses", "landmark_months") or 0
        said.append(
            f"Responders and others were compared from a landmark of {months:g} months {cite('landmark')}, since from "
            "infusion on a response must be lived to see."
        )
    return " ".join([*said, *_cox(results, cite)])


def _cox(results: Results, cite: Cite) -> list[str]:
    """Say how hazard ratios of PFS and OS were estimated."""
    kinds = [kind for kind in ("univariable", "multivariable") if _has(results, f"cox_{kind}")]
    if not kinds:
        return []
    said = f"Hazard ratios are from Cox models {cite('cox')}"
    if _method(results, "cox_", "Cox, Efron"):
        said += f" with Efron's handling of ties {cite('efron')}"
    if _method(results, "cox_", "Firth"):
        said += f", those of a monotone likelihood with Firth's penalty {cite('firth', 'firth_cox')}"
    if any(_has(results, f"cox_{kind}_proportional") for kind in kinds):
        said += f"; proportional hazards were tested by score {cite('proportional')}"
    return [f"{said}."]


def _relapse(results: Results, cite: Cite) -> str:
    """Say how relapse was estimated."""
    if not _has(results, "cumulative_incidence"):
        return ""
    clock = clean(_setting(results.run, "analyses", "relapse_clock")) or "infusion"
    said = [
        f"Relapse is of patients in CR, from {clock} on, with death without relapse competing: cumulative incidence by "
        f"Aalen and Johansen {cite('aalen_johansen')}"
    ]
    said += [f"compared with Gray's test {cite('gray')}"] if _has(results, "gray_test") else []
    if _has(results, "fine_gray_univariable") or _has(results, "fine_gray_multivariable"):
        said.append(f"subdistribution hazard ratios by Fine and Gray {cite('fine_gray')}")
    if _has(results, "cause_specific_univariable") or _has(results, "cause_specific_multivariable"):
        penalty = f", those of a monotone likelihood with Firth's penalty {cite('firth', 'firth_cox')}"
        said.append(
            f"cause-specific hazard ratios by Cox models {cite('cox')}"
            + (penalty if _method(results, "cause_specific_", "Firth") else "")
        )
    return f"{', '.join(said)}."


def _software(results: Results, cite: Cite) -> str:
    """Say what computed it, and by which lists it can be judged."""
    run = results.run
    packages: Any = run.get("packages") or {}
    versions = [f"{clean(name)} {clean(version)}" for name, version in packages.items()]
    python = f"Python {clean(run.get('python'))}"
    return (
        f"Everything was computed with phenotype {clean(run.get('version'))} under {listed([python, *versions])}, from "
        "the inputs whose SHA-256 are listed below. What MIFlowCyt "
        f"{cite('miflowcyt')} and REMARK {cite('remark')} ask for is in the checklists."
    )


def _has(results: Results, analysis: str) -> bool:
    """Tell whether an analysis has a row with a number."""
    rows = results.estimates[results.estimates["analysis"] == analysis]
    columns = [name for name in ("estimate", "p_value", "statistic") if name in rows.columns]
    return bool(rows[columns].notna().to_numpy().any())


def _method(results: Results, analyses: str, begins: str) -> bool:
    """Tell whether a row with a number, of analyses whose names begin so, was made by a method whose name does."""
    if "method" not in results.estimates:
        return False
    rows = results.estimates[results.estimates["estimate"].notna()]
    chosen = rows["analysis"].astype(str).str.startswith(analyses) & rows["method"].astype(str).str.startswith(begins)
    return bool(chosen.any())


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
