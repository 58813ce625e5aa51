"""``python -m fuzz hunt``: random cases at full speed, on every core."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event
from types import FrameType

from rich.console import Console
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn

from fuzz.commands import FOUND, Commands, UsageError, number
from fuzz.commands.aims import AIMS, add_aims, with_aims
from fuzz.commands.campaigns import STATE
from fuzz.commands.output import say
from fuzz.database import open_database, traces_folder
from fuzz.hunt import Campaign, Hunt, Limits, State, StateError, load, machine_names, sources
from fuzz.hunt.report import report
from fuzz.hunt.workers import WorkerLostError
from fuzz.interleavings import estimate
from fuzz.options import LIMITS, MAX_SEED, Shrink
from fuzz.random_cases import STEPS
from models.reverts import find_reverts

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
CAMPAIGN = ("seed", "steps", "revert", "machines", *AIMS)
"""Options that decide the cases: what goes on has those that it was begun with."""


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "hunt",
        help="random cases at full speed, on every core, for as long as you like",
        description="Runs the machines' cases without Hypothesis, which is faster.  The first failure of "
        "each machine and property is made short and handed over: as a trace, and to pytest's database.  "
        "The exit code is 1 if anything failed.",
    )
    parser.add_argument("--revert", action="append", metavar="ID", help="take this fix out; repeatable")
    parser.add_argument(
        "--for",
        type=duration,
        dest="seconds",
        metavar="DURATION",
        help="how long: 90s, 15m, 8h (until Ctrl-C)",
    )
    parser.add_argument(
        "--cases", type=number(1, 10**12), metavar="N", help="how many cases in all (no limit)"
    )
    parser.add_argument(
        "--steps", type=number(*LIMITS["steps"]), metavar="N", help=f"steps of a case ({STEPS})"
    )
    parser.add_argument("--seed", type=number(0, MAX_SEED), metavar="N", help="where all choices come from")
    parser.add_argument(
        "--machines", metavar="NAME,...", help=f"which take turns (all: {', '.join(machine_names())})"
    )
    add_aims(parser)
    parser.add_argument(
        "-x", "--exitfirst", action="store_true", help="end with the first failure, when it is handed over"
    )
    parser.add_argument(
        "--shrink",
        choices=(Shrink.STEPS.value, Shrink.NONE.value),
        default=Shrink.STEPS.value,
        help="what makes a failing case shorter: the minimiser (steps), or nothing (none)",
    )
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--workers", type=number(1, 1_000), default=cores, metavar="N", help="processes (one for each core)"
    )
    parser.add_argument(
        "--database",
        action="append",
        default=[],
        metavar="PLACE",
        help="where failures are saved, as for pytest",
    )
    parser.add_argument(
        "--state", type=Path, default=STATE, metavar="FILE", help=f"how far it came ({STATE})"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the hunt in --state")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="what was reached is told even if something failed"
    )
    parser.set_defaults(run=run)


def duration(text: str) -> float:
    """An argument's type: a time in seconds, or with a unit."""
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: 90s, 15m, 8h or 2d")
    return int(found[1]) * float(UNITS[found[2] or "s"])


def run(options: argparse.Namespace) -> int:
    """Hunt, tell."""
    state = _resumed(options) if options.resume else _new(options)
    places = tuple(options.database)
    try:
        open_database(places, must_exist=False)
    except ValueError as error:
        raise UsageError(str(error)) from error
    _make_room(options)
    if options.cases is not None and state.next >= options.cases and not state.pending:
        sys.stderr.write(f"nothing is left to do: {state.next} cases were run, and --cases counts them too\n")
    traces = traces_folder(places)
    limits = Limits(options.cases, options.seconds, options.exitfirst)
    with _progress(limits) as (progress, bar), _stopping() as stop:
        hunt = Hunt(state, options.state, places, traces, limits, Shrink(options.shrink), stop)
        hunt.tick = lambda now: progress.update(bar, completed=now.next, told=_told(hunt))
        try:
            hunt.run(options.workers)
        except OSError as error:
            raise UsageError(
                f"{error.filename or options.state}: cannot be written: {error.strerror}"
            ) from error
        except WorkerLostError as error:
            raise UsageError(f"{error}; --resume goes on from case {state.next}") from error
    for line in report(state, places, traces, verbose=options.verbose):
        say(line)
    return FOUND if state.found else 0


def _make_room(options: argparse.Namespace) -> None:
    """A new hunt puts the state of the one before aside."""
    if options.state.is_dir():
        raise UsageError(f"--state {options.state}: must be a file")
    if not options.resume and options.state.exists():
        aside = _free_name(options.state)
        options.state.replace(aside)
        sys.stderr.write(f"the hunt before is in {aside}\n")


def _free_name(state: Path) -> Path:
    """Where the state of the hunt before goes: nothing is overwritten."""
    names = (f".before{number or ''}{state.suffix}" for number in count())
    return next(aside for name in names if not (aside := state.with_suffix(name)).exists())


def _new(options: argparse.Namespace) -> State:
    names = machine_names() if options.machines is None else options.machines.split(",")
    for name in names:
        if name not in machine_names():
            raise UsageError(f"--machines: there is no {name!r}; there are: {', '.join(machine_names())}")
    if len(set(names)) != len(names):
        raise UsageError("--machines: each has one turn, and is named once")
    try:
        taken_out = tuple(revert.id for revert in find_reverts(options.revert or ()))
    except ValueError as error:
        raise UsageError(str(error)) from error
    seed = secrets.randbelow(MAX_SEED) if options.seed is None else int(options.seed)
    campaign = Campaign(seed, int(options.steps or STEPS), taken_out, tuple(names))
    return State(with_aims(campaign, options))


def _resumed(options: argparse.Namespace) -> State:
    given = [f"--{name}" for name in CAMPAIGN if getattr(options, name) is not None]
    if given:
        raise UsageError(f"{given[0]}: --resume goes on with what the hunt was begun with; leave one out")
    try:
        state = load(options.state)
    except StateError as error:
        raise UsageError(str(error)) from error
    if state.made_by != sources():
        raise UsageError(
            f"{options.state}: the sources have changed since, so its numbers are other cases: begin anew"
        )
    return state


@contextmanager
def _stopping() -> Iterator[Event]:
    """An event that the first Ctrl-C sets, and SIGTERM; the second Ctrl-C interrupts."""
    stop = Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            signal.default_int_handler(signum, frame)
        stop.set()

    before = {signum: signal.signal(signum, on_signal) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def _progress(limits: Limits) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.fields[told]}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress, progress.add_task("hunt", total=limits.cases, told="starting")


def _told(hunt: Hunt) -> str:
    state = hunt.state
    seen = estimate(state.tally.interleavings, state.tally.examples)
    parts = [
        f"{state.next} cases",
        f"{state.tally.steps} steps",
        f"{hunt.speed:.0f} steps per second",
        f"{state.broken.total()} failing",
        f"interleavings: {seen}",
    ]
    return ", ".join(parts)
