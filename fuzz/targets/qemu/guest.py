"""A QEMU process: booted once, saved, and restored for each confirmation.

It has no network, no disk and no file that it could change.  Everything that is said to it goes through
socket pairs that it inherits, so nothing of it is left when it is killed; and it is killed when its
parent ends (see :mod:`~fuzz.targets.qemu.lifeline`).
"""

from __future__ import annotations

import json
import re
import select
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.gdb import Gdb
from fuzz.targets.qemu.lifeline import on_lifeline
from fuzz.targets.qemu.package import MissingError

QEMU = "qemu-system-x86_64"
VCPUS = 3
"""vCPU 0 does everything that is no task of a trace: interrupts, kernel workers, the agent."""
MACHINE = (
    *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
    *("-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "Nehalem,+rdrand"),
    *("-smp", str(VCPUS), "-m", "256"),
)
"""Part of what a saved state can be restored on: no KVM, so that it is the same everywhere."""
BOOT_OPTIONS = (
    "console=ttyS0",
    "quiet",
    "panic=-1",
    "nokaslr",
    "mitigations=off",
    # Interrupts, workers and the scheduler stay away from vCPUs that are held.
    "irqaffinity=0",
    f"isolcpus=managed_irq,domain,{','.join(map(str, range(1, VCPUS)))}",
    # Else the clocks' watchdog, in its turn on a held vCPU, may find the clock wrong, and stop all to
    # change it.
    "tsc=reliable",
    "nohz=off",  # else a held vCPU may be the one that counts jiffies
    # A held vCPU does not answer, and that is no fault.
    "rcupdate.rcu_cpu_stall_suppress=1",
    "nowatchdog",
)
BOOT_SECONDS = 180.0
"""To wait for the agent's first word, at most; on an idle machine it takes some 5."""
MONITOR_SECONDS = 60.0
"""To wait for an answer of QEMU's monitor, at most."""
CPU_SECONDS = 900
"""Processor time that a QEMU may use before the kernel kills it."""
CONSOLE_BYTES = 1 << 16
"""How much of the console's last output is kept, inside QEMU."""


TASK = re.compile(r"CPU (?P<number>[1-9])")
"""A task that may have a vCPU of its own."""


class GuestError(QemuError):
    """The guest is not what it should be: it died, it does not answer.  The message is one line."""


class Guest:
    """A running QEMU.  A context manager: when it is left, the process is gone."""

    def __init__(self, arguments: Sequence[str]) -> None:
        with ExitStack() as ours, ExitStack() as theirs:
            ends: dict[str, socket.socket] = {}
            options: list[str] = []
            fds = []
            for name in ("monitor", "gdb", "agent"):
                ends[name], other = socket.socketpair()
                ours.enter_context(ends[name])
                theirs.enter_context(other)
                fds.append(other.fileno())
                options += ["-chardev", f"socket,id={name},fd={other.fileno()}"]
            self._process = subprocess.Popen(  # noqa: S603 - ourselves, to become QEMU
                on_lifeline(
                    [
                        *(qemu(), *MACHINE, *options),
                        *("-mon", "chardev=monitor,mode=control", "-gdb", "chardev:gdb"),
                        *("-chardev", f"ringbuf,id=console,size={CONSOLE_BYTES}"),
                        *("-serial", "chardev:console", "-serial", "chardev:agent"),
                        *arguments,
                    ],
                    CPU_SECONDS,
                ),
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            self._ours = ours.pop_all()
        self.gdb, self.agent = Gdb(ends["gdb"]), ends["agent"]
        self._monitor = ends["monitor"]
        self._heard = b""

    def __enter__(self) -> Self:
        try:
            self._hear(MONITOR_SECONDS)
            self.ask("qmp_capabilities")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self.close()

    def close(self) -> None:
        """End the process, whatever state it is in."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._ours.close()

    def ends(self, seconds: float) -> bool:
        """Whether the process has ended, or ends within that time, as after a panic with these options.

        Its sockets are closed a little before that.
        """
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        """Run a command of the monitor; what it returns.  Raises GuestError."""
        try:
            self._monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        except OSError:
            raise GuestError(self._why()) from None
        while True:
            answer = self._hear(MONITOR_SECONDS)
            if "error" in answer:
                raise GuestError(f"QEMU refuses {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def console(self) -> str:
        """The last that the kernel printed."""
        return str(self.ask("ringbuf-read", device="console", size=CONSOLE_BYTES))

    def save(self, path: Path) -> None:
        """Write the whole machine to a file; it stands still from then on.  Raises GuestError."""
        self.ask("migrate", uri=f"exec:cat > {shlex.quote(str(path))}")
        self._wait_migration()

    def wait_restored(self) -> None:
        """Wait until the state that it was started with is loaded.  Raises GuestError."""
        self._wait_migration()

    def _wait_migration(self) -> None:
        end = time.monotonic() + BOOT_SECONDS
        while (status := self.ask("query-migrate").get("status")) != "completed":
            if status in ("failed", "cancelled") or time.monotonic() > end:
                raise GuestError(f"QEMU's state cannot be saved or restored: {status}")
            time.sleep(0.005)

    def _hear(self, seconds: float) -> dict[str, Any]:
        """The next message of the monitor."""
        while b"\n" not in self._heard:
            ready = select.select([self._monitor], [], [], seconds)[0]
            try:
                data = self._monitor.recv(1 << 16) if ready else b""
            except OSError:
                data = b""
            if not data:
                raise GuestError(self._why() if ready else f"QEMU has not answered for {seconds:.0f} seconds")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _why(self) -> str:
        """Why the process has gone."""
        _, errors = self._process.communicate()
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        return f"QEMU ended with {self._process.returncode}: {last[0] if last else 'it says nothing'}"


def vcpu_of(task: str) -> int | None:
    """The vCPU of a task, if there is one for it."""
    found = TASK.fullmatch(task)
    return int(found["number"]) if found and int(found["number"]) < VCPUS else None


def qemu() -> str:
    """The emulator.  Raises MissingError."""
    path = shutil.which(QEMU)
    if path is None:
        raise MissingError(f"no {QEMU}: apt-get install qemu-system-x86")
    return path
