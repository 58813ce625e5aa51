"""One case in a guest of its own: tasks that are commands on vCPUs, held at points, and the judges.

A task runs until it ends, is held, or waits for one that is held: only then is there a choice.  The agent on
vCPU 0 touches the file system in quiet only: it would wait for a held task for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from fuzz.targets import oracles
from fuzz.targets.kernel.tasks import waits_in
from fuzz.targets.qemu import points
from fuzz.targets.qemu.case import QemuCase
from fuzz.targets.qemu.commands import COMMANDS
from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.guest import vcpu_of
from fuzz.targets.qemu.job import Job
from fuzz.targets.qemu.judging import judge_log, judge_quiet, remount
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.settling import TRIES_AGAIN, settle
from fuzz.targets.qemu.stage import Answer, Stage
from fuzz.targets.qemu.switches import Switch
from fuzz.targets.qemu.tasks import start
from models.geometry import Geometry
from models.operations import CreateBg, EndTransaction, Operation, Remount, Step

END_SECONDS = 5.0
"""For the process of a guest that does not answer to end, at most: then the guest has panicked."""


class Process(Protocol):
    """The process that runs the guest."""

    def ends(self, seconds: float) -> bool:
        """Whether it has ended, or ends within that time."""

    def close(self) -> None:
        """End it."""


class QemuWorld(QemuCase):
    """A case in a guest of its own, which runs as ``process``."""

    def __init__(self, process: Process, stage: Stage, geometry: Geometry) -> None:
        super().__init__(stage, geometry)
        self.process = process
        self._started = 0
        stage.silence = self.let_go
        stage.at(stage.symbols.span(TRIES_AGAIN).start, self._tries)

    def makes_sense(self, step: Step) -> bool:
        """As in the base class, which asks the guest.  Raises Violation where it has panicked."""
        with self._living():
            return super().makes_sense(step)

    def carry_out(self, step: Step) -> None:
        """As in the base class; a guest that dies meanwhile is a violation.  Raises Violation."""
        with self._living():
            super().carry_out(step)

    def begin(self, step: Step) -> None:
        """As in the base class; end-transaction lets a task go that holds its handle open."""
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
        process = start(self.stage, vcpu, line, str(self._started))
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
        """From now on hold it nowhere."""
        self.holds.disarm(job.vcpu)
        job.until = ""

    def settle(self) -> None:
        """Wait until every task has ended, is held, or waits for one that is.  Raises Violation."""
        hanging = settle(self)
        for job in self.jobs.values():  # one may come to its hold in another task's step
            if self.stage.held(job.vcpu) and not job.point:
                self._disarm(job)
                job.point = self.holds.came[job.vcpu]
                self.seen.held[job.point] += 1
                job.in_handle = job.point == points.HANDLE
        for job in hanging:
            self.hangs(job, " < ".join(job.stack) or "it runs")

    def judge(self) -> None:
        """The log can be read at any time, contents in quiet only.  Raises Violation."""
        (judge_quiet if self.quiet else judge_log)(self)

    def end(self, job: Job, answer: Answer) -> None:
        """An operation came back: tell the reference, and judge how.  Raises Violation."""
        del self.jobs[job.task]
        self.holds.disarm(job.vcpu)
        job.result = answer.output
        if job.until in points.HOLDS:
            self.seen.passed[job.until] += 1
        if answer.code:
            job.error = " ".join(answer.output.split()) or f"exit code {answer.code}"
            judge_log(self)  # where the file system is aborted, that is what is wrong
            allowed = next((text for text in job.command.refusals if text in job.error), "")
            if not allowed:
                self.is_refused(job)
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

    @contextmanager
    def _living(self) -> Iterator[None]:
        """A guest that is gone has panicked.  Raises Violation for that."""
        try:
            yield
        except QemuError as error:
            if self.process.ends(END_SECONDS):
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
            else:  # no task is held any more, so all come to their end
                with self._living():
                    self.settle()
        with self._living():
            remount(self)

    def close(self) -> None:
        """End the guest, whatever state it is in."""
        self.process.close()


def fresh_world(machine: Saved, geometry: Geometry, switches: Sequence[Switch] = ()) -> QemuWorld:
    """A case in a fresh copy of the machine, with fixes switched off in its kernel.

    Raises QemuError where the guest is not as it should be.
    """
    with ExitStack() as stack:
        guest = stack.enter_context(machine.guest())
        guest.wait_restored()
        guest.gdb.greet()
        world = QemuWorld(guest, Stage(guest.gdb, guest.agent, machine.symbols, machine.lines), geometry)
        for switch in switches:
            switch.apply(world.stage)
        stack.pop_all()  # from now on the world closes it
    return world
