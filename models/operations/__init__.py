"""What a task can be asked to do, and a step of a program.

An operation names everything by what keeps its meaning when an earlier step is deleted: a task, a file,
a block group by its number, a bio by the task that submitted it.  An operation that makes no sense at that
point (the task is busy, there is no such file) does nothing.

Operations are data.  How one enters the kernel, and what the reference model hears of it, is in
:mod:`models.syscalls`, in the file of the same name.
"""

from __future__ import annotations

from models.operations.base import Operation, Step
from models.operations.creation import Allocate, Commit, CreateBg, EndTransaction
from models.operations.freeing import Free, RunDelayedRefs
from models.operations.power import Crash, Inject, Remount
from models.operations.removal import Clean, Relocate
from models.operations.snapshots import Snapshot
from models.operations.syncing import Fsync
from models.operations.upkeep import Scrub, Trim
from models.operations.writes import BufferedWrite, CompleteBio, StartNocowDio, Writeback

OPERATIONS: tuple[type[Operation], ...] = (
    EndTransaction,
    Inject,
    CompleteBio,
    CreateBg,
    Commit,
    RunDelayedRefs,
    Clean,
    Trim,
    Scrub,
    Free,
    Allocate,
    BufferedWrite,
    Writeback,
    Fsync,
    StartNocowDio,
    Snapshot,
    Relocate,
    Remount,
    Crash,
)
"""Every operation, by how much it does: in a reproducer a simpler one that shows the same is preferred."""
BY_NAME: dict[str, type[Operation]] = {kind.name: kind for kind in OPERATIONS}
"""Every operation, by the name that programs and traces have for it."""
ALL_POINTS = frozenset(point for kind in OPERATIONS for point in kind.points)
"""Where any operation may be preempted."""

__all__ = [
    "ALL_POINTS",
    "BY_NAME",
    "OPERATIONS",
    "Allocate",
    "BufferedWrite",
    "Clean",
    "Commit",
    "CompleteBio",
    "Crash",
    "CreateBg",
    "EndTransaction",
    "Free",
    "Fsync",
    "Inject",
    "Operation",
    "Relocate",
    "Remount",
    "RunDelayedRefs",
    "Scrub",
    "Snapshot",
    "StartNocowDio",
    "Step",
    "Trim",
    "Writeback",
]
