"""Making block groups, allocating from them, and committing."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from models.operations.base import Operation
from models.operations.points import (
    CHUNK_POINTS,
    COMMIT_POINTS,
    END_POINTS,
    PHASE_2_POINTS,
    RESERVE_POINTS,
)


@dataclass(frozen=True, slots=True)
class CreateBg(Operation):
    """Allocate a DATA chunk, as a data reservation that finds no room does (phase 1).

    The task joins a transaction if it has no handle, and keeps the handle open.
    """

    name = "create-bg"
    points = ("join_transaction", *CHUNK_POINTS)


@dataclass(frozen=True, slots=True)
class Allocate(Operation):
    """Create a file and preallocate ``blocks`` for it (fallocate), in the task's handle if it has one."""

    blocks: int = 1
    name = "allocate"
    drawn = MappingProxyType({"blocks": (1, 2, 3, 4)})
    points = (
        *CHUNK_POINTS,
        "btrfs_alloc_data_chunk_ondemand",
        "btrfs_fallocate",
        "btrfs_block_rsv_add",
        "join_transaction",
        *RESERVE_POINTS,
        "btrfs_prealloc_file_range",
        "insert_reserved_file_extent",
        *END_POINTS,
    )


@dataclass(frozen=True, slots=True)
class EndTransaction(Operation):
    """End the handle that the task holds (phase 2 of what it created)."""

    name = "end-transaction"
    points = END_POINTS


@dataclass(frozen=True, slots=True)
class Commit(Operation):
    """Commit the running transaction: through the task's own handle, else attaching to it (sync)."""

    name = "commit"
    points = (*COMMIT_POINTS, *PHASE_2_POINTS, "btrfs_end_transaction")
