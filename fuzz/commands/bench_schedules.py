"""``python -m fuzz bench schedules``: the programs of traces under every schedule."""

from __future__ import annotations

import argparse
from pathlib import Path

from fuzz.bench.command import ROOT
from fuzz.bench.schedules import Job, Result, report, try_schedules
from fuzz.commands import FOUND, Commands, number
from fuzz.commands.benches import add_output_options, add_traces, open_log, publish, traces_of, try_missing
from fuzz.commands.output import repeat
from fuzz.commands.traces import read_failing
from fuzz.exhaust import program_of

DEFAULT_OUTPUT = ROOT / "fuzz" / "SCHEDULES.md"


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "schedules",
        help="run programs under every schedule",
        description="Runs the programs of traces under every schedule, with all fixes in and without those "
        "of the trace, and writes a table.  The exit code is 1 if one fails with all fixes in.",
    )
    add_traces(parser)
    parser.add_argument(
        "--preemptions", type=number(0, 1000), default=3, metavar="K", help="preemptions at most (3)"
    )
    parser.add_argument(
        "--limit", type=number(1, 10**9), default=20_000, metavar="N", help="executions a search (20000)"
    )
    add_output_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Search, write the table.  Raises UsageError."""
    jobs = [job_of(path, options.preemptions, options.limit) for path in traces_of(options)]
    log = open_log(options)
    try_missing("schedules", log, jobs, try_schedules)
    results = {job.key: Result(**log.data(job.key)) for job in jobs}
    command = repeat("bench schedules", options.traces, preemptions=options.preemptions, limit=options.limit)
    publish(options, report(command, jobs, results))
    return FOUND if any(result.breaks for result in results.values()) else 0


def job_of(path: Path, preemptions: int, limit: int) -> Job:
    """What to search for a trace.  Raises UsageError where there is none, or it does not fail as it says."""
    failing = read_failing(path)
    return Job(path, program_of(failing.case), failing.reverts, preemptions, limit)
