"""The wire formats of the kernel target: FUSE, ioctls, loop devices.  Needs no root."""

from __future__ import annotations

import errno
import struct

import pytest

from fuzz.targets.kernel import fuse, ioctls
from fuzz.targets.kernel.fuse import Io, Opcode, Request
from fuzz.targets.kernel.loop import LO_FLAGS_AUTOCLEAR, LO_FLAGS_DIRECT_IO, pack_config


def message(opcode: int, body: bytes) -> bytes:
    """A request as the kernel sends it."""
    return fuse.IN_HEADER.pack(fuse.IN_HEADER.size + len(body), opcode, 9, fuse.FILE, 0, 0, 0, 0, 0) + body


# Wire formats: the sizes are those of the kernel's headers


def test_the_structs_of_fuse_have_the_kernels_sizes() -> None:
    """If a field were missing, the kernel would refuse the reply or misread all behind it."""
    sizes = [fuse.IN_HEADER, fuse.OUT_HEADER, fuse.ATTR, fuse.ENTRY, fuse.INIT_OUT, fuse.OPEN_OUT, fuse.IO_IN]
    assert [layout.size for layout in sizes] == [40, 16, 88, 40, 64, 16, 40]
    assert [fuse.WRITE_OUT.size, fuse.FALLOCATE_IN.size, fuse.STATFS_OUT.size] == [8, 32, 80]


def test_the_structs_of_the_ioctls_have_the_sizes_in_their_numbers() -> None:
    """An ioctl's number says how many bytes the kernel copies: with fewer it would read beyond them."""
    for number, packed in (
        (ioctls.BALANCE_V2, ioctls.pack_balance(5)),
        (ioctls.SNAP_CREATE_V2, ioctls.pack_snapshot(3, "snapshot-1")),
    ):
        assert len(packed) == number >> 16 & 0x3FFF
    assert ioctls.TREE_SEARCH_V2 >> 16 & 0x3FFF == 112
    assert len(ioctls.pack_search(3, 256, 228)) == 112 - 8 + 8 + ioctls._SEARCH_BUFFER


def test_a_balance_names_one_block_group() -> None:
    """If the range were one of bytes, a balance of one block group would move its neighbours."""
    args = ioctls.pack_balance(0xD00000)
    flags, state = struct.unpack_from("<2Q", args)
    start, end = struct.unpack_from("<2Q", args, 16 + 40)
    assert (flags, state) == (1, 0)
    assert (start, end) == (0xD00000, 0xD00001)
    assert struct.unpack_from("<Q", args, 16 + 64 + 8 - 8) == (1 << 4,)


def test_a_loop_device_clears_itself() -> None:
    """If autoclear were not asked for, each killed run would leave a device behind."""
    config = pack_config(7, LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO, 4096)
    assert len(config) == 304
    assert struct.unpack_from("<II", config) == (7, 4096)
    assert struct.unpack_from("<I", config, 8 + 40 + 12) == (4 | 16,)


def test_chunks_are_read_from_a_search() -> None:
    """Two items, one behind the other, each with its header."""
    items = b""
    for logical, kind in ((0x100000, 2), (0xD00000, 1)):
        chunk = ioctls._CHUNK.pack(0x800000, 2, 65536, kind, 4096, 4096, 4096, 1, 0)
        stripe = ioctls._STRIPE.pack(1, logical + 4096, b"")
        items += ioctls._SEARCH_HEADER.pack(7, 256, logical, 228, len(chunk + stripe)) + chunk + stripe
    head = ioctls.pack_search(3, 256, 228)[: ioctls._SEARCH_KEY.size]
    struct.pack_into("<I", head, 64, 2)
    assert list(ioctls._chunks(bytes(head) + items)) == [
        ioctls.Chunk(0x100000, 0x800000, 2, 0x101000),
        ioctls.Chunk(0xD00000, 0x800000, 1, 0xD01000),
    ]


def test_a_search_over_several_objects_finds_items_of_one_type_only() -> None:
    """If an extent item were taken for a block group's, so would its numbers be."""
    items = b""
    for logical, kind in ((0xD00000, 168), (0xD00000, ioctls.BLOCK_GROUP_ITEM)):
        item = struct.pack("<3Q", kind, 256, 1)
        items += ioctls._SEARCH_HEADER.pack(7, logical, 0x800000, kind, len(item)) + item
    head = ioctls.pack_search(ioctls.EXTENT_TREE, 0, ioctls.BLOCK_GROUP_ITEM, last=2**64 - 1)
    assert struct.unpack_from("<3Q", head) == (2, 0, 2**64 - 1)
    found = head[: ioctls._SEARCH_KEY.size]
    struct.pack_into("<I", found, 64, 2)
    ((logical, length, item),) = ioctls._items(bytes(found) + items, ioctls.BLOCK_GROUP_ITEM)
    assert (logical, length, item[:8]) == (0xD00000, 0x800000, struct.pack("<Q", 192))


def test_extents_of_a_range_are_asked_for() -> None:
    """If the end were in it, the first extent of the next block group would be."""
    args = ioctls.pack_search(ioctls.EXTENT_TREE, 0xD00000, ioctls.EXTENT_ITEM, last=0x1500000 - 1)
    assert struct.unpack_from("<7Q2I", args) == (2, 0xD00000, 0x14FFFFF, 0, 2**64 - 1, 0, 2**64 - 1, 168, 168)


def test_extents_of_a_file_are_taken_apart() -> None:
    """Dirty pages have no place yet; what they say is none."""
    args = ioctls._FIEMAP.pack(0, 2**64 - 1, 0, 3, ioctls.MOST_EXTENTS, 0)
    for logical, physical, flags in (
        (0, 0xD00000, 0),
        (4096, 0, ioctls.FIEMAP_EXTENT_UNKNOWN),
        (8192, 0xD09000, 0x801),
    ):
        args += ioctls._FIEMAP_EXTENT.pack(logical, physical, 4096, 0, 0, flags)
    assert ioctls._FIEMAP_EXTENT.size == 56
    assert list(ioctls._file_extents(args)) == [(0xD00000, 4096), (0xD09000, 4096)]


def test_a_request_is_taken_apart() -> None:
    """Of a write: where, how much, and what."""
    body = fuse.IO_IN.pack(1, 8192, 5, 0, 0, 0, 0) + b"hello"
    request = fuse.decode(message(Opcode.WRITE, body))
    assert (request.opcode, request.unique, request.node) == (Opcode.WRITE, 9, fuse.FILE)
    assert fuse.io_of(request) == Io(8192, 5, b"hello")
    discard = Request(Opcode.FALLOCATE, 1, 2, fuse.FALLOCATE_IN.pack(1, 4096, 12288, 3, 0))
    assert fuse.io_of(discard) == Io(4096, 12288)


@pytest.mark.parametrize("cut", [0, 12, 39, 41])
def test_a_request_of_another_length_is_refused(cut: int) -> None:
    """If it were taken, the rest of the stream would be."""
    with pytest.raises(ValueError, match="a FUSE request"):
        fuse.decode(message(Opcode.READ, b"123456")[:cut])


def test_what_is_no_io_is_answered() -> None:
    """The one name is found, others are not, and what is not known is said to be so."""

    def error_of(opcode: int, body: bytes = b"") -> int:
        answered = fuse.answer(Request(opcode, 3, 1, body), 1 << 20)
        assert answered is not None
        length, error, unique = fuse.OUT_HEADER.unpack_from(answered)
        assert (length, unique) == (len(answered), 3)
        return int(error)

    assert error_of(Opcode.LOOKUP, b"disk\0") == 0
    assert error_of(Opcode.LOOKUP, b"other\0") == -errno.ENOENT
    assert error_of(999) == -errno.ENOSYS
    assert error_of(Opcode.INIT, fuse.INIT_IN.pack(7, 41, 0, 2**32 - 1)) == 0
    assert fuse.answer(Request(Opcode.FORGET, 3, 1, b""), 1) is None


def test_init_asks_for_asynchronous_direct_io_and_no_more_than_is_offered() -> None:
    """Without ASYNC_DIO one held request would hold up all others of the loop device."""
    offered = fuse.INIT_IN.pack(7, 41, 65536, fuse.ASYNC_DIO | fuse.MAX_PAGES)
    fields = fuse.INIT_OUT.unpack(fuse.init_out(offered))
    assert fields[3] == fuse.ASYNC_DIO | fuse.MAX_PAGES
    assert fields[4] == fuse.MAX_BACKGROUND
    with pytest.raises(ValueError, match=r"FUSE 7\.5"):
        fuse.init_out(fuse.INIT_IN.pack(7, 5, 0, 0))


# The device
