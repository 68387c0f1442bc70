"""Progress on the screen: a bar on a terminal, a plain line every 30 s elsewhere; both with the time that is left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Progress", "progress_bar"]

SECONDS_BETWEEN_LINES = 30.0

Clock = Callable[[], float]


class Progress(Protocol):
    """Show how far a stage is: files done, files in all, and the share of the work, in [0, 1], where files differ.

    Without a share, every file is taken for as much work as the next. The pace of a stage is measured from its first
    call, so that what an earlier run did, if told first, is not taken for speed.
    """

    def __call__(self, stage: str, done: int, total: int, share: float | None = None) -> None:
        """Show it."""


@contextmanager
def progress_bar(*, quiet: bool, clock: Clock = time.monotonic) -> Iterator[Progress]:
    """Yield a function to call with stage, files done, files in all and, where files differ, the share of the work.

    Parameters
    ----------
    quiet
        Whether nothing is shown.
    clock
        Seconds, from any moment on.
    """
    if quiet:
        yield lambda _stage, _done, _total, _share=None: None
    elif sys.stderr.isatty():
        yield from _bar(clock)
    else:
        yield _plain(clock)


def pace(done: float, left: float, files: int, seconds: float) -> str:
    """Say how fast it goes and how long it will go on.

    Parameters
    ----------
    done, left
        Parts of the work, in the same unit: done within the seconds, and to do.
    files
        Files done within the seconds.
    seconds
        Since the pace is measured.

    Examples
    --------
    >>> pace(done=0.5, left=0.25, files=2300, seconds=100.0)
    '23 files/s, about 50 s left'
    >>> pace(done=0.1, left=0.9, files=120, seconds=1200.0)
    '0.10 files/s, about 3 h 0 min left'
    """
    rate = files / seconds
    digits = 0 if rate >= 10 else 1 if rate >= 1 else 2
    return f"{rate:.{digits}f} files/s, about {_duration(left * seconds / done)} left"


def _duration(seconds: float) -> str:
    """Return a time in the two units that matter."""
    minutes, hours = round(seconds / 60), round(seconds / 60) // 60
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


@dataclass(frozen=True, slots=True)
class _Start:
    """When a stage was first heard of, and how far it was."""

    seconds: float
    done: int
    share: float

    def pace(self, done: int, share: float, now: float) -> str:
        """Say how fast it has gone since; nothing as long as nothing was done."""
        if now <= self.seconds or share <= self.share or share >= 1:
            return ""
        return pace(share - self.share, 1 - share, done - self.done, now - self.seconds)


def _bar(clock: Clock) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    count, pace = "{task.fields[done]:,} of {task.fields[files]:,}", "{task.fields[pace]}"
    columns = (TextColumn("{task.description:>9}"), BarColumn(), TextColumn(count), TimeElapsedColumn())
    with Progress(*columns, TextColumn(pace), console=Console(stderr=True)) as bar:
        starts: dict[str, _Start] = {}
        tasks = {}

        def show(stage: str, done: int, total: int, share: float | None = None) -> None:
            now, part = clock(), _part(done, total, share)
            start = starts.setdefault(stage, _Start(now, done, part))
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=1.0, done=done, files=total, pace="")
            bar.update(tasks[stage], completed=part, done=done, files=total, pace=start.pace(done, part, now))

        yield show


def _plain(clock: Clock) -> Progress:
    starts: dict[str, _Start] = {}
    last = clock()

    def show(stage: str, done: int, total: int, share: float | None = None) -> None:
        nonlocal last
        now, part = clock(), _part(done, total, share)
        start = starts.setdefault(stage, _Start(now, done, part))
        if done < total and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            found = start.pace(done, part, now)
            sys.stderr.write(f"{stage}: {done:,} of {total:,} files{', ' if found else ''}{found}\n")

    return show


def _part(done: int, total: int, share: float | None) -> float:
    """Return the part of the work that is done."""
    return share if share is not None else done / max(1, total)
