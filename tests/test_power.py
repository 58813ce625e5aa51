"""Power cuts, mounts and faults: the device, the reference, the world, and the races that need them."""

from __future__ import annotations

import errno

import pytest
from programs import reverts
from simulated import Mounted
from watched import override

from fuzz.case import Case, run
from fuzz.minimise import case_of, minimise
from models.btrfs.device import Bio, Device
from models.btrfs.errors import Errno
from models.btrfs.fallocate import Fallocate
from models.btrfs.mkfs import mkfs
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.subvolume import Inode
from models.faults import CLEAR_PINNED, DATA_BIO, FAULTS, PHASE_2, SUBMIT_DIRECT, TREE_BLOCK
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    Free,
    Fsync,
    Inject,
    Relocate,
    Remount,
    StartNocowDio,
    Step,
)
from models.simulation import Steps
from models.world import ABORT, Violation, World

POWER, FAULT = "mount", "fault"
LEAKS = (Step(FAULT, Inject(SUBMIT_DIRECT)), Step("CPU 1", StartNocowDio()))
RACES = {
    "c92f6be34c50": (Step(FAULT, Inject(PHASE_2)), Step("CPU 1", CreateBg())),
    "678886bdc637": (Step(FAULT, Inject(TREE_BLOCK)), Step("CPU 1", Free()), Step("CPU 1", Commit())),
    "wrong/no-free-space-after-abort": (
        Step(FAULT, Inject(TREE_BLOCK)),
        Step("CPU 1", Free()),
        Step("CPU 1", Commit()),
        Step(POWER, Remount()),
    ),
    "f28a49287817": LEAKS,
}
"""A short program for each race."""


def device() -> tuple[Device, Bio]:
    """A device, and a bio of two blocks in flight."""
    fs = Mounted(Geometry())
    ordered = OrderedExtent(fs.inode(0), 0, 2, 9, OrderedType.NOCOW, "CPU 1", 2)
    bio = Bio("CPU 1", 0, 9, (7, 8), ordered)
    fs.device.submit(bio)
    return fs.device, bio


@pytest.mark.parametrize(
    ("kept", "left"), [(0, [-1000, -1001]), (1, [7, -1001]), (2, [-1000, 8]), (15, [7, 8])]
)
@pytest.mark.parametrize("completed", [True, False])
def test_a_power_cut_keeps_what_the_mask_names(kept: int, left: list[int], *, completed: bool) -> None:
    """If it kept all or nothing, a torn write could not be seen."""
    disk, bio = device()
    if completed:
        disk.complete(bio)
        assert disk.blocks[9:11] == [7, 8]
    disk.power_cut(kept)
    assert disk.blocks[9:11] == left
    assert (disk.in_flight, disk.unflushed) == ([], [])


def test_of_two_writes_to_a_block_either_may_survive() -> None:
    """If only the order of submission were tried, a disk that reorders would not be."""
    for kept, left in ((0, -1000), (1, 7), (2, 8), (3, 8)):
        disk = mkfs(Geometry())
        disk.write(9, [7])
        disk.write(9, [8])
        disk.power_cut(kept)
        assert disk.blocks[9] == left


def test_what_was_flushed_survives() -> None:
    """If it did not, no commit would be worth anything."""
    disk, bio = device()
    disk.complete(bio)
    disk.flush()
    disk.power_cut(0)
    assert disk.blocks[9:11] == [7, 8]


def test_a_superblock_without_its_tree_blocks_cannot_be_mounted() -> None:
    """If it could, their order would not matter."""
    fs = Mounted(Geometry())
    fs.call("a", fs.commit())
    image = fs.device.superblock
    fs.device.durable_trees.clear()
    fs.device.write_tree_blocks(image)
    assert Mounted(device=fs.device)
    fs.device.power_cut(15)
    with pytest.raises(Errno, match="-EIO"):
        Mounted(device=fs.device)


def apply(world: World, *steps: Step) -> World:
    """Take steps that must make sense."""
    for step in steps:
        assert world.apply(step), step
    return world


WRITTEN = (
    Step("CPU 1", StartNocowDio()),
    Step("kworker 1", CompleteBio("CPU 1")),
    Step("CPU 1"),
)


def test_a_write_is_durable_after_a_commit_and_may_be_lost_before() -> None:
    """If one were not so, the reference would promise too much or too little."""
    for steps, values in ((WRITTEN, [-1000, 1]), ((*WRITTEN, Step("CPU 1", Commit())), [1])):
        world = apply(World(Geometry()), *steps)
        assert world.reference.files[0].blocks[0].recoverable() == values
        apply(world, Step(POWER, Crash()))
        assert world.reference.files[0].blocks[0].recoverable() == values[:1]


LOGGED_BEFORE_AN_ABORT = (
    Step(FAULT, Inject(PHASE_2)),
    Step("CPU 1", BufferedWrite(0, 0, 1)),
    Step("CPU 1", Fsync(0)),
    Step("CPU 2", Allocate(1)),
    Step("CPU 2", CompleteBio("CPU 1", 0), "end_bio_extent_writepage"),
    Step("CPU 1"),
    Step("CPU 1", Allocate(1)),
    Step("CPU 2"),
)
"""An fsync is done when the write is in the log; the transaction is aborted before it is in the trees."""


def test_what_is_in_the_log_only_is_not_read_after_an_abort_but_after_a_mount() -> None:
    """If the reference asked for it at once a sound file system would fail; if never, a log could be lost."""
    geometry = Geometry(group_blocks=2, files=(File(FileKind.PREALLOC, 1),))
    world = apply(World(geometry), *LOGGED_BEFORE_AN_ABORT)
    block = world.reference.files[0].blocks[0]
    assert (world.fs.error, block.left_by_abort(), block.recoverable()) == (errno.ENOSPC, [0, 1], [1])
    apply(world, Step(POWER, Crash()))
    assert world.reference.files[0].blocks[0].allowed() == [1]


def test_a_commit_has_it_in_the_trees() -> None:
    """If an abort excused everything, what it wipes out in the trees could not be told."""
    world = apply(World(Geometry()), *WRITTEN, Step("CPU 1", Commit()))
    assert world.reference.files[0].blocks[0].left_by_abort() == [1]


def test_a_file_that_no_commit_knows_is_gone_and_a_deleted_one_is_back() -> None:
    """If the world went on with the files of before, it would write to what is not there."""
    world = apply(World(Geometry(spare_chunks=3)), Step("CPU 1", Allocate()), Step("CPU 1", Free(0)))
    assert set(world.reference.files) == {1}
    apply(world, Step(POWER, Crash()))
    assert set(world.reference.files) == {0}
    world.finish()


def test_a_crash_kills_every_task() -> None:
    """If one went on, it would do so in a file system that is not mounted any more."""
    world = apply(
        World(Geometry()),
        Step("CPU 1", CreateBg()),
        Step("CPU 2", StartNocowDio(), "btrfs_get_extent"),
        Step("CPU 3", Commit()),
        Step(POWER, Crash()),
    )
    assert world.quiet
    world.finish()
    assert world.violations == {}


@pytest.mark.parametrize("until", Relocate.points)
def test_a_relocation_can_be_cut_off_anywhere(until: str) -> None:
    """If mount left a part of it, space or data would be lost."""
    for kept in (0, 15):
        world = World(Geometry())
        apply(world, Step("CPU 1", Relocate(2), until), Step(POWER, Crash(kept)))
        world.finish()
        assert world.violations == {}


def test_an_umount_needs_everybody_to_be_done() -> None:
    """If it did not, it would be a crash."""
    world = apply(World(Geometry()), Step("CPU 1", CreateBg()))
    assert not world.makes_sense(Step(POWER, Remount()))
    assert world.makes_sense(Step(POWER, Crash()))


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_survived(kind: str) -> None:
    """If one were not, every case that injects it would be a failure."""
    files = (File(FileKind.NODATACOW, 4), File(FileKind.PREALLOC, 4))
    world = World(Geometry(groups=2, files=files))
    apply(world, Step(FAULT, Inject(kind)), Step("CPU 1", CreateBg()), Step("CPU 2", StartNocowDio(1)))
    world.finish()
    assert world.violations == {}
    assert world.fs.error == 0


class AbortsForNothing(Fallocate):
    """A kernel that aborts without a reason."""

    def btrfs_fallocate(self, blocks: int) -> Steps[Inode]:
        """Abort in the handle that the task has."""
        handle = self.fs.transactions.current_handle()
        assert handle is not None
        self.fs.abort.btrfs_abort_transaction(handle, errno.EIO, "planted")
        return (yield from super().btrfs_fallocate(blocks))


@pytest.mark.parametrize("kinds", [[], [CLEAR_PINNED, TREE_BLOCK], [DATA_BIO]])
def test_an_abort_without_cause_is_seen_beside_faults_that_are_none(kinds: list[str]) -> None:
    """If an armed fault, or one that the kernel has to cope with, excused it, any abort would pass."""
    world = World(Geometry(files=(File(FileKind.NODATACOW, 2),)), [override(AbortsForNothing)])
    apply(world, *(Step(FAULT, Inject(kind)) for kind in kinds), *WRITTEN, Step("CPU 1", CreateBg()))
    with pytest.raises(Violation, match=ABORT):
        world.apply(Step("CPU 1", Allocate()))


@pytest.mark.parametrize("race", RACES)
def test_a_race_of_errors_needs_its_fix(race: str) -> None:
    """If the short program failed with the fix, or passed without, the revert would not be what it says."""
    case = Case(Geometry(), RACES[race])
    assert run(case, ()) is None
    verdict = run(case, reverts(race))
    assert verdict is not None
    assert verdict.first.property == reverts(race)[0].expected


def test_the_mask_of_a_crash_is_minimal() -> None:
    """If it were not, a reader would look for a meaning in it."""
    steps = (*RACES["wrong/no-free-space-after-abort"][:-1], Step(POWER, Crash(15)))
    verdict = minimise(Case(Geometry(), steps), reverts("wrong/no-free-space-after-abort"))
    (mask,) = [s.operation.kept for s in case_of(verdict).steps if isinstance(s.operation, Crash)] or [0]
    assert mask in (0, 1)
