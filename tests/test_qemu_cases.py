"""Cases in a real guest: every operation, a window, and a fix that is switched off and found missing.

Each skips where there is no QEMU, busybox or kernel package, and says what to install.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runs import ROOT, fuzz

from fuzz.__main__ import main
from fuzz.options import Shrink, make_run
from fuzz.targets import QEMU, TargetUnavailable
from fuzz.targets.qemu import points
from fuzz.targets.qemu.commands import COMMANDS
from fuzz.targets.qemu.commands.base import Begun
from fuzz.targets.qemu.requirements import ready
from fuzz.targets.qemu.runs import qemu_shard
from fuzz.targets.qemu.saved import SPINNING, Saved
from fuzz.targets.qemu.world import QemuWorld, fresh_world
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Relocate,
    Remount,
    Scrub,
    Snapshot,
    StartNocowDio,
    Step,
    Writeback,
)
from models.world import ABORT, Violation

SEED_2 = ROOT / "tests" / "regressions" / "f78c436c3931.json"


def guest() -> Saved:
    """The saved machine; skips where there can be none, with what to install."""
    try:
        return ready()
    except TargetUnavailable as error:
        pytest.skip(str(error))


@contextmanager
def world_of(geometry: Geometry) -> Iterator[QemuWorld]:
    """A case, and its end."""
    world = fresh_world(guest(), geometry)
    try:
        yield world
        world.finish()
    finally:
        world.close()


def test_the_kernel_has_every_function() -> None:
    """If one had another name, the first search that draws its point would end there."""
    symbols = guest().symbols
    functions = {function for hold in points.HOLDS.values() for function in hold.functions()}
    assert [
        name for name in sorted({*functions, *SPINNING}) if len(symbols.functions.get(name, [])) != 1
    ] == []


def test_every_operation_is_done() -> None:
    """One program with all of them, which nothing is wrong with, and holds at both ends of a function."""
    files = (File(FileKind.NODATACOW, 4), File(FileKind.PREALLOC, 2))
    with world_of(Geometry(1, 8, 2, files)) as world:
        assert world.stage.do("cat /proc/sys/kernel/hung_task_timeout_secs") == "0\n"
        for step in (
            Step("CPU 1", CreateBg()),
            Step("CPU 2", Allocate(2)),
            Step("CPU 1", EndTransaction(), "btrfs_insert_item"),
            Step("CPU 1"),
            Step("CPU 1", BufferedWrite(0, 1, 2)),
            Step("CPU 1", Writeback(0), "btrfs_add_ordered_extent"),
            Step("CPU 1"),
            Step("CPU 2", StartNocowDio(1, 0, 2)),
            Step("CPU 2", Snapshot()),
            Step("CPU 1", Fsync(0)),
            Step("CPU 1", Scrub(2)),
            Step("CPU 2", Commit(), "write_ctree_super"),
            Step("CPU 2"),
            Step("CPU 1", Relocate(2)),
            Step("CPU 1", Free(1)),
            Step("mount", Remount()),
        ):
            assert world.apply(step), step
        assert world.data_groups() == [3]
    assert [then for then in world.then if then != "done"] == [
        "preempted at btrfs_insert_item",
        "preempted at btrfs_add_ordered_extent",
        "preempted at write_ctree_super",
    ]
    assert not world.seen.error


def test_replay_shows_the_window_of_a_race(capsys: pytest.CaptureFixture[str]) -> None:
    """If the writer were not held, or not counted, the relocation would not wait for it."""
    guest()
    assert main(["replay", str(SEED_2), "--target", "qemu"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.endswith("until can_nocow_extent  -- preempted at can_nocow_extent")
    assert second == "CPU 2: relocate group 2  -- waits in btrfs_wait_nocow_writers"
    assert last == "it passes in the guest"


def test_replay_without_the_fix_loses_the_write(capsys: pytest.CaptureFixture[str]) -> None:
    """If it passed, too, that it passes with the fix would say nothing."""
    guest()
    assert main(["replay", str(SEED_2), "--target", "qemu", "--revert", "f78c436c3931"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "every_block_reads_as_its_last_write_or_a_concurrent_one: expected: file 0 block 0 reads write 1; "
        "observed: it reads its first content"
    )


def test_a_panic_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were an error of the guest's, the worst that a kernel can do would end a search as unusable."""
    panic = Begun("sh -c 'echo c > /proc/sysrq-trigger'")
    monkeypatch.setattr(COMMANDS[Commit], "begin", lambda *_: panic)
    world = fresh_world(guest(), Geometry())
    try:
        with pytest.raises(Violation, match="it panicked"):
            world.apply(Step("CPU 1", Commit()))
    finally:
        world.close()


def test_a_machine_finds_a_fix_that_is_switched_off(tmp_path: Path) -> None:
    """If it could not, a green run would show nothing: this is the defect that is planted here."""
    guest()
    sizes: dict[str, int | None] = {"shards": 1, "examples": 40, "steps": 6}
    run = make_run("default", sizes, 3, ("ff1f8250a9e4",), (str(tmp_path),), shrink=Shrink.NONE, target=QEMU)
    outcome = qemu_shard(run, 0)
    assert outcome.reproducer is not None
    assert outcome.reproducer.property == ABORT
    assert "with its fix switched off" in outcome.reproducer.text
    assert '"reverts": ["ff1f8250a9e4"]' in outcome.reproducer.trace
    assert run.database.saved()


def test_what_cannot_be_is_a_usage_error(tmp_path: Path) -> None:
    """One line, and the exit code of a usage error: a script has to tell it from a finding."""
    for options, changes, said in (
        (("--target", "qemu", "--revert", "020d5b7366fc"), {}, "cannot be switched off in the guest"),
        (("--target", "qemu"), {"XDG_CACHE_HOME": str(tmp_path)}, "apt-get download"),
    ):
        done = fuzz(*options, **changes)
        assert (done.code, len(done.error.strip().splitlines())) == (4, 1), done
        assert said in done.error
