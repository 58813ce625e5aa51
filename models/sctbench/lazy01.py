"""Three tasks under one lock, of which the last expects not to be the last.

Source: SCTBench, concurrent-software-benchmarks/lazy01_bad.c (lazy01_ok.c drops the assertion).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps


class Lazy01:
    """The checker takes it that the sum is not complete."""

    complete = 3

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.m = Mutex(sim, "m")
        self.data = 0
        self.seen = 0

    def tasks(self) -> Mapping[str, Steps[None]]:
        """All three threads."""
        return threads(self.sim, {"one": self.add_one(), "two": self.add_two(), "checker": self.check()})

    def add_one(self) -> Steps[None]:
        """Add one."""
        yield "lock m"
        yield from self.m.lock()
        yield "read data"
        data = self.data
        yield "write data"
        self.data = data + 1
        yield "unlock m"
        self.m.unlock()

    def add_two(self) -> Steps[None]:
        """Add two."""
        yield "lock m"
        yield from self.m.lock()
        yield "read data"
        data = self.data
        yield "write data"
        self.data = data + 2
        yield "unlock m"
        self.m.unlock()

    def check(self) -> Steps[None]:
        """Look at the sum."""
        yield "lock m"
        yield from self.m.lock()
        yield "read data"
        self.seen = self.data
        yield "unlock m"
        self.m.unlock()

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the checker."""
        return {"the_sum_is_not_complete": self.seen < self.complete}


class Lazy01Fixed(Lazy01):
    """The checker knows what the sum can be."""

    complete = 4
