"""Invented patients, in months: a chain of response, relapse and death that reproduces published summary numbers.

The coefficients were solved for so that large cohorts have the published rates, ratios and curves (PAPER, E2 to
E4). The memory subsets of the products have no published values: only their direction, less naive within a year
of a transplant, is; what a comparison finds in them is by construction.

One latent fitness ``z`` per patient drives expansion, response and, weakly, the naive share.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.clinical import DAYS_PER_MONTH

__all__ = ["COMPOSITION_COLUMNS", "draw_cohort", "draw_kinetics", "group_sizes"]

COMPOSITION_COLUMNS = ("naive_pct", "cm_pct", "em_pct", "eff_pct")

_PUBLISHED = 141
_GROUPS = ("none", "over_1y", "within_1y")
_GROUP_SIZES = (85, 44, 12)
_FIRST_INFUSION = pd.Timestamp("2018-07-30")
_ACCRUAL = (0.0, 24.05, 62.0)
"""Months; 61 of 141 patients in the first part, 80 in the second."""
_EARLY_SHARE = 61 / 141
_LAST_LOOK = 1.0
"""Months from the last infusion to the end of follow-up."""
_PEAK_MEDIAN = np.array([0.898, 0.775, 0.635])
_PEAK_SD = np.array([1.05, 1.10, 1.10])
"""Peak expansion (share of T cells) by group: median, and sd on the logit scale."""
_CENTRES = np.array([[24.0, 46.0, 24.0, 6.0], [22.5, 46.5, 24.5, 6.5], [11.5, 36.0, 40.0, 12.5]])
"""Percent naive, central memory, effector memory, effector by group: a choice."""
_ILR_SD = np.array([0.75, 0.70, 0.65])
_NAIVE_WITH_FITNESS = 0.35
"""Correlation of the first log-ratio with z."""
_ILR = np.array([
    [0.5, 0.5, -0.5, -0.5],
    [np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0],
    [0.0, 0.0, np.sqrt(0.5), -np.sqrt(0.5)],
])  # fmt: skip
"""Orthonormal log-ratios: {naive, CM} to {EM, effector}, naive to CM, EM to effector."""
_SAMPLING_DAYS = (0, 4, 7, 10, 14, 21, 28, 60, 90, 180, 360)

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def group_sizes(patients: int) -> dict[str, int]:
    """Share patients out between the groups as published: 85, 44 and 12 of 141.

    With twelve patients or more, no group has fewer than three: fewer cannot be compared.

    Examples
    --------
    >>> group_sizes(141), group_sizes(24)
    ({'none': 85, 'over_1y': 44, 'within_1y': 12}, {'none': 14, 'over_1y': 7, 'within_1y': 3})
    """
    over, within = (round(size * patients / _PUBLISHED) for size in _GROUP_SIZES[1:])
    if patients >= 12:
        over, within = max(over, 3), max(within, 3)
    return {"none": patients - over - within, "over_1y": over, "within_1y": within}


def draw_cohort(patients: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw patients from the structural model.

    Returns
    -------
    pandas.DataFrame
        A row per patient: ``infusion_date``, ``last_asct_date`` and ``last_contact_date`` (ISO text), events in
        months of 30.4375 days from infusion (``progression_event``, ``progression_months``, ``death_event``,
        ``os_months``), best response, grades and blood counts, ``peak_cart_pct_t`` and ``peak_day``, the product's
        ``naive_pct, cm_pct, em_pct, eff_pct`` (empty for three in 141, whose product was not measured), covariates.
    """
    group = rng.permutation(np.repeat([0, 1, 2], list(group_sizes(patients).values())))
    asct = group > 0
    z = rng.standard_normal(patients)
    emd = rng.random(patients) < 0.36
    entry = _entry_months(patients, rng)
    complete_response = rng.random(patients) < _expit(0.6565 - 1.2056 * asct - 0.3922 * emd + 0.85 * z)
    progression, death = _course(complete_response, asct, emd, rng)
    follow_up = entry.max() + _LAST_LOOK - entry
    observed = np.minimum(death, follow_up)
    table: dict[str, object] = {
        "patient_id": [f"P{number:03d}" for number in range(1, patients + 1)],
        **_dates(group, entry, observed, rng),
        **_covariates(asct, rng),
        "extramedullary_disease": emd.astype(int),
        "prior_asct": asct.astype(int),
        "asct_group": np.array(_GROUPS)[group],
        "best_response": _best_response(complete_response, asct, z, progression, observed, rng),
        "progression_event": (progression <= observed).astype(int),
        "progression_months": np.where(progression <= observed, progression, np.nan),
        "death_event": (death <= follow_up).astype(int),
        "os_months": observed,
    }
    table |= _toxicity(asct, z, np.asarray(table["best_response"]) == "NE", rng)
    table |= _expansion(group, z, rng) | _composition(group, z, rng)
    return pd.DataFrame(table)


def draw_kinetics(cohort: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the CAR-T share of T cells over time: a Gaussian rise to the peak, an exponential fall after it.

    Returns
    -------
    pandas.DataFrame
        ``patient_id, day, cart_pct_of_t``: usual sampling days and the day of the peak, until last contact; no
        rows for a patient whose peak is not known.
    """
    rows = []
    for patient in cohort.itertuples():
        half_life = 18.0 * np.exp(0.5 * rng.standard_normal())
        noise = np.exp(0.06 * rng.standard_normal(len(_SAMPLING_DAYS) + 1))
        peak, top = float(str(patient.peak_cart_pct_t)), float(str(patient.peak_day))
        if np.isnan(peak):
            continue
        last = float(str(patient.os_months)) * DAYS_PER_MONTH
        days = sorted({day for day in _SAMPLING_DAYS if day <= max(last, top)} | {int(top)})
        for day, factor in zip(days, noise, strict=False):
            rise, fall = np.exp(-0.5 * ((day - top) / (top / 2.6)) ** 2), 0.5 ** ((day - top) / half_life)
            share = peak if day == top else min(peak * (rise if day < top else fall) * factor, peak)
            rows.append((str(patient.patient_id), day, round(float(share), 3)))
    return pd.DataFrame(rows, columns=["patient_id", "day", "cart_pct_of_t"])


def _expit(x: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-x)))


def _scaled(count: int, patients: int, of: int = _PUBLISHED) -> int:
    """Return how many of this many patients are as ``count`` of the published ones, rounded down."""
    return count * patients // of


def _ranked(latent: Numbers, count: int) -> Flags:
    """Mark the ``count`` patients in whom a latent tendency is largest: an exact number of cases."""
    chosen = np.zeros(len(latent), dtype=bool)
    chosen[np.argsort(-latent, kind="stable")[:count]] = True
    return chosen


def _entry_months(patients: int, rng: np.random.Generator) -> Numbers:
    """Draw months from the first infusion, in order, starting at 0."""
    early = round(_EARLY_SHARE * patients)
    first, middle, last = _ACCRUAL
    months = np.concatenate([rng.uniform(first, middle, early), rng.uniform(middle, last, patients - early)])
    return np.asarray(np.sort(months) - months.min())


def _course(complete_response: Flags, asct: Flags, emd: Flags, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Draw months to progression (infinite without) and to death, as if follow-up never ended.

    A patient progresses and then dies at the rate after progression, or dies first; so death is never before
    progression.
    """
    relapse = _waiting_time(
        (0, 3, 12, 24, 36), 0.01093 * np.array([0.60, 1.2, 0.60, 0.25, 0.10]),
        np.exp(1.2983 * asct + 0.8647 * emd), rng,
    )  # fmt: skip
    refractory = _waiting_time(
        (0, 3, 9, 18, 36), np.array([0.04407 * 1.1, 0.04407 * 1.3, 0.02485, 0.02485 * 0.45, 0.02485 * 0.15]),
        np.exp(0.2895 * asct + 0.7694 * emd), rng,
    )  # fmt: skip
    alone = np.ones(len(asct))
    without = np.where(
        complete_response,
        _waiting_time((0, 6), np.array([0.004, 0.0006]), alone, rng),
        _waiting_time((0, 6), np.array([0.020, 0.0015]), alone, rng),
    )
    after = _waiting_time((0, 12), np.array([0.05238, 0.00431]), np.exp(0.4090 * emd - 0.3125 * asct), rng)
    progression = np.where(complete_response, relapse, refractory)
    progresses = progression < without
    return np.where(progresses, progression, np.inf), np.where(progresses, progression + after, without)


def _waiting_time(starts: Sequence[float], rates: Numbers, ratio: Numbers, rng: np.random.Generator) -> Numbers:
    """Draw times with a hazard constant between ``starts`` and after the last, times each patient's ratio."""
    hazard = np.concatenate([[0.0], np.cumsum(rates[:-1] * np.diff(starts))])
    needed = rng.standard_exponential(len(ratio)) / ratio
    part = np.searchsorted(hazard, needed, side="right") - 1
    return np.asarray(np.asarray(starts)[part] + (needed - hazard[part]) / rates[part])


def _dates(group: NDArray[np.int64], entry: Numbers, observed: Numbers, rng: np.random.Generator) -> dict[str, object]:
    """Turn months into the dates that a sheet has."""
    recent = rng.uniform(3.2, 11.7, len(group))
    long_ago = 12.5 + rng.gamma(1.6, 18.0, len(group))
    since_asct = np.where(group == 2, recent, long_ago)
    infusion = _FIRST_INFUSION + pd.to_timedelta(np.round(entry * DAYS_PER_MONTH), unit="D")
    asct = infusion - pd.to_timedelta(np.round(since_asct * DAYS_PER_MONTH), unit="D")
    asct = pd.DatetimeIndex(asct.where(group > 0))
    contact = infusion + pd.to_timedelta(np.round(observed * DAYS_PER_MONTH), unit="D")
    return {
        "infusion_date": infusion.strftime("%Y-%m-%d"),
        "last_asct_date": asct.strftime("%Y-%m-%d"),
        "last_contact_date": contact.strftime("%Y-%m-%d"),
    }


def _covariates(asct: Flags, rng: np.random.Generator) -> dict[str, object]:
    """Draw what was known before infusion; transplanted patients are younger and had more lines."""
    n = len(asct)
    dose = np.exp(0.33 * rng.standard_normal(n))
    return {
        "age_years": np.clip(np.round(rng.normal(62 - 4 * asct, 8.2)), 34, 77).astype(int),
        "sex": rng.choice(["M", "F"], n, p=[0.55, 0.45]),
        "m_protein_type": rng.choice(["IgG", "IgA", "LC", "IgD", "non-secretory"], n, p=[0.47, 0.22, 0.23, 0.06, 0.02]),
        "ds_stage": rng.choice(["I", "II", "III"], n, p=[0.07, 0.13, 0.80]),
        "iss_stage": rng.choice(["I", "II", "III"], n, p=[0.33, 0.37, 0.30]),
        "high_risk_cytogenetics": (rng.random(n) < 0.38).astype(int),
        "prior_lines": 1 + rng.poisson(2.6 + 1.3 * asct),
        "chemo_exposure": (rng.random(n) < np.where(asct, 0.95, 0.62)).astype(int),
        "cd38_ab_exposure": (rng.random(n) < np.where(asct, 0.48, 0.34)).astype(int),
        "pi_imid_exposure": (rng.random(n) < np.where(asct, 0.95, 0.85)).astype(int),
        "dose_1e6_per_kg": np.round(np.clip(2.36 * dose / np.median(dose), 0.9, 6.5), 2),
    }


def _best_response(
    complete: Flags, asct: Flags, z: Numbers, progression: Numbers, observed: Numbers, rng: np.random.Generator
) -> NDArray[np.str_]:
    """Draw the best response; the not evaluable have the shortest follow-up, the unfit do not respond.

    Who was never seen to progress has no PD.
    """
    n = len(z)
    response = np.where(rng.random(n) < 0.39, "PR", "VGPR").astype("<U4")
    response[complete] = np.where(rng.random(n) < 0.78, "sCR", "CR")[complete]
    not_evaluable = _ranked(np.where(complete, -np.inf, -observed), _scaled(7, n)) & ~complete
    tendency = -z + 0.5 * asct + rng.standard_normal(n)
    none = _ranked(np.where(complete | not_evaluable, -np.inf, tendency), round(7 * n / _PUBLISHED))
    none &= ~complete & ~not_evaluable
    response[none] = np.where((rng.random(n) < 0.6) | (progression > observed), "SD", "PD")[none]
    response[not_evaluable] = "NE"
    return response


def _toxicity(asct: Flags, z: Numbers, not_evaluable: Flags, rng: np.random.Generator) -> dict[str, object]:
    """Draw grades and day-30 counts: exact numbers of severe cases, as published."""
    n = len(z)
    ranks = np.argsort(np.argsort(0.6 * z + rng.standard_normal(n)))
    crs = np.searchsorted(np.cumsum([3, 21, 66, 44]) * n / _PUBLISHED, ranks, side="right")
    icans_rank = rng.permutation(n)
    icans = np.where(icans_rank < _scaled(2, n), 2, np.where(icans_rank < _scaled(10, n), 1, 0))
    evaluable = int(np.count_nonzero(~not_evaluable))

    def low(count: int) -> Flags:
        tendency = rng.standard_normal(n) + 0.3 * asct + 0.5 * (crs >= 3)
        return _ranked(np.where(not_evaluable, -np.inf, tendency), round(count * evaluable / 134))

    def counts(severe: Flags, below: tuple[float, float], above: tuple[float, float], digits: int) -> Numbers:
        values = np.where(severe, rng.uniform(*below, n), rng.uniform(*above, n)).round(digits)
        return np.where(not_evaluable, np.nan, values)

    return {
        "crs_grade": crs,
        "icans_grade": icans,
        "hb_g_l_d30": counts(low(53), (56, 79), (81, 138), 0),
        "anc_1e9_l_d30": counts(low(58), (0.05, 0.95), (1.05, 6.5), 2),
        "plt_1e9_l_d30": counts(low(70), (4, 49), (51, 238), 0),
    }


def _expansion(group: NDArray[np.int64], z: Numbers, rng: np.random.Generator) -> dict[str, object]:
    """Draw the peak and its day; five in 141 were not measured."""
    n = len(z)
    median = _PEAK_MEDIAN[group]
    peak = 100 * _expit(np.log(median / (1 - median)) + _PEAK_SD[group] * z)
    day = np.clip(np.round(10.5 * np.exp(0.22 * rng.standard_normal(n))), 5, 20)
    unmeasured = rng.permutation(n) < _scaled(5, n)
    return {
        "peak_cart_pct_t": np.where(unmeasured, np.nan, peak.round(2)),
        "peak_day": np.where(unmeasured, np.nan, day),
    }


def _composition(group: NDArray[np.int64], z: Numbers, rng: np.random.Generator) -> dict[str, object]:
    """Draw each product's subsets in percent: normal in log-ratios around the group's centre."""
    n = len(z)
    noise = rng.standard_normal((n, 3))
    noise[:, 0] = _NAIVE_WITH_FITNESS * z + np.sqrt(1 - _NAIVE_WITH_FITNESS**2) * noise[:, 0]
    parts = np.exp((np.log(_CENTRES[group]) @ _ILR.T + noise * _ILR_SD) @ _ILR)
    percent = 100 * parts / parts.sum(axis=1, keepdims=True)
    percent[rng.permutation(n) < _scaled(3, n)] = np.nan
    return {name: percent[:, i] for i, name in enumerate(COMPOSITION_COLUMNS)}
