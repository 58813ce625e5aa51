"""Two variables that change one after the other, and a task that looks in between.

Source: SCTBench, concurrent-software-benchmarks/reorder_3_bad.c and its sisters, which differ in how many
set and how many check: 2 and 1, 3 and 1, 4 and 1, 9 and 1, and reorder_20 with 10 and 10.  To fail, a checker
has to read both between the first setter's first write and any setter's second one.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps


class Reorder:
    """Setters write a and then b, checkers read both.  Nothing is locked."""

    def __init__(self, sim: Simulation, setters: int, checkers: int) -> None:
        self.sim = sim
        self.m = Mutex(sim, "m")
        self.setters, self.checkers = setters, checkers
        self.a = self.b = 0
        self.half_set = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """All setters, then all checkers."""
        setters = {f"setter {number}": self.set() for number in range(self.setters)}
        return threads(
            self.sim, setters | {f"checker {number}": self.check() for number in range(self.checkers)}
        )

    def set(self) -> Steps[None]:
        """Write both."""
        yield "write a"
        self.a = 1
        yield "write b"
        self.b = -1

    def check(self) -> Steps[None]:
        """Read both, as often as the condition of the program does: neither is set, or both are."""
        yield "read a"
        if self.a == 0:
            yield "read b"
            if self.b == 0:
                return
        yield "read a"
        if self.a == 1:
            yield "read b"
            if self.b == -1:
                return
        self.half_set = True

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the checkers."""
        return {"both_are_set_or_neither": not self.half_set}


class ReorderFixed(Reorder):
    """Both sides hold a lock."""

    def set(self) -> Steps[None]:
        """Write both."""
        yield "lock m"
        yield from self.m.lock()
        yield from super().set()
        yield "unlock m"
        self.m.unlock()

    def check(self) -> Steps[None]:
        """Read both."""
        yield "lock m"
        yield from self.m.lock()
        yield from super().check()
        yield "unlock m"
        self.m.unlock()
