"""A person's cuts carried from one file to another: six files of human T cells of five centres, gated by hand.

    python benchmarks/reference_transfer.py FOLDER

FOLDER holds the HIPC T-cell files with a label per event, as CSV: channels in display units of 0 to 4,095, and the
subset that a person gave each event. The person's cut is the one that disagrees with the fewest labels. Prints, for
pairs of files of one centre and of two, how far each way of carrying it lies from the person's cut on the target, in
decades and in percentage points of the parent, beside the target's own valley.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from gating import Reference, Taught, Threshold, from_decades
from gating.priors import Lesson, binned
from gating.tally import tally
from gating.thresholds import Evidence, fit_threshold, parse_chain
from gating.transforms import Arcsinh

DECADES = 4.5
"""That the 4,096 channels of the display are taken to span."""
SCALE = Arcsinh(T=float(from_decades(DECADES)), M=math.log10(2 * float(from_decades(DECADES)) / 150))
LINEAGES = {"CD8": 1, "CD4": 6}
"""Label of the first of the four subsets: effector, naive, central memory, effector memory."""
POSITIVE = {"CCR7": (1, 2), "CD45RA": (0, 1)}
WAYS = ("valley", "reference", "reference(snap)", "reference(snap, within=0.07)", "reference(shape)")


def read_cuts(folder: Path) -> dict[tuple[str, str, str], tuple[np.ndarray, float]]:
    """Return events, linear, and the person's cut by file, lineage and marker."""
    found = {}
    for path in sorted(folder.glob("*.csv.gz")):
        table = pd.read_csv(path)
        for lineage, first in LINEAGES.items():
            inside = table[table["label"].between(first, first + 3)]
            for marker, subsets in POSITIVE.items():
                values = inside[marker].to_numpy() * DECADES / 4096
                positive = (inside["label"] - first).isin(subsets).to_numpy()
                tried = np.quantile(values, np.linspace(0.001, 0.999, 999))
                wrong = [np.count_nonzero((values >= cut) != positive) for cut in tried]
                cut = float(tried[int(np.argmin(wrong))])
                found[path.name.split(".")[0], lineage, marker] = (from_decades(values), float(from_decades(cut)))
    return found


def carried(way: str, source: tuple[np.ndarray, float], target: np.ndarray) -> Threshold:
    """Return the cut of one file on another."""
    lesson = Lesson("source", binned(tally(source[0])))
    taught = Taught(references=(Reference("source", source[1], lesson=lesson),))
    return fit_threshold(parse_chain(way), Evidence("", tally(target), SCALE, {}, "", taught))


def main(folder: Path) -> None:
    """Print a row for each kind of pair, lineage, marker and way."""
    cuts, rows = read_cuts(folder), []
    for (source, lineage, marker), taught in cuts.items():
        for (target, *place), (events, truth) in cuts.items():
            if source == target or place != [lineage, marker]:
                continue
            for way in WAYS:
                found = carried(way, taught, events)
                points = 100 * (np.mean(events >= found.value) - np.mean(events >= truth))
                distance = np.log10(max(found.value, 1) / max(truth, 1)) if not found.refused else np.nan
                centre = "same" if source.rpartition("_")[0] == target.rpartition("_")[0] else "other"
                weak = found.status == "weak"
                held = found.interval[0] <= truth <= found.interval[1]
                rows.append(
                    (
                        centre,
                        lineage,
                        marker,
                        way,
                        abs(distance),
                        abs(points) if distance == distance else np.nan,
                        weak,
                        held,
                    )
                )
    names = ["centre", "lineage", "marker", "way", "decades", "points", "weak", "held"]
    table = pd.DataFrame(rows, columns=names)
    grouped = table.groupby(["centre", "lineage", "marker", "way"], sort=False)
    print(
        grouped.agg(
            pairs=("weak", "size"),
            refused=("decades", lambda column: int(column.isna().sum())),
            decades=("decades", "median"),
            points=("points", "median"),
            worst=("points", "max"),
            weak=("weak", "mean"),
            held=("held", "mean"),
        )
        .round(2)
        .to_string()
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
