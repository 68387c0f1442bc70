"""Stored numbers: how many bytes a number has in DATA, in which order, and which bits of them count."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stored"]


@dataclass(frozen=True, slots=True)
class Stored:
    r"""The form of one column's numbers.

    Examples
    --------
    >>> Stored("u", (1, 0)).dtype
    dtype('>u2')
    >>> Stored("u", (2, 1, 0)).numbers(np.frombuffer(b"\x00\x01\x02", dtype="V3"))
    array([258], dtype=uint32)
    """

    kind: str
    """``u`` for integers, ``f`` for floating point."""
    order: tuple[int, ...]
    """Place of each byte in the file, least significant first: ``(0, 1)`` is little-endian."""

    @property
    def width(self) -> int:
        """Bytes of a number."""
        return len(self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type to read: numpy's own where it has one, else plain bytes."""
        if self.width in {1, 2, 4, 8} and self.order in {self._counted, self._counted[::-1]}:
            return np.dtype(f"{'<' if self.order == self._counted else '>'}{self.kind}{self.width}")
        return np.dtype(f"V{self.width}")

    def numbers(self, read: NDArray[Any]) -> NDArray[Any]:
        """Return (n,) numbers from what was read as ``dtype``; odd widths become the next that numpy has."""
        if read.dtype.kind != "V":
            return read
        size = next(size for size in (1, 2, 4, 8) if size >= self.width)
        places = np.zeros((len(read), size), dtype=np.uint8)
        places[:, : self.width] = np.ascontiguousarray(read).view(np.uint8).reshape(len(read), -1)[:, self.order]
        return places.view(f"<{self.kind}{size}").reshape(-1)

    @property
    def _counted(self) -> tuple[int, ...]:
        return tuple(range(self.width))
