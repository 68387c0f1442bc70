"""The words of names: what a file's name, its folders and its keywords say, taken apart.

Dates and days are taken out first, so that ``2024-03-01`` is no patient and ``D0`` no well.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from phenotype.survey.folder import Tube

__all__ = ["Said", "could_be_well", "days_in", "grams", "said", "without_dates", "words"]

_OWN = ("TUBE NAME", "$FIL", "SAMPLE ID", "SAMPLEID", "GTI$SAMPLEID", "$SMNO", "$CELLS")
_AROUND = ("$SRC", "GROUPNAME")
_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz?|maerz|mrz|apr(?:il)?|may|mai|june?|juni|july?|juli"
    r"|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)"
)
"""English and German."""
_DATES = re.compile(
    r"(?<![^\W_])(?:"
    r"(?:19|20)[0-9]{2}[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12][0-9]|3[01])"
    rf"|[0-9]{{1,2}}[-_. ]?{_MONTH}[-_. ]?(?:[0-9]{{4}}|[0-9]{{2}})"
    rf"|(?:19|20)[0-9]{{2}}[-_. ]?{_MONTH}[-_. ]?[0-9]{{1,2}}"
    r"|[0-9]{1,2}[-.][0-9]{1,2}[-.](?:[0-9]{4}|[0-9]{2})"
    r")(?![0-9])",
    re.IGNORECASE,
)
_DAY = re.compile(
    r"(?<![^\W_])(?P<word>days?|tag|d)(?P<gap>[ _]?)(?P<sign>[-+]?)[ ]?(?P<number>[0-9]{1,3})(?![^\W_])", re.IGNORECASE
)
_BREAK = " | "
"""Stands for what was taken out: words on either side are not neighbours."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text that may tell what a tube is."""

    source: str
    """As a person knows it: ``file name``, ``folder``, or the keyword."""
    text: str
    own: bool
    """Whether it is said of the tube itself; else of a group that the tube is in."""


def said(tube: Tube) -> tuple[Said, ...]:
    """Return what names a tube, the plainest first; a dataset is named by its keywords before its file's name."""
    path = [Said("file name", tube.stem, own=not tube.dataset)]
    path += [Said("folder", folder, own=False) for folder in tube.folders]
    own = [Said(name, readable(text, name), own=True) for name in _OWN if (text := tube.keywords.get(name, ""))]
    if tube.dataset:
        own = [one for one in own if one.source != "$FIL"]
    around = [Said(name, tube.keywords[name], own=False) for name in _AROUND if tube.keywords.get(name)]
    return (*own, *path, *around) if tube.dataset else (*path, *own, *around)


def readable(text: str, keyword: str) -> str:
    """Return a keyword's value without the ending of a file's name."""
    return re.sub(r"\.(fcs|lmd|mqd)$", "", text, flags=re.IGNORECASE) if keyword == "$FIL" else text


@lru_cache(maxsize=65_536)
def without_dates(text: str) -> str:
    """Return a text without dates and days.

    Examples
    --------
    >>> without_dates("2024-03-01 P01 D0_003")
    ' |  P01  | _003'
    """
    return _DAY.sub(_BREAK, _DATES.sub(_BREAK, unicodedata.normalize("NFC", text)))


@lru_cache(maxsize=65_536)
def days_in(text: str) -> frozenset[str]:
    """Return the days that a text names: ``D0``, ``day 14``, ``d+28``; ``?`` where the sign could be a dash.

    Examples
    --------
    >>> sorted(days_in("P01_D0")), sorted(days_in("P01 day 14")), sorted(days_in("d+28")), sorted(days_in("D-5"))
    (['0'], ['14'], ['28'], ['?'])
    """
    found = _DAY.finditer(_DATES.sub(_BREAK, unicodedata.normalize("NFC", text)))
    return frozenset("?" if day["sign"] == "-" else str(int(day["number"])) for day in found)


def could_be_well(text: str) -> bool:
    """Whether a text names a day as a plate names its wells, ``D6`` or ``D06``."""
    names = [day for day in _DAY.finditer(text) if day["word"].casefold() == "d" and not day["sign"] and not day["gap"]]
    return any(1 <= int(day["number"]) <= 12 and len(day["number"]) <= 2 for day in names)


@lru_cache(maxsize=65_536)
def words(text: str) -> tuple[str, ...]:
    """Return the words of a text, lower case, dates and days left out; ``FMOCD3`` is two.

    Examples
    --------
    >>> words("2024-03-01 FMOCD3_P01 D0")
    ('fmo', 'cd3', 'p01')
    """
    apart = re.sub(r"(?i)(?<![^\W_])(fmos?)(?=[^\W_])", r"\1 ", without_dates(text))
    return tuple(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", apart).casefold()))


def grams(sequence: tuple[str, ...], most: int = 4) -> Iterator[tuple[int, int, str]]:
    """Yield begin, end and joined text of up to ``most`` neighbours, the longest first: ``pe cy7`` before ``pe``."""
    for length in range(min(most, len(sequence)), 0, -1):
        for begin in range(len(sequence) - length + 1):
            yield begin, begin + length, "".join(sequence[begin : begin + length])
