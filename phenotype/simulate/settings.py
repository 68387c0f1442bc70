"""Every number that shapes the synthetic events, and a second, harder set of them.

The numbers are those of PAPER, E6: our proposal, since no raw files of the published cohort exist.
Intensities are log10 of the linear, compensated signal.
"""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["DEFAULTS", "DETECTORS", "FLUOROCHROMES", "HARDER", "MARKERS", "Marker", "SimulationSettings"]

FLUOROCHROMES = ("BV421-A", "BV510-A", "FITC-A", "PE-A", "PE-Cy5-A", "APC-A", "AF700-A", "APC-H7-A")
MARKERS = ("CD62L", "CD45RA", "CD3", "CAR", "CD4", "CD8", "Viability", "PD-1")
"""What each fluorochrome carries, in the same order."""
DETECTORS = ("FSC-A", "FSC-H", "SSC-A", *FLUOROCHROMES, "Time")


@dataclass(frozen=True, slots=True)
class Marker:
    """How bright cells without and with a marker are: two normal distributions of log10 intensity."""

    negative: float
    negative_sd: float
    positive: float
    positive_sd: float

    @property
    def threshold(self) -> float:
        """Where the two densities, equally weighted, are equal between the means; log10.

        Examples
        --------
        >>> Marker(2.0, 0.3, 4.0, 0.3).threshold
        3.0
        >>> round(Marker(2.3, 0.30, 3.9, 0.35).threshold, 3)
        3.049
        """
        if self.negative_sd == self.positive_sd:
            return (self.negative + self.positive) / 2
        low, high = 1 / self.negative_sd**2, 1 / self.positive_sd**2
        square, linear = low - high, -2 * (self.negative * low - self.positive * high)
        constant = self.negative**2 * low - self.positive**2 * high - 2 * np.log(self.positive_sd / self.negative_sd)
        roots = np.roots([square, linear, constant]).real
        return float(roots[(roots > self.negative) & (roots < self.positive)][0])

    @property
    def share_above(self) -> float:
        """Share of intermediate cells, uniform between the means, that lie above the threshold."""
        return (self.positive - self.threshold) / (self.positive - self.negative)


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What a synthetic study is like. Shares are in [0, 1], intensities log10, pairs of a Beta are its shapes."""

    debris: float = 0.06
    """Share of events that are no cells."""
    doublets: tuple[float, float] = (4.0, 76.0)
    """Beta of the share of cell events that are two cells."""
    dead: tuple[float, float] = (3.0, 27.0)
    """Beta of the share of single cells that are dead."""
    most_dead: float = 0.27
    """Upper end of that share: a product that is not meant to be flagged stays below the usual limit."""
    half_stained: float = 0.0
    """Share of dead cells that are three fifths of the way to the others, on the logarithmic scale: a third group."""
    clumps: float = 0.0
    """Share of doublets that are clumps, larger than forward scatter can be measured."""
    dimmed: float = 1.0
    """Factor on all fluorescence in the last two fifths of a tube: a clog, half open."""
    t_cells: float = 0.97
    """Share of live cells that are CD3+."""
    car: tuple[float, float] = (16.0, 24.0)
    """Beta of the share of T cells that are CAR+: transduction."""
    cd4: tuple[float, float] = (0.45, 0.60)
    """Range of the share of T cells that are CD4+; the others are CD8+, but for the next."""
    double_negative: float = 0.03
    """Share of T cells that are neither CD4+ nor CD8+."""
    pd1: float = 0.30
    """Share of T cells that are PD-1+."""
    naive_shift: float = 0.05
    """How many more of CAR- cells are naive than of CAR+ cells of the same product."""
    intermediate: float = 0.10
    """Share of T cells whose CD62L lies anywhere between negative and positive; and, independently, whose CD45RA."""

    cd62l: Marker = Marker(2.3, 0.30, 3.9, 0.35)
    """Adhesion molecule; shed on activation."""
    cd45ra: Marker = Marker(2.5, 0.30, 4.2, 0.30)
    """Isoform of naive and terminally differentiated cells."""
    cd3: Marker = Marker(2.3, 0.30, 4.3, 0.18)
    """All T cells, brightly."""
    car_signal: Marker = Marker(2.2, 0.28, 3.7, 0.35)
    """The detection reagent of the receptor."""
    cd4_signal: Marker = Marker(2.2, 0.30, 4.0, 0.20)
    """Helper cells."""
    cd8_signal: Marker = Marker(2.3, 0.30, 4.2, 0.25)
    """Cytotoxic cells."""
    viability: Marker = Marker(2.4, 0.30, 4.4, 0.30)
    """Amine dye: positive is dead."""
    pd1_signal: Marker = Marker(2.2, 0.35, 3.2, 0.35)
    """A dim marker without a clear valley."""

    spillover_seed: int = 1
    """The instrument: other spillover and gains for another seed."""
    spillover_pe_pecy5: float = 0.25
    """PE seen by the PE-Cy5 detector: the largest of the matrix."""
    spillover_fitc_pe: float = 0.12
    """FITC (CD3, bright) seen by the PE detector (CAR)."""
    spillover_other: float = 0.05
    """Upper end of every other coefficient."""
    spillover_batch_sd: float = 0.05
    """Relative change of each coefficient from batch to batch."""
    gain: tuple[float, float] = (8.0, 15.0)
    """Range of the linear signal per photoelectron: what photon noise is made of."""
    electronic_sd: float = 25.0
    """Linear noise of a detector in the dark."""
    top: float = 262_143.0
    """Largest value of the 18-bit digitiser."""
    seconds: float = 120.0
    """Time a tube runs, whatever its number of events."""

    batch_size: int = 10
    """Most products stained and measured together, with one set of controls."""
    scale_cd62l: tuple[float, float] = (0.80, 1.25)
    """Range of a batch's factor on CD62L."""
    scale_other: tuple[float, float] = (0.90, 1.10)
    """Range of a batch's factor on each other fluorochrome."""

    shedding: float = 0.5
    """Defect: factor on CD62L+ cells of one batch."""
    dying: tuple[float, float] = (0.36, 0.48)
    """Defect: range of the dead share; the usual release limit is 0.30."""
    few_car: int = 300
    """Defect: CAR+ T cells in a tube that ran short of a product barely transduced."""
    few_t: int = 3_000
    """Defect: T cells in that tube: enough to place every gate on."""
    hardly_any_car: int = 15
    """Defect: CAR+ T cells in another."""
    hardly_any_t: int = 1_100
    """Defect: T cells in that tube. More would bring more false CAR+ events than true ones."""
    saturating: float = 16.0
    """Defect: factor on CD45RA, which then leaves the digitiser's range."""
    pause: float = 0.15
    """Defect: share of the acquisition without events."""
    slower: float = 0.4
    """Defect: rate of events after the pause, as a share of the rate before."""
    cut_short: float = 0.3
    """Defect: share of a file's bytes that are missing at its end."""

    @property
    def markers(self) -> tuple[Marker, ...]:
        """One for each of ``MARKERS``."""
        return (
            self.cd62l, self.cd45ra, self.cd3, self.car_signal, self.cd4_signal, self.cd8_signal, self.viability,
            self.pd1_signal,
        )  # fmt: skip


def _wider(marker: Marker) -> Marker:
    """Return a marker whose negative cells differ more."""
    return replace(marker, negative_sd=1.4 * marker.negative_sd)


DEFAULTS = SimulationSettings()
"""As proposed."""
HARDER = replace(
    DEFAULTS,
    spillover_seed=2,
    intermediate=0.15,
    cd62l=_wider(DEFAULTS.cd62l),
    cd45ra=_wider(DEFAULTS.cd45ra),
    cd3=_wider(DEFAULTS.cd3),
    car_signal=_wider(DEFAULTS.car_signal),
    cd4_signal=_wider(DEFAULTS.cd4_signal),
    cd8_signal=_wider(DEFAULTS.cd8_signal),
    viability=_wider(DEFAULTS.viability),
    pd1_signal=_wider(DEFAULTS.pd1_signal),
)
"""Another instrument, wider negatives, more cells between: what was tuned on the first study may fail here."""
