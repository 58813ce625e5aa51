"""The machines of the model, in a guest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fuzz.machine import TASKS
from fuzz.tally import Tally
from fuzz.targets.machines import RealFailure, RealMachine, fitted
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.switches import Switch
from fuzz.targets.qemu.vocabulary import expressible
from fuzz.targets.qemu.world import QemuWorld
from models.geometry import Geometry
from models.operations import EndTransaction, Step
from strategies.operations import Drawn

FEWEST = 2
"""Operations that are worth a search: bios complete without one."""


class QemuMachine(RealMachine[QemuWorld]):
    """A machine in a guest, with fixes switched off."""

    def __init__(
        self, machine: Saved, switches: Sequence[Switch], tally: Tally, found: list[RealFailure]
    ) -> None:
        super().__init__(tally, found)
        self.saved, self.switches = machine, switches

    def start(self, choice: Drawn) -> Step | None:
        """As everywhere; only who has a handle can end it."""
        if isinstance(choice.operation, EndTransaction):
            holder = next((task for task in TASKS if self.world.has_handle(task)), None)
            return Step(holder, choice.operation, choice.until) if holder else None
        return super().start(choice)

    def new_world(self, geometry: Geometry) -> QemuWorld:
        """A fresh guest."""
        return QemuWorld(self.saved, geometry, self.switches)


@cache
def qemu_machines() -> tuple[type[QemuMachine], ...]:
    """The machines that have something left to do in a guest."""
    return fitted(QemuMachine, "Qemu", expressible, FEWEST)
