"""What a run will do: faults between sheets, which no sheet shows alone."""

import pytest

from phenotype.errors import StudyError
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
