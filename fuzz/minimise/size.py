"""Which of two cases is the lesser one: a total order, so that there is one least program of a bug."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from fuzz.case import Case, operation_at
from fuzz.traces.reading import LEAST as LEAST_READ
from models.geometry import FileKind, Geometry
from models.operations import OPERATIONS, Operation, Step

FIRST_GROUP = 2
"""Number of the first DATA block group: SYSTEM and METADATA are 0 and 1."""
LEAST_GROUP_BLOCKS = 2
"""Blocks of a block group at least, as mkfs has it."""
LEAST = {**LEAST_READ, "group": FIRST_GROUP}
"""As in a trace, but only block groups that hold data are named."""
NO_POINT = -1
"""Stands before all preemption points."""


def cost(case: Case) -> int:
    """Steps and preemptions together."""
    return len(case.steps) + preemptions(case.steps)


def preemptions(steps: Iterable[Step]) -> int:
    """How many steps stop a task that could have gone on."""
    return sum(step.until is not None for step in steps)


def size(case: Case) -> tuple[object, ...]:
    """What less means: steps and preemptions together, then preemptions, then block groups and files, then
    which steps and arguments, then how much room there is."""
    geometry = case.geometry
    return (
        cost(case),
        preemptions(case.steps),
        (geometry.groups, len(geometry.files)),
        tuple(file.kind is not FileKind.NODATACOW for file in geometry.files),
        tuple(_rank(case.steps, index) for index in range(len(case.steps))),
        _room(geometry),
    )


def _room(geometry: Geometry) -> tuple[int, ...]:
    return geometry.spare_chunks, geometry.group_blocks, *(file.blocks for file in geometry.files)


def _rank(steps: Sequence[Step], index: int) -> tuple[object, ...]:
    step = steps[index]
    until = NO_POINT
    if step.until is not None:
        points = points_of(steps, index)
        until = points.index(step.until) if step.until in points else len(points)
    if step.operation is None:
        return (NO_POINT, (), until, step.task)
    return (OPERATIONS.index(type(step.operation)), _values(step.operation), until, step.task)


def _values(operation: Operation) -> tuple[object, ...]:
    """The arguments; a name counts as its place among those that are drawn."""
    values = {f.name: getattr(operation, f.name) for f in fields(operation)}  # type: ignore[arg-type]
    return tuple(
        operation.drawn[name].index(value) if name in operation.drawn and isinstance(value, str) else value
        for name, value in values.items()
    )


def points_of(steps: Sequence[Step], index: int) -> tuple[str, ...]:
    """The preemption points of what the task of that step is doing: for a resumed one, of what it began."""
    operation = operation_at(steps, index)
    return operation.points if operation is not None else ()
