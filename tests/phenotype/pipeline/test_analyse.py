"""The clinical half alone: the same numbers as a run has, from its own fractions or anybody's."""

import json

import pytest
from click.testing import CliRunner

from phenotype.cli import main
from phenotype.errors import StudyError
from phenotype.pipeline import analyse_study, run_study


@pytest.fixture
def gated(study, monkeypatch):
    """Give a study that was run, without figures; returns study.toml."""
    monkeypatch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
    monkeypatch.setattr("phenotype.pipeline.work.panels_of", lambda *_, **__: ())
    run_study(study)
    return study


def test_from_its_own_fractions_a_study_has_the_tables_of_its_run(gated):
    """Byte for byte: one code computes both, and a fraction in a table is the fraction that was gated."""
    results = gated.parent / "results"
    found = analyse_study(gated, results / "subsets.csv")

    assert found.folder == gated.parent / "analysis"
    for name in ("cohort.csv", "comparisons.csv", "estimates.csv", "curves.csv", "published.csv"):
        assert (found.folder / name).read_bytes() == (results / name).read_bytes(), name


def test_it_needs_no_files_of_cells_and_leaves_a_run_alone(gated):
    """A lab that gates in FlowJo has no FCS folder here; results of an earlier run stay as they are."""
    results = gated.parent / "results"
    fractions = results / "subsets.csv"
    before = {path.name: path.stat().st_mtime_ns for path in results.iterdir()}
    for name in ("samples.csv", "gating.csv"):
        (gated.parent / name).unlink()

    assert analyse_study(gated, fractions).status == 0
    assert {path.name: path.stat().st_mtime_ns for path in results.iterdir()} == before


def test_what_was_read_is_on_record(gated):
    """Which table, which settings, which version: enough to repeat it."""
    found = analyse_study(gated, gated.parent / "results" / "subsets.csv")
    record = json.loads((found.folder / "analysis.json").read_text(encoding="utf-8"))

    assert set(record["inputs"]) >= {"study.toml", "clinical.csv", "subsets.csv"}
    assert record["settings"]["analyses"]["seed"] == 1


def test_the_command_says_what_it_did(gated, tmp_path):
    """On the screen: patients, who is missing, where the tables are; and one object for a script."""
    fractions = str(gated.parent / "results" / "subsets.csv")
    shown = CliRunner().invoke(main, ["analyse", str(gated), "--subsets", fractions, "--out", str(tmp_path / "out")])

    assert shown.exit_code == 0, shown.output
    assert "patients, " in shown.output
    assert f"tables: {tmp_path / 'out'}" in shown.output
    asked = CliRunner().invoke(main, ["analyse", str(gated), "--subsets", fractions, "--json"])
    assert json.loads(asked.stdout)["status"] == 0


def test_fractions_of_other_patients_are_refused(gated, tmp_path):
    """A table of another study has no patient in common: nothing would be compared, in silence."""
    other = tmp_path / "other.csv"
    other.write_text("patient_id,naive,cm,em,eff\nX1,0.25,0.25,0.25,0.25\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"other\.csv: none of its patients is in clinical\.csv"):
        analyse_study(gated, other)

    assert not (gated.parent / "analysis").exists()
    failed = CliRunner().invoke(main, ["analyse", str(gated), "--subsets", str(other)])
    assert failed.exit_code == 2


KINETICS = "patient_id,day,cart_pct_of_t,nurse\nP1,0,0.5,Li\nP1,7,80.25,Li\nP1,14,NA,Li\nP4,D7,33,Wu\nX9,7,5,Wu\n"


@pytest.fixture
def with_kinetics(gated):
    """Give the same study with a sheet of expansion; returns study.toml and the fractions of its run."""
    (gated.parent / "kinetics.csv").write_text(KINETICS, encoding="utf-8")
    gated.write_text(gated.read_text().replace("[compensation]", 'kinetics = "kinetics.csv"\n\n[compensation]', 1))
    return gated, gated.parent / "results" / "subsets.csv"


def test_the_values_of_expansion_are_left_as_they_were_used(with_kinetics):
    """The report draws from the folder alone: each value is that of the sheet, with the group that it is drawn in."""
    study, fractions = with_kinetics
    left = analyse_study(study, fractions).folder / "kinetics.csv"
    wanted = "patient_id,asct_group,day,cart_pct_of_t\nP1,none,0,0.5\nP1,none,7,80.25\nP1,none,14,\nP4,over_1y,7,33.0\n"

    assert left.read_text(encoding="utf-8") == wanted
    run_study(study)
    assert (study.parent / "results" / "kinetics.csv").read_bytes() == left.read_bytes()


def test_curves_of_an_earlier_run_do_not_stay(with_kinetics):
    """A study that has no sheet of expansion any more must not be drawn with the old one."""
    study, fractions = with_kinetics
    folder = analyse_study(study, fractions).folder
    study.write_text(study.read_text().replace('kinetics = "kinetics.csv"\n', ""))
    analyse_study(study, fractions)

    assert not (folder / "kinetics.csv").exists()
    assert (study.parent / "kinetics.csv").read_text(encoding="utf-8") == KINETICS


def test_a_persons_own_sheet_is_never_overwritten(with_kinetics):
    """`--out .` would write the table over the sheet that it is made from, and drop the lab's own columns."""
    study, fractions = with_kinetics
    for call in (lambda: analyse_study(study, fractions, study.parent), lambda: run_study(study, study.parent)):
        with pytest.raises(StudyError, match=r"kinetics\.csv: lies in the result folder"):
            call()
    assert (study.parent / "kinetics.csv").read_text(encoding="utf-8") == KINETICS
    assert not (study.parent / "cohort.csv").exists()

    study.write_text(study.read_text().replace('kinetics = "kinetics.csv"\n', ""))
    analyse_study(study, fractions, study.parent)
    assert (study.parent / "kinetics.csv").read_text(encoding="utf-8") == KINETICS
