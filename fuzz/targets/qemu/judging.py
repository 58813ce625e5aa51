"""How the guest is judged: its log after each step, its files in quiet, its disk at an umount."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from fuzz.case import CONTENTS
from fuzz.targets import oracles
from fuzz.targets.oracles import Allowed, Values
from fuzz.targets.qemu.commands.base import NO_SPACE
from fuzz.targets.qemu.payload import files
from fuzz.targets.qemu.volume import CHECK, MOUNT, UMOUNT
from models.syscalls.power import MOUNTS
from models.world import ABORT, REFUSAL

if TYPE_CHECKING:
    from fuzz.targets.qemu.world import QemuWorld

ABORTED = re.compile(r"Transaction aborted \(error -(?P<error>\d+)\)")
READ_ONLY = "forced readonly"
MOUNTED = "/dev/ram0 /mnt btrfs "
"""In /proc/mounts: what stands before the options."""
READ = "= all is read"
"""Printed after what ``look`` prints; what the kernel said meanwhile follows."""
WRITABLE = "the file system stays writable"


def judge_log(world: QemuWorld) -> None:
    """What the kernel has said since the last time.  Raises Violation."""
    _judge_lines(world, world.stage.do("dmesg -c").splitlines())


def _judge_lines(world: QemuWorld, lines: list[str]) -> None:
    found = next((match for line in lines if (match := ABORTED.search(line))), None)
    if found is not None:
        name = errno.errorcode.get(int(found["error"]), found["error"])
        world.complain(ABORT, WRITABLE, f"transaction aborted (-{name}), forced readonly")
    if any(READ_ONLY in line for line in lines):
        world.complain(ABORT, WRITABLE, "it was forced readonly")
    for mismatch in oracles.complaints(lines):
        world.complain(oracles.LOG, *mismatch)


def judge_quiet(world: QemuWorld) -> None:
    """Nothing moves: look at everything.  Raises Violation."""
    if world.rubbish:
        _remove_rubbish(world)
    _judge_files(world, oracles.live(world.reference))


def _remove_rubbish(world: QemuWorld) -> None:
    """Remove files that the reference does not have; where space is short, later.  Raises Violation."""
    judge_log(world)  # where the file system is aborted, that is what is wrong
    removed = world.stage.ask(f"rm -f {' '.join(world.rubbish)}")
    if not removed.code:
        world.rubbish.clear()
    elif NO_SPACE not in removed.output:
        judge_log(world)
        world.complain(REFUSAL, "files can be removed", _line(removed.output))


def _judge_files(world: QemuWorld, allowed: Allowed) -> dict[int, Values]:
    """Read the log, files and snapshots, and judge them; what the files hold.  Raises Violation.

    The log is read after the files, too: the kernel may only complain of them when they are read.
    """
    names = oracles.taken(world.reference)
    places = ["/mnt", *(f"/mnt/{name}" for name in names)]
    # From the disk where no page is dirty: a direct read would write it back.
    flag = "" if world.dirty else "iflag=direct"
    look = f"look '{flag}' {' '.join(places)}"
    told = world.stage.do(f"dmesg -c; grep ' /mnt ' /proc/mounts; {look}; echo '{READ}'; dmesg -c")
    told, _, later = told.rpartition(f"{READ}\n")
    before, mark, after = told.partition(MOUNTED)
    options, _, contents = after.partition("\n")
    _judge_lines(world, [*before.splitlines(), *later.splitlines()])
    if not mark or options.startswith("ro"):
        world.complain(ABORT, WRITABLE, f"it is mounted {options or 'no more'}")
    found: dict[str, dict[int, Values]] = {place: {} for place in places}
    for path, values in files(contents):
        place, _, name = path.rpartition("/")
        found[place][int(name)] = values
    live = found.pop("/mnt")
    for number, blocks in sorted(allowed.items()):
        if len(live.get(number, [])) != len(blocks):
            observed = f"{len(live[number])} can be read" if number in live else "it is not there"
            world.complain(CONTENTS, f"file {number} has {len(blocks)} blocks", observed)
    for number in sorted(live.keys() - allowed.keys() - _left_over(world)):
        world.complain(CONTENTS, f"file {number} is gone", f"{len(live[number])} blocks can be read")
    for mismatch in oracles.contents(live, allowed, {}):
        world.complain(CONTENTS, *mismatch)
    snapshots = {place.removeprefix("/mnt/"): files for place, files in found.items()}
    for mismatch in oracles.snapshots(snapshots, world.reference, {}):
        world.complain(oracles.SNAPSHOTS, *mismatch)
    return live


def _left_over(world: QemuWorld) -> set[int]:
    """Files that may be there although the reference has none: where rm was refused for lack of space."""
    rubbish = {path.removeprefix("/mnt/") for path in world.rubbish}
    return {*world.unremoved, *(int(name) for name in rubbish if name.isdecimal())}


def remount(world: QemuWorld) -> None:
    """Unmount, check, mount again, and judge what is there now.  Raises Violation."""
    allowed = oracles.live(world.reference)
    unmounted = world.stage.ask(UMOUNT)
    if unmounted.code:
        world.complain(MOUNTS, "the file system can be unmounted", _line(unmounted.output))
    judge_log(world)
    checked = world.stage.ask(CHECK + " 2>&1 > /dev/null")
    for mismatch in oracles.check(checked.code, checked.output):
        world.complain(oracles.CHECK, *mismatch)
    mounted = world.stage.ask(MOUNT)
    if mounted.code:
        world.complain(MOUNTS, "the file system can be mounted", _line(mounted.output))
    world.dirty.clear()
    live = _judge_files(world, allowed)
    whole = {number: [value or 0 for value in values] for number, values in live.items()}
    sizes = {number: [len(values)] for number, values in live.items()}
    world.unremoved.clear()  # such a file is the reference's again
    world.reference.mounted(whole, sizes, oracles.taken(world.reference), flushed=True)


def _line(text: str) -> str:
    return " ".join(text.split()) or "it says nothing"
