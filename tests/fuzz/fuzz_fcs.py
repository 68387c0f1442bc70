"""Coverage-guided fuzzing of the FCS reader with atheris: ``python -m tests.fuzz.fuzz_fcs tests/fuzz/corpus``.

Arguments are those of libFuzzer: ``-runs=100000``, ``-max_total_time=60``. New inputs are written to the first folder.
Needs the extra ``fuzz``; what it runs on each input is :func:`tests.fuzz.reading.check_reading`, which the tests run
on every file of the corpus without it.
"""

import random
import re
import sys
import tempfile
from pathlib import Path

IN_MEMORY = "/dev/shm"  # noqa: S108
"""Where Linux keeps files that need no disk: it would be the slowest part."""
VALUES = (
    b"0", b"1", b"2", b"3", b"8", b"16", b"24", b"32", b"64", b"-1", b"99999999", b"4294967296", b"1e39", b"nan",
    b"4,1", b"4,0", b"0,0", b"0,1", b"F", b"D", b"I", b"A", b"L", b"H", b"1,2,3,4", b"4,3,2,1", b"3,4,1,2", b"2,1",
    b"Time", b"FSC-A", b"PE-A", b"Navios", b"2,FSC-A,PE-A,1,0.1,0,1", b"2,1,2,1,0,0.5,1", b"1,0.1,0,1", b"", b" ",
    b"18446744073709551616", b"\xb2", b"1_0", b"\0", b"//", b"1e-9",
)  # fmt: skip
KEYWORDS = (
    b"$PAR", b"$TOT", b"$MODE", b"$DATATYPE", b"$BYTEORD", b"$NEXTDATA", b"$BEGINDATA", b"$ENDDATA", b"$BEGINSTEXT",
    b"$ENDSTEXT", b"$TIMESTEP", b"$CYT", b"$SPILLOVER", b"SPILL", b"$COMP", b"$P1N", b"$P1B", b"$P1R", b"$P1E", b"$P1G",
    b"$P1S", b"$P1DATATYPE", b"$P2N", b"$P2B", b"$P2R", b"$P2E", b"$P2G", b"$P2S", b"$P2DATATYPE", b"$P3N", b"$P3B",
    b"$P3R", b"$P3E", b"TUBE NAME",
)  # fmt: skip


def main() -> None:
    """Fuzz until the arguments say that it is enough."""
    import atheris

    with atheris.instrument_imports(include=["gating.fcs", "gating.compensation", "gating.sample", "gating.markers"]):
        from tests.fuzz.reading import check_reading

    with tempfile.TemporaryDirectory(dir=IN_MEMORY if Path(IN_MEMORY).is_dir() else None) as folder:
        path = Path(folder) / "any.fcs"

        def run(raw: bytes) -> None:
            path.write_bytes(raw)
            check_reading(path)

        def mutate(raw: bytes, most: int, seed: int) -> bytes:
            rng = random.Random(seed)  # noqa: S311
            changed = atheris.Mutate(raw, most) if rng.random() < 0.5 else with_another_keyword(raw, rng)
            return changed[:most]

        atheris.Setup(sys.argv, run, custom_mutator=mutate)
        atheris.Fuzz()


def with_another_keyword(raw: bytes, rng: random.Random) -> bytes:
    """Change one value in TEXT and move HEADER's offsets with it: blind changes seldom get beyond these."""
    begin, end = header_number(raw, 10), header_number(raw, 18)
    text = raw[begin : end + 1]
    tokens = text.split(text[:1]) if text and begin >= 58 else []
    if len(tokens) < 4:
        return raw
    place = rng.randrange(1, len(tokens) - 1) | 1
    if rng.random() < 0.3:
        tokens[place:place] = [rng.choice(KEYWORDS), rng.choice(VALUES)]
    elif rng.random() < 0.2:
        del tokens[place : place + 2]
    else:
        tokens[place + 1 : place + 2] = [rng.choice(VALUES)]
    return with_offsets(raw, begin, text[:1].join(tokens), raw[end + 1 :])


def with_offsets(raw: bytes, begin: int, text: bytes, rest: bytes) -> bytes:
    """Return a file with another TEXT, DATA right behind it and as long as it was."""
    data = begin + len(text)
    last = data + max(header_number(raw, 34) - header_number(raw, 26), 0)
    for keyword, offset in ((rb"\$BEGINDATA", data), (rb"\$ENDDATA", last)):
        text = re.sub(keyword + rb"(.)\d{8}", keyword[1:] + rb"\g<1>%08d" % offset, text)
    offsets = b"".join(b"%8d" % offset for offset in (begin, data - 1, data, last))
    return raw[:10] + offsets + raw[42:begin] + text + rest


def header_number(raw: bytes, at: int) -> int:
    """Return a number in HEADER, 0 if it is none."""
    field = raw[at : at + 8].strip()
    return int(field) if field.isdigit() else 0


if __name__ == "__main__":
    main()
