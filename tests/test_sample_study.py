"""The sample study from files to report, through the command line, against the truth it was made with."""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gating import read_fcs
from phenotype.simulate import simulate_study
from phenotype.subsets import DEFAULT_TEMPLATE

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_fcs"
SUBSETS = ["naive", "central_memory", "effector_memory", "effector"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the study once, as an analyst does; returns the result folder and the finished process."""
    folder = tmp_path_factory.mktemp("results")
    command = [
        sys.executable,
        "-m",
        "phenotype",
        "run",
        str(SAMPLE / "study.toml"),
        "--out",
        str(folder),
        "--jobs",
        "2",
    ]
    return folder, subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def results(run):
    """Give the result folder."""
    return run[0]


def truth(name: str) -> pd.DataFrame:
    """Read a table of the truth that lies beside the study."""
    return pd.read_csv(SAMPLE / "truth" / f"{name}.csv")


def test_the_run_ends_with_status_1_and_the_path_of_the_report(run):
    """Defects were put in: some files fail, some need review, and the rest is done."""
    folder, process = run

    assert process.returncode == 1, process.stderr
    assert process.stdout.strip().splitlines()[-1] == f"report: {folder / 'report.html'}"
    assert "Traceback" not in process.stderr


def test_the_study_is_what_was_asked_for():
    """At least 24 products, three batches with controls, and all three groups."""
    rows = pd.read_csv(SAMPLE / "samples.csv")

    assert (rows["role"] == "product").sum() >= 24
    assert rows["batch"].nunique() == 3
    controls = rows[rows["role"] != "product"].groupby("batch")["role"].agg(set)
    assert all({"untransduced", "fmo", "unstained", "single_stain"} <= roles for roles in controls)
    assert set(truth("truth_clinical")["asct_group"]) >= {"none", "over_1y", "within_1y"}


def test_the_sample_is_small_enough_to_carry():
    """It is cloned by everybody."""
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if "results" not in path.parts) < 15e6


def test_fractions_are_true_within_three_points(results):
    """19 of 20 normal products are within 3 points in every subset, at some 1,900 CAR+ events each."""
    expected = truth("truth_fractions").query("population == 'CAR+'").merge(truth("truth_samples"), on="file")
    found = pd.read_csv(results / "subsets.csv").merge(expected, on=["file", "subset"], suffixes=("", "_true"))
    normal = found[found["expected"] == "normal"]
    error = (normal["fraction"] - normal["fraction_true"]).abs()

    assert error.mean() < 0.01
    assert (error.groupby(normal["file"]).max() < 0.03).mean() >= 0.9


def test_every_defective_file_is_rejected_or_flagged(results):
    """A tool that passes over one of them is the tool that burnt the analyst before."""
    names = pd.read_csv(results / "populations.csv")[["sample_id", "file"]].drop_duplicates()
    quality = pd.read_csv(results / "quality.csv").query("severity != 'info'").merge(names, on="sample_id")
    said = set(quality["file"])
    failed = set(pd.read_csv(results / "failures.csv")["file"])

    for row in truth("truth_samples").itertuples():
        if row.expected == "reject":
            assert row.file in failed, row.defects
        elif row.expected != "normal":
            assert row.file in said | failed, row.defects


def test_every_asct_group_is_derived_right(results):
    """Boundary day, tandem, transplant after infusion, unknown date."""
    cohort = pd.read_csv(results / "cohort.csv").merge(truth("truth_clinical"), on="patient_id", suffixes=("", "_true"))

    assert len(cohort) == len(truth("truth_clinical"))
    assert (cohort["asct_group"] == cohort["asct_group_true"]).all()


def test_the_files_are_the_simulators():
    """Anyone can make them again: the same seed gives the same events."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from make_sample import CONTROL_EVENTS, EVENTS, PATIENTS, SEED

    with tempfile.TemporaryDirectory() as folder:
        simulate_study(Path(folder), patients=PATIENTS, events=EVENTS, control_events=CONTROL_EVENTS, seed=SEED)
        for path in sorted((SAMPLE / "fcs").glob("*.fcs"))[::9]:
            again = Path(folder) / "fcs" / path.name
            if path.stat().st_size == again.stat().st_size and "truncated" not in path.name:
                try:
                    ours, theirs = read_fcs(path), read_fcs(again)
                except ValueError:
                    continue
                assert np.allclose(ours.events, theirs.events, atol=1.0)
        assert (SAMPLE / "clinical.csv").read_text() == (Path(folder) / "clinical.csv").read_text()


def test_every_file_says_that_it_is_synthetic(results):
    """In its keywords; and the report on its first line."""
    for path in (SAMPLE / "fcs").glob("*.fcs"):
        assert b"SYNTHETIC" in path.read_bytes()[:20000], path.name
    assert "SYNTHETIC" in (results / "report.html").read_text(encoding="utf-8")
    assert json.loads((results / "run.json").read_text())["synthetic"] is True


def test_the_committed_template_is_the_default_one():
    """What init proposes is what the sample shows."""
    assert (SAMPLE / "gating.csv").read_text() == DEFAULT_TEMPLATE


def test_each_dot_walks_back_to_events(results):
    """cohort.csv to subsets.csv to populations.csv to gates.csv to the file: one patient, every step."""
    exact = {"float_precision": "round_trip"}
    cohort = pd.read_csv(results / "cohort.csv", **exact).dropna(subset=SUBSETS).iloc[0]
    subsets = pd.read_csv(results / "subsets.csv", **exact)
    row = subsets.query("patient_id == @cohort.patient_id and subset == 'naive'").iloc[0]
    with (results / "populations.csv").open(newline="") as stream:
        counts = {r["population"]: r for r in csv.DictReader(stream) if r["sample_id"] == row["sample_id"]}

    assert cohort["naive"] == row["fraction"] == row["count"] / row["parent_count"]
    assert int(counts["naive"]["count"]) == row["count"]
    assert int(counts["CAR+ T"]["count"]) == row["parent_count"]
    gates = pd.read_csv(results / "gates.csv").query("sample_id == @row.sample_id")
    assert set(gates["population"]) == set(counts) - {"root"}
    assert (SAMPLE / row["file"]).is_file()
