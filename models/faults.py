"""Faults that a case may inject: errors that the kernel must cope with, and where they strike.

A fault is armed once and strikes the next use of what it is for; what was armed and did not strike is gone
with the next mount.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import NamedTuple


class Fault(NamedTuple):
    """An error ``code`` at one place; ``aborts``: whether the kernel may give the transaction up for it."""

    code: int
    aborts: bool


DATA_BIO, TREE_BLOCK, SUPERBLOCK = "data-bio", "tree-block", "superblock"
PHASE_2, CLEAR_PINNED, SUBMIT_DIRECT = "phase-2", "clear-pinned", "submit-direct"

FAULTS = {
    DATA_BIO: Fault(errno.EIO, aborts=False),
    SUBMIT_DIRECT: Fault(errno.ENOMEM, aborts=False),
    CLEAR_PINNED: Fault(errno.ENOMEM, aborts=False),
    PHASE_2: Fault(errno.ENOSPC, aborts=True),
    TREE_BLOCK: Fault(errno.EIO, aborts=True),
    SUPERBLOCK: Fault(errno.EIO, aborts=True),
}
"""Writing a file's data, memory between the mapping and the bio of a direct write, memory to clear pinned
bits of a block group, inserting the items of phase 2, writing tree blocks, writing the superblock."""


@dataclass(slots=True)
class Faults:
    """Faults of one mount: ``armed`` ones, and those that struck."""

    armed: list[str] = field(default_factory=list)
    struck: list[Fault] = field(default_factory=list)

    def strikes(self, kind: str) -> int:
        """The errno with which this use fails; 0 if no such fault is armed."""
        if kind not in self.armed:
            return 0
        self.armed.remove(kind)
        self.struck.append(FAULTS[kind])
        return FAULTS[kind].code

    def codes(self) -> list[int]:
        """What operations may fail with now: a handle may die alone, too (-EIO)."""
        return [fault.code for fault in self.struck] + [errno.EIO] * self.may_abort()

    def may_abort(self) -> bool:
        """Whether a fault struck for which the kernel may abort."""
        return any(fault.aborts for fault in self.struck)
