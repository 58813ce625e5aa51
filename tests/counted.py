"""A tiny program on the simulation alone, and its schedules counted without telling states apart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from fuzz.exhaust.search import Choice, Failure, Move, System, counting
from models.simulation import Simulation, State, Steps

Operations = Sequence[Callable[["Shared"], Steps[None]]]


@dataclass(slots=True)
class Shared:
    """What the tasks share: who did what, in order, and a lock."""

    sim: Simulation = field(default_factory=Simulation)
    log: list[str] = field(default_factory=list)
    locked: bool = False


class Tiny:
    """A run of tasks, each with operations in order.  ``wrong`` says whether the log in the end is a failure;
    with ``blind`` the log is no part of the state."""

    def __init__(
        self, tasks: Sequence[Operations], wrong: Callable[[str], bool] = lambda log: not log
    ) -> None:
        self.shared = Shared()
        self._tasks = {f"CPU {number}": operations for number, operations in enumerate(tasks, start=1)}
        self._begun = dict.fromkeys(self._tasks, 0)
        self._wrong = wrong
        self._running = ""

    def choices(self) -> Sequence[str]:
        """Whoever could run."""
        return [name for name in self._tasks if name != self._running and self._can_run(name)]

    def _can_run(self, name: str) -> bool:
        task = self.shared.sim.task(name)
        return task.runnable or (task.state is State.IDLE and self._begun[name] < len(self._tasks[name]))

    def take(self, choice: str, watch: Callable[[], bool]) -> None:
        """Begin the next operation, or go on."""
        sim = self.shared.sim
        task = sim.task(choice)
        if task.state is State.IDLE:
            sim.start(task, self._tasks[choice][self._begun[choice]](self.shared))
            self._begun[choice] += 1
        self._running, sim.watch = choice, watch
        sim.run(task)
        self._running, sim.watch = "", None

    def key(self, running: str | None) -> Hashable:
        """Where each task is, what is locked, and what was done."""
        tasks = [self.shared.sim.task(name) for name in self._tasks]
        places = tuple((task.state, len(task.passed)) for task in tasks)
        return places, tuple(self._begun.values()), self.shared.locked, tuple(self.shared.log), running

    def finish(self) -> None:
        """Look at the log."""
        if self._wrong("".join(self.shared.log)):
            raise Failure


def works(letters: str) -> Callable[[Shared], Steps[None]]:
    """An operation that does one thing after the other, with a preemption point between any two."""

    def steps(shared: Shared) -> Steps[None]:
        for number, letter in enumerate(letters):
            if number:
                yield "between"
            shared.log.append(letter)

    return steps


def locked(letters: str) -> Callable[[Shared], Steps[None]]:
    """The same under the lock."""

    def steps(shared: Shared) -> Steps[None]:
        yield from shared.sim.wait_event("lock", lambda: not shared.locked)
        shared.locked = True
        yield from works(letters)(shared)
        shared.locked = False

    return steps


def every_schedule(fresh: Callable[[], System[Choice]], bound: int) -> int:
    """How many there are with up to ``bound`` preemptions: one run for each, nothing left out.  Failure
    does not end it."""

    def again(moves: Sequence[Move[Choice]]) -> System[Choice]:
        system = fresh()
        for choice, stop in moves:
            system.take(choice, counting(stop))
        return system

    def anybody(moves: Sequence[Move[Choice]], left: int) -> int:
        choices = again(moves).choices()
        return sum(goes(moves, choice, left) for choice in choices) if choices else 1

    def goes(moves: Sequence[Move[Choice]], choice: Choice, left: int) -> int:
        system, others = again(moves), list[Sequence[Choice]]()

        def watch() -> bool:
            others.append(system.choices())
            return False

        system.take(choice, watch)
        count = anybody([*moves, Move(choice)], left)
        for stop, several in enumerate(others if left else (), start=1):
            count += sum(goes([*moves, Move(choice, stop)], other, left - 1) for other in several)
        return count

    return anybody([], bound)
