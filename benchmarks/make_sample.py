"""Make the committed sample study anew: SYNTHETIC, 26 patients in three batches, with every defect.

python benchmarks/make_sample.py [FOLDER]
"""

import shutil
import sys
from pathlib import Path

from phenotype.simulate import simulate_study

PATIENTS, EVENTS, CONTROL_EVENTS, SEED = 26, 6_000, 2_500, 20250101


def make(folder: Path) -> None:
    """Write the study into a folder, in place of what was there."""
    for name in ("fcs", "truth"):
        shutil.rmtree(folder / name, ignore_errors=True)
    simulate_study(folder, patients=PATIENTS, events=EVENTS, control_events=CONTROL_EVENTS, seed=SEED)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "sample_fcs")
