"""Pseudonyms: names that the same key makes again, and that say nothing without it.

Each is an HMAC-SHA256 of what it stands for, written in consonants: no digits, so that it cannot hold a record number
or a date by chance, and no vowels, so that it can hold no name.
"""

import hmac
import os
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from phenotype.errors import DeidentifyError

__all__ = ["Pseudonyms", "read_or_write_key"]

KEY_BYTES = 32
CONSONANTS = "bcdfghjklmnpqrstvwxz"
LETTERS = 12
"""20 ** 12 names: in a million files the chance of two alike is 1 in 8,000."""
SHORTEST_SHIFT, LONGEST_SHIFT = 1_000, 10_000
"""Days that the dates of acquisition are moved back."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """What a key makes of names."""

    key: bytes = field(repr=False)

    def word(self, kind: str, name: str) -> str:
        """Return the pseudonym of a name, which another kind of thing of that name does not share.

        Examples
        --------
        >>> Pseudonyms(bytes(32)).word("patient", "P001")
        'lqsmnpgndwkx'
        """
        number = int.from_bytes(self._digest(kind, name), "big")
        letters = []
        for _ in range(LETTERS):
            number, place = divmod(number, len(CONSONANTS))
            letters.append(CONSONANTS[place])
        return "".join(letters)

    def identities(self, keywords: Mapping[str, str], content: str) -> dict[str, str]:
        """Return GUID and $FIL of a copy: alike in two copies where a run would take the originals for one tube.

        Parameters
        ----------
        keywords
            Of the original. Its GUID makes the copy's; where it has none, its content does. $FIL stands for file, day
            and time together, of which the copy has the day at most.
        content
            What the bytes of the original are told by.
        """
        digest = self._digest("guid", keywords.get("GUID", "").strip() or content)
        claim = [keywords.get(keyword, "").strip() for keyword in ("$FIL", "$DATE", "$BTIM")]
        told = {"$FIL": f"{self.word('claim', '|'.join(claim))}.fcs"} if all(claim) else {}
        return {**told, "GUID": str(uuid.UUID(bytes=digest[:16], version=4))}

    @property
    def days(self) -> int:
        """By how many days the dates of acquisition move: the same for every file, always back."""
        span = LONGEST_SHIFT - SHORTEST_SHIFT
        return -SHORTEST_SHIFT - int.from_bytes(self._digest("days", "")[:8], "big") % span

    def _digest(self, kind: str, name: str) -> bytes:
        return hmac.digest(self.key, f"{kind}\0{name}".encode("utf-8", "surrogateescape"), "sha256")


def read_or_write_key(path: Path) -> bytes:
    """Return the key in a file; where there is none, make one that only its owner may read.

    Raises
    ------
    DeidentifyError
        If the file holds no key, or cannot be read or made.
    """
    try:
        if not path.exists():
            _write_key(path)
        text = path.read_bytes()[: 4 * KEY_BYTES].strip()
    except OSError as error:
        raise DeidentifyError(f"{path}: the key cannot be read or made: {error.strerror or error}") from error
    if not re.fullmatch(rb"[0-9a-f]{64}", text):
        raise DeidentifyError(f"{path}: is no key of this program, which is 64 hexadecimal digits; name another file")
    return bytes.fromhex(text.decode("ascii"))


def _write_key(path: Path) -> None:
    """Make a key. One that is there is never overwritten: without it no pseudonym could be made again."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(KEY_BYTES)}\n")
