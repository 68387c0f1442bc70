"""A first look at a folder of FCS exports: a study written for the analyst to correct.

Roles and markers of controls are proposed from file names and keywords; what could not be told is marked
``?`` and refused by ``phenotype check`` until someone decides.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gating import Channel, FCSMetadata, GatingError, find_channel, marker_in, read_fcs_metadata
from phenotype.errors import StudyError
from phenotype.subsets import DEFAULT_TEMPLATE

__all__ = ["Survey", "propose", "survey_folder", "survey_lines", "write_study"]

CLINICAL_COLUMNS = (
    "patient_id", "apheresis_date", "infusion_date", "prior_asct", "last_asct_date", "best_response",
    "response_date", "progression_date", "death_date", "death_cause", "last_contact_date", "crs_grade",
    "icans_grade", "hb_g_l_d30", "anc_1e9_l_d30", "plt_1e9_l_d30", "extramedullary_disease",
)  # fmt: skip
SAMPLE_COLUMNS = ("file", "patient_id", "role", "day", "batch", "marker", "unsure")
TREE_MARKERS = ("FSC-A", "FSC-H", "Viability", "CD3", "CAR", "CD62L", "CD45RA")
_VIABILITY = ("live/dead", "livedead", "l/d", "zombie", "viability", "aqua", "7-aad", "dapi", "fvs", "ghost", "hoechst")
_CAR = ("car", "bcma", "fmc63", "egfrt", "anti-car")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One row of samples.csv, and what about it is a guess."""

    file: str
    role: str
    batch: str
    marker: str = ""
    unsure: str = ""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a folder holds."""

    folder: Path
    files: tuple[FCSMetadata, ...]
    proposals: tuple[Proposal, ...]
    unreadable: tuple[str, ...]
    aliases: dict[str, str]
    """Marker of the default tree to what the files call it, where the names differ."""
    unresolved: tuple[str, ...]
    """Markers of the default tree that no channel carries."""


def survey_folder(folder: Path) -> Survey:
    """Read the TEXT of every FCS file below a folder, DATA unread.

    Raises
    ------
    StudyError
        If there is no readable FCS file.
    """
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.casefold() == ".fcs" and not p.name.startswith(".")]
    files, proposals, unreadable = [], [], []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            metadata = read_fcs_metadata(path, name=name)
        except (GatingError, OSError) as error:
            unreadable.append(str(error))
            continue
        files.append(metadata)
        proposals.append(propose(name, metadata))
    if not paths:
        raise StudyError([f"{folder.resolve().name}: no file that ends in .fcs; copy the exports into it"])
    if not files:
        raise StudyError([f"{folder.resolve().name}: none of {len(paths)} FCS files can be read", *unreadable])
    panel = max((m.channels for m in files), key=len)
    aliases = {marker: found for marker in TREE_MARKERS if (found := _alias(marker, panel))}
    unresolved = tuple(m for m in TREE_MARKERS if m not in aliases and not _resolves(m, panel))
    return Survey(folder, tuple(files), tuple(proposals), tuple(unreadable), aliases, unresolved)


def propose(name: str, metadata: FCSMetadata) -> Proposal:
    """Propose role, marker and batch of a file from its name and keywords."""
    keywords = metadata.keywords
    batch = " ".join(filter(None, (keywords.get("$DATE", "").strip(), keywords.get("$CYT", "").strip()))) or "?"
    hints = " ".join([name, keywords.get("TUBE NAME", ""), keywords.get("$SMNO", ""), keywords.get("SAMPLE ID", "")])
    words = re.split(r"[^a-z0-9]+", hints.casefold())
    role, marker, unsure = _role(words, metadata.channels)
    return Proposal(name, role, batch, marker, unsure)


def write_study(survey: Survey) -> list[Path]:
    """Write study.toml, samples.csv, gating.csv and an empty clinical.csv beside the files.

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
        "study.toml": _study_text(survey),
        "samples.csv": _samples_text(survey.proposals),
        "gating.csv": DEFAULT_TEMPLATE,
        "clinical.csv": ",".join(CLINICAL_COLUMNS) + "\n",
    }
    existing = [name for name in texts if (survey.folder / name).exists()]
    if existing:
        raise StudyError([f"{name}: exists already; move it away first, nothing was written" for name in existing])
    for name, text in texts.items():
        (survey.folder / name).write_text(text, encoding="utf-8")
    return [survey.folder / name for name in texts]


def _role(words: Sequence[str], channels: Sequence[Channel]) -> tuple[str, str, str]:
    """Return role, marker and what is unsure, from the words of a file's name and keywords."""
    if "fmo" in words:
        marker = _named(words, channels)
        return "fmo", marker or "?", "" if marker else "which marker is left out?"
    if {"unstained", "blank"} & set(words):
        return "unstained", "", ""
    if {"untransduced", "ut", "utd", "ntd", "mock", "nontransduced"} & set(words):
        return "untransduced", "", ""
    if {"comp", "compensation", "single", "ss", "bead", "beads"} & set(words):
        marker = _named(words, channels)
        return "single_stain", marker or "?", "" if marker else "which marker is stained?"
    return "product", "", "patient_id"


def _named(words: Sequence[str], channels: Sequence[Channel]) -> str:
    """Return the one marker of the panel that the words name."""
    joined = {*words, *("".join(pair) for pair in pairwise(words))}
    found = {c.marker for c in channels if c.marker and marker_in(c.marker) in joined}
    return found.pop() if len(found) == 1 else ""


def _resolves(marker: str, panel: Sequence[Channel]) -> bool:
    try:
        find_channel(panel, marker, {}, "panel")
    except GatingError:
        return False
    return True


def _alias(marker: str, panel: Sequence[Channel]) -> str:
    """Return what a panel calls the viability dye or the CAR, if exactly one channel fits."""
    hints = {"Viability": _VIABILITY, "CAR": _CAR}.get(marker, ())
    if not hints or _resolves(marker, panel):
        return ""
    labels = {c.marker for c in panel if c.kind == "fluorescence" and any(h in c.marker.casefold() for h in hints)}
    return labels.pop() if len(labels) == 1 else ""


def _study_text(survey: Survey) -> str:
    aliases = "".join(f'{marker} = ["{_quoted(name)}"]\n' for marker, name in survey.aliases.items())
    doubts = "".join(
        f"# ? {marker}: no channel carries this marker; name it here, or change gating.csv\n"
        for marker in survey.unresolved
    )
    return (
        f'[study]\nname = "{_quoted(survey.folder.resolve().name)}"\n'
        'samples = "samples.csv"       # a row per FCS file\n'
        'clinical = "clinical.csv"     # a row per patient: fill it in\n'
        'template = "gating.csv"       # the gates; parents first\n\n'
        '[compensation]\nsource = "file"               # the file\'s own matrix; or a matrix .csv, or "none"\n\n'
        '[asct]\nreference = "infusion"        # or "apheresis": the interval from transplant runs to this date\n'
        "within_days = 365             # up to and including: within_1y\n\n"
        f"[markers]                     # marker in gating.csv = what your files call it\n{aliases}{doubts}"
    )


def _quoted(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable()).replace("\\", "\\\\").replace('"', '\\"')


def _samples_text(proposals: Sequence[Proposal]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SAMPLE_COLUMNS)
    for row in proposals:
        patient = "?" if row.role == "product" else ""
        writer.writerow([row.file, patient, row.role, "0", row.batch, row.marker, row.unsure])
    return text.getvalue()


def survey_lines(survey: Survey) -> list[str]:
    """Return what was found and what the analyst must decide, as text."""
    roles = ", ".join(f"{sum(p.role == role for p in survey.proposals)} {role}" for role in _roles(survey))
    lines = [f"{len(survey.files)} FCS files: {roles}", "wrote study.toml, samples.csv, gating.csv, clinical.csv"]
    lines += [f"not readable: {fault}" for fault in survey.unreadable]
    lines += [f"{name} is {found!r} in the files: entered under [markers]" for name, found in survey.aliases.items()]
    lines += [f"{name}: no channel carries it; name it under [markers]" for name in survey.unresolved]
    unsure = sum(bool(p.unsure) for p in survey.proposals)
    lines.append(f"{unsure} rows of samples.csv have a '?' for you to decide: see the column 'unsure'")
    lines.append("then: phenotype check study.toml")
    return lines


def _roles(survey: Survey) -> list[str]:
    return sorted({p.role for p in survey.proposals})
