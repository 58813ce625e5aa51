"""The way of one kind of operation into the kernel and out of it again."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from models.operations.base import Operation
from models.simulation import Steps, Task

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.world import World

Op = TypeVar("Op", bound=Operation)


@dataclass(frozen=True, slots=True)
class Failed:
    """How an operation ended that the kernel refused: ENOSPC is a result, not a crash."""

    code: int

    def __str__(self) -> str:
        return f"-{errno.errorcode[self.code]}"


class Syscall(Generic[Op]):
    """What to do with operations of type ``Op``: may one start, what does the kernel run, what does the
    reference model hear.

    ``refusals`` is what the kernel may legally answer.  What :meth:`begin` returns is handed to the other
    two: whatever has to be remembered while the operation runs.
    """

    refusals: ClassVar[tuple[int, ...]] = (errno.ENOSPC,)

    def makes_sense(self, world: World, task: Task, operation: Op) -> bool:
        """Whether an idle task could do this now.

        By default: outside a transaction only, as most operations wait for transactions.
        """
        del world, operation
        return task.journal_info is None

    def begin(self, world: World, task: Task, operation: Op) -> object:
        """The operation starts: tell the reference model."""

    def steps(self, fs: FsInfo, operation: Op, memo: object) -> Steps[object]:
        """What the task runs.  May raise Errno."""
        raise NotImplementedError

    def end(self, world: World, task: Task, operation: Op, memo: object) -> None:
        """The operation ended with ``task.result``: tell the reference model."""
