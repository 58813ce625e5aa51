"""What was compared, and how it came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Counts:
    """Counts over all sequences.

    ``operations`` were taken on both sides.  ``outcomes`` has operation, the model's and the kernel's, ``waits`` the
    same for where both wait, each with `` | `` between them.  ``looks`` counts comparisons by what was compared, and
    ``abstractions`` the differences that were known.
    """

    sequences: int = 0
    steps: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    abstractions: Counter[str] = field(default_factory=Counter)

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
        return cls(**{name: Counter(n) if isinstance(n, dict) else n for name, n in data.items()})
