"""Tubes in memory, named as labs name theirs, and the study that is proposed for them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gating import Channel, Sample, write_fcs
from phenotype.survey import Folder, Proposal, Survey, Tube, propose

PANEL = (
    ("FSC-A", ""), ("FSC-H", ""), ("BV421-A", "CD62L"), ("BV510-A", "CD45RA"), ("FITC-A", "CD3"), ("PE-A", "CAR"),
    ("PE-Cy7-A", "CD4"), ("APC-A", "CD8"), ("APC-Cy7-A", "Viability"), ("Time", ""),
)  # fmt: skip
Panel = tuple[tuple[str, str], ...]


def a_tube(file: str, keywords: dict[str, str] | None = None, *, panel: Panel = PANEL, dataset: str = "") -> Tube:
    """Make a tube of one day on one cytometer, unless keywords say otherwise."""
    told = {"$DATE": "01-MAR-2024", "$CYT": "LSR"} | (keywords or {})
    channels = tuple(Channel(*names) for names in panel)
    return Tube(file, channels, {name: text for name, text in told.items() if text}, dataset, has_matrix=True)


@pytest.fixture
def tube() -> Callable[..., Tube]:
    """Give the function that makes a tube."""
    return a_tube


@pytest.fixture
def look() -> Callable[..., Survey]:
    """Give a function that proposes a study for tubes, or for files of these names."""

    def survey(*tubes: Tube | str) -> Survey:
        return propose(Folder(Path("study"), tuple(a_tube(t) if isinstance(t, str) else t for t in tubes)))

    return survey


@pytest.fixture
def rows(look) -> Callable[..., dict[str, Proposal]]:
    """Give a function that proposes rows of samples.csv, by file."""

    def proposed(*tubes: Tube | str) -> dict[str, Proposal]:
        return {row.tube.file: row for row in look(*tubes).proposals}

    return proposed


@pytest.fixture
def put() -> Callable[..., Path]:
    """Give a function that writes a file with one event."""

    def write(path: Path, *, panel: Panel = PANEL, event: float = 1.0, **keywords: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        channels = tuple(Channel(*names) for names in panel)
        told = {"$DATE": "01-MAR-2024", "$CYT": "LSR", "$SPILLOVER": "2,FITC-A,PE-A,1,0.1,0,1"} | keywords
        write_fcs(path, Sample("x", channels, np.full((1, len(channels)), event), told))
        return path

    return write
