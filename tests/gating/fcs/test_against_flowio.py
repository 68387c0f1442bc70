"""Another reader's opinion: FlowIO 1.4.0, where it is right.

We differ on purpose, and are tested elsewhere, where FlowIO applies $PnE to floating point, divides logarithmic
channels by $PnG, multiplies Time by $TIMESTEP, masks integers of one width with $PnR - 1 whether or not that is a
power of two, does not undo doubled delimiters, and accepts files whose $TOT is not what DATA holds.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gating.fcs import read_fcs, read_fcs_metadata, write_fcs
from gating.sample import Channel, Sample

flowio = pytest.importorskip("flowio")

REAL = (
    ("mouse_activation", "*.fcs", 12),
    ("omip021_human_tcell", "*.fcs", 2),
    ("luciernaga_spectral_tcell", "*.fcs", 5),
    ("flowcore_compdata/data", "*", 5),
    ("gatingml2", "*.fcs", 5),
)
"""Folders of real files: what is in each that FlowIO can be asked about."""


def theirs(path: Path) -> Any:
    """Read with FlowIO, which warns of what we correct."""
    return flowio.FlowData(str(path), ignore_offset_error=True, ignore_offset_discrepancy=True)


@pytest.mark.filterwarnings("ignore:FCS file .* reported incorrect data offset")
@pytest.mark.parametrize(("folder", "pattern", "count"), REAL)
def test_real_files_are_read_alike(shared, folder, pattern, count):
    """FACSCalibur, LSR II, Fortessa, Aria and Aurora, integers and floating point: equal to the last bit."""
    paths = sorted(path for path in (shared / "data" / folder).rglob(pattern) if path.parent.name != "noncompliant")
    if not paths:
        pytest.skip(f"needs shared/data/{folder}: real files are not committed")

    for path in paths:
        ours, other = read_fcs(path), theirs(path)
        measured = [i for i, channel in enumerate(ours.channels) if channel.kind != "time"]
        assert [channel.name for channel in ours.channels] == other.pnn_labels, path.name
        assert [channel.marker for channel in ours.channels] == [label.strip() for label in other.pns_labels], path.name
        assert np.array_equal(ours.events[:, measured], other.as_array()[:, measured]), path.name
        assert read_fcs_metadata(path).n_events == len(ours)
    assert len(paths) >= count


def test_time_is_in_ticks(shared):
    """FlowIO multiplies by $TIMESTEP; what is stored is what we return, and $TIMESTEP is a keyword."""
    path = shared / "data" / "mouse_activation" / "Activation_1.fcs"
    if not path.exists():
        pytest.skip("needs shared/data/mouse_activation: real files are not committed")
    ours, other = read_fcs(path), theirs(path)
    time = other.time_index

    assert np.array_equal(ours.events[:, time], other.as_array(preprocess=False)[:, time])
    assert ours.keywords["$TIMESTEP"] == "0.01"


def test_offsets_that_contradict_each_other_are_recorded(shared):
    """The two files that FlowIO refuses unless told otherwise: $TOT settles which offsets are right."""
    folder = shared / "data" / "gatingml2" / "noncompliant"
    paths = sorted(folder.glob("*.fcs"))
    if not paths:
        pytest.skip("needs shared/data/gatingml2: real files are not committed")

    for path in paths:
        with pytest.raises(flowio.exceptions.DataOffsetDiscrepancyError):
            flowio.FlowData(str(path))
        ours, stored = read_fcs(path), theirs(path).as_array(preprocess=False)
        amplified = [ours.keywords[f"$P{i + 1}E"] for i in range(len(ours.channels))]
        linear = [i for i, c in enumerate(ours.channels) if amplified[i] == "0,0" and c.kind != "time"]
        gains = [float(ours.keywords.get(f"$P{i + 1}G", "1")) for i in linear]
        assert np.array_equal(ours.events[:, linear], stored[:, linear] / gains)
        (warning,) = [w for w in ours.warnings if "puts DATA" in w]
        assert "that of TEXT is used, which has the size $TOT 2 x 54 bytes = 108 bytes" in warning


@pytest.mark.parametrize("version", ["2.0", "3.0", "3.1"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"datatype": "D"},
        {"datatype": "I", "bits": 16},
        {"datatype": "I", "bits": 32, "log_channels": ["PE-A"]},
        {"datatype": "I", "bits": 16, "log_channels": ["PE-A"], "log_steps": 1024},
    ],
)
def test_what_we_write_others_read(tmp_path, version, byte_order, options):
    """A file that only its writer can read is no exchange format."""
    channels = (Channel("FSC-A", "", 65536.0), Channel("PE-A", "CD3 | CAR", 10_000.0))
    events = np.random.default_rng(1).uniform(1, 9_000, (50, 2)).astype(np.float32)
    sample = Sample("pt01", channels, events.astype(np.float64), {"$CYT": "LSR II"})

    write_fcs(tmp_path / "x.fcs", sample, version=version, byte_order=byte_order, **options)
    other = theirs(tmp_path / "x.fcs")

    assert np.array_equal(other.as_array(), read_fcs(tmp_path / "x.fcs").events)
    assert (other.pnn_labels, other.text["cyt"], other.version) == (["FSC-A", "PE-A"], "LSR II", version)


def test_what_they_write_we_read(tmp_path):
    """FlowIO's writer is behind FlowKit's exports."""
    events = np.random.default_rng(1).normal(100, 50, (50, 2)).astype(np.float32)
    with (tmp_path / "x.fcs").open("wb") as file:
        flowio.create_fcs(file, events.flatten().tolist(), ["FSC-A", "PE-A"], ["", "CD3"])

    sample = read_fcs(tmp_path / "x.fcs")

    assert np.array_equal(sample.events, events.astype(np.float64))
    assert sample.channels[1].marker == "CD3"
