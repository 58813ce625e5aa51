"""``python -m fuzz races``: the catalogue of what ``--revert`` can take out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fuzz.commands import Commands
from models.reverts import Revert, catalogue

UNCONFIRMED = "?"
"""Stands behind an id that was not seen together with its subject."""


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser("races", help="the fixes that --revert can take out, and the wrong ones")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the catalogue."""
    if options.json:
        json.dump([as_data(revert) for revert in catalogue()], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        console = Console()
        for table in tables(catalogue()):
            console.print(table)
    return 0


def as_data(revert: Revert) -> dict[str, object]:
    """Everything that a revert says of itself, but for its code."""
    data = {field.name: getattr(revert, field.name) for field in fields(revert) if field.name != "overrides"}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}


def tables(reverts: Sequence[Revert]) -> list[Table]:
    """One of the historical fixes, and one of the wrong ones where there are any."""
    historical = [revert for revert in reverts if not revert.wrong_fix_of]
    wrong = [revert for revert in reverts if revert.wrong_fix_of]
    unsure = any(not revert.confirmed for revert in reverts)
    caption = f"{UNCONFIRMED} behind an id: not seen together with its subject" if unsure else None
    made = [_table("fixes that can be taken out", "since", historical, caption)]
    if wrong:
        made.append(_table("wrong fixes", "in the place of", wrong, None))
    return made


def _table(title: str, second: str, reverts: Sequence[Revert], caption: str | None) -> Table:
    table = Table("race", second, "what", title=title, caption=caption, box=box.SIMPLE, show_lines=True)
    table.columns[0].no_wrap = True
    table.columns[2].overflow = "fold"
    for revert in reverts:
        marked = revert.id + ("" if revert.confirmed else f" {UNCONFIRMED}")
        table.add_row(Text(f"{marked}\n{revert.name}"), Text(_second(revert)), Text("\n".join(_what(revert))))
    return table


def _second(revert: Revert) -> str:
    """When a fix came; what a wrong one stands for."""
    return revert.wrong_fix_of or revert.version


def _what(revert: Revert) -> list[str]:
    lines = [
        revert.subject,
        f"symptom: {revert.symptom}",
        f"operations: {', '.join(revert.operations)}",
        f"expected to break: {revert.expected}",
    ]
    if revert.chain:
        lines.append(f"chain: {revert.chain}")
    return lines
