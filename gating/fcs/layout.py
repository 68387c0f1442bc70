"""The layout of DATA: where its events are, and how each column is decoded."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gating.errors import FCSError, UnsupportedFCSError
from gating.fcs.columns import Column, parse_columns
from gating.fcs.datasets import Dataset
from gating.fcs.extent import find_data
from gating.fcs.repairs import REPAIRS, Repair

__all__ = ["Layout", "parse_layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything needed to read events: ``n_events`` rows of ``row_bytes`` from byte ``begin`` of the file on."""

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
    def uniform(self) -> np.dtype[Any] | None:
        """The one type of all numbers; None if there are several, or numpy does not have it."""
        types = {column.stored.dtype for column in self.columns}
        return types.pop() if len(types) == 1 and all(each.kind != "V" for each in types) else None

    @property
    def row(self) -> np.dtype[np.void]:
        """One event as a structured type, a field per column: ``"0"``, ``"1"``, ..."""
        return np.dtype(
            {
                "names": [str(i) for i in range(len(self.columns))],
                "formats": [column.stored.dtype for column in self.columns],
                "offsets": [column.offset for column in self.columns],
                "itemsize": self.row_bytes,
            }
        )


def parse_layout(dataset: Dataset, where: str, allowed: Collection[str] = REPAIRS) -> Layout:
    """Return the layout of DATA from HEADER, TEXT and the size of the dataset.

    Raises
    ------
    UnsupportedFCSError
        If the dataset is sound, but holds histograms, or numbers that are not read.
    FCSError
        If keywords are missing, or contradict each other or the size of the dataset.
    """
    header, keywords = dataset.header, dataset.text.keywords
    warnings = _mode_warnings(keywords, header.version, where)
    columns = parse_columns(keywords, header.version, where)
    row_bytes = sum(column.stored.width for column in columns)
    extent = find_data(header, keywords, row_bytes, dataset.size, where, allowed)
    warnings += extent.warnings + _column_warnings(columns) + _unused_names(keywords, len(columns))
    return Layout(dataset.begin + extent.begin, extent.n_events, row_bytes, columns, warnings)


def _mode_warnings(keywords: Mapping[str, str], version: str, where: str) -> tuple[str, ...]:
    """Refuse histograms; warn where the file does not say that it holds a list of events, as only FCS 3.2 need not."""
    mode = keywords.get("$MODE", "").strip().upper()
    if mode in {"C", "H", "U"}:
        raise UnsupportedFCSError(f"{where}: $MODE is {mode}, a histogram; lists of events (L) can be read.")
    if mode not in {"L", ""}:
        raise FCSError(f"{where}: $MODE is {mode[:40]!r}; it must be L, a list of events.")
    missing = Repair("mode", "$MODE is missing; DATA is taken as a list of events.")
    return () if mode or version == "FCS3.2" else (missing,)


def _column_warnings(columns: Iterable[Column]) -> tuple[str, ...]:
    """Say each oddity once, with the channels it is true of."""
    names: dict[str, list[str]] = {}
    for column in columns:
        for oddity in column.oddities:
            names.setdefault(oddity, []).append(column.channel.name)
    return tuple(_with_names(oddity, ", ".join(channels)) for oddity, channels in names.items())


def _with_names(oddity: str, names: str) -> str:
    """Return a sentence of an oddity and the channels it is true of; a repair stays one."""
    sentence = f"{oddity}: {names}."
    return Repair(oddity.rule, sentence) if isinstance(oddity, Repair) else sentence


def _unused_names(keywords: Mapping[str, str], count: int) -> tuple[str, ...]:
    """Say that TEXT names a parameter that $PAR does not count."""
    extra = f"$P{count + 1}N"
    return (f"$PAR is {count}, yet TEXT has {extra}; DATA holds {count} columns.",) if extra in keywords else ()
