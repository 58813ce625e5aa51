"""Partial order sampling: every step that is about to be taken has a random priority.

X. Yuan, J. Yang, R. Gu: Partial order aware concurrency sampling, CAV 2018.  What conflicts with the step
that is taken gets a new priority, so that a step that lost one race may win the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.simulation import Task
from models.target import Pick, place_of
from strategies.schedules.strategy import Choose, Strategy

PRIORITIES = 1 << 16
"""How many there are; of equal ones the simplest goes on."""


class Pos(Strategy):
    """The step with the highest priority is taken."""

    name = "pos"

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule."""
        priority: dict[str, int] = {}

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            del current
            if len(able) > 1:
                for task in able:
                    if task.name not in priority:
                        priority[task.name] = choose(PRIORITIES)
            first = max(able, key=lambda task: priority.get(task.name, 0))
            place = place_of(first)
            for task in able:
                if task is first or place.conflicts_with(place_of(task)):
                    priority.pop(task.name, None)
            return first

        return pick
