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
SETTLED_WITHIN = 10.0
"""Seconds that the balance has to come to its wait: on a busy machine it may look as if it waited before."""


def hold() -> int:
    """Hold it."""
    world = KernelWorld(Machinery(), Geometry())
    world.apply(Step("CPU 1", StartNocowDio()))
    relocate = Step("CPU 2", Relocate())
    world.apply(relocate)
    until = time.monotonic() + SETTLED_WITHIN
    while "ordered" not in world.how_it_stands(relocate) and time.monotonic() < until:
        time.sleep(0.05)
    sys.stdout.write(f"{world.how_it_stands(relocate)}\n")
    sys.stdout.flush()
    time.sleep(FOR_EVER)
    return 0


if __name__ == "__main__":
    keep(hold)
