"""What a target must offer to be searched: tasks and properties, nothing else.

A target is a class that takes a :class:`~models.simulation.Simulation`, on which it makes its locks.  Its
``tasks()`` are generators, as everywhere here: shared state is in attributes, and what stands between two
``yield``s is atomic.  Its ``properties()`` say of each sentence that must be true whether it is.  They are
looked at after every step, so what is wrong for a moment only has to be remembered by the task that saw it.

Two things help the search, if points follow them:

* A preemption point is named after what comes next: ``"read x"``, ``"write x"``, ``"lock m"``.  So a
  schedule sees that two tasks are about to touch the same thing.  Any other name stands for itself: all tasks
  that stop there touch one thing.
* Tasks that do the same differ in a number only: ``"setter 1"`` and ``"setter 2"`` are setters.

Three properties every target has, without saying so: it does not deadlock (:data:`NO_DEADLOCK`), no
``assert`` in a task fails (:data:`NO_FAILED_ASSERTION`), and every task comes to its end
(:data:`NO_LIVELOCK`; so a task waits with ``wait_event``, and does not poll).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, Protocol

from models.simulation import Simulation, Steps, Task, kind_of_task

NO_DEADLOCK = "somebody_can_always_go_on"
NO_FAILED_ASSERTION = "no_assertion_of_a_task_fails"
NO_LIVELOCK = "every_task_comes_to_its_end"

STEPS_LIMIT = 10_000
"""Steps of one schedule after which its tasks are taken to wait for each other in circles."""


class Target(Protocol):
    """A protocol under test."""

    def tasks(self) -> Mapping[str, Steps[None]]:
        """What runs side by side, by the names of the tasks, in the order in which they are started.

        What stands before a task's first ``yield`` runs before any other task's first step.
        """

    def properties(self) -> Mapping[str, bool]:
        """What must be true, and whether it is."""


Build = Callable[[Simulation], Target]
"""How a target is made, fresh for each schedule."""
Pick = Callable[[Sequence[Task], Task | None], Task]
"""Picks the task that goes on, of those that can.  The second argument is the one that ran last, if it can go
on; it is the first then."""


class Place(NamedTuple):
    """A place in the program: what tasks of one role are about to do, at one preemption point."""

    role: str
    point: str

    @property
    def thing(self) -> str:
        """What is about to be touched."""
        return self.point.split(" ", 1)[-1]

    @property
    def looks(self) -> bool:
        """Whether what it is makes a difference: it is not just overwritten."""
        return not self.point.startswith("write ")

    @property
    def writes(self) -> bool:
        """Whether it may be another afterwards: it is not just read."""
        return not self.point.startswith("read ")

    def conflicts_with(self, other: Place) -> bool:
        """Whether the order of the two can make a difference.  A task that comes to no point is nowhere."""
        return bool(self.point) and self.thing == other.thing and (self.writes or other.writes)


@cache
def _place(name: str, point: str) -> Place:
    return Place(kind_of_task(name), point)


def place_of(task: Task) -> Place:
    """Where a paused task is."""
    return _place(task.name, task.stopped_at)


class Step(NamedTuple):
    """One step of a schedule: which task went on, and from where."""

    task: str
    place: Place


@dataclass(slots=True, eq=False)
class Run:
    """One schedule, and what came of it.

    ``broken`` is the property that broke, if one did, and ``observed`` what was seen.  ``preemptions``
    counts the times when the task that ran last could have gone on and another did.
    """

    steps: list[Step] = field(default_factory=list)
    preemptions: int = 0
    broken: str = ""
    observed: str = ""

    def __str__(self) -> str:
        """The schedule as text: a line for each step, and what it broke."""
        lines = [f"{task}: {place.point or 'starts'}" for task, place in self.steps]
        if self.broken:
            lines.append(f"*** {self.broken} ***" + f" {self.observed}" * bool(self.observed))
        return "\n".join(lines)


def in_turn(able: Sequence[Task], current: Task | None) -> Task:
    """The simplest schedule: each task runs until it ends or has to wait."""
    return current or able[0]


def run(build: Build, pick: Pick) -> Run:
    """Run a target once, as ``pick`` says, until all tasks are done or something is broken."""
    sim, done = Simulation(), Run()
    target = build(sim)
    tasks = []
    for name, steps in target.tasks().items():
        tasks.append(sim.task(name))
        sim.start(tasks[-1], steps)
    for task in tasks:
        _step(sim, task, target, done)
    if not done.broken:
        _go_on(sim, target, tasks, pick, done)
    return done


def _step(sim: Simulation, task: Task, target: Target, done: Run) -> None:
    """One step, and whether all is well after it."""
    try:
        sim.step(task)
    except AssertionError as failed:
        done.broken, done.observed = NO_FAILED_ASSERTION, str(failed)
    else:
        done.broken = done.broken or next(
            (name for name, holds in target.properties().items() if not holds), ""
        )


def _go_on(sim: Simulation, target: Target, tasks: list[Task], pick: Pick, done: Run) -> None:
    """All steps of a run."""
    current: Task | None = None
    while able := [task for task in tasks if task.runnable]:
        if len(done.steps) == STEPS_LIMIT:
            done.broken, done.observed = NO_LIVELOCK, f"{STEPS_LIMIT} steps, and no end"
            return
        if current in able:
            able.remove(current)
            able.insert(0, current)
        else:
            current = None
        chosen = pick(able, current)
        done.preemptions += current not in (None, chosen)
        done.steps.append(Step(chosen.name, place_of(chosen)))
        _step(sim, chosen, target, done)
        if done.broken:
            return
        current = chosen
    if waiting := sim.waiting():
        done.broken, done.observed = NO_DEADLOCK, "; ".join(waiting)
