"""What a case did, as counts for the summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Seen:
    """IO that was held, faults that struck, images that were judged, errors of operations, functions in which
    tasks waited, and what was refused."""

    held: Counter[str] = field(default_factory=Counter)
    fault: Counter[str] = field(default_factory=Counter)
    image: Counter[str] = field(default_factory=Counter)
    error: Counter[str] = field(default_factory=Counter)
    wait: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def counts(self) -> Counter[str]:
        """All of it, by names that begin with the group."""
        counted = Counter[str]()
        for group in fields(self):
            counted.update({f"{group.name}: {name}": n for name, n in getattr(self, group.name).items()})
        return counted
