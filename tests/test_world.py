"""The world: steps that do what they say or nothing, results, and the end of a case."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from watched import GEOMETRY, apply

from models.btrfs.transaction import TransState
from models.btrfs.trees import BlockGroupType
from models.geometry import File, FileKind, Geometry
from models.operations import (
    OPERATIONS,
    Allocate,
    BufferedWrite,
    Clean,
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
    RunDelayedRefs,
    Scrub,
    Snapshot,
    StartNocowDio,
    Step,
    Trim,
    Writeback,
)
from models.simulation import Mark, State
from models.syscalls import Failed
from models.syscalls.buffered import dirty_files
from models.world import World

ROOMY = Geometry(groups=3, group_blocks=4, spare_chunks=3)
"""Twelve blocks, four of them in use."""


def state(world: World) -> dict[str, object]:
    """What an operation can change, as far as a program can see it."""
    fs = world.fs
    return {
        "groups": [group.number for group in fs.space.infos[BlockGroupType.DATA].block_groups],
        "files": sorted(world.reference.files),
        "handles": [task.name for task in world.sim.tasks.values() if task.journal_info is not None],
        "bios": [(bio.submitter, bio.index, bio.values) for bio in fs.device.in_flight],
        "committed": fs.device.superblock.generation,
        "device": [value for value in fs.device.blocks if value > 0],
        "extents": len(fs.trees.extent.root),
        "unused": [group.number for group in fs.block_groups.unused_bgs],
        "snapshots": [name for name in sorted(fs.roots) if name.startswith("snapshot")],
        "dirty": dirty_files(fs),
        "faults": list(fs.faults.armed),
        "log": sorted(fs.device.log.inodes) if fs.device.log else [],
    }


ALONE: dict[str, tuple[Sequence[Operation], Operation, dict[str, object]]] = {
    "create-bg": ([], CreateBg(), {"groups": [2, 3, 4], "handles": ["CPU 1"]}),
    "allocate": ([], Allocate(1), {"files": [0, 1, 2]}),
    "end-transaction": ([CreateBg()], EndTransaction(), {"handles": []}),
    "commit": ([Allocate(1)], Commit(), {"committed": 2, "extents": 6}),
    "start-nocow-dio": ([], StartNocowDio(0, 1, 2), {"bios": [("CPU 1", 0, (1, 1))]}),
    "trim": ([], Trim(), {}),
    "scrub": ([], Scrub(2), {}),
    "relocate": ([], Relocate(3), {"groups": [2, 4], "committed": 10, "unused": [3]}),
    "free": ([], Free(0), {"files": [1]}),
    "run-delayed-refs": ([Free(0)], RunDelayedRefs(), {"extents": 4}),
    "clean": ([Free(0), Free(1), Commit()], Clean(), {"groups": [3], "unused": []}),
    "snapshot": ([], Snapshot(), {"committed": 2, "snapshots": ["snapshot 1"]}),
    "buffered-write": ([], BufferedWrite(0, 1, 2), {"dirty": [0]}),
    "writeback": (
        [BufferedWrite(0, 1, 2)],
        Writeback(0),
        {"dirty": [], "bios": [("CPU 1", 0, (1, 1))]},
    ),
    "fsync": ([BufferedWrite(0, 1, 2), Writeback(0), CompleteBio()], Fsync(0), {"log": [0]}),
    "inject": ([], Inject(), {"faults": ["data-bio"]}),
    "crash": ([Allocate(1)], Crash(), {"files": [0, 1]}),
    "remount": ([Allocate(1)], Remount(), {"committed": 2, "extents": 6}),
    "complete-bio": ([StartNocowDio(0, 1, 2)], CompleteBio(), {"bios": [], "device": [1, 1]}),
}
"""Operations before it, the operation, and everything that it changes."""


def test_every_operation_is_applied_alone() -> None:
    """If one were missing below, nobody would know that it does anything."""
    assert ALONE.keys() == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", ALONE)
def test_an_operation_does_what_it_says_and_nothing_else(name: str) -> None:
    """If it did something else, programs would not test what they name."""
    before, operation, changes = ALONE[name]
    world = World(GEOMETRY)
    for earlier in before:
        apply(world, "CPU 2" if isinstance(earlier, CompleteBio) else "CPU 1", earlier)
    expected = state(world) | changes
    task = "CPU 2" if isinstance(operation, CompleteBio) else operation.task or "CPU 1"
    apply(world, task, operation)
    assert state(world) == expected
    world.finish()


def test_a_step_stops_at_its_point_and_resumes_up_to_the_next() -> None:
    """If a point were ignored, no interleaving could be told."""
    world = World(GEOMETRY)
    apply(world, "CPU 1", Allocate(1), "btrfs_fallocate")
    assert (world.idle("CPU 1"), world.operation_of("CPU 1")) == (False, Allocate(1))
    apply(world, "CPU 1", until="insert_reserved_file_extent")
    assert world.sim.task("CPU 1").stopped_at == "insert_reserved_file_extent"
    assert world.has_handle("CPU 1")
    apply(world, "CPU 1")
    assert world.idle("CPU 1")
    assert world.stops == {"btrfs_fallocate": 1, "insert_reserved_file_extent": 1}
    assert [str(step) for step in world.program] == [
        "CPU 1: allocate blocks 1 until btrfs_fallocate",
        "CPU 1: resume until insert_reserved_file_extent",
        "CPU 1: resume",
    ]


NONSENSE = {
    "resume an idle task": ([], Step("CPU 1")),
    "start on a paused task": ([Step("CPU 1", Allocate(), "btrfs_fallocate")], Step("CPU 1", Commit())),
    "resume a blocked task": ([Step("CPU 1", StartNocowDio())], Step("CPU 1")),
    "end no handle": ([], Step("CPU 1", EndTransaction())),
    "end another's handle": ([Step("CPU 1", CreateBg())], Step("CPU 2", EndTransaction())),
    "write to no file": ([], Step("CPU 1", StartNocowDio(file=2))),
    "write behind the end": ([], Step("CPU 1", StartNocowDio(0, 2, 2))),
    "write inside a transaction": ([Step("CPU 1", CreateBg())], Step("CPU 1", StartNocowDio())),
    "relocate inside a transaction": ([Step("CPU 1", CreateBg())], Step("CPU 1", Relocate(2))),
    "relocate METADATA": ([], Step("CPU 1", Relocate(1))),
    "relocate what is gone": ([Step("CPU 1", Relocate(3))], Step("CPU 1", Relocate(3))),
    "complete no bio": ([], Step("CPU 1", CompleteBio())),
    "complete another's bio": ([Step("CPU 1", StartNocowDio())], Step("CPU 2", CompleteBio("CPU 3"))),
    "complete a bio of another number": (
        [Step("CPU 1", StartNocowDio())],
        Step("CPU 2", CompleteBio("CPU 1", 1)),
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_step_that_makes_no_sense_does_nothing(name: str) -> None:
    """If it did something, deleting an earlier step would change what the later ones mean."""
    before, step = NONSENSE[name]
    world = World(GEOMETRY)
    for earlier in before:
        assert world.apply(earlier)
    expected, notes = state(world), list(world.sim.notes)
    assert not world.apply(step)
    assert (state(world), world.sim.notes, world.program) == (expected, notes, before)
    world.finish()


@pytest.mark.parametrize("operation", [CreateBg(), Allocate(1), Relocate(2), StartNocowDio()])
def test_out_of_space_is_a_result(operation: Operation) -> None:
    """If it were a crash, a full file system would be a failure; if it were nothing, nobody could tell."""
    world = World(Geometry(groups=1, group_blocks=4, spare_chunks=0))
    expected = state(world)
    apply(world, "CPU 1", operation)
    result = world.sim.task("CPU 1").result
    assert isinstance(result, Failed)
    assert str(result) == "-ENOSPC"
    assert world.sim.notes[-1].text == "-ENOSPC"
    assert world.quiet
    # It may have committed, to get space back.
    assert state(world) == expected | {"committed": world.fs.device.superblock.generation}
    world.finish()


def test_a_task_that_cannot_have_another_chunk_keeps_its_handle() -> None:
    """If it lost it, what it created before would never be finished."""
    world = World(Geometry(spare_chunks=1))
    apply(world, "CPU 1", CreateBg())
    apply(world, "CPU 1", CreateBg())
    assert str(world.sim.task("CPU 1").result) == "-ENOSPC"
    assert world.has_handle("CPU 1")
    world.finish()
    assert world.data_groups() == [2, 3]


def test_a_commit_without_a_transaction_commits_nothing() -> None:
    """If it made one, every case would end with a commit that nobody asked for."""
    world = World(GEOMETRY)
    apply(world, "CPU 1", Commit())
    assert (state(world)["committed"], world.fs.generation) == (1, 1)


def test_a_sync_does_not_wait_for_a_transaction_that_only_runs() -> None:
    """If it waited, the transaction kthread would wait for a commit that only it could make."""
    world = World(Geometry(spare_chunks=1, files=(File(FileKind.NODATACOW, 1),)))
    apply(world, "CPU 1", CreateBg())
    apply(world, "CPU 2", Relocate(2))
    apply(world, "transaction kthread", Commit())
    assert any(line.startswith("transaction kthread waits for transaction 2") for line in world.sim.waiting())
    world.finish()
    assert world.violations == {}


def test_finish_goes_on_with_every_paused_task() -> None:
    """If one were left, what it does last would never be checked."""
    world = World(ROOMY)
    world.final_crash = False  # a mount counts block groups anew
    apply(world, "CPU 1", Allocate(1), "btrfs_find_space_for_alloc")
    apply(world, "CPU 2", CreateBg(), "btrfs_alloc_chunk")
    apply(world, "CPU 3", StartNocowDio(), "btrfs_get_extent")
    apply(world, "CPU 4", Relocate(2), "btrfs_inc_block_group_ro")
    program = list(world.program)
    world.finish()
    assert world.quiet
    assert world.program == program
    assert world.drained[-1] == Step("transaction kthread", Commit())
    assert world.fs.find_group(2) is None
    assert world.violations == {}


def test_finish_completes_bios_and_ends_handles_and_commits() -> None:
    """If a bio or a handle were left, whoever waits for it would seem to be dead."""
    world = World(GEOMETRY)
    apply(world, "CPU 1", StartNocowDio(1, 0, 3))
    apply(world, "CPU 2", CreateBg())
    apply(world, "CPU 3", Commit())
    assert world.sim.waiting() == [
        "CPU 1 waits for dio_await_completion, held by the device",
        "CPU 3 waits for num_writers == 1, held by CPU 2",
    ]
    world.finish()
    assert [str(step) for step in world.drained] == [
        "kworker 1: complete-bio submitter CPU 1 index 0",
        "kworker 2: complete-bio submitter CPU 1 index 1",
        "CPU 1: resume",
        "CPU 2: end-transaction",
        "CPU 3: resume",
        "kworker 1: resume",
        "kworker 2: resume",
        "transaction kthread: commit",
        "mount: crash kept 0",
    ]
    assert world.fs.transactions.trans_list == []


def test_finish_commits_for_those_who_wait_for_a_blocked_transaction() -> None:
    """If nobody committed, they would wait for ever, and throttling would be a deadlock."""
    world = World(ROOMY)
    for _ in range(8):
        apply(world, "CPU 1", Allocate(1))
    running = world.fs.transactions.running
    assert running is not None
    assert running.state is TransState.BLOCKED
    apply(world, "CPU 2", Allocate(1))
    assert world.sim.task("CPU 2").state is State.BLOCKED
    world.finish()
    assert [str(step) for step in world.drained] == [
        "transaction kthread: commit",
        "CPU 2: resume",
        "transaction kthread: commit",
        "mount: crash kept 0",
    ]


def test_the_notes_tell_where_steps_begin_stop_wait_and_end() -> None:
    """If one were missing, a diagram would show a task that does something out of nothing."""
    world = World(GEOMETRY)
    apply(world, "CPU 1", StartNocowDio(), "btrfs_get_extent")
    apply(world, "CPU 1")
    apply(world, "CPU 2", CompleteBio())
    apply(world, "CPU 1")
    told = [(note.task, note.mark, note.text) for note in world.sim.notes if note.mark is not Mark.HAPPENED]
    assert told == [
        ("CPU 1", Mark.STARTS, "start-nocow-dio file 0 block 0 blocks 1"),
        ("CPU 1", Mark.STOPS, "btrfs_get_extent"),
        ("CPU 1", Mark.STARTS, "resumes"),
        ("CPU 1", Mark.WAITS, "dio_await_completion, held by the device"),
        ("CPU 2", Mark.STARTS, "complete-bio submitter CPU 1 index 0"),
        ("CPU 2", Mark.WAKES, "CPU 1"),
        ("CPU 2", Mark.ENDS, ""),
        ("CPU 1", Mark.STARTS, "wakes up, waited for dio_await_completion"),
        ("CPU 1", Mark.ENDS, ""),
    ]
