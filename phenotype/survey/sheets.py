"""The proposed study as files: what is not sure is ``?``, which ``phenotype check`` refuses until a person decides."""

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from phenotype.cells import cell
from phenotype.errors import StudyError
from phenotype.study import About
from phenotype.subsets import DEFAULT_TEMPLATE
from phenotype.survey.markers import Carried
from phenotype.survey.proposals import OF_PATIENTS, Proposal, Survey

__all__ = ["one_line", "write_study"]

CLINICAL_COLUMNS = (
    "patient_id", "apheresis_date", "infusion_date", "prior_asct", "last_asct_date", "best_response",
    "response_date", "progression_date", "death_date", "death_cause", "last_contact_date", "crs_grade",
    "icans_grade", "hb_g_l_d30", "anc_1e9_l_d30", "plt_1e9_l_d30", "extramedullary_disease",
)  # fmt: skip


def write_study(survey: Survey) -> list[Path]:
    """Write study.toml, samples.csv, gating.csv and clinical.csv beside the files.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    StudyError
        If one of them is there already: nothing is overwritten.
    """
    texts = {
        "study.toml": study_text(survey),
        "samples.csv": samples_text(survey),
        "gating.csv": DEFAULT_TEMPLATE,
        "clinical.csv": clinical_text(survey.patients),
    }
    existing = [name for name in texts if os.path.lexists(survey.folder / name)]
    if existing:
        raise StudyError([f"{name}: exists already; move it away first, nothing was written" for name in existing])
    for name, text in texts.items():
        with (survey.folder / name).open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
    return [survey.folder / name for name in texts]


def samples_text(survey: Survey) -> str:
    """Return samples.csv; the column ``dataset`` only where a file holds several, ``panel`` where there are several."""
    columns = ["file", "patient_id", "role", "day", "batch", "marker", "unsure"]
    if any(row.tube.dataset for row in survey.proposals):
        columns.insert(1, "dataset")
    if len(survey.panels) > 1:
        columns.append("panel")
    return _table([*columns, *survey.columns], [_cells(row, survey.columns) for row in survey.proposals])


def _cells(row: Proposal, keywords: Sequence[str]) -> dict[str, str]:
    """Return the cells of a row by column."""
    cells = {
        "file": _typed(row.tube.file),
        "dataset": row.tube.dataset,
        "patient_id": cell(row.patient_id),
        "role": row.role,
        "day": row.day,
        "batch": cell(row.batch),
        "marker": cell(row.marker),
        "panel": str(row.panel),
        "unsure": cell(one_line("; ".join(row.doubts))),
    }
    found = {keyword: row.tube.keywords.get(keyword, "") for keyword in keywords}
    return cells | {keyword: "" if text == "?" else cell(text) for keyword, text in found.items()}


def _typed(file: str) -> str:
    """Return a path that a spreadsheet takes for no formula, and whose blanks a reader keeps: with ``./`` before it."""
    return f"./{file}" if re.match(r"[^\w(\[#]", file) else file


def clinical_text(patients: Sequence[str]) -> str:
    """Return an empty clinical sheet with the proposed patients."""
    return _table(CLINICAL_COLUMNS, [{"patient_id": cell(patient)} for patient in patients])


def _table(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def study_text(survey: Survey) -> str:
    """Return study.toml with the markers that were found, and panels and batches as comments."""
    source = '"file"               # the file\'s own matrix; or a matrix .csv, or "none"'
    products = [row.tube for row in survey.proposals if row.role in OF_PATIENTS] or [r.tube for r in survey.proposals]
    if not any(tube.has_matrix for tube in products):
        source = '"?"                  # no file holds a matrix: name a .csv; or "none" if the events are compensated'
    return (
        f'[study]\nname = "{_quoted(survey.folder.resolve().name or "study")}"\n'
        'samples = "samples.csv"       # a row per FCS file\n'
        'clinical = "clinical.csv"     # a row per patient: fill it in\n'
        'template = "gating.csv"       # the gates; parents first\n\n'
        f"[compensation]\nsource = {source}\n\n"
        '[asct]\nreference = "infusion"        # or "apheresis": the interval from transplant runs to this date\n'
        "within_days = 365             # up to and including: within_1y\n\n"
        "[markers]                     # marker in gating.csv = what your files call it\n"
        f"{''.join(_marker_lines(survey))}\n"
        f"# Batches, as in samples.csv\n{''.join(_batch_lines(survey))}\n"
        "# What no file says, for the checklists of the report; take away the # of a line to fill it in\n"
        f"# [about]\n{''.join(_about_lines())}"
    )


def _marker_lines(survey: Survey) -> Iterator[str]:
    """Yield a line for each marker that the files call otherwise, or that a person must place."""
    for found in survey.markers:
        marker, names = found[0].marker, dict.fromkeys(one.alias for one in found if one.alias)
        listed = ", ".join(f'"{_quoted(name)}"' for name in names)
        if all(one.channel for one in found):
            yield f"{marker} = [{listed}]\n" if names else ""
        elif _is_undecided(found):
            names_or_none = f"{listed}, " if listed else ""
            yield f'{marker} = [{names_or_none}"?"]  # {one_line(undecided(found))}\n'


def _is_undecided(found: Sequence[Carried]) -> bool:
    """Whether a person must place a marker; one that the tree does without may be absent."""
    return any(not one.channel and (one.candidates or not one.optional) for one in found)


def undecided(found: Sequence[Carried]) -> str:
    """Say what is not known of a marker: its candidates, or that no channel carries it."""
    candidates = dict.fromkeys(name for one in found if not one.channel for name in one.candidates)
    lacking = sum(not one.channel and not one.candidates for one in found)
    where = "" if len(found) == 1 else f" in {lacking} of {len(found)} panels"
    parts = [f"could be {' or '.join(candidates)}"] if candidates else []
    return "; ".join([*parts, f"no channel carries it{where}"] if lacking else parts)


def _batch_lines(survey: Survey) -> Iterator[str]:
    for batch in survey.batches:
        yield f"# {one_line(f'{batch.name}: {batch.stands_for}, {len(batch.members)} tubes')}\n"


def _about_lines() -> Iterator[str]:
    """Yield a commented line for each word of [about]."""
    words = [name for name in About.model_fields if name != "antibodies"]
    yield from (f'# {name} = ""\n' for name in words)
    yield '# [about.antibodies]\n# CD3 = "clone, fluorochrome, vendor, catalogue number"\n'


def one_line(text: str) -> str:
    """Return a text in one line, without signs that steer a terminal.

    >>> one_line("a" + chr(10) + "b" + chr(27) + "[31m")
    'a b [31m'
    """
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _quoted(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable()).replace("\\", "\\\\").replace('"', '\\"')
