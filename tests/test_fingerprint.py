"""The digest of a world: it forgets nothing that decides what comes, and nothing else keeps states apart."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from fuzz.prove.fingerprint import fingerprint
from fuzz.prove.moves import moves
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Commit,
    CreateBg,
    Free,
    Inject,
    Relocate,
    StartNocowDio,
    Step,
)
from models.simulation import Pause, Steps
from models.world import Violation, World

ROOM = Geometry(1, 4, 1, (File(FileKind.NODATACOW, 1),))
WALKS, LENGTH = 60, 6
"""Random programs, and their steps at most."""


def world_after(*steps: Step, geometry: Geometry = ROOM) -> World:
    """The world behind these steps."""
    world = World(geometry, run_on=True)
    for step in steps:
        assert world.apply(step), step
    return world


def random_walk(seed: int) -> World:
    """A world after a few steps that make sense, some of them stopped."""
    source, world = random.Random(seed), World(ROOM, run_on=True)  # noqa: S311 - equal seeds, equal cases
    for _ in range(source.randrange(1, LENGTH)):
        steps = [step for step, _ in moves(world)]
        step = source.choice(steps)
        points = step.operation.points if step.operation else ()
        until = source.choice((None, *points)) if points else None
        world.apply(Step(step.task, step.operation, until))
    return world


def future(world: World, seed: int) -> tuple[list[str], list[str]]:
    """What comes of a world that is continued by the same choices: states on the way, and what breaks."""
    source, states = random.Random(seed), []  # noqa: S311 - equal seeds, equal cases
    try:
        for _ in range(4):
            steps = list(moves(world))
            step, _ = steps[source.randrange(len(steps))]
            world.apply(step)
            task = world.sim.task(step.task)
            states.append(f"{len(steps)} {task.state} {task.passed} {task.result is None}")
        world.finish()
    except Violation:
        pass
    return states, list(world.violations)


def pairs_of_programs() -> Iterator[tuple[tuple[Step, ...], tuple[Step, ...]]]:
    """Programs of two steps that lead to one state, as a search would find them."""
    first: dict[bytes, tuple[Step, ...]] = {}
    for one, _ in moves(World(ROOM)):
        for other, _ in moves(world_after(one)):
            digest = fingerprint(world_after(one, other))
            if digest in first:
                yield first[digest], (one, other)
            first.setdefault(digest, (one, other))


def test_equal_digests_have_equal_futures() -> None:
    """If two worlds with one digest went on differently, a proof would have left programs out."""
    pairs = list(pairs_of_programs())[::3]
    assert len(pairs) > 15, "hardly any two programs lead to one state"
    for number, (one, other) in enumerate(pairs):
        assert future(world_after(*one), number) == future(world_after(*other), number), (one, other)


@pytest.mark.parametrize("seed", range(0, WALKS, 6))
def test_equal_programs_have_equal_digests(seed: int) -> None:
    """If a digest depended on where objects are in memory, no state would be met twice."""
    assert fingerprint(random_walk(seed)) == fingerprint(random_walk(seed))


def test_looking_changes_nothing() -> None:
    """If taking the digest moved a loop on, the world would not be the one that was looked at."""
    steps = (Step("CPU 1", Relocate(2), "replace_path"),)
    looked_at, other = world_after(*steps), world_after(*steps)
    fingerprint(looked_at)
    assert future(looked_at, 1) == future(other, 1)


WRITE = Step("CPU 1", StartNocowDio(), "can_nocow_extent")
DIFFERENT: dict[str, tuple[tuple[Step, ...], tuple[Step, ...]]] = {
    "a position in the code": ((WRITE,), (Step("CPU 1", StartNocowDio(), "btrfs_inc_nocow_writers"),)),
    "an armed fault": ((Step("fault", Inject("phase-2")),), (Step("fault", Inject("superblock")),)),
    "an open handle": (
        (Step("CPU 1", Allocate(1)),),
        (Step("CPU 1", CreateBg(), "join_transaction"),),
    ),
    "an argument that is on the stack": (
        (Step("CPU 1", Allocate(1), "btrfs_fallocate"),),
        (Step("CPU 1", Allocate(2), "btrfs_fallocate"),),
    ),
    "who goes on first": (
        (WRITE, Step("CPU 2", Relocate(2), "btrfs_relocate_chunk")),
        (Step("CPU 2", WRITE.operation, WRITE.until), Step("CPU 1", Relocate(2), "btrfs_relocate_chunk")),
    ),
    "what is acknowledged but not durable": (
        (Step("CPU 1", Allocate(1)),),
        (Step("CPU 1", Allocate(1)), Step("CPU 1", Commit())),
    ),
    "the order of a queue": (
        (Step("CPU 1", Allocate(1)), Step("CPU 1", Allocate(2))),
        (Step("CPU 1", Allocate(2)), Step("CPU 1", Allocate(1))),
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_decides_is_told_apart(what: str) -> None:
    """If it were not, the second of two programs would be thought to go on as the first."""
    one, other = DIFFERENT[what]
    assert fingerprint(world_after(*one)) != fingerprint(world_after(*other))


SAME: dict[str, tuple[tuple[Step, ...], tuple[Step, ...]]] = {
    "what was told": ((), (Step("CPU 1", Commit()),)),
    "which CPU did it": ((Step("CPU 1", Allocate(1)),), (Step("CPU 3", Allocate(1)),)),
    "which CPU is in it": ((WRITE,), (Step("CPU 3", WRITE.operation, WRITE.until),)),
    "how a task got there": (
        (WRITE,),
        (
            Step("CPU 1", WRITE.operation, "btrfs_start_write_no_snapshoting"),
            Step("CPU 1", None, WRITE.until),
        ),
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_what_decides_nothing_is_left_out(what: str) -> None:
    """If it were not, every state would be searched many times, and no proof come to an end."""
    one, other = SAME[what]
    assert fingerprint(world_after(*one)) == fingerprint(world_after(*other))


def loop_over_a_list() -> Iterator[Pause]:
    """Nobody but the stack knows where it is."""
    for _ in ["a", "a", "a"]:
        yield "here"


def with_an_operand_on_the_stack(number: int) -> Iterator[Pause]:
    """What was computed before a pause and is used behind it."""

    def paused() -> Steps[int]:
        yield "here"
        return 1

    _ = number + (yield from paused())


def digest_of(steps: Iterator[Pause], pauses: int) -> bytes:
    """The digest of a world whose one task is so far in these steps."""
    world = World(ROOM)
    task = world.sim.task("CPU 1")
    world.sim.start(task, steps)  # type: ignore[arg-type]
    for _ in range(pauses):
        world.sim.run(task, "here")
    return fingerprint(world)


def test_where_a_paused_loop_is_belongs_to_the_state() -> None:
    """If the iterator were not read, a task with one more round to go would pass for one with two."""
    digests = {digest_of(loop_over_a_list(), pauses) for pauses in (1, 2, 3)}
    assert len(digests) == 3


def two_pauses() -> Iterator[Pause]:
    """Nothing but the position differs."""
    yield "here"
    yield "here"


def test_the_position_in_the_code_belongs_to_the_state() -> None:
    """If it were not read, a task would be taken for one that is further."""
    assert digest_of(two_pauses(), 1) != digest_of(two_pauses(), 2)


def test_what_is_on_the_stack_belongs_to_the_state() -> None:
    """If only locals were read, a task would go on with another number."""
    assert digest_of(with_an_operand_on_the_stack(1), 1) != digest_of(with_an_operand_on_the_stack(2), 1)


def test_an_unknown_type_is_refused() -> None:
    """If it were passed over, two worlds that differ in it would have one digest."""
    world = World(ROOM)
    world.fs.faults.armed.append(memoryview(b"x"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="memoryview"):
        fingerprint(world)


def test_a_file_that_is_gone_makes_a_difference() -> None:
    """If contents of dictionaries were not read, this would be the initial state."""
    assert fingerprint(world_after(Step("CPU 1", Free(0)))) != fingerprint(World(ROOM, run_on=True))
