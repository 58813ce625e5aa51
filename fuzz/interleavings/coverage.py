"""What of all pairs was reached, and why not the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from fuzz.interleavings.species import Estimate, estimate
from fuzz.interleavings.watched import pair, pair_and_reason, place, place_of
from models.operations import OPERATIONS, Operation

NO_RULE = "nothing known is in the way: more cases may reach it"
"""The reason where no rule explains a pair."""


@dataclass(frozen=True, slots=True)
class Never:
    """A pair that never came about, the rule that explains it, and in how many cases it was tried."""

    stopped: str
    point: str
    ran: str
    reason: str
    tried: int


@dataclass(frozen=True)
class Coverage:
    """The pairs of a campaign of ``cases``: its counts (see :class:`fuzz.tally.Tally`), and the names of
    the operations that each of its machines draws.

    All pairs are each operation at each of its points, with each operation.
    """

    cases: int
    operations: Counter[str]
    interleavings: Counter[str]
    waits: Counter[str]
    obstacles: Counter[str]
    machines: Mapping[str, frozenset[str]]

    @property
    def estimate(self) -> Estimate:
        """How many there are, and how many more could be seen."""
        return estimate(self.interleavings, self.cases)

    @staticmethod
    def total() -> int:
        """How many pairs there are, whether they can come about or not."""
        return sum(len(kind.points) for kind in OPERATIONS) * len(OPERATIONS)

    def count(self, stopped: type[Operation], point: str, ran: type[Operation]) -> int:
        """In how many cases the one got on while the other stood there."""
        return self.interleavings[pair(place(stopped.name, point), ran.name)]

    def reached_points(self, stopped: type[Operation], ran: type[Operation]) -> int:
        """At how many of its points the one stood while the other got on."""
        return sum(self.count(stopped, point, ran) > 0 for point in stopped.points)

    def never(self) -> Iterator[Never]:
        """The pairs that never came about, each with the reason."""
        for stopped in OPERATIONS:
            for point in stopped.points:
                for ran in OPERATIONS:
                    if not self.count(stopped, point, ran):
                        yield self.explained(stopped, point, ran)

    def explained(self, stopped: type[Operation], point: str, ran: type[Operation]) -> Never:
        """A pair that never came about, with the first rule that explains it.

        - One task does both, so they are never under way at once: the operations say which task that is.
        - One of them never ran.
        - It was tried, and each time the second had to wait at once for what the first held, or was refused,
          or (where a hunt aims) the first never came there: what the campaign saw, and no more than that.
        - Nobody got on while the first stood there, nor tried.
        - No machine draws both, or one alone does (what comes anyway, as a commit, is drawn by nobody).
        """
        tried = self._tried.get(pair(place(stopped.name, point), ran.name), {})
        reason = "; or ".join(sorted(tried)) or self._unseen(stopped, point, ran)
        return Never(stopped.name, point, ran.name, reason, max(tried.values(), default=0))

    def _unseen(self, stopped: type[Operation], point: str, ran: type[Operation]) -> str:
        """Why a pair was not even tried."""
        if stopped.task and stopped.task == ran.task:
            return f"one task does both ({ran.task})"
        for kind in (stopped, ran):
            if not self.operations[kind.name]:
                return f"{kind.name} never ran"
        if place(stopped.name, point) not in self._stood:
            return "nobody got on while it stood there"
        both = [name for name, drawn in self.machines.items() if {stopped.name, ran.name} <= drawn]
        if len(both) == 1:
            return f"no machine but {both[0]} draws both"
        return NO_RULE if both else "no machine draws both"

    @cached_property
    def _stood(self) -> set[str]:
        """Where operations stood while another got on, or tried to."""
        return {place_of(name) for name in (*self.interleavings, *self._tried)}

    @cached_property
    def _tried(self) -> dict[str, dict[str, int]]:
        """What stood in the way of each pair that was tried, in how many cases."""
        found: dict[str, dict[str, int]] = {}
        for name, cases in self.obstacles.items():
            tried, reason = pair_and_reason(name)
            found.setdefault(tried, {})[reason] = cases
        return found


def together(campaigns: Iterable[Coverage]) -> Coverage:
    """Several campaigns as if they were one."""
    total = Coverage(0, Counter(), Counter(), Counter(), Counter(), {})
    for one in campaigns:
        total = Coverage(
            total.cases + one.cases,
            total.operations + one.operations,
            total.interleavings + one.interleavings,
            total.waits + one.waits,
            total.obstacles + one.obstacles,
            {**total.machines, **one.machines},
        )
    return total
