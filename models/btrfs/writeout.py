"""Writing the items of dirty block groups: once outside, once inside the critical section.

Source: fs/btrfs/extent-tree.c btrfs_start_dirty_block_groups, btrfs_write_dirty_block_groups,
write_one_cache_group (v4.9).

Deviation: block groups here are small, and below 100 MiB the kernel writes no v1 space cache file; so
there is no io list, and races with the cache file (988f1f576d4f, e570fd27f2c5, 55507ce36123) cannot be
seen.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.locks import Mutex
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle, Transaction

PASSES = 2
"""The early writeout takes what became dirty during its first pass, once."""


class Writeout:
    """The dirty list of a transaction, and writing what is on it."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.cache_write_mutex = Mutex(fs.sim, "cache_write_mutex")

    def add_dirty_bg(self, trans: Transaction, group: BlockGroup) -> None:
        """Queue a block group as dirty, with a reference (under dirty_bgs_lock)."""
        group.get("dirty_list")
        trans.dirty_bgs.append(group)
        group.dirty_list = trans.dirty_bgs

    def _unlink(self, group: BlockGroup) -> None:
        """Take a block group off its list; the list's reference is the caller's now."""
        assert group.dirty_list is not None
        group.dirty_list.remove(group)
        group.dirty_list = None
        group.get("lookup")
        group.put("dirty_list")

    def btrfs_start_dirty_block_groups(self, handle: Handle) -> Steps[None]:
        """The early writeout: others join, allocate and end their handles meanwhile.

        Raises Errno when the transaction was aborted.
        """
        fs, trans = self.fs, handle.transaction
        trans.writeout_began = True
        for _ in range(PASSES):
            private = trans.dirty_bgs
            trans.dirty_bgs = []
            try:
                yield from fs.new_block_groups.btrfs_create_pending_block_groups(handle)
            except Errno:
                self._give_back(trans, private)
                raise
            yield "btrfs_start_dirty_block_groups"
            while private:
                yield from self.cache_write_mutex.lock()
                if private:  # removal may have emptied it while this task waited
                    group = private[0]
                    self._unlink(group)
                    self._tell_if_early(group)
                    yield "dirty_bgs_lock"
                    try:
                        yield from self.write_outside_critical_section(handle, group)
                    except Errno:
                        group.put("lookup")
                        self._give_back(trans, private)
                        self.cache_write_mutex.unlock()
                        raise
                    group.put("lookup")
                self.cache_write_mutex.unlock()
                yield "cache_write_mutex"
            yield from fs.delayed_refs.btrfs_run_delayed_refs(handle)
            yield "btrfs_run_delayed_refs"

    def _tell_if_early(self, group: BlockGroup) -> None:
        if group.start not in self.fs.trees.block_group.root:
            self.fs.sim.note("btrfs_start_dirty_block_groups", f"takes {group}, which has no item yet")

    def _give_back(self, trans: Transaction, private: list[BlockGroup]) -> None:
        """After an error: what was not written is dirty still, for the clean-up to find."""
        for group in private:
            group.dirty_list = trans.dirty_bgs
        trans.dirty_bgs += private

    def write_outside_critical_section(self, handle: Handle, group: BlockGroup) -> Steps[None]:
        """Update one item early; a block group without an item yet is queued again.

        The item may be missing because the task that made the block group has not ended its handle.
        """
        try:
            yield from self.write_one_cache_group(group)
        except Errno as error:
            if error.code != errno.ENOENT:
                self.fs.abort.btrfs_abort_transaction(handle, error.code, "write_one_cache_group")
                raise
            if group.dirty_list is None:
                self.add_dirty_bg(handle.transaction, group)
            self.fs.sim.note("write_one_cache_group", f"no item of {group} yet, queued again")

    def write_one_cache_group(self, group: BlockGroup) -> Steps[None]:
        """Copy the block group's counters into its item.  Raises Errno(ENOENT) if there is none."""
        yield "write_one_cache_group"
        items = self.fs.trees.block_group.root
        if group.start not in items:
            raise Errno(errno.ENOENT)
        items[group.start] = group.item

    def btrfs_write_dirty_block_groups(self, handle: Handle) -> Steps[None]:
        """The final writeout, inside the critical section: now every item must exist.

        Raises Errno after aborting the transaction.
        """
        trans = handle.transaction
        while trans.dirty_bgs:
            group = trans.dirty_bgs[0]
            self._unlink(group)
            yield from self.fs.delayed_refs.btrfs_run_delayed_refs(handle)
            try:
                yield from self.write_one_cache_group(group)
            except Errno as error:
                group.put("lookup")
                self.fs.abort.btrfs_abort_transaction(handle, error.code, "btrfs_write_dirty_block_groups")
                raise
            group.put("lookup")
            yield "btrfs_write_dirty_block_groups"
            yield from self.fs.delayed_refs.btrfs_run_delayed_refs(handle)

    def forget_dirty_bg(self, group: BlockGroup) -> Steps[None]:
        """Take a block group that is being removed off the dirty list, between two item updates.

        Source: btrfs_remove_block_group takes cache_write_mutex for this.
        """
        yield from self.cache_write_mutex.lock()
        if group.dirty_list is not None:
            self._unlink(group)
            group.put("lookup")
        self.cache_write_mutex.unlock()

    def btrfs_cleanup_dirty_bgs(self, trans: Transaction) -> None:
        """After an abort: nothing will be written."""
        for group in list(trans.dirty_bgs):
            self._unlink(group)
            group.put("lookup")
