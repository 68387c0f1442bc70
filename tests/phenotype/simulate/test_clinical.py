"""The clinical sheet: dates that can be true, and groups that follow from them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenotype.clinical import derive_groups, read_clinical
from phenotype.errors import StudyError
from phenotype.simulate import simulate_study
from phenotype.simulate.clinical import complicate, dated_patients
from phenotype.simulate.structural import draw_cohort
from phenotype.study import read_study

IN_ORDER = ("apheresis_date", "infusion_date", "response_date", "progression_date", "last_contact_date")


def drawn(patients, seed=1):
    """Draw patients and their sheet."""
    rng = np.random.default_rng(seed)
    return complicate(dated_patients(draw_cohort(patients, rng), rng), rng)


def days_before_infusion(sheet, column):
    """Return days from a date to the infusion."""
    return (pd.to_datetime(sheet["infusion_date"]) - pd.to_datetime(sheet[column])).dt.days


def derived(folder: Path) -> pd.Series:
    """Derive the groups of a study folder as a run does."""
    study = read_study(folder / "study.toml")
    return derive_groups(read_clinical(study), study).set_index("patient_id")["asct_group"]


def test_dates_are_in_an_order_that_can_be_true():
    """A sheet the program itself would refuse tests nothing: apheresis to last contact, death on the last day."""
    sheet = drawn(400).sheet
    dates = sheet.loc[:, list(IN_ORDER)].apply(pd.to_datetime)

    for i, first in enumerate(IN_ORDER):
        for second in IN_ORDER[i + 1 :]:
            assert not (dates[first] > dates[second]).any(), (first, second)
    dead = sheet["death_date"].notna()
    assert (sheet.loc[dead, "death_date"] == sheet.loc[dead, "last_contact_date"]).all()
    assert ((sheet["death_cause"] != "") == dead).all()
    for column in IN_ORDER:
        assert sheet[column].dropna().str.fullmatch(r"\d{4}-\d\d-\d\d").all()


def test_complications_are_what_they_say():
    """They are the cases in which a careless derivation goes wrong, so they must be there."""
    patients = drawn(24)
    rows = patients.sheet.merge(patients.truth, on="patient_id").set_index("complication")
    first, last = (days_before_infusion(rows, column) for column in ("first_asct_date", "last_asct_date"))

    assert last["exactly 365 days"] == 365
    tandem, again = "tandem: the last counts", "transplanted again after infusion: that one does not count"
    assert first[tandem] > 365 >= last[tandem] > 0
    assert first[again] > 365
    assert last[again] < 0
    assert rows.loc[[tandem, again], "n_asct"].tolist() == [2, 2]
    undated = rows.loc["transplanted, date not known"]
    assert undated["prior_asct"] == 1
    assert pd.isna(undated["first_asct_date"])
    assert pd.isna(undated["last_asct_date"])


@pytest.mark.parametrize("seed", range(5))
def test_the_program_derives_the_true_groups(tmp_path, seed):
    """Every boundary of the rule, on other patients each time."""
    simulate_study(tmp_path, patients=24, events=1, control_events=1, seed=seed, defects=False)
    truth = pd.read_csv(tmp_path / "truth" / "truth_clinical.csv", index_col="patient_id")["asct_group"]

    assert derived(tmp_path).to_dict() == truth.to_dict()
    assert set(truth) == {"none", "within_1y", "over_1y", "unknown_time"}


def test_the_calibrated_cohort_keeps_its_groups(shared, tmp_path):
    """Months become days and years by the rule of 365: all 141 patients end where the cohort has them."""
    cohort = pd.read_csv(shared / "cohort" / "cohort_synthetic.csv", dtype={"patient_id": str})
    simulate_study(tmp_path, cohort=cohort, events=1, control_events=1, defects=False)
    found = derived(tmp_path)

    assert len(found) == 141
    assert found.to_dict() == dict(zip(cohort["patient_id"], cohort["asct_group"].replace(
        {"le1y": "within_1y", "gt1y": "over_1y"}), strict=True))  # fmt: skip
    assert found.value_counts().to_dict() == {"none": 85, "over_1y": 44, "within_1y": 12}
    products = pd.read_csv(tmp_path / "samples.csv").query("role == 'product'")
    assert set(cohort.loc[cohort["naive_pct"].isna(), "patient_id"]).isdisjoint(products["patient_id"])
    assert len(products) == 138


def test_the_calibrated_cohort_keeps_its_months(shared):
    """Survival is computed from dates: half a day of rounding is allowed, more would shift a curve."""
    cohort = pd.read_csv(shared / "cohort" / "cohort_synthetic.csv", dtype={"patient_id": str})
    sheet = dated_patients(cohort, np.random.default_rng(1)).sheet
    followed = -days_before_infusion(sheet, "last_contact_date") / 30.4375
    progressed = -days_before_infusion(sheet, "progression_date") / 30.4375

    assert (followed - cohort["os_months"]).abs().max() < 1.01 / 30.4375
    assert (progressed.notna() == (cohort["progression_event"] == 1)).all()
    assert (progressed - cohort["progression_months"]).abs().max() < 1.01 / 30.4375


def test_all_missing_columns_are_named_at_once():
    """One run, one list."""
    cohort = draw_cohort(12, np.random.default_rng(1)).drop(columns=["os_months", "naive_pct"])

    with pytest.raises(StudyError, match="os_months") as caught:
        dated_patients(cohort, np.random.default_rng(1), where="mine.csv")
    assert len(caught.value.faults) == 2
    assert all(fault.startswith("mine.csv: ") for fault in caught.value.faults)
