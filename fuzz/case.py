"""A case as data, running it, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.geometry import Geometry
from models.operations import Step
from models.reverts import Revert
from models.world import Violation, World

CONTENTS = "every_block_reads_as_its_last_write_or_a_concurrent_one"


@dataclass(frozen=True, slots=True)
class Case:
    """A program: what runs on which file system.  After the last step everything comes to its end."""

    geometry: Geometry
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """How a case failed, and the world in which it did.

    ``first`` is the first property that broke, ``symptom`` the one that a user would notice: lost data
    if the case, running on, comes to that; else the first.
    """

    first: Violation
    symptom: Violation
    world: World


def run(case: Case, reverts: Sequence[Revert]) -> Verdict | None:
    """Run a case to its very end; None if nothing broke."""
    return judge(case, World(case.geometry, reverts, run_on=True))


def judge(case: Case, world: World) -> Verdict | None:
    """Run a case to its very end in a fresh ``world`` that runs on; None if nothing broke.

    Steps that make no sense where they stand are passed over.
    """
    try:
        for step in case.steps:
            world.apply(step)
        world.finish()
    except Violation:
        pass  # an abort or a failed assertion: the world has it among its violations
    if not world.violations:
        return None
    first = next(iter(world.violations.values()))
    return Verdict(first, world.violations.get(CONTENTS, first), world)
