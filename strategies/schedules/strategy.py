"""What a schedule strategy is, and a search with one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from models.target import Build, Pick, Place, Run, run

Choose = Callable[[int], int]
"""A number from 0 to one below the argument; 0 is the simplest.  A seed chooses, or Hypothesis draws."""


class Strategy(ABC):
    """Draws one schedule after the other.

    If every choice is 0, the tasks run one after the other, in the order in which the target names them: so
    a failing schedule shrinks towards one with few preemptions.  All that a strategy knows about a target it
    has from :meth:`learn`.  Equal choices give equal schedules as long as it learns nothing in between.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self.steps = 0
        self.visitors: dict[Place, set[str]] = {}

    @abstractmethod
    def schedule(self, choose: Choose) -> Pick:
        """The next schedule."""

    def learn(self, run: Run) -> None:
        """A schedule has run: how long it was, and which tasks came to which places of the program."""
        self.steps = max(self.steps, len(run.steps))
        for task, place in run.steps:
            if place.point:
                self.visitors.setdefault(place, set()).add(task)


class Found(NamedTuple):
    """The first schedule that broke something, and how many were run, itself included."""

    schedules: int
    run: Run


def search(build: Build, strategy: Strategy, choose: Choose, limit: int) -> Found | None:
    """Run schedules until one breaks something, at most ``limit``; None if none did."""
    for schedules in range(1, limit + 1):
        result = run(build, strategy.schedule(choose))
        if result.broken:
            return Found(schedules, result)
        strategy.learn(result)
    return None
