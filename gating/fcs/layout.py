"""The layout of DATA: where its events are, and how each column is decoded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from gating.errors import FCSError, UnsupportedFCSError
from gating.fcs.columns import Column, parse_columns
from gating.fcs.extent import find_data
from gating.fcs.text import Header, whole_number

__all__ = ["Layout", "parse_layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything needed to read events: ``n_events`` rows of ``row_bytes`` from byte ``begin`` on."""

    begin: int
    n_events: int
    row_bytes: int
    columns: tuple[Column, ...]
    warnings: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """Byte after the last event."""
        return self.begin + self.n_events * self.row_bytes

    @property
    def row(self) -> np.dtype[np.void]:
        """One event as a structured type, a field per column: ``"0"``, ``"1"``, ..."""
        return np.dtype(
            {
                "names": [str(i) for i in range(len(self.columns))],
                "formats": [column.dtype for column in self.columns],
                "offsets": [column.offset for column in self.columns],
                "itemsize": self.row_bytes,
            }
        )


def parse_layout(header: Header, keywords: Mapping[str, str], file_size: int, where: str) -> Layout:
    """Return the layout of DATA from HEADER, TEXT and the size of the file.

    Raises
    ------
    UnsupportedFCSError
        If the file is sound, but holds histograms, a second dataset, or numbers that are not read yet.
    FCSError
        If keywords are missing, or contradict each other or the size of the file.
    """
    warnings = _mode_warnings(keywords, where)
    _check_single(keywords, where)
    columns = parse_columns(keywords, where)
    row_bytes = sum(column.dtype.itemsize for column in columns)
    extent = find_data(header, keywords, row_bytes, file_size, where)
    warnings += extent.warnings + _column_warnings(columns) + _unused_names(keywords, len(columns))
    return Layout(extent.begin, extent.n_events, row_bytes, columns, warnings)


def _mode_warnings(keywords: Mapping[str, str], where: str) -> tuple[str, ...]:
    """Refuse histograms; warn where the file does not say that it holds a list of events."""
    mode = keywords.get("$MODE", "").strip().upper()
    if mode in {"C", "H", "U"}:
        raise UnsupportedFCSError(f"{where}: $MODE is {mode}, a histogram; lists of events (L) can be read.")
    if mode not in {"L", ""}:
        raise FCSError(f"{where}: $MODE is {mode[:40]!r}; it must be L, a list of events.")
    return () if mode else ("$MODE is missing; DATA is taken as a list of events.",)


def _check_single(keywords: Mapping[str, str], where: str) -> None:
    """Refuse files with more than one dataset: which is meant must be said."""
    if keywords.get("$NEXTDATA", "").strip(" \0") in {"", "0"}:
        return
    following = whole_number(keywords, "$NEXTDATA", where, "the byte where the next dataset begins, or 0")
    if following:
        raise UnsupportedFCSError(
            f"{where}: $NEXTDATA says that a second dataset begins at byte {following}; files with one can be read."
        )


def _column_warnings(columns: Iterable[Column]) -> tuple[str, ...]:
    """Say each oddity once, with the channels it is true of."""
    names: dict[str, list[str]] = {}
    for column in columns:
        for oddity in column.oddities:
            names.setdefault(oddity, []).append(column.channel.name)
    return tuple(f"{oddity}: {', '.join(channels)}." for oddity, channels in names.items())


def _unused_names(keywords: Mapping[str, str], count: int) -> tuple[str, ...]:
    """Say that TEXT names a parameter that $PAR does not count."""
    extra = f"$P{count + 1}N"
    return (f"$PAR is {count}, yet TEXT has {extra}; DATA holds {count} columns.",) if extra in keywords else ()
