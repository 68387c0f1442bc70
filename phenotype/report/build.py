"""Make report.html from a result folder: one file that opens anywhere and fetches nothing."""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from phenotype.figures import numbers
from phenotype.figures.palette import GROUP_LABELS
from phenotype.figures.style import write_file
from phenotype.figures.subsets import CONTRASTS
from phenotype.report import tables, text
from phenotype.report.answer import answer
from phenotype.report.baseline import baseline_table, flow_table
from phenotype.report.checklists import miflowcyt, remark, remark_profile, write_checklists
from phenotype.report.draw import Figures, draw_figures
from phenotype.report.gating import fitted
from phenotype.report.methods import methods
from phenotype.report.outcomes import outcome_tables
from phenotype.report.read import ReportError, Results, read_results
from phenotype.report.shown import shown
from phenotype.subsets import SUBSET_LABELS, SUBSETS

__all__ = ["build_pdf", "build_report"]

PAGE = Path(__file__).parent / "page"
LARGEST = 24_000_000
"""Characters of a page: a mail takes 25 MB. Pictures of gates that have no room in it are files, and that is said."""
COUNT_WORDS = {
    "patients": "Patients in the clinical sheet",
    "patients_with_subsets": "Patients with subset fractions from their product",
    "products": "Product files in the sample sheet",
    "failed": "Files that could not be processed",
    "gated": "Samples gated, products and others",
}


def build_report(folder: Path, *, jobs: int = 1) -> Path:
    """Draw the figures of a result folder and write its report.html.

    The same tables give the same bytes, whenever and with however many jobs it is built.

    Parameters
    ----------
    folder
        As a run left it.
    jobs
        Worker processes that draw gating figures.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    ReportError
        If the folder is not that of a finished run, or a table lacks a column.
    """
    results = read_results(folder)
    figures = draw_figures(results, jobs=jobs)
    page = render(results, figures)
    if len(page) > LARGEST:
        gates = fitted(figures.gates, LARGEST - (len(page) - figures.gates.packed))
        page = render(results, replace(figures, gates=gates))
    write_checklists(results)
    path = folder / "report.html"
    write_file(path, page.encode("utf-8"))
    return path


def build_pdf(folder: Path, *, jobs: int = 1) -> Path:
    """Write report.pdf: the same report for paper, every part open and the gates of every sample in it.

    Parameters
    ----------
    folder
        As a run left it.
    jobs
        Worker processes that draw gating figures.

    Raises
    ------
    ReportError
        As :func:`build_report`; or WeasyPrint, the extra ``pdf``, is not installed.
    """
    write_pdf = _pdf_writer()
    results = read_results(folder)
    path = folder / "report.pdf"
    write_file(path, write_pdf(render(results, draw_figures(results, jobs=jobs), paper=True)))
    return path


def _pdf_writer() -> Callable[[str], bytes]:
    """Return what sets a page on paper; it reads what is embedded and fetches nothing."""
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:
        lacking = f"WeasyPrint or its library Pango ({str(error).splitlines()[0]})"
        fault = f"report.pdf: cannot be made without {lacking}; pip install 'phenotype[pdf]', or print report.html"
        raise ReportError(fault) from error
    embedded = URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    return lambda page: bytes(HTML(string=page, url_fetcher=embedded).write_pdf() or b"")


def render(results: Results, figures: Figures, *, paper: bool = False) -> str:
    """Return the page; for paper without script, every picture in its place.

    Everything is escaped, except this package's own style sheet and script.
    """
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clean": text.clean,
        "nopath": text.without_paths,
        "percent": numbers.percent,
        "interval": numbers.interval,
        "points": numbers.points,
        "span": numbers.points_interval,
        "kept": text.kept,
        "p": numbers.p_value,
        "count": numbers.count,
        "decimal": numbers.decimal,
        "group": text.group_phrase,
        "contrast": text.contrast_title,
    }
    style, script = _own("style.css"), _own("page.js")
    style += _own("simulated.css") if results.synthetic else Markup("")
    found = tables.products(results)
    page = environment.get_template("page.html.j2")
    return page.render(
        style=style,
        script=script,
        policy=_policy(style, script),
        **_content(results, found),
        **shown(figures, found, paper=paper),
        paper=paper,
        composition=figures.composition.to_dict("records"),
        mismatches=tables.count_mismatches(results.comparisons, figures.patients),
    )


def _content(results: Results, found: tuple[tables.Product, ...]) -> dict[str, Any]:
    """Return what the page says, apart from its pictures."""
    run, said = results.run, answer(results, found)
    return {
        "synthetic": results.synthetic,
        "name": text.clean(_inside(run, "study").get("name")) or "Unnamed study",
        "answer": said,
        "other_year": text.other_year(run),
        "flow": _flow(results, found),
        "groups": _groups(results),
        "join": _inside(run, "join"),
        "notes": run.get("notes") or (),
        "medians": tables.group_medians(results.estimates),
        "kruskal": {row["endpoint"]: row for row in _analysis(results, "subset_kruskal")},
        "comparisons": results.comparisons.to_dict("records"),
        "robustness": results.robustness[results.robustness["shift"] == ""].to_dict("records"),
        "robustness_sentences": said.robustness,
        "baseline": baseline_table(results.estimates),
        "patient_flow": flow_table(results.estimates),
        "outcomes": outcome_tables(results.estimates),
        "has_delta": "cliffs_delta" in results.comparisons,
        "has_bh": "p_adjusted_bh" in results.comparisons,
        "contrasts": CONTRASTS,
        "subsets": SUBSETS,
        "subset_labels": SUBSET_LABELS,
        "group_labels": GROUP_LABELS,
        "products": found,
        "flag_words": text.FLAG_WORDS,
        "quality": results.quality.to_dict("records"),
        "quality_summary": tables.quality_summary(results.quality).to_dict("records"),
        "failures": results.failures.to_dict("records"),
        "drift": results.drift.to_dict("records"),
        "review": results.review.to_dict("records"),
        "without_number": [product for product in found if not product.reported],
        "settings": text.settings_rows(run.get("settings") or {}),
        "template": run.get("template") or (),
        "versions": _versions(run),
        "inputs": _inside(run, "inputs"),
        "methods": methods(results),
        "checklists": {"MIFlowCyt": miflowcyt(results), "REMARK": remark(results)},
        "remark_profile": remark_profile(results),
        "channels": results.channels.to_dict("records"),
    }


def _flow(results: Results, found: tuple[tables.Product, ...]) -> list[tuple[str, str]]:
    """Return how many files and patients there are at each stage."""
    counts = _inside(results.run, "counts")
    order = [*(key for key in COUNT_WORDS if key in counts), *(key for key in counts if key not in COUNT_WORDS)]
    rows = [(COUNT_WORDS.get(key, text.clean(key).replace("_", " ")), numbers.count(counts[key])) for key in order]
    withheld = sum(not product.reported for product in found)
    return [
        *rows,
        ("Infusion products gated", numbers.count(len(found))),
        ("Infusion products without a number for at least one subset", numbers.count(withheld)),
    ]


def _groups(results: Results) -> list[dict[str, Any]]:
    """Return patients and patients with a phenotype, by group."""
    known = results.cohort.dropna(subset=list(SUBSETS))
    everyone, phenotyped = Counter(results.cohort["asct_group"]), Counter(known["asct_group"])
    timed = ("none", "over_1y", "within_1y")
    order = [*timed, *sorted(set(everyone) - set(timed))]
    return [{"group": group, "patients": everyone[group], "phenotyped": phenotyped[group]} for group in order]


def _analysis(results: Results, name: str) -> list[dict[Any, Any]]:
    """Return the rows of one analysis of estimates.csv."""
    return results.estimates[results.estimates["analysis"] == name].to_dict("records")


def _versions(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    packages = _inside(run, "packages")
    own = [
        ("phenotype", run.get("version")),
        ("Python", run.get("python")),
        *packages.items(),
        ("seed", run.get("seed")),
    ]
    return [(text.clean(name), text.clean(value) or "none") for name, value in own]


def _inside(run: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object of run.json; empty where there is none."""
    value = run.get(key)
    return value if isinstance(value, Mapping) else {}


def _own(name: str) -> Markup:
    """Return a file of this package, which needs no escaping."""
    return Markup((PAGE / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file, no data in it


def _policy(style: str, script: str) -> str:
    """Return a policy that lets the page show embedded pictures and run its own two files, and nothing else."""
    hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (style, script)]
    return (
        f"default-src 'none'; img-src data: blob:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
