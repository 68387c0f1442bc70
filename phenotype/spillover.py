"""Spillover as measured, beside spillover as written in files: rows of spillover.csv, and findings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gating import Described, GatedSample, Spillover, StainFit, residual_spillover
from phenotype.quality import Finding

__all__ = [
    "SPILLOVER_COLUMNS",
    "Voltages",
    "check_against_stains",
    "check_residual",
    "check_stains",
    "matrix_source",
    "spillover_rows",
    "voltage_fault",
    "voltages_of",
]

SPILLOVER_COLUMNS = (
    "batch", "fluorochrome", "detector", "coefficient", "standard_error", "n_positive", "n_negative", "stain",
    "negative", "used", "compared_with", "their_coefficient", "difference",
)  # fmt: skip
LARGEST_DIFFERENCE = 0.02
"""Of two matrices: twice what ours differs from a person's on real tubes with bright stains. Of a signal of 10,000 it
is 200, the width of a negative population."""

LARGEST_RESIDUAL = 0.03
"""Slope of negatives against a signal: 300 at 10,000, the width of a negative population or more. docs/accuracy.md has
the rates at which wrong coefficients are found, and right ones called wrong."""

Voltages = Mapping[str, float]
"""$PnV by detector, of the detectors that have one."""


@dataclass(frozen=True, slots=True)
class _Difference:
    """One coefficient by single stains, and by another matrix."""

    fit: StainFit
    detector: str
    ours: float
    error: float
    theirs: float

    @property
    def size(self) -> float:
        """Theirs minus ours."""
        return self.theirs - self.ours

    @property
    def matters(self) -> bool:
        """Whether it is larger than it may be, and than counting noise explains."""
        return abs(self.size) > max(LARGEST_DIFFERENCE, 3 * self.error)


def voltages_of(described: Described, detectors: Iterable[str]) -> Voltages:
    """Return the voltage of each detector, where the file has it.

    Parameters
    ----------
    described
        A file's channels and keywords; $PnV is counted in the order of its channels, which must be all of them.
    detectors
        $PnN.
    """
    wanted = set(detectors)
    found = {}
    for number, channel in enumerate(described.channels, start=1):
        voltage = pd.to_numeric(described.keywords.get(f"$P{number}V", ""), errors="coerce")
        if channel.name in wanted and np.isfinite(voltage) and voltage > 0:
            found[channel.name] = float(voltage)
    return found


def voltage_fault(described: Described, stains: Mapping[str, Voltages]) -> str:
    """Say where a sample was measured at another voltage than a single stain; empty if nowhere.

    Coefficients are ratios of two detectors' gains: at another voltage they are others.
    """
    for tube, theirs in stains.items():
        own = voltages_of(described, theirs)
        for detector, voltage in own.items():
            if voltage != theirs[detector]:
                return f"{detector} was measured at {voltage:g} V, and at {theirs[detector]:g} V in {tube}"
    return ""


def spillover_rows(
    batch: str, fits: Sequence[StainFit], used: Spillover | None, other: Spillover | None
) -> list[dict[str, object]]:
    """Return a batch's rows of spillover.csv: a coefficient each, but for the diagonal.

    Parameters
    ----------
    batch
        As in the sample sheet.
    fits
        Its single stains.
    used
        The matrix made of them, if the samples were compensated with it: it may have detectors without a stain.
    other
        The matrix it is held against.
    """
    measured = {fit.detector: fit for fit in fits}
    detectors = used.channels if used is not None else tuple(measured)
    rows: list[dict[str, object]] = []
    for name in detectors:
        fit = measured.get(name)
        columns = detectors if fit is None else fit.detectors
        rows += [
            _row(batch, name, column, fit, other) | {"used": used is not None} for column in columns if column != name
        ]
    return rows


def _row(batch: str, name: str, column: str, fit: StainFit | None, other: Spillover | None) -> dict[str, object]:
    place = -1 if fit is None else fit.detectors.index(column)
    ours = 0.0 if fit is None else float(fit.coefficients[place])
    theirs = _coefficient(other, name, column)
    return {
        "batch": batch,
        "fluorochrome": name,
        "detector": column,
        "coefficient": ours,
        "standard_error": None if fit is None else float(fit.errors[place]),
        "n_positive": None if fit is None else fit.n_positive,
        "n_negative": None if fit is None else fit.n_negative,
        "stain": "" if fit is None else fit.tube,
        "negative": "" if fit is None else fit.negative,
        "compared_with": "" if other is None else other.source,
        "their_coefficient": theirs,
        "difference": None if theirs is None else theirs - ours,
    }


def _coefficient(matrix: Spillover | None, row: str, column: str) -> float | None:
    if matrix is None or not {row, column} <= {*matrix.channels}:
        return None
    return float(matrix.matrix[matrix.channels.index(row), matrix.channels.index(column)])


def check_stains(fits: Mapping[str, StainFit]) -> Iterator[Finding]:
    """Repeat what is odd about single stains, by their sample_id."""
    for sample_id, fit in fits.items():
        for warning in fit.warnings:
            yield Finding(sample_id, "single_stain", None, None, "warning", warning)


def check_against_stains(
    sample_id: str, fits: Iterable[StainFit], matrix: Spillover, *, used: bool
) -> Iterator[Finding]:
    """Hold a file's matrix against the single stains of its batch.

    Parameters
    ----------
    sample_id
        The sample whose file carries the matrix.
    fits
        The single stains.
    matrix
        The file's.
    used
        Whether the sample was compensated with the matrix, and not by the stains.
    """
    differences = [
        _Difference(fit, column, float(fit.coefficients[i]), float(fit.errors[i]), theirs)
        for fit in fits
        for i, column in enumerate(fit.detectors)
        if column != fit.detector and (theirs := _coefficient(matrix, fit.detector, column)) is not None
    ]
    if not differences:
        return
    largest = max(differences, key=lambda one: (one.matters, abs(one.size)))
    count = sum(one.matters for one in differences)
    message = (
        f"spillover of {largest.fit.detector} into {largest.detector} is {largest.theirs:.3f} in {matrix.source} and "
        f"{largest.ours:.3f} ± {largest.error:.3f} by {largest.fit.tube}; the "
        f"{'former' if used else 'latter'} was taken out"
    )
    if count:
        message += f"; {count} of {len(differences)} coefficients differ by more than {LARGEST_DIFFERENCE:g}"
    severity = "warning" if count else "info"
    yield Finding(sample_id, "spillover_stains", largest.size, LARGEST_DIFFERENCE, severity, message)


def check_residual(sample_id: str, gated: GatedSample, population: str) -> Iterator[Finding]:
    """Look for too much or too little compensation among a sample's own cells, for the detectors that gates look at.

    Parameters
    ----------
    sample_id
        The sample.
    gated
        Compensated.
    population
        The cells to look at; all events where it is not there or was refused.
    """
    members = gated.populations[population].members if population in gated.populations else None
    columns = {
        column: marker
        for marker, column in gated.columns.items()
        if gated.sample.channels[column].kind == "fluorescence"
    }
    channels = [gated.sample.channels[column] for column in columns]
    chosen = slice(None) if members is None else members
    events = np.stack([gated.sample.events[:, column][chosen] for column in columns]).T if columns else None
    names = [
        marker if marker == c.name else f"{marker} ({c.name})"
        for marker, c in zip(columns.values(), channels, strict=True)
    ]
    pairs = () if events is None else residual_spillover(events, names, [c.range for c in channels])
    elsewhere = gated.sample.compensation.startswith("none")
    where = "the program that compensated or unmixed the file" if elsewhere else "that coefficient"
    for pair in sorted(pairs, key=lambda pair: -abs(pair.slope)):
        if pair.visible and abs(pair.slope) >= LARGEST_RESIDUAL:
            over = pair.slope < 0
            message = (
                f"{pair.target} {'falls' if over else 'rises'} by {abs(pair.slope):.0%} of the signal of {pair.source} "
                f"among {pair.n} positive events: {'over' if over else 'under'}-compensated? "
                f"Look at {pair.target} against {pair.source}, and at {where}"
            )
            check = "over_compensated" if over else "under_compensated"
            yield Finding(sample_id, check, pair.slope, LARGEST_RESIDUAL, "warning", message)


def matrix_source(batch: str) -> str:
    """Return what a matrix from single stains is called in messages and tables.

    >>> matrix_source("B1"), matrix_source("")
    ('single stains of batch B1', 'single stains')
    """
    return f"single stains of batch {batch}" if batch else "single stains"
