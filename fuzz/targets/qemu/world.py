"""One case in a guest of its own: tasks that are commands on vCPUs, held at points, and the judges.

A task runs until it ends, is held, or waits for one that is held: only then is there a choice.  The agent on
vCPU 0 touches the file system in quiet only: it would wait for a held task for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NoReturn, Protocol

from fuzz.targets import oracles
from fuzz.targets.kernel.tasks import waits_in
from fuzz.targets.qemu import points
from fuzz.targets.qemu.case import QemuCase
from fuzz.targets.qemu.commands import COMMANDS
from fuzz.targets.qemu.gdb import GdbError
from fuzz.targets.qemu.guest import GuestError, vcpu_of
from fuzz.targets.qemu.job import Job
from fuzz.targets.qemu.judging import judge_log, judge_quiet, remount
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.settling import TRIES_AGAIN, settle
from fuzz.targets.qemu.stage import Answer, Stage
from fuzz.targets.qemu.switches import Switch
from models.geometry import Geometry
from models.operations import CreateBg, EndTransaction, Operation, Remount, Step
from models.properties import Mismatch
from models.world import LIVENESS, REFUSAL, Violation

END_SECONDS = 5.0
"""For a process whose guest does not answer to be gone, at most: then it has panicked."""


class Process(Protocol):
    """What runs the guest."""

    def ends(self, seconds: float) -> bool:
        """Whether it is gone, or goes in that time."""


class QemuWorld(QemuCase):
    """A case in a guest of its own.

    ``switches`` are fixes that are switched off in its kernel.  Raises GuestError, GdbError or SymbolError
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
        super().__init__(stage, geometry)
        self._started = 0
        stage.silence = self.let_go
        stage.at(stage.symbols.span(TRIES_AGAIN).start, self._tries)

    def makes_sense(self, step: Step) -> bool:
        """As a case says; some of it the guest is asked.  Raises Violation where it has panicked."""
        with self._living():
            return super().makes_sense(step)

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
        job.point = ""
        job.until = self._arm(job.vcpu, job.operation, step)
        self.stage.release(job.vcpu)

    def _arm(self, vcpu: int, operation: Operation, step: Step) -> str:
        """Have a vCPU held where the step says, if it can be; the name of that point."""
        until = step.until or ""
        if until and (why := points.refusal(until)):
            self.seen.refused[f"preemption at {until}: {why}"] += 1
        holds = {until: points.HOLDS[until]} if until in points.HOLDS else {}
        if isinstance(operation, CreateBg) and not self.draining:
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
                job.in_handle, job.point = False, ""
                self._disarm(job)
                self.stage.release(job.vcpu)

    def _disarm(self, job: Job) -> None:
        """It is to be held nowhere any more."""
        self.holds.disarm(job.vcpu)
        job.until = ""

    def settle(self) -> None:
        """Wait until every task has ended, is held, or waits for one that is.  Raises Violation."""
        hanging = settle(self)
        for job in self.jobs.values():  # one may come to its hold in a step of somebody else
            if self.stage.held(job.vcpu) and not job.point:
                self._disarm(job)
                job.point = self.holds.came[job.vcpu]
                self.seen.held[job.point] += 1
                job.in_handle = job.point == points.HANDLE
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
        if job.point:
            return "done" if job.in_handle else f"preempted at {job.point}"
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
            if self.guest.ends(END_SECONDS):
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
        with self._living():
            for job in self.jobs.values():
                self._disarm(job)
        while not self.quiet:
            step = self.next_to_drain()
            if step is not None:
                self.apply(step)
            else:  # nobody is held any more, so all come to their end
                with self._living():
                    self.settle()
        with self._living():
            remount(self)

    def close(self) -> None:
        """The guest is gone, whatever state it is in."""
        self._guest.close()
