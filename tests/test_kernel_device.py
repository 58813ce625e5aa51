"""The device that the gate serves: what is durable, and which requests it holds.  Needs no root."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator

import pytest

from fuzz.targets.kernel import fuse, libc, payload, rules
from fuzz.targets.kernel.fuse import Io, Opcode, Request
from fuzz.targets.kernel.gate import Gate
from fuzz.targets.kernel.image import copy_image, new_image
from fuzz.targets.kernel.payload import BLOCK, HOLE, decode, encode
from fuzz.targets.kernel.rules import Kind, Rules, kind_of
from fuzz.targets.kernel.store import Store

FSID = bytes(range(16))


@pytest.fixture
def store() -> Iterator[Store]:
    """A device of sixteen blocks, of which number 3 holds something."""
    base = new_image(16 * BLOCK)
    os.pwrite(base, encode(-7), 3 * BLOCK)
    yield Store(base)
    os.close(base)


def test_a_crash_keeps_what_a_flush_covered(store: Store) -> None:
    """A flush covers what had been completed when it came, not what came while it was on its way."""
    store.write(0, encode(1))
    covered = store.completed()
    store.write(BLOCK, encode(2))
    store.flush(covered)
    assert store.after_crash(lambda _: False) == {0: encode(1)}
    assert store.after_crash(lambda _: True) == {0: encode(1), 1: encode(2)}
    store.flush(covered)  # two flushes that came together: the second covers no more
    assert store.after_crash(lambda _: False) == {0: encode(1)}


def test_a_read_sees_what_is_volatile_and_what_was_there_first(store: Store) -> None:
    """Whole blocks and parts of them."""
    store.write(4 * BLOCK, encode(5))
    store.write(5 * BLOCK + 100, b"part")
    assert decode(store.read(3 * BLOCK, BLOCK)) == -7
    assert store.read(4 * BLOCK + 4000, 96 + 104) == encode(5)[4000:] + bytes(100) + b"part"


def test_a_discard_reads_as_zero_and_may_be_lost(store: Store) -> None:
    """Only blocks that hold anything are noted, or a trim of a device would cost as much as its size."""
    store.discard(0, 16 * BLOCK)
    assert store.volatile == [{3: HOLE}]
    assert decode(store.read(3 * BLOCK, BLOCK)) == 0
    store.restart(store.after_crash(lambda _: False))
    assert decode(store.read(3 * BLOCK, BLOCK)) == -7


def test_an_image_is_a_copy_with_its_holes(store: Store) -> None:
    """If holes were filled, each crash image would cost 128 MiB."""
    image = copy_image(store.base, {9: encode(4)})
    try:
        assert decode(os.pread(image, BLOCK, 3 * BLOCK)) == -7
        assert decode(os.pread(image, BLOCK, 9 * BLOCK)) == 4
        assert os.fstat(image).st_blocks * 512 == 2 * BLOCK
    finally:
        os.close(image)


def test_a_value_fills_its_block() -> None:
    """A torn block holds no whole value, and no other bytes are one."""
    assert [decode(encode(value)) for value in (0, 1, -2000, 2**40)] == [0, 1, -2000, 2**40]
    assert decode(encode(1)[:2048] + encode(2)[2048:]) is None
    assert decode(b"x" * BLOCK) is None
    assert decode(encode(1)[:100]) is None


# Rules


def test_a_gate_tells_what_it_holds_for_too_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it ended without saying whose request that was, nobody would know what to look at."""
    device, other = os.pipe()
    gate = Gate(other, store, FSID)
    gate.obey({"do": "hold", "tags": [5]})
    body = fuse.IO_IN.pack(0, 4 * BLOCK, 2 * BLOCK, 0, 0, 0, 0) + encode(5) + encode(6)
    size = fuse.IN_HEADER.size + len(body)
    gate.request(fuse.IN_HEADER.pack(size, Opcode.WRITE, 9, fuse.FILE, 0, 0, 0, 0, 0) + body)
    assert len(gate.held) == 1
    assert gate.overdue() == ""
    monkeypatch.setattr("fuzz.targets.kernel.gate.PATIENCE", -1.0)
    assert gate.overdue() == f"data write at {4 * BLOCK:#x} of writes [5, 6]"
    os.close(device)
    os.close(other)


@pytest.mark.parametrize(("code", "known"), [(errno.ENOSYS, True), (errno.EBADF, False)])
def test_a_kernel_that_does_not_count_pages(monkeypatch: pytest.MonkeyPatch, code: int, known: bool) -> None:
    """If an old kernel ended the search, or any error were taken for an old kernel, pages would be lost."""

    class Refuses:
        """A C library whose system calls fail."""

        def syscall(self, *_: object) -> int:
            """As the kernel refuses."""
            ctypes.set_errno(code)
            return -1

    monkeypatch.setattr(libc, "_libc", Refuses())
    if known:
        assert libc.pages_in_writeback(0) == 0
        return
    with pytest.raises(OSError, match="cachestat"):
        libc.pages_in_writeback(0)


def kind(opcode: Opcode, offset: int, data: bytes) -> Kind:
    """What such a request is for."""
    return kind_of(Request(opcode, 1, 2, b""), Io(offset, len(data), data), data, FSID)


def test_requests_are_known_by_their_content() -> None:
    """Where the file system puts a block is its own choice."""
    tree = bytes(rules.FSID_AT) + FSID + bytes(16384 - 48)
    superblock = tree[: payload.SUPERBLOCK_MAGIC_AT] + payload.SUPERBLOCK_MAGIC + bytes(4000)
    assert kind(Opcode.WRITE, 0, HOLE + encode(3)) is Kind.DATA_WRITE
    assert kind(Opcode.READ, 0, encode(3)) is Kind.DATA_READ
    assert kind(Opcode.WRITE, 5 << 20, tree) is Kind.TREE_WRITE
    assert kind(Opcode.WRITE, 65536, superblock) is Kind.SUPERBLOCK_WRITE
    assert kind(Opcode.WRITE, 64 << 20, superblock) is Kind.OTHER_WRITE
    assert kind(Opcode.READ, 65536, superblock) is Kind.OTHER_READ
    assert kind(Opcode.FSYNC, 0, b"") is Kind.FLUSH
    assert kind(Opcode.FALLOCATE, 0, b"") is Kind.DISCARD


def test_a_stop_and_a_fault_are_used_up_and_a_tag_is_not() -> None:
    """If a stop held two requests, the second would belong to nobody."""
    told = Rules({5}, {"CPU 1": Kind.FLUSH}, [Kind.TREE_WRITE])
    assert [told.stop(Kind.FLUSH), told.stop(Kind.FLUSH)] == ["CPU 1", ""]
    assert [told.fails(Kind.TREE_WRITE), told.fails(Kind.TREE_WRITE)] == [True, False]
    assert [told.holds(encode(5)), told.holds(encode(5)), told.holds(encode(6))] == [True, True, False]


# What is refused
