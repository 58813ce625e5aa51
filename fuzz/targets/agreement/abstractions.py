"""The table of known differences: what differs, why, and what that could hide.

What is in no line of it is a disagreement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fuzz.targets.agreement import rules
from fuzz.targets.agreement.difference import Difference

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair


@dataclass(frozen=True, slots=True)
class Abstraction:
    """A known difference; ``applies`` knows it.  ``ends``: what follows cannot be compared."""

    name: str
    differs: str
    why: str
    hides: str
    applies: Callable[[Difference, Pair], bool]
    ends: bool = False


ABSTRACTIONS: tuple[Abstraction, ...] = (
    Abstraction(
        "the cleaner's clock",
        "the kernel has removed a block group that is empty on both sides, or made another one in its place; "
        "after a loss of power it may be there on one side only",
        "the kernel's cleaner wakes up by itself, after commits too; the model's where a program says so",
        "a removal too early, of a block group that is empty but needed",
        rules.cleaned,
    ),
    Abstraction(
        "which block group is allocated from",
        "as much is used, in other block groups, and those that the kernel does not use its cleaner removes; "
        "from then on only how much is used of all is compared, and nothing is relocated",
        "the kernel's allocator has hints and clusters, the model's takes the first block group with room; "
        "and where the model's are full after 31 blocks, the kernel's have 2,048",
        "an allocator that passes over space; in such sequences, what becomes of block groups",
        rules.placed,
    ),
    Abstraction(
        "a balance keeps the profile",
        "a relocation while no data is used at all leaves a new block group, in the model none",
        "btrfs_balance makes one first, or the profile of the data would be lost; the model leaves that out",
        "races of that chunk allocation with the removal behind it",
        rules.profile_kept,
    ),
    Abstraction(
        "which unflushed writes survive",
        "after a loss of power the two hold different states, each as the other side's reference allows",
        "which volatile blocks a device keeps is its choice, and the kernel commits by itself once a second",
        "what follows in that sequence: it ends there",
        rules.survived,
        ends=True,
    ),
    Abstraction(
        "locks held for longer",
        "the kernel's task waits for a lock (inode or range) of one that writes to the same file",
        "in v4.9 a direct write inside of a file drops the inode lock, and unlocks its range while it waits",
        "a task that waits for too long where another one writes to the same file",
        rules.held_longer,
    ),
    Abstraction(
        "fsync waits inside its handle",
        "the model's task waits for one in fsync; the kernel's does not, or waits for the IO itself",
        "in v4.9 fsync waits for IO inside a handle, the log locked; the kernel of today waits before",
        "a kernel that should wait there, and does not",
        rules.fsync_inside,
    ),
    Abstraction(
        "who is woken first",
        "of several tasks that one completion woke, another one went on",
        "the model wakes tasks by name; in the kernel it is the scheduler's choice",
        "a lost order among tasks that wait for the same write",
        rules.woken_together,
    ),
    Abstraction(
        "which write was last",
        "a block holds another value, of writes that overlapped; the reference of either side allows both",
        "follows from who is woken first",
        "nothing that the references do not judge",
        rules.concurrent,
    ),
    Abstraction(
        "the moment of a snapshot",
        "a snapshot has another value of writes that overlapped with it; the references allow both",
        "which state is kept is the system's choice, for each block on its own",
        "nothing that the references do not judge",
        rules.snapshot_moment,
    ),
    Abstraction(
        "a snapshot that changes",
        "on the kernel a snapshot changed after it had been taken, or other blocks are used, where a direct "
        "write had begun meanwhile",
        "the kernel lets a direct write go in place beside a snapshot; the model closes that race "
        "(models/btrfs/direct_io.py)",
        "other causes of a snapshot that changes, in sequences with a direct write beside a snapshot",
        rules.snapshot_changes,
    ),
    Abstraction(
        "pages that a snapshot writes",
        "other blocks are used after a snapshot that had dirty pages to write back",
        "in v4.9 they go to new blocks, as the snapshot is announced first; since 8ecebf4d767e in place",
        "blocks lost or counted twice, in sequences with such a snapshot",
        rules.snapshot_flushes,
    ),
    Abstraction(
        "the second of two snapshots",
        "while another snapshot waits, the kernel's does not put pages in flight yet, and the model's does",
        "the kernel waits in btrfs_start_delalloc_snapshot for pages that are being written already",
        "a snapshot that forgets to write a page back: its contents are compared all the same",
        rules.second_snapshot,
    ),
    Abstraction(
        "no write in place to what was moved",
        "other blocks are used after a write to a file that a relocation has moved",
        "the kernel of today asks for the generation of the file extent item, which relocation leaves as it "
        "was, and never writes in place there again; the model does after the next commit, as v4.9",
        "blocks lost or counted twice, in sequences with such a write",
        rules.not_in_place_again,
    ),
    Abstraction(
        "direct writes through the page cache",
        "a direct write goes out in another number of bios, or a part of it earlier, or dirty pages that it "
        "is copied over do not go out before it; later other blocks are used",
        "to a file with checksums the kernel of today writes through its page cache; the model splits "
        "a write where extents end",
        "blocks lost or counted twice, in sequences with such a write",
        rules.page_cache,
    ),
)
"""A difference is counted for the first that knows it."""
