"""A planned study on disk: what an analyst gets, and the truth beside it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gating import Sample, write_fcs
from phenotype.simulate.defects import EXPECTED, cut_short
from phenotype.simulate.events import Instrument, Labels
from phenotype.simulate.plan import FLOAT, INTEGER, LOG_INTEGER, StudyPlan, Tube, make_sample
from phenotype.simulate.settings import DETECTORS
from phenotype.subsets import SUBSETS

__all__ = ["Progress", "write_study"]

Progress = Callable[[str, int, int], None]
_LOG_DECADES = 5.4
"""From 1 to 251,189: almost the 18 bits."""
_THRESHOLDS = ("CD62L", "CD45RA", "CAR")
_NOTES = {
    FLOAT: "",
    INTEGER: "values are rounded, negative ones are 0",
    LOG_INTEGER: "uncompensated values below 1 are 1, those above 251,189 are that: the format holds no others",
}
_STUDY = """\
# SYNTHETIC: made by `phenotype simulate`. No patient, no cell, no cytometer.
[study]
name = "SYNTHETIC study of {patients} invented patients"
samples = "samples.csv"
clinical = "clinical.csv"
kinetics = "kinetics.csv"
template = "gating.csv"

[compensation]
source = "file"

[asct]
reference = "infusion"
within_days = 365
"""
_README = """\
SYNTHETIC DATA

Everything in this folder was drawn from random numbers by `phenotype simulate` (seed {seed}).
There are no patients, no cells and no cytometer behind it. Nothing here is evidence of anything about CAR-T cells:
how the groups differ was put in.

study.toml, samples.csv, gating.csv, clinical.csv, kinetics.csv, fcs/   what an analyst would have
truth/   what is true of each file and patient; a run never reads it

truth/truth_fractions.csv    product, population and subset: wanted composition, counts and fraction by event labels
truth/truth_thresholds.csv   file and marker: where negative and positive are equally dense, linear and compensated
truth/truth_samples.csv      file: its format, its defect, and what a run should make of it
truth/truth_clinical.csv     patient: the group that the dates lead to, and what makes it hard to tell
"""


def write_study(
    folder: Path, plan: StudyPlan, *, template_text: str, labels: bool = False, progress: Progress | None = None
) -> None:
    """Write a study folder.

    Parameters
    ----------
    folder
        Made if needed; files of the same names are replaced.
    plan
        What to write.
    template_text
        gating.csv.
    labels
        Also write what each event is, an .npz per tube of cells.
    progress
        Called with stage, files done and files in all.
    """
    (folder / "fcs").mkdir(parents=True, exist_ok=True)
    (folder / "truth").mkdir(exist_ok=True)
    fractions: list[dict[str, Any]] = []
    thresholds: list[dict[str, Any]] = []
    for done, tube in enumerate(plan.tubes, start=1):
        sample, events, instrument = make_sample(tube, plan)
        _write_tube(folder / tube.file, tube, sample, plan)
        if events is not None and tube.role == "product":
            fractions += _fraction_rows(tube, events)
            thresholds += _threshold_rows(tube, instrument)
        if events is not None and labels:
            _write_labels(folder / "truth" / "labels" / f"{Path(tube.file).stem}.npz", events)
        if progress is not None:
            progress("simulate", done, len(plan.tubes))
    patients = plan.patients
    _write_table(folder / "samples.csv", map(_sample_row, plan.tubes))
    _write_table(folder / "clinical.csv", patients.sheet)
    _write_table(folder / "kinetics.csv", plan.kinetics)
    _write_table(folder / "truth" / "truth_fractions.csv", fractions)
    _write_table(folder / "truth" / "truth_thresholds.csv", thresholds)
    _write_table(folder / "truth" / "truth_samples.csv", map(_truth_row, plan.tubes))
    _write_table(folder / "truth" / "truth_clinical.csv", patients.truth)
    _write_text(folder / "gating.csv", template_text)
    _write_text(folder / "study.toml", _STUDY.format(patients=len(patients.sheet)))
    _write_text(folder / "README.txt", _README.format(seed=plan.seed))


def _write_tube(path: Path, tube: Tube, sample: Sample, plan: StudyPlan) -> None:
    """Write one FCS file in its format, whole or, if that is its defect, not."""
    if tube.format == LOG_INTEGER:
        write_fcs(path, sample, version="3.0", datatype="I", bits=16, log_channels=DETECTORS[:-1], decades=_LOG_DECADES)
    else:
        write_fcs(path, sample, version="3.1", datatype="I" if tube.format == INTEGER else "F")
    if tube.defect == "truncated":
        path.write_bytes(cut_short(path.read_bytes(), plan.settings.cut_short))


def _write_labels(path: Path, labels: Labels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, kind=labels.kind, t_cell=labels.t_cell, car=labels.car, cd62l=labels.cd62l, cd45ra=labels.cd45ra
    )


def _write_table(path: Path, rows: pd.DataFrame | Iterable[dict[str, Any]]) -> None:
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _sample_row(tube: Tube) -> dict[str, Any]:
    return {
        "file": tube.file,
        "patient_id": tube.patient_id,
        "role": tube.role,
        "day": "0" if tube.role == "product" else "",
        "batch": tube.batch_name,
        "marker": tube.marker,
    }


def _truth_row(tube: Tube) -> dict[str, Any]:
    return {
        "file": tube.file,
        "role": tube.role,
        "batch": tube.batch_name,
        "format": tube.format,
        "defects": tube.defect,
        "expected": EXPECTED.get(tube.defect, "normal"),
        "note": _NOTES[tube.format],
    }


def _fraction_rows(tube: Tube, labels: Labels) -> Iterable[dict[str, Any]]:
    """Return the subsets of CAR+ and of CAR- cells, as labelled; the wanted composition is that of CAR+."""
    for population, car in (("CAR+", True), ("CAR-", False)):
        counts = labels.subset_counts(car=car)
        total = sum(counts.values())
        for subset, wanted in zip(SUBSETS, tube.composition, strict=True):
            yield {
                "file": tube.file,
                "patient_id": tube.patient_id,
                "population": population,
                "subset": subset,
                "composition": round(wanted, 6) if car else None,
                "count": counts[subset],
                "parent_count": total,
                "fraction": counts[subset] / total if total else None,
                "n_car": sum(labels.subset_counts(car=True).values()),
            }


def _threshold_rows(tube: Tube, instrument: Instrument) -> Iterable[dict[str, Any]]:
    found = instrument.thresholds()
    return [{"file": tube.file, "marker": marker, "threshold": round(found[marker], 3)} for marker in _THRESHOLDS]
