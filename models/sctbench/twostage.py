"""Two variables, each under a lock of its own, that are meant to change together.

Source: SCTBench, concurrent-software-benchmarks/twostage_bad.c with one writer and one reader;
twostage_20 has 10 and 10 (the PERIOD artifact, evaluation/CS/twostage_20).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps


class Twostage:
    """Between the two stages no lock is held."""

    def __init__(self, sim: Simulation, writers: int, readers: int) -> None:
        self.sim = sim
        self.m1, self.m2 = Mutex(sim, "m1"), Mutex(sim, "m2")
        self.writers, self.readers = writers, readers
        self.data1 = self.data2 = 0
        self.apart = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """All writers, then all readers."""
        writers = {f"writer {number}": self.write() for number in range(self.writers)}
        return threads(
            self.sim, writers | {f"reader {number}": self.read() for number in range(self.readers)}
        )

    def write(self) -> Steps[None]:
        """Write the first, then the second from it."""
        yield "lock m1"
        yield from self.m1.lock()
        yield "write data1"
        self.data1 = 1
        yield "unlock m1"
        self.m1.unlock()
        yield "lock m2"
        yield from self.m2.lock()
        yield "read data1"
        data1 = self.data1
        yield "write data2"
        self.data2 = data1 + 1
        yield "unlock m2"
        self.m2.unlock()

    def read(self) -> Steps[None]:
        """Read the first; if it is there, the second has to be there too."""
        yield "lock m1"
        yield from self.m1.lock()
        yield "read data1"
        if self.data1 == 0:
            yield "unlock m1"
            self.m1.unlock()
            return
        yield "read data1"
        data1 = self.data1
        yield "unlock m1"
        self.m1.unlock()
        yield "lock m2"
        yield from self.m2.lock()
        yield "read data2"
        data2 = self.data2
        yield "unlock m2"
        self.m2.unlock()
        self.apart |= data2 != data1 + 1

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the readers."""
        return {"both_stages_are_seen_or_neither": not self.apart}


class TwostageFixed(Twostage):
    """Writers take the second lock before they give up the first."""

    def write(self) -> Steps[None]:
        """Write both, under both locks."""
        yield "lock m1"
        yield from self.m1.lock()
        yield "write data1"
        self.data1 = 1
        yield "lock m2"
        yield from self.m2.lock()
        yield "unlock m1"
        self.m1.unlock()
        yield "read data1"
        data1 = self.data1
        yield "write data2"
        self.data2 = data1 + 1
        yield "unlock m2"
        self.m2.unlock()
