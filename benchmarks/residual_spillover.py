"""How often a wrong coefficient is found on simulated products themselves, and a right one called wrong.

    python benchmarks/residual_spillover.py

Each product of two simulated studies (default and harder, three batches, 20,000 events) is compensated with its true
matrix, and with matrices in which two coefficients at random are wrong by a given amount. A pair can be judged where
the source has positives and the target has negatives among them.
"""

import numpy as np
import pandas as pd

from gating import Spillover, compensate, residual_spillover
from phenotype.simulate.plan import make_sample, plan_study
from phenotype.simulate.settings import DEFAULTS, FLUOROCHROMES, HARDER
from phenotype.spillover import LARGEST_RESIDUAL

ERRORS = (0.0, 0.03, 0.05, 0.1, 0.2, -0.03, -0.05, -0.1)
PRODUCTS = 24


def rates(seed: int = 3) -> pd.DataFrame:
    """Return a row per pair that was looked at: its error, whether it could be judged, whether it was found."""
    rows, rng = [], np.random.default_rng(seed)
    pairs = [(i, j) for i in range(len(FLUOROCHROMES)) for j in range(len(FLUOROCHROMES)) if i != j]
    for name, settings in (("default", DEFAULTS), ("harder", HARDER)):
        plan = plan_study(patients=30, events=20_000, control_events=100, seed=seed, settings=settings, defects=False)
        for tube in [tube for tube in plan.tubes if tube.role == "product"][:PRODUCTS]:
            sample, labels, instrument = make_sample(tube, plan)
            columns = [sample.index(detector) for detector in FLUOROCHROMES]
            tops = [sample.channels[column].range for column in columns]
            for error in ERRORS:
                wrong = pairs if error == 0 else [pairs[k] for k in rng.choice(len(pairs), 2, replace=False)]
                matrix = instrument.spillover.copy()
                for i, j in wrong:
                    matrix[i, j] += error
                events = compensate(sample, Spillover(FLUOROCHROMES, matrix)).events[labels.kind == 0][:, columns]
                found = {(one.source, one.target): one for one in residual_spillover(events, FLUOROCHROMES, tops)}
                for i, j in wrong:
                    pair = found.get((FLUOROCHROMES[i], FLUOROCHROMES[j]))
                    said = pair is not None and pair.visible and abs(pair.slope) >= LARGEST_RESIDUAL
                    rows.append((name, error, pair is not None, said))
    return pd.DataFrame(rows, columns=["study", "error", "judged", "found"])


if __name__ == "__main__":
    table = (
        rates()
        .groupby(["study", "error"])
        .agg(pairs=("found", "size"), judged=("judged", "sum"), found=("found", "sum"))
    )
    print(table.assign(found_of_judged=table["found"] / table["judged"]).to_string(float_format=lambda x: f"{x:.3f}"))
