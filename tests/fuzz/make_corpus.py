"""Write the part of the corpus that is made by hand: ``python -m tests.fuzz.make_corpus``.

Files called ``made_…`` are these; files called ``found_…`` are what fuzzing found by coverage, one per new behaviour.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.gating.fcs.conftest import EVENTS, fcs_bytes

FOLDER = Path(__file__).parent / "corpus"
INTEGERS = {"$DATATYPE": "I", "$P1R": "1024", "$P2R": "1024"}
DELIMITERS = ("|", "*", "\\", "\x0c", "\x1e", "\r", "!")
VALUES = {
    "$PAR": ("0", "1", "3", "1000000000", "two", None),
    "$TOT": ("0", "1", "4", "5000", "1000000000000", "many", None),
    "$MODE": ("H", "x", "", None),
    "$DATATYPE": ("D", "A", "X", None),
    "$BYTEORD": ("4,3,2,1", "1,2", "3,4,1,2", "2,1,4,3", "1,3,2,4", "little", None),
    "$NEXTDATA": ("58", "700", "99999999999999999999", "soon", None),
    "$BEGINDATA": ("0", "58", "-5", "99999999999999999999"),
    "$ENDDATA": ("0", "99999999", "99999999999999999999"),
    "$BEGINSTEXT": ("58", "700", "9000"),
    "$ENDSTEXT": ("90", "720", "9100"),
    "$P1N": ("", "PE-A", "Time", "FSC/A", "Comp-PE-A", None),
    "$P1B": ("8", "10", "16", "24", "64", "*", None),
    "$P1R": ("0", "abc", "1e39", "1024", "1000", "nan", None),
    "$P1E": ("4,1", "4,0", "0,1", "400,1", "log", None),
    "$P1G": ("8", "0", "text", "1e300", "0.01"),
    "$P1DATATYPE": ("I", "F", "A"),
    "$P2S": ("CD4//CD8", "//CD3", "", None),
    "$SPILLOVER": (
        "2,FSC-A,PE-A,1,0.1,0.02,1",
        "2,1,2,1,0.1,0.02,1",
        "2,FSC-A,PE-A,1,0.1,0.02",
        "2,FSC-A,PE-A,1,1,1,1",
        "2,FSC-A,APC-A,1,0,0,1",
        "2,FSC-A,PE-A,1,0,1,0,0,1",
        "2,FSC-A,PE-A,1,nan,inf,1",
        "9999",
    ),
    "$COMP": ("1,1", "2,1,0.1,0.2,1", "1,100"),
    "$TIMESTEP": ("0.01", "0", "x"),
}
"""By keyword: values that have been met, or that a test asks for; None leaves the keyword out."""
WHOLE_FILES: dict[str, dict[str, object]] = {
    "plain": {},
    "header_only": {"in_text": None},
    "text_only": {"in_header": None},
    "nowhere": {"in_header": None, "in_text": None},
    "header_differs": {"in_header": (1, 9)},
    "text_differs": {"in_text": (1, 9)},
    "both_fit": {"in_text": (8, 8), "tail": bytes(8)},
    "end_long": {"in_header": (0, 1), "in_text": (0, 1), "tail": bytes(9)},
    "end_short": {"in_header": (0, -1), "in_text": (0, -1)},
    "end_is_begin": {"in_header": (0, -23), "in_text": (0, -23)},
    "begin_moved": {"in_header": (1, 0), "in_text": (1, 0)},
    "no_checksum": {"tail": b"00000000"},
    "wrong_checksum": {"tail": b"0000BEEF"},
    "gap": {"gap": bytes(30)},
    "padded": {"text": lambda text: text + b"\0 \r\n"},
    "marked": {"text": lambda text: b"\xef\xbb\xbf" + text},
    "utf16": {"text": lambda text: text.decode().encode("utf-16")},
    "latin1": {"text": lambda text: text.replace(b" CD3 ", b" \xb5m  ")},
    "lower": {"text": lambda text: text.lower()},
    "odd_tokens": {"text": lambda text: text + b"ODD/"},
    "repeated": {"text": lambda text: text + b"NOTE/one/NOTE/two/"},
    "decided_twice": {"text": lambda text: text + b"$P1G/1/$P1G/2/"},
    "empty_last": {"text": lambda text: text + b"LAST//"},
    "fcs_2": {"version": b"FCS2.0    ", "in_text": None},
    "fcs_3": {"version": b"FCS3.0    "},
    "fcs_32": {"version": b"FCS3.2    "},
    "blank_in_version": {"version": b"FCS 3.1   "},
    "fcs_4": {"version": b"FCS4.0    "},
    "no_events": {"keywords": {"$TOT": "0"}, "data": b""},
    "not_finite": {"keywords": {"$TOT": "120"}, "data": np.array([[1, np.nan]] + [[1, 2]] * 119, "<f4").tobytes()},
    "all_nan": {"data": np.full((3, 2), np.nan, "<f4").tobytes()},
    "far_off": {"data": np.full((3, 2), 1e-40, "<f4").tobytes()},
    "double": {
        "keywords": {"$DATATYPE": "D", "$P1B": "64", "$P2B": "64"},
        "data": EVENTS.astype("<f8").tobytes(),
    },
    "overflow": {
        "keywords": {"$DATATYPE": "D", "$P1B": "64", "$P2B": "64", "$P1G": "1e-9"},
        "data": np.full((3, 2), 1e305, "<f8").tobytes(),
    },
    "own_types": {
        "keywords": {"$P2DATATYPE": "I", "$P1DATATYPE": "D", "$P1B": "64"},
        "data": bytes(36),
        "version": b"FCS3.2    ",
    },
    "time": {"keywords": {"$P1N": "Time", "$P1G": "0.01", "$TIMESTEP": "0.01"}},
    "cytek": {"keywords": {"$CYT": "Aurora", "$SPILLOVER": "2,FSC-A,PE-A,1,0,0,1"}},
    "log_32": {"keywords": {**INTEGERS, "$P1E": "4,1"}},
}


def files() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each file."""
    for name, options in WHOLE_FILES.items():
        yield name, fcs_bytes(**options)  # type: ignore[arg-type]
    for keyword, values in VALUES.items():
        for number, value in enumerate(values):
            yield f"{keyword.strip('$')}_{number}", fcs_bytes({keyword: value})
    for number, delimiter in enumerate(DELIMITERS):
        yield f"delimiter_{number}", fcs_bytes(delimiter=delimiter)
    for bits in (8, 16, 24, 40, 64):
        keywords = {**INTEGERS, "$P1B": f"{bits}", "$P2B": f"{bits}", "$P2E": "4,1"}
        yield f"integers_{bits}", fcs_bytes(keywords, bytes(range(3 * bits // 4)))
    for cut in (0, 3, 9, 30, 58, 59, 120, 300, -25, -9, -3):
        yield f"cut_{cut}", fcs_bytes()[:cut]
    yield from _several()
    yield from _with_supplement()
    for number, head in enumerate(
        (b"\xff\xd8\xff\xe0", b"PK\x03\x04", b"FSC-A,PE-A\n1,2\n", "FCS3.1".encode("utf-16"))
    ):
        yield f"other_{number}", head + bytes(60)


def _several() -> Iterator[tuple[str, bytes]]:
    """Yield files of several datasets."""
    last = fcs_bytes({"TUBE NAME": "b"})
    first = fcs_bytes({"$NEXTDATA": "00000000", "TUBE NAME": "a"})
    chained = first.replace(b"00000000/$PAR", b"%08d/$PAR" % len(first))
    yield "two", chained + last
    yield "appended", last + last
    yield "second_cut", (chained + last)[:-7]
    yield "loop", first.replace(b"00000000/$PAR", b"%08d/$PAR" % 10)
    beckman = {**INTEGERS, "$P1B": "16", "$P2B": "16", "$CYT": "Navios"}
    low = fcs_bytes({**beckman, "$NEXTDATA": "00000000", "$P1S": "FS"}, bytes(12), version=b"FCS2.0    ")
    yield "beckman", low.replace(b"00000000/$PAR", b"%08d/$PAR" % len(low)) + fcs_bytes({"$CYT": "Navios"})


def _with_supplement() -> Iterator[tuple[str, bytes]]:
    """Yield files with a supplemental TEXT, with and without its first delimiter."""
    for name, extra in (("supplement", b"/$OP/Li/SPILL/1,PE-A,1/"), ("bare_supplement", b"$OP/Li/SPILL/1,PE-A,1/")):
        begin = len(fcs_bytes({"$BEGINSTEXT": "0000", "$ENDSTEXT": "0000"}))
        offsets = {"$BEGINSTEXT": f"{begin:04d}", "$ENDSTEXT": f"{begin + len(extra) - 1:04d}"}
        yield name, fcs_bytes(offsets, tail=extra)


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for name, raw in files():
        (FOLDER / f"made_{name}.fcs").write_bytes(raw)


if __name__ == "__main__":
    main()
