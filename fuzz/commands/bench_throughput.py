"""``python -m fuzz bench throughput``: how fast cases are run, with Hypothesis and without."""

from __future__ import annotations

import argparse

from fuzz.bench.command import ROOT
from fuzz.bench.rounds import on_terminal, take
from fuzz.bench.throughput import HEAD, measure, measurements, ratio_rows, report, rows
from fuzz.commands import Commands, number
from fuzz.commands.benches import add_output_options, open_log, publish
from fuzz.commands.output import repeat

DEFAULT_OUTPUT = ROOT / "fuzz" / "SPEED.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "throughput",
        help="how fast cases are run",
        description="Compares the machine, a machine that does nothing, a hunt, the kernel model alone, and "
        "two workers with one, all in one run.  Writes a table.",
    )
    parser.add_argument(
        "--cases", type=number(1, 2_000), default=10, metavar="N", help="of each machine (10)"
    )
    parser.add_argument(
        "--steps", type=number(1, 399), default=49, metavar="N", help="choices of a case (49)"
    )
    parser.add_argument("--rounds", type=number(1, 1_000), default=5, metavar="N", help="rounds (5)")
    add_output_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, write the table.  Raises UsageError."""
    cases, steps = options.cases, options.steps
    costs = take(
        "throughput",
        open_log(options),
        measurements(cases, steps, options.rounds),
        lambda one: measure(one, cases, steps),
    )
    command = repeat("bench throughput", cases=cases, steps=steps, rounds=options.rounds)
    on_terminal(HEAD, rows(costs))
    on_terminal(("", "times", "which is"), ratio_rows(costs))
    publish(options, report(command, costs, cases, steps))
    return 0
