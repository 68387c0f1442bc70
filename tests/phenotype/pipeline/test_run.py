"""A run from its sheets to its tables: what a second run may keep, and who is in the cohort."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest

from gating import read_fcs, write_fcs
from phenotype.pipeline.run import run_study

MATRIX = """BV421-A,BV510-A,PE-A,PE-Cy5-A,APC-H7-A
1,0.03,0.03,0.03,0.03
0.03,1,0.03,0.03,0.03
0.03,0.03,1,0.03,0.03
0.03,0.03,0.03,1,0.03
0.03,0.03,0.03,0.03,1
"""
SUBSETS = ("naive", "central_memory", "effector_memory", "effector")
CAR_POSITIVE = "\n".join(f'{subset} = "{subset}"' for subset in SUBSETS)
CAR_NEGATIVE = "\n".join(f'{subset} = "CAR- {subset}"' for subset in SUBSETS)
SETTINGS = f"""
[markers]
CAR = "BCMA CAR"

[subsets]
{CAR_POSITIVE}

[quality]
min_subset_events = 50
min_viability = 0.7
max_saturated = 0.05

[reading]
strict = false
"""


@pytest.fixture(scope="module", autouse=True)
def _without_figures():
    """Leave out the drawing, which has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
        patch.setattr("phenotype.pipeline.work.panels_of", lambda *_, **__: ())
        yield


@pytest.fixture(scope="module")
def _run_once(make_study, tmp_path_factory):
    """Run a study of two products, with every setting said, once."""
    study = make_study(tmp_path_factory.mktemp("once") / "study")
    folder = study.parent
    rows = (folder / "samples.csv").read_text().splitlines()
    (folder / "samples.csv").write_text("\n".join([rows[0], rows[1], rows[4], rows[7]]) + "\n")
    (folder / "matrix.csv").write_text(MATRIX)
    study.write_text(study.read_text().replace('source = "file"', 'source = "matrix.csv"') + SETTINGS)
    run_study(study)
    return study


@pytest.fixture
def finished(_run_once, tmp_path):
    """Give a copy of a study of two products, P1 and P4, that was run."""
    return shutil.copytree(_run_once.parent, tmp_path / "study") / "study.toml"


def rows_of(path) -> list[dict[str, str]]:
    """Return the rows of a table of a run."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_second_run_keeps_what_nothing_changed(finished):
    """The two samples are not gated again."""
    assert run_study(finished).reused == 2


@pytest.mark.parametrize(
    ("file", "old", "new", "kept"),
    [
        ("gating.csv", "untransduced, quantile=0.995", "untransduced, quantile=0.99", 0),
        ("gating.csv", "singlets,", "singlets,mad=4", 0),
        ("gating.csv", "Viability,", "APC-H7-A,", 0),
        ("gating.csv", "CAR- T,T cells", "CAR- T,Live", 0),
        ("study.toml", '"matrix.csv"', '"none"', 0),
        ("matrix.csv", "\n1,0.03,", "\n1,0.02,", 0),
        ("study.toml", '"BCMA CAR"', '"CD19 CAR"', 0),
        ("study.toml", CAR_POSITIVE, CAR_NEGATIVE, 0),
        ("study.toml", "min_subset_events = 50", "min_subset_events = 60", 0),
        ("study.toml", "min_viability = 0.7", "min_viability = 0.8", 0),
        ("study.toml", "max_saturated = 0.05", "max_saturated = 0.06", 0),
        ("study.toml", "strict = false", "strict = true", 0),
        ("samples.csv", "fcs/untransduced.fcs,,untransduced,,B1,\n", "", 0),
        ("samples.csv", "P1,product,0,B1", "P1,product,0,B2", 1),
        ("samples.csv", "fcs/P1.fcs,P1", "fcs/P1.fcs,P3", 1),
        ("clinical.csv", "P4,2021-01-04,1,2018-01-01", "P4,2021-01-04,1,2020-06-01", 2),
    ],
)
def test_what_is_kept_is_only_what_does_not_rest_on_a_change(finished, change, file, old, new, kept):
    """A setting that is corrected and a result that is not would stand side by side in one report."""
    change(finished.parent / file, old, new)

    assert run_study(finished).reused == kept


def test_a_control_measured_anew_is_gated_by_anew(finished, tube):
    """The tube is exported again under its old name: the CAR threshold of every sample has moved."""
    tube(finished.parent / "fcs" / "untransduced.fcs", 98, car=0.0)

    assert run_study(finished).reused == 0


def car_sources(study) -> dict[str, str]:
    """Return what placed the CAR gate of each sample."""
    rows = rows_of(study.parent / "results" / "gates.csv")
    return {row["sample_id"]: row["source"] for row in rows if row["population"] == "CAR+ T"}


def test_a_sample_is_held_against_the_controls_of_its_own_batch(finished, change, tube):
    """Another day's voltages and another lot of antibody put the negatives elsewhere."""
    tube(finished.parent / "fcs" / "untransduced 2.fcs", 98, car=0.0)
    sheet = finished.parent / "samples.csv"
    change(sheet, "P4,product,0,B1", "P4,product,0,B2")
    sheet.write_text(sheet.read_text() + "fcs/untransduced 2.fcs,,untransduced,,B2,\n")

    run_study(finished)

    assert car_sources(finished) == {
        "P1": "0.995 quantile of fcs/untransduced.fcs",
        "P4": "0.995 quantile of fcs/untransduced 2.fcs",
    }


def test_two_controls_of_a_batch_place_a_threshold_together(finished, tube):
    """Neither tube alone, nor the one that happens to stand first."""
    tube(finished.parent / "fcs" / "untransduced 2.fcs", 98, car=0.0)
    sheet = finished.parent / "samples.csv"
    sheet.write_text(sheet.read_text() + "fcs/untransduced 2.fcs,,untransduced,,B1,\n")

    run_study(finished)

    assert set(car_sources(finished).values()) == {
        "0.995 quantile of fcs/untransduced.fcs+fcs/untransduced 2.fcs",
    }


def test_an_unstained_tube_counts_though_none_of_its_cells_is_a_t_cell_by_stain(finished, change):
    """Gated on CD3 it would lose every event, and the threshold would fall to another step."""
    stained = read_fcs(finished.parent / "fcs" / "untransduced.fcs")
    dim = 10 ** np.random.default_rng(5).normal(2.3, 0.25, (len(stained), 5))
    events = np.column_stack([stained.events[:, :4], dim])
    write_fcs(finished.parent / "fcs" / "unstained.fcs", replace(stained, events=events))
    change(finished.parent / "samples.csv", "untransduced.fcs,,untransduced", "unstained.fcs,,unstained")
    change(finished.parent / "gating.csv", "control(untransduced, quantile=0.995)", "control(unstained)")

    run_study(finished)

    assert set(car_sources(finished).values()) == {"0.995 quantile of fcs/unstained.fcs"}


def test_a_corrected_date_reaches_every_table_though_nothing_is_gated(finished, change):
    """P4 was transplanted seven months before infusion, not three years."""
    results = finished.parent / "results"
    change(finished.parent / "clinical.csv", "P4,2021-01-04,1,2018-01-01", "P4,2021-01-04,1,2020-06-01")

    run_study(finished)

    cohort = {row["patient_id"]: row for row in rows_of(results / "cohort.csv")}
    counts = {row["contrast"]: row["n_a"] for row in rows_of(results / "comparisons.csv")}
    levels = {row["level"] for row in rows_of(results / "estimates.csv") if row["analysis"] == "subset_median"}
    assert cohort["P4"]["asct_group"] == "within_1y"
    assert (counts["over_1y_vs_none"], counts["within_1y_vs_none"]) == ("0", "1")
    assert levels == {"none", "within_1y", "asct", "all"}
