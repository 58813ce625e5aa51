"""``python -m fuzz prove``: a search for a shorter trace of the same bug."""

from __future__ import annotations

import argparse
from pathlib import Path

from fuzz.commands import FOUND, UNDECIDED, Commands
from fuzz.commands.levels import add_limit, levels, limit_reached
from fuzz.commands.output import say
from fuzz.commands.traces import add_trace, check_output, read_failing, save_trace
from fuzz.minimise import cost
from fuzz.prove import COVERAGE, prove


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "prove",
        help="search all shorter traces: is there none that fails?",
        description="Runs every program on the trace's file system with fewer steps and preemptions.  "
        "The exit code is 0 if none of them breaks the same property, 1 if one does (it is shown and "
        "saved), and 3 if the limit was reached before.",
    )
    add_trace(parser)
    add_limit(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where a shorter trace is saved (TRACE with .shorter.json in the place of .json)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Search, print the result, save what is shorter.  Raises UsageError."""
    failing = read_failing(options.trace)
    output: Path = options.output or options.trace.with_suffix(".shorter.json")
    check_output(output)
    bound = cost(failing.case)
    with levels(lambda level: f"{level} of {bound - 1} steps and preemptions") as tick:
        proof = prove(failing.case, bound, failing.reverts, failing.symptom, limit=options.limit, tick=tick)
    for line in proof.sentences():
        say(line)
    if proof.shorter is not None:
        for step in proof.shorter.case.steps:
            say(f"    {step}")
        save_trace(proof.shorter.case, failing.reverts, output)
        return FOUND
    if not proof.complete:
        say(limit_reached(options.limit))
        return UNDECIDED
    say(COVERAGE)
    return 0
