"""Spillover from single stains beside matrices made by other software, and beside the truth of simulated beads.

    python benchmarks/spillover.py ../shared/data

Mouse activation: six raw stains and the authors' matrix (CytoExploreR). The authors' rows of the red dyes have
numbers in violet and blue detectors, where no red dye shines: what stands there is autofluorescence, so those columns
are shown apart. flowCore: four tubes of an analogue cytometer and that package's own reference.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gating import CompensationError, StainFit, fit_spillover, fit_stain, read_fcs, read_spillover
from phenotype.simulate.plan import make_sample, plan_study
from phenotype.simulate.settings import DEFAULTS, FLUOROCHROMES, HARDER, MARKERS, SimulationSettings

RED = ("Alexa Fluor 647-A", "Alexa Fluor 700-A", "APC-Cy7-A")
DARK = ("Alexa Fluor 488-A", "PE-A", "Alexa Fluor 405-A", "Alexa Fluor 430-A", "Qdot 605-A")
FLOWCORE = {"FL1-H": "060909.002", "FL2-H": "060909.003", "FL3-H": "060909.005", "FL4-H": "060909.004"}


def beside(stains: Sequence[StainFit], theirs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per coefficient: ours, its standard error, theirs and the difference."""
    rows = [
        (
            stain.detector,
            name,
            stain.coefficients[i],
            stain.errors[i],
            theirs.loc[stain.detector, name],
            stain.n_positive,
        )
        for stain in stains
        for i, name in enumerate(stain.detectors)
        if name != stain.detector
    ]
    table = pd.DataFrame(rows, columns=["fluorochrome", "detector", "ours", "error", "theirs", "n_positive"])
    return table.assign(difference=table["ours"] - table["theirs"])


def mouse(folder: Path) -> pd.DataFrame:
    """Fit the mouse stains."""
    authors = read_spillover(folder / "Compensation-Spillover-Matrix.csv")
    with (folder / "Compensation-Channels.csv").open(newline="", encoding="utf-8") as stream:
        files = {row["channel"]: folder / "compensation" / row["name"] for row in csv.DictReader(stream)}
    unstained = read_fcs(files.pop("Unstained"))
    stains = {detector: read_fcs(path) for detector, path in files.items()}
    fit = fit_spillover(stains, unstained=[unstained], detectors=authors.channels)
    return beside(fit.stains, pd.DataFrame(authors.matrix, authors.channels, authors.channels))


def flowcore(folder: Path) -> pd.DataFrame:
    """Fit the tubes of flowCore's compdata."""
    stains = {detector: read_fcs(folder / "data" / name) for detector, name in FLOWCORE.items()}
    fit = fit_spillover(stains, unstained=[read_fcs(folder / "data" / "060909.001")])
    return beside(fit.stains, pd.read_csv(folder / "compref", sep=r"\s+", index_col=0))


def simulated(settings: SimulationSettings, events: int) -> pd.DataFrame:
    """Fit the bead tubes of a simulated study of three batches, with the truth as theirs."""
    plan = plan_study(patients=30, events=100, control_events=events, seed=5, settings=settings)
    tables = []
    for tube in plan.tubes:
        if tube.role == "single_stain":
            sample, _, instrument = make_sample(tube, plan)
            truth = pd.DataFrame(instrument.spillover, FLUOROCHROMES, FLUOROCHROMES)
            detector = FLUOROCHROMES[MARKERS.index(tube.marker)]
            try:
                fit = fit_stain(sample, detector, FLUOROCHROMES)
            except CompensationError as error:
                print(error)
                continue
            tables.append(beside([fit], truth))
    return pd.concat(tables)


def largest(title: str, table: pd.DataFrame) -> None:
    """Print the largest difference, and where."""
    worst = table.loc[table["difference"].abs().idxmax()]
    print(f"{title}: {worst['difference']:+.4f} ({worst['fluorochrome']} into {worst['detector']})")


def show(title: str, table: pd.DataFrame) -> None:
    """Print a table and its largest difference by fluorochrome."""
    print(f"\n{title}\n\n{table.to_string(index=False, float_format=lambda x: f'{x:.4f}')}\n")
    for name, rows in table.groupby("fluorochrome", sort=False):
        largest(str(name), rows)


if __name__ == "__main__":
    data = Path(sys.argv[1])
    mice = mouse(data / "mouse_activation")
    dark = mice["fluorochrome"].isin(RED) & mice["detector"].isin(DARK)
    show("Mouse activation, ours and the authors'", mice)
    largest("all", mice)
    largest("without 7-AAD", mice[mice["fluorochrome"] != "7-AAD-A"])
    largest("without 7-AAD and APC-Cy7", mice[~mice["fluorochrome"].isin(("7-AAD-A", "APC-Cy7-A"))])
    for who in ("ours", "theirs"):
        print(f"red dyes in violet, blue and green detectors, largest of {who}: {mice.loc[dark, who].abs().max():.4f}")
    show("flowCore compdata, ours and compref", flowcore(data / "flowcore_compdata"))
    for name, chosen in (("default", DEFAULTS), ("harder", HARDER)):
        for events in (2_500, 10_000):
            beads = simulated(chosen, events)
            z = beads["difference"] / beads["error"]
            print(
                f"\nsimulated beads, {name}, {events // 2} a tube: {len(beads)} coefficients, largest error "
                f"{beads['difference'].abs().max():.4f}, errors over standard errors have sd {np.std(z):.2f}"
            )
