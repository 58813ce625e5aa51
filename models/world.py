"""One case: a fresh file system, the tasks that use it, and the judge that watches.

The world runs the steps of a program on the kernel model, tells the reference model which operations
start and end, and checks the properties.  It is the only place that knows both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence

from models.btrfs.errors import KernelBug
from models.btrfs.fs_info import FsInfo
from models.btrfs.mkfs import mkfs
from models.draining import KTHREAD, drain, next_to_drain
from models.geometry import Geometry
from models.operations import Commit, CompleteBio, Crash, Operation, Step
from models.properties import Mismatch, Observation, When, properties, to_be_asked
from models.reference import Reference
from models.reverts import Revert
from models.simulation import Livelock, Mark, Note, Simulation, State, Task
from models.sometimes import Moment, came_true
from models.syscalls import SYSCALLS, Failed, enter_kernel
from models.syscalls.buffered import tell_writeback
from models.syscalls.power import MOUNTS

ABORT, ASSERTION, LIVENESS, REFUSAL = (
    "no_legal_schedule_aborts",
    "no_assertion_of_the_kernel_fails",
    "every_task_can_finish",
    "the_kernel_refuses_for_lack_of_space_only",
)
"""Properties that the world itself has to know: two end a case, the others are judged only here."""


class Violation(Exception):  # noqa: N818 - the field's word
    """A property does not hold.  ``drained`` is how many steps of the case's end it took to show."""

    def __init__(self, name: str, mismatch: Mismatch) -> None:
        self.property, self.mismatch = name, mismatch
        self.drained = 0
        super().__init__(f"{name}: expected that {mismatch.expected}; observed: {mismatch.observed}")


class World:
    """A file system of ``geometry`` with the fixes of ``reverts`` taken out.

    A property that does not hold raises Violation, at once; with ``run_on`` the case goes on, to show
    what comes of it, and ``violations`` collects the first of each property.  An abort or a failed
    assertion of the kernel's own ends a case always: what a dead file system loses proves nothing.

    ``final_crash``: a power cut, and a mount, end every case: whatever was said to be durable, by whichever
    operations, has to be there.  ``thorough``: every property is checked after every step, also where its
    quick form says that nothing can have changed.  (Both are for tests to override.)

    ``program`` lists the steps that did something, ``drained`` those that :meth:`finish` added;
    ``sim.notes`` tell what happened; ``reached`` are the ``sometimes`` sentences that came true.
    """

    final_crash = True
    thorough = False

    def __init__(self, geometry: Geometry, reverts: Sequence[Revert] = (), *, run_on: bool = False) -> None:
        self.geometry, self.reverts, self.run_on = geometry, tuple(reverts), run_on
        self.violations: dict[str, Violation] = {}
        self.sim = Simulation()
        self.fs = FsInfo(self.sim, mkfs(geometry), self._overrides())
        self.reference = Reference(geometry)
        self.seen = Observation(self.fs, self.reference)
        self.program: list[Step] = []
        self.drained: list[Step] = []
        self.stops: Counter[str] = Counter()
        self.reached: list[str] = []
        self.draining = False
        self._operations: dict[str, Operation] = {}
        self._memos: dict[str, object] = {}
        self._values = 0
        self._told = 0

    def _overrides(self) -> list[type]:
        return [override for revert in self.reverts for override in revert.overrides]

    def kill_tasks(self) -> list[Operation]:
        """Kill every task: power is lost.  Returns the operations they were in, without that of the task that
        mounts."""
        for task in self.sim.tasks.values():
            task.kill()
        killed = [self._operations.pop(name) for name in sorted(self._memos)]
        self._memos.clear()
        return killed

    def mount(self) -> FsInfo:
        """Go on with what is on the device now."""
        self.fs = self.seen.fs = FsInfo(self.sim, self.fs.device, self._overrides())
        self.seen.states.clear()
        return self.fs

    # What can be done now

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""
        return self.sim.task(task).state is State.IDLE

    def idle_worker(self, taken: Container[str] = ()) -> str:
        """The first worker with nothing to do that is not ``taken``."""
        number = 1
        while (name := f"kworker {number}") in taken or not self.idle(name):
            number += 1
        return name

    def has_handle(self, task: str) -> bool:
        """Whether the task holds a transaction handle."""
        return self.sim.task(task).journal_info is not None

    @property
    def quiet(self) -> bool:
        """Whether nothing is in flight, and no task is inside an operation or a transaction."""
        return not self.fs.device.in_flight and all(
            task.state is State.IDLE and task.journal_info is None for task in self.sim.tasks.values()
        )

    def is_used(self, file: int) -> bool:
        """Whether an operation on that file is running."""
        return any(getattr(operation, "file", None) == file for operation in self._operations.values())

    def is_running(self, kind: type[Operation]) -> bool:
        """Whether a task is inside such an operation."""
        return any(isinstance(operation, kind) for operation in self._operations.values())

    def operation_of(self, task: str) -> Operation:
        """What a busy task is doing."""
        return self._operations[task]

    def data_groups(self) -> list[int]:
        """Numbers of the DATA block groups that can be relocated."""
        return [group.number for group in self.fs.balanceable()]

    def file_sizes(self) -> dict[int, int]:
        """How many blocks each file has."""
        return {number: len(file.blocks) for number, file in self.reference.files.items()}

    def in_flight(self) -> list[CompleteBio]:
        """How each bio in flight would be completed."""
        return [CompleteBio(bio.submitter, bio.index) for bio in self.fs.device.in_flight]

    def runnable(self) -> list[tuple[str, tuple[str, ...]]]:
        """Paused tasks that could go on, and the points at which they could stop again."""
        return [(task.name, self.operation_of(task.name).points) for task in self.sim.runnable()]

    def next_to_drain(self) -> Step | None:
        """What comes next when nobody chooses; None where everything has come to its end."""
        return next_to_drain(self)

    def makes_sense(self, step: Step) -> bool:
        """Whether the step can be taken here."""
        task, operation = self.sim.task(step.task), step.operation
        if operation is None:
            return task.runnable
        if task.state is not State.IDLE:
            return False
        return SYSCALLS[type(operation)].makes_sense(self, task, operation)

    # Doing it

    def apply(self, step: Step) -> bool:
        """Take one step and check what must hold after it; False if it makes no sense here.

        Raises Violation.
        """
        if not self.makes_sense(step):
            return False
        (self.drained if self.draining else self.program).append(step)
        task, self._told = self.sim.task(step.task), len(self.sim.notes)
        if step.operation is not None:
            self._operations[task.name] = step.operation
            memo = SYSCALLS[type(step.operation)].begin(self, task, step.operation)
            self._memos[task.name] = memo
            self.sim.tell(task, str(step.operation), Mark.STARTS)
            self.sim.start(task, enter_kernel(self.fs, step.operation, memo))
        else:
            waited = task.blocked_on
            said = f"wakes up, waited for {waited.name}" if waited else "resumes"
            self.sim.tell(task, said, Mark.STARTS)
        try:
            self.sim.run(task, step.until)
            self._judge(task)
        except KernelBug as bug:
            # What led to it may have been seen before: the better story.
            self.check(When.ALWAYS, of_history=True)
            self.complain(ASSERTION, Mismatch("the kernel goes on", str(bug)))
        except Livelock as livelock:
            self.complain(LIVENESS, Mismatch("every operation ends or blocks", str(livelock)))
        return True

    def _judge(self, task: Task) -> None:
        """Look at what the running task left behind."""
        operation, ended = self._operations[task.name], task.state is State.IDLE
        self.sim.tell_wake_ups(task)
        self.sim.tell_pause(task)
        if task.state is State.PREEMPTED:
            self.stops[task.stopped_at] += 1
        tell_writeback(self)
        if ended:
            self._end(task)
        moment = Moment(self.fs, task, operation, self.sim.notes[self._told :])
        for sentence in came_true(moment, self.reached, ended=ended):
            self.reached.append(sentence)
        self.check(When.ALWAYS)
        self.check(When.COMMIT)
        self.fs.history.clear()
        self.fs.device.committed.clear()
        if self.quiet:
            self.check(When.QUIET)

    def new_value(self) -> int:
        """A value that nobody has written before."""
        self._values += 1
        return self._values

    def _end(self, task: Task) -> None:
        """An operation ended: tell the reference model."""
        operation, result = self._operations.pop(task.name), task.result
        syscall = SYSCALLS[type(operation)]
        # After an abort everything may fail: that is what will be complained about.
        legal = (*syscall.refusals, *self.fs.faults.codes())
        if isinstance(result, Failed) and result.code not in legal and not self.fs.error:
            self.complain(REFUSAL, Mismatch("the kernel refuses for lack of space only", str(result)))
        syscall.end(self, task, operation, self._memos.pop(task.name))
        self.sim.tell(task, str(result) if isinstance(result, Failed) else "", Mark.ENDS)

    def check(self, when: When, *, of_history: bool = False) -> None:
        """Check what must hold then, or only what can be judged by what happened."""
        for prop in properties(when) if self.thorough else to_be_asked(when, self.seen):
            if (self.fs.error and prop.unless_aborted) or (of_history and not prop.of_history):
                continue
            for mismatch in prop.check(self.seen):
                self.complain(prop.name, mismatch)
                break

    def complain(self, name: str, mismatch: Mismatch) -> None:
        """A property does not hold.  Raises Violation, unless the case is to run on."""
        violation = Violation(name, mismatch)
        if name not in self.violations:
            violation.drained = len(self.drained)
            self.violations[name] = violation
            self.sim.notes.append(Note("", name, Mark.BREAKS))
        if not self.run_on or name in (ABORT, ASSERTION, MOUNTS):
            raise violation

    # The end of a case

    def finish(self) -> None:
        """Let everything come to its end, commit, check.  Raises Violation, also if a task never goes on."""
        self.draining = True
        if not drain(self):
            self.complain(LIVENESS, Mismatch("the case ends", "it goes on and on"))
        if not self.sim.waiting():
            self.apply(Step(KTHREAD, Commit()))
        waiting = self.sim.waiting()
        if waiting:
            self.complain(LIVENESS, Mismatch("no task waits for ever", "; ".join(waiting)))
        else:
            if not self.fs.error:  # nothing is committed any more, and what was lost stays counted
                self.check(When.END)
            if self.final_crash:
                self.apply(Step(Crash.task, Crash()))

    def close(self) -> None:
        """There is nothing to give back."""
