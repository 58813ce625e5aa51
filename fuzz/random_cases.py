"""Random cases without Hypothesis: what the machines choose from, chosen by a seed.

Much faster, and good for measuring: nothing is shrunk, saved or tried again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache

from fuzz.case import Case, run
from fuzz.machine import BlockGroupMachine, FoundFailure, Tally
from fuzz.machines import MACHINES, Everything
from models.geometry import Geometry
from models.reverts import Revert
from strategies.geometries import ANY_FILE, FILES, LAYOUTS, SHAPES
from strategies.operations import Drawn, Resumed, pools

STEPS = 50
"""Choices of a case, as the profiles have it."""


def random_geometry(source: random.Random) -> Geometry:
    """What Hypothesis might draw for a file system."""
    several = source.randint(1, FILES) if source.randrange(2) else 1
    files = [source.choice(ANY_FILE) for _ in range(several)]
    return source.choice(LAYOUTS)(source.choice(SHAPES), files)


@cache
def _pools_of(kind: type[BlockGroupMachine]) -> list[Sequence[Drawn | Resumed]]:
    """What a machine of that kind chooses from."""
    return pools(*kind.operations, focus=kind.focus, seldom=kind.seldom)


def random_choice(source: random.Random, kind: type[BlockGroupMachine] = Everything) -> Drawn | Resumed:
    """What Hypothesis might draw for one step."""
    return source.choice(source.choice(_pools_of(kind)))


def run_machine(
    seed: int | str,
    steps: int,
    reverts: Sequence[Revert] = (),
    *,
    kind: type[BlockGroupMachine] = Everything,
) -> tuple[BlockGroupMachine, FoundFailure | None]:
    """A random case of that many choices, to its end, and how it failed."""
    source = random.Random(seed)  # noqa: S311 - equal seeds, equal cases
    machine = kind(reverts, Tally())
    machine.mkfs(random_geometry(source))
    try:
        try:
            for _ in range(steps):
                machine.advance(random_choice(source, kind))
        finally:
            machine.teardown()
    except FoundFailure as failure:
        return machine, failure
    return machine, None


def machines_for(revert: Revert) -> list[type[BlockGroupMachine]]:
    """The machines that have its operations, those with the fewest first: they find it soonest."""
    able = [
        machine
        for machine in MACHINES
        if set(revert.operations) <= {operation.name for operation in machine.operations}
    ]
    return sorted(able, key=lambda machine: len(machine.operations))


def failing_cases(revert: Revert, first: int, cases: int) -> Iterator[Case]:
    """Random cases, of that many from number ``first`` on, that break what is expected of a revert.

    The first machine has the first half of them, then all take turns.
    """
    machines = machines_for(revert)
    for attempt in range(cases):
        kind = machines[attempt % len(machines) if attempt >= cases // 2 else 0]
        _, failure = run_machine(f"{revert.id} {first + attempt}", STEPS, (revert,), kind=kind)
        if failure is None:
            continue
        verdict = run(failure.case, (revert,))
        assert verdict is not None
        if revert.expected in verdict.world.violations:
            yield failure.case
