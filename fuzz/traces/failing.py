"""A trace that is known to fail here and now, not only when it was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fuzz.case import Case, run
from fuzz.traces.reading import load
from fuzz.traces.trace import TraceError
from models.reverts import Revert, find_reverts


@dataclass(frozen=True, slots=True)
class Failing:
    """A program that was seen to break ``symptom``, without the steps that do nothing."""

    case: Case
    reverts: tuple[Revert, ...]
    symptom: str


def load_failing(path: Path) -> Failing:
    """The trace in a file.  Raises TraceError where there is none, or it does not fail as it says."""
    trace = load(path)
    reverts = find_reverts(trace.reverts)
    verdict, symptom = run(trace.case, reverts), trace.outcome.property
    if verdict is None or symptom not in verdict.world.violations:
        raise TraceError(f"{path}: the program does not break {symptom}: nothing can be compared with it")
    return Failing(Case(trace.case.geometry, tuple(verdict.world.program)), reverts, symptom)
