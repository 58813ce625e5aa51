"""What a case on a real kernel did, as counts for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import ClassVar

from fuzz.tables import counted
from fuzz.tally import Tally


class Counts:
    """Groups of counts: the fields of a dataclass that are counters.  ``titles`` say what each is."""

    titles: ClassVar[Mapping[str, str]] = {}

    def counts(self) -> Counter[str]:
        """All of it, by names that begin with the group."""
        counts = Counter[str]()
        for group in self.titles:
            counts.update({f"{group}: {name}": n for name, n in getattr(self, group).items()})
        return counts

    @classmethod
    def lines(cls, total: Tally) -> Iterator[str]:
        """What cases counted, group by group, as lines of text."""
        for group, title in cls.titles.items():
            prefix = f"{group}: "
            entries = {
                name.removeprefix(prefix): n for name, n in total.seen.items() if name.startswith(prefix)
            }
            yield from counted(title, Counter(entries)) if entries else [f"{title}: none"]
