"""Leaps of the minimiser: each has a program that comes down by it, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from programs import reverts

from fuzz.case import Case, run
from fuzz.minimise import Minimiser, case_of, cost, size
from fuzz.minimise.candidates import smaller
from fuzz.minimise.leaps import SMALL, exchanged, leaps
from models.faults import TREE_BLOCK
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
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
    RunDelayedRefs,
    StartNocowDio,
    Step,
    Trim,
)


def on(groups: int, spare: int, *blocks: int, kind: FileKind = FileKind.NODATACOW, room: int = 2) -> Geometry:
    """A file system of block groups of ``room`` blocks, with files of so many."""
    return Geometry(groups, room, spare, tuple(File(kind, number) for number in blocks))


def cpu(number: int, operation: Operation | None = None, until: str | None = None) -> Step:
    """A step of a CPU."""
    return Step(f"CPU {number}", operation, until)


class Stuck(NamedTuple):
    """A program that needs a leap, and what it costs when that is taken."""

    race: str
    case: Case
    leap: str
    ends: int


STUCK = {
    "a beginning that only makes block groups": Stuck(
        "675dfe1223a6",
        Case(
            on(1, 2, 2),
            (
                cpu(1, CreateBg()),
                cpu(1, Allocate()),
                cpu(1, Allocate()),
                cpu(1, Allocate()),
                cpu(2, Commit()),
                cpu(1, Free(3)),
            ),
        ),
        "leaps._called_otherwise",
        4,
    ),
    "a block group that is trimmed although another one will do": Stuck(
        "1b9845081633/pinned",
        Case(
            on(2, 1, 1),
            (
                cpu(1, Trim(2), "btrfs_trim_block_group"),
                cpu(1, None, "btrfs_trim_block_group"),
                cpu(2, Clean()),
                cpu(2, Commit()),
                cpu(2, CreateBg()),
                cpu(2, CreateBg()),
            ),
        ),
        "leaps._called_otherwise",
        6,
    ),
    "a commit that only keeps a write from going on": Stuck(
        "wrong/pending-until-io-done",
        Case(
            on(1, 0, 1, kind=FileKind.PREALLOC),
            (
                cpu(1, StartNocowDio(0, 0, 1)),
                cpu(2, Commit(), "TRANS_STATE_COMMIT_DOING"),
                Step("kworker 1", CompleteBio("CPU 1", 0)),
                cpu(1),
                cpu(2),
                cpu(1, Fsync(0)),
                cpu(1, Commit()),
                Step(Crash.task, Crash()),
            ),
        ),
        "leaps._stopped_elsewhere",
        7,
    ),
    "two tasks where one is enough": Stuck(
        "5037b342825d",
        Case(
            on(1, 0, 1),
            (
                cpu(1, StartNocowDio(0, 0, 1)),
                cpu(2, Commit(), "TRANS_STATE_COMMIT_DOING"),
                Step("kworker 1", CompleteBio("CPU 1", 0), "wait_current_trans"),
                cpu(1),
                cpu(2),
                cpu(1, Fsync(0)),
                cpu(1, Commit()),
            ),
        ),
        "leaps._by_fewer_tasks",
        8,
    ),
    "what a commit of another task does as well": Stuck(
        "0657b20c5a76",
        Case(
            on(1, 1, 2),
            (
                cpu(1, CreateBg()),
                cpu(1, Allocate()),
                cpu(1, RunDelayedRefs()),
                cpu(1, Free(1)),
                cpu(1, RunDelayedRefs()),
            ),
        ),
        "leaps._of_simpler_kinds",
        5,
    ),
    "stopped late for want of room": Stuck(
        "66d204a16c94",
        Case(on(1, 0, 1), (cpu(1, Allocate(), "btrfs_prealloc_file_range"), cpu(2, Relocate()))),
        "leaps._stopped_earlier",
        3,
    ),
    "two tasks in each other's place": Stuck(
        "cb2d3daddbfb",
        Case(
            on(1, 0, 1),
            (
                Step(Inject.task, Inject(TREE_BLOCK)),
                cpu(1, CreateBg()),
                cpu(2, Commit(), "TRANS_STATE_UNBLOCKED"),
                cpu(1, Fsync(0)),
            ),
        ),
        "search.exchanged",
        5,
    ),
}


def minimised(stuck: Stuck) -> Case:
    """What downhill makes of it."""
    return case_of(Minimiser(reverts(stuck.race), thorough=False).minimise(stuck.case))


@pytest.mark.parametrize("stuck", STUCK.values(), ids=STUCK)
def test_a_leap_goes_where_single_changes_do_not(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    """If other changes did the same, it would be for nothing; without it, a report would be too long."""
    small = minimised(stuck)
    assert cost(small) == stuck.ends

    def never(*_: object) -> Iterator[Case]:
        return iter(())

    monkeypatch.setattr(f"fuzz.minimise.{stuck.leap}", never)
    assert size(minimised(stuck)) > size(small)


MOVES_ALL = Case(
    on(3, 2, 12, room=4),
    (
        cpu(1, Relocate(4)),
        cpu(1, CreateBg()),
        cpu(1, Commit()),
        cpu(1, CreateBg()),
        cpu(1, EndTransaction()),
        cpu(1, Relocate(5)),
        cpu(2, Trim(2), "do_trimming"),
        cpu(1, Relocate(7)),
        cpu(1, Commit()),
        cpu(1, CreateBg()),
        cpu(1, CreateBg()),
    ),
)
"""All before the trim only makes it move an empty block group."""


def test_the_end_of_a_program_is_tried_on_plain_file_systems() -> None:
    """If only the whole program were, what makes such a file system would stay in it."""
    without = reverts("1b9845081633/pinned")
    (revert,) = without
    ends = (case for case in leaps(MOVES_ALL) if case.geometry in SMALL and len(case.steps) == 5)
    failing = (
        case
        for case in ends
        if (verdict := run(case, without)) and revert.expected in verdict.world.violations
    )
    least = min(map(cost, failing))
    assert (cost(MOVES_ALL), least) == (12, 6)


def test_bios_are_completed_by_workers_and_nothing_else_is() -> None:
    """If a CPU completed a bio, or a worker made a system call, a report would tell what cannot happen."""
    for stuck in STUCK.values():
        for case in (*smaller(stuck.case), *leaps(stuck.case), *exchanged(stuck.case)):
            for step in case.steps:
                if step.operation is not None:
                    worker = step.task.startswith("kworker")
                    assert worker == isinstance(step.operation, CompleteBio), str(step)


RELOCATES_TWICE = Case(
    on(1, 1, 1), (cpu(1, Trim(2), "btrfs_discard_extent"), cpu(2, Relocate(2)), cpu(2, Relocate(3)))
)


def test_a_simpler_operation_may_need_more_than_a_block() -> None:
    """If an allocation of one block only were tried, it would not use up what is left."""
    stuck = Stuck("04216820fe83", RELOCATES_TWICE, "", 4)
    assert minimised(stuck).steps[-1] == cpu(2, Allocate(2))


def test_there_is_an_end_to_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were looked at between two improvements only, a long program could take minutes more."""
    monkeypatch.setattr("fuzz.minimise.search.MAX_RUNS", 30)
    stuck = next(iter(STUCK.values()))
    minimiser = Minimiser(reverts(stuck.race), thorough=False)
    minimiser.minimise(stuck.case)
    assert minimiser.runs == 30
