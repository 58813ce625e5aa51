"""The device space of a removed block group is kept until the superblock that has it no more is written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from programs import reverts

from fuzz.exhaust import exhaust, parse
from models.btrfs.block_group import BlockGroup
from models.btrfs.cleaner import Cleaner
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Clean,
    Commit,
    CompleteBio,
    Crash,
    Free,
    RunDelayedRefs,
    StartNocowDio,
    Step,
)
from models.reverts import Revert
from models.world import World

ONE_SPARE = Geometry(1, 2, 1, (File(FileKind.NODATACOW, 2),))
WRITTEN = (
    Step("CPU 1", Allocate(1)),
    Step("CPU 1", StartNocowDio(1, 0, 1)),
    Step("kworker 1", CompleteBio("CPU 1", 0)),
    Step("CPU 1"),
    Step("CPU 1", Commit()),
)
REMOVED = (
    Step("CPU 1", Free(1)),
    Step("CPU 1", RunDelayedRefs()),
    Step("CPU 1", Clean()),
    Step("CPU 1", Commit(), "TRANS_STATE_UNBLOCKED"),
)
WRITTEN_AGAIN = (
    Step("CPU 2", Allocate(1)),
    Step("CPU 2", StartNocowDio(2, 0, 1)),
    Step("kworker 1", CompleteBio("CPU 2", 0)),
    Step("CPU 2"),
)


def world_after(steps: tuple[Step, ...], taken_out: tuple[Revert, ...]) -> World:
    """A world that went on, whatever broke; steps that make no sense are passed over."""
    world = World(ONE_SPARE, taken_out, run_on=True)
    for step in steps:
        world.apply(step)
    return world


def test_a_deleted_file_comes_back_with_the_data_of_another() -> None:
    """If it did not, that its space was free would harm nobody, and be no finding."""
    taken_out = reverts("wrong/dev-extents-of-commit-root")
    world = world_after((*WRITTEN, *REMOVED, *WRITTEN_AGAIN, Step(Crash.task, Crash(15))), taken_out)
    lost = world.violations["a_block_holds_its_last_durable_write_or_a_newer_one"]
    assert str(lost.mismatch.expected) == "file 1 block 0 reads write 1"
    assert str(lost.mismatch.observed) == "it reads write 2"


@pytest.mark.parametrize("written", [True, False])
def test_the_space_is_free_when_the_superblock_is_written(written: bool) -> None:
    """If it were free sooner, a crash would need it; if it were not then, it would be lost."""
    last = (Step("CPU 1"),) if written else ()
    world = world_after((*WRITTEN, *REMOVED, *last, *WRITTEN_AGAIN, Step(Crash.task, Crash(15))), ())
    assert not world.violations
    assert (Step("CPU 2", StartNocowDio(2, 0, 1)) in world.program) is written


class SkipsPinned(Cleaner):
    """The cleaner of v4.19: a block group waits until what was freed in it is on disk."""

    def is_unused(self, group: BlockGroup) -> bool:
        """Pinned space matters too."""
        return super().is_unused(group) and not group.pinned


@pytest.mark.parametrize("later", [True, False])
def test_a_cleaner_that_skips_pinned_space_keeps_it_too(later: bool) -> None:
    """If it did not, later kernels would have the finding; if v4.9's cleaner did, it would prove nothing."""
    program = parse(
        """on block group 2 (blocks 9-10), room for 1 more; file 0 (nodatacow, 2 blocks):
           CPU 1: allocate blocks 1; commit; free file 1; run-delayed-refs; clean; commit
           CPU 1: relocate group 3; commit
           CPU 2: create-bg"""
    )
    (wrong,) = reverts("wrong/dev-extents-of-commit-root")
    cleaner = (SkipsPinned,) if later else ()
    result = exhaust(program, [replace(wrong, overrides=(*wrong.overrides, *cleaner))], 1, limit=1000)
    assert (result.failing is None) is later
    assert result.complete is later
    assert not later or not result.idle
