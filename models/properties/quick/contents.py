"""A quick look at what the files hold: whole extents at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.btrfs.subvolume import FS_TREE, FileExtentType

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.subvolume import Inode
    from models.properties import Observation
    from models.reference.contents import File


def files_read_as_written(seen: Observation) -> bool:
    """Whether each block holds what its last write wrote, or is being written; and nothing was aborted."""
    inodes = seen.fs.roots[FS_TREE].inodes
    for number, file in seen.reference.files.items():
        inode = inodes.get(number)
        if inode is None or seen.fs.error or not _reads_as_written(seen.fs, inode, file):
            return False
    return True


def _reads_as_written(fs: FsInfo, inode: Inode, file: File) -> bool:
    values = _read(fs, inode, len(file.blocks))
    if len(values) != len(file.blocks):
        return False
    for value, block in zip(values, file.blocks, strict=True):
        for write in block.candidates:
            if write.value == value:
                break
        else:
            if value is not None and value not in block.allowed():
                return False
    return True


def _read(fs: FsInfo, inode: Inode, blocks: int) -> list[int | None]:
    """What :meth:`models.btrfs.fs_info.FsInfo.read_block` returns of each block; another number of them where
    that is not plain.

    Of two items or maps for one block the first counts, so they are read from the last to the first.
    """
    values: list[int | None] = [0] * blocks
    leaf = inode.root.leaves.get(inode.ino)
    items = leaf.items if leaf else {}
    for offset, item in reversed(items.items()):
        written = item.type is not FileExtentType.PREALLOC
        start = item.disk_bytenr + item.offset
        values[offset : offset + item.num] = _stored(fs, start, item.num) if written else [0] * item.num
    for em in reversed(inode.extent_maps):
        here = slice(em.start, em.start + em.num)
        if em.pinned:
            values[here] = [None] * em.num
        elif em.type is FileExtentType.PREALLOC:
            values[here] = [0] * em.num
        else:
            values[here] = _stored(fs, em.block_start, em.num)
    for ordered in inode.ordered:
        values[ordered.start : ordered.start + ordered.num] = [None] * ordered.num
    for block, value in inode.pages.items():
        values[block : block + 1] = (value,)
    return values


def _stored(fs: FsInfo, start: int, num: int) -> list[int]:
    """What the device has of a logical range; nothing if no one chunk has all of it."""
    for chunk in fs.volumes.mapping_tree.values():
        if chunk.start <= start < chunk.start + chunk.length:
            physical = chunk.physical + start - chunk.start
            return (
                fs.device.blocks[physical : physical + num]
                if start + num <= chunk.start + chunk.length
                else []
            )
    return []
