"""Handing out cases, and putting together what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from fuzz.hunt.campaign import Batch, Campaign, Failure, walk
from fuzz.hunt.handover import Handed, hand_over
from fuzz.hunt.state import State
from fuzz.hunt.workers import Workers
from fuzz.options import Shrink
from fuzz.progress import ignore
from fuzz.summary import save_trace

BATCH = 22
"""Cases of a job: less than a second."""
SAVED_EVERY = 2.0
"""Seconds between two savings of the state."""
POLL = 0.2
"""Seconds between two looks at whether to stop."""

Job = range | Failure
Result = Batch | Handed


def do(campaign: Campaign, places: Sequence[str], shrink: Shrink, job: Job) -> Result:
    """What a worker does: run cases, or hand a failure over."""
    if isinstance(job, range):
        return walk(campaign, job)
    return hand_over(campaign, places, job, shrink)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a hunt ends: after case ``cases - 1``, or after ``seconds`` of this run; None means no such limit.

    ``first``: it ends with the batch that has the first failing case of this run.  Cases that were run after
    that batch are not counted, and run again if the hunt goes on.
    """

    cases: int | None = None
    seconds: float | None = None
    first: bool = False


@dataclass(slots=True)
class Hunt:
    """One run of a hunt.

    ``path`` is the file of its ``state``, ``places`` are those of the example database, ``traces`` the
    folder of traces; ``shrink`` says how short failures are made.  ``stop`` ends it: cases under way are
    finished, hand-overs under way are left for the next run.  ``tick`` is called a few times a second.

    ``_next_case`` is the first case that nobody was given yet.  ``_failed_before`` and ``_seconds_before``
    are what earlier runs of the hunt came to; ``_started`` and ``_saved`` are times of the clock.  ``_done``
    holds finished batches whose predecessors are still running, by their first case, with the case after
    their last; ``_failures`` are failures that no worker was given yet.
    """

    state: State
    path: Path
    places: tuple[str, ...]
    traces: Path
    limits: Limits
    shrink: Shrink = Shrink.STEPS
    stop: Event = field(default_factory=Event)
    tick: Callable[[State], object] = ignore
    _next_case: int = 0
    _failed_before: int = 0
    _seconds_before: float = 0.0
    _started: float = 0.0
    _saved: float = 0.0
    _done: dict[int, tuple[Batch, int]] = field(default_factory=dict)
    _failures: list[Failure] = field(default_factory=list)

    @property
    def speed(self) -> float:
        """Steps per second, over all runs of the hunt."""
        seconds = self._seconds_before + time.monotonic() - self._started
        return self.state.tally.steps / seconds

    def run(self, workers: int) -> None:
        """Hunt on that many processes.

        Raises OSError where something cannot be saved, and WorkerLostError.
        """
        self._started, self._seconds_before = time.monotonic(), self.state.seconds
        self._next_case, self._failed_before = self.state.next, self.state.failed
        self._failures = list(self.state.pending)
        self._save()
        try:
            with Workers[Job, Result](
                workers, partial(do, self.state.campaign, self.places, self.shrink)
            ) as pool:
                while self._hand_out(pool):
                    for job, result in pool.finished(POLL):
                        self._take(job, result)
                    self._save_sometimes()
                    self.tick(self.state)
        finally:
            self._save()

    def _hand_out(self, pool: Workers[Job, Result]) -> bool:
        """Give each idle worker a job; False if nothing is left that is worth waiting for."""
        while pool.idle and not self.stop.is_set():
            job: Job | None = self._failures.pop(0) if self._failures else self._next_cases()
            if job is None:
                break
            pool.start(job)
        return any(isinstance(job, range) or not self.stop.is_set() for job in pool.busy)

    def _next_cases(self) -> range | None:
        """The cases that come next; None if the hunt is to end."""
        limits = self.limits
        if limits.first and self._has_failed():
            return None
        if limits.seconds is not None and time.monotonic() - self._started >= limits.seconds:
            return None
        first, end = self._next_case, self._next_case + BATCH
        if limits.cases is not None:
            end = min(end, limits.cases)
        cases = range(first, end)
        self._next_case = max(first, end)
        return cases or None

    def _take(self, job: Job, result: Result) -> None:
        """Count cases in their order; save what was handed over at once."""
        if isinstance(result, Handed):
            save_trace(result.reproducer.trace, self.traces)
            self.state.hand(result)
            self._save()
            return
        assert isinstance(job, range)
        self._done[job.start] = (result, job.stop)
        new: list[Failure] = []
        while self.state.next in self._done and not (self.limits.first and self._failed_now):
            new += self.state.add(*self._done.pop(self.state.next))
        if new:
            self._failures += new
            self._save()

    def _has_failed(self) -> bool:
        """Whether some case of this run has, counted already or not."""
        waiting = (batch for batch, _ in self._done.values())
        return self._failed_now or any(batch.failures or batch.mistakes for batch in waiting)

    @property
    def _failed_now(self) -> bool:
        """Whether a case of this run has failed, of those that are counted."""
        return self.state.failed > self._failed_before

    def _save_sometimes(self) -> None:
        if time.monotonic() - self._saved >= SAVED_EVERY:
            self._save()

    def _save(self) -> None:
        self._saved = time.monotonic()
        self.state.seconds = self._seconds_before + self._saved - self._started
        self.state.save(self.path)
