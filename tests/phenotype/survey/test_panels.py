"""Panels: what differs between files, in words."""

from phenotype.survey.panels import find_panels

PANEL = (("BV421-A", "CD3"), ("PE-A", "CAR"), ("APC-A", "CD8"), ("FITC-A", ""), ("Time", ""))


def test_files_of_one_panel_in_any_order_are_together(tube):
    """The order of channels is the cytometer's; a Time that only some have is no stain."""
    panels = find_panels([tube("a.fcs", panel=PANEL), tube("b.fcs", panel=PANEL[3::-1])])

    assert [panel.members for panel in panels] == [(0, 1)]


def test_the_most_frequent_panel_is_the_first(tube):
    """The others are told by how they differ from it."""
    other = (("BV421-A", "CD3"), ("PE-A", "CD19"), ("FITC-A", ""), ("APC-Cy7-A", "CD4"))

    panels = find_panels([tube("a.fcs", panel=other), tube("b.fcs", panel=PANEL), tube("c.fcs", panel=PANEL)])

    assert [panel.members for panel in panels] == [(1, 2), (0,)]
    assert panels[1].differences == ("PE-A is CD19, not CAR", "no APC-A (CD8)", "also APC-Cy7-A (CD4)")


def test_swapped_labels_are_told(tube):
    """A number from such a file is another marker's until a person has looked."""
    swapped = (("BV421-A", "CAR"), ("PE-A", "CD3"), *PANEL[2:])

    panel = find_panels([tube("a.fcs", panel=PANEL), tube("b.fcs", panel=PANEL), tube("c.fcs", panel=swapped)])[1]

    assert panel.moved == ("CAR is on BV421-A, in panel 1 on PE-A", "CD3 is on PE-A, in panel 1 on BV421-A")


def test_a_panel_of_another_cytometer_is_told_as_a_whole(tube):
    """Thirty differences say less than its markers."""
    other = (("V1-A", "CD3"), ("Y1-A", "CAR"), ("R1-A", ""))

    panel = find_panels([tube("a.fcs", panel=PANEL), tube("b.fcs", panel=PANEL), tube("c.fcs", panel=other)])[1]

    assert panel.differences == ("another panel, with 0 of its 3 channels in panel 1: R1-A, V1-A (CD3), Y1-A (CAR)",)
    assert panel.moved == ()


def test_a_marker_that_repeats_the_detector_is_none(tube):
    """MACSQuant writes the detector into $PnS as well."""
    named = tuple((name, marker or name) for name, marker in PANEL)

    assert len(find_panels([tube("a.fcs", panel=PANEL), tube("b.fcs", panel=named)])) == 1
