"""What the program says of two human T-cell files whose CD45RA has no valley and no control.

    python benchmarks/omip021.py ../shared/data/omip021_human_tcell FOLDER

Copies the files into FOLDER with a study around them, CCR7 in place of CD62L and no CAR, runs it, and prints the
populations and what the analyst reads of their thresholds.
"""

import csv
import shutil
import sys
from pathlib import Path

from phenotype.pipeline import run_study

TEMPLATE = """population,parent,channels,method,arguments
Cells,root,FSC-A,debris,
Singlets,Cells,FSC-A|FSC-H,singlets,
Live,Singlets,Viability,valley,side=below
T cells,Live,CD3,valley,
CD4+ T,T cells,CD4|CD8,quadrant,quadrant=+-
CD8+ T,T cells,CD4|CD8,quadrant,quadrant=-+
naive,T cells,CCR7|CD45RA,quadrant,quadrant=++
central_memory,T cells,CCR7|CD45RA,quadrant,quadrant=+-
effector_memory,T cells,CCR7|CD45RA,quadrant,quadrant=--
effector,T cells,CCR7|CD45RA,quadrant,quadrant=-+
"""
STUDY = """[study]
name = "OMIP-021, two donors"
samples = "samples.csv"
clinical = "clinical.csv"
template = "gating.csv"
[compensation]
source = "file"
[markers]
Viability = "L/D Aqua - Viability"
CD8 = "BV650 - CD8a"
"""


def prepare(source: Path, folder: Path) -> Path:
    """Write a study around copies of the files; return its study.toml."""
    folder.mkdir(parents=True, exist_ok=True)
    donors = sorted(source.glob("*.fcs"))
    for path in donors:
        shutil.copy(path, folder)
    rows = [f"{path.name},{path.stem},product,0,B1," for path in donors]
    (folder / "samples.csv").write_text("\n".join(["file,patient_id,role,day,batch,marker", *rows]) + "\n")
    patients = [f"{path.stem},2020-01-01,0" for path in donors]
    (folder / "clinical.csv").write_text("\n".join(["patient_id,infusion_date,prior_asct", *patients]) + "\n")
    (folder / "gating.csv").write_text(TEMPLATE)
    (folder / "study.toml").write_text(STUDY)
    return folder / "study.toml"


def main(source: Path, folder: Path) -> None:
    """Run and print."""
    summary = run_study(prepare(source, folder))
    print(f"status {summary.status}; {summary.gated} gated; failures: {list(summary.failures)}")
    for row in summary.review:
        print(f"{row['sample_id']}: {row['marker']} {row['population']} {row['status']}: {row['reason']}")
    with (summary.folder / "populations.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            print(f"{row['sample_id']:<8}{row['population']:<18}{row['count'] or 'refused':>10}  {row['flags']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
