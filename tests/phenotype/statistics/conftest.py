"""R's numbers."""

from pathlib import Path

import pytest


@pytest.fixture
def golden() -> Path:
    """Give the folder of cases with R's answers."""
    return Path(__file__).resolve().parents[2] / "golden"
