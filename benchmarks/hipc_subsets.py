"""Memory subsets of human-gated T cells, thresholds placed without the labels.

    python benchmarks/hipc_subsets.py ../shared/data/hipc_tcell_labels

F1 is per event within the human CD4 or CD8 parent (labels of its four subsets); a median is over the files in which
the subset was placed, and says how many were.
"""

import csv
import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gating import offsets
from gating.density import deepest_valley, estimate_density
from gating.transforms import Linear

SUBSETS = ("effector", "naive", "CM", "EM")
FIRST_LABEL = {"CD8": 1, "CD4": 6}
SNAP = 200.0
"""Display units of 4,096: the 5 % within which a person's line may move to a valley."""

Floats = NDArray[np.float64]
Lines = tuple[float, float, float]
"""CD45RA, CCR7 above it, CCR7 below it; NaN where refused."""
Cells = tuple[Floats, NDArray[np.int64]]


def read_events(path: Path) -> dict[str, Floats]:
    """Read one file into its columns."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.reader(file))
    return dict(zip(rows[0], np.array(rows[1:], dtype=np.float64).T, strict=True))


def lineage(events: dict[str, Floats], name: str) -> Cells:
    """Return CCR7 and CD45RA of a lineage's labelled events, (n, 2), and their subset's number."""
    subset = events["label"].astype(np.int64) - FIRST_LABEL[name]
    keep = (subset >= 0) & (subset < 4)
    return np.column_stack([events["CCR7"], events["CD45RA"]])[keep], subset[keep]


def plain(values: Floats, max_depth: float = 0.8) -> Lines:
    """Cut each channel at the valley of all events: ``valley(1.5)``, one CCR7 line."""
    found = [deepest_valley(estimate_density(values[:, i]), max_depth=max_depth) for i in (0, 1)]
    first, second = (valley.position if valley else float("nan") for valley in found)
    return second, first, first


def offset(values: Floats, smoothing: float = 1.5, max_depth: float = offsets.MAX_DEPTH) -> Lines:
    """Place the offset quadrants, as a template row with ``offset=yes`` does; NaN where it has none."""
    found = fitted(values, smoothing, max_depth)
    if isinstance(found, str):
        return float("nan"), float("nan"), float("nan")
    return found.second.position, found.first_above.position, found.first_below.position


def fitted(values: Floats, smoothing: float, max_depth: float) -> offsets.Offsets | str:
    """Place them with another limit of a valley's depth."""
    usual, offsets.MAX_DEPTH = offsets.MAX_DEPTH, max_depth
    try:
        return offsets.fit_offsets(values[:, 0], values[:, 1], (Linear(), Linear()), smoothing=smoothing)
    finally:
        offsets.MAX_DEPTH = usual


def unrefused(values: Floats) -> Lines:
    """Place them without the prominence test."""
    return offset(values, max_depth=1.0)


def human(cells: Cells) -> Lines:
    """Return the lines that separate the labels, from the labels."""
    (first, second), subset = cells[0].T, cells[1]
    sides = (
        (second[subset <= 1], second[subset >= 2]),
        (first[subset == 1], first[subset == 0]),
        (first[subset == 2], first[subset == 3]),
    )
    across, above, below = (float(np.quantile(up, 0.002) + np.quantile(low, 0.998)) / 2 for up, low in sides)
    return across, above, below


def snapped(lines: Lines, values: Floats) -> Lines:
    """Move each line to the data's own if that is near; else leave it."""
    pairs = zip(lines, offset(values), strict=True)
    across, above, below = (own if abs(own - line) <= SNAP else line for line, own in pairs)
    return across, above, below


def f1(lines: Lines, cells: Cells) -> Floats:
    """Return F1 of the four subsets; NaN where a line of the subset is refused."""
    values, truth = cells
    across, above, below = lines
    positive = values[:, 1] >= across
    called = np.where(positive, np.where(values[:, 0] >= above, 1, 0), np.where(values[:, 0] >= below, 2, 3))
    scores = []
    for k, line in enumerate((above, above, below, below)):
        both = np.sum((called == k) & (truth == k))
        placed = not np.isnan(across + line)
        scores.append(2 * both / (np.sum(called == k) + np.sum(truth == k)) if placed else np.nan)
    return np.array(scores)


def print_row(name: str, scores: Floats, rest: str = "") -> None:
    """Print one row of a table."""
    cells = "".join(f"{score:10.3f}" if np.isfinite(score) else f"{'refused':>10}" for score in scores)
    print(f"{name:34}{cells}  {rest}")


def medians(name: str, scores: Floats) -> None:
    """Print medians over the files that have a number, and how many do."""
    placed = np.isfinite(scores)
    columns = [column[np.isfinite(column)] for column in scores.T]
    middle = [np.median(column) if len(column) else np.nan for column in columns]
    print_row(name, np.array(middle), f"placed in {list(map(int, placed.sum(axis=0)))} of {len(scores)}")


def show_lineage(name: str, files: dict[str, Cells]) -> None:
    """Print files, medians and what each part of the rule does."""
    print(f"\n{name} of the labels\n{'':34}" + "".join(f"{subset:>10}" for subset in SUBSETS))
    for file, cells in files.items():
        found, lines = offset(cells[0]), human(cells)
        scores = f1(found, cells)
        print_row(f"{file} ours", scores, f"lines {np.round(found, 0)}, human {np.round(lines, 0)}")
        if np.isnan(scores).any():
            print_row(f"{file} if not refused", f1(unrefused(cells[0]), cells))
            print(f"    {fitted(cells[0], 1.5, offsets.MAX_DEPTH)}")
    rules: dict[str, Callable[[Floats], Lines]] = {
        "valley(1.5), plain, depth 0.8": plain,
        "valley(1.5), plain, any depth": lambda values: plain(values, 1.0),
        "ours": offset,
        "ours, smoothing 1": lambda values: offset(values, 1.0),
        "ours, smoothing 2": lambda values: offset(values, 2.0),
        "ours, no prominence test": unrefused,
    }
    for rule, place in rules.items():
        medians(f"median {rule}", np.array([f1(place(cells[0]), cells) for cells in files.values()]))
    scores = np.array([f1(offset(cells[0]), cells) for cells in files.values()])
    medians("median ours, refused = 0", np.nan_to_num(scores))
    medians("median lines of the labels", np.array([f1(human(cells), cells) for cells in files.values()]))


def show_transfer(name: str, files: dict[str, Cells]) -> None:
    """Print what one file's human lines do on each other file."""
    print(f"\n{name}: human lines of one file on another, as drawn and snapped to a line of ours within {SNAP:g}")
    for reference in ("Yale_1", "Yale_2"):
        for file, cells in files.items():
            if file != reference and reference in files:
                lines = human(files[reference])
                print_row(f"{reference} -> {file}", f1(lines, cells))
                print_row(f"{reference} -> {file}, snapped", f1(snapped(lines, cells[0]), cells))


def show_replicates(name: str, files: dict[str, Cells]) -> None:
    """Print by how many points of the parent two replicates differ."""
    for rule, place in (("ours", lambda cells: offset(cells[0])), ("human", human)):
        shares = [shares_of(place(files[file]), files[file][0]) for file in ("Yale_1", "Yale_2")]
        print(f"{name} Yale_1 - Yale_2, points of the parent, {rule}: {np.round(100 * (shares[0] - shares[1]), 1)}")


def shares_of(lines: Lines, values: Floats) -> Floats:
    """Return the share of events in each subset; NaN where refused."""
    across, above, below = lines
    if np.isnan([across, above, below]).any():
        return np.full(4, np.nan)
    high, low = values[:, 1] >= across, values[:, 1] < across
    right, under = values[:, 0] >= above, values[:, 0] >= below
    return np.array([(high & ~right).mean(), (high & right).mean(), (low & under).mean(), (low & ~under).mean()])


def show_split(files: dict[str, dict[str, Floats]]) -> dict[tuple[str, str], Cells]:
    """Print F1 of CD4 and CD8 by our own valleys, and return the cells of each with all labels (-1: other)."""
    print("\nCD4+CD8- and CD4-CD8+ by valley(1.5) of all events, F1 against the labels")
    gated = {}
    for file, events in files.items():
        lines = {name: deepest_valley(estimate_density(events[name])) for name in ("CD4", "CD8")}
        if any(line is None for line in lines.values()):
            print(f"{file:14} refused")
            continue
        up = {name: events[name] >= line.position for name, line in lines.items() if line}
        for name, other in (("CD4", "CD8"), ("CD8", "CD4")):
            chosen = up[name] & ~up[other]
            subset = events["label"].astype(np.int64) - FIRST_LABEL[name]
            truth = (subset >= 0) & (subset <= 4)
            score = 2 * np.sum(chosen & truth) / (chosen.sum() + truth.sum())
            print(f"{file:14}{name} {score:.4f}")
            values = np.column_stack([events["CCR7"], events["CD45RA"]])[chosen]
            gated[file, name] = (values, np.where((subset >= 0) & (subset < 4), subset, -1)[chosen])
    return gated


def main(folder: Path) -> None:
    """Print every table."""
    files = {path.name.removesuffix(".csv.gz"): read_events(path) for path in sorted(folder.glob("*.csv.gz"))}
    for name in ("CD8", "CD4"):
        cells = {file: lineage(events, name) for file, events in files.items()}
        show_lineage(name, cells)
        show_transfer(name, cells)
        show_replicates(name, cells)
    gated = show_split(files)
    for name in ("CD8", "CD4"):
        scores = [f1(offset(cells[0]), cells) for (_, which), cells in gated.items() if which == name]
        medians(f"median ours, {name} by our gates", np.array(scores))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
