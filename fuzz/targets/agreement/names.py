"""What the same file and the same block group are called on either side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from models.operations import Operation, Step

Op = TypeVar("Op", bound=Operation)


@dataclass(slots=True)
class Names:
    """From the numbers of the model to those of the other side."""

    files: dict[int, int]
    groups: dict[int, int] = field(default_factory=dict)

    def translated(self, step: Step) -> Step:
        """A step of the model in the numbers of the other side.  Raises KeyError where it has none."""
        if step.operation is None:
            return step
        known = {one.name for one in fields(step.operation)}  # type: ignore[arg-type]
        changed = {}
        if "file" in known:
            changed["file"] = self.files[getattr(step.operation, "file")]  # noqa: B009 - not every operation has one
        if "group" in known:
            changed["group"] = self.groups[getattr(step.operation, "group")]  # noqa: B009 - as above
        operation: Operation = replace(step.operation, **changed)  # type: ignore[type-var]
        return Step(step.task, operation, step.until)

    def mate(self, model: Iterable[int], kernel: Iterable[int]) -> tuple[list[int], list[int]]:
        """Block groups in the order of their creation: give new ones to each other, and say who is left over."""
        new = [group for group in model if group not in self.groups]
        taken = set(self.groups.values())
        other = [group for group in kernel if group not in taken]
        pairs = min(len(new), len(other))
        self.groups |= dict(zip(new[:pairs], other[:pairs], strict=True))
        return new[pairs:], other[pairs:]
