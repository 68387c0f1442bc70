"""What each part of the thresholds buys: error with it and without it, on simulated studies and on human-gated files.

    python benchmarks/parts.py FOLDER ../shared/data [--patients 50] [--jobs 2]

*Simulated*: two studies in FOLDER, made unless they are there, gated by templates that differ in the rows of the
subsets; error of the fraction of products without a defect that got one, and the share that did. *Human T cells*: six
files of five centres; F1 of the subsets within the person's parent, a refused subset counting as nothing. *Mouse*: five
files; F1 of each gate on one dye on the events of the person's parent.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import hipc_subsets
import mouse_activation
import numpy as np
import pandas as pd

from gating import gate_sample, offsets, parse_template, thresholds
from gating.tally import tally
from gating.thresholds import Evidence, fit_threshold, parse_chain
from gating.transforms import Linear
from phenotype.pipeline import run_study
from phenotype.simulate import HARDER, simulate_study
from phenotype.simulate.settings import DEFAULTS
from phenotype.subsets import DEFAULT_TEMPLATE, SUBSETS

Events = Mapping[str, np.ndarray]

STUDIES = {"default": (1, DEFAULTS), "harder": (77, HARDER)}
SIGNS = {"naive": "++", "central_memory": "+-", "effector_memory": "--", "effector": "-+"}
BY = "by=CD4+ T|CD8+ T; "
SHRUNK = "valley(shrink=yes) > batch > control(fmo)"
OWN = "valley > batch > control(fmo)"
VARIANTS: Mapping[str, tuple[str, str]] = {
    "the default": (BY + "offset=yes; ", SHRUNK),
    "without by": ("offset=yes; ", SHRUNK),
    "without offset": (BY, SHRUNK),
    "without by and offset": ("", SHRUNK),
    "without shrink": (BY + "offset=yes; ", OWN),
    "without all three": ("", OWN),
    "the same, smoothing=1": ("", OWN.replace("valley", "valley(smoothing=1)")),
    "the same, smoothing=2": ("", OWN.replace("valley", "valley(smoothing=2)")),
    "valley": ("", "valley"),
    "valley(which=lowest)": ("", "valley(which=lowest)"),
    "otsu": ("", "otsu"),
    "valley > otsu": ("", "valley > otsu"),
    "mixture": ("", "mixture"),
    "valley > mixture": ("", "valley > mixture"),
    "control(fmo)": ("", "control(fmo)"),
    "control(fmo, shift=yes)": ("", "control(fmo, shift=yes)"),
    "batch": ("", "batch"),
    "reference(verbatim)": ("", "reference(verbatim)"),
    "reference(snap)": ("", "reference(snap)"),
    "reference(shape)": ("", "reference(shape)"),
}
"""Options of the four quadrants, and the chain of both axes."""
CHAINS = ("valley", "valley(smoothing=1)", "valley(smoothing=2)", "valley(which=lowest)")
CHAINS += ("otsu", "mixture")


def simulated(folder: Path, patients: int, jobs: int) -> None:
    """Make the studies, gate them by each template, and print the errors."""
    for name, (seed, settings) in STUDIES.items():
        study = folder / name
        if not (study / "study.toml").is_file():
            simulate_study(study, patients=patients, events=20_000, seed=seed, settings=settings)
            write_references(study)
        print(f"\nSimulated, {name}: mean absolute error of the fraction in points; worst; share with a number")
        for variant, (options, chain) in VARIANTS.items():
            out = gate(study, variant, options, chain, jobs, gatings=0)
            print(f"{variant:26}{errors(study, out)}", flush=True)
        with_floor = gate(study, "intervals with the floor", *VARIANTS["the default"], jobs, gatings=200)
        with no_floor():
            without = gate(study, "intervals without the floor", *VARIANTS["the default"], 1, gatings=200)
        print(f"intervals hold the truth: {coverage(study, with_floor)}; without the floor {coverage(study, without)}")


def template(options: str, chain: str) -> str:
    """Return the default tree with other rows for the subsets, and none of CAR- cells."""
    kept = [line for line in DEFAULT_TEMPLATE.splitlines() if "CD62L" not in line]
    arguments = f"{options}on=T cells; x={chain}; y={chain}"
    rows = [f'{subset},CAR+ T,CD62L|CD45RA,quadrant,"quadrant={SIGNS[subset]}; {arguments}"' for subset in SUBSETS]
    return "\n".join([*kept, *rows]) + "\n"


def write_references(study: Path) -> None:
    """Write the true cuts of the first two products of each batch that have no defect, as a person's."""
    samples = pd.read_csv(study / "truth" / "truth_samples.csv").query("role == 'product' and expected == 'normal'")
    cuts = pd.read_csv(study / "truth" / "truth_thresholds.csv").query("marker in ['CD62L', 'CD45RA']")
    chosen = samples.groupby("batch").head(2)[["file"]].merge(cuts, on="file")
    chosen.assign(population="T cells", who="truth").to_csv(study / "reference_gates.csv", index=False)


def gate(study: Path, variant: str, options: str, chain: str, jobs: int, *, gatings: int) -> Path:
    """Gate a study by one template, unless that was done; return the folder of results."""
    name = "".join(sign if sign.isalnum() else "_" for sign in variant)
    out = study / "parts" / name
    if not (out / "run.json").is_file():
        (study / f"{name}.csv").write_text(template(options, chain))
        settings = (study / "study.toml").read_text().replace('"gating.csv"', f'"{name}.csv"')
        settings += f"\n[comparisons]\ngatings = {gatings}\n"
        if "reference" in chain:
            settings += '\n[reference]\ngates = "reference_gates.csv"\n'
        (study / f"{name}.toml").write_text(settings)
        run_study(study / f"{name}.toml", out, jobs=jobs)
    return out


def found(study: Path, results: Path) -> pd.DataFrame:
    """Return products without a defect: what was found and what is true."""
    truth = pd.read_csv(study / "truth" / "truth_fractions.csv").query("population == 'CAR+'")
    normal = pd.read_csv(study / "truth" / "truth_samples.csv").query("expected == 'normal'")[["file"]]
    table = pd.read_csv(results / "subsets.csv")[["file", "subset", "fraction", "ci_low", "ci_high"]]
    return table.merge(truth, on=["file", "subset"], suffixes=("", "_true")).merge(normal, on="file")


def errors(study: Path, results: Path) -> str:
    """Return the errors of the four subsets, the worst, and the share of fractions that have a number."""
    table = found(study, results)
    error = 100 * (table["fraction"] - table["fraction_true"]).abs()
    means = [error[table["subset"] == subset].mean() for subset in SUBSETS]
    numbers = " ".join(f"{mean:6.2f}" for mean in means)
    return f"{numbers}  worst {error.max():5.1f}  numbers {100 * table['fraction'].notna().mean():5.1f} %"


def coverage(study: Path, results: Path) -> str:
    """Return the share of intervals that hold the fraction of the file."""
    table = found(study, results).dropna(subset=["fraction"])
    held = table["fraction_true"].between(table["ci_low"], table["ci_high"])
    width = 100 * (table["ci_high"] - table["ci_low"]).median()
    return f"{100 * held.mean():.1f} %, median width {width:.1f} points"


@contextmanager
def no_floor() -> Iterator[None]:
    """Leave the width of a valley's floor out of its spread, in this process."""
    usual = thresholds.floor_spread
    thresholds.floor_spread = offsets.floor_spread = lambda *_: 0.0
    try:
        yield
    finally:
        thresholds.floor_spread = offsets.floor_spread = usual


def human(data: Path) -> None:
    """Print F1 of the subsets of human T cells for each way to place their cuts."""
    folder = data / "hipc_tcell_labels"
    files = [hipc_subsets.read_events(path) for path in sorted(folder.glob("*.csv.gz"))]
    for name in ("CD8", "CD4"):
        print(f"\nHuman {name}: median F1 over six files, refused = 0: " + ", ".join(hipc_subsets.SUBSETS))
        for chain in CHAINS:
            show(chain, files, name, partial(on_lineage, name, partial(both, chain)))
        show("offset=yes", files, name, partial(on_lineage, name, hipc_subsets.offset))
        show("offset=yes, without by", files, name, lambda events: hipc_subsets.offset(cells_of(events)))
    with no_floor():
        bare = held(files)
    print(f"\na person's lines within our 95 % interval: {held(files)}; without the floor {bare}")


def show(way: str, files: list[Events], name: str, place: Callable[[Events], hipc_subsets.Lines]) -> None:
    """Print the medians of one way on one lineage, and the share of subsets that it gives a number."""
    scores = np.array([hipc_subsets.f1(place(events), hipc_subsets.lineage(events, name)) for events in files])
    medians = " ".join(f"{score:6.3f}" for score in np.median(np.nan_to_num(scores), axis=0))
    print(f"{way:26}{medians}  numbers {100 * np.isfinite(scores).mean():5.1f} %")


def on_lineage(name: str, place: Callable[[np.ndarray], hipc_subsets.Lines], events: Events) -> hipc_subsets.Lines:
    """Place the lines on the labelled cells of one lineage."""
    return place(hipc_subsets.lineage(events, name)[0])


def cells_of(events: Events) -> np.ndarray:
    """Return CCR7 and CD45RA of the labelled cells of both lineages, (n, 2)."""
    return np.concatenate([hipc_subsets.lineage(events, name)[0] for name in ("CD4", "CD8")])


def both(chain: str, values: np.ndarray) -> hipc_subsets.Lines:
    """Cut CCR7 and CD45RA each by a chain, on the display that the files are in."""
    steps = parse_chain(chain)
    first, second = (
        fit_threshold(steps, Evidence(marker, tally(column), Linear())).value
        for marker, column in zip(("CCR7", "CD45RA"), values.T, strict=True)
    )
    return second, first, first


def held(files: list[Events]) -> str:
    """Return how many lines that a person drew lie within the interval of ours."""
    inside = []
    for events in files:
        for name in ("CD4", "CD8"):
            cells = hipc_subsets.lineage(events, name)
            ours = hipc_subsets.fitted(cells[0], 1.5, offsets.MAX_DEPTH)
            if not isinstance(ours, str):
                lines = (ours.second, ours.first_above, ours.first_below)
                pairs = zip(lines, hipc_subsets.human(cells), strict=True)
                inside += [abs(line.position - theirs) <= 1.96 * line.spread for line, theirs in pairs]
    return f"{sum(inside)} of {len(inside)}"


LIVE, SINGLE, T = "Live Cells", "Single Cells", "T Cells"
MOUSE = {
    "live (AF405)": (LIVE, SINGLE, "Alexa Fluor 405-A", "below"),
    "T (Va2)": (T, LIVE, "PE-A", "above"),
    "CD4": ("CD4 T Cells", T, "Alexa Fluor 700-A", "above"),
    "CD8": ("CD8 T Cells", T, "Alexa Fluor 488-A", "above"),
}
NO_DC = 'DC,root,APC-Cy7-A,"valley(smoothing=1, max_depth=0.95)",side=below\n'
"""Dendritic cells are 8 to 10 % of live cells: their valley is shallow."""


def mouse(data: Path) -> None:
    """Print F1 of gates on one dye, and of T cells on two, on the events of the person's parent."""
    folder = data / "mouse_activation"
    files = [path.name for path in sorted(folder.glob("Activation_*.fcs"))]
    made = [(mouse_activation.read(folder, file), mouse_activation.by_hand(folder, file)) for file in files]
    print("\nMouse: median F1 within the person's parent (lowest): " + ", ".join([*MOUSE, "T (Va2, after CD11c)"]))
    gates = [(name, parent, f'P,root,{marker},"{{}}",side={side}\n') for name, parent, marker, side in MOUSE.values()]
    gates.append((T, LIVE, NO_DC + 'P,DC,PE-A,"{}",\n'))
    for chain in CHAINS:
        scores = [
            [one_gate(sample, hand[parent], hand[name], rows.format(chain)) for sample, hand in made]
            for name, parent, rows in gates
        ]
        cells = [f"{np.median(found):.3f} ({min(found):.3f})" for found in scores]
        print(f"{chain:26}" + "  ".join(f"{cell:>15}" for cell in cells))


def one_gate(sample: object, parent: np.ndarray, truth: np.ndarray, rows: str) -> float:
    """Return F1 of the last population of some rows, fitted on the person's parent; 0 where it was refused."""
    inside = replace(sample, events=sample.events[parent])
    gated = gate_sample(inside, parse_template(mouse_activation.HEADER + rows))
    members = gated.populations["P"].members
    return 0.0 if members is None else mouse_activation.f1(members, truth[parent])


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    human(asked.data)
    mouse(asked.data)
    simulated(asked.folder, asked.patients, asked.jobs)


if __name__ == "__main__":
    main()
