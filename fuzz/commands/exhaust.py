"""``python -m fuzz exhaust``: every schedule of a program, up to a number of preemptions."""

from __future__ import annotations

import argparse
from pathlib import Path

from fuzz.commands import FOUND, UNDECIDED, Commands, UsageError, number
from fuzz.commands.levels import add_limit, levels, limit_reached
from fuzz.commands.output import say
from fuzz.commands.traces import check_output, save_trace
from fuzz.exhaust import COVERAGE, exhaust, read_program
from fuzz.report import render
from fuzz.traces import TraceError, file_name, record
from models.reverts import find_reverts, told


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "exhaust",
        help="run every schedule of a program: does none fail?",
        description="Runs a program under every schedule with at most K preemptions.  The exit code is 0 "
        "if none fails, 1 if one does (it is shown and saved), and 3 if that is not the whole answer: the "
        "limit was reached, or an operation made no sense wherever it was tried.",
    )
    parser.add_argument(
        "program",
        nargs="+",
        metavar="PROGRAM",
        help="a trace (its schedule is dropped), a file with a program, or the lines of one: "
        "'CPU 1: create-bg; allocate blocks 1' 'CPU 2: commit'",
    )
    parser.add_argument(
        "--preemptions", type=number(0, 1000), required=True, metavar="K", help="preemptions at most"
    )
    parser.add_argument(
        "--revert", action="append", default=[], metavar="ID", help="take this fix out; repeatable"
    )
    add_limit(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where the trace of a schedule that fails is saved (here, under a name of its own)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Search, tell, save what fails."""
    try:
        program, reverts = read_program(options.program), find_reverts(options.revert)
    except (TraceError, ValueError) as error:
        raise UsageError(str(error)) from error
    check_output(options.output)
    say(f"{program}\n{told(reverts)}")
    bound: int = options.preemptions
    with levels(lambda level: f"up to {level} of {bound} preemptions") as tick:
        result = exhaust(program, reverts, bound, limit=options.limit, tick=tick)
    if result.failing is not None:
        say(f"\n{render(result.failing, reverts).text}\n")
    for line in result.sentences():
        say(line)
    if result.failing is not None:
        path = options.output or Path(file_name(record(result.failing, reverts)))
        save_trace(result.failing, reverts, path)
        return FOUND
    if not result.complete:
        say(limit_reached(options.limit))
        return UNDECIDED
    say(COVERAGE)
    return UNDECIDED if result.idle else 0
