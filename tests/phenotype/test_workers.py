"""Processes of a run: the same results as without them, and none that outlives it."""

import ctypes
import faulthandler
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phenotype.errors import RunError
from phenotype.workers import GaveUp, supervised, workers

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps processes to their memory")
PROC = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")

ORPHANS = """
import os, signal
from phenotype.workers import workers

def pid(_):
    return os.getpid()

if __name__ == "__main__":
    with workers(2) as pool:
        print(*set(pool.map(pid, range(20))), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""

SUPERVISED_ORPHANS = """
import ctypes, os, signal, time
from phenotype.workers import supervised

def hang(task):
    print(os.getpid(), flush=True)
    ctypes.PyDLL(None).sleep(600)

if __name__ == "__main__":
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    with supervised(hang, range(4), 2) as outcomes:
        list(outcomes)
"""


def die(_task: object) -> None:
    """End as a process does that took too much memory."""
    os._exit(9)


def work(task: tuple[Path, str]) -> str:
    """Do what a task says, after a note that it was begun."""
    notes, what = task
    with notes.open("a") as stream:
        stream.write(f"{what} {os.getpid()}\n")
    if what == "crash":
        faulthandler.disable()
        ctypes.string_at(0)
    elif what == "exit":
        os._exit(3)
    elif what == "hang":
        ctypes.PyDLL(None).sleep(600)
    elif what == "eat":
        np.ones(10**9)
    elif what == "eat some":
        np.ones(int(1.2e9 / 8))
    elif what == "raise":
        raise ValueError("no such gate")
    elif what == "slow":
        time.sleep(0.02)
    return f"{what} is done"


def outcomes_of(names: list[str], notes: Path, jobs: int, **limits: Any) -> list[Any]:
    """Return the outcome of each task, in their order; each must come once."""
    with supervised(work, [(notes, name) for name in names], jobs, **limits) as outcomes:
        found = list(outcomes)
    assert sorted(index for index, _ in found) == list(range(len(names)))
    return [outcome for _, outcome in sorted(found, key=lambda pair: pair[0])]


def take_one_and_raise(error: type[BaseException], notes: Path) -> None:
    """Stop while a worker is at a task that hangs."""
    with supervised(work, [(notes, "good"), (notes, "hang")], 2, sizes=[1, 2]) as outcomes:
        next(outcomes)
        raise error


def is_gone(pid: str) -> bool:
    """Tell whether a process has ended, or is soon to be."""
    for _ in range(100):
        if not Path("/proc", pid).is_dir():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(jobs):
    """The rows of a table must not depend on which worker was the faster."""
    with workers(jobs) as pool:
        assert list(pool.map(abs, [-3, -1, -2])) == [3, 1, 2]


def test_a_worker_that_died_is_one_line():
    """The way out is to ask for less memory, and what was finished is not lost."""
    with (
        pytest.raises(RunError, match=r"a worker process died .*; run again with fewer --jobs than 2"),
        workers(2) as pool,
    ):
        list(pool.map(die, [1, 2]))


@PROC
@pytest.mark.parametrize("script", [ORPHANS, SUPERVISED_ORPHANS], ids=["workers", "supervised"])
def test_no_worker_outlives_a_run_that_was_killed(script, tmp_path):
    """A scheduler kills the run only; its workers would hold their memory for ever, even one that hangs in C."""
    path = tmp_path / "orphans.py"
    path.write_text(script)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    killed = subprocess.run(
        [sys.executable, path], env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=60
    )

    assert killed.returncode == -9
    assert killed.stdout.split()
    assert all(is_gone(pid) for pid in killed.stdout.split())


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("crash", "the process was killed (signal 11); tried again alone: the same"),
        ("exit", "the process ended (exit status 3); tried again alone: the same"),
        ("hang", "not finished after 1 s; tried again alone: the same"),
        pytest.param("eat", "needs more than 1.0 GB; tried again alone: needs more than 1.5 GB", marks=LINUX),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_poisonous_task_costs_only_itself(what, reason, jobs, tmp_path):
    """One file in 10,000 that crashes a library must not cost the night's work, at any --jobs."""
    names = [f"good {i}" for i in range(60)]
    names.insert(20, what)
    if jobs == 1:
        reason = reason.replace(
            "1.0 GB; tried again alone: needs more than 1.5 GB", "1.5 GB; tried again alone: the same"
        )

    found = outcomes_of(names, tmp_path / "notes", jobs, seconds=0.7, memory=1_500_000_000)

    assert found.pop(20) == GaveUp(reason)
    assert found == [f"good {i} is done" for i in range(60)]
    begun = Counter(line.rsplit(" ", 1)[0] for line in (tmp_path / "notes").read_text().splitlines())
    assert begun.pop(what) == 2
    assert set(begun.values()) == {1}


@LINUX
def test_a_task_too_big_for_its_share_is_done_alone(tmp_path):
    """What can be gated must not depend on the number of workers that share the machine."""
    names = ["eat some", "good", "eat some", "good"]

    found = outcomes_of(names, tmp_path / "notes", 4, memory=2_000_000_000)

    assert found == [f"{name} is done" for name in names]


def test_the_biggest_tasks_are_begun_first(tmp_path):
    """A big file begun last would keep one worker busy while the others wait."""
    names = [f"size {i}" for i in range(10)]

    outcomes_of(names, tmp_path / "notes", 1, sizes=list(range(10)))

    begun = [line.rsplit(" ", 1)[0] for line in (tmp_path / "notes").read_text().splitlines()]
    assert begun == names[::-1]


def test_a_big_file_may_take_longer(tmp_path):
    """A limit made for small exports would give up on every file of ten million events."""
    found = outcomes_of(["slow", "slow"], tmp_path / "notes", 1, seconds=0.0001, sizes=[0, 10**13])

    assert [type(outcome) for outcome in found] == [GaveUp, str]


def test_all_workers_have_something_to_do(tmp_path):
    """Two chunks of 50 for 60 tasks would leave the second core idle half of the time."""
    outcomes_of(["slow"] * 60, tmp_path / "notes", 2)

    shares = Counter(line.rsplit(" ", 1)[1] for line in (tmp_path / "notes").read_text().splitlines())
    assert len(shares) == 2
    assert min(shares.values()) >= 20


def test_what_a_task_raises_is_raised_with_the_place(tmp_path):
    """A fault of the program is not a fault of the file: it stops the run, and says where it is."""
    with pytest.raises(ValueError, match="no such gate") as caught:
        outcomes_of(["good", "raise", "good"], tmp_path / "notes", 2)

    assert "in work" in caught.value.__notes__[0]


@PROC
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_no_worker_is_left_when_the_consumer_stops(error, tmp_path):
    """After Ctrl-C, or a full disk, the prompt comes back at once, and the machine is free."""
    notes = tmp_path / "notes"
    started = time.monotonic()

    with pytest.raises(error):
        take_one_and_raise(error, notes)

    pids = [line.rsplit(" ", 1)[1] for line in notes.read_text().splitlines()]
    assert not [pid for pid in pids if Path("/proc", pid).is_dir()]
    assert time.monotonic() - started < 30


def test_workers_that_cannot_be_started_end_the_run(monkeypatch):
    """A machine that cannot run a worker would else give up on every file of the study, two processes for each."""
    monkeypatch.setattr("phenotype.workers.limit_memory", die)

    with (
        pytest.raises(RunError, match=r"worker processes cannot be started: the process ended \(exit status 9\)"),
        supervised(abs, range(100), 2, memory=10**9) as outcomes,
    ):
        list(outcomes)


def test_no_tasks_need_no_worker():
    """A run of which all is kept starts nothing."""
    with supervised(abs, [], 4, memory=10**9) as outcomes:
        assert list(outcomes) == []
