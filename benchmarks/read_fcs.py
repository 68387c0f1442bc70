"""CPU time and memory of reading FCS files, beside other readers of Python and beside what the bytes alone cost.

    python benchmarks/read_fcs.py CACHE [--rounds 5] [--files f4:1000000]

Writes SYNTHETIC files of 16 columns into CACHE (0.6 GB, fixed seed) and makes an environment for each group of readers
that agree on versions (pip; 2 GB). Every number is from a process of its own that has read a small file of the same
kind before; readers take turns, and the least CPU time and the median memory of the rounds are printed. Memory is how
far the resident set rose above where it was before the file was opened. Linux only: it asks /proc.

What each reader returns is compared with what ours returns, column by column; differences are printed below the tables.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

COLUMNS = 16
FIVE = (0, 3, 6, 9, 12)
"""The columns that a gating tree of five markers would read."""
SMALL = 1_000
"""Events of the file that is read before the clock starts, so that imports are not counted."""
BLOCK_BYTES = 512 * 1024
CHECKSUM_BYTES = 8
"""What our writer puts behind DATA."""
SEED = 20250101
KINDS = {"f4": "<f4", "f4be": ">f4", "u4": "<u4", "u2": "<u2"}
"""Kind of file to the type of its numbers. Ranges end below what the type holds, as those of cytometers do."""
RANGES = {"f4": 262144.0, "f4be": 262144.0, "u4": 262144.0, "u2": 1024.0}
FILES = ("f4:100000", "f4:1000000", "f4:5000000", "f4be:1000000", "u4:1000000", "u2:1000000")
ENVIRONMENTS = {
    "flowkit": ("flowio==1.4.0", "flowkit==1.3.2"),
    "flowcal": ("FlowCal==1.3.1",),
    "readfcs": ("readfcs==2.1.1", "anndata==0.12.19"),
    "old": ("FlowCytometryTools==0.5.1", "fcsparser==0.2.8", "six", "scipy", "numpy<2", "pandas<3", "matplotlib<3.11"),
}
"""What pip installs in each; FlowKit needs numpy 2, FlowCytometryTools needs numpy 1."""


class File(NamedTuple):
    """One file: its kind, its length, and the folder it is in."""

    kind: str
    n_events: int
    folder: Path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / f"{self.kind}_{self.n_events}.fcs"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its numbers."""
        return np.dtype(KINDS[self.kind])

    @property
    def data_bytes(self) -> int:
        """Length of DATA."""
        return self.n_events * COLUMNS * self.dtype.itemsize

    @property
    def begin(self) -> int:
        """First byte of DATA."""
        return self.path.stat().st_size - CHECKSUM_BYTES - self.data_bytes

    def __str__(self) -> str:
        return f"{self.kind} {self.n_events:,}"


class Reader(NamedTuple):
    """A way to read: the environment it needs, what it does, and how events are taken out of what it returns."""

    environment: str
    read: Callable[[File], Any]
    events: Callable[[Any], Any] = np.asarray
    columns: tuple[int, ...] = tuple(range(COLUMNS))
    """What events are compared by; empty for readers that keep none."""


def read_fcs_all(file: File) -> Any:
    from gating import read_fcs

    return read_fcs(file.path).events


def read_fcs_five(file: File) -> Any:
    from gating import read_fcs

    return read_fcs(file.path, channels=[f"C{i + 1}" for i in FIVE]).events


def blocks_all(file: File) -> None:
    from gating import open_fcs

    with open_fcs(file.path) as opened:
        for _ in opened.blocks():
            pass


def blocks_five(file: File) -> None:
    from gating import open_fcs

    with open_fcs(file.path) as opened:
        for _ in opened.blocks([f"C{i + 1}" for i in FIVE]):
            pass


def fromfile(file: File) -> Any:
    numbers = np.fromfile(file.path, file.dtype, file.n_events * COLUMNS, offset=file.begin)
    return numbers.reshape(-1, COLUMNS)


def fromfile_float64(file: File) -> Any:
    return fromfile(file).astype(np.float64)


def bare_readinto(file: File) -> None:
    buffer = memoryview(bytearray(BLOCK_BYTES))
    with file.path.open("rb", buffering=0) as stream:
        while stream.readinto(buffer):
            pass


def flowio(file: File) -> Any:
    import flowio

    return flowio.FlowData(str(file.path)).as_array()


def flowkit(file: File) -> Any:
    import flowkit

    return flowkit.Sample(str(file.path)).get_events(source="raw")


def flowcal(file: File) -> Any:
    import FlowCal

    return FlowCal.io.FCSData(str(file.path))


def readfcs(file: File) -> Any:
    import readfcs

    return readfcs.read(str(file.path))


def fcsparser(file: File) -> Any:
    import fcsparser

    return fcsparser.parse(str(file.path))[1]


def flowcytometrytools(file: File) -> Any:
    import collections
    import inspect

    # It imports two names that Python 3.10 and 3.11 removed.
    collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]
    inspect.getargspec = inspect.getfullargspec  # type: ignore[attr-defined]
    from FlowCytometryTools import FCMeasurement

    return FCMeasurement(ID="sample", datafile=str(file.path)).data


READERS = {
    "`read_fcs`": Reader("", read_fcs_all),
    "`read_fcs`, 5 columns": Reader("", read_fcs_five, columns=FIVE),
    "`blocks`": Reader("", blocks_all, columns=()),
    "`blocks`, 5 columns": Reader("", blocks_five, columns=()),
    "`readinto` a reused buffer": Reader("", bare_readinto, columns=()),
    "`np.fromfile`": Reader("", fromfile),
    "`np.fromfile`, as float64": Reader("", fromfile_float64),
    "FlowCal": Reader("flowcal", flowcal),
    "FlowIO": Reader("flowkit", flowio),
    "FlowKit": Reader("flowkit", flowkit),
    "fcsparser": Reader("old", fcsparser),
    "FlowCytometryTools": Reader("old", flowcytometrytools),
    "readfcs": Reader("readfcs", readfcs, lambda read: read.X),
}


def write_files(files: Iterable[File]) -> None:
    """Write those that are not there: lognormal signals, as linear numbers of the file's type."""
    from gating import Channel, Sample, write_fcs

    for file in files:
        if file.path.exists():
            continue
        rng, top = np.random.default_rng(SEED), RANGES[file.kind]
        channels = tuple(Channel(f"D{i + 1}-A", f"C{i + 1}", range=top) for i in range(COLUMNS))
        events = np.empty((file.n_events, COLUMNS), order="F")
        for i in range(COLUMNS):
            events[:, i] = np.minimum(rng.lognormal(np.log(top) / 2, 1.0, file.n_events), top - 1)
        write_fcs(
            file.path,
            Sample(file.path.name, channels, events),
            datatype="F" if file.dtype.kind == "f" else "I",
            bits=8 * file.dtype.itemsize,
            byte_order=">" if file.dtype.str.startswith(">") else "<",
        )


def pythons(cache: Path) -> dict[str, str]:
    """Return the interpreter of each environment, made if it is not there."""
    found = {"": sys.executable}
    for name, requirements in ENVIRONMENTS.items():
        folder = cache / f"env-{name}"
        found[name] = str(folder / "bin" / "python")
        if not (folder / "made").exists():
            print(f"Installing {', '.join(requirements)}", file=sys.stderr)
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run([found[name], "-m", "pip", "install", "--quiet", *requirements], check=True)
            (folder / "made").touch()
    return found


def kilobytes(word: str) -> int:
    """Return a line of this process's status: ``VmRSS`` now, ``VmHWM`` at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{word}:"))


def measure(reader: Reader, file: File, *, compared: bool) -> dict[str, Any]:
    """Read a file once; return CPU time, memory and, where events are to be compared, a digest of each column."""
    reader.read(file._replace(n_events=SMALL))
    claim_memory(file)
    before = kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    started = time.process_time()
    read = reader.read(file)
    seconds, most = time.process_time() - started, kilobytes("VmHWM")
    found = {"ms": 1e3 * seconds, "mb": (most - before) / 1024}
    return {**found, "digests": digests(reader.events(read))} if compared else found


def claim_memory(file: File) -> None:
    """Use as much memory as a wasteful reader will, and give it back: a virtual machine may have to get it first.

    Without this, the first reader after thrifty ones takes three times as long.
    """
    np.ones(2 * file.n_events * COLUMNS)


def digests(events: Any) -> list[str]:
    """Return the first value of each column and a digest of all, as 64-bit floating point."""
    columns = [np.ascontiguousarray(events[:, i], dtype=np.float64) for i in range(events.shape[1])]
    return [f"{column[0]:.9g} {hashlib.blake2b(column.data, digest_size=8).hexdigest()}" for column in columns]


def measured(name: str, file: File, python: str, *, compared: bool) -> dict[str, Any]:
    """Measure in a process of its own."""
    words = [name, file.kind, str(file.n_events), str(file.folder), *(["compared"] if compared else [])]
    done = subprocess.run([python, "-W", "ignore", __file__, "--one", *words], capture_output=True, text=True)
    if done.returncode:
        return {"fault": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def differences(name: str, file: File, ours: list[str], theirs: dict[str, Any]) -> list[str]:
    """Say where a reader's events are not ours."""
    if "fault" in theirs:
        return [f"{name}, {file}: {theirs['fault']}"]
    if not READERS[name].columns:
        return []
    expected = [ours[i] for i in READERS[name].columns]
    if len(expected) != len(theirs["digests"]):
        return [f"{name}, {file}: {len(theirs['digests'])} columns instead of {len(expected)}"]
    unequal = [i for i, pair in enumerate(zip(expected, theirs["digests"], strict=True)) if len(set(pair)) > 1]
    if not unequal:
        return []
    first = unequal[0]
    values = f"first value {theirs['digests'][first].split()[0]}, ours {expected[first].split()[0]}"
    return [f"{name}, {file}: {len(unequal)} of {len(expected)} columns differ; column {first + 1}: {values}"]


def measure_all(files: list[File], python: dict[str, str], rounds: int) -> dict[tuple[str, File], list[dict[str, Any]]]:
    """Return what was measured of each reader and file; events are compared in the first round."""
    results: dict[tuple[str, File], list[dict[str, Any]]] = {}
    for file in files:
        for i in range(rounds):
            for name, reader in READERS.items():
                compared = i == 0 and bool(reader.columns)
                result = measured(name, file, python[reader.environment], compared=compared)
                results.setdefault((name, file), []).append(result)
    return results


def best(several: list[dict[str, Any]]) -> dict[str, float]:
    """Return the least CPU time and the median memory; NaN if the file could not be read."""
    if any("fault" in each for each in several):
        return {"ms": np.nan, "mb": np.nan}
    return {"ms": min(each["ms"] for each in several), "mb": float(np.median([each["mb"] for each in several]))}


def table(title: str, files: list[File], cell: Callable[[str, File], str]) -> str:
    """Return a table in Markdown, a row per reader and a column per file."""
    lines = [f"| {title} | {' | '.join(map(str, files))} |", f"| --- |{' ---: |' * len(files)}"]
    lines += [f"| {name} | {' | '.join(cell(name, file) for file in files)} |" for name in READERS]
    return "\n".join(lines)


def short(number: float) -> str:
    """Write a number with a digit behind the point where it is small."""
    return "" if np.isnan(number) else f"{number:,.{int(number < 9.95)}f}"


def main(cache: Path, wanted: Iterable[str], rounds: int) -> None:
    """Make what is needed, measure, print."""
    cache = cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    files = [File(kind, int(n), cache) for kind, n in (each.split(":") for each in wanted)]
    write_files([*files, *(File(kind, SMALL, cache) for kind in KINDS)])
    python = pythons(cache)
    results = measure_all(files, python, rounds)
    numbers = {key: best(several) for key, several in results.items()}
    print(table("CPU time, ms", files, lambda name, file: short(numbers[name, file]["ms"])), end="\n\n")
    unit = {file: numbers["`np.fromfile`", file]["ms"] for file in files}
    print(table("CPU time, `np.fromfile` = 1", files, lambda n, f: f"{numbers[n, f]['ms'] / unit[f]:.2f}"), end="\n\n")
    print(table("memory, MB", files, lambda name, file: short(numbers[name, file]["mb"])), end="\n\n")
    ours = {file: results["`read_fcs`", file][0]["digests"] for file in files}
    unequal = [each for key, found in results.items() for each in differences(*key, ours[key[1]], found[0])]
    print("\n".join(unequal) or "Every reader that keeps events gives ours, in every column of every file.")


def one(name: str, kind: str, n_events: str, folder: str, *compared: str) -> None:
    """Measure in this process, and print the result."""
    print(json.dumps(measure(READERS[name], File(kind, int(n_events), Path(folder)), compared=bool(compared))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="folder for files and environments")
    parser.add_argument("--files", nargs="+", default=FILES, help="kind:events")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    main(given.cache, given.files, given.rounds)
