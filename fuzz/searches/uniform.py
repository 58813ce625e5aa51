"""Every choice of a step equally likely: the baseline that a search has to beat.

One operation of the machine's or a task that goes on, each as likely as the others; of an operation any
argument; and as a place to stop any of its preemption points, or its end.  No focus, no weights, nothing
that is seldom.  The file systems are those that every search draws.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from fuzz.machine import BlockGroupMachine
from strategies.operations import IN_HANDLE, Drawn, Resumed, variants


def uniform_choices(
    source: random.Random, machine: BlockGroupMachine, steps: int
) -> Iterator[Drawn | Resumed]:
    """So many choices, each made when the one before has been: what can go on depends on that."""
    kinds = machine.operations
    for _ in range(steps):
        kind = source.randrange(len(kinds) + 1)
        if kind == len(kinds):
            yield _resumed(source, machine)
            continue
        stops = (None, *kinds[kind].points)
        yield Drawn(
            source.choice(variants(kinds[kind])),
            source.choice(stops),
            source.choice(IN_HANDLE.get(kinds[kind], (False,))),
        )


def _resumed(source: random.Random, machine: BlockGroupMachine) -> Resumed:
    """One of those that can go on, to one of the points of what it does, or through."""
    runnable = machine.world.sim.runnable()
    if not runnable:
        return Resumed()
    position = source.randrange(len(runnable))
    points = machine.world.operation_of(runnable[position].name).points
    return Resumed(position, source.choice((None, *range(len(points)))))
