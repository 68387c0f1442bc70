"""Which channel carries a marker of the tree, and what names of markers and dyes stand for."""

import pytest

from phenotype.survey.markers import Carried, carried, named_markers, vocabularies

SCATTER = (("FSC-A", ""), ("FSC-H", ""))


def of(marker: str, *names: tuple[str, str]) -> Carried:
    """Return how a panel of these channels carries a marker."""
    return next(one for one in carried((*SCATTER, *names)) if one.marker == marker)


def test_a_marker_by_its_own_name_in_any_spelling():
    """Nothing to enter under [markers]."""
    assert of("CD62L", ("BV421-A", "CD62-L BV421")) == Carried("CD62L", "CD62-L BV421 (BV421-A)")


@pytest.mark.parametrize(
    ("marker", "label"),
    [
        ("Viability", "Zombie Aqua"),
        ("Viability", "L/D NIR"),
        ("Viability", "7-AAD"),
        ("CAR", "rhBCMA-Fc PE"),
        ("CAR", "CD19 CAR"),
        ("CAR", "Protein L"),
        ("CD3", "CD3e"),
        ("CD8", "CD8a BV650"),
        ("CD62L", "L-Selectin"),
    ],
)
def test_what_files_call_a_marker_becomes_an_alias(marker, label):
    """The one channel that fits is entered under [markers]."""
    assert of(marker, ("PE-A", label)) == Carried(marker, f"{label} (PE-A)", alias=label, optional=marker == "CD8")


@pytest.mark.parametrize("label", ["CD45RO", "CD38", "Carboxyfluorescein", "EMPTY", "CD45"])
def test_what_only_looks_alike_is_no_marker(label):
    """CD45 is not CD45RA, CD38 is not CD3, and CFSE is no CAR."""
    found = carried((*SCATTER, ("PE-A", label)))

    assert [one.marker for one in found if one.channel] == ["FSC-A", "FSC-H"]


def test_two_that_fit_are_candidates():
    """Nobody but the lab knows whether it gates by CD8a or by CD8b."""
    found = of("CD8", ("V1-A", "CD8a"), ("V2-A", "CD8b"))

    assert found == Carried("CD8", candidates=("CD8a (V1-A)", "CD8b (V2-A)"), optional=True)


def test_two_channels_of_one_name_are_candidates():
    """A label copied down by mistake."""
    assert of("CD3", ("V1-A", "CD3"), ("V2-A", "CD3")).candidates == ("CD3 (V1-A)", "CD3 (V2-A)")


def test_a_width_is_no_height():
    """FSC-H by the name of its detector alone would be found in FSC-W."""
    found = {one.marker: one for one in carried((("FSC-A", ""), ("FSC-W", "")))}

    assert found["FSC-A"].channel == "FSC-A"
    assert found["FSC-H"].channel == ""


def test_beckman_names_of_scatter():
    """Navios: FS INT and FS PEAK."""
    found = {one.marker: one.alias for one in carried((("FS INT LIN", ""), ("FS PEAK LIN", "")))}

    assert (found["FSC-A"], found["FSC-H"]) == ("FS INT LIN", "FS PEAK LIN")


@pytest.mark.parametrize(
    ("words", "marker"),
    [
        (("cd62l",), "CD62L"),
        (("bv421",), "CD62L"),
        (("pe",), "CAR"),
        (("pe", "cy7"), "CD4"),
        (("apc", "cy7"), "Viability"),
        (("cd45", "ra"), "CD45RA"),
    ],
)
def test_a_control_is_named_by_marker_or_dye(tube, words, marker):
    """``FMO PE-Cy7`` leaves out what is on that detector, not what is on PE."""
    assert named_markers(words, vocabularies([tube("a.fcs")])[0]) == {marker}


@pytest.mark.parametrize("words", [("pe", "fire", "700"), ("apc", "fire", "750"), ("car", "t")])
def test_a_part_of_another_name_is_no_marker(tube, words):
    """PE Fire 700 is not PE; CAR-T is what all tubes are."""
    assert named_markers(words, vocabularies([tube("a.fcs")])[0]) == frozenset()


def test_a_label_that_a_control_lacks_is_taken_from_the_others(tube):
    """Single stains are often acquired with nothing but detectors named."""
    bare = (("FITC-A", ""), ("PE-A", ""))

    meanings = vocabularies([tube("P01.fcs"), tube("FITC.fcs", panel=bare)])[1]

    assert (meanings["fitc"], meanings["cd3"]) == ("CD3", "CD3")


def test_labels_that_panels_disagree_on_are_not_taken(tube):
    """Two panels, two stains on one detector."""
    panels = [(("PE-A", "CAR"),), (("PE-A", "CD19"),), (("PE-A", ""),)]

    meanings = vocabularies([tube(f"{i}.fcs", panel=panel) for i, panel in enumerate(panels)])[2]

    assert meanings["pe"] == "PE-A"
