"""Appending one string buffer to another: its length is looked up under one hold of its lock, and its
characters are copied under another.

Source: SCTBench, conc-bugs/stringbuffer-jdk1.4 (JDK 1.4; C. Flanagan, S. Qadeer, PLDI 2003).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps

TEXT = "abc"


class Stringbuffer:
    """Between the two holds the buffer may get shorter."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.m, self.own = Mutex(sim, "m"), Mutex(sim, "own")
        self.value, self.copy = TEXT, ""
        self.beyond_the_end = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """The main program appends, the thread erases and writes anew."""
        return threads(self.sim, {"eraser": self.change()}, then=self.append_buffer())

    def append_buffer(self) -> Steps[None]:
        """Append the shared buffer to an own one."""
        yield "lock own"
        yield from self.own.lock()
        yield "lock m"
        yield from self.m.lock()
        yield "read value"
        length = len(self.value)
        yield from self.between()
        yield "read value"
        self.beyond_the_end = length > len(self.value)
        self.copy = self.value[:length]
        yield "unlock m"
        self.m.unlock()
        yield "unlock own"
        self.own.unlock()

    def between(self) -> Steps[None]:
        """The length is known; the lock is given up and taken again."""
        yield "unlock m"
        self.m.unlock()
        yield "lock m"
        yield from self.m.lock()

    def change(self) -> Steps[None]:
        """Erase all, then append it again."""
        yield "lock m"
        yield from self.m.lock()
        yield "write value"
        self.value = ""
        yield "unlock m"
        self.m.unlock()
        yield "lock m"
        yield from self.m.lock()
        yield "write value"
        self.value += TEXT
        yield "unlock m"
        self.m.unlock()

    def properties(self) -> Mapping[str, bool]:
        """The assertion where characters are copied."""
        return {"nothing_is_copied_from_beyond_the_end": not self.beyond_the_end}


class StringbufferFixed(Stringbuffer):
    """Both under one hold of the lock."""

    def between(self) -> Steps[None]:
        """The lock is kept."""
        yield from ()
