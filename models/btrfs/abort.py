"""Aborting a transaction, and taking it apart: nothing of it is written, and the file system is read-only.

Source: fs/btrfs/super.c __btrfs_abort_transaction; transaction.c cleanup_transaction; disk-io.c
btrfs_cleanup_transaction, btrfs_cleanup_one_transaction (v4.9).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, warn_on
from models.btrfs.transaction import Handle, Transaction, TransState
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class Abort:
    """Giving up transactions, and cleaning up after them."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_abort_transaction(self, handle: Handle, code: int, function: str) -> None:
        """Give the transaction up and force the file system read-only.

        A handle that changed nothing and owns no new block group is only dead itself.
        """
        fs = self.fs
        handle.aborted = code
        if self.is_unused(handle):
            return
        warn_on(code == 0, "abort without an error")
        if not handle.transaction.aborted:
            handle.transaction.aborted = code
        if not fs.error:
            what = f"transaction {handle.transid} aborted (-{errno.errorcode[code]}), forced readonly"
            fs.sim.note(function, what)
        fs.error = code

    def is_unused(self, handle: Handle) -> bool:
        """Whether only the handle needs to die: nothing that belongs to the transaction hangs on it."""
        return not handle.dirty and not handle.new_bgs

    def lose(self, handle: Handle, trans: Transaction) -> Steps[None]:
        """End the handle of an aborted transaction, and clean up if it is the last.

        Raises Errno, always: what the transaction was aborted for, or EROFS.
        """
        fs = self.fs
        code = trans.aborted or errno.EROFS
        last = trans is fs.transactions.running and trans.state < TransState.COMMIT_START
        if last:
            # In the kernel the transaction kthread finds the error state and cleans up.
            trans.state = TransState.COMMIT_START
            yield from self.cleanup_transaction(handle, code)
        else:
            fs.transactions.release_metadata(handle)
            fs.new_block_groups.btrfs_cleanup_pending_block_groups(handle)
            fs.transactions.drop_writer(handle)
        raise Errno(code)

    def cleanup_transaction(self, handle: Handle, code: int) -> Steps[None]:
        """Take an aborted transaction apart without writing anything.

        Freed ranges are neither discarded nor given back: the last superblock still references them.
        """
        fs, trans = self.fs, handle.transaction
        handle.dirty = True
        self.btrfs_abort_transaction(handle, code, "cleanup_transaction")
        fs.transactions.release_metadata(handle)
        if trans is fs.transactions.running:
            trans.state = TransState.COMMIT_DOING
            yield from fs.sim.wait_event(
                "num_writers == 1",
                lambda: trans.num_writers == 1,
                lambda: [h.task for h in trans.handles if h is not handle],
            )
        fs.new_block_groups.btrfs_cleanup_pending_block_groups(handle)
        self._cleanup_one_transaction(trans)
        fs.transactions.drop_writer(handle)

    def btrfs_cleanup_transaction(self) -> Steps[None]:
        """After an abort: what the transaction kthread does, so that nobody waits for a commit that never
        comes.
        """
        fs = self.fs
        for trans in list(fs.transactions.trans_list):
            if trans.state >= TransState.COMMIT_START:
                yield from fs.trans_waits.wait_for_commit(trans)
                continue
            trans.aborted = trans.aborted or fs.error
            trans.state = TransState.COMMIT_DOING
            yield from fs.sim.wait_event(
                "num_writers == 0",
                lambda trans=trans: trans.num_writers == 0,  # type: ignore[misc]
                fs.trans_waits.writers(trans),
            )
            self._cleanup_one_transaction(trans)

    def _cleanup_one_transaction(self, trans: Transaction) -> None:
        """Nothing of it will be written (btrfs_cleanup_one_transaction)."""
        fs = self.fs
        fs.writeout.btrfs_cleanup_dirty_bgs(trans)
        for head in trans.delayed_refs.values():
            if head.must_insert_reserved:
                fs.pinned_extents.btrfs_pin_reserved(trans, head.bytenr, head.num)
        trans.delayed_refs.clear()
        fs.pinned_extents.btrfs_destroy_pinned_extent(trans.pinned_extents)
        if trans is fs.transactions.running:
            fs.transactions.running = None
        trans.state = TransState.COMPLETED
        fs.transactions.trans_list.remove(trans)
