"""``python -m fuzz races``: the catalogue of what ``--revert`` can take out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from textwrap import fill

from rich.console import Console
from rich.text import Text

from fuzz.commands import Commands
from fuzz.commands.output import say
from models.reverts import Revert, catalogue

UNCONFIRMED = "?"
"""Stands behind an id that was not seen together with its subject."""
INDENT = " " * 4


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser("races", help="the fixes that --revert can take out, and the wrong ones")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the catalogue."""
    if options.json:
        say(json.dumps([as_data(revert) for revert in catalogue()], indent=2))
    else:
        console = Console()
        for line in listing(catalogue(), console.width):
            console.print(line, soft_wrap=True)
    return 0


def as_data(revert: Revert) -> dict[str, object]:
    """Everything that a revert says of itself, but for its code."""
    data = {field.name: getattr(revert, field.name) for field in fields(revert) if field.name != "overrides"}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}


def listing(reverts: Sequence[Revert], width: int) -> Iterator[Text]:
    """The historical fixes, then the wrong ones, each with what it is about, on lines of that width.

    No table: the ids have to be there whole, however narrow the terminal is.
    """
    historical = [revert for revert in reverts if not revert.wrong_fix_of]
    wrong = [revert for revert in reverts if revert.wrong_fix_of]
    for title, group in (("fixes that can be taken out", historical), ("wrong fixes", wrong)):
        if group:
            yield Text(f"{title}\n", style="bold underline")
        for revert in group:
            yield Text(revert.id + ("" if revert.confirmed else f" {UNCONFIRMED}"), style="bold")
            yield Text(f"{revert.name}  {revert.version}".rstrip())
            for line in _what(revert):
                yield Text(fill(line, width, initial_indent=INDENT, subsequent_indent=INDENT))
            yield Text()
    if any(not revert.confirmed for revert in reverts):
        yield Text(fill(f"{UNCONFIRMED} behind an id: not seen together with its subject", width))


def _what(revert: Revert) -> list[str]:
    lines = [f"in the place of {revert.wrong_fix_of}"] if revert.wrong_fix_of else []
    lines += [
        revert.subject,
        f"symptom: {revert.symptom}",
        f"operations: {', '.join(revert.operations)}",
        f"expected to break: {revert.expected}",
    ]
    if revert.signs:
        lines.append(f"or as a sign of it: {', '.join(revert.signs)}")
    if revert.chain:
        lines.append(f"chain: {revert.chain}")
    if revert.rare:
        lines.append("rare: a run of the default profile may miss it")
    return lines
