"""From sample and template to populations: membership, refusal, controls."""

from dataclasses import replace

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


def test_an_offset_quadrant_that_cannot_be_placed_says_why_by_marker():
    """One marker has no valley: the other's cut is one for both halves, and says why; a refused one is none."""
    sample = stained()
    smear = np.random.default_rng(2).normal(2_000, 300, len(sample))
    events = np.column_stack([sample.events[:, :2], smear, sample.events[:, 3]])
    template = parse_template(HEADER + "naive,root,CD62L|CD45RA,quadrant,quadrant=++; offset=yes; x=valley; y=valley\n")

    gated = gate_sample(replace(sample, events=events), template)
    cd62l, cd45ra = gated.populations["naive"].thresholds

    why = "no valley in CD45RA, neither among events positive for CD62L nor among all"
    assert cd62l.note == f"one cut for both halves: {why}"
    assert (cd45ra.status, cd45ra.note) == ("refused", "valley: no valley of depth 0.8 or less in CD45RA")


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


LINEAGES = (*CHANNELS, Channel("BV605-A", "CD4"), Channel("BV650-A", "CD8"))
BY_LINEAGE = (
    HEADER + "CD4+ T,root,CD4|CD8,quadrant,quadrant=+-; optional=yes\n"
    "CD8+ T,root,CD4|CD8,quadrant,quadrant=-+; optional=yes\n"
    + "".join(
        f"{name},root,CD62L|CD45RA,quadrant,quadrant={signs}; by=CD4+ T|CD8+ T\n"
        for name, signs in {"naive": "++", "cm": "+-", "em": "--", "eff": "-+"}.items()
    )
)


def two_lineages(n=8000, seed=3, cd4=0.5, neither=0.02, cd8_dimmer=0.6):
    """Return a sample whose CD8+ cells have both memory markers dimmer, and which events are CD4+ and CD8+."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=[cd4 * (1 - neither), (1 - cd4) * (1 - neither), neither])

    def marker(positive, dimmer=0.0):
        return 10 ** (np.where(positive, rng.normal(4.0, 0.2, n), rng.normal(2.2, 0.2, n)) - dimmer)

    dimmer = np.where(kind == 1, cd8_dimmer, 0.0)
    memory = [marker(rng.random(n) < share, dimmer) for share in (0.6, 0.4)]
    columns = [rng.normal(60_000, 8_000, n), *memory, marker(rng.random(n) < 0.5), marker(kind == 0), marker(kind == 1)]
    sample = Sample("lineages.fcs", LINEAGES, np.column_stack(columns))
    return declare_uncompensated(sample, "none (declared)"), kind


def test_each_lineage_has_thresholds_of_its_own():
    """CD8 cells that are four times dimmer in both markers are cut four times lower."""
    sample, _ = two_lineages()

    gated = gate_sample(sample, parse_template(BY_LINEAGE))

    helper, killer = (gated.populations[f"naive ({name})"].thresholds[0] for name in ("CD4+ T", "not CD4+ T"))
    assert (helper.on, killer.on) == ("CD4+ T", "CD8+ T")
    assert np.log10(helper.value / killer.value) == pytest.approx(0.6, abs=0.1)


def test_subsets_by_lineage_partition_their_parent():
    """Cells that are neither CD4+ nor CD8+ are in a subset too: none is lost, none counted twice."""
    sample, kind = two_lineages()

    gated = gate_sample(sample, parse_template(BY_LINEAGE))

    members = np.sum([gated.populations[name].members for name in ("naive", "cm", "em", "eff")], axis=0)
    assert (kind == 2).sum() > 100
    assert np.array_equal(members, np.ones(len(sample)))


def test_a_subset_by_lineage_is_the_sum_of_its_parts():
    """The number that is reported can be followed to two ordinary gates."""
    gated = gate_sample(two_lineages()[0], parse_template(BY_LINEAGE))

    assert gated.count("naive") == gated.count("naive (CD4+ T)") + gated.count("naive (not CD4+ T)")
    assert gated.populations["naive"].gate.coordinates() == {
        "operation": "or",
        "operands": ["naive (CD4+ T)", "naive (not CD4+ T)"],
    }


def test_without_lineage_stains_all_cells_share_thresholds():
    """A panel without CD4 and CD8 is gated by the same template, on all cells."""
    gated = gate_sample(stained(), parse_template(BY_LINEAGE))
    plain = gate_sample(stained(), parse_template(QUADRANTS))

    assert gated.count("naive") == plain.count("naive")
    assert gated.populations["naive (not CD4+ T)"].thresholds[0].on == "root"
    assert "naive (CD4+ T)" not in gated.populations


def test_lineages_that_cannot_be_told_apart_are_said_and_all_cells_share_thresholds():
    """One smear of CD4 has no CD4+ cells to fit on: the subsets are still counted, and flagged."""
    rng = np.random.default_rng(4)
    sample, _ = two_lineages()
    events = sample.events.copy()
    events[:, 4] = 10 ** rng.normal(3, 0.4, len(events))
    smear = declare_uncompensated(Sample("smear.fcs", LINEAGES, events), "none (declared)")

    gated = gate_sample(smear, parse_template(BY_LINEAGE))

    assert "CD4+ T" in gated.populations
    assert gated.populations["CD4+ T"].members is None
    assert gated.populations["root (not CD4+ T)"].flags == ("weak_gate", "lineage_refused")
    assert gated.count("root (not CD4+ T)") == len(events)
    assert gated.populations["naive (not CD4+ T)"].thresholds[0].on == "root"


def test_a_lineage_too_small_for_thresholds_takes_those_of_all_cells():
    """Of 400 CD4+ cells a valley would be chance; the flag says whose threshold it is."""
    gated = gate_sample(two_lineages(cd4=0.05, cd8_dimmer=0.0)[0], parse_template(BY_LINEAGE))

    part = gated.populations["naive (CD4+ T)"]
    assert part.thresholds[0].on == "root"
    assert part.flags == ("weak_gate",)
    assert gated.populations["naive"].flags == ("weak_gate",)


def test_a_refused_part_refuses_the_subset():
    """Half a subset is not the subset: without CD8 thresholds there is no number."""
    sample, kind = two_lineages()
    events = sample.events.copy()
    rng = np.random.default_rng(5)
    events[:, 1] = np.where(kind == 0, events[:, 1], 10 ** rng.normal(3.1, 0.35, len(events)))
    smear = declare_uncompensated(Sample("smear.fcs", LINEAGES, events), "none (declared)")
    template = parse_template(BY_LINEAGE.replace("by=", "on=CD8+ T; by="))

    gated = gate_sample(smear, template)

    assert gated.populations["naive (CD4+ T)"].members is not None
    assert gated.populations["naive (not CD4+ T)"].flags == ("refused",)
    assert gated.count("naive") is None
    assert gated.populations["naive"].flags == ("parent_refused",)


def test_a_gate_can_be_made_at_other_thresholds():
    """What a moved threshold would count is what the gate there counts."""
    gated = gate_sample(stained(), parse_template(QUADRANTS))
    naive = gated.populations["naive"]

    moved = naive.move([0.0, 0.0])

    assert moved.transforms == naive.gate.transforms
    assert moved.contains(gated.sample.events[:, [1, 2]]).all()
    assert naive.move([t.value for t in naive.thresholds]) == naive.gate


def test_scatter_thresholds_name_their_channel_and_population():
    """thresholds.csv has a row for each cut, those of scatter too."""
    gated = gate_sample(stained(), parse_template(HEADER + "big,root,FSC-A,debris,\n"))

    (found,) = gated.populations["big"].thresholds
    assert (found.marker, found.on) == ("FSC-A", "root")
