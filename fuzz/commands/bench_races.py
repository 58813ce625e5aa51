"""``python -m fuzz bench races``: how often, and how fast, each race is found."""

from __future__ import annotations

import argparse

from fuzz.bench.command import ROOT
from fuzz.bench.races import Result, is_expected, report, try_race
from fuzz.bench.trials import trials_of
from fuzz.commands import FOUND, Commands
from fuzz.commands.benches import (
    add_bench_options,
    add_races,
    add_seeds,
    open_log,
    publish,
    races_of,
    try_missing,
)
from fuzz.commands.output import repeat

DEFAULT_OUTPUT = ROOT / "fuzz" / "RACES.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "races",
        help="try every race with many seeds",
        description="For every fix and seed: does a default run with the fix out find the race?  Writes a "
        "table.  The exit code is 1 if some race was found by no seed with the property that was expected.",
    )
    add_races(parser, rare=True)
    add_seeds(parser, 20)
    add_bench_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the trials, write the report.  Raises UsageError."""
    reverts = races_of(options)
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
