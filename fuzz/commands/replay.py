"""``python -m fuzz replay``: run the program of a trace again, and say whether it is still the same."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence

import models
from fuzz.commands import FOUND, Commands, UsageError
from fuzz.commands.output import say
from fuzz.commands.traces import add_trace
from fuzz.report import render
from fuzz.targets import KERNEL, MODEL, QEMU, TARGETS, TargetUnavailable
from fuzz.targets.kernel.child import ChildError
from fuzz.targets.kernel.replaying import play
from fuzz.targets.kernel.requirements import require
from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.replaying import play as play_in_qemu
from fuzz.traces import Outcome, Sign, Trace, TraceError
from fuzz.traces.reading import load_known
from fuzz.traces.recording import how_it_stands
from fuzz.traces.replaying import Replay, replay
from fuzz.traces.state import state_lines
from models.operations import Step
from models.reverts import Revert, find_reverts, told
from models.world import World

NONE = "none"
"""In the place of an id: with all fixes in."""


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "replay",
        help="run the program of a trace again",
        description="Runs the program and says whether the outcome is the recorded one.  The exit code is 0 "
        "if it passes with other fixes out than recorded, 1 if it fails, or does not although it should.",
    )
    add_trace(parser)
    add_revert_option(parser)
    parser.add_argument("--step", action="store_true", help="print the state after each step")
    parser.add_argument(
        "--target",
        choices=TARGETS,
        default=MODEL,
        help="run it on the model, on btrfs of the kernel that runs here, or of Debian's under QEMU",
    )
    parser.set_defaults(run=run)


def add_revert_option(parser: argparse.ArgumentParser) -> None:
    """Which fixes are to be out, where those of the trace are not meant."""
    parser.add_argument(
        "--revert",
        action="append",
        metavar="ID",
        help=f"take this fix out, in the place of those of the trace; repeatable; {NONE}: take none out; "
        "with --target qemu none is out but these, with --target kernel none can be",
    )


def reverts_for(trace: Trace, asked: Sequence[str] | None) -> tuple[Revert, ...]:
    """The fixes to take out.  Raises UsageError for an unknown one."""
    wanted = trace.reverts if asked is None else [word for word in asked if word != NONE]
    try:
        return find_reverts(wanted)
    except ValueError as error:
        raise UsageError(str(error)) from error


def run(options: argparse.Namespace) -> int:
    """Replay, and print the report and how it compares."""
    try:
        trace, unknown = load_known(options.trace)
    except TraceError as error:
        raise UsageError(str(error)) from error
    if options.target != MODEL and options.step:
        raise UsageError(f"--step shows the model's state: --target {options.target} has none to show")
    if options.target == KERNEL and options.revert is not None:
        raise UsageError("--revert: no fix can be taken out of the kernel that runs here")
    if options.target == KERNEL:
        return _on_the_kernel(trace)
    if options.target == QEMU:
        return _in_qemu(trace, options.revert or ())
    reverts = reverts_for(trace, options.revert)
    replayed = replay(trace, reverts, unknown, print_state if options.step else None)
    if replayed.outcome is not None:
        say(f"{render(replayed.case, reverts).text}\n")
    say(f"replayed {told(reverts)}")
    for line in comparison(trace, replayed):
        say(line)
    if replayed.outcome is not None:
        return FOUND
    if replay(trace, find_reverts(trace.reverts)).outcome != trace.outcome:
        say("that it passes proves nothing: with the recorded fixes out it does not fail as recorded either")
        return FOUND
    return 0 if replayed.whole else FOUND


def _on_the_kernel(trace: Trace) -> int:
    """Replay what a live kernel can express, and say how each step left its task."""
    try:
        require()
        played = play(trace.case)
    except (TargetUnavailable, ChildError) as error:
        raise UsageError(str(error)) from error
    for line in played.lines:
        say(line)
    if played.broken:
        say(f"{played.broken}: expected: {played.expected}; observed: {played.observed}")
        return FOUND
    say(f"it passes on the live kernel ({platform.release()})")
    return 0


def _in_qemu(trace: Trace, asked: Sequence[str]) -> int:
    """Replay in a guest, with no fix switched off but those that are asked for."""
    try:
        violation = play_in_qemu(trace.case, reverts_for(trace, asked), say)
    except (TargetUnavailable, ValueError, QemuError) as error:
        raise UsageError(str(error)) from error
    if violation is not None:
        expected, observed = violation.mismatch
        say(f"{violation.property}: expected: {expected}; observed: {observed}")
        return FOUND
    say("it passes in the guest")
    return 0


def comparison(trace: Trace, replayed: Replay) -> list[str]:
    """Where it went another way, and the verdict."""
    lines = list(replayed.differences)
    if trace.model != models.VERSION:
        lines.append(f"recorded on version {trace.model} of the model, replayed on version {models.VERSION}")
    if not replayed.whole:
        lines.append("the trace could be replayed up to there only")
    if replayed.outcome == trace.outcome:
        way = "" if replayed.as_recorded(trace) else ", on another way"
        return [*lines, f"the outcome is the recorded one{way}"]
    passes = replayed.outcome is None
    verdict = "it passes" if passes else "it fails, but the outcome is not the recorded one"
    return [*lines, verdict, *_recorded(trace.outcome)]


def _recorded(outcome: Outcome) -> list[str]:
    def tell(sign: Sign) -> str:
        return f"{sign.property}: expected: {sign.expected}; observed: {sign.observed}"

    lines = [f"recorded: {tell(outcome.symptom)}"]
    if outcome.first != outcome.symptom:
        lines.append(f"recorded first sign: {tell(outcome.first)}")
    return lines


def print_state(world: World, step: Step) -> None:
    """A step, how it left its task, and the state of the file system."""
    when = "at the end, " if world.draining else ""
    say(f"{when}{step}  -- {how_it_stands(world, step.task)}")
    for line in state_lines(world):
        say(f"    {line}")
    say("")
