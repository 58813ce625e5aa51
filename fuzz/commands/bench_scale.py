"""``python -m fuzz bench scale``: what a choice costs as cases, file systems and workers grow."""

from __future__ import annotations

import argparse
import os

from fuzz.bench.command import ROOT
from fuzz.bench.rounds import on_terminal, take
from fuzz.bench.scale import HEAD, measure, measurements, report, rows
from fuzz.commands import Commands, number
from fuzz.commands.benches import add_output_options, open_log, publish
from fuzz.commands.output import repeat

DEFAULT_OUTPUT = ROOT / "fuzz" / "SCALE.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "scale",
        help="what a choice costs as things grow",
        description="Grows the number of workers, of choices a case, of block groups and of files, one at a "
        "time.  Writes a table.",
    )
    parser.add_argument("--cases", type=number(1, 2_000), default=8, metavar="N", help="of each machine (8)")
    parser.add_argument("--rounds", type=number(1, 1_000), default=5, metavar="N", help="rounds (5)")
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--workers", type=number(1, 1_000), default=cores, metavar="N", help=f"at most ({cores})"
    )
    add_output_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, write the tables.  Raises UsageError."""
    cases: int = options.cases
    wanted = measurements(cases, options.rounds, options.workers)
    costs = take("scale", open_log(options), wanted, lambda one: measure(one, cases))
    command = repeat("bench scale", cases=cases, rounds=options.rounds, workers=options.workers)
    for subject in dict.fromkeys(one.subject for one in wanted):
        on_terminal((subject, *HEAD[1:]), rows(costs, subject))
    publish(options, report(command, costs, cases))
    return 0
