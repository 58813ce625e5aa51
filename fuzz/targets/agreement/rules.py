"""When a difference is known: a rule for each entry of :mod:`fuzz.targets.agreement.abstractions`.

A rule is as narrow as it can be, for what it lets pass no longer counts as a disagreement.  It may correct
what follows from the difference, such as the names of block groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.agreement.difference import STANDS, Aspect, Difference
from models.operations import (
    BufferedWrite,
    CompleteBio,
    Crash,
    Fsync,
    Relocate,
    Remount,
    Snapshot,
    StartNocowDio,
)

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair

AFTER_CRASH = (Aspect.CONTENTS, Aspect.SNAPSHOTS, Aspect.GROUPS, Aspect.USED, Aspect.USED_OF_EACH)
"""What a loss of power may leave in one state or another."""
LOCKS = ("btrfs_inode_lock", "btrfs_lock_extent_bits")
"""The functions in which the kernel's task waits for another task that writes to the same file."""
WRITES = (StartNocowDio, BufferedWrite, Fsync)
"""The operations that take these locks."""


def cleaned(difference: Difference, pair: Pair) -> bool:
    """The kernel has removed a block group that is empty on both sides, or made another one in its place."""
    names, at = pair.names, difference.number
    never_seen = difference.kernel == "not made" and difference.model == "there"
    if (never_seen or _removed(difference, pair)) and at not in pair.model.in_use():
        names.part(at)
        return True
    if difference.aspect is Aspect.GROUPS and difference.model == "not made" and names.orphans:
        names.adopt(min(names.orphans), at)
        return True
    return False


def placed(difference: Difference, pair: Pair) -> bool:
    """The two have taken space from different block groups; the cleaner may have removed the kernel's."""
    if _removed(difference, pair) or _counted_elsewhere(difference, pair):
        pair.names.apart = True
        return True
    return False


def _removed(difference: Difference, pair: Pair) -> bool:
    """Whether the kernel has no longer a block group of the model's, and nothing of its own is in it."""
    gone = difference.aspect is Aspect.GROUPS and difference.kernel == "gone"
    return gone and not pair.kernel.extents_at(pair.names.groups[difference.number])


def _counted_elsewhere(difference: Difference, pair: Pair) -> bool:
    """Whether as much is used, in other block groups, and each side's counts are those of its own extents."""
    return difference.aspect is Aspect.USED_OF_EACH and all(
        used == side.extents_at(at) for side in (pair.model, pair.kernel) for at, used in side.used().items()
    )


def profile_kept(difference: Difference, pair: Pair) -> bool:
    """A balance of an empty file system makes a block group first."""
    relocated = isinstance(pair.steps[-1].operation, Relocate)
    made = difference.aspect is Aspect.GROUPS and difference.model == "not made"
    return relocated and made and not any(pair.model.used().values())


def survived(difference: Difference, pair: Pair) -> bool:
    """Each side came back with contents that it may have, and they differ."""
    *before, last = pair.steps
    volatile = not before or not isinstance(before[-1].operation, Crash | Remount)
    return isinstance(last.operation, Crash) and volatile and difference.aspect in AFTER_CRASH


def held_longer(difference: Difference, pair: Pair) -> bool:
    """The kernel's task waits for a lock of another task, which writes to the same file."""
    inside = pair.kernel.inside()
    waiting = inside.get(difference.task)
    if difference.aspect not in STANDS or waiting is None or waiting.waits_for not in LOCKS:
        return False
    file = getattr(waiting.operation, "file", None)
    others = [one.operation for task, one in inside.items() if task != difference.task]
    return any(isinstance(other, WRITES) and getattr(other, "file", -1) == file for other in others)


def woken_together(difference: Difference, pair: Pair) -> bool:
    """Several tasks waited for what has just completed, and the one that went on first is another."""
    completed = isinstance(pair.steps[-1].operation, CompleteBio)
    together = completed and len(pair.waited) > 1 and difference.task in pair.waited
    return together and difference.aspect in STANDS


def concurrent(difference: Difference, pair: Pair) -> bool:
    """The reference of each side allows what the other reads, too: the writes overlapped.

    After a mount the references know only one of them.
    """
    if difference.aspect is Aspect.CRASH:
        return any(subject.startswith(f"{Aspect.CONTENTS}: ") for subject in pair.stood)
    if difference.aspect is not Aspect.CONTENTS:
        return False
    there = difference.number
    here = {other: number for number, other in pair.names.files.items()}.get(there, -1)
    model, kernel = pair.model.reference.files.get(here), pair.kernel.reference.files.get(there)
    if model is None or kernel is None:
        return False
    read = zip(pair.model.files()[here], pair.kernel.files()[there], strict=True)
    blocks = zip(read, model.blocks, kernel.blocks, strict=True)
    return all(k in a.allowed() and m in b.allowed() for (m, k), a, b in blocks)


def snapshot_moment(difference: Difference, pair: Pair) -> bool:
    """The reference of each side allows the other's snapshot, too: the write overlapped with it."""
    return difference.aspect is Aspect.SNAPSHOTS and pair.comparison.snapshot_may_be_either(difference.number)


def snapshot_changes(difference: Difference, pair: Pair) -> bool:
    """A direct write began while the snapshot was being taken, and ended afterwards, in place."""
    if not pair.comparison.beside_snapshot:
        return False
    changed = difference.aspect is Aspect.STAYS and difference.model == "as it was"
    return changed or difference.aspect is Aspect.USED


def snapshot_flushes(difference: Difference, pair: Pair) -> bool:
    """Dirty pages that a snapshot wrote back went in place, not to new blocks."""
    return difference.aspect is Aspect.USED and pair.comparison.flushed_by_snapshot


def second_snapshot(difference: Difference, pair: Pair) -> bool:
    """The second of two snapshots waits for the first before it writes dirty pages back."""
    taking = [one for one in pair.kernel.inside().values() if isinstance(one.operation, Snapshot)]
    in_flight = difference.aspect is Aspect.IN_FLIGHT and difference.model == "in flight"
    return in_flight and len(taking) > 1 and isinstance(pair.writes[difference.number - 1], BufferedWrite)


def not_in_place_again(difference: Difference, pair: Pair) -> bool:
    """What a relocation has moved was written to."""
    return difference.aspect is Aspect.USED and pair.comparison.moved_and_written


def page_cache(difference: Difference, pair: Pair) -> bool:
    """A direct write through the page cache is one extent where the model's are several.

    Its first pages may be written back by other tasks while it waits for the next ones.  It is copied over
    dirty pages, which the model's write has written back before.
    """
    early = difference.aspect is Aspect.IN_FLIGHT and difference.kernel == "in flight"
    if difference.aspect is Aspect.BIOS or (early and _has_checksums(pair, difference.number)):
        pair.comparison.pieces.add(difference.number)
        return True
    if difference.aspect is Aspect.IN_FLIGHT and not early:
        return _copied_over(pair, difference.number)
    return difference.aspect is Aspect.USED and bool(pair.comparison.pieces)


def _has_checksums(pair: Pair, value: int) -> bool:
    """Whether it is a direct write that goes on, of several blocks, to a file with checksums."""
    write, files = pair.writes[value - 1], pair.model.reference.files
    several = isinstance(write, StartNocowDio) and write.blocks > 1
    goes_on = pair.writers[value - 1] in pair.kernel.inside()
    return several and goes_on and write.file in files and not files[write.file].nodatacow


def _copied_over(pair: Pair, value: int) -> bool:
    """Whether it is a buffered write to a file with checksums, to blocks of a direct write that goes on."""
    write, files = pair.writes[value - 1], pair.model.reference.files
    if not isinstance(write, BufferedWrite) or write.file not in files or files[write.file].nodatacow:
        return False
    direct = [one.operation for one in pair.model.inside().values()]
    return any(isinstance(one, StartNocowDio) and _overlap(one, write) for one in direct)


def _overlap(one: StartNocowDio, other: BufferedWrite) -> bool:
    return (
        one.file == other.file
        and other.block < one.block + one.blocks
        and one.block < other.block + other.blocks
    )


def fsync_inside(difference: Difference, pair: Pair) -> bool:
    """The model's task waits for one that is in fsync, which waits for IO."""
    inside = pair.model.inside()
    if difference.aspect not in (Aspect.WAIT, Aspect.WHERE) or difference.task not in inside:
        return False
    holders = inside[difference.task].held_by
    return any(isinstance(inside[h].operation, Fsync) for h in holders if h in inside)
