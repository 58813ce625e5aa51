"""Gates with a planted defect: what a broken device does, and the target's judges must see.

``python -m tests.gates NAME`` with a gate's arguments behind it is the process of one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from fuzz.targets.kernel import fuse
from fuzz.targets.kernel.gate import Gate, Pending, main
from fuzz.targets.kernel.payload import BLOCK, HOLE, tags_of
from fuzz.targets.kernel.rules import Kind
from fuzz.targets.kernel.store import Kept, Store

LATE = 0.1
"""Seconds: longer than what looks as if nothing moved."""


class DropsOneWrite(Gate):
    """Acknowledges the first data write of a case, and throws it away."""

    def effect(self, pending: Pending) -> bytes:
        """As the gate, but for that one."""
        if pending.kind is Kind.DATA_WRITE and 1 in tags_of(pending.io.data):
            data = pending.io.data
            pending.io = pending.io._replace(data=self.store.read(pending.io.offset, len(data)))
        return super().effect(pending)


class FlushesNothing(Gate):
    """Acknowledges a flush before the data is on the medium, and then loses the data."""

    def effect(self, pending: Pending) -> bytes:
        """A flush that comes after a data write covers everything but that."""
        if pending.kind is Kind.FLUSH:
            for blocks in self.store.volatile:
                for number in [n for n, block in blocks.items() if max(tags_of(block), default=0) > 0]:
                    del blocks[number]
        return super().effect(pending)


class ReadsStaleData(Gate):
    """Reads return what a block held before it was last written."""

    def __init__(self, device: int, store: Store, fsid: bytes) -> None:
        super().__init__(device, store, fsid)
        self.before: dict[int, bytes] = {}

    def effect(self, pending: Pending) -> bytes:
        """Remember what a data write replaces, and give that to whoever reads."""
        io = pending.io
        if pending.kind is Kind.DATA_WRITE and max(tags_of(io.data)) > 0:
            for at in range(0, io.size, BLOCK):
                self.before[(io.offset + at) // BLOCK] = self.store.read(io.offset + at, BLOCK)
        if pending.kind is Kind.DATA_READ:
            numbers = range(io.offset // BLOCK, (io.offset + io.size) // BLOCK)
            return b"".join(self.before.get(number, self.store.block(number)) for number in numbers)
        return super().effect(pending)


class TakesItsTime(Gate):
    """A data write comes to the gate a while after it was submitted, as on a busy machine.  No defect."""

    def __init__(self, device: int, store: Store, fsid: bytes) -> None:
        super().__init__(device, store, fsid)
        self.on_their_way: list[tuple[float, bytes]] = []

    def request(self, message: bytes) -> None:
        """Not yet, if it is late."""
        if self.late(fuse.decode(message)):
            self.on_their_way.append((time.monotonic() + LATE, message))
        else:
            super().request(message)

    def late(self, request: fuse.Request) -> bool:
        """Whether it is a data write."""
        return request.opcode == fuse.Opcode.WRITE and max(tags_of(fuse.io_of(request).data), default=0) > 0

    def overdue(self) -> str:
        """The gate asks again and again: take what has come by now."""
        while self.on_their_way and self.on_their_way[0][0] < time.monotonic():
            super().request(self.on_their_way.pop(0)[1])
        return super().overdue()


class IsLateWithTheRest(TakesItsTime):
    """All other IO comes late, once a data write is held.  No defect."""

    def late(self, request: fuse.Request) -> bool:
        """Whether it is IO, but no data write."""
        io = {fuse.Opcode.READ, fuse.Opcode.WRITE, fuse.Opcode.FSYNC}
        return bool(self.held) and request.opcode in io and not super().late(request)


class ForgetsDurableData(Store):
    """A device whose medium loses a data block that had been flushed, when the power goes."""

    def after_crash(self, kept: Kept) -> dict[int, bytes]:
        """Without the newest such block."""
        left = super().after_crash(kept)
        newest = max(left, key=lambda number: max(tags_of(left[number]), default=0))
        return {**left, newest: HOLE}


def forgetful(device: int, store: Store, fsid: bytes) -> Gate:
    """A gate over such a device."""
    return Gate(device, ForgetsDurableData(store.base), fsid)


DEFECTS: dict[str, Callable[[int, Store, bytes], Gate]] = {
    "drops_one_write": DropsOneWrite,
    "flushes_nothing": FlushesNothing,
    "reads_stale_data": ReadsStaleData,
    "forgets_durable_data": forgetful,
    "takes_its_time": TakesItsTime,
    "is_late_with_the_rest": IsLateWithTheRest,
}

if __name__ == "__main__":
    main(DEFECTS[sys.argv.pop(1)])
