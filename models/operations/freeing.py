"""Dropping references to extents."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations.base import Operation
from models.operations.points import DELAYED_REF_POINTS, END_POINTS


@dataclass(frozen=True, slots=True)
class Free(Operation):
    """Delete a file that nobody uses (unlink): the last reference to its extents is dropped."""

    file: int = 0
    name = "free"
    points = ("btrfs_block_rsv_add", "join_transaction", "btrfs_unlink", "btrfs_evict_inode", *END_POINTS)


@dataclass(frozen=True, slots=True)
class RunDelayedRefs(Operation):
    """Apply queued reference changes, in the task's handle if it has one (delayed_ref_async_start)."""

    name = "run-delayed-refs"
    points = (*DELAYED_REF_POINTS, *END_POINTS)
