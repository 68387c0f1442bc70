"""Which keywords of an FCS file a copy keeps, and what of their values.

An allow-list: what is not named here is dropped, whoever wrote it and whatever it says. A keyword is kept only if its
value has the form that it should have, so that a name in ``$P1V`` goes, too. Three kinds are free text and are kept
because nothing could be gated without them: names of channels ($PnN), of markers ($PnS), and the names of channels
in the matrix. They are what the check is for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal

from gating import FCSMetadata
from phenotype.instrument import NUMBERS, models_in
from phenotype.quality import clock_seconds
from phenotype.survey.batches import parse_cytometer_date

__all__ = ["Dates", "safe_keywords"]

_TYPES = (
    "Forward_Scatter|Side_Scatter|Raw_Fluorescence|Unmixed_Fluorescence|Mass|Time|Index|Electronic_Volume|"
    "Classification"
)
ALLOWED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # ---- how DATA is read
        r"\$BYTEORD": (r"[1-8, ]{1,24}", "order of bytes; digits and commas"),
        r"\$DATATYPE": (r"[FDI]", "one letter"),
        r"\$P\d+B": (r"\d{1,3}", "bits of a number"),
        r"\$P\d+E": (NUMBERS, "decades of a logarithmic amplifier"),
        r"\$P\d+G": (NUMBERS, "gain"),
        r"\$P\d+R": (NUMBERS, "top of the scale"),
        r"\$P\d+DATATYPE": (r"[FDI]", "one letter"),
        r"\$TIMESTEP": (NUMBERS, "seconds of a tick of the Time channel"),
        # ---- what was measured, and how
        r"\$P\d+N": (r".+", "name of a channel: free text, needed"),
        r"\$P\d+S": (r".+", "name of a marker: free text, needed"),
        r"\$P\d+V": (NUMBERS, "voltage of a detector"),
        r"\$P\d+[LOP]": (NUMBERS, "wavelength and power of a laser, percent of light"),
        r"\$P\d+D": (rf"(Linear|Logarithmic),{NUMBERS}", "recommended axis"),
        r"P\d+DISPLAY": (r"LIN|LOG", "recommended axis"),
        r"\$P\d+TYPE": (_TYPES, "kind of a channel, from a list"),
        r"\$P\d+FEATURE": (r"Area|Height|Width", "of the pulse, from a list"),
        r"\$DFC\d+TO\d+": (NUMBERS, "spillover in percent"),
        r"\$VOL": (NUMBERS, "nanolitres measured"),
        r"\$ABRT|\$LOST": (r"[0-9 ]{1,12}", "events that were lost"),
        r"APPLY COMPENSATION": (r"TRUE|FALSE", "whether the cytometer showed compensated values"),
        r"DEIDENTIFIED": (r"SHIFTED|YEAR|NONE", "what became of the date: it is not that of acquisition"),
        r"SYNTHETIC": (r"TRUE|YES|1", "no patient's data: the one thing that must not get lost"),
    }
)
"""Keyword, form of its value, and why it may stay."""
_SPILLOVER = ("$SPILLOVER", "SPILLOVER", "SPILL", "$SPILL", "$COMP")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True, slots=True)
class Dates:
    """What becomes of the day of acquisition."""

    form: Literal["shifted", "year", "none"] = "shifted"
    """``shifted``: batches and intervals stay, and whoever knows one true date knows all; ``year``: the first of
    January of the true year, as HIPAA's safe harbor allows; ``none``: no date."""
    days: int = 0
    """By how many days dates are shifted."""

    def text(self, written: str) -> str:
        """Return a date in the form of FCS; empty where there is none to be told.

        Examples
        --------
        >>> Dates("shifted", -2).text("01-MAR-2024"), Dates("year").text("2024-03-01T08:30:00"), Dates().text("spring")
        ('28-FEB-2024', '01-JAN-2024', '')
        """
        day = parse_cytometer_date(re.split(r"(?<=[0-9])T", written)[0])
        if day is None or not 1970 <= day.year < 2100 or self.form == "none":
            return ""
        moved = date(day.year, 1, 1) if self.form == "year" else day + timedelta(self.days)
        return f"{moved.day:02d}-{_MONTHS[moved.month - 1]}-{moved.year}"


def safe_keywords(metadata: FCSMetadata, dates: Dates, own: Mapping[str, str]) -> dict[str, str]:
    """Return what a copy's TEXT may say of a dataset.

    Parameters
    ----------
    metadata
        Of the original.
    dates
        What becomes of $DATE, or of the day in $BEGINDATETIME.
    own
        The copy's own identifiers, $FIL and GUID.

    Returns
    -------
    dict
        $BTIM is 00:00:00, and $ETIM the time that acquisition took, where both were there. DEIDENTIFIED says what
        became of the date, so that nobody takes it for the day of acquisition.

    Examples
    --------
    >>> said = {"$P1N": "FSC-A", "$P2N": "PE-A", "$P1V": "Smith", "$CYT": "Canto II of Dr. Smith", "TUBE NAME": "Smith"}
    >>> safe_keywords(FCSMetadata("pt01.fcs", "FCS3.0", said, (), 3), Dates(), {"GUID": "00ff"})
    {'$P1N': 'FSC-A', '$P2N': 'PE-A', '$CYT': 'Canto II', 'DEIDENTIFIED': 'shifted', 'GUID': '00ff'}
    """
    keywords = metadata.keywords
    stripped = {keyword: value.strip(" \0") for keyword, value in metadata.keywords.items()}
    kept = {keyword: value for keyword, value in stripped.items() if _is_safe(keyword, value, metadata)}
    kept |= {keyword: keywords[keyword] for keyword in _SPILLOVER if _is_matrix(keywords.get(keyword, ""))}
    changed = {
        "$CYT": models_in(keywords.get("$CYT", "")),
        "$DATE": dates.text(keywords.get("$DATE", "").strip() or keywords.get("$BEGINDATETIME", "")),
        **_clock(keywords.get("$BTIM", ""), keywords.get("$ETIM", "")),
        "$ORIGINALITY": _originality(metadata),
        "DEIDENTIFIED": dates.form,
        **own,
    }
    return kept | {keyword: value for keyword, value in changed.items() if value}


def _is_safe(keyword: str, value: str, metadata: FCSMetadata) -> bool:
    """Whether a keyword is allowed, of a channel that is there, and its value of the form that it should have."""
    allowed = (form for name, (form, _) in ALLOWED.items() if re.fullmatch(name, keyword))
    number = re.match(r"\$?P(\d{1,6})[A-Z]", keyword)
    extra = number is not None and bool(metadata.channels) and int(number[1]) > len(metadata.channels)
    form = next(allowed, None)
    return form is not None and not extra and re.fullmatch(form, value, re.IGNORECASE | re.DOTALL) is not None


def _is_matrix(value: str) -> bool:
    """Whether a value is n, n names or none, and n x n numbers: there is no room for more."""
    first, *fields = (field.strip() for field in value.split(","))
    if not re.fullmatch(r"[1-9]\d{0,3}", first):
        return False
    count = int(first)
    numbers = fields[count:] if len(fields) == count * (count + 1) else fields
    return len(numbers) == count * count and all(re.fullmatch(NUMBERS, number) for number in numbers)


def _originality(metadata: FCSMetadata) -> str:
    """Return the word of FCS 3.1 for events that nobody touched, unless somebody has before."""
    if metadata.version not in {"FCS3.1", "FCS3.2"}:
        return ""
    said = metadata.keywords.get("$ORIGINALITY", "").strip()
    return said if said in {"Appended", "DataModified"} else "NonDataModified"


def _clock(begin: str, end: str) -> dict[str, str]:
    """Return how long acquisition took, as if it had begun at midnight; nothing unless both times are there."""
    took = int(clock_seconds(begin, end) or 0)
    if not 0 < took < 86_400:
        return {}
    return {"$BTIM": "00:00:00", "$ETIM": f"{took // 3600:02d}:{took // 60 % 60:02d}:{took % 60:02d}"}
