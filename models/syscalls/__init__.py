"""How each operation enters the kernel: what a task runs, and what the reference model is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.btrfs.errors import Errno
from models.operations import (
    Allocate,
    BufferedWrite,
    Clean,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Inject,
    Operation,
    Relocate,
    Remount,
    RunDelayedRefs,
    Scrub,
    Snapshot,
    StartNocowDio,
    Trim,
    Writeback,
)
from models.simulation import Steps
from models.syscalls.base import Failed, Syscall
from models.syscalls.buffered import EnterBufferedWrite, EnterWriteback
from models.syscalls.creation import EnterAllocate, EnterCommit, EnterCreateBg, EnterEndTransaction
from models.syscalls.freeing import EnterFree, EnterRunDelayedRefs
from models.syscalls.power import EnterCrash, EnterInject, EnterRemount
from models.syscalls.removal import EnterClean, EnterRelocate
from models.syscalls.snapshots import EnterSnapshot
from models.syscalls.syncing import EnterFsync
from models.syscalls.upkeep import EnterScrub, EnterTrim
from models.syscalls.writes import EnterCompleteBio, EnterStartNocowDio

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo

SYSCALLS: dict[type[Operation], Syscall[Any]] = {
    Allocate: EnterAllocate(),
    BufferedWrite: EnterBufferedWrite(),
    Clean: EnterClean(),
    Commit: EnterCommit(),
    CompleteBio: EnterCompleteBio(),
    Crash: EnterCrash(),
    CreateBg: EnterCreateBg(),
    EndTransaction: EnterEndTransaction(),
    Free: EnterFree(),
    Fsync: EnterFsync(),
    Inject: EnterInject(),
    Relocate: EnterRelocate(),
    Remount: EnterRemount(),
    RunDelayedRefs: EnterRunDelayedRefs(),
    Scrub: EnterScrub(),
    Snapshot: EnterSnapshot(),
    StartNocowDio: EnterStartNocowDio(),
    Trim: EnterTrim(),
    Writeback: EnterWriteback(),
}


def enter_kernel(fs: FsInfo, operation: Operation, memo: object) -> Steps[object]:
    """The steps of an operation; what the kernel refuses is a result (:class:`Failed`)."""
    try:
        return (yield from SYSCALLS[type(operation)].steps(fs, operation, memo))
    except Errno as error:
        return Failed(error.code)


__all__ = ["SYSCALLS", "Failed", "Syscall", "enter_kernel"]
