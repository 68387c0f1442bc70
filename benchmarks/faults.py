"""What a run survives, with the same bytes: kills, full disks, files that crash, hang or eat memory.

    python -m benchmarks.faults [--files 1500] [--kills 100] [--full 50] [--jobs 2] [--folder /tmp/faults]

*Killed*: every process of a run is killed (signal 9) at a random moment, and the same command is given again, so many
times; at the end the CSV files are those of a run that nobody disturbed, and no sample that was in the ledger was gated
again. *Full disk*: a small file system (tmpfs, which needs root) with room for a random part of what the run writes;
the run says so in one line, no file under its final name is a half, and with room the same command ends with the same
bytes. *Poison*: files at which the process crashes, hangs or asks for all memory cost themselves, the samples of all
others are as they were, and the next run gates them. *Ways*: the same bytes with one process and with two.
"""

import argparse
import csv
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gating import Channel, Sample, write_fcs

ROOT = Path(__file__).resolve().parents[1]

CHANNELS = {
    "Time": "", "FSC-A": "", "SSC-A": "", "BV421-A": "CD62L", "BV510-A": "CD45RA", "PE-A": "CAR", "PE-Cy5-A": "CD3",
}  # fmt: skip
STUDY = """[study]
name = "SYNTHETIC: files for faults"
samples = "samples.csv"
clinical = "clinical.csv"
template = "gating.csv"

[compensation]
source = "none"

[asct]
reference = "infusion"
within_days = 365
"""
TEMPLATE = (
    "population,parent,channels,method,arguments\n"
    "Cells,root,FSC-A,range,minimum=40000\n"
    "T cells,Cells,CD3,range,minimum=1000\n"
    "CAR+ T,T cells,CAR,range,minimum=1000\n"
    "naive,CAR+ T,CD62L|CD45RA,quadrant,quadrant=++; on=T cells\n"
    "central_memory,CAR+ T,CD62L|CD45RA,quadrant,quadrant=+-; on=T cells\n"
    "effector_memory,CAR+ T,CD62L|CD45RA,quadrant,quadrant=--; on=T cells\n"
    "effector,CAR+ T,CD62L|CD45RA,quadrant,quadrant=-+; on=T cells\n"
)
"""Gates in numbers, but for the subsets, which ask the batch: so each sample is gated twice, as most studies are."""
POISON = '''
"""Does harm to workers that gate files of certain names."""

import ctypes
import os
import sys
import time

DOSES = {doses!r}


def gates() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "gate_file":
            return True
        frame = frame.f_back
    return False


def look(event: str, arguments: tuple) -> None:
    if event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
        return
    dose = DOSES.get(os.path.basename(os.fspath(arguments[0])))
    if dose is None or not gates():
        return
    if dose == "crash":
        ctypes.string_at(0)
    elif dose == "exit":
        os._exit(3)
    elif dose == "hang":
        time.sleep(3600)
    elif dose == "eat":
        held = []
        while True:
            held.append(bytearray(10**8))


sys.addaudithook(look)
'''
NOTHING_DONE = 2
"""Exit status of a run that could not go on."""
MOST_SECONDS = 600.0
"""A run that takes longer hangs."""
MOMENTS = 0.02
"""Seconds between looks at a ledger that is watched."""
FIXED = ("Cells", "T cells", "CAR+ T")
PATIENTS = 30
"""At most; each has several products if there are more files."""


def write_study(folder: Path, files: int, events: int = 600) -> Path:
    """Write a study of small files, no two alike; return its study.toml."""
    (folder / "fcs").mkdir(parents=True)
    names = [f"{i:05}.fcs" for i in range(files)]
    for seed, name in enumerate(names):
        write_tube(folder / "fcs" / name, seed, events)
    patients = [f"P{i % PATIENTS:02}" for i in range(files)]
    rows = [f"fcs/{name},{patients[i]},product,0,B1,,{i // PATIENTS}" for i, name in enumerate(names)]
    (folder / "samples.csv").write_text("\n".join(["file,patient_id,role,day,batch,marker,replicate", *rows]) + "\n")
    courses = ["2021-01-01,0,", "2021-01-01,1,2018-01-01", "2021-01-01,1,2020-06-01"]
    clinical = [f"{patient},{courses[i % 3]}" for i, patient in enumerate(sorted(set(patients)))]
    (folder / "clinical.csv").write_text(
        "\n".join(["patient_id,infusion_date,prior_asct,last_asct_date", *clinical]) + "\n"
    )
    (folder / "gating.csv").write_text(TEMPLATE)
    (folder / "study.toml").write_text(STUDY)
    return folder / "study.toml"


def write_tube(path: Path, seed: int, events: int) -> None:
    """Write T cells with two clear halves of each marker."""
    rng = np.random.default_rng(seed)
    size = rng.normal(80_000, 9_000, events)
    dyes = [
        10 ** np.where(rng.random(events) < 0.5, rng.normal(4, 0.2, events), rng.normal(2, 0.2, events))
        for _ in range(4)
    ]
    columns = [np.sort(rng.uniform(0, 60, events)), size, rng.normal(4e4, 8e3, events), *dyes]
    channels = tuple(Channel(name, marker) for name, marker in CHANNELS.items())
    write_fcs(path, Sample(path.name, channels, np.column_stack(columns), {"SYNTHETIC": "TRUE"}))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    status: int
    lines: tuple[str, ...]
    """What it said on the error stream."""


Due = Callable[[float], bool]
"""Tells after so many seconds of a run whether it is to be killed."""


def run(
    study: Path,
    out: Path,
    *,
    options: Iterable[str] = (),
    kill: Due = lambda _seconds: False,
    path: Path = ROOT,
    program: Iterable[str] = ("-m", "phenotype"),
    prepare: Callable[[], None] | None = None,
) -> Ended:
    """Run a study as a person does, and kill all its processes when it is due.

    Parameters
    ----------
    study, out, options
        Of the command line.
    kill
        When.
    path
        What comes first among the places Python imports from.
    program
        What Python is to run.
    prepare
        Called in the new process before it becomes Python.
    """
    environment = os.environ | {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
    command = [sys.executable, *program, "run", str(study), "--out", str(out), "--json", *options]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
            preexec_fn=prepare,
        )
        started = time.monotonic()
        while process.poll() is None:
            if kill(time.monotonic() - started):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            time.sleep(MOMENTS)
        said.seek(0)
        return Ended(process.returncode, tuple(said.read().splitlines()))


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file under its final name, by its place in the folder."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp"]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def tables(found: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes of the CSV files at the top of a result folder."""
    return {name: digest for name, digest in found.items() if name.endswith(".csv") and "/" not in name}


def unlike(found: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Return the files that are not as expected, among those that are expected."""
    return sorted(name for name, digest in found.items() if expected.get(name, digest) != digest)


def stamps(out: Path) -> dict[Path, tuple[int, int]]:
    """Return which write of each kept result is there: its inode and time. A result is written once, under its key."""
    found = {}
    for path in (out / "ledger").rglob("*.json"):
        state = path.stat()
        found[path] = (state.st_ino, state.st_mtime_ns)
    return found


def kept(out: Path) -> int:
    """Count the kept results."""
    return sum(1 for _ in (out / "ledger").rglob("*.json"))


@dataclass(frozen=True, slots=True)
class Killed:
    """What many kills have done."""

    twice: int
    """Results that were in the ledger and were lost or made again."""
    halves: int
    """Files under a final name that were not whole."""
    same: bool
    """Whether the tables are those of a run that nobody disturbed."""


def kill_often(
    study: Path,
    out: Path,
    expected: Mapping[str, str],
    *,
    kills: int,
    seconds: float,
    rng: random.Random,
    **how: Any,
) -> Killed:
    """Kill a run again and again, then let it end.

    Parameters
    ----------
    expected
        Hashes of the files of a run that nobody disturbed, those that are the same each time.
    kills
        How often. Every other one is at a random moment of the first ``seconds``; the others after a random number of
        new results, few enough that the gating is not done before the last kill.
    """
    results = sum(name.startswith("ledger/") for name in expected)
    twice, halves = 0, 0
    seen: dict[Path, tuple[int, int]] = {}
    for number in range(kills):
        few = rng.randint(1, max(1, 2 * results // kills))
        due = by_results(out, few, seconds) if number % 2 else by_time(rng.uniform(0, seconds))
        run(study, out, kill=due, **how)
        now = stamps(out)
        twice += sum(now.get(path) != stamp for path, stamp in seen.items())
        halves += len(unlike(hashes(out), expected))
        seen = now
    run(study, out, **how)
    twice += sum(stamps(out).get(path) != stamp for path, stamp in seen.items())
    return Killed(twice, halves, tables(hashes(out)) == tables(expected))


def by_time(moment: float) -> Due:
    """Kill after so many seconds."""
    return lambda seconds: seconds >= moment


def by_results(out: Path, new: int, at_last: float) -> Due:
    """Kill after so many results more than there are now, and in any case after so many seconds."""
    before = kept(out)
    return lambda seconds: seconds > at_last or kept(out) >= before + new


@dataclass(frozen=True, slots=True)
class Filled:
    """What full disks have done."""

    refused: int
    """Runs that could not end; the others had room enough."""
    plain: int
    """Of those, the runs that said so in one line."""
    halves: int
    same: int
    """Runs that ended, when there was room, with the tables of one that nobody disturbed."""


def fill_often(
    study: Path, times: int, expected: Mapping[str, str], *, size: int, rng: random.Random, **how: Any
) -> Filled:
    """Run on a file system with room for a random part of what the run writes; make room, and run again.

    Parameters
    ----------
    size
        Bytes that a run writes.
    """
    refused, plain, halves, same = 0, 0, 0, 0
    for _ in range(times):
        with small_disk(2 * size) as disk:
            out, filler = disk / "results", disk / "filler"
            fill(filler, rng.randrange(size))
            ended = run(study, out, **how)
            if ended.status == NOTHING_DONE:
                refused += 1
                plain += len(ended.lines) == 1 and "cannot be written" in ended.lines[0]
            halves += len(unlike(hashes(out), expected)) if out.exists() else 0
            filler.unlink()
            run(study, out, **how)
            same += tables(hashes(out)) == tables(expected)
    return Filled(refused, plain, halves, same)


@contextmanager
def small_disk(size: int) -> Iterator[Path]:
    """Give a file system of so many bytes; only root can make one."""
    folder = Path(tempfile.mkdtemp(prefix="faults"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)  # noqa: S607
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607
        folder.rmdir()


def fill(path: Path, room: int) -> None:
    """Write a file that leaves so many bytes free beside it."""
    state = os.statvfs(path.parent)
    with path.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(1, state.f_bavail * state.f_frsize - room))


def write_poison(folder: Path, doses: Mapping[str, str]) -> Path:
    """Write what makes a worker crash, hang or ask for all memory at files of certain names; return its folder.

    Python imports it when it starts; the program itself knows nothing of it.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(POISON.format(doses=dict(doses)))
    return folder


def numbers(out: Path, without: Iterable[str]) -> list[str]:
    """Return the rows of populations whose gates are numbers, but those of some files: no other sample moves them."""
    with (out / "populations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = {f"fcs/{name}" for name in without}
    return [str(row) for row in rows if row["population"] in FIXED and row["file"] not in names]


@dataclass(frozen=True, slots=True)
class Poisoned:
    """What poisonous files have done."""

    failures: tuple[str, ...]
    """What the run said of files."""
    others_same: bool
    """Whether all other samples were gated, and their numbers are those of a run without poison."""
    same: bool
    """Whether the next run, without poison, ended with the tables of one that nobody disturbed."""


def poison(
    study: Path, out: Path, clean: Path, doses: Mapping[str, str], expected: Mapping[str, str], **how: Any
) -> Poisoned:
    """Run with files that do harm, then once more when they do none."""
    run(study, out, path=write_poison(out.with_name(f"{out.name}-poison"), doses), kill=by_time(MOST_SECONDS), **how)
    failures: tuple[str, ...] = ()
    others = False
    if (out / "failures.csv").exists():
        with (out / "failures.csv").open(newline="") as stream:
            failures = tuple(f"{row['file']} ({row['stage']}): {row['error']}" for row in csv.DictReader(stream))
        others = numbers(out, doses) == numbers(clean, doses)
    run(study, out, **how)
    return Poisoned(failures, others, tables(hashes(out)) == tables(expected))


DOSES = {"00003.fcs": "crash", "00010.fcs": "exit", "00017.fcs": "hang", "00024.fcs": "eat"}
FEW = 60
"""Files of the study for full disks and poison, which need a whole run each time."""


def undisturbed(study: Path, out: Path, jobs: str) -> tuple[dict[str, str], float]:
    """Return the hashes of what a run writes, and the seconds it took."""
    started = time.monotonic()
    run(study, out, options=("--jobs", jobs))
    return hashes(out), time.monotonic() - started


def both_ways(study: Path, folder: Path) -> tuple[dict[str, str], float, bool]:
    """Run with one process and with two; return the files that both wrote alike, seconds, and if all tables are."""
    one, _ = undisturbed(study, folder / "one", "1")
    two, seconds = undisturbed(study, folder / "two", "2")
    shared = {name: digest for name, digest in one.items() if two.get(name) == digest}
    return shared, seconds, tables(one) == tables(two)


def main() -> None:
    """Print a table of faults, how often, and what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"files": 1500, "kills": 100, "full": 50, "jobs": 2, "seed": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    rng = random.Random(given.seed)  # noqa: S311 - no secret
    folder = given.folder or Path(tempfile.mkdtemp(prefix="faults"))
    how = {"options": ("--jobs", str(given.jobs))}
    print(f"{'fault':<14}{'times':>6}  {'seconds':>7}  outcome")

    def tell(fault: str, times: int, started: float, outcome: object) -> None:
        print(f"{fault:<14}{times:>6}  {time.monotonic() - started:>7.0f}  {outcome}", flush=True)

    study = write_study(folder / "many", given.files)
    started = time.monotonic()
    expected, seconds, same = both_ways(study, folder / "many")
    tell("--jobs 1 and 2", 1, started, f"tables the same: {same}")
    started = time.monotonic()
    tell(
        "killed",
        given.kills,
        started,
        kill_often(study, folder / "killed", expected, kills=given.kills, seconds=seconds, rng=rng, **how),
    )
    study = write_study(folder / "few", min(FEW, given.files))
    expected, _, _ = both_ways(study, folder / "few")
    size = sum(path.stat().st_size for path in (folder / "few" / "two").rglob("*") if path.is_file())
    started = time.monotonic()
    tell("full disk", given.full, started, fill_often(study, given.full, expected, size=size, rng=rng, **how))
    started = time.monotonic()
    found = poison(study, folder / "poisoned", folder / "few" / "two", DOSES, expected, **how)
    tell("poison", len(DOSES), started, f"others the same: {found.others_same}; next run the same: {found.same}")
    for line in found.failures:
        print(f"{'':<31}{line}")


if __name__ == "__main__":
    main()
