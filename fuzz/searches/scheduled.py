"""Cases in which a schedule strategy decides which task goes on, and operations are drawn as ever.

What is a schedule here?  A step is taken from one preemption point to the next; only those count at which
the running operation may be told to stop (:class:`models.operations.Operation`), so that all searches choose
among the same interleavings.  The next step may be taken by every task that could go on, and by the task to
which the machine gives the next operation that was drawn: to let that one go on is to start the operation.
An operation that makes no sense yet waits, and is dropped if no other task can go on.

A case is several rounds on one file system.  A round is a schedule of its own, of so many operations: for one
schedule of the whole case the two or three preemptions of a strategy would be far between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fuzz.machine import BlockGroupMachine
from models.operations import Step
from models.simulation import Task
from models.target import Pick, Run, place_of
from models.target import Step as Taken
from strategies.operations import Drawn


@dataclass(slots=True, eq=False)
class Round:
    """These operations on that machine, as ``pick`` decides; ``done`` is what became of it, to learn from."""

    machine: BlockGroupMachine
    drawn: list[Drawn]
    pick: Pick
    done: Run = field(default_factory=Run)
    _next: Task | None = None

    def run(self) -> None:
        """Run until no task can go on.  Raises FoundFailure."""
        sim = self.machine.world.sim
        sim.watch = self._watch
        try:
            while (task := self._next or self._choose(None)) is not None:
                self._next = None
                step = Step(task.name) if task.steps is not None else self._begin()
                self.machine.apply(step)
        finally:
            sim.watch = None

    def _watch(self) -> bool:
        """At each preemption point that a task comes to: whether another one goes on."""
        world = self.machine.world
        running = world.sim.current
        if running.stopped_at not in world.operation_of(running.name).points:
            return False
        chosen = self._choose(running)
        if chosen is running:
            return False
        self._next = chosen
        return True

    def _choose(self, running: Task | None) -> Task | None:
        """The task that goes on; None if none can."""
        able = self._able(running)
        while not able and self.drawn:
            self.drawn.pop(0)
            able = self._able(running)
        if not able:
            return None
        chosen = self.pick(able, running)
        self.done.steps.append(Taken(chosen.name, place_of(chosen)))
        return chosen

    def _able(self, running: Task | None) -> Sequence[Task]:
        """The tasks that could go on: the running one comes first, one that would begin an operation last."""
        able = [task for task in self.machine.world.sim.runnable() if task is not running]
        if running is not None:
            able.insert(0, running)
        step = self.machine.start(self.drawn[0]) if self.drawn else None
        if step is not None and self.machine.world.makes_sense(step):
            able.append(Task(step.task))
        return able

    def _begin(self) -> Step:
        """The next operation; whether it stops is not drawn here."""
        step = self.machine.start(self.drawn.pop(0))
        assert step is not None, "it could begin when it was chosen"
        return Step(step.task, step.operation)
