"""One operation on its way in the guest."""

from __future__ import annotations

from dataclasses import dataclass

from fuzz.targets.qemu.stage import Task
from models.operations import Operation


@dataclass(slots=True, eq=False)
class Job:
    """``process`` runs it; ``until`` is the point that it is to be held at.

    ``stack`` is what it slept in when it was looked at last, ``same`` how often in succession it was that,
    ``tries`` how often it has come to where it tries again what somebody else is in the way of.
    """

    task: str
    operation: Operation
    process: Task
    memo: object
    until: str = ""
    stack: tuple[str, ...] = ()
    same: int = 0
    tries: int = 0
    error: str = ""
    output: str = ""

    @property
    def vcpu(self) -> int:
        """The vCPU that it runs on."""
        return self.process.vcpu
