"""Relocation of one DATA block group: empty it, then remove it (balance of one chunk).

Data is copied once and never looked at again, so nobody may write the old place between the copy and
the switch of the pointers.  Read-only mode and the three waits behind it see to that.

Source: fs/btrfs/volumes.c btrfs_relocate_chunk; relocation.c btrfs_relocate_block_group,
relocate_block_group, prepare_to_merge (v4.9); after a failed pass the dirty pages of the relocation inode
are written as well (ff612ba78499, v5.2).  The copying is in :mod:`models.btrfs.reloc_inode`.

Deviation: METADATA block groups are not relocated.  The kernel's warning about reserved space counts what is
only being trimmed, and then is wrong.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, warn_on
from models.btrfs.history import PastBarrier, Relocated
from models.btrfs.reloc_tree import RelocControl, Stage
from models.btrfs.transaction import HandleType
from models.locks import Mutex
from models.simulation import Steps, span

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo


RESERVED_NODES = 2
"""METADATA blocks that have to be had before a pass begins (RELOCATION_RESERVED_NODES)."""


class Relocation:
    """Balance of one chunk."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.balance_mutex = Mutex(fs.sim, "balance_mutex")
        self.cleaner_mutex = Mutex(fs.sim, "cleaner_mutex")

    def btrfs_balance(self, number: int) -> Steps[None]:
        """Relocate block group ``number``, one balance at a time.

        Source: volumes.c btrfs_balance (v4.9).  Raises what :meth:`btrfs_relocate_chunk` raises.
        """
        yield from self.balance_mutex.lock()
        try:
            yield from self.btrfs_relocate_chunk(number)
        except Errno:
            self.balance_mutex.unlock()
            raise
        self.balance_mutex.unlock()

    def btrfs_relocate_chunk(self, number: int) -> Steps[None]:
        """Relocate and remove block group ``number``.

        Raises Errno: ENOENT if it is gone, ENOSPC if its data fits nowhere else.
        """
        yield from self.fs.cleaner.lock_delete_unused_bgs()
        try:
            group = self.fs.find_group(number)
            if group is None:
                raise Errno(errno.ENOENT)
            group.get("lookup")
            yield "btrfs_relocate_chunk"
            yield from self.relocate_and_remove(group)
        except Errno:
            self.fs.cleaner.unlock_delete_unused_bgs()
            raise
        self.fs.cleaner.unlock_delete_unused_bgs()

    def relocate_and_remove(self, group: BlockGroup) -> Steps[None]:
        """With delete_unused_bgs_mutex held: make it empty, then remove it; the lookup reference is put."""
        fs = self.fs
        yield from fs.scrub.btrfs_scrub_pause()
        try:
            yield from self._btrfs_relocate_block_group(group)
        except Errno:
            fs.scrub.btrfs_scrub_continue()
            group.put("lookup")
            raise
        fs.scrub.btrfs_scrub_continue()
        fs.history.relocated.append(Relocated(group, group.ro))
        yield "btrfs_relocate_chunk"
        try:
            handle = yield from fs.cleaner.btrfs_start_trans_remove_block_group()
        except Errno:
            group.put("lookup")
            raise
        yield from fs.volumes.btrfs_remove_chunk(handle, group)
        group.put("lookup")
        yield from fs.transactions.btrfs_end_transaction(handle)

    def _btrfs_relocate_block_group(self, group: BlockGroup) -> Steps[None]:
        """Make the block group read-only, let the writers pass, then move and switch until it is empty."""
        fs = self.fs
        yield from fs.block_groups.btrfs_inc_block_group_ro(group)
        yield "btrfs_relocate_block_group"
        inode = None
        try:
            inode = yield from fs.reloc_inodes.create_reloc_inode()
            yield from self._wait_for_writers(group)
            yield from self._relocate_until_empty(RelocControl(group, inode))
        except Errno:
            fs.block_groups.btrfs_dec_block_group_ro(group)
            if inode is not None:
                yield from fs.reloc_inodes.iput(inode)
            raise
        warn_on(group.pinned > 0, f"{group}: pinned space after relocation")
        warn_on(group.reserved > fs.trim.charged(group), f"{group}: reserved space after relocation")
        warn_on(group.used > 0, f"{group}: used space after relocation")
        yield from fs.reloc_inodes.iput(inode)

    def _wait_for_writers(self, group: BlockGroup) -> Steps[None]:
        """First everybody on the way to an ordered extent in the group, then the ordered extents.

        The group is read-only already, so nobody new can come in behind either wait.
        """
        fs = self.fs
        yield from fs.block_groups.btrfs_wait_block_group_reservations(group)
        yield from fs.block_groups.btrfs_wait_nocow_writers(group)
        yield "btrfs_wait_nocow_writers"
        yield from fs.ordered.btrfs_wait_ordered_roots(group)
        yield "btrfs_wait_ordered_roots"

    def _relocate_until_empty(self, rc: RelocControl) -> Steps[None]:
        """Passes: one that copies, one that switches the pointers, until one finds nothing."""
        while True:
            yield from self.cleaner_mutex.lock()
            try:
                error = yield from self._relocate_block_group(rc)
            except Errno:
                yield from self._set_reloc_control(None)
                self.cleaner_mutex.unlock()
                raise
            self.cleaner_mutex.unlock()
            if rc.stage is Stage.MOVE_DATA_EXTENTS and rc.found_file_extent:
                yield from self.fs.reloc_inodes.write_pages(rc.data_inode)
                rc.stage = Stage.UPDATE_DATA_PTRS
            if error is not None:
                raise error
            if rc.extents_found == 0:
                return

    def _relocate_block_group(self, rc: RelocControl) -> Steps[Errno | None]:
        """One pass: commit, walk the extents, merge, commit.

        Returns what went wrong in the walk, after cleaning up; raises Errno where there is nothing to
        clean up yet, or the transaction was aborted.
        """
        fs, error = self.fs, None
        yield from self._prepare_to_relocate(rc)
        try:
            yield from self._walk_extents(rc)
        except Errno as caught:
            error = caught
        rc.create_reloc_tree = False
        yield from self._prepare_to_merge(rc, error)
        yield from fs.reloc_merge.merge_reloc_roots()
        rc.merge_reloc_tree = False
        yield from self._set_reloc_control(None)
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        yield from fs.commit.btrfs_commit_transaction(handle)
        return error

    def _set_reloc_control(self, rc: RelocControl | None) -> Steps[None]:
        yield from self.fs.reloc_mutex.lock()
        self.fs.reloc_trees.control = rc
        self.fs.reloc_mutex.unlock()

    def _prepare_to_relocate(self, rc: RelocControl) -> Steps[None]:
        """From the commit in here on, the first touch of a root in a transaction makes its reloc tree."""
        fs = self.fs
        yield from fs.space.reserve_metadata(RESERVED_NODES)
        fs.space.release_metadata(RESERVED_NODES)
        rc.extents_found, rc.create_reloc_tree = 0, True
        yield from self._set_reloc_control(rc)
        yield "prepare_to_relocate"
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        yield from fs.commit.btrfs_commit_transaction(handle)
        touching = len(fs.ordered.touching(rc.group))
        reserved = rc.group.reserved - fs.trim.charged(rc.group)
        fs.history.past_barrier.append(PastBarrier(rc.group, reserved, touching))
        yield "relocate_block_group"

    def _walk_extents(self, rc: RelocControl) -> Steps[None]:
        """Move, or switch the pointers of, every extent that the commit root has in the block group."""
        fs, search_start = self.fs, rc.group.start
        cluster: list[tuple[int, int]] = []
        while True:
            handle = yield from fs.transactions.start_transaction(HandleType.START)
            found = self._find_next_extent(rc, search_start)
            if found is None:
                yield from fs.transactions.btrfs_end_transaction(handle)
                break
            rc.extents_found += 1
            search_start = sum(found)
            yield "find_next_extent"
            try:
                if rc.stage is Stage.UPDATE_DATA_PTRS:
                    yield from fs.reloc_trees.relocate_tree_blocks(handle, found[0])
            except Errno:
                yield from fs.transactions.btrfs_end_transaction(handle)
                raise
            yield "relocate_tree_blocks"
            yield from fs.transactions.btrfs_end_transaction(handle)
            if rc.stage is Stage.MOVE_DATA_EXTENTS:
                fs.sim.note("find_next_extent", f"returns {span(*found)}, to be moved")
                rc.found_file_extent = True
                if cluster and sum(cluster[-1]) != found[0]:
                    yield from fs.reloc_inodes.relocate_file_extent_cluster(rc, cluster)
                    cluster = []
                cluster.append(found)
        yield from fs.reloc_inodes.relocate_file_extent_cluster(rc, cluster)

    def _find_next_extent(self, rc: RelocControl, search_start: int) -> tuple[int, int] | None:
        """The first extent (start, blocks) from ``search_start`` on, by the extent tree's commit root."""
        items = self.fs.trees.extent.commit_root
        starts = [start for start in items if search_start <= start < rc.group.end]
        return (min(starts), items[min(starts)].length) if starts else None

    def _prepare_to_merge(self, rc: RelocControl, error: Errno | None) -> Steps[None]:
        """Mark the reloc trees as complete, durably; after an error they will only be dropped."""
        fs = self.fs
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        rc.merge_reloc_tree = True
        for reloc_root in rc.reloc_roots:
            if error is None:
                reloc_root.refs = 1
            fs.reloc_trees.btrfs_update_reloc_root(reloc_root.root)
        yield "prepare_to_merge"
        if error is None:
            yield from fs.commit.btrfs_commit_transaction(handle)
        else:
            yield from fs.transactions.btrfs_end_transaction(handle)
