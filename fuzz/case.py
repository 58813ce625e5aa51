"""A case as data, running it, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from models.geometry import Geometry
from models.operations import Operation, Step
from models.reverts import Revert
from models.world import Violation, World

T = TypeVar("T")

CONTENTS = "every_block_reads_as_its_last_write_or_a_concurrent_one"
"""What a user would notice: a read returns something that was not written there."""


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
    return Verdict(*first_and_symptom(world.violations), world)


def first_and_symptom(broken: Mapping[str, T]) -> tuple[T, T]:
    """Of the properties that broke, in their order: the first, and the one that a user would notice.

    There is at least one.
    """
    first = next(iter(broken.values()))
    return first, broken.get(CONTENTS, first)


def operation_at(steps: Sequence[Step], index: int) -> Operation | None:
    """What the task of that step is doing in it: a resumed one goes on with what it began before.

    None if none of these steps began it.
    """
    task = steps[index].task
    began = (step.operation for step in reversed(steps[: index + 1]) if step.task == task)
    return next((operation for operation in began if operation is not None), None)
