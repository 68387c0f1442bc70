"""HEADER and TEXT: where the segments of a file are, and the keywords in it.

Everything here works on bytes already read. A file that breaks the standard in a way that leaves one
reading only is read, and the oddity recorded; a file that leaves two is refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gating.errors import FCSError, UnsupportedFCSError
from gating.fcs.repairs import Repair

__all__ = [
    "HEADER_BYTES",
    "Header",
    "Segment",
    "Text",
    "merge_texts",
    "optional_number",
    "parse_header",
    "parse_text",
    "whole_number",
    "without_shared_byte",
]

HEADER_BYTES = 58
READ_VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2")
NO_OFFSET = 99_999_999
"""FlowJo fills a HEADER field with nines where a number does not fit; the standard says 0."""

_UTF16 = "UTF-16 text, not allowed by FCS"
_OTHER_KINDS = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "gzip-compressed",
    b"%PDF": "a PDF document",
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
    b"F\x00C\x00": _UTF16,
}
_ESCAPED = "\ud800"
"""Stands for a doubled delimiter while TEXT is taken apart: no decoded text holds a lone surrogate."""
_DECISIVE = re.compile(r"\$(PAR|TOT|MODE|DATATYPE|BYTEORD|BEGINDATA|ENDDATA|NEXTDATA|P\d+([BENRG]|DATATYPE))")
"""Keywords that decide what a number in DATA means and what it is called."""
_PARAMETER = re.compile(r"\$P\d+[BENRGS]")


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of bytes of the file, first and last byte included."""

    begin: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes; not ``len``, which cannot hold the absurd offsets of a broken file."""
        return max(self.end - self.begin + 1, 0)

    def __str__(self) -> str:
        return f"bytes {self.begin}-{self.end}"


@dataclass(frozen=True, slots=True)
class Header:
    """The first 58 bytes: the version, and where TEXT and DATA are."""

    version: str
    text: Segment
    data: Segment | None
    """None where HEADER leaves it to $BEGINDATA and $ENDDATA."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A TEXT segment taken apart."""

    keywords: dict[str, str]
    """Names in upper case, values as they stand."""
    delimiter: str
    warnings: tuple[str, ...] = ()


def parse_header(head: bytes, where: str) -> Header:
    """Return version and segments from the first 58 bytes of a file.

    Raises
    ------
    UnsupportedFCSError
        If the version is not 2.0, 3.0, 3.1 or 3.2.
    FCSError
        If this is no FCS file, or HEADER is cut short or holds what is no number.

    Examples
    --------
    >>> parse_header(b"FCS3.1          58     999    1000    1999       0       0", "pt01.fcs").data
    Segment(begin=1000, end=1999)
    """
    version, warnings = _version(head, where)
    if len(head) < HEADER_BYTES:
        raise FCSError(f"{where}: the file ends at byte {len(head)}, inside the HEADER of 58 bytes; it is cut short.")
    begin_text, end_text, begin_data, end_data = (_offset(head, at, where) for at in (10, 18, 26, 34))
    text, data = Segment(begin_text, end_text), Segment(begin_data, end_data)
    if text.begin < HEADER_BYTES or text.size < 2:
        raise FCSError(f"{where}: HEADER puts TEXT at {text}; it must begin after HEADER, at byte 58 or later.")
    if NO_OFFSET in (data.begin, data.end):
        nines = "HEADER gives 99999999 for DATA, which FlowJo writes for 0; the offsets in TEXT are used."
        warnings += (Repair("nines", nines),)
        return Header(version, text, None, warnings)
    return Header(version, text, data if data.end else None, warnings)


def without_shared_byte(header: Header, raw: bytes) -> tuple[Header, bytes]:
    """Return HEADER and TEXT without the first byte of DATA, where the end of TEXT was given one byte too far.

    That is told by the last byte: if it is the delimiter, TEXT ends there, and it is DATA that begins too early.
    """
    if header.data is None or header.text.end != header.data.begin or raw[-1:] == raw[:1]:
        return header, raw
    end = header.text.end
    warning = Repair(
        "shared-byte", f"HEADER ends TEXT on byte {end}, where DATA begins; TEXT is read one byte shorter."
    )
    shorter = replace(header, text=Segment(header.text.begin, end - 1), warnings=(*header.warnings, warning))
    return shorter, raw[:-1]


def _version(head: bytes, where: str) -> tuple[str, tuple[str, ...]]:
    """Return the version, after making sure that this is an FCS file."""
    if not head:
        raise FCSError(f"{where}: empty file (0 bytes); export it again.")
    if not head.startswith(b"FCS"):
        kind = next((f", {kind}" for magic, kind in _OTHER_KINDS.items() if head.startswith(magic)), "")
        raise FCSError(f"{where}: not FCS (starts with {head[:6]!r}{kind}); an FCS file starts with b'FCS'.")
    written = head[:10].rstrip(b" \0").decode("latin-1")
    version = written.replace(" ", "")
    if not re.fullmatch(r"FCS[0-9]\.[0-9]", version):
        raise FCSError(f"{where}: not FCS (the version reads {written!r}); it would be like 'FCS3.1'.")
    if version not in READ_VERSIONS:
        raise UnsupportedFCSError(f"{where}: is version {version}; {', '.join(READ_VERSIONS)} can be read.")
    return version, () if written == version else (
        Repair("version", f"The version is written {written!r}, read as {version}."),
    )


def _offset(head: bytes, at: int, where: str) -> int:
    """Return the number in eight bytes of HEADER; blank means 0."""
    field = head[at : at + 8].strip(b" \0")
    if field and not field.isdigit():
        raise FCSError(f"{where}: bytes {at}-{at + 7} of HEADER hold {field!r}; a byte offset is a whole number.")
    return int(field or b"0")


def parse_text(raw: bytes, where: str, delimiter: str = "") -> Text:
    """Return the keywords of a TEXT segment.

    The first byte is the delimiter; a doubled one within a value stands for itself. A keyword holds no delimiter:
    where one seems to, the value before it is empty, which the standard forbids and instruments write.

    Parameters
    ----------
    raw
        The segment.
    where
        What messages begin with.
    delimiter
        That of the primary TEXT, when this is the supplemental one: some writers leave out its first byte.

    Raises
    ------
    FCSError
        If the text is UTF-16, a keyword is left without a value at the end, a value reads like the name of a
        keyword, or a keyword that decides how DATA is read has two values.

    Examples
    --------
    >>> parse_text(b"/$PAR/2/$p1n/CD4//CD8/", "pt01.fcs").keywords
    {'$PAR': '2', '$P1N': 'CD4/CD8'}
    """
    text, warnings = _decode(raw, where)
    if delimiter and not text.startswith(delimiter):
        text = delimiter + text
        missing = "The supplemental TEXT does not begin with the delimiter; it is read as if it did."
        warnings += (Repair("supplement", missing),)
    delimiter = text[:1]
    if not "\x01" <= delimiter <= "\x7e":
        raise FCSError(f"{where}: TEXT begins with {delimiter!r}; the delimiter is an ASCII character from 1 to 126.")
    pairs, empty = _with_empty_values(_pairs(text, delimiter, where), delimiter, where)
    if empty:
        warnings += (Repair("empty-values", f"TEXT has keywords without a value, kept as empty: {_listed(empty)}."),)
    _check_aligned(pairs, where)
    keywords, repeated = _first_of_each(pairs, where)
    return Text(keywords, delimiter, warnings + repeated)


def merge_texts(primary: Text, supplemental: Text, where: str) -> Text:
    """Return one text of two; where they differ on a keyword, the primary is kept.

    Raises
    ------
    FCSError
        If they differ on a keyword that decides how DATA is read.
    """
    pairs = [*primary.keywords.items(), *supplemental.keywords.items()]
    keywords, repeated = _first_of_each(pairs, where)
    return Text(keywords, primary.delimiter, primary.warnings + supplemental.warnings + repeated)


def whole_number(keywords: Mapping[str, str], keyword: str, where: str, meaning: str) -> int:
    """Return the value of a keyword that must be there and be a whole number, 0 or more.

    Raises
    ------
    FCSError
        If it is missing, or anything else.

    Examples
    --------
    >>> whole_number({"$TOT": " 384 "}, "$TOT", "pt01.fcs", "the number of events")
    384
    >>> whole_number({}, "$TOT", "pt01.fcs", "the number of events")
    Traceback (most recent call last):
    gating.errors.FCSError: pt01.fcs: there is no $TOT in TEXT; it must give the number of events.
    """
    if keyword not in keywords:
        raise FCSError(f"{where}: there is no {keyword} in TEXT; it must give {meaning}.")
    value = keywords[keyword].strip(" \0")
    if not re.fullmatch(r"[0-9]{1,24}", value):
        raise FCSError(f"{where}: {keyword} is {value[:40]!r}; it must give {meaning} as a whole number.")
    return int(value)


def optional_number(keywords: Mapping[str, str], keyword: str, where: str, meaning: str) -> int:
    """Return the whole number of a keyword, 0 where it is missing or blank.

    Raises
    ------
    FCSError
        If it is anything else.
    """
    return whole_number(keywords, keyword, where, meaning) if keywords.get(keyword, "").strip(" \0") else 0


def _decode(raw: bytes, where: str) -> tuple[str, tuple[str, ...]]:
    """Return TEXT as characters, without the padding after its last delimiter."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or _is_every_other_byte_zero(raw):
        raise FCSError(f"{where}: TEXT is UTF-16, not allowed by FCS (starts with {raw[:6]!r}); ASCII and UTF-8 are.")
    warnings: tuple[str, ...] = ()
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
        warnings += (Repair("byte-order-mark", "TEXT begins with a byte order mark, which was skipped."),)
    padding = bytes({0, 9, 10, 13, 32} - set(raw[:1]))
    raw = raw.rstrip(padding)
    try:
        return raw.decode("utf-8"), warnings
    except UnicodeDecodeError:
        return raw.decode("latin-1"), (*warnings, Repair("latin-1", "TEXT is not UTF-8; it is read as Latin-1."))


def _is_every_other_byte_zero(raw: bytes) -> bool:
    """Whether the text looks like UTF-16 without a byte order mark."""
    return len(raw) >= 8 and any(raw[:64]) and not (any(raw[0:64:2]) and any(raw[1:64:2]))


def _pairs(text: str, delimiter: str, where: str) -> list[tuple[str, str]]:
    """Cut TEXT at its delimiters, a doubled one standing for itself."""
    body = text[1:].removesuffix(delimiter)
    tokens = [token.replace(_ESCAPED, delimiter) for token in body.replace(delimiter * 2, _ESCAPED).split(delimiter)]
    if len(tokens) % 2:
        if tokens[-1].strip():
            raise FCSError(
                f"{where}: TEXT ends with the keyword {tokens[-1][:40]!r} and no value for it; "
                f"somewhere a delimiter {delimiter!r} is missing, or stands in a value without being doubled."
            )
        tokens.pop()
    return list(zip(tokens[::2], tokens[1::2], strict=True))


def _with_empty_values(
    pairs: list[tuple[str, str]], delimiter: str, where: str
) -> tuple[list[tuple[str, str]], list[str]]:
    """Take ``A//B/value`` for an empty A and a B, which the doubling rule reads as one keyword."""
    found: list[tuple[str, str]] = []
    for keyword, value in pairs:
        *before, last = keyword.split(delimiter)
        if before and not all(map(str.strip, (*before, last))):
            raise FCSError(
                f"{where}: TEXT can be read in two ways at {keyword[:40]!r}; a value must not begin with the delimiter."
            )
        found += [(name, "") for name in before]
        found.append((last, value))
    found = [(name.strip().upper(), value) for name, value in found if name.strip() or value.strip()]
    return found, [name for name, value in found if not value]


def _check_aligned(pairs: Iterable[tuple[str, str]], where: str) -> None:
    """Refuse text in which keywords and values have changed places."""
    for keyword, value in pairs:
        if not keyword:
            raise FCSError(f"{where}: TEXT gives the value {value[:40]!r} to a keyword without a name.")
        if value.startswith("$") and _PARAMETER.fullmatch(value):
            raise FCSError(
                f"{where}: TEXT gives {value!r} as the value of {keyword[:40]!r}; keywords and values have changed "
                f"places, because a delimiter stands in a value without being doubled."
            )


def _first_of_each(pairs: Iterable[tuple[str, str]], where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Keep the first value of a repeated keyword, unless numbers would depend on the choice."""
    keywords: dict[str, str] = {}
    repeated: list[str] = []
    for keyword, value in pairs:
        first = keywords.setdefault(keyword, value)
        if first.strip() == value.strip():
            continue
        if _DECISIVE.fullmatch(keyword):
            raise FCSError(
                f"{where}: {keyword} is given twice, as {first[:40]!r} and {value[:40]!r}; "
                f"how DATA is to be read must be said once."
            )
        repeated.append(keyword)
    kept = Repair("repeated-keyword", f"TEXT gives keywords twice, the first value is kept: {_listed(repeated)}.")
    return keywords, (kept,) if repeated else ()


def _listed(names: list[str], limit: int = 5) -> str:
    """Name the first few of a list that may be long."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(name[:40] for name in names[:limit]) + more
