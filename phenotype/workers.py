"""Processes that work for one run: none is left behind, and none prints over the last line of the run."""

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from traceback import format_exc, format_exception
from typing import Any, Generic, TypeVar

from threadpoolctl import threadpool_limits

from phenotype.errors import RunError
from phenotype.memory import limit_memory

__all__ = ["GaveUp", "Pool", "start_worker", "supervised", "time_limit", "workers"]

Task = TypeVar("Task")
Result = TypeVar("Result")

CHUNK = 50
"""Most tasks that a worker is given at once: few enough that little is begun anew when it dies."""
PARTS_LEFT = 4
"""A chunk is at most this part, for each worker, of the work that is left: so all end together."""
SECONDS = 60.0
SIZE_OF_SECONDS = 100_000_000
SECONDS_TO_START = 300.0
"""Generous: a new process imports everything where the system cannot copy this one."""
SECONDS_TO_END = 10.0
STARTS = 5
"""How many workers in a row may die before they can take a task."""
LEAST_MEMORY = 10**9
"""A worker's share is not less, in bytes, while there is as much: one ordinary file needs a few hundred MB."""
PR_SET_PDEATHSIG = 1
"""``prctl(2)``: the signal that a process is sent when the one that started it ends."""


class _Here:
    """Stands in for a pool of processes: calls at once, in this process."""

    def map(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        """Call the function on each task."""
        return map(function, tasks)


Pool = ProcessPoolExecutor | _Here


@contextmanager
def workers(jobs: int, *, anew: bool = False) -> Iterator[Pool]:
    """Give worker processes with one thread each for linear algebra, or this process if one is enough.

    When the block is left early, by an error or by Ctrl-C, no further task is begun.

    Parameters
    ----------
    jobs
        How many.
    anew
        Whether each starts from nothing, and not as a copy of this process where the system can copy: slower, and
        safe after libraries have started threads.

    Raises
    ------
    RunError
        If a worker died, which is what a system does to a process that takes too much memory.
    """
    if jobs == 1:
        yield _Here()
        return
    context = multiprocessing.get_context("spawn") if anew else None
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=start_worker)
    try:
        yield pool
    except BrokenProcessPool as error:
        fault = f"a worker process died (out of memory?); run again with fewer --jobs than {jobs}"
        raise RunError(f"{fault}: what is finished is kept") from error
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class GaveUp:
    """Stands where the result of a task would: its process did not end well, nor did it when tried again alone."""

    reason: str
    """What happened both times: ``not finished after 60 s; tried again alone: the same``."""


@contextmanager
def supervised(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    jobs: int,
    *,
    sizes: Sequence[int] | None = None,
    seconds: float = SECONDS,
    memory: int | None = None,
) -> Iterator[Iterator[tuple[int, Result | GaveUp]]]:
    """Call a function on each task in worker processes that may crash, hang or take too much memory.

    A worker has one thread for linear algebra and takes up to 50 tasks at a time, the biggest first. If it dies, or is
    stopped for its time or its memory, what it finished stays finished, and what it had not begun goes to another. The
    task it was at is tried once more when all others are done, alone and with the memory of all, so that what is given
    up does not depend on ``jobs``. When the block is left, by an error or by Ctrl-C too, no worker is left.

    Parameters
    ----------
    function
        What fails in an ordinary way it returns as a value. Known to workers by its name, so not a lambda.
    tasks
        Can be pickled, as must the results.
    jobs
        How many workers; also one is a process of its own, for its sake who would wait for a file that hangs.
    sizes
        Bytes of each task's file, shape as ``tasks``. None where all are alike and small.
    seconds
        What a task may take, and as much again for each 100 MB of its size: see ``time_limit``.
    memory
        Bytes that all workers together may take, beyond what they start with; each may take its share, but up to 1 GB
        in any case. None for no limit. Kept on Linux alone: macOS and Windows have no such limit.

    Yields
    ------
    Iterator
        ``(index of the task, its result or GaveUp)`` as they are finished, each index once.

    Raises
    ------
    RunError
        If workers cannot be started.
    Exception
        What the function raised, with the worker's traceback as a note; out of the iterator.

    Examples
    --------
    >>> with supervised(abs, [-3, -1, -2], 2) as outcomes:
    ...     sorted(outcomes)
    [(0, 3), (1, 1), (2, 2)]
    """
    work = _Work(function, tasks, sizes or [1] * len(tasks), seconds)
    outcomes = _outcomes(work, jobs, memory)
    with closing(outcomes):
        yield outcomes


def time_limit(size: int, seconds: float = SECONDS) -> float:
    """Return the seconds that a task on a file of a size in bytes may take.

    Examples
    --------
    >>> time_limit(50_000_000)
    90.0
    """
    return seconds * (1 + size / SIZE_OF_SECONDS)


@dataclass(frozen=True, slots=True)
class _Work(Generic[Task, Result]):
    """What is to be done."""

    function: Callable[[Task], Result]
    tasks: Sequence[Task]
    sizes: Sequence[int]
    seconds: float


class _Ready:
    """What a worker sends when it can take tasks."""


class _OutOfMemory:
    """What a worker sends, the last it does, when a task asked for more memory than it may take."""


@dataclass(frozen=True, slots=True)
class _Raised:
    """What a worker sends when the function raised."""

    error: Exception


def _outcomes(
    work: _Work[Task, Result], jobs: int, memory: int | None
) -> Generator[tuple[int, Result | GaveUp], None, None]:
    """Yield what becomes of each task: of those in trouble after their second trial, alone."""
    share = None if memory is None else max(memory // jobs, min(memory, LEAST_MEMORY))
    troubled: dict[int, GaveUp] = {}
    with _crew(work, range(len(work.tasks)), jobs, share, CHUNK) as crew:
        for index, outcome in crew.outcomes():
            if isinstance(outcome, GaveUp):
                troubled[index] = outcome
            else:
                yield index, outcome
    with _crew(work, troubled, 1, memory, 1) as crew:
        for index, outcome in crew.outcomes():
            yield index, _both(troubled[index], outcome) if isinstance(outcome, GaveUp) else outcome


def _both(first: GaveUp, second: GaveUp) -> GaveUp:
    """Say what happened in both trials of a task."""
    again = "the same" if first == second else second.reason
    return GaveUp(f"{first.reason}; tried again alone: {again}")


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, the pipe to it, and what it was given and has not finished: it is at the first."""

    process: BaseProcess
    connection: Connection
    deadline: float
    chunk: deque[int] = field(default_factory=deque)
    ready: bool = False

    @property
    def idle(self) -> bool:
        """Whether it waits for tasks."""
        return self.ready and not self.chunk


@dataclass(slots=True, eq=False)
class _Crew(Generic[Task, Result]):
    """The workers at one work, and the tasks that wait for them, the biggest first."""

    work: _Work[Task, Result]
    waiting: deque[int]
    jobs: int
    memory: int | None
    """Bytes that each may take."""
    most: int
    """Tasks in a chunk."""
    left: int
    """Bytes of all tasks that wait."""
    workers: list[_Worker] = field(default_factory=list)
    false_starts: int = 0
    """Workers in a row that died before they could take a task."""

    def outcomes(self) -> Iterator[tuple[int, Result | GaveUp]]:
        """Yield what becomes of each task that waits."""
        while self.waiting or any(worker.chunk for worker in self.workers):
            self.hand_out()
            yield from self.listen()

    def hand_out(self) -> None:
        """Start the workers that are missing, and give each that is idle something to do."""
        free = sum(not worker.chunk for worker in self.workers)
        for _ in range(min(self.jobs - len(self.workers), len(self.waiting) - free)):
            self.start()
        for worker in self.workers:
            if worker.idle and self.waiting:
                self.give(worker, self.next_chunk())

    def next_chunk(self) -> list[int]:
        """Take tasks from those that wait: few enough that all workers will end together."""
        sizes, taken = self.work.sizes, 0
        room = self.left / (PARTS_LEFT * self.jobs)
        chunk: list[int] = []
        while self.waiting and len(chunk) < self.most and (not chunk or taken + sizes[self.waiting[0]] <= room):
            chunk.append(self.waiting.popleft())
            taken += sizes[chunk[-1]]
        self.left -= taken
        return chunk

    def start(self) -> None:
        """Start a worker; it will say when it is ready."""
        here, there = multiprocessing.Pipe()
        arguments = (there, self.work.function, self.memory)
        process = multiprocessing.get_context().Process(target=_serve, args=arguments, daemon=True)
        process.start()
        there.close()
        self.workers.append(_Worker(process, here, time.monotonic() + SECONDS_TO_START))

    def give(self, worker: _Worker, chunk: Sequence[int]) -> None:
        """Send tasks to a worker; if it is dead, that is heard when it is listened to."""
        worker.chunk.extend(chunk)
        self.set_deadline(worker)
        with suppress(BrokenPipeError):
            worker.connection.send([self.work.tasks[index] for index in chunk])

    def set_deadline(self, worker: _Worker) -> None:
        """Begin the time of the task that a worker is at."""
        if worker.chunk:
            worker.deadline = time.monotonic() + self.limit(worker)

    def limit(self, worker: _Worker) -> float:
        """Return the seconds that the task that a worker is at may take."""
        return time_limit(self.work.sizes[worker.chunk[0]], self.work.seconds)

    def listen(self) -> Iterator[tuple[int, Result | GaveUp]]:
        """Wait for messages or for the next deadline, and yield what they say of tasks."""
        deadlines = [worker.deadline for worker in self.workers if not worker.idle]
        patience = max(0.0, min(deadlines) - time.monotonic())
        heard = wait([worker.connection for worker in self.workers], patience)
        for worker in list(self.workers):
            if worker.connection in heard:
                yield from self.hear(worker)
            elif not worker.idle and worker.deadline <= time.monotonic():
                yield from self.lose(worker, self.late(worker))

    def hear(self, worker: _Worker) -> Iterator[tuple[int, Result | GaveUp]]:
        """Take one message of a worker, or its death."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self.lose(worker, _death(worker.process))
            return
        match message:
            case _Ready():
                worker.ready, self.false_starts = True, 0
            case _OutOfMemory():
                yield from self.lose(worker, f"needs more than {(self.memory or 0) / 1e9:.1f} GB")
            case _Raised(error):
                raise error
            case _:
                index = worker.chunk.popleft()
                self.set_deadline(worker)
                yield index, message

    def late(self, worker: _Worker) -> str:
        """Say what is wrong with a worker whose time is over."""
        return f"not finished after {self.limit(worker):.0f} s" if worker.chunk else "it does not begin"

    def lose(self, worker: _Worker, reason: str) -> Iterator[tuple[int, GaveUp]]:
        """End a worker: the task it was at is in trouble, the rest of its chunk waits for another.

        Raises
        ------
        RunError
            If one after the other ends before it can take a task.
        """
        self.end(worker)
        if worker.chunk:
            index = worker.chunk.popleft()
            self.waiting.extendleft(reversed(worker.chunk))
            self.left += sum(self.work.sizes[index] for index in worker.chunk)
            yield index, GaveUp(reason)
        elif not worker.ready:
            self.false_starts += 1
            if self.false_starts == STARTS:
                raise RunError(f"worker processes cannot be started: {reason}; what is finished is kept")

    def end(self, worker: _Worker) -> None:
        """End a worker at once, whatever it is at."""
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()


@contextmanager
def _crew(
    work: _Work[Task, Result], indices: Iterable[int], jobs: int, memory: int | None, most: int
) -> Iterator[_Crew[Task, Result]]:
    """Give a crew for some of the tasks; none of its workers outlives the block."""
    waiting = deque(sorted(indices, key=lambda index: -work.sizes[index]))
    crew = _Crew(work, waiting, jobs, memory, most, sum(work.sizes[index] for index in waiting))
    try:
        yield crew
    finally:
        for worker in list(crew.workers):
            crew.end(worker)


def _death(process: BaseProcess) -> str:
    """Say how a process ended whose end of the pipe is closed."""
    process.join(SECONDS_TO_END)
    code = process.exitcode
    if code is None:
        return "the process does not answer"
    return f"the process was killed (signal {-code})" if code < 0 else f"the process ended (exit status {code})"


def _serve(connection: Connection, function: Callable[[Any], Any], memory: int | None) -> None:
    """Call the function on the tasks that come through the pipe, until it is closed; in a process of its own."""
    start_worker()
    _die_with_run()
    _offer_to_kernel()
    if memory is not None:
        limit_memory(memory)
    connection.send(_Ready())
    try:
        while True:
            for task in connection.recv():
                connection.send_bytes(_answer(function, task))
    except EOFError:
        return
    except MemoryError:
        connection.send(_OutOfMemory())


def _answer(function: Callable[[Any], Any], task: object) -> bytes:
    """Return what the function returns or raises, ready to be sent."""
    try:
        return pickle.dumps(function(task))
    except MemoryError:
        raise
    except Exception as error:  # the run raises it
        error.add_note(format_exc())
        return _pickled(error)


def _pickled(error: Exception) -> bytes:
    """Return an error ready to be sent; one that cannot be sent, as its text."""
    try:
        sent = pickle.dumps(_Raised(error))
        pickle.loads(sent)  # noqa: S301 - made here
    except Exception:  # whatever its class does to be pickled
        return pickle.dumps(_Raised(RuntimeError("".join(format_exception(error)))))
    return sent


def _die_with_run() -> None:
    """Have Linux end this process with the one that started it, even if it hangs in a library."""
    run = multiprocessing.parent_process()
    if sys.platform == "linux" and run is not None and run.pid == os.getppid():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _offer_to_kernel() -> None:
    """Have Linux, when it is out of memory, end this process before the run."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def start_worker() -> None:
    """Keep a worker to one thread, deaf to Ctrl-C, which the run itself hears, and alive no longer than the run."""
    threadpool_limits(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_run, daemon=True).start()


def _end_with_run() -> None:
    """Wait for the end of the process that started this one, however it ends, and follow it."""
    run = multiprocessing.parent_process()
    if run is not None:
        wait([run.sentinel])
        os._exit(1)
