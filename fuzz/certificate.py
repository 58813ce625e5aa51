"""What can be said about a reproducer by running it, and programs like it, again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fuzz.case import Case, Verdict, run
from fuzz.traces import record
from fuzz.traces.agreement import disagreement
from models.reverts import Revert

AGREES = "a second replayer agrees"
REPEATS = 3
"""How often a reproducer is run again before it is shown."""


def certificate(case: Case, verdict: Verdict, reverts: Sequence[Revert]) -> Iterator[str]:
    """What was checked, each sentence only if it was seen to hold; and what a second replayer finds
    instead."""
    again = [run(case, reverts) for _ in range(REPEATS)]
    same = sum(v is not None and str(v.symptom) == str(verdict.symptom) for v in again)
    yield f"reproduced {same} of {REPEATS}"
    other = disagreement(record(case, reverts))
    yield f"a second replayer DOES NOT AGREE: {other}" if other else AGREES
    if all(run(candidate, reverts) is None for candidate in _shorter(case)):
        yield "with any one step or preemption left out it passes"
    for revert in reverts:
        if run(case, [other for other in reverts if other is not revert]) is None:
            yield f"with {revert.id} ({revert.name}) in, it passes"


def _shorter(case: Case) -> Iterator[Case]:
    """The case without each one of its steps, and without each one of its preemptions."""
    for i in range(len(case.steps)):
        yield replace(case, steps=case.steps[:i] + case.steps[i + 1 :])
    for i, step in enumerate(case.steps):
        if step.until is not None:
            yield replace(case, steps=(*case.steps[:i], replace(step, until=None), *case.steps[i + 1 :]))
