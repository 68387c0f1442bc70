"""HEADER, TEXT and DATA to a file: what every FCS file that this program writes has in common."""

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from gating.errors import FCSError
from gating.fcs.text import HEADER_BYTES

__all__ = ["LARGEST_OFFSET", "assemble_head", "write_assembled"]

LARGEST_OFFSET = 99_999_999
"""What eight characters of HEADER can hold."""
DELIMITERS = "/|\\\f\x1e!"
NO_CHECKSUM = b"00000000"


def assemble_head(version: str, pairs: Mapping[str, str], data_bytes: int, where: str) -> bytes:
    """Return HEADER and TEXT; DATA begins right behind them.

    Parameters
    ----------
    version
        Like ``"3.1"``.
    pairs
        Keywords, but for the offsets; those without a value, which FCS forbids, are left out.
    data_bytes
        Size of DATA.
    where
        What messages begin with.

    Raises
    ------
    FCSError
        If no delimiter can separate the texts, or FCS 2.0 cannot hold that many bytes.

    Examples
    --------
    >>> assemble_head("2.0", {"$TOT": "1", "$COM": ""}, 8, "pt01.fcs")
    b'FCS2.0          58      65      66      73       0       0/$TOT/1/'
    """
    text, begin, end, before = b"", 0, 0, -1
    while len(text) != before:
        before = len(text)
        begin = HEADER_BYTES + before if data_bytes else 0
        end = begin + data_bytes - 1 if data_bytes else 0
        offsets = {} if version == "2.0" else _offsets(begin, end)
        text = _text({**offsets, **pairs}, where)
    if end > LARGEST_OFFSET:
        if version == "2.0":
            raise FCSError(f"{where}: DATA would end at byte {end}; FCS 2.0 ends at {LARGEST_OFFSET}, use '3.1'.")
        begin = end = 0
    numbers = (HEADER_BYTES, HEADER_BYTES + len(text) - 1, begin, end, 0, 0)
    return f"FCS{version}    {''.join(f'{n:8d}' for n in numbers)}".encode("ascii") + text


def write_assembled(path: Path, version: str, head: bytes, data: Iterable[bytes]) -> None:
    """Write a file under a temporary name, then give it its own, over one that may be there.

    Raises
    ------
    OSError
        If the disk refuses; nothing is left behind then.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(head)
            file.writelines(data)
            if version != "2.0":
                file.write(NO_CHECKSUM)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _offsets(begin: int, end: int) -> dict[str, str]:
    """Return the offset keywords of FCS 3."""
    analysis_and_supplement = ("$BEGINANALYSIS", "$ENDANALYSIS", "$BEGINSTEXT", "$ENDSTEXT")
    return {"$BEGINDATA": str(begin), "$ENDDATA": str(end), **dict.fromkeys(analysis_and_supplement, "0")}


def _text(pairs: Mapping[str, str], where: str) -> bytes:
    """Return a TEXT segment."""
    pairs = {keyword: value for keyword, value in pairs.items() if value}
    delimiter = _delimiter(pairs, where)
    doubled = (f"{keyword}{delimiter}{value.replace(delimiter, 2 * delimiter)}" for keyword, value in pairs.items())
    return f"{delimiter}{delimiter.join(doubled)}{delimiter}".encode()


def _delimiter(pairs: Mapping[str, str], where: str) -> str:
    """Return a delimiter that is in no keyword and at no end of a value, where doubling it would not be understood."""
    for delimiter in DELIMITERS:
        if not any(delimiter in k or v.startswith(delimiter) or v.endswith(delimiter) for k, v in pairs.items()):
            return delimiter
    raise FCSError(f"{where}: every delimiter of {DELIMITERS!r} begins or ends a value; change one of the keywords.")
