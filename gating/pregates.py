"""Gates before the markers: what was measured at all, when the flow was steady, what is a cell, what is one cell.

Each is a method of a template; see :mod:`gating.methods`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gating.density import Density, Valley, estimate_density, resample_valley, valleys
from gating.frames import Fit, Frame, placed
from gating.gates import Gate, RangeGate, RatioGate, RectangleGate
from gating.sample import AT_THE_TOP
from gating.tally import tally
from gating.thresholds import Threshold
from gating.transforms import Linear, Transform

__all__ = ["fit_debris", "fit_margins", "fit_singlets", "fit_steady"]

MARGIN = 0.98
"""Share of the scale from which on sizes pile up because the detector ends there: a peak of no population."""
LEAST_CELLS = 0.15
"""Share of events above a cut that can still be the cells: debris was 55 % at most in the centres of HIPC, and fewer
cells than this are not told from large debris."""
DOUBLET_RATIO = 2.3
"""Two cells are up to twice as large as one, and a little more where the smaller ones are those that cling."""
PARTS, PART_EVENTS = 50, 100
"""Parts into which the time of a run is divided, at most, and events that a part has on average, at least."""
RATE = 2.0
"""Ratio of rates up to which the flow is steady: a pressure that settles changes it less, a clog or a bubble more."""
ALL_BUT = 0.02
"""Share of events outside the steady stretch up to which a run is called steady."""

Numbers = NDArray[np.float64]


def fit_margins(frame: Frame) -> Fit:
    """Keep events that each channel's detector could measure: what is at the upper end is that large or larger.

    A clump that is off the scale of the area has the height over area of a single cell. The end is $PnR, or the
    largest value where events lie beyond it.
    """
    ends, n = [], 0
    for axis, top in enumerate(frame.tops):
        counted = frame.tally(axis)
        largest, n = float(counted.values.max(initial=0.0)), counted.n
        ends.append(AT_THE_TOP * (largest if largest > 1.01 * top else top))
    thresholds = tuple(Threshold(end, "end of the scale", "sure", n, origin="detector") for end in ends)
    low, scales = (-np.inf,) * len(ends), (Linear(),) * len(ends)
    if len(ends) == 1:
        return Fit(RangeGate(frame.channels, low[0], ends[0], transforms=scales), thresholds)
    return Fit(RectangleGate(frame.channels, low, tuple(ends), transforms=scales), thresholds)


def fit_steady(frame: Frame, *, limit: float = 0.1) -> Fit:
    """Keep the longest stretch of time in which the flow was steady, and the brightness of a second channel too.

    The first channel is time. Its span is divided into up to 50 equal parts of 100 events or more on average. A part is
    steady if its events are between half and twice the median part's, and the median of the second channel, if there
    is one, within ``limit`` decades of the median part's; both with three standard deviations of what parts differ by
    from one to the next. Where more than 2 % of events lie outside, the cut is weak.
    """
    events = frame.events
    clock = events[:, 0]
    if len(clock) < 5 * PART_EVENTS or clock.max() <= clock.min():
        reason = "the time is constant" if len(clock) >= 5 * PART_EVENTS else f"{len(clock)} events, too few to judge"
        return _between(frame, (-np.inf, np.inf), "weak", f"{reason}; every event kept")
    edges = np.linspace(clock.min(), np.nextafter(clock.max(), np.inf), min(len(clock) // PART_EVENTS, PARTS) + 1)
    part = np.digitize(clock, edges[1:-1])
    rates = np.bincount(part, minlength=len(edges) - 1)
    steady = _steady_rates(rates)
    if events.shape[1] == 2:
        shown = _decades(events[:, 1], frame.scale(1))
        steady &= _steady_levels(
            np.array([np.median(shown[part == i]) if n else np.nan for i, n in enumerate(rates)]), limit
        )
    first, last = _longest(steady, rates)
    outside = 1 - rates[first : last + 1].sum() / rates.sum()
    ends = (edges[first] if first else -np.inf, edges[last + 1] if last + 2 < len(edges) else np.inf)
    if outside <= ALL_BUT:
        return _between(frame, ends, "sure", "")
    return _between(frame, ends, "weak", f"{outside:.0%} of events lie outside the longest steady stretch of time")


def _steady_rates(rates: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which parts have about as many events as the middle one of those that have any."""
    usual = float(np.median(rates[rates > 0]))
    low, high = usual / RATE, usual * RATE
    return np.asarray((rates >= low - 3 * np.sqrt(low)) & (rates <= high + 3 * np.sqrt(high)))


def _steady_levels(levels: Numbers, limit: float) -> NDArray[np.bool_]:
    """Tell which parts are about as bright as the middle one; a part without events is not."""
    known = levels[np.isfinite(levels)]
    noise = 1.4826 * float(np.median(np.abs(np.diff(known)))) / np.sqrt(2) if len(known) > 1 else 0.0
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(levels - np.median(known)) <= limit + 3 * noise)


def _longest(steady: NDArray[np.bool_], rates: NDArray[np.int64]) -> tuple[int, int]:
    """Return first and last part of the run of steady parts that has the most events; the earlier of equal ones."""
    edges = np.flatnonzero(np.diff(np.r_[False, steady, False].astype(np.int8)))
    runs = list(zip(edges[::2], edges[1::2] - 1, strict=True))
    first, last = max(runs, key=lambda run: (int(rates[run[0] : run[1] + 1].sum()), -run[0]))
    return int(first), int(last)


def _decades(values: Numbers, scale: Transform) -> Numbers:
    """Return positions in decades: of a linear scale as log10, else as inverse hyperbolic sine."""
    if isinstance(scale, Linear):
        return np.log10(np.maximum(values, 1.0))
    return np.asarray(np.arcsinh(values / 150) / np.log(10))


def _between(frame: Frame, ends: tuple[float, float], status: str, note: str) -> Fit:
    """Return the stretch of time; its end is open where nothing follows."""
    cut = next((end for end in ends if np.isfinite(end)), np.nan)
    threshold = Threshold(cut, "steady flow", status, len(frame.events), note=note, origin="data")
    return Fit(RangeGate(frame.channels[:1], *ends, transforms=(Linear(),)), (threshold,))


def fit_debris(frame: Frame, *, smoothing: float = 2.0, max_depth: float = 0.95) -> Fit:
    """Drop what is smaller than the valley below the cells' peak of forward scatter.

    On the linear scale, as scatter is. Where there is no valley there is no debris peak, and
    everything of positive size is kept: the threshold says so and is weak.
    """
    sizes = frame.tally(0)
    counted = sizes.below(MARGIN * frame.tops[0])
    found = None
    if len(counted.values) > 1:
        density = estimate_density(counted.values, smoothing=smoothing, counts=counted.counts)
        below = [
            valley
            for valley in valleys(density, max_depth=max_depth)
            if valley.share_above >= LEAST_CELLS and not _before_doublets(density, valley)
        ]
        found = max(below, key=lambda valley: valley.prominence, default=None)
    if found is None:
        note = "no debris peak; every event kept"
        cut = Threshold(0.0, "debris", "weak", sizes.n, note=note, origin="data")
    else:
        spread = resample_valley(density, found, max_depth=max_depth)[0]
        cut = Threshold(found.position, "debris valley", "sure", sizes.n, found.depth, "", "data", spread)

    def move(values: Sequence[float]) -> Gate:
        return RangeGate(frame.channels[:1], values[0], np.inf, transforms=(Linear(),))

    return placed((cut,), move)


def _before_doublets(density: Density, valley: Valley) -> bool:
    """Tell whether a valley parts single cells from doublets: a lower peak at most 2.3 times as large."""
    left, right = (
        float(np.interp(peak, density.grid, density.heights)) for peak in (valley.left_peak, valley.right_peak)
    )
    return valley.left_peak > 0 and valley.right_peak <= DOUBLET_RATIO * valley.left_peak and right < left


def fit_singlets(frame: Frame, *, mad: float = 5.0, min_events: int = 100) -> Fit:
    """Keep height over area, or the width, within ``mad`` median absolute deviations of its median.

    Channels are area then height; or the width alone. Two cells in the laser at once have twice the area and hardly
    more height, and they take longer.
    """
    events = frame.events
    ratio, what = events[:, 0], "width"
    if events.shape[1] == 2:
        area, height = events.T
        ratio, what = height[area > 0] / area[area > 0], "height/area"
    counted = tally(ratio)
    centre, spread = counted.median_and_deviation() if counted.n else (0.0, 0.0)
    if len(ratio) < min_events or spread == 0:
        words = what.replace("/", " over ")
        reason = f"{len(ratio)} events, needs {min_events}" if spread else f"{words} has no spread"
        return Fit(None, (Threshold(np.nan, "none", "refused", len(ratio), note=reason),))
    low, high = centre - mad * spread, centre + mad * spread
    if what == "width":
        upper = Threshold(high, f"median + {mad:g} MAD of {what}", "sure", len(ratio), origin="data")
        return Fit(RangeGate(frame.channels, low, high, transforms=(Linear(),)), (upper,))
    lower = Threshold(low, f"median - {mad:g} MAD of {what}", "sure", len(ratio), origin="data")
    return Fit(RatioGate((frame.channels[1], frame.channels[0]), low, high), (lower,))
