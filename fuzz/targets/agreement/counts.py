"""What was compared, and how it came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

BETWEEN = " | "


@dataclass(slots=True)
class Counts:
    """Counts over all sequences.  ``ended_early`` were compared up to a known difference only.

    ``operations`` were taken on both sides.  ``outcomes`` has an operation, how it ended in the model and
    in the kernel, ``waits`` the same for where both wait, with :data:`BETWEEN` between.  ``looks`` counts
    comparisons by what was compared, ``known`` known differences too, ``abstractions`` these by name.
    """

    sequences: int = 0
    ended_early: int = 0
    steps: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    abstractions: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)

    def merge(self, other: Counts) -> None:
        """Add what another run counted."""
        for one in fields(self):
            if isinstance(getattr(self, one.name), Counter):
                getattr(self, one.name).update(getattr(other, one.name))
            else:
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Counts:
        """Back from JSON."""
        values: dict[str, Any] = {name: Counter(n) if isinstance(n, dict) else n for name, n in data.items()}
        return cls(**values)
