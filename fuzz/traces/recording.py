"""From a case that fails to its trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from fuzz.case import Case, first_and_symptom
from fuzz.traces.trace import Outcome, Sign, Trace, plain
from models.geometry import Geometry
from models.operations import Step
from models.reverts import Revert
from models.simulation import State
from models.syscalls import Failed
from models.world import Violation, World

Watch = Callable[[World, Step], None]
"""Is called with a world and the step that was just taken in it."""


class Watched(World):
    """A world that calls ``watch`` after each step, also after those that come by themselves at the end."""

    watch: Watch | None = None

    def apply(self, step: Step) -> bool:
        """As in every world; then ``watch`` is called, also after a violation."""
        if not self.makes_sense(step):
            return False
        try:
            return super().apply(step)
        finally:
            if self.watch is not None:
                self.watch(self, step)


class Recorder:
    """A case on its way: takes steps one by one, and knows how each left its task.

    ``then`` has an entry for each step that was taken; ``over`` is true when a violation ended the case.
    """

    def __init__(
        self,
        geometry: Geometry,
        reverts: Sequence[Revert],
        watch: Watch | None = None,
    ) -> None:
        self.world = Watched(geometry, reverts, run_on=True)
        self.world.watch = watch
        self.then: list[str] = []
        self.over = False

    def take(self, step: Step) -> bool:
        """Take a step; False if it makes no sense here, or the case is over."""
        if self.over or not self.world.makes_sense(step):
            return False
        try:
            self.world.apply(step)
            self.then.append(how_it_stands(self.world, step.task))
        except Violation as violation:
            self.over = True
            self.then.append(f"breaks {violation.property}")
        return True

    def finish(self) -> Outcome | None:
        """Let everything come to its end; the outcome, None if nothing broke."""
        if not self.over:
            self.over = True
            with suppress(Violation):  # the world has it among its violations
                self.world.finish()
        if not self.world.violations:
            return None
        first, symptom = first_and_symptom(self.world.violations)
        return Outcome(Sign.of(symptom), Sign.of(first))


def how_it_stands(world: World, name: str) -> str:
    """How a task was left."""
    task = world.sim.task(name)
    if task.state is State.PREEMPTED:
        return f"preempted at {task.stopped_at}"
    if task.blocked_on is not None:
        return plain(f"waits for {task.blocked_on.name}")
    return f"returns {task.result}" if isinstance(task.result, Failed) else "done"


def record(case: Case, reverts: Sequence[Revert]) -> Trace:
    """The trace of a failing case, without the steps that do nothing.

    Raises ValueError if it passes.
    """
    recorder = Recorder(case.geometry, reverts)
    steps = tuple(step for step in case.steps if recorder.take(step))
    outcome = recorder.finish()
    if outcome is None:
        raise ValueError("the case does not fail")
    return Trace(
        Case(case.geometry, steps), tuple(revert.id for revert in reverts), tuple(recorder.then), outcome
    )
