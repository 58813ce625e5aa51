"""What every operation has, and a step of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import ClassVar


class Operation:
    """One of the operations below.

    ``name`` is the field's word; ``points`` are the preemption points at which it may be told to stop: its
    own, and of what it calls those that matter to it.  Others that it passes are no choice, so that the
    ones that are stay likely.  ``drawn`` says which values of a field are worth trying, where that is not
    what it is for other operations.  ``task`` names the task that alone does it; empty for any.
    """

    name: ClassVar[str]
    task: ClassVar[str] = ""
    points: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[Mapping[str, Sequence[object]]] = MappingProxyType({})

    def __str__(self) -> str:
        values = [f"{f.name} {getattr(self, f.name)}" for f in fields(self)]  # type: ignore[arg-type]
        return " ".join([self.name, *values])


@dataclass(frozen=True, slots=True)
class Step:
    """``task`` starts ``operation``, or goes on where it was (None), up to its end, to where it blocks,
    or to the preemption point ``until``."""

    task: str
    operation: Operation | None = None
    until: str | None = None

    def __str__(self) -> str:
        what = "resume" if self.operation is None else str(self.operation)
        return f"{self.task}: {what}" + (f" until {self.until}" if self.until else "")
