"""Each judge of a case in the guest sees what is planted for it: on a stage without a machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from guests import WAY, WRITE, Disk, StubbedWorld, broken

from fuzz.case import CONTENTS
from fuzz.targets import oracles
from fuzz.targets.oracles import SCRUB_FINDS_NOTHING
from fuzz.targets.qemu import settling
from fuzz.targets.qemu.guest import GuestError
from fuzz.targets.qemu.payload import line
from fuzz.targets.qemu.points import HOLDS
from fuzz.targets.qemu.stage import Answer
from fuzz.targets.qemu.tasks import Look
from models.operations import (
    Allocate,
    Commit,
    CreateBg,
    Free,
    Relocate,
    Remount,
    Scrub,
    Snapshot,
    Step,
)
from models.syscalls.power import MOUNTS
from models.world import ABORT, LIVENESS, REFUSAL, Violation


def test_nothing_is_wrong_where_nothing_was_planted() -> None:
    """If something were, the tests below would prove nothing."""
    assert broken(StubbedWorld(Disk()), WRITE, Step("CPU 2", Snapshot()), WRITE) == ""


def test_a_write_that_is_lost_is_seen() -> None:
    """Contents, by the reference model."""
    assert broken(StubbedWorld(Disk(lost=True)), WRITE) == CONTENTS


def test_a_file_that_is_gone_is_seen() -> None:
    """Also one that nobody has written to."""
    world = StubbedWorld(Disk())
    del world.stage.disk.files["/mnt/0"]
    assert broken(world, Step("CPU 1", Commit())) == CONTENTS


def test_what_an_umount_loses_is_seen() -> None:
    """Live it is there: the page cache has it."""
    world = StubbedWorld(Disk())
    assert world.apply(WRITE)
    world.stage.disk.files["/mnt/0"][2] = line(-1002)
    assert broken(world) == CONTENTS


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
    assert broken(StubbedWorld(Disk(keeps=True)), Step("CPU 1", Free(0))) == CONTENTS
    world = StubbedWorld(Disk())
    before = list(world.stage.disk.files["/mnt/0"])
    assert world.apply(Step("CPU 1", Free(0)))
    world.stage.disk.files["/mnt/0"] = before
    assert broken(world) == CONTENTS
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

    def look(vcpu: int) -> Look:
        del vcpu
        for served in list(world.stage._served[tries]):
            served(2)
        return Look(None, ())

    world.stage.look = look  # type: ignore[method-assign]
    assert world.apply(Step("CPU 2", Relocate(2)))
    assert world.then[1] == "tries again in replace_file_extents"
