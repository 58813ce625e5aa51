"""The ioctls of btrfs, as far as they are used.

Source: include/uapi/linux/btrfs.h, btrfs_tree.h and fs.h (v6.12).  Addresses and lengths are in bytes.
"""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Iterator
from typing import NamedTuple

from fuzz.targets.kernel.libc import ioctl

START_SYNC, WAIT_SYNC = 0x80089418, 0x40089416
BALANCE_V2, BALANCE_CTL = 0xC4009420, 0x40049421
SNAP_CREATE_V2, TREE_SEARCH_V2 = 0x50009417, 0xC0709411
SCRUB = 0xC400941B
FS_INFO = 0x8400941F
FITRIM, SETFLAGS, FIEMAP = 0xC0185879, 0x40086602, 0xC020660B

FS_NOCOW_FL = 0x00800000
FIEMAP_FLAG_SYNC, FIEMAP_EXTENT_UNKNOWN = 1, 2
MOST_EXTENTS = 64
"""That are asked of a file: it has a few blocks."""
SUBVOL_RDONLY, SCRUB_READONLY = 2, 1
BALANCE_DATA, BALANCE_ARGS_VRANGE, BALANCE_CTL_CANCEL = 1, 1 << 4, 2
CHUNK_TREE, FIRST_CHUNK_TREE, CHUNK_ITEM, BLOCK_GROUP_DATA = 3, 256, 228, 1
EXTENT_TREE, BLOCK_GROUP_TREE, BLOCK_GROUP_ITEM, EXTENT_ITEM = 2, 11, 192, 168

_U64 = struct.Struct("<Q")
_SEARCH_KEY = struct.Struct("<7Q4I4QQ")
_SEARCH_HEADER = struct.Struct("<3Q2I")
_CHUNK = struct.Struct("<4Q3I2H")
_STRIPE = struct.Struct("<2Q16s")
_BALANCE_HEAD = struct.Struct("<2Q")
_BALANCE_ARGS = struct.Struct("<7Q")
_BALANCE_SIZE, _BALANCE_DATA_AT = 1024, 16
_SNAPSHOT = struct.Struct("<qQQ4Q")
_SNAPSHOT_SIZE = 4096
_SCRUB = struct.Struct("<4Q")
_SCRUB_PROGRESS = struct.Struct("<15Q")
_SCRUB_SIZE = _FS_INFO_SIZE = 1024
_SEARCH_BUFFER = 64 * 1024
_FIEMAP = struct.Struct("<2Q4I")
_FIEMAP_EXTENT = struct.Struct("<3Q2QI12x")


class Chunk(NamedTuple):
    """A chunk on one device: where it is for the file system, where on the device, and of which type."""

    logical: int
    length: int
    type: int
    physical: int


def commit(fs: int) -> None:
    """Commit what runs and wait until it is on the device; ordered extents are not waited for."""
    transid = bytearray(_U64.size)
    ioctl(fs, START_SYNC, transid)
    ioctl(fs, WAIT_SYNC, transid)


def pack_balance(logical: int) -> bytearray:
    """A struct btrfs_ioctl_balance_args for the DATA chunk at this address: the one that has this byte."""
    args = bytearray(_BALANCE_SIZE)
    _BALANCE_HEAD.pack_into(args, 0, BALANCE_DATA, 0)
    _BALANCE_ARGS.pack_into(args, _BALANCE_DATA_AT, 0, 0, 0, 0, 0, logical, logical + 1)
    _U64.pack_into(args, _BALANCE_DATA_AT + 64, BALANCE_ARGS_VRANGE)
    return args


def balance(fs: int, logical: int) -> None:
    """Relocate one DATA block group, and remove it."""
    ioctl(fs, BALANCE_V2, pack_balance(logical))


def cancel_balance(fs: int) -> None:
    """Give up a balance that a crash interrupted.  Raises OSError with ENOTCONN where there is none."""
    ioctl(fs, BALANCE_CTL, BALANCE_CTL_CANCEL)


def pack_snapshot(subvolume: int, name: str) -> bytearray:
    """A struct btrfs_ioctl_vol_args_v2: a read-only snapshot."""
    args = bytearray(_SNAPSHOT_SIZE)
    _SNAPSHOT.pack_into(args, 0, subvolume, 0, SUBVOL_RDONLY, 0, 0, 0, 0)
    text = os.fsencode(name)
    args[_SNAPSHOT.size : _SNAPSHOT.size + len(text)] = text
    return args


def snapshot(directory: int, subvolume: int, name: str) -> None:
    """Take a read-only snapshot of ``subvolume``, under that name in ``directory``."""
    ioctl(directory, SNAP_CREATE_V2, pack_snapshot(subvolume, name))


def trim(fs: int, start: int) -> None:
    """Discard free space from this logical address on."""
    ioctl(fs, FITRIM, bytearray(struct.pack("<3Q", start, 2**64 - 1 - start, 0)))


class Scrubbed(NamedTuple):
    """How many errors a scrub found: in superblocks, which it always reads, and in what it was to read."""

    supers: int
    others: int


def scrub(fs: int, start: int, length: int) -> Scrubbed:
    """Scrub a range of the device, without repairing anything."""
    args = bytearray(_SCRUB_SIZE)
    _SCRUB.pack_into(args, 0, 1, start, start + length - 1, SCRUB_READONLY)
    ioctl(fs, SCRUB, args)
    _, _, _, _, read, csum, verify, _, _, supers, _, uncorrectable, *_ = _SCRUB_PROGRESS.unpack_from(
        args, _SCRUB.size
    )
    return Scrubbed(supers, read + csum + verify + uncorrectable)


def fsid(fs: int) -> str:
    """The id of the mounted file system, as /sys has it."""
    info = bytearray(_FS_INFO_SIZE)
    ioctl(fs, FS_INFO, info)
    return str(uuid.UUID(bytes=bytes(info[16:32])))


def set_nocow(fd: int) -> None:
    """Make an empty file NODATACOW."""
    ioctl(fd, SETFLAGS, bytearray(struct.pack("<i", FS_NOCOW_FL)))


def wait_ordered(fd: int) -> None:
    """Wait until writes that were acknowledged are in the trees; writes dirty pages back."""
    ioctl(fd, FIEMAP, bytearray(_FIEMAP.pack(0, 2**64 - 1, FIEMAP_FLAG_SYNC, 0, 0, 0)))


def pack_search(tree: int, objectid: int, kind: int, last: int | None = None) -> bytearray:
    """A struct btrfs_ioctl_search_args_v2: every item of that type and object, or of those up to ``last``."""
    everything = 2**64 - 1
    head = _SEARCH_KEY.pack(
        tree,
        objectid,
        objectid if last is None else last,
        0,
        everything,
        0,
        everything,
        kind,
        kind,
        4096,
        0,
        0,
        0,
        0,
        0,
        _SEARCH_BUFFER,
    )
    return bytearray(head) + bytes(_SEARCH_BUFFER)


def _items(args: bytes, kind: int) -> Iterator[tuple[int, int, bytes]]:
    """What a search has found: of each item of that type its key's object and offset, and what is in it.

    A search over several objects finds items of all types.
    """
    (count,) = struct.unpack_from("<I", args, 64)
    at = _SEARCH_KEY.size
    for _ in range(count):
        _, objectid, offset, found, length = _SEARCH_HEADER.unpack_from(args, at)
        at += _SEARCH_HEADER.size
        if found == kind:
            yield objectid, offset, args[at : at + length]
        at += length


def chunks(fs: int) -> list[Chunk]:
    """All chunks, by logical address."""
    args = pack_search(CHUNK_TREE, FIRST_CHUNK_TREE, CHUNK_ITEM)
    ioctl(fs, TREE_SEARCH_V2, args)
    return list(_chunks(bytes(args)))


def _chunks(args: bytes) -> Iterator[Chunk]:
    for _, logical, item in _items(args, CHUNK_ITEM):
        size, _, _, kind, *_ = _CHUNK.unpack_from(item)
        _, physical, _ = _STRIPE.unpack_from(item, _CHUNK.size)
        yield Chunk(logical, size, kind, physical)


def used_bytes(fs: int) -> dict[int, int]:
    """What the item of each block group says is used, by logical address: as of the last commit."""
    found: dict[int, int] = {}
    for tree in (EXTENT_TREE, BLOCK_GROUP_TREE):  # the second where mkfs made one
        args = pack_search(tree, 0, BLOCK_GROUP_ITEM, last=2**64 - 1)
        try:
            ioctl(fs, TREE_SEARCH_V2, args)
        except FileNotFoundError:
            continue
        items = _items(bytes(args), BLOCK_GROUP_ITEM)
        found |= {logical: _U64.unpack_from(item)[0] for logical, _, item in items}
    return found


def chunk_range(fs: int, start: int) -> tuple[int, int]:
    """Where the chunk at ``start`` begins and ends, or where one was: what is behind it up to the next chunk
    counts as its own, as its length is not known any more."""
    behind = [chunk.logical for chunk in chunks(fs) if chunk.logical > start]
    return start, min(behind, default=2**64)


def extent_bytes(fs: int, start: int, end: int) -> int:
    """How much of a range extent items say is used; what no commit has seen yet may be missing."""
    args = pack_search(EXTENT_TREE, start, EXTENT_ITEM, last=end - 1)
    ioctl(fs, TREE_SEARCH_V2, args)
    return sum(length for _, length, _ in _items(bytes(args), EXTENT_ITEM))


def file_extents(fd: int) -> list[tuple[int, int]]:
    """The extents of a file that have a place: where, for the file system, and how long.  Dirty pages have
    none, and are not written for it."""
    args = bytearray(_FIEMAP.size + MOST_EXTENTS * _FIEMAP_EXTENT.size)
    _FIEMAP.pack_into(args, 0, 0, 2**64 - 1, 0, 0, MOST_EXTENTS, 0)
    ioctl(fd, FIEMAP, args)
    return list(_file_extents(bytes(args)))


def _file_extents(args: bytes) -> Iterator[tuple[int, int]]:
    *_, mapped, _, _ = _FIEMAP.unpack_from(args)
    for number in range(mapped):
        at = _FIEMAP.size + number * _FIEMAP_EXTENT.size
        _, physical, length, _, _, flags = _FIEMAP_EXTENT.unpack_from(args, at)
        if not flags & FIEMAP_EXTENT_UNKNOWN:
            yield physical, length
