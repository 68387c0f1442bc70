"""What an earlier run kept is used whole, or not at all."""

import pytest

from phenotype.pipeline.ledger import key_of, load_result, store_result
from phenotype.pipeline.work import SampleResult


def test_a_kept_result_is_read_back(tmp_path):
    """A resumed run ends with the same bytes."""
    result = SampleResult(populations=[{"population": "root", "count": 7}])

    store_result(tmp_path / "ledger", "key", result)

    assert load_result(tmp_path / "ledger", "key") == result


@pytest.mark.parametrize("content", ["", '{"populations": [', "[1]", '{"events": 1}', "\x00\x00"])
def test_a_result_that_is_not_whole_is_none(tmp_path, content):
    """A power cut leaves an empty file; the sample is gated again, and no one need know which file to delete."""
    (tmp_path / "key.json").write_text(content)

    assert load_result(tmp_path, "key") is None


def test_what_was_never_kept_is_none(tmp_path):
    """The first run of a folder."""
    assert load_result(tmp_path / "ledger", "key") is None


def test_another_version_of_this_program_keeps_nothing(monkeypatch):
    """A bug that was put right must not live on in what the ledger kept."""
    before = key_of(["P1.fcs"])
    monkeypatch.setattr("phenotype.pipeline.ledger.source_hash", lambda: "another version")

    assert key_of(["P1.fcs"]) != before


def test_where_one_part_ends_and_the_next_begins_counts():
    """Sample 1 of file 23 is not sample 12 of file 3."""
    assert key_of(["1", "23"]) != key_of(["12", "3"])
