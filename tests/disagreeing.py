"""Pairs of models, one of them with a room that differs: what a comparison of model and kernel must see."""

from __future__ import annotations

import errno

from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.pair import DISAGREEMENT, Pair
from models.btrfs.block_group import BlockGroup
from models.btrfs.device import Bio
from models.btrfs.direct_io import DirectIo
from models.btrfs.errors import Errno
from models.btrfs.file_items import FileItems
from models.btrfs.fs_info import FsInfo
from models.btrfs.ordered_data import OrderedData, OrderedExtent
from models.btrfs.snapshot import Snapshots
from models.btrfs.subvolume import Root
from models.btrfs.transaction import Handle
from models.btrfs.trees import BlockGroupType
from models.btrfs.trim import Trim as TrimRoom
from models.btrfs.volumes import Volumes
from models.geometry import File, FileKind, Geometry
from models.operations import (
    CompleteBio,
    Crash,
    Fsync,
    StartNocowDio,
    Step,
)
from models.properties import Mismatch, When
from models.simulation import Steps
from models.world import Violation

GEOMETRY = Geometry(1, 31, 20, (File(FileKind.NODATACOW, 4), File(FileKind.PREALLOC, 2)))
WRITTEN = (
    Step("CPU 1", StartNocowDio(0, 0, 1)),
    Step("kworker 1", CompleteBio("CPU 1", 0)),
    Step("CPU 1", Fsync(0)),
    Step("mount", Crash(0)),
)


class Unjudged(ModelSide):
    """A model that nobody judges, with a room of one's own: only the comparison can see what is wrong."""

    room: type = object

    def _overrides(self) -> list[type]:
        return [self.room]

    def check(self, when: When, *, of_history: bool = False) -> None:
        """Nothing is looked at."""

    def complain(self, name: str, mismatch: Mismatch) -> None:
        """Nobody listens."""


def pair_with(room: type) -> Pair:
    """The model, and in the kernel's place one with that room."""
    other = type("Planted", (Unjudged,), {"room": room})
    return Pair(ModelSide(GEOMETRY), other(GEOMETRY), Counts())


def differs(pair: Pair, *steps: Step) -> str:
    """What the two do not agree on in that program; empty if they do."""
    try:
        for step in steps:
            assert pair.apply(step), f"{step} makes no sense"
        pair.finish()
    except Violation as violation:
        return violation.property.removeprefix(DISAGREEMENT)
    return ""


class RefusesTrim(TrimRoom):
    """A trim that fails."""

    def btrfs_trim_fs(self, start: int = 0) -> Steps[int]:
        """Where the other does not."""
        del start
        yield "btrfs_trim_fs"
        raise Errno(errno.EIO)


class WritesOther(DirectIo):
    """A direct write after which another value is in the block."""

    def btrfs_endio_direct_write(self, bio: Bio) -> Steps[None]:
        """It completes, and then the device forgets it."""
        yield from super().btrfs_endio_direct_write(bio)
        self.fs.device.blocks[bio.physical] = -7


class LeaksExtents(FileItems):
    """A file that is deleted keeps its space."""

    def drop_refs(self, handle: Handle, root: str, ino: int, items: object) -> None:
        """Not."""


class WaitsForNobody(OrderedData):
    """A relocation that overtakes writes in flight."""

    def btrfs_wait_ordered_roots(self, group: BlockGroup) -> Steps[None]:
        """It does not look."""
        del group
        yield from ()


class WaitsElsewhere(OrderedData):
    """Who waits for an ordered extent waits for something else."""

    def btrfs_start_ordered_extent(self, ordered: OrderedExtent) -> Steps[None]:
        """For as long."""
        yield from self.fs.sim.wait_event("something else", lambda: ordered.complete)


class MisreadsSnapshots(Snapshots):
    """What is in a snapshot nobody wrote."""

    def read_block(self, root: Root, ino: int, block: int) -> int | None:
        """One value more."""
        value = super().read_block(root, ino, block)
        return None if value is None else value - 1


class ChangesSnapshots(Snapshots):
    """A snapshot that holds other values after the next commit."""

    def __init__(self, fs: FsInfo) -> None:
        super().__init__(fs)
        self.taken = 0

    def read_block(self, root: Root, ino: int, block: int) -> int | None:
        """As it was, and then not."""
        now = self.fs.device.superblock.generation
        self.taken = self.taken or now
        value = super().read_block(root, ino, block)
        return None if value is None else value - (now > self.taken)


class MakesTwo(Volumes):
    """Two block groups where one was asked for."""

    def do_chunk_alloc(self, handle: Handle, kind: BlockGroupType, *, force: bool = False) -> Steps[None]:
        """And one more."""
        yield from super().do_chunk_alloc(handle, kind, force=force)
        yield from super().do_chunk_alloc(handle, kind, force=force)


class ForgetsTheLog(DirectIo):
    """A direct write that never gets to its bio."""

    def _btrfs_submit_direct(self, ordered: object, value: int) -> None:
        """Not."""


class Unguarded(Snapshots):
    """Direct writes go in place beside a snapshot, and the snapshot does not wait for them."""

    def btrfs_wait_ordered_extents(self, root: Root) -> Steps[None]:
        """It does not."""
        del root
        yield from ()
