"""From months to the clinical sheet: dates in an order that can be true, and a few complications that are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gating import missing
from phenotype.clinical import DAYS_PER_MONTH
from phenotype.errors import StudyError
from phenotype.simulate.defects import ENOUGH_PATIENTS
from phenotype.simulate.structural import COMPOSITION_COLUMNS

__all__ = ["SyntheticPatients", "complicate", "dated_patients", "product_compositions"]

_COVARIATES = (
    "extramedullary_disease", "age_years", "sex", "m_protein_type", "ds_stage", "iss_stage", "high_risk_cytogenetics",
    "prior_lines", "chemo_exposure", "cd38_ab_exposure", "pi_imid_exposure", "dose_1e6_per_kg",
)  # fmt: skip
_TOXICITY = ("crs_grade", "icans_grade", "hb_g_l_d30", "anc_1e9_l_d30", "plt_1e9_l_d30")
_NEEDED = (
    "patient_id", "infusion_date", "prior_asct", "last_asct_date", "asct_group", "best_response", "progression_event",
    "progression_months", "death_event", "os_months", "last_contact_date", "peak_cart_pct_t", "peak_day",
    *COMPOSITION_COLUMNS, *_COVARIATES, *_TOXICITY,
)  # fmt: skip
_GROUP_NAMES = {"none": "none", "le1y": "within_1y", "within_1y": "within_1y", "gt1y": "over_1y", "over_1y": "over_1y"}
"""As cohorts write them, and as this program does."""
_ENOUGH_FOR_TANDEM = 12
_YEAR_DAYS = 365
_TANDEM_APART_DAYS = 150

Dates: TypeAlias = "pd.Series[pd.Timestamp]"


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticPatients:
    """A clinical sheet, and what is true of it."""

    sheet: pd.DataFrame
    """clinical.csv: dates are text, missing is NaN."""
    truth: pd.DataFrame
    """``patient_id, asct_group, complication``; the group is what dates must lead to."""


def dated_patients(cohort: pd.DataFrame, rng: np.random.Generator, *, where: str = "cohort") -> SyntheticPatients:
    """Turn a cohort in months into a clinical sheet with dates.

    Parameters
    ----------
    cohort
        A row per patient with months of 30.4375 days from infusion, as ``draw_cohort`` returns.
    rng
        Draws what a cohort in months does not have: days of apheresis and response, causes of death.
    where
        Opens the message.

    Raises
    ------
    StudyError
        If the cohort lacks columns, or has patients that no file can be named after, or groups that are none.
    """
    faults = [missing("column", name, map(str, cohort.columns), where) for name in _NEEDED if name not in cohort]
    faults = faults or list(_faults(cohort, where))
    if faults:
        raise StudyError(faults)
    cohort = cohort.reset_index(drop=True)
    infusion, contact = pd.to_datetime(cohort["infusion_date"]), pd.to_datetime(cohort["last_contact_date"])
    asct = pd.to_datetime(cohort["last_asct_date"])
    progression = (infusion + _days(cohort["progression_months"] * DAYS_PER_MONTH)).where(
        cohort["progression_event"] == 1
    )
    progression = progression.mask(progression > contact, contact)
    dates = {
        "apheresis_date": infusion - _days(pd.Series(rng.integers(25, 61, len(cohort)))),
        "infusion_date": infusion,
        "first_asct_date": asct,
        "last_asct_date": asct,
        "response_date": _response_dates(cohort, infusion, progression.fillna(contact), rng),
        "progression_date": progression,
        "death_date": contact.where(cohort["death_event"] == 1),
        "last_contact_date": contact,
    }
    sheet = pd.DataFrame({
        "patient_id": cohort["patient_id"],
        **{name: values.dt.strftime("%Y-%m-%d") for name, values in dates.items()},
        "prior_asct": cohort["prior_asct"],
        "n_asct": cohort["prior_asct"],
        "best_response": cohort["best_response"],
        "death_cause": _death_causes(cohort, rng),
        **{name: cohort[name] for name in (*_TOXICITY, *_COVARIATES)},
    })  # fmt: skip
    group = cohort["asct_group"].map(_GROUP_NAMES)
    return SyntheticPatients(
        sheet, pd.DataFrame({"patient_id": cohort["patient_id"], "asct_group": group, "complication": ""})
    )


def complicate(patients: SyntheticPatients, rng: np.random.Generator) -> SyntheticPatients:
    """Add what real sheets hold and a derivation must get right.

    With twelve patients or more: a transplant exactly 365 days before infusion; a tandem whose first transplant
    is more than a year ago and whose last is not. With 24 or more: a second transplant after the infusion, which
    does not count; a transplant without a date.
    """
    sheet, truth = patients.sheet.copy(), patients.truth.copy()
    infusion = pd.to_datetime(sheet["infusion_date"])
    within, over = (rng.permutation(np.flatnonzero(truth["asct_group"] == g)) for g in ("within_1y", "over_1y"))
    dates = ["first_asct_date", "last_asct_date"]
    if len(sheet) >= _ENOUGH_FOR_TANDEM:
        sheet.loc[within[0], dates] = _iso(infusion[within[0]] - pd.Timedelta(days=_YEAR_DAYS))
        truth.loc[within[0], "complication"] = "exactly 365 days"
        last = pd.Timestamp(str(sheet.loc[within[1], "last_asct_date"]))
        year_ago = infusion[within[1]] - pd.Timedelta(days=_YEAR_DAYS + 1)
        sheet.loc[within[1], "first_asct_date"] = _iso(min(last - pd.Timedelta(days=_TANDEM_APART_DAYS), year_ago))
        sheet.loc[within[1], "n_asct"] = 2
        truth.loc[within[1], "complication"] = "tandem: the last counts"
    if len(sheet) >= ENOUGH_PATIENTS:
        followed = pd.to_datetime(sheet["last_contact_date"]) - infusion
        later, undated = over[np.argsort(-followed[over].dt.days.to_numpy(), kind="stable")][:2]
        sheet.loc[later, "last_asct_date"] = _iso(infusion[later] + followed[later] / 2)
        sheet.loc[later, "n_asct"] = 2
        truth.loc[later, "complication"] = "transplanted again after infusion: that one does not count"
        sheet.loc[undated, dates] = np.nan
        truth.loc[undated, ["asct_group", "complication"]] = ["unknown_time", "transplanted, date not known"]
    return SyntheticPatients(sheet, truth)


def product_compositions(cohort: pd.DataFrame) -> NDArray[np.float64]:
    """Return the subsets of each patient's product, (patients, 4), rows summing to 1; NaN where there is none."""
    percent = cohort.loc[:, list(COMPOSITION_COLUMNS)].to_numpy(dtype=np.float64)
    return np.asarray(percent / percent.sum(axis=1, keepdims=True))


def _faults(cohort: pd.DataFrame, where: str) -> Iterator[str]:
    """Find patients without a name of their own that a file can have, and unknown groups."""
    names = cohort["patient_id"].astype(str)
    if names.empty:
        yield f"{where}: no patients; a row each"
    for name in names[~names.str.fullmatch(r"[A-Za-z0-9_-]+")]:
        yield f"{where}: patient_id is {name!r}; letters, digits, - and _ make a file name"
    for name in sorted(set(names[names.duplicated()])):
        yield f"{where}: patient {name!r} is there twice; a row each"
    for group in sorted(set(cohort["asct_group"].astype(str)) - set(_GROUP_NAMES)):
        yield missing("group", group, _GROUP_NAMES, where)


def _days(days: "pd.Series[float]") -> "pd.Series[pd.Timedelta]":
    """Return whole days, NaT for NaN: pandas itself multiplies what happens to lie in memory for NaN, and may warn."""
    return pd.to_timedelta(days.round().fillna(0).astype("int64"), unit="D").where(days.notna())


def _iso(day: pd.Timestamp) -> str:
    return day.strftime("%Y-%m-%d")


def _response_dates(cohort: pd.DataFrame, infusion: Dates, latest: Dates, rng: np.random.Generator) -> Dates:
    """Draw when the best response was first seen: about a month, for a complete response two; before the end."""
    complete = cohort["best_response"].isin(["sCR", "CR"])
    days = np.where(complete, 60.0, 32.0) * np.exp(0.3 * rng.standard_normal(len(cohort)))
    found = infusion + _days(pd.Series(days))
    return found.mask(found > latest, latest).where(cohort["best_response"] != "NE")


def _death_causes(cohort: pd.DataFrame, rng: np.random.Generator) -> Sequence[str]:
    """Draw causes: mostly progression after progression, mostly infection without."""
    n = len(cohort)
    after = rng.choice(["progression", "infection", "other"], n, p=[0.85, 0.10, 0.05])
    without = rng.choice(["infection", "other", "unknown"], n, p=[0.60, 0.25, 0.15])
    causes = np.where(cohort["progression_event"] == 1, after, without)
    return [str(cause) for cause in np.where(cohort["death_event"] == 1, causes, "")]
