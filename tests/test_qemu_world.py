"""What a case in the guest does, and that each judge sees what is wrong: on a stage without a machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from guests import SECOND_START as SECOND
from guests import Disk, StubbedWorld

from fuzz.targets import oracles
from fuzz.targets.oracles import SCRUB_FINDS_NOTHING
from fuzz.targets.qemu import settling
from fuzz.targets.qemu.guest import GuestError
from fuzz.targets.qemu.payload import line
from fuzz.targets.qemu.points import HANDLE, HOLDS
from fuzz.targets.qemu.stage import Answer, Look, Task
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
from models.syscalls.power import MOUNTS
from models.world import ABORT, LIVENESS, REFUSAL, Violation

WRITE = Step("CPU 1", StartNocowDio(0, 1, 2))
WAY = ["btrfs_inc_nocow_writers", "btrfs_create_dio_extent"]


def broken(world: StubbedWorld, *steps: Step) -> str:
    """The property that the steps, or the end, break; empty if none."""
    try:
        for step in steps:
            assert world.apply(step), step
        world.finish()
    except Violation as violation:
        return violation.property
    return ""


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

    def late(task: Task) -> Look:
        if task.vcpu == 2 and not world.groups.makers:
            world.stage.come(2, MAKES)
            return Look(None, ())
        return look(task)

    world.stage.look = late  # type: ignore[method-assign]
    assert broken(world) == ""
    assert (world.jobs, world.stage.anybody_held) == ({}, False)


# Judges: each alone sees what is planted.


def test_nothing_is_wrong_where_nothing_was_planted() -> None:
    """If something were, the tests below would prove nothing."""
    assert broken(StubbedWorld(Disk()), WRITE, Step("CPU 2", Snapshot()), WRITE) == ""


def test_a_write_that_is_lost_is_seen() -> None:
    """Contents, by the reference model."""
    assert broken(StubbedWorld(Disk(lost=True)), WRITE) == oracles.CONTENTS


def test_a_file_that_is_gone_is_seen() -> None:
    """Also one that nobody has written to."""
    world = StubbedWorld(Disk())
    del world.stage.disk.files["/mnt/0"]
    assert broken(world, Step("CPU 1", Commit())) == oracles.CONTENTS


def test_what_an_umount_loses_is_seen() -> None:
    """Live it is there: the page cache has it."""
    world = StubbedWorld(Disk())
    assert world.apply(WRITE)
    world.stage.disk.files["/mnt/0"][2] = line(-1002)
    assert broken(world) == oracles.CONTENTS


def test_a_snapshot_that_changes_is_seen() -> None:
    """By what its files may hold."""
    world = StubbedWorld(Disk(forgets=True))
    assert broken(world, Step("CPU 1", Snapshot()), WRITE) == oracles.SNAPSHOTS


def cut_off(files: dict[str, list[str]]) -> None:
    """The last block of a file of a snapshot goes."""
    files["/mnt/snapshot-1/0"].pop()


def gone(files: dict[str, list[str]]) -> None:
    """A file of a snapshot goes."""
    del files["/mnt/snapshot-1/0"]


@pytest.mark.parametrize("damage", [cut_off, gone])
def test_a_snapshot_that_is_not_whole_is_seen(damage: Callable[[dict[str, list[str]]], None]) -> None:
    """All blocks that are left may be right."""
    world = StubbedWorld(Disk())
    assert world.apply(Step("CPU 1", Snapshot()))
    damage(world.stage.disk.files)
    assert broken(world) == oracles.SNAPSHOTS


def test_a_file_that_may_not_be_in_a_snapshot_is_no_finding() -> None:
    """It came while that was taken."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"btrfs subvolume": list(HOLDS["pending_snapshots"].way)}
    assert world.apply(Step("CPU 1", Snapshot(), "pending_snapshots"))
    assert world.apply(Step("CPU 2", Allocate(2)))
    assert world.apply(Step("CPU 1"))
    files = world.stage.disk.files
    (late,) = (path for path in files if path.startswith("/mnt/snapshot") and not path.endswith("/0"))
    del files[late]
    assert broken(world) == ""


def test_a_removed_file_that_is_still_there_is_seen() -> None:
    """Also one that comes back with the next mount; where rm was refused it has a right to be there."""
    assert broken(StubbedWorld(Disk(keeps=True)), Step("CPU 1", Free(0))) == oracles.CONTENTS
    world = StubbedWorld(Disk())
    before = list(world.stage.disk.files["/mnt/0"])
    assert world.apply(Step("CPU 1", Free(0)))
    world.stage.disk.files["/mnt/0"] = before
    assert broken(world) == oracles.CONTENTS
    refused = StubbedWorld(Disk(ends={"rm /mnt": Answer(1, "rm: No space left on device")}))
    remounted = Step("mount", Remount())
    assert broken(refused, Step("CPU 1", Free(0)), remounted, WRITE, Step("CPU 1", Free(0))) == ""


def test_what_the_kernel_says_of_files_that_are_read_is_seen() -> None:
    """At the end nobody reads its log any more."""
    world = StubbedWorld(Disk())
    assert world.apply(WRITE)
    world.stage.disk.later = ["BTRFS warning (device ram0): csum failed root 5 ino 257 off 0"]
    assert broken(world) == oracles.LOG


@pytest.mark.parametrize("read_only", ["/dev/ram0 /mnt btrfs ro,noatime 0 0", ""])
def test_a_file_system_that_turned_read_only_is_seen(read_only: str) -> None:
    """Where the log says nothing of it, or the file system is not even mounted."""
    world = StubbedWorld(Disk(mount=read_only))
    assert broken(world, Step("CPU 1", Commit())) == ABORT


ABORTED = "BTRFS: Transaction aborted (error -2)"
WARNING = "WARNING: CPU: 2 PID: 9 at fs/btrfs/block-group.c:2800 btrfs_start_dirty_block_groups+0x1"
FORCED = "BTRFS info (device ram0: state EA): forced readonly"


@pytest.mark.parametrize(
    ("log", "name", "observed"),
    [
        ([WARNING, ABORTED], ABORT, "transaction aborted (-ENOENT), forced readonly"),
        ([FORCED], ABORT, "it was forced readonly"),
        (["all is well", WARNING], oracles.LOG, WARNING),
    ],
)
@pytest.mark.parametrize("held", [False, True])
def test_the_log_is_read_after_each_step(log: list[str], name: str, observed: str, *, held: bool) -> None:
    """Also while a task is held, when nothing else can be looked at."""
    world = StubbedWorld(Disk())
    if held:
        world.stage.coming = {"dd": WAY}
        assert world.apply(Step(WRITE.task, WRITE.operation, "can_nocow_extent"))
    world.stage.disk.log = log
    with pytest.raises(Violation) as caught:
        world.apply(Step("CPU 2", Commit()))
    assert (caught.value.property, caught.value.mismatch.observed) == (name, observed)


def test_an_error_is_told_by_its_cause() -> None:
    """If a command that meets an aborted file system were the failure, the abort would be missed."""
    world = StubbedWorld(Disk(ends={"sync": Answer(1, "Read-only file system")}))
    world.stage.disk.log = [ABORTED]
    assert broken(world, Step("CPU 1", Commit())) == ABORT


@pytest.mark.parametrize(
    ("log", "said", "name"),
    [
        ([ABORTED], "Read-only file system", ABORT),
        ([], "Input/output error", REFUSAL),
        ([], "No space left on device", ""),
    ],
)
def test_rubbish_that_cannot_be_removed_is_told_by_its_cause(log: list[str], said: str, name: str) -> None:
    """If it were an error of the guest's, an abort by a create-bg would be lost."""
    world = StubbedWorld(Disk(ends={"rm -f": Answer(1, f"rm: can't remove '/mnt/create-bg-1': {said}")}))
    world.stage.disk.log = log
    assert broken(world, Step("CPU 1", CreateBg())) == name
    assert len(world.rubbish) == 1


def test_an_error_that_is_no_refusal_is_seen() -> None:
    """And lack of space is one."""
    full = StubbedWorld(Disk(ends={"fallocate": Answer(1, "fallocate: No space left on device")}))
    assert broken(full, Step("CPU 1", Allocate(1))) == ""
    assert dict(full.seen.error) == {"allocate: No space left on device": 1}
    assert "rm -f /mnt/1" in full.stage.done
    failing = StubbedWorld(Disk(ends={"fallocate": Answer(1, "fallocate: Input/output error")}))
    assert broken(failing, Step("CPU 1", Allocate(1))) == REFUSAL


def test_what_scrub_finds_is_seen() -> None:
    """In what it prints: it exits with 0 for an error that it could correct."""
    world = StubbedWorld(Disk(ends={"btrfs scrub": Answer(0, "Error summary: csum=1 Corrected: 1")}))
    assert broken(world, Step("CPU 1", Scrub(2))) == SCRUB_FINDS_NOTHING


def test_what_btrfs_check_finds_is_seen() -> None:
    """On the device, when it is unmounted."""
    wrong = Answer(1, "[2/7] checking extents\nref mismatch on [13631488 4096] extent item 1, found 0")
    assert broken(StubbedWorld(Disk(check=wrong))) == oracles.CHECK


@pytest.mark.parametrize("what", ["umount", "remount"])
def test_a_file_system_that_cannot_be_mounted_again_is_seen(what: str) -> None:
    """Or that cannot be unmounted."""
    failed = Answer(255, "mount: mounting /dev/ram0 on /mnt failed: Invalid argument")
    disk = Disk(umount=failed) if what == "umount" else Disk(remount=failed)
    assert broken(StubbedWorld(disk)) == MOUNTS


def test_a_task_that_never_ends_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody is held, nobody is in its way."""
    monkeypatch.setattr(settling, "PATIENCE", 0.05)
    world = StubbedWorld(Disk())
    world.stage.sleeping = {"sync": "btrfs_commit_transaction"}
    with pytest.raises(Violation) as caught:
        world.apply(Step("CPU 1", Commit()))
    assert caught.value.property == LIVENESS
    assert caught.value.mismatch.observed == "CPU 1 is in commit: btrfs_commit_transaction"


@pytest.mark.parametrize(("lives", "gone"), [(float("inf"), False), (2.0, True)])
def test_a_kernel_that_panics_is_seen(monkeypatch: pytest.MonkeyPatch, lives: float, *, gone: bool) -> None:
    """Also where the process is gone a little later than its sockets; and a guest that does not answer for
    another reason is no finding."""
    world = StubbedWorld(Disk())

    def ask(line: str) -> Answer:
        raise GuestError(f"the guest has gone ({line})")

    monkeypatch.setattr(world.stage, "ask", ask)
    world.emulator.lives = lives
    with pytest.raises(Violation if gone else GuestError, match="the guest has gone"):
        world.apply(Step("CPU 1", Commit()))


@pytest.mark.parametrize("when", ["asked", "finish"])
def test_a_kernel_that_panics_between_steps_is_seen(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """When it is asked what makes sense, and when the file system is unmounted."""
    world = StubbedWorld(Disk())
    world.emulator.lives = 0.0

    def ask(line: str) -> Answer:
        raise GuestError(f"the guest has gone ({line})")

    monkeypatch.setattr(world.stage, "ask", ask)
    drive = {"asked": lambda: world.makes_sense(Step("CPU 1", CreateBg())), "finish": world.finish}[when]
    with pytest.raises(Violation, match="it panicked"):
        drive()


def test_a_task_that_runs_on_beside_a_held_one_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it did, every long operation beside a held task would be a finding."""
    monkeypatch.setattr(settling, "PATIENCE_BESIDE_HELD", 0.05)
    world = StubbedWorld(Disk())
    world.stage.coming = {"dd": WAY}
    assert world.apply(Step(WRITE.task, WRITE.operation, "can_nocow_extent"))
    world.stage.sleeping = {"sync": ""}
    assert world.apply(Step("CPU 2", Commit()))
    assert world.then[1] == "waits in nothing: it runs on"
    world.stage.sleeping = {}
    assert broken(world) == ""


def test_a_task_that_turns_on_the_spot_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were waited for until it sleeps, the step would never be over: the lock's owner is held."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"dd": WAY}
    assert world.apply(Step(WRITE.task, WRITE.operation, "can_nocow_extent"))
    world.stage.sleeping = {"sync": ""}
    spins = world.stage.symbols.span("mutex_spin_on_owner").start + 5
    monkeypatch.setattr(world.stage, "place", lambda _: spins)
    assert world.apply(Step("CPU 2", Commit()))
    assert world.then[1] == "waits in mutex_spin_on_owner"
    world.stage.sleeping = {}
    assert broken(world) == ""


def test_a_task_that_tries_again_and_again_waits() -> None:
    """As a relocation does beside a held writer that has the range locked."""
    world = StubbedWorld(Disk())
    world.stage.coming = {"dd": WAY, "btrfs balance": ["replace_file_extents"] * (settling.TRIES + 1)}
    assert world.apply(Step(WRITE.task, WRITE.operation, "can_nocow_extent"))
    world.stage.sleeping = {"btrfs balance": ""}
    tries = world.stage.symbols.span("replace_file_extents").start

    def look(task: object) -> Look:
        del task
        for served in list(world.stage._served[tries]):
            served(2)
        return Look(None, ())

    world.stage.look = look  # type: ignore[method-assign]
    assert world.apply(Step("CPU 2", Relocate(2)))
    assert world.then[1] == "tries again in replace_file_extents"
