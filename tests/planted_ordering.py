"""Planted defects of order: what a kernel does too early, or not before something else.

Nothing is wrong in memory then, and nothing on the disk once all is written: only a crash at the wrong
moment shows it.  ``also_seen_by`` are properties that would see it without one, by looking at what must
come first; they are switched off where it is tried whether the crash alone is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fuzz.case import Case
from models.btrfs.commit import Commit
from models.btrfs.delayed_refs import DelayedRefs
from models.btrfs.device import Bio
from models.btrfs.direct_io import DirectIo
from models.btrfs.mount import Mount
from models.btrfs.ordered_data import OrderedData, OrderedExtent
from models.btrfs.trans_waits import TransWaits
from models.btrfs.transaction import Handle, Transaction, TransState
from models.btrfs.trees import Image
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Commit as Sync,
)
from models.operations import (
    CompleteBio,
    Free,
    Operation,
    Relocate,
    StartNocowDio,
    Step,
)
from models.simulation import Steps


class SuperblockBeforeTreeBlocks(Commit):
    """The superblock is written first, its trees afterwards."""

    def btrfs_write_and_wait_transaction(self, image: Image) -> None:
        """Write the superblock."""
        self.fs.device.write_super(image)

    def write_ctree_super(self, image: Image) -> None:
        """Write the trees."""
        self.fs.device.write_tree_blocks(image)
        self.fs.device.flush()


class NoFlushBeforeTheSuperblock(Commit):
    """The superblock goes to the medium, the trees stay in the cache until the next commit's flush."""

    def btrfs_write_and_wait_transaction(self, image: Image) -> None:
        """Flush too early."""
        self.fs.device.flush()
        self.fs.device.write_tree_blocks(image)

    def write_ctree_super(self, image: Image) -> None:
        """Write it with FUA, without a flush."""
        self.fs.device.write_super_fua(image)


class WokenBeforeTheSuperblock(TransWaits):
    """Who comes too late to commit, and waits for the commit, goes on when the next transaction may start."""

    def wait_for_commit(self, trans: Transaction, state: TransState = TransState.COMPLETED) -> Steps[None]:
        """The committer of the next transaction waits as ever: it holds a handle."""
        if self.fs.transactions.current_handle() is None:
            yield from self._wait_for_state(trans, TransState.UNBLOCKED)
        else:
            yield from super().wait_for_commit(trans, state)


class UnpinBeforeTheSuperblock(Commit):
    """What was freed can be used again when the trees are written."""

    def _write_out(self, trans: Transaction, image: Image) -> Steps[None]:
        self.btrfs_write_and_wait_transaction(image)
        yield from self.fs.pinned_extents.btrfs_finish_extent_commit(trans)
        yield "btrfs_write_and_wait_transaction"
        self.write_ctree_super(image)
        self.fs.tree_log_mutex.unlock()
        trans.state = TransState.SUPER_COMMITTED
        yield "write_ctree_super"


class MetadataBeforeData(DirectIo):
    """The file extent item is inserted while the data is on its way."""

    def btrfs_endio_direct_write(self, bio: Bio) -> Steps[None]:
        """Finish first; meanwhile the bio is somewhere in the device."""
        self.fs.device.in_flight.remove(bio)
        yield from self.fs.ordered.btrfs_finish_ordered_io(bio.ordered)
        yield "btrfs_endio_direct_write"
        self.fs.device.in_flight.append(bio)
        self.fs.device.complete(bio)
        self.fs.ordered.btrfs_remove_ordered_extent(bio.ordered)


class OrderedUntilWritten(OrderedData):
    """Its other half: readers and relocation wait for the data all the same."""

    def btrfs_remove_ordered_extent(self, ordered: OrderedExtent) -> None:
        """Not before the data is there."""
        if ordered.io_done:
            super().btrfs_remove_ordered_extent(ordered)


class FreedBeforeTheCommit(DelayedRefs):
    """A freed range is not pinned until the commit is durable."""

    def btrfs_run_delayed_refs(self, handle: Handle) -> Steps[None]:
        """Unpin at once."""
        yield from super().btrfs_run_delayed_refs(handle)
        yield from self.fs.pinned_extents.btrfs_finish_extent_commit(handle.transaction)


class RelocationIsNotRecovered(Mount):
    """Mount leaves reloc trees alone."""

    def btrfs_recover_relocation(self) -> Steps[None]:
        """Do nothing."""
        yield from ()


class OrphansStay(Mount):
    """Mount leaves the relocation inode alone."""

    def btrfs_orphan_cleanup(self) -> Steps[None]:
        """Do nothing."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Ordering:
    """``rooms`` have the defect; ``operations`` and a crash find it in ``cases`` random cases, which go on
    where ``used`` (or a fresh file system) ends."""

    rooms: tuple[type, ...]
    operations: tuple[type[Operation], ...]
    also_seen_by: tuple[str, ...] = ()
    used: Case = Case(Geometry(), ())  # noqa: RUF009 - it is immutable
    cases: int = 60


def _written(file: int) -> tuple[Step, ...]:
    """A write of the file's only block, and a commit."""
    return (
        Step("CPU 1", StartNocowDio(file)),
        Step("kworker 1", CompleteBio("CPU 1")),
        Step("CPU 1"),
        Step("CPU 1", Sync()),
    )


TIGHT = Case(
    Geometry(1, 3, 0, (File(FileKind.PREALLOC, 1), File(FileKind.PREALLOC, 1))),
    (*_written(0), *_written(1), *_written(0), *_written(1)),
)
"""Three blocks, all written before: a write goes to the one that a file, mostly the other, has just left."""
WINDOWS = ("btrfs_endio_direct_write", "TRANS_STATE_UNBLOCKED", "btrfs_write_and_wait_transaction")
"""Where operations are stopped that pass them: between what must come first and what must come after."""
WRITING: Sequence[type[Operation]] = (StartNocowDio, CompleteBio, Sync)
ORDERINGS = {
    "superblock before tree blocks": Ordering((SuperblockBeforeTreeBlocks,), (*WRITING, Free)),
    "no flush before the superblock": Ordering((NoFlushBeforeTheSuperblock,), (*WRITING, Free)),
    "woken before the superblock": Ordering(
        (WokenBeforeTheSuperblock,), (*WRITING, Free), ("a_commit_that_returns_is_durable",), TIGHT, 100
    ),
    "unpinned before the superblock": Ordering(
        (UnpinBeforeTheSuperblock,),
        tuple(WRITING),
        ("what_the_superblock_references_is_not_free", "what_is_allocated_was_nobodys"),
        TIGHT,
        400,
    ),
    "metadata before data": Ordering(
        (MetadataBeforeData, OrderedUntilWritten), tuple(WRITING), (), TIGHT, 400
    ),
    "freed before the commit": Ordering(
        (FreedBeforeTheCommit,),
        tuple(WRITING),
        ("what_the_superblock_references_is_not_free", "what_is_allocated_was_nobodys"),
        TIGHT,
        200,
    ),
    "a relocation is not recovered": Ordering((RelocationIsNotRecovered,), (Relocate, Sync)),
    "orphans stay": Ordering((OrphansStay,), (Relocate, Sync)),
}
