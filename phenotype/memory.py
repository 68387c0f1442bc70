"""How much memory a run may take, and how a process is kept to its share."""

import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["limit_memory", "usable_memory"]

LEFT_FOR_OTHERS = 10**9
"""Bytes: for the run itself, which holds the tables of all samples, and for the system."""
LEAST = 10**9


def usable_memory() -> int | None:
    """Return the bytes that all workers of a run together may take: what is free now but 1 GB, at least 1 GB.

    What a container or a job of a cluster may take counts as the machine's. None where the system does not say, as
    macOS and Windows.
    """
    free = [*_free_of_machine(), *_limits_of_group()]
    return max(LEAST, min(free) - LEFT_FOR_OTHERS) if free else None


def limit_memory(memory: int) -> None:
    """Let this process take so many bytes more than it has now: more is a MemoryError. Only Linux keeps to it."""
    if sys.platform == "linux":
        import resource

        taken = next(_kilobytes(Path("/proc/self/status"), "VmData"), 0) * 1024
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = taken + memory if most == resource.RLIM_INFINITY else min(taken + memory, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _free_of_machine() -> Iterator[int]:
    """Yield what new processes could take without swapping, if the system says."""
    for kilobytes in _kilobytes(Path("/proc/meminfo"), "MemAvailable"):
        yield kilobytes * 1024


def _limits_of_group() -> Iterator[int]:
    """Yield the limits of the control groups (versions 1 and 2) that this process is in."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, name = group.split(":", 2)
        if controllers in {"", "memory"}:
            root = Path("/sys/fs/cgroup", controllers)
            folder = root / name.lstrip("/")
            for place in (folder, *folder.parents):
                if place.is_relative_to(root):
                    yield from _limit(place / ("memory.limit_in_bytes" if controllers else "memory.max"))


def _limit(path: Path) -> Iterator[int]:
    """Yield the number of bytes in a file, if it is there and there is one."""
    try:
        text = path.read_text().strip()
    except OSError:
        return
    if text.isdigit():
        yield int(text)


def _kilobytes(path: Path, name: str) -> Iterator[int]:
    """Yield the number in a line ``name:  1234 kB`` of a file of /proc, if it is there."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith(f"{name}:"):
            yield int(line.split()[1])
