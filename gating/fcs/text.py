"""HEADER and TEXT: from the first 58 bytes to keywords.

References
----------
.. [1] Spidlen J, et al. Cytometry A 2010;77:97-100 (FCS 3.1), sections 3.1 and 3.2.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from gating.errors import FCSError, UnsupportedFCSError

__all__ = ["Header", "read_header", "read_text"]

VERSIONS = ("FCS2.0", "FCS3.0", "FCS3.1")
HEADER_BYTES = 58
MOST_TEXT = 1 << 28
"""256 MB: no TEXT is longer, and a wrong offset must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Header:
    """The version and the segments' first and last bytes, as HEADER gives them; 0 where it gives none."""

    version: str
    text: tuple[int, int]
    data: tuple[int, int]


def read_header(stream: BinaryIO, size: int, where: str) -> Header:
    """Read HEADER.

    Raises
    ------
    FCSError
        If the file is empty, too short, not FCS, or its offsets are no numbers.
    UnsupportedFCSError
        If the version is one this reader does not read.
    """
    raw = stream.read(HEADER_BYTES)
    if not raw:
        raise FCSError(f"{where}: empty file (0 bytes)")
    if not raw.startswith(b"FCS"):
        raise FCSError(f"{where}: not FCS (starts with {raw[:8]!r}); an FCS file starts with b'FCS3.1'")
    if len(raw) < HEADER_BYTES:
        raise FCSError(f"{where}: cut short at byte {len(raw)}, within HEADER; HEADER has {HEADER_BYTES} bytes")
    version = raw[:6].decode("latin-1")
    if version not in VERSIONS:
        raise UnsupportedFCSError(f"{where}: version {version!r}; this reader reads {', '.join(VERSIONS)}")
    offsets = [_offset(raw[i : i + 8], where) for i in range(10, 42, 8)]
    header = Header(version, (offsets[0], offsets[1]), (offsets[2], offsets[3]))
    first, last = header.text
    if not HEADER_BYTES <= first <= last:
        raise FCSError(f"{where}: HEADER places TEXT at bytes {first} to {last}; it must lie behind byte 57")
    if last >= size:
        raise FCSError(f"{where}: cut short: TEXT ends at byte {last}, the file at byte {size - 1}")
    return header


def read_text(
    stream: BinaryIO, first: int, last: int, where: str, delimiter: str = ""
) -> tuple[dict[str, str], list[str]]:
    """Read one TEXT segment; return its keywords, names in upper case, and what was odd.

    Parameters
    ----------
    stream
        The file.
    first, last
        First and last byte of the segment.
    where
        Opens every message.
    delimiter
        That of the primary TEXT, for a supplemental segment written without one.

    Raises
    ------
    FCSError
        If the segment cannot be split into keyword and value in one way only.
    """
    if last - first >= MOST_TEXT:
        raise FCSError(f"{where}: TEXT has {last - first + 1:,} bytes; that cannot be")
    stream.seek(first)
    raw = stream.read(last - first + 1)
    if b"\0" in raw[1:4]:
        raise FCSError(f"{where}: TEXT is UTF-16, which FCS does not allow; it must be ASCII or UTF-8")
    warnings = []
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        warnings.append("TEXT is not UTF-8; read as Latin-1")
    text = text.lstrip("\ufeff").rstrip("\0 \r\n") if text[:1] not in " \r\n" else text.lstrip("\ufeff").rstrip("\0")
    sign = delimiter if delimiter and not text.startswith(delimiter) else text[:1]
    body = text.removeprefix(sign)
    keywords, found = _split(body.removesuffix(sign), sign, where)
    return keywords, warnings + found


def text_delimiter(stream: BinaryIO, first: int) -> str:
    """Return the delimiter of a TEXT segment: its first character."""
    stream.seek(first)
    return stream.read(1).decode("latin-1")


def _offset(raw: bytes, where: str) -> int:
    """Read one offset of HEADER: right-justified digits, or blank for none."""
    text = raw.decode("latin-1").strip("\0 ")
    if not text:
        return 0
    if not re.fullmatch(r"\d+", text):
        raise FCSError(f"{where}: HEADER has the offset {raw.decode('latin-1')!r}; it must be digits")
    return int(text)


def _split(body: str, sign: str, where: str) -> tuple[dict[str, str], list[str]]:
    """Split TEXT with doubled delimiters as one; else with empty values, whichever gives whole pairs."""
    escaped = _pairs(_unescaped(body, sign))
    if escaped is not None and _complete(escaped[0]):
        return escaped
    empty = _pairs(body.split(sign))
    if empty is not None and _complete(empty[0]):
        keywords, warnings = empty
        return keywords, ["TEXT has empty values, which FCS does not allow; read as such", *warnings]
    if escaped is not None:
        return escaped
    count = len(_unescaped(body, sign))
    raise FCSError(
        f"{where}: TEXT splits into {count} parts at {sign!r}, an odd number; a keyword without a value, "
        f"or a delimiter within a value that is not doubled"
    )


def _unescaped(body: str, sign: str) -> list[str]:
    """Split at single delimiters; a doubled one is the character itself."""
    if sign * 2 not in body:
        return body.split(sign)
    return [part.replace("\0\0delimiter\0\0", sign) for part in body.replace(sign * 2, "\0\0delimiter\0\0").split(sign)]


def _pairs(parts: list[str]) -> tuple[dict[str, str], list[str]] | None:
    if len(parts) % 2:
        return None
    keywords: dict[str, str] = {}
    warnings = []
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        key = name.strip().upper()
        if key in keywords and keywords[key] != value:
            warnings.append(f"keyword {key} stands twice with different values; the first is used")
        keywords.setdefault(key, value)
    return keywords, warnings


def _complete(keywords: Mapping[str, str]) -> bool:
    """Whether what every TEXT must have is there."""
    return "$PAR" in keywords and "$P1B" in keywords
