"""A program without a schedule: what each task is to do, in order, and on which file system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fuzz.case import Case
from fuzz.story import describe
from models.geometry import Geometry
from models.operations import CompleteBio, Operation, Step


@dataclass(frozen=True, slots=True)
class Program:
    """The operations of each task, by its name."""

    geometry: Geometry
    tasks: tuple[tuple[str, tuple[Operation, ...]], ...]

    def __str__(self) -> str:
        return "\n".join([f"on {describe(self.geometry)}:", *(f"    {line}" for line in self.lines())])

    def lines(self) -> Iterator[str]:
        """A line for each task."""
        for task, operations in self.tasks:
            yield f"{task}: {'; '.join(map(str, operations))}"


def program_of(case: Case) -> Program:
    """The program of a case: its schedule is dropped."""
    return arranged(case.geometry, case.steps)


def arranged(geometry: Geometry, steps: Iterable[Step]) -> Program:
    """Steps by task.  Those that complete bios are dropped: every bio completes, whenever it may."""
    tasks: dict[str, list[Operation]] = {}
    for step in steps:
        if step.operation is not None and not isinstance(step.operation, CompleteBio):
            tasks.setdefault(step.task, []).append(step.operation)
    return Program(geometry, tuple((task, tuple(tasks[task])) for task in sorted(tasks)))
