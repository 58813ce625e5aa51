"""What the benches have in common: their options, and the trials that they keep and go on with."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from fuzz.bench.command import ROOT, in_processes, side_by_side
from fuzz.bench.results import Log
from fuzz.commands import UsageError, number
from fuzz.commands.output import say, write
from fuzz.files import digest
from models.reverts import Revert, catalogue, find_reverts

KNOWN = ROOT / "tests" / "regressions"
"""A trace for each race of the catalogue."""


class Keyed(Protocol):
    """Something to try."""

    @property
    def key(self) -> str:
        """Names it in the log."""
        ...


class Logged(Protocol):
    """What came of it."""

    def as_data(self) -> dict[str, object]:
        """For the log."""
        ...


Job = TypeVar("Job", bound=Keyed)


def add_bench_options(parser: argparse.ArgumentParser, output: Path) -> None:
    """What every bench of runs has."""
    jobs = os.cpu_count() or 1
    parser.add_argument(
        "--jobs", type=number(1, 1_000), default=jobs, metavar="N", help="trials side by side"
    )
    add_output_options(parser, output)


def add_traces(parser: argparse.ArgumentParser) -> None:
    """Which traces a bench is about."""
    parser.add_argument(
        "traces", nargs="*", type=Path, metavar="TRACE", help="only these (default: those of all races)"
    )


def traces_of(options: argparse.Namespace) -> list[Path]:
    """The traces that were named; else those of all races."""
    return options.traces or sorted(KNOWN.glob("*.json"))


def add_races(parser: argparse.ArgumentParser, *, rare: bool) -> None:
    """Which races a bench is about; if none is named, those marked rare are among them or not."""
    told = "the whole catalogue" if rare else "all that are not rare"
    parser.add_argument("ids", nargs="*", metavar="ID", help=f"only these (default: {told})")
    parser.set_defaults(rare=rare)


def races_of(options: argparse.Namespace) -> Sequence[Revert]:
    """The races that were named, else all.  Raises UsageError."""
    try:
        if options.ids:
            return find_reverts(options.ids)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return [revert for revert in catalogue() if options.rare or not revert.rare]


def add_seeds(parser: argparse.ArgumentParser, count: int) -> None:
    """How often each race is tried."""
    parser.add_argument(
        "--seeds", type=number(1, 10_000), default=count, metavar="N", help=f"seeds 0 to N-1 ({count})"
    )


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


def publish(options: argparse.Namespace, report: str) -> None:
    """Write the report, and say where it is.  Raises UsageError where that cannot be."""
    write(options.output, report)
    say(str(options.output))


def try_missing(
    title: str,
    log: Log,
    jobs: Sequence[Job],
    work: Callable[[Job], Logged],
    *,
    workers: int = 1,
    alone: bool = False,
) -> None:
    """Do what the log has no result of; it has one of each job then, in their order.

    ``alone``: each in a process of its own (:func:`fuzz.bench.command.in_processes`).
    """
    missing = [job for job in jobs if job.key not in log.results]
    spread = in_processes if alone else side_by_side
    for job, result in spread(title, missing, work, workers=workers):
        log.add(job.key, **result.as_data())
    log.tidy(job.key for job in jobs)
