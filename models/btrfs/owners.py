"""What uses each block of a mounted file system, by what the trees and the memory say.

Reads everything and changes nothing: for drawing a file system (:mod:`models.btrfs.state`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from models.btrfs.device import SUPER_MIRROR
from models.btrfs.subvolume import DATA_RELOC_TREE, FS_TREE, FileExtentType, Root

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class Use(enum.Enum):
    """What a block is used for."""

    FREE = "free"
    SUPER = "super"
    """A superblock copy."""
    PINNED = "pinned"
    """Freed, by a transaction that is not committed yet."""
    DATA = "data"
    PREALLOC = "prealloc"
    COPY = "copy"
    """What a relocation copies to: its inode has it."""
    WRITING = "writing"
    """An ordered extent writes to it, and no tree knows it."""
    EXTENT = "extent"
    """Part of an extent that has an item; no file needs this block."""
    RESERVED = "reserved"
    """Out of the free space; nobody can be named."""


class Owner(NamedTuple):
    """One use of one logical block."""

    block: int
    use: Use
    name: str


Owners = dict[int, list[Owner]]


def block_owners(fs: FsInfo) -> Owners:
    """Every use of every block, what tells most first."""
    owners: Owners = {}
    for source in (pinned_blocks, file_blocks, ordered_blocks, super_blocks):
        for owner in source(fs):
            owners.setdefault(owner.block, []).append(owner)
    for owner in extent_blocks(fs):
        owners.setdefault(owner.block, [owner])
    return owners


def pinned_blocks(fs: FsInfo) -> Iterator[Owner]:
    """Blocks that were freed, by a transaction that is not committed yet."""
    for trans in fs.transactions.trans_list:
        for block in sorted(trans.pinned_extents):
            yield Owner(block, Use.PINNED, f"pinned by transaction {trans.transid}")


def file_blocks(fs: FsInfo) -> Iterator[Owner]:
    """Blocks that a file extent item points to, in any tree."""
    for root in fs.roots.values():
        for ino, leaf in sorted(root.leaves.items()):
            for offset, item in leaf.items.items():
                use = Use.PREALLOC if item.type is FileExtentType.PREALLOC else Use.DATA
                if root.name == DATA_RELOC_TREE:
                    use = Use.COPY
                first = item.disk_bytenr + item.offset
                for i in range(item.num):
                    yield Owner(first + i, use, f"{inode_name(root, ino)} block {offset + i}")


def ordered_blocks(fs: FsInfo) -> Iterator[Owner]:
    """Blocks that are being written."""
    for ordered in fs.ordered.all():
        name = inode_name(ordered.inode.root, ordered.inode.ino)
        for i in range(ordered.num):
            yield Owner(ordered.disk_bytenr + i, Use.WRITING, f"{name} block {ordered.start + i}")


def extent_blocks(fs: FsInfo) -> Iterator[Owner]:
    """Blocks of extents that have an item."""
    for bytenr, item in sorted(fs.trees.extent.root.items()):
        for block in range(bytenr, bytenr + item.length):
            yield Owner(block, Use.EXTENT, f"extent {bytenr}")


def super_blocks(fs: FsInfo) -> Iterator[Owner]:
    """The block that the second superblock copy is in: neither free nor owned by anybody else."""
    for group in fs.block_groups.tree.values():
        chunk = fs.volumes.mapping_tree.get(group.start)
        if group.bytes_super and chunk is not None:
            yield Owner(chunk.start + SUPER_MIRROR - chunk.physical, Use.SUPER, "superblock copy")


def inode_name(root: Root, ino: int) -> str:
    """A file, as text."""
    if root.name == DATA_RELOC_TREE:
        return f"relocation inode {ino}"
    return f"file {ino}" if root.name == FS_TREE else f"{root.name} file {ino}"
