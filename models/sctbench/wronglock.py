"""One variable under two locks: a task that holds one does not exclude those that hold the other.

Source: SCTBench, concurrent-software-benchmarks/wronglock_bad.c: one counts under one lock, seven under
another.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps

OTHERS = 7


class Wronglock:
    """The seven hold a lock of their own."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.right, self.wrong = Mutex(sim, "right"), Mutex(sim, "wrong")
        self.data = 0
        self.disturbed = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """The one that checks, and the others."""
        others = {f"other {number}": self.count() for number in range(OTHERS)}
        return threads(self.sim, {"checker": self.check()} | others)

    def check(self) -> Steps[None]:
        """Count, and see that nobody else does meanwhile."""
        yield "lock right"
        yield from self.right.lock()
        yield "read data"
        before = self.data
        yield "read data"
        data = self.data
        yield "write data"
        self.data = data + 1
        yield "read data"
        self.disturbed = self.data != before + 1
        yield "unlock right"
        self.right.unlock()

    def count(self) -> Steps[None]:
        """Count under the wrong lock."""
        yield "lock wrong"
        yield from self.wrong.lock()
        yield "read data"
        data = self.data
        yield "write data"
        self.data = data + 1
        yield "unlock wrong"
        self.wrong.unlock()

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the one that checks."""
        return {"nobody_counts_while_the_lock_is_held": not self.disturbed}


class WronglockFixed(Wronglock):
    """All take the same lock."""

    def count(self) -> Steps[None]:
        """Count under the right lock."""
        yield "lock right"
        yield from self.right.lock()
        yield "read data"
        data = self.data
        yield "write data"
        self.data = data + 1
        yield "unlock right"
        self.right.unlock()
