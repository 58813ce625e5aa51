"""Conflict-directed: at some places of the program where tasks touch the same thing, hold up all that come
there for as long as others can go on.

After K. Sen: Race directed random testing of concurrent programs, PLDI 2008, which holds up the two places
of a suspected race.  Here each place that conflicts with some place met so far is held up in one of
:data:`HELD` schedules, whatever is held up besides; of the tasks that may go on one is picked by partial
order sampling (:mod:`strategies.schedules.pos`).
"""

from __future__ import annotations

from collections.abc import Sequence

from models.simulation import Task
from models.target import Pick, Place, Run, place_of
from strategies.schedules.pos import Pos
from strategies.schedules.strategy import Choose

HELD = 4
"""One in so many.  More often, tasks that have to come through are held up too; less often, none is."""


class Conflicts(Pos):
    """Tasks at places that are held up go on after all others."""

    name = "conflicts"

    def __init__(self) -> None:
        super().__init__()
        self.contended: list[Place] = []

    def learn(self, run: Run) -> None:
        """A schedule has run: where it may be worth holding a task up."""
        known = self._visits
        super().learn(run)
        if self._visits > known:
            self.contended = [place for place in self.visitors if self._is_contended(place)]

    @property
    def _visits(self) -> int:
        return sum(map(len, self.visitors.values()))

    def _is_contended(self, place: Place) -> bool:
        """Whether a task that comes there can meet another one."""
        return any(
            place.conflicts_with(other) and len(self.visitors[place] | tasks) > 1
            for other, tasks in self.visitors.items()
        )

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule: what is held up is drawn first, 0 is not."""
        go_on = super().schedule(choose)
        held = {place for place in self.contended if choose(HELD) == HELD - 1}

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            others = [task for task in able if place_of(task) not in held]
            return go_on(others or able, current)

        return pick
