"""A program on a world: what can run next, and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from fuzz.exhaust.program import Program
from fuzz.exhaust.search import Failure, Move, counting
from fuzz.prove.fingerprint import fingerprint, is_live
from models.draining import next_to_drain
from models.operations import CompleteBio, Step
from models.reverts import Revert
from models.world import Violation, World

COVERAGE = """\
Covered is every order in which the tasks can run, up to that many preemptions:
- a task can be stopped at every preemption point that it passes, also at those that its operation does not
  name.  That is a preemption; where a task blocks or an operation ends, any other may run at no cost;
- a mount is not stopped: in the model nobody runs meanwhile;
- a bio completes on a worker of its own, which is a task like others: whenever it is in flight.  So are power
  cuts and faults, where the program has them;
- an operation that makes no sense where it is to begin (a file that is gone) is passed over there;
- where nobody can go on, and somebody waits, what every case ends with comes in its order: handles end, the
  transaction kthread commits.  These run as tasks like others;
- the end of every schedule, in one fixed order: handles end, pages are written back, a commit, a power cut,
  a mount;
- properties are looked at wherever a task is stopped, blocks or ends; it is also stopped, which counts as a
  preemption, where nobody else could run.
Of schedules that lead to one state only the first is continued; that rests on what is said to make no
difference in fuzz/prove/fingerprint.py.  The model is not the kernel: README.md says what it leaves out."""
"""What "every schedule" covers, and what it rests on."""


class Run:
    """One run of the program.  Operations that begin are added to ``began``: task, and which of its own."""

    def __init__(self, program: Program, reverts: Sequence[Revert], began: set[tuple[str, int]]) -> None:
        self.world = World(program.geometry, reverts)
        self._tasks = dict(program.tasks)
        self._next = dict.fromkeys(self._tasks, 0)
        self._began = began
        self._running = ""

    def choices(self) -> Sequence[Step]:
        """Tasks that can go on, then operations to begin, then bios that can complete.

        If there are none and a task waits: the next step of those that end every case.
        """
        chosen = [*self._tasks_that_can_run(), *self._bios_in_flight()]
        if not chosen and not self._running and self.world.sim.waiting():
            drained = next_to_drain(self.world)
            return [] if drained is None else [drained]
        return chosen

    def _tasks_that_can_run(self) -> Iterator[Step]:
        for task in self.world.sim.runnable():
            if task.name != self._running:
                yield Step(task.name)
        for name, operations in self._tasks.items():
            if self._next[name] < len(operations) and self.world.idle(name):
                yield Step(name, operations[self._next[name]])

    def _bios_in_flight(self) -> Iterator[Step]:
        for bio in self.world.fs.device.in_flight:
            step = Step(self._worker(), CompleteBio(bio.submitter, bio.index))
            if self.world.makes_sense(step):
                yield step

    def _worker(self) -> str:
        """The first idle worker that the program does not use."""
        number = 1
        while f"kworker {number}" in self._tasks or not self.world.idle(f"kworker {number}"):
            number += 1
        return f"kworker {number}"

    def take(self, choice: Step, watch: Callable[[], bool]) -> None:
        """Take a step; an operation that makes no sense is passed over.  Raises Failure if something
        breaks."""
        task = choice.task
        own = choice.operation is not None and self._next.get(task, 0) < len(self._tasks.get(task, ()))
        if own:
            number = self._next[task]
            self._next[task] += 1
            if not self.world.makes_sense(choice):
                return
            self._began.add((task, number))
        operation = choice.operation or self.world.operation_of(task)
        self._running, self.world.sim.watch = task, watch if operation.points else None
        try:
            self.world.apply(choice)
        except Violation as violation:
            raise Failure from violation
        finally:
            self._running, self.world.sim.watch = "", None

    def key(self, running: Step | None) -> Hashable:
        """The state of the world, how far each task has come, and the names of the live tasks: the digest
        tells tasks apart by their order only."""
        live = tuple(sorted(name for name, task in self.world.sim.tasks.items() if is_live(task)))
        return fingerprint(self.world), tuple(self._next.values()), live, running and running.task

    def finish(self) -> None:
        """Come to the end of the case.  Raises Failure if something breaks."""
        try:
            self.world.finish()
        except Violation as violation:
            raise Failure from violation


def steps_of(run: Run, moves: Sequence[Move[Step]]) -> tuple[Step, ...]:
    """A schedule as the steps of a case, found by taking it in a fresh ``run``.

    A step stops at a preemption point by its name, the first time that it comes there.  So a task that is
    stopped where it comes for the third time stops there twice before.
    """
    steps: list[Step] = []
    with suppress(Failure):
        for choice, stop in moves:
            begun = len(run.world.program)
            try:
                run.take(choice, counting(stop))
            finally:
                if len(run.world.program) > begun:  # else it was passed over
                    steps += _stopped(choice, run.world.sim.task(choice.task).passed[:stop], stop)
    return tuple(steps)


def _stopped(choice: Step, passed: Sequence[str], stop: int | None) -> Iterator[Step]:
    """A step up to the ``stop``-th preemption point, if it came there."""
    if stop is None or len(passed) < stop:
        yield choice
        return
    yield replace(choice, until=passed[-1])
    yield from [Step(choice.task, None, passed[-1])] * (passed.count(passed[-1]) - 1)
