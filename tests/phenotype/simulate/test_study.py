"""The whole folder: what an analyst gets, that it can be had again, and that nobody's study is overwritten."""

import re

import numpy as np
import pandas as pd
import pytest

from gating import read_fcs_metadata
from phenotype.errors import StudyError
from phenotype.pipeline.check import check_study
from phenotype.simulate import simulate_from_command, simulate_study
from phenotype.simulate.plan import make_sample, plan_study
from phenotype.simulate.settings import DEFAULTS, MARKERS
from phenotype.subsets import DEFAULT_TEMPLATE

SMALL = {"patients": 12, "events": 300, "control_events": 60}


def contents(folder):
    """Return every file's bytes by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    """Anyone can make the study again; another seed is another study."""
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        simulate_study(tmp_path / name, seed=seed, **SMALL)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))

    assert one == again
    assert one["clinical.csv"] != other["clinical.csv"]
    fcs = [name for name in one if name.endswith(".fcs") and name in other]
    assert fcs
    assert all(one[name] != other[name] for name in fcs)


def test_a_file_does_not_depend_on_the_others():
    """A stream per file: made last or first or alone, with more events elsewhere, it is the same."""
    plan = plan_study(seed=3, settings=DEFAULTS, **SMALL)
    more = plan_study(seed=3, settings=DEFAULTS, **(SMALL | {"control_events": 90}))
    forwards = {tube.file: make_sample(tube, plan)[0].events for tube in plan.tubes}
    for tube in reversed(plan.tubes):
        assert np.array_equal(make_sample(tube, plan)[0].events, forwards[tube.file])
    for tube in more.tubes:
        if tube.role == "product":
            assert np.array_equal(make_sample(tube, more)[0].events, forwards[tube.file])


def test_the_truth_is_counted_from_labels(synthetic_study):
    """Counts of each subset, their parent and the fraction; the labels are of live single T cells."""
    truth = synthetic_study.table("truth_fractions")
    signs = {"naive": (1, 1), "central_memory": (1, 0), "effector_memory": (0, 0), "effector": (0, 1)}
    for (file, population), rows in truth.groupby(["file", "population"]):
        labels = synthetic_study.labels(file)
        parent = (labels["kind"] == 0) & labels["t_cell"] & (labels["car"] == (population == "CAR+"))
        assert (rows["parent_count"] == parent.sum()).all()
        for row in rows.itertuples():
            cd62l, cd45ra = signs[row.subset]
            found = (parent & (labels["cd62l"] == cd62l) & (labels["cd45ra"] == cd45ra)).sum()
            assert found == row.count
            assert found / parent.sum() == pytest.approx(row.fraction)
    products = synthetic_study.table("samples").query("role == 'product'")
    assert set(truth["file"]) == set(products["file"])
    assert set(synthetic_study.table("truth_thresholds")["marker"]) == {"CD62L", "CD45RA", "CAR"}


def test_every_batch_has_every_control(synthetic_study):
    """Thresholds come from them."""
    rows = synthetic_study.table("samples")
    controls = rows[rows["role"] != "product"].fillna("")
    wanted = sorted(
        [("unstained", ""), ("untransduced", ""), *(("fmo", m) for m in ("CD62L", "CD45RA", "CAR"))]
        + [("single_stain", marker) for marker in MARKERS]
    )
    assert rows["batch"].nunique() == 3
    for _, batch in controls.groupby("batch"):
        assert sorted(zip(batch["role"], batch["marker"], strict=True)) == wanted


def test_every_file_says_that_it_is_synthetic(synthetic_study):
    """Nobody may take it for a patient's: in the keywords of each file, the study's name and the README."""
    for path in (synthetic_study.folder / "fcs").glob("*.fcs"):
        raw = path.read_bytes()[:4000]
        assert b"SYNTHETIC/TRUE" in raw
        assert b"SYNTHETIC DATA" in raw
        assert b"Synthetic cytometer" in raw
    assert "SYNTHETIC" in (synthetic_study.folder / "README.txt").read_text()
    assert 'name = "SYNTHETIC' in (synthetic_study.folder / "study.toml").read_text()


def test_acquisition_keywords_are_as_a_cytometer_writes_them(synthetic_study):
    """Dates, times and the time step are read by quality control."""
    for file in synthetic_study.table("samples")["file"]:
        if file in synthetic_study.files("truncated"):
            continue
        keywords = read_fcs_metadata(synthetic_study.folder / file).keywords
        assert re.fullmatch(r"\d\d-[A-Z]{3}-\d{4}", keywords["$DATE"])
        assert keywords["$BTIM"] < keywords["$ETIM"]
        assert keywords["$TIMESTEP"] == "0.01"
        assert keywords["TUBE NAME"] == file.removeprefix("fcs/").removesuffix(".fcs")


def test_formats_are_mixed_and_noted(synthetic_study):
    """Mostly floats; one product in six is of integers, one in twelve of an old logarithmic kind."""
    rows = synthetic_study.table("truth_samples").query("role == 'product'")
    shares = rows["format"].value_counts(normalize=True)
    for row in rows[rows["defects"] != "truncated"].itertuples():
        found = read_fcs_metadata(synthetic_study.folder / row.file)
        assert row.format.startswith(found.version)
        assert found.keywords["$DATATYPE"] == ("F" if "float" in row.format else "I")

    assert shares["FCS3.1 int32"] == pytest.approx(1 / 6, abs=0.03)
    assert shares["FCS3.0 int16 log"] == pytest.approx(1 / 12, abs=0.03)


def test_small_studies_have_no_logarithmic_file():
    """It loses values below 1, which a handful of products cannot afford."""
    plan = plan_study(seed=1, settings=DEFAULTS, **SMALL)

    assert {tube.format for tube in plan.tubes} == {"FCS3.1 float32", "FCS3.1 int32"}


def test_the_program_accepts_the_study(synthetic_study):
    """What the simulator writes, `phenotype check` reads; the template is the default one."""
    check = check_study(synthetic_study.folder / "study.toml")

    (truncated,) = synthetic_study.files("truncated")
    (swapped,) = synthetic_study.files("swapped_labels")
    assert {failure.split(":")[0] for failure in check.failures} == {truncated, swapped}
    assert check.patients == 24
    assert not check.without_clinical
    assert not check.missing_controls
    assert (synthetic_study.folder / "gating.csv").read_text() == DEFAULT_TEMPLATE


def test_the_sample_study_is_small_enough_to_commit(tmp_path):
    """24 products in three batches of 6,000 events, cloned by everybody."""
    simulate_study(tmp_path, patients=24, events=6_000, control_events=2_500, seed=1)

    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 12e6


def test_progress_counts_to_the_end(tmp_path):
    """A bar that stops at 98 % looks like a crash."""
    said = []
    simulate_study(tmp_path, progress=lambda *step: said.append(step), **SMALL)

    assert [done for _, done, _ in said] == list(range(1, said[-1][2] + 1))
    assert said[-1][2] == len(pd.read_csv(tmp_path / "samples.csv"))


def test_a_real_study_is_never_overwritten(tmp_path):
    """The folder may be someone's year of work."""
    (tmp_path / "study.toml").write_text('[study]\nname = "BCMA CAR-T"\n')

    with pytest.raises(StudyError, match="not labelled SYNTHETIC"):
        simulate_study(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_loose_files_are_never_overwritten(tmp_path):
    """Nor a folder where a study was only begun."""
    (tmp_path / "clinical.csv").write_text("patient_id\n")

    with pytest.raises(StudyError, match=r"holds clinical\.csv and no study\.toml"):
        simulate_study(tmp_path, **SMALL)


def test_all_impossible_arguments_are_named_at_once(tmp_path):
    """With the values found."""
    with pytest.raises(StudyError, match="patients is 0") as caught:
        simulate_study(tmp_path, patients=0, events=-1, seed=-3)
    assert len(caught.value.faults) == 3


def test_kinetics_need_their_cohort(tmp_path):
    """Curves of patients who are not there would be joined to nobody."""
    with pytest.raises(StudyError, match=r"curves\.csv: kinetics of which patients"):
        simulate_from_command(
            tmp_path, patients=12, events=10, seed=1, cohort=None, kinetics=tmp_path / "curves.csv", harder=False,
            progress=None,
        )  # fmt: skip


def test_the_command_takes_a_cohort_and_its_kinetics(tmp_path, shared):
    """Numbers of the clinical half can be compared with those computed elsewhere on the same patients."""
    simulate_from_command(
        tmp_path / "study", patients=5, events=20, seed=1, cohort=shared / "cohort" / "cohort_synthetic.csv",
        kinetics=shared / "cohort" / "kinetics_synthetic.csv", harder=True, progress=None,
    )  # fmt: skip
    given = pd.read_csv(shared / "cohort" / "kinetics_synthetic.csv")

    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "study" / "kinetics.csv"), given)
    assert len(pd.read_csv(tmp_path / "study" / "clinical.csv")) == 141
