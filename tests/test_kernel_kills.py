"""What a kill of any process of a search on the live kernel leaves: nothing, and nobody who goes on.

All but the first test need root, FUSE, loop devices and btrfs-progs, and are skipped where one is missing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from fuzz.targets.kernel import machinery, namespace
from fuzz.targets.kernel.control import GATE, GateLost
from fuzz.targets.kernel.machine import kernel_machines
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.requirements import missing

live = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")

KILLS = int(os.environ.get("KERNEL_KILLS", "3"))
"""How many; a long run has more."""
WITHIN = 2.0
"""Seconds after which a killed run may have left nothing.  Nearly always it takes a tenth of one; a task that
asks for a commit while one is being written can be killed only when the kernel's timer (1 s) runs out."""


class LostGate:
    """A gate that ends by itself between two cases."""

    def __init__(self, *_: object) -> None:
        """Whatever it is over."""

    def restart(self, *, crashed: bool) -> None:
        """It does not answer."""
        del crashed
        raise GateLost("it has ended")

    def close(self) -> None:
        """It is given up on purpose."""


class Silent:
    """A kernel log in which nothing is said."""

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machinery:
    """A machinery that touches nothing, with a gate that is lost."""

    def directory(name: str) -> Path:
        return tmp_path / name

    monkeypatch.setattr(machinery, "GateControl", LostGate)
    monkeypatch.setattr(machinery, "KernelLog", Silent)
    monkeypatch.setattr(machinery, "mkfs", lambda: (0, bytes(16)))
    monkeypatch.setattr(namespace, "new_directory", directory)
    return Machinery()


def test_a_search_does_not_go_on_with_another_gate_than_the_one_that_it_lost(made: Machinery) -> None:
    """Only one that was given up on purpose is replaced; the loss of another ends the search."""
    with pytest.raises(GateLost):
        made.fresh_gate()
    lost = made.gate
    made.abandon()
    assert made.fresh_gate() is not lost


def searching() -> subprocess.Popen[str]:
    """A search of everything, that goes on until it is ended."""
    order = {
        "shard": len(kernel_machines()) - 1,
        "profile": "default",
        "sizes": {"examples": 2000},
        "seed": 1,
        "places": ["readonly:."],
        "shrink": "none",
        "gate": list(GATE),
    }
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "fuzz.targets.kernel", "search", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(order))
    child.stdin.close()
    return child


class Family(NamedTuple):
    """The processes of a search."""

    keeper: int
    search: int
    gate: int


def only_child(pid: int, *, named: bytes = b"") -> int:
    """Its child whose command line has that in it; 0 if there is none."""
    for number in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        if named in Path(f"/proc/{number}/cmdline").read_bytes():
            return int(number)
    return 0


def family_of(keeper: subprocess.Popen[str]) -> Family:
    """All of them, as soon as the device is mounted."""
    until = time.monotonic() + 60
    while time.monotonic() < until and keeper.poll() is None:
        with suppress(OSError):  # it ended while we looked
            search = only_child(keeper.pid)
            gate = only_child(search, named=b"kernel.gate") if search else 0
            if gate and loops_of(search):
                return Family(keeper.pid, search, gate)
        time.sleep(0.01)
    raise AssertionError(f"the search does not begin: {keeper.poll()}")


def backing(loop: Path) -> str:
    """The file behind a loop device, empty if there is none.  A file whose mount has gone is ``/disk``."""
    with suppress(OSError):
        return (loop / "loop" / "backing_file").read_text(encoding="utf-8").strip()
    return ""


def loops_of(search: int) -> list[Path]:
    """The loop devices whose files are of that search's gate."""
    return [loop for loop in sorted(Path("/sys/block").glob("loop*")) if f"/gate-{search}-" in backing(loop)]


def alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def left_after_kill(family: Family, victim: int) -> list[object]:
    """Kill one of them; what is still there when everything should have gone."""
    loops = loops_of(family.search)
    os.kill(victim, signal.SIGKILL)
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        still = [loop for loop in loops if loop in loops_of(family.search) or backing(loop) == "/disk"]
        left: list[object] = [*still, *(pid for pid in family if alive(pid))]
        if not left:
            break
        time.sleep(0.02)
    return left


@live
@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_leaves_nothing(number: int) -> None:
    """Of any of the processes, at any moment: no process, no loop device, and so no mount."""
    source = random.Random(number)  # noqa: S311 - equal moments, as far as that goes
    keeper = searching()
    try:
        family = family_of(keeper)
        time.sleep(source.uniform(0, 1.5))
        assert left_after_kill(family, family[number % len(family)]) == []
    finally:
        keeper.kill()
        keeper.wait()


@live
@pytest.mark.parametrize("victim", Family._fields)
def test_a_kill_while_tasks_wait_leaves_nothing(victim: str) -> None:
    """A write is held and a balance waits for it, and nobody is there to release it."""
    command = [sys.executable, "-m", "tests.holding"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:  # noqa: S603 - our own module
        try:
            family = family_of(keeper)
            assert keeper.stdout is not None
            assert keeper.stdout.readline() == "waits in btrfs_wait_ordered_extents\n"
            assert left_after_kill(family, getattr(family, victim)) == []
        finally:
            keeper.kill()
