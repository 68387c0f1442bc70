"""Marker names as labs spell them: ``CD62L``, ``CD62-L``, ``CD45RA BV421``, ``anti-CD3 (PE-Cy7)``.

Two spellings are the same marker when they agree after case, punctuation and the fluorochrome are
taken away. Nothing is guessed: ``CD45`` is not ``CD45RA``, and ``CD45 RA`` is.
"""

import re

__all__ = ["marker_in", "plain", "same_marker"]

_DYES = re.compile(
    r"(?<![a-z0-9])(?:"
    r"b[uv]{1,2}[ -]?\d{3}(?:[ -]p)?|bb[ -]?\d{3}(?:[ -]p)?|ry\d{3}|rb\d{3}|r\d{3}|yg\d{3}|v450|v500"
    r"|(?:af|alexa[ -]?fluor|alexa)[ -]?\d{3}"
    r"|(?:sb|super[ -]?bright|efluor|ef|qdot|qd|ifluor|vio|viobright|viogreen|cfluor|novafluor|kiravia|spark"
    r"|percp-?vio|pe-?vio|apc-?vio)[ -]*(?:blue|yellow|violet|red|nir|uv|[a-z])?[ -]*\d{3}"
    r"|pe[ -]?(?:cy(?:anine)?[ -]?\d(?:\.\d)?|cf594|dazzle[ -]?594|fire[ -]?\d{3}|texas[ -]?red|tr"
    r"|alexa[ -]?fluor[ -]?\d{3})"
    r"|apc[ -]?(?:cy(?:anine)?[ -]?\d|h7|fire[ -]?\d{3}|r700|af(?:750|700)|efluor[ -]?\d{3})"
    r"|percp[ -]?(?:cy(?:anine)?[ -]?5\.?5|efluor[ -]?\d{3})"
    r"|fitc|pe|apc|percp|ecd|texas[ -]?red|cy\d(?:\.\d)?|7[ -]?aad"
    r"|pacific[ -]?(?:blue|orange|green)|krome[ -]?orange|amcyan|pc\d(?:\.\d)?|pb|ko"
    r")(?![a-z0-9])"
)
_NOISE = re.compile(r"(?<![a-z0-9])(?:anti|human|hu|mouse|comp)(?![a-z0-9])|[ _.-]+[ahw]$")

_PULSE = re.compile(r"[ _.-]([ahw])$")


def plain(text: str) -> str:
    """Return letters and digits only, lower case.

    Examples
    --------
    >>> plain("CD62-L"), plain("FSC-A")
    ('cd62l', 'fsca')
    """
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def marker_in(label: str) -> str:
    """Return the marker within a label, plain, with fluorochrome and pulse suffix taken away.

    Empty when the label names a dye only.

    Examples
    --------
    >>> marker_in("CD45RA BV421"), marker_in("anti-CD3 (PE-Cy7)"), marker_in("CD45 RA::PerCP-Cy5.5-A")
    ('cd45ra', 'cd3', 'cd45ra')
    >>> marker_in("BV421-A")
    ''
    """
    text = label.casefold().strip()
    text = _NOISE.sub(" ", text)
    text = _DYES.sub(" ", text)
    return plain(text)


def same_marker(wanted: str, label: str) -> bool:
    """Whether two spellings name one marker; area, height and width of a pulse are not each other.

    Examples
    --------
    >>> same_marker("CD62L", "CD62-L"), same_marker("CD45RA", "CD45RA BV421"), same_marker("CD45", "CD45RA")
    (True, True, False)
    >>> same_marker("BV421-A", "BV510-A"), same_marker("FSC-H", "FSC-A"), same_marker("FSC", "FSC-A")
    (False, False, True)
    """
    pulses = [found[1] for text in (wanted, label) if (found := _PULSE.search(text.casefold().strip()))]
    if len(set(pulses)) > 1:
        return False
    if plain(wanted) and plain(wanted) == plain(label):
        return True
    marker = marker_in(label)
    return bool(marker) and marker == (marker_in(wanted) or plain(wanted))
