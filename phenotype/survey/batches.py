"""Batches: tubes that one cytometer measured on one day, named after the lab's own batches where names tell them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count, groupby

from phenotype.survey.folder import Tube
from phenotype.survey.roles import Guess

__all__ = ["Batch", "find_batches", "parse_cytometer_date"]

SAME_SESSION = timedelta(hours=3)
"""Tubes on either side of midnight with a shorter pause are of one batch."""
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "mär": 3, "mrz": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6, "jul": 7, "aug": 8,
    "sep": 9, "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12,
}  # fmt: skip
_NAMED = re.compile(r"(?<![^\W_])(?:batch|charge)[ _#.-]*([A-Za-z]?[0-9]{1,4})(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tubes of one day and cytometer."""

    name: str
    """``B1``, and what the lab calls it where names say so."""
    stands_for: str
    """Date and cytometer."""
    members: tuple[int, ...]
    """Positions of its tubes."""


def find_batches(tubes: Sequence[Tube]) -> tuple[tuple[Batch, ...], list[Guess]]:
    """Group tubes by $DATE and cytometer, and propose the batch of each tube.

    Returns
    -------
    batches : tuple of Batch
        In the order of time. Tubes without $DATE are in none.
    guesses : list of Guess
        For each tube. In doubt where there is no date, or where names tell batches that dates do not.
    """
    groups = list(_groups(tubes))
    said = [_named(tube) for tube in tubes]
    own = _own_names(groups, said)
    free = (f"B{number}" for number in count(1) if f"B{number}" not in own.values())
    batches = tuple(
        Batch(own.get(i) or next(free), _stands_for(tubes, places), tuple(places)) for i, places in enumerate(groups)
    )
    guesses = [Guess("?", "batch: the file has no $DATE; who was stained together?") for _ in tubes]
    for i, batch in enumerate(batches):
        names = sorted({said[place] for place in batch.members} - {""})
        told = f"batch: names say {' and '.join(names)}, $DATE and cytometer {batch.name} ({batch.stands_for})"
        for place in batch.members:
            guesses[place] = Guess("?", told) if names and i not in own else Guess(batch.name)
    return batches, guesses


def _groups(tubes: Sequence[Tube]) -> Iterator[list[int]]:
    """Yield the positions of the tubes of each batch, in the order of time."""
    keys: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for i, tube in enumerate(tubes):
        if tube.keywords.get("$DATE"):
            keys[_key(tube)].append(i)
    sessions: list[list[int]] = []
    by_cytometer = groupby(sorted(keys), key=lambda key: key[:2])
    for _, days in by_cytometer:
        for begins_anew, key in _with_gaps(list(days), keys, tubes):
            if begins_anew:
                sessions.append([])
            sessions[-1] += keys[key]
    yield from sorted(sessions, key=lambda places: _key(tubes[places[0]])[2:])


def _key(tube: Tube) -> tuple[str, str, str, str]:
    """Return cytometer, and the day in a form that sorts: dates that can be read before those that cannot."""
    written = tube.keywords["$DATE"]
    day = parse_cytometer_date(written)
    cytometer, number = tube.keywords.get("$CYT", ""), tube.keywords.get("$CYTSN", "")
    return cytometer, number, "" if day else "~", day.isoformat() if day else written


def _with_gaps(
    days: Sequence[tuple[str, str, str, str]],
    keys: Mapping[tuple[str, str, str, str], list[int]],
    tubes: Sequence[Tube],
) -> Iterator[tuple[bool, tuple[str, str, str, str]]]:
    """Yield each day with whether a batch begins: not if it goes on over midnight."""
    before: datetime | None = None
    for key in days:
        times = [moment for place in keys[key] if (moment := _moment(tubes[place]))]
        first = min(times, default=None)
        yield not (before and first and timedelta(0) <= first - before <= SAME_SESSION), key
        before = max(times, default=None)


def _moment(tube: Tube) -> datetime | None:
    """Return when a tube was begun, if the file tells."""
    day = parse_cytometer_date(tube.keywords.get("$DATE", ""))
    clock = re.match(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", tube.keywords.get("$BTIM", ""))
    return datetime.combine(day, time(int(clock[1]), int(clock[2]))) if day and clock else None


def parse_cytometer_date(text: str) -> date | None:
    """Read a date as cytometers write it; None where it could be two dates, or is none.

    Examples
    --------
    >>> [str(parse_cytometer_date(t)) for t in ("30-OCT-2019", "2013-Jul-19", "24-Apr-12", "01-MRZ-2024", "03/04/2024")]
    ['2019-10-30', '2013-07-19', '2012-04-24', '2024-03-01', 'None']
    """
    parts = [part.casefold() for part in re.findall(r"[^\W_]+", text)]
    if len(parts) != 3:
        return None
    if parts[1][:3] in _MONTHS and parts[0].isdecimal() and parts[2].isdecimal():
        parts[1] = str(_MONTHS[parts[1][:3]])
        day, year = (parts[2], parts[0]) if len(parts[0]) == 4 else (parts[0], parts[2])
    elif len(parts[0]) == 4 and all(part.isdecimal() for part in parts):
        year, day = parts[0], parts[2]
    else:
        return None
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), int(parts[1]), int(day))
    except ValueError:
        return None


def _named(tube: Tube) -> str:
    """Return the batch that names tell: ``B3`` of ``2024-03-01 batch3``; empty if none or two."""
    texts = (tube.file, tube.keywords.get("EXPERIMENT NAME", ""))
    found = {name.upper() for text in texts for name in _NAMED.findall(text)}
    names = {f"B{int(name)}" if name.isdecimal() else name for name in found}
    return names.pop() if len(names) == 1 else ""


def _own_names(groups: Sequence[Sequence[int]], said: Sequence[str]) -> dict[int, str]:
    """Return the lab's names of groups: each the only one within its group, and in no other group."""
    names = [{said[place] for place in places} - {""} for places in groups]
    return {
        i: next(iter(found))
        for i, found in enumerate(names)
        if len(found) == 1 and sum(bool(found & other) for other in names) == 1
    }


def _stands_for(tubes: Sequence[Tube], places: Sequence[int]) -> str:
    """Return dates and cytometer in words."""
    days = sorted({_key(tubes[place])[3] for place in places})
    cytometer, number, *_ = _key(tubes[places[0]])
    return ", ".join(filter(None, (" to ".join(dict.fromkeys((days[0], days[-1]))), f"{cytometer} {number}".strip())))
