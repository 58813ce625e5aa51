"""What a system call of a task has to say for itself."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from models.operations import Operation

if TYPE_CHECKING:
    from fuzz.targets.kernel.tasks import Job
    from fuzz.targets.kernel.world import KernelWorld

Op = TypeVar("Op", bound=Operation)


class Call(Generic[Op]):
    """How an operation enters the kernel.

    ``refusals`` are errors that it may get although nothing is wrong.
    """

    refusals: ClassVar[tuple[int, ...]] = (errno.ENOSPC,)

    def makes_sense(self, world: KernelWorld, operation: Op) -> bool:
        """Whether it can be started now."""
        del world, operation
        return True

    def begin(self, world: KernelWorld, task: str, operation: Op) -> tuple[Callable[[], object], object]:
        """Tell the reference; what to run in the task's thread, and what :meth:`end` has to know."""
        raise NotImplementedError

    def end(self, world: KernelWorld, operation: Op, job: Job) -> None:
        """It ended, with ``job.error`` or without."""
