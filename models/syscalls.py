"""How each operation enters the kernel: what a task runs when it is asked to do it."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from models.btrfs.device import Bio
from models.btrfs.errors import Errno
from models.btrfs.fs_info import FsInfo
from models.btrfs.subvolume import FS_TREE
from models.btrfs.transaction import HandleType
from models.btrfs.trees import BlockGroupType
from models.operations import (
    Allocate,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Operation,
    Relocate,
    StartNocowDio,
)
from models.simulation import Steps


@dataclass(frozen=True, slots=True)
class Failed:
    """How an operation ended that the kernel refused: ENOSPC is a result, not a crash."""

    code: int

    def __str__(self) -> str:
        return f"-{errno.errorcode[self.code]}"


def find_bio(fs: FsInfo, operation: CompleteBio) -> Bio | None:
    """The bio in flight that the operation names."""
    name = (operation.submitter, operation.index)
    return next((bio for bio in fs.device.in_flight if (bio.submitter, bio.index) == name), None)


def enter_kernel(fs: FsInfo, operation: Operation, value: int) -> Steps[object]:
    """The steps of an operation; a write writes ``value``.

    Returns the ordered extents of a write, the inode of an allocation, :class:`Failed` for what the
    kernel refuses, and None for the rest.
    """
    try:
        return (yield from _steps(fs, operation, value))
    except Errno as error:
        return Failed(error.code)


def _steps(fs: FsInfo, operation: Operation, value: int) -> Steps[object]:
    if isinstance(operation, CreateBg):
        yield from _create_bg(fs)
    elif isinstance(operation, Allocate):
        return (yield from fs.fallocate.btrfs_fallocate(operation.blocks))
    elif isinstance(operation, EndTransaction):
        handle = fs.transactions.current_handle()
        assert handle is not None
        yield from fs.transactions.btrfs_end_transaction(handle)
    elif isinstance(operation, Commit):
        yield from _btrfs_sync_fs(fs)
    elif isinstance(operation, StartNocowDio):
        inode, start = fs.roots[FS_TREE].inodes[operation.file], operation.block
        return (yield from fs.direct_io.btrfs_direct_IO(inode, start, operation.blocks, value))
    elif isinstance(operation, Relocate):
        yield from fs.relocation.btrfs_relocate_chunk(operation.group)
    elif isinstance(operation, CompleteBio):
        bio = find_bio(fs, operation)
        assert bio is not None
        yield from fs.direct_io.btrfs_endio_direct_write(bio)
    return None


def _create_bg(fs: FsInfo) -> Steps[None]:
    """A forced chunk allocation; the handle stays open, unless it was joined for nothing."""
    handle = fs.transactions.current_handle()
    joined = handle is None
    if handle is None:
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        yield "join_transaction"
    try:
        yield from fs.volumes.do_chunk_alloc(handle, BlockGroupType.DATA, force=True)
    except Errno:
        if joined:
            yield from fs.transactions.btrfs_end_transaction(handle)
        raise


def _btrfs_sync_fs(fs: FsInfo) -> Steps[None]:
    """sync(2): commit the running transaction, or wait for the one that is being committed.

    Source: fs/btrfs/super.c btrfs_sync_fs, transaction.c btrfs_attach_transaction_barrier (v4.9).
    """
    handle = fs.transactions.current_handle()
    if handle is None:
        try:
            handle = yield from fs.transactions.start_transaction(HandleType.ATTACH)
        except Errno as error:
            if error.code != errno.ENOENT:
                raise
            committing = fs.transactions.trans_list
            if committing:
                yield from fs.transactions.wait_for_commit(committing[-1])
            return
    yield from fs.commit.btrfs_commit_transaction(handle)
