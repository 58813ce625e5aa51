"""The state of a case in the guest, and what can be done in it now."""

from __future__ import annotations

from collections.abc import Sequence

from fuzz.targets.qemu import points
from fuzz.targets.qemu.commands import COMMANDS
from fuzz.targets.qemu.groups import Groups
from fuzz.targets.qemu.guest import vcpu_of
from fuzz.targets.qemu.holding import Holds
from fuzz.targets.qemu.job import Job
from fuzz.targets.qemu.payload import program
from fuzz.targets.qemu.seen import Seen
from fuzz.targets.qemu.stage import Stage
from fuzz.targets.qemu.vocabulary import IN_HANDLE, NO_VCPU, REFUSED
from fuzz.targets.qemu.volume import SPACE, TAKEN, populate
from fuzz.targets.real import RealWorld
from models.geometry import Geometry
from models.operations import CompleteBio, EndTransaction, Remount, Step


class QemuCase(RealWorld[Job]):
    """A case in the guest, on a stage.

    ``dirty`` are files with pages that have not been written back, ``rubbish`` files to be removed in quiet,
    ``unremoved`` those that are still there, as there was no space to remove them.
    """

    seen: Seen

    def __init__(self, stage: Stage, geometry: Geometry) -> None:
        super().__init__(geometry)
        self.stage = stage
        self.seen = Seen()
        self.dirty: set[int] = set()
        self.rubbish: list[str] = []
        self.unremoved: set[int] = set()
        self._values = self._names = 0
        self.holds, self.groups = Holds(stage), Groups(stage)
        stage.do(" && ".join(populate(geometry)))

    # What can be done now

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""
        return vcpu_of(task) is not None and super().idle(task)

    def has_handle(self, task: str) -> bool:
        """Whether the task is held with an open transaction handle."""
        return task in self.jobs and self.jobs[task].in_handle

    def in_flight(self) -> Sequence[CompleteBio]:
        """None: bios complete by themselves."""
        return ()

    def runnable(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Tasks that are held, and the points at which they can be held again."""
        held = [
            job for _, job in sorted(self.jobs.items()) if self.stage.held(job.vcpu) and not job.in_handle
        ]
        return [(job.task, tuple(p for p in job.operation.points if p in points.HOLDS)) for job in held]

    def data_groups(self) -> Sequence[int]:
        """Numbers of the DATA block groups."""
        return self.groups.numbers()

    def free_bytes(self) -> int:
        """What DATA space has that is neither used nor promised.  Waits for no task."""
        told = self.stage.do(f"cd {SPACE} && cat total_bytes {' '.join(TAKEN)}").split()
        total, *taken = map(int, told)
        return max(0, total - sum(taken))

    def refusal(self, step: Step) -> str:
        """Why a step cannot be told to the guest; empty if it can."""
        operation = step.operation
        if operation is None or isinstance(operation, Remount | EndTransaction):
            return ""
        if type(operation) in REFUSED:
            return f"{operation.name}: {REFUSED[type(operation)]}"
        if self.has_handle(step.task):
            return IN_HANDLE
        return "" if vcpu_of(step.task) is not None else NO_VCPU

    def makes_sense(self, step: Step) -> bool:
        """Whether the step can be taken here."""
        operation = step.operation
        if operation is None:
            return step.task in [task for task, _ in self.runnable()]
        why = self.refusal(step)
        if why:
            self.seen.refused[why] += 1
            return False
        if isinstance(operation, EndTransaction):
            return self.has_handle(step.task)
        if isinstance(operation, Remount):
            return self.quiet
        return self.idle(step.task) and COMMANDS[type(operation)].makes_sense(self, operation)

    # Names for what a step makes

    def new_value(self) -> int:
        """A value that has not been written before."""
        self._values += 1
        return self._values

    def new_name(self, kind: str) -> str:
        """A new path, for something that is no file of the program."""
        self._names += 1
        return f"/mnt/{kind}-{self._names}"

    def payload(self, value: int, blocks: int) -> str:
        """The path of a new file in the guest's memory, with blocks of a value."""
        path = f"/tmp/{value}"  # noqa: S108 - the guest's
        self.stage.do(f"awk '{program([value] * blocks)}' > {path}")
        return path
