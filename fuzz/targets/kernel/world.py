"""One case on the live kernel: tasks that make system calls, the gate that holds their bios, and the judges.

Tasks run freely until they end or wait for something that is held: only then is there a choice.  What is
judged while something is in flight is what cannot change any more; contents are looked at in quiet.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from fuzz.targets.kernel.calls import CALLS
from fuzz.targets.kernel.held import HeldIo
from fuzz.targets.kernel.judging import crash, finish, judge_quiet, remount
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.seen import Seen
from fuzz.targets.kernel.settling import PATIENCE, settle
from fuzz.targets.kernel.tasks import Job, waits_in
from fuzz.targets.kernel.vocabulary import FAULT_KINDS, NO_STOP, STOPS, refusal, stop_for
from fuzz.targets.real import RealWorld
from models.draining import KTHREAD
from models.geometry import Geometry
from models.operations import Commit, CompleteBio, Crash, Inject, Operation, Remount, Step, Writeback


class KernelWorld(RealWorld[Job]):
    """A case on the live kernel.

    ``dirty`` has the values that may be in dirty pages, by file; ``unsettled`` are direct writes that were
    acknowledged and whose ordered extents may not have ended: file and value.  ``doubtful`` are blocks that
    could not be written, with all that they may hold.  Raises OSError where nothing can be mounted.
    """

    seen: Seen

    def __init__(self, machinery: Machinery, geometry: Geometry) -> None:
        super().__init__(geometry)
        self.machinery = machinery
        self.gate = machinery.fresh_gate()
        self.seen = Seen()
        self.io = HeldIo(self.gate, self.seen)
        self.dirty: dict[int, list[int]] = {}
        self.unsettled: list[tuple[int, int]] = []
        self.doubtful: dict[tuple[int, int], set[int]] = {}
        list(machinery.log.complaints())  # drop what was logged before this case
        self.struck: list[str] = []
        self.mount()
        self.volume.populate(geometry)
        self.look()

    # What can be done now

    def has_handle(self, task: str) -> bool:
        """No task of user space has one between its system calls."""
        del task
        return False

    def runnable(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Tasks that stand at an IO of theirs."""
        return [(task, tuple(STOPS)) for task in self.io.stopped()]

    def in_flight(self) -> Sequence[CompleteBio]:
        """Held data writes, by the task that submitted them."""
        return self.io.in_flight()

    def data_groups(self) -> Sequence[int]:
        """Numbers of the DATA block groups."""
        return sorted(self.volume.groups())

    def is_used(self, number: int) -> bool:
        """Whether an operation on a file is running, or a bio to it in flight."""
        return super().is_used(number) or self.io.writes_to(number)

    @property
    def submitting(self) -> bool:
        """Whether bios may be on their way to the gate although no task waits for them."""
        steps = [*self.program, *self.drained]
        return bool(steps) and isinstance(steps[-1].operation, Writeback)

    @property
    def quiet(self) -> bool:
        """Whether nothing is held and no task is inside an operation."""
        return not self.io.requests and super().quiet

    def makes_sense(self, step: Step) -> bool:
        """Whether the step can be taken here."""
        operation = step.operation
        if operation is None:
            return step.task in self.io.stopped()
        if why := refusal(operation):
            self.seen.refused[f"{operation.name}: {why}"] += 1
            return False
        match operation:
            case CompleteBio():
                return operation in self.in_flight()
            case Crash() | Inject():
                return True
            case Remount():
                return self.quiet
        return self.idle(step.task) and CALLS[type(operation)].makes_sense(self, operation)

    # What a step needs

    def new_value(self, number: int) -> int:
        """A value that has not been written before, for a file."""
        return self.io.new_value(number)

    def force_group(self, number: int) -> None:
        """Have a block group made, by a file that may be called by that number.  Raises OSError."""
        self.volume.force_group(number)

    # Doing it

    def begin(self, step: Step) -> None:
        """As in the base class; some steps are done to the gate or the mount."""
        if step.until and stop_for(step) is None:
            self.seen.refused[f"preemption: {NO_STOP}"] += 1
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
        if kind := stop_for(step):
            self.gate.stop(step.task, kind)
        else:
            self.gate.go_on(step.task)

    def _start(self, step: Step, operation: Operation) -> None:
        self._arm(step)
        call, memo = CALLS[type(operation)].begin(self, step.task, operation)
        job = self.jobs[step.task] = Job(step.task, operation, call, memo)
        self.machinery.worker(step.task).start(job)

    def settle(self) -> None:
        """Wait until every task has ended or waits for what is held.  Raises Violation."""
        for task in settle(self):
            stack = " < ".join(self.machinery.worker(task).stack())
            self.machinery.forget(task)
            self.hangs(self.jobs.pop(task), stack)

    def judge(self) -> None:
        """Contents can be looked at in quiet only.  Raises Violation."""
        if self.quiet:
            judge_quiet(self)

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
        """A block of that value could not be written: it may hold any value that was written to it."""
        number = self.io.file_of(value)
        file = self.reference.files.get(number)
        for block, state in enumerate(file.blocks if file else ()):
            if any(write.value == value for write in state.past):
                known = {write.value for write in (*state.past, *state.candidates, *state.stored)}
                self.doubtful.setdefault((number, block), set()).update(known)
                self.reference.lost(number, block)

    def end(self, job: Job) -> None:
        """An operation came back: tell the reference, and judge how.  Raises Violation."""
        del self.jobs[job.task]
        self.gate.go_on(job.task)
        call = CALLS[type(job.operation)]
        if job.error is not None:
            self.seen.error[f"{job.operation.name}: {os.strerror(job.error.errno or 0)}"] += 1
            if job.error.errno not in call.refusals and not self.struck:
                self.is_refused(job)
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
        """Let everything end, and judge the device and what a crash would have left.  Raises Violation."""
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

        Where the kernel does not let go, the next case gets another gate; the rest goes with this process.
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
