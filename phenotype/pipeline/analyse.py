"""``phenotype analyse``: the clinical half alone, from fractions made elsewhere."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phenotype import __version__
from phenotype.analyses import cohort_of, curve_table, estimate
from phenotype.clinical import derive_groups, read_clinical
from phenotype.errors import StudyError
from phenotype.fractions import read_fractions
from phenotype.kinetics import kinetics_notes, read_kinetics
from phenotype.pipeline.ledger import file_hash
from phenotype.pipeline.write import check_folder, write_frame, write_json, write_kinetics, writing_to
from phenotype.published import beside_published
from phenotype.statistics.contrasts import compare_groups
from phenotype.study import read_study

__all__ = ["AnalyseSummary", "analyse_study"]


@dataclass(frozen=True, slots=True)
class AnalyseSummary:
    """What was analysed, for the last lines on the screen and the exit status."""

    folder: Path
    patients: int
    with_fractions: int
    without_clinical: tuple[str, ...]
    """Patients with fractions and no clinical row: in no number."""
    without_fractions: tuple[str, ...]
    """In no comparison of subsets, and in all else."""
    not_estimated: int
    """Rows of estimates.csv that say why they have no number."""
    notes: tuple[str, ...]
    seconds: float

    @property
    def status(self) -> int:
        """0 all done; 1 done without some patients."""
        return 1 if self.without_clinical else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as one JSON object."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return found | {"folder": str(self.folder), "status": self.status, "seconds": round(self.seconds, 2)}


def analyse_study(path: Path, subsets: Path, out: Path | None = None) -> AnalyseSummary:
    """Compare, model and describe patients whose fractions are in a table; no FCS file is looked at.

    Parameters
    ----------
    path
        study.toml; its samples and template need not exist.
    subsets
        A table of fractions: :func:`phenotype.fractions.read_fractions` has the shapes.
    out
        Result folder; ``analysis`` beside the study file if None, so that a run's own results stay.

    Raises
    ------
    StudyError
        With every fault of study.toml, the clinical sheets and the table. Nothing was written.
    RunError
        If the folder cannot be written to.
    """
    started = time.perf_counter()
    study = read_study(path)
    folder = out or path.parent / "analysis"
    check_folder(folder, study)
    faults: list[str] = []
    found: dict[str, Any] = {}
    for name, read in (
        ("clinical", lambda: read_clinical(study)),
        ("kinetics", lambda: read_kinetics(study)),
        ("fractions", lambda: read_fractions(subsets)),
    ):
        try:
            found[name] = read()
        except StudyError as error:
            faults += error.faults
    if faults:
        raise StudyError(faults)
    patients, fractions = derive_groups(found["clinical"], study), found["fractions"]
    known = set(patients["patient_id"])
    if not known & set(fractions.index):
        raise StudyError([f"{subsets.name}: none of its patients is in {study.clinical.name}"])
    notes = (*found["clinical"].notes, *kinetics_notes(study, found["kinetics"], known))
    cohort = cohort_of(patients, fractions, found["kinetics"], study.analyses)
    estimates = estimate(cohort, study.analyses)
    with writing_to(folder):
        write_frame(folder / "cohort.csv", cohort)
        write_kinetics(folder, study, cohort, found["kinetics"])
        write_frame(folder / "comparisons.csv", compare_groups(cohort, family=study.comparisons.family))
        write_frame(folder / "estimates.csv", estimates)
        write_frame(folder / "curves.csv", curve_table(cohort, study.analyses))
        write_frame(folder / "published.csv", beside_published(estimates))
        inputs = [study.path, study.clinical, study.kinetics, subsets]
        write_json(
            folder / "analysis.json",
            {
                "study": {"name": study.name},
                "synthetic": "SYNTHETIC" in study.name.upper(),
                "version": __version__,
                "settings": study.settings(),
                "inputs": {one.name: file_hash(one) for one in inputs if one is not None},
                "notes": list(notes),
            },
        )
    complete = fractions.dropna().index
    return AnalyseSummary(
        folder=folder,
        patients=len(cohort),
        with_fractions=int(cohort["patient_id"].isin(complete).sum()),
        without_clinical=tuple(str(name) for name in fractions.index if name not in known),
        without_fractions=tuple(name for name in patients["patient_id"] if name not in set(complete)),
        not_estimated=int(estimates["note"].str.startswith("not estimated").sum()),
        notes=notes,
        seconds=time.perf_counter() - started,
    )
