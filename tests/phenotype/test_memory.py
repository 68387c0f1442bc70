"""Memory: how much there is, and that a process is kept to its share."""

import subprocess
import sys
from pathlib import Path

import pytest

from phenotype.memory import usable_memory

LIMITED = """
import numpy as np
from phenotype.memory import limit_memory

before = np.ones(2 * 10**7)
limit_memory(3 * 10**8)
np.ones(2 * 10**7)
print("fits")
try:
    np.ones(6 * 10**7)
except MemoryError:
    print("does not fit")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps processes to their memory")
def test_a_process_is_kept_to_what_it_may_take_more():
    """What it has when it begins, a copy of a big run say, is not counted against a file."""
    done = subprocess.run([sys.executable, "-c", LIMITED], stdout=subprocess.PIPE, text=True, check=True)

    assert done.stdout.splitlines() == ["fits", "does not fit"]


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="the system does not say")
def test_a_run_does_not_take_all_memory():
    """A machine that swaps, or whose kernel ends processes, is worse than a slow run."""
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024

    assert 10**9 <= usable_memory() < max(total, 10**9 + 1)


def test_a_container_with_less_than_the_machine_counts(tmp_path, monkeypatch):
    """A job of a cluster is ended by the kernel when it takes more than it asked for, however big the machine."""
    limits = {"/a/b": "max", "/a": "4000000000"}
    for name, text in limits.items():
        (tmp_path / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (tmp_path / name.lstrip("/") / "memory.max").write_text(f"{text}\n")
    (tmp_path / "cgroup").write_text("0::/a/b\n")
    (tmp_path / "meminfo").write_text("MemTotal: 99000000 kB\nMemAvailable: 98000000 kB\n")
    places = {"/proc/self/cgroup": tmp_path / "cgroup", "/proc/meminfo": tmp_path / "meminfo"}
    monkeypatch.setattr("phenotype.memory.Path", lambda *parts: places.get(parts[0], tmp_path))

    assert usable_memory() == 3_000_000_000
