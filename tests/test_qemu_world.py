"""What a case in the guest does: on a stage without a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guests import SECOND_START as SECOND
from guests import WAY, WRITE, Disk, StubbedWorld, broken

from fuzz.targets.qemu.payload import line
from fuzz.targets.qemu.points import HANDLE, HOLDS
from fuzz.targets.qemu.tasks import Look
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Operation,
    Relocate,
    Remount,
    Scrub,
    Snapshot,
    StartNocowDio,
    Step,
    Writeback,
)

if TYPE_CHECKING:
    import pytest


def did(world: StubbedWorld, operation: Operation, task: str = "CPU 1") -> str:
    """The command that an operation is."""
    assert world.apply(Step(task, operation))
    number = int(task[-1])
    return world.stage.started[number]


def test_operations_are_commands() -> None:
    """If one were another command, its races would be another's."""
    world = StubbedWorld(Disk())
    direct = "dd if=/tmp/1 of=/mnt/0 bs=8192 count=1 seek=4096 conv=notrunc oflag=seek_bytes,direct"
    assert did(world, StartNocowDio(0, 1, 2)) == direct
    buffered = "dd if=/tmp/2 of=/mnt/0 bs=4096 count=1 seek=0 conv=notrunc oflag=seek_bytes"
    assert did(world, BufferedWrite(0, 0, 1), "CPU 2") == buffered
    assert did(world, Writeback(0)) == "dd if=/mnt/0 of=/dev/null bs=16384 count=1 iflag=direct"
    assert did(world, Fsync(0)) == "dd if=/dev/null of=/mnt/0 count=0 conv=notrunc,fsync"
    assert did(world, Commit()) == "sync -f /mnt"
    assert did(world, Allocate(3)) == "fallocate -l 12288 /mnt/1"
    assert did(world, CreateBg()) == f"fallocate -l {(1 << 20) - 32 * 4096} /mnt/create-bg-1"
    assert did(world, Snapshot()) == "btrfs subvolume snapshot -r /mnt /mnt/snapshot-2"
    assert did(world, Scrub(2)) == "btrfs scrub start -B /mnt"
    assert did(world, Relocate(2)) == "btrfs balance start -dvrange=13631488..13631489 /mnt"
    assert did(world, Free(1)) == "rm /mnt/1"
    assert broken(world, Step("mount", Remount())) == ""
    assert world.stage.disk.files["/mnt/0"] == [line(2), line(1), line(1), line(-1003)]


def test_only_files_take_numbers_of_files() -> None:
    """If a snapshot took one, a program that frees a file would free another one than in the model."""
    world = StubbedWorld(Disk())
    assert did(world, CreateBg()).endswith("/mnt/create-bg-1")
    assert did(world, Snapshot()).endswith("/mnt/snapshot-2")
    assert did(world, Allocate(1)).endswith("/mnt/1")
    assert did(world, Free(1)) == "rm /mnt/1"


def test_create_bg_never_asks_for_less_than_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it did where others took the space between the two looks, fallocate would fail for that."""
    world = StubbedWorld(Disk())
    told = iter([1 << 20, 0])
    monkeypatch.setattr(world, "free_bytes", lambda: next(told))
    assert did(world, CreateBg()) == "fallocate -l 4096 /mnt/create-bg-1"


def test_what_is_no_sense_is_not_done() -> None:
    """If it were done all the same, a program would say something else than what happened."""
    world = StubbedWorld(Disk(free=0))
    for step in (
        Step("CPU 1"),
        Step("CPU 1", StartNocowDio(0, 3, 2)),
        Step("CPU 1", BufferedWrite(1, 0, 1)),
        Step("CPU 1", Writeback(0)),
        Step("CPU 1", Fsync(1)),
        Step("CPU 1", Free(1)),
        Step("CPU 1", CreateBg()),
        Step("CPU 1", Relocate(3)),
        Step("CPU 1", Scrub(3)),
        Step("CPU 1", EndTransaction()),
    ):
        assert not world.apply(step), step
    assert not world.seen.refused
    assert not world.apply(Step("CPU 3", Commit()))
    assert not world.apply(Step("kworker 1", CompleteBio("CPU 1", 0)))
    assert len(world.seen.refused) == 2
    assert (world.program, world.stage.started) == ([], {})


def test_a_point_that_cannot_be_is_counted() -> None:
    """If it were passed over in silence, a run would seem to stop where it never does."""
    world = StubbedWorld(Disk())
    assert world.apply(Step("CPU 1", Commit(), "cache_write_mutex"))
    assert world.apply(Step("CPU 1", Commit(), "btrfs_scrub_pause"))
    (refused,) = world.seen.refused
    assert refused == "preemption at cache_write_mutex: 6.1 enters and leaves no function there"
    assert dict(world.seen.passed) == {"btrfs_scrub_pause": 1}
    assert world.then == ["done", "done"]


def test_a_task_is_held_and_goes_on() -> None:
    """If the judges looked at files while a writer is held, they would wait for it for ever."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"dd": WAY}
    step = Step(WRITE.task, WRITE.operation, "can_nocow_extent")
    assert world.apply(step)
    assert world.then == ["preempted at can_nocow_extent"]
    assert not any("look" in done for done in world.stage.done)
    assert not world.idle("CPU 1")
    assert not world.makes_sense(Step("mount", Remount()))
    (able,) = world.runnable()
    assert able[0] == "CPU 1"
    assert "btrfs_create_dio_extent" in able[1]
    assert "btrfs_start_write_no_snapshoting" not in able[1]
    world.stage.sleeping = {"btrfs balance": "btrfs_wait_nocow_writers"}
    assert world.apply(Step("CPU 2", Relocate(2)))
    assert world.then[1] == "waits in btrfs_wait_nocow_writers"
    assert world.next_to_drain() == Step("CPU 1")
    world.stage.sleeping = {}
    assert broken(world) == ""
    assert dict(world.seen.held) == {"can_nocow_extent": 1}
    assert world.drained == [Step("CPU 1")]


def test_who_comes_another_way_is_not_held() -> None:
    """If a write that goes to new blocks were held for one in place, the window would be another."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"dd": WAY[1:]}
    assert broken(world, Step(WRITE.task, WRITE.operation, "can_nocow_extent")) == ""
    assert dict(world.seen.passed) == {"can_nocow_extent": 1}


def test_create_bg_leaves_its_handle_open() -> None:
    """If the handle were closed, no commit would ever meet a block group without an item."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"fallocate": ["btrfs_make_block_group", "btrfs_create_pending_block_groups"]}
    group = Step("CPU 1", CreateBg())
    assert world.apply(group)
    assert world.then == ["done"]
    assert dict(world.seen.held) == {HANDLE: 1}
    assert world.has_handle("CPU 1")
    assert world.runnable() == []
    assert world.data_groups() == [2, 3]
    assert not world.apply(Step("CPU 1", Commit()))
    assert not world.apply(Step("CPU 1"))
    world.stage.coming = {}
    assert did(world, Relocate(3), "CPU 2") == f"btrfs balance start -dvrange={SECOND}..{SECOND + 1} /mnt"
    assert not any(done.startswith("rm ") for done in world.stage.done[1:])
    assert world.next_to_drain() == Step("CPU 1", EndTransaction())
    assert world.apply(Step("CPU 1", EndTransaction()))
    assert not world.jobs
    assert "rm -f /mnt/create-bg-1" in world.stage.done


def test_a_group_that_is_removed_is_none() -> None:
    """If it were one still, relocations would be of nothing."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"btrfs balance": ["btrfs_make_block_group", "btrfs_remove_block_group"]}
    world.stage.registers.told["rsi"] = 13631488
    assert broken(world, Step("CPU 1", Relocate(2))) == ""
    assert world.data_groups() == [3]


def test_the_guest_that_waits_for_a_held_task_gets_it() -> None:
    """If nobody let it go, the guest would never say another word."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"dd": WAY}
    assert world.apply(Step(WRITE.task, WRITE.operation, "can_nocow_extent"))
    assert world.stage.silence is not None
    world.stage.silence()
    assert dict(world.seen.released) == {"can_nocow_extent": 1}
    assert broken(world) == ""


def comes_late(world: StubbedWorld, way: list[str]) -> None:
    """A task of vCPU 2 that slept comes through functions, now that somebody else goes on."""

    def release(vcpu: int) -> None:
        world.stage._held.discard(vcpu)
        if vcpu == 1:
            world.stage.sleeping = {}
            world.stage.come(2, way)

    world.stage.release = release  # type: ignore[method-assign]


def beside_held(operation: Operation, until: str | None, way: list[str]) -> StubbedWorld:
    """A held writer, and a task that waits for it; then that is to be held at the end of a way."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"dd": WAY}
    assert world.apply(Step(WRITE.task, WRITE.operation, "can_nocow_extent"))
    world.stage.sleeping = {"fallocate": "schedule", "sync": "schedule"}
    assert world.apply(Step("CPU 2", operation, until))
    comes_late(world, way)
    return world


MAKES = ["btrfs_make_block_group", "btrfs_create_pending_block_groups"]


def test_who_comes_to_its_hold_in_a_step_of_another_is_accounted_for() -> None:
    """If it were not, an open handle would be no handle, and be told to go on as a held task is."""
    world = beside_held(CreateBg(), None, MAKES)
    assert world.then[1].startswith("waits in")
    assert world.apply(Step("CPU 1"))
    assert world.has_handle("CPU 2")
    assert world.runnable() == []
    assert world.seen.held[HANDLE] == 1
    assert broken(world, Step("CPU 2", EndTransaction())) == ""
    assert world.seen.held[HANDLE] == 1


def test_whoever_is_held_when_all_is_to_end_goes_on() -> None:
    """If the file system were unmounted first, the umount would wait for it for ever."""
    world = beside_held(CreateBg(), None, MAKES)
    assert broken(world) == ""
    assert (world.jobs, world.stage.anybody_held) == ({}, False)
    assert HANDLE not in world.seen.held


def test_no_handle_is_opened_when_all_is_to_end() -> None:
    """If it were, it would have to be ended again."""
    world = StubbedWorld(Disk())
    point = next(point for point in CreateBg.points if point in HOLDS and not HOLDS[point].behind)
    world.stage.coming = {"fallocate": list(HOLDS[point].way)}
    assert world.apply(Step("CPU 1", CreateBg(), point))
    assert dict(world.seen.held) == {point: 1}

    def release(vcpu: int) -> None:
        world.stage._held.discard(vcpu)
        world.stage.come(vcpu, MAKES)

    world.stage.release = release  # type: ignore[method-assign]
    assert broken(world) == ""
    assert dict(world.seen.held) == {point: 1}


def test_who_was_let_go_comes_to_its_end_before_the_umount() -> None:
    """If it did not, the file system would be unmounted beside it, and beside whom it was in the way of."""
    world = beside_held(CreateBg(), None, [])
    assert world.stage.silence is not None
    world.stage.silence()
    look = world.stage.look

    def late(vcpu: int) -> Look:
        if vcpu == 2 and not world.groups.makers:
            world.stage.come(2, MAKES)
            return Look(None, ())
        return look(vcpu)

    world.stage.look = late  # type: ignore[method-assign]
    assert broken(world) == ""
    assert (world.jobs, world.stage.anybody_held) == ({}, False)
