"""A reader that counts its turns, not what it received.

Source: SCTBench, concurrent-software-benchmarks/circular_buffer_bad.c (circular_buffer_ok.c is the fix).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps

SIZE, TURNS = 10, 7


class CircularBuffer:
    """The reader takes its turn for the value that has to come."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.m = Mutex(sim, "m")
        self.buffer = [0] * SIZE
        self.first = self.next = self.value = 0
        self.may_send, self.may_receive = True, False
        self.received: list[tuple[int, int]] = []

    def tasks(self) -> Mapping[str, Steps[None]]:
        """One writes, one reads."""
        return threads(self.sim, {"sender": self.send(), "receiver": self.receive()})

    def send(self) -> Steps[None]:
        """Put the number of the turn into the buffer, where the one before was received."""
        for turn in range(TURNS):
            yield "lock m"
            yield from self.m.lock()
            yield "read may_send"
            if self.may_send:
                yield "write buffer"
                self.buffer[self.next] = self.value = turn
                yield "write next"
                self.next = (self.next + 1) % SIZE
                yield "write may_send"
                self.may_send = False
                yield "write may_receive"
                self.may_receive = True
            yield "unlock m"
            self.m.unlock()

    def receive(self) -> Steps[None]:
        """Take out what was sent, where something was."""
        for turn in range(TURNS):
            yield "lock m"
            yield from self.m.lock()
            yield "read may_receive"
            if self.may_receive:
                yield "write first"
                self.first += 1
                yield "read buffer"
                self.received.append((self.buffer[self.first - 1], self.expected(turn)))
                yield "write may_receive"
                self.may_receive = False
                yield "write may_send"
                self.may_send = True
            yield "unlock m"
            self.m.unlock()

    def expected(self, turn: int) -> int:
        """What the receiver expects in a turn."""
        return turn

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the receiver."""
        return {"what_is_received_is_what_is_expected": all(got == due for got, due in self.received)}


class CircularBufferFixed(CircularBuffer):
    """The sender says what it sent."""

    def expected(self, turn: int) -> int:
        """What was sent last, whatever turn it is."""
        del turn
        return self.value
