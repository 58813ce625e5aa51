"""``python -m fuzz bench sctbench``: schedules to the first bug, beside what others have published."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TypeVar

from fuzz.bench.command import ROOT
from fuzz.bench.sctbench import SCHEDULES, Result, Trial, report, try_schedules
from fuzz.commands import FOUND, Commands, UsageError, number
from fuzz.commands.benches import add_bench_options, open_log, publish, try_missing
from fuzz.commands.output import repeat
from models.sctbench import PROGRAMS, Program
from strategies.schedules import STRATEGIES, Strategy

DEFAULT_OUTPUT = ROOT / "fuzz" / "SCTBENCH.md"
Named = TypeVar("Named", Program, type[Strategy])


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "sctbench",
        help="try every schedule strategy on the programs of SCTBench",
        description="How many schedules does each strategy need to the first bug?  Writes a table.  The exit "
        "code is 1 if there is a program in which no strategy ever found the bug.",
    )
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="only these (default: all)")
    parser.add_argument("--strategies", nargs="+", default=[], metavar="NAME", help="only these (all)")
    parser.add_argument(
        "--seeds", type=number(1, 10_000), default=20, metavar="N", help="trials of each, seeds 0 to N-1 (20)"
    )
    parser.add_argument(
        "--schedules",
        type=number(1, 10_000_000),
        default=SCHEDULES,
        metavar="N",
        help=f"schedules of a trial at most ({SCHEDULES:,})",
    )
    add_bench_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def _of_names(names: Sequence[str], known: Sequence[Named], what: str) -> list[Named]:
    """The ones of these names, in the order of those that there are; all if none is named."""
    by_name = {one.name: one for one in known}
    for name in names:
        if name not in by_name:
            raise UsageError(f"{name!r} is no {what}: there are {', '.join(by_name)}")
    return [one for one in known if not names or one.name in names]


def run(options: argparse.Namespace) -> int:
    """Run the trials, write the report.  Raises UsageError."""
    programs = _of_names(options.programs, PROGRAMS, "program")
    strategies = _of_names(options.strategies, STRATEGIES, "strategy")
    log, limit = open_log(options), options.schedules
    trials = [
        Trial(program, strategy, seed, limit)
        for program in programs
        for strategy in strategies
        for seed in range(options.seeds)
    ]
    try_missing("sctbench", log, trials, try_schedules, workers=options.jobs, alone=True)
    results: dict[tuple[str, str], list[int | None]] = {}
    for trial in trials:
        result = Result(**log.data(trial.key))
        results.setdefault((trial.program.name, trial.strategy.name), []).append(result.schedules)
    command = repeat(
        "bench sctbench",
        options.programs,
        strategies=" ".join(options.strategies) or None,
        seeds=options.seeds,
        schedules=None if limit == SCHEDULES else limit,
    )
    publish(options, report(command, programs, strategies, results, limit))
    found = {name for (name, _), several in results.items() if any(several)}
    return 0 if len(found) == len(programs) else FOUND
