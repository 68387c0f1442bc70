"""FCS files made byte by byte, so that a test can break one thing and leave the rest right."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KEYWORDS = {
    "$BYTEORD": "1,2,3,4",
    "$DATATYPE": "F",
    "$MODE": "L",
    "$NEXTDATA": "0",
    "$PAR": "2",
    "$TOT": "3",
    "$P1N": "FSC-A",
    "$P1B": "32",
    "$P1R": "262144",
    "$P1E": "0,0",
    "$P2N": "PE-A",
    "$P2S": " CD3 ",
    "$P2B": "32",
    "$P2R": "262144",
    "$P2E": "0,0",
}
"""Two channels, three events; the values of a test replace these, None leaves one out."""
EVENTS = np.array([[1.5, 2], [-3, 4e5], [5, 6]], dtype="<f4")


def fcs_bytes(
    keywords: Mapping[str, str | None] = {},
    data: bytes = EVENTS.tobytes(),
    *,
    version: bytes = b"FCS3.1    ",
    delimiter: str = "/",
    text: Callable[[bytes], bytes] = lambda text: text,
    gap: bytes = b"",
    tail: bytes = b"",
    in_header: tuple[int, int] | None = (0, 0),
    in_text: tuple[int, int] | None = (0, 0),
) -> bytes:
    """Return an FCS file.

    ``text`` changes the finished TEXT; ``in_header`` and ``in_text`` are added to the first and last byte of DATA
    there, and None writes zeros into HEADER and nothing into TEXT. ``gap`` and ``tail`` stand before and after DATA.
    """

    def segments(begin: int) -> tuple[bytes, int, int]:
        end = begin + len(data) - 1
        offsets = {}
        if in_text is not None:
            offsets = {"$BEGINDATA": f"{begin + in_text[0]:08d}", "$ENDDATA": f"{end + in_text[1]:08d}"}
        pairs = {**KEYWORDS, **offsets, **keywords}
        joined = "".join(f"{delimiter}{k}{delimiter}{v}" for k, v in pairs.items() if v is not None) + delimiter
        return text(joined.encode()), begin, end

    length = len(segments(0)[0])
    made, begin, end = segments(58 + length + len(gap))
    header = (0, 0) if in_header is None else (begin + in_header[0], end + in_header[1])
    offsets = (58, 57 + length, *header, 0, 0)
    return version + b"".join(b"%8d" % n for n in offsets) + made + gap + data + tail


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an FCS file, ``pt01.fcs`` unless told otherwise, and returns its path."""

    def write(*args: Any, name: str = "pt01.fcs", **kwargs: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(fcs_bytes(*args, **kwargs))
        return path

    return write


@pytest.fixture
def integers(make: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes integer events, given as an array of the stored type."""

    def write(stored: np.ndarray, keywords: Mapping[str, str | None] = {}, **kwargs: Any) -> Path:
        bits = str(stored.dtype.itemsize * 8)
        order = "4,3,2,1" if stored.dtype.str.startswith(">") else "1,2,3,4"
        common = {"$DATATYPE": "I", "$BYTEORD": order, "$P1B": bits, "$P2B": bits, "$TOT": str(len(stored))}
        return make({**common, **keywords}, stored.tobytes(), **kwargs)

    return write
