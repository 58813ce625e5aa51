"""Two locks, taken in both orders.

Source: SCTBench, concurrent-software-benchmarks/deadlock01_bad.c.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps


class Deadlock01:
    """One task takes a before b, the other b before a."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.a, self.b = Mutex(sim, "a"), Mutex(sim, "b")
        self.counter = 1

    def tasks(self) -> Mapping[str, Steps[None]]:
        """Both threads."""
        return threads(self.sim, {"adder": self.add(), "taker": self.take()})

    def add(self) -> Steps[None]:
        """Count up."""
        yield "lock a"
        yield from self.a.lock()
        yield "lock b"
        yield from self.b.lock()
        yield "write counter"
        self.counter += 1
        yield "unlock b"
        self.b.unlock()
        yield "unlock a"
        self.a.unlock()

    def take(self) -> Steps[None]:
        """Count down."""
        yield "lock b"
        yield from self.b.lock()
        yield "lock a"
        yield from self.a.lock()
        yield "write counter"
        self.counter -= 1
        yield "unlock a"
        self.a.unlock()
        yield "unlock b"
        self.b.unlock()

    def properties(self) -> Mapping[str, bool]:
        """Nothing besides what every target has."""
        return {}


class Deadlock01Fixed(Deadlock01):
    """Both take a before b."""

    def take(self) -> Steps[None]:
        """Count down."""
        yield "lock a"
        yield from self.a.lock()
        yield "lock b"
        yield from self.b.lock()
        yield "write counter"
        self.counter -= 1
        yield "unlock b"
        self.b.unlock()
        yield "unlock a"
        self.a.unlock()
