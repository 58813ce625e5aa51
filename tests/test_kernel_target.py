"""The live kernel: what it does as it should, planted defects that its judges catch, and what a kill leaves.

All of it needs root, FUSE, loop devices and btrfs-progs, and is skipped where one is missing.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.case import CONTENTS, Case
from fuzz.targets.kernel.replaying import play
from fuzz.targets.kernel.requirements import missing
from fuzz.targets.oracles import DURABLE
from fuzz.traces import load
from models.faults import DATA_BIO, SUPERBLOCK, TREE_BLOCK
from models.geometry import Geometry
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Inject,
    Operation,
    Relocate,
    Remount,
    Scrub,
    Snapshot,
    StartNocowDio,
    Step,
    Trim,
    Writeback,
)

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")
KERNEL = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))
SEED_2 = Path(__file__).parent / "regressions" / "f78c436c3931.json"


def case(*steps: tuple[str, Operation] | Step) -> Case:
    """A program on the default file system: one NODATACOW file of four blocks."""
    return Case(Geometry(), tuple(s if isinstance(s, Step) else Step(*s) for s in steps))


WRITTEN = case(
    ("CPU 1", StartNocowDio(0, 0, 1)),
    ("kworker 1", CompleteBio("CPU 1", 0)),
    ("CPU 1", Fsync(0)),
    ("mount", Crash(0)),
)
"""A write in place that is acknowledged, synced, and has to survive."""


def test_what_is_durable_survives() -> None:
    """The program that each defect below is planted in."""
    played = play(WRITTEN)
    assert played.broken == ""
    assert [line.partition("-- ")[2] for line in played.lines] == [
        "waits in btrfs_direct_write",
        *["done"] * 3,
    ]


@pytest.mark.parametrize(
    ("defect", "broken"),
    [
        ("drops_one_write", CONTENTS),
        ("reads_stale_data", CONTENTS),
        ("flushes_nothing", DURABLE),
        ("forgets_durable_data", DURABLE),
    ],
)
def test_a_defect_of_the_device_is_caught(defect: str, broken: str) -> None:
    """If a judge were blind, a lost write would pass."""
    played = play(WRITTEN, ("-m", "tests.gates", defect))
    assert played.broken == broken
    assert "write 1" in played.expected


@pytest.mark.skipif(KERNEL < (6, 5), reason="the kernel does not tell which pages are written back")
@pytest.mark.parametrize(
    "between", [(), (("CPU 2", StartNocowDio(0, 3, 1)),)], ids=["alone", "beside a direct write"]
)
def test_pages_are_waited_for_that_come_late(between: tuple[tuple[str, Operation], ...]) -> None:
    """If nobody did, a busy machine would read pages that are held a moment later, and wait for ever; if a
    direct write that is held counted as pages, it would take them for there."""
    steps = (
        ("CPU 1", BufferedWrite(0, 1, 1)),
        *between,
        ("CPU 1", Writeback(0)),
        ("kworker 1", CompleteBio("CPU 1", 0)),
    )
    played = play(case(*steps), ("-m", "tests.gates", "takes_its_time"))
    assert played.broken == ""
    assert [line.partition("-- ")[2] for line in played.lines][-2:] == ["done"] * 2


def test_relocation_waits_for_a_write_in_place() -> None:
    """The window of the second seed race, from its trace: the balance waits, and nothing is lost."""
    played = play(load(SEED_2).case)
    assert played.broken == ""
    assert "relocate group 2  -- waits in btrfs_wait_ordered" in played.lines[1]


def test_a_task_whose_own_io_comes_late_has_not_come_to_its_wait() -> None:
    """If it counted as waiting there, a busy machine would show a relocation in the middle of a commit in the
    place of its wait for the write that is held."""
    played = play(load(SEED_2).case, ("-m", "tests.gates", "is_late_with_the_rest"))
    assert played.broken == ""
    assert "relocate group 2  -- waits in btrfs_wait_ordered" in played.lines[1]


def test_replay_does_a_trace_on_the_live_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    """With the fix in, as it is in every kernel of today, the program passes."""
    assert main(["replay", str(SEED_2), "--target", "kernel"]) == 0
    printed = capsys.readouterr().out
    assert "waits in btrfs_wait_ordered" in printed
    assert "it passes on the live kernel" in printed


def test_a_scrub_may_find_superblocks_of_two_commits_after_a_crash() -> None:
    """The second copy was kept, the first was not written yet.  If that counted, a loss of power would be one
    of the kernel's mistakes."""
    played = play(
        case(
            Step("CPU 1", Relocate(2), "write_ctree_super"),
            Step("mount", Crash(1)),
            Step("CPU 1", Scrub(2)),
        )
    )
    assert played.broken == ""
    assert played.lines[-1].endswith("-- done")


def test_every_operation_is_done() -> None:
    """One program with all of them, and what a live kernel cannot do is refused with its reason."""
    played = play(
        case(
            ("CPU 1", CreateBg()),
            ("CPU 1", Allocate(2)),
            ("CPU 2", Commit()),
            ("CPU 1", BufferedWrite(0, 1, 2)),
            ("CPU 1", Writeback(0)),
            ("kworker 1", CompleteBio("CPU 1", 0)),
            ("CPU 2", Snapshot()),
            ("CPU 2", StartNocowDio(0, 0, 1)),
            ("kworker 1", CompleteBio("CPU 2", 0)),
            ("CPU 1", Fsync(0)),
            ("CPU 1", Scrub(2)),
            ("CPU 1", Trim(2)),
            ("CPU 1", Relocate(2)),
            ("CPU 1", Free(0)),
            ("mount", Remount()),
            ("mount", Crash(5)),
            ("CPU 1", EndTransaction()),
        )
    )
    assert played.broken == ""
    assert not [line for line in played.lines if "makes no sense" in line]
    assert "refused: a handle ends" in played.lines[-1]


@pytest.mark.parametrize("fault", [DATA_BIO, TREE_BLOCK, SUPERBLOCK])
def test_a_device_that_fails_is_survived(fault: str) -> None:
    """The error is told, the image stays consistent, and what was durable is still there."""
    played = play(
        case(
            ("CPU 1", StartNocowDio(0, 0, 2)),
            ("kworker 1", CompleteBio("CPU 1", 0)),
            ("CPU 1", Fsync(0)),
            ("fault", Inject(fault)),
            ("CPU 1", StartNocowDio(0, 2, 1)),
            ("kworker 1", CompleteBio("CPU 1", 0)),
            ("CPU 2", CreateBg()),
            ("CPU 2", Commit()),
            ("mount", Remount()),
        )
    )
    assert played.broken == ""
    assert not [line for line in played.lines if "makes no sense" in line]


def test_a_commit_stops_before_its_superblock() -> None:
    """A preemption that is an IO: what the power is cut in is the commit before."""
    played = play(
        case(
            ("CPU 1", Allocate(1)),
            Step("CPU 2", Commit(), "write_ctree_super"),
            ("mount", Crash(15)),
            ("CPU 2", Commit()),
        )
    )
    assert played.broken == ""
    assert "preempted at write_ctree_super" in played.lines[1]
