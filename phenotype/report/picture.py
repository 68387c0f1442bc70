"""A figure on its way into the report: its file, what it shows, and where its numbers are."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Dot", "Picture"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure of a result folder."""

    stem: str
    """Name without suffix, as in ``figures/``: ``figure_4``."""
    path: Path
    """The SVG."""
    title: str
    """First words of the caption, without a full stop."""
    caption: str
    """What is drawn, in sentences."""
    alt: str
    """What the figure shows, for who cannot see it, with its main numbers."""
    table: str
    """File name of its numbers, in ``figures/`` or beside it: ``figure_4_patients.csv``."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One patient on a figure, so that a click leads to the gates of that patient."""

    patient_id: str
    words: str
    """What is said where a pointer rests: ``naive 23.4 %``."""
    x: float
    y: float
    """Share of the figure's width from the left, and of its height from the top."""
