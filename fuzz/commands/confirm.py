"""``python -m fuzz confirm``: a reproducer of the model on a real kernel, in an emulated machine."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fuzz.commands import FOUND, Commands, UsageError, number
from fuzz.commands.output import say
from fuzz.commands.traces import add_trace, read_failing
from fuzz.targets import TargetUnavailable
from fuzz.targets.qemu.cache import default_cache
from fuzz.targets.qemu.package import NAME
from fuzz.targets.qemu.requirements import booted
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.script import Part, Script, ScriptError, cast, script_for
from fuzz.targets.qemu.verdict import Judged, Verdict, judge

TIMES = 5
"""Runs with the fix, and as many without."""


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "confirm",
        help="play a trace on a real kernel, under QEMU",
        description="Plays the race of a trace in Debian's kernel under QEMU, with the fix as shipped, and "
        "switched off in the running kernel.  The exit code is 0 if the first is always good and the "
        "second always the historical failure, else 1; it is 2 if it cannot be tried here.",
    )
    add_trace(parser)
    parser.add_argument(
        "--times", type=number(1, 1000), default=TIMES, metavar="N", help=f"runs of each kind ({TIMES})"
    )
    parser.add_argument("--json", action="store_true", help="every run as JSON, for programs")
    parser.add_argument(
        "--kernel", type=Path, metavar="FILE.deb", help=f"the package {NAME}; else the newest in the cache"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_cache(),
        metavar="DIR",
        help="where kernel packages lie, and a booted machine is kept (%(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Confirm, and print what was seen.  Raises UsageError where it cannot be tried here."""
    script, parts = _script(options.trace)
    machine = _machine(options.cache, options.kernel)
    verdict = judge(machine, script, parts, options.times, _quiet if options.json else _tell)
    if options.json:
        told = {"race": script.race, "kernel": machine.release, "confirmed": verdict.confirmed}
        say(json.dumps({**told, "runs": verdict.as_data()}, indent=2))
    else:
        _print(machine, verdict)
    return 0 if verdict.confirmed else FOUND


def _script(path: Path) -> tuple[Script, list[Part]]:
    """How the trace in a file is played.  Raises UsageError where it cannot be."""
    failing = read_failing(path)
    try:
        script = script_for([revert.id for revert in failing.reverts])
        return script, cast(script, failing.case.steps)
    except ScriptError as error:
        raise UsageError(f"{path}: {error}") from error


def _machine(cache: Path, package: Path | None) -> Saved:
    """The booted machine.  Raises UsageError where there can be none."""
    try:
        return booted(cache, package)
    except TargetUnavailable as error:
        raise UsageError(str(error)) from error


def _tell(judged: Judged) -> None:
    """Show progress: one character for each run."""
    sys.stderr.write("!" if judged.faults else ".")
    sys.stderr.flush()


def _quiet(judged: Judged) -> None:
    del judged


def _print(machine: Saved, verdict: Verdict) -> None:
    sys.stderr.write("\n")
    say(f"{verdict.script.race} on Linux {machine.release}, in QEMU")
    for line in verdict.lines():
        say(line)
