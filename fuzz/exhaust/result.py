"""What a search of all schedules came to, and what may be said after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fuzz.case import Case, run
from fuzz.exhaust.program import Program
from fuzz.exhaust.search import FailingSchedule, SchedulesCovered, ScheduleSearch
from fuzz.exhaust.system import Run, steps_of
from fuzz.progress import ignore
from fuzz.prove.search import LimitReached
from fuzz.tables import plural
from models.operations import Step
from models.reverts import Revert


@dataclass(frozen=True, slots=True)
class Exhausted:
    """``failing`` is the schedule that fails, without the steps that come by themselves in the end, and
    ``preemptions`` how many it takes; ``complete``: nothing was left out, and nothing fails.

    ``idle`` are the operations that made no sense in any schedule: of them nothing was shown.
    """

    bound: int
    covered: SchedulesCovered
    complete: bool
    idle: tuple[str, ...] = ()
    failing: Case | None = None
    preemptions: int = 0

    def sentences(self) -> Iterator[str]:
        """The result, a sentence a line."""
        whole = self.covered.whole
        if self.failing is not None:
            yield f"a schedule with {preemptions(self.preemptions)} fails"
            if whole >= 0:
                yield f"no schedule with at most {preemptions(whole)} fails"
            yield "none with as many fails in fewer steps"
        elif self.complete:
            yield f"no schedule with at most {preemptions(self.bound)} fails"
        elif whole >= 0:
            yield f"not complete: no schedule with at most {preemptions(whole)} fails"
        else:
            yield "not complete: not even all schedules without preemption were run"
        yield f"searched: {self.covered.executions} executions, {self.covered.states} states"
        for number, schedules in enumerate(self.covered.schedules):
            many = "without end, tasks can go round in circles" if schedules is None else schedules
            yield f"    schedules with at most {preemptions(number)}: {many}"
        for operation in self.idle:
            yield f"never began, as it made no sense wherever it was tried: {operation}"


def preemptions(number: int) -> str:
    """So many, in words."""
    return plural(number, "preemption")


def exhaust(
    program: Program,
    reverts: Sequence[Revert],
    bound: int,
    *,
    limit: int,
    tick: Callable[[SchedulesCovered], object] = ignore,
) -> Exhausted:
    """Run every schedule of the program with up to ``bound`` preemptions, until one fails.

    ``limit`` is how many executions there may be; ``tick`` is called before each.
    """
    began: set[tuple[str, int]] = set()
    covered = SchedulesCovered()
    search: ScheduleSearch[Step] = ScheduleSearch(
        lambda: Run(program, reverts, began), bound, limit, covered=covered, tick=tick
    )
    try:
        found = search.failure()
    except LimitReached:
        return Exhausted(bound, covered, complete=False)
    if found is not None:
        case = failing_case(program, reverts, found)
        return Exhausted(bound, covered, complete=False, failing=case, preemptions=found.preemptions)
    idle = tuple(
        f"{task}: {operation}"
        for task, operations in program.tasks
        for number, operation in enumerate(operations)
        if (task, number) not in began
    )
    return Exhausted(bound, covered, complete=True, idle=idle)


def failing_case(program: Program, reverts: Sequence[Revert], found: FailingSchedule[Step]) -> Case:
    """The schedule as a case, up to where the rest comes by itself."""
    steps = steps_of(Run(program, reverts, set()), found.moves)
    whole = run(Case(program.geometry, steps), reverts)
    assert whole is not None, "a schedule that failed passes as a case"
    for length in range(len(steps)):
        case = Case(program.geometry, steps[:length])
        verdict = run(case, reverts)
        if verdict is not None and verdict.symptom.property == whole.symptom.property:
            return case
    return Case(program.geometry, steps)
