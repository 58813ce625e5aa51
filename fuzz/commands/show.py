"""``python -m fuzz show``: a trace as text, as a diagram for documents, as a page, as a picture."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from fuzz.commands import Commands, UsageError, number
from fuzz.commands.output import say, write
from fuzz.commands.traces import add_trace
from fuzz.mermaid import mermaid
from fuzz.page import page
from fuzz.page.browser import NoBrowserError, picture
from fuzz.report import text
from fuzz.story import Story, as_data, tell
from fuzz.traces import Trace, TraceError, load
from models.reverts import find_reverts

MOST_STEPS = 100_000


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "show",
        help="draw a trace: as text, Mermaid, JSON, an HTML page or a picture of it",
        description="Runs the program of a trace once more and tells what happens, as text of 80 columns if "
        "nothing else is asked for.",
    )
    add_trace(parser)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--mermaid", action="store_true", help="print a Mermaid sequence diagram")
    forms.add_argument("--json", action="store_true", help="print everything, with the state after each step")
    forms.add_argument("--html", type=Path, metavar="FILE", help="write a page that needs nothing but itself")
    forms.add_argument(
        "--screenshot", type=Path, metavar="FILE", help="write a picture of the page (PNG; needs a browser)"
    )
    parser.add_argument(
        "--step", type=number(0, MOST_STEPS), metavar="N", help="the step that the picture shows (the last)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print or write what is asked for.  Raises UsageError."""
    if options.step is not None and options.screenshot is None:
        raise UsageError("--step: only a --screenshot shows one step")
    story = _story(options.trace)
    if options.html:
        write(options.html, page(story))
        say(f"{options.html}")
    elif options.screenshot:
        write(options.screenshot, _picture(story, options.step))
        say(f"{options.screenshot}")
    else:
        form: Callable[[Story], str] = mermaid if options.mermaid else as_json if options.json else text
        say(form(story))
    return 0


def as_json(story: Story) -> str:
    """The story for programs."""
    return json.dumps(as_data(story), indent=2)


def _story(path: Path) -> Story:
    """What the trace's program does now.  Raises UsageError where it is no trace, or does not fail."""
    try:
        trace = load(path)
        story = tell(trace.case, find_reverts(trace.reverts))
    except TraceError as error:
        raise UsageError(str(error)) from error
    except ValueError as error:
        raise UsageError(f"{path}: {error} any more: there is nothing to show") from error
    _warn(path, trace, story)
    return story


def _warn(path: Path, trace: Trace, story: Story) -> None:
    """A trace may be older than the model: say so where it ends in another way."""
    if trace.outcome.property != story.symptom.property:
        sys.stderr.write(f"{path}: was {trace.outcome.property}, is {story.symptom.property}\n")


def _picture(story: Story, step: int | None) -> bytes:
    last = len(story.frames)
    if step is not None and step > last:
        raise UsageError(f"--step {step}: the last is {last}")
    try:
        return picture(page(story), last if step is None else step)
    except NoBrowserError as error:
        raise UsageError(f"--screenshot: {error}") from error
