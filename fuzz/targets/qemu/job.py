"""One operation on its way in the guest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fuzz.targets.qemu.tasks import Task
from models.operations import Operation

if TYPE_CHECKING:
    from fuzz.targets.qemu.commands.base import Command


@dataclass(slots=True, eq=False)
class Job:
    """``process`` runs it, and ``command`` says what becomes of it then; ``until`` is where it is to be held,
    ``point`` where it is.

    ``in_handle``: it is held with an open transaction handle, and counts as done until ``operation`` is the
    end of that.  ``stack`` is what it slept in when it was looked at last, ``same`` how often in succession
    it was that, ``tries`` how often it has come to where it tries again because another task is in its way.
    ``result`` is what its command printed.
    """

    task: str
    operation: Operation
    command: Command[Any]
    process: Task
    memo: object
    until: str = ""
    point: str = ""
    in_handle: bool = False
    stack: tuple[str, ...] = ()
    same: int = 0
    tries: int = 0
    error: str = ""
    result: str = ""

    @property
    def vcpu(self) -> int:
        """The vCPU that it runs on."""
        return self.process.vcpu
