"""``python -m fuzz bench races``: how often, and how fast, each race is found."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fuzz.bench.command import ROOT, side_by_side
from fuzz.bench.races import Result, Trial, report, try_race
from fuzz.bench.results import Log, digest
from fuzz.commands import Commands, UsageError, number
from fuzz.files import write_whole
from models.reverts import Revert, catalogue, find_reverts

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


def add_bench_options(parser: argparse.ArgumentParser, output: Path) -> None:
    """What every bench of runs has."""
    jobs = os.cpu_count() or 1
    parser.add_argument(
        "--jobs", type=number(1, 1_000), default=jobs, metavar="N", help="trials side by side"
    )
    add_output_options(parser, output)


def add_output_options(parser: argparse.ArgumentParser, output: Path) -> None:
    """Where a bench writes to, and whether it goes on with what is there."""
    parser.add_argument(
        "--output", type=Path, default=output, metavar="FILE", help=f"the report ({output.name})"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="keep what the .jsonl file beside the report has of these sources",
    )


def open_log(options: argparse.Namespace) -> Log:
    """The trials so far, beside the report.  Raises UsageError where that cannot be."""
    output: Path = options.output
    if output.is_dir() or output.suffix == ".jsonl":
        raise UsageError(f"--output {output}: must be a file to write a report to")
    try:
        return Log(output.with_suffix(".jsonl"), digest(ROOT), resume=options.resume)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error


def run(options: argparse.Namespace) -> int:
    """Run the trials, write the report."""
    try:
        reverts = find_reverts(options.ids) if options.ids else catalogue()
    except ValueError as error:
        raise UsageError(str(error)) from error
    log = open_log(options)
    trials = [Trial(revert, seed) for revert in reverts for seed in range(options.seeds)]
    missing = [trial for trial in trials if trial.key not in log.results]
    for trial, result in side_by_side("races", missing, try_race, workers=options.jobs):
        log.add(trial.key, **result.as_data())
    log.tidy(trial.key for trial in trials)
    results = {revert.id: _results(log, revert, options.seeds) for revert in reverts}
    named = "".join(f" {word}" for word in options.ids)
    command = f"python -m fuzz bench races{named} --seeds {options.seeds}"
    write_whole(options.output, report(command, reverts, results))
    sys.stdout.write(f"{options.output}\n")
    found = all(any(r.property == revert.expected for r in results[revert.id]) for revert in reverts)
    return 0 if found else 1


def _results(log: Log, revert: Revert, seeds: int) -> list[Result]:
    lines = [log.results[Trial(revert, seed).key] for seed in range(seeds)]
    return [
        Result(**{k: v for k, v in line.items() if k not in ("key", "sources")})  # type: ignore[arg-type]
        for line in lines
    ]
