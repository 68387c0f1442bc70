"""Rows of estimates.csv: one number each, with what it is, of how many patients, and by which method."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from phenotype.statistics.contrasts import ESTIMATE_COLUMNS as SUMMARY_COLUMNS
from phenotype.statistics.ranks import UntestableError

__all__ = ["ESTIMATE_COLUMNS", "Row", "attempt", "estimates_table"]

ESTIMATE_COLUMNS = (*SUMMARY_COLUMNS, "note")
_TEXT = ("analysis", "endpoint", "term", "level", "method", "note")
_WHOLE = ("n", "events")

Row = dict[str, Any]


def attempt(shared: Row, work: Callable[[], Iterable[Row]]) -> list[Row]:
    """Return the rows of an analysis, each with what they share; or one row that says why there is no estimate.

    Parameters
    ----------
    shared
        ``analysis``, ``endpoint`` and whatever else all rows have.
    work
        Returns the rows; what it raises as :class:`UntestableError` becomes the note.
    """
    try:
        return [shared | row for row in work()]
    except UntestableError as error:
        return [shared | {"note": f"not estimated: {error}"}]


def estimates_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows as a table whose column types do not depend on what is missing.

    Returns
    -------
    pandas.DataFrame
        Columns ``ESTIMATE_COLUMNS``: text, empty where there is none; ``n`` and ``events`` Int64; else float64.
    """
    blank = {name: "" if name in _TEXT else pd.NA if name in _WHOLE else np.nan for name in ESTIMATE_COLUMNS}
    table = pd.DataFrame([blank | row for row in rows], columns=list(ESTIMATE_COLUMNS))
    numbers = {name: np.float64 for name in ESTIMATE_COLUMNS if name not in (*_TEXT, *_WHOLE)}
    return table.astype({**numbers, **dict.fromkeys(_WHOLE, "Int64"), **dict.fromkeys(_TEXT, "object")})
