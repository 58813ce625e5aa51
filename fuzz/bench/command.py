"""One run of ``pytest fuzz/`` in a process of its own, and several of them side by side."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fuzz.shards import Outcome

ROOT = Path(__file__).resolve().parent.parent.parent
"""The checkout."""
UNWANTED = ("PYTEST_", "HYPOTHESIS", "COVERAGE", "COV_CORE")
"""Beginnings of environment variables that would change what a run does."""
POLL = 0.1
"""Seconds between two looks at a running process."""
INTERRUPTED = threading.Event()
"""Set when the bench is to stop: every process is ended then."""

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended.  ``code`` is pytest's exit code, None where it was stopped for taking too long."""

    code: int | None
    outcomes: tuple[Outcome, ...]
    out: str
    seconds: float

    @property
    def error(self) -> str:
        """What pytest said of the first test that failed; empty where none did."""
        found = re.search(r"^(?:FAILED|ERROR) \S+(?: - (.*))?$", self.out, re.MULTILINE)
        return (found[1] or "an error") if found else ""


def run_fuzz(
    tree: Path,
    options: Sequence[str],
    *,
    patience: float,
    under: Sequence[str] = (),
    items: Sequence[str] = ("fuzz/",),
    workers: int = 0,
    limit: float = math.inf,
) -> Finished:
    """``pytest fuzz/`` in ``tree``, stopped at the first failure.

    ``patience`` is how many seconds may pass without another search that ends, ``limit`` how many in all;
    ``under`` is the program, with its arguments, that runs pytest, if it is not Python alone; ``items`` are
    what pytest is to run, on so many ``workers`` (0: in its own process).
    """
    with tempfile.TemporaryDirectory(prefix="bgfuzz-") as place:
        outcomes, log = Path(place) / "outcomes", Path(place) / "log"
        outcomes.touch()
        command = [
            sys.executable,
            *under,
            "-m",
            "pytest",
            *items,
            "-n",
            str(workers),
            "-x",
            "-q",
            "--tb=line",
            "-p",
            "no:cacheprovider",
        ]
        command += ["--database", str(Path(place) / "failures"), "--fuzz-outcomes", str(outcomes), *options]
        started = time.monotonic()
        with log.open("w", encoding="utf-8") as output:
            code = wait_for(command, tree, output.fileno(), outcomes, patience, limit)
        lines = outcomes.read_text(encoding="utf-8").splitlines()
        return Finished(
            code,
            tuple(Outcome.from_json(line) for line in lines),
            log.read_text(encoding="utf-8", errors="replace"),
            time.monotonic() - started,
        )


def wait_for(
    command: Sequence[str], tree: Path, output: int, news: Path, patience: float, limit: float = math.inf
) -> int | None:
    """Start a program, and wait for its exit code; None if the bench is interrupted, there was no news for
    so many seconds, or it took longer than the ``limit``.

    ``output`` is where it writes to, ``news`` a file that grows while it gets on.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command,
        cwd=tree,
        env={**kept, "COLUMNS": "400"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    size, since = 0, time.monotonic()
    end = since + limit
    try:
        while process.poll() is None:
            time.sleep(POLL)
            now = news.stat().st_size
            if now != size:
                size, since = now, time.monotonic()
            if time.monotonic() > min(since + patience, end) or INTERRUPTED.is_set():
                return None
        return process.returncode
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def _progress(title: str, total: int) -> Generator[Callable[[], None], None, None]:
    """A progress bar, and how to move it on.  SIGTERM is an interruption meanwhile."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task(title, total=total)
            yield lambda: progress.advance(bar)
    finally:
        signal.signal(signal.SIGTERM, before)


def side_by_side(
    title: str, jobs: Sequence[Job], work: Callable[[Job], Result], *, workers: int
) -> Generator[tuple[Job, Result], None, None]:
    """Do all jobs, ``workers`` at a time, with a progress bar; results as they come in.

    An interruption ends every process that runs.
    """
    with _progress(title, len(jobs)) as advance, ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
                advance()
        finally:
            INTERRUPTED.set()
            pool.shutdown(wait=True, cancel_futures=True)
            INTERRUPTED.clear()


def in_processes(
    title: str, jobs: Sequence[Job], work: Callable[[Job], Result], *, workers: int
) -> Generator[tuple[Job, Result], None, None]:
    """As :func:`side_by_side`, but each job in a process of its own, which ends with it.

    Nothing that one leaves behind in memory reaches another.  They are forked from a process that has done
    nothing but import what ``work`` needs, so a start takes milliseconds.  Jobs and results are pickled.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
    ignore = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is left to the process that hands out the jobs
    with (
        _progress(title, len(jobs)) as advance,
        context.Pool(workers, signal.signal, ignore, maxtasksperchild=1) as pool,
    ):
        for number, result in pool.imap_unordered(_Numbered(work), enumerate(jobs)):
            yield jobs[number], result
            advance()


@dataclass(frozen=True, slots=True)
class _Numbered(Generic[Job, Result]):
    """Work that tells which of the jobs it did."""

    work: Callable[[Job], Result]

    def __call__(self, numbered: tuple[int, Job]) -> tuple[int, Result]:
        number, job = numbered
        return number, self.work(job)
