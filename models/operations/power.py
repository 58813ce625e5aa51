"""Losing power, unmounting, mounting again, and faults."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from models.faults import DATA_BIO, FAULTS
from models.operations.base import Operation


@dataclass(frozen=True, slots=True)
class Crash(Operation):
    """Cut the power at once, then mount.  ``kept`` says which block writes that were not flushed survive:
    bit ``i`` modulo 4 keeps the ``i``-th."""

    kept: int = 0
    name = "crash"
    task = "mount"
    drawn = MappingProxyType({"kept": (0, 1, 2, 5, 10, 15)})


@dataclass(frozen=True, slots=True)
class Remount(Operation):
    """Unmount, then mount again: only while nobody uses the file system."""

    name = "remount"
    task = "mount"


@dataclass(frozen=True, slots=True)
class Inject(Operation):
    """Arm a fault: the next use of what it is for fails."""

    kind: str = DATA_BIO
    name = "inject"
    task = "fault"
    drawn = MappingProxyType({"kind": tuple(FAULTS)})
