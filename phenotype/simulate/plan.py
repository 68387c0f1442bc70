"""What a synthetic study will consist of, file by file; each file's events follow from its own random stream.

No file depends on another or on the order in which they are made: stream n of a seed is the same whoever
asks for it first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gating import Channel, Sample
from phenotype.errors import StudyError
from phenotype.simulate.clinical import SyntheticPatients, complicate, dated_patients, product_compositions
from phenotype.simulate.defects import ENOUGH_PATIENTS, add_time_gap, choose_defects, shedding_batch
from phenotype.simulate.events import (
    Contents,
    Instrument,
    Labels,
    Stain,
    draw_beads,
    draw_contents,
    draw_tube,
    few_cells,
)
from phenotype.simulate.settings import DETECTORS, FLUOROCHROMES, MARKERS, SimulationSettings
from phenotype.simulate.structural import draw_cohort, draw_kinetics

__all__ = ["FLOAT", "INTEGER", "LOG_INTEGER", "StudyPlan", "Tube", "make_sample", "plan_study"]

FLOAT, INTEGER, LOG_INTEGER = "FCS3.1 float32", "FCS3.1 int32", "FCS3.0 int16 log"
_FORMATS = (FLOAT,) * 5 + (INTEGER,) + (FLOAT,) * 2 + (LOG_INTEGER,) + (FLOAT,) * 2 + (INTEGER,)
"""Of twelve patients in a row."""
_FMO = ("CD62L", "CD45RA", "CAR")
_CONTROL_SUBSETS = (25.0, 45.0, 24.0, 6.0)
"""Dirichlet: the cells that controls are made of are not those of any product."""
_CONTROL_DEAD, _CONTROL_CAR = 0.08, 0.40
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MINUTES_PER_TUBE = 6
_COHORT, _CLINICAL, _KINETICS, _DEFECTS, _BATCH, _PRODUCT, _CONTROL = range(7)
"""First number of a random stream's key."""


@dataclass(frozen=True, slots=True)
class Tube:
    """One FCS file to be made."""

    file: str
    """Relative to the study folder."""
    role: str
    batch: int
    """From 0."""
    position: int
    """In its batch, in the order of acquisition."""
    stream: tuple[int, ...]
    """Key of its random stream."""
    patient_id: str = ""
    marker: str = ""
    composition: tuple[float, ...] = ()
    """Of a product: subsets of its CAR+ cells."""
    format: str = FLOAT
    defect: str = ""

    @property
    def batch_name(self) -> str:
        """As in samples.csv."""
        return f"B{self.batch + 1}"


@dataclass(frozen=True, slots=True, eq=False)
class StudyPlan:
    """Everything but the events."""

    seed: int
    events: int
    """Per product."""
    control_events: int
    """Per control of cells; beads are half as many."""
    settings: SimulationSettings
    patients: SyntheticPatients
    kinetics: pd.DataFrame
    tubes: tuple[Tube, ...]
    instruments: tuple[Instrument, ...]
    """One per batch."""
    days: tuple[pd.Timestamp, ...]
    """When each batch was measured."""


def plan_study(
    *,
    patients: int,
    events: int,
    control_events: int,
    seed: int,
    settings: SimulationSettings,
    cohort: pd.DataFrame | None = None,
    kinetics: pd.DataFrame | None = None,
    defects: bool = True,
) -> StudyPlan:
    """Decide on patients, batches, controls and defects; arguments as of ``simulate_study``.

    Raises
    ------
    StudyError
        If a given cohort has faults, or no patient in it has a product.
    """
    months = draw_cohort(patients, _stream(seed, _COHORT)) if cohort is None else cohort.reset_index(drop=True)
    people = dated_patients(months, _stream(seed, _CLINICAL))
    if cohort is None:
        people = complicate(people, _stream(seed, _CLINICAL, 1))
    if kinetics is None:
        kinetics = draw_kinetics(months, _stream(seed, _KINETICS))
    products = _products(people, product_compositions(months), settings)
    if not products:
        raise StudyError(
            ["cohort: naive_pct, cm_pct, em_pct, eff_pct are empty in every row; some patient has a product"]
        )
    batches = products[-1].batch + 1
    shed = shedding_batch(len(people.sheet), batches) if defects else None
    if defects:
        products = _with_defects(products, people, shed, _stream(seed, _DEFECTS))
    return StudyPlan(
        seed=seed,
        events=events,
        control_events=control_events,
        settings=settings,
        patients=people,
        kinetics=kinetics,
        tubes=_with_controls(products, batches),
        instruments=tuple(_instrument(seed, batch, settings, shed=batch == shed) for batch in range(batches)),
        days=tuple(_day(products, batch, people.sheet) for batch in range(batches)),
    )


def make_sample(tube: Tube, plan: StudyPlan) -> tuple[Sample, Labels | None, Instrument]:
    """Draw one file's events.

    Returns
    -------
    sample
        Uncompensated, with its keywords.
    labels
        What each event is; None for beads.
    instrument
        With the brightness that this tube's cells truly have.
    """
    rng, settings = _stream(plan.seed, *tube.stream), plan.settings
    instrument = plan.instruments[tube.batch]
    if tube.defect == "saturating":
        instrument = instrument.brighter("CD45RA", settings.saturating)
    if tube.role == "single_stain":
        fluorochrome = FLUOROCHROMES[MARKERS.index(tube.marker)]
        events = draw_beads(max(plan.control_events // 2, 1), fluorochrome, instrument, settings, rng)
        return _sample(tube, events, plan, instrument), None, instrument
    stain = _product_stain(tube, settings, rng) if tube.role == "product" else _control_stain(tube, rng)
    count = plan.events if tube.role == "product" else plan.control_events
    events, labels = draw_tube(_contents(tube, count, stain, settings, rng), stain, instrument, settings, rng)
    if tube.defect == "time_gap":
        events[:, -1] = add_time_gap(events[:, -1], settings)
    return _sample(tube, events, plan, instrument), labels, instrument


def _stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _products(people: SyntheticPatients, compositions: NDArray[np.float64], settings: SimulationSettings) -> list[Tube]:
    """Share products out to batches of equal size, in the order of infusion."""
    order = np.argsort(people.sheet["infusion_date"].to_numpy().astype(str), kind="stable")
    measured = [int(i) for i in order if np.isfinite(compositions[i]).all()]
    batches = np.array_split(measured, max(-(-len(measured) // settings.batch_size), 1))
    names = people.sheet["patient_id"].astype(str)
    return [
        Tube(
            file=f"fcs/{names[i]}_product.fcs",
            role="product",
            batch=batch,
            position=position,
            stream=(_PRODUCT, i),
            patient_id=names[i],
            composition=tuple(float(share) for share in compositions[i]),
            format=_format(i, len(people.sheet)),
        )
        for batch, members in enumerate(batches)
        for position, i in enumerate(int(member) for member in members)
    ]


def _format(position: int, patients: int) -> str:
    """Return a product's format; small studies have no logarithmic one, which loses values below 1."""
    wanted = _FORMATS[position % len(_FORMATS)]
    return FLOAT if wanted == LOG_INTEGER and patients < ENOUGH_PATIENTS else wanted


def _with_defects(
    products: list[Tube], people: SyntheticPatients, shed: int | None, rng: np.random.Generator
) -> list[Tube]:
    groups = people.truth.set_index("patient_id")["asct_group"]
    chosen = choose_defects(
        [str(groups[tube.patient_id]) for tube in products],
        np.array([tube.batch != shed for tube in products], dtype=bool),
        np.array([tube.composition[0] + tube.composition[3] for tube in products]),
        rng,
    )
    shedding = {i: "shedding" for i, tube in enumerate(products) if tube.batch == shed}
    found = shedding | chosen
    return [replace(tube, defect=found.get(i, "")) for i, tube in enumerate(products)]


def _with_controls(products: list[Tube], batches: int) -> tuple[Tube, ...]:
    """Put each batch's controls after its products."""
    tubes: list[Tube] = []
    for batch in range(batches):
        own = [tube for tube in products if tube.batch == batch]
        tubes += [*own, *_controls(batch, len(own))]
    return tuple(tubes)


def _controls(batch: int, first: int) -> list[Tube]:
    wanted = [("unstained", ""), ("untransduced", "")]
    wanted += [("fmo", marker) for marker in _FMO] + [("single_stain", marker) for marker in MARKERS]
    titles = {"fmo": "FMO", "single_stain": "single"}
    tubes = []
    for number, (role, marker) in enumerate(wanted):
        file = "_".join(filter(None, (f"B{batch + 1}", titles.get(role, role), marker)))
        stream = (_CONTROL, batch, number)
        tubes.append(Tube(f"fcs/{file}.fcs", role, batch, first + number, stream, marker=marker))
    return tubes


def _instrument(seed: int, batch: int, settings: SimulationSettings, *, shed: bool) -> Instrument:
    """Draw a batch's spillover and brightness around those of the study.

    A batch that sheds CD62L is not stained for it more brightly than the average: that would hide the loss.
    """
    rng = _stream(seed, _BATCH, batch)
    spillover, gain = _base_instrument(settings)
    change = 1 + settings.spillover_batch_sd * rng.standard_normal(spillover.shape)
    spillover = np.where(np.eye(len(spillover)) == 1, 1.0, spillover * np.clip(change, 0, None)).round(6)
    instrument = Instrument(spillover, gain, settings.markers)
    for marker in MARKERS:
        low, high = settings.scale_cd62l if marker == "CD62L" else settings.scale_other
        factor = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        instrument = instrument.brighter(marker, min(factor, 1.0) if shed and marker == "CD62L" else factor)
    return instrument.shed("CD62L", settings.shedding) if shed else instrument


def _base_instrument(settings: SimulationSettings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw spillover and gains from the instrument's own seed: most coefficients small, two large."""
    rng, size = np.random.default_rng(settings.spillover_seed), len(FLUOROCHROMES)
    spillover = settings.spillover_other * rng.beta(1, 3, (size, size))
    np.fill_diagonal(spillover, 1.0)
    spillover[FLUOROCHROMES.index("PE-A"), FLUOROCHROMES.index("PE-Cy5-A")] = settings.spillover_pe_pecy5
    spillover[FLUOROCHROMES.index("FITC-A"), FLUOROCHROMES.index("PE-A")] = settings.spillover_fitc_pe
    return spillover, rng.uniform(*settings.gain, size)


def _day(products: list[Tube], batch: int, sheet: pd.DataFrame) -> pd.Timestamp:
    """Return the day after a batch's last infusion: kept vials are stained together."""
    patients = [tube.patient_id for tube in products if tube.batch == batch]
    infusions = sheet.loc[sheet["patient_id"].astype(str).isin(patients), "infusion_date"]
    return pd.Timestamp(str(infusions.max())) + pd.Timedelta(days=1)


def _product_stain(tube: Tube, settings: SimulationSettings, rng: np.random.Generator) -> Stain:
    dead, car = min(float(rng.beta(*settings.dead)), settings.most_dead), float(rng.beta(*settings.car))
    dying, cd4 = float(rng.uniform(*settings.dying)), float(rng.uniform(*settings.cd4))
    if tube.defect == "dying":
        dead = dying
    if tube.defect == "few_car":
        car = settings.few_car / settings.few_t
    if tube.defect == "hardly_any_car":
        car = settings.hardly_any_car / settings.hardly_any_t
    return Stain(np.array(tube.composition), car, dead, cd4)


def _control_stain(tube: Tube, rng: np.random.Generator) -> Stain:
    composition, cd4 = rng.dirichlet(_CONTROL_SUBSETS), float(rng.uniform(0.45, 0.60))
    without = frozenset(MARKERS if tube.role == "unstained" else {tube.marker} & set(MARKERS))
    return Stain(composition, 0.0 if tube.role == "untransduced" else _CONTROL_CAR, _CONTROL_DEAD, cd4, without)


def _contents(tube: Tube, count: int, stain: Stain, settings: SimulationSettings, rng: np.random.Generator) -> Contents:
    if tube.defect == "few_car":
        return few_cells(settings.few_t, settings.few_car, stain, settings)
    if tube.defect == "hardly_any_car":
        return few_cells(settings.hardly_any_t, settings.hardly_any_car, stain, settings)
    return draw_contents(count, stain, settings, rng)


def _sample(tube: Tube, events: NDArray[np.float64], plan: StudyPlan, instrument: Instrument) -> Sample:
    labels = dict(zip(FLUOROCHROMES, MARKERS, strict=True))
    if tube.defect == "swapped_labels":
        swap = {"CD62L": "CD45RA", "CD45RA": "CD62L"}
        labels = {detector: swap.get(marker, marker) for detector, marker in labels.items()}
    channels = tuple(Channel(name, labels.get(name, ""), plan.settings.top + 1) for name in DETECTORS)
    matrix = instrument.spillover.T if tube.defect == "wrong_matrix" else instrument.spillover
    return Sample(tube.file, channels, events, _keywords(tube, matrix, plan))


def _keywords(tube: Tube, matrix: NDArray[np.float64], plan: StudyPlan) -> Mapping[str, str]:
    day = plan.days[tube.batch]
    begin = pd.Timestamp(day) + pd.Timedelta(hours=9, minutes=_MINUTES_PER_TUBE * tube.position)
    end = begin + pd.Timedelta(seconds=plan.settings.seconds)
    numbers = ",".join(f"{value:.6f}" for value in matrix.ravel())
    # FCS 3.1 brought $SPILLOVER; files of 3.0 carry the same under SPILL.
    keyword = "SPILL" if tube.format == LOG_INTEGER else "$SPILLOVER"
    return {
        "$COM": "SYNTHETIC DATA made by phenotype simulate: no cells, no patient, no cytometer",
        "SYNTHETIC": "TRUE",
        "$CYT": "Synthetic cytometer",
        "$DATE": f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}",
        "$BTIM": f"{begin:%H:%M:%S}",
        "$ETIM": f"{end:%H:%M:%S}",
        "$TIMESTEP": "0.01",
        "$FIL": tube.file.rpartition("/")[2],
        "EXPERIMENT NAME": f"SYNTHETIC batch {tube.batch_name}",
        "TUBE NAME": tube.file.rpartition("/")[2].removesuffix(".fcs"),
        keyword: f"{len(FLUOROCHROMES)},{','.join(FLUOROCHROMES)},{numbers}",
    }
