"""Plausible gatings: the same gates moved, counted exactly, and moved together where they rest on the same evidence."""

import numpy as np
import pytest

from gating.compensation import declare_uncompensated
from gating.plausible import plausible_counts, shifted_counts
from gating.populations import gate_sample
from gating.references import Reference, Taught
from gating.sample import Channel, Sample
from gating.template import parse_template
from gating.thresholds import ControlValues
from gating.transforms import decade

CHANNELS = tuple(Channel(name) for name in ("FSC-A", "CD4", "CD8", "CAR", "CD62L", "CD45RA"))
SUBSETS = {"naive": "++", "cm": "+-", "em": "--", "eff": "-+"}
TEMPLATE = parse_template(
    "population,parent,channels,method,arguments\n"
    "Big,root,FSC-A,range,minimum=30000\n"
    "CD4+ T,Big,CD4|CD8,quadrant,quadrant=+-\n"
    "CD8+ T,Big,CD4|CD8,quadrant,quadrant=-+\n"
    "CAR+,Big,CAR,control(untransduced) > valley,\n"
    + "".join(
        f"{name},CAR+,CD62L|CD45RA,quadrant,quadrant={signs}; offset=yes; on=Big; by=CD4+ T|CD8+ T\n"
        for name, signs in SUBSETS.items()
    )
)
ASKED = [*SUBSETS, "CAR+"]


def product(n=12_000, seed=1):
    """Return a sample with two lineages and overlapping memory markers: many events near the cuts."""
    rng = np.random.default_rng(seed)

    def marker(positive, low=2.2, high=3.6):
        return 10 ** np.where(positive, rng.normal(high, 0.3, n), rng.normal(low, 0.3, n))

    helper = rng.random(n) < 0.5
    columns = [rng.normal(60_000, 20_000, n), marker(helper, high=4.2), marker(~helper, high=4.2)]
    columns += [marker(rng.random(n) < share) for share in (0.5, 0.6, 0.4)]
    return declare_uncompensated(Sample("pt01.fcs", CHANNELS, np.column_stack(columns)), "none (declared)")


def tube(n=3000):
    """Return the CAR channel of an untransduced tube, for the threshold that looks at it."""
    values = 10 ** np.random.default_rng(9).normal(2.2, 0.3, n)
    return {("untransduced", "Big", "CAR"): ControlValues("untransduced.fcs", values)}


@pytest.fixture(scope="module")
def gated():
    """Give the product, gated."""
    return gate_sample(product(), TEMPLATE, controls=tube())


def brute_force(gated, values):
    """Count by applying every gate of the tree to every event, at other thresholds: name to values."""
    members = {"root": np.ones(len(gated.sample), dtype=bool)}
    index = {channel.name: i for i, channel in enumerate(gated.sample.channels)}
    for name, population in gated.populations.items():
        if name == "root":
            continue
        if not hasattr(population.gate, "contains"):
            inside = population.gate.combine([members[operand] for operand in population.gate.operands])
        else:
            gate = population.move(values(population)) if population.move else population.gate
            inside = gate.contains(gated.sample.events[:, [index[channel] for channel in gate.channels]])
        members[name] = members[population.parent] & inside
    return [int(members[name].sum()) for name in ASKED]


def test_gates_that_stay_count_what_they_counted(gated):
    """The numbers of the report are one of the gatings: the one that does not move."""
    (counts,) = shifted_counts(gated, ASKED, [{}])

    assert counts.tolist() == [gated.count(name) for name in ASKED]


@pytest.mark.parametrize("shift", [{"CD62L": 0.1}, {"CD45RA": -0.1}, {"CAR": 0.3}, {"CD4": -0.2, "CD62L": 0.05}])
def test_moved_gates_count_as_if_each_event_were_gated_anew(gated, shift):
    """One event stands for others only if no gating tells them apart."""

    def values(population):
        return [t.moved(shift.get(t.marker, 0.0) * decade(t.scale)) for t in population.thresholds]

    found = shifted_counts(gated, ASKED, [shift, {}, {"CD62L": -0.4}])

    assert found[0].tolist() == brute_force(gated, values)


def test_subsets_partition_their_parent_in_every_gating(gated):
    """Thresholds that quadrants share must move together, or events would be lost or counted twice."""
    counts = plausible_counts(gated, ASKED, draws=100)

    assert (counts[:, :4].sum(axis=1) == counts[:, 4]).all()
    assert len(np.unique(counts[:, 0])) > 20


def test_the_order_of_events_does_not_matter(gated):
    """A file exported in another order is the same sample."""
    sample = gated.sample
    order = np.random.default_rng(3).permutation(len(sample))
    shuffled = declare_uncompensated(Sample("pt01.fcs", CHANNELS, sample.events[order]), "none (declared)")
    again = gate_sample(shuffled, TEMPLATE, controls=tube())

    first = plausible_counts(gated, ASKED, draws=50)
    second = plausible_counts(again, ASKED, draws=50)

    assert np.array_equal(first, second)


def test_samples_held_against_one_tube_move_together(gated):
    """If the untransduced tube's cut is too high, it is too high for the whole batch, and for no other marker."""
    other = gate_sample(product(seed=2), TEMPLATE, controls=tube())

    car = [plausible_counts(g, ["CAR+"], draws=200)[:, 0] for g, key in ((gated, "pt01"), (other, "pt02"))]
    naive = [
        np.divide(*plausible_counts(g, ["naive", "CAR+"], draws=200).T) for g, key in ((gated, "pt01"), (other, "pt02"))
    ]

    assert np.corrcoef(*car)[0, 1] > 0.95
    assert abs(np.corrcoef(*naive)[0, 1]) < 0.3


def test_samples_cut_as_a_person_cut_one_of_them_move_together():
    """A cut that the person placed too high is too high for every sample that was taught by it."""
    template = parse_template("population,parent,channels,method,arguments\nCAR+,root,CAR,reference,\n")
    taught = {("root", "CAR"): Taught(references=(Reference("P1", 1000.0),))}
    samples = [gate_sample(product(seed=seed), template, teaching=taught) for seed in (1, 2)]

    counts = [plausible_counts(g, ["CAR+"], draws=200)[:, 0] for g, key in zip(samples, "ab", strict=True)]

    assert np.corrcoef(*counts)[0, 1] > 0.95


def test_gatings_are_as_far_apart_as_the_thresholds_are_unsure(gated):
    """The share of CAR+ events over the gatings is that of the tube's quantile moved by its spread."""
    threshold = gated.populations["CAR+"].thresholds[0]
    up, down = (brute_force(gated, lambda p, far=far: moved(p, far))[4] for far in (1, -1))

    counts = plausible_counts(gated, ["CAR+"], draws=1000)[:, 0]

    assert threshold.origin == "control"
    assert counts.std() == pytest.approx((down - up) / 2, rel=0.2)


def moved(population, far):
    """Return a population's thresholds with that of CAR moved by its spread."""
    return [t.moved(far * t.spread if t.marker == "CAR" else 0.0) for t in population.thresholds]


def test_an_event_without_a_value_is_on_no_side(gated):
    """NaN is in no gate, however the gate is moved; a dim event that stands for it would be."""
    events = gated.sample.events.copy()
    events[::50, 4] = np.nan
    sample = declare_uncompensated(Sample("pt01.fcs", CHANNELS, events), "none (declared)")
    holes = gate_sample(sample, TEMPLATE, controls=tube())

    (counts,) = shifted_counts(holes, ASKED, [{"CD62L": 0.1}])

    assert counts.tolist() == brute_force(
        holes, lambda p: [t.moved(0.1 * decade(t.scale) if t.marker == "CD62L" else 0.0) for t in p.thresholds]
    )
    assert counts[:4].sum() < counts[4]
