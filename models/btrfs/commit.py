"""btrfs_commit_transaction, in the kernel's order (v4.1 to v4.9).

Between COMMIT_DOING with one writer left and UNBLOCKED lies the critical section: nobody else can
hold a handle (JOIN_NOLOCK apart, which nothing here uses).  From UNBLOCKED on the next transaction may
run while this one is still written; the superblock write is the durability point.  A commit that finds no
earlier transaction in the list checks whether one was aborted, as since cb2d3daddbfb (v5.3).

Left out, because nothing here uses them: delayed items, qgroups, flushoncommit, last_byte_to_unpin
(block groups are cached whole from mount on).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, warn_on
from models.btrfs.history import SuperblockWritten
from models.btrfs.transaction import Handle, Transaction, TransState
from models.btrfs.trees import Image
from models.faults import SUPERBLOCK, TREE_BLOCK
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class Commit:
    """Committing a transaction, and its unpinning."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def btrfs_commit_transaction(self, handle: Handle) -> Steps[None]:
        """Make everything done in the handle's transaction durable; the handle is gone afterwards.

        Raises Errno when the transaction was or is aborted.
        """
        fs, trans = self.fs, handle.transaction
        if trans.aborted:
            yield from fs.abort.lose(handle, trans)
        try:
            yield from self._before_the_critical_section(handle)
        except Errno:
            # Delayed refs or phase 2 failed: the handle ends, the transaction is aborted.
            yield from fs.abort.lose(handle, trans)
        if trans.state >= TransState.COMMIT_START:
            yield from fs.transactions.btrfs_end_transaction(handle)
            yield from fs.trans_waits.wait_for_commit(trans, self.awaited_state(handle))
            if trans.aborted:
                raise Errno(trans.aborted)
            return
        trans.state = TransState.COMMIT_START
        yield "TRANS_STATE_COMMIT_START"
        try:
            yield from self._enter_critical_section(handle)
            image = yield from self._paused_scrub(handle)
        except Errno as error:
            yield from fs.abort.cleanup_transaction(handle, error.code)
            raise
        try:
            yield from self._write_out(trans, image)
        except Errno as error:
            fs.tree_log_mutex.unlock()
            fs.scrub.btrfs_scrub_continue()
            yield from fs.abort.cleanup_transaction(handle, error.code)
            raise
        yield from self._finish(handle)

    def awaited_state(self, handle: Handle) -> TransState:
        """The state that the previous transaction must reach before this commit goes on; an fsync needs
        durability only."""
        return TransState.SUPER_COMMITTED if handle.in_fsync else TransState.COMPLETED

    def _before_the_critical_section(self, handle: Handle) -> Steps[None]:
        """Run delayed refs, phase 2, and the early writeout of dirty block groups."""
        fs, trans = self.fs, handle.transaction
        yield from fs.delayed_refs.btrfs_run_delayed_refs(handle)
        fs.transactions.release_metadata(handle)
        yield "btrfs_run_delayed_refs"
        yield from fs.new_block_groups.btrfs_create_pending_block_groups(handle)
        yield from fs.delayed_refs.btrfs_run_delayed_refs(handle)
        yield "btrfs_commit_transaction"
        yield from fs.ro_block_group_mutex.lock()
        run_it = not trans.dirty_bg_run
        trans.dirty_bg_run = True
        fs.ro_block_group_mutex.unlock()
        yield "BTRFS_TRANS_DIRTY_BG_RUN"
        if run_it:
            yield from fs.writeout.btrfs_start_dirty_block_groups(handle)

    def _enter_critical_section(self, handle: Handle) -> Steps[None]:
        """Wait for the previous transaction, then for external writers, then for all writers.

        Raises Errno where the previous one, or any before it, was aborted.
        """
        fs, trans = self.fs, handle.transaction
        before = fs.transactions.trans_list[: fs.transactions.trans_list.index(trans)]
        if before:
            previous = before[-1]
            yield from fs.trans_waits.wait_for_commit(previous, self.awaited_state(handle))
            if previous.aborted:
                raise Errno(previous.aborted)
        elif self.was_aborted():
            raise Errno(errno.EROFS)
        trans.num_extwriters -= handle.extwriter
        handle.extwriter = False
        yield from fs.sim.wait_event(
            "num_extwriters == 0",
            lambda: trans.num_extwriters == 0,
            lambda: [h.task for h in trans.handles if h.extwriter],
        )
        yield "wait_event(num_extwriters)"
        yield from self.btrfs_wait_pending_ordered(trans)
        yield from fs.scrub.btrfs_scrub_pause()
        yield "btrfs_scrub_pause"
        trans.state = TransState.COMMIT_DOING
        yield from fs.sim.wait_event(
            "num_writers == 1",
            lambda: trans.num_writers == 1,
            lambda: [h.task for h in trans.handles if h is not handle],
        )
        yield "TRANS_STATE_COMMIT_DOING"

    def was_aborted(self) -> bool:
        """Whether a transaction was aborted; it may not be listed any more (BTRFS_FS_STATE_TRANS_ABORTED)."""
        return self.fs.error != 0

    def btrfs_wait_pending_ordered(self, trans: Transaction) -> Steps[None]:
        """What the log has, and this commit drops, must be in the trees: the ordered extents complete.

        Only here, where no external writer can log any more, and completions can still join (v4.4).
        """
        yield from self.fs.sim.wait_event(
            "pending_ordered == 0",
            lambda: trans.pending_ordered == 0,
            lambda: [ordered.task for ordered in self.fs.ordered.all() if ordered.pending],
        )

    def _paused_scrub(self, handle: Handle) -> Steps[Image]:
        """The critical section; where it fails, scrub may go on at once."""
        try:
            return (yield from self._critical_section(handle))
        except Errno:
            self.fs.scrub.btrfs_scrub_continue()
            raise

    def _critical_section(self, handle: Handle) -> Steps[Image]:
        """The critical section: the trees become what will be on disk; at its end the next transaction may
        start.

        Raises Errno where the transaction was aborted before, or is aborted here.
        """
        fs, trans = self.fs, handle.transaction
        if trans.aborted:
            raise Errno(trans.aborted)
        yield from fs.reloc_mutex.lock()
        fs.snapshots.create_pending_snapshots(handle)
        yield "create_pending_snapshots"
        try:
            yield from fs.delayed_refs.btrfs_run_delayed_refs(handle)
        except Errno:
            fs.reloc_mutex.unlock()
            raise
        yield from fs.tree_log_mutex.lock()
        fs.tree_log.btrfs_free_log()
        try:
            fs.reloc_trees.commit_fs_roots()
            yield "commit_fs_roots"
            yield from fs.writeout.btrfs_write_dirty_block_groups(handle)
            yield "commit_cowonly_roots"
            if trans.aborted:
                raise Errno(trans.aborted)
        except Errno:
            fs.tree_log_mutex.unlock()
            fs.reloc_mutex.unlock()
            raise
        warn_on(bool(trans.dirty_bgs), "dirty block groups are left after the final writeout")
        image = fs.commit_roots.switch_commit_roots(trans)
        trans.state = TransState.UNBLOCKED
        fs.transactions.running = None
        fs.reloc_mutex.unlock()
        yield "TRANS_STATE_UNBLOCKED"
        return image

    def _write_out(self, trans: Transaction, image: Image) -> Steps[None]:
        """Write the tree blocks, then the superblock; the next transaction runs meanwhile.

        Raises Errno(EIO); the superblock before is the one that counts then.
        """
        self.btrfs_write_and_wait_transaction(image)
        yield "btrfs_write_and_wait_transaction"
        self.write_ctree_super(image)
        self.fs.tree_log_mutex.unlock()
        trans.state = TransState.SUPER_COMMITTED
        yield "write_ctree_super"

    def btrfs_write_and_wait_transaction(self, image: Image) -> None:
        """Write the tree blocks and wait for them; a flush is owed still.  Raises Errno(EIO)."""
        code = self.fs.faults.strikes(TREE_BLOCK)
        if code:
            raise Errno(code)
        self.fs.device.write_tree_blocks(image)

    def write_ctree_super(self, image: Image) -> None:
        """Flush, then write the superblock with FUA.  Raises Errno(EIO)."""
        code = self.fs.faults.strikes(SUPERBLOCK)
        if code:
            raise Errno(code)
        before = self.fs.device.superblock.generation
        self.fs.history.superblocks.append(SuperblockWritten(image.generation, before))
        self.fs.device.write_super(image)

    def _finish(self, handle: Handle) -> Steps[None]:
        """Unpin what the transaction freed, mark it COMPLETED, wake the waiters."""
        fs, trans = self.fs, handle.transaction
        yield from fs.pinned_extents.btrfs_finish_extent_commit(trans)
        if trans.have_free_bgs:
            fs.space.clear_full()
        fs.transactions.last_committed = trans.transid
        trans.state = TransState.COMPLETED
        fs.transactions.trans_list.remove(trans)
        fs.scrub.btrfs_scrub_continue()
        fs.transactions.drop_writer(handle)
        fs.sim.note("btrfs_commit_transaction", f"transaction {trans.transid} committed")
