"""A figure on its way into the report: its file, what it shows, where its numbers are, and who is on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from phenotype.figures.style import places_on

__all__ = ["Dot", "Picture", "dots_on"]


@dataclass(frozen=True, slots=True)
class Dot:
    """One patient on a figure, so that a click leads to the gates of that patient."""

    patient_id: str
    words: str
    """What is said where a pointer rests: ``naive 23.4 %``."""
    x: float
    y: float
    """Share of the figure's width from the left, and of its height from the top."""


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
    """Where its numbers are: ``figures/figure_4_patients.csv``."""
    dots: tuple[Dot, ...] = ()
    """The patients on it, where each has a place of its own."""


def dots_on(
    figure: Figure, panel: int, table: pd.DataFrame, x: str, y: str, words: Callable[[Mapping[str, object]], str]
) -> tuple[Dot, ...]:
    """Return where the rows of a table stand on a drawn figure.

    Parameters
    ----------
    figure
        With its final limits.
    panel
        Which of its axes.
    table
        ``patient_id`` and the columns that are named.
    x, y
        Columns that were drawn across and up.
    words
        Says a row.
    """
    places = places_on(figure, figure.axes[panel], table[x], table[y]).tolist()
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    return tuple(
        Dot(str(row["patient_id"]), words(row), left, top) for row, (left, top) in zip(rows, places, strict=True)
    )
