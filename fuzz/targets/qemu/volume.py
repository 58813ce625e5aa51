"""The file system of a case in the guest: how it is made, in lines of shell.

The only DATA block group is full but for holes of one block each.  So whatever needs more than a block in one
piece has to make a block group, and, as space there is in all, makes it itself, inside its own transaction
handle.  (Where space is short in all, a kernel worker makes it, which cannot be held.)
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.targets.qemu.payload import BLOCK, program
from models.geometry import MAX_DATA_BLOCKS, FileKind, Geometry, initial_value

MOUNT = "mount -t btrfs -o nodiscard,commit=300 /dev/ram0 /mnt"
"""``commit=300``: no kernel thread commits by its own clock during a case."""
UMOUNT = "umount /mnt"
CHECK = "btrfs check --readonly /dev/ram0"
FIRST_START = 13631488
"""Logical start of the only DATA block group that mkfs makes, in bytes."""
FIRST_LENGTH = 8 << 20
"""Its length in bytes."""
ROOM = MAX_DATA_BLOCKS * BLOCK
"""Bytes in one piece for the files of a case."""
HOLES = 64
"""Free blocks whose neighbours are all used."""
FILL = "/mnt/fill"
"""Where the files are that fill the block group."""
SPACE = "/sys/fs/btrfs/*/allocation/data"
"""Where the kernel tells how DATA space is used."""
TAKEN = ("bytes_used", "bytes_reserved", "bytes_pinned", "bytes_may_use", "bytes_readonly")

PREPARE = (
    "mkfs.btrfs -q -f -m single -d single /dev/ram0",
    "mkdir -p /var/lib/btrfs",  # where scrub writes how far it is
    "echo 0 > /proc/sys/vm/dirty_writeback_centisecs",  # no page is written back by a clock
    MOUNT.replace("-o ", "-o nodatacow,"),
    f"mkdir {FILL} && fallocate -l {ROOM} {FILL}/room",
    f"for n in $(seq {HOLES}); do fallocate -l {BLOCK} {FILL}/hole$n; fallocate -l {BLOCK} {FILL}/$n; done",
    f"fallocate -l {FIRST_LENGTH - ROOM - 2 * HOLES * BLOCK} {FILL}/rest && sync",
    f"rm {FILL}/hole* && sync",
    "dmesg -c > /dev/null",
)
"""What is done once, before the guest is saved; mounted so that files are NODATACOW."""


def populate(geometry: Geometry) -> Iterator[str]:
    """What is done for each case: its files, all durable, in the room that was left for them.

    Raises ValueError where they do not fit.
    """
    left = ROOM - BLOCK * sum(file.blocks for file in geometry.files)
    if left < 0:
        raise ValueError(f"the files need {ROOM - left} bytes, there are {ROOM}")
    kinds = list(enumerate(geometry.files))
    yield f"rm {FILL}/room && sync"
    for number, file in kinds:
        if file.kind is FileKind.NODATACOW:
            values = [initial_value(number, block) for block in range(file.blocks)]
            yield f"awk '{program(values)}' > /mnt/{number}"
    yield "sync && mount -o remount,datacow /mnt"
    for number, file in kinds:
        if file.kind is FileKind.PREALLOC:
            yield f"fallocate -l {file.blocks * BLOCK} /mnt/{number}"
    if left:
        yield f"fallocate -l {left} {FILL}/left"
    yield "sync"
