"""Endpoints of each patient, derived from dates and measurements of the clinical sheet; none is ever typed.

Times are months of 30.4375 days. What cannot be derived is missing, and ``endpoint_note`` says why.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phenotype.clinical import DAYS_PER_MONTH
from phenotype.study import Analyses

__all__ = ["GRADE_LIMITS", "cytopenia_grade", "with_endpoints"]

_COMPLETE = ("sCR", "CR")
_RESPONSE = (*_COMPLETE, "VGPR", "PR")
_NO_RESPONSE = ("MR", "SD", "PD")
_OF_DISEASE = ("progression", "relapse", "disease")
"""Causes of death that are the disease itself."""
GRADE_LIMITS: Mapping[str, tuple[float, ...]] = {
    "anaemia_grade": (100, 80),
    "neutropenia_grade": (1.5, 1.0, 0.5),
    "thrombocytopenia_grade": (75, 50, 25),
}
"""CTCAE 5.0: below the lower limit of normal is grade 1, below each of these one more. Haemoglobin, g/L, ends with
grade 3: grade 4 is a judgement; neutrophils and platelets, 1e9/L, end with grade 4."""
_MEASURED = {
    "anaemia_grade": "hb_g_l_d30",
    "neutropenia_grade": "anc_1e9_l_d30",
    "thrombocytopenia_grade": "plt_1e9_l_d30",
}

Values = NDArray[np.float64]


def with_endpoints(patients: pd.DataFrame, settings: Analyses) -> pd.DataFrame:
    """Add every endpoint to the clinical table.

    Parameters
    ----------
    patients
        As :func:`phenotype.clinical.derive_groups` returns; columns that the sheet lacks count as empty.
    settings
        ``[analyses]`` of the study: the clock of relapse, the lower limits of normal.

    Returns
    -------
    pandas.DataFrame
        With these columns at its end:

        ======================  =============================================================================
        responder               1 PR or better, 0 less, missing for NE and where no response is known (IMWG)
        complete_response       1 CR or sCR, 0 less, missing likewise
        pfs_months, pfs_event   infusion to progression or death of any cause (1), else last contact (0); missing where
                                the best response is PD and no date says when
        os_months, os_event     infusion to death of any cause (1), else last contact (0)
        cir_months, cir_event   of patients in CR or sCR: to progression (1), death without it (2), else last
                                contact (0), from infusion or from the date of response; a death of the disease
                                (``death_cause`` progression, relapse or disease) is a relapse on that day
        anaemia_grade, ...      CTCAE 5.0 by the blood counts of day 30
        endpoint_note           why a time is missing, or rests on more than dates
        ======================  =============================================================================

        A new therapy ends no time.

    References
    ----------
    .. [1] Rajkumar SV, et al. Blood 2011;117:4691-4695.
    .. [2] US Department of Health and Human Services. Common Terminology Criteria for Adverse Events 5.0, 2017.

    Examples
    --------
    >>> one = pd.DataFrame({"infusion_date": ["2024-01-01"], "death_date": ["2024-07-01"], "best_response": ["CR"]})
    >>> with_endpoints(one, Analyses())[["os_event", "cir_event", "responder"]].iloc[0].tolist()
    [1, 2, 1]
    """
    best = _column(patients, "best_response")
    evaluable = best.isin([*_RESPONSE, *_NO_RESPONSE])
    infusion, progression, death, contact, response = (
        pd.to_datetime(_column(patients, f"{name}_date"), format="%Y-%m-%d", errors="raise")
        for name in ("infusion", "progression", "death", "last_contact", "response")
    )
    complete = best.isin(_COMPLETE).to_numpy(dtype=bool)
    undated = (best.eq("PD") & progression.isna()).to_numpy(dtype=bool)
    of_disease = _died_of_disease(patients) & progression.isna().to_numpy(dtype=bool)
    end = death.fillna(contact)
    first = progression.fillna(end)
    start = infusion if settings.relapse_clock == "infusion" else response
    failed, died = progression.notna().to_numpy(dtype=bool), death.notna().to_numpy(dtype=bool)
    times = {
        "pfs": (infusion, first, np.where(failed | died, 1, 0), ~undated),
        "os": (infusion, end, np.where(died, 1, 0), np.ones(len(patients), dtype=bool)),
        "cir": (start, first, np.where(failed | of_disease, 1, np.where(died, 2, 0)), complete),
    }
    columns: dict[str, Any] = {
        "responder": _flags(best.isin(_RESPONSE), evaluable),
        "complete_response": _flags(best.isin(_COMPLETE), evaluable),
    }
    for name, (begin, stop, event, who) in times.items():
        months = ((stop - begin).dt.days / DAYS_PER_MONTH).where(pd.Series(who, index=patients.index))
        columns[f"{name}_months"] = months.astype("float64")
        columns[f"{name}_event"] = pd.Series(event, index=patients.index, dtype="Int64").where(months.notna())
    limits = (settings.hb_lower_limit, settings.anc_lower_limit, settings.plt_lower_limit)
    for (name, measured), normal in zip(_MEASURED.items(), limits, strict=True):
        values = np.asarray(_column(patients, measured), dtype=np.float64)
        columns[name] = pd.array(cytopenia_grade(values, normal, GRADE_LIMITS[name]), dtype="Int64")
    missing = {
        "no infusion_date: no PFS, OS, CIR": infusion.isna().to_numpy(),
        "neither death_date nor last_contact_date: no OS": (end.isna() & first.notna()).to_numpy(),
        "neither death_date nor last_contact_date: no PFS, OS, CIR": first.isna().to_numpy(),
        "best_response is PD, no progression_date: no PFS": undated,
        "no response_date: no CIR from response": complete & start.isna().to_numpy() & infusion.notna().to_numpy(),
        "died of the disease, no progression_date: relapse on the day of death": complete & of_disease,
    }
    columns["endpoint_note"] = ["; ".join(note for note, who in missing.items() if who[i]) for i in range(len(best))]
    return patients.assign(**columns)


def cytopenia_grade(values: Values, lower_limit: float, limits: Sequence[float]) -> list[int | None]:
    """Return the grade of each measurement: how many of the limits, the lower limit of normal first, it lies below.

    Examples
    --------
    >>> cytopenia_grade(np.array([0.49, 0.5, 1.0, 1.5, 2.0, np.nan]), 2.0, (1.5, 1.0, 0.5))
    [4, 3, 2, 1, 0, None]
    """
    ladder = np.array([lower_limit, *limits])
    if (np.diff(ladder) >= 0).any():
        raise ValueError(f"limits {ladder.tolist()} of grades; each must lie below the one before")
    return [None if np.isnan(value) else int((value < ladder).sum()) for value in values]


def _column(patients: pd.DataFrame, name: str) -> "pd.Series[str]":
    """Return a column, empty where the sheet does not have it."""
    return patients[name] if name in patients.columns else pd.Series([None] * len(patients), index=patients.index)


def _flags(true: "pd.Series[bool]", known: "pd.Series[bool]") -> "pd.Series[int]":
    return true.astype("Int64").where(known)


def _died_of_disease(patients: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell who died on a known day, of the disease by ``death_cause``."""
    cause = _column(patients, "death_cause").map(lambda words: str(words).strip().casefold())
    return (cause.isin(_OF_DISEASE) & _column(patients, "death_date").notna()).to_numpy(dtype=bool)
