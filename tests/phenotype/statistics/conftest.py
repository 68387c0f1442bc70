"""R's numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

CASES = Path(__file__).resolve().parents[2] / "golden"


@pytest.fixture
def golden() -> Callable[[str], tuple[pd.DataFrame, dict[str, Any]]]:
    """Give the data of a case and what R answered; ``tests/golden/README.md`` says with which versions."""

    def read(case: str) -> tuple[pd.DataFrame, dict[str, Any]]:
        answer = json.loads((CASES / case / "expected.json").read_text(encoding="utf-8"))
        return pd.read_csv(CASES / case / "input.csv"), answer["expected"]

    return read
