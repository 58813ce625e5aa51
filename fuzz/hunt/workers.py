"""Processes that do jobs: one for each core, each with a pipe of its own.

A worker ends when its pipe does, so none outlives the process that started it, however that ended (those of
a process pool wait for ever when it was killed).  Ctrl-C is left to the process that hands out the jobs.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from fuzz.garbage import collect_seldom

Job = TypeVar("Job")
Result = TypeVar("Result")
PATIENCE = 5.0
"""Seconds that a worker has to end by itself."""


class WorkerLostError(Exception):
    """A worker ended before its job did.  The message is one line."""


def _serve(pipe: Connection, work: Callable[[Job], Result]) -> None:
    """Do jobs until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(work(pipe.recv()))


class Workers(Generic[Job, Result]):
    """``count`` processes that ``work``; a context, at whose end they are gone.

    ``work``, jobs and results are pickled: processes are spawned, which works on every platform.
    """

    def __init__(self, count: int, work: Callable[[Job], Result]) -> None:
        self._context = get_context("spawn")
        self._processes: dict[Connection, BaseProcess] = {}
        self._jobs: dict[Connection, Job] = {}
        self._count, self._work = count, work

    def __enter__(self) -> Workers[Job, Result]:
        for _ in range(self._count):
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_serve, args=(theirs, self._work), daemon=True)
            process.start()
            theirs.close()  # or its end would not be seen here
            self._processes[ours] = process
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, process in self._processes.items():
            pipe.close()
            if pipe in self._jobs:
                process.terminate()
        for process in self._processes.values():
            process.join(PATIENCE)
            process.kill()
            process.join()

    @property
    def idle(self) -> int:
        """How many have nothing to do."""
        return self._count - len(self._jobs)

    @property
    def busy(self) -> list[Job]:
        """What is being done."""
        return list(self._jobs.values())

    def start(self, job: Job) -> None:
        """Give it to a worker with nothing to do.  Raises WorkerLostError."""
        pipe = next(pipe for pipe in self._processes if pipe not in self._jobs)
        self._jobs[pipe] = job
        try:
            pipe.send(job)
        except OSError as error:
            raise self._lost(pipe) from error

    def finished(self, seconds: float) -> Iterator[tuple[Job, Result]]:
        """The jobs that ended, at once or within that time.  Raises WorkerLostError."""
        for pipe in wait(list(self._jobs), seconds):
            assert isinstance(pipe, Connection)
            try:
                result = pipe.recv()
            except (EOFError, OSError) as error:
                raise self._lost(pipe) from error
            yield self._jobs.pop(pipe), result

    def _lost(self, pipe: Connection) -> WorkerLostError:
        process = self._processes[pipe]
        process.join(PATIENCE)
        return WorkerLostError(f"a worker ended (exit code {process.exitcode}) during {self._jobs[pipe]}")
