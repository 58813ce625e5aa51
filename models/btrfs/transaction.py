"""Transactions and handles: when which handle may join, starting, ending.

Source: fs/btrfs/transaction.c start_transaction, join_transaction, __btrfs_end_transaction (v4.9); state
SUPER_COMMITTED as since d0c2f4fa555e (v5.12), pinned extents by transaction as since fe119a6eeb67 (v5.7).
"""

from __future__ import annotations

import enum
import errno
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from models.btrfs.errors import Errno
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.delayed_refs import DelayedRefHead
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.snapshot import PendingSnapshot
    from models.btrfs.subvolume import Root
    from models.btrfs.volumes import ChunkMap

DELAYED_REFS_THROTTLE = 8
"""Queued heads from which on an ending handle asks for a commit (should_end_transaction)."""


class TransState(enum.IntEnum):
    """State of a transaction.  It only ever grows."""

    RUNNING = 0
    BLOCKED = 1
    COMMIT_START = 2
    COMMIT_DOING = 3
    UNBLOCKED = 4
    SUPER_COMMITTED = 5
    COMPLETED = 6


class HandleType(enum.Enum):
    """Why a task wants a handle, and so when it must wait."""

    START = "start"
    USERSPACE = "userspace"
    ATTACH = "attach"
    JOIN = "join"
    JOIN_NOLOCK = "join-nolock"


EXTWRITERS = (HandleType.START, HandleType.USERSPACE, HandleType.ATTACH)
"""Types that commit waits for before it blocks joiners (TRANS_EXTWRITERS)."""

_START = (HandleType.START, HandleType.USERSPACE)
BLOCKED_TYPES: dict[TransState, tuple[HandleType, ...]] = {
    TransState.RUNNING: (),
    TransState.BLOCKED: _START,
    TransState.COMMIT_START: (*_START, HandleType.ATTACH),
    TransState.COMMIT_DOING: (*_START, HandleType.ATTACH, HandleType.JOIN),
    TransState.UNBLOCKED: tuple(HandleType),
    TransState.SUPER_COMMITTED: tuple(HandleType),
    TransState.COMPLETED: tuple(HandleType),
}
"""Which types may not join in which state (btrfs_blocked_trans_types)."""


@dataclass(slots=True, eq=False)
class Transaction:
    """A btrfs_transaction.  ``num_writers`` counts live handles, ``num_extwriters`` those of
    :data:`EXTWRITERS`; ``delayed_refs`` are queued reference changes by extent; ``pinned_extents`` are the
    blocks that it freed; ``pending_ordered`` counts ordered extents that its log has, and that it has to
    complete; ``pending_snapshots`` what its commit has to make.

    ``writeout_began`` is a ghost: that the early writeout really runs, where ``dirty_bg_run`` says so."""

    transid: int
    state: TransState = TransState.RUNNING
    aborted: int = 0
    num_writers: int = 0
    num_extwriters: int = 0
    dirty_bg_run: bool = False
    writeout_began: bool = False
    have_free_bgs: bool = False
    dirty_bgs: list[BlockGroup] = field(default_factory=list)
    pending_chunks: list[ChunkMap] = field(default_factory=list)
    delayed_refs: dict[int, DelayedRefHead] = field(default_factory=dict)
    pinned_extents: set[int] = field(default_factory=set)
    pending_ordered: int = 0
    handles: list[Handle] = field(default_factory=list)
    pending_snapshots: list[PendingSnapshot] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Handle:
    """A btrfs_trans_handle: one task's share in a transaction.

    ``bytes_reserved`` and ``chunk_bytes_reserved`` are METADATA and SYSTEM blocks promised to it;
    ``extwriter`` says whether it still counts as one; ``dirty`` whether it changed anything; ``new_bgs``
    are block groups between phase 1 and 2; ``in_fsync`` that its commit is an fsync's.  A ghost: ``making``
    is the block group that phase 1 is not done with.
    """

    transaction: Transaction
    type: HandleType
    task: str
    use_count: int = 1
    bytes_reserved: int = 0
    chunk_bytes_reserved: int = 0
    allocating_chunk: bool = False
    extwriter: bool = False
    aborted: int = 0
    dirty: bool = False
    in_fsync: bool = False
    new_bgs: list[BlockGroup] = field(default_factory=list)
    making: BlockGroup | None = None

    @property
    def transid(self) -> int:
        """Generation of the transaction."""
        return self.transaction.transid


class Transactions:
    """Starting and ending handles."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.running: Transaction | None = None
        self.trans_list: list[Transaction] = []
        self.last_committed = fs.generation

    def current_handle(self) -> Handle | None:
        """The handle that the running task holds (current->journal_info)."""
        return cast("Handle | None", self.fs.sim.current.journal_info)

    def start_transaction(self, kind: HandleType, root: Root | None = None, items: int = 0) -> Steps[Handle]:
        """A handle of type ``kind``; nested calls of one task share one handle.

        ``items`` is how many METADATA blocks to reserve first; ``root`` is the reference-counted tree
        that will be changed.  Raises Errno: EROFS after an abort, ENOSPC for the reservation, ENOENT
        when there is nothing to ATTACH to.
        """
        if self.fs.error:
            raise Errno(errno.EROFS)
        handle = self.current_handle()
        if handle is not None:
            handle.use_count += 1
            if root is not None:
                yield from self.fs.reloc_trees.btrfs_record_root_in_trans(handle, root)
            return handle
        if items:
            yield from self.fs.space.reserve_metadata(items)
            yield "btrfs_block_rsv_add"
        if kind in _START:
            yield from self.fs.trans_waits.wait_current_trans(kind)
        try:
            while (joined := self._join(kind)) is None:
                yield "wait_current_trans"
                yield from self.fs.trans_waits.wait_current_trans(kind)
                if kind is HandleType.ATTACH:
                    raise Errno(errno.ENOENT)
        except Errno:
            self.fs.space.release_metadata(items)
            raise
        joined.bytes_reserved = items
        self.fs.sim.current.journal_info = joined
        if root is not None:
            yield "join_transaction"
            yield from self.fs.reloc_trees.btrfs_record_root_in_trans(joined, root)
        return joined

    def _join(self, kind: HandleType) -> Handle | None:
        """One handle more, or None where this type has to wait (join_transaction, under trans_lock)."""
        if self.fs.error:
            raise Errno(errno.EROFS)
        trans = self.running
        if trans is None:
            if kind in (HandleType.ATTACH, HandleType.JOIN_NOLOCK):
                raise Errno(errno.ENOENT)
            self.fs.generation += 1
            trans = self.running = Transaction(self.fs.generation)
            self.trans_list.append(trans)
        elif trans.aborted:
            raise Errno(trans.aborted)
        elif kind in BLOCKED_TYPES[trans.state]:
            return None
        handle = Handle(trans, kind, self.fs.sim.current.name, extwriter=kind in EXTWRITERS)
        trans.num_writers += 1
        trans.num_extwriters += handle.extwriter
        trans.handles.append(handle)
        return handle

    def btrfs_end_transaction(self, handle: Handle) -> Steps[None]:
        """Give a handle up; only the outermost end has an effect.

        Raises Errno(EIO) if the transaction was aborted meanwhile.
        """
        if handle.use_count > 1:
            handle.use_count -= 1
            return
        self.release_metadata(handle)
        yield "btrfs_trans_release_metadata"
        with suppress(Errno):  # the handle is aborted then, which is told below
            yield from self.fs.new_block_groups.btrfs_create_pending_block_groups(handle)
        trans = handle.transaction
        throttle = len(trans.delayed_refs) >= DELAYED_REFS_THROTTLE
        if throttle and trans.state is TransState.RUNNING:
            # The kernel wakes the transaction kthread to commit; here the end of the case does it.
            trans.state = TransState.BLOCKED
        yield "btrfs_end_transaction"
        self.drop_writer(handle)
        if handle.aborted or self.fs.error:
            raise Errno(errno.EIO)

    def release_metadata(self, handle: Handle) -> None:
        """Return what the handle reserved and did not use (btrfs_trans_release_metadata)."""
        self.fs.space.release_metadata(handle.bytes_reserved)
        handle.bytes_reserved = 0

    def drop_writer(self, handle: Handle) -> None:
        """The handle is gone: num_writers--, and tasks that wait for that may go on."""
        trans = handle.transaction
        trans.num_writers -= 1
        trans.num_extwriters -= handle.extwriter
        trans.handles.remove(handle)
        self.fs.sim.current.journal_info = None
