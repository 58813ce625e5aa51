"""What a process has once and every case uses: namespace, fresh image, gate, threads, the kernel's log."""

from __future__ import annotations

import os
from collections.abc import Sequence

from fuzz.targets.kernel import libc, namespace
from fuzz.targets.kernel.control import GATE, GateControl
from fuzz.targets.kernel.image import mkfs
from fuzz.targets.kernel.loop import in_flight
from fuzz.targets.kernel.oracles import KernelLog
from fuzz.targets.kernel.tasks import Worker
from fuzz.targets.kernel.volume import Volume, mount


class Machinery:
    """Everything below a case.  ``gate`` is the program of the gate's process: a test may have its own.

    The process must be in a namespace of its own.  Raises OSError or CalledProcessError where the machine
    does not allow it.
    """

    def __init__(self, gate: Sequence[str] = GATE) -> None:
        self.base, self.fsid = mkfs()
        self._program = gate
        self._gates = 0
        self.place, self.aside = namespace.new_directory("fs"), namespace.new_directory("aside")
        self.gate = self._new_gate()
        self._abandoned = False
        self.workers: dict[str, Worker] = {}
        self.log = KernelLog()

    def _new_gate(self) -> GateControl:
        self._gates += 1
        self._disk = namespace.new_directory(f"gate-{os.getpid()}-{self._gates}")
        return GateControl(self.base, self.fsid, self._disk, self._program)

    def fresh_gate(self) -> GateControl:
        """The gate with the device as it was made; another one where it was given up.

        Raises GateLost where it has ended by itself: then it is not known what the kernel was answered.
        """
        if self._abandoned:
            self.gate, self._abandoned = self._new_gate(), False
        else:
            self.gate.restart(crashed=False)
        return self.gate

    def mount(self) -> Volume:
        """Mount what the gate serves.  Raises OSError."""
        backing = os.open(self._disk / "disk", os.O_RDWR | os.O_CLOEXEC)
        try:
            self._device = mount(backing, self.place, direct=True)
        finally:
            os.close(backing)
        return Volume(self.place)

    def in_flight(self) -> int:
        """How many requests the mounted device has not completed."""
        return in_flight(self._device)

    def mount_image(self, image: int) -> Volume:
        """Mount an image in memory, at another place.  Raises OSError."""
        mount(image, self.aside, direct=False)
        return Volume(self.aside)

    def worker(self, task: str) -> Worker:
        """The thread of a task."""
        if task not in self.workers:
            self.workers[task] = Worker()
        return self.workers[task]

    def forget(self, task: str) -> None:
        """The task's thread does not come back: the next task of that name gets another."""
        self.workers.pop(task, None)

    def abandon(self) -> None:
        """Give up what is mounted, as far as possible; the gate's end fails whatever still waits for it."""
        self._abandoned = True
        self.gate.close()
        for place in (self.place, self.aside):
            try:
                libc.umount(str(place), libc.MNT_DETACH)
            except OSError:
                continue  # nothing is mounted there

    def close(self) -> None:
        """End the gate, and whatever still waits for it."""
        self.abandon()
        self.log.close()
