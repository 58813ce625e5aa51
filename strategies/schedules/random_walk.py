"""Uniform random walk: every task that can go on is as likely as the others, at every step.

The baseline.  P. Thomson, A. F. Donaldson, A. Betts: Concurrency testing using controlled schedulers,
TOPC 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.simulation import Task
from models.target import Pick
from strategies.schedules.strategy import Choose, Strategy


class RandomWalk(Strategy):
    """Choose anew at every step."""

    name = "random-walk"

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule."""

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            del current
            return able[choose(len(able))]

        return pick
