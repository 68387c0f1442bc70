"""Endpoints from dates: each boundary by hand, and the synthetic cohort of 141 against its known counts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenotype.clinical import derive_groups, read_clinical
from phenotype.endpoints import GRADE_LIMITS, cytopenia_grade, with_endpoints
from phenotype.simulate import simulate_study
from phenotype.study import Analyses, read_study

COHORT = Path(__file__).resolve().parents[3] / "shared" / "cohort"


def derived(settings=None, **cells):
    """Return one patient's row, infused on 2024-01-01, with endpoints."""
    patient = pd.DataFrame({"infusion_date": ["2024-01-01"], **{name: [value] for name, value in cells.items()}})
    return with_endpoints(patient, settings or Analyses()).iloc[0]


MONTH = 30.4375


@pytest.mark.parametrize(
    ("cells", "pfs", "overall"),
    [
        ({"last_contact_date": "2024-01-31"}, (30, 0), (30, 0)),
        ({"progression_date": "2024-01-11", "last_contact_date": "2024-01-31"}, (10, 1), (30, 0)),
        ({"progression_date": "2024-01-11", "death_date": "2024-01-31"}, (10, 1), (30, 1)),
        ({"death_date": "2024-01-31", "last_contact_date": "2024-01-21"}, (30, 1), (30, 1)),
        ({"progression_date": "2024-01-01", "last_contact_date": "2024-01-01"}, (0, 1), (0, 0)),
    ],
)
def test_pfs_ends_with_progression_or_death_and_os_with_death(cells, pfs, overall):
    """Whichever comes first; the last contact ends both without an event, and a later death is a death."""
    found = derived(**cells)

    assert (found["pfs_months"] * MONTH, found["pfs_event"]) == pytest.approx(pfs)
    assert (found["os_months"] * MONTH, found["os_event"]) == pytest.approx(overall)
    assert found["endpoint_note"] == ""


def test_without_an_end_there_is_no_time_and_a_reason():
    """A patient without last contact is not censored on the day of infusion."""
    found = derived()

    assert np.isnan(found["pfs_months"])
    assert pd.isna(found["os_event"])
    assert found["endpoint_note"] == "neither death_date nor last_contact_date: no PFS, OS, CIR"
    relapsed = derived(progression_date="2024-01-11")
    assert (relapsed["pfs_event"], relapsed["endpoint_note"]) == (1, "neither death_date nor last_contact_date: no OS")


@pytest.mark.parametrize("end", ["last_contact_date", "death_date"])
def test_progression_on_a_day_nobody_wrote_down_is_no_censoring(end):
    """A best response of PD is a progression: followed to the last contact, it would count as free of it."""
    found = derived(best_response="PD", **{end: "2024-06-01"})

    assert np.isnan(found["pfs_months"])
    assert pd.isna(found["pfs_event"])
    assert found["os_months"] > 0
    assert found["endpoint_note"] == "best_response is PD, no progression_date: no PFS"


@pytest.mark.parametrize(
    ("best", "responder", "complete"),
    [("sCR", 1, 1), ("CR", 1, 1), ("VGPR", 1, 0), ("PR", 1, 0), ("MR", 0, 0), ("SD", 0, 0), ("PD", 0, 0)],
)
def test_responses_follow_the_hierarchy(best, responder, complete):
    """An sCR is a CR; PR or better is a response; MR is none in the criteria of 2011."""
    found = derived(best_response=best)

    assert (found["responder"], found["complete_response"]) == (responder, complete)


@pytest.mark.parametrize("best", ["NE", None])
def test_a_patient_not_evaluable_is_in_no_denominator(best):
    """Counted as a failure it would lower the rate, left out unseen it would raise it: missing, and reported."""
    found = derived(best_response=best)

    assert pd.isna(found["responder"])
    assert pd.isna(found["complete_response"])


@pytest.mark.parametrize(
    ("cells", "months", "event"),
    [
        ({"progression_date": "2024-03-01", "last_contact_date": "2024-04-01"}, 60, 1),
        ({"progression_date": "2024-03-01", "death_date": "2024-03-01"}, 60, 1),
        ({"death_date": "2024-03-01"}, 60, 2),
        ({"last_contact_date": "2024-03-01"}, 60, 0),
    ],
)
def test_relapse_competes_with_death_in_remission(cells, months, event):
    """A patient who died in CR can no longer relapse; one who relapsed and died relapsed."""
    found = derived(best_response="CR", **cells)

    assert (found["cir_months"] * MONTH, found["cir_event"]) == (pytest.approx(months), event)
    assert pd.isna(derived(best_response="VGPR", **cells)["cir_event"])


@pytest.mark.parametrize("cause", ["progression", "Relapse", "disease"])
def test_a_death_of_the_disease_in_remission_is_a_relapse(cause):
    """Counted as a competing event, the worst relapses would lower the incidence of relapse; the note says so."""
    found = derived(best_response="CR", death_date="2024-03-01", death_cause=cause)

    assert (found["cir_months"] * MONTH, found["cir_event"]) == (pytest.approx(60), 1)
    assert found["endpoint_note"] == "died of the disease, no progression_date: relapse on the day of death"
    other = derived(best_response="CR", death_date="2024-03-01", death_cause="infection")
    assert (other["cir_event"], other["endpoint_note"]) == (2, "")
    dated = derived(
        best_response="CR", progression_date="2024-02-01", death_date="2024-03-01", death_cause="progression"
    )
    assert (dated["cir_months"] * MONTH, dated["endpoint_note"]) == (pytest.approx(31), "")


def test_the_clock_of_relapse_can_start_with_the_response():
    """Both clocks are in use, and give other times: the study says which."""
    clock = Analyses(relapse_clock="response")
    cells = {"best_response": "CR", "last_contact_date": "2024-03-01"}

    assert derived(clock, response_date="2024-02-01", **cells)["cir_months"] * MONTH == pytest.approx(29)
    assert derived(clock, **cells)["endpoint_note"] == "no response_date: no CIR from response"
    assert np.isnan(derived(clock, **cells)["cir_months"])


@pytest.mark.parametrize(
    ("column", "measured", "grades"),
    [
        ("anaemia_grade", "hb_g_l_d30", {79.9: 3, 80: 2, 99.9: 2, 100: 1, 119.9: 1, 120: 0}),
        ("neutropenia_grade", "anc_1e9_l_d30", {0.49: 4, 0.5: 3, 0.99: 3, 1.0: 2, 1.5: 1, 1.99: 1, 2.0: 0}),
        ("thrombocytopenia_grade", "plt_1e9_l_d30", {24.9: 4, 25: 3, 49.9: 3, 50: 2, 75: 1, 149: 1, 150: 0}),
    ],
)
def test_grades_change_where_ctcae_says(column, measured, grades):
    """A value on a limit is the better grade: CTCAE's grade 3 platelets are below 50 to 25."""
    for value, grade in grades.items():
        assert derived(**{measured: value})[column] == grade
    assert pd.isna(derived(**{measured: np.nan})[column])


def test_the_lower_limit_is_the_laboratorys():
    """Grade 1 depends on it, grade 3 does not."""
    assert derived(Analyses(hb_lower_limit=130), hb_g_l_d30=125.0)["anaemia_grade"] == 1
    with pytest.raises(ValueError, match="below the one before"):
        cytopenia_grade(np.array([1.0]), 1.0, GRADE_LIMITS["neutropenia_grade"])


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Give the synthetic cohort of 141 through its clinical sheet, dates and all."""
    if not COHORT.is_dir():
        pytest.skip("the synthetic cohort of 141 is not at hand")
    folder = tmp_path_factory.mktemp("cohort")
    table = pd.read_csv(COHORT / "cohort_synthetic.csv")
    simulate_study(folder, events=1, control_events=1, cohort=table, defects=False)
    study = read_study(folder / "study.toml")
    return with_endpoints(derive_groups(read_clinical(study), study), study.analyses), table


def test_the_cohort_of_141_has_its_known_counts(cohort):
    """Counts that others computed from the months it was made of; dates and months must tell the same story."""
    found, _ = cohort

    assert (found["complete_response"].sum(), found["responder"].sum(), found["responder"].count()) == (68, 127, 134)
    assert (found["pfs_event"].sum(), found["os_event"].sum()) == (75, 42)
    assert (found["cir_event"].eq(1).sum(), found["cir_event"].eq(2).sum()) == (23, 4)
    severe = [found[f"{name}_grade"].ge(3).sum() for name in ("anaemia", "neutropenia", "thrombocytopenia")]
    assert severe == [53, 58, 70]
    assert found["crs_grade"].ge(3).sum() == 51
    assert found["asct_group"].value_counts().to_dict() == {"none": 85, "over_1y": 44, "within_1y": 12}


def test_times_of_the_cohort_are_those_it_was_made_of(cohort):
    """A date is a whole day: times agree to half a day."""
    found, table = cohort

    for name in ("pfs_months", "os_months"):
        assert np.abs(found[name].to_numpy() - table[name].to_numpy()).max() < 0.51 / MONTH
