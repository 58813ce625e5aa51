"""What commands that make other traces of a trace have in common: reading one that fails, saving one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from fuzz.case import Case
from fuzz.commands import UsageError
from fuzz.commands.output import say, write
from fuzz.traces import TraceError, dumps, record
from fuzz.traces.failing import Failing, load_failing
from models.reverts import Revert


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Declare the argument."""
    parser.add_argument("trace", type=Path, metavar="TRACE", help="a file that a failing run saved")


def read_failing(path: Path) -> Failing:
    """The trace in a file.  Raises UsageError where there is none, or it does not fail as it says."""
    try:
        return load_failing(path)
    except TraceError as error:
        raise UsageError(str(error)) from error


def check_output(path: Path | None) -> None:
    """Raises UsageError where no file can be written, before any work is done."""
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise UsageError(f"{path}: must be a file to write a trace to, in a directory that there is")


def save_trace(case: Case, reverts: Sequence[Revert], path: Path) -> None:
    """Write the trace of a failing case, and say so.  Raises UsageError where that cannot be."""
    write(path, dumps(record(case, reverts)))
    say(f"saved: {path}")
