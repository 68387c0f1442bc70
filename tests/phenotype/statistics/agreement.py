"""Compare answers with R's, number by number, and account for every number R gave."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

LABELS = ("group", "term", "key", "cause", "column", "a", "b", "types", "pairs")
"""Last parts of paths that name what the numbers beside them are about."""


@dataclass(frozen=True)
class Answer:
    """One answer: where R's stands in ``expected``, and ours."""

    path: str
    value: ArrayLike
    otherwise: ArrayLike = False
    """Where another answer than R's was decided on; true for each such number."""


@dataclass(frozen=True)
class Case:
    """How a case is answered."""

    library: str
    answers: Callable[[pd.DataFrame, dict[str, Any]], Iterator[Answer]]
    unanswered: Mapping[str, str] = field(default_factory=dict)
    """Paths, or beginnings of paths, that nothing here answers, and why."""
    looser: Mapping[str, float] = field(default_factory=dict)
    """Tolerances of single paths where R itself is less exact than the case's tolerance."""


@dataclass(frozen=True)
class Agreement:
    """Numbers of one case held against R's."""

    compared: int
    largest: float
    """Largest relative difference; absolute where R's number is below 1e-300."""
    worst: str
    outside: tuple[str, ...]
    """Paths with a difference above the tolerance."""
    mismatched: tuple[str, ...]
    """Paths where one side has a number and the other has none."""
    forgotten: tuple[str, ...]
    """Paths of R's numbers that are neither answered nor listed as not answered."""


def compare(case: Case, data: pd.DataFrame, answer: dict[str, Any]) -> Agreement:
    """Hold every answer of a case against R's."""
    expected, tolerance = answer["expected"], answer["meta"]["tolerance"]
    theirs = dict(leaves(expected))
    compared, largest, worst, outside, mismatched, answered = 0, 0.0, "", [], [], set()
    for one in case.answers(data, expected):
        r = numbers(theirs[one.path])
        ours, skip = (np.broadcast_to(np.asarray(x, float).ravel(), r.shape) for x in (one.value, one.otherwise))
        kept = skip == 0
        answered.add(one.path)
        if (np.isnan(ours) != np.isnan(r))[kept].any():
            mismatched.append(f"{one.path}: {ours[kept].tolist()}, R {r[kept].tolist()}")
        both = kept & np.isfinite(ours) & np.isfinite(r)
        compared += int(kept.sum())
        difference = np.abs(ours[both] - r[both]) / np.where(np.abs(r[both]) > 1e-300, np.abs(r[both]), 1)
        if difference.size and difference.max() > largest:
            largest, worst = float(difference.max()), one.path
        if (difference > case.looser.get(one.path, tolerance)).any():
            outside.append(one.path)
    listed = tuple(case.unanswered)
    forgotten = [
        path for path in theirs
        if path not in answered and path.rsplit("/", 1)[-1] not in LABELS and not path.startswith(listed)
    ]  # fmt: skip
    return Agreement(compared, largest, worst, tuple(outside), tuple(mismatched), tuple(forgotten))


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give every number or list of numbers below a node with its path."""
    if isinstance(node, dict):
        for name, child in node.items():
            yield from leaves(child, f"{path}/{name}" if path else name)
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        for place, child in enumerate(node):
            yield from leaves(child, f"{path}/{place}")
    else:
        yield path, node


def numbers(value: Any) -> NDArray[np.float64]:
    """Return R's numbers as an array; null is NaN, "Inf" a string."""
    return np.array([np.nan if x is None else float(x) for x in np.array(value, dtype=object).ravel()])
