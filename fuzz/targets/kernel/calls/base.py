"""The interface of an operation that is a system call of a task."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from fuzz.targets.actions import Action
from models.operations import Operation

if TYPE_CHECKING:
    from fuzz.targets.kernel.world import KernelWorld

Op = TypeVar("Op", bound=Operation)


class Begun(NamedTuple):
    """What to run in the task's thread, and what :meth:`Call.end` has to know."""

    call: Callable[[], object]
    memo: object = None


class Call(Action["KernelWorld", Op]):
    """How an operation enters the kernel.

    ``refusals`` are errors that it may get although nothing is wrong.
    """

    refusals: ClassVar[tuple[int, ...]] = (errno.ENOSPC,)

    def begin(self, world: KernelWorld, task: str, operation: Op) -> Begun:
        """Tell the reference that it begins; what to run."""
        raise NotImplementedError
