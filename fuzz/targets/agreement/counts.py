"""What was compared, and how it came out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fuzz.tally import Sums

BETWEEN = " | "


@dataclass(slots=True)
class Counts(Sums):
    """Counts over all sequences.  ``ended_early`` were compared up to a known difference only.

    ``operations`` were taken on both sides.  ``outcomes`` has an operation, how it ended in the model and
    in the kernel, ``waits`` the same for where both wait, with :data:`BETWEEN` between.  ``looks`` counts
    comparisons by what was compared, ``known`` known differences too, ``abstractions`` these by name;
    ``slow`` differences that no rule knew, and that went away.
    """

    sequences: int = 0
    ended_early: int = 0
    steps: int = 0
    slow: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    abstractions: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
