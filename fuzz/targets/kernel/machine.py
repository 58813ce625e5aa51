"""The machines of the model, on a live kernel."""

from __future__ import annotations

from functools import cache

from fuzz.tally import Tally
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.vocabulary import expressible
from fuzz.targets.kernel.world import KernelWorld
from fuzz.targets.machines import Found, RealMachine, fitted
from models.geometry import Geometry


class KernelMachine(RealMachine[KernelWorld]):
    """A machine on a live kernel."""

    def __init__(self, machinery: Machinery, tally: Tally, found: Found) -> None:
        super().__init__(tally, found)
        self.machinery = machinery

    def new_world(self, geometry: Geometry) -> KernelWorld:
        """A fresh file system on the gate's device."""
        return KernelWorld(self.machinery, geometry)


@cache
def kernel_machines() -> tuple[type[KernelMachine], ...]:
    """The machines that have something left to do on a live kernel."""
    return fitted(KernelMachine, "Kernel", expressible)
