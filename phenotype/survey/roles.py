"""What a tube is: a product, a sample of monitoring, or a control, and of which marker; by the words of its names."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from phenotype.survey.folder import Tube
from phenotype.survey.markers import named_markers
from phenotype.survey.words import Said, days_in, grams, said, words

__all__ = ["BLOOD", "ROLE_WORDS", "Guess", "RoleGuess", "common_words", "guess_role"]


@dataclass(frozen=True, slots=True)
class Guess:
    """A proposed cell, and what is not sure about it."""

    value: str = ""
    """``?`` where a person must decide."""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class RoleGuess:
    """What names say of a tube's role."""

    role: Guess
    """An empty value: the names say nothing of a control or another material."""
    marker: Guess = Guess()
    """For ``fmo`` and ``single_stain``."""


BLOOD = "blood"
_SIGNS = {
    "fmo": ("fmo", "fmos", "fullminusone", "fluorescenceminusone"),
    "unstained": ("unstained", "unstain", "unst", "ungefärbt", "ungefaerbt"),
    "untransduced": (
        "untransduced", "nontransduced", "nottransduced", "mocktransduced", "untransd", "nontransd", "utd", "utds",
        "ntd", "mock",
    ),
    "single_stain": (
        "singlestain", "singlestained", "singlestains", "singlestaining", "singlecolor", "singlecolour",
        "stainedcontrol", "compensationcontrol", "compensationcontrols", "compcontrol", "compcontrols",
        "referencegroup", "referencecontrol", "referencecontrols",
    ),
    "product": ("product", "products", "produkt", "produkte"),
    BLOOD: ("blood", "peripheralblood", "blut", "followup", "monitoring"),
}  # fmt: skip
"""Words, or neighbours joined, that say a role."""
_SINGLE = ("single", "ss", "comp", "comps", "compensation")
"""Words that say ``single_stain`` if a marker or a dye is named beside them, and nothing otherwise."""
_BEADS = ("bead", "beads", "compbeads", "ultracomp")
_NO_ROLE = {
    "isotype": "an isotype control has no role here: delete the row",
    "isotypes": "an isotype control has no role here: delete the row",
    "iso": "an isotype control has no role here: delete the row",
    "wash": "a wash has no role here: delete the row",
    "rinse": "a wash has no role here: delete the row",
    "water": "a wash has no role here: delete the row",
    "flush": "a wash has no role here: delete the row",
    "cst": "setup beads have no role here: delete the row",
    "rainbow": "setup beads have no role here: delete the row",
    "blank": "'blank': unstained cells, or no cells?",
    "ut": "'UT': untransduced, untreated, or a name?",
    "nt": "'NT': not transduced, not treated, or a name?",
}
_MATERIAL = (
    "apheresis", "leukapheresis", "leukopak", "leuka", "pbmc", "pbmcs", "bm", "marrow", "csf", "tumor", "tumour",
    "baseline", "screening", "pre",
)  # fmt: skip
_ANY_CONTROL = ("control", "controls", "ctrl", "ctrls", "kontrolle", "kontrollen")
_MAYBE = "maybe a single stain"
_GIVES_WAY = (
    (frozenset({"single_stain", _MAYBE}), frozenset({"unstained"})),
    (frozenset({_MAYBE}), frozenset({"single_stain"})),
    (frozenset({"product", BLOOD}), frozenset({"fmo", "unstained", "untransduced", "single_stain"})),
)
"""Roles that are not held against another: unstained cells among single stains, an FMO of a product."""
ROLE_WORDS = frozenset(
    {*(word for signs in _SIGNS.values() for word in signs), *_SINGLE, *_BEADS, *_NO_ROLE, *_MATERIAL}
    | {*_ANY_CONTROL, "stained", "stain", "stains", "non", "not", "un", "transduced", "minus", "one"}
    | {"reference", "color", "colour", "follow", "up", "peripheral", "pb", "cells", "cell"}
)
"""Words that are no patient's name."""


def guess_role(tube: Tube, known: Mapping[str, str], common: frozenset[str] = frozenset()) -> RoleGuess:
    """Propose the role of a tube, and the marker it is a control for.

    What is said of the tube itself decides; where that is nothing, its folder and specimen do. Two that disagree
    leave it to a person.

    Parameters
    ----------
    tube
        With its names.
    known
        What names of markers and dyes stand for, by :func:`markers.vocabulary`.
    common
        Words that are in the names of nearly all files, which tell nothing of one.
    """
    texts = said(tube)
    for own in (True, False):
        claims = [(one, claim) for one in texts if one.own is own and (claim := _claim(one.text, known))]
        if claims:
            return _with_marker(_agreed(claims), texts, known, common)
    return RoleGuess(Guess())


def common_words(tubes: Sequence[Tube]) -> frozenset[str]:
    """Return the words that are in the names of at least four in five files: a project's, not a tube's."""
    counts = Counter(word for tube in tubes for word in set(words(tube.stem)))
    return frozenset(word for word, n in counts.items() if len(tubes) >= 5 and n >= 0.8 * len(tubes))


def _agreed(claims: Sequence[tuple[Said, Guess]]) -> Guess:
    """Return what all claims say; a doubt if they differ."""
    roles = {claim.value for _, claim in claims}
    for weak, strong in _GIVES_WAY:
        if strong & roles:
            roles -= weak
    if len(roles) == 1:
        role = roles.pop()
        return next(Guess("?" if role == _MAYBE else role, claim.doubt) for _, claim in claims if claim.value == role)
    told = [f"{one.source} says {claim.value}" for one, claim in claims if claim.value in roles - {"?", _MAYBE}]
    doubts = [claim.doubt for _, claim in claims if claim.doubt]
    return Guess("?", "; ".join(dict.fromkeys((*(["role: " + ", ".join(told)] if told else []), *doubts))))


def _claim(text: str, known: Mapping[str, str]) -> Guess | None:
    """Return what one text says of the role; None if nothing."""
    spoken = words(text)
    joined = {gram for _, _, gram in grams(spoken, 3)}
    roles = {role for role, signs in _SIGNS.items() if joined & set(signs)}
    if "pb" in spoken and days_in(text):
        roles.add(BLOOD)
    if odd := [reason for word, reason in _NO_ROLE.items() if word in spoken]:
        return Guess("?", f"role: {odd[0]}")
    beads = bool(joined & set(_BEADS))
    maybe = beads or _weakly_single(spoken)
    if maybe and not roles & {"single_stain", "unstained"}:
        roles.add("single_stain" if named_markers(spoken, known) else _MAYBE)
    if controls := roles - {"product", BLOOD}:
        return _control(controls, beads, text)
    if material := [word for word in spoken if word in _MATERIAL]:
        return Guess("?", f"role: {material[0]!r} is neither product nor control")
    if control := [word for word in spoken if word in _ANY_CONTROL]:
        return Guess("?", f"role: {control[0]!r}: a control of which kind?")
    if len(roles) > 1:
        return Guess("?", f"role: {text!r} says product and blood")
    return Guess(roles.pop()) if roles else None


def _control(controls: set[str], beads: bool, text: str) -> Guess:
    """Return the role of a control; unstained cells are unstained whatever else they are."""
    if "unstained" in controls and "fmo" not in controls:
        return Guess("?", "role: unstained beads have none here, delete the row") if beads else Guess("unstained")
    if controls == {_MAYBE}:
        return Guess(_MAYBE, f"role: {text!r}: a single stain, of which marker?")
    if len(controls) == 1:
        return Guess(next(iter(controls)))
    said_roles = sorted(control.replace(_MAYBE, "single stain") for control in controls)
    return Guess("?", f"role: {text!r} says {' and '.join(said_roles)}")


def _weakly_single(spoken: Sequence[str]) -> bool:
    """Whether a word may mean a single stain; ``Single Cells`` is a gate, and an export ends in one."""
    return spoken[:1] != ("export",) and any(
        word in _SINGLE and behind not in {"cell", "cells"} for word, behind in pairwise((*spoken, ""))
    )


def _with_marker(role: Guess, texts: Iterable[Said], known: Mapping[str, str], common: frozenset[str]) -> RoleGuess:
    """Add the marker to the role of a control that is for one."""
    if role.value not in {"fmo", "single_stain"}:
        return RoleGuess(role)
    named: dict[str, str] = {}
    for one in texts:
        if one.own:
            found = named_markers(tuple(word for word in words(one.text) if word not in common), known)
            named |= {marker: one.source for marker in found if marker not in named}
    verb = "left out" if role.value == "fmo" else "stained"
    if len(named) == 1:
        return RoleGuess(role, Guess(next(iter(named))))
    told = f": {', '.join(f'{marker} ({source})' for marker, source in sorted(named.items()))}" if named else ""
    return RoleGuess(role, Guess("?", f"marker: which is {verb}?{told}"))
