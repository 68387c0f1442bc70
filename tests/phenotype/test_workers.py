"""Processes of a run: the same results as without them, and none that outlives it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phenotype.errors import RunError
from phenotype.workers import workers

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


def die(_task: object) -> None:
    """End as a process does that took too much memory."""
    os._exit(9)


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


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_no_worker_outlives_a_run_that_was_killed(tmp_path):
    """A scheduler kills the run only; its workers would wait for tasks, and hold their memory, for ever."""
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    killed = subprocess.run(
        [sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=60
    )

    left = killed.stdout.split()
    for _ in range(100):
        left = [pid for pid in left if Path("/proc", pid).is_dir()]
        time.sleep(0.05 if left else 0)
    assert killed.returncode == -9
    assert killed.stdout.split()
    assert left == []
