"""Exports: other programs count the same events, and nothing is exported that the run has not read."""

import csv

import numpy as np
import pytest

from gating import REPAIRS, read_fcs
from phenotype.cli import main
from phenotype.errors import ExportError
from phenotype.export import export_fcs, members_of
from phenotype.pipeline import run_study


def table(path):
    """Read a CSV of a run."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def run(monkeypatch):
    """Return the function that runs a study without its report and returns its folder."""
    monkeypatch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
    return lambda study: run_study(study).folder


@pytest.fixture
def results(study, run):
    """Run the study."""
    return run(study)


def test_every_count_of_the_run_is_a_sum_over_events_of_a_file(results, study):
    """Read by anyone, added up by anyone: each population of each sample."""
    export = export_fcs(results)
    counts = [row for row in table(results / "populations.csv") if row["population"] != "root"]

    assert export.failures == ()
    assert len(counts) > 60
    for name in export.written:
        sample = read_fcs(export.folder / name)
        original = read_fcs(study.parent / "fcs" / name)
        own = {row["population"]: row["count"] for row in counts if row["sample_id"] == name.removesuffix(".fcs")}
        columns = [channel.name for channel in sample.channels]
        flags = {column: sample.events[:, columns.index(column)] for column in columns if column in own}

        np.testing.assert_array_equal(sample.events[:, : len(original.channels)], original.events)
        assert sample.keywords["$SPILLOVER"] == original.keywords["$SPILLOVER"]
        assert {name: str(int(flag.sum())) for name, flag in flags.items()} == {k: n for k, n in own.items() if n}
        assert set(np.unique(np.column_stack(list(flags.values())))) == {0, 1}


def test_a_dataset_that_was_chosen_is_exported(study, run, change):
    """Its file is the one that the run has read, whatever its row in the tables is called."""
    change(study.parent / "samples.csv", "batch,marker", "batch,marker,dataset")
    change(study.parent / "samples.csv", "fcs/P1.fcs,P1,product,0,B1,", "fcs/P1.fcs,P1,product,0,B1,,1")

    export = export_fcs(run(study))

    assert export.failures == ()
    assert "P1_1.fcs" in export.written


def test_a_population_that_was_refused_has_no_column(study, run, change):
    """A column of zeros would be a count."""
    change(study.parent / "gating.csv", "valley > control(fmo) > control(unstained, quantile=0.999)", "control(fmo)")

    folder = run(study)
    export = export_fcs(folder)

    assert {row["count"] for row in table(folder / "populations.csv") if row["population"] == "T cells"} == {""}
    names = {channel.name for channel in read_fcs(export.folder / "P1.fcs").channels}
    assert "Live" in names
    assert not {"T cells", "naive", "CAR- naive"} & names


@pytest.mark.parametrize("file", ["gating.csv", "samples.csv", "clinical.csv", "study.toml"])
def test_another_study_than_was_run_is_refused(results, study, file):
    """The gates would be those of one study and the events those of another."""
    with (study.parent / file).open("a") as stream:
        stream.write("\n")

    with pytest.raises(ExportError, match=rf"{file}: is not the file that the run has read; run the study again"):
        export_fcs(results)


def test_a_file_that_was_changed_is_left_out_and_the_rest_is_done(results, study):
    """Only its own export would be wrong."""
    path = study.parent / "fcs" / "P3.fcs"
    path.write_bytes(path.read_bytes() + b"\0")

    export = export_fcs(results)

    assert [row["file"] for row in export.failures] == ["fcs/P3.fcs"]
    assert "fcs/P3.fcs: is not the file that the run has read" in export.failures[0]["error"]
    assert len(export.written) == 5


def test_counts_that_the_gates_do_not_give_are_refused(results):
    """Someone edited a table of results."""
    path = results / "populations.csv"
    (row,) = [r for r in table(path) if (r["sample_id"], r["population"]) == ("P2", "naive")]
    old = f"P2,P2,fcs/P2.fcs,naive,{row['parent']},{row['count']},"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, f"P2,P2,fcs/P2.fcs,naive,{row['parent']},7,"))

    (failure,) = export_fcs(results).failures

    assert f"population 'naive' has {row['count']} events by gates.csv, and 7 in populations.csv" in failure["error"]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    """With what would be one."""
    with pytest.raises(ExportError, match=r"no run\.json of a finished run in it"):
        export_fcs(tmp_path)


def test_tables_of_another_version_are_refused(results):
    """A column that is not there cannot be guessed."""
    path = results / "gates.csv"
    path.write_text(path.read_text().replace(",kind\n", ",form\n"))

    with pytest.raises(ExportError, match=r"gates\.csv: no column 'kind'; another version wrote it"):
        export_fcs(results)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parent": "Nobody"}, "the parent 'Nobody' is not above it"),
        ({"coordinates": "{"}, "Expecting property name"),
        ({"coordinates": '{"vertices": []}'}, "coordinates vertices are not those of a range"),
        ({"kind": "blob"}, "no kind of gate 'blob'"),
        ({"channels": "X"}, "no channel or marker 'X'"),
        ({"transform": "log("}, "'log.' is not a transform"),
    ],
)
def test_a_row_that_no_run_writes_is_refused(tube, tmp_path, change, message):
    """By its population."""
    tube(tmp_path / "a.fcs", 1, n=50)
    row = {"population": "P", "parent": "root", "channels": "FSC-A", "kind": "range", "transform": "linear(T=1, A=0)"}
    row |= {"coordinates": '{"minimum": 1, "maximum": null}'}
    sample = read_fcs(tmp_path / "a.fcs")

    assert members_of(sample, [row], "a.fcs")["P"].sum() == 50
    with pytest.raises(ExportError, match=rf"a\.fcs: gates\.csv: population 'P': .*{message}"):
        members_of(sample, [{**row, **change}], "a.fcs")


def test_the_command_says_where_the_files_are(results, tmp_path):
    """And what was left out, with status 1."""
    from click.testing import CliRunner

    found = CliRunner().invoke(main, ["export", str(results), "--to", "fcs", "--out", str(tmp_path / "x")])

    assert (found.exit_code, found.exception) == (0, None)
    assert f"6 files in {tmp_path / 'x'}" in found.stdout
    (results.parent / "fcs" / "P1.fcs").unlink()
    found = CliRunner().invoke(main, ["export", str(results), "--to", "fcs", "--out", str(tmp_path / "x")])
    assert found.exit_code == 1
    assert "fcs/P1.fcs: no such file" in found.stdout


def test_repairs_are_those_of_the_run(study, run, change):
    """A salvaged file is salvaged again, not refused."""
    path = study.parent / "fcs" / "P2.fcs"
    path.write_bytes(path.read_bytes()[:-30_000])
    change(study, "[asct]", '[reading]\nallow = ["salvage"]\n\n[asct]')

    export = export_fcs(run(study))

    assert export.failures == ()
    assert len(read_fcs(export.folder / "P2.fcs")) == len(read_fcs(path, repairs=REPAIRS | {"salvage"}))
