"""Cases to test the fuzzer with: the two known races by hand, and random ones from a seed."""

from __future__ import annotations

import random

from fuzz import random_cases
from fuzz.case import Case
from fuzz.machine import BlockGroupMachine, FoundFailure
from fuzz.machines import Everything
from fuzz.random_cases import random_geometry
from fuzz.tally import Tally
from models.geometry import Geometry
from models.operations import Allocate, Commit, CreateBg, Relocate, StartNocowDio, Step
from models.reverts import Revert, find_reverts

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


def new_machine(
    source: random.Random, *taken_out: str, kind: type[BlockGroupMachine] = Everything
) -> BlockGroupMachine:
    """A machine on a random file system."""
    machine = kind(reverts(*taken_out), Tally())
    machine.mkfs(random_geometry(source))
    return machine


def run_machine(
    seed: int | str, steps: int, *taken_out: str, kind: type[BlockGroupMachine] = Everything
) -> tuple[BlockGroupMachine, FoundFailure | None]:
    """A random case of that many choices, to its end, and how it failed."""
    return random_cases.run_machine(seed, steps, reverts(*taken_out), kind=kind)


def failing_case(seed: int, revert: str) -> Case:
    """The first failing random case from ``seed`` on that breaks what the revert is known for."""
    for attempt in range(seed, seed + 500):
        _, failure = run_machine(attempt, 40, revert)
        if failure is not None:
            return failure.case
    raise AssertionError(f"no random case from seed {seed} on fails")
