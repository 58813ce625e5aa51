"""What commands about traces have in common: reading one that fails, saving one, showing a program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.case import Case, run
from fuzz.commands import UsageError
from fuzz.traces import TraceError, load, record, save
from models.reverts import Revert, find_reverts


@dataclass(frozen=True, slots=True)
class Failing:
    """A trace that was seen to fail as it says."""

    case: Case
    reverts: tuple[Revert, ...]
    symptom: str


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.add_argument("trace", type=Path, metavar="TRACE", help="a trace, as a failing run saves it")


def load_failing(path: Path) -> Failing:
    """The trace in a file.  Raises UsageError where there is none, or it does not fail as it says."""
    try:
        trace = load(path)
        reverts = find_reverts(trace.reverts)
    except (TraceError, ValueError) as error:
        raise UsageError(str(error)) from error
    verdict, symptom = run(trace.case, reverts), trace.outcome.property
    if verdict is None or symptom not in verdict.world.violations:
        raise UsageError(f"{path}: the program does not break {symptom}: there is nothing to compare with")
    return Failing(Case(trace.case.geometry, tuple(verdict.world.program)), reverts, symptom)


def save_trace(case: Case, reverts: Sequence[Revert], path: Path) -> None:
    """Write the trace of a failing case, and say so.  Raises UsageError where that cannot be."""
    try:
        save(record(case, reverts), path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    sys.stdout.write(f"saved: {path}\n")
