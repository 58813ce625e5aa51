"""Making a failing program shorter where each run is expensive: only whole steps are left out."""

from __future__ import annotations

from collections.abc import Callable

from fuzz.case import Case
from fuzz.minimise.candidates import without_step
from models.world import Violation

Run = Callable[[Case], tuple[Violation | None, Case]]
"""Runs a program to its end: what does not hold, and the steps that were taken."""


def shorter(run: Run, case: Case, violation: Violation, runs: int) -> tuple[Violation, Case] | None:
    """The program with every step left out that need not be there, in so many runs beside the first.

    None where it does not fail again.
    """
    found, case = run(case)
    if found is None or found.property != violation.property:
        return None
    best, left, index = (found, case), runs, len(case.steps)
    while index > 0 and left > 0:
        index, left = index - 1, left - 1
        now, taken = run(without_step(best[1], index))
        if now is not None and now.property == violation.property:
            best, index = (now, taken), min(index, len(taken.steps))
    return best
