"""Coverage for a terminal: a matrix of operations, the waits, and what never came about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fuzz.interleavings.coverage import Coverage
from fuzz.interleavings.watched import place
from fuzz.tables import most_frequent, plural
from models.operations import OPERATIONS

WAITS = 20
"""How many kinds of waits are told in brief."""


def listing(coverage: Coverage, *, every: bool = False) -> Iterator[Text | Table | Padding]:
    """The matrix, the waits and the reasons; with ``every`` wait, and every pair that has a reason."""
    yield Text(f"{coverage.cases} cases; interleavings: {coverage.estimate}; of {coverage.total()} pairs\n")
    yield Text("at how many of its points one stood (row) while another got on (column)", style="bold")
    yield matrix(coverage)
    yield Text("\nwho waited for what (in how many cases)", style="bold")
    waits = most_frequent(coverage.waits)
    for name, cases in waits if every else waits[:WAITS]:
        yield Text(f"{cases:7} {name}")
    if len(waits) > WAITS and not every:
        yield Text(f"    and {plural(len(waits) - WAITS, 'more kind')} of waits: -v")
    yield Text("\nnever reached" + ("" if every else ", by the reason (each pair: -v)"), style="bold")
    for reason, pairs in by_reason(coverage).items():
        yield Text(f"{len(pairs):7} {reason}")
        if every:
            told = "\n".join(f"{where}: {', '.join(several)}" for where, several in by_place(pairs).items())
            yield Padding(Text(told), (0, 0, 0, 8))


def matrix(coverage: Coverage) -> Table:
    """A row for each operation that has points; columns have its number, so that all fit in a terminal."""
    numbers = range(1, len(OPERATIONS) + 1)
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("operation")
    for number in numbers:
        table.add_column(str(number), justify="right")
    table.add_column("of", justify="right")
    for number, stopped in zip(numbers, OPERATIONS, strict=True):
        counts = [coverage.reached_points(stopped, ran) for ran in OPERATIONS]
        cells = [str(count) if count else "." for count in counts]
        table.add_row(f"{number:2} {stopped.name}", *cells, str(len(stopped.points)))
    return table


def by_place(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """What never got on, by where the other stood."""
    places: dict[str, list[str]] = {}
    for where, ran in pairs:
        places.setdefault(where, []).append(ran)
    return places


def by_reason(coverage: Coverage) -> dict[str, list[tuple[str, str]]]:
    """Where one stood and what never got on then, with how often it was tried, by the reason."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for never in coverage.never():
        ran = f"{never.ran} ({never.tried} tried)" if never.tried else never.ran
        reasons.setdefault(never.reason, []).append((place(never.stopped, never.point), ran))
    return dict(sorted(reasons.items(), key=lambda entry: (-len(entry[1]), entry[0])))
