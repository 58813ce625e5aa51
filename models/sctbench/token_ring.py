"""Three variables, each copied from the one before; only one order makes them equal.

Source: SCTBench, concurrent-software-benchmarks/token_ring_bad.c.  What is marked as atomic there is under
one global mutex, as in its common.inc.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps


class TokenRing:
    """Nobody waits for the one before."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.atomic = Mutex(sim, "atomic")
        self.x1, self.x2, self.x3 = 1, 2, 1
        self.flag1 = self.flag2 = self.flag3 = False
        self.equal = True

    def tasks(self) -> Mapping[str, Steps[None]]:
        """Three stations, and one that compares."""
        return threads(
            self.sim,
            {"first": self.first(), "second": self.second(), "third": self.third(), "judge": self.judge()},
        )

    def first(self) -> Steps[None]:
        """The first station."""
        yield "lock atomic"
        yield from self.atomic.lock()
        yield "read x3"
        token = self.x3
        yield "write x1"
        self.x1 = (token + 1) % 4
        yield "write flag1"
        self.flag1 = True
        yield "unlock atomic"
        self.atomic.unlock()

    def second(self) -> Steps[None]:
        """The second station."""
        yield "lock atomic"
        yield from self.atomic.lock()
        yield "read x1"
        token = self.x1
        yield "write x2"
        self.x2 = token
        yield "write flag2"
        self.flag2 = True
        yield "unlock atomic"
        self.atomic.unlock()

    def third(self) -> Steps[None]:
        """The third station."""
        yield "lock atomic"
        yield from self.atomic.lock()
        yield "read x2"
        token = self.x2
        yield "write x3"
        self.x3 = token
        yield "write flag3"
        self.flag3 = True
        yield "unlock atomic"
        self.atomic.unlock()

    def judge(self) -> Steps[None]:
        """Compare, if the token has been everywhere."""
        yield "lock atomic"
        yield from self.atomic.lock()
        yield "read flag1"
        everywhere = self.flag1
        if everywhere:
            yield "read flag2"
            everywhere = self.flag2
        if everywhere:
            yield "read flag3"
            everywhere = self.flag3
        if everywhere:
            yield "read x1"
            x1 = self.x1
            yield "read x2"
            x2 = self.x2
            yield "read x3"
            self.equal = x1 == x2 == self.x3
        yield "unlock atomic"
        self.atomic.unlock()

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the judge."""
        return {"the_token_is_the_same_everywhere": self.equal}


class TokenRingFixed(TokenRing):
    """A station waits for the one before."""

    def second(self) -> Steps[None]:
        """The second station."""
        yield from self.sim.wait_event("flag1", lambda: self.flag1)
        yield from super().second()

    def third(self) -> Steps[None]:
        """The third station."""
        yield from self.sim.wait_event("flag2", lambda: self.flag2)
        yield from super().third()
