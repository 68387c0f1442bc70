"""What the samples of one batch say together of a cut, and how far one of them is moved by it.

Samples have display scales of their own, so cuts are compared in *decades*: ``asinh(x / 150) / ln 10``, one
function for every sample of every study. It is monotone for all numbers, linear around zero, where compensated
negatives lie, and logarithmic above, where another voltage or another lot of a stain is a shift.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gating.density import deepest_valley, estimate_density, peaks
from gating.tally import Tally

__all__ = [
    "MAX_SHIFT",
    "NO_EVENTS",
    "NO_PRIOR",
    "Lesson",
    "Prior",
    "binned",
    "decades",
    "from_decades",
    "misfit",
    "pool_lessons",
    "shrunk",
]

COFACTOR = 150.0
"""Where the scale turns from linear to logarithmic: the usual cofactor of arcsinh for fluorescence."""
_LOW, _HIGH, _BINS = -3.0, 5.0, 400
"""Decades that the bins of a lesson span; a bin is 0.02 decades, a fifth of the narrowest kernel of 2,000 events."""
CLIP = 1.5
"""Residuals beyond so many standard deviations pull no harder: 96 % efficient where there is no outlier [Huber]."""
_BEYOND = math.erfc(CLIP / math.sqrt(2)) / 2
_VARIANCE_CLIPPED = (
    1 - 2 * CLIP * math.exp(-(CLIP**2) / 2) / math.sqrt(2 * math.pi) - 2 * _BEYOND + 2 * CLIP**2 * _BEYOND
)
"""Mean square of a standard normal number that is clipped at ``CLIP``."""
MAX_SHIFT = 0.1
"""Decades between the peaks of a sample and of those that teach it, above which it was measured otherwise. The largest
of 1,147 in clean simulated batches is 0.09; within one centre of HIPC it is 0.01, across centres the median is 0.11."""
FEWEST = 3
"""Samples with cuts of their own that a batch needs to teach: two that differ do not say which is odd."""
_FEWEST_FOR_PEAKS = 100
"""Events; the peak of as many is known to a twentieth of a decade."""
FARTHEST = 1.0
"""Standard deviations of its own that shrinkage may move a cut [Efron]: one that is not of this batch stays near."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one sample knows of one channel within one population, before it has heard of the others."""

    sample: str
    counts: NDArray[np.int64]
    """(400,), events in bins of 0.02 decades from -3 to 5; those beyond are in the outermost."""
    cut: float | None = None
    """Decades; None where the sample's own events place none."""
    spread: float = 0.0
    """Standard deviation of the cut, decades."""

    @property
    def tally(self) -> Tally:
        """The events, in decades."""
        step = (_HIGH - _LOW) / _BINS
        filled = np.flatnonzero(self.counts)
        return Tally(np.asarray(_LOW + step * (filled + 0.5), dtype=np.float64), self.counts[filled])


@dataclass(frozen=True, slots=True)
class Prior:
    """Where the cuts of a batch lie; all in decades. One with a ``refusal`` teaches nothing."""

    batch: str
    location: float = float("nan")
    between: float = float("nan")
    """Standard deviation between samples, beyond what their own spreads explain."""
    error: float = float("nan")
    """Standard error of the location."""
    samples: int = 0
    """That it rests on."""
    source: str = ""
    counts: tuple[int, ...] = ()
    """All events of the batch together, in the bins of a lesson."""
    refusal: str = ""
    """Why it cannot teach."""
    shared: float = 0.0
    """Median spread of the samples' own cuts: what their valleys have in common is not averaged out."""

    @property
    def spread(self) -> float:
        """Standard deviation of the cut of one more sample, widened as so few samples ask for, and what all share.

        That of a normal distribution whose 95 % interval is as wide as that of Student's with a degree of freedom
        less than there are samples. One less still, as is usual [1]_, would make that of three samples 13 standard
        deviations long either side; with this one it holds 91 to 93 % of further samples.

        References
        ----------
        .. [1] Higgins JPT, Thompson SG, Spiegelhalter DJ. J R Stat Soc A 2009;172:137-159.
        """
        from scipy.special import ndtri, stdtrit  # loaded where samples are pooled

        wider = float(stdtrit(self.samples - 1, 0.975) / ndtri(0.975))
        return math.hypot(wider * math.hypot(self.between, self.error), self.shared)


NO_EVENTS = np.zeros(_BINS, dtype=np.int64)
"""The bins of a sample without events."""
NO_PRIOR = Prior("", refusal="the sample was gated alone")


def decades(linear: ArrayLike) -> NDArray[np.float64]:
    """Return values on the scale that all samples share.

    Examples
    --------
    >>> decades([-150, 0, 1500, 15000]).round(2)
    array([-0.38,  0.  ,  1.3 ,  2.3 ])
    """
    return np.asarray(np.arcsinh(np.asarray(linear, dtype=np.float64) / COFACTOR) / math.log(10))


def from_decades(shared: ArrayLike) -> NDArray[np.float64]:
    """Return linear values."""
    return np.asarray(np.sinh(np.asarray(shared, dtype=np.float64) * math.log(10)) * COFACTOR)


def binned(events: Tally) -> NDArray[np.int64]:
    """Count events, linear, into the bins of a lesson."""
    step = (_HIGH - _LOW) / _BINS
    place = np.clip(((decades(events.values) - _LOW) / step).astype(np.int64), 0, _BINS - 1)
    return np.bincount(place, weights=events.counts, minlength=_BINS).astype(np.int64)


def pool_lessons(batch: str, lessons: Sequence[Lesson]) -> Prior:
    """Return where the cuts of a batch lie, and how much they differ between samples.

    Cuts are normal around the batch's location with a variance between samples and each its own. Both unknowns solve
    Huber's two equations (proposal 2 [1]_): clipped residuals sum to zero, and their squares to what is expected of
    one degree of freedom less than there are samples. Without clipping these are the equations of Paule and Mandel
    [2]_, which unlike the moments of DerSimonian and Laird do not favour small variances, and like REML need no
    step size. One outlier among five is clipped; of three, one that disagrees widens the batch instead.

    Where fewer than three samples have a cut, the events of all are pooled. Their valley counts only if it is there
    without any one of the samples as well, and the variance between samples is that of the jackknife.

    Parameters
    ----------
    batch
        As messages call it.
    lessons
        One per sample; their order does not matter.

    References
    ----------
    .. [1] Huber PJ. Ann Math Stat 1964;35:73-101.
    .. [2] Paule RC, Mandel J. J Res Natl Bur Stand 1982;87:377-385.
    """
    ordered = sorted(lessons, key=_content)
    own = [(lesson.cut, lesson.spread) for lesson in ordered if lesson.cut is not None]
    if len(own) < FEWEST:
        return _pooled_density(batch, ordered, len(own))
    cuts, variances = np.array([cut for cut, _ in own]), np.array([spread**2 for _, spread in own])
    total = tuple(np.sum([lesson.counts for lesson in ordered], axis=0).tolist())
    between = _between(cuts, variances)
    location = _location(cuts, variances + between)
    residuals = (cuts - location) / np.sqrt(variances + between)
    weights = 1 / (variances + between)
    inside = np.abs(residuals) <= CLIP
    push = float(np.sum(weights * np.clip(residuals, -CLIP, CLIP) ** 2))
    error = math.sqrt(push * len(own) / (len(own) - 1)) / max(float(weights[inside].sum()), float(weights.min()))
    shared = float(np.sqrt(np.median(variances)))
    source = f"{len(own)} cuts of {batch}"
    return Prior(batch, location, math.sqrt(between), error, len(own), source, total, shared=shared)


def _content(lesson: Lesson) -> tuple[float, float, bytes]:
    """Return what lessons are sorted by, so that sums are the same to the last bit: what they say, not who says it."""
    return (math.inf if lesson.cut is None else lesson.cut, lesson.spread, lesson.counts.tobytes())


def misfit(taught: NDArray[np.int64], sample: NDArray[np.int64]) -> float | None:
    """Return how far the best-fitting peak of a sample lies from the nearest of those that teach it, decades.

    The best one, since shares of positive cells differ between patients and may leave a sample without a peak that
    others have, while another voltage or lot moves all.

    Parameters
    ----------
    taught, sample
        Events in the bins of a lesson; below 100 peaks are chance, and the answer is None.
    """
    if min(taught.sum(), sample.sum()) < _FEWEST_FOR_PEAKS:
        return None
    known = _peaks(taught)
    distances = [min((top - other for other in known), key=abs) for top in _peaks(sample) if known]
    return min(distances, key=abs, default=None)


def shrunk(prior: Prior, cut: float, spread: float) -> tuple[float, float]:
    """Return a sample's cut moved towards its batch, as far as it is less sure of itself, and its spread.

    The mean and standard deviation after seeing the batch, but no move is farther than one standard deviation of
    the cut: the limited translation of Efron and Morris [1]_, which keeps most of the gain and bounds the harm to
    a sample that is not like its batch.

    References
    ----------
    .. [1] Efron B, Morris C. J Am Stat Assoc 1972;67:130-139.

    Examples
    --------
    >>> batch = Prior("B1", location=1.0, between=0.1, error=0.0, samples=9)
    >>> tuple(round(x, 3) for x in shrunk(batch, 1.2, 0.1))
    (1.1, 0.071)
    >>> round(shrunk(batch, 2.0, 0.1)[0], 3)
    1.9
    """
    own, between = spread**2, prior.between**2
    if not own:
        return cut, spread
    share = own / (own + between)
    move = float(np.clip(share * (prior.location - cut), -FARTHEST * spread, FARTHEST * spread))
    return cut + move, math.sqrt(own * (1 - share) + (share * prior.error) ** 2)


def _location(cuts: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    """Return Huber's location: where clipped residuals, in standard deviations and weighted, sum to zero."""
    sd = np.sqrt(variances)
    if cuts.min() == cuts.max():
        return float(cuts[0])

    def pull(location: float) -> float:
        return float(np.sum(np.clip((cuts - location) / sd, -CLIP, CLIP) / sd))

    return _root(pull, float(cuts.min()), float(cuts.max()))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function is zero between two places where its signs differ."""
    from scipy.optimize import brentq  # loaded where samples are pooled

    return float(brentq(function, low, high, xtol=1e-12))


def _between(cuts: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    """Return the variance between samples that explains their clipped residuals; 0 where their spreads do."""
    expected = (len(cuts) - 1) * _VARIANCE_CLIPPED

    def surplus(between: float) -> float:
        total = variances + between
        residuals = (cuts - _location(cuts, total)) / np.sqrt(total)
        return float(np.sum(np.clip(residuals, -CLIP, CLIP) ** 2)) - expected

    floor = max(1e-12 - float(variances.min()), 0.0)
    widest = floor + 1e-9 + 10 * float(np.ptp(cuts)) ** 2
    if surplus(floor) <= 0:
        return floor
    return _root(surplus, floor, widest)


def _pooled_density(batch: str, lessons: Sequence[Lesson], own: int) -> Prior:
    """Return the valley of all events of a batch, if leaving out any one sample leaves it a valley."""
    if len(lessons) < FEWEST:
        return Prior(batch, refusal=f"{batch} has {_samples(len(lessons))}, needs {FEWEST}")
    few = f"{len(lessons)} samples of {batch}: {own} with a cut of their own"
    full = [lesson for lesson in lessons if lesson.counts.any()]
    if len(full) < FEWEST:
        return Prior(batch, refusal=f"{few}, {len(full)} with events to pool, needs {FEWEST}")
    total = np.sum([lesson.counts for lesson in full], axis=0)
    whole = _valley(total)
    parts = [_valley(total - lesson.counts) for lesson in full]
    left = np.array([place for place in parts if place is not None])
    if whole is None or len(left) < len(full):
        together = f"their {int(total.sum())} events together have no valley that all share"
        return Prior(batch, refusal=f"{few}, needs {FEWEST}, and {together}")
    error = math.sqrt((len(left) - 1) / len(left) * float(np.sum((left - left.mean()) ** 2)))
    source = f"valley of {int(total.sum())} events of {len(full)} samples of {batch}"
    return Prior(batch, whole, error * math.sqrt(len(left)), error, len(left), source, tuple(total.tolist()))


def _samples(number: int) -> str:
    return "1 sample" if number == 1 else f"{number} samples"


def _peaks(counts: NDArray[np.int64]) -> tuple[float, ...]:
    """Return the peaks of binned events, decades, the highest first; none where all are in one bin."""
    events = Lesson("", counts).tally
    return tuple(peaks(estimate_density(events.values, counts=events.counts))) if len(events.values) > 1 else ()


def _valley(counts: NDArray[np.int64], least: int = 1000) -> float | None:
    """Return the valley of binned events, decades; None where they are too few for one, as of one sample."""
    events = Lesson("", counts).tally
    if events.n < least or len(events.values) < 2:
        return None
    found = deepest_valley(estimate_density(events.values, counts=events.counts))
    return None if found is None else found.position
