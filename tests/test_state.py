"""The state of a file system as plain data: what is there, and nothing changed by looking."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import asdict

import pytest
from programs import new_machine

from fuzz.machine import FoundFailure
from fuzz.machines import Everything
from fuzz.random_cases import random_pick
from models.btrfs.state import BlockGroupState, FsState, fs_state
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CompleteBio,
    CreateBg,
    Free,
    Operation,
    Relocate,
    StartNocowDio,
    Step,
)
from models.world import World

GEOMETRY = Geometry(2, 4, 2, (File(FileKind.NODATACOW, 2), File(FileKind.PREALLOC, 1)))
FIRST = 2
"""Number of the first DATA block group; its blocks are 9 to 12."""


def after(*steps: tuple[Operation | None, str | None]) -> FsState:
    """The state when one task has taken these steps."""
    world = World(GEOMETRY)
    for operation, until in steps:
        assert world.apply(Step("CPU 1", operation, until))
    return fs_state(world.fs)


def group(state: FsState, number: int) -> BlockGroupState:
    """A block group."""
    return next(group for group in state.block_groups if group.number == number)


def uses(state: FsState, number: int) -> list[str]:
    """What its blocks are used for."""
    return [block.use for block in group(state, number).blocks]


def test_a_fresh_file_system() -> None:
    """If the beginning were wrong, every change after it would be."""
    state = after()
    assert uses(state, FIRST) == ["data", "data", "prealloc", "free"]
    assert [block.owners for block in group(state, FIRST).blocks] == [
        ("file 0 block 0",),
        ("file 0 block 1",),
        ("file 1 block 0",),
        (),
    ]
    assert [block.content for block in group(state, FIRST).blocks] == [-1000, -1001, -1, -1]
    assert (group(state, FIRST).item_used, group(state, FIRST).on_disk) == (3, 3)
    assert group(state, FIRST + 1).unused, "what is empty is queued at mount"
    assert (state.generation, state.superblock, state.error) == (1, 1, 0)
    assert (state.transactions, state.ordered, state.bios) == ((), (), ())


def test_phase_1_of_a_block_group() -> None:
    """If its item looked as if it were there, the first seed race could not be understood."""
    made = group(after((CreateBg(), None)), 4)
    assert (made.item_used, made.on_disk, made.new_bgs_of, made.used) == (None, None, "CPU 1", 0)
    (trans,) = after((CreateBg(), None)).transactions
    assert [(handle.task, handle.new_bgs) for handle in trans.handles] == [("CPU 1", (4,))]
    assert (trans.state, trans.num_writers) == ("RUNNING", 1)


def test_a_write_in_flight() -> None:
    """If the bio were not shown where it goes, the second seed race could not be understood."""
    state = after((StartNocowDio(0, 1, 1), None))
    (ordered,), (bio,) = state.ordered, state.bios
    assert (ordered.inode, ordered.start, ordered.num, ordered.disk_bytenr) == ("file 0", 1, 1, 10)
    assert (ordered.type, ordered.task, ordered.left) == ("NOCOW", "CPU 1", 1)
    assert (bio.submitter, bio.block, bio.values) == ("CPU 1", 10, (1,))
    assert group(state, FIRST).blocks[1].content == -1001, "it is not written yet"


def test_a_write_to_new_space() -> None:
    """If blocks that only an ordered extent knows had no owner, the write would seem to go nowhere."""
    world = World(GEOMETRY)
    write = StartNocowDio(1, 0, 1)
    steps = (Step("CPU 1", write), Step("kworker 1", CompleteBio("CPU 1", 0)), Step("CPU 1"))
    for step in (*steps, Step("CPU 1", write)):
        assert world.apply(step)
    state = fs_state(world.fs)
    assert [ordered.type for ordered in state.ordered] == ["REGULAR"], "a written block is not overwritten"
    assert [bio.block for bio in state.bios] == [12]
    assert uses(state, FIRST) == ["data", "data", "data", "writing"]
    assert group(state, FIRST).blocks[3].owners == ("file 1 block 0",)


def test_what_is_allocated_and_freed() -> None:
    """If reserved, used and pinned looked alike, nobody could see what a commit changes."""
    reserved = after((Allocate(1), "btrfs_add_reserved_bytes"))
    assert uses(reserved, FIRST)[3] == "reserved"
    assert group(reserved, FIRST).reserved == 1
    allocated = after((Allocate(1), None))
    assert group(allocated, FIRST).blocks[3].owners == ("file 2 block 0",)
    freed = after((Free(0), None), (Commit(), "btrfs_finish_extent_commit"))
    assert uses(freed, FIRST)[:2] == ["pinned", "pinned"]
    assert group(freed, FIRST).pinned == 2
    assert group(freed, FIRST).on_disk == 1
    done = after((Free(0), None), (Commit(), None))
    assert uses(done, FIRST)[:2] == ["free", "free"]


def test_what_a_relocation_copies() -> None:
    """If the copy looked like the file, it would seem to have been switched already."""
    state = after((Relocate(FIRST), "relocate_file_extent_cluster"))
    assert group(state, FIRST).ro == 1
    assert set(uses(state, FIRST + 1)) == {"copy", "free"}
    assert group(state, FIRST + 1).blocks[0].owners == ("relocation inode 0 block 0",)
    assert next(space for space in state.spaces if space.type == "DATA").readonly > 0


def test_a_superblock_copy_is_neither_free_nor_anybodys() -> None:
    """If it looked free, it would be odd that nobody takes it."""
    world = World(Geometry(7, 4, 4, (File(FileKind.NODATACOW, 28),)))
    for _ in range(4):
        assert world.apply(Step("CPU 1", CreateBg()))
    found = [
        block for group in fs_state(world.fs).block_groups for block in group.blocks if block.use == "super"
    ]
    assert [block.owners for block in found] == [("superblock copy",)]


def test_what_is_dirty_only_is_in_no_block() -> None:
    """If a page that was not written back had a block, delayed allocation would not be visible."""
    before, state = after(), after((BufferedWrite(0, 0, 1), None))
    assert [group.blocks for group in state.block_groups] == [group.blocks for group in before.block_groups]


@pytest.mark.parametrize("seed", range(12))
def test_blocks_agree_with_the_counters_and_looking_changes_nothing(seed: int) -> None:
    """If they did not, the bar of blocks would contradict the numbers beside it; and a recorded case must
    go the way of one that is not."""
    source = random.Random(seed)  # noqa: S311 - equal seeds, equal cases
    watched, plain = new_machine(source), new_machine(random.Random(seed))  # noqa: S311 - as above
    for _ in range(60):
        choice = random_pick(source, Everything).of(Everything)
        for machine in (watched, plain):
            try:
                machine.advance(choice)
            except FoundFailure as failure:
                pytest.fail(str(failure))
        state = fs_state(watched.world.fs)
        assert state == fs_state(watched.world.fs)
        groups = watched.world.fs.block_groups.tree
        for told in state.block_groups:
            counted, kept = Counter(block.use for block in told.blocks), groups[told.start]
            assert counted["free"] == len(kept.free)
            if not state.error and not kept.in_hand:
                taken = told.used + told.reserved + told.pinned + kept.bytes_super
                assert told.length - counted["free"] == taken
                assert counted["pinned"] == told.pinned
    assert watched.world.sim.notes == plain.world.sim.notes
    assert asdict(fs_state(watched.world.fs)) == asdict(fs_state(plain.world.fs))
