"""study.toml: what a study is called, where its sheets are, and every decision that changes a number.

Every setting has a default that can be defended, said beside it; a key that is not a setting is a fault, since
a misspelt setting would otherwise be silently ignored.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from gating import REPAIRS, missing
from phenotype.errors import StudyError
from phenotype.subsets import SUBSETS

__all__ = ["About", "Analyses", "Asct", "Comparisons", "Quality", "Reading", "Study", "read_study"]


class _Section(BaseModel):
    """What all sections share: nothing unknown, nothing changed later, no NaN, no text for a number."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, strict=True, use_attribute_docstrings=True
    )


Text = Annotated[str, Field(min_length=1)]


def _as_tuple(value: object) -> object:
    """Let one name stand for a list of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


_WORDS = ("file", "controls", "none")
"""What [compensation] source may be beside a path."""


class _Files(_Section):
    """[study]: the name, and the study's own files, relative to study.toml."""

    name: Text
    """Heads the report; no default, since two reports must be told apart."""
    samples: Text
    """A row per FCS file; no default, since a guessed sheet could be last year's."""
    clinical: Text
    """A row per patient: .csv, .tsv or .xlsx."""
    sheet: Text | None = None
    """Sheet of a clinical workbook. None: the only visible one; with several, one must be named."""
    kinetics: Text | None = None
    """A row per patient and day. None: expansion was not measured, and its analyses are left out."""
    template: Text
    """The gates; no default, since every number depends on them."""


class _Compensation(_Section):
    """[compensation]: where the spillover matrix is from."""

    source: Text = "file"
    """``file``: the matrix the cytometer stored with each file, since it was made on that day; ``controls``: one
    for each batch, measured on its single stains; a .csv: one matrix for all; ``none``: the events are compensated
    already, which only a person can know."""
    without_stain: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)] = ()
    """Markers or detectors that need no single stain under ``controls``: what they spill into others is taken for 0.
    None by default: a stain that was forgotten is then found."""

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source not in _WORDS and not source.casefold().endswith(".csv"):
            raise ValueError("it must be 'file', 'controls', 'none' or the path of a matrix .csv")
        return source

    @model_validator(mode="after")
    def _of_use(self) -> "_Compensation":
        if self.without_stain and self.source != "controls":
            raise ValueError(f"without_stain is for source 'controls', and source is {self.source!r}; leave it out")
        return self


class Asct(_Section):
    """[asct]: how patients are grouped by transplant."""

    reference: Literal["infusion", "apheresis"] = "infusion"
    """The interval runs from the last transplant before this date. Infusion, as published; apheresis is when
    the cells left the patient, so it is the better question where its date is known."""
    within_days: int = Field(default=365, gt=0)
    """Up to and including this many days: ``within_1y``. A year, as published: CD8 T cells are back within it."""


class ReferenceCuts(_Section):
    """[reference]: cuts that a person placed on some samples, for chains with the step ``reference``."""

    gates: Text
    """A sheet of them, rows of thresholds.csv or gates.csv with ``who``; no default, since a person placed them."""
    across_batches: bool = False
    """Whether they teach samples of other batches. False: on files of five centres, a cut of the same centre was off by
    0.05 decades, one of another centre by 0.2, and nothing in the sample's own density told which."""


class Quality(_Section):
    """[quality]: below or above which numbers are flagged or withheld."""

    not_detected_below: int = Field(default=13, ge=0)
    """Parent events: the limit of detection of a validated CAR assay."""
    not_quantified_below: int = Field(default=22, ge=0)
    """Parent events: that assay's limit of quantification; below, counts are given and no fraction."""
    min_parent_events: int = Field(default=500, ge=0)
    """Parent events for a fraction without a flag: a 95 % interval of 4 points either side at 25 %."""
    min_subset_events: int = Field(default=50, ge=0)
    """Events in a subset for a fraction without a flag: 14 % coefficient of variation by counting alone."""
    min_viability: float = Field(default=0.70, ge=0, le=1)
    """Live fraction of singlets: the release limit that is usual for CAR-T products."""
    max_saturated: float = Field(default=0.05, ge=0, le=1)
    """Fraction of events at the top of a channel: above, a median of that channel can be the detector's limit."""

    @model_validator(mode="after")
    def _ordered(self) -> "Quality":
        if self.not_quantified_below < self.not_detected_below:
            raise ValueError(
                f"not_quantified_below is {self.not_quantified_below}, less than not_detected_below, "
                f"{self.not_detected_below}; what is quantified is detected"
            )
        return self


class Reading(_Section):
    """[reading]: what may be put right in an FCS file; each repair is recorded in quality.csv and in the report."""

    strict: bool = False
    """Refuse every file that needs a repair. By default those that leave one reading of the file are made."""
    allow: Annotated[tuple[Literal["salvage", "recount"], ...], BeforeValidator(_as_tuple)] = ()
    """Repairs that only a person can ask for: ``salvage`` reads the whole events of a file that is cut short,
    ``recount`` believes DATA where $TOT says another number. None by default: events are lost, or were never there."""

    @property
    def repairs(self) -> frozenset[str]:
        """The rules that may be applied."""
        return (frozenset() if self.strict else REPAIRS) | {*self.allow}


class Comparisons(_Section):
    """[comparisons]: how p values are adjusted."""

    family: Literal["all", "contrast"] = "all"
    """Tests adjusted together: all contrasts and subsets of the report (strict, and the default because all
    are shown side by side), or the subsets of each contrast."""
    gatings: int = Field(default=200, ge=0, le=5000)
    """Gatings that could as well have been made, in which fractions and comparisons are computed anew: 200 give a share
    to within 4 points. 0: intervals hold counting alone, and nothing is said of gates."""


Month = Annotated[float, Field(gt=0, le=600)]


class Analyses(_Section):
    """[analyses]: the clinical half."""

    covariates: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ("prior_asct", "extramedullary_disease")
    """Columns of the clinical sheet in models of response, survival and relapse, each alone and all together; by
    default the two that the paper reports."""
    interval: Literal["log", "log-log", "plain"] = "log"
    """Scale on which intervals of survival are symmetric: that of R's default, and of the paper's numbers."""
    rates_months: Annotated[tuple[Month, ...], BeforeValidator(_as_tuple), Field(min_length=1)] = (6, 12, 24, 36, 48)
    """Months from infusion at which survival and relapse are given."""
    landmark_months: float = Field(default=3, ge=0)
    """Landmark of survival by response: most best responses are reached by month 3."""
    relapse_clock: Literal["infusion", "response"] = "infusion"
    """Start of the time to relapse of patients in CR."""
    hb_lower_limit: float = Field(default=120, gt=100)
    """g/L, below which haemoglobin is grade 1 at least: laboratories differ, from 115 to 135. Grade 2 starts at 100."""
    anc_lower_limit: float = Field(default=2.0, gt=1.5)
    """1e9/L, below which neutrophils are grade 1 at least; grade 2 starts at 1.5."""
    plt_lower_limit: float = Field(default=150, gt=75)
    """1e9/L, below which platelets are grade 1 at least; grade 2 starts at 75."""
    permutations: int = Field(default=9999, ge=99, le=1_000_000)
    """Of permutation tests: 9,999 give a p of 0.05 to within 0.004."""
    imputations: int = Field(default=0, ge=0, le=200)
    """Completed data sets of models with missing covariates, two at least; 0 leaves incomplete patients out."""
    seed: int = Field(default=1, ge=0)
    """Of permutations and imputations."""

    @field_validator("imputations")
    @classmethod
    def _several(cls, sets: int) -> int:
        if sets == 1:
            raise ValueError("of one set nothing can be said of how far sets differ; write 0, or as many as 20")
        return sets


class About(_Section):
    """[about]: what no file says and a paper must; free text for the checklists of the report, all optional."""

    purpose: Text | None = None
    """Question of the study, and its hypotheses."""
    registration: Text | None = None
    """Number of the trial or protocol."""
    ethics: Text | None = None
    """Committee and consent."""
    organisation: Text | None = None
    """Where cells were stained and measured."""
    specimen: Text | None = None
    """What was stained: product or blood, fresh or thawed, hours from sampling to staining."""
    treatment: Text | None = None
    """Conditioning, product and dose."""
    staining: Text | None = None
    """Protocol: cells, volumes, temperature, fixation."""
    antibodies: dict[str, Text] = {}
    """Marker to clone, fluorochrome, vendor and catalogue number."""
    instrument: Text | None = None
    """Maker, model, software, and how it was set up and checked."""
    detectors: Text | None = None
    """Lasers, filters and voltages, as far as the files do not say."""
    blinding: Text | None = None
    """Whether who gated knew group or outcome."""
    patients: Text | None = None
    """Where patients are from, and by what criteria they were taken in and left out."""
    design: Text | None = None
    """Looking back or ahead, period, end of follow-up."""
    cut_points: Text | None = None
    """How limits were chosen, and whether before the data were looked at."""
    sample_size: Text | None = None
    """Why so many patients."""
    data: Text | None = None
    """Where FCS files can be had."""


class _StudyFile(_Section):
    """study.toml as typed."""

    study: _Files
    """Name and files."""
    compensation: _Compensation = _Compensation()
    """The matrix: by default each file's own."""
    reading: Reading = Reading()
    """FCS files: by default strictly, with the repairs that leave no doubt."""
    asct: Asct = Asct()
    """The groups: by default as published."""
    markers: dict[str, Names] = {}
    """Other names of a marker of the template. None by default: files that use the template's names need none."""
    subsets: dict[str, Text] = {}
    """Population of each subset, where the template calls it otherwise. By default the subset's own name."""
    control_subsets: dict[str, Text] = {}
    """Its counterpart among CAR- T cells of the same tube. By default ``CAR-`` and the population's name."""
    quality: Quality = Quality()
    """Limits: by default of published assays."""
    comparisons: Comparisons = Comparisons()
    """Adjustment."""
    analyses: Analyses = Analyses()
    """Models, times and rules of the clinical half."""
    reference: ReferenceCuts | None = None
    """A person's cuts. None: no sample was gated by hand."""
    alternatives: dict[str, Text] = {}
    """Marker of the template to the one that stands for it in all files, ``-`` before it where it is on the other
    cells: ``CD45RA = "-CD45RO"``. None by default: the template says what is stained."""
    about: About = About()
    """What no file says. None by default: the report lists what is missing."""

    @field_validator("markers")
    @classmethod
    def _decided(cls, markers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        undecided = [name for name, names in markers.items() if "?" in names]
        if undecided:
            raise ValueError(
                "\n".join(f"{name} is '?'; decide, and write what its channel is called" for name in undecided)
            )
        return markers

    @field_validator("subsets", "control_subsets")
    @classmethod
    def _four(cls, names: dict[str, str]) -> dict[str, str]:
        unknown = [name for name in names if name not in SUBSETS]
        if unknown:
            raise ValueError("\n".join(missing("subset", name, SUBSETS, "here") for name in unknown))
        return names


@dataclass(frozen=True, slots=True)
class Study:
    """A study's settings, with every default filled in and every path found."""

    name: str
    path: Path
    """study.toml; every other path was relative to its folder."""
    samples: Path
    clinical: Path
    sheet: str | None
    """Sheet of a clinical workbook."""
    kinetics: Path | None
    template: Path
    compensation: Path | Literal["file", "controls", "none"]
    """A matrix .csv, or a word."""
    without_stain: tuple[str, ...]
    """Markers or detectors that need no single stain."""
    reading: Reading
    asct: Asct
    markers: Mapping[str, tuple[str, ...]]
    """Other names of each marker of the template."""
    subsets: Mapping[str, str]
    """Population of each of the four subsets."""
    control_subsets: Mapping[str, str]
    """Its counterpart among CAR- T cells; the template need not have it."""
    quality: Quality
    comparisons: Comparisons
    analyses: Analyses
    reference: Path | None
    """A person's cuts."""
    across_batches: bool
    """Whether they teach other batches."""
    alternatives: Mapping[str, str]
    """Marker of the template to the one that stands for it, with its sign."""
    typed: _StudyFile
    """The file the study was read from."""

    @property
    def folder(self) -> Path:
        """The folder of study.toml; FCS files lie in it or below."""
        return self.path.parent

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The study's own files, for a record of what a run has read; FCS files are not among them."""
        matrix = self.compensation if isinstance(self.compensation, Path) else None
        files = (self.path, self.samples, self.clinical, self.kinetics, self.template, matrix, self.reference)
        return tuple(path for path in files if path is not None)

    def settings(self) -> dict[str, Any]:
        """Return every setting by section, defaults included, as JSON can hold it."""
        filled = {"subsets": dict(self.subsets), "control_subsets": dict(self.control_subsets)}
        return self.typed.model_dump(mode="json", exclude_none=True) | filled


def read_study(path: Path | str) -> Study:
    """Read study.toml.

    Raises
    ------
    StudyError
        If the file is not TOML (one line), or with every setting that is unknown, missing or out of range.
    """
    path = Path(path)
    try:
        typed = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError([f"{path.name}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise StudyError([f"{path.name}: is not UTF-8 text; save it as UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise StudyError([f"{path.name}: is not TOML: {error}"]) from error
    try:
        return _study(path, _StudyFile.model_validate(typed))
    except ValidationError as error:
        raise StudyError([line for detail in error.errors() for line in _lines(path.name, detail)]) from error


def _study(path: Path, typed: _StudyFile) -> Study:
    """Fill in what depends on other settings, and find the files."""
    files, folder, source = typed.study, path.parent, typed.compensation.source
    subsets = {subset: typed.subsets.get(subset, subset) for subset in SUBSETS}
    return Study(
        name=files.name,
        path=path,
        samples=folder / files.samples,
        clinical=folder / files.clinical,
        sheet=files.sheet,
        kinetics=folder / files.kinetics if files.kinetics else None,
        template=folder / files.template,
        compensation=cast(Literal["file", "controls", "none"], source) if source in _WORDS else folder / source,
        without_stain=typed.compensation.without_stain,
        reading=typed.reading,
        asct=typed.asct,
        markers=typed.markers,
        subsets=subsets,
        control_subsets={s: typed.control_subsets.get(s, f"CAR- {name}") for s, name in subsets.items()},
        quality=typed.quality,
        comparisons=typed.comparisons,
        analyses=typed.analyses,
        reference=folder / typed.reference.gates if typed.reference else None,
        across_batches=bool(typed.reference and typed.reference.across_batches),
        alternatives=typed.alternatives,
        typed=typed,
    )


def _lines(name: str, detail: ErrorDetails) -> Iterator[str]:
    """Say what pydantic found, in this program's words."""
    *sections, key = [str(part) for part in detail["loc"]]
    where = f"{name}: [{sections[0]}]" if sections else name
    if detail["type"] == "extra_forbidden":
        yield missing("setting" if sections else "section", key, _known(sections), where)
    elif detail["type"] == "missing":
        yield f"{where}: no {key}; it has no default" if sections else f"{where}: no section [{key}]"
    elif detail["type"] == "value_error":
        for line in str(detail["ctx"]["error"]).splitlines():
            yield _own_line(name, sections, key, detail["input"], line)
    else:
        empty = detail["type"] in {"too_short", "string_too_short"}
        rule = "it must not be empty" if empty else detail["msg"].replace("Input should", "it should")
        place = ".".join([*sections[1:], key])
        yield f"{where} {place} is {detail['input']!r}; {rule}" if sections else f"{where}: [{key}]: {rule}"


def _own_line(name: str, sections: list[str], key: str, found: object, line: str) -> str:
    """Say what a rule of this module found: about one setting, or about a section."""
    if sections:
        return f"{name}: [{sections[0]}] {key} is {found!r}; {line}"
    return f"{name}: [{key}]: {line.removeprefix('here: ')}"


def _known(sections: list[str]) -> list[str]:
    """Return the settings of a section, or the sections."""
    if not sections:
        return list(_StudyFile.model_fields)
    section = _StudyFile.model_fields[sections[0]].annotation
    return list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []
