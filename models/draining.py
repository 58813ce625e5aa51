"""How a case comes to its end when no more steps are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.operations import Commit, EndTransaction, Step, Writeback
from models.simulation import State
from models.syscalls.buffered import dirty_files

if TYPE_CHECKING:
    from models.world import World

KTHREAD = "transaction kthread"
"""The task that commits when nobody else does."""
DRAIN_LIMIT = 10_000
"""Steps after which a case that does not come to an end is taken to be a livelock."""


def drain(world: World) -> bool:
    """Take every step that is left; False if there is always one more.  Raises Violation."""
    for _ in range(DRAIN_LIMIT):
        step = next_to_drain(world)
        if step is None:
            return True
        world.apply(step)
    return False


def next_to_drain(world: World) -> Step | None:
    """What comes next when no step is chosen: tasks go on, then bios complete, then handles end, then the
    transaction kthread commits if a task waits for that, then dirty pages are written back."""
    for task in world.sim.runnable():
        return Step(task.name)
    for bio in world.in_flight():
        return Step(world.idle_worker(), bio)
    for task in sorted(world.sim.tasks.values(), key=lambda task: task.name):
        if task.state is State.IDLE and task.journal_info is not None:
            return Step(task.name, EndTransaction())
    kthread = world.sim.task(KTHREAD)
    if world.sim.waiting() and kthread.state is State.IDLE and world.fs.transactions.running:
        return Step(kthread.name, Commit())
    if not world.sim.waiting():
        for file in dirty_files(world.fs):
            return Step(world.idle_worker(), Writeback(file))
    return None
