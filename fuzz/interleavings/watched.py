"""A world that remembers which interleavings it saw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from models.geometry import Geometry
from models.operations import Operation, Step
from models.reverts import Revert
from models.simulation import State, Task
from models.world import World

HANDLE, LEFT = "an open handle", "what an ended operation began"
"""Held by a task that runs no operation."""


def place(operation: str, point: str) -> str:
    """The name of where a task stands."""
    return f"{operation} @ {point}"


def pair(where: str, other: str) -> str:
    """The name of an interleaving: ``other`` got on while the one stood at that place."""
    return f"{where} / {other}"


def place_of(name: str) -> str:
    """Where the one stood, by the name of a pair."""
    return name.partition(" / ")[0]


def parts_of(name: str) -> tuple[str, str, str]:
    """Operation, point and the other operation, by the name of a pair; empty what is missing."""
    where, _, other = name.partition(" / ")
    operation, _, point = where.partition(" @ ")
    return operation, point, other


def obstacle(name: str, reason: str) -> str:
    """The name of what stood in the way of a pair."""
    return f"{name}: {reason}"


def pair_and_reason(name: str) -> tuple[str, str]:
    """The parts of the name of an obstacle."""
    tried, _, reason = name.partition(": ")
    return tried, reason


@cache
def kind_of(name: str) -> str:
    """What a wait is for, without which one it is: ``transaction 7 unblocked`` and the like are one."""
    return re.sub(r"(?<!== )\b\d+(-\d+)?\b", "N", name)


@dataclass(slots=True)
class Interleavings:
    """What one case saw, each by its name, once.

    ``reached`` are pairs; ``waits`` name an operation, what it waited for, and what its holder was doing;
    ``obstacles`` say why a pair did not come about when it was tried (:func:`obstacle`).
    """

    reached: set[str] = field(default_factory=set)
    waits: set[str] = field(default_factory=set)
    obstacles: set[str] = field(default_factory=set)


class WatchedWorld(World):
    """A world with :class:`Interleavings`, of every step, those at the end of a case too."""

    def __init__(self, geometry: Geometry, reverts: Sequence[Revert] = (), *, run_on: bool = False) -> None:
        self.interleavings = Interleavings()
        super().__init__(geometry, reverts, run_on=run_on)

    def makes_sense(self, step: Step) -> bool:
        """As in any world; what is refused to a task that could do it is an obstacle."""
        answer = super().makes_sense(step)
        if not answer and step.operation is not None and self.idle(step.task):
            for _, where in self._standing(step.task):
                tried = pair(where, step.operation.name)
                self.interleavings.obstacles.add(obstacle(tried, "it makes no sense"))
        return answer

    def apply(self, step: Step) -> bool:
        """As in any world, whatever comes of it."""
        standing = list(self._standing(step.task))
        operation = step.operation or self._operations.get(step.task)
        before = len(self.program) + len(self.drained)
        try:
            return super().apply(step)
        finally:
            if operation is not None and len(self.program) + len(self.drained) > before:
                self._look(self.sim.task(step.task), operation, standing)

    def _standing(self, running: str) -> Iterator[tuple[Task, str]]:
        """The other tasks that were told to stop, and where they stand."""
        for task in self.sim.tasks.values():
            if task.state is State.PREEMPTED and task.name != running:
                yield task, place(self._operations[task.name].name, task.stopped_at)

    def _look(self, task: Task, operation: Operation, standing: list[tuple[Task, str]]) -> None:
        """Record what the task's step showed, given where the others stood."""
        seen, wait = self.interleavings, task.blocked_on
        if wait is None or task.passed:
            seen.reached.update([pair(where, operation.name) for _, where in standing])
        if wait is None:
            return
        holders, what = tuple(wait.held_by()), kind_of(wait.name)
        for holder in holders:
            seen.waits.add(f"{operation.name} waits for {what}, held by {self._what_does(holder)}")
        if not task.passed:
            seen.obstacles.update(
                obstacle(pair(where, operation.name), f"it waits for {what}, held by the other")
                for other, where in standing
                if other.name in holders
            )

    def _what_does(self, holder: str) -> str:
        """What a holder is doing; itself, if it is no task."""
        task = self.sim.tasks.get(holder)
        if task is None:
            return holder
        if task.name in self._operations:
            return self._operations[task.name].name
        return HANDLE if task.journal_info is not None else LEFT
