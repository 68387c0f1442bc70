"""A survey in words: what was found, and what a person must decide."""

from collections import Counter
from collections.abc import Iterator, Sequence

from phenotype.survey.markers import Carried
from phenotype.survey.proposals import Survey
from phenotype.survey.sheets import one_line, undecided

__all__ = ["survey_lines"]

MOST = 20
"""Lines of a list on the screen."""
LONGEST = 1000
"""Characters of a line on the screen."""
_MOST_DIFFERENCES = 6


def survey_lines(survey: Survey) -> list[str]:
    """Return what was found and what the analyst must decide, as text."""
    rows = survey.proposals
    files = len({row.tube.file for row in rows})
    tubes = f" with {_count(len(rows), 'dataset')}" if len(rows) > files else ""
    counts = Counter(row.role for row in rows)
    roles = ", ".join(f"{n} {role if role != '?' else 'to decide'}" for role, n in sorted(counts.items()))
    lines = [f"{_count(files, 'FCS file')}{tubes}: {roles}"]
    lines += _few([f"not readable: {fault}" for fault in survey.unreadable])
    if survey.ignored:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(survey.ignored.items(), key=lambda kind: -kind[1]))
        lines.append(f"ignored {_count(sum(survey.ignored.values()), 'other file')}: {kinds}")
    lines += _few([f"same bytes: {row.tube.file} and {row.tube.twin}" for row in rows if row.tube.twin])
    lines += _panel_lines(survey)
    lines += [line for found in survey.markers if (line := _marker_line(found))]
    lines += _batch_lines(survey)
    lines += _patient_lines(survey)
    if survey.columns:
        lines.append(f"keywords that tell samples apart, as columns of samples.csv: {', '.join(survey.columns)}")
    lines += ["wrote study.toml, samples.csv, gating.csv, clinical.csv", *_last_lines(survey)]
    return [_on_screen(line) for line in lines]


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _few(lines: Sequence[str], most: int = MOST) -> list[str]:
    return [*lines[:most], f"  ... and {len(lines) - most} more"] if len(lines) > most else list(lines)


def _panel_lines(survey: Survey) -> list[str]:
    """Return a table of panels: files, what they are, and what differs from the most frequent."""
    if len(survey.panels) == 1:
        return [f"one panel: {_stained(survey, 0)}"]
    lines = [f"{len(survey.panels)} panels, in column 'panel' of samples.csv:"]
    for i, panel in enumerate(survey.panels):
        counts = Counter(survey.proposals[place].role for place in panel.members)
        roles = ", ".join(f"{n} {role if role != '?' else 'to decide'}" for role, n in sorted(counts.items()))
        told = _stained(survey, i) if i == 0 else "; ".join(_few_differences(panel.differences))
        told += "; labels or stains swapped?" if panel.moved else ""
        lines.append(f"  {panel.number}: {_count(len(panel.members), 'file')} ({roles}): {told}")
    return _few(lines, MOST + 1)


def _stained(survey: Survey, i: int) -> str:
    """Return the markers of a panel with their detectors."""
    channels = [c for c in survey.panels[i].channels if c.kind == "fluorescence"]
    return ", ".join(f"{c.marker} ({c.name})" if c.marker else c.name for c in channels)


def _few_differences(differences: Sequence[str]) -> list[str]:
    more = len(differences) - _MOST_DIFFERENCES
    return [*differences[:_MOST_DIFFERENCES], f"and {more} more differences"] if more > 0 else list(differences)


def _marker_line(found: Sequence[Carried]) -> str:
    """Say where a marker of the default tree is."""
    marker = found[0].marker
    homes = dict.fromkeys(one.channel for one in found if one.channel)
    if all(one.channel for one in found):
        renamed = " (entered under [markers])" if any(one.alias for one in found) else ""
        return f"{marker}: {', '.join(homes)}{renamed}"
    if not any(one.candidates for one in found) and found[0].optional:
        return f"{marker}: not in {'the panel' if len(found) == 1 else 'every panel'}; the tree does without"
    beside = f"{', '.join(homes)}; elsewhere " if homes else ""
    return f"{marker}: ? {beside}{undecided(found)}; decide under [markers] in study.toml"


def _batch_lines(survey: Survey) -> list[str]:
    """Return what each batch stands for."""
    lines = [f"{batch.name}: {batch.stands_for}, {_count(len(batch.members), 'file')}" for batch in survey.batches]
    undated = sum(row.batch == "?" for row in survey.proposals)
    return [*_few(lines), *([f"batch of {_count(undated, 'file')}: ? see the column 'unsure'"] if undated else [])]


def _patient_lines(survey: Survey) -> Iterator[str]:
    if survey.patients:
        more = len(survey.patients) - MOST
        listed = ", ".join(survey.patients[:MOST]) + (f" and {more} more" if more > 0 else "")
        yield f"{_count(len(survey.patients), 'patient')}: {listed}"
    unknown = sum(row.patient_id == "?" for row in survey.proposals)
    if unknown:
        yield f"patient of {_count(unknown, 'file')}: ? see the column 'unsure'"


def _last_lines(survey: Survey) -> list[str]:
    open_rows = sum("?" in {r.patient_id, r.role, r.day, r.batch, r.marker} for r in survey.proposals)
    if not open_rows:
        return ["look it over, fill in clinical.csv, then: phenotype check study.toml"]
    said = f"{_count(open_rows, 'row')} of samples.csv with a '?' for you to decide: the column 'unsure' says why"
    return [said, "fill in clinical.csv, then: phenotype check study.toml"]


def _on_screen(text: str) -> str:
    """Return a line without signs that steer a terminal, its indent kept, and not without end."""
    line = text[: len(text) - len(text.lstrip(" "))] + one_line(text)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
