"""Operations and where they stop: one small choice each, the simplest first.

A drawn operation names files, block groups and bios by position: the machine takes the position modulo
what there is, so that nearly every draw does something.  In the trace real names stand in their place, so
that they keep their meaning when an earlier step is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from models.operations import (
    OPERATIONS,
    Allocate,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Operation,
    Relocate,
    StartNocowDio,
)

POSITIONS = 4
"""How many files, block groups, bios or tasks a draw tells apart."""


class Drawn(NamedTuple):
    """An operation with positions for names, the preemption point to stop at, and whether it is for a
    task that holds a transaction handle."""

    operation: Operation
    until: str | None = None
    in_handle: bool = False


class Resumed(NamedTuple):
    """Which of the tasks that could go on, and at which of its operation's points to stop again."""

    position: int = 0
    point: int | None = None


RESUMED_POINTS = max(len(operation.points) for operation in OPERATIONS)
"""How many points a resumed task may be told to stop at; its operation's, modulo what it has."""


def _stopping(operations: Sequence[Operation], *, in_handle: bool = False) -> list[Drawn]:
    """Each operation run to its end as often as stopped somewhere: preemption is the exception."""
    points = operations[0].points
    through = [Drawn(op, None, in_handle) for op in operations]
    stopped = [Drawn(op, point, in_handle) for point in points for op in operations]
    return through * len(points) + stopped


def resumptions() -> st.SearchStrategy[Resumed]:
    """Going on with a paused task."""
    through = [Resumed(position) for position in range(POSITIONS)] * RESUMED_POINTS
    stopped = [Resumed(who, point) for point in range(RESUMED_POINTS) for who in range(POSITIONS)]
    return st.sampled_from(through + stopped)


def operations() -> dict[str, st.SearchStrategy[Drawn]]:
    """Every operation that a task can be given, by name."""
    sizes = [Allocate(blocks) for blocks in range(1, 5)]
    writes = [
        StartNocowDio(file, block, blocks)
        for blocks in (1, 2)
        for block in range(POSITIONS)
        for file in range(POSITIONS)
    ]
    choices = {
        "create-bg": _stopping([CreateBg()]),
        "allocate": _stopping(sizes) + _stopping(sizes, in_handle=True),
        "end-transaction": _stopping([EndTransaction()], in_handle=True),
        "commit": _stopping([Commit()]) + _stopping([Commit()], in_handle=True),
        "start-nocow-dio": _stopping(writes),
        "relocate": _stopping([Relocate(group) for group in range(POSITIONS)]),
        "complete-bio": _stopping([CompleteBio(index=index) for index in range(POSITIONS)]),
    }
    return {name: st.sampled_from(drawn) for name, drawn in choices.items()}


RESUME_SHARE = 3
"""How many times as likely as one operation it is to go on with a paused task."""


def choices() -> st.SearchStrategy[Drawn | Resumed]:
    """What happens next: two small choices, so that Hypothesis can delete a whole step at once.

    (It deletes at most five choices together, and a step of a machine with one rule costs two more.)
    """
    return st.one_of(*[resumptions()] * RESUME_SHARE, *operations().values())
