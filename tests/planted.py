"""The planted defects: a table of what is damaged, by the property that must see it."""

from __future__ import annotations

import errno

import damages as do
from damages import DATA, METADATA
from planted_upkeep import UPKEEP_DAMAGE
from planted_writes import WRITE_DAMAGE
from watched import (
    Damage,
    bio_of,
    committing_world,
    crashed_world,
    group_of,
    newest,
    transaction_of,
    used_world,
    writing_world,
)

from models.btrfs.history import PastBarrier, Waited
from models.btrfs.ordered_data import OrderedExtent
from models.btrfs.transaction import Transaction, TransState
from models.btrfs.trees import ChunkItem, DevExtent, ExtentItem
from models.world import World


def starting() -> World:
    """A commit has begun."""
    return committing_world("TRANS_STATE_COMMIT_START")


def doing() -> World:
    """A commit is in its critical section."""
    return committing_world("TRANS_STATE_COMMIT_DOING")


def unblocked() -> World:
    """A commit is behind its critical section."""
    return committing_world("TRANS_STATE_UNBLOCKED")


def writing_out() -> World:
    """A commit has written all but the superblock."""
    return committing_world("btrfs_write_and_wait_transaction")


def write_of(world: World) -> OrderedExtent:
    """The write in flight."""
    return bio_of(world).ordered


def _set(thing: object, name: str, value: object) -> None:
    setattr(thing, name, value)


DATA_DAMAGE = {
    "every_block_reads_as_its_last_write_or_a_concurrent_one": [
        Damage("a device block changes", used_world, lambda w: do.overwrite(w, 9, 999)),
        Damage("a write is undone", used_world, lambda w: do.overwrite(w, 9, -1000)),
    ],
    "no_bio_writes_to_space_that_is_not_its_own": [
        Damage("a bio goes astray", writing_world, do.counts(bio_of, "physical")),
        Damage(
            "its space is freed",
            writing_world,
            lambda w: transaction_of(w).pinned_extents.add(write_of(w).disk_bytenr),
        ),
    ],
    "ordered_extents_do_not_overlap_and_own_their_space": [
        Damage("two in one place", writing_world, lambda w: do.order(w, 0, 9)),
        Damage("one in free space", writing_world, lambda w: do.order(w, 2, newest(w).start)),
        Damage("one outside every block group", writing_world, lambda w: do.order(w, 2, 1000)),
    ],
    "every_ordered_extent_is_finished": [
        Damage("one is left", used_world, lambda w: do.order(w, 0, 9)),
    ],
    "data_space_used_is_what_the_files_need": [
        Damage("an extent item is lost", used_world, lambda w: w.fs.trees.extent.root.pop(9)),
        Damage("a file is forgotten", used_world, lambda w: w.reference.files.pop(2)),
    ],
}

TRANSACTION_DAMAGE = {
    "no_legal_schedule_aborts": [
        Damage("forced read-only", used_world, lambda w: _set(w.fs, "error", errno.EIO)),
        Damage("aborted", writing_world, lambda w: _set(transaction_of(w), "aborted", errno.EIO)),
    ],
    "transactions_only_move_forward_one_at_a_time": [
        Damage("one goes back", starting, lambda w: _set(transaction_of(w), "state", TransState.RUNNING)),
        Damage(
            "the list is out of order",
            writing_world,
            lambda w: w.fs.transactions.trans_list.insert(0, Transaction(99, TransState.COMPLETED)),
        ),
        Damage("the running one is lost", writing_world, lambda w: _set(w.fs.transactions, "running", None)),
        Damage(
            "the one before is not written yet",
            doing,
            lambda w: w.fs.transactions.trans_list.insert(0, Transaction(0, TransState.UNBLOCKED)),
        ),
    ],
    "writers_are_the_handles_that_tasks_hold": [
        Damage("one too many", writing_world, do.counts(transaction_of, "num_writers")),
        Damage("one external", writing_world, do.counts(transaction_of, "num_extwriters")),
        Damage(
            "a task forgot its handle",
            writing_world,
            lambda w: _set(w.sim.task("CPU 2"), "journal_info", None),
        ),
        Damage("one joins too late", unblocked, do.join_too_late),
        Damage("one external joins in the critical section", doing, do.stay_external),
        Damage("one outlives its transaction", used_world, do.outlive),
    ],
    "no_block_group_turns_read_only_once_writeout_began": [
        Damage("one did", used_world, do.turn_read_only_late),
    ],
    "a_transaction_waited_for_leaves_no_earlier_one": [
        Damage("it did", used_world, lambda w: w.fs.history.waited.append(Waited(9, [8]))),
    ],
    "a_superblock_follows_that_of_the_transaction_before": [
        Damage("one is left out", used_world, do.leave_a_superblock_out),
    ],
    "no_transaction_is_left": [
        Damage(
            "one is",
            used_world,
            lambda w: w.fs.transactions.trans_list.append(Transaction(99, TransState.COMPLETED)),
        ),
    ],
}

STRUCTURE_DAMAGE = {
    "every_block_group_has_a_chunk_of_its_range_for_itself": [
        Damage("none", used_world, lambda w: w.fs.volumes.mapping_tree.pop(1)),
        Damage("another length", used_world, lambda w: do.map_to(w, 1, length=5)),
        Damage("another type", used_world, lambda w: do.map_to(w, 1, type=METADATA)),
        Damage("one overlaps the next", used_world, do.overlap),
    ],
    "committed_chunks_block_groups_and_device_extents_agree": [
        Damage("another type", used_world, lambda w: do.commit_group_item(w, 0, METADATA)),
        Damage("no device extent", used_world, do.commit_without_dev_extent),
        Damage("two overlap", used_world, lambda w: do.commit_chunk(w, 9, ChunkItem(4, DATA, 8))),
    ],
    "a_block_group_has_an_item_or_a_handle_that_will_insert_it": [
        Damage("an item is lost", used_world, lambda w: w.fs.trees.block_group.root.pop(9)),
        Damage("phase 2 comes after the commit", unblocked, do.queue_as_new),
        Damage("a handle forgets it", writing_world, do.forget_new),
    ],
    "new_chunks_take_device_space_that_nobody_has": [
        Damage("a chunk had it", used_world, lambda w: do.new_chunk(w, {}, physical=9)),
        Damage("a device extent had it", used_world, lambda w: do.new_chunk(w, {20: DevExtent(4, 9)})),
    ],
    "a_block_group_is_on_the_lists_that_its_hooks_say": [
        Damage("bg_list says one", used_world, lambda w: _set(group_of(w), "bg_list", [])),
        Damage("dirty_list says one", used_world, do.hook_dirty),
        Damage("dirty unknowingly", writing_world, lambda w: transaction_of(w).dirty_bgs.append(group_of(w))),
        Damage("removed while new", writing_world, lambda w: _set(newest(w), "removed", value=True)),
    ],
    "references_are_held_by_whom_they_count": [
        Damage(holder, used_world, do.holds_a_reference(holder))
        for holder in ("tree", "dirty_list", "unused_bgs", "nocow_writers")
    ],
    "no_lookup_reference_is_left": [
        Damage("one is", used_world, lambda w: group_of(w).get("lookup")),
    ],
}

ACCOUNTING_DAMAGE = {
    "a_block_groups_counters_add_up_to_its_length": [
        Damage("a block is lost", used_world, lambda w: do.system(w).free.remove(2, 1)),
        Damage("a block is in nobody's hand", used_world, do.counts(do.system, "in_hand")),
    ],
    "space_info_is_the_sum_of_its_block_groups": [
        Damage(name, writing_world, do.counts(do.info, name))
        for name in ("total", "used", "reserved", "pinned", "readonly")
    ],
    "promises_never_exceed_the_space": [
        Damage(
            "too much promised",
            writing_world,
            lambda w: do.bump(do.info(w, DATA), "may_use", do.info(w, DATA).total),
        ),
    ],
    "no_counter_is_negative": [
        Damage("of a block group", writing_world, do.counts(group_of, "reservations", -1)),
        Damage("of a space info", writing_world, do.counts(do.info, "may_use", -1)),
    ],
    "nobody_is_counted_as_writing_or_reserving": [
        *[
            Damage(name, used_world, do.counts(group_of, name))
            for name in ("reservations", "delalloc_bytes", "ro")
        ],
        Damage(
            "nocow_writers",
            used_world,
            do.counts(group_of, "nocow_writers"),
            also={"references_are_held_by_whom_they_count"},
            why="a nocow writer holds a reference",
        ),
        Damage("may_use", used_world, do.counts(do.info, "may_use")),
    ],
    "nothing_is_reserved_or_pinned": [
        Damage("reserved", used_world, lambda w: do.leak(w, "reserved")),
        Damage("pinned", used_world, lambda w: do.leak(w, "pinned")),
    ],
    "committed_used_bytes_are_the_extents": [
        Damage("of a block group", used_world, lambda w: do.commit_group_item(w, 1)),
        Damage("of the superblock", used_world, do.commit_bytes_used),
    ],
    "committed_references_are_counted": [
        Damage("too few", used_world, lambda w: do.commit_references(w, 0)),
        Damage("too many", used_world, lambda w: do.commit_references(w, 2)),
    ],
    "no_block_is_in_two_places": [
        Damage("pinned and in an extent", writing_world, lambda w: transaction_of(w).pinned_extents.add(9)),
        Damage("in two extents", used_world, lambda w: _item(w, 10)),
    ],
    "what_the_superblock_references_is_not_free": [
        Damage("unpinned too early", writing_out, do.unpin_too_early),
    ],
    "what_is_allocated_was_nobodys": [
        Damage("the superblock's", used_world, lambda w: do.allocate_again(w, 8, 2)),
    ],
}


def _item(world: World, block: int) -> None:
    """An extent item without references, inside another extent."""
    world.fs.trees.extent.root[block] = ExtentItem(1, 1, ())


RELOCATION_DAMAGE = {
    "nobody_enters_a_read_only_block_group": [
        Damage(what, used_world, do.enters(what)) for what in ("allocation", "nocow writer")
    ],
    "nobody_is_on_the_way_once_relocation_copies": [
        Damage(
            "reserved", used_world, lambda w: w.fs.history.past_barrier.append(PastBarrier(group_of(w), 1, 0))
        ),
        Damage(
            "ordered", used_world, lambda w: w.fs.history.past_barrier.append(PastBarrier(group_of(w), 0, 1))
        ),
    ],
    "a_relocated_block_group_is_empty": [
        *[Damage(name, used_world, do.counts(do.relocated, name)) for name in ("used", "reserved", "pinned")],
        Damage("writable", used_world, lambda w: do.relocate(w, ro=0)),
        Damage("a file points into it", used_world, lambda w: do.commit_a_pointer(w, 13)),
    ],
    "nothing_of_a_relocation_is_left": [
        Damage("a copy", used_world, do.leave_a_copy),
        Damage("an inode", used_world, do.leave_an_inode),
        Damage("a reloc tree", used_world, do.leave_a_reloc_tree),
        Damage("a reloc tree in charge", used_world, do.leave_a_reloc_root),
        Damage("somebody in charge", used_world, do.leave_in_charge),
    ],
}

CRASH_DAMAGE = {
    "a_block_holds_its_last_durable_write_or_a_newer_one": [
        Damage("nothing may be there", crashed_world, lambda w: w.reference.files[0].blocks[0].past.clear()),
    ],
    "a_durable_file_is_there": [
        Damage("it is too short", crashed_world, lambda w: do.cut_short(w, 2)),
    ],
    "a_mount_finishes_what_a_relocation_left": [
        Damage("a reloc tree", crashed_world, do.reach_a_reloc_tree),
    ],
}

DAMAGE = DATA_DAMAGE | TRANSACTION_DAMAGE | STRUCTURE_DAMAGE | ACCOUNTING_DAMAGE | RELOCATION_DAMAGE
DAMAGE |= UPKEEP_DAMAGE | CRASH_DAMAGE | WRITE_DAMAGE
