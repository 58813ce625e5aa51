"""One case: a fresh file system, the tasks that use it, and the judge that watches.

The world runs the steps of a program on the kernel model, tells the reference model which operations
start and end, and checks the properties.  It is the only place that knows both.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Sequence

from models.btrfs.errors import KernelBug
from models.btrfs.fs_info import FsInfo
from models.btrfs.mkfs import mkfs
from models.btrfs.ordered_data import OrderedExtent, OrderedType
from models.btrfs.subvolume import Inode
from models.geometry import Geometry
from models.operations import (
    Allocate,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Operation,
    Relocate,
    StartNocowDio,
    Step,
)
from models.properties import Mismatch, Observation, When, properties
from models.reference import Piece, Reference, Write
from models.reverts import Revert
from models.simulation import Livelock, Mark, Note, Simulation, State, Task
from models.syscalls import Failed, enter_kernel, find_bio

DRAIN_LIMIT = 10_000
"""Steps after which a case that does not come to an end is taken to be a livelock."""

ABORT, ASSERTION, LIVENESS = (
    "no_legal_schedule_aborts",
    "no_assertion_of_the_kernel_fails",
    "every_task_can_finish",
)
"""Properties that the world itself has to know: two end a case, one is judged only here."""
IN_PLACE, REFUSAL, DURABILITY = (
    "only_unshared_space_is_overwritten",
    "the_kernel_refuses_for_lack_of_space_only",
    "a_commit_that_returns_is_durable",
)
"""Properties of how an operation ended, judged here too."""
REFUSALS: dict[type[Operation], tuple[int, ...]] = {Relocate: (errno.ENOSPC, errno.ENOENT)}
"""What else than ENOSPC an operation may be refused with: a block group may be gone."""


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

    ``program`` lists the steps that did something, ``drained`` those that :meth:`finish` added;
    ``sim.notes`` tell what happened.
    """

    def __init__(self, geometry: Geometry, reverts: Sequence[Revert] = (), *, run_on: bool = False) -> None:
        self.geometry, self.reverts, self.run_on = geometry, tuple(reverts), run_on
        self.violations: dict[str, Violation] = {}
        self.sim = Simulation()
        overrides = [override for revert in reverts for override in revert.overrides]
        self.fs = FsInfo(self.sim, mkfs(geometry), overrides)
        self.reference = Reference(geometry)
        self.seen = Observation(self.fs, self.reference)
        self.program: list[Step] = []
        self.drained: list[Step] = []
        self.stops: Counter[str] = Counter()
        self.draining = False
        self._operations: dict[str, Operation] = {}
        self._writes: dict[str, Write] = {}
        self._to_commit: dict[str, int] = {}
        self._values = 0

    # What can be done now

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""
        return self.sim.task(task).state is State.IDLE

    def has_handle(self, task: str) -> bool:
        """Whether the task holds a transaction handle."""
        return self.sim.task(task).journal_info is not None

    def operation_of(self, task: str) -> Operation:
        """What a busy task is doing."""
        return self._operations[task]

    def data_groups(self) -> list[int]:
        """Numbers of the DATA block groups that can be relocated."""
        return [group.number for group in self.fs.balanceable()]

    def makes_sense(self, step: Step) -> bool:
        """Whether the step can be taken here."""
        task, operation = self.sim.task(step.task), step.operation
        if operation is None:
            return task.runnable
        if task.state is not State.IDLE:
            return False
        if isinstance(operation, EndTransaction):
            return task.journal_info is not None
        if isinstance(operation, CreateBg | Allocate | Commit):
            return True
        # Nobody may write or relocate inside a transaction: both wait for transactions.
        return task.journal_info is None and self._exists(operation)

    def _exists(self, operation: Operation) -> bool:
        """Whether what the operation names is there."""
        if isinstance(operation, StartNocowDio):
            file = self.reference.files.get(operation.file)
            return file is not None and operation.block + operation.blocks <= len(file.blocks)
        if isinstance(operation, Relocate):
            return self.fs.find_group(operation.group) is not None
        assert isinstance(operation, CompleteBio)
        return find_bio(self.fs, operation) is not None

    # Doing it

    def apply(self, step: Step) -> bool:
        """Take one step and check what must hold after it; False if it makes no sense here.

        Raises Violation.
        """
        if not self.makes_sense(step):
            return False
        (self.drained if self.draining else self.program).append(step)
        task = self.sim.task(step.task)
        if step.operation is not None:
            value = self._begin(task, step.operation)
            self._tell(task, str(step.operation), Mark.STARTS)
            self.sim.start(task, enter_kernel(self.fs, step.operation, value))
        else:
            self._tell(task, "resumes", Mark.STARTS)
        try:
            self.sim.run(task, step.until)
            self._judge(task)
        except KernelBug as bug:
            self._complain(ASSERTION, Mismatch("the kernel goes on", str(bug)))
        except Livelock as livelock:
            self._complain(LIVENESS, Mismatch("every operation ends or blocks", str(livelock)))
        return True

    def _judge(self, task: Task) -> None:
        """Look at what the running task left behind."""
        self._tell_pause(task)
        if task.state is State.IDLE:
            self._end(task)
        self._check(When.ALWAYS)
        self._check(When.COMMIT)
        self.fs.history.clear()
        self.fs.device.committed.clear()
        if self.quiet:
            self._check(When.QUIET)

    @property
    def quiet(self) -> bool:
        """Nothing in flight, nobody inside an operation or a transaction."""
        return not self.fs.device.in_flight and all(
            task.state is State.IDLE and task.journal_info is None for task in self.sim.tasks.values()
        )

    def _tell(self, task: Task, text: str, mark: Mark) -> None:
        self.sim.notes.append(Note(task.name, text, mark))

    def _tell_pause(self, task: Task) -> None:
        if task.state is State.PREEMPTED:
            self.stops[task.stopped_at] += 1
            self._tell(task, task.stopped_at, Mark.STOPS)
        elif task.blocked_on is not None:
            holders = ", ".join(task.blocked_on.held_by()) or "nobody"
            self._tell(task, f"{task.blocked_on.name}, held by {holders}", Mark.WAITS)

    def _begin(self, task: Task, operation: Operation) -> int:
        """An operation starts: tell the reference model.  The value that a write is to write."""
        self._operations[task.name] = operation
        if isinstance(operation, Commit):
            listed = self.fs.transactions.trans_list
            self._to_commit[task.name] = listed[-1].transid if listed else 0
        if not isinstance(operation, StartNocowDio):
            return 0
        self._values += 1
        write = self.reference.start_write(operation.file, operation.block, operation.blocks, self._values)
        self._writes[task.name] = write
        return write.value

    def _end(self, task: Task) -> None:
        """An operation ended: tell the reference model."""
        operation, result = self._operations.pop(task.name), task.result
        if isinstance(result, Failed) and result.code not in REFUSALS.get(type(operation), (errno.ENOSPC,)):
            self._complain(REFUSAL, Mismatch("the kernel refuses for lack of space only", str(result)))
        if isinstance(operation, StartNocowDio):
            write = self._writes.pop(task.name)
            done: list[OrderedExtent] = result if isinstance(result, list) else []
            pieces = [Piece(o.start, o.num, o.type is not OrderedType.REGULAR) for o in done]
            complaint = self.reference.end_write(operation.file, write, pieces)
            if complaint:
                self._complain(
                    IN_PLACE,
                    Mismatch("a write goes in place only where nothing else needs the old blocks", complaint),
                )
        elif isinstance(operation, Relocate) and isinstance(result, Failed):
            self.reference.relocation_failed()
        elif isinstance(operation, Commit) and result is None:
            durable, wanted = self.fs.device.superblock.generation, self._to_commit.pop(task.name)
            if durable < wanted:
                self._complain(
                    DURABILITY, Mismatch(f"transaction {wanted} is durable", f"the superblock is {durable}")
                )
        elif isinstance(operation, Allocate) and isinstance(result, Inode):
            items = result.root.leaves[result.ino].items.values()
            self.reference.add_file(result.ino, [item.num for item in items])
        self._tell(task, str(result) if isinstance(result, Failed) else "", Mark.ENDS)

    def _check(self, when: When) -> None:
        for prop in properties(when):
            for mismatch in prop.check(self.seen):
                self._complain(prop.name, mismatch)
                break

    def _complain(self, name: str, mismatch: Mismatch) -> None:
        violation = Violation(name, mismatch)
        if name not in self.violations:
            violation.drained = len(self.drained)
            self.violations[name] = violation
            self.sim.notes.append(Note("", name, Mark.BREAKS))
        if not self.run_on or name in (ABORT, ASSERTION):
            raise violation

    # The end of a case

    def finish(self) -> None:
        """Let everything that was begun come to its end, commit, and check what must hold then.

        Raises Violation, also when a task can never go on.
        """
        self.draining = True
        for _ in range(DRAIN_LIMIT):
            step = self.next_to_drain()
            if step is None:
                break
            self.apply(step)
        else:
            self._complain(LIVENESS, Mismatch("the case ends", "it goes on and on"))
        if not self.sim.waiting():
            self.apply(Step("transaction kthread", Commit()))
        waiting = self.sim.waiting()
        if waiting:
            self._complain(LIVENESS, Mismatch("no task waits for ever", "; ".join(waiting)))
        else:
            self._check(When.END)

    def next_to_drain(self) -> Step | None:
        """What comes next when nobody chooses: tasks go on, then bios complete, then handles end, then the
        transaction kthread commits for those who wait for it."""
        for task in self.sim.runnable():
            return Step(task.name)
        if self.fs.device.in_flight:
            bio = self.fs.device.in_flight[0]
            return Step(self.idle_worker(), CompleteBio(bio.submitter, bio.index))
        for task in sorted(self.sim.tasks.values(), key=lambda task: task.name):
            if task.state is State.IDLE and task.journal_info is not None:
                return Step(task.name, EndTransaction())
        kthread = self.sim.task("transaction kthread")
        if self.sim.waiting() and kthread.state is State.IDLE and self.fs.transactions.running:
            return Step(kthread.name, Commit())
        return None

    def idle_worker(self) -> str:
        """The first worker with nothing to do."""
        number = 1
        while not self.idle(f"kworker {number}"):
            number += 1
        return f"kworker {number}"
