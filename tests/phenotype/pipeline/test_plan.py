"""What a run will do: faults between sheets and files, which none of them shows alone."""

import shutil
from dataclasses import replace

import pytest

from gating import read_fcs, write_fcs
from phenotype.errors import StudyError
from phenotype.frequencies import CountLimits
from phenotype.pipeline.plan import make_plan


def faults(path) -> tuple[str, ...]:
    """Return the faults that stop a study."""
    with pytest.raises(StudyError) as caught:
        make_plan(path)
    return caught.value.faults


def add(path, text: str) -> None:
    """Add a text at the end of a file."""
    path.write_text(path.read_text() + text)


def test_two_subsets_of_one_population_are_refused(study):
    """The same cells would be reported under two names."""
    add(study, '[subsets]\nnaive = "effector"\n')

    assert faults(study) == (
        "study.toml: [subsets] naive and effector are both 'effector'; each is a population of its own",
    )


def test_a_control_subset_that_is_typed_must_exist(study):
    """A default may be absent from the template; a name someone typed and misspelt would vanish from the report."""
    add(study, '[control_subsets]\nnaive = "CAR- naiv"\n')

    (fault,) = faults(study)
    assert fault.startswith(
        "study.toml: [control_subsets] naive: no population 'CAR- naiv'; did you mean 'CAR- naive'?"
    )


def test_subsets_divided_otherwise_than_defined_are_refused(study, change):
    """Also among CAR- cells: the control figure would compare naive cells with effectors."""
    change(study.parent / "gating.csv", "naive,CAR+ T,CD62L|CD45RA", "naive,CAR+ T,CD27|CD45RA")
    change(study.parent / "gating.csv", "CAR- naive,CAR- T,CD62L|CD45RA", "CAR- naive,CAR- T,CD27|CD45RA")

    found = "the four subsets are quadrants of CD27|CD45RA and of CD45RA|CD62L; they divide one pair of channels"
    assert faults(study) == (f"gating.csv: {found}", f"gating.csv: among CAR- cells {found}")


def test_a_marker_that_no_gate_looks_at_is_refused(study):
    """A misspelt key under [markers] would be ignored, and the files' own name used instead."""
    add(study, '[markers]\nCAAR = ["BCMA-Fc"]\n')

    (fault,) = faults(study)
    assert fault.startswith("study.toml: [markers], for gating.csv: no channel 'CAAR'; did you mean 'CAR'?")


def test_the_limits_of_the_study_are_those_of_the_gating(study):
    """Four numbers of one kind, one behind the other: two of them exchanged would flag the wrong samples."""
    add(
        study,
        "[quality]\nnot_detected_below = 1\nnot_quantified_below = 2\nmin_parent_events = 3\nmin_subset_events = 4\n"
        "min_viability = 0.5\nmax_saturated = 0.6\n",
    )

    recipe = make_plan(study).recipe

    assert recipe.limits == CountLimits(
        not_detected_below=1, not_quantified_below=2, min_parent_events=3, min_subset_events=4
    )
    assert (recipe.min_viability, recipe.max_saturated) == (0.5, 0.6)


def test_two_rows_of_the_same_bytes_are_both_left_out(study):
    """One patient's cells would count for two; a control may be shared, a product may not be one."""
    fcs = study.parent / "fcs"
    shutil.copy(fcs / "P1.fcs", fcs / "P2.fcs")
    shutil.copy(fcs / "untransduced.fcs", fcs / "untransduced 2.fcs")
    add(study.parent / "samples.csv", "fcs/untransduced 2.fcs,,untransduced,,B1,\n")

    plan = make_plan(study)

    assert [failure["error"] for failure in plan.failures] == [
        "fcs/P1.fcs: has the same bytes as fcs/P2.fcs: one of these rows names the wrong file",
        "fcs/P2.fcs: has the same bytes as fcs/P1.fcs: one of these rows names the wrong file",
    ]
    assert [row.patient_id for row in plan.samples] == ["P3", "P4", "P5", "P6"]


@pytest.mark.parametrize("dataset", ["1", "Tube A"])
def test_one_dataset_under_two_names_is_no_two_samples(study, dataset):
    """By number, by name, or as the only one there is: the events are the same, and would count for two patients."""
    folder = study.parent
    sample = read_fcs(folder / "fcs" / "P1.fcs")
    write_fcs(folder / "fcs" / "P1.fcs", replace(sample, keywords={**sample.keywords, "$SMNO": "Tube A"}))
    (folder / "samples.csv").write_text(
        f"file,patient_id,role,batch,dataset\nfcs/P1.fcs,P1,product,B1,\nfcs/P1.fcs,P2,product,B1,{dataset}\n"
        "fcs/P3.fcs,P3,product,B1,\n"
    )

    plan = make_plan(study)

    assert [failure["file"] for failure in plan.failures] == ["fcs/P1.fcs", f"fcs/P1.fcs#{dataset}"]
    assert [row.patient_id for row in plan.samples] == ["P3"]


def test_a_control_that_cannot_be_read_is_left_out_before_the_run(study):
    """The next step places the threshold then, and the analyst should hear of it before a night of gating."""
    (study.parent / "fcs" / "untransduced.fcs").write_bytes(b"")

    plan = make_plan(study)

    assert plan.controls == {}
    assert [(failure["file"], failure["stage"]) for failure in plan.failures] == [
        ("fcs/untransduced.fcs", "read control")
    ]


def test_a_matrix_that_fits_no_file_stops_before_the_run(study, change):
    """Every file would be read and none gated; the slip of the pen is in one line of the matrix."""
    (study.parent / "matrix.csv").write_text(",BV421-A,PEE-A\nBV421-A,1,0.1\nPEE-A,0.1,1\n")
    change(study, 'source = "file"', 'source = "matrix.csv"')

    (fault,) = faults(study)

    assert fault.startswith("fcs/P1.fcs and 5 other files: matrix.csv: no channel 'PEE-A' (did you mean 'PE-A'?)")


def test_what_cannot_be_compensated_is_known_before_the_run(study, tube):
    """Samples and controls alike."""
    tube(study.parent / "fcs" / "P4.fcs", 4, spillover="")
    tube(study.parent / "fcs" / "untransduced.fcs", 99, car=0.0, spillover="")

    plan = make_plan(study)

    assert [(failure["file"], failure["stage"]) for failure in plan.failures] == [
        ("fcs/P4.fcs", "compensate"),
        ("fcs/untransduced.fcs", "compensate control"),
    ]


def test_a_missing_file_under_another_name_is_pointed_at(study):
    """Most files that are not there were renamed."""
    fcs = study.parent / "fcs"
    (fcs / "P2.fcs").rename(fcs / "P02.fcs")

    (failure,) = make_plan(study).failures

    assert failure["error"] == "fcs/P2.fcs: no such file; did you mean 'fcs/P02.fcs'?"


def test_controls_that_serve_no_sample_are_noted(study):
    """A batch or a marker that is misspelt leaves the control unused, and the threshold to something else."""
    for name in ("FMO", "unstained"):
        shutil.copy(study.parent / "fcs" / "untransduced.fcs", study.parent / "fcs" / f"{name}.fcs")
    add(study.parent / "samples.csv", "fcs/FMO.fcs,,fmo,,B1,CD62\nfcs/unstained.fcs,,unstained,,b1,\n")

    assert make_plan(study).notes[:2] == (
        "fcs/FMO.fcs: no gate looks at fmo for 'CD62'; is the marker spelt as in the template?",
        "fcs/unstained.fcs: no sample of batch b1 can use it; is the batch spelt as theirs?",
    )


def test_a_fault_of_all_files_is_one_line(study, change):
    """A misspelt channel of the template is one mistake."""
    change(study.parent / "gating.csv", "T cells,Live,CD3,", "T cells,Live,CD33,")

    (fault,) = faults(study)
    assert fault.startswith(
        "fcs/P1.fcs and 5 other files: no channel or marker 'CD33'; did you mean 'CD3'? Known: Time,"
    )


def test_a_chain_that_asks_a_person_needs_one(study, change):
    """Each sample would be refused by that step, and the study would look as if the cells were at fault."""
    change(study.parent / "gating.csv", "quadrant=++;", "quadrant=++; x=reference > valley;")

    (fault,) = faults(study)
    assert fault.startswith(
        "gating.csv: naive (CD4+ T), naive (not CD4+ T) asks for a reference, and study.toml has none"
    )


def test_another_marker_stands_for_one_in_every_row(study, change):
    """The plan's template is what will be gated; its notes say so, and the sheets need not be written anew."""
    change(study, "[compensation]", '[alternatives]\nCD45RA = "-FSC-A"\n\n[compensation]')
    change(study.parent / "gating.csv", "In range,root,FSC-A|FSC-H,margins,", "In range,root,SSC-A,margins,")
    change(study.parent / "gating.csv", "Cells,In range,FSC-A,debris,", "Cells,In range,SSC-A,range,minimum=1")
    change(study.parent / "gating.csv", "Singlets,Cells,FSC-A|FSC-H,singlets,", "Singlets,Cells,FSC-H,range,minimum=1")

    plan = make_plan(study)

    assert plan.recipe.template.row("naive").signs == {"CD62L": "+", "FSC-A": "-"}
    assert "FSC-A- stands for CD45RA+" in plan.notes


def test_a_marker_that_is_not_stained_cannot_stand_for_another(study, change):
    """All files lack it: nothing can be gated, and the first message says which channel is missing."""
    change(study, "[compensation]", '[alternatives]\nCD62L = "CCR7"\n\n[compensation]')

    (fault,) = faults(study)
    assert fault.startswith("fcs/P1.fcs and 5 other files: no channel or marker 'CCR7'")


def test_faults_of_alternatives_are_said_with_the_others(study, change):
    """A misspelt marker, and one that the template gates on already."""
    change(study, "[compensation]", '[alternatives]\nCD26L = "CCR7"\nCD62L = "CD3"\n\n[compensation]')

    found = faults(study)
    assert found[0].startswith("study.toml: [alternatives] gating.csv: CCR7 for CD26L: no channel 'CD26L'")
    assert found[1] == "study.toml: [alternatives] gating.csv: CD3 for CD62L: CD3 is gated on already, by 'T cells'"
