"""A result folder is read as it is, or refused with every fault."""

import pytest

from phenotype.report.read import ReportError, read_results


def test_identifiers_stay_text(results):
    """00123 and 1E5 are patients, not numbers."""
    path = results / "cohort.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("P001", "00123").replace("P002", "1E5"), encoding="utf-8")

    assert list(read_results(results).cohort["patient_id"][:2]) == ["00123", "1E5"]


def test_empty_cells_are_missing_numbers_and_empty_text(results):
    """A missing p is NaN; a missing note is no text, not the word nan."""
    comparisons = read_results(results).comparisons

    assert comparisons["p_value"].isna().sum() == 1
    assert "" in set(comparisons["note"])


def test_absent_tables_are_empty(results):
    """The clinical half alone leaves no populations: the report is shorter, not broken."""
    (results / "quality.csv").unlink()

    assert read_results(results).quality.empty


def test_every_fault_is_named_at_once(results):
    """A folder is repaired in one go."""
    (results / "run.json").unlink()
    (results / "failures.csv").write_text("file,error\n", encoding="utf-8")

    with pytest.raises(ReportError) as caught:
        read_results(results)

    assert str(caught.value).splitlines() == [
        "failures.csv: no column 'stage'; run the study again",
        "run.json: not found; a report needs the folder of a finished run",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", r"run\.json: cannot be read: "), ("[]", r"run\.json: holds a list; it must hold an object")],
)
def test_a_broken_run_file_is_named(results, text, message):
    """A run that was killed may leave anything."""
    (results / "run.json").write_text(text, encoding="utf-8")

    with pytest.raises(ReportError, match=message):
        read_results(results)


def test_a_word_where_a_number_should_be_is_named(results):
    """A table that was edited by hand must not become a silent gap."""
    path = results / "cohort.csv"
    path.write_text(
        "patient_id,asct_group,naive,central_memory,effector_memory,effector\na,none,much,0,0,0\n", encoding="utf-8"
    )

    with pytest.raises(ReportError, match=r"cohort\.csv: cannot be read: .*much"):
        read_results(results)
