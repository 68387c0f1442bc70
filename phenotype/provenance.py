"""Whether files are what they say: dates that can be, and tubes that are not each other.

A run takes no number from a date or an identifier in a file; what is odd about them shows a clock that was wrong, a
tube exported twice, or a file that was edited.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import date

from phenotype.quality import Finding

__all__ = ["check_dates", "check_identities", "parse_date"]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
Keywords = Mapping[str, str]


def check_dates(keywords: Mapping[str, Keywords], today: date) -> Iterator[Finding]:
    """Say which dates of acquisition are in the future, or cannot be told.

    Parameters
    ----------
    keywords
        Of each sample.
    today
        When the run is made.
    """
    for sample_id, found in keywords.items():
        text = found.get("$DATE", "").strip()
        day = parse_date(text)
        if text and day is None:
            fault = "is not like 01-FEB-2023, with four digits for the year and an English month; it tells no day"
        elif day is not None and day > today:
            fault = f"is after {today.isoformat()}, the day of this run; a clock was wrong"
        else:
            continue
        yield Finding(sample_id, "date", None, None, "warning", f"$DATE {text!r} {fault}")


def parse_date(text: str) -> date | None:
    """Return the day of a $DATE as FCS 3 has it, or ISO 8601; None if it may be another, or none.

    Examples
    --------
    >>> parse_date("17-MAY-2018"), parse_date("2018-05-17")
    (datetime.date(2018, 5, 17), datetime.date(2018, 5, 17))
    >>> parse_date("17-MAI-2018"), parse_date("03/04/2018"), parse_date("23-Aug-02")
    (None, None, None)
    """
    found = re.fullmatch(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})", text)
    try:
        if found and found[2].upper() in MONTHS:
            return date(int(found[3]), MONTHS.index(found[2].upper()) + 1, int(found[1]))
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def check_identities(keywords: Mapping[str, Keywords]) -> Iterator[Finding]:
    """Find samples that claim to be one: the same GUID, or the same $FIL begun on the same day at the same time.

    BD's software gives the same $FIL to a tube of every experiment, so that alone says nothing.

    Parameters
    ----------
    keywords
        Of each sample; their files differ.
    """
    by_guid = _alike((name, found.get("GUID", "").strip()) for name, found in keywords.items())
    by_file = _alike((name, _file_and_time(found)) for name, found in keywords.items())
    said: set[str] = set()
    for claim, groups in (("GUID", by_guid), ("$FIL, $DATE and $BTIM", by_file)):
        for names in groups:
            for name in (name for name in names if name not in said):
                others = ", ".join(other for other in names if other != name)
                message = f"{claim} are those of {others}, and the events are not: one was edited, or exported twice"
                yield Finding(name, "identity", None, None, "warning", message)
            said |= {*names}


def _file_and_time(keywords: Keywords) -> tuple[str, ...]:
    """Return file, day and time of acquisition; empty if one is missing."""
    found = tuple(keywords.get(keyword, "").strip() for keyword in ("$FIL", "$DATE", "$BTIM"))
    return found if all(found) else ()


def _alike(claims: Iterable[tuple[str, Hashable]]) -> list[list[str]]:
    """Group names by what they claim; those that claim nothing, or what no other does, are left out."""
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for name, claim in claims:
        if claim:
            groups[claim].append(name)
    return [names for names in groups.values() if len(names) > 1]
