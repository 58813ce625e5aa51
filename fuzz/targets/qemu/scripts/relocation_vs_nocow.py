"""f78c436c3931 on a real kernel: a direct write in place is held between its decision and its ordered extent.

The model stops the writer behind ``can_nocow_extent``.  Since the fix the kernel counts it next
(``btrfs_inc_nocow_writers``) and creates its ordered extent then (``btrfs_create_dio_extent``); it is held
between these two, as only a writer that is counted can be waited for.  Without the fix nothing lies
between the model's point and this one.

Switched off is the half of the fix that waits.  The relocation copies the old block and comes to where it
replaces the file's pointers (``replace_file_extents``).  It tries that again and again, as the writer
holds the extent range.  The writer goes on, and overwrites the old block, which nobody will read any more.
"""

from __future__ import annotations

from fuzz.targets.qemu.script import Move, Observation, Script
from fuzz.targets.qemu.switches import Entered, Skip

GROUP = 13631488
"""Logical start of the only DATA block group that mkfs makes."""

SCRIPT = Script(
    race="f78c436c3931",
    setup=(
        "yes O | tr -d '\\n' | head -c 4096 > /tmp/old",
        "yes N | tr -d '\\n' | head -c 4096 > /tmp/new",
        "mkfs.btrfs -q -f -m single -d single /dev/ram0",
        "mount -o nodatacow /dev/ram0 /mnt",
        "cp /tmp/old /mnt/file && sync",
    ),
    moves=(
        Move(
            ("start-nocow-dio until can_nocow_extent",),
            "dd if=/tmp/new of=/mnt/file bs=4096 conv=notrunc oflag=direct",
            hold=("btrfs_inc_nocow_writers", "btrfs_create_dio_extent"),
        ),
        Move(
            ("relocate",),
            f"btrfs balance start -dvrange={GROUP}..{GROUP + 1} /mnt",
            waits_in=("btrfs_wait_nocow_writers",),
            comes_to="replace_file_extents",
        ),
    ),
    window=Entered("btrfs_wait_nocow_writers"),
    switch_off=Skip("btrfs_wait_nocow_writers"),
    settle=("sync", "echo 3 > /proc/sys/vm/drop_caches"),
    observations=(
        Observation("the write is acknowledged", "cat /tasks/1.code", good="0", bad="0"),
        Observation("the file reads", "tr -s NO < /mnt/file", good="N", bad="O"),
    ),
)
