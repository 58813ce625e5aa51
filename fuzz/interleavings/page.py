"""Coverage as one HTML page, which needs no network and no script: every pair a cell."""

from __future__ import annotations

from dataclasses import dataclass

from fuzz.interleavings.coverage import NO_RULE, Coverage
from fuzz.interleavings.text import by_reason
from fuzz.tables import most_frequent
from fuzz.templates import environment
from models.operations import OPERATIONS, Operation

SHADES = (1, 10, 100)
"""From how many cases on a cell is darker."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A pair: in how many cases it came about, and why in none; ``kind`` says how it is drawn."""

    ran: str
    cases: int
    reason: str
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """A point of an operation; ``cells`` are in the order of the operations."""

    stopped: str
    point: str
    cells: tuple[Cell, ...]


def rows(coverage: Coverage) -> list[Row]:
    """The matrix, a row for each point of each operation."""
    return [
        Row(stopped.name, point, tuple(_cell(coverage, stopped, point, ran) for ran in OPERATIONS))
        for stopped in OPERATIONS
        for point in stopped.points
    ]


def _cell(coverage: Coverage, stopped: type[Operation], point: str, ran: type[Operation]) -> Cell:
    cases = coverage.count(stopped, point, ran)
    if cases:
        shade = sum(cases >= least for least in SHADES)
        return Cell(ran.name, cases, "", f"reached-{shade}")
    reason = coverage.explained(stopped, point, ran).reason
    return Cell(ran.name, 0, reason, "unexplained" if reason == NO_RULE else "explained")


def page(coverage: Coverage) -> str:
    """The page."""
    return (
        environment("fuzz.interleavings")
        .get_template("coverage.html")
        .render(
            coverage=coverage,
            operations=[operation.name for operation in OPERATIONS],
            rows=rows(coverage),
            shades=SHADES,
            waits=most_frequent(coverage.waits),
            never=by_reason(coverage),
        )
    )
