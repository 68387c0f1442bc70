"""Single files without a study: ``phenotype gate``."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gating import (
    Counter,
    GatedSample,
    GatingTemplate,
    Sample,
    Spillover,
    compensate,
    count_blocks,
    declare_uncompensated,
    gate_sample,
    is_fixed,
    open_fcs,
    read_spillover,
)
from phenotype.cells import cell
from phenotype.frequencies import POPULATION_COLUMNS, SampleKey, population_rows
from phenotype.matrices import matrix_of

__all__ = ["count_file", "count_lines", "count_table", "read_compensation"]

Rows = list[dict[str, Any]]


def read_compensation(source: str) -> Spillover | str:
    """Return ``"file"``, ``"none"``, or the matrix of a CSV file.

    Raises
    ------
    CompensationError
        If the matrix cannot be used.
    """
    return source if source in {"file", "none"} else read_spillover(Path(source))


def count_file(
    path: Path, template: GatingTemplate, compensation: Spillover | str, counter: Counter | None = None
) -> Rows:
    """Gate one file and return its rows of populations.csv.

    Parameters
    ----------
    path
        An FCS file.
    template
        If all of its gates are fixed, the events are counted while they are read.
    compensation
        From :func:`read_compensation`.
    counter
        From :func:`gating.counter`: counts fixed gates in less time, and the same.

    Raises
    ------
    GatingError
        If the file cannot be read, compensated or gated.
    """
    key = SampleKey(path.stem, "", path.name)
    with open_fcs(path) as file:
        known = file.metadata
        if not is_fixed(template):
            return population_rows(key, _gated(file.read(), template, compensation)[0])
        no_events = np.empty((0, len(known.channels)))
        placed, spillover = _gated(
            Sample(known.name, known.channels, no_events, known.keywords), template, compensation
        )
        return population_rows(key, count_blocks(file, placed, spillover, counter=counter))


def _gated(
    sample: Sample, template: GatingTemplate, compensation: Spillover | str
) -> tuple[GatedSample, Spillover | None]:
    """Gate a sample, compensated if a gate looks at fluorescence; return the matrix too, if one was used."""
    if not any(_fluorescent(sample, marker) for row in template.rows for marker in row.channels):
        return gate_sample(sample, template), None
    spillover = matrix_of(sample, compensation)
    ready = declare_uncompensated(sample) if spillover is None else compensate(sample, spillover)
    return gate_sample(ready, template), spillover


def count_table(found: Sequence[Rows]) -> str:
    """Return the rows as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(POPULATION_COLUMNS)
    writer.writerows([cell(row[column]) for column in POPULATION_COLUMNS] for rows in found for row in rows)
    return text.getvalue()


def count_lines(rows: Rows) -> list[str]:
    """Return one file's populations as an indented tree with counts and percent of parent."""
    depth = {"": -1}
    lines = [str(rows[0]["file"])]
    for row in rows:
        depth[row["population"]] = level = depth[row["parent"]] + 1
        share = "" if row["fraction_of_parent"] is None else f"{row['fraction_of_parent']:8.2%}"
        count = "refused" if row["count"] is None else f"{row['count']:,}"
        flags = f"  {row['flags']}" if row["flags"] else ""
        lines.append(f"  {'  ' * level + row['population']:<32}{count:>12}{share:>10}{flags}")
    return lines


def _fluorescent(sample: Any, marker: str) -> bool:
    try:
        return bool(sample.channels[sample.index(marker)].kind == "fluorescence")
    except LookupError:
        return True
