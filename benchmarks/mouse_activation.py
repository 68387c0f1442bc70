"""Our populations beside a person's, on the five raw files of a mouse T-cell activation experiment.

    python benchmarks/mouse_activation.py ../shared/data/mouse_activation

Two templates. *Lab template*: cells, live and T cells by polygons around what the person kept in Activation_1
(the hull, on the scale it was drawn), singlets by the ratio of height to area, CD4 and CD8 by valleys; the four other
files test it. *From the data*: no gate of the person is used at all. CD69 is dim and has no valley: its cut is a
quantile of the unstimulated samples, each gated by the same template, as a study takes it from tubes with the role
``untransduced``; where a sample is unstimulated itself, of the others. Only two of the five files are stimulated.

For each: the fraction of parent by us and by hand, the difference in percentage points, F1 of membership from raw file
to population, and F1 within the parent: our gate, as it was placed, on the events of the person's parent.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from gating import (
    ControlValues,
    GatedSample,
    GatingTemplate,
    Linear,
    Logicle,
    Sample,
    Transform,
    compensate,
    control_values,
    gate_sample,
    needed_controls,
    parse_template,
    pool_controls,
    read_fcs,
    read_spillover,
)

REFERENCE = "Activation_1.fcs"
UNSTIMULATED = ("Activation_1.fcs", "Activation_17.fcs", "Activation_25.fcs")
"""No ovalbumin, by Activation-Experiment-Details.csv."""
HEADER = "population,parent,channels,method,arguments\n"
STEPS = {
    "99 %": "control(untransduced, quantile=0.99)",
    "99 %, moved": "control(untransduced, quantile=0.99, shift=yes)",
    "99.9 %": "control(untransduced, quantile=0.999)",
    "99.9 %, moved": "control(untransduced, quantile=0.999, shift=yes)",
}
ACTIVATED = {f"CD69+ {lineage}, {name}": (lineage, step) for lineage in ("CD4", "CD8") for name, step in STEPS.items()}
CHILDREN = """CD4 T Cells,T Cells,Alexa Fluor 700-A,valley,
CD8 T Cells,T Cells,Alexa Fluor 488-A,valley,
""" + "".join(f'"{name}",{lineage} T Cells,7-AAD-A,"{step}",\n' for name, (lineage, step) in ACTIVATED.items())
FROM_DATA = (
    HEADER
    + """Cells,root,FSC-A,debris,
Single Cells,Cells,FSC-A|FSC-H,singlets,
Live Cells,Single Cells,Alexa Fluor 405-A,valley > otsu,side=below
no DC,Live Cells,APC-Cy7-A,valley(max_depth=0.95) > otsu,side=below
T Cells,no DC,PE-A,valley,
"""
    + CHILDREN
)
_T = "Cells/Single Cells/Live Cells/T Cells"
PLACES = {
    "Cells": ("root", "Cells"),
    "Single Cells": ("Cells", "Cells/Single Cells"),
    "Live Cells": ("Single Cells", "Cells/Single Cells/Live Cells"),
    "T Cells": ("Live Cells", _T),
    "CD4 T Cells": ("T Cells", f"{_T}/CD4 T Cells"),
    "CD8 T Cells": ("T Cells", f"{_T}/CD8 T Cells"),
    **{
        name: (f"{lineage} T Cells", f"{_T}/{lineage} T Cells/CD69+ {lineage} T Cells")
        for name, (lineage, _) in ACTIVATED.items()
    },
}
DRAWN: dict[str, tuple[str, str, str, Transform]] = {
    "Cells": ("root", "FSC-A", "SSC-A", Linear()),
    "Live Cells": ("Single Cells", "Alexa Fluor 405-A", "Alexa Fluor 430-A", Logicle(262144, 0.6)),
    "T Cells": ("Live Cells", "APC-Cy7-A", "PE-A", Logicle(262144, 0.75)),
}


def read(folder: Path, name: str) -> Sample:
    """Read and compensate one file with the authors' matrix."""
    return compensate(read_fcs(folder / name), read_spillover(folder / "Compensation-Spillover-Matrix.csv"))


def by_hand(folder: Path, name: str) -> dict[str, NDArray[np.bool_]]:
    """Return the person's membership of every population; live cells are the single cells that are not dead."""
    packed = np.load(folder / "manual_membership_packbits.npz")

    def members(place: str) -> NDArray[np.bool_]:
        return np.unpackbits(packed[f"{name}|{place}"])[:50000].astype(bool)

    found = {"root": np.ones(50000, dtype=bool)}
    for population, (_, place) in PLACES.items():
        if population == "Live Cells":
            found[population] = found["Single Cells"] & ~members("Cells/Single Cells/Dead Cells")
        else:
            found[population] = members(place)
    return found


def lab_template(folder: Path) -> GatingTemplate:
    """Draw hulls around what the person kept in the reference file, leaving out the outermost 0.2 % of events."""
    sample, hand = read(folder, REFERENCE), by_hand(folder, REFERENCE)
    rows = {}
    for population, (parent, x, y, scale) in DRAWN.items():
        events = sample.events[hand[population]][:, [sample.index(x), sample.index(y)]]
        values = np.column_stack([scale(events[:, 0]), scale(events[:, 1])])
        centre, spread = np.median(values, axis=0), values.std(axis=0)
        far = np.linalg.norm((values - centre) / spread, axis=1)
        kept = values[far <= np.quantile(far, 0.998)]
        corners = kept[ConvexHull(kept).vertices]
        linear = np.column_stack([scale.inverse(corners[:, 0]), scale.inverse(corners[:, 1])])
        points = " ".join(f"{value:.6g}" for value in linear.ravel())
        rows[population] = f'{population},{parent},{x}|{y},polygon,"vertices={points}; transform={scale}"\n'
    singlets = "Single Cells,Cells,FSC-A|FSC-H,singlets,mad=6\n"
    text = HEADER + rows["Cells"] + singlets + rows["Live Cells"] + rows["T Cells"] + CHILDREN
    return parse_template(text)


def controls_for(template: GatingTemplate, tubes: list[Sample]) -> dict[tuple[str, str, str], ControlValues]:
    """Gate the unstimulated samples by the same template and pool what each threshold asks for."""
    return {
        (role, population, marker): pool_controls(
            [control_values(tube, template, population=population, marker=marker) for tube in tubes]
        )
        for role, population, marker in needed_controls(template)
    }


def in_gate(gated: GatedSample, name: str) -> NDArray[np.bool_]:
    """Return which events of the whole file lie in a population's own gate, whatever the gates above it say."""
    gate = gated.populations[name].gate
    columns = [[channel.name for channel in gated.sample.channels].index(channel) for channel in gate.channels]
    return gate.contains(gated.sample.events[:, columns])


def compare(folder: Path, template: GatingTemplate) -> pd.DataFrame:
    """Return a row per file and population."""
    paths = sorted(folder.glob("Activation_*.fcs"), key=lambda p: int(p.stem.split("_")[1]))
    samples = {path.name: read(folder, path.name) for path in paths}
    rows = []
    for file, sample in samples.items():
        tubes = [samples[name] for name in UNSTIMULATED if name != file]
        gated = gate_sample(sample, template, controls=controls_for(template, tubes))
        hand = by_hand(folder, file)
        ours = {name: gated.populations[name].members for name in (*PLACES, "root")}
        for name, (parent, _) in PLACES.items():
            mine, theirs = ours[name].sum() / ours[parent].sum(), hand[name].sum() / hand[parent].sum()
            inside = in_gate(gated, name) & hand[parent]
            scores = f1(ours[name], hand[name]), f1(inside, hand[name])
            rows.append((file, name, mine, theirs, 100 * (mine - theirs), *scores))
    columns = ["file", "population", "ours", "by_hand", "difference_pp", "f1_chain", "f1_in_parent"]
    return pd.DataFrame(rows, columns=columns)


def f1(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float:
    """Return F1 of one membership against another."""
    return 2 * np.count_nonzero(ours & theirs) / (np.count_nonzero(ours) + np.count_nonzero(theirs))


def by_stimulation(table: pd.DataFrame) -> pd.DataFrame:
    """Tell stimulated from unstimulated samples where CD69 is gated; of 1 to 33 cells by hand there is no F1."""
    gated = table["population"].isin(ACTIVATED)
    quiet = gated & table["file"].isin(UNSTIMULATED)
    samples = np.select([quiet, gated], ["unstimulated", "stimulated"], "all")
    scores = {column: table[column].mask(quiet) for column in ("f1_chain", "f1_in_parent")}
    return table.assign(samples=samples, **scores)


def show(title: str, table: pd.DataFrame) -> None:
    """Print a table and its summary per population."""
    print(f"\n{title}\n")
    print(table.to_string(index=False, float_format=lambda x: f"{x:.3f}"))
    by_population = by_stimulation(table).groupby(["population", "samples"], sort=False)
    summary = by_population.agg(
        files=("file", "size"),
        f1_chain_median=("f1_chain", "median"),
        f1_chain_worst=("f1_chain", "min"),
        f1_in_parent_median=("f1_in_parent", "median"),
        f1_in_parent_worst=("f1_in_parent", "min"),
        median_pp=("difference_pp", lambda d: d.abs().median()),
        worst_pp=("difference_pp", lambda d: d.abs().max()),
    )
    print(f"\n{summary.to_string(float_format=lambda x: f'{x:.3f}', na_rep='')}")


if __name__ == "__main__":
    data = Path(sys.argv[1])
    drawn = compare(data, lab_template(data))
    show(f"Lab template (polygons from {REFERENCE})", drawn)
    show("The same, without the file the polygons are from", drawn[drawn["file"] != REFERENCE])
    show("From the data alone", compare(data, parse_template(FROM_DATA)))
