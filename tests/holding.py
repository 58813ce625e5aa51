"""A process on the live kernel whose gate holds a write, for which a balance waits, for ever.

``python -m tests.holding`` says where the balance waits, and then does nothing.
"""

from __future__ import annotations

import sys
import time

from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.namespace import keep
from fuzz.targets.kernel.world import KernelWorld
from models.geometry import Geometry
from models.operations import Relocate, StartNocowDio, Step

FOR_EVER = 600


def hold() -> int:
    """Hold it."""
    world = KernelWorld(Machinery(), Geometry())
    world.apply(Step("CPU 1", StartNocowDio()))
    world.apply(Step("CPU 2", Relocate()))
    sys.stdout.write(f"{world.then[-1]}\n")
    sys.stdout.flush()
    time.sleep(FOR_EVER)
    return 0


if __name__ == "__main__":
    keep(hold)
