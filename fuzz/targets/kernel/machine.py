"""The machines of the model, on a live kernel: the same operations, drawn in the same way."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from fuzz.case import Case
from fuzz.machine import FoundFailure, TargetMachine
from fuzz.machines import MACHINES
from fuzz.tally import Tally
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.vocabulary import expressible
from fuzz.targets.kernel.world import KernelWorld
from models.geometry import Geometry
from models.operations import Operation
from models.world import Violation

M = TypeVar("M", bound=TargetMachine[Any])
FEWEST = 3
"""Operations that a machine must have left to be worth a search."""


class KernelFailure(FoundFailure):
    """A case that breaks a property on a live kernel; ``then`` is how each step left its task."""

    def __init__(self, violation: Violation, case: Case, then: tuple[str, ...]) -> None:
        super().__init__(violation, case)
        self.then = then


class KernelMachine(TargetMachine[KernelWorld]):
    """A machine on a live kernel.  ``found`` hears of each failure, also of one that does not come again."""

    def __init__(self, machinery: Machinery, tally: Tally, found: list[KernelFailure]) -> None:
        super().__init__(tally)
        self.machinery, self.found = machinery, found

    def new_world(self, geometry: Geometry) -> KernelWorld:
        """A fresh file system on the gate's device."""
        return KernelWorld(self.machinery, geometry)

    def count(self) -> None:
        """What the case did, and what became of it."""
        self.tally.add_program(self.world.program)
        self.tally.seen.update(self.world.seen.counts())

    def failure(self, violation: Violation) -> FoundFailure:
        """As everywhere, with what only a live run knows."""
        failure = super().failure(violation)
        steps = len(failure.case.steps)
        then = (*self.world.then, *[f"breaks {violation.property}"] * steps)[:steps]
        self.found.append(KernelFailure(violation, failure.case, then))
        return self.found[-1]

    def teardown(self) -> None:
        """As everywhere; where not even mkfs came to its end there is nothing to end."""
        if "world" in vars(self):
            super().teardown()


def fitted(base: type[M], prefix: str, able: Callable[[type[Operation]], bool]) -> tuple[type[M], ...]:
    """The model's machines, in their order, as machines of another kind, which is ``able`` to do so much.

    Those that have too little left to do are left out, and those that have no more than one before.
    """
    seen: set[frozenset[object]] = set()
    machines = []
    for machine in MACHINES:
        operations = tuple(kind for kind in machine.operations if able(kind))
        if len(operations) >= FEWEST and frozenset(operations) not in seen:
            seen.add(frozenset(operations))
            names = {
                "operations": operations,
                "focus": machine.focus,
                "seldom": tuple(kind for kind in machine.seldom if kind in operations),
                "__doc__": machine.__doc__,
            }
            machines.append(type(f"{prefix}{machine.__name__}", (base,), names))
    return tuple(machines)


@cache
def kernel_machines() -> tuple[type[KernelMachine], ...]:
    """The machines that have something left to do on a live kernel."""
    return fitted(KernelMachine, "Kernel", expressible)


def machine_factory(
    machine: type[KernelMachine], machinery: Machinery, tally: Tally, found: list[KernelFailure]
) -> Any:  # noqa: ANN401 - Hypothesis's own type
    """What run_state_machine_as_test takes."""

    def new_machine() -> KernelMachine:
        return machine(machinery, tally, found)

    return new_machine
