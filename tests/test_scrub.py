"""Scrubbing, pausing scrub, and what is left behind."""

from __future__ import annotations

import errno

import pytest
from simulated import Mounted, assert_counters_add_up, assert_quiet

from models.btrfs.errors import Errno
from models.geometry import File, FileKind, Geometry
from models.simulation import State, Steps

TWO = Geometry(2, 4, 3, (File(FileKind.NODATACOW, 2),))
"""Block group 2 at 9-12, half full, and 3 at 13-16, empty."""


def scrub(fs: Mounted, start: int = 9, end: int = 13) -> Steps[None]:
    """Operation: scrub a device range, that of block group 2 where nothing else is said."""
    return fs.fs.scrub.btrfs_scrub_dev(start, end)


def scrubbing(point: str) -> Mounted:
    """A file system with a scrub of block group 2 that is stopped at a point."""
    fs = Mounted(TWO)
    fs.begin("scrub", scrub(fs), until=point)
    return fs


def test_a_block_group_is_read_only_while_it_is_read() -> None:
    """If it were writable, what is read could change under scrub."""
    fs = scrubbing("scrub_stripe")
    assert (fs.group(2).ro, fs.group(3).ro) == (1, 0)
    fs.resume("scrub")
    assert fs.group(2).ro == 0
    assert_counters_add_up(fs.fs)
    assert_quiet(fs.fs)


def test_a_scrub_walks_all_of_its_range() -> None:
    """If it stopped behind the first block group, the rest would not be looked at."""
    fs = Mounted(TWO)
    fs.begin("scrub", scrub(fs, end=17), until="scrub_stripe")
    fs.resume("scrub", until="scrub_stripe")
    assert (fs.group(2).ro, fs.group(3).ro) == (0, 1)


def test_one_scrub_at_a_time() -> None:
    """If there were two, the device would be read twice."""
    fs = scrubbing("scrub_stripe")
    with pytest.raises(Errno) as caught:
        fs.call("second", scrub(fs))
    assert caught.value.code == errno.EINPROGRESS
    fs.resume("scrub")
    fs.call("second", scrub(fs))


def test_a_scrub_goes_on_without_read_only_where_there_is_no_space() -> None:
    """If it failed, a full file system could not be scrubbed."""
    fs = Mounted(Geometry(1, 4, 0, (File(FileKind.NODATACOW, 2),)))
    fs.data.may_use = 1
    fs.begin("scrub", scrub(fs), until="scrub_stripe")
    assert fs.group(2).ro == 0
    fs.resume("scrub")
    assert (fs.result("scrub"), fs.group(2).ro) == (None, 0)


@pytest.mark.parametrize("point", ["scrub_enumerate_chunks", "btrfs_lookup_block_group", "scrub_chunk"])
def test_a_scrub_that_is_not_paused_holds_up_a_commit(point: str) -> None:
    """If it did not, scrub would read commit roots while they are switched."""
    fs = scrubbing(point)
    fs.begin("committer", fs.commit())
    assert fs.waiting() == ["committer waits for scrubs_paused == scrubs_running, held by scrub"]
    fs.resume("scrub")
    fs.resume("committer")
    fs.resume("scrub")
    assert fs.waiting() == []
    assert_quiet(fs.fs)


def test_a_scrub_that_waits_for_a_commit_counts_as_paused() -> None:
    """If it did not, commit and scrub would wait for each other."""
    fs = Mounted(TWO)
    fs.begin("committer", fs.commit(), until="BTRFS_TRANS_DIRTY_BG_RUN")
    fs.begin("scrub", scrub(fs))
    assert fs.waiting() == ["scrub waits for transaction 2 completed, held by committer"]
    fs.resume("committer")
    assert fs.sim.task("committer").state is State.IDLE
    fs.resume("scrub")
    assert fs.sim.task("scrub").state is State.IDLE


def test_a_scrub_does_not_start_while_a_relocation_runs() -> None:
    """If it did, it could turn the target read-only at any time."""
    fs = Mounted(TWO)
    fs.begin("balance", fs.relocate(2), until="relocate_block_group")
    fs.begin("scrub", scrub(fs, 13, 17))
    assert fs.waiting() == ["scrub waits for scrub_pause_req, held by balance"]
    fs.resume("balance")
    fs.resume("scrub")
    assert_quiet(fs.fs)


def test_a_chunk_that_is_gone_with_its_block_group_is_no_error() -> None:
    """If it were one, scrub would fail whenever a block group is removed."""
    fs = scrubbing("scrub_pause_on")
    group = fs.group(2)
    fs.call("balance", fs.relocate(2))
    fs.resume("scrub")
    assert fs.result("scrub") is None
    assert (group.removed, group.refs["lookup"]) == (True, 0)


def test_a_chunk_that_is_gone_without_its_block_group_is_one() -> None:
    """If it were none, a lost chunk map would not be noticed."""
    fs = scrubbing("scrub_chunk")
    chunk = fs.fs.volumes.mapping_tree.pop(9)
    fs.resume("scrub")
    with pytest.raises(Errno) as caught:
        fs.result("scrub")
    assert caught.value.code == errno.EINVAL
    fs.fs.volumes.mapping_tree[9] = chunk
    assert_quiet(fs.fs)


def test_a_block_group_without_a_device_extent_in_the_commit_root_is_not_scrubbed() -> None:
    """If it were, scrub would read what no superblock knows."""
    fs = Mounted(TWO)
    fs.create_bg("creator")
    fs.begin("scrub", scrub(fs, 17, 21))
    assert fs.result("scrub") is None


def test_an_unused_block_group_is_queued_when_scrub_is_done_with_it() -> None:
    """If it were not, and the cleaner had passed it over, it would never be removed."""
    fs = Mounted(TWO)
    fs.begin("scrub", scrub(fs, 13, 17), until="scrub_submit")
    fs.call("cleaner", fs.fs.cleaner.btrfs_delete_unused_bgs())
    group = fs.group(3)
    assert (group.bg_list, group.passed_over) == (None, True)
    fs.resume("scrub")
    assert (group.bg_list, group.passed_over) == (fs.fs.block_groups.unused_bgs, False)


def test_a_used_block_group_is_not_queued() -> None:
    """If it were, the cleaner would look at it for nothing."""
    fs = Mounted(TWO)
    fs.call("scrub", scrub(fs))
    assert fs.group(2).bg_list is None


def test_the_cleaner_notes_whom_it_passes_over() -> None:
    """If it did not, nobody could tell whether scrub made up for it."""
    fs = Mounted(TWO)
    group = fs.group(3)
    assert group.bg_list is not None  # mount queues what is unused
    fs.begin("scrub", scrub(fs, 13, 17), until="scrub_stripe")
    fs.call("cleaner", fs.fs.cleaner.btrfs_delete_unused_bgs())
    assert group.passed_over
    assert not group.removed
    assert group.number not in [queued.number for queued in fs.fs.block_groups.unused_bgs]


def test_a_copy_goes_to_new_blocks_where_its_place_turned_read_only() -> None:
    """If it went in place, scrub would read blocks that change; if it went nowhere, data would be lost."""
    fs = Mounted(Geometry(2, 4, 3, (File(FileKind.NODATACOW, 4),)))
    fs.begin("scrub", scrub(fs, 13, 17), until="scrub_pause_on")
    fs.begin("balance", fs.relocate(2), until="relocate_file_extent_cluster")
    fs.resume("scrub")
    fs.resume("balance")
    fs.resume("scrub")
    assert fs.extents(0) == [(0, "REG", 17, 4)]
    assert fs.read(0) == [-1000, -1001, -1002, -1003]
    assert_counters_add_up(fs.fs)
    assert_quiet(fs.fs)
