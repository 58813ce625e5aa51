"""``python -m fuzz races``: the catalogue of what ``--revert`` can take out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from textwrap import fill, indent

from rich.console import Console
from rich.text import Text

from fuzz.commands import Commands, UsageError
from fuzz.commands.output import say
from models.operations import BY_NAME
from models.reverts import Revert, catalogue, find_reverts

UNCONFIRMED = "?"
"""Stands behind an id that was not seen together with its subject."""
INDENT = " " * 4


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "races",
        help="the fixes that --revert can take out, and the wrong ones",
        description="Lists the catalogue, a line for each race; what is named is told at length.",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="these races only: an id, a name, or operations that a race needs (relocate scrub)",
    )
    parser.add_argument("--long", action="store_true", help="tell all of them at length")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the catalogue.  Raises UsageError."""
    wanted = chosen(options.words)
    if options.json:
        say(json.dumps([as_data(revert) for revert in wanted], indent=2))
        return 0
    console = Console()
    at_length = options.long or options.words
    for line in listing(wanted, console.width, story=bool(options.words)) if at_length else short(wanted):
        console.print(line, soft_wrap=True)
    return 0


def chosen(words: Sequence[str]) -> Sequence[Revert]:
    """The races of these ids and names, and those that need all of these operations; without any, all.

    Raises UsageError.
    """
    operations = {word for word in words if word in BY_NAME}
    named = [word for word in words if word not in BY_NAME]
    try:
        found = find_reverts(named) if named else catalogue()
    except ValueError as error:
        raise UsageError(f"{error}; nor is it an operation: {', '.join(sorted(BY_NAME))}") from error
    able = [revert for revert in found if operations <= set(revert.operations)]
    if not able:
        which = "none of those that are named" if named else "no race"
        raise UsageError(f"{which} needs {' and '.join(sorted(operations))}; python -m fuzz races lists all")
    return able


def short(reverts: Sequence[Revert]) -> Iterator[Text]:
    """A line for each: the version that got the fix, what to give to --revert, and the race's name."""
    for title, group in grouped(reverts):
        yield Text(title, style="bold underline")
        for revert in group:
            marks = f" {UNCONFIRMED}" * (not revert.confirmed) + " (rare)" * revert.rare
            name = "" if revert.wrong_fix_of else f"  {revert.name}"
            yield Text.assemble(f"{revert.version:<6}", (revert.id, "bold"), marks, name)
    yield Text(f"\n{UNCONFIRMED}: id not seen with its subject; (rare): a run may miss it", style="italic")
    yield Text("python -m fuzz races ID, or OPERATION, tells at length", style="italic")


def grouped(reverts: Sequence[Revert]) -> list[tuple[str, list[Revert]]]:
    """The historical fixes, then the wrong ones; no empty group."""
    historical = [revert for revert in reverts if not revert.wrong_fix_of]
    wrong = [revert for revert in reverts if revert.wrong_fix_of]
    titles = (("fixes that can be taken out", historical), ("wrong fixes", wrong))
    return [(title, group) for title, group in titles if group]


def as_data(revert: Revert) -> dict[str, object]:
    """Everything that a revert says of itself, but for its code."""
    data = {field.name: getattr(revert, field.name) for field in fields(revert) if field.name != "overrides"}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}


def listing(reverts: Sequence[Revert], width: int, *, story: bool = False) -> Iterator[Text]:
    """The historical fixes, then the wrong ones, each with what it is about, on lines of that width; and
    with its whole ``story``.

    No table: the ids have to be there whole, however narrow the terminal is.
    """
    for title, group in grouped(reverts):
        yield Text(f"{title}\n", style="bold underline")
        for revert in group:
            yield Text(revert.id + ("" if revert.confirmed else f" {UNCONFIRMED}"), style="bold")
            yield Text(f"{revert.name}  {revert.version}".rstrip())
            for line in _what(revert):
                yield Text(fill(line, width, initial_indent=INDENT, subsequent_indent=INDENT))
            if story:
                yield Text(f"\n{indent(revert.mechanism.strip(), INDENT)}")
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
