"""Which files can be used: panels that disagree within a batch."""

from pathlib import Path

import pytest

from gating import Channel, FCSMetadata, parse_template
from phenotype.pipeline.files import panel_failures
from phenotype.pipeline.work import Recipe
from phenotype.samples import SampleRow

TEMPLATE = parse_template("population,parent,channels,method,arguments\nT cells,root,CD3,valley,\n")
RECIPE = Recipe(TEMPLATE, "none", {}, {}, {})


def refused(*tubes: tuple[str, str]) -> list[str]:
    """Return the files refused of tubes, each the detector of its CD3 and its batch."""
    rows, metadata = [], {}
    for number, (detector, batch) in enumerate(tubes, start=1):
        name = f"s{number}"
        rows.append(SampleRow(name, name, Path(name), f"P{number}", "product", batch=batch))
        channels = tuple(Channel(each, "CD3" if each == detector else "") for each in ("X-A", "Y-A"))
        metadata[name] = FCSMetadata(name, "FCS3.1", {}, channels, 10)
    return [failure["file"] for failure in panel_failures(metadata, rows, RECIPE)]


@pytest.mark.parametrize(
    ("detectors", "files"),
    [("XXX", []), ("XXY", ["s3"]), ("XXXYY", ["s4", "s5"]), ("XXYY", ["s1", "s2", "s3", "s4"]), ("XY", ["s1", "s2"])],
)
def test_a_file_must_agree_with_half_of_the_others_of_its_batch(detectors, files):
    """Where two panels are equally frequent, which is the right one only a person can say."""
    assert refused(*((f"{letter}-A", "B1") for letter in detectors)) == files


def test_another_batch_may_have_another_panel():
    """It was stained on another day, perhaps with other dyes."""
    assert refused(("X-A", "B1"), ("X-A", "B1"), ("X-A", "B1"), ("Y-A", "B2")) == []
