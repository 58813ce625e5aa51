"""Making block groups, allocating from them, and committing."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.btrfs.subvolume import Inode
from models.btrfs.transaction import HandleType, Transaction, TransState
from models.btrfs.trees import BlockGroupType
from models.operations.creation import Allocate, Commit, CreateBg, EndTransaction
from models.properties import Mismatch
from models.simulation import Steps, Task
from models.syscalls.base import Syscall

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World

DURABILITY = "a_commit_that_returns_is_durable"
"""A property of how a commit ended."""


class EnterCreateBg(Syscall[CreateBg]):
    """A forced chunk allocation; the handle stays open, unless it was joined for nothing."""

    def makes_sense(self, world: World, task: Task, operation: CreateBg) -> bool:
        """Always: in the task's transaction if it has one."""
        del world, task, operation
        return True

    def steps(self, fs: FsInfo, operation: CreateBg, memo: object) -> Steps[None]:
        """Join, and run phase 1."""
        del operation, memo
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


class EnterAllocate(Syscall[Allocate]):
    """A new file."""

    def makes_sense(self, world: World, task: Task, operation: Allocate) -> bool:
        """Always: in the task's transaction if it has one."""
        del world, task, operation
        return True

    def begin(self, world: World, task: Task, operation: Allocate) -> int:
        """A crash may leave a part of it, and a snapshot have it."""
        del task
        world.reference.start_file(operation.blocks)
        return world.reference.now()

    def steps(self, fs: FsInfo, operation: Allocate, memo: object) -> Steps[object]:
        """The inode."""
        del memo
        return (yield from fs.fallocate.btrfs_fallocate(operation.blocks))

    def end(self, world: World, task: Task, operation: Allocate, memo: object) -> None:
        """How many extents it fell into is the kernel's choice."""
        assert isinstance(memo, int)
        if isinstance(task.result, Inode):
            items = task.result.root.leaves[task.result.ino].items.values()
            sizes = [item.num for item in items]
            world.reference.end_file(operation.blocks, task.result.ino, sizes, started=memo)


class EnterEndTransaction(Syscall[EndTransaction]):
    """Giving up the task's handle."""

    def makes_sense(self, world: World, task: Task, operation: EndTransaction) -> bool:
        """Only with a handle."""
        del world, operation
        return task.journal_info is not None

    def steps(self, fs: FsInfo, operation: EndTransaction, memo: object) -> Steps[None]:
        """Phase 2 of what the handle made."""
        del operation, memo
        handle = fs.transactions.current_handle()
        assert handle is not None
        yield from fs.transactions.btrfs_end_transaction(handle)


class EnterCommit(Syscall[Commit]):
    """Committing the running transaction, or waiting for the one that is being committed."""

    def makes_sense(self, world: World, task: Task, operation: Commit) -> bool:
        """Always: through the task's own handle if it has one."""
        del world, task, operation
        return True

    def begin(self, world: World, task: Task, operation: Commit) -> tuple[int, int]:
        """Which transaction has to be durable afterwards, and since when everything has."""
        del task, operation
        listed = world.fs.transactions.trans_list
        return (listed[-1].transid if listed else 0), world.reference.now()

    def steps(self, fs: FsInfo, operation: Commit, memo: object) -> Steps[None]:
        """Source: fs/btrfs/super.c btrfs_sync_fs, transaction.c btrfs_attach_transaction_barrier (v4.9).

        After an abort this is where the transaction kthread cleans up.
        Raises Errno where a transaction is aborted, or was.
        """
        del operation, memo
        handle = fs.transactions.current_handle()
        if handle is None and fs.error:
            yield from fs.abort.btrfs_cleanup_transaction()
        if handle is None:
            try:
                handle = yield from fs.transactions.start_transaction(HandleType.ATTACH)
            except Errno as error:
                if error.code != errno.ENOENT:
                    raise
                # The newest that is committing: one that only runs is nobody's to end.
                listed = fs.transactions.trans_list
                committing = [trans for trans in listed if trans.state >= TransState.COMMIT_START]
                if fs.error:  # (4.9 says 0 where the aborted transaction is gone already)
                    raise Errno(errno.EROFS) from error
                if committing:
                    yield from self.btrfs_wait_for_commit(fs, committing[-1])
                return
        yield from fs.commit.btrfs_commit_transaction(handle)

    def btrfs_wait_for_commit(self, fs: FsInfo, trans: Transaction) -> Steps[None]:
        """Wait for the one that is being committed.

        Raises Errno if it was aborted (since bf7ecbe98775, v6.5).
        """
        yield from fs.trans_waits.wait_for_commit(trans)
        if trans.aborted:
            raise Errno(trans.aborted)

    def end(self, world: World, task: Task, operation: Commit, memo: object) -> None:
        """It said that everything is on disk: look."""
        del operation
        assert isinstance(memo, tuple)
        transid, since = memo
        durable = world.fs.device.superblock.generation
        if task.result is None:
            if durable < transid:
                expected = f"transaction {transid} is durable"
                world.complain(DURABILITY, Mismatch(expected, f"the superblock is {durable}"))
            world.reference.durable(since)
