"""Simulated tasks on one simulated machine: the scheduler, and nothing of any protocol.

Theory of operation
-------------------
A task is a generator.  Everything between two ``yield``s is one atomic step, as a section under a
spinlock is.  A task gives the processor away in two ways only:

* ``yield "name"`` is a **preemption point**: the task could go on, but others may run first.
* ``yield Wait(...)`` is **blocking**: the task cannot go on until a condition holds.  Protocols call
  :meth:`Simulation.wait_event` or the locks in :mod:`models.locks` for it.

:meth:`Simulation.run` advances one task until it ends, blocks, or reaches the preemption point it was
told to stop at; :meth:`Simulation.step` stops at the very next one.  Which task runs next is the caller's
choice: the simulation has no policy, draws nothing and reads no clock, so equal calls give equal runs.

A blocked task is woken by nobody: its condition is looked at when somebody asks whether it is
runnable (:meth:`Simulation.tell_wake_ups` notes which tasks have become so).  Lost wake-ups (a condition
that came true without a ``wake_up``) cannot be seen here, and locks are not fair: any waiter may get a
free lock, which allows every order that a fair lock allows.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """A task cannot go on before ``condition()`` holds; ``held_by()`` names tasks that can make it."""

    name: str
    condition: Callable[[], bool]
    held_by: Callable[[], Iterable[str]]

    def __str__(self) -> str:
        return f"{self.name}, held by {', '.join(self.held_by()) or 'nobody'}"


Pause = str | Wait
Steps = Generator[Pause, None, T]


class State(enum.Enum):
    """Where a task is between two calls of :meth:`Simulation.run`."""

    IDLE = "idle"
    PREEMPTED = "preempted"
    BLOCKED = "blocked"


def span(start: int, count: int) -> str:
    """A range of blocks, as text."""
    return f"block {start}" if count == 1 else f"blocks {start}-{start + count - 1}"


class Mark(enum.Enum):
    """What a note is about."""

    STARTS = "starts"
    HAPPENED = "happened"
    STOPS = "stops"
    WAITS = "waits"
    WAKES = "wakes"
    CHANGED = "changed"
    ENDS = "ends"
    BREAKS = "breaks"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing worth telling in a diagram: ``text`` about ``task``, inside ``function`` if it happened.

    If ``task`` wakes another, ``text`` is the other's name.
    """

    task: str
    text: str
    mark: Mark = Mark.HAPPENED
    function: str = ""


PAUSES_LIMIT = 100_000
"""Pauses in one call of :meth:`Simulation.run` after which a task is taken to go round in circles."""


class Livelock(Exception):  # noqa: N818 - the field's word
    """A task runs for ever without blocking."""


def kind_of_task(name: str) -> str:
    """The name of a task without its number: tasks of one kind do the same."""
    return name.rstrip("0123456789").rstrip()


@dataclass(slots=True, eq=False)
class Task:
    """One simulated kernel task.  It runs one operation at a time.

    ``journal_info`` is for the protocol to use (the kernel keeps the task's open transaction handle in
    ``current->journal_info``).  ``passed`` are the preemption points that the last
    :meth:`Simulation.run` came to, in order: those at which it could have been told to stop.
    """

    name: str
    steps: Generator[Pause, None, object] | None = None
    state: State = State.IDLE
    stopped_at: str = ""
    blocked_on: Wait | None = None
    woken: bool = False
    result: object = None
    journal_info: object = None
    passed: list[str] = field(default_factory=list)

    @property
    def runnable(self) -> bool:
        """Whether the task could go on now."""
        if self.state is State.BLOCKED:
            assert self.blocked_on is not None
            return self.blocked_on.condition()
        return self.state is State.PREEMPTED

    def kill(self) -> None:
        """The machine lost power: what the task was doing is gone, and runs no further."""
        if self.steps is not None:
            self.steps.close()
        self.steps, self.state, self.stopped_at = None, State.IDLE, ""
        self.blocked_on, self.woken, self.result, self.journal_info = None, False, None, None


@dataclass(slots=True, eq=False)
class Simulation:
    """All tasks of one machine, and what they have told.

    ``watch`` is asked at every preemption point that a task comes to; where it says True the task stops.
    """

    tasks: dict[str, Task] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    watch: Callable[[], bool] | None = None
    _current: Task | None = None

    @property
    def current(self) -> Task:
        """The task that is running now.  Raises RuntimeError outside a step: only a task may ask."""
        if self._current is None:
            raise RuntimeError("no task is running")
        return self._current

    def task(self, name: str) -> Task:
        """The task of that name; it is made when first asked for."""
        return self.tasks.setdefault(name, Task(name))

    def start(self, task: Task, steps: Generator[Pause, None, object]) -> None:
        """Give an idle task an operation to run.  Nothing of it has run yet."""
        assert task.state is State.IDLE, f"{task.name} is {task.state.value}"
        task.steps, task.state, task.stopped_at, task.result = steps, State.PREEMPTED, "", None

    def run(self, task: Task, until: str | None = None) -> None:
        """Advance ``task`` until it ends, blocks, or stops at the preemption point ``until``, or
        where ``watch`` says so.

        Raises what the operation raises, or Livelock; the task is idle then.
        """
        self._advance(task, until)

    def step(self, task: Task) -> None:
        """Advance ``task`` to its next preemption point, whichever that is, unless it ends or blocks before.

        Raises what the operation raises; the task is idle then.
        """
        self._advance(task, None, next_point=True)

    def _advance(self, task: Task, until: str | None, *, next_point: bool = False) -> None:
        assert task.steps is not None, f"{task.name} has nothing to run"
        assert self._current is None, "a task cannot run another task"
        passed: list[str] = []
        self._current, task.blocked_on, task.woken, task.passed = task, None, False, passed
        steps, watch = task.steps, self.watch
        try:
            for _ in range(PAUSES_LIMIT):
                pause = next(steps)
                if isinstance(pause, Wait):
                    task.state, task.blocked_on = State.BLOCKED, pause
                    return
                passed.append(pause)
                stop = next_point or pause == until
                if stop or watch is not None:
                    # A watcher sees the task standing here.
                    task.state, task.stopped_at = State.PREEMPTED, pause
                    if stop or (watch is not None and watch()):
                        return
            raise Livelock(f"{task.name} does not come to an end")
        except StopIteration as end:
            task.steps, task.state, task.result = None, State.IDLE, end.value
        except Exception:
            task.steps, task.state = None, State.IDLE
            raise
        finally:
            self._current = None

    def wait_event(
        self, name: str, condition: Callable[[], bool], held_by: Callable[[], Iterable[str]] = tuple
    ) -> Steps[None]:
        """Block the running task until ``condition()`` holds.  No pause where it holds already."""
        while not condition():
            yield Wait(name, condition, held_by)

    def note(self, function: str, text: str) -> None:
        """Tell what the running task just did."""
        self.notes.append(Note(self.current.name, text, function=function))

    def tell(self, task: Task, text: str, mark: Mark) -> None:
        """Tell what becomes of a task."""
        self.notes.append(Note(task.name, text, mark))

    def tell_pause(self, task: Task) -> None:
        """Tell where the task stands, if it was stopped or has to wait."""
        if task.state is State.PREEMPTED:
            self.tell(task, task.stopped_at, Mark.STOPS)
        elif task.blocked_on is not None:
            self.tell(task, str(task.blocked_on), Mark.WAITS)

    def tell_wake_ups(self, task: Task) -> None:
        """Note which blocked tasks the last step woke: those, by name, whose condition holds now and did not
        when this was last asked."""
        blocked = [other for other in self.tasks.values() if other.state is State.BLOCKED]
        for other in sorted(blocked, key=lambda other: other.name):
            before, other.woken = other.woken, other.runnable
            if other.woken and not before:
                self.tell(task, other.name, Mark.WAKES)

    def runnable(self) -> list[Task]:
        """The tasks that can run, by name, so that the order of their creation has no effect."""
        tasks = (task for task in self.tasks.values() if task.runnable)
        return sorted(tasks, key=lambda task: task.name)

    def waiting(self) -> list[str]:
        """One line for each task that cannot go on: what it waits for, and which tasks hold that.

        Lines here while nothing is runnable are a deadlock, unless something outside (a device that
        completes a bio, say) can still make a condition hold.
        """
        blocked = (task for task in self.tasks.values() if task.blocked_on is not None and not task.runnable)
        return [f"{task.name} waits for {task.blocked_on}" for task in blocked]
