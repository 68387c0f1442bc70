"""Spillover measured on single stains: tubes of cells or beads that carry one fluorochrome each.

Of a tube stained with one fluorochrome, what every other detector sees beyond the unstained is spillover. A row of the
matrix is how steeply each detector's signal rises with that of the stain's own, from negative to positive events.

What can be mistaken for spillover is autofluorescence: cells that take up a stain are often larger than those that do
not, and shine more in every detector. So each positive event is compared with negatives of its own size and grain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gating.compensation import Spillover
from gating.density import deepest_valley, estimate_density
from gating.errors import CompensationError
from gating.sample import Channel, Sample
from gating.transforms import estimate_logicle

__all__ = ["SpilloverFit", "StainFit", "combine_stains", "fit_spillover", "fit_stain"]

MAIN_SHARE = 0.5
"""Share of events that make the main population: the densest half. Of 0.3, 0.5, 0.7 and 0.9 on real single stains, it
gave the smallest coefficients where physics has none (red dyes in violet and blue detectors)."""
GRID = 64
"""Bins of forward and of side scatter."""
BLUR = 2.0
"""Bins: a population of 1,000 events, spread over some 300 bins, is then one hill."""
LEAST_CELLS = 0.4
"""Share of events above the debris; up to 55 % of debris has been seen in good files, doublets are less than 60 %."""
SAME_PARTICLES = 0.25
"""Share of an unstained tube's events in the stain's main population: half of what the same particles have."""
NEIGHBOURS = 5
"""Negatives held against each positive: their median has a fifth of one event's variance or so."""
BRIGHTEST = 0.5
"""Share of the positives that is used: an error in the negatives weighs least on the brightest."""
NEGATIVE_QUANTILE = 0.999
"""Of the unstained tube: one event in a thousand above it is called positive wrongly."""
LEAST_POSITIVE = 200
"""Positives: if they scatter by 0.1 of their signal, as dim stains do, the brighter 100 have a standard error of 0.01.
Published matrices from 137 stained cells were unreliable."""
LEAST_NEGATIVE = 200
"""The error that the negatives add is then no larger than that of as many positives."""
LEAST_SEPARATION = 10.0
"""Spreads (robust standard deviations of the negatives) from negative to positive: where both detectors have the same
spread, a difference of autofluorescence of a tenth of it then shifts a coefficient by 0.01."""
WANTED_ERROR = 0.01
"""Standard error above which a coefficient is named: at a signal of 10,000 that is 100, the width of a negative."""
SATURATED_SHARE = 0.05
"""Of bright events: above, those that are left are the dimmer ones."""
LAST_DECADE = 0.1
"""Share of a detector's range above which an event counts as bright when saturated ones are counted."""
_HUBER = 1.345
"""Robust standard deviations within which residuals count fully: 95 % efficient for normal noise."""
_ROUNDS = 50

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class StainFit:
    """One row of a spillover matrix, as measured on one tube."""

    detector: str
    """$PnN of the stain's own detector."""
    tube: str
    detectors: tuple[str, ...]
    """$PnN of the row's columns."""
    coefficients: Numbers
    """(k,): share of the stain's signal that each detector sees; 1 for its own."""
    errors: Numbers
    """(k,): standard errors, by counting noise alone; 0 for its own. Autofluorescence that scatter does not tell is
    not in them."""
    n_positive: int
    """Bright positive events the row rests on."""
    n_negative: int
    negative: str
    """What they were held against: the unstained tube's name, or ``own negatives``."""
    separation: float
    """Spreads of the negatives between them and the positives, in the own detector."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SpilloverFit:
    """A spillover matrix, and the tubes it was measured on."""

    spillover: Spillover
    stains: tuple[StainFit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Events:
    """Events below the top of every detector."""

    signals: Numbers
    """(n, k), uncompensated."""
    scatter: Numbers
    """(n, 2): forward, side."""

    def __len__(self) -> int:
        return len(self.signals)

    def at(self, chosen: Flags) -> "_Events":
        """Return some of the events."""
        return _Events(self.signals[chosen], self.scatter[chosen])


def fit_spillover(
    stains: Mapping[str, Sample],
    *,
    unstained: Sequence[Sample] = (),
    detectors: Sequence[str] = (),
    source: str = "single stains",
) -> SpilloverFit:
    """Measure a spillover matrix on single stains.

    Parameters
    ----------
    stains
        By $PnN of the detector that each was stained for: one uncompensated tube each.
    unstained
        Tubes without stain. The first whose particles are those of a stain is used; else the stain's own negatives.
    detectors
        Rows and columns of the matrix, by $PnN; those without a stain spill into no other. Empty: the stained ones.
    source
        What messages call the matrix.

    Raises
    ------
    CompensationError
        With a line for each tube that cannot be used; or if the matrix they make is one :class:`Spillover` refuses.

    References
    ----------
    .. [1] Bagwell CB, Adams EG. Ann N Y Acad Sci 1993;677:167-184.
    .. [2] Roca CP et al. Nat Commun 2021;12:2890.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> channels = tuple(Channel(name) for name in ("FSC-A", "SSC-A", "FITC-A", "PE-A"))
    >>> signal = np.where(np.arange(4000) % 2, 10_000, 0) * rng.normal(1, 0.1, 4000)
    >>> seen = np.column_stack([signal, 0.2 * signal]) + rng.normal(0, 20, (4000, 2))
    >>> beads = Sample("FITC.fcs", channels, np.column_stack([rng.normal(6e4, 2e3, (4000, 2)), seen]))
    >>> fit_spillover({"FITC-A": beads}, detectors=("FITC-A", "PE-A")).spillover.matrix.round(2)
    array([[1. , 0.2],
           [0. , 1. ]])
    """
    columns = tuple(detectors) or tuple(stains)
    fits, faults = [], []
    for detector, sample in stains.items():
        try:
            fits.append(fit_stain(sample, detector, columns, unstained=unstained))
        except CompensationError as error:
            faults.append(str(error))
    if faults:
        raise CompensationError("\n".join(faults))
    return SpilloverFit(combine_stains(fits, columns, source), tuple(fits))


def fit_stain(sample: Sample, detector: str, detectors: Sequence[str], *, unstained: Sequence[Sample] = ()) -> StainFit:
    """Measure what each detector sees of the stain of one tube.

    Of the densest half of the events by scatter, those are positive that lie above 99.9 % of the unstained ones, or
    above the valley of the tube's own density. Each of the brighter half of them is held against the median of the
    five negatives that are nearest by scatter. The coefficient of a detector is the slope, through zero, of the
    differences in it against those in the stain's own, weighted for noise that grows with the signal's root, and
    robustly [1]_, since some positives are doublets with a stranger or carried over from another tube.

    Parameters
    ----------
    sample
        Uncompensated, with forward and side scatter. Events at the top of a detector are left out.
    detector
        $PnN of the detector the stain is meant for.
    detectors
        $PnN of the columns wanted; ``detector`` is one of them.
    unstained
        Tubes without stain, of cells or of beads; the first whose particles are the same by scatter is used.

    Raises
    ------
    CompensationError
        If the tube was compensated, or lacks a channel; if it has no positives or no negatives, too few, or too dim
        ones; or if another detector is brighter than the one it is meant for.

    References
    ----------
    .. [1] Huber PJ. Ann Math Statist 1964;35:73-101.
    """
    columns = tuple(detectors)
    own = columns.index(detector)
    stained, saturated = _usable(sample, columns, own)
    inside = _main_population(stained.scatter)
    cells = stained.at(inside(stained.scatter))
    negative_tube, alike = _same_particles(unstained, columns, own, inside)
    positive, negative = _sides(sample, cells, own, alike, columns)
    bright = positive.at(positive.signals[:, own] >= np.quantile(positive.signals[:, own], 1 - BRIGHTEST))
    differences = bright.signals - _matched(bright.scatter, negative)
    spread = _spread(negative.signals)
    separation = float(np.median(differences[:, own]) / max(spread[own], np.finfo(float).tiny))
    _refuse_dim(sample.name, detector, separation)
    coefficients, errors = _slopes(differences[differences[:, own] > 0], own)
    errors = np.hypot(errors, _of_median(spread, len(negative)) / np.mean(differences[:, own]))
    errors[own] = 0.0
    _refuse_brighter(sample.name, columns, own, coefficients, errors)
    return StainFit(
        detector=detector,
        tube=sample.name,
        detectors=columns,
        coefficients=coefficients,
        errors=errors,
        n_positive=len(bright),
        n_negative=len(negative),
        negative=negative_tube,
        separation=separation,
        warnings=(
            *_saturation_warnings(sample.name, detector, saturated),
            *_row_warnings(sample.name, columns, coefficients, errors, len(bright)),
        ),
    )


def combine_stains(fits: Sequence[StainFit], detectors: Sequence[str], source: str) -> Spillover:
    """Make a matrix of the rows measured; a detector without a stain spills into no other.

    Raises
    ------
    CompensationError
        If two rows are of one detector, or the matrix is singular or amplifies noise more than a millionfold.
    """
    columns = tuple(detectors)
    matrix = np.eye(len(columns))
    tubes: dict[str, str] = {}
    for fit in fits:
        if fit.detector in tubes:
            raise CompensationError(
                f"{source}: {tubes[fit.detector]} and {fit.tube} are both stained for {fit.detector}; keep one"
            )
        tubes[fit.detector] = fit.tube
        matrix[columns.index(fit.detector)] = [fit.coefficients[fit.detectors.index(name)] for name in columns]
    return Spillover(columns, matrix, source)


def _usable(sample: Sample, columns: Sequence[str], own: int) -> tuple[_Events, float]:
    """Return the events that every detector measured, and which share of the brightest in one detector is not."""
    if sample.compensated:
        raise CompensationError(f"{sample.name} is compensated already ({sample.compensation}); spillover is gone")
    names = [channel.name for channel in sample.channels]
    absent = [name for name in columns if name not in names]
    if absent:
        raise CompensationError(f"{sample.name}: no channel {', '.join(absent)}; known: {', '.join(names)}")
    places = [names.index(name) for name in columns]
    signals = sample.events[:, places]
    scatter = sample.events[:, _scatter_columns(sample)]
    tops = np.array([sample.channels[place].ceiling for place in places])
    finite = np.isfinite(signals).all(axis=1) & np.isfinite(scatter).all(axis=1)
    measured = finite & (signals < tops).all(axis=1)
    bright = finite & (signals[:, own] > LAST_DECADE * tops[own])
    lost = float(np.mean(signals[bright, own] >= tops[own])) if bright.any() else 0.0
    return _Events(signals[measured], scatter[measured]), lost


def _scatter_columns(sample: Sample) -> list[int]:
    """Return the columns of forward and side scatter: area, else integral, else height."""
    found = []
    for letter, what in (("f", "forward"), ("s", "side")):
        columns = [
            i for i, c in enumerate(sample.channels) if c.kind == "scatter" and c.name.casefold().startswith(letter)
        ]
        if not columns:
            raise CompensationError(f"{sample.name}: no {what} scatter; a single stain is gated by it")
        found.append(min(columns, key=lambda i: _pulse_rank(sample.channels[i])))
    return found


def _pulse_rank(channel: Channel) -> int:
    name = channel.name.casefold()
    ranks = [name.endswith(("-a", " a")), "int" in name, name.endswith(("-h", " h")), True]
    return ranks.index(True)


def _main_population(scatter: Numbers) -> Callable[[Numbers], Flags]:
    """Return the test for the main population: the densest half, in one piece, of the events above the debris."""
    cells = scatter[scatter[:, 0] >= _debris_end(scatter[:, 0])]
    edges = [np.linspace(*_ends(cells[:, axis]), GRID + 1) for axis in (0, 1)]
    counts = np.histogram2d(cells[:, 0], cells[:, 1], bins=edges)[0]
    from scipy.ndimage import gaussian_filter, label  # loaded where there are stains

    density = gaussian_filter(counts, BLUR)
    order = np.argsort(-density, axis=None, kind="stable")
    enough = int(np.searchsorted(np.cumsum(counts.ravel()[order]), MAIN_SHARE * counts.sum()))
    level = density.ravel()[order[min(enough, len(order) - 1)]]
    pieces, _ = label(density >= level)
    piece = pieces == pieces.ravel()[order[0]]

    def inside(values: Numbers) -> Flags:
        places = [np.searchsorted(edges[axis], values[:, axis], side="right") - 1 for axis in (0, 1)]
        within = np.all([(place >= 0) & (place < GRID) for place in places], axis=0)
        rows, columns = (np.clip(place, 0, GRID - 1) for place in places)
        return np.asarray(within & piece[rows, columns])

    return inside


def _ends(values: Numbers) -> tuple[float, float]:
    """Return where a grid begins and ends: clumps and debris in the tails must not coarsen it."""
    low, high = (float(x) for x in np.quantile(values, [0.005, 0.99])) if len(values) else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _debris_end(sizes: Numbers) -> float:
    """Return the valley between debris and cells; below all events where there is none."""
    valley = deepest_valley(estimate_density(sizes, smoothing=2.0), max_depth=0.95) if len(sizes) > 1 else None
    return valley.position if valley is not None and valley.share_above >= LEAST_CELLS else -np.inf


def _same_particles(
    tubes: Sequence[Sample], columns: Sequence[str], own: int, inside: Callable[[Numbers], Flags]
) -> tuple[str, _Events | None]:
    """Return name and events of the first unstained tube with the scatter of a stain's main population."""
    for tube in tubes:
        events = _usable(tube, columns, own)[0]
        alike = events.at(inside(events.scatter))
        if len(alike) >= SAME_PARTICLES * max(len(events), 1):
            return tube.name, alike
    return "own negatives", None


def _sides(
    sample: Sample, cells: _Events, own: int, unstained: _Events | None, columns: Sequence[str]
) -> tuple[_Events, _Events]:
    """Return positives and negatives of a tube, enough of each."""
    values = cells.signals[:, own]
    if unstained is not None:
        negative = unstained
        cut = float(np.quantile(negative.signals[:, own], NEGATIVE_QUANTILE)) if len(negative) else 0.0
    else:
        valley = _own_valley(values, sample, columns[own])
        if valley is None:
            raise CompensationError(
                f"{sample.name}: no negatives: its {len(cells)} events are one population on {columns[own]}, and there "
                f"is no unstained tube like it{_brighter_hint(cells, None, columns, own)}"
            )
        cut, negative = valley, cells.at(values < valley)
    if len(negative) < LEAST_NEGATIVE:
        raise CompensationError(f"{sample.name}: {len(negative)} negative events; {LEAST_NEGATIVE} are needed")
    positive = cells.at(values > cut)
    false = len(cells) * (1 - NEGATIVE_QUANTILE) if unstained is not None else 0.0
    stained = max(int(len(positive) - false), 0)
    if stained < LEAST_POSITIVE:
        raise CompensationError(
            f"{sample.name}: {stained} positive events on {columns[own]} among {len(cells)} of its main "
            f"population; {LEAST_POSITIVE} are needed{_brighter_hint(cells, negative, columns, own)}"
        )
    return positive, negative


def _own_valley(values: Numbers, sample: Sample, detector: str) -> float | None:
    """Return where a tube's own negatives end, linear; None where its density has no clear valley."""
    if len(values) < 2:
        return None
    top = next(channel.range for channel in sample.channels if channel.name == detector)
    scale = estimate_logicle(values, top=top)
    valley = deepest_valley(estimate_density(scale(values)), max_depth=0.5)
    return None if valley is None else float(scale.inverse(np.array([valley.position]))[0])


def _brighter_hint(cells: _Events, negative: _Events | None, columns: Sequence[str], own: int) -> str:
    """Say which other detector is the brightest: the tube may be another stain's."""
    if not len(cells):
        return ""
    dark = cells if negative is None or not len(negative) else negative
    rise = np.quantile(cells.signals, 0.99, axis=0) - np.median(dark.signals, axis=0)
    brightest = int(np.argmax(rise))
    return "" if brightest == own else f"; the brightest detector is {columns[brightest]}: is the tube another stain's?"


def _matched(scatter: Numbers, negative: _Events) -> Numbers:
    """Return for each event the median signals, (n, k), of the negatives nearest to it by scatter."""
    order = np.lexsort(np.column_stack([negative.signals, negative.scatter]).T)
    ordered = _Events(negative.signals[order], negative.scatter[order])
    spread = _spread(ordered.scatter)
    unit = np.where(spread > 0, spread, 1.0)
    from scipy.spatial import cKDTree  # loaded where there are stains

    nearest = cKDTree(ordered.scatter / unit).query(scatter / unit, k=NEIGHBOURS)[1]
    return np.asarray(np.median(ordered.signals[nearest], axis=1))


def _spread(values: Numbers) -> Numbers:
    """Return the robust standard deviation of each column: 1.4826 times the median absolute deviation."""
    return np.asarray(1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0))


def _of_median(spread: Numbers, n: int) -> Numbers:
    """Return the standard error of the median of n normal values."""
    return np.asarray(np.sqrt(np.pi / 2 / n) * spread)


def _slopes(differences: Numbers, own: int) -> tuple[Numbers, Numbers]:
    """Return Huber's slope through zero of each column against one, and its standard error."""
    x = differences[:, own][:, None]
    slopes = np.median(differences, axis=0) / np.median(x)
    for _ in range(_ROUNDS):
        residuals = (differences - slopes * x) / np.sqrt(x)
        limit = _HUBER * np.maximum(1.4826 * np.median(np.abs(residuals), axis=0), np.finfo(float).tiny)
        weights = np.minimum(1.0, limit / np.maximum(np.abs(residuals), limit))
        moved = (weights * differences).sum(axis=0) / (weights * x).sum(axis=0)
        slopes, before = moved, slopes
        if np.abs(slopes - before).max() < 1e-12:
            break
    influence = weights * (differences - slopes * x)
    curvature = ((np.abs(residuals) <= limit) * x).sum(axis=0)
    errors = np.sqrt((influence**2).sum(axis=0)) / curvature
    slopes[own], errors[own] = 1.0, 0.0
    return slopes, errors


def _refuse_dim(tube: str, detector: str, separation: float) -> None:
    """Refuse a stain whose positives are hardly told from negatives."""
    if separation < LEAST_SEPARATION:
        raise CompensationError(
            f"{tube}: too dim on {detector}: its positives lie {separation:.1f} spreads of the negatives above them; "
            f"{LEAST_SEPARATION:g} are needed: stain it more brightly, or use beads"
        )


def _refuse_brighter(tube: str, columns: Sequence[str], own: int, coefficients: Numbers, errors: Numbers) -> None:
    """Refuse a tube that another detector sees more brightly than the one it is declared for."""
    brightest = int(np.argmax(coefficients - 2 * errors))
    if brightest != own and coefficients[brightest] - 2 * errors[brightest] > 1:
        raise CompensationError(
            f"{tube}: is meant for {columns[own]}, and {columns[brightest]} is {coefficients[brightest]:.2g} times as "
            f"bright: name the right marker or detector, or correct the voltages"
        )


def _saturation_warnings(tube: str, detector: str, share: float) -> list[str]:
    """Say when many of the bright events were beyond the detector's range."""
    if share <= SATURATED_SHARE:
        return []
    return [
        f"{tube}: {share:.0%} of its bright events are at the top of {detector} and were left out; "
        f"measure it at a lower voltage, together with the samples"
    ]


def _row_warnings(tube: str, columns: Sequence[str], coefficients: Numbers, errors: Numbers, n: int) -> list[str]:
    """Name coefficients that are known badly, and those that are negative, which light cannot be."""
    warnings = []
    uncertain = int(np.argmax(errors))
    if errors[uncertain] > WANTED_ERROR:
        warnings.append(
            f"{tube}: spillover into {columns[uncertain]} has a standard error of {errors[uncertain]:.3f} "
            f"({n} positive events); up to {WANTED_ERROR:g} is wanted"
        )
    below = coefficients < -np.maximum(3 * errors, WANTED_ERROR)
    if below.any():
        named = ", ".join(f"{columns[i]} {coefficients[i]:.3f}" for i in range(len(columns)) if below[i])
        warnings.append(
            f"{tube}: negative spillover into {named}: its negatives are more autofluorescent than its positives"
        )
    return warnings
