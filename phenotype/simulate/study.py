"""One call for a whole synthetic study."""

from pathlib import Path

import pandas as pd

from phenotype.errors import StudyError
from phenotype.simulate.plan import plan_study
from phenotype.simulate.settings import DEFAULTS, HARDER, SimulationSettings
from phenotype.simulate.write import Progress, write_study
from phenotype.subsets import DEFAULT_TEMPLATE

__all__ = ["simulate_from_command", "simulate_study"]

_MOST_CONTROL_EVENTS = 10_000
_LABEL = "SYNTHETIC"


def simulate_study(
    folder: Path,
    *,
    patients: int = 141,
    events: int = 60_000,
    control_events: int | None = None,
    seed: int = 1,
    settings: SimulationSettings = DEFAULTS,
    cohort: pd.DataFrame | None = None,
    kinetics: pd.DataFrame | None = None,
    defects: bool = True,
    labels: bool = False,
    template_text: str = DEFAULT_TEMPLATE,
    progress: Progress | None = None,
) -> None:
    """Write a synthetic study with known truth.

    The same arguments give the same bytes.

    Parameters
    ----------
    folder
        Gets study.toml, its tables, ``fcs/`` and, beside them, ``truth/``.
    patients
        How many to draw; not used if there is a cohort.
    events
        Per product.
    control_events
        Per control of cells, half as many per tube of beads. None: as many as a product has, at most 10,000.
    seed
        Not negative.
    settings
        Everything that shapes the events; ``HARDER`` is a second set.
    cohort
        Patients to use instead of drawn ones: a row each, months of 30.4375 days from infusion, columns as
        ``draw_cohort`` returns. Nothing is changed in them.
    kinetics
        ``patient_id, day, cart_pct_of_t`` of the cohort; drawn from its peaks if None.
    defects
        Whether some files are bad on purpose.
    labels
        Whether to write what each event is to ``truth/labels``.
    template_text
        gating.csv.
    progress
        Called with stage, files done and files in all.

    Raises
    ------
    StudyError
        If an argument is out of range, the cohort lacks columns, or the folder holds a study that is not
        labelled synthetic: it would be overwritten.
    """
    faults = [
        f"{name} is {value}; it must be at least {least}"
        for name, value, least in (
            ("patients", patients, 1),
            ("events", events, 1),
            ("control_events", 1 if control_events is None else control_events, 1),
            ("seed", seed, 0),
        )
        if value < least
    ]
    if faults:
        raise StudyError([f"simulate: {fault}" for fault in faults])
    _refuse_real_study(folder)
    plan = plan_study(
        patients=patients,
        events=events,
        control_events=min(events, _MOST_CONTROL_EVENTS) if control_events is None else control_events,
        seed=seed,
        settings=settings,
        cohort=cohort,
        kinetics=kinetics,
        defects=defects,
    )
    write_study(folder, plan, template_text=template_text, labels=labels, progress=progress)


def simulate_from_command(
    folder: Path,
    *,
    patients: int,
    events: int,
    seed: int,
    cohort: Path | None,
    kinetics: Path | None,
    harder: bool,
    progress: Progress | None,
) -> None:
    """Do what ``phenotype simulate`` was told; as ``simulate_study``, with tables given as CSV files.

    Raises
    ------
    StudyError
        As ``simulate_study``, or if kinetics come without their cohort.
    """
    if kinetics is not None and cohort is None:
        raise StudyError([f"{kinetics.name}: kinetics of which patients? Give their cohort too"])
    simulate_study(
        folder,
        patients=patients,
        events=events,
        seed=seed,
        settings=HARDER if harder else DEFAULTS,
        cohort=None if cohort is None else _read_csv(cohort),
        kinetics=None if kinetics is None else _read_csv(kinetics),
        progress=progress,
    )


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a table; an identifier is text."""
    try:
        return pd.read_csv(path, dtype={"patient_id": str})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StudyError([f"{path.name}: is no CSV table ({error})"]) from error


def _refuse_real_study(folder: Path) -> None:
    """Refuse to write over a study that may be someone's."""
    present = folder / "study.toml"
    if present.is_file() and _LABEL not in present.read_text(encoding="utf-8", errors="replace"):
        raise StudyError([f"{folder.name}: holds a study that is not labelled {_LABEL}; give an empty folder"])
    others = [name for name in ("samples.csv", "clinical.csv", "fcs") if (folder / name).exists()]
    if others and not present.is_file():
        raise StudyError([f"{folder.name}: holds {', '.join(others)} and no study.toml; give an empty folder"])
