"""Columns: what the bytes of one parameter mean.

Numbers in DATA become linear values by three keywords, each where the standard applies it and nowhere else:

========  ==========================================================  =============================================
keyword   on integers                                                 on floating point
========  ==========================================================  =============================================
$PnR      bits above the next power of two are cleared, and counted   the top of the scale, nothing more
$PnE      ``f1,f2`` with f1 > 0: ``f2 * 10 ** (f1 * number / $PnR)``  ignored, with a warning
$PnG      divides, on linear channels                                 divides
========  ==========================================================  =============================================

The time channel is not divided: BD repeats $TIMESTEP as its gain, and time has no amplifier. Its values are ticks.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError, UnsupportedFCSError
from gating.fcs.numbers import Stored
from gating.fcs.repairs import Repair
from gating.fcs.text import whole_number
from gating.sample import Channel

__all__ = ["DEFAULT_RANGE", "Column", "LinearScale", "LogScale", "parse_columns"]

FLOAT_BITS = {"F": 32, "D": 64}
INTEGER_BITS = (8, 16, 24, 32, 40, 48, 56, 64)
DEFAULT_RANGE = 262144.0
"""Top of the scale where $PnR does not say and there are no events to say it: 18 bits, as BD and most others."""
LARGEST_RANGE = 2.0**64
MOST_DECADES = 20
USABLE = (1e-9, 1e9)
"""Gains and log offsets between these; a number beyond them is a slip, and could overflow."""


@dataclass(frozen=True, slots=True)
class LinearScale:
    """Values proportional to the signal: number / gain."""

    gain: float = 1.0

    def __call__(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the linear signal."""
        return numbers / self.gain

    def top(self, span: float) -> float:
        """Return the signal at $PnR."""
        return span / self.gain


@dataclass(frozen=True, slots=True)
class LogScale:
    """Numbers of a logarithmic amplifier: offset * 10 ** (decades * number / span).

    Examples
    --------
    >>> LogScale(4, 1, 1024)(np.array([0.0, 512.0]))
    array([  1., 100.])
    """

    decades: float
    offset: float
    span: float
    """$PnR: the number at which the last decade ends."""

    def __call__(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the linear signal."""
        signal: NDArray[np.float64] = self.offset * 10.0 ** (self.decades * numbers / self.span)
        return signal

    def top(self, span: float) -> float:
        """Return the signal at $PnR."""
        return float(self.offset * 10.0 ** (self.decades * span / self.span))


@dataclass(frozen=True, slots=True)
class Column:
    """One parameter: its names, and how its linear values come out of the bytes of an event."""

    channel: Channel
    stored: Stored
    """The form of its numbers."""
    offset: int
    """First byte of the number within an event."""
    scale: LinearScale | LogScale = LinearScale()
    mask: int | None = None
    """The bits of an integer that count; None for all."""
    has_range: bool = True
    """Whether $PnR gave ``channel.range``."""
    oddities: tuple[str, ...] = ()
    """What was odd but usable, worded so that the names of all channels it is true of can follow; repairs among it."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    """The keywords $PnX of one n."""

    number: int
    keywords: Mapping[str, str]
    where: str
    shares_name: bool = False
    """Whether another parameter has the same $PnN."""

    def keyword(self, letter: str) -> str:
        return f"$P{self.number}{letter}"

    def text(self, letter: str) -> str:
        """Return the value of a keyword, empty when it is missing."""
        return self.keywords.get(self.keyword(letter), "").strip()

    @property
    def name(self) -> str:
        """$PnN; with $PnS where that alone tells it from another."""
        return f"{self.text('N')} {self.text('S')}".strip() if self.shares_name else self.text("N")


def parse_columns(keywords: Mapping[str, str], version: str, where: str) -> tuple[Column, ...]:
    """Return the columns that TEXT describes, in the order of DATA.

    Parameters
    ----------
    keywords
        Of TEXT.
    version
        Like ``"FCS3.1"``: only 3.2 gives columns a $PnDATATYPE of their own.
    where
        What messages begin with.

    Raises
    ------
    UnsupportedFCSError
        If the numbers are ASCII, integers of a width that is no whole number of bytes, or in a mixed byte order.
    FCSError
        If a keyword that must be there is missing, contradicts another, or cannot be read.

    Examples
    --------
    >>> keywords = {"$PAR": "1", "$DATATYPE": "I", "$BYTEORD": "4,3,2,1", "$P1N": "FL1-H", "$P1S": "CD3"}
    >>> column, = parse_columns({**keywords, "$P1B": "16", "$P1R": "1024", "$P1E": "4,1"}, "FCS3.1", "pt01.fcs")
    >>> column.channel, column.mask
    (Channel(name='FL1-H', marker='CD3', range=10000.0), 1023)
    """
    datatype = _datatype(keywords, "$DATATYPE", where)
    steps = _byte_order(keywords, where)
    columns: list[Column] = []
    offset = 0
    for parameter in _parameters(keywords, where):
        stored = _stored(parameter, _own_datatype(parameter, datatype, version), steps)
        columns.append(_column(parameter, stored, offset))
        offset += stored.width
    return tuple(columns)


def _datatype(keywords: Mapping[str, str], keyword: str, where: str) -> str:
    """Return F, D or I."""
    datatype = keywords.get(keyword, "").strip().upper()
    if datatype == "A":
        raise UnsupportedFCSError(f"{where}: {keyword} is A, numbers as text; F, D and I can be read.")
    if datatype not in {"F", "D", "I"}:
        found = f"{keyword} is {datatype[:40]!r}" if datatype else f"there is no {keyword} in TEXT"
        raise FCSError(f"{where}: {found}; it must be F, D or I.")
    return datatype


def _own_datatype(parameter: _Parameter, datatype: str, version: str) -> str:
    """Return the type of a column: $PnDATATYPE where FCS 3.2 gives it one, else that of all."""
    if not parameter.text("DATATYPE"):
        return datatype
    own = _datatype(parameter.keywords, parameter.keyword("DATATYPE"), parameter.where)
    if own != datatype and version != "FCS3.2":
        raise FCSError(
            f"{parameter.where}: {parameter.keyword('DATATYPE')} is {own} and $DATATYPE is {datatype}; "
            f"only FCS 3.2 allows columns of their own type, and this is {version}."
        )
    return own


def _byte_order(keywords: Mapping[str, str], where: str) -> tuple[int, ...]:
    """Return the significance of each byte of a word in the file, least significant 1."""
    text = keywords.get("$BYTEORD", "").replace(" ", "")
    steps = text.split(",")
    counted = [str(i) for i in range(1, len(steps) + 1)]
    in_order = len(steps) in {2, 4, 8} and steps in (counted, counted[::-1])
    if in_order or text in {"3,4,1,2", "2,1,4,3"}:
        return tuple(map(int, steps))
    found = f"$BYTEORD is {text[:40]!r}" if text else "there is no $BYTEORD in TEXT"
    kind = UnsupportedFCSError if sorted(steps) == counted and len(steps) == 4 else FCSError
    raise kind(f"{where}: {found}; 1,2,3,4, 4,3,2,1, 3,4,1,2 and 2,1,4,3 can be read.")


def _parameters(keywords: Mapping[str, str], where: str) -> list[_Parameter]:
    """Return one item per $PnN, after making sure that there are as many as $PAR says, each named once."""
    count = whole_number(keywords, "$PAR", where, "the number of parameters")
    # A file of 10**9 parameters has 10**9 keywords: counted before anything of that length is made.
    named = sum(1 for keyword in keywords if re.fullmatch(r"\$P[1-9][0-9]*N", keyword))
    if not count or count > named:
        absent = next((f"$P{n}N" for n in range(1, min(count, named + 1) + 1) if f"$P{n}N" not in keywords), "")
        raise FCSError(
            f"{where}: $PAR is {count}, but TEXT names {named} parameters{f'; {absent} is missing' if absent else ''}; "
            f"every parameter needs its name."
        )
    names = Counter(keywords.get(f"$P{n}N", "").strip() for n in range(1, count + 1))
    parameters = [
        _Parameter(n, keywords, where, names[keywords.get(f"$P{n}N", "").strip()] > 1) for n in range(1, count + 1)
    ]
    _check_names(parameters)
    return parameters


def _check_names(parameters: Sequence[_Parameter]) -> None:
    """Refuse parameters without a name, or of one name that their markers do not tell apart."""
    first: dict[str, _Parameter] = {}
    for parameter in parameters:
        where, keyword, name = parameter.where, parameter.keyword("N"), parameter.text("N")
        if not name:
            raise FCSError(f"{where}: {keyword} is missing or empty; every parameter needs its name.")
        other = first.setdefault(name, parameter)
        told_apart = all(each.text("S") for each in (parameter, other))
        twin = first.setdefault(parameter.name, parameter) if told_apart else other
        if twin is not parameter:
            raise FCSError(
                f"{where}: {twin.keyword('N')} and {keyword} are both {name!r}; names of parameters must differ, "
                f"or each have a marker ($PnS) of its own."
            )


def _stored(parameter: _Parameter, datatype: str, steps: tuple[int, ...]) -> Stored:
    """Return the form of a column's numbers."""
    keyword = parameter.keyword("B")
    bits = whole_number(parameter.keywords, keyword, parameter.where, f"the bits of {parameter.name!r}")
    if datatype == "I" and bits not in INTEGER_BITS:
        raise UnsupportedFCSError(
            f"{parameter.where}: {keyword} is {bits}; integers of 8, 16, 24 and so on to 64 bits can be read."
        )
    if datatype != "I" and bits != FLOAT_BITS[datatype]:
        raise FCSError(
            f"{parameter.where}: {keyword} is {bits} with $DATATYPE {datatype}, which has {FLOAT_BITS[datatype]} bits."
        )
    return Stored("u" if datatype == "I" else "f", _places(steps, bits // 8, parameter))


def _places(steps: tuple[int, ...], width: int, parameter: _Parameter) -> tuple[int, ...]:
    """Return the place of each byte of a number in the file, least significant first."""
    counted = tuple(range(width))
    if list(steps) == sorted(steps):
        return counted
    if list(steps) == sorted(steps, reverse=True):
        return counted[::-1]
    if width == len(steps):
        return tuple(steps.index(significance) for significance in range(1, width + 1))
    if width <= 2:
        return counted if steps[0] < steps[1] else counted[::-1]
    raise UnsupportedFCSError(
        f"{parameter.where}: $BYTEORD is {','.join(map(str, steps))} and {parameter.keyword('B')} is {8 * width}; "
        f"that order is defined for numbers of 8, 16 and 32 bits."
    )


def _column(parameter: _Parameter, stored: Stored, offset: int) -> Column:
    """Return a column from its keywords."""
    span, odd_range = _span(parameter, stored)
    scale, odd_scale = _scale(parameter, stored, span)
    shared = Repair("repeated-name", "$PnN is that of another channel, and $PnS was added to it")
    full = float(2 ** (8 * stored.width)) if stored.kind == "u" else DEFAULT_RANGE
    return Column(
        channel=Channel(parameter.name, parameter.text("S"), scale.top(full if span is None else span)),
        stored=stored,
        offset=offset,
        scale=scale,
        mask=_mask(span, stored) if stored.kind == "u" else None,
        has_range=span is not None,
        oddities=odd_range + odd_scale + ((shared,) if parameter.shares_name else ()),
    )


def _span(parameter: _Parameter, stored: Stored) -> tuple[float | None, tuple[str, ...]]:
    """Return $PnR; None, with what is odd, where it says nothing."""
    span = _positive(parameter.text("R"))
    least = 1.0 if stored.kind == "u" else 0.0
    if span is None or not least < span <= LARGEST_RANGE:
        return None, (Repair("range", "$PnR is missing or no usable number; the scale ends at the largest value"),)
    return span, ()


def _mask(span: float | None, stored: Stored) -> int | None:
    """Return the bits that $PnR leaves: the next power of two minus 1; None when all are left."""
    if span is None:
        return None
    bits = (math.ceil(span) - 1).bit_length()
    return 2**bits - 1 if bits < 8 * stored.width else None


def _scale(parameter: _Parameter, stored: Stored, span: float | None) -> tuple[LinearScale | LogScale, tuple[str, ...]]:
    """Return how numbers become values, from $PnE and $PnG, and what is odd about these."""
    scale, odd = _log_scale(parameter, stored, span)
    if scale is None:
        gain, odd_gain = _gain(parameter)
        return LinearScale(gain), odd + odd_gain
    if parameter.text("G") and _number(parameter.text("G")) != 1:
        odd += (Repair("gain", "$PnG on a logarithmic channel was ignored; a gain is for linear ones"),)
    return scale, odd


def _log_scale(parameter: _Parameter, stored: Stored, span: float | None) -> tuple[LogScale | None, tuple[str, ...]]:
    """Return the scale of a logarithmic amplifier; None, with what is odd, where values are linear."""
    text = parameter.text("E")
    fields = [_number(field) for field in text.split(",")]
    decades, offset = fields if len(fields) == 2 else (None, None)
    if stored.kind == "f":
        logarithmic = text and decades != 0
        ignored = Repair("log-on-float", "$PnE on floating-point data was ignored; the values are linear")
        return None, (ignored,) if logarithmic else ()
    if not text:
        return None, (Repair("no-amplification", "$PnE is missing; the values are taken as linear"),)
    if decades is None or offset is None or not 0 <= decades <= MOST_DECADES or not 0 <= offset <= USABLE[1]:
        raise FCSError(f"{parameter.where}: {parameter.keyword('E')} is {text[:40]!r}; it must be '0,0' or like '4,1'.")
    if not decades:
        linear = Repair("no-amplification", "$PnE with 0 decades and an offset is read as linear")
        return None, (linear,) if offset else ()
    if span is None:
        raise FCSError(
            f"{parameter.where}: {parameter.keyword('R')} is {parameter.text('R')[:40]!r} on a logarithmic channel; "
            f"without the number at the top of the scale its values cannot be computed."
        )
    one = Repair("log-offset", f"$PnE {text!r} is read as '{decades:g},1', as FCS 3.1 says")
    return LogScale(decades, offset or 1.0, span), () if offset else (one,)


def _gain(parameter: _Parameter) -> tuple[float, tuple[str, ...]]:
    """Return what divides the values of a linear channel, and what is odd about it."""
    text = parameter.text("G")
    gain = _positive(text)
    if text and (gain is None or not USABLE[0] <= gain <= USABLE[1]):
        return 1.0, (Repair("gain", "$PnG is no usable number and was ignored"),)
    if gain is None or gain == 1:
        return 1.0, ()
    if Channel(parameter.text("N")).kind == "time":
        timestep = _positive(parameter.keywords.get("$TIMESTEP", "").strip())
        return 1.0, () if gain == timestep else (Repair("gain", "$PnG on the time channel was ignored"),)
    return gain, (f"$PnG divides the values by {gain:g}",)


def _positive(text: str) -> float | None:
    """Return a number above 0, or None."""
    number = _number(text)
    return number if number is not None and number > 0 else None


def _number(text: str) -> float | None:
    """Return a finite number, or None: of what ``float`` takes, ``1_0`` and ``infinity`` are none."""
    if not re.fullmatch(r"[ ]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ ]*", text, re.ASCII):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
