"""Expansion of each patient's CAR-T cells in blood: peak, its day, the last value, exposure, half-life.

Values below the limit of detection are no zeros. Before the first value that can be quantified they count as 0; between
two that can, they are left out; after the last, they say only that nothing is missing of the exposure.
"""

from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = ["AUC_DAYS", "EXPANSION_COLUMNS", "MEASURES", "NEVER", "Expansion", "expansion", "expansion_table"]

MEASURES = ("cart_pct_of_t", "cart_per_ul", "copies_per_ug")
AUC_DAYS = 28.0
"""End of the exposure: the window of published CAR-T kinetics."""
FEWEST = 3
"""Samples up to day 28 that a peak needs: of two, the larger is as likely on the way up as on the way down."""
_FEWEST_AREA = 4
"""Samples that the exposure to day 28 rests on, at least: what is asked of published kinetics."""
NEVER = "never detected"
"""Note of a patient who was sampled, and in whom nothing was above the limit of detection."""
_TERMINAL = 3
"""Values after the peak that a half-life needs."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expansion:
    """One patient, one measure; NaN where it cannot be told, and ``note`` says why."""

    cmax: float
    """In the unit of the measure."""
    tmax_day: float
    clast: float
    """The last value that could be quantified."""
    tlast_day: float
    auc_0_28: float
    """Unit times day, from infusion to day 28."""
    half_life_days: float
    half_life_r2: float
    """Share of the logarithms' variance that the line explains, adjusted for its points."""
    samples: int
    note: str


EXPANSION_COLUMNS = tuple(f"{measure}_{field.name}" for measure in MEASURES for field in fields(Expansion))
"""What :func:`expansion_table` can have."""


def expansion(days: ArrayLike, values: ArrayLike, below: ArrayLike) -> Expansion:
    """Describe one patient's curve.

    The exposure is by linear trapezoids where values rise or one is 0, by logarithmic ones where they fall; blood
    before the first sample had none. It is given only if four samples or more lie on it, and cells were still measured
    on day 28 or later, or not detected any more by then. A peak has a sample after it: a curve that ends with its
    largest value may still rise. The half-life is that of the line through the logarithms of the last three or more
    values after the peak, of those lines the one with the largest adjusted R squared.

    Parameters
    ----------
    days
        (n,) from infusion, different; samples before infusion are left out.
    values
        (n,), not negative; NaN where not measured.
    below
        (n,): whether the value lies below the limit of detection; it is then not looked at.

    References
    ----------
    .. [1] Gabrielsson J, Weiner D. Methods Mol Biol 2012;929:377-389: non-compartmental analysis.

    Examples
    --------
    >>> found = expansion([0, 7, 14, 21, 28], [0, 80, 40, 20, 10], [True, False, False, False, False])
    >>> found.cmax, found.tmax_day, round(found.auc_0_28, 1), round(found.half_life_days, 1)
    (80.0, 7.0, 986.9, 7.0)
    """
    time, level, unseen = _in_order(days, values, below)
    early = int((time <= AUC_DAYS).sum())
    seen = level > 0
    if early < FEWEST or not seen.any():
        why = f"{early} samples up to day {AUC_DAYS:g}, a peak needs {FEWEST}" if early < FEWEST else NEVER
        return Expansion(*(float("nan"),) * 7, len(time), why)
    first, last = np.flatnonzero(seen)[0], np.flatnonzero(seen)[-1]
    peak = int(np.argmax(np.where(seen, level, -1)))
    kept = ~unseen | (np.arange(len(time)) < first)
    cmax, tmax, rising = float(level[peak]), float(time[peak]), ""
    if peak == len(time) - 1:
        cmax, tmax, rising = float("nan"), float("nan"), f"no peak: the last value, of day {tmax:g}, is the largest"
    gone = bool((unseen & (time <= AUC_DAYS))[last + 1 :].any())
    auc, why_not = _exposure(time[kept], level[kept], gone=gone, samples=early + int(time[last] > AUC_DAYS))
    after = seen & (np.arange(len(time)) > peak)
    half_life, fit = _half_life(time[after], level[after])
    slow = "" if np.isfinite(half_life) else "no half-life: fewer than three falling values after the peak"
    return Expansion(
        cmax, tmax, float(level[last]), float(time[last]), auc, half_life, fit, len(time),
        "; ".join(filter(None, [rising, why_not, slow])),
    )  # fmt: skip


def expansion_table(kinetics: pd.DataFrame) -> pd.DataFrame:
    """Describe every patient's curves.

    Parameters
    ----------
    kinetics
        As :func:`phenotype.kinetics.read_kinetics` returns.

    Returns
    -------
    pandas.DataFrame
        ``patient_id`` as index, in the order of the sheet; for each of ``MEASURES`` that the sheet has, columns
        ``<measure>_cmax``, ``_tmax_day`` and so on, as :class:`Expansion` names them.
    """
    rows = {}
    for patient, samples in kinetics.groupby("patient_id", sort=False):
        found: dict[str, object] = {}
        for measure in (name for name in MEASURES if name in samples.columns):
            below = samples.get("below_lod", pd.Series(0, index=samples.index)).fillna(0).to_numpy(dtype=bool)
            one = expansion(samples["day"].to_numpy(np.float64), samples[measure].to_numpy(np.float64), below)
            found |= {f"{measure}_{name}": value for name, value in asdict(one).items()}
        rows[patient] = found
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="patient_id")


def _in_order(days: ArrayLike, values: ArrayLike, below: ArrayLike) -> tuple[Values, Values, NDArray[np.bool_]]:
    """Return samples from infusion on in their order; a value that is 0 or below the limit is unseen."""
    time, level = np.asarray(days, dtype=np.float64), np.asarray(values, dtype=np.float64)
    limit = np.asarray(below, dtype=bool)
    if len(np.unique(time)) != len(time):
        raise ValueError(f"days {time.tolist()}: one value a day")
    if (level < 0).any():
        raise ValueError(f"values {level.tolist()}: none may be negative")
    unseen = limit | (level == 0)
    kept = (time >= 0) & (np.isfinite(level) | limit)
    order = np.argsort(time[kept])
    return time[kept][order], np.where(unseen, 0.0, level)[kept][order], unseen[kept][order]


def _exposure(time: Values, level: Values, *, gone: bool, samples: int) -> tuple[float, str]:
    """Return the area to day 28, and why there is none."""
    if samples < _FEWEST_AREA:
        return float("nan"), f"no exposure: {samples} samples on its curve, it needs {_FEWEST_AREA}"
    if time[0] > 0:
        time, level = np.r_[0.0, time], np.r_[0.0, level]
    if time[-1] < AUC_DAYS and not gone:
        return float(
            "nan"
        ), f"no exposure: the last value is of day {time[-1]:g}, and nothing says that cells were gone by day 28"
    if time[-1] > AUC_DAYS:
        inside = time < AUC_DAYS
        end = _between(time, level, AUC_DAYS)
        time, level = np.r_[time[inside], AUC_DAYS], np.r_[level[inside], end]
    return float(sum(_area(*step) for step in zip(time[:-1], time[1:], level[:-1], level[1:], strict=True))), ""


def _between(time: Values, level: Values, day: float) -> float:
    """Return the value on a day between two samples: on a line, or where values fall on a logarithmic one."""
    after = int(np.searchsorted(time, day))
    (t0, t1), (y0, y1) = time[after - 1 : after + 1], level[after - 1 : after + 1]
    share = (day - t0) / (t1 - t0)
    return float(y0 * (y1 / y0) ** share if 0 < y1 < y0 else y0 + share * (y1 - y0))


def _area(start: float, stop: float, first: float, second: float) -> float:
    if 0 < second < first:
        return (stop - start) * (first - second) / float(np.log(first / second))
    return (stop - start) * (first + second) / 2


def _half_life(time: Values, level: Values) -> tuple[float, float]:
    """Return the half-life of the best terminal line that falls, and its adjusted R squared."""
    best = (float("nan"), -np.inf)
    for points in range(_TERMINAL, len(time) + 1):
        x, y = time[-points:], np.log(level[-points:])
        slope, intercept = np.polyfit(x, y, 1)
        total = float(((y - y.mean()) ** 2).sum())
        if slope >= 0 or total == 0:
            continue
        explained = 1 - float(((y - slope * x - intercept) ** 2).sum()) / total
        adjusted = 1 - (1 - explained) * (points - 1) / (points - 2)
        if adjusted > best[1] - 1e-4:
            best = (float(np.log(2) / -slope), adjusted)
    return best if np.isfinite(best[0]) else (float("nan"), float("nan"))
