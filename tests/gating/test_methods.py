"""Methods that place gates: by a person's numbers, or from the data."""

import numpy as np
import pytest

from gating.compensation import declare_uncompensated
from gating.populations import gate_sample
from gating.sample import Channel, Sample
from gating.template import parse_template

HEADER = "population,parent,channels,method,arguments\n"


def gated(columns: dict[str, np.ndarray], row: str):
    """Gate a sample of these columns by one row named ``pop``."""
    channels = tuple(Channel(name) for name in columns)
    sample = Sample("s.fcs", channels, np.column_stack(list(columns.values())))
    return gate_sample(declare_uncompensated(sample, "none (declared)"), parse_template(HEADER + row + "\n"))


def test_debris_is_cut_below_the_cells():
    """A third of the events are small: the cut falls between, and says it is from the data."""
    rng = np.random.default_rng(1)
    size = np.concatenate([rng.normal(12_000, 2_500, 3000), rng.normal(70_000, 10_000, 6000)])

    found = gated({"FSC-A": size}, "pop,root,FSC-A,debris,").populations["pop"]

    assert 18_000 < found.thresholds[0].value < 45_000
    assert found.count == pytest.approx(6000, abs=60)
    assert found.thresholds[0].status == "sure"


def test_without_debris_everything_is_kept_and_said():
    """A sorted product has no debris; a cut through its cells would lose half of them."""
    size = np.random.default_rng(2).normal(70_000, 10_000, 6000)

    found = gated({"FSC-A": size}, "pop,root,FSC-A,debris,").populations["pop"]

    assert found.count == 6000
    assert found.thresholds[0].note == "no debris peak; every event kept"
    assert found.flags == ("weak_gate",)


def doublets(n=5000, share=0.05):
    """Return area and height: doublets have twice the area and 1.1 times the height."""
    rng = np.random.default_rng(3)
    area, is_double = rng.normal(80_000, 9_000, n), np.arange(n) < share * n
    height = area / 1.3 * rng.normal(1, 0.02, n)
    return np.where(is_double, 2 * area, area), np.where(is_double, 1.1 * height, height), is_double


def test_doublets_are_dropped_and_singlets_kept():
    """All 250 doublets go; of 4,750 singlets at most 0.5 % do (5 MAD are 3.4 standard deviations)."""
    area, height, is_double = doublets()

    members = gated({"FSC-A": area, "FSC-H": height}, "pop,root,FSC-A|FSC-H,singlets,").populations["pop"].members

    assert not members[is_double].any()
    assert members[~is_double].mean() > 0.995


def test_both_ends_of_the_ratio_are_cut():
    """Height above what the area allows is an electronic artefact; it is as far from a singlet as a doublet is."""
    area, height, _ = doublets(share=0)
    height[:40] = 2 * area[:40]

    members = gated({"FSC-A": area, "FSC-H": height}, "pop,root,FSC-A|FSC-H,singlets,").populations["pop"].members

    assert not members[:40].any()
    assert members[40:].mean() > 0.995


@pytest.mark.parametrize(("n", "refused"), [(99, True), (100, False)])
def test_few_events_say_nothing_of_doublets(n, refused):
    """The spread of a handful is chance, and the gate would be as wide or as narrow as chance has it."""
    area, height, _ = doublets(n)

    found = gated({"FSC-A": area, "FSC-H": height}, "pop,root,FSC-A|FSC-H,singlets,").populations["pop"]

    assert (found.count is None) is refused


def test_height_that_is_area_says_nothing_of_doublets():
    """A channel copied into another has no spread of the ratio: refused, not an error of the whole sample."""
    area = np.linspace(1000, 2000, 500)

    found = gated({"FSC-A": area, "FSC-H": area / 2}, "pop,root,FSC-A|FSC-H,singlets,").populations["pop"]

    assert found.count is None
    assert found.thresholds[0].note == "height over area has no spread"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("pop,root,A,range,minimum=2; maximum=4", [2, 3]),
        ("pop,root,A,range,maximum=3", [0, 1, 2]),
        ("pop,root,A,at(3),", [3, 4]),
        ("pop,root,A,at(3),side=below", [0, 1, 2]),
        ("pop,root,A|B,rectangle,minimum=1 1; maximum=4 3", [1, 2]),
        ('pop,root,A|B,polygon,"vertices=-1 -1, 2.5 -1, 2.5 2.5, -1 2.5"', [0, 1, 2]),
        ("pop,root,A|B,ellipse,mean=2 2; covariance=1 0 0 1; distance_square=2.1", [1, 2, 3]),
        ("pop,root,A|B,quadrant,quadrant=-+; x=at(3); y=at(2)", [2]),
    ],
)
def test_gates_by_hand_on_five_events_on_a_diagonal(row, expected):
    """Events at (0,0) to (4,4): which are in can be seen."""
    line = np.arange(5.0)

    members = gated({"A": line, "B": line}, row).populations["pop"].members

    assert np.flatnonzero(members).tolist() == expected


def test_a_quadrant_is_as_weak_as_the_weaker_of_its_thresholds():
    """A stated cut on one channel does not make up for a guessed one on the other."""
    rng = np.random.default_rng(4)
    smear = {"A": rng.normal(100, 10, 500), "B": rng.normal(100, 10, 500)}

    found = gated(smear, "pop,root,A|B,quadrant,quadrant=++; x=at(100); y=otsu").populations["pop"]

    assert [threshold.status for threshold in found.thresholds] == ["sure", "weak"]
    assert found.flags == ("weak_gate",)


@pytest.mark.parametrize(("transform", "count"), [("linear", 0), ("logicle", 1), ("hyperlog", 1)])
def test_the_edges_of_a_polygon_are_straight_on_its_scale(transform, count):
    """The edge from (100, 0) to (10000, 10000): at 1000 it is at 909 on linear, 623 on logicle, 691 on hyperlog."""
    point = {"A-A": np.array([1000.0]), "B-A": np.array([800.0])}
    row = f'pop,root,A-A|B-A,polygon,"vertices=100 0 10000 10000 100 10000; transform={transform}"'

    assert gated(point, row).count("pop") == count


def test_doublets_are_not_taken_for_the_cells_and_cells_for_debris():
    """In a clean product the deepest valley of size lies below the doublets: a cut there would lose every cell."""
    rng = np.random.default_rng(5)
    size = np.concatenate([rng.normal(80_000, 8_000, 9000), rng.normal(165_000, 12_000, 900)])

    found = gated({"FSC-A": size}, "pop,root,FSC-A,debris,").populations["pop"]

    assert found.count == 9900
    assert found.thresholds[0].note == "no debris peak; every event kept"


@pytest.mark.parametrize("share", [0.05, 0.3, 0.55, 0.8])
def test_debris_of_any_share_is_cut_below_the_cells(share):
    """Debris may outnumber the cells: of cells at least 99 % stay, of debris at most 3 %, doublets or not."""
    rng = np.random.default_rng(6)
    n = 20_000
    debris, doublets = int(share * n), 600
    cells = rng.normal(85_000, 10_000, n - debris)
    size = np.concatenate([rng.lognormal(np.log(20_000), 0.3, debris), cells, rng.normal(170_000, 14_000, doublets)])

    members = gated({"FSC-A": size}, "pop,root,FSC-A,debris,").populations["pop"].members

    assert members[debris:].mean() > 0.99
    assert members[:debris].mean() < 0.03


def test_events_at_the_end_of_the_scale_are_no_population():
    """A tenth of the events are too large for the detector and pile up at its end: the cells are below, not above."""
    rng = np.random.default_rng(7)
    cells = rng.normal(100_000, 12_000, 8000)
    size = np.concatenate([rng.normal(25_000, 6_000, 2000), cells, np.full(1200, 262_143.0)])

    found = gated({"FSC-A": size}, "pop,root,FSC-A,debris,").populations["pop"]

    assert 30_000 < found.thresholds[0].value < 75_000
    assert found.count == pytest.approx(9200, abs=50)


def test_a_cut_that_would_leave_hardly_any_cells_is_not_made():
    """A small peak of large events is not the cells because a valley lies below it."""
    rng = np.random.default_rng(8)
    size = np.concatenate([rng.normal(50_000, 8_000, 9000), rng.normal(180_000, 9_000, 900)])

    found = gated({"FSC-A": size}, "pop,root,FSC-A,debris,").populations["pop"]

    assert found.count == 9900
    assert found.flags == ("weak_gate",)
