"""``python -m fuzz bench hunt``: how soon a hunt finds each race, and pytest."""

from __future__ import annotations

import argparse
import os
from functools import partial

from fuzz.bench.command import ROOT
from fuzz.bench.hunts import Result, WayError, found_by, report, try_both
from fuzz.bench.trials import trials_of
from fuzz.commands import FOUND, Commands, UsageError
from fuzz.commands.benches import (
    add_output_options,
    add_races,
    add_seeds,
    open_log,
    publish,
    races_of,
    try_missing,
)
from fuzz.commands.output import repeat

DEFAULT_OUTPUT = ROOT / "fuzz" / "HUNT.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "hunt",
        help="time both ways to find each race",
        description="For every fix and seed: how soon does a hunt find the race, and how soon does pytest, "
        "each on all cores?  Races marked rare are left out unless they are named.  Writes a table.  The "
        "exit code is 1 if a hunt missed a race that pytest found.",
    )
    add_races(parser, rare=False)
    add_seeds(parser, 3)
    add_output_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the trials one after the other, write the report.  Raises UsageError."""
    reverts = races_of(options)
    log = open_log(options)
    trials = trials_of(reverts, options.seeds)
    cores = os.cpu_count() or 1
    try:
        try_missing("hunts", log, trials, partial(try_both, cores))
    except WayError as error:
        raise UsageError(f"{error}; --resume goes on") from error
    results: dict[str, list[Result]] = {revert.id: [] for revert in reverts}
    for trial in trials:
        results[trial.revert.id].append(Result.from_data(log.data(trial.key)))
    command = repeat("bench hunt", options.ids, seeds=options.seeds)
    publish(options, report(command, reverts, results, cores))
    missed = [
        revert
        for revert in reverts
        if found_by(revert, [result.hunt for result in results[revert.id]])
        < found_by(revert, [result.pytest for result in results[revert.id]])
    ]
    return FOUND if missed else 0
