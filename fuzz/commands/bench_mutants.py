"""``python -m fuzz bench mutants``: how much of a wrong protocol the fuzzer notices."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from fuzz.bench.command import ROOT, Finished, side_by_side
from fuzz.bench.mutants import (
    LEAST_PATIENCE,
    PATIENCE,
    REVIEWED,
    SLOWER,
    UNREACHED,
    Fate,
    Reviewed,
    Tree,
    all_mutants,
    read_reviewed,
    sample,
)
from fuzz.bench.mutants_report import kill_rate, report
from fuzz.bench.operators import Mutant
from fuzz.bench.reached import Lines, is_reached, parts, run_part, union
from fuzz.bench.results import Log
from fuzz.commands import FOUND, Commands, UsageError, number
from fuzz.commands.benches import add_bench_options, open_log, publish
from fuzz.commands.output import repeat, say
from fuzz.options import MAX_SEED

DEFAULT_OUTPUT = ROOT / "fuzz" / "MUTANTS.md"
BASELINE = "lines that are reached"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "mutants",
        help="change the protocol, one statement at a time, and see whether that is noticed",
        description="Tries a sample of all mutants of the kernel model with one default run each.",
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="only these rooms (writeout, writeout.py, ...)"
    )
    parser.add_argument(
        "--sample",
        type=number(1, 100_000),
        default=150,
        metavar="N",
        help="how many, operators in turn (150)",
    )
    parser.add_argument(
        "--seed", type=number(0, MAX_SEED), default=0, metavar="S", help="of the sample and of the runs (0)"
    )
    add_bench_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Try the sample, write the report; 1 if the unchanged tree fails already.  Raises UsageError."""
    try:
        reviewed = read_reviewed(REVIEWED)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    mutants = all_mutants(ROOT, options.files)
    if not mutants:
        raise UsageError(f"no mutants in {', '.join(options.files)}: name rooms of models/btrfs")
    log = open_log(options)
    chosen = _choose(mutants, reviewed, options)
    fuzz_options = ("--fuzz-seed", str(options.seed))
    with Tree() as tree:
        if not _baseline(tree, log, fuzz_options, options):
            return FOUND
        _try_all(tree, log, [m for m in chosen if _key(m, options) not in log.results], fuzz_options, options)
    log.tidy([_baseline_key(options), *(_key(mutant, options) for mutant in chosen)])
    fates = {mutant.key: Fate(**log.data(_key(mutant, options))) for mutant in chosen}
    command = repeat("bench mutants", options.files, sample=options.sample, seed=options.seed)
    publish(options, report(command, mutants, fates, reviewed))
    rate = kill_rate(list(fates.values()))
    say(f"kill rate {'-' if rate is None else f'{rate:.0%}'}")
    return 0


def _choose(
    mutants: Sequence[Mutant], reviewed: Sequence[Reviewed], options: argparse.Namespace
) -> list[Mutant]:
    open_ones = [m for m in mutants if not any(entry.is_about(m) for entry in reviewed)]
    return sample(open_ones, options.sample, options.seed)


def _key(mutant: Mutant, options: argparse.Namespace) -> str:
    return f"{mutant.key} seed {options.seed}"


def _baseline_key(options: argparse.Namespace) -> str:
    return f"{BASELINE} seed {options.seed}"


def _baseline(tree: Tree, log: Log, fuzz_options: Sequence[str], options: argparse.Namespace) -> bool:
    """Log the lines that the unchanged tree comes to; False if it fails, as then every mutant would."""
    key = _baseline_key(options)
    if key in log.results:
        return True

    def work(searches: Sequence[int]) -> tuple[Finished, Lines]:
        return run_part(tree.path, searches, fuzz_options, PATIENCE)

    all_parts = parts(options.jobs)
    ended = [result for _, result in side_by_side("unchanged", all_parts, work, workers=options.jobs)]
    for done, _ in ended:
        if done.code != 0:
            why = "takes too long" if done.code is None else f"fails: {done.error}"
            sys.stderr.write(f"the unchanged tree {why}; so would every mutant\n")
            return False
    slowest = max(outcome.seconds for done, _ in ended for outcome in done.outcomes)
    log.add(key, lines=union([lines for _, lines in ended]), slowest=slowest)
    return True


def _try_all(
    tree: Tree,
    log: Log,
    mutants: Sequence[Mutant],
    fuzz_options: Sequence[str],
    options: argparse.Namespace,
) -> None:
    baseline = log.results[_baseline_key(options)]
    lines: Lines = baseline["lines"]  # type: ignore[assignment]  # as _baseline wrote it
    patience = max(LEAST_PATIENCE, SLOWER * float(str(baseline["slowest"])))

    def work(mutant: Mutant) -> Fate:
        if not is_reached(mutant, lines):
            return Fate(UNREACHED)
        return tree.try_mutant(mutant, fuzz_options, patience)

    for mutant, fate in side_by_side("mutants", mutants, work, workers=options.jobs):
        log.add(_key(mutant, options), **asdict(fate))
