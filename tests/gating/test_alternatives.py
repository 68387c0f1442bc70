"""Another marker in the place of one: the same cells on the same side, for every sample alike."""

import numpy as np
import pytest

from gating.alternatives import with_alternative
from gating.compensation import declare_uncompensated
from gating.errors import TemplateError
from gating.populations import gate_sample, needed_controls
from gating.sample import Channel, Sample
from gating.template import parse_template

HEADER = "population,parent,channels,method,arguments\n"
QUADRANTS = HEADER + "".join(
    f"{name},root,CD62L|CD45RA,quadrant,quadrant={signs}\n"
    for name, signs in {"naive": "++", "cm": "+-", "em": "--", "eff": "-+"}.items()
)


def sample():
    """Return 4,000 events in which CD45RO is bright where CD45RA is dim, event by event."""
    rng = np.random.default_rng(1)
    ra, lectin = rng.random(4000) < 0.4, rng.random(4000) < 0.6

    def stain(bright):
        return 10 ** np.where(bright, rng.normal(4.0, 0.2, 4000), rng.normal(2.2, 0.2, 4000))

    channels = (Channel("A", "CD62L"), Channel("B", "CD45RA"), Channel("C", "CD45RO"))
    events = np.column_stack([stain(lectin), stain(ra), stain(~ra)])
    return declare_uncompensated(Sample("s.fcs", channels, events), "none (declared)")


def test_a_marker_of_the_other_cells_gives_the_same_subsets():
    """CD45RO- is CD45RA+: were the sign not turned, naive and central memory would be exchanged."""
    template = parse_template(QUADRANTS)

    usual, other = (
        gate_sample(sample(), template),
        gate_sample(sample(), with_alternative(template, "CD45RA", "CD45RO", opposite=True)),
    )

    for name in ("naive", "cm", "em", "eff"):
        same = usual.populations[name].members == other.populations[name].members
        assert same.mean() > 0.999, name


def test_a_cut_keeps_the_other_side():
    """Above becomes below, and what is written says so: the report is made of it."""
    template = parse_template(HEADER + "RA+,root,CD45RA,valley,\nRA-,root,CD45RA,valley,side=below\n")

    found = with_alternative(template, "CD45RA", "CD45RO", opposite=True)

    assert [row.arguments for row in found.rows] == ["side=below", "side=above"]
    gated = gate_sample(sample(), found)
    assert gated.count("RA+") == pytest.approx(1600, abs=80)
    assert gated.count("RA+") + gated.count("RA-") == 4000


def test_subsets_by_lineage_turn_with_their_parts():
    """What joins the lineages again is no gate, and still says which quadrant it is."""
    template = parse_template(
        HEADER + "CD4,root,CD62L,valley,\nCD8,root,CD62L,valley,side=below\n"
        "naive,root,CD62L|CD45RA,quadrant,quadrant=++; by=CD4|CD8\n"
    )

    found = with_alternative(template, "CD45RA", "CD45RO", opposite=True)

    assert found.row("naive").signs == {"CD62L": "+", "CD45RO": "-"}
    assert gate_sample(sample(), found).count("naive") == gate_sample(sample(), template).count("naive")


def test_controls_are_those_of_the_marker_that_is_stained():
    """An FMO of CD62L says nothing of CCR7."""
    found = with_alternative(parse_template(QUADRANTS), "CD62L", "CCR7")

    assert {marker for _, _, marker in needed_controls(found)} == {"CCR7", "CD45RA"}


def test_numbers_that_a_person_drew_hold_for_no_other_marker():
    """All rows that stand in the way are named at once."""
    template = parse_template(
        HEADER
        + "a,root,CD62L,range,minimum=5\nb,root,CD62L,valley > at(900),\nc,root,CD62L|CCR7,quadrant,quadrant=++\n"
    )

    with pytest.raises(TemplateError) as caught:
        with_alternative(template, "CD62L", "CCR7")

    assert caught.value.faults == (
        "CCR7 for CD62L: CCR7 is gated on already, by 'c'",
        "CCR7 for CD62L: population 'a' is a range on CD62L, with numbers that hold for no other marker",
        "CCR7 for CD62L: population 'b' cuts CD62L at(900), a number of no other marker",
    )


def test_a_marker_that_the_template_does_not_cut_is_a_fault():
    """A misspelt one would be left alone in silence."""
    with pytest.raises(TemplateError, match="CCR7 for CD26L: no channel 'CD26L'; did you mean 'CD62L'"):
        with_alternative(parse_template(QUADRANTS), "CD26L", "CCR7")
