"""A fresh file system (mkfs.btrfs -d single -m single), as an image on a device."""

from __future__ import annotations

from types import MappingProxyType

from models.btrfs.device import RESERVED_BLOCKS, Device
from models.btrfs.subvolume import DATA_RELOC_TREE, FS_TREE, TREE_BLOCKS, FileExtent, FileExtentType, Leaf
from models.btrfs.trees import (
    BlockGroupItem,
    BlockGroupType,
    ChunkItem,
    DevExtent,
    ExtentItem,
    Image,
    RefKey,
    RootItem,
)
from models.btrfs.volumes import METADATA_CHUNK, SYSTEM_CHUNK
from models.geometry import STALE, FileKind, Geometry, initial_value

GENERATION = 1


def mkfs(geometry: Geometry) -> Device:
    """A device with SYSTEM, METADATA and DATA block groups, in this order, and the geometry's files.

    Logical and device addresses are equal at first.  SYSTEM and METADATA hold one tree block each.
    The rest of the device has what somebody left there before.
    """
    chunks, position = {}, RESERVED_BLOCKS
    for kind, length in (
        (BlockGroupType.SYSTEM, SYSTEM_CHUNK),
        (BlockGroupType.METADATA, METADATA_CHUNK),
        *[(BlockGroupType.DATA, geometry.group_blocks)] * geometry.groups,
    ):
        chunks[position] = ChunkItem(length, kind, position)
        position += length
    device_size = position + geometry.spare_chunks * geometry.group_blocks
    tree_block = ((RefKey(TREE_BLOCKS, 0, 0), 1),)
    extents = {
        start: ExtentItem(1, GENERATION, tree_block)
        for start, chunk in chunks.items()
        if chunk.type is not BlockGroupType.DATA
    }
    files = _lay_out(geometry, chunks, extents)
    used = {
        start: sum(e.length for b, e in extents.items() if start <= b < start + chunk.length)
        for start, chunk in chunks.items()
    }
    image = Image(
        GENERATION,
        MappingProxyType(chunks),
        MappingProxyType({c.physical: DevExtent(c.length, start) for start, c in chunks.items()}),
        MappingProxyType({s: BlockGroupItem(c.length, used[s], c.type) for s, c in chunks.items()}),
        MappingProxyType(extents),
        MappingProxyType({name: RootItem(GENERATION, 0) for name in (FS_TREE, DATA_RELOC_TREE)}),
        MappingProxyType({FS_TREE: MappingProxyType(files)}),
        sum(used.values()),
    )
    device = Device(device_size, image, blocks=[STALE] * device_size)
    for ino, leaf in files.items():
        for offset, item in leaf.items.items():
            for block in range(item.num if leaf.nodatacow else 0):
                device.blocks[item.disk_bytenr + block] = initial_value(ino, offset + block)
    return device


def _lay_out(
    geometry: Geometry, chunks: dict[int, ChunkItem], extents: dict[int, ExtentItem]
) -> dict[int, Leaf]:
    """Give every file its blocks, one extent per block group it reaches into."""
    files, position = {}, min(s for s, c in chunks.items() if c.type is BlockGroupType.DATA)
    first = position
    for ino, file in enumerate(geometry.files):
        nodatacow = file.kind is FileKind.NODATACOW
        kind = FileExtentType.REG if nodatacow else FileExtentType.PREALLOC
        leaf, offset = Leaf(GENERATION, nodatacow), 0
        while offset < file.blocks:
            room = geometry.group_blocks - (position - first) % geometry.group_blocks
            num = min(room, file.blocks - offset)
            leaf.items[offset] = FileExtent(kind, position, num, 0, num)
            extents[position] = ExtentItem(num, GENERATION, ((RefKey(FS_TREE, ino, offset), 1),))
            offset, position = offset + num, position + num
        files[ino] = leaf
    return files
