"""Roles and markers of controls, by names."""

import pytest

from phenotype.survey.markers import vocabularies
from phenotype.survey.roles import common_words, guess_role


def guessed(tube) -> tuple[str, str]:
    """Return role and marker."""
    found = guess_role(tube, vocabularies([tube])[0])
    return found.role.value, found.marker.value


@pytest.mark.parametrize(
    ("name", "role", "marker"),
    [
        ("B1_FMO_CD62L", "fmo", "CD62L"),
        ("Specimen_001_P01 D0_FMO CD62L_003", "fmo", "CD62L"),
        ("A1 Well - P01 FMO CD45RA", "fmo", "CD45RA"),
        ("FMO-PE-Cy7", "fmo", "CD4"),
        ("CAR-T_P01_FMOCD62L", "fmo", "CD62L"),
        ("FMO", "fmo", "?"),
        ("FMO CAR CD3", "fmo", "?"),
        ("product FMO CAR", "fmo", "CAR"),
        ("Unstained", "unstained", ""),
        ("UTD unstained", "unstained", ""),
        ("Compensation Controls_Unstained Control_001", "unstained", ""),
        ("UTD donor 5", "untransduced", ""),
        ("P01 non-transduced", "untransduced", ""),
        ("mock", "untransduced", ""),
        ("Compensation Controls_FITC Stained Control_007", "single_stain", "CD3"),
        ("single_CD8", "single_stain", "CD8"),
        ("SS CD3", "single_stain", "CD3"),
        ("comp beads APC", "single_stain", "CD8"),
        ("single stain", "single_stain", "?"),
        ("P01_product", "product", ""),
    ],
)
def test_roles_as_labs_write_them(tube, name, role, marker):
    """The words of BD FACSDiva, SpectroFlo, and people."""
    assert guessed(tube(f"{name}.fcs")) == (role, marker)


@pytest.mark.parametrize(
    "name",
    ["P01", "export_P01_Single Cells", "export_P01_Single CD3+", "PB_01", "Mueller", "Competence 3", "", "P01_CD3"],
)
def test_other_names_say_no_role(tube, name):
    """``Single Cells`` is a gate that FlowJo exported."""
    assert guessed(tube(f"{name}.fcs")) == ("", "")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unstained beads", "unstained beads"),
        ("isotype PE", "isotype"),
        ("wash", "a wash"),
        ("blank", "unstained cells, or no cells"),
        ("P01_UT", "untransduced, untreated, or a name"),
        ("FMO UTD CAR", "fmo and untransduced"),
        ("FMO unstained", "fmo and unstained"),
        ("P01_comp", "a single stain, of which marker"),
        ("P01 apheresis", "neither product nor control"),
        ("P01 ctrl", "a control of which kind"),
        ("product PB D7", "product and blood"),
    ],
)
def test_what_no_role_or_two_fit_is_left_open_with_the_reason(tube, name, reason):
    """A wrong role would change thresholds in silence; a question costs a minute."""
    found = guess_role(tube(f"{name}.fcs"), vocabularies([tube("a.fcs")])[0])

    assert found.role.value == "?"
    assert reason in found.role.doubt


def test_names_that_contradict_each_other_are_left_open(tube):
    """Somebody renamed the file, or the tube."""
    found = guess_role(tube("FMO CD3.fcs", {"TUBE NAME": "unstained"}), vocabularies([tube("a.fcs")])[0])

    assert found.role.value == "?"
    assert found.role.doubt == "role: file name says fmo, TUBE NAME says unstained"


def test_two_names_of_two_markers_are_left_open(tube):
    """Of an FMO too."""
    found = guess_role(tube("FMO CD3.fcs", {"TUBE NAME": "FMO CD8"}), vocabularies([tube("a.fcs")])[0])

    assert (found.role.value, found.marker.value) == ("fmo", "?")
    assert found.marker.doubt == "marker: which is left out?: CD3 (file name), CD8 (TUBE NAME)"


@pytest.mark.parametrize(
    ("file", "keywords", "role", "marker"),
    [
        ("FMO/CD3.fcs", {}, "fmo", "CD3"),
        ("Reference Group/A1 CD3 FITC (Beads).fcs", {}, "single_stain", "CD3"),
        ("Reference Group/A2 Unstained (Cells).fcs", {}, "unstained", ""),
        ("Tube_004.fcs", {"TUBE NAME": "CD8", "$SRC": "Single Stain Controls"}, "single_stain", "CD8"),
        ("Tube_004.fcs", {"TUBE NAME": "UTD"}, "untransduced", ""),
        ("Tube_004.fcs", {"$SMNO": "unstained"}, "unstained", ""),
        ("UTD/P01 FMO CAR.fcs", {}, "fmo", "CAR"),
    ],
)
def test_folders_and_keywords_say_what_the_file_name_does_not(tube, file, keywords, role, marker):
    """What is said of the tube itself goes before what is said of its group."""
    assert guessed(tube(file, keywords)) == (role, marker)


def test_a_project_s_word_is_no_marker(tube):
    """CAR in the name of every file says nothing of one."""
    tubes = [tube(f"CAR_P0{i}.fcs") for i in range(6)] + [tube("CAR_FMO_CD3.fcs")]

    found = guess_role(tubes[-1], vocabularies(tubes)[-1], common_words(tubes))

    assert found.marker.value == "CD3"
