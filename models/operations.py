"""What a task can be asked to do, and a step of a program.

An operation names everything by what keeps its meaning when an earlier step is deleted: a task, a file,
a block group by its number, a bio by who submitted it.  An operation that makes no sense at that point
(the task is busy, there is no such file) does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

CHUNK_POINTS = (
    "do_chunk_alloc",
    "btrfs_alloc_chunk",
    "btrfs_make_block_group",
)
PHASE_2_POINTS = (
    "btrfs_create_pending_block_groups",
    "btrfs_insert_item",
    "btrfs_finish_chunk_alloc",
)
END_POINTS = ("btrfs_trans_release_metadata", *PHASE_2_POINTS, "btrfs_end_transaction")
COMMIT_POINTS = (
    "alloc_reserved_file_extent",
    "__btrfs_free_extent",
    "update_block_group",
    "set_extent_dirty",
    "dirty_bgs",
    "run_one_delayed_ref",
    "btrfs_run_delayed_refs",
    "btrfs_commit_transaction",
    "BTRFS_TRANS_DIRTY_BG_RUN",
    "btrfs_start_dirty_block_groups",
    "dirty_bgs_lock",
    "cache_write_mutex",
    "TRANS_STATE_COMMIT_START",
    "wait_event(num_extwriters)",
    "TRANS_STATE_COMMIT_DOING",
    "commit_fs_roots",
    "btrfs_write_dirty_block_groups",
    "commit_cowonly_roots",
    "TRANS_STATE_UNBLOCKED",
    "btrfs_write_and_wait_transaction",
    "write_ctree_super",
    "unpin_extent_range",
)
RESERVE_POINTS = (
    "btrfs_find_space_for_alloc",
    "btrfs_inc_block_group_reservations",
    "btrfs_add_reserved_bytes",
)


class Operation:
    """One of the operations below.

    ``name`` is the field's word; ``points`` are the preemption points at which it may be told to stop: its
    own, and of what it calls those that matter to it.  Others that it passes are no choice, so that the
    ones that are stay likely.
    """

    name: ClassVar[str]
    points: ClassVar[tuple[str, ...]]

    def __str__(self) -> str:
        values = [f"{f.name} {getattr(self, f.name)}" for f in fields(self)]  # type: ignore[arg-type]
        return " ".join([self.name, *values])


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


@dataclass(frozen=True, slots=True)
class StartNocowDio(Operation):
    """Write ``blocks`` blocks of ``file`` from ``block`` on, with O_DIRECT; wait for the bios.

    In place if the file and the moment allow it, else COW.
    """

    file: int = 0
    block: int = 0
    blocks: int = 1
    name = "start-nocow-dio"
    points = (
        "can_nocow_extent",
        "btrfs_inc_nocow_writers",
        "btrfs_check_data_free_space",
        "btrfs_get_extent",
        *RESERVE_POINTS,
        "btrfs_create_dio_extent",
        "btrfs_add_ordered_extent_dio",
        "unlock_extent",
        "btrfs_submit_direct",
        "join_transaction",
        "btrfs_end_transaction",
    )


@dataclass(frozen=True, slots=True)
class Relocate(Operation):
    """Relocate DATA block group number ``group`` and remove it (balance of one chunk)."""

    group: int = 2
    name = "relocate"
    points = (
        "btrfs_relocate_chunk",
        "btrfs_inc_block_group_ro",
        "btrfs_relocate_block_group",
        "create_reloc_inode",
        "btrfs_wait_block_group_reservations",
        "btrfs_wait_nocow_writers",
        "btrfs_wait_ordered_roots",
        "prepare_to_relocate",
        "relocate_block_group",
        "find_next_extent",
        "relocate_tree_blocks",
        "prealloc_file_extent_cluster",
        "relocate_file_extent_cluster",
        "prepare_to_merge",
        "replace_path",
        "merge_reloc_root",
        "invalidate_extent_cache",
        "btrfs_drop_snapshot",
        "run_delalloc_nocow",
        "btrfs_wait_ordered_range",
        "btrfs_evict_inode",
        "btrfs_start_trans_remove_chunk",
        "btrfs_remove_chunk",
        "btrfs_remove_block_group",
        "block_group_cache_lock",
        "remove_block_group_cache",
        "btrfs_del_item",
        "join_transaction",
        "btrfs_end_transaction",
        "btrfs_inc_block_group_reservations",
        "btrfs_prealloc_file_range",
        "TRANS_STATE_COMMIT_START",
        "TRANS_STATE_COMMIT_DOING",
        "TRANS_STATE_UNBLOCKED",
        "write_ctree_super",
        "unpin_extent_range",
    )


@dataclass(frozen=True, slots=True)
class CompleteBio(Operation):
    """The device completes bio ``index`` of the write that ``submitter`` has in flight."""

    submitter: str = "CPU 1"
    index: int = 0
    name = "complete-bio"
    points = (
        "btrfs_endio_direct_write",
        "join_transaction",
        "btrfs_finish_ordered_io",
        "insert_reserved_file_extent",
        *END_POINTS,
    )


OPERATIONS: tuple[type[Operation], ...] = (
    CreateBg,
    Allocate,
    EndTransaction,
    Commit,
    StartNocowDio,
    Relocate,
    CompleteBio,
)


@dataclass(frozen=True, slots=True)
class Step:
    """``task`` starts ``operation``, or goes on where it was (None), up to its end, to where it blocks,
    or to the preemption point ``until``."""

    task: str
    operation: Operation | None = None
    until: str | None = None

    def __str__(self) -> str:
        what = "resume" if self.operation is None else str(self.operation)
        return f"{self.task}: {what}" + (f" until {self.until}" if self.until else "")
