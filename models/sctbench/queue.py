"""A reader of a queue that counts its turns, and a writer that starts with one element more.

Source: SCTBench, concurrent-software-benchmarks/queue_bad.c (queue_ok.c is the fix).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps

SIZE = 20


class Queue:
    """The reader compares with what was stored in its turn, not with what was stored next."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.m = Mutex(sim, "m")
        self.element = [0] * (SIZE + 1)
        self.stored = [0] * SIZE
        self.head = self.tail = 0
        self.may_enqueue, self.may_dequeue = True, False
        self.right = True

    def tasks(self) -> Mapping[str, Steps[None]]:
        """One writes, one reads."""
        return threads(self.sim, {"writer": self.write(), "reader": self.read()})

    def enqueue(self, value: int) -> Steps[None]:
        """Put a value behind the last."""
        yield "write element"
        self.element[self.tail] = value
        yield "write tail"
        self.tail = 1 if self.tail == SIZE else self.tail + 1

    def dequeue(self) -> Steps[int]:
        """Take the first value."""
        yield "read element"
        value = self.element[self.head]
        yield "write head"
        self.head = 1 if self.head == SIZE else self.head + 1
        return value

    def write(self) -> Steps[None]:
        """One value, then one in each turn in which it may."""
        yield "lock m"
        yield from self.m.lock()
        value = 0
        yield from self.enqueue(value)
        yield "write stored"
        self.stored[0] = value
        yield "unlock m"
        self.m.unlock()
        for turn in range(1, SIZE):
            yield "lock m"
            yield from self.m.lock()
            yield "read may_enqueue"
            if self.may_enqueue:
                value += 1
                yield from self.enqueue(value)
                yield "write stored"
                self.stored[turn] = value
                yield "write may_enqueue"
                self.may_enqueue = False
                yield "write may_dequeue"
                self.may_dequeue = True
            yield "unlock m"
            self.m.unlock()

    def read(self) -> Steps[None]:
        """One value in each turn in which it may."""
        for turn in range(SIZE):
            yield "lock m"
            yield from self.m.lock()
            yield "read may_dequeue"
            if self.may_dequeue:
                value = yield from self.dequeue()
                yield "read stored"
                self.right = value == self.stored[turn]
                yield "write may_dequeue"
                self.may_dequeue = False
                yield "write may_enqueue"
                self.may_enqueue = True
            yield "unlock m"
            self.m.unlock()

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the reader."""
        return {"what_is_taken_is_what_was_stored": self.right}


class QueueFixed(Queue):
    """Each has one turn, under one hold of the lock."""

    def write(self) -> Steps[None]:
        """All values."""
        yield "lock m"
        yield from self.m.lock()
        for turn in range(SIZE):
            yield from self.enqueue(turn + 1)
            yield "write stored"
            self.stored[turn] = turn + 1
        yield "write may_dequeue"
        self.may_dequeue = True
        yield "unlock m"
        self.m.unlock()

    def read(self) -> Steps[None]:
        """All values, if they are there."""
        yield "lock m"
        yield from self.m.lock()
        yield "read may_dequeue"
        for turn in range(SIZE if self.may_dequeue else 0):
            value = yield from self.dequeue()
            yield "read stored"
            self.right = self.right and value == self.stored[turn]
        yield "unlock m"
        self.m.unlock()
