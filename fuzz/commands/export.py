"""``python -m fuzz export``: a trace as a test that needs only ``models/``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fuzz.commands import Commands, UsageError
from fuzz.commands.output import write
from fuzz.commands.traces import add_trace
from fuzz.traces import Trace, TraceError, load
from fuzz.traces.export import exported
from fuzz.traces.replaying import replay
from models.reverts import find_reverts


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "export",
        help="make a test of a trace that needs only models/",
        description="Writes a pytest file with two tests: the program fails with the fix out, as recorded, "
        "and passes with the fix in.",
    )
    add_trace(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (default: print it)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the test.  Raises UsageError for a trace whose test would not pass."""
    try:
        trace = load(options.trace)
        check(trace)
        text = exported(trace)
    except TraceError as error:
        raise UsageError(str(error)) from error
    if options.output is None:
        sys.stdout.write(text)
    else:
        write(options.output, text)
    return 0


def check(trace: Trace) -> None:
    """Whether what the tests will say is so.  Raises UsageError if not."""
    if not replay(trace, find_reverts(trace.reverts)).as_recorded(trace):
        raise UsageError("it does not fail as recorded any more; python -m fuzz replay tells how it differs")
    if trace.reverts and replay(trace, ()).outcome is not None:
        raise UsageError("it fails with all fixes in, too; python -m fuzz replay --revert none tells how")
