"""One case in a guest of its own: tasks that are commands on vCPUs, held at points, and the judges.

A task runs until it ends, is held, or waits for one that is held: only then is there a choice.  The agent on
vCPU 0 touches the file system in quiet only: it would wait for a held task for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NoReturn, Protocol

from fuzz.targets import oracles
from fuzz.targets.kernel.tasks import waits_in
from fuzz.targets.qemu import points
from fuzz.targets.qemu.commands import COMMANDS
from fuzz.targets.qemu.gdb import GdbError
from fuzz.targets.qemu.groups import Groups
from fuzz.targets.qemu.guest import VCPUS, GuestError
from fuzz.targets.qemu.holding import Holds
from fuzz.targets.qemu.job import Job
from fuzz.targets.qemu.judging import judge_log, judge_quiet, remount
from fuzz.targets.qemu.payload import program
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.seen import Seen
from fuzz.targets.qemu.settling import TRIES_AGAIN, settle
from fuzz.targets.qemu.stage import Answer, Stage
from fuzz.targets.qemu.switches import Switch
from fuzz.targets.qemu.vocabulary import IN_HANDLE, NO_VCPU, REFUSED
from fuzz.targets.qemu.volume import SPACE, TAKEN, populate
from models.geometry import Geometry
from models.operations import CompleteBio, CreateBg, EndTransaction, Operation, Remount, Step
from models.properties import Mismatch
from models.reference import Reference
from models.world import LIVENESS, REFUSAL, Violation

TASK = re.compile(r"CPU (?P<number>[1-9])")
"""A task that may have a vCPU of its own."""


def vcpu_of(task: str) -> int | None:
    """The vCPU of a task, if there is one for it."""
    found = TASK.fullmatch(task)
    return int(found["number"]) if found and int(found["number"]) < VCPUS else None


class Process(Protocol):
    """What runs the guest."""

    @property
    def ended(self) -> bool:
        """Whether it is gone."""


class QemuWorld:
    """A case; ``then`` says how each step of ``program`` left its task.

    ``switches`` are fixes that are switched off in its kernel.  ``dirty`` are files with pages that nobody
    has written back, ``rubbish`` files to be removed in quiet.  Raises GuestError, GdbError or SymbolError
    where the guest is not as it should be.
    """

    def __init__(self, machine: Saved, geometry: Geometry, switches: Sequence[Switch] = ()) -> None:
        with ExitStack() as stack:
            guest = stack.enter_context(machine.guest())
            guest.wait_restored()
            guest.gdb.greet()
            self.guest: Process = guest
            stage = Stage(guest.gdb, guest.agent, machine.symbols, machine.lines)
            self.begin(stage, geometry)
            for switch in switches:
                switch.apply(stage)
            self._guest = stack.pop_all()

    def begin(self, stage: Stage, geometry: Geometry) -> None:
        """A fresh file system of this geometry on the stage."""
        self.stage, self.geometry = stage, geometry
        self.reference = Reference(geometry)
        self.program: list[Step] = []
        self.drained: list[Step] = []
        self.then: list[str] = []
        self.seen = Seen()
        self.jobs: dict[str, Job] = {}
        self.dirty: set[int] = set()
        self.unsettled: list[int] = []
        self.rubbish: list[str] = []
        self.draining = False
        self._values, self._started, self._numbers = 0, 0, len(geometry.files)
        self.holds, self.groups = Holds(stage), Groups(stage)
        stage.silence = self.let_go
        stage.at(stage.symbols.span(TRIES_AGAIN).start, self._tries)
        stage.do(" && ".join(populate(geometry)))

    # What can be done now

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""
        return vcpu_of(task) is not None and task not in self.jobs

    def has_handle(self, task: str) -> bool:
        """Whether the task is held with an open transaction handle."""
        return task in self.jobs and self.jobs[task].in_handle

    def idle_worker(self) -> str:
        """Bios complete by themselves."""
        return "kworker 1"

    def in_flight(self) -> Sequence[CompleteBio]:
        """None is that somebody could complete."""
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

    def file_sizes(self) -> Mapping[int, int]:
        """How many blocks each file has."""
        return {number: len(file.blocks) for number, file in self.reference.files.items()}

    def has_file(self, number: int) -> bool:
        """Whether there is such a file."""
        return number in self.reference.files

    def is_inside(self, number: int, block: int, blocks: int) -> bool:
        """Whether a file has these blocks."""
        return self.has_file(number) and block + blocks <= len(self.reference.files[number].blocks)

    def is_used(self, number: int) -> bool:
        """Whether an operation on a file is running."""
        return any(getattr(job.operation, "file", None) == number for job in self.jobs.values())

    def free_bytes(self) -> int:
        """What DATA space has that is neither used nor promised.  Waits for nobody."""
        told = self.stage.do(f"cd {SPACE} && cat total_bytes {' '.join(TAKEN)}").split()
        total, *taken = map(int, told)
        return max(0, total - sum(taken))

    @property
    def quiet(self) -> bool:
        """Nobody is inside an operation."""
        return not self.jobs

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
        """A value that nobody has written before."""
        self._values += 1
        return self._values

    def new_number(self) -> int:
        """A number that no file or snapshot has had."""
        self._numbers += 1
        return self._numbers - 1

    def payload(self, value: int, blocks: int) -> str:
        """A file in the guest's memory with blocks of a value."""
        path = f"/tmp/{value}"  # noqa: S108 - the guest's
        self.stage.do(f"awk '{program([value] * blocks)}' > {path}")
        return path

    # Doing it

    def apply(self, step: Step) -> bool:
        """Take a step, wait until it is over, and judge it; False if it makes no sense here.

        Raises Violation.
        """
        if not self.makes_sense(step):
            return False
        (self.drained if self.draining else self.program).append(step)
        with self._living():
            self._do(step)
            self.settle()
            stands = self.how_it_stands(step)
            if not self.draining:
                self.then.append(stands)
            (judge_quiet if self.quiet else judge_log)(self)
        return True

    def _do(self, step: Step) -> None:
        match step.operation:
            case None:
                self._go_on(self.jobs[step.task], step)
            case EndTransaction() as operation:
                job = self.jobs[step.task]
                job.operation, job.in_handle = operation, False
                self._go_on(job, step)
            case Remount():
                remount(self)
            case operation:
                self._start(step, operation)

    def _start(self, step: Step, operation: Operation) -> None:
        vcpu = vcpu_of(step.task)
        assert vcpu is not None
        command = COMMANDS[type(operation)]
        line, memo = command.begin(self, operation)
        self._started += 1
        self.groups.makers.discard(vcpu)
        until = self._arm(vcpu, operation, step)  # before it starts: it may come there at once
        process = self.stage.start(vcpu, line, str(self._started))
        self.jobs[step.task] = Job(step.task, operation, command, process, memo, until)

    def _go_on(self, job: Job, step: Step) -> None:
        job.same = job.tries = 0
        job.until = self._arm(job.vcpu, job.operation, step)
        self.stage.release(job.vcpu)

    def _arm(self, vcpu: int, operation: Operation, step: Step) -> str:
        """Have a vCPU held where the step says, if it can be; the name of that point."""
        until = step.until or ""
        if until and (why := points.refusal(until)):
            self.seen.refused[f"preemption at {until}: {why}"] += 1
        holds = {until: points.HOLDS[until]} if until in points.HOLDS else {}
        if isinstance(operation, CreateBg):
            holds |= points.HANDLES
        self.holds.arm(vcpu, holds, [points.NEW_GROUP] if vcpu in self.groups.makers else [])
        return until

    def _tries(self, vcpu: int) -> None:
        for job in self.jobs.values():
            job.tries += job.vcpu == vcpu

    def let_go(self) -> None:
        """The guest waits for a held task: let all of them go on, and count it."""
        for job in self.jobs.values():
            if self.stage.held(job.vcpu):
                self.seen.released[self.holds.came[job.vcpu]] += 1
                job.in_handle = False
                self.holds.disarm(job.vcpu)
                self.stage.release(job.vcpu)

    def settle(self) -> None:
        """Wait until every task has ended, is held, or waits for one that is.  Raises Violation."""
        hanging = settle(self)
        for job in hanging:
            stack = " < ".join(job.stack) or "it runs"
            self.complain(LIVENESS, "no task waits for ever", f"{job.task} is in {job.operation}: {stack}")

    def end(self, job: Job, answer: Answer) -> None:
        """An operation came back: tell the reference, and ask whether it may have.  Raises Violation."""
        del self.jobs[job.task]
        self.holds.disarm(job.vcpu)
        job.output = answer.output
        if job.until in points.HOLDS:
            self.seen.passed[job.until] += 1
        if answer.code:
            job.error = " ".join(answer.output.split()) or f"exit code {answer.code}"
            judge_log(self)  # where the file system is aborted, that is what is wrong
            allowed = next((text for text in job.command.refusals if text in job.error), "")
            if not allowed:
                observed = f"{job.operation} fails: {job.error}"
                self.complain(REFUSAL, "the kernel refuses for lack of space only", observed)
            self.seen.error[f"{job.operation.name}: {allowed}"] += 1
        job.command.end(self, job.operation, job)

    def how_it_stands(self, step: Step) -> str:
        """How a step left its task."""
        job = self.jobs.get(step.task)
        if job is None:
            return "done"
        if self.stage.held(job.vcpu):
            self.holds.disarm(job.vcpu)
            point, job.until = self.holds.came[job.vcpu], ""
            self.seen.held[point] += 1
            job.in_handle = point == points.HANDLE
            return "done" if job.in_handle else f"preempted at {point}"
        if job.tries and job.stack == (TRIES_AGAIN,):
            return f"tries again in {TRIES_AGAIN}"
        where = waits_in(list(job.stack)) or "nothing: it runs on"
        self.seen.wait[f"{job.operation.name} in {where}"] += 1
        return f"waits in {where}"

    # The end

    def complain(self, name: str, expected: str, observed: str) -> NoReturn:
        """A property does not hold.  Raises Violation."""
        raise Violation(name, Mismatch(expected, observed))

    @contextmanager
    def _living(self) -> Iterator[None]:
        """A guest that is gone has panicked.  Raises Violation for that."""
        try:
            yield
        except (GuestError, GdbError) as error:
            if self.guest.ended:
                self.complain(oracles.LOG, "the kernel goes on", f"it panicked ({error})")
            raise

    def next_to_drain(self) -> Step | None:
        """Held tasks go on, then handles end."""
        for task, _ in self.runnable():
            return Step(task)
        handles = (Step(task, EndTransaction()) for task in sorted(self.jobs) if self.has_handle(task))
        return next(handles, None)

    def finish(self) -> None:
        """Let everything come to its end, and judge it, also after an umount.  Raises Violation."""
        self.draining = True
        while (step := self.next_to_drain()) is not None:
            self.apply(step)
        with self._living():
            self.settle()
            remount(self)

    def close(self) -> None:
        """The guest is gone, whatever state it is in."""
        self._guest.close()
