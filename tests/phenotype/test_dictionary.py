"""Every column of every table has its words, and no words are of a column that is not there."""

import csv
from pathlib import Path

import pytest

from phenotype.dictionary import TABLES, as_markdown, meaning
from phenotype.pipeline import run_study

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = {("kinetics", "cart_per_ul"), ("kinetics", "copies_per_ug"), ("kinetics", "below_lod")}
"""Columns that a study has only if it measured them."""


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    """Return the columns of every table of the sample study."""
    out = tmp_path_factory.mktemp("dictionary") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phenotype.pipeline.run.build_report", lambda folder, **_: folder / "report.html")
        run_study(ROOT / "sample_fcs" / "study.toml", out, jobs=2)
    found = {}
    for path in out.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            found[path.stem] = next(csv.reader(stream))
    return found


def test_every_column_has_its_words(columns):
    """A workbook with an empty line in its dictionary asks the reader to guess."""
    assert [(name, column) for name, known in columns.items() for column in known if not meaning(name, column)] == []
    assert set(columns) <= set(TABLES)


def test_no_words_are_of_a_column_that_is_not_there(columns):
    """What is described and absent was renamed, or never written."""
    stale = {
        (name, column) for name, (_, described) in TABLES.items() for column in described
        if name in columns and column not in columns[name]
    }  # fmt: skip

    assert stale <= OPTIONAL


def test_the_page_of_columns_is_that_of_the_dictionary():
    """``python -c "from phenotype.dictionary import as_markdown as page; print(page(), end='')" > docs/columns.md``."""
    assert (ROOT / "docs" / "columns.md").read_text(encoding="utf-8") == as_markdown()
