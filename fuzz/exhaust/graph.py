"""The states that schedules lead through, and how many schedules that makes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class _At(NamedTuple):
    """A state, and how many preemptions may still come."""

    node: int
    left: int


@dataclass(slots=True)
class Graph:
    """States by number, the first is 0; ``ends`` are those in which nothing is left to choose."""

    ends: set[int] = field(default_factory=set)
    _after: defaultdict[int, list[tuple[int, bool]]] = field(default_factory=lambda: defaultdict(list))

    def link(self, node: int, to: int, *, preempts: bool) -> None:
        """One choice in ``node`` leads to ``to``.  Two that lead to the same are two."""
        self._after[node].append((to, preempts))

    def paths(self, bound: int) -> int | None:
        """How many ways lead from the first state to an end with up to ``bound`` preemptions; None if one
        goes round in circles."""
        counts: dict[_At, int] = {}
        begun: set[_At] = set()
        stack = [_At(0, bound)]
        while stack:
            at = stack[-1]
            if at in counts:
                stack.pop()
                continue
            missing = [after for after in self._from(at) if after not in counts]
            if not missing:
                counts[at] = sum(counts[after] for after in self._from(at)) + (at.node in self.ends)
                stack.pop()
            elif at in begun:
                return None
            else:
                begun.add(at)
                stack += missing
        return counts[_At(0, bound)]

    def _from(self, at: _At) -> Iterator[_At]:
        for to, preempts in self._after[at.node]:
            if at.left >= preempts:
                yield _At(to, at.left - preempts)
