"""Each defect is in its file, and in no other."""

import numpy as np
import pytest

from gating import FCSError, compensate, file_spillover
from phenotype.simulate.defects import EXPECTED, MOST_DEFECTS, choose_defects
from phenotype.simulate.plan import plan_study
from phenotype.simulate.settings import DEFAULTS

PATIENTS, EVENTS, CONTROL_EVENTS, SEED = 24, 3_000, 800, 1
"""Of the study in conftest.py."""


def channel(sample, name):
    """Return one column as recorded."""
    return sample.events[:, sample.index(name)]


def whole_products(study):
    """Return the products that can be read."""
    rows = study.table("truth_samples").query("role == 'product' and defects != 'truncated'")
    return list(rows["file"])


def test_every_defect_is_somewhere_and_says_what_to_expect(synthetic_study):
    """A defect that is not in the study is not tested; three files have too many dead cells, a batch sheds."""
    rows = synthetic_study.table("truth_samples")
    counts = rows["defects"].value_counts().to_dict()

    assert counts.pop("shedding") == 8
    assert counts == {name: 3 if name == "dying" else 1 for name in EXPECTED if name != "shedding"}
    told = rows["defects"].map(EXPECTED).fillna("normal")
    assert (rows["expected"] == told).all()
    assert rows.loc[rows["role"] != "product", "expected"].eq("normal").all()


def test_the_truncated_file_cannot_be_read_and_all_others_can(synthetic_study):
    """Half a file must never be counted as a whole one."""
    (truncated,) = synthetic_study.files("truncated")

    with pytest.raises(FCSError, match="P0"):
        synthetic_study.read(truncated)
    for file in synthetic_study.table("samples")["file"]:
        assert file == truncated or len(synthetic_study.read(file)) > 0


def test_swapped_labels_are_in_one_product(synthetic_study):
    """$PnS says CD45RA where CD62L was stained."""
    (swapped,) = synthetic_study.files("swapped_labels")
    for file in whole_products(synthetic_study):
        names = {c.name: c.marker for c in synthetic_study.read(file).channels}
        assert (names["BV421-A"] == "CD45RA") == (names["BV510-A"] == "CD62L") == (file == swapped)


@pytest.mark.parametrize(("defect", "cells"), [("few_car", 300), ("hardly_any_car", 15)])
def test_short_runs_have_an_exact_number_of_cells(synthetic_study, defect, cells):
    """What is to be flagged is a number, so it is known exactly."""
    (file,) = synthetic_study.files(defect)
    truth = synthetic_study.table("truth_fractions")
    truth = truth[(truth["file"] == file) & (truth["population"] == "CAR+")]

    assert truth["count"].sum() == cells
    assert (truth["parent_count"] == cells).all()


def test_one_file_has_a_matrix_that_is_not_its_instruments(synthetic_study):
    """All files of a batch share a matrix, but for the one that is wrong."""
    wrong = synthetic_study.files("wrong_matrix")
    rows = synthetic_study.table("samples")
    for _, batch in rows.groupby("batch"):
        files = [file for file in batch["file"] if file not in synthetic_study.files("truncated")]
        found = {file: file_spillover(synthetic_study.read(file)).matrix for file in files}
        usual = np.median(list(found.values()), axis=0)
        different = [file for file, matrix in found.items() if not np.allclose(matrix, usual, atol=1e-6)]
        assert different == [file for file in files if file in wrong]


def test_one_file_has_a_pause_and_a_slower_flow(synthetic_study):
    """Longest time without an event, as a share of the run; and events per time before and after."""
    (gap,) = synthetic_study.files("time_gap")
    for file in whole_products(synthetic_study):
        ticks = channel(synthetic_study.read(file), "Time")
        assert (np.diff(ticks) >= 0).all()
        longest = np.diff(ticks).max() / ticks.max()
        assert (longest > 0.05) == (file == gap)
    ticks = channel(synthetic_study.read(gap), "Time")
    split, middle = int(np.argmax(np.diff(ticks))), ticks[np.argmax(np.diff(ticks))]
    before, after = split / middle, (len(ticks) - split) / (ticks[-1] - ticks[split + 1])
    assert after / before == pytest.approx(DEFAULTS.slower, rel=0.1)


def test_one_file_saturates(synthetic_study):
    """More than one event in twenty at the top of CD45RA; elsewhere next to none."""
    (saturating,) = synthetic_study.files("saturating")
    for file in whole_products(synthetic_study):
        sample = synthetic_study.read(file)
        values = channel(sample, "BV510-A")
        assert ((values >= 0.95 * DEFAULTS.top).mean() > 0.05) == (file == saturating), file


def test_three_files_have_too_many_dead_cells(synthetic_study):
    """More than 30 % of single cells."""
    dying = set(synthetic_study.files("dying"))
    for file in whole_products(synthetic_study):
        kind = synthetic_study.labels(file)["kind"]
        share = (kind == 1).sum() / ((kind == 0) | (kind == 1)).sum()
        assert (share > 0.30) == (file in dying), file


def test_one_batch_sheds_cd62l(synthetic_study):
    """CD62L+ cells at half their brightness in every file of one batch, and no other; negative ones as they were."""
    plan = plan_study(patients=PATIENTS, events=EVENTS, control_events=CONTROL_EVENTS, seed=SEED, settings=DEFAULTS)
    shedding = synthetic_study.files("shedding")
    assert len(shedding) == 8
    usual = DEFAULTS.cd62l.positive - DEFAULTS.cd62l.negative
    for tube in plan.tubes:
        signal = plan.instruments[tube.batch].markers[0]
        step = np.log10(DEFAULTS.shedding) if tube.file in shedding else 0.0
        if tube.role == "product":
            assert signal.positive - signal.negative == pytest.approx(usual + step)
        if tube.role == "product" and tube.defect in {"", "shedding"}:
            sample, labels = synthetic_study.read(tube.file), synthetic_study.labels(tube.file)
            chosen = (labels["kind"] == 0) & labels["t_cell"] & labels["cd62l"]
            values = channel(compensate(sample, file_spillover(sample)), "BV421-A")
            assert np.log10(np.median(values[chosen])) == pytest.approx(signal.positive, abs=0.15), tube.file


@pytest.mark.parametrize("patients", [6, 8, 12, 20, 24, 141])
def test_defects_never_take_a_whole_study(patients):
    """Small studies get the first few; products that a run refuses are from the largest group; one defect each."""
    rng = np.random.default_rng(patients)
    groups = ["none"] * (patients - patients // 3) + ["over_1y"] * (patients // 3)
    chosen = choose_defects(groups, np.ones(patients, dtype=bool), rng.random(patients), rng)

    assert len(chosen) == min(max((patients - 4) // 2, 0), MOST_DEFECTS)
    assert list(chosen.values())[:1] == ["truncated"]
    assert all(groups[i] == "none" for i, defect in chosen.items() if EXPECTED[defect] == "reject")


def test_without_defects_every_file_is_normal():
    """Accuracy is measured on these."""
    plan = plan_study(patients=24, events=10, control_events=10, seed=1, settings=DEFAULTS, defects=False)

    assert {tube.defect for tube in plan.tubes} == {""}
