"""``python -m fuzz bench minimal``: how minimal, and how much alike, reproducers of one race are."""

from __future__ import annotations

import argparse

from fuzz.bench.command import ROOT
from fuzz.bench.minimal import Descent, Least, descend, look_everywhere, report, starts_of
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

DEFAULT_OUTPUT = ROOT / "fuzz" / "MINIMAL.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "minimal",
        help="minimise many failing cases of every race",
        description="Minimises a random failing case for every fix and seed, and writes a table.  Races "
        "marked rare are left out unless they are named.  The exit code is 1 if some reproducer is not "
        "minimal.",
    )
    add_races(parser, rare=False)
    add_seeds(parser, 30)
    add_bench_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the trials, write the report.  Raises UsageError."""
    reverts = races_of(options)
    log = open_log(options)
    trials = trials_of(reverts, options.seeds)
    try_missing("downhill", log, trials, descend, workers=options.jobs, alone=True)
    descents = {trial: Descent(**log.data(trial.key)) for trial in trials}
    starts = starts_of(descents)
    try_missing("everywhere", log, starts, look_everywhere, workers=options.jobs, alone=True)
    least = {start: Least(**log.data(start.key)) for start in starts}
    command = repeat("bench minimal", options.ids, seeds=options.seeds)
    publish(options, report(command, descents, least))
    return 0 if all(one.minimal for one in least.values()) else FOUND
