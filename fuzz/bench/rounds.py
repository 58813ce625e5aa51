"""Measurements that are repeated in rounds, as other programs disturb: each round has every one, in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

from fuzz.bench.results import Log, row
from fuzz.bench.speed import Speed

Cells = tuple[str, ...]


class Measurement(NamedTuple):
    """One to take: of a ``subject`` at a ``size``, in round ``number``; ``told`` says what it is made of."""

    subject: str
    size: str
    number: int
    told: str

    @property
    def key(self) -> str:
        """Names it in the log."""
        return f"{self.subject} {self.size}: round {self.number}, {self.told}"


Costs = Mapping[tuple[str, str], list[float]]
"""Microseconds a choice by subject and size, a number for each round."""


def take(
    title: str, log: Log, measurements: Sequence[Measurement], work: Callable[[Measurement], Speed]
) -> Costs:
    """Take those that the log does not have, in their order, with no thread beside that could disturb."""
    missing = [one for one in measurements if one.key not in log.results]
    for one in track(missing, title, console=Console(stderr=True)):
        log.add(one.key, **work(one).as_data())
    log.tidy(one.key for one in measurements)
    costs: dict[tuple[str, str], list[float]] = {}
    for one in measurements:
        costs.setdefault((one.subject, one.size), []).append(Speed(**log.data(one.key)).cost)
    return costs


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median over the rounds of how many times the one is the other in the same round."""
    return median(a / b for a, b in zip(above, below, strict=True))


def in_markdown(head: Cells, rows: Sequence[Cells]) -> Iterator[str]:
    """A table of numbers, whose first column is text."""
    yield row(*head)
    yield row("---", *("---:" for _ in head[1:]))
    yield from (row(*cells) for cells in rows)


def on_terminal(head: Cells, rows: Sequence[Cells]) -> None:
    """The same table, printed."""
    table = Table(*head)
    for cells in rows:
        table.add_row(*cells)
    Console().print(table)
