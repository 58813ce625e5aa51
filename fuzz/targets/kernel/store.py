"""The blocks of a device with a volatile cache: what it holds, and what a loss of power would leave.

A write is volatile until a flush has ended that came after the write's completion.  Of the volatile ones any
may survive, so a crash image is what is durable plus some of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from fuzz.targets.kernel.image import data_ranges
from fuzz.targets.kernel.payload import BLOCK, HOLE

Kept = Callable[[int], bool]
"""Whether the i-th volatile write survives."""


class Store:
    """A device that begins as the file ``base``, a descriptor; the file is not changed.

    ``volatile`` are completed writes that no flush has covered, the oldest first: blocks by number.
    """

    def __init__(self, base: int) -> None:
        self.base = base
        self.size = os.fstat(base).st_size
        self._first = {
            number
            for start, end in data_ranges(base, self.size)
            for number in range(start // BLOCK, -(-end // BLOCK))
        }
        self._now: dict[int, bytes] = {}
        self._durable: dict[int, bytes] = {}
        self.volatile: list[dict[int, bytes]] = []
        self._flushed = 0

    def read(self, offset: int, size: int) -> bytes:
        """The bytes there; ``offset`` and ``size`` may be any."""
        first, end = offset // BLOCK, -(-(offset + size) // BLOCK)
        data = b"".join(self.block(number) for number in range(first, end))
        start = offset - first * BLOCK
        return data if len(data) == size else data[start : start + size]

    def block(self, number: int) -> bytes:
        """One block."""
        found = self._now.get(number)
        return os.pread(self.base, BLOCK, number * BLOCK) if found is None else found

    def write(self, offset: int, data: bytes) -> None:
        """Complete a write; parts of blocks are made whole."""
        first, end = offset // BLOCK, -(-(offset + len(data)) // BLOCK)
        if offset % BLOCK or len(data) % BLOCK:
            after = offset + len(data)
            data = self.read(first * BLOCK, offset % BLOCK) + data + self.read(after, end * BLOCK - after)
        starts = range(0, len(data), BLOCK)
        self._complete({first + at // BLOCK: data[at : at + BLOCK] for at in starts})

    def discard(self, offset: int, size: int) -> None:
        """Complete a discard of whole blocks: they read as zero, if it survives."""
        gone = range(-(-offset // BLOCK), (offset + size) // BLOCK)
        used = {*self._now, *self._first}
        self._complete({number: HOLE for number in sorted(used) if number in gone})

    def _complete(self, blocks: dict[int, bytes]) -> None:
        self._now.update(blocks)
        self.volatile.append(blocks)

    def completed(self) -> int:
        """How many writes have been completed: what a flush that comes now will cover."""
        return self._flushed + len(self.volatile)

    def flush(self, covered: int) -> None:
        """Complete a flush that covers so many of the writes."""
        count = max(0, covered - self._flushed)
        for blocks in self.volatile[:count]:
            self._durable.update(blocks)
        del self.volatile[:count]
        self._flushed += count

    def after_crash(self, kept: Kept) -> dict[int, bytes]:
        """The changed blocks after a loss of power now."""
        left = dict(self._durable)
        for number, blocks in enumerate(self.volatile):
            if kept(number):
                left.update(blocks)
        return left

    def restart(self, changes: Mapping[int, bytes]) -> None:
        """From now on the device holds these changes to its base, all durable."""
        self._flushed = self.completed()
        self._now, self._durable = dict(changes), dict(changes)
        self.volatile.clear()
