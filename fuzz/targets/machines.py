"""The machines of the model, on a target that is real: the same operations, drawn in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fuzz.case import Case
from fuzz.machine import FoundFailure, TargetMachine
from fuzz.machines import MACHINES
from fuzz.tally import Tally
from fuzz.targets.real import RealWorld
from models.operations import Operation
from models.world import Violation

M = TypeVar("M", bound=TargetMachine[Any])
FEWEST = 3
"""Operations that a machine must have left to be worth a search."""


W = TypeVar("W", bound=RealWorld[Any])


class RealFailure(FoundFailure):
    """A case that breaks a property on a real kernel; ``then`` is how each step left its task."""

    def __init__(self, violation: Violation, case: Case, then: tuple[str, ...]) -> None:
        super().__init__(violation, case)
        self.then = then


class SearchEndedError(KeyboardInterrupt):
    """What runs the cases has failed, and no case is to blame; the message is one line.

    Ends Hypothesis as Ctrl-C does: it runs the case no second time, and saves nothing.
    """


class Found(list[RealFailure]):
    """Each failure of a search; ``ended`` is why it could not go on, if so."""

    ended = ""


def left(then: list[str], violation: Violation, steps: int) -> tuple[str, ...]:
    """How each step left its task, where one of them was cut short by what broke."""
    return (*then, *[f"breaks {violation.property}"] * steps)[:steps]


class RealMachine(TargetMachine[W]):
    """A machine on a real kernel.  ``found`` gets each failure, also one that does not come again."""

    def __init__(self, tally: Tally, found: Found) -> None:
        super().__init__(tally)
        self.found = found

    def count(self) -> None:
        """Add what the case did to the tally."""
        self.tally.add_program(self.world.program)
        self.tally.seen.update(self.world.seen.counts())

    def failure(self, violation: Violation) -> FoundFailure:
        """As in the base class, with what only a run on a real kernel knows."""
        case = super().failure(violation).case
        self.found.append(RealFailure(violation, case, left(self.world.then, violation, len(case.steps))))
        return self.found[-1]

    def teardown(self) -> None:
        """As in the base class; if mkfs failed there is no world to end."""
        if "world" in vars(self):
            super().teardown()


def fitted(
    base: type[M], prefix: str, able: Callable[[type[Operation]], bool], fewest: int = FEWEST
) -> tuple[type[M], ...]:
    """The model's machines, in their order, as machines of another kind, which is ``able`` to do so much.

    Those that have too little left to do are left out, and those that have no more than one before.
    """
    seen: set[frozenset[object]] = set()
    machines = []
    for machine in MACHINES:
        operations = tuple(kind for kind in machine.operations if able(kind))
        if len(operations) >= fewest and frozenset(operations) not in seen:
            seen.add(frozenset(operations))
            names = {
                "operations": operations,
                "focus": machine.focus,
                "seldom": tuple(kind for kind in machine.seldom if kind in operations),
                "__doc__": machine.__doc__,
            }
            machines.append(type(f"{prefix}{machine.__name__}", (base,), names))
    return tuple(machines)
