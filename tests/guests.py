"""A stage with no machine behind it: commands in "the guest" are done on a dictionary, at once or when told.

What goes wrong in it is planted by a test: each judge has to see its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fuzz.targets.qemu.gdb import Gdb
from fuzz.targets.qemu.judging import READ
from fuzz.targets.qemu.payload import BLOCK, LINE
from fuzz.targets.qemu.points import HOLDS
from fuzz.targets.qemu.stage import Answer, Served, Stage
from fuzz.targets.qemu.symbols import Symbols
from fuzz.targets.qemu.tasks import Look
from fuzz.targets.qemu.volume import CHECK, MOUNT, UMOUNT
from fuzz.targets.qemu.world import QemuWorld
from models.geometry import Geometry
from models.operations import StartNocowDio, Step
from models.world import Violation

AWK = re.compile(r"awk '(?P<program>.*?)' > (?P<path>\S+)")
VALUE = re.compile(r'b\("(?P<text>[^"]{15})"\)')
DD = re.compile(r"dd if=(?P<source>\S+) of=(?P<path>\S+) bs=\d+ count=1 seek=(?P<seek>\d+) ")
FALLOCATE = re.compile(r"fallocate -l (?P<length>\d+) (?P<path>/mnt/\d+)(?!\S)")
SNAPSHOT = re.compile(r"btrfs subvolume snapshot -r /mnt (?P<path>\S+)")
START = re.compile(r"\(taskset -c (?P<vcpu>\d) sh -c '.*?; exec (?P<line>.*?)' > ")
LOOK = re.compile(r"if read -r code .* cat /proc/10(?P<vcpu>\d)/task/")
MORE = ("mutex_spin_on_owner", "replace_file_extents", "btrfs_remove_block_group")
FUNCTIONS = sorted({*MORE, *(function for hold in HOLDS.values() for function in hold.functions())})
KALLSYMS = "\n".join(f"{0x1000 * place:x} t {name}\t[btrfs]" for place, name in enumerate(FUNCTIONS, start=1))
SECOND_START = 22020096
"""Where the second DATA block group begins."""
WRITABLE = "/dev/ram0 /mnt btrfs rw,noatime 0 0"
WRITE = Step("CPU 1", StartNocowDio(0, 1, 2))
WAY = ["btrfs_inc_nocow_writers", "btrfs_create_dio_extent"]
"""A write in place, and the functions that it comes through to where it is held at can_nocow_extent."""


@dataclass
class Disk:
    """What is on the file system, and what goes wrong.

    ``mount`` is the line of /proc/mounts, ``log`` what the kernel says next, ``ends`` how commands end that
    begin so; the next three, how those of the agent end; ``later`` is what the kernel says of files that are
    read.  Where ``lost``, writes are acknowledged and thrown away; where it ``forgets``, they change
    snapshots, too; where it ``keeps``, files that are removed stay.
    """

    files: dict[str, list[str]] = field(default_factory=dict)
    mount: str = WRITABLE
    log: list[str] = field(default_factory=list)
    ends: dict[str, Answer] = field(default_factory=dict)
    check: Answer = field(default_factory=lambda: Answer(0, ""))
    umount: Answer = field(default_factory=lambda: Answer(0, ""))
    remount: Answer = field(default_factory=lambda: Answer(0, ""))
    later: list[str] = field(default_factory=list)
    lost: bool = False
    keeps: bool = False
    forgets: bool = False
    free: int = 1 << 20

    def text(self, path: str) -> list[str]:
        """A file as ``look`` prints it."""
        lines = [f"= {path}"]
        for block in self.files[path]:
            count = BLOCK // LINE if block else BLOCK
            lines.append(f"{count:7} {block}")
        return lines

    def do(self, line: str) -> Answer:
        """Do a command."""
        ended = [answer for beginning, answer in self.ends.items() if line.startswith(beginning)]
        if ended:
            return ended[0]
        if found := SNAPSHOT.match(line):
            self._snapshot(found["path"])
        elif found := DD.match(line):
            self._write(int(found["seek"]) // BLOCK, self.files[found["source"]], found["path"])
        elif found := FALLOCATE.match(line):
            self.files[found["path"]] = [""] * (int(found["length"]) // BLOCK)
        elif line.startswith("rm ") and not self.keeps:
            for path in line.removeprefix("rm ").removeprefix("-f ").split():
                self.files.pop(path, None)
        return Answer(0, "Error summary:    no errors found" if line.startswith("btrfs scrub") else "")

    def _snapshot(self, place: str) -> None:
        for path in [path for path in self.files if path.startswith("/mnt/") and path.count("/") == 2]:
            self.files[f"{place}/{path.removeprefix('/mnt/')}"] = list(self.files[path])

    def _write(self, at: int, source: list[str], path: str) -> None:
        changed = [] if self.lost else [path]
        changed += [one for one in self.files if self.forgets and one.startswith("/mnt/snapshot")]
        for one in changed:
            self.files[one][at : at + len(source)] = source


class Registers(Gdb):
    """What a vCPU tells that makes a DATA block group behind the first: its arguments."""

    def __init__(self) -> None:
        self.told = {"rsp": 0, "rip": 0, "rsi": 0, "rdx": 1, "rcx": SECOND_START}

    def registers(self, vcpu: int) -> dict[str, int]:
        """The same for all."""
        del vcpu
        return self.told

    def read(self, vcpu: int, address: int, length: int) -> bytes:
        """A stack with nothing on it."""
        del vcpu, address
        return bytes(length)


class StubbedStage(Stage):
    """A stage over a disk.

    Tasks whose commands begin as in ``sleeping`` sleep in that function; those that begin as in ``coming``
    come through these functions.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.gdb = self.registers = Registers()
        self.symbols = Symbols(KALLSYMS)
        self.silence = None
        self.started: dict[int, str] = {}
        self.sleeping: dict[str, str] = {}
        self.coming: dict[str, list[str]] = {}
        self.done: list[str] = []
        self._held: set[int] = set()
        self._served: dict[int, list[Served]] = {}

    def ask(self, line: str) -> Answer:
        """The agent's part."""
        self.done.append(line)
        if found := START.match(line):
            return self._start(int(found["vcpu"]), found["line"])
        if found := LOOK.match(line):
            answer, stack = self.look(int(found["vcpu"]))
            frames = "".join(f"[<0>] {function}+0x1/0x2\n" for function in stack)
            return Answer(0, f"{answer.code}\n{answer.output}" if answer else f"\n{frames}")
        for found in AWK.finditer(line):
            self.disk.files[found["path"]] = [text["text"] for text in VALUE.finditer(found["program"])]
        for found in FALLOCATE.finditer(line):
            self.disk.do(found[0])
        known: dict[str, Callable[[], Answer]] = {
            UMOUNT: lambda: self.disk.umount,
            MOUNT: lambda: self.disk.remount,
            CHECK: lambda: self.disk.check,
            "cd /sys": lambda: Answer(0, "\n".join([str(self.disk.free), *["0"] * 5])),
            "rm -f": lambda: self.disk.do(line),
            "dmesg -c": lambda: Answer(0, "".join(f"{one}\n" for one in self._told(line))),
        }
        return next((answer() for start, answer in known.items() if line.startswith(start)), Answer(0, ""))

    def _told(self, line: str) -> list[str]:
        log, self.disk.log = self.disk.log, []
        if line == "dmesg -c":
            return log
        mount = [self.disk.mount] if self.disk.mount else []
        places = line.partition("look '")[2].partition(";")[0].split()
        shown = [path for path in sorted(self.disk.files) if path.rpartition("/")[0] in places]
        said, self.disk.later = self.disk.later, []
        return [*log, *mount, *(one for path in shown for one in self.disk.text(path)), READ, *said]

    def _start(self, vcpu: int, line: str) -> Answer:
        """A task begins, and comes through functions until it is held."""
        self.started[vcpu] = line
        ways = [way for begins, way in self.coming.items() if line.startswith(begins)]
        self.come(vcpu, [function for way in ways for function in way])
        return Answer(0, f"10{vcpu}\n")

    def come(self, vcpu: int, way: Sequence[str]) -> None:
        """A task comes through functions."""
        for function in way:
            for served in list(self._served.get(self.symbols.span(function).start, [])):
                served(vcpu)

    def look(self, vcpu: int) -> Look:
        """The task there is done at once, unless it sleeps."""
        line = self.started[vcpu]
        for beginning, function in self.sleeping.items():
            if line.startswith(beginning):
                return Look(None, (function,) if function else ())
        return Look(self.disk.do(line), ())

    def release(self, vcpu: int) -> None:
        """It goes on."""
        self._held.discard(vcpu)

    def stop(self) -> None:
        """It never runs."""

    def at(self, address: int, served: Served) -> None:
        """Nobody comes anywhere by himself."""
        self._served.setdefault(address, []).append(served)

    def not_at(self, address: int, served: Served) -> None:
        """As that."""
        self._served[address].remove(served)

    def place(self, vcpu: int) -> int:
        """Nowhere."""
        del vcpu
        return 0

    def run(self, seconds: float) -> None:
        """Time does not pass."""


class Emulator:
    """What a world asks of the process: whether it is gone.

    ``lives`` is after how many seconds it is, ``waited`` how long somebody has waited for that.
    """

    def __init__(self) -> None:
        self.lives, self.waited = float("inf"), 0.0

    def ends(self, seconds: float) -> bool:
        """As soon as it is gone."""
        self.waited += seconds
        return self.waited >= self.lives

    def close(self) -> None:
        """Nothing is there."""


class StubbedWorld(QemuWorld):
    """A case on such a stage."""

    stage: StubbedStage
    emulator: Emulator

    def __init__(self, disk: Disk, geometry: Geometry | None = None) -> None:
        self.emulator = Emulator()
        super().__init__(self.emulator, StubbedStage(disk), geometry or Geometry())


def broken(world: StubbedWorld, *steps: Step) -> str:
    """The property that the steps, or the end, break; empty if none."""
    try:
        for step in steps:
            assert world.apply(step), step
        world.finish()
    except Violation as violation:
        return violation.property
    return ""
