"""A device is stopped while a request enters: it looks at the flag first and counts itself afterwards.

Source: SCTBench, concurrent-software-benchmarks/bluetooth_driver_bad.c (S. Qadeer, D. Wu: KISS, PLDI 2004).
What is marked as atomic there is under one global mutex, as in its common.inc.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.locks import Mutex
from models.sctbench.threads import threads
from models.simulation import Simulation, Steps


class BluetoothDriver:
    """A request is counted after it has seen that the device is not stopping."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.atomic = Mutex(sim, "atomic")
        self.pending_io = 1
        self.stopping_flag = self.stopping_event = self.stopped = False
        self.works_on_a_stopped_device = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """The stopper is a thread, the request is the main program."""
        return threads(self.sim, {"stopper": self.stop()}, then=self.add())

    def io_increment(self) -> Steps[bool]:
        """Enter the driver; whether that was possible."""
        yield "read stopping_flag"
        if self.stopping_flag:
            return False
        yield from self.count()
        return True

    def count(self) -> Steps[None]:
        """One request more."""
        yield "lock atomic"
        yield from self.atomic.lock()
        yield "read pending_io"
        pending = self.pending_io
        yield "write pending_io"
        self.pending_io = pending + 1
        yield "unlock atomic"
        self.atomic.unlock()

    def io_decrement(self) -> Steps[None]:
        """Leave the driver; the last one says so."""
        yield "lock atomic"
        yield from self.atomic.lock()
        yield "read pending_io"
        pending = self.pending_io
        yield "write pending_io"
        self.pending_io = pending - 1
        yield "read pending_io"
        pending = self.pending_io
        yield "unlock atomic"
        self.atomic.unlock()
        if pending == 0:
            yield "write stopping_event"
            self.stopping_event = True

    def add(self) -> Steps[None]:
        """A request: work on the device, if it is there."""
        if (yield from self.io_increment()):
            yield "read stopped"
            self.works_on_a_stopped_device |= self.stopped
        yield from self.io_decrement()

    def stop(self) -> Steps[None]:
        """Stop the device; its resources go if nobody is inside."""
        yield "write stopping_flag"
        self.stopping_flag = True
        yield from self.io_decrement()
        yield "read stopping_event"
        if self.stopping_event:
            yield "write stopped"
            self.stopped = True

    def properties(self) -> Mapping[str, bool]:
        """The assertion of the request."""
        return {"nobody_works_on_a_stopped_device": not self.works_on_a_stopped_device}


class BluetoothDriverFixed(BluetoothDriver):
    """A request is counted first, and leaves again where it finds the device stopping.

    Deviation: the program leaves once more than it entered in that case; here it does not.
    """

    def io_increment(self) -> Steps[bool]:
        """Enter the driver; whether that was possible."""
        yield from self.count()
        yield "read stopping_flag"
        return not self.stopping_flag
