"""Tables on disk: exact, safe to open in a spreadsheet, whole or not there."""

import csv

import numpy as np
import pandas as pd
import pytest

from phenotype.cells import cell
from phenotype.errors import RunError
from phenotype.pipeline.write import write_frame, write_rows, writing_to


def test_numbers_keep_all_their_digits(tmp_path):
    """A fraction read back is the fraction computed."""
    write_rows(tmp_path / "t.csv", ["x"], [{"x": 1 / 3}, {"x": np.float64(0.1)}, {"x": np.int64(7)}])

    assert (tmp_path / "t.csv").read_text() == "x\n0.3333333333333333\n0.1\n7\n"


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-x", "@SUM(A1)", "\tx"])
def test_text_that_a_spreadsheet_would_run_is_kept_as_text(text):
    """A patient's ID is data; a formula in it would run on the analyst's machine."""
    assert cell(text) == f"'{text}"
    assert cell("\rx") == "'\nx"


def test_an_end_of_line_within_text_does_not_end_the_row(tmp_path):
    """Readers take a lone carriage return for the end of a row, and the writer would not quote it."""
    write_rows(tmp_path / "t.csv", ["a", "b"], [{"a": "one\rtwo", "b": "x\r\ny"}])

    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [["a", "b"], ["one\ntwo", "x\ny"]]


def test_the_name_of_a_column_is_no_formula_either(tmp_path):
    """Columns of the clinical sheet keep their names in cohort.csv, whoever named them."""
    write_frame(tmp_path / "t.csv", pd.DataFrame({"patient_id": ["P1"], "=HYPERLINK(1)": ["x"]}))

    assert (tmp_path / "t.csv").read_text() == "patient_id,'=HYPERLINK(1)\nP1,x\n"


def test_a_negative_number_stays_a_number():
    """Only text is guarded."""
    assert cell(-2.3) == "-2.3"


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), pd.NaT, pd.NA])
def test_missing_is_empty(nothing):
    """Every kind of missing looks the same, and like nothing else."""
    assert cell(nothing) == ""


def test_a_writer_that_fails_leaves_the_old_table(tmp_path):
    """Half a table under its final name would be read as a whole one."""
    path = tmp_path / "t.csv"
    write_rows(path, ["x"], [{"x": 1}])

    def broken():
        yield {"x": 2}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(path, ["x"], broken())

    assert path.read_text() == "x\n1\n"


def test_frames_and_quotes_round_trip(tmp_path):
    """Commas, quotes and line breaks in a note survive."""
    table = pd.DataFrame({"id": ["00123"], "note": ['a "b", c\nd']})

    write_frame(tmp_path / "t.csv", table)

    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [["id", "note"], ["00123", 'a "b", c\nd']]


def test_a_full_disk_is_one_line_with_the_way_out(tmp_path):
    """The system names neither the folder nor what to do."""
    with pytest.raises(RunError) as caught, writing_to(tmp_path):
        raise OSError(28, "No space left on device")

    assert str(caught.value).startswith(f"{tmp_path}: cannot be written: No space left on device; make room")
    assert "goes on from there" in str(caught.value)


def test_two_runs_do_not_write_to_one_folder(tmp_path):
    """Their tables would mix, and each would look whole; the lock is gone with the run that held it."""
    folder = tmp_path / "results"
    second = pytest.raises(RunError, match=r"results: another run is writing to it; wait for it, or name another")
    with writing_to(folder), second, writing_to(folder):
        pass

    with writing_to(folder):
        assert [path.name for path in folder.iterdir()] == [".lock"]
