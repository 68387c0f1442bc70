"""Writing FCS files: float, double or integer; the same sample gives the same bytes."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gating.errors import FCSError
from gating.sample import Sample

__all__ = ["write_fcs"]

DELIMITER = "/"
TEXT_BEGIN = 256
_STRUCTURAL = (
    "$BEGINANALYSIS", "$ENDANALYSIS", "$BEGINDATA", "$ENDDATA", "$BEGINSTEXT", "$ENDSTEXT", "$BYTEORD",
    "$DATATYPE", "$MODE", "$NEXTDATA", "$PAR", "$TOT",
)  # fmt: skip


def write_fcs(
    path: Path | str,
    sample: Sample,
    *,
    version: str = "3.1",
    datatype: str = "F",
    bits: int = 32,
    byte_order: str = "<",
    log_channels: Sequence[str] = (),
    decades: float = 4.0,
) -> None:
    """Write a sample as an FCS file, whole or not at all.

    Keywords are carried over but for those that describe the file's own structure. Reading back gives the
    events exactly (``F``: as float32).

    Parameters
    ----------
    path
        Written under a temporary name first.
    sample
        Linear events.
    version
        ``"2.0"``, ``"3.0"`` or ``"3.1"``.
    datatype, bits
        ``F`` and 32, ``D`` and 64, or ``I`` and 8, 16 or 32. Integers are rounded and clipped to 0 and the
        channel's range, as a digitiser does.
    byte_order
        ``"<"`` or ``">"``.
    log_channels
        For ``I``: channels stored as channel numbers of a logarithmic amplifier of ``decades``, from 1.
    decades
        Decades of the logarithmic scale.

    Raises
    ------
    FCSError
        If the combination is not FCS.
    """
    path = Path(path)
    if datatype not in "FDI" or version not in {"2.0", "3.0", "3.1"}:
        raise FCSError(f"{path.name}: cannot write version {version!r} with $DATATYPE {datatype!r}")
    width = {"F": 32, "D": 64}.get(datatype, bits)
    if width not in {8, 16, 32, 64} or (datatype == "I" and width == 64):
        raise FCSError(f"{path.name}: cannot write integers of {width} bits; 8, 16 or 32 can be")
    kind = np.dtype(f"{byte_order}{'u' if datatype == 'I' else 'f'}{width // 8}")
    stored, parameters = _stored(sample, datatype, width, set(log_channels), decades)
    data = np.ascontiguousarray(stored.astype(kind)).tobytes()
    keywords = _keywords(sample, datatype, byte_order, parameters)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(_assembled(version, keywords, data))
    temporary.replace(path)


def _stored(
    sample: Sample, datatype: str, width: int, log_channels: set[str], decades: float
) -> tuple[NDArray[np.float64], dict[str, str]]:
    """Return the numbers to store and the $Pn keywords that describe them."""
    stored = np.array(sample.events, dtype=np.float64, order="C")
    parameters: dict[str, str] = {}
    for i, channel in enumerate(sample.channels):
        top, log = channel.range, channel.name in log_channels and datatype == "I"
        if datatype == "I":
            scale = float(2**width) if log else min(top, float(2**width))
            if log:
                offset_free = np.log10(np.maximum(stored[:, i], 1.0)) / decades
                stored[:, i] = offset_free * scale
            stored[:, i] = np.clip(np.rint(stored[:, i]), 0, scale - 1)
            top = scale
        parameters |= {
            f"$P{i + 1}N": channel.name,
            f"$P{i + 1}B": str(width),
            f"$P{i + 1}R": f"{math.ceil(top)}",
            f"$P{i + 1}E": f"{decades:g},1" if log else "0,0",
        }
        if channel.marker:
            parameters[f"$P{i + 1}S"] = channel.marker
    return stored, parameters


def _keywords(sample: Sample, datatype: str, byte_order: str, parameters: dict[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in sample.keywords.items()
        if name not in _STRUCTURAL and not (name.startswith("$P") and name[2:3].isdigit()) and value
    }
    return {
        "$BYTEORD": "1,2,3,4" if byte_order == "<" else "4,3,2,1",
        "$DATATYPE": datatype,
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(len(sample.channels)),
        "$TOT": str(len(sample)),
        **parameters,
        **kept,
    }


def _assembled(version: str, keywords: dict[str, str], data: bytes) -> bytes:
    """Lay out HEADER, TEXT and DATA; offsets stand in TEXT with a fixed width, so that they do not move."""
    fixed = {"$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0"}
    fixed |= {"$BEGINDATA": "0" * 12, "$ENDDATA": "0" * 12}
    begin = TEXT_BEGIN + len(_text(fixed | keywords))
    end = begin + len(data) - 1 if data else 0
    fixed |= {"$BEGINDATA": f"{begin if data else 0:012d}", "$ENDDATA": f"{end:012d}"}
    text = _text(fixed | keywords)
    small = end <= 99_999_999
    offsets = [TEXT_BEGIN, begin - 1, begin if small and data else 0, end if small else 0, 0, 0]
    header = f"FCS{version}    " + "".join(f"{offset:>8d}" for offset in offsets)
    return header.encode().ljust(TEXT_BEGIN) + text + data


def _text(keywords: dict[str, str]) -> bytes:
    """Return TEXT; a delimiter within a value is doubled, one at its start is kept off by a space."""
    parts = [DELIMITER]
    for name, value in keywords.items():
        safe = f" {value}" if value.startswith(DELIMITER) else value
        safe = f"{safe} " if safe.endswith(DELIMITER) else safe
        parts.append(f"{name.replace(DELIMITER, '')}{DELIMITER}{safe.replace(DELIMITER, DELIMITER * 2)}{DELIMITER}")
    return "".join(parts).encode("utf-8")
