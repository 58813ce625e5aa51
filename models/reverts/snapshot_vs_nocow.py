"""e9894fd3e3b3: snapshots against writes in place.

Whether an extent may be overwritten is decided by looking at its references.  A snapshot that is taken after
that look and before the data is on disk shares the extent, and changes with it.  Flushing and waiting for
ordered extents before the snapshot does not help against those who come after the wait.

The fix: who takes a snapshot says so first (``will_be_snapshoted``), then waits for those who write in place
(``subv_writers``, counted from the decision to the ordered extent), then flushes and waits for ordered
extents; who sees it said falls back to COW.  8257b2dc3c1a (v3.15) had introduced the count for buffered
writes without space.
"""

from __future__ import annotations

from models.btrfs.nocow import Nocow
from models.btrfs.snapshot import Snapshots
from models.btrfs.subvolume import Inode, Root
from models.reverts import Revert
from models.simulation import Steps


class NoGuard(Snapshots):
    """Snapshots as before v3.15: writeback in place knows nothing of them."""

    def btrfs_start_write_no_snapshoting(self, root: Root) -> Steps[bool]:  # noqa: ARG002
        """Go on."""
        yield from ()
        return True

    def btrfs_end_write_no_snapshoting(self, root: Root) -> None:
        """Nothing was counted."""


class WaitsBeforeAnnouncing(Snapshots):
    """The snapshot waits for the writers that there are and for what they write, then announces itself."""

    def keep_writers_out(self, root: Root) -> Steps[None]:
        """Wait only."""
        yield from self.btrfs_wait_for_no_snapshoting_writes(root)

    def btrfs_wait_ordered_extents(self, root: Root) -> Steps[None]:
        """Wait, and announce it."""
        yield from super().btrfs_wait_ordered_extents(root)
        root.will_be_snapshoted += 1


class LooksOnce(Snapshots):
    """A writer looks for snapshots before it is counted, and not again."""

    def btrfs_start_write_no_snapshoting(self, root: Root) -> Steps[bool]:
        """Look, then count."""
        if root.will_be_snapshoted:
            return False
        yield "btrfs_start_write_no_snapshoting"
        root.subv_writers.append(self.fs.sim.current.name)
        return True


class OrderedExtentsIgnored(Snapshots):
    """The snapshot waits for the writers' ordered extents to exist, and not for what they write."""

    def btrfs_wait_ordered_extents(self, root: Root) -> Steps[None]:  # noqa: ARG002
        """The commit will see to it."""
        yield from ()


class DirectWritesUnguarded(Nocow):
    """Only writeback takes the guard, as in v4.9."""

    def start_write_no_snapshoting(self, inode: Inode) -> Steps[bool]:  # noqa: ARG002
        """Go on."""
        yield from ()
        return True

    def end_write_no_snapshoting(self, inode: Inode) -> None:
        """Nothing was counted."""


FIX = Revert(
    id="e9894fd3e3b3",
    name="snapshot-vs-nocow",
    subject="Btrfs: fix snapshot vs nocow writting",
    version="v3.15",
    mechanism=__doc__,
    symptom="a snapshot changes after it was taken; checksum errors in it",
    operations=("start-nocow-dio", "snapshot", "complete-bio"),
    expected="a_snapshot_stays_as_it_was_taken",
    overrides=(NoGuard,),
    chain="forcing COW made writes that were accepted without space fail later: 8ecebf4d767e",
)


def _wrong(name: str, mechanism: str, override: type) -> Revert:
    return Revert(
        id=f"wrong/{name}",
        name=name,
        subject=FIX.subject,
        version="",
        mechanism=mechanism,
        symptom=FIX.symptom,
        operations=FIX.operations,
        expected=FIX.expected,
        overrides=(override,),
        wrong_fix_of=FIX.id,
    )


RACES = (
    FIX,
    _wrong(
        "snapshot-waits-before-announcing",
        "Writers and ordered extents are awaited before the snapshot is announced: a write that comes "
        "in between is neither awaited nor warned.",
        WaitsBeforeAnnouncing,
    ),
    _wrong(
        "snapshot-guard-looks-once",
        "A writer looks for snapshots, and is counted later: one that is announced in between finds no "
        "writer.",
        LooksOnce,
    ),
    _wrong(
        "snapshot-ignores-ordered-extents",
        "The snapshot waits until every writer has its ordered extent, and not for the ordered extent.",
        OrderedExtentsIgnored,
    ),
    _wrong(
        "snapshot-guard-without-direct-writes",
        "Only writeback takes the guard.  That is v4.9: btrfs_get_blocks_direct decides by can_nocow_extent "
        "and does not take it.",
        DirectWritesUnguarded,
    ),
)
