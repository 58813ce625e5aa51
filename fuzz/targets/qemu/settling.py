"""When a step is over: every task has ended, is held, or waits for one that is.

That a task waits is seen from outside: its stack stays the same for a while.  Some tasks wait without
sleeping: one spins until a held task gives up a lock (the kernel believes that its owner runs), or tries
again and again what a held task is in the way of.  If no task is held, a task can wait for nothing but the
kernel itself, and has longer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fuzz.targets.qemu.saved import SPINNING

if TYPE_CHECKING:
    from fuzz.targets.qemu.job import Job
    from fuzz.targets.qemu.tasks import Look
    from fuzz.targets.qemu.world import QemuWorld

LOOKS = 4
"""How often in succession a task has to look the same."""
PAUSE = 0.02
"""Seconds between two looks."""
PATIENCE = 60.0
"""Seconds after which a task that does not end although no task is held is taken to hang."""
PATIENCE_BESIDE_HELD = 6.0
"""Seconds after which the step of a task that neither ends nor sleeps beside a held one is over."""
TRIES_AGAIN = "replace_file_extents"
"""A relocation comes here again and again while another task has the range of the extent locked."""
TRIES = 25
"""How often it may come here before it is taken to wait; with no task in its way it was 4 times at most."""


def settle(world: QemuWorld) -> list[Job]:
    """Wait until a step is over, and end the operations that have come back.

    Returns the jobs that hang: they do not come back although no task is held.  Raises Violation.
    """
    began = time.monotonic()
    while running := [job for job in world.jobs.values() if not world.stage.held(job.vcpu)]:
        waiting = 0
        for job in running:
            look = job.process.look()
            if look.answer is not None:
                world.end(job, look.answer)
                began = time.monotonic()
            else:
                waiting += _waits(world, job, look)
        beside_held = world.stage.anybody_held
        if beside_held and waiting == len(running):
            return []
        passed = time.monotonic() - began
        if passed > (PATIENCE_BESIDE_HELD if beside_held else PATIENCE):
            return [] if beside_held else running
        if waiting:
            world.stage.run(PAUSE)
    return []


def _waits(world: QemuWorld, job: Job, look: Look) -> bool:
    """Whether a task has looked the same for long enough."""
    stack = look.stack
    if job.tries >= TRIES:
        stack = (TRIES_AGAIN,)
    elif not stack:
        spins = world.stage.symbols.inside(world.stage.place(job.vcpu), SPINNING)
        stack = (spins,) if spins else ()
    job.same = job.same + 1 if stack and stack == job.stack else 0
    job.stack = stack
    return job.same >= LOOKS
