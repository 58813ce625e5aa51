"""What the guest can be told, what is refused, and how its blocks are written and read.  Needs no QEMU."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from guests import Disk, StubbedWorld
from hypothesis import Phase
from runs import ROOT

from fuzz.__main__ import main
from fuzz.options import QEMU_STEPS, make_run, profiles_of
from fuzz.targets import QEMU, TargetUnavailable
from fuzz.targets.qemu import points, requirements
from fuzz.targets.qemu.commands import COMMANDS
from fuzz.targets.qemu.machine import qemu_machines
from fuzz.targets.qemu.payload import BLOCK, LINE, decode, files, line, program
from fuzz.targets.qemu.replaying import _take
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.script import catalogue, switches_of
from fuzz.targets.qemu.switches import NotTolerated, Skip
from fuzz.targets.qemu.symbols import Symbols
from fuzz.targets.qemu.vocabulary import REFUSED, table
from fuzz.targets.qemu.volume import ROOM, populate
from models.geometry import File, FileKind, Geometry
from models.operations import OPERATIONS, Commit, EndTransaction, Remount, StartNocowDio, Step
from models.reverts import find_reverts

POINTS = {point for operation in OPERATIONS for point in operation.points}


def test_every_operation_is_either_a_command_or_refused_with_a_reason() -> None:
    """If one were neither, a search would fail in the middle of a case."""
    of_the_world = {EndTransaction, Remount}
    assert COMMANDS.keys() | of_the_world | REFUSED.keys() == set(OPERATIONS)
    assert not (COMMANDS.keys() | of_the_world) & REFUSED.keys()


def test_every_point_is_either_a_hold_or_refused_with_a_reason() -> None:
    """If one were neither, a task that is told to stop there would run through in silence."""
    assert points.HOLDS.keys() | points.REFUSED.keys() == POINTS
    assert not points.HOLDS.keys() & points.REFUSED.keys()
    assert all(points.REFUSED.values())
    assert points.refusal("can_nocow_extent") == ""
    assert points.refusal("btrfs_trim_fs") == "nothing is trimmed here"
    assert points.refusal("nonsense") == "the model has no such point"


def test_a_hold_under_another_name_says_why() -> None:
    """If it did not, nobody could tell whether the place is the model's."""
    unsaid = [
        point
        for point, hold in points.HOLDS.items()
        if not hold.why and not any(function.startswith(point) for function in hold.functions())
    ]
    assert unsaid == []


def test_what_is_refused_is_in_the_printed_table() -> None:
    """Nothing is left out in silence."""
    printed = "\n".join(table())
    assert all(f"{operation.name}: {why}" in printed for operation, why in REFUSED.items())
    assert all(point in printed and why in printed for point, why in points.REFUSED.items())


def test_the_machines_draw_nothing_that_is_refused() -> None:
    """If they did, the draws would be wasted; and the one with everything has everything that is left."""
    drawn = [set(machine.operations) for machine in qemu_machines()]
    assert not any(operations & REFUSED.keys() for operations in drawn)
    assert drawn[-1] == set(OPERATIONS) - REFUSED.keys()
    assert len({frozenset(operations) for operations in drawn}) == len(drawn)
    assert {"QemuCreation", "QemuOverwriting"} < {machine.__name__ for machine in qemu_machines()}


def test_every_machine_has_its_turn() -> None:
    """If there were fewer shards than machines, the last would never be drawn."""
    assert {profile.shards % len(qemu_machines()) for profile in profiles_of(QEMU).values()} == {0}


@pytest.mark.parametrize(("race", "kind"), [("f78c436c3931", Skip), ("creation-vs-writeout", NotTolerated)])
def test_a_fix_that_has_a_script_can_be_switched_off(race: str, kind: type) -> None:
    """If another switch were thrown, a run would look for a race that is not there."""
    run = make_run("default", {}, 1, (race,), (), target=QEMU)
    (switch,) = switches_of(run.reverts)
    assert isinstance(switch, kind)
    assert switch is catalogue()[run.reverts[0].id].switch_off


def test_another_fix_is_refused_with_those_that_can_be() -> None:
    """If it were passed over, a green run would say that the race is not found."""
    with pytest.raises(ValueError, match=r"^020d5b7366fc cannot .*: ff1f8250a9e4, f78c436c3931 \(.*\)$"):
        make_run("default", {}, 1, ("ff1f8250a9e4", "020d5b7366fc"), (), target=QEMU)
    assert switches_of(find_reverts(())) == []


def test_a_case_is_not_longer_than_a_replay_of_it() -> None:
    """If it were, what it found could not be replayed; and a replay that goes on must come to its end."""
    with pytest.raises(ValueError, match="--fuzz-steps is 51, must be 1 to 50"):
        make_run("default", {"steps": 51}, 1, (), (), target=QEMU)
    run = make_run("replay", {}, 1, (), (), target=QEMU)
    assert run.settings((Phase.reuse,), None).stateful_step_count == QEMU_STEPS


# What is in the way


@pytest.mark.parametrize("function", ["booted", "prepared"])
def test_a_cache_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    """If it were a traceback, nobody would read that the disk is full."""

    def full(*arguments: object) -> Saved:
        del arguments
        raise OSError(errno.ENOSPC, "No space left on device", "/cache/.unfinished")

    below = {"booted": "saved", "prepared": "prepared"}[function]
    monkeypatch.setattr(requirements, "find", lambda *_: None)
    monkeypatch.setattr(requirements, "saved", lambda *_: Saved(Path("state"), Symbols(""), "6.1"))
    monkeypatch.setattr(requirements, below, full)
    with pytest.raises(TargetUnavailable, match=r"^/cache/.unfinished: No space left on device$"):
        requirements.ready()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "kernel", "--step"), "--step shows the model's state: --target kernel has none"),
        (("--target", "qemu", "--step"), "--step shows the model's state: --target qemu has none"),
        (("--target", "kernel", "--revert", "none"), "--revert: no fix can be taken out of the kernel"),
    ],
)
def test_an_option_that_says_nothing_there_is_a_usage_error(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it were passed over, a replay would seem to be what was asked for."""
    with pytest.raises(SystemExit) as caught:
        main(["replay", str(ROOT / "tests" / "regressions" / "f78c436c3931.json"), *options])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_step_of_nobody_makes_no_sense() -> None:
    """If a task that does nothing went on without being told, a replay would tell of what never was."""
    world = StubbedWorld(Disk())
    assert _take(world, Step("CPU 1")) == "CPU 1: resume  -- makes no sense here"
    world.stage.coming = {"dd": ["btrfs_inc_nocow_writers", "btrfs_create_dio_extent"]}
    held = Step("CPU 1", StartNocowDio(0, 1, 2), "can_nocow_extent")
    assert _take(world, held).endswith("-- preempted at can_nocow_extent")
    world.stage.sleeping = {"sync": "schedule"}
    assert " -- waits in" in _take(world, Step("CPU 2", Commit()))
    assert _take(world, Step("CPU 2")).endswith("-- goes on without being told")


# Blocks


def told(*blocks: str) -> list[str]:
    """Runs of lines, as uniq counts them."""
    return [f"{BLOCK // LINE if block else BLOCK:7} {block}" for block in blocks]


@pytest.mark.parametrize("value", [1, 12345678, -1000, -31031])
def test_a_block_says_its_value(value: int) -> None:
    """If it said another, a lost write would pass, or a good one not."""
    assert len(line(value)) == LINE - 1
    assert decode(told(line(value))) == [value]
    assert f'b("{line(value)}");' in program([value])


def test_blocks_are_told_apart() -> None:
    """If equal blocks side by side were one, or a block of zeroes none, others would be misplaced."""
    assert decode([f"{2 * BLOCK // LINE:7} {line(7)}", *told("", line(8))]) == [7, 7, 0, 8]
    assert decode([f"{2 * BLOCK:7} "]) == [0, 0]
    assert decode([]) == []


@pytest.mark.parametrize(
    "lines",
    [
        [f"    128 {line(1)}", f"    128 {line(2)}"],
        [f"    255 {line(1)}", "      1 bgfuzz       x", *told()],
        [f"    255 {line(1)}", "     16 "],
        ["      1 garbage", "   4088 "],
        [f"    100 {line(1)}"],
    ],
)
def test_a_block_without_a_whole_value_has_none(lines: list[str]) -> None:
    """If a torn block passed for one of its halves, a torn write would pass."""
    assert decode(lines) == [None]


def test_what_is_no_run_is_an_error() -> None:
    """If it were passed over, a guest without uniq would hold no file at all."""
    with pytest.raises(ValueError, match="uniq does not print 'uniq: not found'"):
        decode(["uniq: not found"])
    with pytest.raises(ValueError, match="more than 8 digits"):
        line(123456789)


def test_files_are_told_apart() -> None:
    """If a file's blocks were taken for the next one's, both would be judged wrongly."""
    printed = "\n".join(["= /mnt/0", *told(line(3)), "= /mnt/1", "= /mnt/snapshot-4/0", *told("")])
    assert list(files(printed)) == [("/mnt/0", [3]), ("/mnt/1", []), ("/mnt/snapshot-4/0", [0])]
    assert list(files("")) == []


def test_files_are_made_as_the_geometry_says() -> None:
    """If a PREALLOC file were made while the mount makes all files NODATACOW, it would be one."""
    nodatacow, prealloc = File(FileKind.NODATACOW, 2), File(FileKind.PREALLOC, 3)
    lines = list(populate(Geometry(1, 8, 1, (prealloc, nodatacow))))
    switched = next(place for place, one in enumerate(lines) if "remount,datacow" in one)
    assert [place < switched for place, one in enumerate(lines) if "/mnt/1" in one] == [True]
    assert [place < switched for place, one in enumerate(lines) if "/mnt/0" in one] == [False]
    assert f"fallocate -l {ROOM - 5 * BLOCK} /mnt/fill/left" in lines
