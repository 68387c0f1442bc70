"""Plausible gatings of a sample as rows, and of a cohort as fractions."""

import numpy as np
import pytest

from gating import Channel, Sample, gate_sample, parse_template
from phenotype.frequencies import CountLimits, SampleKey, subset_rows
from phenotype.plausible import cohort_fractions, gating_row, plausible_shares
from phenotype.subsets import SUBSETS

KEY = SampleKey("s1", "P1", "s1.fcs", "B1")
NAMES = {subset: subset for subset in SUBSETS}
TREE = "population,parent,channels,method,arguments\nCAR+ T,root,CAR,valley,\n" + "".join(
    f"{name},CAR+ T,CD62L|CD45RA,quadrant,quadrant={signs}\n"
    for name, signs in zip(SUBSETS, ("++", "+-", "--", "-+"), strict=True)
)


def product(n=6000):
    """Return a sample whose positive and negative events overlap, so that no cut is without events beside it."""
    rng = np.random.default_rng(1)
    bright = rng.random((n, 3)) < (0.5, 0.6, 0.4)
    events = 10 ** (rng.normal(2.2, 0.3, (n, 3)) + 1.3 * bright)
    channels = tuple(Channel(name) for name in ("CAR", "CD62L", "CD45RA"))
    return Sample("pt01", channels, events, compensation="none (declared)")


@pytest.fixture
def gated():
    """Give a gated product."""
    return gate_sample(product(), parse_template(TREE))


def test_fractions_of_every_gating_add_up(gated):
    """Four subsets are the whole of their parent, however the gates lie."""
    row = gating_row(KEY, gated, NAMES, 50)

    shares = plausible_shares(row)

    assert np.sum([shares[subset] for subset in SUBSETS], axis=0) == pytest.approx(np.ones(50))
    assert row["shifts"] == ["CD62L +0.1", "CD62L -0.1", "CD45RA +0.1", "CD45RA -0.1", "CAR +0.1", "CAR -0.1"]


def test_a_higher_cut_leaves_fewer_positive(gated):
    """The shift that is called up is up."""
    row = gating_row(KEY, gated, NAMES, 10)
    up, down = (row["shifted"]["naive"][row["shifts"].index(name)] for name in ("CD62L +0.1", "CD62L -0.1"))

    assert up < gated.count("naive") < down


def test_intervals_hold_gates_and_counting(gated):
    """The interval of the report is wider than counting alone, which stands beside it."""
    shares = plausible_shares(gating_row(KEY, gated, NAMES, 200))

    naive = subset_rows(KEY, gated, NAMES, CountLimits(), shares)[0]

    assert naive["ci_low"] < naive["count_ci_low"] < naive["fraction"] < naive["count_ci_high"] < naive["ci_high"]
    assert naive["gate_sd"] == pytest.approx(np.std(shares["naive"]), rel=0.2)


def test_without_gatings_the_interval_is_that_of_counting(gated):
    """``gatings = 0`` says nothing of gates, and nothing is invented."""
    assert gating_row(KEY, gated, NAMES, 0) is None

    naive = subset_rows(KEY, gated, NAMES, CountLimits())[0]

    assert (naive["ci_low"], naive["ci_high"]) == (naive["count_ci_low"], naive["count_ci_high"])
    assert naive["gate_sd"] is None


def test_a_refused_subset_has_no_gatings():
    """What has no gate has none that could lie elsewhere."""
    refused = gate_sample(product(), parse_template(TREE.replace("CAR,valley", "CAR,refuse")))

    assert gating_row(KEY, refused, NAMES, 50) is None


def test_a_patients_products_are_averaged_in_each_gating():
    """As cohort.csv averages a product that was stained twice; a patient without a product has no number."""
    counts = {"naive": [10, 20], "central_memory": [30, 30], "effector_memory": [40, 40], "effector": [20, 10]}
    parents = {subset: [100, 100] for subset in SUBSETS}
    rows = [
        {"sample_id": "a", "patient_id": "P1", "counts": counts, "parents": parents},
        {"sample_id": "b", "patient_id": "P1", "counts": counts | {"naive": [30, 40]}, "parents": parents},
    ]

    found = cohort_fractions(rows, ["P2", "P1"], "counts", "parents")

    assert found.shape == (2, 2, 4)
    assert np.isnan(found[:, 0]).all()
    assert found[:, 1, 0] == pytest.approx([0.2, 0.3])
