"""Probabilistic concurrency testing: random priorities, lowered at a few random steps.

S. Burckhardt, P. Kothari, M. Musuvathi, S. Nagarakatte: A randomized scheduler with probabilistic guarantees
of finding bugs, ASPLOS 2010.  A bug of depth d is hit by a schedule with probability 1/(n k^(d-1)) at least,
for n tasks and k steps.  Deviations: k is the longest schedule seen so far, and a change point may be nowhere
(0, so that it can be shrunk away).
"""

from __future__ import annotations

from collections.abc import Sequence

from models.simulation import Task
from models.target import Pick
from strategies.schedules.strategy import Choose, Strategy

DEPTH = 3
"""One more than there are change points."""


class Pct(Strategy):
    """The task of the highest priority goes on."""

    name = "pct"

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule: the change points are drawn first, a task's priority when it is first seen."""
        changes = {choose(self.steps + 1): -number for number in range(1, DEPTH)}
        order: list[str] = []
        lowered: dict[str, int] = {}
        step = 0

        def priority(task: Task) -> int:
            return lowered.get(task.name, len(order) - order.index(task.name))

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            nonlocal step
            del current
            step += 1
            for task in able:
                if task.name not in order:
                    order.insert(len(order) - choose(len(order) + 1), task.name)
            first = max(able, key=priority)
            if step in changes:
                lowered[first.name] = changes[step]
                first = max(able, key=priority)
            return first

        return pick
