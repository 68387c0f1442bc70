"""A survey: every row of samples.csv proposed, and what about it a person must decide."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from phenotype.errors import StudyError
from phenotype.survey.batches import Batch, find_batches
from phenotype.survey.folder import Folder, Tube, read_folder, same_guid
from phenotype.survey.markers import Carried, carried, panel_names, vocabularies
from phenotype.survey.panels import Panel, find_panels
from phenotype.survey.patients import distinct, guess_patients
from phenotype.survey.roles import Guess, RoleGuess, common_words, guess_role
from phenotype.survey.samples import OPEN_ROLES, settle

__all__ = ["Proposal", "Survey", "propose", "survey_folder"]

OF_PATIENTS = ("product", "monitoring")
MOST_NAMED = 3
"""Files named in the column ``unsure``."""
_TELLING = (
    "TUBE NAME", "SAMPLE ID", "$SMNO", "$CELLS", "$SRC", "GROUPNAME", "EXPERIMENT NAME", "$PROJ", "PLATE NAME",
    "$PLATENAME", "WELL ID", "$WELLID",
)  # fmt: skip
"""Keywords that may become columns of samples.csv."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One row of samples.csv; ``?`` in a cell is for a person to decide."""

    tube: Tube
    patient_id: str
    role: str
    day: str
    batch: str
    marker: str
    doubts: tuple[str, ...] = ()
    """What is not sure, and why."""
    panel: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """What a folder holds, and the study that is proposed for it."""

    folder: Path
    proposals: tuple[Proposal, ...]
    panels: tuple[Panel, ...]
    batches: tuple[Batch, ...]
    markers: tuple[tuple[Carried, ...], ...]
    """For each marker of the default tree, how each panel of the products carries it."""
    columns: tuple[str, ...]
    """Keywords that tell samples apart and say what no name says."""
    patients: tuple[str, ...]
    unreadable: tuple[str, ...]
    ignored: Mapping[str, int]


def survey_folder(path: Path) -> Survey:
    """Look at every FCS file of a folder and below, DATA unread, and propose a study.

    Raises
    ------
    StudyError
        If there is no readable FCS file.
    """
    folder = read_folder(path)
    if not folder.tubes:
        none = "no file that ends in .fcs or .lmd; copy the exports into it"
        if folder.unreadable:
            none = f"none of {len(folder.unreadable)} FCS files can be read"
        others = [f"{n} {kind}" for kind, n in folder.ignored.items() if "FCS" in kind]
        raise StudyError([f"{path.resolve().name or path}: {none}", *folder.unreadable, *others])
    return propose(folder)


def propose(folder: Folder) -> Survey:
    """Propose a study for what a folder holds."""
    tubes = folder.tubes
    panels = find_panels(tubes)
    batches, batch_of = find_batches(tubes)
    rows = _without_repeats(_with_notes(_rows(tubes, batch_of), panels))
    return Survey(
        folder=folder.path,
        proposals=rows,
        panels=panels,
        batches=batches,
        markers=tuple(_markers(panels, rows)),
        columns=tuple(_columns(tubes)),
        patients=distinct(row.patient_id for row in rows),
        unreadable=folder.unreadable,
        ignored=folder.ignored,
    )


def _rows(tubes: Sequence[Tube], batch_of: Sequence[Guess]) -> list[Proposal]:
    """Propose each tube's role, patient and day by what its names say."""
    known = vocabularies(tubes)
    roles = _roles(tubes, known)
    samples = [i for i, guess in enumerate(roles) if guess.role.value in OPEN_ROLES]
    people = guess_patients([tubes[i] for i in samples], [known[i] for i in samples])
    settled = settle([tubes[i] for i in samples], [known[i] for i in samples], [roles[i].role for i in samples], people)
    rows = [
        Proposal(tube, "", role.role.value, "", batch.value, role.marker.value, _doubts(role.role, role.marker, batch))
        for tube, role, batch in zip(tubes, roles, batch_of, strict=True)
    ]
    for i, person, (role, day) in zip(samples, people, settled, strict=True):
        rows[i] = replace(
            rows[i],
            patient_id=person.value,
            role=role.value,
            day=day.value,
            doubts=_doubts(role, person, day, batch_of[i]),
        )
    return rows


def _doubts(*guesses: Guess) -> tuple[str, ...]:
    return tuple(dict.fromkeys(guess.doubt for guess in guesses if guess.doubt))


def _roles(tubes: Sequence[Tube], known: Sequence[Mapping[str, str]]) -> list[RoleGuess]:
    common = common_words(tubes)
    return [
        RoleGuess(Guess("?", f"role: the same bytes as {tube.twin}: delete one of the two rows"))
        if tube.twin
        else guess_role(tube, names, common)
        for tube, names in zip(tubes, known, strict=True)
    ]


def _with_notes(rows: Iterable[Proposal], panels: Sequence[Panel]) -> list[Proposal]:
    """Add panels, and what a person should know though no cell depends on it."""
    rows = list(rows)
    guids = same_guid(row.tube for row in rows)
    for panel in panels:
        moved = [f"to know: {difference}; labels or stains swapped?" for difference in panel.moved]
        for i in panel.members:
            notes = [*moved, *_notes(rows[i].tube, guids)]
            rows[i] = replace(rows[i], panel=panel.number, doubts=(*rows[i].doubts, *notes))
    return rows


def _notes(tube: Tube, guids: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield that a file is one of two exports of a tube, or holds one population only."""
    if others := [file for file in guids.get(tube.file, ()) if file != tube.file]:
        yield f"to know: has the GUID of {_few(others)}: one tube, exported in two ways"
    if tube.stem.casefold().startswith("export_"):
        yield "to know: an export of one population from FlowJo; the default tree expects all events"


def _few(files: Sequence[str]) -> str:
    return ", ".join(files[:MOST_NAMED]) + (" and more" if len(files) > MOST_NAMED else "")


def _without_repeats(rows: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Doubt the roles of rows that would be one patient's sample twice."""
    found = defaultdict(list)
    for i, row in enumerate(rows):
        if row.role in OF_PATIENTS and row.patient_id not in {"", "?"}:
            found[row.patient_id, row.role, row.day if row.role == "monitoring" else ""].append(i)
    changed = list(rows)
    for (patient, role, _), places in found.items():
        for i in places if len(places) > 1 else ():
            others = _few([_name(rows[j]) for j in places if j != i][: MOST_NAMED + 1])
            doubt = f"role: {patient} would have a {role} twice, with {others}: which is it?"
            changed[i] = replace(rows[i], role="?", doubts=(*rows[i].doubts, doubt))
    return tuple(changed)


def _name(row: Proposal) -> str:
    return f"{row.tube.file}#{row.tube.dataset}" if row.tube.dataset else row.tube.file


def _markers(panels: Sequence[Panel], rows: Sequence[Proposal]) -> list[tuple[Carried, ...]]:
    """Return how the panels that will be gated carry each marker; where no role is known yet, all that could be."""
    gated = {row.panel for row in rows if row.role in OF_PATIENTS}
    used = gated or {row.panel for row in rows if row.role == "?"} or {row.panel for row in rows}
    found = [carried(panel_names(panel.channels)) for panel in panels if panel.number in used]
    return list(zip(*found, strict=True))


def _columns(tubes: Sequence[Tube]) -> list[str]:
    """Return keywords that most files have, that differ between them, and that say what no name and no other does."""
    useful: dict[tuple[str, ...], str] = {}
    for keyword in _TELLING:
        values = tuple(tube.keywords.get(keyword, "") for tube in tubes)
        known = [(value, tube) for value, tube in zip(values, tubes, strict=True) if value]
        told = sum(value.casefold() in tube.file.casefold() for value, tube in known)
        if len(known) > len(tubes) / 2 and told < len(known) / 2 and len(set(values) - {""}) > 1:
            useful.setdefault(values, keyword)
    return list(useful.values())
