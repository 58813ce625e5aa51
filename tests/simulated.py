"""A mounted file system whose operations a test runs by hand, each on a named task, up to named points.

fs = Mounted(Geometry(groups=2))
fs.begin("dio", fs.write(0, 0, 4, value=7), until="can_nocow_extent")
fs.begin("balance", fs.relocate(2))  # runs until it ends or blocks
assert fs.waiting() == ["balance waits for ..., held by dio"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar, cast

from models.btrfs.block_group import BlockGroup
from models.btrfs.device import Device
from models.btrfs.errors import Errno
from models.btrfs.fs_info import FsInfo
from models.btrfs.mkfs import mkfs
from models.btrfs.ordered_data import OrderedExtent
from models.btrfs.space_info import SpaceInfo
from models.btrfs.subvolume import DATA_RELOC_TREE, FS_TREE, Inode, Leaf
from models.btrfs.transaction import Handle, HandleType, Transaction
from models.btrfs.trees import BlockGroupType, Image
from models.geometry import Geometry
from models.simulation import Simulation, State, Steps, Task

T = TypeVar("T")


def _caught(steps: Steps[T]) -> Steps[T | Errno]:
    """An operation that fails ends with its Errno as the result, so that its task is idle again."""
    try:
        return (yield from steps)
    except Errno as error:
        return error


class Mounted:
    """A file system on a simulated machine: a fresh one of ``geometry``, or what is on ``device``."""

    def __init__(self, geometry: Geometry | None = None, *, device: Device | None = None) -> None:
        self.sim = Simulation()
        self.device = device or mkfs(geometry or Geometry())
        self.fs = FsInfo(self.sim, self.device)
        infos = self.fs.space.infos
        self.data, self.metadata = infos[BlockGroupType.DATA], infos[BlockGroupType.METADATA]
        self.system = infos[BlockGroupType.SYSTEM]

    def begin(self, name: str, steps: Steps[T], until: str | None = None) -> Task:
        """Start an operation on a task and run it to its end, to where it blocks, or to ``until``."""
        self.sim.start(self.sim.task(name), _caught(steps))
        return self.resume(name, until)

    def resume(self, name: str, until: str | None = None) -> Task:
        """Go on with an operation.  Reaching anything but ``until`` or its end or a wait is an error."""
        task = self.sim.task(name)
        self.sim.run(task, until)
        if until is not None:
            assert task.state is not State.IDLE, f"{name} never came to {until}: {task.result}"
        return task

    def call(self, name: str, steps: Steps[T]) -> T:
        """Run a whole operation and return its result.  Raises Errno if it fails."""
        task = self.begin(name, steps)
        assert task.state is State.IDLE, self.waiting()
        return cast("T", self.result(name))

    def result(self, name: str) -> object:
        """What the last operation of a task returned.  Raises Errno if it failed."""
        task = self.sim.task(name)
        assert task.state is State.IDLE, f"{name} has not ended: {self.waiting()}"
        if isinstance(task.result, Errno):
            raise task.result
        return task.result

    def step(self, name: str, function: Callable[[], T]) -> T:
        """Call a function that never pauses, on a task."""

        def steps() -> Steps[T]:
            yield "step"
            return function()

        return self.call(name, steps())

    def waiting(self) -> list[str]:
        """Who waits for what, held by whom."""
        return self.sim.waiting()

    def join(self, name: str, kind: HandleType = HandleType.JOIN, items: int = 0) -> Handle:
        """Open a handle on a task and keep it."""
        return self.call(name, self.fs.transactions.start_transaction(kind, items=items))

    def handle(self, name: str) -> Handle:
        """The handle that a task holds."""
        handle = self.sim.task(name).journal_info
        assert isinstance(handle, Handle)
        return handle

    def end(self, name: str) -> None:
        """End the handle that a task holds."""
        self.call(name, self.fs.transactions.btrfs_end_transaction(self.handle(name)))

    def abort(self, name: str, code: int) -> None:
        """Abort the transaction of a task's handle, as if something in it had failed."""
        handle = self.handle(name)
        self.step(name, lambda: self.fs.abort.btrfs_abort_transaction(handle, code, "planted"))

    def commit(self) -> Steps[Transaction]:
        """Operation: commit the running transaction, or a new one; the transaction."""
        handle = yield from self.fs.transactions.start_transaction(HandleType.JOIN)
        yield from self.fs.commit.btrfs_commit_transaction(handle)
        return handle.transaction

    def write(self, ino: int, start: int, num: int, value: int) -> Steps[list[OrderedExtent]]:
        """Operation: write directly to a file."""
        return self.fs.direct_io.btrfs_direct_IO(self.inode(ino), start, num, value)

    def relocate(self, number: int) -> Steps[None]:
        """Operation: relocate and remove a block group."""
        return self.fs.relocation.btrfs_relocate_chunk(number)

    def allocate(self, blocks: int) -> Steps[tuple[int, int]]:
        """Operation: reserve DATA space and allocate it; its ordered extent is still owed."""
        yield from self.fs.space.btrfs_alloc_data_chunk_ondemand(self.fs.roots[FS_TREE], blocks)
        return (yield from self.fs.extents.btrfs_reserve_extent(blocks, blocks))

    def create_bg(self, name: str, kind: BlockGroupType = BlockGroupType.DATA) -> BlockGroup:
        """Phase 1 of a new block group.  The task keeps its handle, so phase 2 is still to come."""
        handle = self.join(name)
        self.call(name, self.fs.volumes.do_chunk_alloc(handle, kind, force=True))
        return handle.new_bgs[-1]

    def complete_bio(self, index: int = 0) -> None:
        """The device completes a bio in flight, and a worker finishes its ordered extent."""
        bio = self.device.in_flight[index]
        self.call("worker", self.fs.direct_io.btrfs_endio_direct_write(bio))

    def write_through(self, ino: int, start: int, num: int, value: int) -> None:
        """A direct write from its start to its completion."""
        self.begin("writer", self.write(ino, start, num, value))
        while self.device.in_flight:
            self.complete_bio()
        self.resume("writer")
        self.result("writer")

    def inode(self, ino: int) -> Inode:
        """A file of the subvolume."""
        return self.fs.roots[FS_TREE].inodes[ino]

    def read(self, ino: int) -> list[int | None]:
        """All blocks of a file; None where a write is in flight."""
        return [self.fs.read_block(self.inode(ino), block) for block in range(self.inode(ino).size)]

    def extents(self, ino: int) -> list[tuple[int, str, int, int]]:
        """A file's extents: (offset, type, logical start, blocks)."""
        items = self.fs.roots[FS_TREE].leaves[ino].items
        return [(at, i.type.value, i.disk_bytenr + i.offset, i.num) for at, i in sorted(items.items())]

    def group(self, number: int) -> BlockGroup:
        """The DATA block group of that number (mkfs makes SYSTEM 0, METADATA 1, DATA 2 and on)."""
        group = self.fs.find_group(number)
        assert group is not None, f"there is no block group {number}"
        return group

    def supers_written(self) -> list[int]:
        """The generations that were made durable since the mount."""
        return [image.generation for image in self.device.committed]

    def remount(self) -> Mounted:
        """Lose power now and mount again: only what the superblock reaches is left."""
        self.device.in_flight.clear()
        self.device.committed.clear()
        return Mounted(device=self.device)


def assert_counters_add_up(fs: FsInfo) -> None:
    """Every block is in one counter, and every space info is the sum of its block groups."""
    for group in fs.block_groups.tree.values():
        counted = group.used + group.reserved + group.pinned + group.bytes_super + len(group.free)
        assert counted == group.length, f"{group} ({group.type.value})"
    for info in fs.space.infos.values():
        _assert_is_the_sum(info)


def assert_quiet(fs: FsInfo) -> None:
    """While no operation runs: nothing is promised, counted, locked or referenced for anybody."""
    for group in fs.block_groups.tree.values():
        assert (group.ro, group.reserved, group.delalloc_bytes, group.in_hand) == (0, 0, 0, 0), group
        assert (group.reservations, group.nocow_writers) == (0, 0), group
        assert group.reserving_tasks == group.nocow_tasks == [], group
        assert set(+group.refs) <= {"tree", "unused_bgs"}, group
    for info in fs.space.infos.values():
        assert info.may_use == 0, info.type
        assert info.groups_sem.readers == [], info.type
    assert fs.ordered.all() == []
    assert (fs.roots[DATA_RELOC_TREE].inodes, fs.roots[DATA_RELOC_TREE].leaves) == ({}, {})
    mutexes = (fs.reloc_mutex, fs.tree_log_mutex, fs.ro_block_group_mutex, fs.chunk_mutex)
    rooms = (fs.writeout.cache_write_mutex, fs.relocation.cleaner_mutex)
    assert [mutex.owner for mutex in (*mutexes, *rooms, fs.cleaner.delete_unused_bgs_mutex)] == [None] * 7


def _assert_is_the_sum(info: SpaceInfo) -> None:
    groups = info.block_groups
    assert info.total == sum(g.length for g in groups), info.type
    assert info.used == sum(g.used for g in groups), info.type
    assert info.reserved == sum(g.reserved for g in groups), info.type
    assert info.pinned == sum(g.pinned for g in groups), info.type
    readonly = sum(g.bytes_super + (g.unused if g.ro else 0) for g in groups)
    assert info.readonly == readonly, info.type


def assert_image_is_consistent(image: Image) -> None:
    """What btrfs check looks at: references, block group items, chunks and device extents."""
    leaves: list[Leaf] = []
    for files in image.files.values():
        leaves += [leaf for leaf in files.values() if not any(leaf is seen for seen in leaves)]
    pointers = Counter(item.disk_bytenr for leaf in leaves for item in leaf.items.values())
    data = {start for start, item in image.chunks.items() if item.type is BlockGroupType.DATA}
    used = Counter[int]()
    for bytenr, extent in image.extents.items():
        start = max(start for start in image.chunks if start <= bytenr)
        used[start] += extent.length
        if start in data:
            assert sum(n for _, n in extent.refs) == pointers.pop(bytenr), f"extent {bytenr}"
    assert not pointers, "file extents point to blocks without an extent item"
    assert {s: i.used for s, i in image.block_groups.items()} == {s: used[s] for s in image.chunks}
    assert {c.physical: (c.length, s) for s, c in image.chunks.items()} == dict(image.dev_extents)
    assert image.bytes_used == sum(used.values())
