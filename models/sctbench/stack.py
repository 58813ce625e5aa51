"""A flag that says that the stack was filled once, taken for one that says that it is not empty.

Source: SCTBench, concurrent-software-benchmarks/stack_bad.c (stack_ok.c is the fix).
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps

SIZE = 10


class Stack:
    """The flag is never taken back."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.m = Mutex(sim, "m")
        self.array = [0] * SIZE
        self.top = 0
        self.filled = self.underflow = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """One pushes, one pops."""
        return threads(self.sim, {"pusher": self.push(), "popper": self.pop()})

    def push(self) -> Steps[None]:
        """Push all numbers."""
        for number in range(SIZE):
            yield "lock m"
            yield from self.m.lock()
            yield "read top"
            top = self.top
            yield "write array"
            self.array[top] = number
            yield "write top"
            self.top = top + 1
            yield "write filled"
            self.filled = True
            yield "unlock m"
            self.m.unlock()

    def may_pop(self) -> Steps[bool]:
        """Whether there seems to be something."""
        yield "read filled"
        return self.filled

    def pop(self) -> Steps[None]:
        """Pop as often, where there seems to be something."""
        for _ in range(SIZE):
            yield "lock m"
            yield from self.m.lock()
            if (yield from self.may_pop()):
                yield "read top"
                top = self.top
                self.underflow |= top == 0
                yield "write top"
                self.top = top - 1
            yield "unlock m"
            self.m.unlock()

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the task that pops."""
        return {"nothing_is_popped_from_an_empty_stack": not self.underflow}


class StackFixed(Stack):
    """Whether there is something is looked up."""

    def may_pop(self) -> Steps[bool]:
        """Whether there is something."""
        yield "read top"
        return self.top > 0
