"""The parts of the kernel target that need no root: wire formats, the device, rules, and what is refused."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator

import pytest

from fuzz.options import slow_profiles
from fuzz.targets.kernel import fuse, ioctls, payload, requirements, rules
from fuzz.targets.kernel.fuse import Io, Opcode, Request
from fuzz.targets.kernel.image import copy_image, new_image
from fuzz.targets.kernel.loop import LO_FLAGS_AUTOCLEAR, LO_FLAGS_DIRECT_IO, pack_config
from fuzz.targets.kernel.machine import kernel_machines
from fuzz.targets.kernel.oracles import COMPLAINTS, AfterCrash, contents, live
from fuzz.targets.kernel.payload import BLOCK, HOLE, decode, encode
from fuzz.targets.kernel.rules import Kind, Rules, kind_of
from fuzz.targets.kernel.store import Store
from fuzz.targets.kernel.tasks import functions_of, waits_in
from fuzz.targets.kernel.vocabulary import (
    FAULT_KINDS,
    REFUSED,
    REFUSED_FAULTS,
    STOPS,
    refusal,
    stop_for,
    table,
)
from fuzz.targets.kernel.volume import Values
from models.faults import FAULTS
from models.geometry import Geometry
from models.operations import OPERATIONS, Commit, EndTransaction, Inject, Step
from models.reference import Reference
from models.reference.contents import Piece

FSID = bytes(range(16))
STACK = """\
[<0>] btrfs_wait_ordered_extents+0x3c1/0x460
[<0>] btrfs_wait_ordered_roots+0x165/0x250
[<0>] __x64_sys_ioctl+0x9b/0x100
"""


@pytest.fixture
def store() -> Iterator[Store]:
    """A device of sixteen blocks, of which number 3 holds something."""
    base = new_image(16 * BLOCK)
    os.pwrite(base, encode(-7), 3 * BLOCK)
    yield Store(base)
    os.close(base)


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


def test_every_operation_is_either_a_call_or_refused_with_a_reason() -> None:
    """If one were neither, a search would fail in the middle of a case."""
    from fuzz.targets.kernel.calls import CALLS  # noqa: PLC0415 - of the test's own subject only
    from models.operations import CompleteBio, Crash, Remount  # noqa: PLC0415

    of_the_world = {CompleteBio, Crash, Inject, Remount}
    assert CALLS.keys() | of_the_world | REFUSED.keys() == set(OPERATIONS)
    assert not CALLS.keys() & REFUSED.keys()
    assert FAULT_KINDS.keys() | REFUSED_FAULTS.keys() == FAULTS.keys()


def test_what_is_refused_is_in_the_printed_table() -> None:
    """Nothing is left out in silence."""
    printed = "\n".join(table())
    assert all(f"{operation.name}: {why}" in printed for operation, why in REFUSED.items())
    assert all(fault in printed for fault in REFUSED_FAULTS)
    assert all(point in printed for point in STOPS)
    assert refusal(EndTransaction())
    assert refusal(Inject("phase-2"))
    assert not refusal(Inject("data-bio"))


def test_a_task_stops_only_where_an_io_is() -> None:
    """And the points are points of the model."""
    points = {point for operation in OPERATIONS for point in operation.points}
    assert STOPS.keys() <= points
    assert stop_for(Step("CPU 1", Commit(), "write_ctree_super")) is Kind.SUPERBLOCK_WRITE
    assert stop_for(Step("CPU 1", Commit(), "btrfs_insert_item")) is None
    assert stop_for(Step("CPU 1", Commit())) is None


def test_the_machines_draw_nothing_that_is_refused() -> None:
    """If they did, the draws would be wasted; and the one with everything has everything that is left."""
    drawn = [set(machine.operations) for machine in kernel_machines()]
    assert not any(operations & REFUSED.keys() for operations in drawn)
    assert drawn[-1] == set(OPERATIONS) - REFUSED.keys()
    assert len({frozenset(operations) for operations in drawn}) == len(drawn)


def test_every_machine_has_its_turn() -> None:
    """If there were fewer shards than machines, the faults or everything would be left out."""
    assert [profile.shards % len(kernel_machines()) for profile in slow_profiles().values()] == [0, 0, 0]
    assert slow_profiles()["default"].shards * slow_profiles()["default"].examples >= 1000


def test_what_is_missing_is_said_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""
    monkeypatch.setattr(requirements, "_may_administrate", lambda: False)
    assert "sudo" in requirements.missing()
    monkeypatch.setattr(requirements, "_may_administrate", lambda: True)
    monkeypatch.setattr(os, "access", lambda name, _: name != "/dev/fuse")
    assert "modprobe fuse" in requirements.missing()
    assert "\n" not in requirements.missing()


# Judges


def test_where_a_task_waits_is_read_from_its_stack() -> None:
    """The innermost function that says why."""
    functions = functions_of(STACK)
    assert waits_in(functions) == "btrfs_wait_ordered_extents"
    assert waits_in(["schedule", "folio_wait_bit", "btrfs_file_write_iter"]) == "folio_wait_bit"
    assert waits_in([]) == ""


def test_a_lost_write_is_seen_and_a_concurrent_one_is_allowed() -> None:
    """Contents against the reference model, live and after a loss of power."""
    reference = Reference(Geometry())
    write = reference.start_write(0, 0, 1, 1)
    fresh: dict[int, Values] = {0: [-1000, -1001, -1002, -1003]}
    assert not list(contents(fresh, live(reference), {}))
    reference.end_write(0, write, [Piece(0, 1, in_place=True)])
    (mismatch,) = contents(fresh, live(reference), {})
    assert mismatch.observed == "it reads its first content"
    assert not list(AfterCrash.of(reference, {}).judge(fresh))
    reference.durable(reference.now())
    assert [name for name, _ in AfterCrash.of(reference, {}).judge(fresh)]
    assert [name for name, _ in AfterCrash.of(reference, {}).judge({})] == ["a_durable_file_is_there"]
    assert not list(contents(fresh, live(reference), {(0, 0): {-1000}}))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("WARNING: CPU: 1 PID: 9 at fs/btrfs/extent-tree.c:3000 btrfs_run_delayed_refs+0x1", True),
        ("INFO: task fsstress:9 blocked for more than 120 seconds.", True),
        ("BTRFS critical (device loop0): corrupt leaf: root=2 block=5", True),
        ("BTRFS warning (device loop0): csum failed root 5 ino 257 off 0", True),
        ("BTRFS: error (device loop0) in btrfs_commit_transaction:2546: errno=-5 IO failure", False),
        ("I/O error, dev loop0, sector 26728 op 0x1:(WRITE) flags 0x8800", False),
    ],
)
def test_the_kernels_log_is_read_for_complaints(line: str, *, wrong: bool) -> None:
    """An injected error of the device is none; a warning of the kernel's own is."""
    assert bool(COMPLAINTS.search(line)) is wrong
