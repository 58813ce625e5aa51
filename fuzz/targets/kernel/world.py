"""One case on the live kernel: tasks that make system calls, the gate that holds their bios, and the judges.

Tasks run freely until they end or wait for something that is held: only then is there a choice.  What is
judged while something is in flight is what cannot change any more; contents are looked at in quiet.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn

from fuzz.targets.files import Files
from fuzz.targets.kernel.calls import CALLS
from fuzz.targets.kernel.held import HeldIo
from fuzz.targets.kernel.judging import crash, finish, judge_quiet, remount
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.seen import Seen
from fuzz.targets.kernel.settling import PATIENCE, settle
from fuzz.targets.kernel.tasks import Job, waits_in
from fuzz.targets.kernel.vocabulary import FAULT_KINDS, NO_STOP, STOPS, refusal, stop_for
from models.geometry import Geometry
from models.operations import Commit, CompleteBio, Crash, Inject, Operation, Remount, Step, Writeback
from models.properties import Mismatch
from models.reference import Reference
from models.world import LIVENESS, REFUSAL, Violation

KTHREAD = "transaction kthread"
"""Who does what is left at the end of a case."""


class KernelWorld(Files):
    """A case; ``then`` says how each step of ``program`` left its task.

    ``doubtful`` are blocks that could not be written, with all that they may hold.  Raises OSError where
    nothing can be mounted.
    """

    def __init__(self, machinery: Machinery, geometry: Geometry) -> None:
        self.geometry, self.machinery = geometry, machinery
        self.gate = machinery.fresh_gate()
        self.reference = Reference(geometry)
        self.program: list[Step] = []
        self.drained: list[Step] = []
        self.then: list[str] = []
        self.seen = Seen()
        self.io = HeldIo(self.gate, self.seen)
        self.jobs: dict[str, Job] = {}
        self.dirty: dict[int, list[int]] = {}
        self.unsettled: list[tuple[int, int]] = []
        self.doubtful: dict[tuple[int, int], set[int]] = {}
        self.draining = False
        self._numbers = len(geometry.files)
        list(machinery.log.complaints())
        self.struck: list[str] = []
        self.mounted = False
        self.mount()
        self.volume.populate(geometry)
        self.look()

    # What can be done now

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""
        return task not in self.jobs

    def has_handle(self, task: str) -> bool:
        """No task of user space has one between its system calls."""
        del task
        return False

    def idle_worker(self) -> str:
        """The gate completes bios: one name is enough."""
        return "kworker 1"

    def runnable(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Tasks that stand at an IO of theirs."""
        return [(task, tuple(STOPS)) for task in self.io.stopped()]

    def in_flight(self) -> Sequence[CompleteBio]:
        """Held data writes, by who submitted them."""
        return self.io.in_flight()

    def data_groups(self) -> Sequence[int]:
        """Numbers of the DATA block groups."""
        return sorted(self.volume.groups())

    def is_used(self, number: int) -> bool:
        """Whether an operation on a file is running, or a bio to it in flight."""
        busy = any(getattr(job.operation, "file", None) == number for job in self.jobs.values())
        return busy or self.io.writes_to(number)

    @property
    def submitting(self) -> bool:
        """Whether bios may be on their way to the gate although no task waits for them."""
        steps = [*self.program, *self.drained]
        return bool(steps) and isinstance(steps[-1].operation, Writeback)

    @property
    def quiet(self) -> bool:
        """Nothing is held and nobody is inside an operation."""
        return not self.io.requests and not self.jobs

    def makes_sense(self, step: Step) -> bool:
        """Whether the step can be taken here."""
        operation = step.operation
        if operation is None:
            return step.task in self.io.stopped()
        why = refusal(operation)
        if why:
            self.seen.refused[f"{operation.name}: {why}"] += 1
            return False
        match operation:
            case CompleteBio():
                return CompleteBio(operation.submitter, operation.index) in self.in_flight()
            case Crash() | Inject():
                return True
            case Remount():
                return self.quiet
        return self.idle(step.task) and CALLS[type(operation)].makes_sense(self, operation)

    # Names for what a step makes

    def new_value(self, number: int) -> int:
        """A value that nobody has written before, for a file."""
        return self.io.new_value(number)

    def new_number(self) -> int:
        """A number that no file or snapshot has had."""
        self._numbers += 1
        return self._numbers - 1

    def force_group(self, number: int) -> None:
        """Have a block group made, by a file that may be called by that number.  Raises OSError."""
        self.volume.force_group(number)

    # Doing it

    def apply(self, step: Step) -> bool:
        """Take a step, wait until nothing moves, and judge it; False if it makes no sense here.

        Raises Violation.
        """
        if not self.makes_sense(step):
            return False
        (self.drained if self.draining else self.program).append(step)
        if step.until and stop_for(step) is None:
            self.seen.refused[f"preemption: {NO_STOP}"] += 1
        self._do(step)
        self.settle()
        stands = self.how_it_stands(step)
        if not self.draining:
            self.then.append(stands)
        if self.quiet:
            judge_quiet(self)
        return True

    def _do(self, step: Step) -> None:
        match step.operation:
            case None:
                self._arm(step)
                self.io.go_on(step.task)
            case CompleteBio() as bio:
                self.io.complete(bio)
            case Inject(kind):
                self.gate.fail(FAULT_KINDS[kind])
            case Crash(kept):
                crash(self, kept)
            case Remount():
                remount(self)
            case operation:
                self._start(step, operation)

    def _arm(self, step: Step) -> None:
        """Have the gate stop the task where the step says, if it can."""
        kind = stop_for(step)
        if kind is None:
            self.gate.go_on(step.task)
        else:
            self.gate.stop(step.task, kind)

    def _start(self, step: Step, operation: Operation) -> None:
        self._arm(step)
        run, memo = CALLS[type(operation)].begin(self, step.task, operation)
        job = self.jobs[step.task] = Job(step.task, operation, run, memo)
        self.machinery.worker(step.task).start(job)

    def settle(self) -> None:
        """Wait until every task has ended or waits for what is held.  Raises Violation."""
        hanging = settle(self)
        for task in hanging:
            stack = " < ".join(self.machinery.worker(task).stack())
            self.machinery.forget(task)
            job = self.jobs.pop(task)
            self.complain(LIVENESS, "no task waits for ever", f"{task} is in {job.operation}: {stack}")

    def look(self) -> int:
        """What the gate holds now, and what it wrote; how many requests ever came."""
        state = self.io.look()
        for value, error in state.written:
            if error:
                self._lost(value)
        self.seen.fault.update(state.struck[len(self.struck) :])
        self.struck = state.struck
        return state.requests

    def _lost(self, value: int) -> None:
        """A block of that value could not be written: nobody knows what it holds, of all that was."""
        number = self.io.file_of(value)
        file = self.reference.files.get(number)
        for block, state in enumerate(file.blocks if file else ()):
            if any(write.value == value for write in state.past):
                known = {write.value for write in (*state.past, *state.candidates, *state.stored)}
                self.doubtful.setdefault((number, block), set()).update(known)
                self.reference.lost(number, block)

    def end(self, job: Job) -> None:
        """An operation came back: tell the reference, and ask whether it may have."""
        del self.jobs[job.task]
        self.gate.go_on(job.task)
        call = CALLS[type(job.operation)]
        if job.error is not None:
            self.seen.error[f"{job.operation.name}: {os.strerror(job.error.errno or 0)}"] += 1
            if job.error.errno not in call.refusals and not self.struck:
                observed = f"{job.operation} fails: {job.error}"
                self.complain(REFUSAL, "the kernel refuses for lack of space only", observed)
        call.end(self, job.operation, job)

    def how_it_stands(self, step: Step) -> str:
        """How a step left its task."""
        job = self.jobs.get(step.task)
        if job is None:
            return "done"
        if step.task in self.io.stopped():
            return f"preempted at {step.until}"
        where = waits_in(self.machinery.worker(step.task).stack())
        self.seen.wait[f"{job.operation.name} in {where}"] += 1
        return f"waits in {where}"

    # The end

    def complain(self, name: str, expected: str, observed: str) -> NoReturn:
        """A property does not hold.  Raises Violation."""
        raise Violation(name, Mismatch(expected, observed))

    def next_to_drain(self) -> Step | None:
        """Tasks go on, then bios complete, then dirty pages are written back."""
        for task, _ in self.runnable():
            return Step(task)
        for bio in self.in_flight():
            return Step(self.idle_worker(), bio)
        for number in sorted(self.dirty):
            if self.dirty[number] and self.has_file(number):
                return Step(KTHREAD, Writeback(number))
        return None

    def drain(self) -> None:
        """Take every step that is left, and commit.  Raises Violation."""
        self.draining = True
        while (step := self.next_to_drain()) is not None:
            self.apply(step)
        self.apply(Step(KTHREAD, Commit()))

    def finish(self) -> None:
        """Let everything come to its end and judge it, on the device and on what a crash would have left.

        Raises Violation.
        """
        finish(self)

    def mount(self) -> None:
        """Mount what is on the device now.  Raises OSError."""
        self.volume = self.machinery.mount()
        self.mounted = True

    def umount(self) -> None:
        """Unmount.  Raises OSError."""
        self.volume.umount()
        self.mounted = False

    def close(self) -> None:
        """Give everything back, whatever state it is in.

        Where the kernel does not let go, the next case gets another gate, and the end of the process has to
        do the rest.
        """
        if self.mounted:
            self.gate.cut()
            for task, job in self.jobs.items():
                if not job.done.wait(PATIENCE):
                    self.machinery.forget(task)
            try:
                self.umount()
            except OSError:
                self.machinery.abandon()
