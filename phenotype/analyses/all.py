"""From patients, fractions and kinetics to the cohort and all its estimates."""

import pandas as pd

from phenotype.analyses.baseline import baseline_rows
from phenotype.analyses.cohort import dose_rows, flow_rows
from phenotype.analyses.composition import composition_rows
from phenotype.analyses.expansion import expansion_rows
from phenotype.analyses.imputed import imputed_rows
from phenotype.analyses.relapse import relapse_rows
from phenotype.analyses.response import response_rows, toxicity_rows
from phenotype.analyses.rows import estimates_table
from phenotype.analyses.subsets import subset_rows
from phenotype.analyses.survival import survival_rows
from phenotype.endpoints import with_endpoints
from phenotype.expansion import expansion_table
from phenotype.statistics.contrasts import summarise_groups
from phenotype.study import Analyses
from phenotype.subsets import SUBSETS

__all__ = ["cohort_of", "estimate"]


def cohort_of(
    patients: pd.DataFrame, fractions: pd.DataFrame, kinetics: pd.DataFrame | None, settings: Analyses
) -> pd.DataFrame:
    """Join all that is known of each patient.

    Parameters
    ----------
    patients
        The clinical table with ``asct_group``, as :func:`phenotype.clinical.derive_groups` returns.
    fractions
        ``patient_id`` as index, a column per subset, in [0, 1].
    kinetics
        As :func:`phenotype.kinetics.read_kinetics` returns, or None.
    settings
        ``[analyses]`` of the study.

    Returns
    -------
    pandas.DataFrame
        A row per patient of the clinical sheet, in its order: the sheet, endpoints, expansion, and the four fractions;
        NaN where there is no product.
    """
    cohort = with_endpoints(patients, settings)
    if kinetics is not None:
        cohort = cohort.join(expansion_table(kinetics), on="patient_id")
    return cohort.join(fractions.reindex(columns=list(SUBSETS)), on="patient_id")


def estimate(cohort: pd.DataFrame, settings: Analyses) -> pd.DataFrame:
    """Estimate everything that the report says beside the comparisons of subsets.

    Covariates that the sheet lacks are passed over here: those that a person named are faults of the sheet before.

    Returns
    -------
    pandas.DataFrame
        Columns ``ESTIMATE_COLUMNS``, a number a row.
    """
    present = tuple(name for name in settings.covariates if name in cohort.columns)
    settings = settings.model_copy(update={"covariates": present})
    rows = [
        *flow_rows(cohort),
        *baseline_rows(cohort),
        *subset_rows(cohort),
        *composition_rows(cohort, settings),
        *dose_rows(cohort),
        *response_rows(cohort, settings),
        *toxicity_rows(cohort),
        *survival_rows(cohort, settings),
        *relapse_rows(cohort, settings),
        *imputed_rows(cohort, settings),
        *expansion_rows(cohort),
    ]
    subsets = summarise_groups(cohort, SUBSETS).astype({"n": "Int64", "events": "Int64"}).assign(note="")
    return pd.concat([subsets, estimates_table(rows)], ignore_index=True)
