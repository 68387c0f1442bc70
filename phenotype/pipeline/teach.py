"""What samples teach each other: cuts and densities by batch, and a person's cuts on reference samples.

A sample is gated once alone. Where a threshold then asks for its batch or for a reference, the lessons of the others
are pooled and the sample is gated a second time with them; all others keep their first result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from gating import (
    NOTHING_TAUGHT,
    GatedSample,
    GatingTemplate,
    Lesson,
    Prior,
    Reference,
    Taught,
    Teaching,
    lessons_of,
    needed_lessons,
    pool_lessons,
)
from phenotype.references import ReferenceCut
from phenotype.samples import SampleRow

__all__ = ["lesson_rows", "lessons_from", "teach", "teaching_text"]

Key = tuple[str, str]
"""Population a threshold is fitted on, and marker."""
Peers = tuple[str, str]
"""Batch and role: what blood months after infusion looks like says nothing of where a product is cut."""
Lessons = Mapping[str, Mapping[Key, Lesson]]
"""By sample_id."""


def lesson_rows(gated: GatedSample, sample_id: str) -> list[dict[str, Any]]:
    """Return what a sample can teach others, as JSON can hold it; nothing where the template asks for nothing."""
    return [
        {
            "population": on,
            "marker": marker,
            "counts": lesson.counts.tolist(),
            "cut": lesson.cut,
            "spread": lesson.spread,
        }
        for (on, marker), lesson in lessons_of(gated, sample_id).items()
    ]


def lessons_from(rows: Sequence[Mapping[str, Any]], sample_id: str) -> dict[Key, Lesson]:
    """Return the lessons that rows hold."""
    return {
        (row["population"], row["marker"]): Lesson(
            sample_id, np.asarray(row["counts"], dtype=np.int64), row["cut"], row["spread"]
        )
        for row in rows
    }


def teach(
    template: GatingTemplate,
    samples: Sequence[SampleRow],
    lessons: Lessons,
    references: Sequence[ReferenceCut] = (),
    *,
    across_batches: bool = False,
) -> dict[str, Teaching]:
    """Return what each sample learns from the others, by sample_id.

    Parameters
    ----------
    template
        Says which thresholds may be taught, and by whom.
    samples
        All that were gated; the order does not matter.
    lessons
        Of the samples that could be gated.
    references
        A person's cuts.
    across_batches
        Whether a reference teaches samples of other batches too.
    """
    batches = {row.sample_id: row.batch for row in samples}
    peers = {row.sample_id: (row.batch, row.role) for row in samples}
    keys = {teacher: _keys(template, teacher) for teacher in ("batch", "reference")}
    priors = {
        (group, key): _prior(group, key, peers, lessons) for group in set(peers.values()) for key in keys["batch"]
    }
    found: dict[str, Teaching] = {}
    for row in samples:
        taught = {key: Taught(prior=priors[peers[row.sample_id], key]) for key in keys["batch"]}
        for key in keys["reference"]:
            cuts = [cut for cut in references if (cut.population, cut.marker) == key]
            near = [cut for cut in cuts if across_batches or batches.get(cut.sample_id) == row.batch]
            taught[key] = _with_references(taught.get(key, NOTHING_TAUGHT), row, key, cuts, near, lessons)
        found[row.sample_id] = taught
    return found


def teaching_text(teaching: Teaching) -> str:
    """Return a text that changes with anything a sample is taught, to the last digit."""
    return repr([(key, _plain(taught)) for key, taught in sorted(teaching.items())])


def _keys(template: GatingTemplate, teacher: str) -> list[Key]:
    return [(on, marker) for who, on, marker in needed_lessons(template) if who == teacher]


def _prior(group: Peers, key: Key, peers: Mapping[str, Peers], lessons: Lessons) -> Prior:
    """Return what the products of a batch, or its samples of blood, know of one threshold."""
    inside = [lessons[name][key] for name in lessons if peers.get(name) == group and key in lessons[name]]
    return pool_lessons(f"batch {group[0] or '(none)'}", inside)


def _with_references(
    taught: Taught,
    row: SampleRow,
    key: Key,
    cuts: Sequence[ReferenceCut],
    near: Sequence[ReferenceCut],
    lessons: Lessons,
) -> Taught:
    """Add a person's cuts: the sample's own, those of other samples, or why there are none."""
    known = [
        Reference(cut.sample_id, cut.value, cut.who, cut.why, lessons.get(cut.sample_id, {}).get(key)) for cut in near
    ]
    own = next((reference for reference in known if reference.sample == row.sample_id), None)
    others = tuple(reference for reference in known if reference.sample != row.sample_id)
    elsewhere = ", ".join(cut.sample_id for cut in cuts)
    refusal = f"no reference sample in batch {row.batch or '(none)'}"
    if elsewhere:
        refusal += f"; {elsewhere} teaches other batches only with across_batches = true under [reference]"
    return replace(taught, own=own, references=others, refusal=refusal)


def _plain(taught: Taught) -> tuple[Any, ...]:
    """Return everything of what is taught as values whose text is exact."""
    references = [
        (one.sample, one.cut, one.who, one.why, None if one.lesson is None else one.lesson.counts.tolist())
        for one in ([taught.own] if taught.own else []) + list(taught.references)
    ]
    return (asdict(taught.prior), taught.own is not None, references, taught.refusal)
