"""What is printed: what was found, and what is to be decided."""

from pathlib import Path

from phenotype.survey import Folder, Tube, propose, survey_lines


def test_what_a_folder_holds_is_told(tube):
    """Roles, panels, markers, batches, patients, and what was left aside."""
    bare = (("FSC-A", ""), ("FSC-H", ""), ("BV421-A", "CD62L"), ("BV510-A", "CD45RA"), ("FITC-A", "CD3"))
    tubes = (tube("P01.fcs"), tube("P02.fcs"), tube("FMO CAR.fcs", panel=bare), Tube("copy.fcs", twin="P01.fcs"))
    folder = Folder(Path("study"), tubes, ("bad.fcs: empty file",), {".jpg": 2, "hidden files": 1})

    lines = survey_lines(propose(folder))

    assert lines[:4] == [
        "4 FCS files: 1 to decide, 1 fmo, 2 product",
        "not readable: bad.fcs: empty file",
        "ignored 3 other files: 2 .jpg, 1 hidden files",
        "same bytes: copy.fcs and P01.fcs",
    ]
    assert "3 panels, in column 'panel' of samples.csv:" in lines
    assert "  2: 1 file (1 fmo): no APC-A (CD8); no APC-Cy7-A (Viability); no PE-A (CAR); no PE-Cy7-A (CD4)" in lines
    assert "CAR: CAR (PE-A)" in lines
    assert "B1: 2024-03-01, LSR, 3 files" in lines
    assert "2 patients: P01, P02" in lines
    assert "1 row of samples.csv with a '?' for you to decide: the column 'unsure' says why" in lines


def test_markers_that_are_not_there_are_told(look, tube):
    """One that the tree needs is a question, one that it does without is not."""
    lines = survey_lines(look(tube("P01.fcs", panel=(("FITC-A", "CD3e"), ("APC-A", "CD45RA")))))

    assert "CAR: ? no channel carries it; decide under [markers] in study.toml" in lines
    assert "CD3: CD3e (FITC-A) (entered under [markers])" in lines
    assert "CD4: not in the panel; the tree does without" in lines


def test_long_lists_are_cut(look):
    """Ten thousand patients do not fit a screen; they are in the sheets."""
    lines = survey_lines(look(*(f"P{i:03d}.fcs" for i in range(100))))

    assert next(line for line in lines if "patients" in line).endswith("P019 and 80 more")
    assert all(len(line) <= 1004 for line in lines)
