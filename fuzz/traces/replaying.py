"""Replaying a trace, and telling where it went another way.

A search passes over steps that make no sense; a replay does not do so in silence: the model has changed
since the trace was written, or the program was edited, and then a case that passes proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fuzz.case import Case
from fuzz.traces.recording import Recorder, Watch, how_it_stands
from fuzz.traces.trace import Outcome, Trace
from models.operations import Step
from models.reverts import Revert
from models.world import World


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of replaying: ``case`` has the steps that were taken, ``differences`` a line for each that
    did not go as recorded; ``outcome`` is None if nothing broke.  ``whole``: no name was unknown."""

    case: Case
    outcome: Outcome | None
    differences: tuple[str, ...]
    whole: bool

    def as_recorded(self, trace: Trace) -> bool:
        """Whether every step and the outcome are those of the trace."""
        return self.whole and not self.differences and self.outcome == trace.outcome


def replay(
    trace: Trace,
    reverts: Sequence[Revert],
    unknown: str = "",
    watch: Watch | None = None,
) -> Replay:
    """Take the steps of a trace, with these fixes out, and compare each with what was recorded.

    ``unknown`` is what :func:`fuzz.traces.reading.load_known` could not read after the last step; ``watch``
    is called after each step, also of the case's end.
    """
    recorder = Recorder(trace.case.geometry, reverts, watch)
    taken, differences = [], []
    for number, (step, then) in enumerate(zip(trace.case.steps, trace.then, strict=True), start=1):
        why = why_not(recorder, step)
        if recorder.take(step):
            taken.append(step)
            why = "" if recorder.then[-1] == then else f"now: {recorder.then[-1]}"
        if why:
            differences.append(
                f"step {number} ({step}): expected: {then}; {why}; runnable: {runnable(recorder.world)}"
            )
    if unknown:
        differences.append(f"{unknown}; runnable: {runnable(recorder.world)}")
    outcome = recorder.finish()
    case = Case(trace.case.geometry, tuple(taken))
    return Replay(case, outcome, tuple(differences), whole=not unknown)


def why_not(recorder: Recorder, step: Step) -> str:
    """Why a step cannot be taken, if it cannot."""
    world = recorder.world
    if recorder.over:
        return "the case is over"
    task = world.sim.task(step.task)
    stands = how_it_stands(world, step.task)
    if step.operation is None:
        return "" if task.runnable else f"{step.task} has nothing to resume ({stands})"
    if not world.idle(step.task):
        return f"{step.task} is busy ({stands})"
    return "" if world.makes_sense(step) else f"{step.operation} makes no sense here"


def runnable(world: World) -> str:
    """The tasks that could go on, and where each is."""
    tasks = [f"{task.name} ({how_it_stands(world, task.name)})" for task in world.sim.runnable()]
    return ", ".join(tasks) or "nobody"
