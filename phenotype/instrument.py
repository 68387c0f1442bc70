"""What files say of the instrument, as MIFlowCyt asks for it: channels of each layout, cytometers, days, software.

Only keywords that describe a detector, a model of cytometer or a program are read, and their values are kept only in
the form that they should have: whatever else stands there, a person wrote. Keywords that name people, places or
specimens ($OP, $SRC, $SMNO, $INST, $FIL, comments), and serial numbers, are not read. Names of channels ($PnN) and
markers ($PnS) are free text, and are kept.

References
----------
.. [1] Lee JA, et al. MIFlowCyt: the minimum information about a flow cytometry experiment. Cytometry A 2008;73:926-930.
.. [2] Spidlen J, et al. Data file standard for flow cytometry, version FCS 3.1. Cytometry A 2010;77:97-100.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from gating import FCSMetadata
from phenotype.provenance import parse_date

__all__ = ["CHANNEL_COLUMNS", "NUMBERS", "acquisition", "channel_rows", "models_in", "transforms_of"]

NUMBERS = r"[-+0-9., eE]{1,24}"
"""Form of the value of a keyword that is a number, or several."""
_FILTER = r"(?:[BLS]P ?)?[0-9]{2,4}(?:[/_-][0-9]{1,4})?(?: ?[BLS]P)?"
"""``530/30``, ``BP 530/30``, ``502LP``."""
_DETECTOR = {
    "range": ("R", NUMBERS),
    "amplification": ("E", NUMBERS),
    "gain": ("G", NUMBERS),
    "voltage": ("V", NUMBERS),
    "filter": ("F", _FILTER),
    "excitation_nm": ("L", NUMBERS),
    "power_mw": ("O", NUMBERS),
}
"""Column to the letter of its keyword, $P3V being the voltage of the third parameter, and the form of its value."""
CHANNEL_COLUMNS = ("layout", "samples", "cytometer", "channel", "marker", *_DETECTOR, "transform")
_MODELS = re.compile(
    r"(?i)(northern lights|aurora|lsr ?ii|lsr ?fortessa(?: ?x-?20)?|fortessa|facs ?(?:aria|array|calibur|canto|celesta|"
    r"count|discover|duet|jazz|lyric|melody|scan|sort|symphony|vantage|verse|via)(?:[ -]?(?:iii|ii|fusion|plus|3))?|"
    r"facsymphony(?: ?a[135])?|canto(?: ?ii)?|celesta|symphony(?: ?a[135])?|lyric|calibur|accuri|navios(?: ?ex)?|"
    r"gallios|dxflex|cytoflex(?: ?(?:s|lx))?|attune(?: ?nxt)?|macsquant|id7000|sa3800|s1[04]00exi|ze5|novocyte|"
    r"quanteon|penteon|guava|ique|influx|discover|cytometer|synthetic)\b"
)
_PROGRAMS = re.compile(
    r"(?i)(?:(?:bd )?(?:facs ?(?:diva|suite|chorus|station)|accuri|csampler)|cellquest(?: ?pro)?|spectroflo|cytexpert|"
    r"kaluza|navios|novoexpress|attune(?: nxt)?|macsquantify|guavasoft|incyte|forecyt|summit|everest|id7000|sa3800|"
    r"raptor|flowjo)[ª®™ ]{0,2}(?:software ?)?(?:version ?|v\.? ?)?[0-9]{1,4}(?:\.[0-9]{1,6}){0,3}"
)
"""Programs of acquisition with their version."""
_SAYS_PROGRAM = ("CREATOR", "SOFTWARE", "APPLICATION")


def channel_rows(
    metadata: Mapping[str, FCSMetadata], transforms: Mapping[str, Mapping[str, str]] | None = None
) -> list[dict[str, Any]]:
    """Return the channels of every layout; files that say the same share one.

    Parameters
    ----------
    metadata
        Of each sample.
    transforms
        Of each sample, by channel ($PnN): the scale on which it was gated.

    Returns
    -------
    list of dict
        ``CHANNEL_COLUMNS``: ``layout`` counts from 1, that of most samples first; ``samples`` have it; a cell is empty
        where the file does not say, or says what cannot be such a value. ``transform`` is the scale of all samples of
        the layout, its name alone where their parameters differ, and empty for channels that no gate looks at.
    """
    layouts: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for sample_id, one in metadata.items():
        key = tuple(_described(one, i) for i in range(len(one.channels)))
        layouts.setdefault(key, []).append(sample_id)
    ranked = sorted(layouts.items(), key=lambda item: (-len(item[1]), item[0]))
    scales = transforms or {}
    return [
        dict(
            zip(
                CHANNEL_COLUMNS,
                (number, len(samples), *channel, _scale(channel[1], [scales.get(name, {}) for name in samples])),
                strict=True,
            )
        )
        for number, (channels, samples) in enumerate(ranked, start=1)
        for channel in channels
    ]


def transforms_of(gates: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the scale on which each channel of each sample was gated.

    Parameters
    ----------
    gates
        Rows of gates.csv: ``sample_id, channels, transform``, the last two joined by ``|``.

    Examples
    --------
    >>> transforms_of([{"sample_id": "s1", "channels": "PE-A|FSC-A", "transform": "logicle(W=0.5)|linear(T=1)"}])
    {'s1': {'PE-A': 'logicle(W=0.5)', 'FSC-A': 'linear(T=1)'}}
    """
    found: dict[str, dict[str, str]] = {}
    for row in gates:
        channels, scales = str(row["channels"]).split("|"), str(row["transform"]).split("|")
        if len(channels) == len(scales) and all(scales):
            found.setdefault(row["sample_id"], {}).update(zip(channels, scales, strict=True))
    return found


def acquisition(metadata: Iterable[FCSMetadata], today: date) -> dict[str, Any]:
    """Return between which days, on which cytometers and with which programs files were made.

    Parameters
    ----------
    metadata
        Of each file.
    today
        A day after it was not one of acquisition.

    Returns
    -------
    dict
        ``first_date, last_date`` in ISO, left out where no file has a day that can be told, or a file was de-identified
        and its day is another; ``files_without_date``; ``cytometers`` and ``software``, sorted.
    """
    files = list(metadata)
    days = [day for one in files if (day := parse_date(one.keywords.get("$DATE", "").strip())) and day <= today]
    moved = any("DEIDENTIFIED" in one.keywords for one in files)
    span = {"first_date": min(days).isoformat(), "last_date": max(days).isoformat()} if days and not moved else {}
    return {
        **span,
        "files_without_date": len(files) if moved else len(files) - len(days),
        "cytometers": sorted({models_in(one.keywords.get("$CYT", "")) for one in files} - {""}),
        "software": sorted({name for one in files for name in _programs(one.keywords)}),
    }


def models_in(text: str) -> str:
    """Return the words of $CYT that name a model; a person may have written others, and makers a serial number.

    Examples
    --------
    >>> models_in("LSRFortessa (H64717700083)"), models_in("Canto II of Dr. Smith"), models_in("Dr. Smith")
    ('LSRFortessa', 'Canto II', '')
    """
    return " ".join(_MODELS.findall(text))


def _programs(keywords: Mapping[str, str]) -> Sequence[str]:
    """Return the programs that a file names, each with its version."""
    return [name for key in _SAYS_PROGRAM for name in _PROGRAMS.findall(keywords.get(key, ""))]


def _described(metadata: FCSMetadata, i: int) -> tuple[str, ...]:
    """Return one channel: cytometer, name, marker, and what its keywords say."""
    channel, keywords = metadata.channels[i], metadata.keywords
    said = (_formed(keywords.get(f"$P{i + 1}{letter}", ""), form) for letter, form in _DETECTOR.values())
    return (models_in(keywords.get("$CYT", "")), channel.name, channel.marker, *said)


def _formed(value: str, form: str) -> str:
    """Return a value of the form that it should have; nothing of another."""
    value = value.strip(" \0")
    return value if re.fullmatch(form, value, re.IGNORECASE) else ""


def _scale(channel: str, samples: Sequence[Mapping[str, str]]) -> str:
    """Return the scale that all samples share, or the names of those that they have."""
    found = sorted({scales[channel] for scales in samples if channel in scales})
    return found[0] if len(found) == 1 else " or ".join(dict.fromkeys(scale.partition("(")[0] for scale in found))
