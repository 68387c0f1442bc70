"""Writing FCS files: the same sample gives the same bytes, and a half-written file never has the final name."""

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError, missing
from gating.fcs.assemble import assemble_head, write_assembled
from gating.fcs.columns import FLOAT_BITS, MOST_DECADES
from gating.sample import Channel, Sample

__all__ = ["write_fcs"]

BLOCK = 16_384
"""Events encoded at a time."""
WRITTEN_BITS = (8, 16, 32)
VERSIONS = ("2.0", "3.0", "3.1")
BYTE_ORDERS = ("<", ">")
FLOAT32_MAX = float(np.finfo(np.float32).max)

_STRUCTURAL = re.compile(
    r"\$(BEGINDATA|ENDDATA|BEGINTEXT|ENDTEXT|BEGINSTEXT|ENDSTEXT|BEGINANALYSIS|ENDANALYSIS|PAR|TOT|BYTEORD|DATATYPE"
    r"|MODE|NEXTDATA|P\d+[A-Z]+)"
)
_SPILLOVER = re.compile(r"\$?SPILL(OVER)?|\$COMP|\$DFC\d+TO\d+")


@dataclass(frozen=True, slots=True)
class _Format:
    """What kind of file is wanted."""

    version: str
    datatype: str
    bits: int
    byte_order: str
    log_channels: Collection[str]
    decades: float
    log_steps: int

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(f"{self.byte_order}{'u' if self.datatype == 'I' else 'f'}{self.bits // 8}")

    @property
    def fault(self) -> str:
        """What about it is not FCS; empty if nothing is."""
        widths = WRITTEN_BITS if self.datatype == "I" else (FLOAT_BITS.get(self.datatype),)
        if self.version not in VERSIONS or self.datatype not in "FDI" or self.byte_order not in BYTE_ORDERS:
            return (
                f"version {self.version}, $DATATYPE {self.datatype}, byte order {self.byte_order!r} cannot be written"
            )
        if self.bits not in widths:
            return f"{self.bits} bits; $DATATYPE {self.datatype} can have {', '.join(map(str, widths))}"
        if self.log_channels and self.datatype != "I":
            return f"log_channels with $DATATYPE {self.datatype}; floating point is linear, only I can be logarithmic"
        if not 0 < self.decades <= MOST_DECADES or not 1 < self.log_steps <= 2**self.bits:
            return (
                f"{self.decades:g} decades in {self.log_steps} steps; there can be up to {MOST_DECADES} in "
                f"2 to {2**self.bits} steps"
            )
        return ""


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How linear values become the numbers of one column."""

    channel: Channel
    dtype: np.dtype[Any]
    span: int = 0
    """$PnR of an integer; 0 for floating point."""
    decades: float = 0.0
    """Of a logarithmic channel, whose scale begins at 1; 0 for linear."""

    @property
    def range_text(self) -> str:
        return str(self.span) if self.span else _plain(self.channel.range)

    def __call__(self, values: NDArray[np.float64]) -> NDArray[Any]:
        """Return the numbers to be stored."""
        if not self.span:
            return values.astype(self.dtype)
        if self.decades:
            values = np.log10(np.maximum(values, 1.0)) * (self.span / self.decades)
        return np.clip(np.rint(values), 0, self.span - 1).astype(self.dtype)


def write_fcs(
    path: Path | str,
    sample: Sample,
    *,
    version: Literal["2.0", "3.0", "3.1"] = "3.1",
    datatype: Literal["F", "D", "I"] = "F",
    bits: int | None = None,
    byte_order: Literal["<", ">"] = "<",
    log_channels: Collection[str] = (),
    decades: float = 4.0,
    log_steps: int | None = None,
) -> None:
    """Write a sample as an FCS file, over one that may be there.

    What :func:`read_fcs` returns of the file are the sample's events again: exactly with ``datatype="D"``, rounded to
    32 bits with ``"F"``, and as a digitiser would have them with ``"I"``: rounded to whole numbers and clipped to
    0..range - 1; on logarithmic channels rounded to the nearest of their steps, from 1 to the top of the decades.
    A range that ``bits`` cannot hold ends where they end, if no value is above.

    The sample's keywords are carried over, except those that describe the file and its columns ($PAR, $TOT,
    $BEGINDATA, ..., all $PnX): these are written anew. Empty values, which FCS forbids, are left out. So is the
    spillover matrix of a compensated sample, lest it be applied again.

    Parameters
    ----------
    path
        The file; its folder must be there.
    sample
        Events on the linear scale.
    version
        Of FCS. 2.0 cannot hold files of 100 MB and more.
    datatype
        F, D or I: 32-bit or 64-bit floating point, or integers.
    bits
        Width of integers: 8, 16 or 32; 32 by default.
    byte_order
        Least significant byte first (``<``) or last (``>``).
    log_channels
        With integers: the channels to store as the logarithmic amplifiers of old cytometers did.
    decades
        Of these; the scale runs from 1 to ``10 ** decades``, whatever ``Channel.range`` is.
    log_steps
        How many numbers the decades are spread over ($PnR), 1024 on a FACSCalibur; all that ``bits`` allow by default.

    Raises
    ------
    FCSError
        If the sample cannot be written so: a channel without name, values within the range but above what ``bits``
        hold, not finite as integers, or too large for 32-bit floating point, or a text that no delimiter can separate.
    OSError
        If the disk refuses; nothing is left behind then.
    """
    width = FLOAT_BITS.get(datatype, 32) if bits is None else bits
    steps = 2**width if log_steps is None else log_steps
    wanted = _Format(version, datatype, width, byte_order, log_channels, decades, steps)
    encodings = _encodings(sample, wanted)
    head = _head(sample, encodings, wanted)
    write_assembled(Path(path), wanted.version, head, _encoded(sample, encodings))


def _encodings(sample: Sample, wanted: _Format) -> list[_Encoding]:
    """Return how each channel is to be stored, after making sure that it can be."""
    names = [channel.name for channel in sample.channels]
    unknown = next((name for name in wanted.log_channels if name not in names), None)
    if unknown is not None:
        raise FCSError(missing("channel", unknown, names, sample.name))
    if wanted.fault or not names or not all(map(str.strip, names)):
        raise FCSError(f"{sample.name}: {wanted.fault or f'channels are {names}; each must be named'}.")
    if wanted.datatype != "I":
        return [_Encoding(channel, wanted.dtype) for channel in sample.channels]
    return [_integer(channel, wanted) for channel in sample.channels]


def _integer(channel: Channel, wanted: _Format) -> _Encoding:
    """Return how a channel is to be stored as an integer."""
    if channel.name in wanted.log_channels:
        return _Encoding(channel, wanted.dtype, wanted.log_steps, wanted.decades)
    return _Encoding(channel, wanted.dtype, max(min(math.ceil(channel.range), 2**wanted.bits), 2))


def _parameter_keywords(encodings: list[_Encoding]) -> dict[str, str]:
    """Return the $PnX keywords."""
    pairs = {}
    for n, encoding in enumerate(encodings, start=1):
        pairs[f"$P{n}N"] = encoding.channel.name
        pairs[f"$P{n}B"] = str(encoding.dtype.itemsize * 8)
        pairs[f"$P{n}R"] = encoding.range_text
        pairs[f"$P{n}E"] = f"{_plain(encoding.decades)},1" if encoding.decades else "0,0"
        pairs[f"$P{n}S"] = encoding.channel.marker
    return pairs


def _carried(sample: Sample) -> dict[str, str]:
    """Return the sample's keywords that stay true of the file written."""
    compensated = sample.compensated and not sample.compensation.startswith("none")
    keywords = {keyword.strip().upper(): value for keyword, value in sample.keywords.items()}
    kept = {
        keyword: value
        for keyword, value in keywords.items()
        if keyword and not _STRUCTURAL.fullmatch(keyword) and not (compensated and _SPILLOVER.fullmatch(keyword))
    }
    return {**kept, "COMPENSATED WITH": sample.compensation} if compensated else kept


def _plain(number: float) -> str:
    """Write a number without a fraction where it has none."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _head(sample: Sample, encodings: list[_Encoding], wanted: _Format) -> bytes:
    """Return HEADER and TEXT."""
    pairs = {
        "$PAR": str(len(encodings)),
        "$TOT": str(len(sample)),
        "$BYTEORD": "1,2,3,4" if wanted.byte_order == "<" else "4,3,2,1",
        "$DATATYPE": wanted.datatype,
        "$MODE": "L",
        "$NEXTDATA": "0",
        **_parameter_keywords(encodings),
        **_carried(sample),
    }
    data_bytes = len(sample) * sum(encoding.dtype.itemsize for encoding in encodings)
    return assemble_head(wanted.version, pairs, data_bytes, sample.name)


def _encoded(sample: Sample, encodings: list[_Encoding]) -> Iterator[bytes]:
    """Yield DATA, a block of events at a time."""
    row = np.dtype([(str(i), encoding.dtype) for i, encoding in enumerate(encodings)])
    for at in range(0, len(sample), BLOCK):
        events = sample.events[at : at + BLOCK]
        rows = np.empty(len(events), dtype=row)
        for i, encoding in enumerate(encodings):
            _check_storable(events[:, i], encoding, sample.name)
            rows[str(i)] = encoding(events[:, i])
        yield rows.tobytes()


def _check_storable(values: NDArray[np.float64], encoding: _Encoding, where: str) -> None:
    """Refuse values that would become other values, where not even a digitiser would change them."""
    name, finite = encoding.channel.name, np.isfinite(values)
    largest = float(values.max(initial=0.0, where=finite))
    if not encoding.span:
        size = max(largest, -float(values.min(initial=0.0, where=finite)))
        if encoding.dtype.itemsize == 4 and size > FLOAT32_MAX:
            raise FCSError(f"{where}: {name!r} has {size:g}, too large for $DATATYPE F; use D.")
        return
    if not finite.all():
        raise FCSError(f"{where}: {name!r} has NaN or infinite values; integers cannot hold them.")
    if not encoding.decades and encoding.span < min(encoding.channel.range, largest):
        raise FCSError(
            f"{where}: {name!r} ranges to {encoding.channel.range:g} and has {largest:g}; integers of "
            f"{encoding.dtype.itemsize * 8} bits end at {encoding.span - 1}. Use more bits."
        )
