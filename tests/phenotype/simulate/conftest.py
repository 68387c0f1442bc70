"""One small synthetic study, with every defect, that the tests of the simulator look into."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from gating import Sample, read_fcs
from phenotype.simulate import simulate_study

PATIENTS, EVENTS, CONTROL_EVENTS, SEED = 24, 3_000, 800, 1


@dataclass(frozen=True)
class SyntheticStudy:
    """A written study, and how to look at it."""

    folder: Path

    def table(self, name: str) -> pd.DataFrame:
        """Read a table; of the truth if its name says so."""
        place = self.folder / "truth" if name.startswith("truth_") else self.folder
        return pd.read_csv(place / f"{name}.csv", dtype={"patient_id": str})

    def files(self, defect: str) -> list[str]:
        """Return the files with a defect; ``""`` for products with none."""
        rows = self.table("truth_samples").query("role == 'product'")
        return list(rows.loc[rows["defects"].fillna("") == defect, "file"])

    def read(self, file: str) -> Sample:
        """Read one FCS file."""
        return read_fcs(self.folder / file)

    def labels(self, file: str) -> dict[str, NDArray[np.generic]]:
        """Read what each event of a file is."""
        with np.load(self.folder / "truth" / "labels" / f"{Path(file).stem}.npz") as arrays:
            return dict(arrays)


@pytest.fixture(scope="session")
def synthetic_study(tmp_path_factory: pytest.TempPathFactory) -> SyntheticStudy:
    """Write the study once; nobody changes it."""
    folder = tmp_path_factory.mktemp("synthetic") / "study"
    simulate_study(folder, patients=PATIENTS, events=EVENTS, control_events=CONTROL_EVENTS, seed=SEED, labels=True)
    return SyntheticStudy(folder)
