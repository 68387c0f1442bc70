"""Where events lie in a file and how their bytes become numbers, from the keywords; every lie is refused here.

Later versions of the standard, other widths and other repairs are other layouts of the same reader.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gating.errors import FCSError, UnsupportedFCSError
from gating.fcs.text import Header
from gating.sample import Channel

__all__ = ["Column", "Layout", "plan_layout"]

MOST_PARAMETERS = 10_000
UNKNOWN_OFFSET = 99_999_999
_DATATYPES = {"I": "integers", "F": "single floats", "D": "double floats"}


@dataclass(frozen=True, slots=True)
class Column:
    """One parameter: its channel, and how a stored number becomes a linear one."""

    channel: Channel
    dtype: np.dtype[np.generic]
    mask: int = 0
    """Bits that count, from $PnR; 0 for all."""
    decades: float = 0.0
    """$PnE: 0 for linear."""
    offset: float = 0.0
    gain: float = 1.0
    scale: float = 0.0
    """$PnR, the number that a logarithmic scale ends at."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where events lie and what a row of them is."""

    begin: int
    n_events: int
    columns: tuple[Column, ...]
    warnings: tuple[str, ...] = ()

    @property
    def row(self) -> np.dtype[np.void]:
        """One event as stored."""
        return np.dtype([(f"p{i}", column.dtype) for i, column in enumerate(self.columns)])


def plan_layout(keywords: Mapping[str, str], header: Header, size: int, where: str) -> Layout:
    """Return the layout that the keywords describe, checked against the file's size.

    Parameters
    ----------
    keywords
        Upper case.
    header
        HEADER, for offsets.
    size
        Bytes in the file.
    where
        Opens every message.

    Raises
    ------
    FCSError
        If a keyword is missing or wrong, or DATA is not what they say.
    UnsupportedFCSError
        If DATA is of a kind this reader does not read.
    """
    mode, datatype = keywords.get("$MODE", "L").strip().upper(), _required(keywords, "$DATATYPE", where).strip().upper()
    if mode != "L":
        raise UnsupportedFCSError(f"{where}: $MODE is {mode!r} (histograms); this reader reads list mode, 'L'")
    if datatype not in _DATATYPES:
        raise UnsupportedFCSError(f"{where}: $DATATYPE is {datatype!r}; this reader reads I, F and D")
    _refuse_more_datasets(keywords, where)
    count = _whole(keywords, "$PAR", where)
    if not 1 <= count <= MOST_PARAMETERS:
        raise FCSError(f"{where}: $PAR is {count:,}; between 1 and {MOST_PARAMETERS:,} can be")
    order = _byte_order(keywords, datatype, where)
    warnings: list[str] = []
    columns = tuple(_column(keywords, n, datatype, order, where, warnings) for n in range(1, count + 1))
    _refuse_duplicates(columns, where)
    row_bytes = sum(column.dtype.itemsize for column in columns)
    begin, events = _extent(keywords, header, size, row_bytes, where, warnings)
    return Layout(begin, events, columns, tuple(warnings))


def _required(keywords: Mapping[str, str], name: str, where: str) -> str:
    if not keywords.get(name, "").strip():
        raise FCSError(f"{where}: no keyword {name}; every FCS file must have it")
    return keywords[name]


def _whole(keywords: Mapping[str, str], name: str, where: str) -> int:
    text = _required(keywords, name, where).strip()
    if not re.fullmatch(r"\d{1,20}", text):
        raise FCSError(f"{where}: {name} is {text!r}; it must be a whole number")
    return int(text)


def _refuse_more_datasets(keywords: Mapping[str, str], where: str) -> None:
    following = keywords.get("$NEXTDATA", "0").strip()
    if following not in {"", "0"}:
        raise UnsupportedFCSError(
            f"{where}: $NEXTDATA is {following}: the file holds a second data set; this reader reads files with one"
        )


def _byte_order(keywords: Mapping[str, str], datatype: str, where: str) -> str:
    order = _required(keywords, "$BYTEORD", where).replace(" ", "")
    if order in {"1,2,3,4", "1,2"}:
        return "<"
    if order in {"4,3,2,1", "2,1"}:
        return ">"
    kind = _DATATYPES[datatype]
    raise UnsupportedFCSError(f"{where}: $BYTEORD is {order!r} for {kind}; this reader reads 1,2,3,4 and 4,3,2,1")


def _column(keywords: Mapping[str, str], n: int, datatype: str, order: str, where: str, warnings: list[str]) -> Column:
    name = _required(keywords, f"$P{n}N", where).strip()
    marker = keywords.get(f"$P{n}S", "").strip()
    dtype = _dtype(keywords, n, datatype, order, where)
    top = _range(keywords, n, warnings)
    decades, offset = _amplification(keywords, n, datatype, warnings)
    gain = 1.0 if decades else _gain(keywords, n, warnings)
    upper = offset * 10**decades if decades else top / gain
    mask = _mask(top, dtype) if datatype == "I" else 0
    return Column(Channel(name, marker, upper), dtype, mask, decades, offset, gain, top)


def _dtype(keywords: Mapping[str, str], n: int, datatype: str, order: str, where: str) -> np.dtype[np.generic]:
    text = _required(keywords, f"$P{n}B", where).strip()
    expected = {"F": {"32"}, "D": {"64"}}.get(datatype, {"8", "16", "32"})
    if text not in expected:
        kind = FCSError if datatype in "FD" else UnsupportedFCSError
        wanted = ", ".join(sorted(expected, key=int))
        raise kind(f"{where}: $P{n}B is {text!r} for {_DATATYPES[datatype]}; this reader reads {wanted} bits")
    return np.dtype(f"{order}{'f' if datatype in 'FD' else 'u'}{int(text) // 8}")


def _range(keywords: Mapping[str, str], n: int, warnings: list[str]) -> float:
    text = keywords.get(f"$P{n}R", "").strip()
    try:
        top = float(text)
    except ValueError:
        top = math.nan
    if not 0 < top < 1e30:
        warnings.append(f"$P{n}R is {text or 'missing'!r}, no usable range; 262144 is used for the axis")
        return 262144.0
    return top


def _amplification(keywords: Mapping[str, str], n: int, datatype: str, warnings: list[str]) -> tuple[float, float]:
    """Return decades and offset of $PnE; 0, 0 for linear. Floats are linear whatever it says (FCS 3.1, 3.2.20)."""
    text = keywords.get(f"$P{n}E", "0,0").strip()
    try:
        decades, offset = (float(part) for part in text.split(","))
    except ValueError:
        warnings.append(f"$P{n}E is {text!r}, not two numbers; taken as linear")
        return 0.0, 0.0
    if decades <= 0:
        return 0.0, 0.0
    if datatype != "I":
        warnings.append(f"$P{n}E is {text} on floating-point data, which is linear by the standard; taken as linear")
        return 0.0, 0.0
    if offset <= 0:
        warnings.append(f"$P{n}E is {text}; an offset of 0 is read as 1, as the standard says")
        offset = 1.0
    return decades, offset


def _gain(keywords: Mapping[str, str], n: int, warnings: list[str]) -> float:
    text = keywords.get(f"$P{n}G", "1").strip() or "1"
    try:
        gain = float(text)
    except ValueError:
        gain = math.nan
    if not 0 < gain < math.inf:
        warnings.append(f"$P{n}G is {text!r}, no gain; 1 is used")
        return 1.0
    return gain


def _mask(top: float, dtype: np.dtype[np.generic]) -> int:
    """Return the bits below $PnR; 0 where the whole width counts."""
    bits = math.ceil(math.log2(top)) if top > 1 else 1
    return 0 if bits >= dtype.itemsize * 8 else (1 << bits) - 1


def _refuse_duplicates(columns: tuple[Column, ...], where: str) -> None:
    names = [column.channel.name for column in columns]
    for n, name in enumerate(names, start=1):
        if name in names[: n - 1]:
            raise FCSError(f"{where}: $P{n}N and $P{names.index(name) + 1}N are both {name!r}; names must differ")


def _extent(
    keywords: Mapping[str, str], header: Header, size: int, row_bytes: int, where: str, warnings: list[str]
) -> tuple[int, int]:
    """Return DATA's first byte and the number of events, agreed on by HEADER, TEXT, $TOT and the file's size."""
    total = _whole(keywords, "$TOT", where)
    wanted = total * row_bytes
    places = _places(keywords, header, where)
    if total == 0:
        return (places[0][1] if places else 0), 0
    exact = [place for place in places if place[2] - place[1] + 1 == wanted]
    if len({place[1:] for place in exact}) > 1:
        raise FCSError(f"{where}: HEADER and TEXT place DATA differently, and both could be: {_listed(places)}")
    if not exact:
        exact = [place for place in places if place[2] - place[1] == wanted]
        if len({place[1:] for place in exact}) != 1:
            raise FCSError(_mismatch(places, total, row_bytes, where))
        warnings.append(f"the last byte of DATA is given one too far ({exact[0][2]}); $TOT x row length was read")
    elif len({place[1:] for place in places}) > 1:
        warnings.append(f"HEADER and TEXT place DATA differently ({_listed(places)}); only {exact[0][0]} fits $TOT")
    begin = exact[0][1]
    if begin + wanted > size:
        whole = max(size - begin, 0) // row_bytes
        raise FCSError(
            f"{where}: $TOT says {total} events, the file ends at byte {size - 1} after {whole}; it is cut short"
        )
    return begin, total


def _places(keywords: Mapping[str, str], header: Header, where: str) -> list[tuple[str, int, int]]:
    """List where HEADER and TEXT say that DATA begins and ends."""
    places = []
    if header.data[0] and header.data[1] and UNKNOWN_OFFSET not in header.data:
        places.append(("HEADER", *header.data))
    if keywords.get("$BEGINDATA", "").strip() and keywords.get("$ENDDATA", "").strip():
        begin, end = _whole(keywords, "$BEGINDATA", where), _whole(keywords, "$ENDDATA", where)
        if begin and end:
            places.append(("TEXT", begin, end))
    return [place for place in places if place[1] > 0]


def _listed(places: list[tuple[str, int, int]]) -> str:
    return ", ".join(f"{name} bytes {begin} to {end}" for name, begin, end in places) or "nowhere"


def _mismatch(places: list[tuple[str, int, int]], total: int, row_bytes: int, where: str) -> str:
    found = ", ".join(
        f"{name} {end - begin + 1} bytes ({(end - begin + 1) / row_bytes:g} events)" for name, begin, end in places
    )
    return (
        f"{where}: $TOT says {total} events of {row_bytes} bytes, {total * row_bytes} in all; "
        f"DATA has by {found or 'neither HEADER nor TEXT any place'}"
    )
