"""The files that are written: what a person opens in a spreadsheet, corrects and gives to `phenotype check`."""

import csv
import io
import tomllib
from pathlib import Path

import pytest

from phenotype.errors import StudyError
from phenotype.pipeline import check_study
from phenotype.samples import read_samples
from phenotype.study import About, read_study
from phenotype.survey import survey_folder, survey_lines, write_study
from phenotype.survey.sheets import samples_text, study_text

OTHER = (
    ("FSC-A", ""), ("FSC-H", ""), ("BV421-A", "CD62L"), ("BV510-A", "CD45RA"), ("FITC-A", "CD3"), ("PE-A", "BCMA"),
    ("APC-A", "EGFRt"), ("APC-Cy7-A", "Zombie NIR"),
)  # fmt: skip
HOSTILE = (
    "=cmd|' /C calc'!A0.fcs",
    "+1-1 P02.fcs",
    "@SUM(A1).fcs",
    " leading space.fcs",
    "comma, quote \" and 'quote'.fcs",
    "line\nbreak.fcs",
    "<script>alert(1)<script>.fcs",
    "Müller größe.fcs",
    "P03 🧬🩸.fcs",
    "\x1b[31mred.fcs",
    "?.fcs",
    f"{'long' * 62}.fcs",
    "semi;colon\ttab.fcs",
    f"{'deep' * 20}/{'deeper' * 20}/{'x' * 200}.fcs",
)


def written(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Survey a folder, write the study, and return the rows of its sheets."""
    write_study(survey_folder(folder))
    sheets = {}
    for name in ("samples.csv", "clinical.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as stream:
            sheets[name] = list(csv.DictReader(stream))
    return sheets


def decide(folder: Path, **cells: str) -> None:
    """Do what the analyst does: write an answer for each question mark, and fill in the clinical sheet."""
    rows = list(csv.DictReader(io.StringIO((folder / "samples.csv").read_text(encoding="utf-8"), newline="")))
    for number, row in enumerate(rows):
        answers = {"role": "product", "patient_id": f"X{number}", "day": "0", "batch": "B1", "marker": "CD3"} | cells
        row |= {column: answers[column] for column in answers if row[column] == "?"}
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    patients = sorted({row["patient_id"] for row in rows} - {""})
    lines = [f"{patient},2024-01-01,0" for patient in patients]
    (folder / "clinical.csv").write_text("\n".join(["patient_id,infusion_date,prior_asct", *lines]))


def test_a_study_without_a_doubt_needs_the_clinical_sheet_only(tmp_path, put):
    """Column `unsure` is there, and empty."""
    for i, name in enumerate(("P01", "P02", "FMO CAR", "UTD", "Unstained", "FMO CD3", "FMO CD62L", "FMO CD45RA")):
        put(tmp_path / f"{name}.fcs", event=float(i))

    sheets = written(tmp_path)

    assert [row["unsure"] for row in sheets["samples.csv"]] == [""] * 8
    assert [row["patient_id"] for row in sheets["clinical.csv"]] == ["P01", "P02"]
    decide(tmp_path)
    assert check_study(tmp_path / "study.toml").failures == ()


def test_question_marks_are_refused_until_they_are_decided(tmp_path, put):
    """Each by its row; then the column `unsure` does no harm."""
    for i, name in enumerate(("Mueller", "Maier", "FMO")):
        put(tmp_path / f"{name}.fcs", event=float(i))
    written(tmp_path)

    with pytest.raises(StudyError) as caught:
        check_study(tmp_path / "study.toml")

    assert "samples.csv: row 2: marker is '?'; decide, and write the answer" in caught.value.faults
    assert "samples.csv: row 3: role is '?'; decide, and write the answer" in caught.value.faults
    decide(tmp_path)
    assert check_study(tmp_path / "study.toml").files == 2


def test_a_marker_that_two_channels_could_carry_is_refused_until_one_is_named(tmp_path, put):
    """BCMA or EGFRt: the gate of CAR+ cells depends on it."""
    put(tmp_path / "P01.fcs", panel=OTHER)
    written(tmp_path)
    study = tmp_path / "study.toml"

    assert tomllib.loads(study.read_text())["markers"] == {"Viability": ["Zombie NIR"], "CAR": ["?"]}
    assert "# could be BCMA (PE-A) or EGFRt (APC-A)" in study.read_text()
    with pytest.raises(StudyError, match="CAR is '\\?'; decide, and write what its channel is called"):
        read_study(study)
    study.write_text(study.read_text().replace('CAR = ["?"]', 'CAR = "EGFRt"'))
    decide(tmp_path)
    assert check_study(study).failures == ()


def test_no_matrix_in_any_file_is_a_question(tmp_path, put):
    """Unmixed by the cytometer, or forgotten: only a person knows."""
    put(tmp_path / "P01.fcs", **{"$SPILLOVER": ""})
    written(tmp_path)

    with pytest.raises(StudyError, match="\\[compensation\\] source is '\\?'"):
        read_study(tmp_path / "study.toml")


def test_whatever_a_file_is_called_the_sheet_names_it(tmp_path, put):
    """Read back, each row leads to its file; no cell is a formula to a spreadsheet."""
    for i, name in enumerate(HOSTILE):
        put(
            tmp_path / name,
            event=float(i),
            **{"TUBE NAME": "=cmd()", "$SRC": f"?{i % 2}", "$PROJ": "?", "$CYT": "a\nb"},
        )

    rows = written(tmp_path)["samples.csv"]

    assert {(tmp_path / row["file"]).resolve() for row in rows} == {(tmp_path / name).resolve() for name in HOSTILE}
    for row in rows:
        assert all(cell[:1] not in {"=", "+", "-", "@", "\t", "\r"} for cell in row.values())
    decide(tmp_path)
    found = read_samples(read_study(tmp_path / "study.toml")).rows
    assert len(found) == len(HOSTILE)
    assert all(row.path.is_file() for row in found)


def test_no_keyword_or_name_steers_the_terminal_or_the_study_file(tmp_path, put):
    """A line break in a comment of TOML would be a setting."""
    folder = tmp_path / 'a "quoted" \\ name'
    put(folder / "\x1b[2Ja\nb.fcs", panel=(("PE-A", 'CAR "x"\n[study]'),), **{"$CYT": "LSR\n[evil]\nx = 1"})

    survey = survey_folder(folder)

    assert set(tomllib.loads(study_text(survey))) == {"study", "compensation", "asct", "markers"}
    assert all(line.isprintable() for line in survey_lines(survey))
    assert tomllib.loads(study_text(survey))["study"]["name"] == 'a "quoted" \\ name'


def test_nothing_is_overwritten_and_nothing_written_beside(tmp_path, put):
    """A link that leads nowhere is there already, too."""
    put(tmp_path / "P01.fcs")
    (tmp_path / "clinical.csv").symlink_to(tmp_path / "elsewhere.csv")

    with pytest.raises(StudyError, match="exists already; move it away first, nothing was written"):
        write_study(survey_folder(tmp_path))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["P01.fcs", "clinical.csv"]


def test_columns_are_there_only_where_they_tell_something(look, tube):
    """`dataset` where a file holds several, `panel` where there are several."""
    plain = look("P01.fcs", "P02.fcs")
    several = look(
        tube("run.fcs", {"TUBE NAME": "P01"}, dataset="1"), tube("run.fcs", {"TUBE NAME": "P02"}, dataset="2")
    )
    panels = look("P01.fcs", tube("P02.fcs", panel=OTHER))

    headers = [samples_text(survey).splitlines()[0].split(",") for survey in (plain, several, panels)]

    assert headers[0] == ["file", "patient_id", "role", "day", "batch", "marker", "unsure"]
    assert headers[1][1] == "dataset"
    assert headers[2][-1] == "panel"


def test_batches_stand_in_the_study_file(look):
    """So that B1 can be looked up a year later."""
    assert "# B1: 2024-03-01, LSR, 2 tubes\n" in study_text(look("P01.fcs", "P02.fcs"))


def test_what_no_file_says_is_there_to_be_filled_in(look):
    """Commented, so that nothing is said which nobody wrote; and every line is one that the study takes."""
    text = study_text(look("P01.fcs"))
    shown = text[text.index("# [about]") :].replace("# ", "").replace('""', '"words"')

    assert "about" not in tomllib.loads(text)
    assert set(tomllib.loads(shown)["about"]) == set(About.model_fields)
    assert About.model_validate(tomllib.loads(shown)["about"]).antibodies
