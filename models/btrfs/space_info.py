"""Space accounting per block group type: what is used, and what is promised.

Every method is one section under space_info.lock.  All sizes are in blocks.
Source: fs/btrfs/extent-tree.c (v4.9).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, warn_on
from models.btrfs.transaction import HandleType
from models.btrfs.trees import BlockGroupType
from models.locks import RwSem
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.subvolume import Root

COMMITS_FOR_SPACE = 2
"""How often a data reservation may commit to get pinned space back (need_commit)."""


@dataclass(slots=True, eq=False)
class SpaceInfo:
    """Counters of one type.  ``may_use`` is promised, ``reserved`` allocated and not inserted yet.

    ``unasked`` is a ghost: how much was promised without looking whether there is room.
    """

    type: BlockGroupType
    groups_sem: RwSem
    total: int = 0
    used: int = 0
    reserved: int = 0
    pinned: int = 0
    readonly: int = 0
    may_use: int = 0
    unasked: int = 0
    full: bool = False
    force_alloc: bool = False
    chunk_alloc: bool = False
    block_groups: list[BlockGroup] = field(default_factory=list)
    ro_bgs: list[BlockGroup] = field(default_factory=list)

    @property
    def promised(self) -> int:
        """Everything that is not free for a new promise."""
        return self.used + self.reserved + self.pinned + self.readonly + self.may_use

    def release(self, blocks: int) -> None:
        """Take back a promise of ``blocks`` (bytes_may_use -= ...)."""
        warn_on(blocks > self.may_use, f"{self.type.value} bytes_may_use would underflow")
        self.may_use -= blocks


class Space:
    """Reservations against all space infos."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.infos = {
            kind: SpaceInfo(kind, RwSem(fs.sim, f"groups_sem({kind.value})")) for kind in BlockGroupType
        }

    @property
    def data(self) -> SpaceInfo:
        """The space info of DATA."""
        return self.infos[BlockGroupType.DATA]

    def clear_full(self) -> None:
        """A chunk was freed and committed: chunk allocation may succeed again (update_space_info full)."""
        for info in self.infos.values():
            info.full = False

    def btrfs_alloc_data_chunk_ondemand(self, root: Root, blocks: int) -> Steps[None]:
        """Promise ``blocks`` of DATA space, allocating a chunk or committing to get it.

        A task that already holds a handle may not commit here.  Raises Errno(ENOSPC).

        Deviation: nothing is flushed and no ordered extent is waited for before a commit, so ENOSPC comes
        sooner than in the kernel, and deadlocks through that wait cannot be seen.
        """
        info, commits = self.data, COMMITS_FOR_SPACE
        transactions = self.fs.transactions
        if transactions.current_handle() is not None:
            commits = 0
        while info.promised + blocks > info.total:
            if not info.full:
                info.force_alloc = True
                handle = yield from transactions.start_transaction(HandleType.JOIN, root)
                try:
                    yield from self.fs.volumes.do_chunk_alloc(handle, BlockGroupType.DATA)
                except Errno as error:
                    yield from transactions.btrfs_end_transaction(handle)
                    if error.code != errno.ENOSPC:
                        raise
                else:
                    yield from transactions.btrfs_end_transaction(handle)
                    continue
            if commits == 0:
                raise Errno(errno.ENOSPC)
            commits -= 1
            yield "btrfs_alloc_data_chunk_ondemand"
            handle = yield from transactions.start_transaction(HandleType.JOIN, root)
            yield from self.fs.commit.btrfs_commit_transaction(handle)
        info.may_use += blocks

    def _can_overcommit(self, info: SpaceInfo, blocks: int) -> bool:
        """METADATA may promise an eighth of the unallocated device space too (can_overcommit)."""
        return info.promised + blocks <= info.total + self.fs.volumes.unallocated() // 8

    def reserve_metadata(self, blocks: int) -> Steps[None]:
        """Promise ``blocks`` of METADATA space before a handle is started.

        Only the chunk-allocating state of flush_space is modelled.  Raises Errno(ENOSPC).
        """
        info = self.infos[BlockGroupType.METADATA]
        while not self._can_overcommit(info, blocks):
            if info.full:
                raise Errno(errno.ENOSPC)
            info.force_alloc = True
            handle = yield from self.fs.transactions.start_transaction(HandleType.JOIN)
            try:
                yield from self.fs.volumes.do_chunk_alloc(handle, BlockGroupType.METADATA)
            except Errno:
                yield from self.fs.transactions.btrfs_end_transaction(handle)
                raise
            yield from self.fs.transactions.btrfs_end_transaction(handle)
        info.may_use += blocks

    def release_metadata(self, blocks: int) -> None:
        """Return promised METADATA space."""
        self.infos[BlockGroupType.METADATA].release(blocks)
