"""What the world says of broken kernels: deadlocks, consequences, aborts, and both known races."""

from __future__ import annotations

import pytest
from planted import DAMAGE
from watched import GEOMETRY, apply, group_of, override

from models.btrfs.history import History
from models.btrfs.transaction import Handle
from models.btrfs.trees import BlockGroupType
from models.btrfs.volumes import Volumes
from models.geometry import Geometry
from models.operations import Allocate, Commit, CompleteBio, CreateBg, Relocate, StartNocowDio, Step
from models.reverts import find_reverts
from models.simulation import Mark, Steps
from models.syscalls import Failed
from models.world import ABORT, LIVENESS, Violation, World

CREATION, RELOCATION = "ff1f8250a9e4", "f78c436c3931"
CONTENTS = "every_block_reads_as_its_last_write_or_a_concurrent_one"
STRAY_BIO = "no_bio_writes_to_space_that_is_not_its_own"

CREATE_ALLOCATE_COMMIT = (Step("CPU 1", CreateBg()), Step("CPU 1", Allocate(1)), Step("CPU 2", Commit()))
WRITE_RELOCATE = (
    Step("CPU 1", StartNocowDio(0, 0, 1), "can_nocow_extent"),
    Step("CPU 2", Relocate(2)),
)
COMPLETE = (Step("CPU 1"), Step("CPU 3", CompleteBio("CPU 1", 0)))


class KeepsTheChunkMutex(Volumes):
    """A kernel that forgets to unlock."""

    def do_chunk_alloc(self, handle: Handle, kind: BlockGroupType, *, force: bool = False) -> Steps[None]:
        """Allocate a chunk, and stay in the way of the next."""
        yield from super().do_chunk_alloc(handle, kind, force=force)
        yield from self.fs.chunk_mutex.lock()


class NeverHasEnough(Volumes):
    """A kernel that goes round and round."""

    def do_chunk_alloc(self, handle: Handle, kind: BlockGroupType, *, force: bool = False) -> Steps[None]:
        """Sleep whenever there is a chunk, to look for one more."""
        yield from super().do_chunk_alloc(handle, kind, force=force)
        while True:
            seen = len(self.fs.sim.notes)
            yield from self.fs.sim.wait_event("more", lambda seen=seen: len(self.fs.sim.notes) > seen)  # type: ignore[misc]


class Spins(Volumes):
    """A kernel that goes round and round without ever sleeping."""

    def do_chunk_alloc(self, handle: Handle, kind: BlockGroupType, *, force: bool = False) -> Steps[None]:
        """Allocate a chunk, and never come back."""
        yield from super().do_chunk_alloc(handle, kind, force=force)
        while True:
            yield "do_chunk_alloc"


def run(world: World, steps: tuple[Step, ...]) -> World:
    """Take all steps, each of which must make sense, and finish.  Raises Violation."""
    for step in steps:
        assert world.apply(step), step
    world.finish()
    return world


def test_a_deadlock_says_who_waits_for_what_held_by_whom() -> None:
    """If it did not, a deadlock would be as hard to find as in the kernel."""
    world = World(Geometry(), [override(KeepsTheChunkMutex)])
    apply(world, "CPU 1", CreateBg())
    apply(world, "CPU 2", CreateBg())
    with pytest.raises(Violation) as caught:
        world.finish()
    assert caught.value.property == LIVENESS
    assert caught.value.mismatch.observed.split("; ") == [
        "CPU 2 waits for chunk_mutex, held by CPU 1",
        "transaction kthread waits for num_writers == 1, held by CPU 2",
    ]
    assert caught.value.drained == 2


def test_a_case_that_goes_on_and_on_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were not, the fuzzer would hang."""
    monkeypatch.setattr("models.draining.DRAIN_LIMIT", 50)
    world = World(Geometry(), [override(NeverHasEnough)])
    apply(world, "CPU 1", CreateBg())
    with pytest.raises(Violation, match="it goes on and on") as caught:
        world.finish()
    assert caught.value.property == LIVENESS


def test_an_operation_that_never_ends_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were not, the fuzzer would hang inside one step."""
    monkeypatch.setattr("models.simulation.PAUSES_LIMIT", 500)
    world = World(Geometry(), [override(Spins)])
    with pytest.raises(Violation, match="CPU 1 does not come to an end") as caught:
        world.apply(Step("CPU 1", CreateBg()))
    assert caught.value.property == LIVENESS


def test_a_violation_ends_a_case_at_once() -> None:
    """If it did not, the report would show the consequence and not the cause."""
    world = World(Geometry(), find_reverts([RELOCATION]))
    with pytest.raises(Violation) as caught:
        run(world, WRITE_RELOCATE)
    assert list(world.violations) == [caught.value.property] == [STRAY_BIO]
    assert "logical block 9 is in no block group any more" in str(caught.value)
    assert (caught.value.drained, len(world.drained)) == (2, 2)


def test_run_on_collects_what_comes_of_it_each_property_once() -> None:
    """If the case ended at the first, nobody would see that a write is lost in the end."""
    world = run(World(Geometry(), find_reverts([RELOCATION]), run_on=True), WRITE_RELOCATE)
    assert {name: violation.drained for name, violation in world.violations.items()} == {
        STRAY_BIO: 2,
        "ordered_extents_do_not_overlap_and_own_their_space": 2,
        "nobody_is_on_the_way_once_relocation_copies": 2,
        CONTENTS: 4,
        "a_block_holds_its_last_durable_write_or_a_newer_one": 6,
    }
    told = [note.text for note in world.sim.notes if note.mark is Mark.BREAKS]
    assert told == list(world.violations)


@pytest.mark.parametrize("run_on", [False, True])
def test_an_abort_ends_a_case_always(run_on: bool) -> None:
    """If it did not, everything that a dead file system cannot do would be reported."""
    world = World(Geometry(), find_reverts([CREATION]), run_on=run_on)
    with pytest.raises(Violation, match="transaction aborted") as caught:
        run(world, CREATE_ALLOCATE_COMMIT)
    assert caught.value.property == ABORT
    assert list(world.violations) == [ABORT]
    assert world.drained == []


def test_creation_against_writeout_aborts_only_without_its_fix() -> None:
    """If the fixed kernel aborted too, the revert would prove nothing."""
    with pytest.raises(Violation, match="-ENOENT") as caught:
        run(World(Geometry(), find_reverts([CREATION])), CREATE_ALLOCATE_COMMIT)
    assert caught.value.property == ABORT
    fixed = run(World(Geometry()), CREATE_ALLOCATE_COMMIT)
    assert fixed.violations == {}
    assert any("queued again" in note.text for note in fixed.sim.notes)


def test_relocation_against_a_nocow_write_loses_it_only_without_its_fix() -> None:
    """If the fixed kernel lost it too, the revert would prove nothing."""
    broken = run(World(Geometry(), find_reverts([RELOCATION]), run_on=True), WRITE_RELOCATE)
    assert broken.violations[CONTENTS].mismatch.observed == "it reads its first content"
    assert run(World(Geometry()), WRITE_RELOCATE).violations == {}


def test_the_lost_write_needs_no_drain_to_be_complete() -> None:
    """If only finish could lose it, a program that tells every step would seem to be harmless."""
    steps = (*WRITE_RELOCATE, *COMPLETE)
    world = World(Geometry(), find_reverts([RELOCATION]))
    with pytest.raises(Violation, match="file 0 block 0 reads write 1") as caught:
        run(world, steps)
    assert caught.value.property == CONTENTS
    assert world.program == list(steps)
    assert run(World(Geometry()), steps).violations == {}


@pytest.mark.parametrize(("taken_out", "group"), [((), 4), ((RELOCATION,), 2)])
def test_the_fix_sends_a_late_write_elsewhere(taken_out: tuple[str, ...], group: int) -> None:
    """If it were the relocation that gave way, another fix would be tested."""
    world = World(Geometry(), find_reverts(taken_out), run_on=True)
    for step in WRITE_RELOCATE:
        assert world.apply(step)
    assert world.sim.waiting() == ["CPU 2 waits for lock_extent(file 0, 0-3), held by CPU 1"]
    target = group_of(world, group)
    apply(world, "CPU 1")
    (bio,) = world.fs.device.in_flight
    assert target.start <= bio.ordered.disk_bytenr < target.end


@pytest.mark.parametrize(
    "name",
    [
        "no_counter_is_negative",
        "committed_used_bytes_are_the_extents",
        "no_lookup_reference_is_left",
        "nothing_is_reserved_or_pinned",
    ],
)
def test_the_world_looks_at_every_moment(name: str) -> None:
    """If it left one out, its properties would hold for want of anybody who asks."""
    world = DAMAGE[name][0].world()
    DAMAGE[name][0].plant(world)
    with pytest.raises(Violation) as caught:
        world.finish()
    assert caught.value.property == name


def test_what_was_checked_is_forgotten() -> None:
    """If it were not, the state of now would be compared with a history of long ago."""
    world = World(GEOMETRY)
    apply(world, "CPU 1", CreateBg())
    apply(world, "CPU 1", Commit())
    assert world.fs.history == History()
    assert world.fs.device.committed == []


def test_the_reference_is_told_how_operations_end() -> None:
    """If it were not, contents and space would be judged by what was intended."""
    world = World(GEOMETRY)
    apply(world, "CPU 1", StartNocowDio(0, 0, 1))
    block = world.reference.files[0].blocks[0]
    assert block.allowed() == [-1000, 1]
    apply(world, "CPU 2", CompleteBio())
    assert block.allowed() == [-1000, 1]
    apply(world, "CPU 1")
    assert block.allowed() == [1]
    apply(world, "CPU 1", Allocate(3))
    assert [len(b.extents) for b in world.reference.files[2].blocks] == [1, 1, 1]


def test_the_reference_is_told_of_a_failed_relocation() -> None:
    """If it were not, a copy that stays in use would seem to be a leak."""
    world = World(Geometry(groups=1, group_blocks=4, spare_chunks=0))
    least = world.reference.data_used()
    apply(world, "CPU 1", Relocate(2))
    assert isinstance(world.sim.task("CPU 1").result, Failed)
    assert (least, world.reference.data_used()) == ((4, 4), (4, 8))
