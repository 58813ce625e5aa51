"""ff1f8250a9e4 on a real kernel: a commit meets a block group that has no item yet.

A task in a system call cannot start another one, so the model's three steps are two commands here: a
balance that finds no room makes a block group inside its own transaction handle, and is held before the
item is inserted (``btrfs_create_pending_block_groups``, at the end of the handle).  Who allocates from the
new block group is the writeback of the same ``sync`` that commits; everything else is full or read-only.

Switched off is the tolerance of the early writeout: ``btrfs_start_dirty_block_groups`` compares with
another error code, so -ENOENT is an error like any other, as before v4.1.
"""

from __future__ import annotations

import errno

from fuzz.targets.qemu.script import Move, Observation, Script
from fuzz.targets.qemu.switches import Call, NotTolerated, Returned

GROUP = 13631488
"""Logical start of the only DATA block group that mkfs makes."""
EXTENTS = 32
"""That are written into the new block group."""
UPDATE = Call("btrfs_start_dirty_block_groups", "update_block_group_item", -errno.ENOENT)

SCRIPT = Script(
    race="ff1f8250a9e4",
    setup=(
        "mkfs.btrfs -q -f -m single -d single /dev/ram0",
        "mount /dev/ram0 /mnt",
        "head -c 1048576 /dev/urandom > /mnt/old && sync",
        # Data that waits for its writeback has space promised, so the balance finds too little left.
        "head -c 4096 /dev/urandom > /tmp/block",
        "echo 0 > /proc/sys/vm/dirty_writeback_centisecs",
        # Many extents: a run of the delayed references takes as many as there are when it begins, those of
        # tree blocks first, which make new ones.  A single extent might be left for the critical section.
        f"for number in $(seq {EXTENTS}); do cp /tmp/block /mnt/$number; done",
    ),
    moves=(
        Move(
            ("create-bg", "allocate"),
            f"btrfs balance start -dvrange={GROUP}..{GROUP + 1} /mnt",
            hold=("btrfs_make_block_group", "btrfs_create_pending_block_groups"),
        ),
        Move(
            ("commit",),
            "sync",
            waits_in=("btrfs_commit_transaction",),
        ),
    ),
    window=Returned(UPDATE),
    switch_off=NotTolerated(UPDATE),
    observations=(
        Observation(
            "the kernel says",
            "dmesg | grep -o 'Transaction aborted (error -[0-9]*)' | head -n 1",
            good="",
            bad=f"Transaction aborted (error -{errno.ENOENT})",
        ),
        Observation(
            "the file system is mounted",
            "grep /mnt /proc/mounts | cut -d ' ' -f 4 | cut -d , -f 1",
            good="rw",
            bad="ro",
        ),
    ),
)
