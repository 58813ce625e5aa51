"""Runs that a bench looks at, as if they had been."""

from __future__ import annotations

from programs import CREATION, reverts

from fuzz.bench.command import Finished
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.tally import Tally

(RACE,) = reverts(CREATION)


def outcome(examples: int, first: int = 0) -> Outcome:
    """A search that did so many examples, and failed first at one of them."""
    found = Reproducer(3, "text", RACE.expected, 1, "program") if first else None
    return Outcome(Tally(examples=examples, first_failure=first), 1.0, found)


def ended(code: int | None, *outcomes: Outcome, out: str = "") -> Finished:
    """A run that ended so."""
    return Finished(code, outcomes, out, 2.0)
