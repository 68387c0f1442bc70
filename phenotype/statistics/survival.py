"""Time to an event: Kaplan-Meier curves, numbers at risk, rates at landmarks, medians, length of follow-up.

Written here because statsmodels and lifelines have neither R's numbers at risk nor a rule for what is not
estimable; all numbers are compared with R's survival package in the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from gating import missing
from phenotype.statistics.ranks import UntestableError

__all__ = [
    "INTERVALS",
    "Curve",
    "FollowUp",
    "Landmark",
    "Rates",
    "RiskTable",
    "TimeEstimate",
    "checked_observations",
    "checked_times",
    "follow_up",
    "kaplan_meier",
    "landmark",
    "quantile",
    "rates",
    "risk_table",
    "stratum_members",
    "symmetric_median",
]

INTERVALS = ("log-log", "log", "plain")
"""Scales on which an interval of S(t) is symmetric. R takes ``log`` if nothing is said, SAS ``log-log``."""
TIE = 1.5e-8
"""Times closer than this share of their mean are one time, as in R (the square root of the machine's precision):
42 days / 30.4375 and its neighbour in the last bit are the same day."""
DENSITY_STEP = 0.05
"""Half the width, in S, over which the density at the median is measured: Collett's and SPSS's choice."""

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A Kaplan-Meier curve; arrays are (m,), a place for each distinct time at which something was observed."""

    time: Values
    at_risk: Counts
    """Patients under observation and free of the event just before the time."""
    events: Counts
    censored: Counts
    survival: Values
    """S(t), just after the time."""
    log_error: Values
    """Standard error of log S(t) by Greenwood; NaN where S is 0."""
    low: Values
    """NaN with ``high`` where S is 1 or 0: Greenwood's variance is then 0 or not defined."""
    high: Values
    interval: str
    level: float

    @property
    def n(self) -> int:
        """Patients."""
        return int(self.at_risk[0])

    @property
    def n_events(self) -> int:
        """Events in all."""
        return int(self.events.sum())

    @property
    def method(self) -> str:
        """In the field's words."""
        return f"Kaplan-Meier, {self.interval} interval"


@dataclass(frozen=True, slots=True, eq=False)
class RiskTable:
    """What stands under a curve; arrays are (t,)."""

    time: Values
    at_risk: Counts
    """Just before the time, so that an event at the time is still at risk (R's and SAS's convention)."""
    events: Counts
    """After the time before, up to and with this one."""
    censored: Counts
    """The same for patients whose observation ended without the event."""


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Survival at given times; arrays are (t,), NaN where not estimable."""

    time: Values
    at_risk: Counts
    survival: Values
    std_error: Values
    low: Values
    high: Values
    method: str


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """A time, such as a median, with its interval; NaN where it is not reached."""

    estimate: float
    low: float
    high: float
    std_error: float
    """NaN where the interval is not made from one."""
    n: int
    events: int
    method: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """How long patients were followed, by the three answers in use; they differ, so each is named."""

    reverse: TimeEstimate
    """Reverse Kaplan-Meier: the end of observation is the event. ``events`` counts patients without the event."""
    observed: float
    """Median observed time of all patients, with or without the event."""
    event_free: float
    """Median observed time of those without the event; NaN if there are none."""
    shortest: float
    longest: float


@dataclass(frozen=True, slots=True, eq=False)
class Landmark:
    """Patients under observation and event-free at a landmark."""

    kept: Flags
    """(n,) of the patients given: who is left."""
    time: Values
    """(kept,) times of those."""
    event: Flags
    """(kept,)"""


def checked_observations(time: ArrayLike, event: ArrayLike) -> tuple[Values, Flags]:
    """Return follow-up times and event flags, checked; times that differ by rounding alone are made equal.

    Parameters
    ----------
    time
        (n,), finite, not negative.
    event
        (n,), true or 1 where the event was seen, false or 0 where observation ended without it.

    Raises
    ------
    ValueError
        If a shape or a value is wrong.
    UntestableError
        If there is no patient.
    """
    times, flags = np.asarray(time, dtype=np.float64), np.asarray(event)
    if times.ndim != 1 or flags.shape != times.shape:
        raise ValueError(f"time of shape {times.shape}, event of shape {flags.shape}; both are (n,)")
    if not len(times):
        raise UntestableError("no patients")
    wrong = ~np.isfinite(times) | (times < 0)
    if wrong.any():
        raise ValueError(f"time {times[wrong][0]:g}; times are finite and not negative, leave missing ones out")
    if not np.isin(flags, (0, 1)).all():
        raise ValueError("event: an entry is neither 0 nor 1; 1 is the event, 0 the end of observation without it")
    return _tied(times), flags.astype(bool)


def kaplan_meier(time: ArrayLike, event: ArrayLike, *, interval: str = "log-log", level: float = 0.95) -> Curve:
    """Estimate the survival curve.

    A patient censored at the time of an event was at risk of it.

    Parameters
    ----------
    time, event
        As for :func:`checked_observations`.
    interval
        One of ``INTERVALS``.
    level
        Confidence level, in (0, 1).

    Raises
    ------
    ValueError
        If an argument is wrong.
    UntestableError
        If there is no patient.

    References
    ----------
    .. [1] Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481.
    .. [2] Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data. 2nd ed. 2002, section 1.4.

    Examples
    --------
    >>> curve = kaplan_meier([6, 6, 6, 7, 10], [1, 1, 0, 1, 0])
    >>> curve.survival.round(3).tolist(), curve.at_risk.tolist()
    ([0.6, 0.3, 0.3], [5, 2, 1])
    """
    if interval not in INTERVALS:
        raise ValueError(missing("interval", interval, INTERVALS, "survival"))
    times, flags = checked_observations(time, event)
    moments, place = np.unique(times, return_inverse=True)
    events = np.bincount(place[flags], minlength=len(moments))
    leaving = np.bincount(place, minlength=len(moments))
    at_risk = len(times) - np.cumsum(leaving) + leaving
    survival = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
    error = np.where(survival > 0, np.sqrt(variance), np.nan)
    low, high = _limits(survival, error, interval, float(ndtri((1 + level) / 2)))
    curve = Curve(moments, at_risk, events, leaving - events, survival, error, low, high, interval, level)
    _lock(moments, at_risk, events, curve.censored, survival, error, low, high)
    return curve


def risk_table(time: ArrayLike, event: ArrayLike, times: ArrayLike) -> RiskTable:
    """Count patients at risk at given times, and events and censored between them.

    Parameters
    ----------
    time, event
        As for :func:`checked_observations`.
    times
        (t,), ascending.

    Raises
    ------
    ValueError
        If an argument is wrong.

    Examples
    --------
    >>> table = risk_table([1, 2, 2, 3], [1, 1, 0, 0], [0, 2, 3])
    >>> table.at_risk.tolist(), table.events.tolist(), table.censored.tolist()
    ([4, 3, 1], [0, 2, 0], [0, 1, 1])
    """
    wanted = checked_times(times)
    observed, flags = checked_observations(time, event)
    if (np.diff(wanted) < 0).any():
        raise ValueError("times of a risk table must ascend: events are counted from one to the next")
    gone = np.searchsorted(np.sort(observed), wanted, side="left")
    counts = [np.searchsorted(np.sort(observed[who]), wanted, side="right") for who in (flags, ~flags)]
    events, censored = (np.diff(count, prepend=0) for count in counts)
    return RiskTable(wanted, len(observed) - gone, events, censored)


def rates(curve: Curve, times: ArrayLike) -> Rates:
    """Read survival at given times off a curve.

    Past the last follow-up nothing is known: NaN, "not estimable" (R carries the last value forward if asked). Only
    where everybody has had the event, S stays 0. Before the first event S is 1, without an interval.

    Parameters
    ----------
    curve
        From :func:`kaplan_meier`.
    times
        (t,), not negative, in the unit of the curve.

    Examples
    --------
    >>> rates(kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0]), [0.5, 2, 5]).survival.tolist()
    [1.0, 0.5, nan]
    """
    wanted = checked_times(times)
    place = np.searchsorted(curve.time, wanted, side="right")
    known = (wanted <= curve.time[-1]) | (curve.survival[-1] == 0)
    at_risk = np.append(curve.at_risk, 0)[np.searchsorted(curve.time, wanted, side="left")]

    def read(values: Values, before: float) -> Values:
        return np.where(known, np.append(before, values)[place], np.nan)

    survival, error = read(curve.survival, 1.0), read(curve.log_error, 0.0)
    low, high = read(curve.low, np.nan), read(curve.high, np.nan)
    return Rates(wanted, at_risk, survival, survival * error, low, high, curve.method)


def quantile(curve: Curve, share: float = 0.5) -> TimeEstimate:
    """Return the time by which a share of patients has had the event: the median, with 0.5.

    It is the first time at which S falls to ``1 - share`` or below; where S equals it and falls later, the middle of
    that step. The interval holds the times at which the interval of S holds ``1 - share`` (Brookmeyer and Crowley),
    read in the same way: R's answers. It is not symmetric, and often has no upper end.

    Parameters
    ----------
    curve
        From :func:`kaplan_meier`; its kind of interval decides that of the time.
    share
        In (0, 1).

    References
    ----------
    .. [1] Brookmeyer R, Crowley J. Biometrics 1982;38:29-41.

    Examples
    --------
    >>> quantile(kaplan_meier([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1])).estimate
    3.5
    """
    if not 0 < share < 1:
        raise ValueError(f"share {share:g}; it lies between 0 and 1")
    estimate, low, high = (_crossing(curve.time, y, 1 - share) for y in (curve.survival, curve.low, curve.high))
    method = f"Kaplan-Meier, Brookmeyer-Crowley interval ({curve.interval})"
    return TimeEstimate(estimate, low, high, float("nan"), curve.n, curve.n_events, method)


def symmetric_median(curve: Curve) -> TimeEstimate:
    """Return the median with the symmetric interval that SPSS prints: median -/+ z * SE, at the curve's level.

    SE is that of S at the median over the density there; the density is the fall of S between the last event time
    with S >= 0.55 and the first with S <= 0.45, over the time between them. The median is the first time with
    S <= 0.5. A lower limit below 0 is left as it comes out: it shows that this interval does not suit the data.

    Returns
    -------
    TimeEstimate
        Limits and SE are NaN where S starts below 0.55, does not reach 0.45, or is 0 at the median.

    References
    ----------
    .. [1] Collett D. Modelling Survival Data in Medical Research. 2nd ed. 2003, section 2.4.
    """
    moved = curve.events > 0
    time, survival = curve.time[moved], curve.survival[moved]
    slack = 1e-12
    above, below = survival >= 0.5 + DENSITY_STEP - slack, survival <= 0.5 - DENSITY_STEP + slack
    reached = np.flatnonzero(survival <= 0.5 + slack)
    method = "Kaplan-Meier, symmetric interval by the density at the median"
    if not len(reached):
        return TimeEstimate(*(float("nan"),) * 4, curve.n, curve.n_events, method)
    median, error = float(time[reached[0]]), float("nan")
    if above.any() and below.any():
        left, right = np.flatnonzero(above)[-1], np.flatnonzero(below)[0]
        density = (survival[left] - survival[right]) / (time[right] - time[left])
        error = float(survival[reached[0]] * curve.log_error[moved][reached[0]] / density)
    half = float(ndtri((1 + curve.level) / 2)) * error
    return TimeEstimate(median, median - half, median + half, error, curve.n, curve.n_events, method)


def follow_up(time: ArrayLike, event: ArrayLike, *, interval: str = "log-log", level: float = 0.95) -> FollowUp:
    """Describe the length of follow-up by reverse Kaplan-Meier and by plain medians.

    Reverse Kaplan-Meier asks how long patients would have been followed had they not had the event: censoring is the
    event and the event censors. Where an event and a censoring fall on one time, the patient with the event still
    counts as at risk of censoring, as in ``survfit`` with the status flipped; R's prodlim lets events go first.

    Parameters
    ----------
    time, event
        As for :func:`checked_observations`.
    interval, level
        As for :func:`kaplan_meier`.

    References
    ----------
    .. [1] Schemper M, Smith TL. Control Clin Trials 1996;17:343-346.

    Examples
    --------
    >>> answer = follow_up([2, 4, 10, 12, 14], [1, 1, 0, 0, 0])
    >>> answer.reverse.estimate, answer.observed
    (12.0, 10.0)
    """
    times, flags = checked_observations(time, event)
    reverse = quantile(kaplan_meier(times, ~flags, interval=interval, level=level))
    named = TimeEstimate(
        reverse.estimate, reverse.low, reverse.high, reverse.std_error, reverse.n, reverse.events,
        f"reverse Kaplan-Meier, Brookmeyer-Crowley interval ({interval})",
    )  # fmt: skip
    event_free = float(np.median(times[~flags])) if not flags.all() else float("nan")
    return FollowUp(named, float(np.median(times)), event_free, float(times.min()), float(times.max()))


def landmark(time: ArrayLike, event: ArrayLike, at: float, *, restart: bool = False) -> Landmark:
    """Keep the patients who are under observation and event-free at a landmark.

    Comparing survival by something that happens after time 0, such as the best response, gives its bearers time in
    which they cannot have had the event. Known at the landmark, it can be compared among those who are left. Patients
    whose time ends exactly at the landmark have no follow-up after it and are left out.

    Parameters
    ----------
    time, event
        As for :func:`checked_observations`.
    at
        The landmark, in the unit of the times.
    restart
        Count times from the landmark rather than from time 0.

    Raises
    ------
    UntestableError
        If nobody is left.

    References
    ----------
    .. [1] Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710-719.

    Examples
    --------
    >>> left = landmark([1, 3, 5, 8], [1, 0, 1, 0], 3, restart=True)
    >>> left.kept.tolist(), left.time.tolist()
    ([False, False, True, True], [2.0, 5.0])
    """
    if not (np.isfinite(at) and at >= 0):
        raise ValueError(f"landmark {at:g}; it is a time, finite and not negative")
    times, flags = checked_observations(time, event)
    kept = times > at
    if not kept.any():
        raise UntestableError(f"none of {len(times)} patients was followed past the landmark, {at:g}")
    return Landmark(kept, times[kept] - (at if restart else 0.0), flags[kept])


def stratum_members(strata: ArrayLike | None, n: int) -> Iterator[Flags]:
    """Give, for each stratum, who of the n patients is in it; all of them without strata."""
    labels = np.zeros(n) if strata is None else np.asarray(strata)
    if labels.shape != (n,):
        raise ValueError(f"strata of shape {labels.shape} for {n} patients; one label each")
    for label in np.unique(labels):
        yield labels == label


def _tied(times: Values) -> Values:
    """Return times with those that differ by rounding alone made equal to the first of them."""
    moments, place = np.unique(times, return_inverse=True)
    new = np.append(True, np.diff(moments) > TIE * np.abs(moments).mean())
    first: Values = moments[new]
    tied: Values = first[np.cumsum(new) - 1][place]
    return tied


def _limits(survival: Values, error: Values, interval: str, z: float) -> tuple[Values, Values]:
    """Return limits of S within [0, 1]; NaN where S is 1 or 0."""
    inside = (survival > 0) & (survival < 1)
    s, half = np.where(inside, survival, np.nan), z * error
    if interval == "log-log":
        low, high = (s ** np.exp(side * half / np.log(s)) for side in (-1, 1))
    elif interval == "log":
        low, high = (s * np.exp(side * half) for side in (-1, 1))
    else:
        low, high = (s * (1 + side * half) for side in (-1, 1))
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def _crossing(time: Values, heights: Values, wanted: float) -> float:
    """Return the first time at which a falling curve is at the wanted height or below, the middle of a level step."""
    slack = float(np.sqrt(np.finfo(np.float64).eps))
    reached = np.flatnonzero(heights < wanted + slack)  # NaN compares as false
    if not len(reached):
        return float("nan")
    first = reached[0]
    lower = reached[heights[reached] < heights[first]]
    if abs(heights[first] - wanted) < slack and len(lower):
        return float((time[first] + time[lower[0]]) / 2)
    return float(time[first])


def checked_times(times: ArrayLike) -> Values:
    """Return times at which a curve is to be read, (t,), checked."""
    wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if wanted.ndim != 1 or not np.isfinite(wanted).all() or (wanted < 0).any():
        raise ValueError("times asked for must be (t,), finite and not negative")
    return wanted


def _lock(*arrays: NDArray[np.float64] | NDArray[np.int64]) -> None:
    """Make arrays of a record read-only."""
    for array in arrays:
        array.setflags(write=False)
