"""``python -m fuzz agree``: the same random sequences on the model and on a live kernel, compared."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from fuzz.bench.command import ROOT, side_by_side
from fuzz.commands import FOUND, Commands, UsageError, number
from fuzz.commands.output import repeat, say, write
from fuzz.files import write_whole
from fuzz.targets import TargetUnavailable
from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.report import report, told
from fuzz.targets.agreement.runs import Answer, Disagreement, Order, agree
from fuzz.targets.kernel.child import ChildError
from fuzz.targets.kernel.requirements import require
from fuzz.traces import TraceError, dumps, load

DEFAULT_OUTPUT = ROOT / "fuzz" / "AGREEMENT.md"
SAVED = Path(".hypothesis") / "agree"
"""Where the traces of disagreements go."""
CASES, STEPS, BATCH = 600, 20, 20
"""Sequences, choices of each, and how many a child process runs."""


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "agree",
        help="run the same sequences on the model and on a live kernel, and compare",
        description="Runs random sequences on the model and on btrfs of the kernel that runs here, step by "
        "step, compares what both can be seen to do, and writes a report; or runs the program of one trace. "
        "For machines that may be lost.  The exit code is 1 if they disagree.",
    )
    parser.add_argument("trace", nargs="?", type=Path, metavar="TRACE", help="run this program only")
    parser.add_argument(
        "--cases", type=number(1, 10**6), default=CASES, metavar="N", help=f"sequences ({CASES})"
    )
    parser.add_argument(
        "--steps", type=number(1, 1000), default=STEPS, metavar="N", help=f"choices of each ({STEPS})"
    )
    parser.add_argument("--seed", type=number(0, 2**63), default=1, metavar="N", help="of the choices (1)")
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, metavar="FILE", help="the report (%(default)s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, and write the report.  Raises UsageError where it cannot be tried here."""
    try:
        require()
        if options.trace is not None:
            return _one(options.trace)
        return _many(options)
    except (TargetUnavailable, ChildError, TraceError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{error.filename or options.output}: {error.strerror}") from error


def _one(path: Path) -> int:
    """Run the program of a trace.  Raises TraceError or ChildError."""
    answer = agree(Order(0, 0, 1, 0, trace=dumps(load(path))))
    for one in answer.disagreements:
        say(told(one))
    if not answer.disagreements:
        say(f"model and kernel agree: {answer.counts.steps} steps")
    for name, times in sorted(answer.counts.abstractions.items()):
        say(f"known difference: {name}, {times}")
    return FOUND if answer.disagreements else 0


def _many(options: argparse.Namespace) -> int:
    """Run random sequences, batch by batch.  Raises ChildError."""
    orders = [
        Order(options.seed, first, min(BATCH, options.cases - first), options.steps)
        for first in range(0, options.cases, BATCH)
    ]
    answers = dict(side_by_side("compared", orders, agree, workers=1))
    counts = Counts()
    for order in orders:
        counts.merge(answers[order].counts)
    found = tuple(one for order in orders for one in answers[order].disagreements)
    steps = None if options.steps == STEPS else options.steps
    command = repeat("agree", cases=options.cases, seed=options.seed, steps=steps)
    write(options.output, report(command, Answer(counts, found)))
    say(
        f"{counts.sequences} sequences, {counts.steps} steps, {counts.abstractions.total()} known differences"
    )
    _tell(found)
    say(f"{options.output}")
    return FOUND if found else 0


def _tell(found: Sequence[Disagreement]) -> None:
    """Print what differs, and save it."""
    for one in found:
        say(told(one))
        path = SAVED / f"{one.property}-{one.number}.json"
        write_whole(path, one.trace)
        say(f"saved: {path}")
