"""Every property holds in healthy worlds, and each sees a defect that no other sees."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import pytest
from planted import DAMAGE, doing, starting, unblocked, writing_out
from watched import (
    GEOMETRY,
    NAMES,
    OF_THE_WORLD,
    Damage,
    broken,
    crashed_world,
    judged,
    override,
    used_world,
    writing_world,
)

from models.btrfs.commit import Commit as Commits
from models.btrfs.direct_io import DirectIo
from models.btrfs.errors import Errno, warn_on
from models.btrfs.fallocate import Fallocate
from models.btrfs.ordered_data import OrderedExtent
from models.btrfs.subvolume import Inode
from models.btrfs.transaction import Handle
from models.btrfs.trees import Image
from models.operations import Allocate, Commit, CompleteBio, Crash, StartNocowDio, Step
from models.properties import When
from models.simulation import Steps
from models.syscalls.creation import DURABILITY
from models.syscalls.power import MOUNTS
from models.syscalls.writes import IN_PLACE
from models.world import ASSERTION, LIVENESS, REFUSAL, Violation, World

ALL_DAMAGE = [(name, damage) for name, several in DAMAGE.items() for damage in several]


class Asserts(Fallocate):
    """A kernel with an assertion that fails."""

    def btrfs_fallocate(self, blocks: int) -> Steps[Inode]:
        """Fail."""
        warn_on(blocks > 0, "planted")
        return (yield from super().btrfs_fallocate(blocks))


class Sleeps(Fallocate):
    """A kernel that waits for something that never comes."""

    def btrfs_fallocate(self, blocks: int) -> Steps[Inode]:
        """Wait."""
        yield from self.fs.sim.wait_event("godot", lambda: False)
        return (yield from super().btrfs_fallocate(blocks))


class TakesAnythingForNodatacow(DirectIo):
    """A kernel that overwrites files that are not NODATACOW."""

    def btrfs_direct_IO(  # noqa: N802
        self, inode: Inode, start: int, num: int, value: int
    ) -> Steps[list[OrderedExtent]]:
        """Write in place."""
        inode.nodatacow = True
        return (yield from super().btrfs_direct_IO(inode, start, num, value))


class RefusesForAnyReason(Fallocate):
    """A kernel that fails where nothing is wrong."""

    def btrfs_fallocate(self, blocks: int) -> Steps[Inode]:  # noqa: ARG002
        """Fail, cleanly."""
        yield "btrfs_fallocate"
        raise Errno(errno.EIO)


class OnlySaysThatItCommits(Commits):
    """A kernel that lies to CPU 1."""

    def btrfs_commit_transaction(self, handle: Handle) -> Steps[None]:
        """End the handle and leave it at that."""
        if handle.task == "CPU 1":
            yield from self.fs.transactions.btrfs_end_transaction(handle)
        else:
            yield from super().btrfs_commit_transaction(handle)


WRITE = (Step("CPU 1", StartNocowDio(1, 0, 1)), Step("CPU 2", CompleteBio()), Step("CPU 1"))


class NeverFlushes(Commits):
    """A kernel that leaves its trees in the cache."""

    def write_ctree_super(self, image: Image) -> None:
        """Only the superblock is durable."""
        self.fs.device.write_super_fua(image)


JUDGED_BY_THE_WORLD: dict[str, tuple[type, Sequence[Step]]] = {
    MOUNTS: (NeverFlushes, [Step("CPU 1", Allocate()), Step("CPU 1", Commit()), Step("mount", Crash())]),
    ASSERTION: (Asserts, [Step("CPU 1", Allocate())]),
    LIVENESS: (Sleeps, [Step("CPU 1", Allocate())]),
    REFUSAL: (RefusesForAnyReason, [Step("CPU 1", Allocate())]),
    DURABILITY: (OnlySaysThatItCommits, [Step("CPU 1", Allocate()), Step("CPU 1", Commit())]),
    IN_PLACE: (TakesAnythingForNodatacow, [*WRITE, *WRITE]),
}


@pytest.mark.parametrize("make", [used_world, writing_world, starting, doing, unblocked, writing_out])
def test_a_healthy_world_breaks_nothing(make: Callable[[], World]) -> None:
    """If a property failed for a legal state, every case would be a failure."""
    world = make()
    assert broken(world) == set()
    assert world.violations == {}


def test_the_healthy_worlds_have_something_of_everything_to_look_at() -> None:
    """If a history were empty, its property would hold for want of anything to judge."""
    world = used_world()
    history = world.fs.history
    assert judged(world) == list(When)[:-1]
    assert judged(crashed_world()) == list(When)
    assert [] not in (history.became_ro, history.new_chunks, history.allocated)
    assert [] not in (history.past_barrier, history.relocated)
    assert {what for what, _, _ in history.entered} == {"allocation", "nocow writer"}
    assert len(world.fs.device.committed) > 2
    assert judged(writing_world()) == [When.ALWAYS, When.COMMIT]


def test_every_property_has_a_planted_defect() -> None:
    """If one had none, nobody would know whether it can fail."""
    assert len(set(NAMES)) == len(NAMES)
    assert DAMAGE.keys() == set(NAMES)
    assert DAMAGE.keys() | JUDGED_BY_THE_WORLD.keys() == {*NAMES, *OF_THE_WORLD}
    assert all(DAMAGE.values())


@pytest.mark.parametrize(
    ("name", "damage"), ALL_DAMAGE, ids=[f"{name}: {damage.what}" for name, damage in ALL_DAMAGE]
)
def test_a_planted_defect_breaks_its_property_and_no_other(name: str, damage: Damage) -> None:
    """If none broke, a property is blind; if others broke, it would not be known which one sees it."""
    world = damage.world()
    assert broken(world) == set()
    damage.plant(world)
    assert broken(world) == {name, *damage.also}, damage.why


@pytest.mark.parametrize("name", JUDGED_BY_THE_WORLD)
def test_the_world_reports_what_no_state_shows(name: str) -> None:
    """If the world swallowed it, a failed assertion, a deadlock or a wrong overwrite would pass."""
    room, steps = JUDGED_BY_THE_WORLD[name]
    world = World(GEOMETRY, [override(room)], run_on=True)
    with pytest.raises(Violation) if name in (ASSERTION, MOUNTS) else nullcontext():
        for step in steps:
            assert world.apply(step)
        world.finish()
    assert list(world.violations) == [name]


@pytest.mark.parametrize("name", JUDGED_BY_THE_WORLD)
def test_without_the_defect_the_same_steps_break_nothing(name: str) -> None:
    """If they did, the steps and not the defect would be to blame."""
    world = World(GEOMETRY)
    for step in JUDGED_BY_THE_WORLD[name][1]:
        assert world.apply(step)
    world.finish()
    assert world.violations == {}
