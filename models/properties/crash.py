"""What a crash, or an umount, must leave behind; judged when the file system is mounted again.

That the image is consistent needs no property here: every image was checked when its superblock was
written, and those that the mount itself writes are too.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.btrfs.subvolume import FS_TREE
from models.properties import Mismatch, Observation, When, holds
from models.properties.values import value_text


@holds(When.MOUNT)
def a_block_holds_its_last_durable_write_or_a_newer_one(seen: Observation) -> Iterator[Mismatch]:
    """Contents after a crash, against the reference model."""
    root = seen.fs.roots[FS_TREE]
    for number, file in (*seen.reference.files.items(), *seen.reference.deleted.items()):
        inode = root.inodes.get(number)
        for block, state in enumerate(file.blocks[: inode.size] if inode else ()):
            assert inode is not None
            value, allowed = seen.fs.read_block(inode, block), state.recoverable()
            if value not in allowed:
                yield Mismatch(
                    f"file {number} block {block} reads {' or '.join(map(value_text, allowed))}",
                    f"it reads {value_text(value or 0)}",
                )


@holds(When.MOUNT)
def a_durable_file_is_there(seen: Observation) -> Iterator[Mismatch]:
    """A durable file is there whole.  Others, and deleted ones, may be gone or cut short; none is there that
    nobody made."""
    inodes = seen.fs.roots[FS_TREE].inodes
    for number, file in seen.reference.files.items():
        size = inodes[number].size if number in inodes else 0
        if file.durable and size < len(file.blocks):
            yield Mismatch(f"file {number} has {len(file.blocks)} blocks", f"it has {size}")
    known = seen.reference.files.keys() | seen.reference.deleted.keys()
    unknown = [inode.size for number, inode in inodes.items() if number not in known]
    created = sorted(seen.reference.unfinished, reverse=True)[: len(unknown)]
    if len(unknown) > len(created) or any(a > b for a, b in zip(sorted(unknown)[::-1], created, strict=True)):
        yield Mismatch(
            "every file was created by somebody", f"{len(unknown)} files are there of no known task"
        )


@holds(When.MOUNT)
def a_mount_finishes_what_a_relocation_left(seen: Observation) -> Iterator[Mismatch]:
    """The superblock reaches no reloc tree any more (btrfs_recover_relocation)."""
    left = sorted(seen.fs.device.superblock.roots.keys() - seen.fs.roots.keys())
    if left:
        yield Mismatch("reloc trees were merged or dropped", f"{', '.join(left)} is left")
