"""Every file that fuzzing has found a use for, through what fuzzing runs, without it."""

from pathlib import Path

import pytest

from .make_corpus import FOLDER, files
from .reading import check_reading

CORPUS = sorted(FOLDER.iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=[path.name for path in CORPUS])
def test_a_file_of_the_corpus_is_read_or_refused(path: Path):
    """One file for each way that the reader has been seen to go; none may crash it, take a second or 200 MB."""
    check_reading(path)


def test_the_made_part_of_the_corpus_is_as_it_is_made():
    """A change of the script, or of the files, shows in both."""
    made = {f"made_{name}.fcs": raw for name, raw in files()}

    assert {path.name: path.read_bytes() for path in CORPUS if path.name.startswith("made_")} == made


def test_the_corpus_is_small():
    """It is cloned by everybody."""
    sizes = [path.stat().st_size for path in CORPUS]

    assert sum(sizes) < 600_000
    assert max(sizes) < 5_000
