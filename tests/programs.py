"""Cases to test the fuzzer with: the two known races by hand, and random ones from a seed."""

from __future__ import annotations

import random

from fuzz.case import Case
from fuzz.machine import FoundFailure, Tally
from fuzz.machines import Everything
from models.geometry import File, FileKind, Geometry
from models.operations import (
    OPERATIONS,
    Allocate,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Operation,
    Relocate,
    StartNocowDio,
    Step,
)
from models.reverts import Revert, find_reverts
from strategies.operations import POSITIONS, Drawn, Resumed

CREATION, RELOCATION = "ff1f8250a9e4", "f78c436c3931"
ABORTS = "no_legal_schedule_aborts"
CONTENTS = "every_block_reads_as_its_last_write_or_a_concurrent_one"

SHORTEST = {
    CREATION: (Step("CPU 1", CreateBg()), Step("CPU 1", Allocate(1)), Step("CPU 2", Commit())),
    RELOCATION: (Step("CPU 1", StartNocowDio(0, 0, 1), "can_nocow_extent"), Step("CPU 2", Relocate(2))),
}
"""The shortest program for each race."""
EXPECTED = {CREATION: ABORTS, RELOCATION: CONTENTS}
"""What each race breaks, in a user's words."""


def reverts(*wanted: str) -> tuple[Revert, ...]:
    """Reverts by id."""
    return find_reverts(wanted)


def shortest(revert: str) -> Case:
    """The shortest program, on the plainest file system."""
    return Case(Geometry(), SHORTEST[revert])


def random_geometry(source: random.Random) -> Geometry:
    """Up to three block groups, nearly full."""
    groups = source.randint(1, 3)
    files = [File(source.choice(list(FileKind)), source.randint(1, 4)) for _ in range(groups)]
    return Geometry(groups, 4, source.randint(1, 4), tuple(files))


def random_choice(source: random.Random) -> Drawn | Resumed:
    """What Hypothesis might draw for one step."""
    position = source.randrange(POSITIONS)
    if source.random() < 0.3:
        return Resumed(position, source.choice([None, source.randrange(12)]))
    kind = source.choice(OPERATIONS)
    until = source.choice([None, source.choice(kind.points or (None,))])
    in_handle = kind is EndTransaction or (kind in (Allocate, Commit) and source.random() < 0.5)
    return Drawn(_operation(kind, position, source), until, in_handle)


def _operation(kind: type[Operation], position: int, source: random.Random) -> Operation:
    if kind is Allocate:
        return Allocate(position + 1)
    if kind is StartNocowDio:
        return StartNocowDio(position, source.randrange(POSITIONS), source.randint(1, 2))
    if kind is Relocate:
        return Relocate(position)
    if kind is CompleteBio:
        return CompleteBio(index=position)
    return kind()


def new_machine(source: random.Random, *taken_out: str) -> Everything:
    """A machine on a random file system."""
    machine = Everything(reverts(*taken_out), Tally())
    machine.mkfs(random_geometry(source))
    return machine


def run_machine(seed: int, steps: int, *taken_out: str) -> tuple[Everything, FoundFailure | None]:
    """A random case of that many choices, to its end, and how it failed."""
    source = random.Random(seed)  # noqa: S311 - equal seeds, equal cases
    machine = new_machine(source, *taken_out)
    try:
        try:
            for _ in range(steps):
                machine.step(random_choice(source))
        finally:
            machine.teardown()
    except FoundFailure as failure:
        return machine, failure
    return machine, None


def failing_case(seed: int, revert: str) -> Case:
    """The first failing random case from ``seed`` on that breaks what the revert is known for."""
    for attempt in range(seed, seed + 500):
        _, failure = run_machine(attempt, 40, revert)
        if failure is not None:
            return failure.case
    raise AssertionError(f"no random case from seed {seed} on fails")
