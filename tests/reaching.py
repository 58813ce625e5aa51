"""A short program for every ``sometimes`` sentence: none is out of reach by mistake."""

from __future__ import annotations

from fuzz.case import Case
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    BufferedWrite,
    Clean,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Operation,
    Relocate,
    Snapshot,
    StartNocowDio,
    Step,
    Trim,
    Writeback,
)

FULL, ROOMY = Geometry(), Geometry(files=(File(FileKind.NODATACOW, 1),))
NO_SPARE = Geometry(spare_chunks=0)


def steps(*written: tuple[int, Operation | None] | tuple[int, Operation | None, str]) -> tuple[Step, ...]:
    """Steps by number of the CPU."""
    return tuple(Step(f"CPU {cpu}", operation, *until) for cpu, operation, *until in written)


WRITE = StartNocowDio()
EMPTIED = steps((1, CreateBg()), (1, EndTransaction()), (1, Free()), (1, Commit()))
"""Two block groups, the first of them unused."""
LOGGED = (
    *steps((1, WRITE)),
    Step("kworker 1", CompleteBio("CPU 1", 0), "btrfs_endio_direct_write"),
    *steps((2, Fsync())),
)
"""A write whose data is on the device, that the log has and the trees do not."""
CRASH = (Step("mount", Crash()),)

REACHING: dict[str, Case] = {
    "a_commit_requeues_a_block_group": Case(FULL, steps((1, CreateBg()), (1, Allocate()), (2, Commit()))),
    "a_block_group_is_used_before_it_has_an_item": Case(
        FULL, steps((1, CreateBg()), (1, Allocate()), (2, Commit()))
    ),
    "a_chunk_allocation_waits_for_another": Case(
        FULL, steps((1, CreateBg(), "btrfs_alloc_chunk"), (2, CreateBg()))
    ),
    "a_reservation_commits_for_pinned_space": Case(NO_SPARE, steps((1, Allocate()))),
    "a_user_sees_enospc": Case(NO_SPARE, steps((1, CreateBg()))),
    "an_allocator_holds_space_of_a_read_only_block_group": Case(
        ROOMY,
        steps(
            (1, CreateBg()),
            (1, EndTransaction()),
            (1, Allocate(), "btrfs_find_space_for_alloc"),
            (2, Relocate()),
        ),
    ),
    "a_block_group_becomes_unused": Case(ROOMY, steps((1, Relocate()))),
    "a_transaction_starts_while_the_one_before_unpins": Case(
        ROOMY, steps((1, Relocate(), "write_ctree_super"), (2, CreateBg()))
    ),
    "a_commit_loses_to_another": Case(
        FULL,
        steps(
            (1, CreateBg()),
            (2, CreateBg()),
            (1, Commit(), "BTRFS_TRANS_DIRTY_BG_RUN"),
            (2, Commit()),
        ),
    ),
    "a_commit_waits_for_the_one_before": Case(
        ROOMY, steps((1, Relocate(), "write_ctree_super"), (2, CreateBg()), (2, Commit()))
    ),
    "a_commit_waits_for_a_handle": Case(FULL, steps((1, CreateBg()), (2, Commit()))),
    "a_sync_waits_for_a_commit_in_progress": Case(
        ROOMY, steps((1, Relocate(), "write_ctree_super"), (2, Commit()))
    ),
    "a_task_waits_to_join_a_transaction": Case(FULL, steps((1, CreateBg()), (2, Commit()), (3, CreateBg()))),
    "a_relocation_waits_for_a_nocow_writer": Case(
        FULL, steps((1, WRITE, "btrfs_inc_nocow_writers"), (2, Relocate()))
    ),
    "a_relocation_waits_for_an_allocation": Case(
        ROOMY, steps((1, Allocate(), "btrfs_add_reserved_bytes"), (2, Relocate()))
    ),
    "a_relocation_waits_for_an_ordered_extent": Case(FULL, steps((1, WRITE), (2, Relocate()))),
    "a_block_group_waits_for_a_commit_to_turn_read_only": Case(
        FULL, steps((1, CreateBg()), (2, Commit(), "TRANS_STATE_COMMIT_START"), (3, Relocate()))
    ),
    "a_relocation_switches_a_file_to_the_copy": Case(ROOMY, steps((1, Relocate()))),
    "a_relocation_waits_for_a_locked_extent": Case(
        ROOMY, steps((1, CreateBg()), (2, Relocate()), (3, WRITE))
    ),
    "a_relocation_is_refused_for_lack_of_space": Case(NO_SPARE, steps((1, Relocate()))),
    "a_relocation_waits_for_another": Case(
        ROOMY, steps((1, Relocate(), "btrfs_relocate_chunk"), (2, Relocate()))
    ),
    "a_nocow_write_falls_back_to_cow": Case(ROOMY, steps((1, WRITE, "can_nocow_extent"), (2, Relocate()))),
    "a_nodatacow_file_may_not_be_written_in_place": Case(
        ROOMY, steps((1, Relocate(), "btrfs_relocate_block_group"), (2, WRITE))
    ),
    "a_write_waits_for_an_ordered_extent": Case(FULL, steps((1, WRITE), (2, WRITE))),
    "a_write_waits_for_a_locked_extent": Case(FULL, steps((1, WRITE, "can_nocow_extent"), (2, WRITE))),
    "a_block_group_is_removed_by_the_cleaner": Case(ROOMY, EMPTIED + steps((1, Clean()))),
    "a_cleaner_waits_for_a_relocation": Case(
        ROOMY, EMPTIED + steps((1, Relocate(), "btrfs_relocate_chunk"), (2, Clean()))
    ),
    "a_relocation_waits_for_the_cleaner": Case(
        ROOMY, EMPTIED + steps((1, Clean(), "inc_block_group_ro"), (2, Relocate()))
    ),
    "an_fsync_writes_the_log": Case(FULL, steps((1, Fsync()))),
    "an_fsync_has_to_commit": Case(FULL, steps((1, CreateBg()), (1, EndTransaction()), (1, Fsync()))),
    "an_fsync_waits_for_io": Case(ROOMY, steps((1, WRITE), (2, Fsync()))),
    "a_commit_waits_for_a_logged_write": Case(ROOMY, LOGGED + steps((2, Commit()))),
    "a_log_is_replayed_at_mount": Case(FULL, steps((1, Fsync())) + CRASH),
    "a_relocation_is_finished_at_mount": Case(ROOMY, steps((1, Relocate(), "replace_path")) + CRASH),
    "a_writeback_falls_back_to_cow_for_a_relocation": Case(
        ROOMY, steps((1, BufferedWrite()), (2, Relocate(), "btrfs_relocate_block_group"), (1, Writeback()))
    ),
    "a_writeback_falls_back_to_cow_for_a_snapshot": Case(
        FULL, steps((1, BufferedWrite()), (2, Snapshot(), "will_be_snapshoted"))
    ),
    "a_snapshot_is_taken": Case(FULL, steps((1, Snapshot()))),
    "a_snapshot_waits_for_a_writer": Case(FULL, steps((1, WRITE, "can_nocow_extent"), (2, Snapshot()))),
    "free_space_is_discarded": Case(ROOMY, steps((1, Trim()))),
}
"""On the plainest file system that does: full, or with room, or with no chunk to spare."""
