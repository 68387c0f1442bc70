"""The command line as an analyst meets it: what is printed, what is written, the exit status."""

import csv
import json

import pytest
from click.testing import CliRunner

from phenotype.cli import main

SUBSETS = ("naive", "central_memory", "effector_memory", "effector")


def call(*arguments: object):
    """Run the command line and return its result; a crash is a failure of the test."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def table(path) -> list[dict[str, str]]:
    """Read a CSV of a run."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(autouse=True)
def _without_figures(request, monkeypatch):
    """Leave out the drawing, which has tests of its own, unless a test asks for the report."""
    if "with_report" not in request.fixturenames:
        monkeypatch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")


@pytest.fixture
def with_report():
    """Ask for the report to be built."""


@pytest.fixture
def results(study):
    """Give the result folder of the study."""
    return study.parent / "results"


@pytest.mark.usefixtures("with_report")
def test_a_sound_study_ends_with_its_report(study, results):
    """One command, all tables, status 0 or 1 only by what the data deserve."""
    result = call("run", study)

    assert result.exit_code == 0, result.output
    assert "6 of 6 samples gated" in result.stdout
    assert (results / "report.html").is_file()
    assert len(table(results / "subsets.csv")) == 24
    assert table(results / "failures.csv") == []


def test_every_table_has_the_columns_that_scripts_rely_on(study, results):
    """INTERFACE: a change of a name is a breaking change."""
    call("run", study)

    expected = {
        "populations": "sample_id,patient_id,file,population,parent,count,parent_count,fraction_of_parent,"
        "ci_low,ci_high,flags",
        "subsets": "sample_id,patient_id,subset,count,parent_count,fraction,ci_low,ci_high,flags",
        "gates": "sample_id,population,channels,method,coordinates,transform,source,confidence",
        "quality": "sample_id,check,value,limit,severity,message",
        "failures": "file,stage,error",
        "comparisons": "contrast,subset,n_a,n_b,median_a,median_b,difference,ci_low,ci_high,test,p_value,p_adjusted",
        "estimates": "analysis,endpoint,term,level,time,n,events,estimate,ci_low,ci_high,statistic,p_value,method",
    }
    for name, columns in expected.items():
        header = (results / f"{name}.csv").read_text().splitlines()[0]
        assert header.startswith(columns), name
    assert set(SUBSETS) <= set((results / "cohort.csv").read_text().splitlines()[0].split(","))


def test_fractions_are_counts_over_parents_and_sum_to_one(study, results):
    """Each number in cohort.csv walks back to two counts of events."""
    call("run", study)

    fractions = {(row["patient_id"], row["subset"]): row for row in table(results / "subsets.csv")}
    for patient in table(results / "cohort.csv"):
        for subset in SUBSETS:
            row = fractions[patient["patient_id"], subset]
            assert float(patient[subset]) == int(row["count"]) / int(row["parent_count"])
        assert sum(float(patient[s]) for s in SUBSETS) == pytest.approx(1)


def test_the_boundary_day_is_within_a_year(study, results):
    """P6: 2020-01-07 to 2021-01-06 is 365 days."""
    call("run", study)

    groups = {row["patient_id"]: (row["asct_group"], row["days_from_asct"]) for row in table(results / "cohort.csv")}
    assert groups["P6"] == ("within_1y", "365")
    assert groups["P4"][0] == "over_1y"
    assert groups["P1"][0] == "none"


@pytest.mark.usefixtures("with_report")
def test_two_runs_and_any_number_of_workers_give_the_same_bytes(study, results, tmp_path):
    """A regulator repeats the run and compares files."""
    call("run", study)
    call("run", study, "--jobs", 2, "--out", tmp_path / "again")

    for path in sorted(results.glob("*.csv")):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    assert (results / "report.html").read_bytes() == (tmp_path / "again" / "report.html").read_bytes()


def test_a_second_run_gates_only_what_changed(study, results, change, tube):
    """A corrected date must not cost a day of gating; a changed file must, and with it what asked its batch."""
    template = study.parent / "gating.csv"
    template.write_text(template.read_text().replace("offset=yes;", "offset=yes; x=valley; y=valley;"))
    call("run", study)
    before = (results / "subsets.csv").read_bytes()
    change(study.parent / "clinical.csv", "2018-01-01", "2020-06-01")

    again = json.loads(call("run", study, "--json").stdout)

    assert (again["gated"], again["reused"]) == (6, 6)
    assert (results / "subsets.csv").read_bytes() == before
    tube(study.parent / "fcs" / "P1.fcs", 17)
    assert json.loads(call("run", study, "--json").stdout)["reused"] == 5
    assert json.loads(call("run", study, "--fresh", "--json").stdout)["reused"] == 0


def test_what_is_broken_in_a_result_folder_is_made_anew(study, results):
    """A disk that filled up leaves half a file; it costs one sample, not the run."""
    call("run", study)
    before = {path.name: path.read_bytes() for path in results.glob("*.csv")}
    first, *_ = sorted((results / "ledger").iterdir())
    first.write_text('{"populations": [')
    panels = results / "panels" / "P6.npz"
    panels.write_bytes(panels.read_bytes()[:100])

    again = json.loads(call("run", study, "--json").stdout)

    assert again["gated"] == 6
    assert again["reused"] in {4, 5}
    assert {path.name: path.read_bytes() for path in results.glob("*.csv")} == before


def test_a_folder_that_cannot_be_written_is_one_line(study):
    """A file where the folder should be; the message names it, and the way out."""
    (study.parent / "results").write_text("x")

    result = call("run", study)

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "results: cannot be written" in result.stderr
    assert "--out" in result.stderr


def test_ctrl_c_is_neither_done_nor_refused(study, monkeypatch):
    """Status 1 would say that all was done and some samples need review."""

    def interrupted(_task):
        raise KeyboardInterrupt

    monkeypatch.setattr("phenotype.pipeline.run.gate_file", interrupted)

    result = call("run", study)

    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "stopped before the end; the same command goes on from what is finished"


def test_a_missing_file_is_left_out_and_the_rest_is_done(study, results):
    """Good samples are still processed; the missing one is in failures.csv."""
    (study.parent / "fcs" / "P2.fcs").unlink()

    result = call("run", study)

    assert result.exit_code == 1
    assert table(results / "failures.csv") == [
        {
            "file": "fcs/P2.fcs",
            "stage": "read",
            "error": "fcs/P2.fcs: no such file; copy it there, or correct the sample sheet",
        }
    ]
    assert len(table(results / "subsets.csv")) == 20


def test_a_truncated_file_is_rejected_with_what_was_found(study, results):
    """Half an upload must not become half a sample."""
    path = study.parent / "fcs" / "P3.fcs"
    path.write_bytes(path.read_bytes()[:-5000])

    assert call("run", study).exit_code == 1

    (failure,) = table(results / "failures.csv")
    assert failure["file"] == "fcs/P3.fcs"
    assert "4000 events" in failure["error"]


def test_a_truncated_file_is_salvaged_if_the_study_says_so(study, results, change):
    """What was read of it is counted, and the report says that the rest is missing."""
    path = study.parent / "fcs" / "P2.fcs"
    path.write_bytes(path.read_bytes()[:-30_000])
    change(study, "[asct]", '[reading]\nallow = ["salvage"]\n\n[asct]')

    call("run", study)

    assert table(results / "failures.csv") == []
    (row,) = [row for row in table(results / "quality.csv") if row["check"] == "repair"]
    assert row["sample_id"] == "P2"
    assert "events are there and were read" in row["message"]
    (root,) = [r for r in table(results / "populations.csv") if (r["sample_id"], r["population"]) == ("P2", "root")]
    assert 3000 < int(root["count"]) < 4000


def test_a_strict_study_has_no_repairs(study, results, change):
    """A file that would be put right without a word from anyone is refused instead."""
    path = study.parent / "fcs" / "P2.fcs"
    path.write_bytes(path.read_bytes().replace(b"$MODE", b"$NODE"))

    call("run", study)
    assert [row["message"].partition(":")[0] for row in table(results / "quality.csv") if row["check"] == "repair"] == [
        "mode"
    ]
    change(study, "[asct]", "[reading]\nstrict = true\n\n[asct]")
    call("run", study)

    (failure,) = table(results / "failures.csv")
    assert failure["file"] == "fcs/P2.fcs"
    assert "The repair 'mode' is not allowed here." in failure["error"]


def test_datasets_of_one_file_are_gated_as_tubes_of_their_own(study, results, change):
    """The numbers are those of the separate files; without a choice the file is refused, not read from its first."""
    folder = study.parent / "fcs"
    call("run", study)
    apart = {row["patient_id"]: row["count"] for row in table(results / "subsets.csv") if row["subset"] == "naive"}
    first, second = (folder / name for name in ("P1.fcs", "P2.fcs"))
    step = len(first.read_bytes())
    head = first.read_bytes().replace(b"$NEXTDATA/0/", b"$NEXTDATA/0/".replace(b"0", b"%d" % step))
    grown = len(head) - step
    head = head.replace(b"%d" % step, b"%d" % (step + grown), 1)
    joined = _moved(head, grown) + second.read_bytes()
    for path in (first, second):
        path.unlink()
    (folder / "both.fcs").write_bytes(joined)
    change(study.parent / "samples.csv", "batch,marker", "batch,marker,dataset")
    change(study.parent / "samples.csv", "fcs/P1.fcs,P1,product,0,B1,", "fcs/both.fcs,P1,product,0,B1,,1")
    change(study.parent / "samples.csv", "fcs/P2.fcs,P2,product,0,B1,", "fcs/both.fcs,P2,product,0,B1,,2")

    call("run", study)

    together = {row["patient_id"]: row["count"] for row in table(results / "subsets.csv") if row["subset"] == "naive"}
    assert together == apart
    assert {row["file"] for row in table(results / "populations.csv")} >= {"fcs/both.fcs#1", "fcs/both.fcs#2"}
    change(study.parent / "samples.csv", "fcs/both.fcs,P1,product,0,B1,,1\n", "")
    change(study.parent / "samples.csv", "fcs/both.fcs,P2,product,0,B1,,2", "fcs/both.fcs,P2,product,0,B1,,")
    call("run", study)
    (failure,) = table(results / "failures.csv")
    assert "fcs/both.fcs: holds 2 datasets (1, 2); say which is meant" in failure["error"]


def _moved(raw: bytes, by: int) -> bytes:
    """Return a dataset whose TEXT has grown by some bytes, with its offsets corrected."""
    begin, end = int(raw[26:34]), int(raw[34:42])
    header = raw[:18] + b"%8d%8d%8d" % (int(raw[18:26]) + by, begin + by, end + by) + raw[42:58]
    text = raw[58 : begin + by].replace(b"%d" % begin, b"%d" % (begin + by), 1)
    return header + text.replace(b"%d" % end, b"%d" % (end + by), 1) + raw[begin + by :]


def test_a_run_that_gates_nothing_is_not_done(study, results, monkeypatch):
    """A script that goes on with the next step must not go on with empty tables; the report says why they are."""
    from phenotype.pipeline.work import failed

    def fail(task):
        return failed(task.key.file, "gate", ValueError(f"{task.key.file}: no"))

    monkeypatch.setattr("phenotype.pipeline.run.gate_file", fail)

    result = call("run", study)

    assert result.exit_code == 2
    assert "0 of 6 samples gated" in result.stdout
    assert len(table(results / "failures.csv")) == 6


def test_a_missing_spillover_is_rejected_while_compensation_is_on(study, results, tube):
    """Uncompensated events in a fluorescence gate are wrong numbers."""
    tube(study.parent / "fcs" / "P4.fcs", 4, spillover="")

    assert call("run", study).exit_code == 1
    (failure,) = table(results / "failures.csv")
    assert failure["stage"] == "compensate"
    assert 'no $SPILLOVER, SPILL or $COMP in the file, and study.toml says source = "file"' in failure["error"]


def test_no_compensation_is_possible_if_said_out_loud(study, results, change):
    """Saying source = "none" is a decision, and the report's settings show it."""
    change(study, 'source = "file"', 'source = "none"')

    call("run", study)

    assert len(table(results / "subsets.csv")) == 24
    assert json.loads((results / "run.json").read_text())["settings"]["compensation"]["source"] == "none"


def test_a_missing_marker_is_named_with_what_the_file_has(study, change):
    """The analyst reads which name to put under [markers]."""
    change(study.parent / "gating.csv", "T cells,Live,CD3,", "T cells,Live,CD27,")

    result = call("run", study)

    assert result.exit_code == 2
    assert "no channel or marker 'CD27'" in result.stderr
    assert "Known: Time, FSC-A, FSC-H, SSC-A, CD62L (BV421-A)" in result.stderr


def test_an_alias_finds_what_the_file_calls_a_marker(study, change):
    """[markers] is the place where spelling is settled."""
    change(study.parent / "gating.csv", "T cells,CAR,", "T cells,anti-BCMA CAR reagent,")
    study.write_text(study.read_text() + '\n[markers]\n"anti-BCMA CAR reagent" = "CAR"\n')

    assert call("run", study).exit_code == 0


def test_without_a_control_the_valley_decides_and_is_flagged(study, results, change):
    """A CAR threshold without control is a different measurement; every row must say so."""
    change(study.parent / "samples.csv", "fcs/untransduced.fcs,,untransduced,,B1,\n", "")

    assert call("run", study).exit_code == 1

    cars = [row for row in table(results / "gates.csv") if row["population"] == "CAR+ T"]
    assert {row["source"] for row in cars} == {"valley"}
    assert {row["confidence"] for row in cars} == {"weak"}
    assert "no untransduced control for CAR" in cars[0]["note"]


def test_patients_on_one_side_only_are_listed(study, results, change):
    """A product without a clinical row is counted nowhere, and must be said."""
    change(study.parent / "clinical.csv", "P2,2021-01-02,0,,\n", "P9,2021-01-02,0,,\n")

    result = call("run", study)

    join = json.loads((results / "run.json").read_text())["join"]
    assert join == {"without_clinical": ["P2"], "without_product": ["P9"]}
    assert "P2" in result.output


def test_a_run_says_what_was_odd_in_its_sheets(study, change):
    """Who runs without a check first should still hear of a control that serves no one."""
    change(study.parent / "samples.csv", ",,untransduced,,B1,", ",,untransduced,,b1,")

    result = call("run", study)

    note = "fcs/untransduced.fcs: no sample of batch b1 can use it; is the batch spelt as theirs?"
    assert f"1 to know:\n  {note}\n" in result.stdout


def test_a_group_of_fewer_than_three_is_not_tested(study, results):
    """One patient within a year is no group."""
    call("run", study)

    row = next(r for r in table(results / "comparisons.csv") if r["contrast"] == "within_1y_vs_none")
    assert (row["p_value"], row["n_a"]) == ("", "1")
    assert "a test needs 3 in each group" in row["note"]


def test_every_fault_of_every_sheet_is_said_at_once(study, change):
    """One round of corrections, not one per mistake; nothing was written."""
    change(study.parent / "samples.csv", "P1,product", "P1,produkt")
    change(study.parent / "clinical.csv", "2022-05-05", "2020-05-05")
    change(study.parent / "gating.csv", "Live,Singlets,", "Live,Singels,")
    change(study.parent / "gating.csv", "debris", "derbis")

    result = call("run", study)

    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert any("samples.csv" in line and "'produkt'" in line and "'product'" in line for line in lines)
    assert any("clinical.csv" in line and "2020-05-05" in line for line in lines)
    assert any("gating.csv" in line and "no parent above 'Singels'" in line for line in lines)
    assert any("gating.csv" in line and "no method 'derbis'; did you mean 'debris'?" in line for line in lines)
    assert not (study.parent / "results").exists()


def test_a_swapped_label_is_refused(study, results):
    """CD62L and CD45RA exchanged in one file: its naive and effector cells would trade places."""
    path = study.parent / "fcs" / "P5.fcs"
    raw = path.read_bytes()
    assert raw.count(b"/CD62L/") == raw.count(b"/CD45RA/") == 1
    swapped = raw.replace(b"/CD62L/$P6N", b"/CD45RA/$P6N").replace(b"$P6S/CD45RA/", b"$P6S/CD62L/")
    offset = len(raw) - len(swapped)
    path.write_bytes(swapped)

    assert offset == 0
    assert call("run", study).exit_code == 1
    (failure,) = table(results / "failures.csv")
    assert failure["stage"] == "panel"
    assert "CD62L is on BV510-A, in 5 of 5 other files of batch B1 on BV421-A" in failure["error"]


def test_check_reads_everything_and_gates_nothing(study):
    """The analyst corrects before the run."""
    result = call("check", study)

    assert result.exit_code == 0, result.output
    assert "6 files to gate, 6 patients (none 3, over_1y 2, within_1y 1)" in result.stdout
    assert not (study.parent / "results").exists()


def test_check_says_what_a_run_would_leave_out(study, change):
    """A missing control and a missing file, before the night's run."""
    (study.parent / "fcs" / "P2.fcs").unlink()
    change(study.parent / "samples.csv", "fcs/untransduced.fcs,,untransduced,,B1,\n", "")

    result = call("check", study)

    assert result.exit_code == 1
    assert "fcs/P2.fcs: no such file" in result.stdout
    assert "batch B1: no untransduced control for CAR; CAR+ T falls to the next step" in result.stdout


def test_check_does_not_pass_a_product_without_a_clinical_row(study, change):
    """Its patient would be in no comparison, and a script that looks at the status should stop here."""
    change(study.parent / "clinical.csv", "P2,2021-01-02,0,,\n", "")

    result = call("check", study)

    assert result.exit_code == 1
    assert "products without a clinical row:\n  P2\n" in result.stdout


@pytest.mark.parametrize(("files", "status"), [(["P1", "bad"], 1), (["bad"], 2)])
def test_gate_says_by_its_status_that_a_file_could_not_be_gated(study, files, status):
    """A script that gates a folder must not take a file that is not there for one without cells."""
    folder = study.parent
    (folder / "fcs" / "bad.fcs").write_bytes(b"")
    paths = [folder / "fcs" / f"{name}.fcs" for name in files]

    result = call("gate", *paths, "--template", folder / "gating.csv", "--csv")

    assert result.exit_code == status
    assert "bad.fcs: empty file" in result.stderr


def test_gate_counts_single_files(study):
    """A quick look at one file, without a study."""
    folder = study.parent

    result = call("gate", folder / "fcs" / "P1.fcs", "--template", folder / "gating.csv", "--csv")

    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert result.exit_code == 0
    assert [row["population"] for row in rows][:4] == ["root", "In range", "Cells", "Singlets"]
    assert rows[0]["count"] == "4000"


def test_the_name_of_a_file_is_no_formula_in_a_table_on_the_screen(study):
    """The table goes into a spreadsheet next; a file may come from anyone."""
    folder = study.parent
    (folder / "=HYPERLINK(1).fcs").write_bytes((folder / "fcs" / "P1.fcs").read_bytes())

    result = call("gate", folder / "=HYPERLINK(1).fcs", "--template", folder / "gating.csv", "--csv")

    row = next(csv.DictReader(result.stdout.splitlines()))
    assert (row["sample_id"], row["file"]) == ("'=HYPERLINK(1)", "'=HYPERLINK(1).fcs")


def test_info_describes_a_file_and_one_bad_file_does_not_hide_a_good_one(study, tmp_path):
    """Status 1: some were described, one could not be."""
    bad = tmp_path / "photo.fcs"
    bad.write_bytes(b"\xff\xd8\xff\xe0 JFIF")

    result = call("info", study.parent / "fcs" / "P1.fcs", bad, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["files"][0]["events"] == 4000
    assert "not FCS" in found["failures"][0]["error"]


def test_init_writes_a_study_to_correct(study, tmp_path):
    """Roles and patients from names, and a question mark where only the analyst knows what day 1 is."""
    folder = tmp_path / "export"
    (folder / "day 1").mkdir(parents=True)
    for name, new in {"P1": "Patient A", "untransduced": "UTD"}.items():
        raw = (study.parent / "fcs" / f"{name}.fcs").read_bytes()
        (folder / "day 1" / f"{new}.fcs").write_bytes(raw)

    result = call("init", folder)

    rows = {row["file"]: row for row in table(folder / "samples.csv")}
    assert result.exit_code == 0
    assert rows["day 1/UTD.fcs"]["role"] == "untransduced"
    assert rows["day 1/Patient A.fcs"]["patient_id"] == "Patient A"
    assert rows["day 1/Patient A.fcs"]["role"] == "?"
    assert "of culture (product)?" in rows["day 1/Patient A.fcs"]["unsure"]
    refused = call("check", folder / "study.toml")
    assert refused.exit_code == 2
    assert "?" in refused.stderr


def test_init_of_a_folder_without_exports_says_what_to_do(tmp_path):
    """The commonest mistake is the folder above or below."""
    result = call("init", tmp_path)

    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path.name}: no file that ends in .fcs or .lmd; copy the exports into it\n"


def test_init_names_a_file_it_cannot_read_once(study, tmp_path):
    """The path from the folder, which is what samples.csv wants."""
    folder = tmp_path / "export"
    (folder / "day 1").mkdir(parents=True)
    (folder / "P1.fcs").write_bytes((study.parent / "fcs" / "P1.fcs").read_bytes())
    (folder / "day 1" / "P2.fcs").write_bytes(b"")

    result = call("init", folder)

    assert result.exit_code == 1
    assert "not readable: day 1/P2.fcs: empty file" in result.stdout


@pytest.mark.usefixtures("with_report")
def test_a_report_is_built_anew_from_its_tables(study, results):
    """Who edits a table by hand, or updates the program, need not gate again; the same tables give the same page."""
    call("run", study)
    before = (results / "report.html").read_bytes()
    (results / "report.html").unlink()

    result = call("report", results)

    assert result.exit_code == 0
    assert result.stdout == f"report: {results / 'report.html'}\n"
    assert (results / "report.html").read_bytes() == before


def test_a_report_of_no_run_is_one_line(tmp_path):
    """The folder above is the commonest mistake."""
    result = call("report", tmp_path)

    assert result.exit_code == 2
    assert result.stderr == "run.json: not found; a report needs the folder of a finished run\n"


def test_a_name_does_not_steer_the_terminal(study, change):
    """A patient's ID is any text; printed, it must not clear the screen or turn a line around."""
    change(study.parent / "samples.csv", ",P2,", ",P\x1b[2J\u202e2,")

    result = call("check", study)

    assert "  P?[2J?2" in result.stdout.splitlines()


def test_init_never_overwrites(study):
    """Someone's corrected sheet is worth more than a proposal."""
    result = call("init", study.parent)

    assert result.exit_code == 2
    assert "study.toml: exists already" in result.stderr


def test_an_unknown_study_is_one_line_and_status_2(tmp_path):
    """Never a traceback."""
    result = call("run", tmp_path / "study.toml")

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
