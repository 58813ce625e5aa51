"""Delay bounding: tasks run in turn, each until it ends or has to wait; a few times, a task is passed over.

M. Emmi, S. Qadeer, Z. Rakamaric: Delay-bounded scheduling, POPL 2011.  There all schedules of a bound are
run; here they are sampled.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.simulation import Task
from models.target import Pick
from strategies.schedules.strategy import Choose, Strategy

DELAYS = 2
"""How often a task is passed over, at most."""


class DelayBounding(Strategy):
    """Round robin without preemption, but for the delays."""

    name = "delay-bounding"

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule: the steps with a delay are drawn first, 0 is no step."""
        delays = [choose(self.steps + 1) for _ in range(DELAYS)]
        ring: dict[str, int] = {}
        step = turn = 0

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            nonlocal step, turn
            del current
            step += 1
            for task in able:
                ring.setdefault(task.name, len(ring))
            in_turn = sorted(able, key=lambda task: (ring[task.name] - turn) % len(ring))
            chosen = in_turn[delays.count(step) % len(able)]
            turn = ring[chosen.name]
            return chosen

        return pick
