"""From sample and template to populations: membership, refusal, controls."""

import numpy as np
import pytest

from gating.compensation import declare_uncompensated
from gating.errors import ChannelError, CompensationError
from gating.populations import control_values, gate_sample, needed_controls, pool_controls
from gating.sample import Channel, Sample
from gating.template import parse_template
from gating.thresholds import ControlValues

HEADER = "population,parent,channels,method,arguments\n"
CHANNELS = (Channel("FSC-A"), Channel("BV421-A", "CD62L"), Channel("BV510-A", "CD45RA"), Channel("PE-A", "CAR"))


def stained(n=6000, seed=1, car=0.5, shift=1.0):
    """Return a compensated sample: two peaks in CD62L and CD45RA, a share ``car`` of CAR+ events."""
    rng = np.random.default_rng(seed)

    def marker(share):
        positive = rng.random(n) < share
        return 10 ** np.where(positive, rng.normal(4.0, 0.25, n), rng.normal(2.2, 0.25, n)) * shift

    events = np.column_stack([rng.normal(60_000, 8_000, n), marker(0.6), marker(0.4), marker(car)])
    return declare_uncompensated(Sample(f"s{seed}.fcs", CHANNELS, events), "none (declared)")


QUADRANTS = HEADER + "".join(
    f"{name},root,CD62L|CD45RA,quadrant,quadrant={signs}\n"
    for name, signs in {"naive": "++", "cm": "+-", "em": "--", "eff": "-+"}.items()
)


def test_four_quadrants_partition_their_parent():
    """Each event is in exactly one subset: no cell is lost, none counted twice."""
    gated = gate_sample(stained(), parse_template(QUADRANTS))

    members = np.sum([gated.populations[name].members for name in ("naive", "cm", "em", "eff")], axis=0)

    assert np.array_equal(members, np.ones(len(gated.sample)))


def test_quadrants_of_two_parents_share_thresholds_fitted_on_both():
    """CAR+ and CAR- cells are cut at the same place, that of all T cells."""
    template = parse_template(
        HEADER + "CAR+,root,CAR,valley,\nCAR-,root,,not,of=CAR+\n"
        "n+,CAR+,CD62L|CD45RA,quadrant,quadrant=++; on=root\nn-,CAR-,CD62L|CD45RA,quadrant,quadrant=++; on=root\n"
    )

    gated = gate_sample(stained(), template)

    assert gated.populations["n+"].gate.coordinates() == gated.populations["n-"].gate.coordinates()
    assert gated.populations["n+"].thresholds[0].n == 6000


def test_not_takes_the_rest_of_the_parent():
    """CAR- T cells are T cells that are not CAR+, not events that are not."""
    template = parse_template(
        HEADER + "big,root,FSC-A,range,minimum=60000\nCAR+,big,CAR,valley,\nCAR-,big,,not,of=CAR+\n"
    )

    gated = gate_sample(stained(), template)

    assert gated.count("CAR+") + gated.count("CAR-") == gated.count("big")


def test_a_refused_threshold_refuses_everything_below_it():
    """A number below a gate that nobody could place would look like any other number."""
    template = parse_template(HEADER + "pos,root,FSC-A,valley,\nchild,pos,CAR,valley,\n")

    gated = gate_sample(stained(), template)

    assert gated.count("pos") is None
    assert gated.count("child") is None
    assert gated.populations["pos"].flags == ("refused",)
    assert gated.populations["child"].flags == ("parent_refused",)
    assert np.isnan(gated.fraction_of_parent("pos"))


@pytest.mark.parametrize("row", ["rest,root,,not,of=pos", "both,root,,or,of=pos|some", "rest,root,CAR,at(9),on=pos"])
def test_what_rests_on_a_refused_population_is_refused_wherever_its_parent_is(row):
    """If no one can say which cells are CAR+, no one can say which are not: "all of them" would be a number."""
    template = parse_template(HEADER + f"some,root,FSC-A,range,minimum=60000\npos,root,FSC-A,valley,\n{row}\n")

    gated = gate_sample(stained(), template)

    population = gated.populations[row.partition(",")[0]]
    assert population.count is None
    assert population.flags == ("parent_refused",)


def test_an_empty_parent_gives_nan_not_zero():
    """Nothing of nothing is not known to be nothing."""
    template = parse_template(HEADER + "none,root,FSC-A,range,minimum=1000000\nsome,none,FSC-A,range,minimum=0\n")

    gated = gate_sample(stained(), template)

    assert gated.count("some") == 0
    assert np.isnan(gated.fraction_of_parent("some"))


def test_uncompensated_fluorescence_is_not_gated():
    """Spillover counted as signal is the commonest wrong number in flow cytometry."""
    raw = Sample("pt01.fcs", CHANNELS, np.ones((10, 4)))

    with pytest.raises(CompensationError, match=r"pt01\.fcs: not compensated, and 'CAR\+' gates on CAR \(PE-A\)"):
        gate_sample(raw, parse_template(HEADER + "CAR+,root,CAR,at(100),\n"))


def test_scatter_may_be_gated_uncompensated():
    """Light scatter has no spillover."""
    raw = Sample("pt01.fcs", CHANNELS, np.ones((10, 4)))

    assert gate_sample(raw, parse_template(HEADER + "big,root,FSC-A,range,minimum=0\n")).count("big") == 10


def test_a_missing_marker_is_an_error_unless_its_row_is_optional():
    """CD4 and CD8 are not in every panel; CD62L must be."""
    with pytest.raises(ChannelError, match="no channel or marker 'CD4'"):
        gate_sample(stained(), parse_template(HEADER + "CD4+,root,CD4,valley,\n"))

    rows = HEADER + "CD4+,root,CD4,valley,optional=yes\nnaive CD4,CD4+,CD62L,valley,\nCAR+,root,CAR,valley,\n"
    assert set(gate_sample(stained(), parse_template(rows)).populations) == {"root", "CAR+"}


def test_a_control_sets_the_threshold_within_the_same_parent():
    """The 99.5 % quantile of untransduced cells, of those that pass the parent gate, as computed by hand."""
    template = parse_template(HEADER + 'big,root,FSC-A,range,minimum=60000\nCAR+,big,CAR,"control(untransduced)",\n')
    untransduced = stained(seed=9, car=0.0)
    ((role, on, marker),) = needed_controls(template)
    tube = control_values(untransduced, template, population=on, marker=marker)

    gated = gate_sample(stained(), template, controls={(role, on, marker): tube})

    inside = untransduced.events[untransduced.events[:, 0] >= 60000, 3]
    assert gated.populations["CAR+"].thresholds[0].value == np.quantile(inside, 0.995)


def test_a_control_that_cannot_be_gated_gives_no_values():
    """All of its events in place of those of the parent would place a threshold, and no one would know."""
    template = parse_template(HEADER + 'pos,root,FSC-A,valley,\nCAR+,pos,CAR,"control(fmo)",\n')

    tube = control_values(stained(), template, population="pos", marker="CAR")

    assert len(tube.values) == 0


def test_the_same_chain_on_two_populations_is_fitted_twice():
    """The median of CAR differs between big events and all: one threshold for both would be wrong for one."""
    template = parse_template(
        HEADER
        + "big,root,FSC-A,range,minimum=60000\nall,root,CAR,otsu,\nsome,big,CAR,otsu,\nagain,big,CAR,otsu,on=root\n"
    )

    gated = gate_sample(stained(), template)

    every, some, again = (gated.populations[name].thresholds[0] for name in ("all", "some", "again"))
    assert (every.n, some.n) == (6000, gated.count("big"))
    assert every == again != some


def test_each_threshold_looks_at_the_control_of_its_own_population():
    """One marker, cut in two populations: two controls, of which neither may stand in for the other."""
    template = parse_template(
        HEADER + "big,root,FSC-A,range,minimum=60000\n"
        'all,root,CAR,"control(fmo, quantile=0.5)",\nsome,big,CAR,"control(fmo, quantile=0.5)",\n'
    )
    controls = {
        ("fmo", on, "CAR"): ControlValues(f"{on}.fcs", np.full(300, value)) for on, value in (("root", 7.0), ("big", 9))
    }

    gated = gate_sample(stained(), template, controls=controls)

    assert [gated.populations[name].thresholds[0].value for name in ("all", "some")] == [7, 9]


def test_membership_follows_the_events_not_their_order():
    """A shuffled file is the same sample; each event keeps its populations."""
    sample = stained()
    order = np.random.default_rng(7).permutation(len(sample))
    shuffled = declare_uncompensated(Sample("s1.fcs", CHANNELS, sample.events[order]), "none (declared)")
    template = parse_template(QUADRANTS)

    once, again = gate_sample(sample, template), gate_sample(shuffled, template)

    assert np.array_equal(once.populations["naive"].members[order], again.populations["naive"].members)


def test_tubes_of_one_kind_are_pooled():
    """Two untransduced tubes of a batch are one sample of what negative looks like."""
    template = parse_template(HEADER + 'CAR+,root,CAR,"control(untransduced)",\n')
    tubes = [control_values(stained(seed=s, car=0), template, population="root", marker="CAR") for s in (3, 4)]

    pooled = pool_controls(tubes)

    assert (pooled.source, len(pooled.values)) == ("s3.fcs+s4.fcs", 12_000)


def test_an_unstained_tube_is_gated_by_scatter_alone():
    """It has no dead, no CD3+: gated on dyes it would lose every cell, and with them the control."""
    template = parse_template(
        HEADER + "big,root,FSC-A,range,minimum=60000\nL+,big,CD62L,valley,\nCAR+,L+,CAR,valley,\n"
    )
    tube = stained(seed=4)

    values = control_values(tube, template, population="L+", marker="CAR", stained=False)

    assert np.array_equal(values.values, tube.events[tube.events[:, 0] >= 60000, 3])
