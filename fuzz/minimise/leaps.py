"""What is less than a case by several changes at once, none of which goes down by itself.

Each leap drops something that seemed to be needed, and mends in the same go what needed it: a beginning that
only made the file system what another one is from the start; a task that only kept another from going on; a
second task that did what the first could have done.  There are some hundred of them for a program of three
steps, and thousands for one of eight, so they come when no single change makes it less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, islice, product

from fuzz.case import Case
from fuzz.minimise.candidates import alike, renamed, with_step
from fuzz.minimise.size import FIRST_GROUP, LEAST_GROUP_BLOCKS, points_of
from fuzz.prove.moves import Program
from models.geometry import File, FileKind, Geometry
from models.operations import OPERATIONS, Allocate, CompleteBio, Operation, Step

CPU = "CPU 1"
"""A task that can do whatever has no task of its own."""
NEW = "CPU 9"
"""A task name that no program uses; :func:`renamed` gives it its real number."""
FEW = range(3, 9)
"""Program lengths for which every pair of steps is left out."""
MOST_ALIKE = 3
"""Operations of one kind that are replaced together; of more, each by some task, there are too many ways."""
MOST_WAYS = 20
"""Ways to call the block groups and files of a program; a long one has too many."""
NAMES = ("group", "file")
"""Arguments that name what there is on the file system."""


def _small() -> Iterator[Geometry]:
    for groups, spare in product((1, 2, 3), (0, 1, 2)):
        room = groups * LEAST_GROUP_BLOCKS
        for blocks in dict.fromkeys((1, room - 1, room)):
            yield Geometry(groups, LEAST_GROUP_BLOCKS, spare, (File(FileKind.NODATACOW, blocks),))


SMALL = tuple(_small())
"""Small file systems with one file, which takes one block, all but one, or all there are."""


def leaps(case: Case) -> Iterator[Case]:
    """Every case that such changes make of this one, the greatest savings first; not all of them are less."""
    for start in range(len(case.steps) - 1, -1, -1):
        yield from _called_otherwise(case.steps[start:], SMALL)
    yield from _stopped_elsewhere(case)
    for number in (2, 1) if len(case.steps) in FEW else (1,):
        for kept in combinations(case.steps, len(case.steps) - number):
            yield from _called_otherwise(kept, [case.geometry])
            yield from _by_fewer_tasks(replace(case, steps=kept))
    yield from _of_simpler_kinds(case)
    yield from _stopped_earlier(case)


def _called_otherwise(steps: Program, geometries: Sequence[Geometry]) -> Iterator[Case]:
    """The steps on each of these file systems, with other block groups and files in the place of theirs."""
    named = {
        name: sorted(
            {number for step in steps if (number := getattr(step.operation, name, None)) is not None}
        )
        for name in NAMES
    }
    made = sum(isinstance(step.operation, Allocate) for step in steps)
    for geometry in geometries:
        there = {
            "group": range(FIRST_GROUP, FIRST_GROUP + geometry.groups + geometry.spare_chunks),
            "file": range(len(geometry.files) + made),
        }
        ways = product(*(product(there[name], repeat=len(named[name])) for name in NAMES))
        for new in islice(ways, MOST_WAYS):
            called = {
                name: dict(zip(named[name], to, strict=True)) for name, to in zip(NAMES, new, strict=True)
            }
            others = tuple(replace(step, operation=_call(step.operation, called)) for step in steps)
            yield Case(geometry, renamed(others))


def _call(operation: Operation | None, called: dict[str, dict[int, int]]) -> Operation | None:
    """The operation with other numbers for what it names."""
    numbers = {name: called[name][getattr(operation, name)] for name in NAMES if hasattr(operation, name)}
    return replace(operation, **numbers) if numbers else operation  # type: ignore[type-var]


def _stopped_elsewhere(case: Case) -> Iterator[Case]:
    """Without an operation that kept another one from going on, and that one told to stop instead."""
    for first in [index for index, step in enumerate(case.steps) if step.operation is not None]:
        gone = set(_steps_of(case.steps, first))
        rest = replace(case, steps=tuple(s for index, s in enumerate(case.steps) if index not in gone))
        for index, step in enumerate(rest.steps):
            if step.operation is None:
                continue
            for point in step.operation.points:
                stopped = with_step(rest, index, replace(step, until=point))
                yield replace(stopped, steps=renamed(stopped.steps))


def _steps_of(steps: Program, first: int) -> Iterator[int]:
    """Where a task begins an operation, and where it goes on with it."""
    yield first
    for index in range(first + 1, len(steps)):
        if steps[index].task == steps[first].task:
            if steps[index].operation is not None:
                return
            yield index


def _by_fewer_tasks(case: Case) -> Iterator[Case]:
    """From some operation on, all that its task does is done by another one."""
    for start, task, other in _alike_tasks(case.steps):
        yield _with_tasks(case, start, {task: other})


def exchanged(case: Case) -> Iterator[Case]:
    """From some operation on, two tasks that are alike in each other's place."""
    for start, task, other in _alike_tasks(case.steps):
        yield _with_tasks(case, start, {task: other, other: task})


def _alike_tasks(steps: Program) -> Iterator[tuple[int, str, str]]:
    """Where a task begins an operation, the task, and each other one that is like it."""
    for start, step in enumerate(steps):
        if step.operation is not None:
            yield from ((start, step.task, task) for task in alike(steps, step.task) if task != step.task)


def _with_tasks(case: Case, start: int, others: Mapping[str, str]) -> Case:
    """From step ``start`` on, other tasks in the place of these."""
    rest = [replace(step, task=others.get(step.task, step.task)) for step in case.steps[start:]]
    return replace(case, steps=renamed((*case.steps[:start], *rest)))


def _of_simpler_kinds(case: Case) -> Iterator[Case]:
    """All operations of one kind as an earlier kind, of which there may be some already; each of these by
    some task, and stopped where it was if it can be."""
    tasks = [*alike(case.steps, CPU), NEW]
    kinds = {type(step.operation) for step in case.steps if step.operation is not None}
    for kind in (kind for kind in OPERATIONS if kind in kinds):
        for simpler in (lower for lower in OPERATIONS[: OPERATIONS.index(kind)] if lower is not CompleteBio):
            places = [i for i, step in enumerate(case.steps) if isinstance(step.operation, kind | simpler)]
            if len(places) > MOST_ALIKE:
                continue
            by = [simpler.task] if simpler.task else tasks
            for others in product(by, repeat=len(places)):
                steps = list(case.steps)
                for index, task in zip(places, others, strict=True):
                    until = steps[index].until if steps[index].until in simpler.points else None
                    steps[index] = Step(task, simpler(), until)
                yield replace(case, steps=renamed(tuple(steps)))


def _stopped_earlier(case: Case) -> Iterator[Case]:
    """Stopped at an earlier point, on another file system."""
    for index, step in enumerate(case.steps):
        points = points_of(case.steps, index)
        if step.until not in points:
            continue
        for point in points[: points.index(step.until)]:
            stopped = with_step(case, index, replace(step, until=point))
            yield from (replace(stopped, geometry=geometry) for geometry in SMALL)
