"""Bounded preemption: few preemptions at random steps, and any order where a task cannot go on.

M. Musuvathi, S. Qadeer: Iterative context bounding for systematic testing of multithreaded programs,
PLDI 2007.  There all schedules of a bound are run; here they are sampled.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.simulation import Task
from models.target import Pick
from strategies.schedules.strategy import Choose, Strategy

PREEMPTIONS = 2
"""Most bugs of SCTBench need no more (Thomson et al. 2016)."""


class BoundedPreemption(Strategy):
    """A task runs until it ends, has to wait, or is preempted."""

    name = "bounded-preemption"

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule: the steps at which tasks are preempted are drawn first, 0 is no step."""
        preempted = [choose(self.steps + 1) for _ in range(PREEMPTIONS)]
        step = 0

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            nonlocal step
            step += 1
            if current is None:
                return able[choose(len(able))]
            if step in preempted and len(able) > 1:
                return able[1 + choose(len(able) - 1)]
            return current

        return pick
