"""Does a copy still hold an identifier? Every byte is looked at, in every encoding that a cytometer's software uses.

Nothing here says what was found, only where and which cell of which sheet it is: a message must not do what the copy
may not.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from phenotype.clinical import names_person
from phenotype.tables import MISSING, Table

__all__ = ["Hit", "Identifiers", "identifiers_of", "read_hits"]

LEAST_LETTERS, LEAST_DIGITS = 4, 6
"""Shorter ones are in every file by chance, or as an offset or a number of events."""
LEAST_IN_DATA = 6
"""Bytes. Within events, chance makes four given bytes once in 4 GB."""
MOST_HITS = 1_000
"""In a folder; more say no more."""
BLOCK_BYTES = 4 << 20
CONTEXT_BYTES = 64
"""Looked at around a match."""
ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be")
_WORDS = frozenset({"id", "mrn", "name", "initials", "subject", "record", "accession", "pesel", "nhs"})
_COLUMNS = frozenset({"patient", "case"})
_OWN_NUMBER = re.compile(
    rb"[1-9]0*$|[0-9]\.[0-9]*$|fcs[0-9]\.[0-9] {4}[ 0-9]*$|\$(?:begindata|enddata|tot)[^0-9a-z]0*$"
)
"""What stands before the digits that are no identifier's: other digits, decimals, HEADER, keywords of offsets."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Hit:
    """An identifier that was found."""

    file: str
    """Within the folder."""
    offset: int | None
    """Of its first byte, counted from 0; None where the file's name holds it."""
    source: str
    """The cell it is of: ``clinical.csv: row 3: mrn``."""

    def __str__(self) -> str:
        place = "in its name" if self.offset is None else f"at byte {self.offset}"
        return f"{self.file}: {place}: {self.source}"


@dataclass(slots=True)
class Identifiers:
    """What is searched for: bytes in lower case, and the cell each is of."""

    sources: dict[bytes, str] = field(default_factory=dict, repr=False)
    skipped: dict[str, int] = field(default_factory=dict)
    """How many identifiers of a column are too short to be searched for."""

    def add(self, text: str, source: str) -> None:
        """Add one identifier in all its spellings and encodings."""
        for spelling in _spellings(text):
            for encoding in ENCODINGS:
                with suppress(UnicodeEncodeError):
                    self.sources.setdefault(spelling.encode(encoding).lower(), source)

    def skip(self, column: str) -> None:
        """Count one that is too short."""
        self.skipped[column] = self.skipped.get(column, 0) + 1


def identifiers_of(tables: Iterable[Table]) -> Identifiers:
    """Return every identifier of some tables: patients, names, record numbers, birthdays.

    A name is searched for whole and by its words, an identifier also without or with another sign between its parts,
    a birthday in the usual spellings. Dates of treatment are not identifiers here: moved as they are, one patient's
    can be another's true one.

    Examples
    --------
    >>> from phenotype.tables import Row
    >>> rows = (Row(2, {"patient_id": "7", "mrn": "MM-0815", "crs_grade": "2"}),)
    >>> found = identifiers_of([Table("clinical.csv", ("patient_id", "mrn", "crs_grade"), rows)])
    >>> found.sources[b"mm_0815"], found.skipped
    ('clinical.csv: row 2: mrn', {'clinical.csv: patient_id': 1})
    """
    found = Identifiers()
    for table in tables:
        for column in filter(_identifies, table.columns):
            for row in table.rows:
                if row[column] in MISSING:
                    continue
                if not _is_searchable(row[column]):
                    found.skip(f"{table.name}: {column}")
                    continue
                for text in _forms(row[column], column):
                    found.add(text, f"{table.at(row)}: {column}")
    return found


def read_hits(
    folder: Path,
    identifiers: Identifiers,
    data: Callable[[str], tuple[int, int]] = lambda _: (0, 0),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[tuple[Hit, ...], int]:
    """Search every file of a folder, and its name.

    Parameters
    ----------
    folder
        All files below it.
    identifiers
        What to search for.
    data
        First byte of the events of a file, and the byte after them.
    progress
        Called with files done and files in all.

    Returns
    -------
    hits : tuple of Hit
    chance : int
        Matches of fewer than six bytes within events, which chance makes and which are not among the hits.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    finder = _Finder(identifiers)
    hits: list[Hit] = []
    chance = 0
    for done, path in enumerate(paths, start=1):
        name = path.relative_to(folder).as_posix()
        hits += [Hit(name, None, source) for _, _, source in finder.find(name.encode())]
        begin, end = data(name)
        for at, length, source in _read_found(path, finder):
            if length < LEAST_IN_DATA and begin <= at < end:
                chance += 1
            elif len(hits) < MOST_HITS:
                hits.append(Hit(name, at, source))
        progress(done, len(paths))
    return tuple(dict.fromkeys(hits)), chance


class _Finder:
    """Finds any of many identifiers in one pass, whose time does not depend on how many they are."""

    def __init__(self, identifiers: Identifiers) -> None:
        self.longest = max(map(len, identifiers.sources), default=0)
        self.by_start: dict[bytes, list[tuple[bytes, str]]] = {}
        self.first, self.second = np.zeros(1 << 16, dtype=bool), np.zeros(1 << 16, dtype=bool)
        for sought, source in identifiers.sources.items():
            self.by_start.setdefault(sought[:4], []).append((sought, source))
            self.first[sought[0] << 8 | sought[1]] = True
            self.second[sought[2] << 8 | sought[3]] = True

    def find(self, data: bytes) -> Iterator[tuple[int, int, str]]:
        """Yield place, length and source of each match."""
        if len(data) < LEAST_LETTERS:
            return
        lower = data.lower()
        codes = np.frombuffer(lower, dtype=np.uint8).astype(np.uint16)
        pairs = codes[:-1] << 8 | codes[1:]
        for at in np.flatnonzero(self.first[pairs[:-2]] & self.second[pairs[2:]]).tolist():
            for sought, source in self.by_start.get(lower[at : at + 4], ()):
                if lower.startswith(sought, at) and not _is_number_of_file(lower, at, sought):
                    yield at, len(sought), source


def _read_found(path: Path, finder: _Finder) -> Iterator[tuple[int, int, str]]:
    """Yield place, length and source of each match in a file, which is read in blocks that overlap."""
    before, start, seen, is_last = b"", 0, 0, False
    with path.open("rb") as file:
        while not is_last:
            block = file.read(BLOCK_BYTES)
            is_last = len(block) < BLOCK_BYTES
            joined = before + block
            end = start + len(joined)
            until = end if is_last else max(end - finder.longest, seen)
            for at, length, source in finder.find(joined):
                if seen <= start + at < until:
                    yield start + at, length, source
            seen = until
            kept = min(end - until + CONTEXT_BYTES, len(joined))
            start, before = end - kept, joined[len(joined) - kept :]


def _is_number_of_file(data: bytes, at: int, sought: bytes) -> bool:
    """Whether an identifier of digits only is an offset, a number of events or a piece of a longer number."""
    wide = b"\0" in sought
    text = sought.replace(b"\0", b"")
    if not text.isdigit():
        return False
    around = data[max(at - CONTEXT_BYTES, 0) : at], data[at + len(sought) : at + len(sought) + CONTEXT_BYTES]
    before, after = (part.replace(b"\0", b"") if wide else part for part in around)
    return bool(_OWN_NUMBER.search(before) or re.match(rb"[0-9]", after))


def _identifies(column: str) -> bool:
    """Whether a column holds what names a patient: more columns than those that a run refuses to read."""
    return names_person(column) or column in _COLUMNS or bool(_WORDS & set(re.split(r"[^a-z0-9]+", column)))


def _is_searchable(text: str) -> bool:
    """Whether an identifier is long enough not to be found everywhere."""
    signs = re.sub(r"[\W_]", "", text)
    return len(signs) >= (LEAST_DIGITS if signs.isdigit() else LEAST_LETTERS)


def _forms(text: str, column: str) -> Iterator[str]:
    """Yield the ways in which a cell may be written elsewhere."""
    day = _date(text)
    if day is not None:
        yield from _date_forms(day)
    parts = [part for part in re.split(r"[\W_]+", text) if part]
    yield text
    yield from (sign.join(parts) for sign in ("", "-", "_", " ", "."))
    if "name" in column or "surname" in column or "forename" in column:
        yield from (part for part in parts if _is_searchable(part))


def _date(text: str) -> date | None:
    """Read a birthday: ISO as sheets must have it, or day first with points."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text) or re.fullmatch(r"(\d\d?)[./](\d\d?)[./](\d{4})", text)
    if found is None:
        return None
    year, month, day = (int(part) for part in (found.groups() if len(found[1]) == 4 else found.groups()[::-1]))
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _date_forms(day: date) -> Iterator[str]:
    """Yield a date in the usual spellings; the year always in full."""
    year, month, number = f"{day.year}", f"{day.month:02d}", f"{day.day:02d}"
    for sign in ("-", "/", ".", ""):
        yield from (
            sign.join((year, month, number)),
            sign.join((number, month, year)),
            sign.join((month, number, year)),
        )
    yield from (f"{number}{sign}{_MONTHS[day.month - 1]}{sign}{year}" for sign in "- ")
    yield from (f"{day.day}{sign}{day.month}{sign}{year}" for sign in "/.")


def _spellings(text: str) -> set[str]:
    """Return a text in the cases and compositions in which it could be written."""
    cases = {text, text.lower(), text.upper(), text.title()}
    return {unicodedata.normalize(form, case) for form in ("NFC", "NFD") for case in cases}
