"""One file: the columns that are read, and what they are compensated with."""

from dataclasses import replace

import numpy as np
import pytest

from gating import Channel, Sample, parse_spillover, parse_template, read_fcs, read_fcs_metadata, write_fcs
from phenotype.frequencies import SampleKey
from phenotype.pipeline.work import (
    ControlTask,
    GateTask,
    Recipe,
    gate_control,
    gate_file,
    needed_channels,
    prepare,
    read_needed,
)

TEMPLATE = """population,parent,channels,method,arguments
Cells,root,FSC-A,range,minimum=1
T cells,Cells,CD3,range,minimum=1
CD4+ T,T cells,CD4,range,minimum=1; optional=yes
"""
NAMES = {"Time": "", "FSC-A": "", "SSC-A": "", "B1-A": "CD3", "B2-A": "CD8", "B3-A": "CD4", "B4-A": "dump"}
SPILLOVER = "2,B1-A,B2-A,1,0.1,0.2,1"


def recipe(compensation="file", template=TEMPLATE, **aliases):
    """Return a recipe of this template."""
    return Recipe(parse_template(template), compensation, aliases, {}, {})


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file with these channels and returns its path."""

    def make(names=NAMES, **keywords):
        rng = np.random.default_rng(1)
        channels = tuple(Channel(name, marker) for name, marker in names.items())
        events = rng.uniform(1, 1000, (50, len(channels))).astype(np.float32)
        dollar = {f"${word}": text for word, text in keywords.items()}
        write_fcs(tmp_path / "a.fcs", Sample("a.fcs", channels, events.astype(float), dollar))
        return tmp_path / "a.fcs"

    return make


def test_what_gates_matrix_and_time_need_is_read(write):
    """Two columns of seven are of no use here."""
    path = write(SPILLOVER=SPILLOVER)

    assert needed_channels(read_fcs_metadata(path), recipe()) == ["Time", "FSC-A", "B1-A", "B2-A", "B3-A"]
    assert needed_channels(read_fcs_metadata(path), recipe("none")) == ["Time", "FSC-A", "B1-A", "B3-A"]


def test_fewer_columns_are_compensated_like_all(write):
    """Every channel that spills into one that is looked at is read."""
    path = write(SPILLOVER=SPILLOVER)
    few, metadata = read_needed(path, "a.fcs", None, recipe())
    every = prepare(read_fcs(path), "file")

    for name in ("B1-A", "B3-A", "FSC-A"):
        np.testing.assert_array_equal(
            prepare(few, "file", metadata).events[:, few.index(name)], every.events[:, every.index(name)]
        )


def test_a_matrix_that_counts_channels_counts_those_of_the_file(write):
    """Navios names channels by number: among fewer columns, 4 would be another channel."""
    path = write(SPILLOVER="2,4,5,1,0.1,0.2,1")
    few, metadata = read_needed(path, "a.fcs", None, recipe())
    every = prepare(read_fcs(path), "file")

    assert [channel.name for channel in few.channels] == ["Time", "FSC-A", "B1-A", "B2-A", "B3-A"]
    np.testing.assert_array_equal(
        prepare(few, "file", metadata).events[:, few.index("B1-A")], every.events[:, every.index("B1-A")]
    )


def test_a_matrix_of_the_study_is_read_for_too(write):
    """It may name channels that no gate does."""
    matrix = parse_spillover("2,B1-A,B4-A,1,0.1,0.2,1", "matrix.csv")

    assert "B4-A" in needed_channels(read_fcs_metadata(write()), recipe(matrix))


def test_a_matrix_of_the_study_counts_though_the_file_has_its_own(write):
    """Someone named it because the file's is wrong."""
    sample = read_fcs(write(SPILLOVER=SPILLOVER))
    b1, b4 = (sample.events[:, sample.index(name)] for name in ("B1-A", "B4-A"))
    matrix = parse_spillover("2,B1-A,B4-A,1,0.1,0,1", "matrix.csv")

    found = prepare(sample, matrix)

    np.testing.assert_allclose(found.events[:, sample.index("B4-A")], b4 - 0.1 * b1, rtol=1e-12)
    np.testing.assert_array_equal(found.events[:, sample.index("B2-A")], sample.events[:, sample.index("B2-A")])


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE.replace("CD3", "CD3e"),
        TEMPLATE.replace("CD4,range", "CD45RO,range"),
        TEMPLATE.replace("CD4,range", "B,range"),
    ],
)
def test_all_is_read_where_a_marker_is_not_found_for_sure(write, template):
    """The message then lists all channels; and an optional marker with two candidates does not lose one of them."""
    names = {**NAMES, "B5-A": "B", "B6-A": "B"}

    assert needed_channels(read_fcs_metadata(write(names, SPILLOVER=SPILLOVER)), recipe(template=template)) is None


def test_a_control_is_compensated_like_a_sample(write):
    """CD3 that CD8 cells spill into the CD3 detector would push the threshold up, for samples that have none of it."""
    path = write(SPILLOVER=SPILLOVER)
    sample = read_fcs(path)
    b1, b2 = (sample.events[:, sample.index(name)] for name in ("B1-A", "B2-A"))

    found = gate_control(ControlTask("a.fcs", path, None, recipe(), (("Cells", "CD3"),)))

    # B1 = x + 0.2 y and B2 = 0.1 x + y, solved for x.
    np.testing.assert_allclose(found["Cells", "CD3"].values, (b1 - 0.2 * b2) / (1 - 0.1 * 0.2), rtol=1e-12)


def test_few_events_are_named_by_the_parent_of_the_subsets(write):
    """Without a CAR the subsets are of T cells, and a finding that says CAR+ would name cells that no one stained."""
    divided = replace(recipe("none"), subsets={"naive": "CD4+ T"})

    found = gate_file(GateTask(SampleKey("a", "p1", "a.fcs"), write(), None, divided, {}))

    (few,) = [row["message"] for row in found.quality if row["check"] == "few_events"]
    assert few == "50 events in T cells; below 500 a fraction is imprecise: see its interval"
