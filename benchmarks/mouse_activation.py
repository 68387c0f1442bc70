"""Our populations beside a person's, on the five raw files of a mouse T-cell activation experiment.

    python benchmarks/mouse_activation.py ../shared/data/mouse_activation

Two templates. *Lab template*: cells, live and T cells by polygons around what the person kept in Activation_1
(the hull, on the scale it was drawn), singlets by the ratio of height to area, CD4 and CD8 by valleys; the four other
files test it. *From the data*: no gate of the person is used at all. For each: the fraction of parent by us and by
hand, the difference in percentage points, and F1 of membership from raw file to population.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from gating import (
    GatingTemplate,
    Linear,
    Logicle,
    Sample,
    Transform,
    compensate,
    gate_sample,
    parse_template,
    read_fcs,
    read_spillover,
)

REFERENCE = "Activation_1.fcs"
HEADER = "population,parent,channels,method,arguments\n"
CHILDREN = """CD4 T Cells,T Cells,Alexa Fluor 700-A,valley,
CD8 T Cells,T Cells,Alexa Fluor 488-A,valley,
"""
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
PLACES = {
    "Cells": ("root", "Cells"),
    "Single Cells": ("Cells", "Cells/Single Cells"),
    "Live Cells": ("Single Cells", "Cells/Single Cells/Live Cells"),
    "T Cells": ("Live Cells", "Cells/Single Cells/Live Cells/T Cells"),
    "CD4 T Cells": ("T Cells", "Cells/Single Cells/Live Cells/T Cells/CD4 T Cells"),
    "CD8 T Cells": ("T Cells", "Cells/Single Cells/Live Cells/T Cells/CD8 T Cells"),
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


def compare(folder: Path, template: GatingTemplate) -> pd.DataFrame:
    """Return a row per file and population."""
    rows = []
    for path in sorted(folder.glob("Activation_*.fcs"), key=lambda p: int(p.stem.split("_")[1])):
        gated, hand = gate_sample(read(folder, path.name), template), by_hand(folder, path.name)
        ours = {name: gated.populations[name].members for name in (*PLACES, "root")}
        for name, (parent, _) in PLACES.items():
            mine, theirs = ours[name].sum() / ours[parent].sum(), hand[name].sum() / hand[parent].sum()
            f1 = 2 * (ours[name] & hand[name]).sum() / (ours[name].sum() + hand[name].sum())
            inside = ours[name] & hand[parent]
            f1_parent = 2 * (inside & hand[name]).sum() / (inside.sum() + hand[name].sum())
            rows.append((path.name, name, mine, theirs, 100 * (mine - theirs), f1, f1_parent))
    columns = ["file", "population", "ours", "by_hand", "difference_pp", "f1_chain", "f1_in_parent"]
    return pd.DataFrame(rows, columns=columns)


def show(title: str, table: pd.DataFrame) -> None:
    """Print a table and its summary per population."""
    print(f"\n{title}\n")
    print(table.to_string(index=False, float_format=lambda x: f"{x:.3f}"))
    by_population = table.groupby("population", sort=False)
    summary = by_population.agg(
        median_pp=("difference_pp", lambda d: d.abs().median()),
        worst_pp=("difference_pp", lambda d: d.abs().max()),
        f1_chain_median=("f1_chain", "median"),
        f1_chain_worst=("f1_chain", "min"),
        f1_in_parent_median=("f1_in_parent", "median"),
    )
    print(f"\n{summary.to_string(float_format=lambda x: f'{x:.3f}')}")


if __name__ == "__main__":
    data = Path(sys.argv[1])
    drawn = compare(data, lab_template(data))
    show(f"Lab template (polygons from {REFERENCE})", drawn)
    show("The same, without the file the polygons are from", drawn[drawn["file"] != REFERENCE])
    show("From the data alone", compare(data, parse_template(FROM_DATA)))
