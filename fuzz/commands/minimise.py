"""``python -m fuzz minimise``: a trace made as short as it can be."""

from __future__ import annotations

import argparse
from pathlib import Path

from fuzz.commands import Commands
from fuzz.commands.output import say
from fuzz.commands.traces import add_trace, check_output, read_failing, save_trace
from fuzz.minimise import case_of, minimise
from fuzz.report import render


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "minimise",
        help="make a trace shorter",
        description="Makes the program of a trace less, as long as the same property breaks, and prints it.",
    )
    add_trace(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="save the minimised trace there")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Minimise, print, save.  Raises UsageError."""
    failing = read_failing(options.trace)
    check_output(options.output)
    small = case_of(minimise(failing.case, failing.reverts, failing.symptom))
    say(render(small, failing.reverts).text)
    if options.output is not None:
        say("")
        save_trace(small, failing.reverts, options.output)
    return 0
