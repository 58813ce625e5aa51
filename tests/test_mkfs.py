"""A fresh file system: a consistent image, with the files where the geometry says."""

from __future__ import annotations

import pytest
from simulated import Mounted, assert_counters_add_up, assert_image_is_consistent

from models.btrfs.mkfs import mkfs
from models.btrfs.trees import BlockGroupType
from models.geometry import File, FileKind, Geometry

ACROSS = Geometry(
    groups=2,
    group_blocks=4,
    spare_chunks=2,
    files=(File(FileKind.NODATACOW, 3), File(FileKind.PREALLOC, 3)),
)


def test_the_image_is_consistent() -> None:
    """If mkfs made a damaged image, every later check would blame the kernel model."""
    assert_image_is_consistent(mkfs(ACROSS).superblock)


def test_the_mounted_counters_add_up() -> None:
    """If mount read the trees wrongly, the first reservation would be judged wrongly."""
    fs = Mounted(ACROSS)
    assert_counters_add_up(fs.fs)
    assert (fs.data.total, fs.data.used) == (8, 6)
    assert (fs.metadata.total, fs.metadata.used) == (4, 1)
    assert (fs.system.total, fs.system.used) == (4, 1)


def test_chunks_lie_side_by_side_behind_the_superblock() -> None:
    """If one covered block 0, data would overwrite the superblock."""
    chunks = mkfs(ACROSS).superblock.chunks
    assert [(c.physical, c.length, c.type.value) for c in chunks.values()] == [
        (1, 4, "SYSTEM"),
        (5, 4, "METADATA"),
        (9, 4, "DATA"),
        (13, 4, "DATA"),
    ]


def test_files_are_one_extent_per_block_group_without_holes() -> None:
    """If an extent crossed a block group, relocating one of them would move half of it."""
    fs = Mounted(ACROSS)
    assert fs.extents(0) == [(0, "REG", 9, 3)]
    assert fs.extents(1) == [(0, "PREALLOC", 12, 1), (1, "PREALLOC", 13, 2)]


def test_written_files_hold_values_of_their_own_and_preallocated_ones_zero() -> None:
    """If two blocks held one value, a write to the wrong place could go unseen."""
    fs = Mounted(ACROSS)
    assert fs.read(0) == [-1000, -1001, -1002]
    assert fs.read(1) == [0, 0, 0]
    assert len(set(fs.device.blocks)) == 4


@pytest.mark.parametrize("spare", [0, 3])
def test_the_device_has_room_for_the_spare_chunks_and_no_more(spare: int) -> None:
    """If it had more, the ENOSPC paths would never be reached."""
    fs = Mounted(Geometry(groups=1, group_blocks=4, spare_chunks=spare))
    for number in range(spare):
        fs.create_bg(f"task {number}")
    fs.begin("one more", fs.fs.volumes.do_chunk_alloc(fs.join("one more"), BlockGroupType.DATA, force=True))
    assert str(fs.sim.task("one more").result) == "-ENOSPC"


def test_a_superblock_copy_is_never_handed_out() -> None:
    """If it were, data would overwrite the copy."""
    fs = Mounted(Geometry(groups=7, group_blocks=4, spare_chunks=1, files=()))
    group = fs.create_bg("task")
    assert (group.start, group.bytes_super, group.free.blocks()) == (37, 1, [37, 38, 39])
    assert fs.data.readonly == 1
    assert_counters_add_up(fs.fs)


def test_files_that_would_reach_the_superblock_copy_are_refused() -> None:
    """If they were laid out all the same, their data would lie on the copy."""
    with pytest.raises(ValueError, match="at most 31 blocks in DATA block groups"):
        Geometry(groups=8, group_blocks=4, files=())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"groups": 0}, "groups is 0"),
        ({"group_blocks": 1}, "group_blocks is 1"),
        ({"spare_chunks": 65}, "spare_chunks is 65"),
    ],
)
def test_a_number_out_of_range_is_refused(arguments: dict[str, int], text: str) -> None:
    """If it were taken, the mistake would show up as a strange kernel bug."""
    with pytest.raises(ValueError, match=text):
        Geometry(**arguments, files=())


@pytest.mark.parametrize(("blocks", "text"), [(0, "at least one block"), (5, "need 5 blocks")])
def test_files_that_do_not_fit_are_refused(blocks: int, text: str) -> None:
    """If they were laid out all the same, they would lie outside every chunk."""
    with pytest.raises(ValueError, match=text):
        Geometry(groups=1, group_blocks=4, files=(File(FileKind.PREALLOC, blocks),))
