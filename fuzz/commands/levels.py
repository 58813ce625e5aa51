"""The progress of a search that goes level by level: less expensive programs or schedules first."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fuzz.commands import number
from fuzz.progress import Level

LIMIT = 250_000
"""Executions without --limit: some minutes, or half an hour where programs are long."""


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Declare how much a search may do."""
    parser.add_argument(
        "--limit", type=number(1, 10**9), default=LIMIT, metavar="N", help=f"executions at most ({LIMIT})"
    )


def limit_reached(limit: int) -> str:
    """What a command prints where its search was stopped before it was complete."""
    return f"the limit of {limit} executions was reached: a greater --limit begins anew"


class Covered(Protocol):
    """How far a search is."""

    @property
    def level(self) -> Level:
        """The level that it is at."""

    @property
    def states(self) -> int:
        """How many states that differ it has seen."""


@contextmanager
def levels(describe: Callable[[int], str]) -> Iterator[Callable[[Covered], None]]:
    """A progress bar on stderr, and how to move it; ``describe`` says what a level is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[states]} states"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", states=0)

        def tick(covered: Covered) -> None:
            level = covered.level
            progress.update(
                bar,
                description=describe(level.number),
                completed=level.done,
                total=level.known,
                states=covered.states,
            )

        yield tick
