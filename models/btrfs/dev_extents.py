"""Device space: where a new chunk may go, and keeping that of a removed block group from being reused.

A device range is free for a new chunk if it has no device extent in the commit root of the device tree, nor
in what the superblock on disk reaches, and no chunk that exists in memory only: those made in this
transaction (``pending_chunks``), and those of block groups that were removed while somebody still trims them
(``pinned_chunks``).

Source: fs/btrfs/volumes.c find_free_dev_extent_start, contains_pending_extent; extent-tree.c
btrfs_remove_block_group, btrfs_get_block_group_trimming, btrfs_put_block_group_trimming (v4.9).  Later
kernels say frozen for trimming.

Deviation: a hole is searched gap by gap.  4.9 looks behind the last of the chunks in a hole only, which
leaves gaps unused, and never gives one away twice.  What a trimmer puts back and leaves behind while
removal is between dropping the free space and setting ``removed`` is dropped with the map; 4.9 leaks it.
And 4.9 does not look at the superblock: a commit switches the commit root before it writes the superblock,
and a crash in between needs what was removed (:mod:`models.reverts.removal_vs_superblock`).
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.btrfs.device import RESERVED_BLOCKS
from models.btrfs.errors import Errno, not_null
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Transaction
    from models.btrfs.trees import DevExtent
    from models.btrfs.volumes import ChunkMap


class DevExtents:
    """Finding device space, and freezing that of block groups.

    ``removed`` is a ghost: every block group that was removed since the mount.
    """

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.pinned_chunks: list[ChunkMap] = []
        self.removed: list[BlockGroup] = []

    def find_free_dev_extent(self, trans: Transaction, length: int) -> int:
        """The first ``length`` free device blocks.  Raises Errno(ENOSPC).

        Space of a chunk removed in this transaction is not reused before its commit is on disk.
        """
        items = self.kept()
        low, end_of_device = RESERVED_BLOCKS, self.fs.device.size
        for start, end in [*sorted((p, p + e.length) for p, e in items.items()), (end_of_device, 0)]:
            found = self.search_hole(trans, low, start, length)
            if found is not None:
                return found
            low = max(low, end)
        raise Errno(errno.ENOSPC)

    def kept(self) -> Mapping[int, DevExtent]:
        """Device extents that a crash may need, now or once the commit under way is on disk."""
        return {**self.fs.device.superblock.dev_extents, **self.fs.trees.dev.commit_root}

    def search_hole(self, trans: Transaction, low: int, high: int, length: int) -> int | None:
        """The first gap of ``length`` blocks between device extents, in ``[low, high)``."""
        start = low
        for chunk in sorted(self.chunks_in_memory(trans), key=lambda chunk: chunk.physical):
            if chunk.physical < start + length and start < chunk.physical + chunk.length:
                start = chunk.physical + chunk.length
        return start if start + length <= high else None

    def chunks_in_memory(self, trans: Transaction) -> list[ChunkMap]:
        """Chunks that may have no device extent in the commit root: the pending ones, then the pinned."""
        return [*trans.pending_chunks, *self.pinned_chunks]

    def get_block_group_trimming(self, group: BlockGroup) -> bool:
        """From now on the device space is not reused, even if the block group is removed.

        False where it was removed before; one section under bg.lock.
        """
        if group.removed:
            return False
        group.trimming += 1
        return True

    def put_block_group_trimming(self, group: BlockGroup) -> Steps[None]:
        """One task less that trims.  The last one drops the chunk map of a removed block group, and what was
        put back."""
        group.trimming -= 1
        cleanup = group.trimming == 0 and group.removed
        yield "btrfs_put_block_group_trimming"
        if cleanup:
            yield from self.fs.chunk_mutex.lock()
            chunk = self.fs.volumes.mapping_tree.get(group.start)
            chunk = not_null(chunk, f"{group}: its chunk map is gone while it was trimmed")
            self._remove_extent_mapping(chunk)
            self.fs.chunk_mutex.unlock()
            self.remove_free_space_cache(group)

    def remove_free_space_cache(self, group: BlockGroup) -> None:
        """Drop what a trim put back: the space is no longer the block group's."""
        group.free.clear()

    def drop_chunk_map(self, group: BlockGroup) -> Steps[None]:
        """The end of removal: drop the chunk map, or pin it while a task trims the block group.

        ``removed`` is set in the section under bg.lock that looks at ``trimming``: freezing the block group
        fails after that, and is seen if it was done before.

        Deviation: what a trim put back since the free space was dropped is dropped here once more.  v4.9 does
        not, and leaks it where the trim ends before ``removed`` is set; found by this fuzzer.
        """
        mapping_tree = self.fs.volumes.mapping_tree
        yield from self.fs.chunk_mutex.lock()
        chunk = mapping_tree[group.start]
        group.removed = True
        self.removed.append(group)
        if self.is_frozen(group):
            self._unlist(chunk)
            self.pinned_chunks.append(chunk)
        else:
            group.free.clear()
            self._remove_extent_mapping(chunk)
            self.remove_free_space_cache(group)
        self.fs.chunk_mutex.unlock()

    def is_frozen(self, group: BlockGroup) -> bool:
        """Whether a task trims the block group."""
        return group.trimming > 0

    def _unlist(self, chunk: ChunkMap) -> None:
        """Take a chunk off the pending chunks of its transaction, or off the pinned ones."""
        for listed in (self.pinned_chunks, *(t.pending_chunks for t in self.fs.transactions.trans_list)):
            if chunk in listed:
                listed.remove(chunk)

    def _remove_extent_mapping(self, chunk: ChunkMap) -> None:
        """Now the logical address may be used again, and the device range if no commit root has it."""
        self._unlist(chunk)
        del self.fs.volumes.mapping_tree[chunk.start]
