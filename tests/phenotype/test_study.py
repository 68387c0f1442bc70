"""study.toml: strict, with every fault at once."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from gating import ON_REQUEST, REPAIRS
from phenotype.errors import StudyError
from phenotype.study import Study, read_study

FILES = '[study]\nname = "BCMA"\nsamples = "samples.csv"\nclinical = "clinical.csv"\ntemplate = "gating.csv"\n'


def study(folder: Path, text: str) -> Study:
    """Read a study of this text."""
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def faults(folder: Path, text: str) -> tuple[str, ...]:
    """Return the faults of a study of this text."""
    with pytest.raises(StudyError) as caught:
        study(folder, text)
    return caught.value.faults


def test_a_short_study_has_every_default(tmp_path):
    """Five lines are a study; these defaults are the published analysis, so a change here is a decision."""
    found = study(tmp_path, FILES)

    assert found.name == "BCMA"
    assert found.samples == tmp_path / "samples.csv"
    assert found.kinetics is None
    assert found.sheet is None
    assert found.compensation == "file"
    assert (found.asct.reference, found.asct.within_days) == ("infusion", 365)
    assert found.markers == {}
    assert found.subsets["central_memory"] == "central_memory"
    assert found.control_subsets["naive"] == "CAR- naive"
    assert found.quality.model_dump() == {
        "not_detected_below": 13,
        "not_quantified_below": 22,
        "min_parent_events": 500,
        "min_subset_events": 50,
        "min_viability": 0.70,
        "max_saturated": 0.05,
    }
    assert found.comparisons.family == "all"


def test_what_is_typed_is_used(tmp_path):
    """Every section, once."""
    found = study(
        tmp_path,
        FILES
        + 'kinetics = "k.csv"\nsheet = "Patients"\n[compensation]\nsource = "m/matrix.CSV"\n'
        + '[asct]\nreference = "apheresis"\nwithin_days = 180\n'
        + '[markers]\nViability = ["Zombie Aqua", "LD"]\nCAR = "BCMA-Fc"\n'
        + '[subsets]\nnaive = "TN"\n[control_subsets]\neffector = "UT effector"\n'
        + '[quality]\nmin_viability = 1\n[comparisons]\nfamily = "contrast"\n',
    )

    assert found.kinetics == tmp_path / "k.csv"
    assert found.sheet == "Patients"
    assert found.compensation == tmp_path / "m" / "matrix.CSV"
    assert (found.asct.reference, found.asct.within_days) == ("apheresis", 180)
    assert found.markers == {"Viability": ("Zombie Aqua", "LD"), "CAR": ("BCMA-Fc",)}
    assert (found.subsets["naive"], found.control_subsets["naive"]) == ("TN", "CAR- TN")
    assert found.control_subsets["effector"] == "UT effector"
    assert found.quality.min_viability == 1
    assert found.comparisons.family == "contrast"
    assert [path.name for path in found.inputs] == [
        "study.toml", "samples.csv", "clinical.csv", "k.csv", "gating.csv", "matrix.CSV",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        ("", REPAIRS),
        ("strict = true", set()),
        ('allow = "salvage"', REPAIRS | {"salvage"}),
        ('strict = true\nallow = ["recount", "salvage"]', {"recount", "salvage"}),
    ],
)
def test_repairs_are_those_without_doubt_unless_a_person_says_otherwise(tmp_path, text, repairs):
    """What loses events must be asked for; what leaves one reading may be forbidden."""
    assert study(tmp_path, f"{FILES}[reading]\n{text}\n").reading.repairs == repairs


def test_every_repair_on_request_can_be_asked_for(tmp_path):
    """The words of study.toml are the rules of the reader, and no others."""
    asked = "allow = [" + ", ".join(f'"{rule}"' for rule in ON_REQUEST) + "]"

    assert set(ON_REQUEST) <= study(tmp_path, f"{FILES}[reading]\n{asked}\n").reading.repairs
    assert faults(tmp_path, FILES + '[reading]\nallow = ["data-end"]\n') == (
        "study.toml: [reading] allow.0 is 'data-end'; it should be 'salvage' or 'recount'",
    )


@pytest.mark.parametrize(
    ("setting", "least"),
    [("hb_lower_limit = 12", "100"), ("anc_lower_limit = 1.5", "1.5"), ("plt_lower_limit = 75", "75")],
)
def test_a_lower_limit_of_normal_lies_above_grade_2(tmp_path, setting, least):
    """Haemoglobin in g/dL would stop the run at its end, after all gating; it is told before."""
    name, value = setting.split(" = ")

    assert faults(tmp_path, f"{FILES}[analyses]\n{setting}\n") == (
        f"study.toml: [analyses] {name} is {value}; it should be greater than {least}",
    )


def test_settings_are_json_without_paths_of_this_machine(tmp_path):
    """run.json is shared with others: it repeats what was typed, and the defaults that applied."""
    settings = study(tmp_path, FILES).settings()

    assert json.loads(json.dumps(settings)) == settings
    assert settings["asct"] == {"reference": "infusion", "within_days": 365}
    assert settings["subsets"]["naive"] == "naive"
    assert str(tmp_path) not in json.dumps(settings)


def test_a_study_cannot_change(tmp_path):
    """A setting that changes between two steps of a run would not be in its record."""
    found = study(tmp_path, FILES)

    with pytest.raises(AttributeError):
        found.name = "other"
    with pytest.raises(ValidationError, match=r"frozen"):
        found.asct.within_days = 7


def test_what_a_lab_says_of_itself_is_kept_as_written(tmp_path):
    """For the checklists of the report; a word that no checklist asks for is refused, as any unknown setting."""
    text = FILES + '[about]\npurpose = "Fitness after ASCT"\n[about.antibodies]\nCD3 = "UCHT1, BD 555332"\n'

    found = study(tmp_path, text).settings()["about"]

    assert found == {"purpose": "Fitness after ASCT", "antibodies": {"CD3": "UCHT1, BD 555332"}}
    assert "no setting 'pupose'; did you mean 'purpose'?" in faults(tmp_path, FILES + '[about]\npupose = "x"\n')[0]


def test_all_faults_at_once(tmp_path):
    """A person in a hurry corrects the file once."""
    text = (
        '[study]\nname = "x"\nsamples = "s.csv"\nclinical = ""\ntemplat = "g.csv"\n'
        '[asct]\nreference = "infuson"\nwithin_days = 0\n[compensation]\nsource = "control"\n'
        '[quality]\nmin_viability = nan\nmax_saturated = "low"\n[markers]\nViability = ["a", 3]\n'
        '[subsets]\nnaiv = "n"\n[asctt]\n'
    )

    assert faults(tmp_path, text) == (
        "study.toml: [study] clinical is ''; it must not be empty",
        "study.toml: [study]: no template; it has no default",
        "study.toml: [study]: no setting 'templat'; did you mean 'template'? "
        "Known: name, samples, clinical, sheet, kinetics, template",
        "study.toml: [compensation] source is 'control'; it must be 'file', 'controls', 'none' or the path of a matrix "
        ".csv",
        "study.toml: [asct] reference is 'infuson'; it should be 'infusion' or 'apheresis'",
        "study.toml: [asct] within_days is 0; it should be greater than 0",
        "study.toml: [markers] Viability.1 is 3; it should be a valid string",
        "study.toml: [subsets]: no subset 'naiv'; did you mean 'naive'? "
        "Known: naive, central_memory, effector_memory, effector",
        "study.toml: [quality] min_viability is nan; it should be a finite number",
        "study.toml: [quality] max_saturated is 'low'; it should be a valid number",
        "study.toml: no section 'asctt'; did you mean 'asct'? "
        "Known: study, compensation, reading, asct, markers, subsets, control_subsets, quality, comparisons, analyses, "
        "reference, alternatives, about",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "study.toml: no section [study]"),
        (FILES + "[asct]\nwithin_days = true\n", "[asct] within_days is True; it should be a valid integer"),
        (FILES + "[asct]\nwithin_days = 365.5\n", "[asct] within_days is 365.5; it should be a valid integer"),
        (FILES + "[quality]\nmin_viability = 70\n", "[quality] min_viability is 70; it should be less than or equal"),
        (FILES + "[quality]\nmax_saturated = inf\n", "[quality] max_saturated is inf; it should be a finite number"),
        (FILES + "[quality]\nnot_detected_below = 30\n", "[quality]: not_quantified_below is 22, less than"),
        (FILES + '[comparisons]\nfamily = "every"\n', "[comparisons] family is 'every'; it should be 'all' or"),
        (
            FILES + '[compensation]\nsource = "flie"\n',
            "source is 'flie'; it must be 'file', 'controls', 'none' or the path of a",
        ),
        (FILES + '[compensation]\nwithout_stain = "PE-A"\n', "without_stain is for source 'controls', and source is"),
        (FILES + "[markers]\nCAR = []\n", "[markers] CAR is []; it must not be empty"),
        (FILES + '[markers]\nCAR = ["a", "?"]\n', "study.toml: [markers]: CAR is '?'; decide, and write what its"),
        ("asct = 7\n" + FILES, "study.toml: [asct]: it should be"),
    ],
)
def test_each_fault_says_what_would_be_right(tmp_path, text, message):
    """TOML has types, so a number in quotes or a yes for a number is a slip, not a style."""
    assert message in "\n".join(faults(tmp_path, text))


def test_toml_that_is_none_is_one_line(tmp_path):
    """The place is all that helps here."""
    found = faults(tmp_path, "[study\n")

    assert len(found) == 1
    assert found[0].startswith("study.toml: is not TOML: Expected ']'")
    assert "line 1" in found[0]
    assert "\n" not in found[0]


def test_a_study_that_cannot_be_read(tmp_path):
    """A wrong path, a folder, or an encoding is said in one line too."""
    with pytest.raises(StudyError, match=r"none.toml: cannot be read: No such file"):
        read_study(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'[study]\nname = "M\xfcller"\n')
    with pytest.raises(StudyError, match=r"latin.toml: is not UTF-8 text"):
        read_study(tmp_path / "latin.toml")
