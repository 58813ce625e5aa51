"""Chunks and device extents; creating and removing block groups.

Creation has two phases.  Phase 1, here, makes the block group in memory: from then on anybody may allocate
from it.  Phase 2, when the creating handle ends, inserts its items (:mod:`models.btrfs.new_block_groups`).

Source: fs/btrfs/volumes.c, fs/btrfs/extent-tree.c (v4.9).  Two later fixes are in: a task that waited
for another's chunk drops its FORCE (1314ca78b2c3, v6.0), and removal deletes the block group item before
it drops the chunk map (8eaf40c0e24e, v5.2).

Deviation: chunks of one type have one size; items take no SYSTEM space, so its exhaustion (4fbcdf669454)
cannot be seen; removal reserves none; counters, list link and ``new_bgs`` of a new block group are one step.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, KernelBug, warn_on
from models.btrfs.history import NewChunk
from models.btrfs.trees import BlockGroupType
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.space_info import SpaceInfo
    from models.btrfs.transaction import Handle, Transaction

SYSTEM_CHUNK, METADATA_CHUNK = 4, 4
"""Sizes of SYSTEM and METADATA chunks, in blocks."""
CHUNK_ITEM_SPACE = 1
"""SYSTEM blocks that check_system_chunk reserves for the items of one new chunk."""


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """A chunk in memory (extent_map of the mapping tree): ``length`` blocks at ``start`` are at
    ``physical`` on the device."""

    start: int
    length: int
    physical: int
    type: BlockGroupType


class Volumes:
    """The mapping tree, and chunk allocation and removal."""

    def __init__(self, fs: FsInfo, data_chunk: int) -> None:
        self.fs = fs
        self.sizes = {
            BlockGroupType.DATA: data_chunk,
            BlockGroupType.METADATA: METADATA_CHUNK,
            BlockGroupType.SYSTEM: SYSTEM_CHUNK,
        }
        self.mapping_tree: dict[int, ChunkMap] = {}

    def map_block(self, block: int) -> int:
        """Device block of a logical one (btrfs_map_block).  Raises KernelBug if no chunk has it."""
        for chunk in self.mapping_tree.values():
            if chunk.start <= block < chunk.start + chunk.length:
                return chunk.physical + block - chunk.start
        raise KernelBug(f"logical block {block} is in no chunk")

    def unallocated(self) -> int:
        """Device blocks in no device extent (free_chunk_space)."""
        used = sum(extent.length for extent in self.fs.trees.dev.root.values())
        return self.fs.device.size - used

    def _should_alloc_chunk(self, info: SpaceInfo, *, force: bool) -> bool:
        """Whether a chunk is wanted: forced, or 80 % of what is writable is allocated."""
        return force or (info.used + info.reserved) * 10 >= (info.total - info.readonly) * 8

    def do_chunk_alloc(self, handle: Handle, kind: BlockGroupType, *, force: bool = False) -> Steps[None]:
        """Phase 1 of creating a block group, if one is wanted; one task at a time.

        Raises Errno(ENOSPC) where the device has no room, or when called from within itself.
        """
        if handle.allocating_chunk:
            raise Errno(errno.ENOSPC)
        info = self.fs.space.infos[kind]
        while True:
            force = force or info.force_alloc
            wanted = self._should_alloc_chunk(info, force=force)
            if info.full:
                if wanted:
                    raise Errno(errno.ENOSPC)
                return
            if not wanted:
                return
            wait_for_alloc, info.chunk_alloc = info.chunk_alloc, True
            yield "do_chunk_alloc"
            yield from self.fs.chunk_mutex.lock()
            if not wait_for_alloc:
                break
            self.fs.chunk_mutex.unlock()
            # The kernel goes round again until the other has its chunk; here the task sleeps.
            yield from self.fs.sim.wait_event(
                "chunk_alloc", lambda: not info.chunk_alloc, self._allocating(handle.transaction)
            )
            force = info.force_alloc = False
        handle.allocating_chunk = True
        try:
            if kind is not BlockGroupType.SYSTEM:
                yield from self._check_system_chunk(handle)
            yield from self._btrfs_alloc_chunk(handle, kind)
            info.force_alloc = False
        except Errno:
            info.full, info.force_alloc = True, False
            info.chunk_alloc, handle.allocating_chunk = False, False
            self.fs.chunk_mutex.unlock()
            raise
        info.chunk_alloc, handle.allocating_chunk = False, False
        self.fs.chunk_mutex.unlock()

    def _allocating(self, trans: Transaction) -> Callable[[], list[str]]:
        """The tasks that allocate a chunk, or are about to, for the report of a wait."""
        owner = self.fs.chunk_mutex.owner
        return lambda: [owner.name] if owner else [handle.task for handle in trans.handles]

    def _check_system_chunk(self, handle: Handle) -> Steps[None]:
        """Reserve SYSTEM space for the items of phase 2, with a new SYSTEM chunk if need be.

        Where there is no room for one, phase 2 goes on without a reservation, as in the kernel.
        """
        info = self.fs.space.infos[BlockGroupType.SYSTEM]
        if info.promised + CHUNK_ITEM_SPACE > info.total:
            try:
                yield from self._btrfs_alloc_chunk(handle, BlockGroupType.SYSTEM)
            except Errno:
                return
        info.may_use += CHUNK_ITEM_SPACE
        handle.chunk_bytes_reserved += CHUNK_ITEM_SPACE

    def _btrfs_alloc_chunk(self, handle: Handle, kind: BlockGroupType) -> Steps[None]:
        """Pick addresses, make the chunk map, make the block group visible (btrfs_make_block_group)."""
        length = self.sizes[kind]
        physical = self.fs.dev_extents.find_free_dev_extent(handle.transaction, length)
        start = max(c.start + c.length for c in self.mapping_tree.values())
        chunk = ChunkMap(start, length, physical, kind)
        self.mapping_tree[start] = chunk
        handle.transaction.pending_chunks.append(chunk)
        self.fs.history.new_chunks.append(NewChunk(chunk, self.fs.trees.dev.commit_root))
        yield "btrfs_alloc_chunk"
        self.fs.tree_log.btrfs_set_log_full_commit(handle)
        group = self.fs.make_block_group(chunk)
        yield "btrfs_make_block_group"
        handle.making = group
        yield from self._add_block_group(group)
        yield from self.list_new(handle, group)
        handle.making = None
        self.fs.sim.note(
            "btrfs_make_block_group", f"{group} ({kind.value}) can be allocated from, its item is pending"
        )

    def _add_block_group(self, group: BlockGroup) -> Steps[None]:
        """Into the tree, where lookups find it, then into the list, where allocators do.

        From the tree on others use its space info (as in v4.2).
        """
        info = group.space_info = self.fs.space.infos[group.type]
        self.fs.block_groups.tree[group.start] = group
        group.get("tree")
        yield "btrfs_add_block_group_cache"
        yield from self._link_block_group(group, info)

    def list_new(self, handle: Handle, group: BlockGroup) -> Steps[None]:
        """The handle owes its items.

        Deviation: in one step with the list link.  v4.9 has a gap between the two, in which a block group can
        become unused and be queued for the cleaner (:mod:`models.reverts.creation_vs_unused`).
        """
        yield from ()
        handle.new_bgs.append(group)
        group.bg_list = handle.new_bgs

    def _link_block_group(self, group: BlockGroup, info: SpaceInfo) -> Steps[None]:
        """update_space_info, __link_block_group."""
        yield from info.groups_sem.down_write()
        info.total += group.length
        info.readonly += group.bytes_super
        info.full = False
        info.block_groups.append(group)
        info.groups_sem.up_write()

    def btrfs_remove_chunk(self, handle: Handle, group: BlockGroup) -> Steps[None]:
        """Delete the items of an empty, read-only block group and take it out of memory.

        Source: volumes.c btrfs_remove_chunk, extent-tree.c btrfs_remove_block_group.
        """
        fs, info = self.fs, self.fs.block_groups.space_of(group)
        warn_on(group.start not in self.mapping_tree, f"{group} has no chunk map to remove")
        chunk = self.mapping_tree[group.start]
        handle.dirty = True
        warn_on(chunk.physical not in fs.trees.dev.root, f"{group} has no device extent to delete")
        del fs.trees.dev.root[chunk.physical]
        handle.transaction.have_free_bgs = True
        warn_on(group.start not in fs.trees.chunk.root, f"{group} has no chunk item to delete")
        del fs.trees.chunk.root[group.start]
        yield "btrfs_remove_chunk"
        warn_on(group.ro == 0, f"{group}: removed while writable")
        yield from fs.writeout.forget_dirty_bg(group)
        yield "btrfs_remove_block_group"
        warn_on(group.start not in fs.block_groups.tree, f"{group} was removed before")
        del fs.block_groups.tree[group.start]
        yield "block_group_cache_lock"
        yield from info.groups_sem.down_write()
        warn_on(group not in info.block_groups, f"{group} is linked nowhere any more")
        info.block_groups.remove(group)
        info.groups_sem.up_write()
        info.total -= group.length
        info.readonly -= group.length
        info.ro_bgs.remove(group)
        group.free.clear()
        yield "remove_block_group_cache"
        yield from self.remove_item_and_map(group)
        fs.sim.note("btrfs_remove_block_group", f"{group} is gone")
        group.put("tree")

    def remove_item_and_map(self, group: BlockGroup) -> Steps[None]:
        """First the block group item, then the map: with the map the address becomes free for another."""
        self.delete_block_group_item(group)
        yield "btrfs_del_item"
        yield from self.fs.dev_extents.drop_chunk_map(group)

    def delete_block_group_item(self, group: BlockGroup) -> None:
        """btrfs_del_item of the block group item."""
        items = self.fs.trees.block_group.root
        warn_on(group.start not in items, f"{group} has no item to delete")
        del items[group.start]
