"""Every schedule of a program up to a number of preemptions, each state continued once.

A schedule is the order in which tasks run.  At a preemption point the running task could go on; to run
another there is a *preemption*.  Where a task blocks, or an operation ends, another has to run or may as
well: such a switch costs nothing.  (M. Musuvathi and S. Qadeer, Iterative Context Bounding for Systematic
Testing of Multithreaded Programs, PLDI 2007: few preemptions show most bugs, and keep schedules few.)

The search goes up to no preemption, then up to one, and so on; in each pass schedules are run in the order
of their preemptions, and then of their steps.  So the first that fails has as few as any, and a state is met
first with as many preemptions left as ever: what goes on from it need not be run again.

Generators cannot be copied: where a schedule branches, its beginning is run again.  But for a task that just
goes on nothing is: it is watched while it runs, and looked at wherever it passes a preemption point.  With no
preemption left it is not even looked at: nothing branches before it blocks or ends.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Generic, NamedTuple, Protocol, TypeVar

from fuzz.exhaust.graph import Graph
from fuzz.progress import Level, ignore
from fuzz.prove.search import LimitReached

Choice = TypeVar("Choice", bound=Hashable)


class Failure(Exception):  # noqa: N818 - no mistake: it is what is looked for
    """A schedule breaks something."""


class System(Protocol[Choice]):
    """A fresh run of the program."""

    def choices(self) -> Sequence[Choice]:
        """What could run now, without the task that is running; always in the same order."""

    def take(self, choice: Choice, watch: Callable[[], bool]) -> None:
        """Run that until it blocks, or ends an operation, or ``watch`` says stop: it is asked at every
        preemption point.  Raises Failure."""

    def key(self, running: Choice | None) -> Hashable:
        """All that the future depends on; ``running`` is what is running and could go on, if anything is."""

    def finish(self) -> None:
        """Judge the end, when nothing is left to choose.  Raises Failure."""


class Move(NamedTuple, Generic[Choice]):
    """Run ``choice`` up to the preemption point that it passes as the ``stop``-th; None: to a wait or an
    operation's end."""

    choice: Choice
    stop: int | None = None


@dataclass(slots=True)
class SchedulesCovered:
    """How much was searched: ``executions`` of schedules or their beginnings, ``states`` that differ (in the
    last pass).

    ``whole`` says up to how many preemptions nothing was left out (-1: not even without any), ``schedules``
    how many there are up to each number of them; None where tasks can go round in circles for ever.
    ``level`` is where the search is; its number is up to how many preemptions this pass goes.
    """

    executions: int = 0
    states: int = 0
    whole: int = -1
    schedules: list[int | None] = field(default_factory=list)
    level: Level = field(default_factory=Level)


@dataclass(frozen=True, slots=True)
class FailingSchedule(Generic[Choice]):
    """The schedule that fails."""

    moves: tuple[Move[Choice], ...]
    preemptions: int


class _Job(NamedTuple, Generic[Choice]):
    """A branch: take ``choice`` in the state ``node``, which ``moves`` lead to.  Without a choice a task is
    stopped although nobody else can run: only to look at what it leaves."""

    preemptions: int
    steps: int
    number: int
    moves: tuple[Move[Choice], ...]
    choice: Choice | None
    node: int
    preempts: bool

    def to_its_end(self) -> tuple[Move[Choice], ...]:
        """The moves with its own."""
        return self.moves if self.choice is None else (*self.moves, Move(self.choice))


class _Known(Exception):  # noqa: N818 - no mistake either
    """Whatever follows was run before."""


@dataclass(slots=True)
class ScheduleSearch(Generic[Choice]):
    """All schedules of what ``fresh`` makes, with up to ``bound`` preemptions.

    ``limit`` is how many executions there may be; ``covered`` is kept up to date, and shown to ``tick``
    before each.  A search is run once.
    """

    fresh: Callable[[], System[Choice]]
    bound: int
    limit: int
    covered: SchedulesCovered = field(default_factory=SchedulesCovered)
    tick: Callable[[SchedulesCovered], object] = ignore
    _bound: int = 0
    _nodes: dict[Hashable, int] = field(default_factory=dict)
    _graph: Graph = field(default_factory=Graph)
    _jobs: list[_Job[Choice]] = field(default_factory=list)
    _pushed: int = 0

    def failure(self) -> FailingSchedule[Choice] | None:
        """The schedule that fails with the fewest preemptions, and of those in the fewest steps; None if none
        fails.  Raises LimitReached."""
        for bound in range(self.bound + 1):
            self._bound, self._nodes, self._graph, self._pushed = bound, {}, Graph(), 0
            found = self._failure_in_bound()
            if found is not None:
                return found
            self.covered.schedules.append(self._graph.paths(bound))
            self.covered.whole = bound
        return None

    def _failure_in_bound(self) -> FailingSchedule[Choice] | None:
        """One pass, with one preemption more than the last."""
        moves: tuple[Move[Choice], ...] = ()
        preemptions = done = 0
        try:
            self._arrive(self.fresh(), moves, 0)
            while self._jobs:
                job = heappop(self._jobs)
                self.covered.level = Level(self._bound, done, self._pushed)
                done += 1
                moves, preemptions = job.to_its_end(), job.preemptions
                self._run(job)
        except Failure:
            return FailingSchedule(moves, preemptions)
        return None

    def _run(self, job: _Job[Choice]) -> None:
        """Run a branch until nothing is new any more."""
        if self.covered.executions >= self.limit:
            raise LimitReached
        self.covered.executions += 1
        self.tick(self.covered)
        system = self.fresh()
        for choice, stop in job.moves:
            system.take(choice, counting(stop))
        if job.choice is None:
            return
        walk = _Walk(self, system, job, job.choice)
        try:
            system.take(job.choice, walk.watch if job.preemptions < self._bound else never)
        except _Known:
            return
        node = self._arrive(system, job.to_its_end(), job.preemptions)
        walk.link(node)

    def _arrive(self, system: System[Choice], moves: tuple[Move[Choice], ...], preemptions: int) -> int:
        """No task is running: queue each choice that could come next.  Returns the number of the state."""
        node, new = self.number(system.key(None))
        if new:
            choices = system.choices()
            for choice in choices:
                self.push(preemptions, moves, choice, node, preempts=False)
            if not choices:
                self._graph.ends.add(node)
                system.finish()
        return node

    def number(self, key: Hashable) -> tuple[int, bool]:
        """The number of a state, and whether it is new."""
        known = len(self._nodes)
        node = self._nodes.setdefault(key, known)
        self.covered.states = len(self._nodes)
        return node, node == known

    def push(
        self,
        preemptions: int,
        moves: tuple[Move[Choice], ...],
        choice: Choice | None,
        node: int,
        *,
        preempts: bool,
    ) -> None:
        """To be run later."""
        heappush(self._jobs, _Job(preemptions, len(moves), self._pushed, moves, choice, node, preempts))
        self._pushed += 1

    def link(self, node: int, to: int, *, preempts: bool) -> None:
        """One state leads to another."""
        self._graph.link(node, to, preempts=preempts)


class _Walk(Generic[Choice]):
    """One task running on, and the states that it goes through."""

    def __init__(
        self, search: ScheduleSearch[Choice], system: System[Choice], job: _Job[Choice], running: Choice
    ) -> None:
        self._search, self._system, self._job, self._running = search, system, job, running
        self._node, self._preempts = job.node, job.preempts
        self._passed = 0

    def watch(self) -> bool:
        """The task passes a preemption point: others may run instead.  Raises _Known where it was seen here
        before.  It is in no endless loop: it ran through in an earlier pass."""
        self._passed += 1
        node, new = self._search.number(self._system.key(self._running))
        self.link(node)
        if not new:
            raise _Known
        moves = (*self._job.moves, Move(self._running, self._passed))
        others: Sequence[Choice | None] = self._system.choices() or [None]
        for choice in others:
            self._search.push(self._job.preemptions + 1, moves, choice, node, preempts=True)
        return False

    def link(self, node: int) -> None:
        """The task has come to this state."""
        self._search.link(self._node, node, preempts=self._preempts)
        self._node, self._preempts = node, False


def counting(stop: int | None) -> Callable[[], bool]:
    """Says stop when it is asked for the ``stop``-th time."""
    if stop is None:
        return never
    passed = iter(range(stop - 1, -1, -1))
    return lambda: next(passed) == 0


def never() -> bool:
    """Says never to stop."""
    return False
