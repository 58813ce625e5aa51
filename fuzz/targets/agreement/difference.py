"""A difference between the two sides."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Aspect(enum.StrEnum):
    """What is compared."""

    OUTCOME = "outcome of an operation"
    WAIT = "who waits"
    WHERE = "what a waiting task waits for"
    IN_FLIGHT = "writes in flight"
    CONTENTS = "contents of files"
    SNAPSHOTS = "contents of snapshots"
    STAYS = "whether a snapshot stays as it was taken"
    BIOS = "bios of a write"
    CRASH = "what a crash may leave"
    READ_ONLY = "read-only"
    GROUPS = "DATA block groups"
    USED = "used DATA blocks"
    USED_OF_EACH = "used blocks of each DATA block group"


STANDS = (Aspect.WAIT, Aspect.WHERE, Aspect.IN_FLIGHT)
"""How far tasks and their writes have come."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``subject`` says what differs, ``model`` and ``kernel`` what either side shows.

    For rules: the ``task``, and a ``number``, which is a write's value, a file's or snapshot's number, or a
    block group's address; the model's where it has one.
    """

    aspect: Aspect
    subject: str
    model: str
    kernel: str
    task: str = ""
    number: int = -1

    @property
    def key(self) -> str:
        """What differs, the same from one look to the next."""
        return f"{self.aspect}: {self.subject}"
