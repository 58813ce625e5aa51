"""When a step is over: every task has ended, or waits for a request that the gate holds.

That a task waits is seen from outside: for a while nothing comes to the gate or is on its way there, and no
kernel stack changes.  Where nothing is held a task can wait for nothing but the kernel itself, and has
longer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fuzz.targets.kernel.world import KernelWorld

LOOKS = 4
"""How often in succession everything has to look the same."""
WRITEBACK_LOOKS = 2
"""As :data:`LOOKS`, where no task waits: bios may still be on their way to the gate."""
PAUSE = 0.004
"""Seconds between two looks."""
ARRIVAL = 2.0
"""Seconds without a change that IO has to come to the gate, and a task that was woken has to get a CPU."""
LATEST = 10.0
"""As :data:`ARRIVAL`, with changes, as the kernel's own commits may go on."""
PATIENCE = 20.0
"""Seconds after which a task that waits for nothing that is held is taken to hang."""

FLUSHES = "write_all_supers"
"""The function in which a commit waits for flushes, which are not among the requests that a device counts."""
OUTSIDE = ("futex_do_wait", "futex_wait_queue", "futex_wait_queue_me")
"""Where a task's thread waits before its system call and after it."""
Look = tuple[object, ...] | None


def settle(world: KernelWorld) -> list[str]:
    """Wait until a step is over, and end the operations that have come back.

    Returns the tasks that hang: they do not come back although nothing is held.  Raises Violation.
    """
    began = moved = time.monotonic()
    same = 0
    last: Look = None
    while True:
        ended = [job for job in world.jobs.values() if job.done.is_set()]
        look = _look(world)
        for job in ended:
            world.end(job)
        if ended:
            began = time.monotonic()
        if not world.jobs and not world.submitting:
            return []
        if look is None or look != last or ended:
            moved = time.monotonic()
            same = 0
        else:
            given_up = time.monotonic() > min(moved + ARRIVAL, began + LATEST)
            same = same + 1 if given_up or _at_rest(world) else 0
        last = look
        still = same >= (LOOKS if world.jobs else WRITEBACK_LOOKS)
        if still and (world.io.requests or not world.jobs):
            return []
        if time.monotonic() - began > PATIENCE:
            return sorted(world.jobs)
        _pause(world)


def _at_rest(world: KernelWorld) -> bool:
    """Whether what seems to stand still does.

    On a busy machine a task that was woken may wait for a CPU, and IO may be on its way to the gate or back.
    If the step were taken to be over, it would be recorded to wait for that, and a judge might wait for a
    page that is held a moment later.

    Where a task stands at a flush, bios may queue up behind it in the loop device.
    """
    workers = [world.machinery.worker(task) for task in world.jobs]
    if any(worker.runs() for worker in workers):
        return False
    if world.io.stopped():
        return True
    if any(FLUSHES in worker.stack() for worker in workers):
        return False
    arrived = world.machinery.in_flight() <= len(world.io.requests)
    return arrived and world.volume.pages_in_writeback() <= world.io.held_pages()


def _look(world: KernelWorld) -> Look:
    """What does not change while all tasks wait; None while one runs."""
    requests = world.look()
    stacks = [tuple(world.machinery.worker(task).stack()) for task in sorted(world.jobs)]
    if any(not stack or stack[0] in OUTSIDE for stack in stacks):
        return None
    return (requests, len(world.io.requests), *stacks)


def _pause(world: KernelWorld) -> None:
    """Wait a little, but no longer than until the first task comes back."""
    job = next(iter(world.jobs.values()), None)
    if job is None:
        time.sleep(PAUSE)
    else:
        job.done.wait(PAUSE)
