"""How often a sample is called an outlier of its batch: in clean simulated cohorts, and when it is measured otherwise.

    python benchmarks/drift.py [STUDIES]

Each study has 40 products in batches of ten, gated by the default template without controls. In turn the first product
of each batch has its CD62L and CD45RA brighter by 0.1, 0.2 or 0.3 decades, on all cells, as by another voltage.
"""

import sys
from dataclasses import replace

import numpy as np

from gating import compensate, file_spillover, gate_sample, parse_template
from phenotype.drift import check_outliers
from phenotype.frequencies import SampleKey, threshold_rows
from phenotype.simulate.plan import make_sample, plan_study
from phenotype.simulate.settings import DEFAULTS, HARDER

SHIFTED = ("CD62L", "CD45RA")
TREE = parse_template(
    "population,parent,channels,method,arguments\nCells,root,FSC-A,debris,\nSinglets,Cells,FSC-A|FSC-H,singlets,\n"
    "Live,Singlets,Viability,valley,side=below\nT cells,Live,CD3,valley,\nCAR+,T cells,CAR,valley,\n"
    "naive,T cells,CD62L|CD45RA,quadrant,quadrant=++\n"
)


def rows_of(plan, shift: float):
    """Return the rows of thresholds.csv of a study whose first product of each batch is brighter."""
    rows = []
    for tube in (tube for tube in plan.tubes if tube.role == "product"):
        odd = plan
        if shift and tube.position == 0:
            instrument = plan.instruments[tube.batch]
            for marker in SHIFTED:
                instrument = instrument.brighter(marker, 10**shift)
            odd = replace(
                plan, instruments=(*plan.instruments[: tube.batch], instrument, *plan.instruments[tube.batch + 1 :])
            )
        sample = make_sample(tube, odd)[0]
        gated = gate_sample(compensate(sample, file_spillover(sample)), TREE)
        rows += threshold_rows(SampleKey(tube.file, tube.patient_id, tube.file, tube.batch_name), gated)
    return rows


def main() -> None:
    """Print a row for each kind of study and shift: samples called, of those that are odd and of those that are not."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for name, settings in (("plain", DEFAULTS), ("harder", HARDER)):
        for events in (3000, 20_000):
            for shift in (0.0, 0.1, 0.2, 0.3):
                called = {True: [], False: []}
                for seed in range(100, 100 + studies):
                    plan = plan_study(
                        patients=40, events=events, control_events=100, seed=seed, settings=settings, defects=False
                    )
                    found = {finding.sample_id for finding in check_outliers(rows_of(plan, shift))}
                    for tube in (tube for tube in plan.tubes if tube.role == "product"):
                        called[bool(shift) and tube.position == 0].append(tube.file in found)
                detected = f"detected {np.mean(called[True]):6.1%} of {len(called[True])}" if shift else ""
                print(
                    f"{name:7} {events:6} shift {shift:.1f}: false {np.mean(called[False]):6.2%} {detected}", flush=True
                )


if __name__ == "__main__":
    main()
