"""What each operation is on a live kernel: a system call, and what the reference model hears of it.

A call may only be judged by what user space is promised.  Where that is less than the model's kernel does,
the call says so.
"""

from __future__ import annotations

from typing import Any

from fuzz.targets.kernel.calls.base import Call
from fuzz.targets.kernel.calls.space import CallAllocate, CallCreateBg, CallFree, CallRelocate
from fuzz.targets.kernel.calls.upkeep import CallScrub, CallSnapshot, CallTrim
from fuzz.targets.kernel.calls.writes import (
    CallBufferedWrite,
    CallCommit,
    CallDirectWrite,
    CallFsync,
    CallWriteback,
)
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CreateBg,
    Free,
    Fsync,
    Operation,
    Relocate,
    Scrub,
    Snapshot,
    StartNocowDio,
    Trim,
    Writeback,
)

CALLS: dict[type[Operation], Call[Any]] = {
    Allocate: CallAllocate(),
    BufferedWrite: CallBufferedWrite(),
    Commit: CallCommit(),
    CreateBg: CallCreateBg(),
    Free: CallFree(),
    Fsync: CallFsync(),
    Relocate: CallRelocate(),
    Scrub: CallScrub(),
    Snapshot: CallSnapshot(),
    StartNocowDio: CallDirectWrite(),
    Trim: CallTrim(),
    Writeback: CallWriteback(),
}
"""What is a system call of a task; the device's operations and the mount's are the world's."""
