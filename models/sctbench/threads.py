"""Threads as a C program has them: its main program creates one after the other.

So the first may be done before the last is there, which is what makes some of the programs hard.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.simulation import Simulation, Steps


def threads(
    sim: Simulation, steps: Mapping[str, Steps[None]], then: Steps[None] | None = None
) -> Mapping[str, Steps[None]]:
    """The tasks of a program: the main program, which creates the threads in this order and then does what
    ``then`` says, and each thread, which starts once it is created.  Its start is a step of its own."""
    created: set[str] = set()

    def main() -> Steps[None]:
        for name in steps:
            yield "create thread"
            created.add(name)
        if then is not None:
            yield from then

    def thread(name: str) -> Steps[None]:
        yield from sim.wait_event("its creation", lambda: name in created, lambda: ["main"])
        yield from steps[name]

    return {"main": main()} | {name: thread(name) for name in steps}
