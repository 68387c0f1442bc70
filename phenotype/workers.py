"""Processes that work for one run: none is left behind, and none prints over the last line of the run."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

from threadpoolctl import threadpool_limits

from phenotype.errors import RunError

__all__ = ["Pool", "start_worker", "workers"]


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
