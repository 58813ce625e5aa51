"""The free space of one block group, as a bitmap of blocks (free_space_ctl, v4.9).

The kernel keeps extents and bitmaps; which of the two describes a range makes no difference to the
protocol, so one bitmap serves.
"""

from __future__ import annotations

from models.btrfs.errors import warn_on


class FreeSpace:
    """Free blocks of ``[start, start + length)``; addresses are logical, in blocks."""

    __slots__ = ("_bits", "length", "start")

    def __init__(self, start: int, length: int) -> None:
        self.start, self.length = start, length
        self._bits = (1 << length) - 1

    def __len__(self) -> int:
        return self._bits.bit_count()

    def __contains__(self, block: int) -> bool:
        return bool(self._bits >> (block - self.start) & 1)

    @property
    def bits(self) -> int:
        """The free blocks as a set of bits, each at its address."""
        return self._bits << self.start

    def _mask(self, block: int, count: int) -> int:
        return ((1 << count) - 1) << (block - self.start)

    def remove(self, block: int, count: int) -> None:
        """Take a range out; all of it must be free."""
        mask = self._mask(block, count)
        warn_on(self._bits & mask != mask, f"blocks {block}-{block + count - 1} are not all free")
        self._bits &= ~mask

    def add(self, block: int, count: int) -> None:
        """Return a range; none of it may be free already (btrfs_add_free_space, -EEXIST)."""
        mask = self._mask(block, count)
        warn_on(block + count > self.start + self.length, f"block {block} is behind the end")
        warn_on(bool(self._bits & mask), f"blocks {block}-{block + count - 1} are freed twice")
        self._bits |= mask

    def find(self, count: int) -> int | None:
        """The first run of ``count`` free blocks (btrfs_find_space_for_alloc)."""
        runs = self._bits
        for shift in range(1, count):
            runs &= self._bits >> shift
        return self.start + (runs & -runs).bit_length() - 1 if runs else None

    def next_run(self, start: int) -> tuple[int, int] | None:
        """The first run of free blocks from ``start`` on, as far as it goes: (first block, blocks)."""
        runs = self._bits >> (start - self.start)
        if not runs:
            return None
        skip = (runs & -runs).bit_length() - 1
        runs >>= skip
        return start + skip, (~runs & (runs + 1)).bit_length() - 1

    def clear(self) -> None:
        """Forget every free range (__btrfs_remove_free_space_cache)."""
        self._bits = 0

    def largest_run(self) -> int:
        """Length of the longest run of free blocks."""
        length, runs = 0, self._bits
        while runs:
            length, runs = length + 1, runs & runs >> 1
        return length

    def blocks(self) -> list[int]:
        """All free blocks, in order."""
        return [block for block in range(self.start, self.start + self.length) if block in self]
