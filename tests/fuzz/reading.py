"""What must hold of any bytes whatever, given to the FCS reader as a file."""

import resource
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np

from gating import REPAIRS, FCSFile, FCSMetadata, GatingError, Sample, file_spillover, open_fcs, read_fcs_datasets
from gating.fcs import RULES

__all__ = ["MOST_BYTES", "MOST_SECONDS", "check_reading"]

MOST_SECONDS = 1.0
MOST_BYTES = 200 * 1024 * 1024


def check_reading(path: Path) -> None:
    """Read a file in every way; only a ``GatingError`` may come out, within a second and 200 MB.

    What is read must hold together: metadata and sample, the whole, its blocks and one channel, values that are finite.
    """
    started, before = time.perf_counter(), _most_bytes()
    for dataset in _datasets(path):
        for repairs in (REPAIRS, frozenset(RULES)):
            if _check_dataset(path, dataset, repairs):
                break
    seconds, grown = time.perf_counter() - started, _most_bytes() - before
    assert seconds < MOST_SECONDS, f"took {seconds:.2f} s"
    assert grown < MOST_BYTES, f"took {grown / 2**20:.0f} MB"


def _datasets(path: Path) -> tuple[int | None, ...]:
    """Return what to ask for: the file, and where it may be more than one dataset, the first few by number."""
    try:
        found = read_fcs_datasets(path)
    except GatingError:
        return (None, 1, 2) if path.read_bytes().count(b"FCS") > 1 else (None,)
    return (None,) if len(found) == 1 else (None, *(each.dataset for each in found[:4]))


def _check_dataset(path: Path, dataset: int | None, repairs: Collection[str]) -> bool:
    """Read one dataset, as ``read_fcs`` and ``read_fcs_metadata`` do; return whether it can be read."""
    try:
        with open_fcs(path, dataset=dataset, repairs=repairs) as file:
            sample = file.read()
            _check_sample(sample, file.metadata)
            _check_parts(file, sample)
            _check_spillover(sample)
    except GatingError:
        return False
    return True


def _check_sample(sample: Sample, metadata: FCSMetadata) -> None:
    """Metadata promise what the sample then is."""
    left_out = metadata.n_events - len(sample)
    assert 0 <= left_out <= 0.01 * metadata.n_events
    assert sample.warnings[: len(metadata.warnings)] == metadata.warnings
    assert [channel.name for channel in sample.channels] == [channel.name for channel in metadata.channels]
    assert np.isfinite(sample.events).all()
    assert np.isfinite([channel.range for channel in sample.channels]).all()


def _check_parts(file: FCSFile, sample: Sample) -> None:
    """Join blocks, which must be the whole but for events left out of it; read one channel, as it is in the whole."""
    blocks = [block.copy() for block in file.blocks()]
    last = file.read([sample.channels[-1].name])
    events = np.concatenate([np.empty((0, len(sample.channels))), *blocks])
    assert np.array_equal(events[np.isfinite(events).all(axis=1)], sample.events)
    assert np.array_equal(last.events[:, 0], sample.events[:, -1])


def _check_spillover(sample: Sample) -> None:
    """Read the matrix of a file: one of its channels, or none, or an error."""
    try:
        spillover = file_spillover(sample)
    except GatingError:
        return
    if spillover is not None:
        assert set(spillover.channels) <= {channel.name for channel in sample.channels}
        assert np.isfinite(spillover.matrix).all()


def _most_bytes() -> int:
    """Return the most memory this process has had so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
