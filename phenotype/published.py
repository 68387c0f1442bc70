"""What Jin et al. published, beside what a study finds: published.csv.

References
----------
.. [1] Jin C, et al. J Immunother Cancer 2025;13:e010687.
.. [2] Blood 2024;144(Suppl 1):7082.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["PUBLISHED", "PUBLISHED_COLUMNS", "beside_published"]

PUBLISHED_COLUMNS = (
    "item", "what", "published", "published_low", "published_high", "published_p", "published_n", "ours", "ours_low",
    "ours_high", "ours_p", "ours_n", "method", "source", "note",
)  # fmt: skip

_ARTICLE, _ABSTRACT = "J Immunother Cancer 2025;13:e010687", "Blood 2024;144(Suppl 1):7082"


@dataclass(frozen=True, slots=True)
class Published:
    """A number of the paper, and the row of estimates.csv that answers it."""

    item: str
    """The paper's item by the project's list: A3 is the length of follow-up."""
    what: str
    value: float
    """Fractions of 1, months, ratios; percent of T cells where the paper has them."""
    low: float
    high: float
    p: str
    """As printed: ``<0.001``, or empty."""
    n: int
    row: tuple[str, str, str, str, float | None]
    """analysis, endpoint, term, level, time."""
    source: str = _ARTICLE
    note: str = ""


def _rate(item: str, what: str, value: float, n: int, analysis: str, endpoint: str, note: str = "") -> Published:
    nothing = float("nan")
    return Published(item, what, value, nothing, nothing, "", n, (analysis, endpoint, "", "all", None), note=note)


def _ratio(item: str, what: str, numbers: tuple[float, float, float], p: str, n: int, *row: str) -> Published:
    return Published(item, what, *numbers, p, n, (row[0], row[1], row[2], "", None), _ABSTRACT)


_NONE = float("nan")
_PEAK = "cart_pct_of_t_cmax"
PUBLISHED: tuple[Published, ...] = (
    _rate("A1", "patients", 141, 141, "flow", "patients"),
    _rate("A2", "dose, 1e6 CAR-T cells per kg", 2.36, 141, "dose_median", "dose_1e6_per_kg"),
    Published("A3", "median follow-up, months", 20.2, _NONE, _NONE, "", 141, ("follow_up", "OS", "", "observed", None),
              note="method not published; by reverse Kaplan-Meier it would be longer"),
    _rate("A4", "CRS grade 3 or 4", 0.362, 141, "toxicity_rate", "CRS grade 3 or 4"),
    _rate("A5", "severe neurotoxicity", 0.0, 141, "toxicity_rate", "ICANS grade 3 or more"),
    _rate("A6", "anaemia grade 3 or more, month 1", 0.396, 134, "toxicity_rate", "anaemia grade 3 or more"),
    _rate("A7", "neutropenia grade 3 or more, month 1", 0.433, 134, "toxicity_rate", "neutropenia grade 3 or more"),
    _rate("A8", "thrombocytopenia grade 3 or more, month 1", 0.522, 134, "toxicity_rate",
          "thrombocytopenia grade 3 or more"),
    _rate("A9", "overall response", 0.948, 134, "response_rate", "ORR"),
    _rate("A10", "complete response", 0.507, 134, "response_rate", "CR"),
    Published("A12", "PFS at 48 months", 0.374, 0.291, 0.481, "", 141, ("survival_rate", "PFS", "", "all", 48.0)),
    Published("A13", "OS at 48 months", 0.632, 0.548, 0.728, "", 141, ("survival_rate", "OS", "", "all", 48.0)),
    Published("A14", "median PFS, months", 15.2, 7.6, 22.8, "", 141,
              ("survival_median_symmetric", "PFS", "", "all", None), _ABSTRACT, "symmetric interval, as SPSS prints"),
    _ratio("A17", "odds ratio of CR, prior ASCT", (0.352, 0.149, 0.830), "0.017", 134, "logistic_multivariable", "CR",
           "prior_asct"),
    _ratio("A18", "subdistribution hazard ratio of relapse, extramedullary disease", (2.381, 1.108, 5.116), "0.026", 68,
           "fine_gray_multivariable", "relapse", "extramedullary_disease"),
    _ratio("A19", "subdistribution hazard ratio of relapse, prior ASCT", (3.622, 1.420, 9.237), "0.007", 68,
           "fine_gray_multivariable", "relapse", "prior_asct"),
    _ratio("A20", "hazard ratio of PFS, extramedullary disease", (2.095, 1.310, 3.349), "0.002", 141,
           "cox_multivariable", "PFS", "extramedullary_disease"),
    _ratio("A21", "hazard ratio of PFS, prior ASCT", (2.272, 1.314, 3.929), "0.003", 141, "cox_multivariable", "PFS",
           "prior_asct"),
    _ratio("A22", "hazard ratio of OS, extramedullary disease", (2.033, 1.104, 3.744), "0.023", 141,
           "cox_multivariable", "OS", "extramedullary_disease"),
    Published("A24", "peak expansion and overall response", _NONE, _NONE, _NONE, "<0.001", 136,
              ("expansion_test", _PEAK, "responder", "response against none", None), note="estimate not published"),
    Published("A24", "peak expansion and CR", _NONE, _NONE, _NONE, "<0.001", 136,
              ("expansion_test", _PEAK, "complete_response", "CR against less", None), note="estimate not published"),
    Published("A25", "peak expansion with ASCT, % of T cells", 74.8, _NONE, _NONE, "", 136,
              ("expansion_median", _PEAK, "asct", "asct", None), _ABSTRACT, "median or mean not published"),
    Published("A25", "peak expansion without ASCT, % of T cells", 89.8, _NONE, _NONE, "", 136,
              ("expansion_median", _PEAK, "asct", "none", None), _ABSTRACT, "median or mean not published"),
    Published("A25", "peak expansion, ASCT against none", _NONE, _NONE, _NONE, "<0.001", 136,
              ("expansion_test", _PEAK, "asct", "asct against none", None), _ABSTRACT),
)  # fmt: skip
"""Items with a published number; the subset fractions of its figure 4 are not published as numbers."""


def beside_published(estimates: pd.DataFrame) -> pd.DataFrame:
    """Put each published number beside the study's own.

    Another cohort need not agree, and one that was made from the published numbers must: neither proves anything.

    Parameters
    ----------
    estimates
        As :func:`phenotype.analyses.estimate` returns.

    Returns
    -------
    pandas.DataFrame
        Columns ``PUBLISHED_COLUMNS``; ours are NaN where the study has no such row, with a note.
    """
    return pd.DataFrame(_rows(estimates), columns=list(PUBLISHED_COLUMNS))


def _rows(estimates: pd.DataFrame) -> Iterator[dict[str, Any]]:
    columns = ["analysis", "endpoint", "term", "level"]
    for one in PUBLISHED:
        time = one.row[4]
        same = (estimates[columns] == list(one.row[:4])).all(axis=1)
        found = estimates[same & (estimates["time"].isna() if time is None else np.isclose(estimates["time"], time))]
        ours = found.iloc[0].to_dict() if len(found) else {}
        why = str(ours.get("note", "")) if ours and pd.isna(ours["estimate"]) else "" if ours else "not in this study"
        yield {
            "item": one.item, "what": one.what, "published": one.value, "published_low": one.low,
            "published_high": one.high, "published_p": one.p, "published_n": one.n,
            "ours": ours.get("estimate"), "ours_low": ours.get("ci_low"), "ours_high": ours.get("ci_high"),
            "ours_p": ours.get("p_value"), "ours_n": ours.get("n"), "method": ours.get("method", ""),
            "source": one.source, "note": "; ".join(filter(None, [one.note, why])),
        }  # fmt: skip
