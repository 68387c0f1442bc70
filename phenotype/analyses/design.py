"""Covariates of a model: columns of the clinical table as numbers, patients without a missing value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gating import missing
from phenotype.statistics.ranks import UntestableError

__all__ = ["Design", "column_kind", "make_design", "numbers"]

MAX_LEVELS = 8
"""Levels of a text column up to which it is a covariate: more are names or remarks."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Numbers for a model."""

    kept: NDArray[np.bool_]
    """(patients,): those with a value in every column."""
    matrix: NDArray[np.float64]
    """(kept, k)."""
    names: tuple[str, ...]
    """(k,) of the columns: the covariate, or ``iss_stage: III`` for a level against the reference."""
    terms: tuple[str, ...]
    """(k,) the covariate each column belongs to."""
    levels: tuple[str, ...]
    """(k,) the level, with its reference: ``III against I``; empty for numbers."""
    dropped: tuple[str, ...]
    """Covariates that have one value in all kept patients, so that nothing can be said of them."""

    @property
    def n(self) -> int:
        """Patients in the model."""
        return int(self.kept.sum())


def numbers(cohort: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return a column of numbers, (patients,); NaN where missing."""
    return np.asarray(cohort[column].astype("Float64").to_numpy(np.float64, na_value=np.nan), dtype=np.float64)


def column_kind(column: "pd.Series[Any]") -> str:
    """Tell whether a covariate is ``flag`` (0 and 1), ``number`` or ``text``."""
    if not pd.api.types.is_numeric_dtype(column):
        return "text"
    return "flag" if set(column.dropna().astype(float)) <= {0.0, 1.0} else "number"


def make_design(cohort: pd.DataFrame, covariates: Sequence[str], among: NDArray[np.bool_]) -> Design:
    """Make the numbers of a model's covariates.

    Parameters
    ----------
    cohort
        A row per patient.
    covariates
        Columns of it. Numbers stay; of text each level but the first, in the alphabet, is 0 or 1.
    among
        (patients,): those whose outcome is known.

    Raises
    ------
    UntestableError
        If no patient is complete, no covariate varies, or a text column has too many levels.
    ValueError
        If there is no such column.
    """
    known = [str(column) for column in cohort.columns]
    for name in covariates:
        if name not in known:
            raise ValueError(missing("covariate", name, known, "cohort"))
    kept = among & cohort[list(covariates)].notna().all(axis=1).to_numpy(dtype=bool)
    if not kept.any():
        raise UntestableError(f"no patient has a value in each of {', '.join(covariates)}")
    columns: list[tuple[str, str, str, NDArray[np.float64]]] = []
    dropped = []
    for name in covariates:
        found = _columns(name, cohort.loc[kept, name])
        columns += found
        dropped += [] if found else [name]
    if not columns:
        raise UntestableError(f"{', '.join(covariates)} has one value in all {int(kept.sum())} patients")
    names, terms, levels, values = zip(*columns, strict=True)
    return Design(kept, np.column_stack(values), names, terms, levels, tuple(dropped))


def _columns(name: str, values: "pd.Series[Any]") -> list[tuple[str, str, str, NDArray[np.float64]]]:
    """Return name, term, level and numbers of each column that a covariate becomes; none if it does not vary."""
    if values.nunique() < 2:
        return []
    if column_kind(values) != "text":
        return [(name, name, "", np.asarray(values, dtype=np.float64))]
    first, *others = sorted(map(str, values.unique()))
    if len(others) >= MAX_LEVELS:
        raise UntestableError(
            f"{name} has {len(others) + 1} levels in {len(values)} patients; a model takes {MAX_LEVELS}"
        )
    text = values.astype(str)
    return [
        (f"{name}: {level}", name, f"{level} against {first}", np.asarray(text == level, dtype=np.float64))
        for level in others
    ]
