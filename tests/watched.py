"""Healthy worlds to damage, and what the properties say of them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from models.btrfs.block_group import BlockGroup
from models.btrfs.device import Bio
from models.btrfs.history import History
from models.btrfs.transaction import Transaction
from models.btrfs.trees import Image
from models.geometry import File, FileKind, Geometry
from models.operations import (
    Allocate,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    Operation,
    Relocate,
    StartNocowDio,
    Step,
)
from models.properties import When, properties
from models.reverts import Revert
from models.syscalls.creation import DURABILITY
from models.syscalls.power import MOUNTS
from models.syscalls.writes import IN_PLACE
from models.world import ABORT, ASSERTION, LIVENESS, REFUSAL, World

NAMES = [prop.name for when in When for prop in properties(when)]
"""Every property that looks at the state."""
OF_THE_WORLD = (ABORT, ASSERTION, LIVENESS, IN_PLACE, REFUSAL, DURABILITY, MOUNTS)
"""Every property that the world judges itself, when something happens."""
GEOMETRY = Geometry(2, 4, 3, (File(FileKind.NODATACOW, 3), File(FileKind.PREALLOC, 3)))


@dataclass(frozen=True, slots=True)
class Damage:
    """``plant`` damages one thing in the world that ``world`` makes; ``what`` says which.

    ``also`` are properties that must break with the one that is meant; ``why`` says why.
    """

    what: str
    world: Callable[[], World]
    plant: Callable[[World], object]
    also: AbstractSet[str] = frozenset()
    why: str = ""


class KeptHistory(History):
    """A history that is not forgotten after each check, so that there is something in it to damage."""

    def clear(self) -> None:
        """Keep everything."""


class KeptImages(list[Image]):
    """Committed images that are not forgotten after each check."""

    def clear(self) -> None:
        """Keep everything."""


def apply(world: World, task: str, operation: Operation | None = None, until: str | None = None) -> None:
    """Take a step that must make sense."""
    assert world.apply(Step(task, operation, until)), f"{task}: {operation} does nothing"


def used_world() -> World:
    """A world in which something of everything has happened, and nothing is going on."""
    world = World(GEOMETRY)
    world.final_crash = False
    world.fs.history, world.fs.device.committed = KeptHistory(), KeptImages()
    apply(world, "CPU 1", CreateBg())
    apply(world, "CPU 2", StartNocowDio(0, 0, 2))
    apply(world, "CPU 1", Allocate(2))
    apply(world, "CPU 3", Relocate(3))
    world.finish()
    world.draining = False
    return world


def writing_world() -> World:
    """A used world with a bio in flight to a NODATACOW file, and a handle with a new block group."""
    world = used_world()
    apply(world, "CPU 1", StartNocowDio(0, 0, 2))
    apply(world, "CPU 2", CreateBg())
    return world


def committing_world(point: str) -> World:
    """A used world in which an extent was freed, and its commit is at ``point``."""
    world = used_world()
    for _ in range(2):
        apply(world, "CPU 1", StartNocowDio(1, 0, 3))
        while world.fs.device.in_flight:
            bio = world.fs.device.in_flight[0]
            apply(world, "kworker 1", CompleteBio(bio.submitter, bio.index))
        apply(world, "CPU 1")
    apply(world, "CPU 2", Commit(), point)
    return world


def crashed_world() -> World:
    """A used world that lost power, and was mounted again."""
    world = used_world()
    apply(world, "mount", Crash())
    return world


def group_of(world: World, number: int = 2) -> BlockGroup:
    """A block group; 2 is the first of DATA, and full."""
    return next(g for g in world.fs.block_groups.tree.values() if g.number == number)


def newest(world: World) -> BlockGroup:
    """The block group that was made last."""
    return max(world.fs.block_groups.tree.values(), key=lambda group: group.number)


def transaction_of(world: World) -> Transaction:
    """The first transaction there is."""
    return world.fs.transactions.trans_list[0]


def bio_of(world: World) -> Bio:
    """The bio in flight."""
    (bio,) = world.fs.device.in_flight
    return bio


def judged(world: World) -> list[When]:
    """When the world is: what must hold at the end only does where nothing is going on."""
    moments = [When.ALWAYS, When.COMMIT]
    if world.quiet:
        moments.append(When.QUIET)
        if world.fs.transactions.running is None:
            moments.append(When.END)
    if "mount" in world.sim.tasks:
        moments.append(When.MOUNT)
    return moments


def broken(world: World) -> set[str]:
    """The properties that do not hold."""
    return {p.name for when in judged(world) for p in properties(when) if any(p.check(world.seen))}


def override(*rooms: type) -> Revert:
    """Rooms of the kernel model to be used in the place of those that they are made from."""
    return Revert("0" * 12, "planted", "", "", "", "", (), "", rooms)
