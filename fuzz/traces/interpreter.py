"""A second replayer: runs the JSON of a trace on the model, and shares no code with the first.

Not the world, nor the case, the machine or the loader: it drives the simulation, the syscalls and the
properties itself, in as few lines as that takes.  What both find is in the model, and not in how a program
is run; a mistake of the world's own (a check forgotten, a task that goes on in another order) is seen
where they do not agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from models.btrfs.errors import KernelBug
from models.btrfs.fs_info import FsInfo
from models.btrfs.mkfs import mkfs
from models.geometry import File, FileKind, Geometry
from models.operations import BY_NAME, Commit, CompleteBio, Crash, EndTransaction, Operation, Writeback
from models.properties import Mismatch, Observation, When, properties
from models.reference import Reference
from models.reverts import catalogue
from models.simulation import Livelock, Simulation, State, Task
from models.syscalls import SYSCALLS, Failed, enter_kernel
from models.syscalls.buffered import dirty_files, tell_writeback

if TYPE_CHECKING:
    from models.world import World

ENDS_THE_CASE = (
    "no_legal_schedule_aborts",
    "no_assertion_of_the_kernel_fails",
    "what_the_superblock_reaches_can_be_mounted",
)
"""What is left of a file system that broke one of these proves nothing."""
ENDLESS = 10_000
"""Steps of a case's end."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How each step left its task (``not taken`` where it could not be taken), which followed when nobody
    chose any more, and what broke: property, expected, observed, in the order in which they broke."""

    then: tuple[str, ...]
    drained: tuple[str, ...]
    broken: tuple[tuple[str, str, str], ...]


class CaseEnds(Exception):  # noqa: N818 - not a mistake
    """What broke leaves nothing to go on with."""


def interpret(document: Mapping[str, Any], reverts: Sequence[str]) -> Interpretation:
    """Run the program of a trace, a valid one, with the fixes of these ids out."""
    machine = _Machine(document["geometry"], reverts)
    then: list[str] = []
    try:
        for step in document["steps"]:
            then.append("not taken")
            operation = None
            if step["operation"] != "resume":
                operation = BY_NAME[step["operation"]](**step.get("arguments", {}))
            task = machine.sim.task(step["task"])
            if machine.possible(task, operation):
                then[-1] = "breaks"
                machine.go(task, operation, step.get("until"))
                then[-1] = machine.left(task)
        machine.come_to_an_end()
    except CaseEnds:
        if then and then[-1] == "breaks":
            then[-1] = f"breaks {list(machine.broken)[-1]}"
    broken = tuple((name, *texts) for name, texts in machine.broken.items())
    return Interpretation(tuple(then), tuple(machine.drained), broken)


class _Machine:
    """A file system, its tasks and the judge: everything that a syscall may ask for, under the same names."""

    def __init__(self, geometry: Mapping[str, Any], reverts: Sequence[str]) -> None:
        files = tuple(File(FileKind(file["kind"]), file["blocks"]) for file in geometry["files"])
        shape = Geometry(geometry["groups"], geometry["group_blocks"], geometry["spare_chunks"], files)
        self.overrides = [room for revert in catalogue() if revert.id in reverts for room in revert.overrides]
        self.sim = Simulation()
        self.fs = FsInfo(self.sim, mkfs(shape), self.overrides)
        self.reference = Reference(shape)
        self.seen = Observation(self.fs, self.reference)
        self.inside: dict[str, tuple[Operation, object]] = {}
        self.broken: dict[str, tuple[str, str]] = {}
        self.drained: list[str] = []
        self.values = 0

    # What syscalls ask for

    def new_value(self) -> int:
        self.values += 1
        return self.values

    def is_used(self, file: int) -> bool:
        return any(getattr(operation, "file", None) == file for operation, _ in self.inside.values())

    def is_running(self, kind: type[Operation]) -> bool:
        return any(isinstance(operation, kind) for operation, _ in self.inside.values())

    @property
    def quiet(self) -> bool:
        tasks = self.sim.tasks.values()
        busy = [task for task in tasks if task.state is not State.IDLE or task.journal_info is not None]
        return not busy and not self.fs.device.in_flight

    def kill_tasks(self) -> list[Operation]:
        for task in self.sim.tasks.values():
            task.kill()
        killed = [operation for _, (operation, _) in sorted(self.inside.items(), key=lambda item: item[0])]
        self.inside.clear()
        return killed

    def mount(self) -> FsInfo:
        self.fs = self.seen.fs = FsInfo(self.sim, self.fs.device, self.overrides)
        self.seen.states.clear()
        return self.fs

    def check(self, when: When, *, of_history: bool = False) -> None:
        for law in properties(when):
            excused = bool(self.fs.error and law.unless_aborted)
            if not excused and (law.of_history or not of_history):
                mismatch = next(law.check(self.seen), None)
                if mismatch is not None:
                    self.complain(law.name, mismatch)

    def complain(self, name: str, mismatch: Mismatch) -> None:
        self.broken.setdefault(name, (mismatch.expected, mismatch.observed))
        if name in ENDS_THE_CASE:
            raise CaseEnds

    # Steps

    def possible(self, task: Task, operation: Operation | None) -> bool:
        if operation is None:
            return task.runnable
        syscall = SYSCALLS[type(operation)]
        return task.state is State.IDLE and syscall.makes_sense(self._world, task, operation)

    @property
    def _world(self) -> World:
        """This, as syscalls know it: it has all that they ask of a world."""
        return cast("World", self)

    def go(self, task: Task, operation: Operation | None, until: str | None) -> None:
        """Start or resume, run, and judge what is left behind."""
        if operation is not None:
            memo = SYSCALLS[type(operation)].begin(self._world, task, operation)
            self.inside[task.name] = operation, memo
            self.sim.start(task, enter_kernel(self.fs, operation, memo))
        try:
            self.sim.run(task, until)
            tell_writeback(self._world)
            if task.state is State.IDLE:
                self._ended(task, *self.inside.pop(task.name))
            self.check(When.ALWAYS)
            self.check(When.COMMIT)
            self.fs.history.clear()
            self.fs.device.committed.clear()
            if self.quiet:
                self.check(When.QUIET)
        except KernelBug as bug:
            self.check(When.ALWAYS, of_history=True)
            self.complain(ENDS_THE_CASE[1], Mismatch("the kernel goes on", str(bug)))
        except Livelock as livelock:
            self.complain("every_task_can_finish", Mismatch("every operation ends or blocks", str(livelock)))

    def _ended(self, task: Task, operation: Operation, memo: object) -> None:
        syscall, result = SYSCALLS[type(operation)], task.result
        if isinstance(result, Failed) and not self.fs.error:
            law = "the_kernel_refuses_for_lack_of_space_only"
            if result.code not in (*syscall.refusals, *self.fs.faults.codes()):
                self.complain(law, Mismatch("the kernel refuses for lack of space only", str(result)))
        syscall.end(self._world, task, operation, memo)

    def left(self, task: Task) -> str:
        """How a step left its task."""
        if task.state is State.PREEMPTED:
            return f"preempted at {task.stopped_at}"
        if task.state is State.BLOCKED and task.blocked_on is not None:
            return f"waits for {task.blocked_on.name}"
        return f"returns {task.result}" if isinstance(task.result, Failed) else "done"

    # The end

    def come_to_an_end(self) -> None:
        """Nobody chooses any more; then a commit, the last checks, a power cut and a mount."""
        for _ in range(ENDLESS):
            following = self._following()
            if following is None:
                break
            self._drain(*following)
        else:
            self.complain("every_task_can_finish", Mismatch("the case ends", "it goes on and on"))
        if not self.sim.waiting():
            self._try("transaction kthread", Commit())
        waiting = self.sim.waiting()
        if waiting:
            self.complain("every_task_can_finish", Mismatch("no task waits for ever", "; ".join(waiting)))
            return
        if not self.fs.error:
            self.check(When.END)
        self._try("mount", Crash())

    def _try(self, name: str, operation: Operation) -> None:
        task = self.sim.task(name)
        if self.possible(task, operation):
            self._drain(task, operation)

    def _drain(self, task: Task, operation: Operation | None) -> None:
        self.drained.append(f"{task.name}: {operation or 'resume'}")
        self.go(task, operation, None)

    def _following(self) -> tuple[Task, Operation | None] | None:
        """Tasks go on, bios complete, handles end, somebody commits for who waits, pages are written."""
        for task in self.sim.runnable():
            return task, None
        for bio in self.fs.device.in_flight:
            return self._worker(), CompleteBio(bio.submitter, bio.index)
        for _, task in sorted(self.sim.tasks.items()):
            if task.state is State.IDLE and task.journal_info is not None:
                return task, EndTransaction()
        kthread, stuck = self.sim.task("transaction kthread"), bool(self.sim.waiting())
        if stuck and kthread.state is State.IDLE and self.fs.transactions.running:
            return kthread, Commit()
        for file in [] if stuck else dirty_files(self.fs):
            return self._worker(), Writeback(file)
        return None

    def _worker(self) -> Task:
        number = 1
        while self.sim.task(f"kworker {number}").state is not State.IDLE:
            number += 1
        return self.sim.task(f"kworker {number}")
