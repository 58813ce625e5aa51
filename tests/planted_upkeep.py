"""Planted defects of trim and scrub, by the property that must see it."""

from __future__ import annotations

from dataclasses import replace

import damages as do
from watched import Damage, group_of, newest, used_world

from models.btrfs.device import Discard
from models.btrfs.history import Discarded
from models.btrfs.trees import ExtentItem
from models.btrfs.trim import TrimRange
from models.world import World


def discard(world: World, block: int, blocks: int = 1) -> None:
    """The history says that logical blocks were discarded."""
    done = Discard(world.fs.volumes.map_block(block), blocks)
    world.fs.history.discarded.append(Discarded(done, world.fs.device.superblock))


def discard_what_a_crash_needs(world: World) -> None:
    """A free block of SYSTEM was discarded, and the superblock of that moment still had it."""
    (free, *_), superblock = do.system(world).free.blocks(), world.fs.device.superblock
    done = Discard(world.fs.volumes.map_block(free), 1)
    image = replace(superblock, extents={**superblock.extents, free: ExtentItem(1, 1, ())})
    world.fs.history.discarded.append(Discarded(done, image))


def pass_over(world: World) -> None:
    """A block group is unused, and the cleaner passed it over."""
    group = do.system(world)
    (extent,) = (start for start in world.fs.trees.extent.root if group.start <= start < group.end)
    del world.fs.trees.extent.root[extent]
    group.used, group.in_hand, group.passed_over = 0, 1, True
    do.bump(do.info(world, group.type), "used", -1)


UPKEEP_DAMAGE = {
    "nothing_is_discarded_that_somebody_owns": [
        Damage("a file's block", used_world, lambda w: discard(w, group_of(w).start)),
        Damage("the end of a file", used_world, lambda w: discard(w, group_of(w).end - 1)),
        Damage("the superblock's", used_world, discard_what_a_crash_needs),
    ],
    "nothing_of_a_trim_is_left": [
        Damage("somebody trims", used_world, do.counts(group_of, "trimming")),
        Damage("somebody trimmed", used_world, lambda w: do.bump(do.relocated(w), "trimming")),
        Damage("an entry", used_world, lambda w: do.relocated(w).free.add(do.relocated(w).start, 1)),
        Damage(
            "a range",
            used_world,
            lambda w: w.fs.trim.trimming_ranges.append(
                TrimRange(newest(w), newest(w).start, 0, charged=True)
            ),
        ),
        Damage(
            "a pinned chunk",
            used_world,
            lambda w: w.fs.dev_extents.pinned_chunks.append(w.fs.volumes.mapping_tree[1]),
        ),
        Damage("a discard", used_world, lambda w: w.fs.device.discards.append(Discard(0, 1))),
    ],
    "nothing_of_a_scrub_is_left": [
        Damage("one runs", used_world, lambda w: w.fs.scrub.scrubs_running.append("CPU 9")),
        Damage("one is paused", used_world, lambda w: w.fs.scrub.scrubs_paused.append("CPU 9")),
        Damage("somebody wants it paused", used_world, lambda w: w.fs.scrub.pause_requests.append("CPU 9")),
    ],
    "a_block_group_that_the_cleaner_passed_over_is_queued_again": [
        Damage("one is not", used_world, pass_over),
    ],
}
