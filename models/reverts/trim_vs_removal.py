"""04216820fe83: trim against removal of the block group and reuse of its place.

Trim hides a free range, sends a discard, and puts the range back, all without a transaction.  Meanwhile the
block group may be removed, the removal committed, and its device range given to a new chunk.  The discard
that is still on its way then wipes out what the new owner has written.

The fix counts who trims a block group (``trimming``).  Removal sets ``removed`` and looks at the count in one
section under ``bg.lock``: while it is not zero the chunk map is not dropped but moved to ``pinned_chunks``,
whose device ranges nobody may take.  The last who trims drops it.  Who comes after ``removed`` does not trim.
"""

from __future__ import annotations

from dataclasses import replace

from models.btrfs.block_group import BlockGroup
from models.btrfs.dev_extents import DevExtents
from models.btrfs.errors import Errno
from models.btrfs.fs_info import FsInfo
from models.btrfs.transaction import Transaction
from models.btrfs.trim import Trim
from models.btrfs.volumes import ChunkMap, Volumes
from models.reverts import Revert
from models.simulation import Steps

NOBODYS = "new_chunks_take_device_space_that_nobody_has"
ASSERTION = "no_assertion_of_the_kernel_fails"
LEFT = "nothing_of_a_trim_is_left"
CONTENTS = "every_block_reads_as_its_last_write_or_a_concurrent_one"


class NobodyIsCounted(DevExtents):
    """Removal as it was before v3.19: it does not know who trims."""

    def is_frozen(self, group: BlockGroup) -> bool:  # noqa: ARG002
        """The chunk map goes at once."""
        return False

    def get_block_group_trimming(self, group: BlockGroup) -> bool:  # noqa: ARG002
        """Trim whatever was looked up."""
        return True

    def put_block_group_trimming(self, group: BlockGroup) -> Steps[None]:
        """There is no map to drop; what was put back too late is freed here, as that is another story."""
        yield from ()
        if group.removed:
            self.remove_free_space_cache(group)


class GoesOn(Trim):
    """Trim that skips what is gone: the EINVAL that it would return does no harm."""

    def btrfs_trim_block_group(self, group: BlockGroup) -> Steps[int]:
        """Nothing was trimmed where the address has no chunk any more."""
        try:
            return (yield from super().btrfs_trim_block_group(group))
        except Errno:
            return 0


class LeavesEntries(DevExtents):
    """The last who trims drops the map, and nothing else."""

    def remove_free_space_cache(self, group: BlockGroup) -> None:
        """What was put back after removal stays for ever."""


class SetsStartBlindly(DevExtents):
    """The search of a device hole as it was in v4.1."""

    def search_hole(self, trans: Transaction, low: int, high: int, length: int) -> int | None:
        """Go behind each chunk that lies in the hole, even back to one that lies in front of another."""
        start = low
        for chunk in self.chunks_in_memory(trans):
            if chunk.physical < high and low < chunk.physical + chunk.length:
                start = chunk.physical + chunk.length
        return start if start + length <= high else None


class CountsWithoutLooking(DevExtents):
    """Trim that freezes what was removed already."""

    def get_block_group_trimming(self, group: BlockGroup) -> bool:
        """Count, and never mind ``removed``."""
        group.trimming += 1
        return True


class RemembersFrozen(DevExtents):
    """Removal that asked earlier whether somebody trims."""

    def __init__(self, fs: FsInfo) -> None:
        super().__init__(fs)
        self.frozen: list[BlockGroup] = []

    def is_frozen(self, group: BlockGroup) -> bool:
        """What it was told then."""
        return group in self.frozen


class LooksTooEarly(Volumes):
    """Removal that looks at ``trimming`` before it deletes the item, and sets ``removed`` behind it."""

    def delete_block_group_item(self, group: BlockGroup) -> None:
        """Ask now."""
        assert isinstance(self.fs.dev_extents, RemembersFrozen)
        if group.trimming:
            self.fs.dev_extents.frozen.append(group)
        super().delete_block_group_item(group)


class SearchesPendingOnly(DevExtents):
    """A search that knows the chunks of its own transaction only."""

    def chunks_in_memory(self, trans: Transaction) -> list[ChunkMap]:
        """The pinned ones are in the mapping tree, so their logical address at least is safe."""
        return list(trans.pending_chunks)


FIX = Revert(
    id="04216820fe83",
    name="trim-vs-removal",
    subject="Btrfs: fix race between fs trimming and block group remove/allocation",
    version="v3.19",
    mechanism=__doc__,
    symptom="data of a new block group is wiped out by a discard for an old one",
    operations=("trim", "relocate", "commit", "create-bg"),
    expected=NOBODYS,
    signs=(CONTENTS,),
    overrides=(NobodyIsCounted, GoesOn),
    chain="opened 946ddbe805cb and 1b9845081633/pinned: the map that is kept, and what is put back",
)

LEAK = Revert(
    id="946ddbe805cb",
    name="trim-leaves-entries",
    subject="Btrfs: fix memory leak after block remove + trimming",
    version="v3.19",
    mechanism="""Removal throws away the free space entries of a block group.  Whoever trims it then has
hidden one, and puts it back afterwards:
into a block group that nobody can find any more, where nobody frees it.""",
    symptom="memory leak of free space entries",
    operations=("trim", "relocate"),
    expected=LEFT,
    overrides=(LeavesEntries,),
    chain="opened by 04216820fe83",
)

REGRESSION = Revert(
    id="1b9845081633/pinned",
    name="hole-with-pinned-chunk",
    subject="Btrfs: fix chunk allocation regression leading to transaction abort",
    version="v4.2",
    mechanism="""1b9845081633 made the search of a device hole go on behind a chunk that lies in it and has no
device extent yet.  The pending chunks are looked at first, then the pinned ones, and each sets the start to
its own end.  A pinned chunk (of a removed block group that is still trimmed) in front of a pending one takes
the start back, to where the pending chunk begins: two chunks in one place.""",
    symptom="transaction abort with -EEXIST when the second chunk's device extent is inserted",
    operations=("trim", "relocate", "commit", "create-bg"),
    expected=NOBODYS,
    signs=("no_legal_schedule_aborts",),
    overrides=(SetsStartBlindly,),
    confirmed=False,
    chain="opened by 1b9845081633, and by the pinned chunks of 04216820fe83",
)


def _wrong(name: str, subject: str, mechanism: str, expected: str, *overrides: type) -> Revert:
    return Revert(
        id=f"wrong/{name}",
        name=name,
        subject=subject,
        version=FIX.version,
        mechanism=mechanism,
        symptom=FIX.symptom,
        operations=FIX.operations,
        expected=expected,
        overrides=overrides,
        confirmed=False,
        wrong_fix_of=FIX.id,
    )


RACES = (
    FIX,
    LEAK,
    REGRESSION,
    _wrong(
        "frozen-though-removed",
        "trim counts itself without a look at removed",
        """``trimming`` is counted without a look at ``removed``.  Whoever looked the block group up before
its removal counts afterwards, when the map is gone already, and as the last one drops it once more.""",
        ASSERTION,
        CountsWithoutLooking,
    ),
    replace(
        _wrong(
            "frozen-looked-at-early",
            "removal looks at the count of trimmers before it sets removed",
            """Removal looks at ``trimming`` first and sets ``removed`` later.  Who has done with trimming in
between finds ``removed`` not set and leaves the map, which removal then keeps for him: nobody drops it.  Who
begins in between is not seen: he finds ``removed`` not set, trims, and the map is dropped under him.""",
            LEFT,
            LooksTooEarly,
            RemembersFrozen,
        ),
        operations=LEAK.operations,
        signs=(ASSERTION,),
    ),
    _wrong(
        "pinned-not-searched",
        "the map of a frozen block group is kept, and its device range is not",
        """The map of a removed block group is kept while it is trimmed, and so its logical address; the
search for device space looks at pending chunks only.""",
        NOBODYS,
        SearchesPendingOnly,
    ),
)
