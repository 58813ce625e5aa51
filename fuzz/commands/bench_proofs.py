"""``python -m fuzz bench proofs``: which traces are the shortest there are."""

from __future__ import annotations

import argparse

from fuzz.bench.command import ROOT
from fuzz.bench.proofs import Job, Result, report, try_proof
from fuzz.commands import FOUND, Commands, UsageError, number
from fuzz.commands.benches import add_output_options, add_traces, open_log, publish, traces_of, try_missing
from fuzz.commands.output import repeat
from fuzz.commands.traces import read_failing
from fuzz.minimise import cost

DEFAULT_OUTPUT = ROOT / "fuzz" / "PROOFS.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "proofs",
        help="prove traces to be the shortest",
        description="Searches everything shorter than each trace, and writes a table.  The exit code is 1 if "
        "something shorter was found.",
    )
    add_traces(parser)
    parser.add_argument(
        "--cost",
        type=number(1, 100),
        default=4,
        metavar="N",
        help="leave out traces with more steps and preemptions (4)",
    )
    parser.add_argument(
        "--limit", type=number(1, 10**9), default=100_000, metavar="N", help="executions a trace (100000)"
    )
    add_output_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Search, write the table.  Raises UsageError."""
    jobs = [Job(path, read_failing(path), options.limit) for path in traces_of(options)]
    jobs = [job for job in jobs if cost(job.failing.case) <= options.cost]
    if not jobs:
        raise UsageError(f"no trace has at most {options.cost} steps and preemptions")
    jobs.sort(key=lambda job: (cost(job.failing.case), job.path.name))
    log = open_log(options)
    try_missing("proofs", log, jobs, try_proof)
    results = {job.key: Result.from_data(log.data(job.key)) for job in jobs}
    command = repeat("bench proofs", options.traces, cost=options.cost, limit=options.limit)
    publish(options, report(command, jobs, results))
    return FOUND if any(result.shorter for result in results.values()) else 0
