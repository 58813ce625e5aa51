"""What is less than a case by one change or two, the greatest savings first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fuzz.case import Case
from fuzz.minimise.lowered import (
    full_geometries,
    joined_files,
    lower_geometries,
    lower_operations,
    without_first,
)
from fuzz.minimise.size import LEAST_GROUP_BLOCKS, points_of
from fuzz.prove.moves import Program
from models.geometry import MAX_DATA_BLOCKS, File, FileKind, Geometry
from models.operations import OPERATIONS, Allocate, CompleteBio, CreateBg, Operation, Step
from models.simulation import kind_of_task


def smaller(case: Case) -> Iterator[Case]:
    """Every case that one change makes of this one; not all of them are less."""
    yield from _with_fewer_steps(case)
    yield _with_plain_arguments(case)
    for index in range(len(case.steps)):
        for changed in _simpler_steps(case.steps, index):
            yield with_step(case, index, changed)
    for geometry in (*lower_geometries(case.geometry), *full_geometries(case.geometry)):
        yield replace(case, geometry=geometry)
    yield from without_first(case)
    yield from joined_files(case)
    yield from _with_a_file_before(case)
    yield from _by_others(case)
    yield from _in_another_order(case)


def smaller_by_two(case: Case) -> Iterator[Case]:
    """Every case with one step left out and another change made: two steps that need each other, say; and in
    the end what makes the file system larger, as there is no way back from that."""
    for index in range(len(case.steps) - 1, -1, -1):
        yield from smaller(without_step(case, index))
    yield from _with_a_group_before(case)


def with_step(case: Case, index: int, step: Step) -> Case:
    """The case with one step replaced."""
    return replace(case, steps=(*case.steps[:index], step, *case.steps[index + 1 :]))


def without_step(case: Case, index: int) -> Case:
    """The case with one step left out."""
    return replace(case, steps=case.steps[:index] + case.steps[index + 1 :])


def _with_fewer_steps(case: Case) -> Iterator[Case]:
    steps = case.steps
    for length in (len(steps) // 2, len(steps) // 4, 2, 1):
        if length == 0:
            continue
        for start in range(len(steps) - length, -1, -1):
            yield replace(case, steps=steps[:start] + steps[start + length :])


def _with_plain_arguments(case: Case) -> Case:
    """The same operations, stopped at the same points, on the simplest file system's first things."""

    def plain(step: Step) -> Step:
        if step.operation is None or isinstance(step.operation, CompleteBio):
            return step
        return replace(step, operation=type(step.operation)())

    return Case(Geometry(), tuple(plain(step) for step in case.steps))


def _simpler_steps(steps: Program, index: int) -> Iterator[Step]:
    """The step without its preemption, with an earlier one, or with less to do."""
    step = steps[index]
    if step.until is not None:
        yield replace(step, until=None)
        for point in points_of(steps, index):
            if point == step.until:
                break
            yield replace(step, until=point)
    if step.operation is not None:
        for operation in lower_operations(step.operation):
            yield replace(step, operation=operation)
        for kind in OPERATIONS:
            if isinstance(step.operation, kind | CompleteBio):
                break
            task = kind.task or ("CPU 1" if step.operation.task else step.task)
            yield from (Step(task, operation) for operation in _plain_operations(kind))


def _plain_operations(kind: type[Operation]) -> Iterator[Operation]:
    """What of that kind may take the place of another operation: the plainest, and an allocation of more."""
    if kind is not CompleteBio:  # workers complete bios, and do nothing else
        yield kind()
    if kind is Allocate:
        yield Allocate(LEAST_GROUP_BLOCKS)


def _with_a_file_before(case: Case) -> Iterator[Case]:
    """Without the first file that is allocated: it is there from the start, under the same number."""
    for index, step in enumerate(case.steps):
        if isinstance(step.operation, Allocate):
            files = (*case.geometry.files, File(FileKind.NODATACOW, step.operation.blocks))
            blocks = sum(file.blocks for file in files)
            geometry = case.geometry
            if blocks <= geometry.groups * geometry.group_blocks:
                yield replace(without_step(case, index), geometry=replace(geometry, files=files))
            return


def _with_a_group_before(case: Case) -> Iterator[Case]:
    """Without the first block group that is made: it is there from the start, under the same number, in the
    room that it would take.  A step that ends its handle does nothing then, and is left out as all such."""
    geometry = case.geometry
    room = (geometry.groups + 1) * geometry.group_blocks <= MAX_DATA_BLOCKS and geometry.spare_chunks > 0
    for index, step in enumerate(case.steps):
        if room and isinstance(step.operation, CreateBg):
            larger = replace(geometry, groups=geometry.groups + 1, spare_chunks=geometry.spare_chunks - 1)
            yield replace(without_step(case, index), geometry=larger)
            return


def _in_another_order(case: Case) -> Iterator[Case]:
    """A step run to its end where it was preempted, and another one moved."""
    for index, step in enumerate(case.steps):
        if step.until is None:
            continue
        whole = with_step(case, index, replace(step, until=None))
        for moved in range(len(whole.steps)):
            rest = without_step(whole, moved).steps
            for place in range(len(rest), -1, -1):
                if place != moved:
                    yield replace(case, steps=renamed((*rest[:place], whole.steps[moved], *rest[place:])))


def _by_others(case: Case) -> Iterator[Case]:
    """Tasks renumbered, a step by another task, two steps the other way round."""
    steps = case.steps
    yield replace(case, steps=renamed(steps))
    for index, step in enumerate(steps):
        tasks = alike(steps, step.task)
        for task in tasks[: tasks.index(step.task)]:
            yield with_step(case, index, replace(step, task=task))
    for index in range(len(steps) - 1):
        swapped = (steps[index + 1], steps[index])
        yield replace(case, steps=renamed((*steps[:index], *swapped, *steps[index + 2 :])))


def alike(steps: Program, task: str) -> list[str]:
    """The tasks that could do what that one does: CPUs are alike, and so are workers, which complete bios."""
    return sorted({step.task for step in steps if kind_of_task(step.task) == kind_of_task(task)})


def renamed(steps: Program) -> Program:
    """Tasks and workers numbered in the order in which they come in."""
    names: dict[str, str] = {}
    for step in steps:
        kind = kind_of_task(step.task)
        if step.task not in names:
            same = sum(name.startswith(kind) for name in names)
            names[step.task] = f"{kind} {same + 1}" if step.task != kind else kind

    def rename(step: Step) -> Step:
        operation = step.operation
        if isinstance(operation, CompleteBio):
            submitter = names.get(operation.submitter, operation.submitter)
            operation = replace(operation, submitter=submitter)
        return replace(step, task=names[step.task], operation=operation)

    return tuple(rename(step) for step in steps)
