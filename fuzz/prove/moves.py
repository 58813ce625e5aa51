"""What can be done next in a world: every operation, with every argument that exists there.

Tasks are interchangeable but for the order of their names, in which they go on when nobody chooses any
more.  So a new operation goes to a task that holds a handle, or to a fresh one between any two of those that
are busy; which idle one that is makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import product

from fuzz.prove.fingerprint import CPU, is_live
from models.btrfs.device import KEPT_BITS
from models.operations import OPERATIONS, CompleteBio, Crash, Operation, Step
from models.simulation import Task
from models.world import World

Program = tuple[Step, ...]


def moves(world: World, kinds: Sequence[type[Operation]] = OPERATIONS) -> Iterator[tuple[Step, bool]]:
    """Every step that makes sense after ``world.program``, without a preemption, each once.

    With it: whether it gives a new operation to a task that had nothing to do; see :func:`other_places`.
    """
    for task in world.sim.runnable():
        yield Step(task.name), False
    for kind in kinds:
        for operation in arguments(world, kind):
            for name, fresh in _tasks(world, operation):
                step = Step(name, operation)
                if world.makes_sense(step):
                    yield step, fresh


def _tasks(world: World, operation: Operation) -> Iterator[tuple[str, bool]]:
    """The tasks that can start it, each with whether any other idle task could as well."""
    if isinstance(operation, CompleteBio):
        yield world.idle_worker(), False
        return
    if operation.task:
        yield operation.task, False
        return
    for name in sorted(world.sim.tasks):
        if name.startswith(CPU) and world.idle(name) and world.has_handle(name):
            yield name, False
    yield _last(world), True


def _cpus(world: World) -> list[int]:
    """Numbers of the CPUs that are busy or hold a handle."""
    return sorted(int(name[len(CPU) :]) for name, task in world.sim.tasks.items() if _is_busy_cpu(name, task))


def _is_busy_cpu(name: str, task: Task) -> bool:
    return name.startswith(CPU) and is_live(task)


def _last(world: World) -> str:
    """The CPU numbered one above the highest busy one."""
    return f"{CPU}{max(_cpus(world), default=0) + 1}"


def other_places(world: World, program: Program) -> Iterator[Program]:
    """The program with its last step, which a fresh task did, done by one before each busy CPU.

    ``world`` is the one in which it was run.  Yields nothing if the task has ended: its name no longer
    matters.
    """
    step = program[-1]
    if not is_live(world.sim.tasks[step.task]):
        return
    for number in _cpus(world):
        if f"{CPU}{number}" != step.task:
            renamed = tuple(_moved_up(other, number) for other in program[:-1])
            yield (*renamed, replace(step, task=f"{CPU}{number}"))


def _moved_up(step: Step, least: int) -> Step:
    """The step with all CPUs from ``least`` on one higher."""

    def moved(name: str) -> str:
        higher = name.startswith(CPU) and int(name[len(CPU) :]) >= least
        return f"{CPU}{int(name[len(CPU) :]) + 1}" if higher else name

    operation = step.operation
    if isinstance(operation, CompleteBio):
        operation = replace(operation, submitter=moved(operation.submitter))
    return replace(step, task=moved(step.task), operation=operation)


def arguments(world: World, kind: type[Operation]) -> Iterator[Operation]:
    """The operation with every combination of arguments that exists in this world.

    Ranges of blocks are all those inside the file; sizes of new files are those that are drawn; a crash
    keeps any of the unflushed block writes that its pattern can tell apart.
    """
    if kind is CompleteBio:
        yield from (CompleteBio(bio.submitter, bio.index) for bio in world.fs.device.in_flight)
        return
    if kind is Crash:
        yield from (Crash(kept) for kept in range(1 << min(KEPT_BITS, _unflushed(world))))
        return
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if "block" in names:
        for file, state in sorted(world.reference.files.items()):
            size = len(state.blocks)
            for block in range(size):
                for blocks in range(1, size - block + 1):
                    yield kind(file=file, block=block, blocks=blocks)  # type: ignore[call-arg]
        return
    for values in product(*(_values(world, kind, name) for name in names)):
        yield kind(**dict(zip(names, values, strict=True)))


def _values(world: World, kind: type[Operation], name: str) -> Sequence[object]:
    if name == "file":
        return sorted(world.reference.files)
    if name == "group":
        return world.data_groups()
    return kind.drawn[name]


def _unflushed(world: World) -> int:
    """How many block writes a power cut may keep or lose."""
    device = world.fs.device
    flying = sum(len(bio.values) for bio in device.in_flight)
    return len(device.unflushed) + flying + sum(discard.blocks for discard in device.discards)
