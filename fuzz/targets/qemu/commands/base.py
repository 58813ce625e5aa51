"""What a command of a task has to say for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, NamedTuple, TypeVar

from models.operations import Operation

if TYPE_CHECKING:
    from fuzz.targets.qemu.case import QemuCase
    from fuzz.targets.qemu.job import Job
    from fuzz.targets.qemu.world import QemuWorld

Op = TypeVar("Op", bound=Operation)
NO_SPACE, BUSY = "No space left on device", "in progress"


class Begun(NamedTuple):
    """The guest's command, without pipes, and what :meth:`Command.end` has to know."""

    line: str
    memo: object = None


class Command(Generic[Op]):
    """What an operation is in the guest.

    ``refusals`` are parts of what tools print for errors that it may get although nothing is wrong.
    """

    refusals: ClassVar[tuple[str, ...]] = (NO_SPACE,)

    def makes_sense(self, world: QemuCase, operation: Op) -> bool:
        """Whether it can be started now."""
        del world, operation
        return True

    def begin(self, world: QemuWorld, operation: Op) -> Begun:
        """Tell the reference; what to run."""
        raise NotImplementedError

    def end(self, world: QemuWorld, operation: Op, job: Job) -> None:
        """It ended, with ``job.error`` or without."""
