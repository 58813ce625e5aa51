"""Sleeping locks for simulated tasks.  They exclude tasks that take them, and no others.

A spinlock needs no class: code between two ``yield``s is one already.
"""

from __future__ import annotations

from models.simulation import Simulation, Steps, Task


class Mutex:
    """A lock with one owner.  Taking it twice in one task is a deadlock, as in the kernel."""

    def __init__(self, sim: Simulation, name: str) -> None:
        self._sim, self.name = sim, name
        self.owner: Task | None = None

    def lock(self) -> Steps[None]:
        """Block until nobody owns it, then own it."""
        if self.owner is not None:
            yield from self._sim.wait_event(
                self.name, lambda: self.owner is None, lambda: [self.owner.name] if self.owner else []
            )
        self.owner = self._sim.current

    def unlock(self) -> None:
        """Give it up.  Only the owner may."""
        assert self.owner is self._sim.current, f"{self.name} is not held by the task that unlocks it"
        self.owner = None


class RwSem:
    """Many readers or one writer.  A waiting writer does not keep new readers out."""

    def __init__(self, sim: Simulation, name: str) -> None:
        self._sim, self.name = sim, name
        self.readers: list[Task] = []
        self.writer: Task | None = None

    def _holders(self) -> list[str]:
        return [task.name for task in (*self.readers, *([self.writer] if self.writer else []))]

    def down_read(self) -> Steps[None]:
        """Block while there is a writer."""
        if self.writer is not None:
            yield from self._sim.wait_event(self.name, lambda: self.writer is None, self._holders)
        self.readers.append(self._sim.current)

    def up_read(self) -> None:
        """Stop reading."""
        self.readers.remove(self._sim.current)

    def down_write(self) -> Steps[None]:
        """Block while anybody reads or writes."""
        if self.writer is not None or self.readers:
            yield from self._sim.wait_event(
                self.name, lambda: self.writer is None and not self.readers, self._holders
            )
        self.writer = self._sim.current

    def up_write(self) -> None:
        """Stop writing."""
        assert self.writer is self._sim.current, f"{self.name} is not held by the task that frees it"
        self.writer = None


class RangeLock:
    """Locks on ranges ``[start, end)`` of one address space, as an inode's extent io tree has.

    Source: fs/btrfs/extent_io.c lock_extent_bits, try_lock_extent, unlock_extent (v4.9).
    """

    def __init__(self, sim: Simulation, name: str) -> None:
        self._sim, self.name = sim, name
        self.held: list[tuple[int, int, Task]] = []

    def _holders(self, start: int, end: int) -> list[str]:
        return [owner.name for low, high, owner in self.held if low < end and start < high]

    def lock(self, start: int, end: int) -> Steps[None]:
        """Block while anybody holds a part of the range."""
        if self._holders(start, end):
            yield from self._sim.wait_event(
                f"lock_extent({self.name}, {start}-{end - 1})",
                lambda: not self._holders(start, end),
                lambda: self._holders(start, end),
            )
        self.held.append((start, end, self._sim.current))

    def try_lock(self, start: int, end: int) -> bool:
        """Take the range if nobody holds a part of it; say whether it was taken."""
        if self._holders(start, end):
            return False
        self.held.append((start, end, self._sim.current))
        return True

    def unlock(self, start: int, end: int) -> None:
        """Give up a range exactly as it was taken."""
        self.held.remove((start, end, self._sim.current))
