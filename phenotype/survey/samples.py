"""Product or monitoring, and of which day: tubes whose names say nothing of a control."""

from collections.abc import Collection, Mapping, Sequence

from phenotype.survey.folder import Tube
from phenotype.survey.patients import other_words
from phenotype.survey.roles import BLOOD, Guess
from phenotype.survey.words import could_be_well, days_in, said

__all__ = ["OPEN_ROLES", "settle"]

OPEN_ROLES = ("", "product", BLOOD)
"""What names may say of the role of a patient's sample."""
_OF_PRODUCT = ("", "0")
"""Days of a product."""


def settle(
    tubes: Sequence[Tube], known: Sequence[Mapping[str, str]], roles: Sequence[Guess], people: Sequence[Guess]
) -> list[tuple[Guess, Guess]]:
    """Propose role and day of tubes that are no controls, by their patients and the days in their names.

    Parameters
    ----------
    tubes, known
        As for :func:`patients.guess_patients`.
    roles
        What names say; empty where they say nothing.
    people
        The patient of each.
    """
    plates = any(tube.keywords.get("WELL ID") or tube.keywords.get("$WELLID") for tube in tubes)
    days = [_day(tube, plates=plates) for tube in tubes]
    unexplained = iter(other_words(*_silent(tubes, known, roles)))
    kinds = ["" if role.value else next(unexplained) for role in roles]
    with_product = {
        person.value
        for role, person, day, kind in zip(roles, people, days, kinds, strict=True)
        if role.value in {"", "product"} and day.value in _OF_PRODUCT and not kind
    }
    found = []
    for role, person, day, kind in zip(roles, people, days, kinds, strict=True):
        settled = _role(role, person, day, with_product, kind)
        found.append((settled, _day_of(settled, day)))
    return found


def _silent(
    tubes: Sequence[Tube], known: Sequence[Mapping[str, str]], roles: Sequence[Guess]
) -> tuple[list[Tube], list[Mapping[str, str]]]:
    """Return the tubes whose names say no role."""
    places = [i for i, role in enumerate(roles) if not role.value]
    return [tubes[i] for i in places], [known[i] for i in places]


def _day(tube: Tube, *, plates: bool) -> Guess:
    """Return the day of the plainest text that names one; on plates, ``D6`` is a well."""
    for one in said(tube):
        found = days_in(one.text)
        if plates and could_be_well(one.text):
            continue
        if len(found) > 1:
            return Guess("?", f"day: {one.source} says {' and '.join(sorted(found))}")
        if "?" in found:
            return Guess("?", f"day: {one.text!r}: before infusion, or a dash?")
        if found:
            return Guess(next(iter(found)))
    return Guess()


def _role(role: Guess, person: Guess, day: Guess, with_product: Collection[str], kind: str) -> Guess:
    """Tell a product from a sample of monitoring.

    A later day is one of monitoring if the patient has a product; else it could be one of culture.
    """
    if role.value:
        return Guess("monitoring") if role.value == BLOOD else role
    if person.value == "?":
        return Guess("?", "role: no name says what it is")
    if kind:
        return Guess("?", f"role: what is {kind!r} in its name?")
    if day.value in _OF_PRODUCT:
        return Guess("product")
    if day.value != "?" and person.value in with_product:
        return Guess("monitoring")
    if day.value == "?":
        return Guess("?", "role: by its day, product or monitoring?")
    return Guess("?", f"role: day {day.value} after infusion (monitoring), or of culture (product)?")


def _day_of(role: Guess, day: Guess) -> Guess:
    """Return the day for a sheet: a product is of day 0 unless its name says otherwise, monitoring needs one."""
    if role.value == "product":
        return Guess(day.value or "0", day.doubt)
    if role.value == "monitoring" and not day.value:
        return Guess("?", "day: a sample of monitoring was taken on a day after infusion")
    return day
