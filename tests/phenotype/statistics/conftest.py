"""R's numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

CASES = Path(__file__).resolve().parents[2] / "golden"
BESIDE = Path(__file__).resolve().parents[4] / "shared" / "golden" / "cases"
"""Cases on data sets of R's packages, whose licences keep them out of the repository."""


def read_case(case: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the data of a case and the whole answer; ``LookupError`` if the case is not on this machine."""
    folder = next((root / case for root in (CASES, BESIDE) if (root / case).is_dir()), None)
    if folder is None:
        raise LookupError(f"{case} is neither in {CASES} nor in {BESIDE}")
    return pd.read_csv(folder / "input.csv"), json.loads((folder / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def golden() -> Callable[[str], tuple[pd.DataFrame, dict[str, Any]]]:
    """Give the data of a case and what R answered; ``tests/golden/README.md`` says with which versions."""

    def read(case: str) -> tuple[pd.DataFrame, dict[str, Any]]:
        try:
            data, answer = read_case(case)
        except LookupError:
            pytest.skip(f"needs the folder `shared` beside the repository: {case} may not be copied")
        return data, answer["expected"]

    return read
