"""Cuts that a person placed on named samples, from a sheet: to hold there, and to teach other samples.

Two kinds of rows, both as a run leaves them and a person then edits them: those of thresholds.csv (``sample_id,
population, marker, threshold``) and those of gates.csv (``sample_id, population, coordinates``). Either has ``who`` and
may have ``why``; other columns are left alone.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gating import GatingTemplate, TemplateError, missing, needed_lessons
from phenotype.errors import StudyError
from phenotype.samples import SampleRow
from phenotype.tables import CellError, Row, by_row, column_faults, parser_of_number, read_table

__all__ = ["ReferenceCut", "read_references"]

_GATED = ("product", "monitoring")


@dataclass(frozen=True, slots=True)
class ReferenceCut:
    """One cut that a person placed on one sample."""

    sample_id: str
    population: str
    """That the threshold is fitted on."""
    marker: str
    """As the template names it."""
    value: float
    """Linear scale."""
    who: str
    why: str = ""


def read_references(path: Path, samples: Sequence[SampleRow], template: GatingTemplate) -> tuple[ReferenceCut, ...]:
    """Read a sheet of reference cuts.

    Parameters
    ----------
    path
        CSV, TSV or Excel workbook.
    samples
        The sample sheet: a reference is named by its ``sample_id`` or its ``file``.
    template
        Its chains say which thresholds look at references.

    Returns
    -------
    tuple of ReferenceCut
        One per sample, population and marker, sorted: four quadrants that share a cut give it once.

    Raises
    ------
    StudyError
        With every fault, each with its row.
    """
    table = read_table(path)
    faults = column_faults(table, ("population", "who"))
    if not {"sample_id", "file"} & set(table.columns):
        faults.append(f"{table.name}: no column 'sample_id'; name each reference sample by it, or by 'file'")
    if not {"threshold", "coordinates"} & set(table.columns):
        faults.append(f"{table.name}: no column 'threshold' (with 'marker'), and none 'coordinates'; give either")
    if not faults and not table.rows:
        faults.append(f"{table.name}: no rows; list a person's cuts, or leave [reference] out of study.toml")
    found: dict[tuple[str, str, str], ReferenceCut] = {}
    for row in table.rows if not faults else ():
        try:
            for cut in _cuts(row, samples, template):
                key = (cut.sample_id, cut.population, cut.marker)
                if (above := found.setdefault(key, cut).value) != cut.value:
                    here = f"{cut.marker} on {cut.population} of {cut.sample_id}"
                    faults.append(f"{table.at(row)}: {here} is {cut.value:g}, and above {above:g}; keep one")
        except CellError as error:
            faults.append(f"{table.at(row)}: {error}")
    if faults:
        raise StudyError(by_row(faults))
    return tuple(found[key] for key in sorted(found))


def _cuts(row: Row, samples: Sequence[SampleRow], template: GatingTemplate) -> Iterator[ReferenceCut]:
    """Yield the cuts of one row."""
    sample_id = _sample_id(row, samples)
    if not row["who"]:
        raise CellError("no who; a cut that nobody answers for teaches nobody")
    if row["threshold"]:
        places = [(row["population"], row["marker"], _number(row["threshold"]))]
    else:
        places = _from_gate(row, template)
    wanted = [(on, marker) for teacher, on, marker in needed_lessons(template) if teacher == "reference"]
    for population, marker, value in places:
        if (population, marker) not in wanted:
            known = ", ".join(f"{name} on {on}" for on, name in wanted) or "none"
            raise CellError(f"no chain of the template asks a reference for {marker} on {population}. Known: {known}")
        yield ReferenceCut(sample_id, population, marker, value, row["who"], row["why"])


def _sample_id(row: Row, samples: Sequence[SampleRow]) -> str:
    """Return the sample that a row names, which must be one that is gated."""
    column = "sample_id" if row["sample_id"] else "file"
    named = {sample.sample_id if column == "sample_id" else sample.tube: sample for sample in samples}
    if row[column] not in named:
        raise CellError(missing(column, row[column], named, "sample sheet").removeprefix("sample sheet: "))
    sample = named[row[column]]
    if sample.role not in _GATED:
        raise CellError(f"{row[column]} is {sample.role}; a reference is a product or a monitoring sample")
    return sample.sample_id


def _number(text: str) -> float:
    return float(str(parser_of_number()(text)))


def _from_gate(row: Row, template: GatingTemplate) -> list[tuple[str, str, float]]:
    """Return population, marker and value of each cut that a gate rests on."""
    try:
        gate = template.row(row["population"])
    except TemplateError as error:
        raise CellError(error.faults[0].removeprefix("template: ")) from error
    try:
        coordinates = json.loads(row["coordinates"])
    except ValueError as error:
        raise CellError(f"coordinates {row['coordinates']!r} are not JSON; copy the cell of gates.csv") from error
    values = _thresholds(coordinates) if isinstance(coordinates, Mapping) else []
    if len(values) != len(gate.channels) or not all(math.isfinite(value) for value in values):
        raise CellError(
            f"coordinates {row['coordinates']!r} do not give one threshold for each of {'|'.join(gate.channels)}; "
            "quadrants and gates with one open side can teach"
        )
    on = gate.on[0] if gate.on else gate.parent
    return [(on, marker, value) for marker, value in zip(gate.channels, values, strict=True)]


def _thresholds(coordinates: Mapping[str, object]) -> list[float]:
    """Return the cuts of a quadrant, or the one closed end of a range."""
    quadrant = coordinates.get("thresholds")
    ends = quadrant if isinstance(quadrant, list) else [coordinates.get("minimum"), coordinates.get("maximum")]
    return [float(end) for end in ends if isinstance(end, int | float)]
