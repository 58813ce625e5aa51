"""Cases that aim at an interleaving (A @ p, B): A is stopped at p, and B is begun while it stands there.

What no random case reached may be impossible, or only unlikely.  So it is tried on purpose.  Until A stands
at p every other choice goes that way; then B is begun, or goes on, as soon as it makes sense, and whatever
else is drawn runs to its end, so that a task is free.  Once B got on, the case goes on at random, to see what
comes of it.  What stood in the way is remembered by the world (:mod:`fuzz.interleavings.watched`).

(M. Böhme, V.-T. Pham, M.-D. Nguyen, A. Roychoudhury, *Directed greybox fuzzing*, CCS 2017, go for a place in
the code; K. Sen, *Race directed random testing of concurrent programs*, PLDI 2008, has one thread wait at it
until another comes.)

All that is chosen is among what the machine draws, so a failure is saved and replayed as any other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from fuzz.interleavings import Never
from fuzz.interleavings.watched import obstacle, pair, parts_of, place
from fuzz.machine import BlockGroupMachine
from fuzz.random_cases import Pick, pools_of, random_pick
from models.operations import OPERATIONS
from models.simulation import State
from strategies.operations import POSITIONS, Drawn, Resumed

POINTS = {operation.name: operation.points for operation in OPERATIONS}
"""Where each operation may be told to stop."""
NEVER_THERE = "the one never came there"
"""What stands in the way of a pair if A cannot be brought to p."""
TRIES = 4
"""How many ways to begin something are looked at before anything is done."""


class Aim(NamedTuple):
    """The operation ``stopped`` is to stand at ``point`` while ``ran`` gets on: names."""

    stopped: str
    point: str
    ran: str

    def __str__(self) -> str:
        return pair(place(self.stopped, self.point), self.ran)

    @classmethod
    def of(cls, never: Never) -> Aim:
        """What a campaign never reached."""
        return cls(never.stopped, never.point, never.ran)

    @property
    def operations(self) -> tuple[str, str]:
        """Both."""
        return self.stopped, self.ran


def aims_among(operations: Iterable[str]) -> list[Aim]:
    """Each of these operations at each of its points, with each of them.  Raises ValueError."""
    names = list(dict.fromkeys(operations))
    for name in names:
        _known(name)
    return [Aim(one, point, other) for one in names for point in POINTS[one] for other in names]


def aim_of(name: str) -> Aim:
    """The interleaving of that name.  Raises ValueError, a line that says what there is."""
    aim = Aim(*parts_of(name))
    if str(aim) != name:
        raise ValueError("an interleaving is written OPERATION @ POINT / OPERATION")
    for operation in aim.operations:
        _known(operation)
    if aim.point not in POINTS[aim.stopped]:
        points = ", ".join(POINTS[aim.stopped]) or "none"
        raise ValueError(f"{aim.stopped} has no preemption point {aim.point!r}; it has: {points}")
    return aim


def _known(operation: str) -> None:
    if operation not in POINTS:
        raise ValueError(f"there is no operation {operation!r}; there are: {', '.join(sorted(POINTS))}")


@dataclass(slots=True)
class Aimed:
    """One case: what a ``machine`` is to choose next.  ``source`` is where chance comes from."""

    source: random.Random
    machine: BlockGroupMachine
    aim: Aim
    _stood: bool = False

    def picks(self, steps: int) -> Iterator[Pick]:
        """So many choices, each made when the one before has been."""
        for _ in range(steps):
            yield self._next() or random_pick(self.source, type(self.machine))
        if not self._stood:
            self.machine.world.interleavings.obstacles.add(obstacle(str(self.aim), NEVER_THERE))

    def _next(self) -> Pick | None:
        """What brings the case nearer; None where anything will do."""
        world = self.machine.world
        if str(self.aim) in world.interleavings.reached:
            return None
        standing = [
            task.name
            for task in world.sim.tasks.values()
            if task.state is State.PREEMPTED
            and task.stopped_at == self.aim.point
            and world.operation_of(task.name).name == self.aim.stopped
        ]
        if standing:
            self._stood = True
            return self._get_on(standing) or self._meanwhile(standing)
        return self._to_the_point() if self.source.randrange(2) else None

    def _to_the_point(self) -> Pick:
        """A task that does A is brought to p, or a new one begins it."""
        position = POINTS[self.aim.stopped].index(self.aim.point)
        began = offers(type(self.machine), self.aim.stopped, self.aim.point)
        return self._resumed(self.aim.stopped, (), position) or self.source.choice(began)

    def _get_on(self, standing: list[str]) -> Pick | None:
        """B, if it can be done."""
        return self._begun([self.aim.ran]) or self._resumed(self.aim.ran, standing)

    def _meanwhile(self, standing: list[str]) -> Pick | None:
        """Something else, to its end: after it B may make sense, or a task may be idle again."""
        others = [operation.name for operation in self.machine.operations]
        return self._resumed("", standing) or self._begun(others, None)

    def _begun(self, operations: Sequence[str], *until: str | None) -> Pick | None:
        """One of these operations begins, and stops there if that is said.

        Not what makes no sense: in its place the first task that can would go on, and that may be A.
        """
        for _ in range(TRIES):
            pick = self.source.choice(offers(type(self.machine), self.source.choice(operations), *until))
            drawn = pick.of(type(self.machine))
            assert isinstance(drawn, Drawn)
            step = self.machine.start(drawn)
            if step is not None and self.machine.world.makes_sense(step):
                return pick
        return None

    def _resumed(self, operation: str, standing: Iterable[str], point: int | None = None) -> Pick | None:
        """A paused task that does this (empty: anything) goes on, to its end or to that point."""
        world = self.machine.world
        for position, (task, _) in enumerate(world.runnable()[:POSITIONS]):
            if task not in standing and operation in ("", world.operation_of(task).name):
                return resumptions(type(self.machine))[Resumed(position, point)]
        return None


@cache
def offers(kind: type[BlockGroupMachine], operation: str, *until: str | None) -> tuple[Pick, ...]:
    """Each way to begin an operation; or only those that stop there (None: nowhere)."""
    return tuple(
        Pick(number, position)
        for number, pool in enumerate(pools_of(kind))
        for position, drawn in enumerate(pool)
        if isinstance(drawn, Drawn) and drawn.operation.name == operation
        if not until or drawn.until in until
    )


@cache
def resumptions(kind: type[BlockGroupMachine]) -> dict[Resumed, Pick]:
    """One way to make each choice of a task that goes on."""
    return {
        one: Pick(number, position)
        for number, pool in enumerate(pools_of(kind))
        for position, one in enumerate(pool)
        if isinstance(one, Resumed)
    }
