"""All block groups: looking them up, making them read-only, and counting tasks that are about to write.

Source: fs/btrfs/extent-tree.c (v4.9).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.block_group import BlockGroup
from models.btrfs.errors import Errno, not_null, warn_on
from models.btrfs.history import BecameRo, Entered
from models.btrfs.transaction import HandleType
from models.btrfs.trees import BlockGroupType
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.space_info import SpaceInfo

SYSTEM_SLACK = 1
"""What METADATA and SYSTEM keep free when a block group of theirs goes read-only (1 MiB in 4.9)."""


class BlockGroups:
    """The block group cache tree, and the protocol around one block group."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.tree: dict[int, BlockGroup] = {}
        self.unused_bgs: list[BlockGroup] = []
        self.created = 0

    def lookup(self, block: int) -> BlockGroup | None:
        """The block group around ``block``, with a ``lookup`` reference (btrfs_lookup_block_group)."""
        for group in self.tree.values():
            if group.start <= block < group.end:
                group.get("lookup")
                return group
        return None

    def space_of(self, group: BlockGroup) -> SpaceInfo:
        """The space info that ``group`` counts towards."""
        return not_null(group.space_info, f"{group}: NULL pointer dereference of its space_info")

    def btrfs_extent_readonly(self, block: int) -> bool:
        """Whether ``block`` is in a read-only block group, looked at without a lock."""
        group = self.lookup(block)
        if group is None:
            return True
        group.put("lookup")
        return group.ro > 0

    def btrfs_inc_block_group_ro(self, group: BlockGroup) -> Steps[None]:
        """Make a block group read-only, in a transaction that has not begun its writeout.

        Raises Errno(ENOSPC) where the rest of the space could not hold what is promised.
        """
        fs = self.fs
        handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
        yield "btrfs_inc_block_group_ro"
        yield from fs.ro_block_group_mutex.lock()
        while handle.transaction.dirty_bg_run:
            trans = handle.transaction
            fs.ro_block_group_mutex.unlock()
            yield from fs.transactions.btrfs_end_transaction(handle)
            yield from fs.trans_waits.wait_for_commit(trans)
            handle = yield from fs.transactions.start_transaction(HandleType.JOIN)
            yield "btrfs_inc_block_group_ro"
            yield from fs.ro_block_group_mutex.lock()
        try:
            writeout_began = handle.transaction.writeout_began
            if not self.inc_block_group_ro(group, writeout_began=writeout_began):
                # No room for what would be lost: force a chunk, try once more.
                yield from fs.volumes.do_chunk_alloc(handle, group.type, force=True)
                yield "do_chunk_alloc"
                if not self.inc_block_group_ro(group, writeout_began=writeout_began):
                    raise Errno(errno.ENOSPC)
        except Errno:
            fs.ro_block_group_mutex.unlock()
            yield from fs.transactions.btrfs_end_transaction(handle)
            raise
        fs.ro_block_group_mutex.unlock()
        yield from fs.transactions.btrfs_end_transaction(handle)

    def has_room_without(self, group: BlockGroup) -> bool:
        """Whether everything promised would fit if nothing more could be allocated from ``group``."""
        info = self.space_of(group)
        slack = 0 if group.type is BlockGroupType.DATA else SYSTEM_SLACK
        return info.promised + group.unused + slack <= info.total

    def inc_block_group_ro(self, group: BlockGroup, *, writeout_began: bool) -> bool:
        """One section under space_info.lock and bg.lock; whether the block group is read-only now.

        ``writeout_began`` goes to the history only: whether the caller's transaction has begun its writeout
        (False where nobody has to wait for that, as for the cleaner).
        """
        if group.ro:
            group.ro += 1
            return True
        info = self.space_of(group)
        if not self.has_room_without(group):
            return False
        info.readonly += group.unused
        info.ro_bgs.append(group)
        group.ro = 1
        self.fs.history.became_ro.append(BecameRo(group, writeout_began))
        self.fs.sim.note("btrfs_inc_block_group_ro", f"{group} turns read-only")
        return True

    def btrfs_dec_block_group_ro(self, group: BlockGroup) -> None:
        """One holder less that wants the block group read-only."""
        warn_on(group.ro == 0, f"{group}: ro dropped below zero")
        group.ro -= 1
        if group.ro == 0:
            info = self.space_of(group)
            info.readonly -= group.unused
            info.ro_bgs.remove(group)

    def btrfs_inc_nocow_writers(self, block: int) -> bool:
        """Count a task that is about to write in place at ``block``; False in a read-only block group."""
        group = self.lookup(block)
        if group is None:
            return False
        if group.ro:
            group.put("lookup")
            return False
        group.nocow_writers += 1
        group.nocow_tasks.append(self.fs.sim.current.name)
        group.get("nocow_writers")
        group.put("lookup")
        self.fs.history.entered.append(Entered("nocow writer", group, group.ro))
        return True

    def btrfs_dec_nocow_writers(self, block: int) -> None:
        """The task's ordered extent exists now (or it gave up)."""
        group = not_null(self.lookup(block), f"nocow writer's block {block} is in no block group")
        writing = self.fs.sim.current.name in group.nocow_tasks
        warn_on(not writing, f"{group}: nocow_writers dropped by a task that is not counted")
        group.nocow_writers -= 1
        group.nocow_tasks.remove(self.fs.sim.current.name)
        group.put("nocow_writers")
        group.put("lookup")

    def btrfs_wait_nocow_writers(self, group: BlockGroup) -> Steps[None]:
        """Wait until nobody stands between the decision to write in place and its ordered extent."""
        if group.nocow_writers:
            self.fs.sim.note("btrfs_wait_nocow_writers", "relocation waits for a nocow writer")
        yield from self.fs.sim.wait_event(
            f"nocow_writers of {group}",
            lambda: group.nocow_writers == 0,
            lambda: group.nocow_tasks,
        )

    def btrfs_wait_block_group_reservations(self, group: BlockGroup) -> Steps[None]:
        """Wait until every allocation from ``group`` has its ordered extent.

        Taking groups_sem for writing flushes out allocators that saw the block group writable.
        """
        sem = self.space_of(group).groups_sem
        yield from sem.down_write()
        sem.up_write()
        yield "btrfs_wait_block_group_reservations"
        yield from self.fs.sim.wait_event(
            f"reservations of {group}",
            lambda: group.reservations == 0,
            lambda: group.reserving_tasks,
        )

    def btrfs_dec_block_group_reservations(self, block: int) -> None:
        """The extent at ``block`` has its ordered extent (or file extent item) now."""
        group = not_null(self.lookup(block), f"reserved block {block} is in no block group")
        reserving = self.fs.sim.current.name in group.reserving_tasks
        warn_on(not reserving, f"{group}: reservations dropped by a task that is not counted")
        group.reservations -= 1
        group.reserving_tasks.remove(self.fs.sim.current.name)
        group.put("lookup")

    def btrfs_mark_bg_unused(self, group: BlockGroup) -> Steps[None]:
        """Queue a block group without used space for the cleaner, unless it is on a list already.

        One section under unused_bgs_lock.
        """
        yield "unused_bgs_lock"
        self.queue_unused(group)

    def queue_unused(self, group: BlockGroup) -> None:
        """Append to ``unused_bgs``, with a reference, what is on no list."""
        if group.bg_list is None:
            group.get("unused_bgs")
            self.unused_bgs.append(group)
            group.bg_list = self.unused_bgs
            group.passed_over = False
