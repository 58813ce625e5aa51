"""How a live kernel is judged: in quiet, after a loss of power or an umount, and at the end of a case."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from fuzz.case import CONTENTS
from fuzz.targets import oracles
from fuzz.targets.kernel import ioctls
from fuzz.targets.kernel.oracles import btrfs_check, files_of
from fuzz.targets.kernel.settling import PATIENCE
from fuzz.targets.kernel.volume import closing
from fuzz.targets.oracles import AfterCrash, Values
from models.syscalls.power import MOUNTS
from models.world import ABORT, LIVENESS

if TYPE_CHECKING:
    from fuzz.targets.kernel.world import KernelWorld

KEEP = (0, 5, 15)
"""Which volatile writes survive the crash at a case's end, as in the operation: bit ``i`` modulo 4 keeps the
``i``-th.  Cases of different lengths take turns."""
KEEP_ALL = 15


def judge_quiet(world: KernelWorld) -> None:
    """Judge everything, while nothing moves.  Raises Violation."""
    for number, value in world.unsettled:
        if world.has_file(number) and not world.struck:
            ioctls.wait_ordered(world.volume.buffered(number))
            world.reference.end_completion(value)
    world.unsettled.clear()
    if world.volume.readonly and not world.struck:
        world.complain(ABORT, "the file system stays writable", "it was forced readonly")
    allowed = oracles.live(world.reference)
    if world.volume.readonly:  # a write that completed may not be in the trees any more
        allowed = oracles.aborted(world.reference)
    found = {number: _read(world, number) for number in sorted(world.reference.files)}
    for mismatch in oracles.contents(found, allowed, world.doubtful):
        world.complain(CONTENTS, *mismatch)
    kept = {name: world.volume.read_snapshot(name) for name in oracles.taken(world.reference)}
    for mismatch in oracles.snapshots(kept, world.reference, world.doubtful):
        world.complain(oracles.SNAPSHOTS, *mismatch)
    for mismatch in world.machinery.log.complaints():
        world.complain(oracles.LOG, *mismatch)


def _read(world: KernelWorld, number: int) -> Values:
    """A file, from the device where no page is dirty; nothing where a fault may be why it cannot be read."""
    try:
        return world.volume.read(number, direct=not world.dirty.get(number) and not world.struck)
    except OSError as error:
        if not world.struck:
            world.complain(CONTENTS, f"file {number} can be read", str(error))
        return []


def crash(world: KernelWorld, kept: int) -> None:
    """Cut the power, mount what it left, and judge that.  Raises Violation."""
    expected = AfterCrash.of(world.reference, world.doubtful)
    world.gate.cut()
    for job in list(world.jobs.values()):
        if not job.done.wait(PATIENCE):
            world.complain(LIVENESS, "a device that has gone ends every wait", f"{job.operation} goes on")
    world.jobs.clear()
    world.umount()
    world.look()
    world.gate.restart(crashed=True, kept=kept)
    _mount_again(world, expected, flushed=True)


def remount(world: KernelWorld) -> None:
    """Unmount and mount again, and judge that.  Raises Violation."""
    aborted = world.volume.readonly
    world.umount()
    world.look()  # also at faults that struck just now
    expected = AfterCrash.of(world.reference, world.doubtful)
    world.gate.calm()
    _mount_again(world, expected, flushed=not aborted)


def _mount_again(world: KernelWorld, expected: AfterCrash, *, flushed: bool) -> None:
    world.look()
    world.dirty.clear()
    world.unsettled.clear()
    try:
        world.mount()
    except OSError as error:
        world.complain(MOUNTS, "the file system can be mounted", f"mount fails: {error}")
    found = files_of(world.volume)
    for name, mismatch in expected.judge(found):
        world.complain(name, *mismatch)
    world.doubtful.clear()
    whole = {number: [value or 0 for value in values] for number, values in found.items()}
    sizes = {number: [len(values)] for number, values in found.items()}
    world.reference.mounted(whole, sizes, world.volume.snapshots(), flushed=flushed)


def finish(world: KernelWorld) -> None:
    """The end of a case: take what a crash would leave now, let everything end, judge both.

    Raises Violation.  An image with a superblock write in flight can be mounted only afterwards: the kernel
    would wait for it.
    """
    with ExitStack() as images:
        image = images.enter_context(closing(world.gate.image(KEEP[len(world.program) % len(KEEP)])))
        crashed = AfterCrash.of(world.reference, world.doubtful)
        world.drain()
        aborted = world.volume.readonly
        live, later = oracles.live(world.reference), AfterCrash.of(world.reference, world.doubtful)
        world.umount()
        last = images.enter_context(closing(world.gate.image(KEEP_ALL)))
        world.seen.image["after umount"] += 1
        _judge_image(world, last, later if aborted else replace(later, allowed={**later.allowed, **live}))
        world.seen.image["after a crash"] += 1
        _judge_image(world, image, crashed)


def _judge_image(world: KernelWorld, image: int, expected: AfterCrash) -> None:
    """Check an image, mount it, read it.  Raises Violation."""
    for mismatch in btrfs_check(image):
        world.complain(oracles.CHECK, *mismatch)
    try:
        volume = world.machinery.mount_image(image)
    except OSError as error:
        world.complain(MOUNTS, "the file system can be mounted", f"mount fails: {error}")
    try:
        for name, mismatch in expected.judge(files_of(volume)):
            world.complain(name, *mismatch)
    finally:
        volume.umount()
