"""The events of one tube: which cells there are, how bright they truly are, and what a cytometer makes of it.

True signals are on the linear, compensated scale. What is measured is ``true @ spillover``, with photon noise
(Poisson on the signal over the gain), electronic noise, and an upper end at 18 bits.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phenotype.simulate.composition import drawn_composition, more_naive
from phenotype.simulate.settings import FLUOROCHROMES, MARKERS, Marker, SimulationSettings
from phenotype.subsets import SUBSETS

__all__ = [
    "KINDS",
    "Contents",
    "Instrument",
    "Labels",
    "Stain",
    "draw_beads",
    "draw_contents",
    "draw_tube",
    "few_cells",
]

KINDS = ("live", "dead", "doublet", "debris")
"""What an event is; ``Labels.kind`` counts from 0."""
_COLUMN = {marker: i for i, marker in enumerate(MARKERS)}
_CELL_SIZE, _CELL_SIZE_SD = 95_000.0, 12_000.0
_DEBRIS_SIZE, _DEBRIS_SIZE_SD = 22_000.0, 6_000.0
_DEAD_SIZE = 0.75
_CELL_GRAIN, _DEAD_GRAIN, _DEBRIS_GRAIN = 45_000.0, 62_000.0, 18_000.0
_SINGLET_RATIO, _SINGLET_RATIO_SD = 1.06, 0.02
_DOUBLET_RATIO = (1.6, 2.0)
"""FSC-A over FSC-H."""
_DEBRIS_DIMMER = 0.3
"""log10: debris has half of a cell's autofluorescence."""
_OTHER_CELLS_CD62L, _OTHER_CELLS_CD45RA = 0.5, 0.8
"""Share of CD3- cells that are positive."""
_STEP = 0.6
"""Share of a tube's events before the brightness changes, if it does."""
_BEAD = Marker(1.6, 0.15, 4.3, 0.06)

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One batch: the cytometer of that day, and how bright its stains are."""

    spillover: Numbers
    """(8, 8), fluorochromes in rows."""
    gain: Numbers
    """(8,), linear signal per photoelectron."""
    markers: tuple[Marker, ...]
    """One for each of ``MARKERS``, with the batch's factors in them."""

    def thresholds(self) -> dict[str, float]:
        """Return the true threshold of each marker, linear."""
        return {name: float(10**marker.threshold) for name, marker in zip(MARKERS, self.markers, strict=True)}

    def brighter(self, marker: str, factor: float) -> "Instrument":
        """Return the instrument with one stain brighter, on all cells."""
        shift, old = float(np.log10(factor)), self.markers[_COLUMN[marker]]
        return self._with(marker, replace(old, negative=old.negative + shift, positive=old.positive + shift))

    def shed(self, marker: str, factor: float) -> "Instrument":
        """Return the instrument with the positive cells of one stain dimmer."""
        old = self.markers[_COLUMN[marker]]
        return self._with(marker, replace(old, positive=old.positive + float(np.log10(factor))))

    def _with(self, marker: str, new: Marker) -> "Instrument":
        column = _COLUMN[marker]
        return replace(self, markers=(*self.markers[:column], new, *self.markers[column + 1 :]))


@dataclass(frozen=True, slots=True, eq=False)
class Stain:
    """What is in a tube, biologically, and which reagents were added."""

    composition: Numbers
    """(4,): subsets of CAR+ cells as their labels should have them."""
    car: float
    """Share of T cells that are CAR+."""
    dead: float
    """Share of single cells that are dead."""
    cd4: float
    """Share of T cells that are CD4+."""
    without: frozenset[str] = frozenset()
    """Markers whose reagent was left out: their cells are as bright as negatives."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Exact numbers of events; those of T cells are among live single cells."""

    debris: int
    doublets: int
    dead: int
    live: int
    t_cells: int
    car: int


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What each event truly is; arrays of (n,), in the order of the file."""

    kind: NDArray[np.int8]
    """Position in ``KINDS``."""
    t_cell: Flags
    car: Flags
    cd62l: Flags
    cd45ra: Flags

    def subset_counts(self, *, car: bool) -> dict[str, int]:
        """Count the subsets of live single T cells, CAR+ or CAR-."""
        chosen = (self.kind == 0) & self.t_cell & (self.car == car)
        signs = ((True, True), (True, False), (False, False), (False, True))
        return {
            subset: int(np.count_nonzero(chosen & (self.cd62l == x) & (self.cd45ra == y)))
            for subset, (x, y) in zip(SUBSETS, signs, strict=True)
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """True signals of cells, (n, 8), and their labels."""

    signals: Numbers
    t_cell: Flags
    car: Flags
    cd62l: Flags
    cd45ra: Flags


def draw_contents(events: int, stain: Stain, settings: SimulationSettings, rng: np.random.Generator) -> Contents:
    """Draw how many events of each kind a tube has."""
    debris = int(rng.binomial(events, settings.debris))
    doublets = int(rng.binomial(events - debris, rng.beta(*settings.doublets)))
    dead = int(rng.binomial(events - debris - doublets, stain.dead))
    live = events - debris - doublets - dead
    t_cells = int(rng.binomial(live, settings.t_cells))
    return Contents(debris, doublets, dead, live, t_cells, int(rng.binomial(t_cells, stain.car)))


def few_cells(t_cells: int, car: int, stain: Stain, settings: SimulationSettings) -> Contents:
    """Return a tube with an exact number of T cells and of CAR+ cells, and other events in proportion.

    Examples
    --------
    >>> stain = Stain(np.full(4, 0.25), car=0.4, dead=0.1, cd4=0.5)
    >>> few_cells(970, 300, stain, SimulationSettings())
    Contents(debris=75, doublets=58, dead=111, live=1000, t_cells=970, car=300)
    """
    live = round(t_cells / settings.t_cells)
    dead = round(live * stain.dead / (1 - stain.dead))
    doublet_share = settings.doublets[0] / sum(settings.doublets)
    doublets = round((live + dead) * doublet_share / (1 - doublet_share))
    debris = round((live + dead + doublets) * settings.debris / (1 - settings.debris))
    return Contents(debris, doublets, dead, live, t_cells, car)


def draw_tube(
    contents: Contents, stain: Stain, instrument: Instrument, settings: SimulationSettings, rng: np.random.Generator
) -> tuple[Numbers, Labels]:
    """Draw the events of a tube of cells, in random order.

    Returns
    -------
    events : (n, 12)
        Columns as ``DETECTORS``, uncompensated; the last is time in ticks of 10 ms, never falling.
    labels
        What each event is.
    """
    singles = contents.live + contents.dead
    cells = _draw_cells(contents, stain, instrument.markers, settings, rng)
    second = cells.signals[singles + contents.doublets :]
    signals = np.concatenate([
        cells.signals[:singles],
        cells.signals[singles : singles + contents.doublets] + second,
        _debris_signals(contents.debris, instrument.markers, rng),
    ])  # fmt: skip
    kind = np.repeat(np.arange(4), [contents.live, contents.dead, contents.doublets, contents.debris])
    order = rng.permutation(len(kind))
    scatter = _draw_scatter(kind, settings, rng)
    events = _measured(scatter[order], signals[order], instrument, settings, rng)
    return events, _labels(cells, kind, order)


def draw_beads(
    count: int, fluorochrome: str, instrument: Instrument, settings: SimulationSettings, rng: np.random.Generator
) -> Numbers:
    """Draw compensation beads, half of them bright in one fluorochrome: (count, 12), as ``draw_tube``."""
    log = rng.normal(_BEAD.negative, _BEAD.negative_sd, (count, len(FLUOROCHROMES)))
    bright = rng.random(count) < 0.5
    column = FLUOROCHROMES.index(fluorochrome)
    log[bright, column] = rng.normal(_BEAD.positive, _BEAD.positive_sd, np.count_nonzero(bright))
    size = rng.normal(60_000, 2_500, count)
    scatter = np.column_stack([size, size / rng.normal(_SINGLET_RATIO, 0.01, count), rng.normal(30_000, 2_000, count)])
    return _measured(scatter, 10**log, instrument, settings, rng)


def _draw_cells(
    contents: Contents,
    stain: Stain,
    markers: tuple[Marker, ...],
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> _Cells:
    """Draw live cells, dead ones, then two for each doublet; live ones in exact numbers."""
    live, dead = contents.live, contents.dead
    n = live + dead + 2 * contents.doublets
    t_cell = rng.random(n) < settings.t_cells
    t_cell[:live] = np.arange(live) < contents.t_cells
    car = t_cell & (rng.random(n) < stain.car)
    car[:live] = np.arange(live) < contents.car
    positive = np.zeros((n, len(MARKERS)), dtype=bool)
    positive[:, _COLUMN["CD3"]], positive[:, _COLUMN["CAR"]] = t_cell, car
    positive[live : live + dead, _COLUMN["Viability"]] = True
    lineage = rng.random(n)
    positive[:, _COLUMN["CD4"]] = t_cell & (lineage < stain.cd4)
    positive[:, _COLUMN["CD8"]] = t_cell & (lineage >= stain.cd4 + settings.double_negative)
    positive[:, _COLUMN["PD-1"]] = t_cell & (rng.random(n) < settings.pd1)
    positive[:, :2] = _memory(t_cell, car, stain, markers, settings, rng)
    positive &= [marker not in stain.without for marker in MARKERS]
    log = _log_intensities(positive, markers, rng)
    dying = slice(live, live + round(settings.half_stained * dead))
    log[dying, _COLUMN["Viability"]] -= 0.4 * (settings.viability.positive - settings.viability.negative)
    for column in (_COLUMN["CD62L"], _COLUMN["CD45RA"]):
        if MARKERS[column] not in stain.without:
            _spread(log[:, column], positive[:, column], t_cell, markers[column], settings.intermediate, rng)
    return _Cells(10**log, t_cell, car, positive[:, 0], positive[:, 1])


def _memory(
    t_cell: Flags, car: Flags, stain: Stain, markers: tuple[Marker, ...], settings: SimulationSettings,
    rng: np.random.Generator,
) -> Flags:  # fmt: skip
    """Draw CD62L and CD45RA of each cell, (n, 2), before some become intermediate."""
    of_not = more_naive(stain.composition, settings.naive_shift)
    cd62l, cd45ra = markers[:2]
    drawn = [drawn_composition(shares, cd62l, cd45ra, settings.intermediate) for shares in (of_not, stain.composition)]
    steps = np.cumsum(drawn, axis=1)[:, :3]
    subset = (rng.random(len(car))[:, None] >= steps[car.astype(int)]).sum(axis=1)
    signs = np.column_stack([subset <= 1, (subset == 0) | (subset == 3)])
    others = rng.random((len(car), 2)) < (_OTHER_CELLS_CD62L, _OTHER_CELLS_CD45RA)
    return np.where(t_cell[:, None], signs, others)


def _log_intensities(positive: Flags, markers: tuple[Marker, ...], rng: np.random.Generator) -> Numbers:
    """Draw log10 intensities, (n, k), each from the negative or the positive distribution of its marker."""
    means = np.array([[marker.negative, marker.positive] for marker in markers])
    sds = np.array([[marker.negative_sd, marker.positive_sd] for marker in markers])
    log = rng.standard_normal(positive.shape)
    log *= np.where(positive, sds[:, 1], sds[:, 0])
    log += np.where(positive, means[:, 1], means[:, 0])
    return log


def _spread(
    log: Numbers, positive: Flags, t_cell: Flags, marker: Marker, share: float, rng: np.random.Generator
) -> None:
    """Make some T cells intermediate, in place: anywhere between the means, labelled by the side of the threshold."""
    chosen = t_cell & (rng.random(len(log)) < share)
    log[chosen] = rng.uniform(marker.negative, marker.positive, np.count_nonzero(chosen))
    positive[chosen] = log[chosen] >= marker.threshold


def _debris_signals(count: int, markers: tuple[Marker, ...], rng: np.random.Generator) -> Numbers:
    dim = tuple(replace(marker, negative=marker.negative - _DEBRIS_DIMMER) for marker in markers)
    return np.asarray(10 ** _log_intensities(np.zeros((count, len(markers)), dtype=bool), dim, rng))


def _draw_scatter(kind: NDArray[np.int64], settings: SimulationSettings, rng: np.random.Generator) -> Numbers:
    """Draw FSC-A, FSC-H and SSC-A by kind of event; a doublet is as large as two cells, and not much higher."""
    n = len(kind)
    live, dead, doublet, debris = (kind == code for code in range(4))
    size = rng.normal(_CELL_SIZE, _CELL_SIZE_SD, n)
    size[dead] *= _DEAD_SIZE
    size[doublet] += rng.normal(_CELL_SIZE, _CELL_SIZE_SD, np.count_nonzero(doublet))
    size[debris] = rng.normal(_DEBRIS_SIZE, _DEBRIS_SIZE_SD, np.count_nonzero(debris))
    size = np.maximum(size, 1_000.0)
    ratio = rng.normal(_SINGLET_RATIO, _SINGLET_RATIO_SD, n)
    ratio[doublet] = rng.uniform(*_DOUBLET_RATIO, np.count_nonzero(doublet))
    size[np.flatnonzero(doublet)[: round(settings.clumps * np.count_nonzero(doublet))]] += settings.top
    grain = np.select([live, dead, doublet], [_CELL_GRAIN, _DEAD_GRAIN, 2 * _CELL_GRAIN], _DEBRIS_GRAIN)
    return np.column_stack([size, size / ratio, grain * np.exp(0.2 * rng.standard_normal(n))])


def _measured(
    scatter: Numbers, signals: Numbers, instrument: Instrument, settings: SimulationSettings, rng: np.random.Generator
) -> Numbers:
    """Return what the cytometer records of true signals, with time; rounded, so that any processor has the same."""
    n = len(signals)
    opened = np.where(np.arange(n) < _STEP * n, 1.0, settings.dimmed)[:, None]
    photons = rng.poisson((opened * signals @ instrument.spillover) / instrument.gain)
    seen = photons * instrument.gain + rng.normal(0.0, settings.electronic_sd, signals.shape)
    gaps = rng.standard_exponential(n + 1)
    ticks = np.floor(100 * settings.seconds * np.cumsum(gaps)[:n] / gaps.sum())
    events = np.column_stack([np.minimum(scatter, settings.top), np.minimum(seen, settings.top), ticks])
    return np.asarray(events.round(2))


def _labels(cells: _Cells, kind: NDArray[np.int64], order: NDArray[np.int64]) -> Labels:
    """Return labels in the order of the file; doublets have those of their first cell, debris none."""
    first = len(kind) - np.count_nonzero(kind == KINDS.index("debris"))

    def padded(flags: Flags) -> Flags:
        whole = np.zeros(len(kind), dtype=bool)
        whole[:first] = flags[:first]
        return np.asarray(whole[order])

    return Labels(
        kind[order].astype(np.int8), padded(cells.t_cell), padded(cells.car), padded(cells.cd62l), padded(cells.cd45ra)
    )
