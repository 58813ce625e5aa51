"""What of the project's words a live kernel can be told, and the rule for each that it cannot.

Nothing is left out in silence: what is refused is counted, and printed with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fuzz.targets.kernel.rules import Kind
from models.faults import CLEAR_PINNED, DATA_BIO, PHASE_2, SUBMIT_DIRECT, SUPERBLOCK, TREE_BLOCK
from models.operations import (
    OPERATIONS,
    Clean,
    EndTransaction,
    Inject,
    Operation,
    RunDelayedRefs,
    Step,
)

REFUSED: Mapping[type[Operation], str] = MappingProxyType(
    {
        EndTransaction: "a handle ends in the system call that began it: no user space holds one open",
        RunDelayedRefs: "the kernel runs delayed refs by itself: no system call asks for it",
        Clean: "the cleaner is a kernel thread with a clock of its own: no system call wakes it",
    }
)
"""Operations that no system call can do, and why."""

FAULT_KINDS: Mapping[str, Kind] = MappingProxyType(
    {DATA_BIO: Kind.DATA_WRITE, TREE_BLOCK: Kind.TREE_WRITE, SUPERBLOCK: Kind.SUPERBLOCK_WRITE}
)
"""Faults of the model, and the request that fails for them."""
REFUSED_FAULTS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (SUBMIT_DIRECT, CLEAR_PINNED, PHASE_2),
        "it is no error of a device: a kernel without fault injection cannot be told to have it",
    )
)

STOPS: Mapping[str, Kind] = MappingProxyType(
    {
        "btrfs_sync_log": Kind.TREE_WRITE,
        "TRANS_STATE_UNBLOCKED": Kind.TREE_WRITE,
        "btrfs_write_and_wait_transaction": Kind.TREE_WRITE,
        "write_ctree_super": Kind.SUPERBLOCK_WRITE,
        "relocate_file_extent_cluster": Kind.DATA_READ,
        "scrub_submit": Kind.DATA_READ,
    }
)
"""Preemption points that lie just before an IO: a task stops there when the IO is held."""
NO_STOP = "a task can be stopped at an IO only: it goes on to its end, or to where it waits"

GEOMETRY_RULE = (
    "the file system has the kernel's own sizes: 128 MiB, one DATA block group of 8 MiB at first; "
    "of a geometry its files count, in blocks of 4 KiB"
)


def expressible(kind: type[Operation]) -> bool:
    """Whether a live kernel can do such an operation."""
    return kind not in REFUSED


def refusal(operation: Operation) -> str:
    """Why this operation cannot be done, empty if it can."""
    if isinstance(operation, Inject):
        return REFUSED_FAULTS.get(operation.kind, "")
    return REFUSED.get(type(operation), "")


def stop_for(step: Step) -> Kind | None:
    """Which request to hold so that the step stops where it is told to; None if it is not, or cannot be."""
    return STOPS.get(step.until) if step.until else None


def table() -> list[str]:
    """All rules as text, a line each."""
    refused = [f"{kind.name}: {REFUSED[kind]}" for kind in OPERATIONS if kind in REFUSED]
    refused += [f"inject {kind}: {why}" for kind, why in REFUSED_FAULTS.items()]
    stops = ", ".join(f"{point} ({kind})" for point, kind in STOPS.items())
    return [*refused, f"preemption at {stops}; elsewhere {NO_STOP}", f"geometry: {GEOMETRY_RULE}"]
