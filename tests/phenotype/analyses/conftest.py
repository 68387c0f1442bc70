"""The synthetic cohort of 141, through its sheets."""

from pathlib import Path

import pandas as pd
import pytest

from phenotype.analyses import cohort_of, estimate
from phenotype.clinical import derive_groups, read_clinical
from phenotype.fractions import read_fractions
from phenotype.kinetics import read_kinetics
from phenotype.simulate import simulate_study
from phenotype.study import Analyses, read_study

COHORT = Path(__file__).resolve().parents[4] / "shared" / "cohort"


@pytest.fixture(scope="session")
def study_141(tmp_path_factory):
    """Give the folder of the calibrated cohort as a study without cells, its fractions in a table; SYNTHETIC."""
    if not COHORT.is_dir():
        pytest.skip("the synthetic cohort of 141 is not at hand")
    folder = tmp_path_factory.mktemp("cohort")
    table = pd.read_csv(COHORT / "cohort_synthetic.csv")
    kinetics = pd.read_csv(COHORT / "kinetics_synthetic.csv")
    simulate_study(folder, events=1, control_events=1, cohort=table, kinetics=kinetics, defects=False)
    columns = ["patient_id", "naive_pct", "cm_pct", "em_pct", "eff_pct"]
    table[columns].to_csv(folder / "fractions.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def cohort_141(study_141):
    """Give its cohort table."""
    study = read_study(study_141 / "study.toml")
    fractions = read_fractions(study_141 / "fractions.csv")
    patients = derive_groups(read_clinical(study), study)
    return cohort_of(patients, fractions, read_kinetics(study), study.analyses)


@pytest.fixture(scope="session")
def estimates_141(cohort_141):
    """Give all its estimates."""
    return estimate(cohort_141, Analyses())


@pytest.fixture
def small():
    """Return a cohort of twelve by hand: six with ASCT, events in order, nothing missing."""
    return pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(12)],
            "asct_group": ["none"] * 6 + ["over_1y"] * 3 + ["within_1y"] * 3,
            "prior_asct": [0] * 6 + [1] * 6,
            "age": [50.0, 61, 45, 70, 66, 58, 49, 63, 71, 55, 60, 67],
            "iss_stage": ["I", "II", "III", "I", "II", "III", "I", "II", "III", "I", "II", "III"],
            "best_response": ["CR", "sCR", "PR", "VGPR", "CR", "NE", "PD", "SD", "CR", "PR", "MR", "CR"],
            "responder": [1, 1, 1, 1, 1, None, 0, 0, 1, 1, 0, 1],
            "complete_response": [1, 1, 0, 0, 1, None, 0, 0, 1, 0, 0, 1],
            "pfs_months": [20.0, 18, 4, 9, 15, 2, 1, 3, 12, 7, 5, 10],
            "pfs_event": [0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0],
            "os_months": [20.0, 18, 14, 19, 15, 12, 11, 13, 22, 17, 16, 10],
            "os_event": [0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0],
            "cir_months": [20.0, 18, None, None, 15, None, None, None, 12, None, None, 10],
            "cir_event": [0, 0, None, None, 0, None, None, None, 1, None, None, 0],
            "crs_grade": [0, 1, 2, 3, 1, 2, 4, 0, 1, 3, 2, 1],
        }
    ).astype(dict.fromkeys(("responder", "complete_response", "pfs_event", "os_event", "cir_event"), "Int64"))
