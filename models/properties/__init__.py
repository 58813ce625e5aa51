"""What must hold: each property a named function, declared with when it must.

A property looks at an :class:`Observation` and yields a :class:`Mismatch` for everything that is wrong.
Where the kernel or btrfs-check has the same check, the docstring names it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import TransState
    from models.reference import Reference


class When(enum.Enum):
    """When a property must hold."""

    ALWAYS = "whenever a task stops, blocks or ends"
    COMMIT = "on every committed image"
    QUIET = "when nothing is in flight and no handle is open"
    END = "after everything was drained and committed"
    MOUNT = "after a crash or an umount, when the file system is mounted again"


class Mismatch(NamedTuple):
    """What was expected, and what was observed instead."""

    expected: str
    observed: str


@dataclass(slots=True, eq=False)
class Observation:
    """What a property may look at.  ``states`` is each transaction's state at the last check,
    ``snapshots`` what was first read from each block of each snapshot."""

    fs: FsInfo
    reference: Reference
    states: dict[int, TransState] = field(default_factory=dict)
    snapshots: dict[tuple[str, int, int], int | None] = field(default_factory=dict)


Check = Callable[[Observation], Iterator[Mismatch]]
Look = Callable[[Observation], bool]
"""A quick look: where it says True, every property behind it holds (:mod:`models.properties.quick`)."""


@dataclass(frozen=True, slots=True)
class Property:
    """A named check.  The name is the function's, a sentence.

    ``unless_aborted`` says why it need not hold once a fault has forced the file system read-only; empty if
    it must.  ``of_history``: it looks at what happened at lock points only, so that it can be judged in the
    middle of a step too.  ``quick`` is a look that makes asking needless where it says so.
    """

    name: str
    when: When
    check: Check
    unless_aborted: str = ""
    of_history: bool = False
    quick: Look | None = None


_REGISTRY: list[Property] = []


def holds(
    when: When, *, unless_aborted: str = "", of_history: bool = False, quick: Look | None = None
) -> Callable[[Check], Check]:
    """Declare a function to be a property."""

    def declare(check: Check) -> Check:
        name = getattr(check, "__name__", "")
        _REGISTRY.append(Property(name, when, check, unless_aborted, of_history, quick))
        return check

    return declare


@cache
def properties(when: When) -> tuple[Property, ...]:
    """All properties that must hold then, ordered by what a user would notice first."""
    subjects = (
        "crash",
        "data",
        "snapshots",
        "transactions",
        "structure",
        "accounting",
        "relocation",
        "upkeep",
    )
    for module in subjects:
        import_module(f"models.properties.{module}")
    return tuple(p for p in _REGISTRY if p.when is when)


def to_be_asked(when: When, seen: Observation) -> tuple[Property, ...]:
    """The properties of that time that no quick look answers for, in their order."""
    return _behind(when, tuple([look for look in _looks(when) if not look(seen)]))


@cache
def _looks(when: When) -> tuple[Look, ...]:
    return tuple(dict.fromkeys(p.quick for p in properties(when) if p.quick is not None))


@cache
def _behind(when: When, failed: tuple[Look, ...]) -> tuple[Property, ...]:
    return tuple(p for p in properties(when) if p.quick is None or p.quick in failed)
