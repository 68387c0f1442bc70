"""What the program says of two human T-cell files whose CD45RA has no valley and no control.

    python benchmarks/omip021.py ../shared/data/omip021_human_tcell FOLDER

Two studies in FOLDER, through ``phenotype run``: the default template with CCR7, and with CD27, in place of CD62L.
"""

import sys
from pathlib import Path

from real_study import run_and_show, write_study

MARKERS = {"Viability": "L/D Aqua - Viability", "CD8": "BV650 - CD8a"}


def main(source: Path, folder: Path) -> None:
    """Run and print both studies."""
    for other in ("CCR7", "CD27"):
        study = write_study(
            folder / other,
            source.glob("*.fcs"),
            name=f"OMIP-021, {other}",
            compensation="file",
            markers=MARKERS,
            alternatives={"CD62L": other},
        )
        run_and_show(f"{other} for CD62L", study)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
