"""Block groups, chunks, device extents, and the lists that block groups are on."""

from __future__ import annotations

from collections.abc import Iterator

from models.btrfs.block_group import BlockGroup
from models.btrfs.transaction import Handle, TransState
from models.btrfs.trees import Image
from models.properties import Mismatch, Observation, When, holds
from models.properties.quick import nothing_was_committed, nothing_was_judged_at_a_lock
from models.properties.quick.space import block_groups_add_up, nothing_is_left


@holds(When.ALWAYS, quick=block_groups_add_up)
def every_block_group_has_a_chunk_of_its_range_for_itself(seen: Observation) -> Iterator[Mismatch]:
    """Same start, same length, no overlap (check_chunk_block_group_mappings)."""
    end = 0
    for start, group in sorted(seen.fs.block_groups.tree.items()):
        chunk = seen.fs.volumes.mapping_tree.get(start)
        if chunk is None or chunk.length != group.length or chunk.type is not group.type:
            yield Mismatch(f"a chunk map with the range of {group}", f"{chunk}")
        if start < end:
            yield Mismatch(f"{group} starts behind the block group before it", f"it starts at {start}")
        end = group.end


@holds(When.COMMIT, quick=nothing_was_committed)
def committed_chunks_block_groups_and_device_extents_agree(seen: Observation) -> Iterator[Mismatch]:
    """One block group item per chunk item and one device extent per stripe, disjoint (btrfs check)."""
    for image in seen.fs.device.committed:
        chunks = {start: (c.length, c.type) for start, c in image.chunks.items()}
        groups = {start: (b.length, b.type) for start, b in image.block_groups.items()}
        if chunks != groups:
            odd = sorted(chunks.keys() ^ groups.keys())
            yield Mismatch("a block group item for every chunk item", f"different at {odd}")
        stripes = {c.physical: (c.length, start) for start, c in image.chunks.items()}
        if stripes != dict(image.dev_extents):
            odd = sorted(stripes.keys() ^ image.dev_extents.keys())
            yield Mismatch("a device extent for every stripe", f"different at device blocks {odd}")
        yield from _overlaps(image)


def _overlaps(image: Image) -> Iterator[Mismatch]:
    end = 0
    for physical, extent in sorted(image.dev_extents.items()):
        if physical < end:
            yield Mismatch("device extents are disjoint", f"two overlap at device block {physical}")
        end = physical + extent.length


def _handles(seen: Observation) -> list[Handle]:
    return [handle for trans in seen.fs.transactions.trans_list for handle in trans.handles]


@holds(When.ALWAYS, unless_aborted="phase 2 does not run any more", quick=block_groups_add_up)
def a_block_group_has_an_item_or_a_handle_that_will_insert_it(seen: Observation) -> Iterator[Mismatch]:
    """A block group that can be allocated from and has no item is on the list of a live handle, or about to
    be, in a transaction that is not committed yet."""
    items = seen.fs.trees.block_group.root
    pending = [group for handle in _handles(seen) for group in handle.new_bgs]
    pending += [h.making for h in _handles(seen) if h.making is not None and h.allocating_chunk]
    for start, group in seen.fs.block_groups.tree.items():
        linked = group in seen.fs.block_groups.space_of(group).block_groups
        if linked and start not in items and group not in pending:
            yield Mismatch(f"{group} has an item, or a handle that will insert it", "neither")
    for trans in seen.fs.transactions.trans_list:
        if trans.state >= TransState.UNBLOCKED and any(handle.new_bgs for handle in trans.handles):
            yield Mismatch(f"phase 2 ran before {trans.transid} was committed", "new_bgs are left")


@holds(When.ALWAYS, quick=nothing_was_judged_at_a_lock)
def new_chunks_take_device_space_that_nobody_has(seen: Observation) -> Iterator[Mismatch]:
    """Neither a device extent of the commit root has it, nor another chunk in memory (removed block groups
    that are being trimmed still have theirs), nor will a discard in flight wipe it out."""
    discards = [(d.physical, d.physical + d.blocks) for d in seen.fs.device.discards]
    for chunk, dev_extents in seen.fs.history.new_chunks:
        taken = [(p, p + e.length) for p, e in dev_extents.items() if e.chunk_start != chunk.start]
        maps = seen.fs.volumes.mapping_tree.values()
        taken += [(m.physical, m.physical + m.length) for m in maps if m is not chunk]
        taken += discards
        end = chunk.physical + chunk.length
        if any(low < end and chunk.physical < high for low, high in taken):
            yield Mismatch(
                f"device blocks {chunk.physical}-{end - 1} were nobody's",
                "another chunk or a discard has some",
            )


@holds(When.ALWAYS, quick=block_groups_add_up)
def a_block_group_is_on_the_lists_that_its_hooks_say(seen: Observation) -> Iterator[Mismatch]:
    """``bg_list`` is one of new_bgs and unused_bgs, ``dirty_list`` one list; what was removed is not new."""
    fs = seen.fs
    new = {id(g): g for handle in _handles(seen) for g in handle.new_bgs}
    unused = {id(g): g for g in fs.block_groups.unused_bgs}
    for group in (*fs.block_groups.tree.values(), *fs.block_groups.unused_bgs):
        lists = (id(group) in new) + (id(group) in unused)
        if lists != (group.bg_list is not None):
            yield Mismatch(f"{group} is on the list that bg_list says", f"it is on {lists} lists")
        if group.dirty_list is not None and group.dirty_list.count(group) != 1:
            yield Mismatch(f"{group} is once on its dirty list", f"{group.dirty_list.count(group)} times")
        if group.removed and id(group) in new:
            yield Mismatch(f"{group} was removed after phase 2", "it is still on new_bgs")
    for trans in fs.transactions.trans_list:
        for group in trans.dirty_bgs:
            if group.dirty_list is not trans.dirty_bgs:
                yield Mismatch(f"{group} knows that it is dirty", "its hook says otherwise")


@holds(When.ALWAYS, quick=block_groups_add_up)
def references_are_held_by_whom_they_count(seen: Observation) -> Iterator[Mismatch]:
    """By the tree, dirty and unused lists, and nocow writers (btrfs_free_block_groups asserts the sum)."""
    for group in seen.fs.block_groups.tree.values():
        expected = {
            "tree": 1,
            "dirty_list": int(group.dirty_list is not None),
            "unused_bgs": int(group.bg_list is seen.fs.block_groups.unused_bgs),
            "nocow_writers": group.nocow_writers,
        }
        for holder, count in expected.items():
            if group.refs[holder] != count:
                yield Mismatch(f"{group}: {count} {holder} references", f"{group.refs[holder]}")


@holds(When.QUIET, quick=nothing_is_left)
def no_lookup_reference_is_left(seen: Observation) -> Iterator[Mismatch]:
    """Every lookup of a block group was followed by a put."""
    for group in _all_groups(seen):
        if group.refs["lookup"]:
            yield Mismatch(f"nobody looks at {group}", f"{group.refs['lookup']} references are left")


def _all_groups(seen: Observation) -> list[BlockGroup]:
    return [*seen.fs.block_groups.tree.values(), *seen.fs.block_groups.unused_bgs]
