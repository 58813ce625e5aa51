"""Operations and where they stop: one small choice each, the simplest first.

A drawn operation names files, block groups and bios by position: the machine takes the position modulo
what there is, so that nearly every draw does something.  In the trace real names stand in their place, so
that they keep their meaning when an earlier step is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from itertools import product
from typing import NamedTuple

from hypothesis import strategies as st

from models.operations import (
    OPERATIONS,
    Allocate,
    Commit,
    CreateBg,
    EndTransaction,
    Free,
    Operation,
    RunDelayedRefs,
)

POSITIONS = 4
"""How many files, block groups, bios or tasks a draw tells apart."""

ARGUMENTS: dict[str, Sequence[object]] = {
    "blocks": (1, 2),
    "block": range(POSITIONS),
    "file": range(POSITIONS),
    "group": range(POSITIONS),
    "index": range(POSITIONS),
}
"""What a field of that name may be drawn as, where the operation does not say; else it keeps its default."""
IN_HANDLE: dict[type[Operation], tuple[bool, ...]] = {
    CreateBg: (False, True),
    Allocate: (False, True),
    Commit: (False, True),
    Free: (False, True),
    RunDelayedRefs: (False, True),
    EndTransaction: (True,),
}
"""Whether to give it to a task that holds a transaction handle; others never go to one."""


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


def variants(kind: type[Operation]) -> list[Operation]:
    """The operation with every combination of arguments, the lowest first."""
    values = {f.name: kind.drawn.get(f.name, ARGUMENTS.get(f.name)) for f in fields(kind)}  # type: ignore[arg-type]
    drawn_from = {name: several for name, several in values.items() if several is not None}
    return [kind(**dict(zip(drawn_from, some, strict=True))) for some in product(*drawn_from.values())]


FOCUS = 3
"""How many times as often a task stops at a point of the focus as at all other points together."""
COMMON = 3
"""How many times as often an operation is drawn as one that is ``seldom``."""


@cache
def stopping_points(points: tuple[str, ...], focus: tuple[str, ...]) -> tuple[str, ...]:
    """An operation's points, those of the focus as often as they are likely."""
    watched = tuple(point for point in points if point in focus)
    return points + watched * (FOCUS * len(points) // len(watched) if watched else 0)


def drawn(kind: type[Operation], focus: Sequence[str] = ()) -> list[Drawn]:
    """One kind of operation: run to its end as often as stopped somewhere; preemption is the exception.

    At least two: what is no choice at all is simpler than any choice, and cases would shrink to it.
    """
    every: list[Drawn] = []
    stops = stopping_points(kind.points, tuple(focus))
    for in_handle in IN_HANDLE.get(kind, (False,)):
        plain = [Drawn(op, None, in_handle) for op in variants(kind)]
        every += plain * max(2, len(stops))
        every += [variant._replace(until=point) for point in stops for variant in plain]
    return every


def resumed() -> list[Resumed]:
    """Going on with a paused task."""
    through = [Resumed(position) for position in range(POSITIONS)] * RESUMED_POINTS
    stopped = [Resumed(who, point) for point in range(RESUMED_POINTS) for who in range(POSITIONS)]
    return through + stopped


def pools(
    *kinds: type[Operation], focus: Sequence[str] = (), seldom: Sequence[type[Operation]] = ()
) -> list[Sequence[Drawn | Resumed]]:
    """What can happen next: something out of one of these, each as likely as the others.

    What is not ``seldom`` is there :data:`COMMON` times, if anything is; ``focus`` names the preemption
    points that matter most.
    """
    common: list[Sequence[Drawn | Resumed]] = [resumed()]
    common += [drawn(kind, focus) for kind in kinds if kind not in seldom]
    return common * (COMMON if seldom else 1) + [drawn(kind, focus) for kind in seldom]


def choices(
    *kinds: type[Operation], focus: Sequence[str] = (), seldom: Sequence[type[Operation]] = ()
) -> st.SearchStrategy[Drawn | Resumed]:
    """What happens next: two small choices, so that Hypothesis can delete a whole step at once.

    (It deletes at most five choices together, and a step of a machine with one rule costs two more.)
    """
    return st.one_of(*map(st.sampled_from, pools(*kinds, focus=focus, seldom=seldom)))
