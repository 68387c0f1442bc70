"""Tables for Prism: each group a column, each value a patient's, and a list that says what each table is."""

import csv
import json

import pytest

from phenotype.errors import ExportError
from phenotype.export import export_prism
from phenotype.pipeline.write import write_rows

COHORT = [
    {"patient_id": "P1", "asct_group": "none", "naive": 0.25, "cart_pct_of_t_cmax": 90.5, "responder": 1,
     "complete_response": 1, "best_response": "sCR", "pfs_months": 12.5, "pfs_event": 0, "os_months": 12.5,
     "os_event": 0},
    {"patient_id": "=P2", "asct_group": "none", "naive": 0.5, "cart_pct_of_t_cmax": 70, "responder": 1,
     "complete_response": 0, "best_response": "PR", "pfs_months": 3, "pfs_event": 1, "os_months": 9, "os_event": 1},
    {"patient_id": "P3", "asct_group": "within_1y", "naive": 0.1, "cart_pct_of_t_cmax": None, "responder": 0,
     "complete_response": 0, "best_response": "SD", "pfs_months": 1, "pfs_event": 1, "os_months": 4, "os_event": 0},
    {"patient_id": "P4", "asct_group": "unknown_time", "naive": 0.3, "cart_pct_of_t_cmax": 50, "responder": None,
     "complete_response": None, "best_response": "NE", "pfs_months": 2, "pfs_event": 1, "os_months": 4, "os_event": 0},
]  # fmt: skip
CURVES = [
    {"endpoint": "relapse", "term": "asct_group", "level": "none", "time": 6, "estimate": 0.125},
    {"endpoint": "relapse", "term": "asct", "level": "asct", "time": 6, "estimate": 0.5},
]
KINETICS = [
    {"patient_id": "P3", "asct_group": "within_1y", "day": 7, "cart_pct_of_t": 3.5},
    {"patient_id": "P1", "asct_group": "none", "day": 10, "cart_pct_of_t": 90.5},
    {"patient_id": "P1", "asct_group": "none", "day": 7, "cart_pct_of_t": 40},
]


@pytest.fixture
def results(tmp_path):
    """Return the folder of a run of four patients."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name, rows in (("cohort", COHORT), ("curves", CURVES), ("kinetics", KINETICS)):
        write_rows(folder / f"{name}.csv", tuple(rows[0]), rows)
    (folder / "run.json").write_text(json.dumps({"version": "0.1.0"}), encoding="utf-8")
    return folder


def table(folder, name):
    """Return the cells of a table."""
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_a_column_is_a_group_and_its_twin_holds_the_patients(results):
    """A value that looks wrong is walked back to its patient, cell by cell."""
    folder = export_prism(results).folder

    assert table(folder, "subset_naive.csv") == [
        ["No ASCT", "ASCT over 1 y", "ASCT within 1 y"], ["25.0", "", "10.0"], ["50.0", "", ""],
    ]  # fmt: skip
    assert table(folder, "subset_naive_patients.csv")[1:] == [["P1", "", "P3"], ["'=P2", "", ""]]


def test_peaks_stand_by_response(results):
    """A patient stands in two pairs: response, and complete response; one without an evaluation in none."""
    rows = table(export_prism(results).folder, "peak_cart_pct_of_t_by_response.csv")

    assert rows[0] == ["no response", "PR or better", "less than CR", "CR or sCR"]
    assert rows[1:] == [["", "90.5", "70", "90.5"], ["", "70", "", ""]]


def test_survival_is_months_with_an_event_column_for_each_group(results):
    """1 is the event, 0 censored: the other way round every curve would be wrong."""
    rows = table(export_prism(results).folder, "survival_pfs.csv")

    assert rows[0] == ["patient (row title)", "months", "No ASCT", "ASCT over 1 y", "ASCT within 1 y"]
    assert rows[1:] == [["P1", "12.5", "0", "", ""], ["'=P2", "3", "1", "", ""], ["P3", "1", "", "", "1"]]


def test_relapse_comes_as_its_own_curve(results):
    """Prism has no competing risks; the curve that was computed is given, of the three groups only."""
    assert table(export_prism(results).folder, "relapse_incidence.csv")[1:] == [["6", "12.5", "", ""]]


def test_responses_are_counts(results):
    """A contingency table is of patients."""
    rows = {row[0]: row[1:] for row in table(export_prism(results).folder, "best_response.csv")}

    assert rows["sCR"] == ["1", "0", "0"]
    assert rows["SD"] == ["0", "0", "1"]


def test_expansion_has_days_down_and_patients_across(results):
    """Days as numbers: day 10 comes after day 7."""
    assert table(export_prism(results).folder, "expansion_cart_pct_of_t.csv") == [
        ["day", "No ASCT: P1", "ASCT within 1 y: P3"], ["7", "40", "3.5"], ["10", "90.5", ""],
    ]  # fmt: skip


def test_the_list_names_every_table_with_the_type_to_choose(results):
    """Whoever opens Prism is asked for a table type first."""
    found = export_prism(results)
    rows = table(found.folder, "prism_tables.csv")
    named = {row[0] for row in rows[1:]}

    assert named == set(found.written)
    assert {row[2] for row in rows[1:]} == {"Column", "Contingency", "Survival", "XY"}
    assert {path.name for path in found.folder.iterdir()} == named | {"prism_tables.csv"} | {
        name.replace(".csv", "_patients.csv") for name in named if name.startswith(("subset_", "peak_"))
    }


def test_a_cohort_without_numbers_is_refused(results):
    """An empty folder would look like an export."""
    write_rows(results / "cohort.csv", ("patient_id", "asct_group"), [{"patient_id": "P1", "asct_group": "none"}])
    (results / "curves.csv").unlink()
    (results / "kinetics.csv").unlink()

    with pytest.raises(ExportError, match="no patient with a number"):
        export_prism(results)
