"""The machines of the model, in a guest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from fuzz.machine import TASKS
from fuzz.tally import Tally
from fuzz.targets.machines import Found, RealMachine, SearchEndedError, fitted
from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.switches import Switch
from fuzz.targets.qemu.vocabulary import expressible
from fuzz.targets.qemu.world import QemuWorld, fresh_world
from models.geometry import Geometry
from models.operations import EndTransaction, Step
from models.world import Violation
from strategies.operations import Drawn, Resumed

FEWEST = 2
"""Operations that a machine must have left to be worth a search: here bios complete without one."""


class QemuMachine(RealMachine[QemuWorld]):
    """A machine in a guest, with fixes switched off."""

    def __init__(self, machine: Saved, switches: Sequence[Switch], tally: Tally, found: Found) -> None:
        super().__init__(tally, found)
        self.saved, self.switches = machine, switches

    @contextmanager
    def _in_a_guest(self) -> Iterator[None]:
        """Raises SearchEndedError where the guest is not as it should be, for a dead one cannot go on."""
        try:
            yield
        except Violation as violation:  # it died when it was asked what makes sense
            raise self.failure(violation) from violation
        except QemuError as error:
            self.failed = True
            self.found.ended = str(error)
            raise SearchEndedError(self.found.ended) from error

    def advance(self, choice: Drawn | Resumed) -> None:
        """As in the base class.  Raises SearchEndedError."""
        with self._in_a_guest():
            super().advance(choice)

    def teardown(self) -> None:
        """As in the base class.  Raises SearchEndedError."""
        with self._in_a_guest():
            super().teardown()

    def start(self, choice: Drawn) -> Step | None:
        """As in the base class; only a task that has a handle can end it."""
        if isinstance(choice.operation, EndTransaction):
            holder = next((task for task in TASKS if self.world.has_handle(task)), None)
            return Step(holder, choice.operation, choice.until) if holder else None
        return super().start(choice)

    def new_world(self, geometry: Geometry) -> QemuWorld:
        """A fresh guest."""
        with self._in_a_guest():
            return fresh_world(self.saved, geometry, self.switches)


@cache
def qemu_machines() -> tuple[type[QemuMachine], ...]:
    """The machines that have something left to do in a guest."""
    return fitted(QemuMachine, "Qemu", expressible, FEWEST)
