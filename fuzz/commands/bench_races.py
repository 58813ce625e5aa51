"""``python -m fuzz bench races``: how often, and how fast, each race is found."""

from __future__ import annotations

import argparse

from fuzz.bench.command import ROOT
from fuzz.bench.races import Result, is_expected, report, try_race
from fuzz.bench.trials import trials_of
from fuzz.commands import FOUND, Commands, number
from fuzz.commands.benches import add_bench_options, open_log, publish, reverts_of, try_missing
from fuzz.commands.output import repeat
from models.reverts import catalogue

DEFAULT_OUTPUT = ROOT / "fuzz" / "RACES.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "races",
        help="try every race with many seeds",
        description="For every fix and seed: does a default run with the fix out find the race?  Writes a "
        "table.  The exit code is 1 if some race was found by no seed with the property that was expected.",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these (default: the whole catalogue)")
    parser.add_argument(
        "--seeds", type=number(1, 10_000), default=20, metavar="N", help="seeds 0 to N-1 (20)"
    )
    add_bench_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the trials, write the report."""
    reverts = reverts_of(options.ids, catalogue())
    log = open_log(options)
    trials = trials_of(reverts, options.seeds)
    try_missing("races", log, trials, try_race, workers=options.jobs)
    results: dict[str, list[Result]] = {revert.id: [] for revert in reverts}
    for trial in trials:
        results[trial.revert.id].append(Result(**log.data(trial.key)))
    command = repeat("bench races", options.ids, seeds=options.seeds)
    publish(options, report(command, reverts, results))
    found = all(any(is_expected(revert, r) for r in results[revert.id]) for revert in reverts)
    return 0 if found else FOUND
