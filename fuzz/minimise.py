"""From a failing case to the shortest one that a fixed set of changes leads to.

Hypothesis has shrunk the case before, by its choices; this works on the steps themselves.  It drops steps,
removes and moves preemptions, lowers arguments and the geometry, and renames and reorders, as long as the
symptom stays the same, until nothing helps any more: no single step, preemption or argument can be left
out or lowered then.  Deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import permutations, product

from fuzz.case import Case, Verdict, run
from models.geometry import File, FileKind, Geometry
from models.operations import OPERATIONS, CompleteBio, EndTransaction, Operation, Step
from models.reverts import Revert

MAX_RUNS = 5_000
"""Runs after which the best case so far is taken, minimal or not."""

FIRST_GROUP = 2
"""Number of the first DATA block group: SYSTEM and METADATA are 0 and 1."""


def minimise(case: Case, reverts: Sequence[Revert], symptom: str = "") -> Verdict:
    """The verdict on the smallest case found; ``verdict.world`` has its program and story.

    ``symptom`` is the property that has to stay broken: what a user would notice, if nothing is said.

    Raises ValueError if the case does not fail.
    """
    best = run(case, reverts)
    if best is None:
        raise ValueError("the case does not fail")
    symptom, tried = symptom or best.symptom.property, set[Case]()
    better = True
    while better and len(tried) < MAX_RUNS:
        better = False
        current = case_of(best)
        for candidate in _smaller(current):
            if candidate in tried:
                continue
            tried.add(candidate)
            verdict = run(candidate, reverts)
            same = verdict is not None and symptom in verdict.world.violations
            if verdict is not None and same and _size(case_of(verdict)) < _size(current):
                best, better = verdict, True
                break
    return best


def case_of(verdict: Verdict) -> Case:
    """The case that a verdict is about, without the steps that did nothing."""
    return Case(verdict.world.geometry, tuple(verdict.world.program))


PAIR_COST = 3
"""Two steps and a preemption: what :func:`_short_programs` cannot improve on."""


PLAIN = (Geometry(), Geometry(files=(File(FileKind.NODATACOW, 1),)))
"""The simplest file systems: a block group that is full, and one with room in it."""


def cost(case: Case) -> int:
    """Steps and preemptions together."""
    return len(case.steps) + sum(step.until is not None for step in case.steps)


def _size(case: Case) -> tuple[object, ...]:
    """What smaller means: steps and preemptions together, then preemptions, then block groups and files,
    then which steps and arguments, then how much room there is."""
    geometry = case.geometry
    preemptions = sum(step.until is not None for step in case.steps)
    return (
        cost(case),
        preemptions,
        (geometry.groups, geometry.group_blocks, len(geometry.files)),
        tuple(file.kind is not FileKind.NODATACOW for file in geometry.files),
        tuple(_rank(step) for step in case.steps),
        (geometry.spare_chunks, sum(file.blocks for file in geometry.files)),
    )


def _rank(step: Step) -> tuple[object, ...]:
    operation = step.operation
    until = -1
    if step.until is not None:
        until = operation.points.index(step.until) if operation and step.until in operation.points else 99
    if operation is None:
        return (-1, (), until, step.task)
    arguments = tuple(str(getattr(operation, f.name)) for f in fields(operation))  # type: ignore[arg-type]
    return (OPERATIONS.index(type(operation)), arguments, until, step.task)


def _smaller(case: Case) -> Iterator[Case]:
    """Candidates, the greatest savings first."""
    steps = case.steps
    for length in (len(steps) // 2, len(steps) // 4, 2, 1):
        for start in range(len(steps) - length, -1, -1) if length else ():
            yield replace(case, steps=steps[:start] + steps[start + length :])
    yield from _with_plain_arguments(case)
    for index, step in enumerate(steps):
        for changed in _simpler_steps(step):
            yield replace(case, steps=(*steps[:index], changed, *steps[index + 1 :]))
    for geometry in _simpler_geometries(case.geometry):
        yield replace(case, geometry=geometry)
    yield from _without_first(case)
    yield replace(case, steps=_renamed(steps))
    alone = {kind.task for kind in OPERATIONS}
    tasks = sorted({step.task for step in steps} - alone)
    for index, step in enumerate(steps):
        for task in tasks[: tasks.index(step.task)] if step.task in tasks else ():
            yield replace(case, steps=(*steps[:index], replace(step, task=task), *steps[index + 1 :]))
    for index in range(len(steps) - 1):
        swapped = (steps[index + 1], steps[index])
        yield replace(case, steps=_renamed((*steps[:index], *swapped, *steps[index + 2 :])))
    # Not before nothing else helps: a long program has too many pairs to try.
    yield from _short_programs(case)


def _plain(kind: type[Operation], cpu: int) -> Step:
    """An operation with plain arguments, by the task that alone does it or else by that CPU."""
    return Step(kind.task or f"CPU {cpu}", kind())


def _short_programs(case: Case) -> Iterator[Case]:
    """The program's own operations, plain, any three in any order; and any two of them, plain or as they
    are, the first stopped anywhere.

    Deleting single steps gets stuck where a task must be stopped somewhere else for fewer to do.
    """
    own = {type(step.operation) for step in case.steps}
    plain = [kind for kind in OPERATIONS if kind in own and kind not in (EndTransaction, CompleteBio)]
    if cost(case) <= PAIR_COST:
        return
    for geometry, *kinds in product(PLAIN, plain, plain, plain):
        yield Case(geometry, tuple(_plain(kind, cpu) for cpu, kind in enumerate(kinds, 1)))
    pairs = [(geometry, _plain(a, 1), _plain(b, 2)) for geometry, a, b in product(PLAIN, plain, plain)]
    starts = [replace(step, until=None) for step in case.steps if step.operation is not None]
    pairs += [(case.geometry, one, other) for one, other in permutations(starts, 2) if one.task != other.task]
    for geometry, one, other in pairs:
        for until in one.operation.points if one.operation else ():
            yield Case(geometry, (replace(one, until=until), other))


def _without_first(case: Case) -> Iterator[Case]:
    """Without the first file, the first block group, or both; what remains moves down by one."""
    geometry = case.geometry
    for groups, files in ((1, 0), (0, 1), (1, 1)):
        steps = tuple(replace(step, operation=_lowered(step.operation, groups, files)) for step in case.steps)
        left = geometry.files[files:]
        fits = sum(file.blocks for file in left) <= (geometry.groups - groups) * geometry.group_blocks
        if geometry.groups > groups and left and fits:
            yield Case(replace(geometry, groups=geometry.groups - groups, files=left), steps)


def _with_plain_arguments(case: Case) -> Iterator[Case]:
    """The same operations, stopped at the same points, on the simplest file system's first things."""
    yield Case(
        Geometry(),
        tuple(
            replace(step, operation=type(step.operation)())
            if step.operation is not None and not isinstance(step.operation, CompleteBio)
            else step
            for step in case.steps
        ),
    )


def _lowered(operation: Operation | None, groups: int, files: int) -> Operation | None:
    """The operation with its block group and file numbers that much lower."""
    if operation is None:
        return None
    names = {f.name: getattr(operation, f.name) for f in fields(operation)}  # type: ignore[arg-type]
    if "group" in names:
        names["group"] = max(FIRST_GROUP, names["group"] - groups)
    if "file" in names:
        names["file"] = max(0, names["file"] - files)
    return replace(operation, **names)  # type: ignore[type-var]


def _simpler_steps(step: Step) -> Iterator[Step]:
    """The step without its preemption, with an earlier one, or with a lower argument."""
    if step.until is not None:
        yield replace(step, until=None)
        for point in step.operation.points if step.operation else ():
            if point == step.until:
                break
            yield replace(step, until=point)
    if step.operation is not None:
        for operation in _simpler_operations(step.operation):
            yield replace(step, operation=operation)
        for kind in OPERATIONS:
            if isinstance(step.operation, kind):
                break
            yield Step(kind.task or ("CPU 1" if step.operation.task else step.task), kind())


def _simpler_operations(operation: Operation) -> Iterator[Operation]:
    """The operation with one of its numbers lower."""
    for field in fields(operation):  # type: ignore[arg-type]
        value = getattr(operation, field.name)
        if isinstance(value, int):
            least = {"group": FIRST_GROUP, "blocks": 1}.get(field.name, 0)
            for lower in range(least, value):
                yield replace(operation, **{field.name: lower})  # type: ignore[type-var]


def _simpler_geometries(geometry: Geometry) -> Iterator[Geometry]:
    """Fewer or smaller block groups and files, less unallocated space, plainer files."""
    files = geometry.files
    shapes = [replace_files(files, index, None) for index in range(len(files)) if len(files) > 1]
    for index, file in enumerate(files):
        shapes += [replace_files(files, index, File(file.kind, n)) for n in range(1, file.blocks)]
        if file.kind is not FileKind.NODATACOW:
            shapes.append(replace_files(files, index, File(FileKind.NODATACOW, file.blocks)))
    for groups in range(1, geometry.groups + 1):
        for group_blocks in sorted({4, geometry.group_blocks}):
            for candidate in (files, *shapes):
                if sum(file.blocks for file in candidate) <= groups * group_blocks:
                    yield Geometry(groups, group_blocks, geometry.spare_chunks, candidate)
    for spare in range(geometry.spare_chunks):
        yield replace(geometry, spare_chunks=spare)


def replace_files(files: tuple[File, ...], index: int, new: File | None) -> tuple[File, ...]:
    """The files with one of them replaced, or left out."""
    return (*files[:index], *((new,) if new else ()), *files[index + 1 :])


def _renamed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Tasks and workers numbered in the order in which they come in."""
    names: dict[str, str] = {}
    for step in steps:
        kind = step.task.rstrip("0123456789").rstrip()
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
