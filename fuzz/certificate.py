"""What was checked about a reproducer: a line for each thing that was seen to hold, and none for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, permutations

from fuzz.case import Case, Verdict, run
from fuzz.minimise.candidates import with_step, without_step
from fuzz.minimise.lowered import lower_geometries, lower_operations
from fuzz.traces import record
from fuzz.traces.agreement import disagreement
from models.operations import Step
from models.reverts import Revert

AGREES = "a second replayer agrees"
REPEATS = 3
"""How often a reproducer is run again before it is shown."""
ORDERS = 24
"""Orders of tasks that are tried at most: those of four."""


def certificate(case: Case, verdict: Verdict, reverts: Sequence[Revert]) -> Iterator[str]:
    """The lines, and what a second replayer finds instead.  ``verdict`` is the case's own."""
    again = [run(case, reverts) for _ in range(REPEATS)]
    same = sum(v is not None and str(v.symptom) == str(verdict.symptom) for v in again)
    yield f"reproduced {same} of {REPEATS}"
    other = disagreement(record(case, reverts))
    yield f"a second replayer DOES NOT AGREE: {other}" if other else AGREES
    symptom = verdict.symptom.property
    for what, changed in (
        ("any one step or preemption left out", left_out(case)),
        ("any argument or number of the file system lowered", lowered(case)),
        ("its tasks one after the other, in any order,", one_after_the_other(case)),
    ):
        yield from _all_pass(what, list(changed), reverts, symptom)
    for revert in reverts:
        if run(case, [other for other in reverts if other is not revert]) is None:
            yield f"without {revert}, it passes" if revert.wrong_fix_of else f"with {revert} in, it passes"
    if len(reverts) > 1 and run(case, ()) is None:
        yield "with every fix in, it passes"


def _all_pass(what: str, cases: Sequence[Case], reverts: Sequence[Revert], symptom: str) -> Iterator[str]:
    """A line if all of them pass, another if some break something else; none if there are no cases."""
    verdicts = [run(case, reverts) for case in cases]
    if cases and all(verdict is None for verdict in verdicts):
        yield f"with {what} it passes"
    elif cases and all(verdict is None or symptom not in verdict.world.violations for verdict in verdicts):
        yield f"with {what} it does not break this property"


def left_out(case: Case) -> Iterator[Case]:
    """Every program that has one step or one preemption less."""
    for index, step in enumerate(case.steps):
        yield without_step(case, index)
        if step.until is not None:
            yield with_step(case, index, replace(step, until=None))


def lowered(case: Case) -> Iterator[Case]:
    """Every case with one argument, or one number of the geometry, lower than it is."""
    for index, step in enumerate(case.steps):
        if step.operation is not None:
            for operation in lower_operations(step.operation):
                yield with_step(case, index, replace(step, operation=operation))
    for geometry in lower_geometries(case.geometry):
        yield replace(case, geometry=geometry)


def one_after_the_other(case: Case) -> Iterator[Case]:
    """The negative control: each task does all that it has to do before the next begins, in every order.

    None if there is but one task, or more than can be tried.
    """
    begun = [step for step in case.steps if step.operation is not None]
    tasks = list(dict.fromkeys(step.task for step in begun))
    orders = list(islice(permutations(tasks), ORDERS + 1)) if len(tasks) > 1 else []
    for order in orders if len(orders) <= ORDERS else ():
        yield replace(
            case, steps=tuple(_whole(step for task in order for step in begun if step.task == task))
        )


def _whole(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, none of them stopped."""
    return (replace(step, until=None) for step in steps)


def is_minimal(case: Case, reverts: Sequence[Revert], symptom: str) -> bool:
    """Whether no single step or preemption can be left out, nor any number lowered."""
    verdicts = (run(less, reverts) for less in (*left_out(case), *lowered(case)))
    return all(verdict is None or symptom not in verdict.world.violations for verdict in verdicts)
