"""Multiple imputation on request: off by default, pooled by Rubin's rules, repeatable, and never in silence."""

import numpy as np
import pandas as pd
import pytest

from phenotype.analyses import estimate
from phenotype.analyses.imputed import imputed_rows
from phenotype.analyses.survival import survival_rows
from phenotype.errors import StudyError
from phenotype.study import Analyses, read_study


@pytest.fixture
def gaps():
    """Return 300 patients whose PFS depends on a marker that is missing in a fifth, more often in those who fail."""
    rng = np.random.default_rng(4)
    n = 300
    marker, asct = rng.normal(0, 1, n), rng.integers(0, 2, n)
    time = rng.exponential(20 * np.exp(-0.7 * marker - 0.5 * asct))
    event = time < 40
    stage = np.where(marker > 0.5, "III", np.where(marker > -0.5, "II", "I")).astype(object)
    cohort = pd.DataFrame(
        {
            "asct_group": np.where(asct, "over_1y", "none"), "prior_asct": asct, "marker": marker, "stage": stage,
            "pfs_months": np.minimum(time, 40), "pfs_event": event.astype(int), "os_months": 40.0, "os_event": 0,
            "complete_response": (rng.random(n) < 1 / (1 + np.exp(-marker))).astype(int), "responder": 1,
            "cir_months": np.minimum(time, 40), "cir_event": np.where(event, 1, 0),
        }
    )  # fmt: skip
    gone = rng.random(n) < np.where(event & (time < 10), 0.4, 0.1)
    return cohort.assign(marker=cohort["marker"].mask(gone), stage=cohort["stage"].mask(rng.random(n) < 0.1))


def ratios(rows, analysis, endpoint):
    """Return hazard or odds ratios by term and level."""
    chosen = [row for row in rows if row["analysis"] == analysis and row["endpoint"] == endpoint]
    return {(row["term"], row.get("level", "")): row for row in chosen}


def test_it_is_done_on_request_only(gaps):
    """Complete cases are the default; nothing is filled in unasked."""
    assert imputed_rows(gaps, Analyses(covariates=("prior_asct", "marker"))) == []


def test_ratios_come_back_with_all_patients(gaps):
    """The true hazard ratios are 2.01 and 1.65; complete cases use four fifths of the patients, the sets all."""
    settings = Analyses(covariates=("prior_asct", "marker"), imputations=10)
    found = ratios(imputed_rows(gaps, settings), "cox_imputed", "PFS")
    complete = ratios(survival_rows(gaps, settings), "cox_multivariable", "PFS")

    assert found["marker", ""]["n"] == 300
    assert complete["marker", ""]["n"] < 260
    for term, truth in (("marker", np.exp(0.7)), ("prior_asct", np.exp(0.5))):
        row = found[term, ""]
        assert row["ci_low"] < truth < row["ci_high"]
    assert "of 300 patients incomplete; chained equations" in found["marker", ""]["note"]
    assert "% of the information missing" in found["marker", ""]["note"]


def test_values_missing_at_one_end_are_in_the_note(gaps):
    """High markers were never measured: whoever gives a value has a lower one, and the reader must know."""
    rng = np.random.default_rng(8)
    known = gaps["marker"].fillna(0)
    beside = known + rng.normal(0, 0.3, len(gaps))
    settings = Analyses(covariates=("marker", "beside"), imputations=3)
    notes = [
        ratios(imputed_rows(gaps.assign(beside=beside, marker=known.mask(gone)), settings), "cox_imputed", "PFS")
        for gone in (beside > 0.7, rng.random(len(gaps)) < 0.2)
    ]

    warning = "marker missing where nobody alike is known: leans to the middle"
    assert [warning in found["marker", ""]["note"] for found in notes] == [True, False]


def test_the_same_seed_gives_the_same_numbers(gaps):
    """Another seed other ones: the sets are drawn."""
    settings = [Analyses(covariates=("prior_asct", "marker"), imputations=3, seed=seed) for seed in (1, 1, 2)]
    one, again, other = (imputed_rows(gaps, one) for one in settings)

    assert one == again
    assert one != other


def test_levels_are_filled_in_as_levels(gaps):
    """A stage is one of those there are, and its columns are named as in complete cases."""
    settings = Analyses(covariates=("prior_asct", "stage"), imputations=5)
    found = ratios(imputed_rows(gaps, settings), "logistic_imputed", "CR")

    assert set(found) == {("prior_asct", ""), ("stage", "II against I"), ("stage", "III against I")}
    assert found["stage", "III against I"]["estimate"] > 1


def test_what_has_no_answer_has_a_reason(gaps):
    """All responded, nobody died, nothing is missing: a row each, and why."""
    rows = imputed_rows(gaps, Analyses(covariates=("prior_asct", "marker"), imputations=3))
    told = {(row["analysis"], row["endpoint"]): row["note"] for row in rows if "estimate" not in row}

    assert told["logistic_imputed", "ORR"].startswith("not estimated: ")
    assert told["cox_imputed", "OS"].startswith("not estimated: ")
    whole = imputed_rows(gaps, Analyses(covariates=("prior_asct",), imputations=3))
    assert all("no covariate is missing in 300 patients" in row["note"] for row in whole)


def test_the_estimates_hold_them(cohort_141):
    """The setting of the study reaches the table."""
    table = estimate(cohort_141, Analyses(covariates=("prior_asct",), imputations=2))

    assert (table["analysis"] == "cox_imputed").any()


def test_one_set_is_refused(tmp_path):
    """Of one set nothing can be said of how far sets differ."""
    text = (
        '[study]\nname = "x"\nsamples = "s.csv"\nclinical = "c.csv"\ntemplate = "g.csv"\n[analyses]\nimputations = 1\n'
    )
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match="write 0, or as many as 20"):
        read_study(tmp_path / "study.toml")
