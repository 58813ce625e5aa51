"""The reference model: what a block may hold, who may write in place, how much space the files need."""

from __future__ import annotations

import pytest

from models.geometry import File, FileKind, Geometry, initial_value
from models.reference import Reference
from models.reference.contents import Piece, Write

NODATACOW, PREALLOC = 0, 1
FIRST = initial_value(NODATACOW, 0)


def fresh(blocks: int = 4) -> Reference:
    """File 0 is NODATACOW, file 1 preallocated; each is one extent."""
    files = (File(FileKind.NODATACOW, blocks), File(FileKind.PREALLOC, blocks))
    return Reference(Geometry(groups=2, group_blocks=blocks, files=files))


def allowed(reference: Reference, file: int = NODATACOW) -> list[list[int]]:
    """What each block of a file may hold."""
    return [block.allowed() for block in reference.files[file].blocks]


def end(reference: Reference, write: Write, *pieces: Piece, file: int = NODATACOW) -> str:
    """A write is acknowledged, in one block in place if nothing else is said."""
    return reference.end_write(file, write, pieces or [Piece(0, 1, in_place=True)])


def write(reference: Reference, start: int, num: int, value: int, *, file: int, in_place: bool) -> str:
    """A write from its start to its end, as one piece."""
    running = reference.start_write(file, start, num, value)
    return end(reference, running, Piece(start, num, in_place), file=file)


def test_at_first_a_nodatacow_file_has_its_content_and_a_preallocated_one_reads_as_zero() -> None:
    """If these were wrong, the first read of every case would fail."""
    reference = fresh(2)
    assert allowed(reference, NODATACOW) == [[FIRST], [FIRST - 1]]
    assert allowed(reference, PREALLOC) == [[0], [0]]


def test_a_running_write_may_be_seen_or_not() -> None:
    """If only one of the two were allowed, a legal read would be a failure."""
    reference = fresh()
    reference.start_write(NODATACOW, 1, 2, 7)
    assert allowed(reference) == [[FIRST], [FIRST - 1, 7], [FIRST - 2, 7], [FIRST - 3]]


def test_a_write_that_ended_is_the_only_value() -> None:
    """If the old value stayed allowed, a lost write could not be seen."""
    reference = fresh()
    end(reference, reference.start_write(NODATACOW, 0, 1, 7))
    assert allowed(reference)[0] == [7]
    end(reference, reference.start_write(NODATACOW, 0, 1, 8))
    assert allowed(reference)[0] == [8]


@pytest.mark.parametrize("order", [(7, 8), (8, 7)])
def test_of_two_concurrent_writes_either_may_be_last(order: tuple[int, int]) -> None:
    """If the one acknowledged last had to win, a legal order would be a failure."""
    reference = fresh()
    writes = {value: reference.start_write(NODATACOW, 0, 1, value) for value in (7, 8)}
    end(reference, writes[order[0]])
    assert allowed(reference)[0] == [7, 8]
    end(reference, writes[order[1]])
    assert allowed(reference)[0] == [7, 8]


def test_a_write_that_ended_before_another_began_never_comes_back() -> None:
    """If it did while a third ran beside both, its loss of the block would hide a lost write."""
    reference = fresh()
    long = reference.start_write(NODATACOW, 0, 1, 7)
    end(reference, reference.start_write(NODATACOW, 0, 1, 8))
    assert allowed(reference)[0] == [7, 8]
    end(reference, reference.start_write(NODATACOW, 0, 1, 9))
    assert allowed(reference)[0] == [7, 9]
    end(reference, long)
    assert allowed(reference)[0] == [7, 9]
    end(reference, reference.start_write(NODATACOW, 0, 1, 10))
    assert allowed(reference)[0] == [10]


def test_overlapping_writes_are_judged_block_by_block() -> None:
    """If a write were judged as a whole, its blocks that nobody else wrote could hold anything."""
    reference = fresh()
    first = reference.start_write(NODATACOW, 0, 2, 7)
    second = reference.start_write(NODATACOW, 1, 2, 8)
    end(reference, first, Piece(0, 2, in_place=True))
    end(reference, second, Piece(1, 2, in_place=True))
    assert allowed(reference) == [[7], [7, 8], [8], [FIRST - 3]]


def test_a_short_write_changes_only_what_it_was_acknowledged_for() -> None:
    """If the rest took its value too, a block that was never written could not be read."""
    reference = fresh()
    end(reference, reference.start_write(NODATACOW, 0, 4, 7), Piece(0, 2, in_place=True))
    assert allowed(reference) == [[7], [7], [FIRST - 2], [FIRST - 3]]


def test_a_write_in_pieces_is_one_write() -> None:
    """If a piece were lost, so would be what was written there."""
    reference = fresh()
    pieces = (Piece(0, 1, in_place=True), Piece(1, 2, in_place=False))
    assert end(reference, reference.start_write(NODATACOW, 0, 4, 7), *pieces) == ""
    assert allowed(reference) == [[7], [7], [7], [FIRST - 3]]


def test_a_write_that_failed_changes_nothing() -> None:
    """If its value stayed allowed, it could turn up later."""
    reference = fresh()
    reference.end_write(NODATACOW, reference.start_write(NODATACOW, 0, 4, 7), [])
    assert allowed(reference) == allowed(fresh())
    assert reference.data_used() == (8, 8)


def test_a_nodatacow_file_may_always_be_overwritten() -> None:
    """If it might not, NODATACOW would mean nothing."""
    reference = fresh()
    assert [write(reference, 0, 4, v, file=NODATACOW, in_place=True) for v in (7, 8)] == ["", ""]


def test_a_preallocated_block_may_be_written_in_place_once() -> None:
    """If it might be twice, a COW file could be overwritten and nobody would complain."""
    reference = fresh()
    assert write(reference, 1, 1, 7, file=PREALLOC, in_place=True) == ""
    assert write(reference, 2, 1, 7, file=PREALLOC, in_place=True) == ""
    complaint = write(reference, 1, 1, 8, file=PREALLOC, in_place=True)
    assert complaint == "block 1 of file 1 was written before, and is not NODATACOW"
    complaint = write(reference, 2, 2, 9, file=PREALLOC, in_place=True)
    assert complaint == "block 2 of file 1 was written before, and is not NODATACOW", "not of block 3"
    complaint = write(reference, 0, 2, 9, file=PREALLOC, in_place=True)
    assert complaint == "block 1 of file 1 was written before, and is not NODATACOW", "not of block 0"


def test_a_block_that_was_copied_on_write_is_no_longer_preallocated() -> None:
    """If it were, its next write might overwrite what the last superblock references."""
    reference = fresh()
    assert write(reference, 0, 1, 7, file=PREALLOC, in_place=False) == ""
    assert "written before" in write(reference, 0, 1, 8, file=PREALLOC, in_place=True)


def test_concurrent_writes_may_both_go_to_a_preallocated_block() -> None:
    """If one of them might not, a legal order would be a failure."""
    reference = fresh()
    writes = [reference.start_write(PREALLOC, 0, 1, value) for value in (7, 8)]
    assert [end(reference, running, file=PREALLOC) for running in writes] == ["", ""]


def test_at_first_every_extent_is_needed() -> None:
    """If this were wrong, every case would fail."""
    assert fresh(4).data_used() == (8, 8)


def test_writing_in_place_needs_no_space() -> None:
    """If it did, the space would seem to be missing."""
    reference = fresh()
    write(reference, 0, 4, 7, file=NODATACOW, in_place=True)
    assert reference.data_used() == (8, 8)


def test_an_extent_is_kept_whole_as_long_as_one_block_of_it_is_needed() -> None:
    """If the covered part were counted as free, bookend extents would be failures."""
    reference = fresh()
    for block in range(3):
        write(reference, block, 1, 7, file=NODATACOW, in_place=False)
        assert reference.data_used() == (8 + block + 1,) * 2
    write(reference, 3, 1, 7, file=NODATACOW, in_place=False)
    assert reference.data_used() == (8, 8)


@pytest.mark.parametrize("order", [(7, 8), (8, 7)])
def test_concurrent_copies_leave_open_which_is_needed_until_the_next_write(order: tuple[int, int]) -> None:
    """If one were taken for certain, a legal order would fail; if it stayed open, a leak could hide."""
    reference = fresh()
    sizes = {7: 1, 8: 4}
    writes = {value: reference.start_write(NODATACOW, 0, num, value) for value, num in sizes.items()}
    for value in order:
        end(reference, writes[value], Piece(0, sizes[value], in_place=False))
    assert reference.data_used() == (8, 9)
    write(reference, 0, 4, 9, file=NODATACOW, in_place=False)
    assert reference.data_used() == (8, 8)


def test_after_a_failed_relocation_extents_may_be_there_twice() -> None:
    """If not, a copy in use beside its original would be a failure; if more were allowed, a leak."""
    reference = fresh()
    write(reference, 0, 1, 7, file=NODATACOW, in_place=False)
    assert reference.data_used() == (9, 9)
    reference.relocation_failed()
    assert reference.data_used() == (9, 4 * 2 + 4 * 2 + 1)


def test_an_extent_can_be_in_no_more_copies_than_blocks_need_it() -> None:
    """If it could, every failed relocation would make the bound weaker."""
    reference = fresh(2)
    for _ in range(5):
        reference.relocation_failed()
    assert reference.data_used() == (4, 8)


def test_a_write_after_a_failed_relocation_is_in_one_place() -> None:
    """If the copies of the old extent stayed open, they could leak unseen."""
    reference = fresh()
    reference.relocation_failed()
    for file in (NODATACOW, PREALLOC):
        write(reference, 0, 4, 7, file=file, in_place=False)
    assert reference.data_used() == (8, 8)


def test_a_file_that_crosses_a_block_group_is_two_extents() -> None:
    """If it were one, overwriting the first part would seem to free nothing."""
    files = (File(FileKind.NODATACOW, 3), File(FileKind.NODATACOW, 3))
    reference = Reference(Geometry(groups=2, group_blocks=4, files=files))
    assert [b.extents[0].blocks for b in reference.files[1].blocks] == [1, 2, 2]
    write(reference, 1, 2, 7, file=1, in_place=False)
    assert reference.data_used() == (6, 6)


def test_a_new_file_reads_as_zero_and_needs_its_extents() -> None:
    """If it were unknown, its space would seem to leak and its content would be unchecked."""
    reference = fresh()
    reference.add_file(2, [2, 1])
    assert allowed(reference, 2) == [[0], [0], [0]]
    assert reference.data_used() == (11, 11)
    assert write(reference, 0, 3, 7, file=2, in_place=True) == ""
    assert "written before" in write(reference, 0, 3, 8, file=2, in_place=True)
