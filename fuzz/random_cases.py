"""Random cases without Hypothesis: what the machines choose from, chosen by a seed.

Much faster, and good for measuring: nothing is shrunk, saved or tried again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from fuzz.case import Case, run
from fuzz.machine import BlockGroupMachine, FoundFailure, TargetMachine
from fuzz.machines import MACHINES, Everything
from fuzz.tally import Tally
from models.geometry import Geometry
from models.reverts import Revert
from strategies.geometries import ANY_FILE, FILES, LAYOUTS, SHAPES
from strategies.operations import Drawn, Resumed, pools

STEPS = 50
"""Choices of a case, unless another number is asked for."""


class Mkfs(NamedTuple):
    """A choice of a file system: the positions of its layout, its shape and its files, one or ``several``."""

    layout: int
    shape: int
    several: bool
    files: tuple[int, ...]

    @property
    def geometry(self) -> Geometry:
        """The file system."""
        return LAYOUTS[self.layout](SHAPES[self.shape], [ANY_FILE[position] for position in self.files])


class Pick(NamedTuple):
    """A choice of a step: which of the machine's pools, and what out of it, by position."""

    pool: int
    position: int

    def of(self, kind: type[BlockGroupMachine]) -> Drawn | Resumed:
        """The choice itself, as a machine of that kind has it."""
        return pools_of(kind)[self.pool][self.position]


def random_mkfs(source: random.Random) -> Mkfs:
    """What Hypothesis might choose for a file system."""
    several = bool(source.randrange(2))
    files = tuple(source.randrange(len(ANY_FILE)) for _ in range(source.randint(1, FILES) if several else 1))
    return Mkfs(source.randrange(len(LAYOUTS)), source.randrange(len(SHAPES)), several, files)


def random_geometry(source: random.Random) -> Geometry:
    """What Hypothesis might draw for a file system."""
    return random_mkfs(source).geometry


@cache
def pools_of(kind: type[BlockGroupMachine]) -> list[Sequence[Drawn | Resumed]]:
    """What a machine of that kind chooses from."""
    return pools(*kind.operations, focus=kind.focus, seldom=kind.seldom)


def random_pick(source: random.Random, kind: type[BlockGroupMachine]) -> Pick:
    """What Hypothesis might choose for one step."""
    several = pools_of(kind)
    pool = source.randrange(len(several))
    return Pick(pool, source.randrange(len(several[pool])))


def random_choices(seed: int | str, steps: int, kind: type[BlockGroupMachine]) -> tuple[Mkfs, list[Pick]]:
    """All that is chosen in a case: it does not depend on what happens there."""
    source = random.Random(seed)  # noqa: S311 - equal seeds, equal cases
    return random_mkfs(source), [random_pick(source, kind) for _ in range(steps)]


def run_machine(
    seed: int | str,
    steps: int,
    reverts: Sequence[Revert] = (),
    *,
    kind: type[BlockGroupMachine] = Everything,
    tally: Tally | None = None,
) -> tuple[BlockGroupMachine, FoundFailure | None]:
    """A random case of that many choices, to its end, and how it failed; counted in the ``tally``."""
    mkfs, picks = random_choices(seed, steps, kind)
    machine = kind(reverts, Tally() if tally is None else tally)
    machine.mkfs(mkfs.geometry)
    return machine, play(machine, (pick.of(kind) for pick in picks))


def play(machine: TargetMachine[Any], choices: Iterable[Drawn | Resumed]) -> FoundFailure | None:
    """Make these choices on the machine's file system, and come to the end of the case; returns its failure.

    The next choice is asked for after the last has been made, so that it may depend on it.
    """
    try:
        try:
            for choice in choices:
                machine.advance(choice)
        finally:
            machine.teardown()
    except FoundFailure as failure:
        return failure
    return None


def symptom_of(failure: FoundFailure, reverts: Sequence[Revert]) -> str:
    """The property that a user would notice, if the case ran on."""
    verdict = run(failure.case, reverts)
    assert verdict is not None, "a case that failed fails again"
    return verdict.symptom.property


def machines_for(revert: Revert) -> list[type[BlockGroupMachine]]:
    """The machines that have its operations, those with the fewest first: they find it soonest."""
    return machines_with(revert.operations, MACHINES)


def machines_with(
    operations: Iterable[str], kinds: Iterable[type[BlockGroupMachine]]
) -> list[type[BlockGroupMachine]]:
    """Those that draw all of these operations, the ones with the fewest first."""
    wanted = set(operations)
    able = [kind for kind in kinds if wanted <= {operation.name for operation in kind.operations}]
    return sorted(able, key=lambda kind: len(kind.operations))


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
