"""What an earlier run finished, so that a later one need not do it again.

A sample's result is kept under the hash of everything it depends on: the bytes of its file and of its
controls, the recipe, and this program's own source. Change any of them and the sample is done anew; change
the clinical sheet and it is not.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

import gating
import phenotype
from phenotype.pipeline.work import SampleResult

__all__ = ["file_hash", "key_of", "load_result", "store_result"]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or ``"unreadable"``: the run itself will say why.

    Examples
    --------
    >>> file_hash(Path("no such file"))
    'unreadable'
    """
    if not path.is_file():
        return "unreadable"
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def key_of(parts: Iterable[str]) -> str:
    """Return the name a result is kept under: a hash of its parts and of the source of both packages."""
    digest = hashlib.sha256(source_hash().encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    return digest.hexdigest()


@cache
def source_hash() -> str:
    """Return one hash of every source file of both packages."""
    digest = hashlib.sha256()
    for package in (gating, phenotype):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def load_result(folder: Path, key: str) -> SampleResult | None:
    """Return a kept result; None where there is none, or what is there is not whole, so that it is made anew."""
    try:
        kept = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        return SampleResult(**kept)
    except (OSError, ValueError, TypeError):
        return None


def store_result(folder: Path, key: str, result: SampleResult) -> None:
    """Keep a result; a run that dies half-way through leaves no half result."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{key}.json.{os.getpid()}.tmp"
    temporary.write_text(json.dumps(asdict(result)), encoding="utf-8")
    temporary.replace(folder / f"{key}.json")
