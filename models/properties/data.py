"""What the files hold, and where writes go."""

from __future__ import annotations

from collections.abc import Iterator

from models.btrfs.subvolume import FS_TREE, TREE_BLOCKS
from models.properties import Mismatch, Observation, When, holds
from models.properties.quick import nothing_is_in_flight
from models.properties.quick.contents import files_read_as_written
from models.properties.quick.space import nothing_is_left
from models.properties.values import value_text
from models.simulation import span


@holds(When.ALWAYS, quick=files_read_as_written)
def every_block_reads_as_its_last_write_or_a_concurrent_one(seen: Observation) -> Iterator[Mismatch]:
    """Contents against the reference model, across relocation.

    No counter is wrong when a write is lost: only a model with contents can see it.  Blocks under an
    ordered extent are left out, as a read would wait there.  Once the file system is aborted, a write that
    completed may not be in the trees, even where an fsync has it in the log.
    """
    for number, file in seen.reference.files.items():
        inode = seen.fs.roots[FS_TREE].inodes[number]
        for block, state in enumerate(file.blocks):
            value = seen.fs.read_block(inode, block)
            allowed = state.left_by_abort() if seen.fs.error else state.allowed()
            if value is not None and value not in allowed:
                yield Mismatch(
                    f"file {number} block {block} reads {' or '.join(map(value_text, allowed))}",
                    f"it reads {value_text(value)}",
                )


@holds(When.ALWAYS, quick=nothing_is_in_flight)
def no_bio_writes_to_space_that_is_not_its_own(seen: Observation) -> Iterator[Mismatch]:
    """A bio in flight goes to a block group that exists, into space that is neither free nor pinned, at the
    address that its ordered extent was given."""
    for bio in seen.fs.device.in_flight:
        what = f"the bio to {span(bio.ordered.disk_bytenr, len(bio.values))}"
        for block in range(bio.ordered.disk_bytenr, bio.ordered.disk_bytenr + len(bio.values)):
            observed = _owner_trouble(seen, block, bio.physical + block - bio.ordered.disk_bytenr)
            if observed:
                yield Mismatch(f"{what} writes to space of its own", observed)
                break


def _owner_trouble(seen: Observation, block: int, physical: int) -> str:
    fs = seen.fs
    group = next((g for g in fs.block_groups.tree.values() if g.start <= block < g.end), None)
    if group is None:
        return f"logical block {block} is in no block group any more"
    chunk = fs.volumes.mapping_tree[group.start]
    if chunk.physical + block - chunk.start != physical:
        return f"device block {physical} belongs to another chunk now"
    if block in group.free:
        return f"logical block {block} is free"
    if any(block in trans.pinned_extents for trans in fs.transactions.trans_list):
        return f"logical block {block} was freed"
    return ""


@holds(When.ALWAYS, quick=nothing_is_in_flight)
def ordered_extents_do_not_overlap_and_own_their_space(seen: Observation) -> Iterator[Mismatch]:
    """At most one ordered extent per file block, each in space of a live block group."""
    claimed = set()
    for ordered in seen.fs.ordered.all():
        for i in range(ordered.num):
            place = (ordered.inode.root.name, ordered.inode.ino, ordered.start + i)
            if place in claimed:
                yield Mismatch("one ordered extent per file block", f"two for block {place[2]}")
            claimed.add(place)
            block = ordered.disk_bytenr + i
            groups = [g for g in seen.fs.block_groups.tree.values() if g.start <= block < g.end]
            if not groups or block in groups[0].free:
                yield Mismatch(
                    "an ordered extent writes to space that is allocated",
                    f"logical block {block} is {'free' if groups else 'in no block group'}",
                )


@holds(When.QUIET, quick=nothing_is_left)
def every_ordered_extent_is_finished(seen: Observation) -> Iterator[Mismatch]:
    """Nobody would complete one that is left, and a task that waits for it would hang."""
    for ordered in seen.fs.ordered.all():
        yield Mismatch("no ordered extent is left", f"one for file {ordered.inode.ino} is")


@holds(When.QUIET, unless_aborted="reference changes that were queued are dropped, not applied")
def data_space_used_is_what_the_files_need(seen: Observation) -> Iterator[Mismatch]:
    """Space, against the reference model: blocks that some file still needs are used, others not.

    Delayed references are counted as applied.
    """
    extents = {
        start: item.length
        for start, item in seen.fs.trees.extent.root.items()
        if any(key.root != TREE_BLOCKS for key, _ in item.refs)
    }
    trans = seen.fs.transactions.running
    queued = trans.delayed_refs if trans else {}
    for head in queued.values():
        item = seen.fs.trees.extent.root.get(head.bytenr)
        refs = sum(n for _, n in item.refs) if item else 0
        if refs + len(head.adds) - len(head.drops):
            extents[head.bytenr] = head.num
        else:
            extents.pop(head.bytenr, None)
    used, (least, most) = sum(extents.values()), seen.reference.data_used()
    if not least <= used <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        yield Mismatch(f"the files need {expected} blocks", f"{used} blocks are referenced")
