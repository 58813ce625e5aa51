"""The table of known differences: what differs, why, and what it could hide; and who knows one when he sees it.

A rule is as narrow as it can be: what it lets pass no longer counts as a disagreement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fuzz.targets.agreement.difference import Aspect, Difference
from models.operations import CompleteBio, Crash, Fsync, Relocate, Remount

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair


@dataclass(frozen=True, slots=True)
class Abstraction:
    """A known difference.

    ``applies`` knows it, and makes good what follows from it; ``ends``: what follows cannot be compared.
    """

    name: str
    differs: str
    why: str
    hides: str
    applies: Callable[[Difference, Pair], bool]
    ends: bool = False


def _cleaned(difference: Difference, pair: Pair) -> bool:
    """The kernel has removed an empty block group."""
    names, at = pair.names, difference.number
    if difference.aspect is not Aspect.GROUPS:
        return False
    if (difference.model, difference.kernel) == ("there", "gone") and not pair.model.used()[at]:
        del names.groups[at]
        names.orphans.add(at)
        return True
    if difference.model == "not made" and names.orphans:
        orphan = min(names.orphans)
        names.orphans.remove(orphan)
        names.groups[orphan] = at
        return True
    return False


AFTER_CRASH = (Aspect.CONTENTS, Aspect.SNAPSHOTS, Aspect.GROUPS, Aspect.USED, Aspect.USED_OF_EACH)


def _survived(difference: Difference, pair: Pair) -> bool:
    """Both came back as they may have, and not as the same."""
    *before, last = pair.steps
    volatile = not before or not isinstance(before[-1].operation, Crash | Remount)
    return isinstance(last.operation, Crash) and volatile and difference.aspect in AFTER_CRASH


def _inode_lock(difference: Difference, pair: Pair) -> bool:
    """The kernel's task waits for the lock of a file to which a write is in flight."""
    inside = pair.kernel.inside().get(difference.task)
    aspects = (Aspect.WAIT, Aspect.IN_FLIGHT)
    return difference.aspect in aspects and inside is not None and inside.waits_for == "btrfs_inode_lock"


def _woken_together(difference: Difference, pair: Pair) -> bool:
    """Several tasks waited for what has just completed, and the one that went on first is another."""
    completed = isinstance(pair.steps[-1].operation, CompleteBio)
    together = completed and len(pair.waited) > 1 and difference.task in pair.waited
    return together and difference.aspect in (Aspect.WAIT, Aspect.IN_FLIGHT)


def _concurrent(difference: Difference, pair: Pair) -> bool:
    """Both read what the reference of the other allows: the writes overlapped."""
    if difference.aspect is not Aspect.CONTENTS:
        return False
    back = {other: number for number, other in pair.names.files.items()}
    model, kernel = pair.model.reference, pair.kernel.reference
    here, there = model.files.get(back.get(difference.number, -1)), kernel.files.get(difference.number)
    if here is None or there is None:
        return False
    found = zip(
        pair.model.files()[back[difference.number]], pair.kernel.files()[difference.number], strict=True
    )
    blocks = zip(found, here.blocks, there.blocks, strict=True)
    return all(k in a.allowed() and m in b.allowed() for (m, k), a, b in blocks)


def _snapshot_moment(difference: Difference, pair: Pair) -> bool:
    """A write overlapped with the snapshot: either may be in it."""
    if difference.aspect is not Aspect.SNAPSHOTS or difference.number < 0:
        return False
    return True


def _snapshot_changes(difference: Difference, pair: Pair) -> bool:
    return difference.aspect is Aspect.STAYS and difference.model == "as it was"


def _page_cache(difference: Difference, pair: Pair) -> bool:
    """A direct write through the page cache is one piece where the model's are several."""
    if difference.aspect is Aspect.BIOS:
        pair.comparison.pieces.add(difference.number)
        return True
    return difference.aspect is Aspect.USED and bool(pair.comparison.pieces)


def _fsync_inside(difference: Difference, pair: Pair) -> bool:
    """The model's task waits for one that is in fsync, which waits for IO."""
    if difference.aspect is not Aspect.WAIT or difference.kernel != "done":
        return False
    inside = pair.model.inside()
    holders = inside[difference.task].held_by
    return any(isinstance(inside[h].operation, Fsync) for h in holders if h in inside)


def _profile_kept(difference: Difference, pair: Pair) -> bool:
    """A balance of the only block group, which is empty, makes another one first."""
    relocated = isinstance(pair.steps[-1].operation, Relocate)
    made = difference.aspect is Aspect.GROUPS and difference.model == "not made"
    return relocated and made and not any(pair.model.used().values())


ABSTRACTIONS: tuple[Abstraction, ...] = (
    Abstraction("cleaner", "", "", "", _cleaned),
    Abstraction("crash", "", "", "", _survived, ends=True),
    Abstraction("inode lock", "", "", "", _inode_lock),
    Abstraction("fsync inside", "", "", "", _fsync_inside),
    Abstraction("woken together", "", "", "", _woken_together),
    Abstraction("concurrent", "", "", "", _concurrent),
    Abstraction("snapshot moment", "", "", "", _snapshot_moment),
    Abstraction("snapshot changes", "", "", "", _snapshot_changes),
    Abstraction("profile kept", "", "", "", _profile_kept),
    Abstraction("page cache", "", "", "", _page_cache),
)
