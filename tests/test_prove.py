"""Proofs: what is shorter is found, and nothing is said to be the shortest that was not searched."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from known_races import PROGRAMS
from programs import ABORTS, CONTENTS, CREATION, RELOCATION, reverts

from fuzz.__main__ import main
from fuzz.case import Case, run
from fuzz.minimise import cost
from fuzz.prove import LimitReached, ProgramSearch, Proof, prove
from fuzz.prove.moves import arguments, moves
from fuzz.traces import load, record, save
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Commit,
    Crash,
    CreateBg,
    Inject,
    Operation,
    Relocate,
    Snapshot,
    StartNocowDio,
    Step,
)
from models.world import World

ROOM = Geometry(1, 4, 1, (File(FileKind.NODATACOW, 1),))
FULL = Geometry(1, 2, 1, (File(FileKind.NODATACOW, 2),))
WRITE = Step("CPU 1", StartNocowDio(), "can_nocow_extent")
SHORTEST = {
    CREATION: Case(FULL, (Step("CPU 1", CreateBg()), Step("CPU 1", Allocate(1)), Step("CPU 2", Commit()))),
    RELOCATION: Case(ROOM, (WRITE, Step("CPU 2", Relocate()))),
}
ABORTED = "c92f6be34c50"
SYMPTOM = {CREATION: ABORTS, RELOCATION: CONTENTS, ABORTED: reverts(ABORTED)[0].expected}
FAULT = Step("fault", Inject("phase-2"))
PLANTED = {
    CREATION: replace(
        SHORTEST[CREATION],
        steps=(
            Step("CPU 1", CreateBg()),
            Step("CPU 1", Allocate(1)),
            Step("CPU 3", Commit(), "dirty_bgs_lock"),
        ),
    ),
    ABORTED: Case(ROOM, (FAULT, Step("CPU 1", Allocate(1)), Step("CPU 1", CreateBg()))),
}
"""Races with a step or a preemption more than is needed."""
STOPPED_IN_VAIN = replace(
    SHORTEST[RELOCATION],
    steps=(WRITE, Step("CPU 2", Relocate(), "btrfs_wait_nocow_writers"), Step("CPU 2")),
)
LIMIT = 20_000


def proof_of(race: str, case: Case, limit: int = LIMIT) -> Proof:
    """A proof, or what came in its place."""
    return prove(case, cost(case), reverts(race), SYMPTOM[race], limit=limit)


@pytest.mark.parametrize("race", SHORTEST)
def test_the_known_races_are_proven(race: str) -> None:
    """If the shortest programs could not be proven, no others could."""
    proof = proof_of(race, SHORTEST[race])
    assert proof.complete
    assert (proof.shorter, proof.other) == (None, None)
    assert proof.covered.whole == proof.bound == 2
    assert list(proof.sentences())[:2] == [
        f"no shorter trace breaks {SYMPTOM[race]}",
        "no shorter trace breaks any property",
    ]


@pytest.mark.parametrize("race", PLANTED)
def test_a_trace_with_more_than_is_needed_is_refused(race: str) -> None:
    """If it were called the shortest, the word would mean nothing."""
    case = PLANTED[race]
    assert run(case, reverts(race)) is not None, "it does not fail"
    proof = proof_of(race, case)
    assert not proof.complete
    assert proof.shorter is not None
    assert proof.shorter.cost == cost(proof.shorter.case) < cost(case)
    verdict = run(proof.shorter.case, reverts(race))
    assert verdict is not None
    assert SYMPTOM[race] in verdict.world.violations


def test_what_breaks_something_else_is_told_apart() -> None:
    """If any failure counted, a trace of one bug would be refused for another."""
    both = reverts(RELOCATION, "18513091af94")
    case = SHORTEST[RELOCATION]
    proof = prove(case, cost(case), both, CONTENTS, limit=LIMIT)
    assert proof.complete
    assert proof.shorter is None
    assert proof.other is not None
    assert CONTENTS not in proof.other.broken
    assert f"a shorter trace breaks {proof.other.broken[0]}" in list(proof.sentences())


def test_a_search_that_was_stopped_says_how_far_it_came() -> None:
    """If it said more, what was not searched would be called proven."""
    proof = proof_of(RELOCATION, SHORTEST[RELOCATION], limit=100)
    assert not proof.complete
    assert (proof.covered.executions, proof.covered.whole) == (100, 1)
    first, last = proof.sentences()
    assert first == "not completed: no trace of at most 1 steps and preemptions breaks it"
    assert last.startswith("searched: all of at most 1 of 2 (100 executions")


KINDS: tuple[type[Operation], ...] = (Allocate, CreateBg, Commit, Relocate, Snapshot)
"""Few enough to try all programs one by one."""


def every_program(length: int) -> list[tuple[Step, ...]]:
    """All programs of so many steps by two tasks, stopped nowhere, whether they make sense or not."""
    steps = [Step(f"CPU {cpu}", operation) for cpu in (1, 2) for kind in KINDS for operation in _any(kind)]
    return list(product(steps, repeat=length))


def _any(kind: type[Operation]) -> list[Operation]:
    """With every argument that the names of things could have."""
    if kind is Allocate:
        return [Allocate(blocks) for blocks in (1, 2, 3, 4)]
    return [Relocate(group) for group in (2, 3)] if kind is Relocate else [kind()]


@pytest.mark.parametrize("race", ["wrong/snapshot-ignores-ordered-extents", CREATION, "c92f6be34c50"])
def test_a_search_finds_what_trying_everything_finds(race: str) -> None:
    """If states were taken for one that are two, or a task left out, something that fails would be missed."""
    search = ProgramSearch(FULL, reverts(race), 2, LIMIT, KINDS)
    found = {name for failure in search.failures() for name in failure.broken}
    tried = {
        name
        for program in every_program(2)
        if (verdict := run(Case(FULL, program), reverts(race))) is not None
        for name in verdict.world.violations
    }
    assert tried <= found


def test_stops_and_resumed_tasks_are_searched() -> None:
    """If a task that was stopped were never told to go on, most races would be out of reach."""
    race = "wrong/nocow-writer-counted-without-looking"
    search = ProgramSearch(PROGRAMS[race].geometry, reverts(race), 5, LIMIT, (StartNocowDio, Relocate))
    search.points = frozenset({"can_nocow_extent", "btrfs_relocate_block_group"})
    programs = (failure.case.steps for failure in search.failures())
    assert any(step.operation is None for program in programs for step in program)


def test_a_task_may_come_before_or_behind_one_that_is_busy() -> None:
    """If only one place were tried, who goes on first in the end would have been decided by the search."""
    race = reverts(RELOCATION)
    search = ProgramSearch(ROOM, race, 4, 2_000, (StartNocowDio, Relocate))
    search.points = frozenset({"can_nocow_extent", "btrfs_inc_block_group_ro"})
    first = set()
    with suppress(LimitReached):
        for failure in search.failures():
            first.add(tuple(step.task for step in failure.case.steps if step.until))
    assert {("CPU 1", "CPU 2"), ("CPU 2", "CPU 1")} <= first


def test_every_argument_that_exists_is_tried() -> None:
    """If a file, a block group or a pattern were left out, "every" would be wrong."""
    files = (File(FileKind.NODATACOW, 2), File(FileKind.PREALLOC, 1))
    world = World(Geometry(2, 4, 1, files))
    writes = {(w.file, w.block, w.blocks) for w in arguments(world, StartNocowDio)}  # type: ignore[attr-defined]
    assert writes == {(0, 0, 1), (0, 0, 2), (0, 1, 1), (1, 0, 1)}
    assert list(arguments(world, Relocate)) == [Relocate(2), Relocate(3)]
    assert list(arguments(world, Crash)) == [Crash(0)]
    world.apply(Step("CPU 1", StartNocowDio(0, 0, 2)))
    assert list(arguments(world, Crash)) == [Crash(kept) for kept in range(4)]


def test_every_step_that_is_proposed_makes_sense() -> None:
    """If one did not, the search would count what it never ran."""
    world = World(ROOM)
    for step, _ in moves(world):
        assert World(ROOM).apply(step), step


# The command


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """The shortest trace of the creation race, as a file."""
    path = tmp_path / "creation.json"
    save(record(SHORTEST[RELOCATION], reverts(RELOCATION)), path)
    return path


def test_the_command_proves(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it did not say what was covered, nobody would know what was proven."""
    assert main(["prove", str(trace)]) == 0
    out = capsys.readouterr().out
    assert f"no shorter trace breaks {CONTENTS}\nno shorter trace breaks any property\n" in out
    assert "Covered is every program" in out


def test_the_command_shows_and_saves_what_is_shorter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the shorter one were lost, the search would have been for nothing."""
    path, shorter = tmp_path / "long.json", tmp_path / "long.shorter.json"
    save(record(PLANTED[ABORTED], reverts(ABORTED)), path)
    assert main(["prove", str(path)]) == 1
    assert "a shorter trace breaks" in capsys.readouterr().out
    assert cost(load(shorter).case) < cost(load(path).case)


def test_the_command_is_honest_about_its_limit(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the exit code were 0, an unfinished search would count as a proof."""
    assert main(["prove", str(trace), "--limit", "50"]) == 3
    out = capsys.readouterr().out
    assert "not completed" in out
    assert "the limit of 50 executions was reached" in out
    assert "no shorter" not in out


def test_the_command_minimises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it printed but did not save, or saved what is no less, nothing would be gained."""
    path, small = tmp_path / "long.json", tmp_path / "small.json"
    save(record(STOPPED_IN_VAIN, reverts(RELOCATION)), path)
    assert main(["minimise", str(path), "-o", str(small)]) == 0
    assert "with any argument or number of the file system lowered it passes" in capsys.readouterr().out
    assert load(small).case.steps == SHORTEST[RELOCATION].steps


@pytest.mark.parametrize("command", ["prove", "minimise"])
@pytest.mark.parametrize("content", [None, "{}", "passes"])
def test_a_trace_that_is_none_is_one_line(
    command: str, content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it were a traceback, or a proof about nothing, it would be no use."""
    path = tmp_path / "trace.json"
    if content == "passes":
        trace = record(SHORTEST[RELOCATION], reverts(RELOCATION))
        save(replace(trace, reverts=()), path)
    elif content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as exit_info:
        main([command, str(path)])
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert len(error.splitlines()) == 1
