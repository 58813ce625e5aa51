"""Delay bounding: tasks run in turn, each until it ends or has to wait; a few times, somebody is passed over.

M. Emmi, S. Qadeer, Z. Rakamaric: Delay-bounded scheduling, POPL 2011.  There all schedules of a bound are
run; here they are sampled.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.simulation import Task
from models.target import Pick
from strategies.schedules.strategy import Choose, Strategy

DELAYS = 2
"""How often somebody is passed over, at most."""


class DelayBounding(Strategy):
    """Round robin without preemption, but for the delays."""

    name = "delay-bounding"

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule: the steps with a delay are drawn first, 0 is no step."""
        delays = [choose(self.steps + 1) for _ in range(DELAYS)]
        ring: list[str] = []
        step = turn = 0

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            nonlocal step, turn
            del current
            step += 1
            ring.extend(task.name for task in able if task.name not in ring)
            waiting = {task.name: task for task in able}
            for passed_over in [True] * delays.count(step) + [False]:
                while ring[turn] not in waiting:
                    turn = (turn + 1) % len(ring)
                chosen = waiting[ring[turn]]
                turn = (turn + passed_over) % len(ring)
            return chosen

        return pick
